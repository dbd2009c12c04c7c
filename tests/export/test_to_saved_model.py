"""Any Keras model as a SavedModel: named inputs and outputs, and a report."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrnn import layers
from kerasrnn.export import streaming, to_litert, to_onnx, to_saved_model
from kerasrnn.export.litert import largest_difference
from kerasrnn.export.model_inputs import ModelInputs, output_names

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow writes SavedModels"
)


def tagger(namespace):
    ids = keras.Input((None,), dtype="int32", name="word ids")
    x = keras.layers.Embedding(20, 4, mask_zero=True)(ids)
    x = namespace.Bidirectional(namespace.GRU(3, return_sequences=True))(x)
    outputs = {"tags": keras.layers.Dense(5)(x), "sums": keras.ops.sum(x, axis=1)}
    return keras.Model(ids, outputs)


@pytest.mark.slow
@pytest.mark.parametrize("namespace", [layers, keras.layers])
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


@pytest.mark.long
@pytest.mark.parametrize("write", [to_saved_model, to_litert, to_onnx])
def test_each_output_has_a_name_of_its_own(write, tmp_path):
    x = keras.Input((5, 3), name="x")
    y, h, c = layers.LSTM(4, return_state=True, name="reader")(x)
    of_list = keras.Model(x, [y, h, c])
    of_keys = keras.Model(x, {"a": [y, c], "b": y})
    assert output_names(of_list) == ["reader", "reader_1", "reader_2"]
    assert output_names(of_keys) == ["a_0", "a_1", "b"]
    sample = np.random.default_rng(0).normal(size=(1, 5, 3)).astype("float32")
    suffix = {to_onnx: ".onnx", to_litert: ".tflite"}.get(write, "")
    for model in (of_list, of_keys):
        path = tmp_path / f"{model.name}{suffix}"
        write(model, path, sample=sample)
        found = answers_of(path, sample)
        expected = keras.tree.flatten(model(sample))
        assert sorted(found) == output_names(model)
        for name, value in zip(output_names(model), expected, strict=True):
            np.testing.assert_allclose(found[name], value, atol=1e-5)


def answers_of(path, x):
    """What a file with an input "x" gives, by name."""
    if path.suffix == ".onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(path)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, {"x": x}), strict=True))
    if path.suffix == ".tflite":
        interpreter = pytest.importorskip("ai_edge_litert.interpreter")
        return interpreter.Interpreter(str(path)).get_signature_runner()(x=x)
    return tf.saved_model.load(str(path)).signatures["serving_default"](
        x=tf.constant(x)
    )


def test_a_model_of_a_class_of_its_own(tmp_path):
    class Reader(keras.Model):
        def __init__(self):
            super().__init__()
            self.reader = layers.GRU(4)

        def call(self, x):
            return self.reader(x)

    model, sample = Reader(), np.ones((2, 5, 3), "float32")
    model(sample)
    report = to_saved_model(model, tmp_path / "model", sample=sample)
    assert report.largest_difference < 1e-6
    serve = tf.saved_model.load(str(report.path)).signatures["serving_default"]
    found = serve(inputs=tf.ones((3, 5, 3)))["output"]
    np.testing.assert_allclose(found, model(np.ones((3, 5, 3), "float32")), atol=1e-6)


@pytest.mark.parametrize("write", [to_saved_model, to_litert])
def test_what_is_no_number_is_compared_too(write, tmp_path):
    if write is to_litert:
        pytest.importorskip("ai_edge_litert")
    x = keras.Input((2,))
    logarithm = keras.Model(x, {"y": keras.ops.log(x)})
    path = tmp_path / ("model.tflite" if write is to_litert else "model")
    sample = np.array([[-1.0, 0.0], [2.0, 3.0]], "float32")  # NaN, −∞ and numbers
    assert write(logarithm, path, sample=sample).largest_difference < 1e-6
    if write is to_litert:
        square = keras.Model(x, {"y": keras.ops.square(x)})
        inputs = ModelInputs(square, 1, None, sample)
        assert largest_difference(square, path.read_bytes(), inputs) == np.inf


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
    with pytest.raises(ValueError, match=r"`sample` .*\(2, 5, 3\).*got \[\(3, 5, 3\)"):
        to_saved_model(model, tmp_path / "other", sample=np.ones((3, 5, 3)))
    assert not (tmp_path / "other").exists()


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
