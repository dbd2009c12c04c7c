"""A translator small enough to make in a second, and texts for it."""

import keras

from kerasrnn.text import PairTokenizer, SubwordTokenizer
from kerasrnn.zoo import Seq2SeqAttention

ENGLISH = ["one two", "two two three", "three", "one", ""]
SPANISH = ["¿qué?", "uno dos\u2028tres", "el\x85niño", "a▁b <0x0A>", "ñandú ñandú 한국"]


def subwords(texts=SPANISH, **options):
    tokenizer = SubwordTokenizer(max_tokens=300, **options)
    tokenizer.adapt(texts)
    return tokenizer


def translator(tokenizer=None, model_class=Seq2SeqAttention, seed=0, **options):
    """One with random weights, exact in half precision, that tells sources apart.

    They are as large as they begin: with larger ones what was rounded grows from step
    to step, until a served model says other tokens.
    """
    tokenizer = tokenizer or PairTokenizer(subwords(ENGLISH), subwords())
    keras.utils.set_random_seed(seed)
    model = model_class(
        tokenizer.source_vocabulary_size,
        tokenizer.target_vocabulary_size,
        start_id=tokenizer.start_id,
        end_id=tokenizer.end_id,
        preprocessor=tokenizer,
        **{"units": 6, "embedding_dim": 6} | options,
    )
    model.set_weights([weight.astype("float16") for weight in model.get_weights()])
    return model
