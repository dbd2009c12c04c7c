"""Models of one step give the same numbers in the interpreter of microcontrollers.

pip install --pre tflite-micro
python -m pytest tests/export/test_tflite_micro.py
"""

import keras
import numpy as np
import pytest
from keras import ops

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


def stream(run, step, frames):
    """y after the last of `frames` (B, T, 8), and all inputs on the way, by name."""
    rows = len(frames)
    states = {
        tensor.name: np.zeros((rows, 16), "float32")
        for tensor in step.inputs
        if tensor.name != "frames"
    }
    seen = {tensor.name: [] for tensor in step.inputs}
    for t in range(frames.shape[1]):
        given = {"frames": frames[:, t : t + 1], **states}
        for name, value in given.items():
            seen[name].append(value)
        results = run(given)
        states = {name: np.asarray(results[f"next_{name}"]) for name in states}
    return results["y"], {name: np.concatenate(v) for name, v in seen.items()}


def in_micro(path, step):
    """A step in the interpreter, from and to dictionaries.

    It knows no names: the file's inputs and outputs are in the model's order.
    """
    micro = runtime.Interpreter.from_file(str(path), arena_size=100_000)

    def run(given):
        for place, tensor in enumerate(step.inputs):
            micro.set_input(given[tensor.name], place)
        micro.invoke()
        names = enumerate(step.output_names)
        return {name: micro.get_output(place).copy() for place, name in names}

    return run


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("family", ["SimpleRNN", "LSTM", "GRU"])
def test_a_stream_in_tflite_micro(family, tmp_path):
    model, path = make(family), tmp_path / "step.tflite"
    step, frames = streaming(model), normal(1, STEPS, 8)
    to_litert(step, path)
    found, _ = stream(in_micro(path, step), step, frames)
    np.testing.assert_allclose(found, model(frames), atol=1e-5)


@pytest.mark.parametrize("family", ["LSTM", "GRU"])
def test_a_stream_of_8_bits_in_tflite_micro(family, tmp_path):
    model, path = make(family), tmp_path / "step.tflite"
    step, frames = streaming(model), normal(16, STEPS, 8)

    def on_tensors(given):
        return step({name: ops.convert_to_tensor(v) for name, v in given.items()})

    expected, calibration = stream(on_tensors, step, frames)
    to_litert(step, path, quantize="full", calibration=calibration)
    found, _ = stream(in_micro(path, step), step, frames[:1])
    np.testing.assert_allclose(found, expected[:1], atol=0.05)
