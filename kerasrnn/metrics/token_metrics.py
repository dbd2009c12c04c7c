"""Metrics over the tokens of sequences, which do not count padding."""

import math
from typing import Any

import keras
from keras import ops


class _TokenMean(keras.metrics.Metric):
    """The mean of something over all tokens that are not padding, of all batches."""

    def __init__(self, name, *, pad_id=0, dtype=None):
        if dtype is None and keras.config.floatx() != "float64":
            # In half precision a count of tokens would stop at 2,048.
            dtype = "float32"
        super().__init__(name=name, dtype=dtype)
        self.pad_id = pad_id
        self.total = self.add_weight(name="total", initializer="zeros")
        self.tokens = self.add_weight(name="tokens", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.convert_to_tensor(y_true)
        weight = ops.cast(y_true != self.pad_id, self.dtype)  # (B, T)
        if sample_weight is not None:
            sample_weight = ops.cast(ops.convert_to_tensor(sample_weight), self.dtype)
            if len(sample_weight.shape) == 1:
                sample_weight = sample_weight[:, None]
            weight = weight * sample_weight
        values = ops.cast(self.values(y_true, y_pred), self.dtype)
        # Padding counts as nothing, even where the model gives infinities.
        values = ops.where(weight > 0, values, 0.0)
        self.total.assign_add(ops.sum(values * weight))
        self.tokens.assign_add(ops.sum(weight))

    def mean(self):
        return ops.divide_no_nan(self.total, self.tokens)

    def get_config(self):
        return {**super().get_config(), "pad_id": self.pad_id}


@keras.saving.register_keras_serializable(package="kerasrnn")
class MaskedAccuracy(_TokenMean):
    """How many of the tokens, padding left out, the model puts first.

    Args:
        name: of the metric.
        pad_id: the label that is padding.
        dtype: of the result.

    Example:

    >>> logits = [[[0.0, 9, 1], [0, 1, 9], [9, 0, 0]]]
    >>> metric = MaskedAccuracy()
    >>> metric.update_state([[1, 1, 0]], logits)
    >>> float(metric.result())
    0.5
    """

    def __init__(
        self, name: str = "accuracy", *, pad_id: int = 0, dtype: Any = None
    ) -> None:
        super().__init__(name, pad_id=pad_id, dtype=dtype)

    def values(self, y_true: Any, y_pred: Any) -> Any:
        best = ops.argmax(y_pred, axis=-1)
        return ops.cast(best, y_true.dtype) == y_true

    def result(self) -> Any:
        return self.mean()


@keras.saving.register_keras_serializable(package="kerasrnn")
class Perplexity(_TokenMean):
    """How many tokens the model hesitates between, on the average.

    exp(-1/N Σ log p(y_t))        over the N tokens that are not padding

    Args:
        name: of the metric.
        pad_id: the label that is padding.
        dtype: of the result.

    Example:

    >>> import numpy as np
    >>> metric = Perplexity()
    >>> metric.update_state([[1, 2, 0]], np.zeros((1, 3, 4)))
    >>> round(float(metric.result()), 3)
    4.0
    """

    def __init__(
        self, name: str = "perplexity", *, pad_id: int = 0, dtype: Any = None
    ) -> None:
        super().__init__(name, pad_id=pad_id, dtype=dtype)

    def values(self, y_true: Any, y_pred: Any) -> Any:
        logits = ops.cast(y_pred, self.dtype)
        y_true = ops.cast(y_true, "int32")
        return ops.sparse_categorical_crossentropy(y_true, logits, from_logits=True)

    def result(self) -> Any:
        return ops.exp(self.mean())


@keras.saving.register_keras_serializable(package="kerasrnn")
class BitsPerCharacter(Perplexity):
    """How many bits a character takes in a code made of the model's probabilities.

    -1/N Σ log2 p(c_t)            over the N characters that are not padding

    Args:
        name: of the metric.
        pad_id: the label that is padding.
        dtype: of the result.

    Example:

    >>> import numpy as np
    >>> metric = BitsPerCharacter()
    >>> metric.update_state([[1, 2, 0]], np.zeros((1, 3, 4)))
    >>> round(float(metric.result()), 3)
    2.0
    """

    def __init__(
        self, name: str = "bits_per_character", *, pad_id: int = 0, dtype: Any = None
    ) -> None:
        super().__init__(name, pad_id=pad_id, dtype=dtype)

    def result(self) -> Any:
        return self.mean() / math.log(2)
