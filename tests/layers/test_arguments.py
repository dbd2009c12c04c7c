"""Wrong arguments are named at construction; those of NumPy are taken as Python's."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.layers import (
    GRU,
    LSTM,
    RNN,
    AttentionCell,
    BahdanauAttention,
    GRUCell,
    LSTMCell,
    LuongAttention,
    SimpleRNN,
    StackedRNNCells,
)

FAMILIES = [SimpleRNN, LSTM, GRU]
X = np.random.default_rng(0).standard_normal((2, 5, 3)).astype("float32")


def array(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("layer_class", [*FAMILIES, LSTMCell, GRUCell])
@pytest.mark.parametrize(
    "arguments, message",
    [
        *[
            ({"units": u}, rf"`units` must be a positive integer; got {u!r}")
            for u in (0, -1, 2.5, 4.0, True, None, "4")
        ],
        *[
            ({name: rate}, rf"`{name}` must be a number from 0 to 1; got {rate!r}")
            for name in ("dropout", "recurrent_dropout")
            for rate in (-0.1, 1.5, float("nan"), "0.5", None, True)
        ],
        *[
            ({"seed": seed}, rf"`seed` must be None or an integer .*; got {seed!r}")
            for seed in (-1, 2**32, 1.5, "a", True)
        ],
        ({"activation": "tanhh"}, "`activation` must be what .*; got 'tanhh'"),
        ({"activation": 3}, "`activation` must be what .*; got 3"),
        ({"kernel_initializer": "onez"}, "`kernel_initializer` must .*; got 'onez'"),
        ({"recurrent_regularizer": "l3"}, "`recurrent_regularizer` must .*; got 'l3'"),
        ({"bias_constraint": 2}, "`bias_constraint` must be what .*; got 2"),
        ({"use_bias": "no"}, "`use_bias` must be True or False; got 'no'"),
        ({"implementation": 5}, "`implementation` must be 0, 1 or 2; got 5"),
    ],
)
def test_a_wrong_argument_is_named(layer_class, arguments, message):
    with pytest.raises(ValueError, match=message):
        layer_class(**{"units": 4, **arguments})


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: GRU(4, recurrent_activation="s"), "`recurrent_activation` must"),
        (lambda: GRU(4, reset_after=2), "`reset_after` must be True or False; got 2"),
        (lambda: LSTM(4, unit_forget_bias="x"), "`unit_forget_bias` must .*; got 'x'"),
        (lambda: LSTM(4, use_cudnn="maybe"), "`use_cudnn` must .*; got 'maybe'"),
        (lambda: LSTM(4, stateful="False"), "`stateful` must be True or False; got"),
        (lambda: GRU(4, return_sequences=2), "`return_sequences` must .*; got 2"),
        (lambda: RNN(GRUCell(4), unroll=None), "`unroll` must be .*; got None"),
        (lambda: RNN(GRU), "`cell` must be a cell, with"),
        (lambda: RNN([]), r"`cells` must be a list of at least one cell; got \[\]"),
        (lambda: StackedRNNCells([4]), "`cells` must be a cell, with .*; got 4"),
        (lambda: StackedRNNCells(GRUCell(4)), "`cells` must be a list"),
        (lambda: BahdanauAttention(2.0), "`units` must be a positive integer; got 2.0"),
        (lambda: BahdanauAttention(2, use_bias="x"), "`use_bias` must .*; got 'x'"),
        (lambda: LuongAttention("concat", units=True), "`units` must .*; got True"),
        (
            lambda: AttentionCell(
                GRUCell(4), LuongAttention(), attention_layer_size=0.5
            ),
            "`attention_layer_size` must be a positive integer; got 0.5",
        ),
        (
            lambda: AttentionCell(GRUCell(4), LuongAttention(), gated="no"),
            "`gated` must be True or False; got 'no'",
        ),
    ],
)
def test_a_wrong_argument_of_one_layer_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("layer_class", FAMILIES)
def test_numbers_and_flags_of_numpy_are_those_of_python(layer_class):
    odd = {
        "units": np.int64(3),
        "dropout": np.float64(0.25),
        "seed": np.uint8(7),
        "return_sequences": np.True_,
        "go_backwards": 1,
        "stateful": np.False_,
    }
    plain = {
        "units": 3,
        "dropout": 0.25,
        "seed": 7,
        "return_sequences": True,
        "go_backwards": True,
        "stateful": False,
    }
    layer, expected = layer_class(**odd, name="x"), layer_class(**plain, name="x")
    assert json.dumps(layer.get_config()) == json.dumps(expected.get_config())
    expected.build(X.shape)
    layer.build(X.shape)
    layer.set_weights(expected.get_weights())
    for training in (False, True):
        np.testing.assert_array_equal(
            array(layer(X, training=training)), array(expected(X, training=training))
        )


def test_a_cell_may_give_its_sizes_as_numpy_integers():
    class Sums(keras.layers.Layer):
        state_size = output_size = np.int64(3)

        def call(self, inputs, states):
            return inputs + states[0], [inputs + states[0]]

    found = array(RNN(Sums(), return_sequences=True)(X))
    np.testing.assert_allclose(found, np.cumsum(X, axis=1), rtol=1e-5)


@pytest.mark.parametrize("name", ["SimpleRNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize("rate", ["dropout", "recurrent_dropout"])
def test_a_rate_of_one_is_what_the_cell_of_keras_makes_of_it(
    name, implementation, rate
):
    import kerasrnn.layers

    # keras.layers.RNN asks its own cells, on every backend alike.
    theirs = keras.layers.RNN(getattr(keras.layers, name)(4, **{rate: 1.0}))
    plain = keras.layers.RNN(getattr(keras.layers, name)(4))
    plain.build(X.shape)
    ours_class = getattr(kerasrnn.layers, name)
    ours = RNN(ours_class(4, implementation=implementation, **{rate: 1.0}))
    theirs.build(X.shape)
    ours.build(X.shape)
    ours.set_weights(theirs.get_weights())
    found = array(ours(X, training=True))
    weights = theirs.get_weights()
    x = X
    if name == "SimpleRNNCell":  # Those with gates drop nothing.
        x = X * (rate != "dropout")
        weights[1] = weights[1] * (rate != "recurrent_dropout")
    plain.set_weights(weights)
    np.testing.assert_allclose(found, array(plain(x)), atol=1e-6)
    try:
        expected = theirs(X, training=True)
    except ValueError:
        pass  # Keras 3.12 refuses it on TensorFlow.
    else:
        np.testing.assert_allclose(found, array(expected), atol=1e-6)
    # The layer of the same name runs, and gives the same numbers.
    layer = getattr(kerasrnn.layers, name[:-4])(
        4, implementation=implementation, **{rate: 1.0}
    )
    layer.build(X.shape)
    layer.set_weights(theirs.get_weights())
    np.testing.assert_allclose(
        array(layer(X, training=True)), array(ours(X, training=True)), atol=1e-6
    )


@pytest.fixture
def floatx(request):
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("floatx", ["float64", "float16"], indirect=True)
@pytest.mark.parametrize("layer_class", FAMILIES)
def test_layers_compute_in_floatx_as_those_of_keras(layer_class, floatx):
    if keras.backend.backend() == "jax" and floatx == "float64":
        pytest.skip("JAX has no float64 unless it is told at its start")
    # torch has no orthogonal initializer in float16.
    options = {"return_sequences": True, "recurrent_initializer": "glorot_uniform"}
    theirs = getattr(keras.layers, layer_class.__name__)(4, **options)
    ours = layer_class(4, dropout=0.2, **options)
    theirs.build(X.shape)
    ours.build(X.shape)
    ours.set_weights(theirs.get_weights())
    mask = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]], bool)
    expected, found = theirs(X, mask=mask), ours(X, mask=mask)
    assert keras.backend.standardize_dtype(found.dtype) == floatx
    # Keras multiplies float64 in float32 on torch; torch's own loops do not.
    double = 1e-6 if keras.backend.backend() == "torch" else 1e-12
    np.testing.assert_allclose(
        array(found).astype("float64"),
        array(expected).astype("float64"),
        atol=double if floatx == "float64" else 4e-3,
    )
    trained = ours(X, mask=mask, training=True)
    assert keras.backend.standardize_dtype(trained.dtype) == floatx


@pytest.mark.parametrize("floatx", ["float64", "float16"], indirect=True)
@pytest.mark.parametrize("attention", [BahdanauAttention(3), LuongAttention("concat")])
def test_a_decoder_computes_in_floatx(attention, floatx):
    if keras.backend.backend() == "jax" and floatx == "float64":
        pytest.skip("JAX has no float64 unless it is told at its start")
    attention = type(attention).from_config({**attention.get_config(), "dtype": floatx})
    cell = AttentionCell(
        GRUCell(4, recurrent_initializer="glorot_uniform"),
        attention,
        attention_layer_size=5,
        input_feeding=True,
    )
    decoder = RNN(cell, return_sequences=True)
    memory = np.random.default_rng(1).standard_normal((2, 6, 4))
    outputs = decoder(X, memory=memory)
    state = None
    for t in range(X.shape[1]):
        y, state = decoder.step(X[:, t], state, memory=memory)
        assert keras.backend.standardize_dtype(y.dtype) == floatx
        np.testing.assert_allclose(
            array(y).astype("float64"),
            array(outputs)[:, t].astype("float64"),
            atol=1e-10 if floatx == "float64" else 4e-3,
        )
