"""Where a captioner looked: the picture, once for each word."""

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasrnn.inspection.figure_style import (
    INK,
    ORANGE,
    QUIET,
    empty_figure,
    save,
)
from kerasrnn.inspection.glyphs import MISSING_NOTE, drawable
from kerasrnn.inspection.picture_panel import (
    check_image,
    picture_axes,
    wrapped,
    write_at,
)

MOST_WORDS = 49
COLUMNS = 5
MAP_PIXELS = 160  # a side of the map laid over the picture
# What hides the picture where there is no attention, neither light nor dark, and how
# much of it is hidden.
SHADE, HIDDEN = "#5f6f84", 0.82

TITLE_STYLE = {"color": INK, "fontsize": 11, "fontweight": "bold"}
QUIET_STYLE = {"color": QUIET, "fontsize": 8}

# Inches.
SIDE = 1.75
GAP = 0.16
TITLE = 0.28
FOOT = 0.16
NOTE = 0.3


def caption_attention_figure(
    image: ArrayLike,
    words: Sequence[str],
    alignments: ArrayLike,
    path: str | os.PathLike | None = None,
    *,
    grid: tuple[int, int] | None = None,
) -> Any:
    """Draw a picture, and for every word of its caption where in it the model looked.

    A word's picture is grey where the word got no attention and as it is where the
    word got its most; a line runs round what got at least half of the most. Below is
    that most, as a share of all attention: the same everywhere would be 1/L.

    Args:
        image: (height, width, 3), from 0 to 255: the picture as the encoder saw it,
            with its white borders if it has any, so that the places are right.
        words: The T words, 1 to 49.
        alignments: (T, L): for each word its attention to each location, row by row.
        path: The PNG file to write; None gives the figure.
        grid: Rows and columns of the locations; by default a square of them.

    Returns:
        The path, or matplotlib's figure.

    Raises:
        ValueError: Shapes that do not fit each other, or values out of range.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.inspection import caption_attention_figure
    >>> figure = caption_attention_figure(
    ...     np.full((64, 64, 3), 255), ["red", "apple"], np.eye(2, 49)
    ... )
    >>> len(figure.axes)
    3

    Reference: Xu et al. 2015, "Show, Attend and Tell", figure 3.
    """
    image = check_image(image, "image")
    alignments, (rows, columns) = check_maps(alignments, words, grid)
    words, fonts, lacking = drawable(words)
    height = SIDE * float(np.clip(image.shape[0] / image.shape[1], 0.4, 1.6))
    across = min(COLUMNS, len(words) + 1)
    down = math.ceil((len(words) + 1) / across)
    step = TITLE + height + FOOT + GAP
    with empty_figure(
        across * (SIDE + GAP) + GAP, down * step + NOTE + GAP, fonts
    ) as figure:
        maps = [smooth(row.reshape(rows, columns)) for row in alignments]
        for number, attention in enumerate([None, *maps]):
            x = GAP + number % across * (SIDE + GAP)
            y = TITLE + GAP / 2 + number // across * step
            axes = picture_axes(figure, image, x, y, SIDE, height)
            if attention is None:
                continue
            lay_over(axes, attention)
            word, most = words[number - 1], alignments[number - 1].max()
            write_at(figure, x, y - 0.08, fitting(figure, word), **TITLE_STYLE)
            write_at(figure, x, y + height + 0.14, f"{most:.2f}", **QUIET_STYLE)
        foot = figure.get_figheight() - 0.12
        if lacking:
            write_at(figure, GAP, foot, MISSING_NOTE, **QUIET_STYLE)
        note = "Line: half of a word's most attention. Number: the most."
        write_at(figure, GAP, foot - 0.16 * lacking, note, **QUIET_STYLE)
        return figure if path is None else save(figure, path)


def smooth(attention):
    """A map (rows, columns) on a fine grid, without corners, its highest value 1.

    Each point is the mean of the locations, weighted by a normal distribution round
    the point whose deviation is half a location.
    """
    for _ in range(2):
        cells = len(attention)
        points = (np.arange(MAP_PIXELS) + 0.5) / MAP_PIXELS * cells
        distance = points[:, None] - (np.arange(cells) + 0.5)  # (points, cells)
        weights = np.exp(-(distance**2) / (2 * 0.5**2))
        attention = (weights / weights.sum(1, keepdims=True) @ attention).T
    most = attention.max()
    return attention / most if most > 0 else attention


def lay_over(axes, attention):
    """Hide what got no attention, and draw the line."""
    from matplotlib.colors import to_rgb

    shade = np.empty((*attention.shape, 4))
    shade[..., :3] = to_rgb(SHADE)
    shade[..., 3] = HIDDEN * (1 - attention)
    axes.imshow(shade, extent=(0, 1, 1, 0), aspect="auto", interpolation="bilinear")
    if attention.min() < 0.5 < attention.max():
        points = (np.arange(MAP_PIXELS) + 0.5) / MAP_PIXELS
        axes.contour(points, points, attention, [0.5], colors=ORANGE, linewidths=1.2)


def fitting(figure, word) -> str:
    """The word, shortened where it is wider than its picture."""
    return "".join(wrapped(figure, word, SIDE, 11, 1, fontweight="bold"))


def check_maps(alignments, words, grid):
    """The alignments as an array, and rows and columns, or a ValueError."""
    if isinstance(words, (str, bytes)):
        raise ValueError(f"`words` must be a list of words; got the string {words!r}.")
    if not 1 <= len(words) <= MOST_WORDS:
        raise ValueError(
            f"`words` must hold 1 to {MOST_WORDS} words; got {len(words)}."
        )
    alignments = np.asarray(alignments, "float32")
    if alignments.ndim != 2 or len(alignments) != len(words):
        raise ValueError(
            f"`alignments` must have shape (words, locations)=({len(words)}, …); got "
            f"{alignments.shape}."
        )
    locations = alignments.shape[1]
    side = math.isqrt(locations)
    rows, columns = grid or (side, side)
    if rows * columns != locations or not locations:
        expected = "a square" if grid is None else f"the {rows} × {columns} of `grid`"
        raise ValueError(
            f"`alignments` must have as many locations as {expected}; got {locations}."
        )
    if not (alignments.min() >= -1e-3 and alignments.max() <= 1 + 1e-3):
        raise ValueError(
            "`alignments` must hold values from 0 to 1; got "
            f"{alignments.min():.3g} to {alignments.max():.3g}."
        )
    return np.clip(alignments, 0, 1), (rows, columns)
