"""Sums over tokens: under other default types, and beside padding that is NaN."""

import keras
import numpy as np
import pytest

from kerasrnn.metrics import MaskedAccuracy, Perplexity
from kerasrnn.zoo.decoder.masked_crossentropy import MaskedCrossentropy


@pytest.mark.parametrize("floatx", ["float16", "float32", "float64"])
def test_counts_of_many_tokens_are_exact(floatx):
    y_true = np.ones((10, 700), "int32")
    y_pred = np.zeros((10, 700, 4), floatx)
    y_pred[:, :350, 1] = 1.0
    try:
        keras.config.set_floatx(floatx)
        accuracy, perplexity = MaskedAccuracy(), Perplexity()
        for _ in range(2):
            accuracy.update_state(y_true, y_pred)
            perplexity.update_state(y_true, np.zeros((10, 700, 4), floatx))
        loss = float(MaskedCrossentropy()(y_true, np.zeros((10, 700, 4), floatx)))
        assert float(accuracy.result()) == 0.5
        assert float(perplexity.result()) == pytest.approx(4.0, rel=1e-5)
        assert loss == pytest.approx(np.log(4), rel=1e-5)
    finally:
        keras.config.set_floatx("float32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_padding_that_is_nan_counts_for_nothing(smoothing):
    logits = np.zeros((1, 3, 4), "float32")
    logits[0, 2] = np.nan
    found = MaskedCrossentropy(smoothing)(np.array([[1, 2, 0]]), logits)
    assert float(found) == pytest.approx(np.log(4), rel=1e-5)
