"""How near are ONNX files to their models, and how fast beside SavedModels?

    python benchmarks/onnx_export.py [--models 500] [--no-speed]
        [--tf2onnx-python PYTHON]

First random models of both libraries: the largest difference between ONNX Runtime and
the model, by family, with a count of those that are off by more than 1e-5 or have not
exactly one recurrent operator a layer. Then one layer in each format, at the same
weights and input, in turns. `--tf2onnx-python` names an environment with Keras,
TensorFlow and tf2onnx, which writes Keras's own ONNX file of the layer.
"""

import collections
import functools
import os
import pathlib
import subprocess
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
from random_models import random_model
from timing import (
    SHAPES,
    Report,
    judged,
    make_layer,
    medians,
    milliseconds,
    number,
    parser,
    take_turns,
)

import kerasrnn.layers
from kerasrnn.export import to_onnx

LIBRARIES = {"kerasrnn.layers": kerasrnn.layers, "keras.layers": keras.layers}
OPERATORS = {"SimpleRNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
LOOPS = {"Loop", "Scan", "If"}
LIMIT = 1e-5
SIZES = {"A": SHAPES["A"], "C": SHAPES["C"], "one step": (1, 1, 64, 64)}
ONNX, SAVED, KERAS = "ONNX", "SavedModel", "Keras's ONNX by tf2onnx"
# The least that ONNX may be faster, at each shape.
TARGETS = {("A", SAVED): 2, ("C", SAVED): 3, ("C", KERAS): 3}
BY_TF2ONNX = """
import sys, keras, numpy as np
family, units, steps, features, weights, path = sys.argv[1:]
x = keras.Input((int(steps), int(features)))
layer = getattr(keras.layers, family)(int(units), return_sequences=True)
model = keras.Model(x, layer(x))
with np.load(weights) as arrays:
    model.set_weights([arrays[name] for name in arrays.files])
model(np.zeros((1, int(steps), int(features)), "float32"))  # or Keras refuses
model.export(path, format="onnx", verbose=False)
"""


def differences(count, folder):
    """Of each library and family: models, the largest difference, and those off."""
    found = collections.defaultdict(list)
    for seed in range(count):
        library = list(LIBRARIES)[seed % len(LIBRARIES)]
        drawn = random_model(LIBRARIES[library], seed)
        path = pathlib.Path(folder, "model.onnx")
        report = to_onnx(drawn.model, path, sample=drawn.inputs)
        nodes = {o: report.operators.get(o, 0) for o in OPERATORS.values()}
        wanted = collections.Counter(OPERATORS[family] for family in drawn.families)
        one_each = nodes == {o: wanted[o] for o in nodes}
        off = report.largest_difference > LIMIT
        off = off or not one_each or bool(LOOPS & set(report.operators))
        name = " and ".join(sorted(set(drawn.families)))
        found[library, name].append((report.largest_difference, off))
    return found


def print_differences(report, count, folder):
    report.line(f"{count} random models, against the model itself")
    report.line()
    report.head(["layers of", "families", "models", "largest difference", "off"])
    for (library, name), values in sorted(differences(count, folder).items()):
        worst = max(difference for difference, _ in values)
        off = sum(off for _, off in values)
        report.row([library, name, str(len(values)), f"{worst:.1e}", str(off)])
    report.line()


def onnx_side(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, feeds)[0]


def saved_model_side(model, path, x):
    served = tf.Module()
    served.kept = [w.value for w in model.weights]
    specification = [tf.TensorSpec(x.shape, tf.float32)]
    serve = tf.function(model, input_signature=specification, autograph=False)
    tf.saved_model.save(served, path, signatures=serve)
    loaded = tf.saved_model.load(path)
    signature, argument = loaded.signatures["serving_default"], tf.constant(x)
    name = next(iter(signature.structured_input_signature[1]))
    call = functools.partial(signature, **{name: argument})
    call.kept = loaded  # whose variables the signature reads
    return lambda: next(iter(call().values())).numpy()


def keras_side(python, family, model, path, x):
    weights = f"{path}.npz"
    np.savez(weights, *model.get_weights())
    units = model.output_shape[-1]
    sizes = [str(units), str(x.shape[1]), str(x.shape[2])]
    command = [python, "-c", BY_TF2ONNX, family, *sizes, weights, path]
    environment = {**os.environ, "PYTHONPATH": ""}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return onnx_side(path, x)


def sides_of(family, shape, folder, tf2onnx_python):
    """Each format of one layer: name to a function that makes n calls."""
    batch, steps, features, units = SIZES[shape]
    rng = np.random.default_rng(1)
    x = rng.normal(size=(batch, steps, features)).astype("float32")
    layer = make_layer(kerasrnn.layers, family, units, return_sequences=True)
    # The batch is fixed in the SavedModel alone.
    input_ = keras.Input((steps, features))
    model = keras.Model(input_, layer(input_))
    place = f"{folder}/{family}-{shape.replace(' ', '-')}"
    to_onnx(model, f"{place}.onnx")
    calls = {
        ONNX: onnx_side(f"{place}.onnx", x),
        SAVED: saved_model_side(model, place, x),
    }
    if tf2onnx_python:
        path = f"{place}-keras.onnx"
        calls[KERAS] = keras_side(tf2onnx_python, family, model, path, x)
    expected = calls[SAVED]()
    for name, call in calls.items():
        error = np.abs(call() - expected).max()
        if not error <= LIMIT:
            raise ValueError(f"{name} of {family}, {shape} is off by {error:.1e}")
    return {name: functools.partial(milliseconds, call) for name, call in calls.items()}


def print_speed(report, arguments, folder):
    report.line("One layer, with all outputs, in ms; ratios are to ONNX")
    report.line()
    others = [SAVED, *([KERAS] if arguments.tf2onnx_python else [])]
    heads = [f"{name} / ONNX" for name in others]
    report.head(["layer", "shape", ONNX, *others, *heads])
    for family in ("LSTM", "GRU"):
        for shape in SIZES:
            python = arguments.tf2onnx_python
            sides = sides_of(family, shape, folder, python)
            times = medians(take_turns(sides, arguments.runs))
            ratios = [
                judged(times[name] / times[ONNX], least=TARGETS.get((shape, name)))
                for name in others
            ]
            cells = [number(times[name]) for name in (ONNX, *others)]
            report.row([family, shape, *cells, *ratios])
    report.line()


def main():
    options = parser(__doc__, runs=30)
    options.add_argument("--models", type=int, default=500, help="default: 500")
    options.add_argument("--no-speed", action="store_true", help="differences only")
    options.add_argument("--tf2onnx-python", metavar="PYTHON")
    arguments = options.parse_args()
    report = Report("onnx_export", arguments.write)
    report.machine([f"onnxruntime {onnxruntime.__version__}"])
    with tempfile.TemporaryDirectory() as folder:
        print_differences(report, arguments.models, folder)
        if not arguments.no_speed:
            print_speed(report, arguments, folder)
    report.close()


if __name__ == "__main__":
    main()
