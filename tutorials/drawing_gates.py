"""The drawings of tutorial 0: an LSTM and a GRU, gate by gate, in four steps."""

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import BLUE, GREEN, INK, ORANGE, PALE, QUIET, arrow, blank, box
from matplotlib.patches import Circle

FAINT = "#c3cad1"


def operation(axes, x, y, sign, lit):
    """A circle with the sign of an operation on numbers, unit by unit."""
    axes.add_patch(
        Circle((x, y), 0.23, facecolor="white", edgecolor=INK if lit else FAINT, lw=1.2)
    )
    axes.text(x, y, sign, ha="center", va="center", color=INK if lit else FAINT)


def number(axes, x, y, name, value, lit, colour=INK):
    """A name and its number, pale where its turn has not come."""
    axes.text(
        x,
        y,
        f"{name} = {value:.2f}".replace("-", "−"),
        ha="center",
        va="center",
        fontsize=9,
        color=colour if lit else FAINT,
    )


def gate(axes, x, name, squash, lit):
    """A gate: a box that holds its squashing function, and its name below."""
    box(axes, x, 0.9, drawing.STATE if lit else "white", squash, 0.62, 0.5)
    axes.text(
        x, 0.47, name, ha="center", va="center", color=INK if lit else FAINT, fontsize=9
    )


def line(axes, points, lit, colour=INK):
    """A line from point to point that ends in an arrow."""
    colour = colour if lit else FAINT
    axes.plot(*np.transpose(points[:-1]), color=colour, linewidth=1.1, zorder=1)
    arrow(axes, points[-2], points[-1], colour)


def four_steps(titles, width):
    """Four panels of one figure: gives the number and the axes of each, and shows it."""
    figure, panels = plt.subplots(2, 2, figsize=(11, 6.6))
    for step, (axes, title) in enumerate(zip(panels.flat, titles, strict=True), 1):
        blank(axes, (-0.9, width), (-0.75, 3.55))
        axes.set_title(title)
        yield step, axes
    figure.tight_layout()
    plt.show()


def gates(axes, word, of_step):
    """Gates above the line that brings them h and x: `(x, name, squash, lit)` of each."""
    for x, name, squash, lit in of_step:
        gate(axes, x, name, squash, lit)
        line(axes, [(x, 0.0), (x, 0.3)], lit)
    axes.plot([-0.4, of_step[-1][0]], [0, 0], color=QUIET, linewidth=1.1, zorder=0)
    told = f"h before, and x: “{word}”"
    axes.text(-0.5, -0.35, told, color=QUIET, ha="left", va="center")


def lstm_steps(values, word):
    """One step of an LSTM in four pictures, with the numbers of one unit.

    `values` has the numbers `c_before`, `f`, `i`, `g`, `c`, `o` and `h`.
    """
    titles = (
        "1. f: what is erased",
        "2. i and g: whether to write, and how much",
        "3. the belt moves on: c = f · c before + i · g",
        "4. o: what is revealed, h = o · tanh(c)",
    )
    for step, axes in four_steps(titles, 7.4):
        belt = step == 3
        # The conveyor belt, from left to right along the top.
        line(axes, [(-0.4, 2.7), (1.17, 2.7)], step in (1, 3), BLUE)
        operation(axes, 1.4, 2.7, "×", step in (1, 3))
        line(axes, [(1.63, 2.7), (3.37, 2.7)], belt, BLUE)
        operation(axes, 3.6, 2.7, "+", belt)
        line(axes, [(3.83, 2.7), (7.0, 2.7)], step in (3, 4), BLUE)
        of_step = (
            (1.4, "f", "σ", step == 1),
            (2.6, "i", "σ", step == 2),
            (3.6, "g", "tanh", step == 2),
            (4.8, "o", "σ", step == 4),
        )
        gates(axes, word, of_step)
        line(axes, [(1.4, 1.15), (1.4, 2.47)], step in (1, 3))
        operation(axes, 3.6, 1.95, "×", step in (2, 3))
        line(axes, [(2.6, 1.15), (2.6, 1.95), (3.37, 1.95)], step == 2)
        line(axes, [(3.6, 1.15), (3.6, 1.72)], step == 2)
        line(axes, [(3.6, 2.18), (3.6, 2.47)], belt)
        operation(axes, 6.2, 0.9, "×", step == 4)
        line(axes, [(5.11, 0.9), (5.97, 0.9)], step == 4)
        line(axes, [(6.2, 2.7), (6.2, 1.13)], step == 4)
        line(axes, [(6.43, 0.9), (7.0, 0.9)], step == 4, GREEN)
        axes.text(6.3, 1.75, "tanh", fontsize=8, color=INK if step == 4 else FAINT)
        number(axes, 0.1, 3.05, "c before", values["c_before"], step in (1, 3), BLUE)
        number(axes, 0.82, 1.75, "f", values["f"], step == 1)
        number(axes, 2.05, 1.45, "i", values["i"], step == 2)
        number(axes, 4.2, 1.45, "g", values["g"], step == 2)
        number(
            axes,
            2.5,
            3.05,
            "f · c before",
            values["f"] * values["c_before"],
            belt,
            BLUE,
        )
        number(
            axes, 4.5, 2.25, "i · g", values["i"] * values["g"], step in (2, 3), ORANGE
        )
        number(axes, 5.6, 3.05, "c", values["c"], step in (3, 4), BLUE)
        number(axes, 5.55, 0.55, "o", values["o"], step == 4)
        number(axes, 6.75, 0.4, "h", values["h"], step == 4, GREEN)


