import os
import pathlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from kerasrnn.inspection.attention_map import text_width
from kerasrnn.inspection.figure_style import BLUE, INK, QUIET, new_figure, save
from kerasrnn.inspection.glyphs import LONGEST_LABEL, MISSING_NOTE, drawable

# Inches: a cell of few classes, all cells of many, and the least for a label.
CELL, ALL_CELLS, LABEL = 0.75, 14.0, 0.13
# Of more classes the numbers could not be read, and the colours tell it.
MOST_NUMBERS = 20


def confusion_matrix_figure(
    counts: ArrayLike, labels: Sequence[str], path: str | os.PathLike
) -> pathlib.Path:
    """Draw which classes are taken for which.

    The colour of a cell is its share of the row, the true class; up to 20 classes the
    cell says the count and that share. Long labels end in an ellipsis; where there is
    no room for all of them, some are left out.

    Args:
        counts: (classes, classes) counts, row true and column predicted.
        labels: Names of the classes.
        path: The PNG file to write.

    Returns:
        The path.

    Raises:
        ValueError: `counts` has another shape.
    """
    counts = np.asarray(counts)
    classes = len(labels)
    if not classes or counts.shape != (classes, classes):
        raise ValueError(
            f"`counts` must have shape (labels, labels)=({classes}, {classes}), of one "
            f"label or more; got {counts.shape}."
        )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    accuracy = counts.diagonal().sum() / max(counts.sum(), 1)
    labels, fonts, lacking = drawable(labels, LONGEST_LABEL)
    cell = min(CELL, ALL_CELLS / classes)
    size = 2.6 + cell * classes
    with new_figure(size, size, fonts=fonts) as (figure, axes):
        from matplotlib.colors import LinearSegmentedColormap

        colours = LinearSegmentedColormap.from_list("share", ["#f5f7fa", BLUE])
        axes.imshow(shares, cmap=colours, vmin=0, vmax=1)
        if classes <= MOST_NUMBERS:
            draw_numbers(axes, counts, shares)
        fontsize = float(np.clip(55 * cell, 7, 10))
        every = int(np.ceil(LABEL / cell))
        shown = range(0, classes, every)
        widest = max(text_width(figure, labels[n], fontsize) for n in shown)
        if widest > 0.95 * max(cell, (size - 1) / classes):
            # Side by side they would run into each other.
            figure.set_size_inches(size + widest, size + widest)
            across, down = {"rotation": 90}, {}
        else:
            across, down = {}, {"rotation": 90, "va": "center"}
        names = [labels[n] for n in shown]
        axes.set_xticks(shown, names, fontsize=fontsize, **across)
        axes.set_yticks(shown, names, fontsize=fontsize, **down)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        note = f"\n{MISSING_NOTE}" if lacking else ""
        axes.set_xlabel(f"predicted{note}")
        axes.set_ylabel("true")
        axes.set_title(f"{accuracy:.1%} of {counts.sum():,} right")
        # White lines between the cells, where these are more than a few pixels.
        between = np.arange(classes - 1) + 0.5 if cell >= LABEL else []
        axes.set_xticks(between, minor=True)
        axes.set_yticks(between, minor=True)
        axes.grid(which="minor", color="white", linewidth=3 * cell / CELL)
        axes.tick_params(which="minor", length=0)
        axes.tick_params(which="major", labelcolor=QUIET)
        return save(figure, path)


def draw_numbers(axes, counts, shares):
    """Each cell's count and its share of the row."""
    for row, column in np.ndindex(*counts.shape):
        share = shares[row, column]
        style = {"color": "white" if share > 0.55 else INK, "ha": "center"}
        count = {"va": "bottom", "fontsize": 13, "fontweight": "bold", **style}
        axes.text(column, row, f"{counts[row, column]:,}", **count)
        axes.text(column, row + 0.07, f"{share:.0%}", va="top", **style)
