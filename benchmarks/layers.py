"""How fast are the layers beside keras.layers and others, at the same numbers?

    python benchmarks/layers.py [--families LSTM GRU] [--shapes A B C] [--jit]
        [--torch] [--torch-python PYTHON] [--jax] [--jax-python PYTHON]

All sides have the same weights and input, are checked to compute the same, and then
work in turns: a forward pass and a training step (up to the gradients of the weights;
the loss is the mean square of the output at every step) in compiled functions, and a
forward pass as a plain eager call.
"""

import functools
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from timing import (
    FAMILIES,
    SHAPES,
    Report,
    judged,
    make_layer,
    medians,
    milliseconds,
    minima,
    number,
    parser,
    take_turns,
)
from worker import Worker

import kerasrnn.layers
from kerasrnn.kernels import use_kernel

WHAT = ("forward", "train", "eager")
TOLERANCE = 2e-4  # of the largest value of an array

# Side: (its layers, kernel, jit_compile)
LOCAL = {
    "ours": (kerasrnn.layers, "auto", False),
    "ours, tensorflow": (kerasrnn.layers, "tensorflow", False),
    "keras": (keras.layers, "auto", False),
    "keras, jit": (keras.layers, "auto", True),
}
RATIOS = (
    ("keras", "ours"),
    ("keras", "ours, tensorflow"),
    ("keras, jit", "ours"),
    ("torch 2", "ours"),
    ("keras on JAX", "ours on JAX"),
)
WORKERS = ("torch 2", "torch 1", "keras on JAX", "ours on JAX")
# The least that each ratio may be at the shapes A to E.
GATED = {
    ("keras", "ours", "train"): (2.7, 2.2, 5.5, 1.3, 3.8),
    ("keras", "ours", "forward"): (2.3, 2.3, 3.5, 1.4, 3.0),
    ("torch 2", "ours", "train"): (1.5, 1.8, 1.2, 1.3, 2.0),
    ("torch 2", "ours", "forward"): (1.1, 1.4, 1.0, 1.1, 1.2),
}
OF_FAMILY = {
    "SimpleRNN": {
        ("keras", "ours", "train"): (2,) * 5,
        ("keras", "ours", "forward"): (2,) * 5,
    },
    "LSTM": {
        **GATED,
        ("keras", "ours, tensorflow", "train"): (1.44, 1.06, 3.9, 1.08, 2.1),
        ("keras", "ours, tensorflow", "forward"): (1.48, 1.47, 2.5, 1.14, 1.6),
    },
    "GRU": GATED,
    "GRU-reset-before": GATED,
}
EAGER = {("keras", "ours", "eager"): (8, None, 25, None, None)}


def target(family, shape, what, pair):
    """The least that a ratio may be: nothing is slower than its counterpart."""
    fallback = None if what == "eager" or "torch 2" in pair else 1
    of_shapes = {**OF_FAMILY[family], **EAGER}.get((*pair, what), (fallback,) * 5)
    return of_shapes[list(SHAPES).index(shape)]


def gemm_rate():
    """Floating-point operations a millisecond, at best, in a large product."""
    a, b = tf.random.normal((2048, 1024)), tf.random.normal((1024, 2048))
    best = min(milliseconds(lambda: tf.matmul(a, b), 20))
    return 2 * 2048 * 1024 * 2048 / best


def operations(family, shape, what):
    """Floating-point operations in the products of matrices."""
    batch, steps, features, units = SHAPES[shape]
    columns = FAMILIES[family][2] * units
    forward = 2 * batch * steps * (features + units) * columns
    if what != "train":
        return forward
    # As much again for the weights' gradients, and for the states', not the input's.
    return 3 * forward - 2 * batch * steps * features * columns


def local_call(layer, what, jit):
    """A call of a TensorFlow layer."""

    def forward(x):
        return [layer(x, training=False)]

    def train(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(x, training=True)))
        weights = [w.value for w in layer.trainable_weights]
        return [loss, *tape.gradient(loss, weights)]

    if what == "eager":
        return forward
    step = train if what == "train" else forward
    return tf.function(step, autograph=False, jit_compile=jit)


def check(results, expected, side):
    """Raises: the sides do not compute the same."""
    for mine, theirs in zip(results, expected, strict=True):
        error = np.abs(mine - theirs).max() / np.abs(theirs).max()
        if not error <= TOLERANCE:
            raise ValueError(f"{side} differs from keras by {error:.1e} of the largest")


