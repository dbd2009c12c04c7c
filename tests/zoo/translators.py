"""A language in which every word is another one, in reverse order, and its models."""

import keras
import numpy as np

from kerasrnn.text import PairTokenizer, WordTokenizer
from kerasrnn.zoo import Seq2SeqAttention

WORDS = "one two three four five six".split()
TRANSLATION = dict(zip(WORDS, "uno dos tres cuatro cinco seis".split(), strict=True))


def pairs(count, longest=5, seed=0):
    generator = np.random.default_rng(seed)
    sources, targets = [], []
    for _ in range(count):
        words = generator.choice(WORDS, generator.integers(1, longest + 1))
        sources.append(" ".join(words))
        targets.append(" ".join(TRANSLATION[w] for w in words[::-1]))
    return sources, targets


def word_tokenizers():
    return PairTokenizer(WordTokenizer(WORDS), WordTokenizer([*TRANSLATION.values()]))


def make(model_class=Seq2SeqAttention, tokenizer=None, **options):
    keras.utils.set_random_seed(0)
    tokenizer = tokenizer or word_tokenizers()
    options = {"units": 32, "embedding_dim": 32, "dropout": 0.0, **options}
    sizes = {
        "source_vocabulary_size": tokenizer.source_vocabulary_size,
        "target_vocabulary_size": tokenizer.target_vocabulary_size,
        "start_id": tokenizer.start_id,
        "end_id": tokenizer.end_id,
        "preprocessor": tokenizer,
        "label_smoothing": 0.0,
    }
    return model_class(**{**sizes, **options})


def talkative(**options):
    """A model that knows nothing, but says something else to every text."""
    model = make(units=8, embedding_dim=8, **options)
    generator = np.random.default_rng(2)
    model.set_weights(
        [
            generator.normal(0, 0.6, w.shape) if w.ndim > 1 else w
            for w in model.get_weights()
        ]
    )
    return model
