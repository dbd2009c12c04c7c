import keras
import numpy as np
import pytest

from kerasrnn import layers as ours
from kerasrnn.export import to_onnx

onnxruntime = pytest.importorskip("onnxruntime")


def run(path, *inputs):
    """What ONNX Runtime makes of inputs, in the model's order."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


@pytest.mark.parametrize("namespace", [ours, keras.layers])
def test_a_model_of_each_family(tmp_path, namespace):
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(10, 4, mask_zero=True)(ids)
    x = namespace.LSTM(3, return_sequences=True)(x)
    x = namespace.Bidirectional(namespace.GRU(3, return_sequences=True))(x)
    x = namespace.SimpleRNN(5)(x)
    model = keras.Model(ids, keras.layers.Dense(2, activation="softmax")(x))
    report = to_onnx(model, tmp_path / "model.onnx")
    operators = report.operators
    assert [operators.get(name) for name in ("LSTM", "GRU", "RNN")] == [1, 1, 1]
    assert not {"Loop", "Scan", "If"} & set(operators)
    batch = np.array([[1, 2, 3, 4], [5, 4, 0, 0], [0, 0, 0, 0]], "int32")
    (found,) = run(report.path, batch)
    np.testing.assert_allclose(found, model(batch), atol=1e-6)
