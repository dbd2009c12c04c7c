"""The drawings of tutorial 11; nothing in here is needed to use kerasrnn."""

import matplotlib.pyplot as plt
import numpy as np
from drawing import (
    BLUE,
    GREEN,
    INK,
    INPUT,
    ORANGE,
    OUTPUT,
    PALE,
    QUIET,
    STATE,
    arrow,
    blank,
    box,
)
from matplotlib.patches import FancyArrowPatch
from matplotlib.ticker import MaxNLocator

COLOURS = (BLUE, ORANGE, GREEN, QUIET)


def paths(steps=5):
    """The way from the first step to the last, of a recurrent layer and of attention."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 2.9))
    for axes, attends in zip(panels, (False, True), strict=True):
        blank(axes, (-0.5, 1.4 * (steps - 1) + 0.5), (-0.5, 2.5))
        for t in range(steps):
            x = 1.4 * t
            box(axes, x, 0, INPUT, f"$x_{t + 1}$")
            box(axes, x, 1.6, STATE, f"$y_{t + 1}$" if attends else f"$h_{t + 1}$")
            if attends:
                for s in range(steps):
                    marked = (s, t) == (0, steps - 1)
                    line = [[1.4 * s, x], [0.3, 1.3]]
                    colour, width = (ORANGE, 2.2) if marked else ("#cbd2d9", 0.8)
                    axes.plot(*line, color=colour, lw=width, zorder=2 if marked else 0)
            else:
                arrow(axes, (x, 0.3), (x, 1.3), ORANGE if t == 0 else QUIET)
                if t + 1 < steps:
                    arrow(axes, (x + 0.3, 1.6), (x + 1.1, 1.6), ORANGE)
        title = "self-attention: one step" if attends else "recurrent: T steps"
        axes.set_title(f"{title} from the first to the last")
    figure.tight_layout()
    plt.show()


def matrices(panels, rows=None, columns=None, signed=False):
    """Matrices side by side: {title: (height, width)}, with names where there are some."""
    height, width = next(iter(panels.values())).shape
    names = 0.07 * max([len(name) for name in rows or [""]])
    cell = min(0.3, 3.0 / max(height, width))
    size = max(2.4, cell * width) + 0.25
    figure, all_axes = plt.subplots(
        1,
        len(panels),
        figsize=(
            size * len(panels) + names,
            cell * height + 1.0 + 0.07 * max(len(c) for c in columns or [""]),
        ),
        sharey=True,
        squeeze=False,
    )
    for axes, (title, values) in zip(all_axes[0], panels.items(), strict=True):
        low = -1 if signed else 0
        axes.imshow(
            values,
            cmap="RdBu_r" if signed else "Blues",
            vmin=low,
            vmax=1,
            aspect="auto",
            interpolation="none",
        )
        axes.set_title(title, size=10)
        axes.tick_params(length=0, labelsize=8)
        if columns is not None:
            axes.set_xticks(range(width), columns, rotation=90, color=INK)
        if rows is not None:
            axes.set_yticks(range(height), rows, color=INK)
        for side in axes.spines.values():
            side.set_visible(False)
    figure.tight_layout()
    plt.show()


def shortcut():
    """A plain block of two layers, and one with a connection round them."""
    _, axes = plt.subplots(figsize=(9, 2.9))
    blank(axes, (-1.2, 11.4), (-1.2, 1.9))
    for first, adds in ((0, False), (6.2, True)):
        box(axes, first, 0, INPUT, "$x$")
        arrow(axes, (first + 0.3, 0), (first + 0.8, 0))
        box(axes, first + 1.4, 0, STATE, "$W_1$, relu", width=1.2)
        arrow(axes, (first + 2.0, 0), (first + 2.4, 0))
        box(axes, first + 2.9, 0, STATE, "$W_2$", width=1.0)
        end = first + 4.7
        if adds:
            box(axes, end - 0.75, 0, "white", "+", 0.45, 0.45)
            arrow(axes, (first + 3.4, 0), (end - 0.98, 0))
            axes.add_patch(
                FancyArrowPatch(
                    (first, 0.3),
                    (end - 0.75, 0.24),
                    connectionstyle="arc3,rad=-0.3",
                    arrowstyle="-|>",
                    mutation_scale=10,
                    color=ORANGE,
                    linewidth=2,
                )
            )
            arrow(axes, (end - 0.52, 0), (end - 0.1, 0))
            axes.text(first + 1.9, 1.1, "as it is", ha="center", color=ORANGE)
        else:
            arrow(axes, (first + 3.4, 0), (end - 0.1, 0))
        box(axes, end + 0.2, 0, OUTPUT, "$y$")
        title = "$y = x + F(x)$" if adds else "$y = F(x)$"
        axes.text(first + 2.3, -0.95, title, ha="center", size=12)
    plt.show()


def transformer():
    """The parts of a block of the encoder and of one of the decoder."""
    _, axes = plt.subplots(figsize=(8, 5.4))
    blank(axes, (-2.6, 8.6), (-1.3, 7.0))
    self_attention, feed = "self-attention", "feed-forward"
    stacks = {
        0: ("encoder", "source + positions", [(self_attention, STATE), (feed, OUTPUT)]),
        5: (
            "decoder",
            "target + positions",
            [
                (f"{self_attention},\ncausal mask", STATE),
                ("attention\nto the memory", INPUT),
                (feed, OUTPUT),
            ],
        ),
    }
    for x, (name, below, parts) in stacks.items():
        axes.text(x, -1.0, below, ha="center", color=QUIET)
        y = -0.7
        for number, (title, colour) in enumerate(parts):
            centre = 0.7 + 2.0 * number
            axes.plot([x, x], [y, centre - 0.4], color=INK, lw=1.1)
            box(axes, x, centre, colour, title, width=2.4, height=0.8)
            box(axes, x, centre + 0.85, "white", "+", 0.4, 0.4)
            axes.plot([x, x], [centre + 0.4, centre + 0.65], color=INK, lw=1.1)
            side = x - 1.6
            axes.plot(
                [x, side, side, x - 0.2],
                [centre - 0.75, centre - 0.75, centre + 0.85, centre + 0.85],
                color=ORANGE,
                lw=1.8,
            )
            y = centre + 1.05
        arrow(axes, (x, y), (x, y + 0.6))
        axes.text(x, y + 0.7, name, ha="center", weight="bold")
        if name == "encoder":
            memory = y + 0.2
    axes.plot([0, 2.6, 2.6], [memory, memory, 2.7], color=BLUE, lw=1.6)
    arrow(axes, (2.6, 2.7), (3.8, 2.7), BLUE)
    axes.text(1.4, memory + 0.08, "memory", ha="center", va="bottom", color=BLUE)
    axes.text(-2.5, 6.3, "orange: shortcuts", color=ORANGE)
    plt.show()


def curves(panels, x_label, y_label, logarithmic=False, same_scale=True):
    """Lines that are named at their ends: {title: {name: (x, y)}}."""
    figure, all_axes = plt.subplots(
        1,
        len(panels),
        figsize=(7 if len(panels) == 1 else 5.2 * len(panels), 3.6),
        sharey=same_scale,
        squeeze=False,
    )
    for axes, (title, lines) in zip(all_axes[0], panels.items(), strict=True):
        for colour, (x, y) in zip(COLOURS, lines.values(), strict=False):
            axes.plot(x, y, color=colour, linewidth=2)
        if logarithmic:
            axes.set_yscale("log")
            for which in (
                axes.yaxis.set_major_formatter,
                axes.yaxis.set_minor_formatter,
            ):
                which("{x:g}")
        longest = max(x[-1] for x, _ in lines.values())
        axes.set_xlim(0, longest * 1.45)
        axes.set_title(title)
        axes.set_xlabel(x_label)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    all_axes[0, 0].set_ylabel(y_label)
    figure.tight_layout()
    figure.canvas.draw()
    for axes, lines in zip(all_axes[0], panels.values(), strict=True):
        to_points = axes.transData.transform
        longest = max(x[-1] for x, _ in lines.values())
        axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= longest])
        ends = sorted(
            (to_points((x[-1], y[-1]))[1], name, colour)
            for colour, (name, (x, y)) in zip(COLOURS, lines.items(), strict=False)
        )
        lowest = -np.inf
        for height, name, colour in ends:
            lowest = max(height, lowest + 15)
            axes.annotate(
                name,
                (to_points((longest, 1))[0] + 7, lowest),
                xycoords="figure pixels",
                color=colour,
                va="center",
                annotation_clip=False,
            )
    plt.show()


def at_start(lines):
    """How large the gradient is at each block, before training."""
    figure, axes = plt.subplots(figsize=(7, 3))
    axes.axhline(1, color=PALE, zorder=0)
    for colour, (name, norms) in zip(COLOURS, lines.items(), strict=False):
        blocks = range(len(norms))
        axes.semilogy(blocks, norms, color=colour, marker="o", ms=3.5, label=name)
    axes.legend(labelcolor="linecolor")
    axes.set_xlabel("after so many blocks")
    axes.set_ylabel("relative to the last")
    axes.set_title("the gradient that arrives, before training")
    figure.tight_layout()
    plt.show()
