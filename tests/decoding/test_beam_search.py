import keras
import numpy as np
import pytest
from keras import ops
from random_model import (
    END,
    PAD,
    START,
    RandomModel,
    exhaustive_search,
    naive_beam_search,
)

from kerasrnn.decoding import beam_search, greedy_search

BACKEND = keras.backend.backend()
MASK = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], bool)


def array(x):
    return ops.convert_to_numpy(x)


def search(model, batch=3, **options):
    options = {"max_length": 4, "end_id": END, "pad_id": PAD, **options}
    state = model.initial_state(batch)
    return beam_search(model.step, state, np.full(batch, START), **options)


def compare(found, row, expected, max_length):
    """Compares the n-best of one row to a list of (score, tokens)."""
    for n in range(found.scores.shape[1]):
        if n >= len(expected):
            assert array(found.scores)[row, n] == -np.inf
            assert array(found.lengths)[row, n] == 0
            assert (array(found.token_ids)[row, n] == PAD).all()
            continue
        score, tokens = expected[n]
        np.testing.assert_allclose(array(found.scores)[row, n], score, atol=1e-4)
        padded = tokens + [PAD] * (max_length - len(tokens))
        np.testing.assert_array_equal(array(found.token_ids)[row, n], padded)
        assert array(found.lengths)[row, n] == len(tokens)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "alpha, beta", [(0.0, 0.0), (0.6, 0.0), (2.0, 0.0), (0.8, 0.5)]
)
def test_a_beam_wide_enough_finds_the_best_of_all_sequences(seed, alpha, beta):
    model = RandomModel(seed)
    found = search(
        model,
        beam_width=90,
        n_best=6,
        length_penalty=alpha,
        coverage_penalty=beta,
        source_mask=MASK,
    )
    for row, h in enumerate(model.initial_state(3)["h"]):
        expected = exhaustive_search(model, h, 4, alpha, beta, MASK[row])
        compare(found, row, expected[:6], 4)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(s, marks=pytest.mark.slow) for s in range(2, 6))]
)
@pytest.mark.parametrize("K", [1, 2, 3])
@pytest.mark.parametrize("alpha, beta", [(0.0, 0.0), (1.0, 0.0), (0.8, 0.5)])
def test_a_narrow_beam_is_the_algorithm(seed, K, alpha, beta):
    model = RandomModel(seed, vocabulary=5)
    found = search(
        model,
        max_length=6,
        beam_width=K,
        n_best=K,
        length_penalty=alpha,
        coverage_penalty=beta,
        source_mask=MASK,
    )
    best = search(
        model,
        max_length=6,
        beam_width=K,
        length_penalty=alpha,
        coverage_penalty=beta,
        source_mask=MASK,
    )
    for row, h in enumerate(model.initial_state(3)["h"]):
        options = (model, h, 6, K, alpha, beta, MASK[row])
        compare(found, row, naive_beam_search(*options, n_best=K), 6)
        # Stopping as soon as the best one is known does not change it.
        compare(best, row, naive_beam_search(*options), 6)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_beam_of_one_is_greedy_search(seed, alpha):
    model = RandomModel(seed, vocabulary=5)
    found = search(model, 6, max_length=7, beam_width=1, length_penalty=alpha)
    greedy = greedy_search(
        model.step,
        model.initial_state(6),
        np.full(6, START),
        max_length=7,
        end_id=END,
    )
    np.testing.assert_array_equal(array(found.token_ids)[:, 0], array(greedy.token_ids))
    np.testing.assert_array_equal(array(found.lengths)[:, 0], array(greedy.lengths))
    penalty = ((5 + array(greedy.lengths)) / 6) ** alpha
    np.testing.assert_allclose(
        array(found.scores)[:, 0], array(greedy.scores) / penalty, atol=1e-5
    )


def test_rows_do_not_depend_on_each_other():
    model = RandomModel(5, vocabulary=5)
    options = {"end_id": END, "max_length": 9, "beam_width": 3, "n_best": 2}
    state = model.initial_state(5)
    whole = beam_search(model.step, state, np.full(5, START), **options)
    for row in range(5):
        own = {"h": state["h"][row : row + 1], "more": state["more"]}
        alone = beam_search(model.step, own, [START], **options)
        for a, b in zip(whole, alone, strict=True):
            np.testing.assert_allclose(array(a)[row], array(b)[0], atol=1e-5)


