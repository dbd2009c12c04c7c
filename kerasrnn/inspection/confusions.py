import os
import pathlib

import numpy as np

from kerasrnn.inspection.attention_map import text_width
from kerasrnn.inspection.figure_style import INK, QUIET, new_figure, save
from kerasrnn.inspection.figure_style import sequential_colours as colours
from kerasrnn.inspection.glyphs import LONGEST_LABEL, MISSING_NOTE, drawable

CELL = 0.55  # inches


def confusions_figure(found: dict, path: str | os.PathLike) -> pathlib.Path:
    """Draw the labels that are taken for each other most often.

    Of a few labels among many, the right answers, on the diagonal, would hide all
    others: they are left pale, and the colour of a cell is its share of the wrong ones.

    Args:
        found: `labels`, names; and `counts`, how often each was taken for each other,
            (true, predicted).
        path: The PNG file to write.

    Returns:
        The path.

    Raises:
        ValueError: `counts` has another shape.
    """
    names = list(found["labels"]) or ["–"]  # Nothing was taken for anything else.
    counts = np.asarray(found["counts"] or [[0]], int)
    classes = len(names)
    if counts.shape != (classes, classes):
        raise ValueError(
            f"`found` must have counts (labels, labels)=({classes}, {classes}); got "
            f"{counts.shape}."
        )
    labels, fonts, lacking = drawable(names, LONGEST_LABEL)
    wrong = counts * (1 - np.eye(classes, dtype=int))
    size = 2.4 + CELL * classes
    with new_figure(size, size, fonts=fonts) as (figure, axes):
        axes.imshow(wrong, cmap=colours(), vmin=0, vmax=max(1, wrong.max()))
        for row, column in np.ndindex(*counts.shape):
            if not counts[row, column]:
                continue
            dark = wrong[row, column] > 0.45 * wrong.max()
            colour = QUIET if row == column else "white" if dark else INK
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}",
                color=colour,
                ha="center",
                va="center",
                fontsize=8,
            )
        widest = max(text_width(figure, label, 10) for label in labels)
        figure.set_size_inches(size + widest, size + widest)
        axes.set_xticks(range(classes), labels, rotation=90)
        axes.set_yticks(range(classes), labels)
        axes.tick_params(length=0, labelcolor=INK)
        axes.spines[:].set_visible(False)
        note = f"\n{MISSING_NOTE}" if lacking else ""
        axes.set_xlabel(f"predicted{note}")
        axes.set_ylabel("true")
        axes.set_title("The labels that are confused most")
        return save(figure, path)
