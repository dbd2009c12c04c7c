import keras
import numpy as np
import pytest
from keras import ops
from random_model import END, START, RandomModel, log_softmax

from kerasrnn.decoding import greedy_search, sample
from kerasrnn.decoding.sampling import choose_token

BACKEND = keras.backend.backend()


def array(x):
    return ops.convert_to_numpy(x)


def greedy_by_hand(model, h, max_length):
    tokens, total = [], 0.0
    while len(tokens) < max_length and END not in tokens:
        tokens.append(int(model.follow(h, tokens)[2].argmax()))
    total, maps, _ = model.follow(h, tokens)
    return tokens, total, maps


@pytest.mark.parametrize("seed", range(5))
def test_greedy_search(seed):
    model = RandomModel(seed, vocabulary=5)
    state = model.initial_state(6)
    found = greedy_search(
        model.step,
        state,
        np.full(6, START),
        max_length=8,
        end_id=END,
        source_length=model.places,
    )
    for row in range(6):
        tokens, log_p, maps = greedy_by_hand(model, state["h"][row], 8)
        padding = 8 - len(tokens)
        np.testing.assert_array_equal(
            array(found.token_ids)[row], tokens + [0] * padding
        )
        assert array(found.lengths)[row] == len(tokens)
        np.testing.assert_allclose(array(found.scores)[row], log_p, atol=1e-5)
        np.testing.assert_allclose(
            array(found.alignments)[row],
            np.pad(maps, ((0, padding), (0, 0))),
            atol=1e-5,
        )


def constant_model(probabilities):
    logits = np.log(np.asarray(probabilities, "float32"))

    def step(token_ids, state):
        row = ops.convert_to_tensor(logits)
        return ops.broadcast_to(row, (ops.shape(token_ids)[0], len(logits))), state

    return step


@pytest.mark.skipif(BACKEND == "jax", reason="a compiled loop calls step once")
def test_it_stops_when_all_rows_have_ended():
    calls = []

    def step(token_ids, state):  # counts up to END, which is 2
        calls.append(array(token_ids).tolist())
        return 9.0 * ops.one_hot(token_ids + 1, 9), state

    found = greedy_search(step, [], [1, -1], max_length=100, end_id=END, pad_id=7)
    # A row is given its end token, then padding.
    assert calls == [[1, -1], [2, 0], [7, 1]]
    np.testing.assert_array_equal(array(found.lengths), [1, 3])
    assert found.token_ids.shape == (2, 100) and found.alignments is None


P = np.array([0.05, 0.3, 0.02, 0.4, 0.13, 0.1])


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, P),
        ({"temperature": 0.5}, P**2),
        ({"temperature": 2.0}, P**0.5),
        ({"top_k": 3}, P * (P >= 0.13)),
        ({"top_k": 99}, P),
        # 0.4 + 0.3 do not reach 0.75, and 0.4 + 0.3 + 0.13 do.
        ({"top_p": 0.75}, P * (P >= 0.13)),
        ({"top_p": 0.01}, P * (P == 0.4)),
        # Of the best three 0.4 and 0.3 make 0.84.
        ({"top_k": 3, "top_p": 0.8}, P * (P >= 0.3)),
    ],
)
def test_frequencies_are_probabilities(options, expected):
    rows, steps = 400, 20
    found = sample(
        constant_model(P),
        [],
        np.zeros(rows, "int32"),
        max_length=steps,
        end_id=None,
        pad_id=98,
        seed=3,
        **options,
    )
    tokens = array(found.token_ids)
    counts = np.bincount(tokens.ravel(), minlength=len(P))
    expected = expected / expected.sum() * rows * steps
    assert not counts[expected == 0].any()
    seen = expected > 0
    chi_square = ((counts - expected)[seen] ** 2 / expected[seen]).sum()
    # The 99.9 % quantile at 5 degrees of freedom.
    assert chi_square < 20.5
    # Neither rows nor steps share their numbers.
    if seen.sum() > 1:
        assert len({tuple(row) for row in tokens}) > 0.9 * rows
        assert len({tuple(column) for column in tokens.T}) == steps
    np.testing.assert_allclose(array(found.scores), np.log(P)[tokens].sum(1), rtol=1e-4)


def test_a_seed_gives_the_same_again():
    def draw(seed):
        options = {"max_length": 30, "end_id": None, "seed": seed}
        return array(sample(constant_model(P), [], [0, 0], **options).token_ids)

    np.testing.assert_array_equal(draw(1), draw(1))
    assert (draw(1) != draw(2)).any()
    generator = keras.random.SeedGenerator(1)
    assert (draw(generator) != draw(generator)).any()


def test_given_numbers_choose():
    uniforms = np.array([[0.0, 0.049], [0.051, 0.34], [0.36, 0.9999999]])
    found = sample(
        constant_model(P), [], [0, 0, 0], max_length=2, end_id=None, uniforms=uniforms
    )
    np.testing.assert_array_equal(array(found.token_ids), [[0, 0], [1, 1], [2, 5]])


