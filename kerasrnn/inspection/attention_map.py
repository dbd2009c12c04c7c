"""Where a translator looked: source × target pictures of its alignments."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from kerasrnn.inspection.figure_style import (
    INK,
    QUIET,
    empty_figure,
    save,
    sequential_colours,
)
from kerasrnn.inspection.glyphs import (
    LONGEST_LABEL,
    MISSING,
    MISSING_NOTE,
    fonts_for,
    readable,
    shortened,
)

MOST_PANELS = 6
MOST_TOKENS = 300
PIECE_MARK = "▁"  # as `Alignments` has it
SPACE_MARK = "·"  # as in the figure

# Inches.
WIDEST_ROW = 13.0
GAP = 0.35
TILT = 60  # degrees


def attention_maps_figure(
    alignments: Sequence[ArrayLike],
    sources: Sequence[Sequence[str]],
    targets: Sequence[Sequence[str]],
    path: str | os.PathLike,
) -> pathlib.Path:
    """Draw where each target token looked, one panel a sentence.

    The source is at the top and the target on the left; the darker a cell, the more
    of the target token's attention went there. A token that begins with ▁, as pieces
    of words with a space before them do, is shown with · in its place. Characters
    that no font of this machine has are drawn as □, and the figure says so.

    Args:
        alignments: One array (T, S) for each of 1 to 6 sentences, with values from 0
            to 1.
        sources: For each sentence its S tokens, strings.
        targets: For each sentence its T tokens.
        path: The PNG file to write.

    Returns:
        The path.

    Raises:
        ValueError: Another number of sentences, or an array that does not fit its
            tokens.

    Example:

    >>> import tempfile
    >>> from kerasrnn.inspection import attention_maps_figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = attention_maps_figure(
    ...         [[[0.9, 0.1], [0.2, 0.8]]],
    ...         [["▁good", "▁day"]],
    ...         [["▁buen", "▁día"]],
    ...         f"{folder}/attention.png",
    ...     )
    ...     path.name
    'attention.png'

    Reference: Bahdanau et al. 2015, figure 3.
    """
    alignments = check_alignments(alignments, sources, targets)
    sources = [[label_of(token) for token in tokens] for tokens in sources]
    targets = [[label_of(token) for token in tokens] for tokens in targets]
    fonts, lacking = fonts_for(
        label for tokens in (*sources, *targets) for label in tokens
    )
    if lacking:
        table = str.maketrans(dict.fromkeys(lacking, MISSING))
        sources = [[label.translate(table) for label in s] for s in sources]
        targets = [[label.translate(table) for label in t] for t in targets]
    longest = max(max(values.shape) for values in alignments)
    cell = float(np.clip(7 / longest, 0.17, 0.3))
    with empty_figure(1, 1, fonts) as figure:
        size = float(np.clip(34 * cell, 6.5, 10))
        panels = [
            Panel(figure, *three, cell, size)
            for three in zip(alignments, sources, targets, strict=True)
        ]
        place(figure, panels)
        for panel in panels:
            image = panel.draw(figure)
        colour_bar(figure, image, panels)
        if lacking:
            figure.text(
                0.01,
                0.02 / figure.get_figheight(),
                MISSING_NOTE,
                color=QUIET,
                fontsize=8,
                va="bottom",
            )
        return save(figure, path)


class Panel:
    """One sentence: how much room it takes, in inches, and its drawing."""

    def __init__(self, figure, values, source, target, cell, fontsize):
        self.values, self.source, self.target = values, source, target
        self.fontsize = fontsize
        self.width, self.height = cell * values.shape[1], cell * values.shape[0]
        widths = [text_width(figure, label, fontsize) for label in source]
        tilt = np.deg2rad(TILT)
        # Labels at the top lean to the right, past the last column.
        ends = [
            cell * (place + 0.5) + width * np.cos(tilt) + 0.1
            for place, width in enumerate(widths)
        ]
        self.right = max(max(ends) - self.width, 0.1)
        self.top = max(widths) * np.sin(tilt) + 0.28
        widest = max(text_width(figure, label, fontsize) for label in target)
        self.left = widest + 0.12
        self.x = self.y = 0.0  # of the cells' upper left corner, from the figure's

    def draw(self, figure):
        """Draw it at (x, y)."""
        total_width, total_height = figure.get_size_inches()
        rows, columns = self.values.shape
        axes = figure.add_axes(
            (
                self.x / total_width,
                1 - (self.y + self.height) / total_height,
                self.width / total_width,
                self.height / total_height,
            )
        )
        image = axes.imshow(
            self.values, cmap=sequential_colours(), vmin=0, vmax=1, aspect="auto"
        )
        axes.xaxis.tick_top()
        style = {"fontsize": self.fontsize, "color": INK}
        axes.set_xticks(
            range(columns),
            self.source,
            rotation=TILT,
            rotation_mode="anchor",
            ha="left",
            va="center",
            **style,
        )
        axes.set_yticks(range(rows), self.target, **style)
        axes.tick_params(length=0, pad=4)
        axes.spines[:].set_visible(False)
        # White lines between the cells.
        axes.set_xticks(np.arange(columns - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=0.8)
        axes.tick_params(which="minor", length=0)
        return image


def text_width(figure, text, fontsize, **style):
    """Width of a text in inches."""
    drawn = figure.text(0, 0, text, fontsize=fontsize, **style)
    width = drawn.get_window_extent().width / figure.dpi
    drawn.remove()
    return width


def place(figure, panels):
    """Give the panels their places, row by row, and the figure its size."""
    rows, room = [], 0.0
    for panel in panels:
        width = panel.left + panel.width + panel.right + GAP
        if not rows or width > room:
            rows.append([])
            room = WIDEST_ROW
        rows[-1].append(panel)
        room -= width
    y = total_width = 0.0
    for row in rows:
        x, top = GAP / 2, max(panel.top for panel in row)
        for panel in row:
            panel.x, panel.y = x + panel.left, y + top
            x += panel.left + panel.width + panel.right + GAP
        y += top + max(panel.height for panel in row) + GAP
        total_width = max(total_width, x)
    figure.set_size_inches(total_width + 0.75, y)


def colour_bar(figure, image, panels):
    """One scale for all panels, at the right of the first row."""
    width, height = figure.get_size_inches()
    first = panels[0]
    tall = min(first.height, 2.4)
    axes = figure.add_axes(
        (1 - 0.65 / width, 1 - (first.y + tall) / height, 0.12 / width, tall / height)
    )
    bar = figure.colorbar(image, cax=axes, ticks=[0, 0.5, 1])
    bar.outline.set_visible(False)
    axes.tick_params(length=0, labelsize=8)
    axes.set_yticklabels(["0", "½", "1"] if tall > 0.5 else ["0", "", "1"])
    axes.set_ylabel("attention", color=QUIET, fontsize=8)


def label_of(token: str) -> str:
    """A token as the figure shows it."""
    return shortened(readable(token.replace(PIECE_MARK, SPACE_MARK)), LONGEST_LABEL)


def check_alignments(alignments, sources, targets):
    """The alignments as arrays, or a ValueError."""
    if not 1 <= len(alignments) <= MOST_PANELS:
        raise ValueError(
            f"`alignments` must be those of 1 to {MOST_PANELS} sentences; got "
            f"{len(alignments)}."
        )
    for name, tokens in (("sources", sources), ("targets", targets)):
        if len(tokens) != len(alignments):
            raise ValueError(
                f"`{name}` must hold the tokens of each of the {len(alignments)} "
                f"sentences; got {len(tokens)}."
            )
    arrays = [np.asarray(values, "float32") for values in alignments]
    for number, (values, source, target) in enumerate(
        zip(arrays, sources, targets, strict=True)
    ):
        for name, tokens in (("sources", source), ("targets", target)):
            if isinstance(tokens, (str, bytes)):
                raise ValueError(
                    f"`{name}[{number}]` must be a list of tokens; got the string "
                    f"{tokens!r}."
                )
            if not 1 <= len(tokens) <= MOST_TOKENS:
                raise ValueError(
                    f"`{name}[{number}]` must hold 1 to {MOST_TOKENS} tokens; got "
                    f"{len(tokens)}."
                )
        if values.shape != (len(target), len(source)):
            raise ValueError(
                f"`alignments[{number}]` must have shape (target tokens, source "
                f"tokens)=({len(target)}, {len(source)}); got {values.shape}."
            )
        if not (values.min() >= -1e-3 and values.max() <= 1 + 1e-3):
            raise ValueError(
                f"`alignments[{number}]` must hold values from 0 to 1; got "
                f"{values.min():.3g} to {values.max():.3g}."
            )
    return arrays
