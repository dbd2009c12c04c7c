"""Does the cost grow in line with batch and steps, and are odd sizes dearer?

    python benchmarks/scaling.py [--family LSTM]
    python benchmarks/scaling.py --draw benchmarks/README.md

Draws figures/scaling.png: the time of a training step against the batch, the steps, the
units and the rows. The last two pass through sizes that fill no register block; those
are held against the straight line through the round sizes on both sides of them. The
second command measures nothing and draws the tables of a page anew.
"""

import functools
import os
import pathlib
import re

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
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
from kerasrnn.inspection.figure_style import BLUE, ORANGE, QUIET, empty_figure, save

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


def tables_of(page):
    """What `table` wrote into a page: milliseconds of both sides, for each sweep."""
    text = pathlib.Path(page).read_text("utf-8")
    text = text.split("<!-- scaling -->")[1].split("<!-- /scaling -->")[0]
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    found = []
    for lines_of_table, (_, values, _) in zip(tables, SWEEPS, strict=True):
        rows = [line.strip("| \n").split("|") for line in lines_of_table.splitlines()]
        sizes, ours, theirs = zip(
            *(map(float, row[:3]) for row in rows[2:]), strict=True
        )
        assert sizes == values, f"{page} has other sizes than are measured now."
        found.append({"ours": ours, "keras": theirs})
    return found


def draw(axes, name, values, times, line):
    for side, colour in (("ours", BLUE), ("keras", QUIET)):
        axes.plot(values, times[side], color=colour, lw=2, marker="o", markersize=4)
        axes.annotate(
            side,
            (values[-1], times[side][-1]),
            xytext=(7, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )
    if line:
        straight = lines(values, times["ours"], line)
        axes.plot(values, straight, color=ORANGE, linestyle=":", lw=1.5)
        middle = len(values) // 2
        axes.annotate(
            "straight line",
            (values[middle], straight[middle]),
            xytext=(0, -12),
            textcoords="offset points",
            color=ORANGE,
            va="top",
        )
        axes.set_ylim(bottom=0)
    else:
        axes.set(xscale="log", yscale="log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: "")
    axes.set_xlabel({"batch": "rows of the batch"}.get(name, name))
    axes.set_ylabel("training step, ms")


def draw_all(family, others, times):
    """The figure of all sweeps."""
    with empty_figure(9, 6.6, layout="constrained") as figure:
        panels = figure.subplots(2, 2)
        for axes, (name, values, line), of_sweep in zip(
            panels.flat, SWEEPS, times, strict=True
        ):
            draw(axes, name, values, of_sweep, line)
        title = f"{family}: otherwise {others}"
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        save(figure, FIGURE)


def main():
    options = parser(__doc__, runs=9)
    options.add_argument("--family", default="LSTM", choices=FAMILIES)
    options.add_argument(
        "--draw", metavar="PAGE", help="measure nothing: draw what the page says"
    )
    arguments = options.parse_args()
    others = ", ".join(f"{name} {value}" for name, value in SIZES.items())
    if arguments.draw:
        draw_all(arguments.family, others, tables_of(arguments.draw))
        return
    report = Report("scaling", arguments.write)
    report.machine()
    report.line(f"Training step of {arguments.family}; otherwise {others}.")
    found = []
    for name, values, line in SWEEPS:
        found.append(measure(arguments.family, name, values, arguments.runs))
        table(report, name, values, found[-1], line)
    draw_all(arguments.family, others, found)
    report.close()


if __name__ == "__main__":
    main()
