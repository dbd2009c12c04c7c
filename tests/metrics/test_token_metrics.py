import keras
import numpy as np
import pytest

from kerasrnn.metrics import MaskedAccuracy, Perplexity

RNG = np.random.default_rng(0)
LOGITS = RNG.standard_normal((6, 4, 5)).astype("float32")
LABELS = RNG.integers(0, 5, (6, 4))


def by_hand(pad_id, weights=None):
    weights = np.ones(6) if weights is None else weights
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
    hits, nll, counts = [], [], []
    for b, t in np.argwhere(LABELS != pad_id):
        hits.append(LOGITS[b, t].argmax() == LABELS[b, t])
        nll.append(-np.log(p[b, t, LABELS[b, t]]))
        counts.append(weights[b])
    accuracy = np.average(hits, weights=counts)
    return accuracy, np.exp(np.average(nll, weights=counts))


@pytest.mark.parametrize("pad_id", [0, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_means_are_over_the_tokens_of_all_batches(pad_id, weighted):
    weights = np.array([1, 0, 2, 1, 0.5, 1]) if weighted else None
    metrics = MaskedAccuracy(pad_id=pad_id), Perplexity(pad_id=pad_id)
    for metric, expected in zip(metrics, by_hand(pad_id, weights), strict=True):
        for rows in (slice(0, 4), slice(4, 6)):
            w = None if weights is None else weights[rows]
            metric.update_state(LABELS[rows], LOGITS[rows], w)
        np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-5)
        again = type(metric).from_config(metric.get_config())
        assert again.pad_id == pad_id and again.name == metric.name
        metric.reset_state()
        assert float(metric.result()) in (0.0, 1.0)


def test_infinite_logits_of_padding_do_not_count():
    logits = np.array([[[0.0, 0.0], [np.inf, np.inf]]], "float32")
    metric = Perplexity()
    metric.update_state(np.array([[1, 0]]), logits)
    np.testing.assert_allclose(float(metric.result()), 2.0, rtol=1e-6)


def test_keras_takes_them():
    model = keras.Sequential([keras.Input((4, 5)), keras.layers.Identity()])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, metrics=[MaskedAccuracy(), Perplexity()])
    found = model.evaluate(LOGITS, LABELS, batch_size=4, verbose=0, return_dict=True)
    accuracy, perplexity = by_hand(0)
    np.testing.assert_allclose(found["accuracy"], accuracy, rtol=1e-5)
    np.testing.assert_allclose(found["perplexity"], perplexity, rtol=1e-5)
