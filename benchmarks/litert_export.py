"""How small, near and fast are LSTM models in LiteRT, beside what Keras exports?

    python benchmarks/litert_export.py [--steps 50] [--features 128] [--units 256]
        [--texts 1000]

Models of one to three LSTM layers, in one direction and both, are written for LiteRT
at batch 1 by `kerasrnn.export.to_litert` and, of `keras.layers` with the same weights,
by Keras's `model.export(format="litert")`: as it is, with operators of TensorFlow's
("Flex") that LiteRT's own runtime has not, and, told that the batch is 1, of built-in
operators alone. Then the sentiment classifier for movies is written whole and with
weights of 8 bits, and all three judge the validation part of `movie_snippets`.
"""

import functools
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from timing import Report, judged, medians, milliseconds, number, parser, take_turns

import kerasrnn.layers
from kerasrnn.data import load_text_classification
from kerasrnn.export import to_litert
from kerasrnn.export.litert_file import count_operators
from kerasrnn.export.report import in_bytes
from kerasrnn.zoo import SentimentClassifier

LEAST_FASTER = 1.3
MOST_OF_THE_SIZE = 0.35
MOST_LOST = 1.0  # points of accuracy
BUILT_IN = "keras, built-in"
SIDES = ("ours", "keras", BUILT_IN)
FUSED = "UNIDIRECTIONAL_SEQUENCE_LSTM"


def model_of(namespace, depth, bidirectional, shape, units):
    """A model of `depth` layers, and ten classes."""
    inputs = y = keras.Input(batch_shape=(1, *shape), name="x")
    for place in range(depth):
        layer = namespace.LSTM(units, return_sequences=place < depth - 1)
        y = namespace.Bidirectional(layer)(y) if bidirectional else layer(y)
    return keras.Model(inputs, keras.layers.Dense(10, name="classes")(y))


def prepare(path, x):
    """A function of n, which runs a file n times; and its outputs."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (given,), (result,) = (
        interpreter.get_input_details(),
        interpreter.get_output_details(),
    )

    def call():
        interpreter.set_tensor(given["index"], x)
        interpreter.invoke()

    call()
    outputs = interpreter.get_tensor(result["index"])
    return functools.partial(milliseconds, call), outputs


def compare(depth, bidirectional, arguments, folder):
    """A row of the table for each side, and Keras's time over ours."""
    shape, units = (arguments.steps, arguments.features), arguments.units
    ours = model_of(kerasrnn.layers, depth, bidirectional, shape, units)
    theirs = model_of(keras.layers, depth, bidirectional, shape, units)
    theirs.set_weights(ours.get_weights())
    paths = {side: folder / f"{place}.tflite" for place, side in enumerate(SIDES)}
    to_litert(ours, paths["ours"])
    built_in = {
        "input_signature": [tf.TensorSpec((1, *shape), name="x")],
        "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]},
    }
    for side, options in (("keras", {}), (BUILT_IN, built_in)):
        theirs.export(str(paths[side]), format="litert", verbose=False, **options)
    x = np.random.default_rng(1).normal(size=(1, *shape)).astype("float32")
    expected, sides, rows = np.asarray(ours(x)), {}, []
    for side, path in paths.items():
        difference = None
        try:
            sides[side], outputs = prepare(path, x)
            difference = np.abs(outputs - expected).max()
        except RuntimeError as error:
            if "Flex" not in str(error):
                raise
        operators = count_operators(path.read_bytes())
        flex = sum(n for name, n in operators.items() if name.startswith("Flex"))
        rows.append(
            [
                side,
                in_bytes(path.stat().st_size),
                *map(str, (sum(operators.values()), operators.get(FUSED, 0))),
                *map(str, (operators.get("WHILE", 0), flex)),
                "–" if difference is None else f"{difference:.1e}",
            ]
        )
    times = medians(take_turns(sides, arguments.runs))
    ratio = times[BUILT_IN] / times["ours"]
    return [[*row, number(times.get(row[0]))] for row in rows], ratio


def print_models(report, arguments, folder):
    report.line(
        f"Batch 1, {arguments.steps} steps, {arguments.features} features, "
        f"{arguments.units} units; medians in ms."
    )
    report.line()
    heads = ["layers", "directions", "side", "size", "operators", "fused", "WHILE"]
    report.head([*heads, "Flex", "difference", "ms", "time / ours"])
    for depth in arguments.depths:
        for bidirectional in (False, True):
            rows, ratio = compare(depth, bidirectional, arguments, folder)
            for row in rows:
                text = judged(ratio, least=LEAST_FASTER) if row[0] == BUILT_IN else ""
                report.row([str(depth), str(1 + bidirectional), *row, text])
    report.line()


def accuracy(path, ids, labels):
    """Share of the texts whose class a file gives."""
    run = Interpreter(str(path)).get_signature_runner()
    (name,) = run.get_input_details()
    right = 0
    for row, label in zip(ids, labels, strict=True):
        (logits,) = run(**{name: row[None]}).values()
        right += int(np.argmax(logits) == label)
    return right / len(labels)


def print_quantized(report, arguments, folder):
    model = SentimentClassifier.from_preset("sentiment-movies")
    examples = load_text_classification("movie_snippets", "validation")
    texts = examples.texts[: arguments.texts]
    labels = np.argmax(examples.targets[: arguments.texts], axis=-1)
    ids = np.asarray(model.preprocessor(np.asarray(texts, object)))
    learned = load_text_classification("movie_snippets", "train").texts[:1000]
    calibration = np.asarray(model.preprocessor(np.asarray(learned, object)))
    width = max(ids.shape[1], calibration.shape[1])
    ids, calibration = (
        np.pad(a, ((0, 0), (0, width - a.shape[1]))) for a in (ids, calibration)
    )
    report.line(f"`sentiment-movies`, {len(labels):,} snippets of the validation part.")
    report.line()
    report.head(["quantize", "size", "of the whole", "accuracy", "points lost"])
    whole = None
    for quantize in (None, "dynamic", "full"):
        path = folder / "sentiment.tflite"
        options = {"calibration": calibration} if quantize == "full" else {}
        size = to_litert(
            model, path, sample=ids[:20], quantize=quantize, **options
        ).size
        share = accuracy(path, ids, labels)
        whole = whole or (size, share)
        most = None if quantize is None else MOST_OF_THE_SIZE
        lost = None if quantize is None else MOST_LOST
        report.row(
            [
                str(quantize),
                in_bytes(size),
                judged(size / whole[0], most=most),
                f"{share:.2%}",
                judged(100 * (whole[1] - share), most=lost),
            ]
        )
    report.line()


def main():
    options = parser(__doc__, runs=30)
    options.add_argument("--depths", nargs="+", type=int, default=[1, 2, 3])
    for name, default in (("steps", 50), ("features", 128), ("units", 256)):
        options.add_argument(f"--{name}", type=int, default=default)
    options.add_argument("--texts", type=int, default=10_000)
    arguments = options.parse_args()
    report = Report("litert_export", arguments.write)
    report.machine()
    with tempfile.TemporaryDirectory() as folder:
        print_models(report, arguments, pathlib.Path(folder))
        print_quantized(report, arguments, pathlib.Path(folder))
    report.close()


if __name__ == "__main__":
    main()