def test_what_is_impossible_is_never_chosen():
    logits = np.log(np.array([[0.0, 0.5, 0.0, 0.5, 0.0]]) + 1e-45)
    logits[logits < -90] = -np.inf
    for u, expected in ((0.0, 1), (0.499, 1), (0.501, 3), (0.99999999, 3), (1.0, 3)):
        chosen = choose_token(
            ops.convert_to_tensor(logits, "float32"),
            ops.convert_to_tensor([u], "float32"),
        )
        assert array(chosen).tolist() == [expected]


@pytest.mark.parametrize("top_k, top_p", [(1, None), (None, 1e-6)])
def test_restricted_to_one_token_it_is_greedy_search(top_k, top_p):
    model = RandomModel(2, vocabulary=5)
    options = {"max_length": 8, "end_id": END}
    data = model.step, model.initial_state(4), np.full(4, START)
    greedy = greedy_search(*data, **options)
    found = sample(*data, top_k=top_k, top_p=top_p, seed=0, **options)
    cold = sample(*data, temperature=0, seed=0, **options)
    for a, b, c in zip(greedy[:3], found[:3], cold[:3], strict=True):
        np.testing.assert_array_equal(array(a), array(b))
        np.testing.assert_array_equal(array(a), array(c))


def test_no_rows():
    found = sample(constant_model(P), [], np.zeros(0), max_length=3, end_id=1, seed=0)
    assert [tuple(a.shape) for a in found[:3]] == [(0, 3), (0,), (0,)]


@pytest.mark.long
@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's graphs")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_graphs_equal_eager(jit_compile, tmp_path):
    import tensorflow as tf

    model = RandomModel(3, vocabulary=5)
    rows = 4 if jit_compile else None

    @tf.function(
        input_signature=[
            tf.TensorSpec((rows, model.units)),
            tf.TensorSpec((rows,), tf.int32),
            tf.TensorSpec((rows, 9)),
        ],
        jit_compile=jit_compile,
    )
    def run(h, start_ids, uniforms):
        data = model.step, {"h": h, "more": (None, 0)}, start_ids
        options = {"max_length": 9, "end_id": END}
        greedy = greedy_search(*data, source_length=model.places, **options)
        drawn = sample(*data, top_k=3, top_p=0.9, uniforms=uniforms, **options)
        return {**greedy._asdict(), "drawn": drawn.token_ids}

    uniforms = np.random.default_rng(0).uniform(size=(4, 9)).astype("float32")
    h = model.initial_state(4)["h"]
    data = tf.constant(h), tf.fill([4], START), tf.constant(uniforms)
    expected, found = run.python_function(*data), run(*data)
    module = tf.Module()
    module.run = run
    tf.saved_model.save(module, str(tmp_path), signatures=run)
    served = tf.saved_model.load(str(tmp_path)).run(*data)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], array(value), atol=1e-5)
        np.testing.assert_allclose(served[name], array(value), atol=1e-5)


def test_scores_are_log_probabilities():
    model = RandomModel(2, vocabulary=5)
    h = model.initial_state(1)["h"][0]
    _, _, next_log_p = model.follow(h, [])
    np.testing.assert_allclose(np.exp(next_log_p).sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(log_softmax(next_log_p), next_log_p, atol=1e-5)


def no_tuple(ids, state):
    return ops.zeros((2, 3))


@pytest.mark.parametrize(
    "step, options, message",
    [
        (None, {"temperature": -1.0}, "`temperature` must be at least 0.*; got -1.0"),
        (None, {"temperature": float("nan")}, "`temperature` must be .*; got nan"),
        (None, {"top_k": 0}, "`top_k` must be an integer of at least 1 or None; got 0"),
        (None, {"top_p": 0.0}, "`top_p` must be above 0 and at most 1.*; got 0.0"),
        (None, {"top_p": 1.5}, "`top_p` must be .*; got 1.5"),
        (None, {"source_length": 3}, "asks for alignments"),
        (no_tuple, {}, r"`step` must return \(logits, state\)"),
        (lambda i, s: (ops.zeros((3,)), s), {}, r"logits \(batch, vocabulary\)"),
        (lambda i, s: (ops.zeros((2, 3)), [s, s]), {}, "in which it got it"),
        (
            lambda i, s: (ops.zeros((2, 3)), {"h": ops.zeros((2, 5))}),
            {},
            r"may not change the shapes of its state; got \(2, 5\) for \(2, 4\)",
        ),
    ],
)
def test_mistakes_are_told(step, options, message):
    with pytest.raises(ValueError, match=message):
        sample(
            step or constant_model([0.5, 0.5]),
            {"h": np.zeros((2, 4), "float32")},
            [0, 0],
            max_length=3,
            end_id=1,
            pad_id=0,
            **options,
        )


def test_start_ids_of_another_rank():
    with pytest.raises(ValueError, match=r"`start_ids` must be \(batch,\)"):
        greedy_search(constant_model(P), [], [[1]], max_length=3, end_id=1)
