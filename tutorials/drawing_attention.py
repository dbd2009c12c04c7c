"""The drawings of attention, step by step, in tutorials 2 and 3."""

import matplotlib.pyplot as plt
import numpy as np
from drawing import (
    BLUE,
    GREEN,
    INPUT,
    ORANGE,
    QUIET,
    STATE,
    arrow,
    blank,
    box,
)
from drawing_korean import READ
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

UNITS = 8  # so many units of a vector are drawn
CENTRE = {"ha": "center", "va": "center"}


def liveliest(vectors):
    """The eight units that differ most among vectors (N, U), in their order."""
    return np.sort(np.argsort(-np.std(vectors, axis=0), kind="stable")[:UNITS])


def number(value, digits=1):
    """A number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "−")


def strip(axes, x, y, values, name="", width=0.55, height=2.4, frame=QUIET):
    """A vector as a column of cells around (x, y), red above 0 and blue below."""
    cell = height / len(values)
    for place, value in enumerate(values):
        corner = (x - width / 2, y + height / 2 - (place + 1) * cell)
        colour = plt.get_cmap("RdBu_r")(0.5 + value / 2)
        axes.add_patch(Rectangle(corner, width, cell, facecolor=colour, linewidth=0))
    corner = (x - width / 2, y - height / 2)
    style = {"fill": False, "edgecolor": frame, "linewidth": 1.3}
    axes.add_patch(Rectangle(corner, width, height, **style))
    axes.text(x, y + height / 2 + 0.35, name, **CENTRE, fontsize=12)


def bars(axes, places, base, heights, values, colour, width, digits):
    """Upright bars that stand on the height `base`, with their values above them."""
    for x, height, value in zip(places, heights, values, strict=True):
        corner = (x - width / 2, base)
        axes.add_patch(Rectangle(corner, width, height, facecolor=colour))
        text = number(value, digits)
        axes.text(x, base + height + 0.25, text, **CENTRE, fontsize=9)
    ends = [places[0] - 0.7 * width, places[-1] + 0.7 * width]
    axes.plot(ends, [base, base], color=QUIET, linewidth=0.8)


def likeliest(axes, x, y, words, chosen, t):
    """Lying bars of the likeliest words [(word, p)], `chosen` in green."""
    axes.text(x, y + 0.65, f"$p(y_{t})$", va="center", fontsize=11)
    for place, (word, p) in enumerate(words):
        height = y - 0.6 * place
        green = word == chosen
        style = {"va": "center", "weight": "bold" if green else "normal"}
        colour = GREEN if green else "#aab4be"
        axes.add_patch(Rectangle((x, height - 0.2), 2.0 * p, 0.4, facecolor=colour))
        axes.text(x - 0.15, height, word, ha="right", fontsize=10, gid=READ, **style)
        text = f"{p:.2f}" if p >= 0.005 else "< 0.01"
        axes.text(x + 2.0 * p + 0.12, height, text, va="center", fontsize=9)


def sheets(steps, width, height):
    """A sheet of paper for each step, below each other: number, axes and step."""
    size = (10.5, 10.5 * height / width * len(steps))
    figure, panels = plt.subplots(len(steps), 1, figsize=size)
    for t, (axes, step) in enumerate(zip(panels, steps, strict=True), 1):
        blank(axes, (0, width), (0, height))
        axes.text(0.1, height - 0.4, f"Step {t}", weight="bold", fontsize=12)
        if t > 1:
            axes.plot([0, width], [height, height], color=QUIET, linewidth=0.8)
        yield t, axes, step
    figure.subplots_adjust(left=0.01, right=0.99, top=1, bottom=0, hspace=0)


def translation_steps(source, memory, steps):
    """Steps of a translator whose decoder asks with the state after its cell.

    Args:
        source: The S pieces of the source.
        memory: (S, M), the encoder's states.
        steps: For each step a dictionary: `read`, the piece before; `before` and
            `state`, the decoder's states (U,) before and after the cell; `scores` and
            `weights` (S,); `context` (M,); `words`, the likeliest [(piece, p)];
            `chosen`, the one that is written.
    """
    of_memory = liveliest(memory)
    column = 9.2 / len(source)
    places = 5.7 + column * np.arange(len(source))
    wide, middle = 0.68 * column, (places[0] + places[-1]) / 2
    for t, axes, step in sheets(steps, 21, 8.8):
        # The cell makes the state that asks.
        strip(axes, 0.5, 5.4, step["before"][:UNITS], f"$d_{t - 1}$")
        strip(axes, 3.1, 5.4, step["state"][:UNITS], f"$d_{t}$", frame=BLUE)
        box(axes, 1.8, 5.4, STATE, "cell", 0.9, 0.7)
        arrow(axes, (0.78, 5.4), (1.35, 5.4))
        arrow(axes, (2.25, 5.4), (2.82, 5.4))
        box(axes, 1.8, 3.4, INPUT, step["read"], 1.7, 0.7, gid=READ)
        arrow(axes, (1.8, 3.75), (1.8, 5.05))
        axes.text(1.8, 2.8, f"$y_{t - 1}$", **CENTRE, color=QUIET)
        # A column for each piece of the source.
        for name, y in (
            (f"scores\n$e_{{{t}s}}$", 6.8),
            (f"weights\n$\\alpha_{{{t}s}}$", 4.7),
            ("states\n$m_s$", 1.6),
        ):
            axes.text(4.5, y, name, **CENTRE, color=QUIET)
        arrow(axes, (3.38, 6.1), (4.0, 6.6), BLUE)
        scores = step["scores"] - step["scores"].min()
        heights = 0.06 + 0.9 * scores / scores.max()
        bars(axes, places, 6.4, heights, step["scores"], BLUE, wide, 1)
        arrow(axes, (middle, 6.25), (middle, 5.85), QUIET)
        axes.text(middle + 0.2, 6.05, "softmax", va="center", color=QUIET, fontsize=9)
        bars(axes, places, 4.2, 1.1 * step["weights"], step["weights"], ORANGE, wide, 2)
        axes.text(places[-1] + column, 4.4, "sum: 1", color=ORANGE)
        for x, word, weight, vector in zip(
            places, source, step["weights"], memory[:, of_memory], strict=True
        ):
            axes.text(x, 8.2, word, **CENTRE, weight="bold", gid=READ)
            axes.plot([x, x], [4.15, 2.7], color=ORANGE, linewidth=0.5 + 6 * weight)
            strip(axes, x, 1.6, vector, width=wide, height=2.0)
        # The context vector, and the words.
        arrow(axes, (places[-1] + column / 2, 1.6), (15.45, 1.6), ORANGE)
        context = step["context"][of_memory]
        strip(axes, 15.8, 1.6, context, f"$c_{t}$", wide, 2.0, ORANGE)
        axes.text(15.8, 0.2, f"$\\sum_s \\alpha_{{{t}s}} m_s$", **CENTRE, color=ORANGE)
        box(axes, 17.9, 1.6, "white", f"$a_{t}$", 0.9, 0.7)
        arrow(axes, (16.2, 1.6), (17.45, 1.6), ORANGE)
        axes.text(19.9, 1.6, f"$d_{t}$", **CENTRE, fontsize=12, color=BLUE)
        arrow(axes, (19.6, 1.6), (18.35, 1.6), BLUE)
        arrow(axes, (17.9, 1.95), (17.9, 3.3))
        likeliest(axes, 17.9, 6.2, step["words"], step["chosen"], t)
    plt.show()


def grid(axes, x, y, side, picture, values, texts, colours):
    """A picture with its 7 × 7 places, each with a colour and a text laid over it."""
    pale = 0.6 * picture.astype("float32") + 0.4 * 255
    low, high = (x - side / 2, y - side / 2), (x + side / 2, y + side / 2)
    extent = (low[0], high[0], low[1], high[1])
    axes.imshow(pale.astype("uint8"), extent=extent, zorder=0)
    count = int(np.sqrt(len(values)))
    cell = side / count
    for place, (value, text) in enumerate(zip(values, texts, strict=True)):
        row, column = divmod(place, count)
        corner = (low[0] + column * cell, high[1] - (row + 1) * cell)
        colour = plt.get_cmap(colours)(0.75 * value)
        style = {"facecolor": colour, "alpha": 0.55, "edgecolor": "white"}
        axes.add_patch(Rectangle(corner, cell, cell, linewidth=0.5, **style))
        centre = (corner[0] + cell / 2, corner[1] + cell / 2)
        halo = [withStroke(linewidth=1.5, foreground="white", alpha=0.7)]
        axes.text(*centre, text, **CENTRE, fontsize=7.5, path_effects=halo)


def caption_steps(picture, steps):
    """Steps of a captioner that asks with the state before its cell.

    Args:
        picture: (size, size, 3), 0 to 255.
        steps: For each step a dictionary: `read`, the word before; `before` and
            `state`, the decoder's states (U,) before and after the cell; `scores` and
            `weights` (L,); `gate`, a number; `context` (U,); `words`, the likeliest
            [(word, p)]; `chosen`, the one that is written.
    """
    of_context = liveliest([step["context"] for step in steps])
    most = max(step["weights"].max() for step in steps)
    side = 4.2
    for t, axes, step in sheets(steps, 23, 6.4):
        if t == 1:
            axes.imshow(picture.astype("uint8"), extent=(0.1, 2.5, 1.6, 4.0))
            arrow(axes, (2.6, 2.8), (3.4, 2.8))
            axes.text(3.0, 3.1, "mean", **CENTRE, color=QUIET, fontsize=8)
        strip(axes, 3.8, 2.8, step["before"][:UNITS], f"$d_{t - 1}$", frame=BLUE)
        arrow(axes, (4.1, 2.8), (4.6, 2.8), BLUE)
        scores = step["scores"]
        shown = (scores - scores.min()) / (scores.max() - scores.min())
        texts = [number(score) for score in scores]
        grid(axes, 6.8, 2.8, side, picture, shown, texts, "Blues")
        axes.text(6.8, 5.3, f"scores $e_{{{t}l}}$", **CENTRE)
        arrow(axes, (9.0, 2.8), (9.6, 2.8))
        texts = [f"{100 * weight:.0f}" for weight in step["weights"]]
        grid(axes, 11.8, 2.8, side, picture, step["weights"] / most, texts, "Oranges")
        axes.text(11.8, 5.3, f"weights $\\alpha_{{{t}l}}$, in %", **CENTRE)
        arrow(axes, (14.0, 2.8), (14.5, 2.8), ORANGE)
        context = step["context"][of_context]
        strip(axes, 14.9, 2.8, context, f"$c_{t}$", frame=ORANGE)
        text = f"gate\n{step['gate']:.2f}"
        axes.text(14.9, 1.05, text, **CENTRE, color=ORANGE, fontsize=9)
        arrow(axes, (15.2, 2.8), (15.9, 2.8), ORANGE)
        box(axes, 16.4, 2.8, STATE, "cell", 0.95, 0.7)
        box(axes, 16.4, 0.9, INPUT, step["read"], 1.7, 0.7, gid=READ)
        arrow(axes, (16.4, 1.25), (16.4, 2.45))
        axes.text(16.4, 0.3, f"$y_{t - 1}$", **CENTRE, color=QUIET)
        arrow(axes, (16.9, 2.8), (17.3, 2.8))
        strip(axes, 17.7, 2.8, step["state"][:UNITS], f"$d_{t}$")
        arrow(axes, (18.0, 2.8), (18.5, 2.8))
        likeliest(axes, 20.4, 4.0, step["words"], step["chosen"], t)
        axes.text(20.4, 0.9, f"of $c_{t}$ and $d_{t}$", **CENTRE, color=QUIET)
    plt.show()


def shares(places, lines, xlabel, ylabel):
    """Line chart of three, {label: values}, which are labelled on the line."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    for colour, (label, values) in zip(
        (BLUE, QUIET, ORANGE), lines.items(), strict=True
    ):
        axes.plot(places, values, color=colour, marker="o", markersize=3.5, lw=2)
        # Where it is about half way down, or at its end.
        at = next((k for k, value in enumerate(values) if value < 60), len(values) - 1)
        axes.annotate(
            label,
            (places[at], values[at]),
            xytext=(8, 4) if at < len(values) - 1 else (-4, -8),
            textcoords="offset points",
            ha="left" if at < len(values) - 1 else "right",
            va="bottom" if at < len(values) - 1 else "top",
            color=colour,
        )
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_ylim(-4, 108)
    figure.tight_layout()
    plt.show()
