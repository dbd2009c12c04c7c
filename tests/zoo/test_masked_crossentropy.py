import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.zoo.decoder.masked_crossentropy import MaskedCrossentropy

RNG = np.random.default_rng(0)
LOGITS = RNG.standard_normal((3, 4, 5)).astype("float32")
LABELS = np.array([[1, 2, 0, 0], [4, 3, 2, 1], [0, 0, 0, 0]])


def log_softmax(z):
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_it_is_its_equation(smoothing):
    log_p = log_softmax(LOGITS)
    expected = [
        -(1 - smoothing) * log_p[b, t, LABELS[b, t]] - smoothing * log_p[b, t].mean()
        for b in range(3)
        for t in range(4)
        if LABELS[b, t]
    ]
    loss = MaskedCrossentropy(smoothing)
    found = float(loss(LABELS, LOGITS))
    np.testing.assert_allclose(found, np.mean(expected), rtol=1e-5)
    # Half of the second row.
    weights = np.array([1.0, 0.5, 1.0])
    counted = [1, 1, 0.5, 0.5, 0.5, 0.5]
    found = float(loss(LABELS, LOGITS, sample_weight=weights))
    np.testing.assert_allclose(found, np.average(expected, weights=counted), rtol=1e-5)
    # More padding changes nothing, and nothing but padding is no loss.
    padded = np.pad(LABELS, ((0, 0), (0, 3))), np.pad(LOGITS, ((0, 0), (0, 3), (0, 0)))
    np.testing.assert_allclose(float(loss(*padded)), np.mean(expected), rtol=1e-5)
    assert float(loss(LABELS[2:], LOGITS[2:])) == 0


def test_a_model_trains_with_it(tmp_path):
    model = keras.Sequential([keras.Input((None, 5)), keras.layers.Dense(5)])
    model.compile("sgd", loss=MaskedCrossentropy(0.1))
    logits = ops.convert_to_numpy(model(LOGITS))
    expected = float(MaskedCrossentropy(0.1)(LABELS, logits))
    found = model.evaluate(LOGITS, LABELS, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    before = logits[2]
    model.fit(LOGITS, LABELS, verbose=0)
    assert model.evaluate(LOGITS, LABELS, verbose=0) < found
    assert not np.allclose(ops.convert_to_numpy(model(LOGITS))[2], before)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.loss.get_config() == model.loss.get_config()
    with pytest.raises(ValueError, match="from 0 to below 1; got 1"):
        MaskedCrossentropy(1)
