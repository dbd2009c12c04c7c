"""Does the cost grow in line with batch and steps, and are odd sizes dearer?

    python benchmarks/scaling.py [--family LSTM]

Draws figures/scaling.png: the time of a training step against the batch, the steps, the
units and the rows. The last two pass through sizes that fill no register block; those
are held against the straight line through the round sizes on both sides of them.
"""

import functools
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from timing import (
    FAMILIES,
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

FIGURE = pathlib.Path(__file__).with_name("figures") / "scaling.png"
SIZES = {"batch": 32, "steps": 100, "features": 128, "units": 128}
# What grows, and how: (its name, sizes, those that make the straight line)
SWEEPS = (
    ("batch", (1, 2, 4, 8, 16, 32, 64, 128), None),
    ("steps", (10, 30, 100, 300, 1000), None),
    ("units", (16, 30, 31, 32, 33, 34, 48), (16, 32, 48)),
    ("batch", (16, 31, 32, 33, 48), (16, 32, 48)),
)
ONE = {"batch": "row", "steps": "step", "units": "unit"}
MOST = 1.3  # times the line


def training_step(namespace, family, sizes):
    layer = make_layer(namespace, family, sizes["units"], return_sequences=True)
    shape = (sizes["batch"], sizes["steps"], sizes["features"])
    layer.build(shape)

    @tf.function(autograph=False)
    def train(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(x, training=True)))
        return tape.gradient(loss, [w.value for w in layer.trainable_weights])

    x = tf.random.stateless_normal(shape, (0, 1))
    return functools.partial(milliseconds, functools.partial(train, x))


def measure(family, name, values, runs):
    """Milliseconds of both sides at every size, all of them taking turns."""
    sides = {}
    for value in values:
        sizes = SIZES | {name: value}
        for side, namespace in (("ours", kerasrnn.layers), ("keras", keras.layers)):
            sides[side, value] = training_step(namespace, family, sizes)
    times = medians(take_turns(sides, runs, seconds=60.0))
    return {
        side: [times[side, value] for value in values] for side in ("ours", "keras")
    }


def lines(values, times, line):
    """The straight line at each size, through the times at the sizes of `line`."""
    at = [times[values.index(size)] for size in line]
    return np.interp(values, line, at)


def table(report, name, values, times, line):
    report.line()
    heads = [name, "ours, ms", "keras, ms", f"ours, µs a {ONE[name]}"]
    report.head([*heads, *(["ours / straight line"] if line else [])])
    straight = lines(values, times["ours"], line) if line else None
    for index, value in enumerate(values):
        ours, theirs = times["ours"][index], times["keras"][index]
        cells = [str(value), number(ours), number(theirs), number(1e3 * ours / value)]
        if line:
            odd = value not in line
            cells.append(judged(ours / straight[index], most=MOST) if odd else "")
        report.row(cells)


def draw(axes, name, values, times, line):
    for side, marker in (("ours", "o"), ("keras", "s")):
        axes.plot(values, times[side], marker=marker, label=side)
    if line:
        straight = lines(values, times["ours"], line)
        axes.plot(values, straight, "k:", label="straight line")
        axes.set_ylim(bottom=0)
    else:
        axes.set(xscale="log", yscale="log")
    axes.set_xlabel({"batch": "rows of the batch"}.get(name, name))
    axes.set_ylabel("training step, ms")
    axes.grid(alpha=0.3, which="both")
    axes.legend()


def main():
    options = parser(__doc__, runs=9)
    options.add_argument("--family", default="LSTM", choices=FAMILIES)
    arguments = options.parse_args()
    report = Report("scaling", arguments.write)
    report.machine()
    others = ", ".join(f"{name} {value}" for name, value in SIZES.items())
    report.line(f"Training step of {arguments.family}; otherwise {others}.")
    figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for panel, (name, values, line) in zip(axes.flat, SWEEPS, strict=True):
        times = measure(arguments.family, name, values, arguments.runs)
        table(report, name, values, times, line)
        draw(panel, name, values, times, line)
    figure.suptitle(f"{arguments.family}: otherwise {others}")
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    report.close()


if __name__ == "__main__":
    main()