def gru_steps(values, word):
    """One step of a GRU in four pictures, with the numbers of one unit.

    `values` has the numbers `h_before`, `r`, `looked_at`, `candidate`, `z` and `h`.
    """
    titles = (
        "1. r: how much of the past is looked at",
        "2. the candidate: what could be written",
        "3. z: how much is kept, 1 − z: how much is new",
        "4. h = z · h before + (1 − z) · candidate",
    )
    for step, axes in four_steps(titles, 8.0):
        line(axes, [(-0.4, 2.7), (2.97, 2.7)], step in (3, 4), BLUE)
        operation(axes, 3.2, 2.7, "×", step in (3, 4))
        line(axes, [(3.43, 2.7), (4.97, 2.7)], step == 4, BLUE)
        operation(axes, 5.2, 2.7, "+", step == 4)
        line(axes, [(5.43, 2.7), (7.0, 2.7)], step == 4, GREEN)
        of_step = (
            (1.0, "r", "σ", step == 1),
            (3.2, "z", "σ", step == 3),
            (5.2, "candidate", "tanh", step == 2),
        )
        gates(axes, word, of_step)
        line(
            axes,
            [(1.31, 0.9), (2.2, 0.9), (2.2, 1.5), (4.6, 1.5), (5.0, 1.15)],
            step in (1, 2),
        )
        line(axes, [(3.2, 1.15), (3.2, 2.47)], step in (3, 4))
        operation(axes, 5.2, 1.95, "×", step in (3, 4))
        line(axes, [(5.2, 1.15), (5.2, 1.72)], step in (2, 4))
        line(axes, [(3.2, 1.95), (4.97, 1.95)], step in (3, 4))
        axes.text(4.1, 2.1, "1 −", fontsize=8, color=INK if step in (3, 4) else FAINT)
        line(axes, [(5.2, 2.18), (5.2, 2.47)], step == 4)
        number(axes, 0.2, 3.05, "h before", values["h_before"], step in (3, 4), BLUE)
        number(axes, 1.0, 1.45, "r", values["r"], step == 1)
        number(axes, 1.95, 1.72, "r · (h U)", values["looked_at"], step in (1, 2))
        number(axes, 6.6, 0.9, "candidate", values["candidate"], step == 2, ORANGE)
        number(axes, 2.6, 2.2, "z", values["z"], step == 3)
        kept = values["z"] * values["h_before"]
        number(axes, 4.2, 3.05, "z · h before", kept, step == 4, BLUE)
        new = (1 - values["z"]) * values["candidate"]
        number(axes, 6.75, 1.95, "(1 − z) · cand.", new, step == 4, ORANGE)
        number(axes, 6.5, 3.05, "h", values["h"], step == 4, GREEN)


def over_words(words, rows, marked=()):
    """Numbers of one unit over the words of a sentence, one row a quantity.

    What is called f, i, o, z, r or begins with "p" is between 0 and 1 and blue where it
    is large; the rest is red above 0 and blue below. Words in `marked` are bold.
    """
    figure, axes = plt.subplots(figsize=(0.78 * len(words) + 1.6, 0.42 * len(rows) + 1))
    axes.set_xlim(-0.5, len(words) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for y, (name, values) in enumerate(rows.items()):
        share = name.split()[0] in ("f", "i", "o", "z", "r") or name.startswith("p")
        size = 1 if share else max(1, np.abs(values).max())
        colours = plt.get_cmap("Blues" if share else "RdBu_r")
        for x, value in enumerate(values):
            place = 0.75 * value if share else 0.5 + 0.4 * value / size
            axes.add_patch(
                plt.Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colours(place))
            )
            text = f"{value:.2f}".replace("-", "−")
            dark = value > 0.8 if share else abs(value) > 0.8 * size
            axes.text(
                x,
                y,
                text,
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else INK,
            )
    axes.set_yticks(range(len(rows)), rows, color=INK)
    axes.set_xticks(range(len(words)), words, color=INK)
    for place in marked:
        axes.get_xticklabels()[place].set_fontweight("bold")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.hlines(np.arange(len(rows) - 1) + 0.5, -0.5, len(words) - 0.5, colors=PALE)
    figure.tight_layout()
    plt.show()
