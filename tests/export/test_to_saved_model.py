"""Any Keras model as a SavedModel: named inputs and outputs, and a report."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrnn import layers
from kerasrnn.export import streaming, to_saved_model

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow writes SavedModels"
)


def tagger(namespace):
    ids = keras.Input((None,), dtype="int32", name="word ids")
    x = keras.layers.Embedding(20, 4, mask_zero=True)(ids)
    x = namespace.Bidirectional(namespace.GRU(3, return_sequences=True))(x)
    outputs = {"tags": keras.layers.Dense(5)(x), "sums": keras.ops.sum(x, axis=1)}
    return keras.Model(ids, outputs)


@pytest.mark.parametrize(
    "namespace", [layers, pytest.param(keras.layers, marks=pytest.mark.slow)]
)
def test_a_model_of_two_outputs(namespace, tmp_path):
    model = tagger(namespace)
    report = to_saved_model(model, tmp_path / "tagger", version=2)
    assert report.path == tmp_path / "tagger" / "2"
    assert report.format == "saved_model" and report.size > 1000
    assert report.operators["MatMul"] > 0 and report.largest_difference < 1e-5
    assert "largest difference from the model" in str(report)
    code = (
        "import sys; sys.modules['keras'] = sys.modules['kerasrnn'] = None\n"
        "import tensorflow as tf\n"
        "serve = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "found = serve(word_ids=tf.constant([[3, 4, 0], [5, 0, 0]]))\n"
        "print(*found['tags'].numpy().ravel().tolist())\n"
        "print(*found['sums'].numpy().ravel().tolist())\n"
    )
    command = [sys.executable, "-c", code, str(report.path)]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    expected = model(np.array([[3, 4, 0], [5, 0, 0]], "int32"))
    for line, name in zip(output.decode().splitlines(), ("tags", "sums"), strict=True):
        found = np.array(line.split(), "float32")
        np.testing.assert_allclose(found, np.ravel(expected[name]), atol=1e-5)


def test_a_stream(tmp_path):
    frames = keras.Input((None, 3), name="frames")
    model = keras.Model(frames, layers.LSTM(4, name="reader")(frames))
    report = to_saved_model(streaming(model), tmp_path / "step")
    step = tf.saved_model.load(str(report.path)).signatures["serving_default"]
    signal = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    states = {f"reader_{name}": np.zeros((2, 4), "float32") for name in "hc"}
    for t in range(6):
        found = step(frames=tf.constant(signal[:, t : t + 1]), **states)
        states = {name: found[f"next_{name}"] for name in states}
    np.testing.assert_allclose(found["reader"], model(signal), atol=1e-6)


def test_rows_that_are_fixed_stay_so(tmp_path):
    x = keras.Input(batch_shape=(2, 5, 3), name="x")
    layer = layers.GRU(4, stateful=True, name="reader")
    model = keras.Model(x, layer(x))
    sample = np.ones((2, 5, 3), "float32")
    model(sample)
    before = keras.ops.convert_to_numpy(layer.states[0])
    report = to_saved_model(model, tmp_path / "model", sample=sample)
    assert report.largest_difference < 1e-6
    after = keras.ops.convert_to_numpy(layer.states[0])
    np.testing.assert_array_equal(after, before)
    serve = tf.saved_model.load(str(report.path)).signatures["serving_default"]
    assert serve.structured_input_signature[1]["x"].shape == (2, 5, 3)


def test_what_is_wrong_is_told_and_nothing_is_left(tmp_path):
    model = tagger(layers)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"`path` must be a folder; .*file is a file"):
        to_saved_model(model, tmp_path / "file")
    with pytest.raises(ValueError, match="`version` must be a positive integer; got 0"):
        to_saved_model(model, tmp_path / "model", version=0)
    unbuilt = keras.Sequential([layers.GRU(2)])
    with pytest.raises(ValueError, match="`model` must be built"):
        to_saved_model(unbuilt, tmp_path / "model")
    with pytest.raises(ValueError, match="`sample` must have an array for each"):
        to_saved_model(model, tmp_path / "model", sample=np.ones((2, 3, 4)))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
