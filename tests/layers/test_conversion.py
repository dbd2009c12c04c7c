"""The layers where models go: files, exports, compilers, devices, wrappers."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.layers import GRU, LSTM, RNN, Bidirectional, LSTMCell, SimpleRNN

X = np.random.default_rng(0).standard_normal((6, 7, 4)).astype("float32")
only_on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="a conversion of TensorFlow's"
)


def model_of_all_families(namespace=None, dtype=None, batch_shape=(None, None, 4)):
    if namespace is None:
        from kerasrnn import layers as namespace
    inputs = keras.Input(batch_shape=batch_shape)
    x = keras.layers.Masking()(inputs)
    x = namespace.SimpleRNN(5, return_sequences=True, dtype=dtype)(x)
    x = namespace.Bidirectional(namespace.LSTM(3, return_sequences=True, dtype=dtype))(
        x
    )
    x = namespace.RNN([namespace.GRUCell(4), namespace.LSTMCell(3)])(x)
    return keras.Model(inputs, x)


def padded():
    x = X.copy()
    x[0, 4:] = 0
    x[1] = 0
    return x


def test_keras_file(tmp_path):
    model = model_of_all_families()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(again.layers[2], SimpleRNN)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(again(padded())), ops.convert_to_numpy(model(padded()))
    )


def test_clone_model():
    model = model_of_all_families()
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(
        ops.convert_to_numpy(clone(X)), ops.convert_to_numpy(model(X))
    )


@pytest.mark.slow
@only_on_tensorflow
def test_saved_model_in_a_process_without_keras(tmp_path):
    model = model_of_all_families()
    model.export(str(tmp_path / "exported"), verbose=False)
    np.save(tmp_path / "x.npy", padded())
    script = """
import sys
import numpy as np
import tensorflow as tf
sys.modules["keras"] = sys.modules["kerasrnn"] = None
served = tf.saved_model.load("exported")
np.save("y.npy", served.serve(tf.constant(np.load("x.npy"))))
"""
    subprocess.run(
        [sys.executable, "-c", script], check=True, cwd=tmp_path, timeout=300
    )
    expected = model.predict(padded(), verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)


@only_on_tensorflow
@pytest.mark.parametrize(
    "layer_class",
    [LSTM, *(pytest.param(c, marks=pytest.mark.slow) for c in (SimpleRNN, GRU))],
)
def test_fit_with_jit_compile_learns_what_fit_without_learns(layer_class):
    y = X.sum((1, 2))[:, None]
    losses = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.Input((7, 4)), layer_class(8), keras.layers.Dense(1)]
        )
        model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=jit_compile)
        history = model.fit(X, y, epochs=3, batch_size=6, verbose=0)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    assert losses[0][-1] < losses[0][0]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("layer_class", [SimpleRNN, LSTM, GRU])
def test_mixed_precision_is_that_of_keras(layer_class, policy):
    theirs = getattr(keras.layers, layer_class.__name__)(5, dtype=policy)
    ours = layer_class(5, dtype=policy)
    theirs.build(X.shape)
    ours.build(X.shape)
    ours.set_weights(theirs.get_weights())
    found, expected = ours(X), theirs(X)
    assert found.dtype == expected.dtype
    assert {w.dtype for w in ours.weights} == {"float32"}
    precision = 2e-3 if policy == "mixed_float16" else 2e-2
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.cast(found, "float32")),
        ops.convert_to_numpy(ops.cast(expected, "float32")),
        atol=precision,
    )


@pytest.mark.slow
@only_on_tensorflow
def test_mirrored_strategy_learns_what_one_device_learns(tmp_path):
    script = """
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
from kerasrnn.layers import LSTM

def weights(strategy):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras.Sequential([keras.Input((7, 4)), LSTM(3)])
        model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.random.default_rng(0).standard_normal((8, 7, 4)).astype("float32")
    model.fit(x, np.ones((8, 3)), batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()

one = weights(tf.distribute.OneDeviceStrategy("CPU:0"))
two = weights(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
for a, b in zip(one, two):
    np.testing.assert_allclose(a, b, atol=1e-6)
print("the same")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300
    )
    assert "the same" in done.stdout, done.stderr[-2000:]


def test_wrappers_of_keras():
    x = np.stack([X, X[::-1]], 1)
    inner = GRU(3)
    outer = keras.layers.TimeDistributed(inner)
    np.testing.assert_allclose(
        ops.convert_to_numpy(outer(x))[:, 1],
        ops.convert_to_numpy(inner(X[::-1])),
        atol=1e-6,
    )
    both = keras.layers.Bidirectional(LSTM(3, return_sequences=True))
    ours = Bidirectional(LSTM(3, return_sequences=True))
    both.build(X.shape)
    ours.build(X.shape)
    ours.set_weights(both.get_weights())
    np.testing.assert_allclose(
        ops.convert_to_numpy(ours(X)), ops.convert_to_numpy(both(X)), atol=1e-6
    )


def test_explicit_cells_match_the_layer():
    layer, round_cell = LSTM(3), RNN(LSTMCell(3))
    layer.build(X.shape)
    round_cell.build(X.shape)
    round_cell.set_weights(layer.get_weights())
    np.testing.assert_array_equal(
        ops.convert_to_numpy(layer(X)), ops.convert_to_numpy(round_cell(X))
    )