def prepare(family, shape, what, last, jit, workers):
    """Every side that can do this: name to a function that makes n calls."""
    batch, steps, features, units = SHAPES[shape]
    x = np.random.default_rng(1).normal(size=(batch, steps, features))
    x = x.astype("float32")
    input_, weights, sides, results = tf.constant(x), None, {}, {}
    for side, (namespace, kernel, compiled) in LOCAL.items():
        if compiled and (what == "eager" or not jit):
            continue
        layer = make_layer(namespace, family, units, return_sequences=not last)
        layer.build(x.shape)
        if weights is None:
            weights = layer.get_weights()
            # Biases of zero and one would hide a wrong one.
            weights[2] = np.random.default_rng(2).normal(0, 0.1, weights[2].shape)
            weights[2] = weights[2].astype("float32")
        layer.set_weights(weights)
        call = functools.partial(local_call(layer, what, compiled), input_)
        with use_kernel(kernel):
            results[side] = [np.asarray(r) for r in call()]
        if what == "eager":
            call = use_kernel(kernel)(call)
        sides[side] = functools.partial(milliseconds, call)
    for side, worker in workers.items():
        if side.startswith("torch") and family == "GRU-reset-before":
            continue
        if "JAX" in side and what == "eager":
            continue
        results[side] = worker.prepare(
            family=family, what=what, last=last, weights=weights, x=x
        )
        sides[side] = worker.run
    for side, values in results.items():
        check(values, results["keras"], f"{side}, {family}, {shape}, {what}")
    return sides


def start_workers(arguments):
    workers = {}
    if arguments.torch:
        for threads in (2, 1):
            python = arguments.torch_python
            workers[f"torch {threads}"] = Worker("torch", python, threads)
    if arguments.jax:
        for name in ("keras", "ours"):
            python = arguments.jax_python
            workers[f"{name} on JAX"] = Worker(f"jax-{name}", python, 2)
    return workers


def print_table(report, title, rows, rate):
    """Milliseconds, share of the floor, and ratios with their targets."""
    measured = set().union(*(times for *_, times in rows))
    sides = [s for s in [*LOCAL, *WORKERS] if s in measured]
    ratios = [pair for pair in RATIOS if set(pair) <= measured]
    report.line(f"{title}, in ms")
    report.line()
    heads = [f"{a} / {b}" for a, b in ratios]
    report.head(["layer", "shape", "what", *sides, "floor", "share", *heads])
    for family, shape, what, times in rows:
        floor = operations(family, shape, what) / rate
        cells = [number(times.get(side)) for side in sides]
        cells += [number(floor), f"{floor / times['ours']:.0%}"]
        for pair in ratios:
            there = set(pair) <= set(times)
            value = times[pair[0]] / times[pair[1]] if there else None
            cells.append(judged(value, least=target(family, shape, what, pair)))
        report.row([family, shape, what, *cells])
    report.line()


def main():
    options = parser(__doc__, runs=15)
    options.add_argument("--families", nargs="+", default=["SimpleRNN", "LSTM", "GRU"])
    options.add_argument("--shapes", nargs="+", default=list(SHAPES))
    options.add_argument("--what", nargs="+", default=WHAT, choices=WHAT)
    options.add_argument("--last", action="store_true", help="the last output only")
    options.add_argument("--jit", action="store_true", help="keras.layers under XLA")
    options.add_argument("--torch", action="store_true", help="torch.nn")
    options.add_argument("--torch-python", default=sys.executable)
    options.add_argument("--jax", action="store_true", help="both on Keras's JAX")
    options.add_argument("--jax-python", default=sys.executable)
    arguments = options.parse_args()
    workers = start_workers(arguments)
    report = Report("layers", arguments.write)
    report.machine({worker.version: None for worker in workers.values()})
    rate = gemm_rate()
    report.line(f"Large products of matrices run at {rate / 1e6:.0f} GFLOP/s.")
    report.line()
    rows = []
    for family in arguments.families:
        for shape in arguments.shapes:
            for what in arguments.what:
                sides = prepare(
                    family, shape, what, arguments.last, arguments.jit, workers
                )
                times = take_turns(sides, arguments.runs)
                rows.append((family, shape, what, times))
                middle = medians(times)
                line = ", ".join(f"{k} {number(v)}" for k, v in middle.items())
                print(f"{family} {shape} {what}: {line}", file=sys.stderr, flush=True)
    for title, statistic in (("Medians", medians), ("Minima", minima)):
        summary = [(*row[:3], statistic(row[3])) for row in rows]
        print_table(report, title, summary, rate)
    for worker in workers.values():
        worker.close()
    report.close()


if __name__ == "__main__":
    main()
