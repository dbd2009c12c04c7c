import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.decoding import KerasHubSearch, beam_search, greedy_search, sample

END, PAD = 4, 0
# From each token to the next: 1 starts, 4 ends; nothing may come after 3.
P = np.zeros((5, 5))
P[1, [2, 3]] = 0.4, 0.6
P[2, [2, 4]] = 0.5, 0.5
with np.errstate(divide="ignore"):
    LOGITS = np.log(P).astype("float32")
INF, NAN = float("inf"), float("nan")


def array(x):
    return ops.convert_to_numpy(x)


def model_of(logits):
    def step(token_ids, state):
        return ops.take(ops.convert_to_tensor(logits), token_ids, axis=0), state

    return step


def with_row(row, token=3):
    logits = LOGITS.copy()
    logits[token] = row
    return logits


def beams(logits, starts=(1, 2), **options):
    options = {"max_length": 4, "end_id": END, "beam_width": 3, **options}
    return beam_search(model_of(logits), [], list(starts), **options)


@pytest.mark.parametrize("dead", [-INF, NAN])
@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_a_prefix_that_nothing_can_follow_is_dropped_alone(dead, penalty):
    found = beams(with_row(dead), n_best=2, length_penalty=penalty)
    # 3 is likelier than 2, but a dead end.
    assert array(found.token_ids).tolist() == [
        [[2, 4, 0, 0], [2, 2, 4, 0]],
        [[4, 0, 0, 0], [2, 4, 0, 0]],
    ]
    assert array(found.lengths).tolist() == [[2, 3], [1, 2]]
    log_p = np.log([[0.4 * 0.5, 0.4 * 0.25], [0.5, 0.25]])
    expected = log_p / ((5 + array(found.lengths)) / 6) ** penalty
    np.testing.assert_allclose(array(found.scores), expected, rtol=1e-5)


def test_a_row_without_any_sequence_is_told_by_its_score():
    found = beams(LOGITS, starts=(3, 1), n_best=2)
    assert array(found.token_ids[0]).tolist() == [[PAD] * 4] * 2
    assert array(found.lengths[0]).tolist() == [0, 0]
    assert array(found.scores[0]).tolist() == [-INF] * 2
    assert array(found.token_ids[1, 0]).tolist() == [2, 4, 0, 0]


def test_coverage_of_a_dropped_prefix_counts_for_nothing():
    def step(token_ids, state):
        logits, state = model_of(LOGITS)(token_ids, state)
        # What a softmax over nothing gives.
        seen = ops.where(token_ids[:, None] == 3, NAN, ops.ones((1, 2)) / 2)
        return logits, state, seen

    options = {"max_length": 4, "end_id": END, "beam_width": 3}
    found = beam_search(
        step, [], [1], coverage_penalty=0.1, source_mask=[[True, True]], **options
    )
    assert array(found.token_ids[0, 0]).tolist() in ([2, 4, 0, 0], [2, 2, 4, 0])
    assert np.isfinite(array(found.scores)).all()


@pytest.mark.parametrize("dead", [-INF, NAN])
@pytest.mark.parametrize(
    "search",
    [
        greedy_search,
        lambda *args, **options: sample(*args, uniforms=[[0.7] * 4] * 2, **options),
        lambda *args, **options: sample(*args, temperature=0.0, **options),
        lambda *args, **options: sample(*args, top_k=2, top_p=0.5, seed=1, **options),
    ],
)
def test_a_row_that_cannot_go_on_ends_there(search, dead):
    # 3 follows 1, and nothing follows 3; 4 follows 2.
    logits = with_row(dead)
    logits[1, 2] = logits[2, 2] = -INF
    found = search(model_of(logits), [], [1, 2], max_length=4, end_id=END)
    assert array(found.token_ids).tolist() == [[3, 0, 0, 0], [4, 0, 0, 0]]
    assert array(found.lengths).tolist() == [1, 1]
    np.testing.assert_allclose(array(found.scores), [-INF, 0.0], atol=1e-6)


@pytest.mark.parametrize("forced", [INF, 0.0])
def test_forced_tokens(forced):
    # 2 is forced after 1, and 4 after 2, against what the model prefers.
    logits = np.where(P > 0, 3.0, 2.0).astype("float32")
    logits[1, 2] = logits[2, 4] = INF
    if not forced:
        logits[1:3] = np.where(logits[1:3] == INF, 0.0, -INF)
    arguments = model_of(logits), [], [1]
    options = {"max_length": 3, "end_id": END}
    found = [
        greedy_search(*arguments, **options),
        sample(*arguments, uniforms=[[0.99] * 3], **options),
        sample(*arguments, uniforms=[[0.99] * 3], top_p=0.9, **options),
        sample(*arguments, uniforms=[[0.99] * 3], temperature=3.0, **options),
    ]
    for one in found:
        assert array(one.token_ids).tolist() == [[2, 4, 0]]
        np.testing.assert_allclose(array(one.scores), [0.0], atol=1e-6)
    best = beam_search(*arguments, beam_width=2, **options)
    assert array(best.token_ids[0, 0]).tolist() == [2, 4, 0]
    np.testing.assert_allclose(array(best.scores), [[0.0]], atol=1e-6)


def test_without_an_end_token_all_rows_are_full():
    counting = model_of(9.0 * np.eye(5, k=1, dtype="float32"))
    found = greedy_search(counting, [], [0, 1], max_length=3, end_id=None)
    assert array(found.token_ids).tolist() == [[1, 2, 3], [2, 3, 4]]
    assert array(found.lengths).tolist() == [3, 3]


