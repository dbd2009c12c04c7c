"""Models of one step give the same numbers in the interpreter of microcontrollers.

pip install --pre tflite-micro
python -m pytest tests/export/test_tflite_micro.py
"""

import keras
import numpy as np
import pytest

from kerasrnn import layers
from kerasrnn.export import streaming, to_litert

runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")

STEPS = 50


def make(family):
    """A model that a microcontroller may have: 8 channels in, 3 classes out."""
    x = keras.Input((None, 8), name="frames")
    y = keras.layers.LayerNormalization()(x)
    y = getattr(layers, family)(16, return_sequences=True, name="first")(y)
    y = getattr(layers, family)(16, name="second")(y)
    return keras.Model(x, keras.layers.Dense(3, activation="softmax", name="y")(y))


@pytest.mark.parametrize("family", ["SimpleRNN", "LSTM", "GRU"])
def test_a_stream_in_tflite_micro(family, tmp_path):
    model, path = make(family), tmp_path / "step.tflite"
    step = streaming(model)
    to_litert(step, path)
    micro = runtime.Interpreter.from_file(str(path), arena_size=100_000)
    frames = np.random.default_rng(0).normal(size=(1, STEPS, 8)).astype("float32")
    # The file's inputs and outputs are those of the model, in their order.
    names = [tensor.name for tensor in step.inputs]
    states = {n: np.zeros((1, 16), "float32") for n in names if n != "frames"}
    for t in range(STEPS):
        values = {"frames": frames[:, t : t + 1], **states}
        for place, name in enumerate(names):
            micro.set_input(values[name], place)
        micro.invoke()
        results = {
            name: micro.get_output(k).copy() for k, name in enumerate(step.output_names)
        }
        states = {name: results[f"next_{name}"] for name in states}
        if t % 10 == 9:
            expected = model(frames[:, : t + 1])
            np.testing.assert_allclose(results["y"], expected, atol=1e-5)
