import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasrnn.inspection.figure_style import INK, QUIET, empty_figure, save

# A colour for each label, so that neighbours differ, and the colour-blind see it.
COLOURS = (
    *("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb"),
    *("#994455", "#004488", "#ddaa33"),
)
WIDTH, HEIGHT = 10.0, 4.2  # inches


def tagged_frames_figure(
    model: Any,
    sequences: Sequence[Any],
    path: str | os.PathLike,
    *,
    true: Sequence[Sequence[str]] | None = None,
) -> pathlib.Path:
    """Draw what sensors measured, and under it the labels of all frames.

    The sequences stand one after the other, with lines between.

    Args:
        model: A `SequenceTagger` of frames.
        sequences: Arrays (T, D).
        path: The PNG file to write.
        true: The right labels of each sequence, or None.

    Returns:
        The path.
    """
    tags, sure = model.tag(sequences, return_probabilities=True)
    flat = [tag for row in tags for tag in row]
    ends = np.cumsum([len(row) for row in tags])
    rows = [("predicted", flat)]
    if true is not None:
        rows.insert(0, ("true", [tag for row in true for tag in row]))
    known = {tag for _, row in rows for tag in row}
    labels = [label for label in model.labels if label in known]
    labels += sorted(known - {*labels})
    colour = {x: COLOURS[n % len(COLOURS)] for n, x in enumerate(labels)}
    with empty_figure(WIDTH, HEIGHT, layout="constrained") as figure:
        upper, middle, lower = figure.subplots(
            3, 1, sharex=True, height_ratios=(5, len(rows), 1.2)
        )
        for part, end in zip(sequences, ends, strict=True):
            upper.set_prop_cycle(color=COLOURS)  # A channel has one colour.
            at = np.arange(end - len(part), end)
            upper.plot(at, np.asarray(part, "float32"), linewidth=0.6)
        upper.set_ylabel("measured")
        for number, (_, row) in enumerate(rows):
            for begin, end, tag in _runs(row):
                middle.barh(
                    -number, end - begin, left=begin, height=0.8, color=colour[tag]
                )
        middle.set_yticks([-n for n in range(len(rows))], [name for name, _ in rows])
        middle.tick_params(length=0, labelcolor=INK)
        lower.plot(np.concatenate(sure), color=INK, linewidth=0.8)
        lower.set_ylim(0, 1.05)
        lower.set_ylabel("probability", fontsize=8)
        lower.set_xlabel("frame")
        for axes in (upper, middle, lower):
            axes.set_xlim(0, ends[-1])
            for end in ends[:-1]:
                axes.axvline(end, color=QUIET, linewidth=0.8)
        middle.spines[:].set_visible(False)
        handles = [
            middle.barh(0, 0, color=colour[label], label=label) for label in labels
        ]
        figure.legend(
            handles, labels, loc="outside upper center", ncols=min(10, len(labels))
        )
        return save(figure, path)


def _runs(row):
    """(first, end, label) of each stretch of one label."""
    begin = 0
    for place in range(1, len(row) + 1):
        if place == len(row) or row[place] != row[begin]:
            yield begin, place, row[begin]
            begin = place
