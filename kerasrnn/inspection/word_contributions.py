"""What each word of a text does to a classifier's answer."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from kerasrnn.zoo import SentimentClassifier

# Beyond, float32 no longer tells a probability from 0 or 1.
LEAST = 1e-6


class Contributions(NamedTuple):
    """A classifier's answer to a text, and to the text without each of its words.

    Args:
        words: The N words that were read.
        probabilities: (C,), of the classes, for the whole text.
        without: (N, C), the same where one word is left out.
    """

    words: list[str]
    probabilities: np.ndarray
    without: np.ndarray

    def of(self, label: int) -> np.ndarray:
        """By how much each word raises the log-odds of a class, (N,).

        log p/(1 − p) of the whole text, less that of the text without the word.

        Args:
            label: Number of the class.
        """
        return log_odds(self.probabilities[label]) - log_odds(self.without[:, label])


def word_contributions(model: keras.Model, text: str) -> Contributions:
    """Leave out the words of a text one by one, and see what becomes of the answer.

    What a word does depends on the others: "not" turns "good" round. So the N numbers
    need not add up to anything.

    Args:
        model: A `SentimentClassifier` with a preprocessor.
        text: A text; its words are those that the tokenizer cuts and the model reads.

    Raises:
        TypeError: `text` is no string.
        ValueError: The model is no classifier of texts.

    Example:

    >>> from kerasrnn.inspection import word_contributions
    >>> from kerasrnn.text import WordTokenizer
    >>> from kerasrnn.zoo import SentimentClassifier
    >>> tokenizer = WordTokenizer(["a", "fine", "film"])
    >>> model = SentimentClassifier(preprocessor=tokenizer, units=4, embedding_dim=4)
    >>> found = word_contributions(model, "A fine film")
    >>> found.words, found.without.shape, found.of(1).shape
    (['a', 'fine', 'film'], (3, 2), (3,))

    Reference: Li, Monroe and Jurafsky 2016, "Understanding Neural Networks through
    Representation Erasure", eq. 1.
    """
    import tensorflow as tf

    if not isinstance(model, SentimentClassifier) or model.preprocessor is None:
        raise ValueError(
            "`model` must be a SentimentClassifier with a preprocessor; got a "
            f"{type(model).__name__}."
        )
    if not isinstance(text, str):
        raise TypeError(f"`text` must be a string; got {type(text).__name__}.")
    ids = model.preprocess(tf.constant([text])).numpy()[0]
    ids = ids[ids != 0]
    count = len(ids)
    # The whole text, and then without each of its words.
    rows = np.zeros((1 + count, max(count, 1)), "int32")
    rows[0, :count] = ids
    for place in range(count):
        rows[1 + place, : count - 1] = np.delete(ids, place)
    probabilities = model.postprocess(model(rows, training=False))
    probabilities = ops.convert_to_numpy(probabilities)
    vocabulary = model.preprocessor.get_vocabulary()
    words = [vocabulary[number] for number in ids]
    return Contributions(words, probabilities[0], probabilities[1:])


def log_odds(p):
    """log p/(1 − p), of probabilities that are neither 0 nor 1 for sure."""
    p = np.clip(np.asarray(p, "float64"), LEAST, 1 - LEAST)
    return np.log(p) - np.log1p(-p)