def test_another_call_goes_on_where_one_stopped():
    def step(token_ids, state):
        return ops.one_hot(state % 5, 5) * 9.0, state + 1

    options = {"end_id": None, "temperature": 0.0}
    state = np.zeros(1, "int32")
    whole = sample(step, state, [3], max_length=7, **options)
    first, state = sample(step, state, [3], max_length=4, return_state=True, **options)
    second = sample(step, state, first.token_ids[:, -1], max_length=3, **options)
    assert array(state).tolist() == [4]
    parts = [array(first.token_ids), array(second.token_ids)]
    np.testing.assert_array_equal(np.concatenate(parts, 1), array(whole.token_ids))


@pytest.mark.parametrize("temperature", [1e-30, 1e-12, 1e30])
def test_any_temperature_is_safe(temperature):
    logits = np.array([[1e30, -1e30, 3.0, 3.0, -INF]] * 5, "float32")
    found = sample(
        model_of(logits),
        [],
        [1],
        max_length=2,
        end_id=END,
        temperature=temperature,
        uniforms=[[0.1, 0.2]],
    )
    assert array(found.token_ids).tolist() == [[0, 0]]


@pytest.mark.parametrize("floatx", ["float16", "float64"])
def test_searches_under_another_default_type(floatx):
    state = [np.ones((2, 3), floatx)]
    found = {}
    try:
        for keras_type in ("float32", floatx):
            keras.config.set_floatx(keras_type)
            arguments = model_of(LOGITS.astype(keras_type)), state, [1, 2]
            options = {"max_length": 4, "end_id": END}
            found[keras_type] = [
                greedy_search(*arguments, **options),
                sample(*arguments, seed=3, temperature=0.8, top_p=0.9, **options),
                beam_search(*arguments, length_penalty=0.6, n_best=2, **options),
                KerasHubSearch(likeliest)(*arguments, **options),
            ]
    finally:
        keras.config.set_floatx("float32")
    for one, two in zip(*found.values(), strict=True):
        np.testing.assert_array_equal(array(one.token_ids), array(two.token_ids))
        np.testing.assert_allclose(array(one.scores), array(two.scores), rtol=2e-3)
        assert [ops.dtype(x) for x in one[:3]] == ["int32", "int32", "float32"]
        assert [ops.dtype(x) for x in two[:3]] == ["int32", "int32", "float32"]


def likeliest(next, prompt, cache, index, mask, stop_token_ids):
    for t in range(index, prompt.shape[1]):
        logits, _, cache = next(prompt, cache, t)
        token_ids = ops.cast(ops.argmax(logits, axis=-1), "int32")
        prompt = ops.slice_update(prompt, (0, t), token_ids[:, None])
    return prompt


@pytest.mark.parametrize(
    "search, options, error, message",
    [
        (greedy_search, {"max_length": 10**12}, ValueError, "`max_length` must leave"),
        (greedy_search, {"max_length": 2.0}, TypeError, "integer .* 1; got 2.0"),
        (greedy_search, {"max_length": True}, TypeError, "integer .* 1; got True"),
        (greedy_search, {"end_id": 5}, ValueError, "of the 5 tokens .* 0 to 4; got 5"),
        (greedy_search, {"end_id": -1}, ValueError, "`end_id` .* at least 0; got -1"),
        (greedy_search, {"pad_id": "0"}, TypeError, "`pad_id` must be an integer; got"),
        (sample, {"temperature": "1"}, TypeError, "`temperature` .* number; got '1'"),
        (sample, {"temperature": True}, TypeError, "must be a number; got True"),
        (sample, {"temperature": INF}, ValueError, "`temperature` must be .*; got inf"),
        (sample, {"top_k": 1.5}, TypeError, "`top_k` .* 1 or None; got 1.5"),
        (sample, {"top_p": "x"}, TypeError, "`top_p` must be a number; got 'x'"),
        (sample, {"seed": 1.5}, TypeError, "`seed` must be an integer .*; got 1.5"),
        (sample, {"seed": -1}, ValueError, "`seed` must be .* at least 0; got -1"),
        (sample, {"seed": 2**40}, ValueError, r"`seed` must be below 2\*\*32; got"),
        (
            beam_search,
            {"beam_width": 10**9},
            ValueError,
            "`beam_width` must be at most",
        ),
        (beam_search, {"beam_width": 10**8}, ValueError, "beam_width=100000000 for 2"),
        (beam_search, {"beam_width": 10**7}, ValueError, "for a state of 200 numbers"),
        (beam_search, {"beam_width": 2.0}, TypeError, "integer of at least 1; got 2.0"),
        (beam_search, {"n_best": None}, TypeError, "`n_best` .* at least 1; got None"),
        (beam_search, {"length_penalty": "1"}, TypeError, "must be a number; got '1'"),
        (beam_search, {"length_penalty": INF}, ValueError, "at least 0; got inf"),
    ],
)
def test_options_are_told_by_name_before_memory_is_taken(
    search, options, error, message
):
    options = {"max_length": 3, "end_id": END, **options}
    state = np.zeros((2, 100), "float32")
    with pytest.raises(error, match=message):
        search(model_of(LOGITS), state, [1, 2], **options)


def test_numbers_of_numpy_are_numbers():
    step = model_of(LOGITS)
    options = {"max_length": np.int64(3), "end_id": np.int32(END)}
    drawn = sample(
        step,
        [],
        [2],
        temperature=np.float32(0.5),
        top_k=np.int64(3),
        top_p=np.float64(0.9),
        seed=np.int64(3),
        **options,
    )
    assert drawn.token_ids.shape == (1, 3)
    best = beam_search(
        step, [], [1], beam_width=np.int64(3), n_best=np.int8(2), **options
    )
    assert array(best.token_ids[0, 0]).tolist() == [2, 4, 0]
