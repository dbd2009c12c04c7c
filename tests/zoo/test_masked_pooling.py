import keras
import numpy as np
import pytest

from kerasrnn.zoo import MaskedPooling

X = np.array(
    [
        [[1.0, -4.0], [3.0, -2.0], [9.0, 9.0]],
        [[5.0, 6.0], [7.0, 8.0], [0.5, 1.0]],
        [[2.0, 2.0], [2.0, 2.0], [2.0, 2.0]],
    ],
    dtype="float32",
)
MASK = np.array([[True, True, False], [False, True, True], [False] * 3])


def pool(modes, mask=MASK, x=X, **kwargs):
    layer = MaskedPooling(modes, **kwargs)
    return keras.ops.convert_to_numpy(layer(x, mask=mask))


def test_every_mode_sees_the_valid_steps_only():
    np.testing.assert_allclose(pool("max"), [[3, -2], [7, 8], [0, 0]])
    np.testing.assert_allclose(pool("mean"), [[2, -3], [3.75, 4.5], [0, 0]])
    np.testing.assert_allclose(pool("last"), [[3, -2], [0.5, 1], [0, 0]])


def test_last_of_a_bidirectional_layer_takes_where_each_direction_ends():
    y = pool("last", bidirectional=True)
    np.testing.assert_allclose(y, [[3, -4], [0.5, 8], [0, 0]])


def test_several_modes_stand_side_by_side():
    y = pool(["mean", "max"])
    np.testing.assert_allclose(y, np.concatenate([pool("mean"), pool("max")], axis=1))


def test_attention_is_the_equation():
    layer = MaskedPooling("attention")
    layer.build(X.shape)
    kernel, _, vector = [
        np.random.default_rng(1).normal(size=w.shape) for w in layer.weights
    ]
    bias = np.array([0.3, -0.2])
    layer.set_weights([kernel, bias, vector])
    y = keras.ops.convert_to_numpy(layer(X, mask=MASK))
    for row, mask, got in zip(X[:2], MASK[:2], y[:2], strict=True):
        scores = np.tanh(row[mask] @ kernel + bias) @ vector
        alignments = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(got, (alignments * row[mask]).sum(0), rtol=1e-5)
    np.testing.assert_allclose(y[2], 0)


def test_without_a_mask_all_steps_count():
    np.testing.assert_allclose(pool("mean", mask=None), X.mean(axis=1), rtol=1e-6)


def test_padding_changes_nothing():
    wide = np.pad(X, ((0, 0), (0, 4), (0, 0)), constant_values=50)
    mask = np.pad(MASK, ((0, 0), (0, 4)))
    modes = ["max", "mean", "last"]
    np.testing.assert_allclose(pool(modes, mask, wide), pool(modes), rtol=1e-6)


def test_half_precision_has_no_infinities():
    y = pool(["max", "mean", "last", "attention"], dtype="float16")
    assert np.isfinite(y).all()
    np.testing.assert_allclose(y[0, :6], [3, -2, 2, -3, 3, -2], rtol=1e-3)


def test_an_unknown_mode_is_named():
    with pytest.raises(ValueError, match="`pooling` must be one or several of max, "):
        MaskedPooling("sum")


MODES = ["max", "mean", "last", "attention"]


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16", "bfloat16"])
def test_half_precision_counts_long_sequences_to_the_end(dtype):
    steps = 3 * 2048
    x = np.zeros((2, steps, 2), "float32")
    x[:, :, 0] = 1  # the mean of ones is one, however many
    x[:, -steps // 2 :, 1] = 1  # and of ones that come last a half
    mask = np.ones((2, steps), bool)
    for mode in ("mean", "attention"):
        layer = MaskedPooling(mode, dtype=dtype)
        layer.build(x.shape)
        layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
        found = keras.ops.cast(layer(x, mask=mask), "float32")
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(found), [[1, 0.5]] * 2, rtol=1e-2
        )


@pytest.mark.parametrize("hidden", [np.nan, np.inf, -1e5])
def test_what_masked_steps_hold_never_counts(hidden):
    inputs = keras.Input((3, 2)), keras.Input((3,), dtype="bool")
    keras.utils.set_random_seed(0)
    model = keras.Model(inputs, MaskedPooling(MODES)(inputs[0], mask=inputs[1]))
    model.compile(keras.optimizers.SGD(1.0), "mse")
    start = model.get_weights()
    results = []
    for value in (0, hidden):
        model.set_weights(start)
        x = np.where(MASK[..., None], X, value).astype("float32")
        answers = keras.ops.convert_to_numpy(model([x, MASK]))
        model.train_on_batch([x, MASK], np.zeros_like(answers))
        results.append([answers, *model.get_weights()])
    assert np.abs(results[0][1] - start[0]).max() > 1e-4
    for found, expected in zip(*reversed(results), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_max_of_numbers_below_those_of_a_half():
    x = np.full((1, 3, 1), -1e6, "float32")
    assert pool("max", np.array([[True, True, False]]), x).tolist() == [[-1e6]]