def test_fewer_sequences_than_asked_for():
    # Two tokens, of which one ends: there is one sequence of each length.
    def step(token_ids, state):
        logits = ops.log(ops.convert_to_tensor([0.3, 0.7]))
        return ops.broadcast_to(logits, (*token_ids.shape, 2)), state

    found = beam_search(
        step, [], [0], max_length=2, end_id=1, pad_id=7, beam_width=4, n_best=4
    )
    expected = [(np.log(0.7), [1]), (np.log(0.21), [0, 1]), (np.log(0.09), [0, 0])]
    np.testing.assert_array_equal(
        array(found.token_ids)[0], [[1, 7], [0, 1], [0, 0], [7, 7]]
    )
    np.testing.assert_allclose(
        array(found.scores)[0], [*(s for s, _ in expected), -np.inf], atol=1e-5
    )
    np.testing.assert_array_equal(array(found.lengths)[0], [1, 2, 2, 0])


@pytest.mark.skipif(BACKEND == "jax", reason="a compiled loop calls step once")
def test_it_stops_when_no_beam_can_win():
    calls = []

    def step(token_ids, state):
        calls.append(token_ids)
        logits = ops.log(ops.convert_to_tensor([0.001, 0.006, 0.99, 0.003]))
        return ops.broadcast_to(logits, (*token_ids.shape, 4)), state

    options = {"end_id": END, "max_length": 50, "beam_width": 3}
    found = beam_search(step, [], [START] * 2, **options)
    assert len(calls) == 1
    np.testing.assert_array_equal(array(found.lengths), [[1], [1]])
    calls.clear()
    # The second best ends one step later.
    beam_search(step, [], [START] * 2, n_best=2, **options)
    assert len(calls) == 2


def test_no_rows():
    found = search(RandomModel(), batch=0)
    assert [tuple(a.shape) for a in found] == [(0, 1, 4), (0, 1), (0, 1)]


OPTIONS = {"beam_width": 3, "n_best": 2, "length_penalty": 0.7, "max_length": 6}


@pytest.mark.long
@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's graphs")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_graphs_equal_eager(jit_compile, tmp_path):
    import tensorflow as tf

    model = RandomModel(3, vocabulary=5)
    rows = 4 if jit_compile else None
    specification = [
        tf.TensorSpec((rows, model.units)),
        tf.TensorSpec((rows,), tf.int32),
        tf.TensorSpec((rows, 3), tf.bool),
    ]

    @tf.function(input_signature=specification, jit_compile=jit_compile)
    def run(h, start_ids, mask):
        state = {"h": h, "more": (None, 0)}
        return beam_search(
            model.step,
            state,
            start_ids,
            end_id=END,
            coverage_penalty=0.3,
            source_mask=mask,
            **OPTIONS,
        )._asdict()

    h = model.initial_state(4)["h"]
    data = tf.constant(h), tf.fill([4], START), tf.constant(MASK[[0, 1, 2, 1]])
    expected = run.python_function(*data)
    found = run(*data)
    module = tf.Module()
    module.run = run
    tf.saved_model.save(module, str(tmp_path), signatures=run)
    served = tf.saved_model.load(str(tmp_path)).run(*data)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], array(value), atol=1e-5)
        np.testing.assert_allclose(served[name], array(value), atol=1e-5)


@pytest.mark.skipif(BACKEND != "jax", reason="JAX's compiler")
def test_jit_equals_eager():
    import jax

    model = RandomModel(3, vocabulary=5)

    def run(h, start_ids):
        state = {"h": h, "more": (None, 0)}
        return beam_search(model.step, state, start_ids, end_id=END, **OPTIONS)

    data = model.initial_state(4)["h"], np.full(4, START)
    for a, b in zip(jax.jit(run)(*data), run(*data), strict=True):
        np.testing.assert_allclose(array(a), array(b), atol=1e-5)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"beam_width": 0}, "`beam_width` must be an integer of at least 1; got 0"),
        ({"beam_width": 2, "n_best": 3}, "at most beam_width=2; got 3"),
        ({"length_penalty": -0.1}, "`length_penalty` must be at least 0; got -0.1"),
        ({"coverage_penalty": 0.2}, "`coverage_penalty` needs `source_mask`"),
        ({"max_length": 0}, "`max_length` must be an integer of at least 1; got 0"),
        ({"end_id": 0}, "`end_id` and `pad_id` must differ; both are 0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        search(RandomModel(), **options)


def test_alignments_are_needed_for_coverage():
    model = RandomModel()
    with pytest.raises(ValueError, match="`coverage_penalty` needs alignments"):
        beam_search(
            lambda ids, state: model.step(ids, state)[:2],
            model.initial_state(3),
            np.full(3, START),
            max_length=4,
            end_id=END,
            coverage_penalty=0.5,
            source_mask=MASK,
        )
