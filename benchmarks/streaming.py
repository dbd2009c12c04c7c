"""What does one step of a stream cost, by runtime?

    python benchmarks/streaming.py [--family GRU] [--units 64] [--features 64]

`kerasrnn.export.streaming` makes a model of one step out of a model of one recurrent
layer. It then goes step by step, its states handed on, in ONNX Runtime, in LiteRT, in a
compiled function of TensorFlow and in `predict`, each side for a stretch in turns. All
give the same numbers, which is checked before.
"""

import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from timing import Report, judged, medians, number, parser, take_turns

import kerasrnn.layers
from kerasrnn.export import streaming, to_litert, to_onnx

LEAST = {"TensorFlow, a compiled call": 5, "predict": 200}  # times ONNX Runtime's


class Stream:
    """Frames that come one by one, and the states between them.

    Args:
        run: From a dictionary of one step's inputs to one of its outputs.
        frames: (1, T, D).
        states: The states before the first step, by name.
    """

    def __init__(self, run, frames, states):
        self.run, self.frames, self.states = run, frames, states

    def outputs(self, count):
        """The outputs of the first `count` steps."""
        states, outputs = self.states, []
        for t in range(count):
            results = self.run({"frames": self.frames[:, t : t + 1], **states})
            states = {name: results[f"next_{name}"] for name in states}
            outputs.append(np.asarray(results["y"]))
        return np.concatenate(outputs)

    def times(self, count):
        """Milliseconds of each of `count` steps."""
        states, times = self.states, []
        for n in range(count):
            t = n % self.frames.shape[1]
            begin = time.perf_counter()
            results = self.run({"frames": self.frames[:, t : t + 1], **states})
            states = {name: results[f"next_{name}"] for name in states}
            times.append(1e3 * (time.perf_counter() - begin))
        return times


def runs_of(step, folder):
    """By runtime: from a dictionary of inputs to one of outputs."""
    to_onnx(step, folder / "step.onnx")
    to_litert(step, folder / "step.tflite")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "step.onnx"), options)
    names = [output.name for output in session.get_outputs()]
    signature = Interpreter(str(folder / "step.tflite")).get_signature_runner()
    compiled = tf.function(lambda inputs: step(inputs, training=False), autograph=False)
    return {
        "ONNX Runtime": lambda x: dict(zip(names, session.run(None, x), strict=True)),
        "LiteRT": lambda x: signature(**x),
        "TensorFlow, a compiled call": lambda x: compiled(
            {name: tf.convert_to_tensor(value) for name, value in x.items()}
        ),
        "predict": lambda x: step.predict(x, verbose=0),
    }


def main():
    options = parser(__doc__, runs=30)
    options.add_argument("--family", default="GRU")
    options.add_argument("--units", type=int, default=64)
    options.add_argument("--features", type=int, default=64)
    arguments = options.parse_args()
    report = Report("streaming", arguments.write)
    report.machine([f"onnxruntime {onnxruntime.__version__}"])
    x = keras.Input((None, arguments.features), name="frames")
    layer = getattr(kerasrnn.layers, arguments.family)(
        arguments.units, return_sequences=True, name="reader"
    )
    model = keras.Model(x, keras.layers.Dense(8, name="y")(layer(x)))
    step = streaming(model)
    frames = np.random.default_rng(1).normal(size=(1, 200, arguments.features))
    frames = frames.astype("float32")
    states = {
        tensor.name: np.zeros((1, arguments.units), "float32")
        for tensor in step.inputs
        if tensor.name != "frames"
    }
    expected = np.asarray(model(frames))[0]
    with tempfile.TemporaryDirectory() as folder:
        sides = {}
        for name, run in runs_of(step, pathlib.Path(folder)).items():
            stream = Stream(run, frames, states)
            difference = np.abs(stream.outputs(20)[:, 0] - expected[:20]).max()
            if not difference <= 1e-5:
                raise ValueError(f"{name} differs from the model by {difference:.1e}")
            sides[name] = stream.times
        times = medians(take_turns(sides, arguments.runs))
    report.line(
        f"One step of {arguments.family}({arguments.units}) and a Dense(8), of "
        f"{arguments.features} features; medians."
    )
    report.line()
    report.head(["runtime", "µs a step", "times ONNX Runtime"])
    for name, value in times.items():
        ratio = value / times["ONNX Runtime"]
        report.row([name, number(1e3 * value), judged(ratio, least=LEAST.get(name))])
    report.line()
    report.close()


if __name__ == "__main__":
    main()
