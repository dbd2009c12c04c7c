"""Samplers of KerasHub, and one of their interface that is written here."""

import keras
import numpy as np
import pytest
from keras import ops, tree
from random_model import END, PAD, START, RandomModel

from kerasrnn.decoding import KerasHubSearch, beam_search, greedy_search


class Greedy:
    """What keras_hub.samplers.GreedySampler does, in its interface."""

    def __call__(self, next, prompt, cache, index, mask, stop_token_ids):
        def go_on(prompt, cache, index):
            stopped = ops.logical_and(prompt == stop_token_ids[0], ~mask)
            return ops.logical_not(ops.all(ops.any(stopped, axis=-1)))

        def body(prompt, cache, index):
            logits, _, cache = next(prompt, cache, index)
            token_ids = ops.cast(ops.argmax(logits, axis=-1), prompt.dtype)
            token_ids = ops.where(mask[:, index], prompt[:, index], token_ids)
            prompt = ops.slice_update(prompt, (0, index), token_ids[:, None])
            return prompt, cache, index + 1

        steps = ops.shape(prompt)[1] - index
        index = ops.convert_to_tensor(index, "int32")
        return ops.while_loop(
            go_on, body, (prompt, cache, index), maximum_iterations=steps
        )[0]


class Beams:
    """K beams without an end, in a Python loop: repeats and moves the cache."""

    def __init__(self, beams):
        self.K = beams

    def __call__(self, next, prompt, cache, index, mask, stop_token_ids):
        batch, length = prompt.shape
        prompt, cache = tree.map_structure(
            lambda x: ops.repeat(x, self.K, axis=0), (prompt, cache)
        )
        log_p = ops.convert_to_tensor([[0.0] + [-1e9] * (self.K - 1)] * batch)
        for t in range(index, length):
            logits, _, cache = next(prompt, cache, t)
            V = logits.shape[-1]
            log_p = ops.reshape(log_p, (-1, 1)) + ops.log_softmax(logits)
            log_p, best = ops.top_k(ops.reshape(log_p, (batch, self.K * V)), self.K)
            rows = ops.reshape(
                ops.arange(batch)[:, None] * self.K + ops.cast(best // V, "int32"),
                (-1,),
            )
            prompt, cache = tree.map_structure(
                lambda x, rows=rows: ops.take(x, rows, axis=0), (prompt, cache)
            )
            token_ids = ops.cast(ops.reshape(best % V, (-1, 1)), "int32")
            prompt = ops.slice_update(prompt, (0, t), token_ids)
        return ops.reshape(prompt, (batch, self.K, length)), log_p


def start(model, batch=5):
    # Without the scalar, which a sampler cannot repeat.
    state = {**model.initial_state(batch), "more": (None, np.zeros(batch, "int32"))}
    options = {"max_length": 7, "end_id": END, "pad_id": PAD}
    return model.step, state, [START] * batch, options


def assert_same(found, expected, fields):
    for field in fields:
        a, b = getattr(found, field), getattr(expected, field)
        a, b = ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_greedy_sampler_is_greedy_search():
    for seed in range(4):
        step, state, start_ids, options = start(RandomModel(seed, vocabulary=5))
        options["source_length"] = 3
        found = KerasHubSearch(Greedy())(step, state, start_ids, **options)
        expected = greedy_search(step, state, start_ids, **options)
        assert_same(found, expected, found._fields)


def test_all_beams_of_a_sampler_are_hypotheses():
    step, state, start_ids, options = start(RandomModel(3, vocabulary=6))
    # No token ends it, so that beam search here does the same.
    options["end_id"] = None
    found = KerasHubSearch(Beams(3))(step, state, start_ids, **options)
    expected = beam_search(step, state, start_ids, **options, beam_width=3, n_best=3)
    assert_same(found, expected, found._fields)
    # Where there is one, what comes after it is padding.
    found = KerasHubSearch(Beams(3))(step, state, start_ids, **{**options, "end_id": 4})
    token_ids = ops.convert_to_numpy(found.token_ids)
    lengths = ops.convert_to_numpy(found.lengths)
    assert {*lengths.ravel()} - {7}
    for row, length in zip(token_ids.reshape(-1, 7), lengths.ravel(), strict=True):
        assert not row[length:].any()
        assert 4 not in row[: length - 1] and (length == 7 or row[length - 1] == 4)


def test_samplers_of_keras_hub():
    samplers = pytest.importorskip("keras_hub").samplers
    step, state, start_ids, options = start(RandomModel(1, vocabulary=5))
    greedy = greedy_search(step, state, start_ids, **options)
    for sampler in (
        samplers.GreedySampler(),
        samplers.TopKSampler(k=1),
        samplers.TopPSampler(p=1e-6),
        samplers.BeamSampler(num_beams=1),
    ):
        found = KerasHubSearch(sampler)(step, state, start_ids, **options)
        assert_same(found, greedy, found._fields[:3])
    options["end_id"] = None
    beams = samplers.BeamSampler(num_beams=3, return_all_beams=True)
    found = KerasHubSearch(beams)(step, state, start_ids, **options)
    expected = beam_search(step, state, start_ids, **options, beam_width=3, n_best=3)
    assert_same(found, expected, found._fields)
    one, two = (
        KerasHubSearch(samplers.RandomSampler(seed=7))(
            step, state, start_ids, **options
        )
        for _ in range(2)
    )
    assert_same(one, two, one._fields[:3])


def test_mistakes():
    step, state, start_ids, options = start(RandomModel())
    with pytest.raises(TypeError, match=r"`sampler` must be callable.*; got str"):
        KerasHubSearch("greedy")
    with pytest.raises(ValueError, match="`state` must hold no scalars"):
        KerasHubSearch(Greedy())(step, [np.float32(1)], start_ids, **options)
    with pytest.raises(ValueError, match=r"token ids \(batch, steps\).*shape \(5,\)"):
        KerasHubSearch(lambda next, prompt, **_: prompt[:, 0])(
            step, state, start_ids, **options
        )
    with pytest.raises(ValueError, match="`max_length` must be an integer"):
        KerasHubSearch(Greedy())(step, state, start_ids, **{**options, "max_length": 0})


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="a graph of TensorFlow"
)
def test_in_a_graph_of_unknown_sizes():
    import tensorflow as tf

    model = RandomModel(2, vocabulary=5)
    step, state, start_ids, options = start(model)

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec((None, model.units)),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((), tf.int32),
        ],
    )
    def run(h, start_ids, max_length):
        more = {**options, "max_length": max_length}
        state = {"h": h, "more": (None, tf.zeros_like(start_ids))}
        return KerasHubSearch(Greedy())(step, state, start_ids, **more)[:3]

    expected = greedy_search(step, state, start_ids, **options)
    found = run(state["h"], start_ids, 7)
    for a, b in zip(found, expected, strict=False):
        np.testing.assert_allclose(a, b, atol=1e-5)
