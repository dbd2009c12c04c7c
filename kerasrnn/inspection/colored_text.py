"""A text, each character on the colour of what one unit did when it was read."""

import html
import itertools
import os
import pathlib

import numpy as np
from numpy.typing import ArrayLike

from kerasrnn.inspection.attention_map import text_width
from kerasrnn.inspection.figure_style import INK, QUIET, empty_figure, save
from kerasrnn.inspection.glyphs import (
    LONGEST_LABEL,
    MISSING,
    MISSING_NOTE,
    drawable,
    fonts_for,
    shortened,
)
from kerasrnn.inspection.whole_numbers import check_integer

# Pale enough for dark letters: −1, 0 and 1.
LOW, MIDDLE, HIGH = (0x5B, 0x93, 0xD3), (255, 255, 255), (0xE2, 0x66, 0x5A)
LEVELS = 32  # of either sign; more are not told apart
FEED = "↵"
TAB = 8
MONOSPACED = "DejaVu Sans Mono"  # it comes with matplotlib
DPI = 150  # at which letters are as wide as they are measured
TITLE = {"fontsize": 10.5, "fontweight": "bold"}
LONGEST_TITLE = 120
MOST_CHARACTERS = 20_000  # of a figure

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body style="margin: 2em; font-family: sans-serif; color: {ink}">
<h1 style="font-size: 1.1em">{title}</h1>
{body}
</body></html>
"""


def colored_text_html(
    text: str,
    values: ArrayLike,
    path: str | os.PathLike | None = None,
    *,
    title: str = "activation",
) -> str:
    """Show a unit's activations as the background of a text, in HTML.

    From blue, −1, through white, 0, to red, 1; beyond is as −1 and 1.

    Args:
        text: T characters.
        values: (T,) activations, such as `recording.unit("hidden", layer=0, unit=5)`;
            of a cell state rather its tanh, which is what the unit lets out.
        path: Where a page of its own is written; None for none.
        title: The page's heading.

    Returns:
        A piece of HTML, for a notebook (`IPython.display.HTML`) or another page.

    Raises:
        ValueError: There is not one value for each character.

    Example:

    >>> from kerasrnn.inspection import colored_text_html
    >>> piece = colored_text_html("a<b", [1.0, 0.0, -1.0])
    >>> '<span style="background: #e2665a">a</span>&lt;' in piece
    True

    Reference: Karpathy et al. 2016, figure 2.
    """
    values = check_values(text, values)
    pieces = []
    for shown, level in runs(text, values):
        shown = html.escape(shown.replace("\n", f"{FEED}\n"), quote=False)
        if level:
            colour = "#{:02x}{:02x}{:02x}".format(*colour_of(level))
            shown = f'<span style="background: {colour}">{shown}</span>'
        pieces.append(shown)
    scale = ", ".join("rgb({}, {}, {})".format(*c) for c in (LOW, MIDDLE, HIGH))
    legend = (
        '<div style="font-size: 0.8em; margin-bottom: 0.8em">−1 <span style="display: '
        f"inline-block; width: 9em; height: 0.8em; border: 1px solid {QUIET}; "
        f'background: linear-gradient(to right, {scale})"></span> +1</div>'
    )
    style = f"color: {INK}; background: white; line-height: 1.5; tab-size: {TAB}; "
    style += "white-space: pre-wrap; overflow-wrap: anywhere"
    body = f'{legend}<pre style="{style}">{"".join(pieces)}</pre>'
    if path is not None:
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        page = PAGE.format(title=html.escape(title), ink=INK, body=body)
        path.write_text(page, encoding="utf-8")
    return body


def colored_text_terminal(text: str, values: ArrayLike) -> str:
    r"""Show a unit's activations as the background of a text, in a terminal.

    The colours are those of `colored_text_html`, 24 bit deep. Characters that could
    steer the terminal are shown as ·.

    Args:
        text: T characters.
        values: (T,) activations.

    Returns:
        A string to print.

    Raises:
        ValueError: There is not one value for each character.

    Example:

    >>> from kerasrnn.inspection import colored_text_terminal
    >>> colored_text_terminal("a", [1.0])
    '\x1b[38;2;31;41;51;48;2;226;102;90ma\x1b[0m'
    """
    values = check_values(text, values)
    ink = tuple(int(INK[k : k + 2], 16) for k in (1, 3, 5))
    lines = []
    for row in laid_out(text, values, width=None):
        line = []
        shown = "".join(c for c, _ in row)
        for piece, level in runs(shown, np.array([v for _, v in row])):
            codes = ";".join(str(c) for c in (38, 2, *ink, 48, 2, *colour_of(level)))
            line.append(f"\x1b[{codes}m{piece}\x1b[0m")
        lines.append("".join(line))
    return "\n".join(lines)


def colored_text_figure(
    text: str,
    values: ArrayLike,
    path: str | os.PathLike,
    *,
    title: str = "",
    width: int = 80,
    marks: ArrayLike | None = None,
    ends: tuple[str, str] = ("−1", "+1"),
) -> pathlib.Path:
    """Draw a text on the colours of a unit's activations, with a legend.

    Args:
        text: T characters, 20,000 at most.
        values: (T,) activations.
        path: The PNG file to write.
        title: Above the text.
        width: Characters in a line; longer lines are wrapped.
        marks: (T,) booleans, which characters are underlined, or None.
        ends: What the legend says of −1 and 1.

    Returns:
        The path.

    Raises:
        ValueError: There is not one value or mark for each character, or too many
            characters.

    Example:

    >>> from kerasrnn.inspection import colored_text_figure
    >>> colored_text_figure("to be", [0.9, 0.5, 0, -0.5, -1], "unit.png").name
    'unit.png'

    Reference: Karpathy et al. 2016, figure 2.
    """
    panels = [(title, text, values, marks)]
    return colored_texts_figure(panels, path, width=width, ends=ends)


def colored_texts_figure(panels, path, *, width=80, ends=("−1", "+1")):
    """Several texts, (title, text, values, marks or None), one below the other.

    `ends` is what the legend says of −1 and 1.
    """
    check_integer("width", width, 10)
    checked = []
    for title, text, values, marks in panels:
        values = check_values(text, values)
        if len(text) > MOST_CHARACTERS:
            raise ValueError(
                f"`text` must have at most {MOST_CHARACTERS:,} characters in a figure; "
                f"got {len(text):,}."
            )
        if marks is not None:
            marks = check_values(text, marks, "marks")
            marks = laid_out(text, marks, width)
        checked.append((title, laid_out(text, values, width), marks))
    shown = {c for _, rows, _ in checked for row in rows for c, _ in row}
    fonts, lacking = fonts_for(shown)
    # Without a title there is none, rather than a sign of it.
    titles = [title and shortened(title, LONGEST_TITLE) for title, _, _ in checked]
    ends = [shortened(end, LONGEST_LABEL) for end in ends]
    said, families, unsaid = drawable([*titles, *ends])
    titles, ends = said[:-2], said[-2:]
    title_style = {**TITLE, "family": families}
    fonts = [MONOSPACED, *fonts]
    size, line = 9, 0.19  # of the letters, in points; of a line, in inches
    columns = min(width, max(len(r) for _, rows, _ in checked for r in rows))
    left, gap, head = 0.25, 0.25, 0.3
    heights = [head + line * len(rows) for _, rows, _ in checked]
    height = sum(heights) + gap * len(heights) + 0.45
    with empty_figure(1, height, fonts, dpi=DPI) as figure:
        cell = text_width(figure, "m" * 100, size) / 100
        widths = [text_width(figure, t, **title_style) for t in titles if t]
        figure.set_figwidth(left * 2 + max([columns * cell, 4.8, *widths]))
        top = 0.12
        for title, (_, rows, marks) in zip(titles, checked, strict=True):
            at = {"va": "top", **title_style}
            figure.text(left / figure.get_figwidth(), 1 - top / height, title, **at)
            draw_panel(
                figure, rows, marks, lacking, (left, top + head), (cell, line), size
            )
            top += head + line * len(rows) + gap
        draw_legend(
            figure, left, height - 0.35, ends, families, bool(lacking) or unsaid
        )
        return save(figure, path)


def draw_panel(figure, rows, marks, lacking, corner, cell, size):
    """One text, its upper left corner and the size of a character in inches."""
    width, height = figure.get_size_inches()
    (left, top), (cell, line) = corner, cell
    columns = max(len(row) for row in rows)
    axes = figure.add_axes(
        (
            left / width,
            1 - (top + line * len(rows)) / height,
            columns * cell / width,
            line * len(rows) / height,
        )
    )
    image = np.full((len(rows), columns, 3), 255, "uint8")
    for number, row in enumerate(rows):
        for column, (_, value) in enumerate(row):
            image[number, column] = colour_of(level_of(value))
    axes.imshow(
        image,
        extent=(0, columns, len(rows), 0),
        aspect="auto",
        interpolation="nearest",
    )
    axes.set_axis_off()
    style = {"fontsize": size, "va": "center", "color": INK}
    for number, row in enumerate(rows):
        shown = [MISSING if c in lacking else c for c, _ in row]
        if all(c.isascii() or c == FEED for c in shown):
            # Of one font, in which all characters are equally wide.
            feed = shown and shown[-1] == FEED
            plain = "".join(shown[:-1] if feed else shown)
            axes.text(0, number + 0.5, plain, **style)
            if feed:
                quiet = {**style, "color": QUIET, "ha": "center"}
                axes.text(len(plain) + 0.5, number + 0.5, FEED, **quiet)
        else:
            for column, character in enumerate(shown):
                axes.text(column + 0.5, number + 0.5, character, ha="center", **style)
        if marks is not None:
            under = np.array([0, *(mark > 0 for _, mark in marks[number]), 0], int)
            ends = np.flatnonzero(np.diff(under)).reshape(-1, 2)
            axes.hlines([number + 0.95] * len(ends), *ends.T, color=INK, linewidth=0.9)


def draw_legend(figure, left, top, ends, families, lacking):
    """The scale from −1 to 1, in inches from the upper left corner."""
    left += max(text_width(figure, ends[0], 8, family=families) - 0.15, 0)
    width, height = figure.get_size_inches()
    axes = figure.add_axes(
        ((left + 0.25) / width, 1 - (top + 0.12) / height, 1.4 / width, 0.12 / height)
    )
    levels = np.arange(-LEVELS, LEVELS + 1)
    axes.imshow(np.array([[colour_of(k) for k in levels]], "uint8"), aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color="#cbd2d9")
    style = {"fontsize": 8, "color": QUIET, "va": "center", "family": families}
    y = 1 - (top + 0.06) / height
    figure.text((left + 0.2) / width, y, ends[0], ha="right", **style)
    figure.text((left + 1.7) / width, y, ends[1], **style)
    if lacking:
        left += text_width(figure, ends[1], 8, family=families)
        figure.text((left + 2.0) / width, y, MISSING_NOTE, **style)


def check_values(text, values, name="values") -> np.ndarray:
    """The values as float32, one a character, or a ValueError."""
    if not isinstance(text, str) or not text:
        raise ValueError(
            f"`text` must be a string of one character or more; got {text!r}."
        )
    values = np.asarray(values, "float32")
    if values.shape != (len(text),):
        raise ValueError(
            f"`{name}` must have one value a character, shape ({len(text)},); got "
            f"shape {values.shape}."
        )
    if np.isnan(values).any():
        raise ValueError(f"`{name}` must be numbers; got NaN.")
    return values


def level_of(value) -> int:
    """A value as one of the colours' levels."""
    return int(np.rint(np.clip(value, -1, 1) * LEVELS))


def colour_of(level) -> tuple:
    """Red, green and blue of a level."""
    end = HIGH if level > 0 else LOW
    share = abs(level) / LEVELS
    return tuple(
        round(middle + (e - middle) * share)
        for middle, e in zip(MIDDLE, end, strict=True)
    )


def runs(text, values):
    """Pieces of a text whose characters have one colour, with their level."""
    levels = np.rint(np.clip(values, -1, 1) * LEVELS).astype(int)
    starts = [0, *(np.flatnonzero(np.diff(levels)) + 1), len(text)]
    for start, end in itertools.pairwise(starts):
        yield text[start:end], int(levels[start])


def laid_out(text, values, width) -> list:
    r"""Lines of (character, value): tabs as spaces, long ones wrapped, marked feeds.

    Example:

    >>> laid_out("a\n\tb", [1, 2, 3, 4], 4)
    [[('a', 1), ('↵', 2)], [(' ', 3), (' ', 3), (' ', 3), (' ', 3)], [('b', 4)]]
    """
    rows: list[list] = []
    row: list = []
    column = 0

    def add(character, value):
        if width is not None and len(row) == width:
            rows.append(row[:])
            row.clear()
        row.append((character, value))

    for character, value in zip(text, values, strict=True):
        if character == "\n":
            add(FEED, value)
            rows.append(row[:])
            row.clear()
            column = 0
        elif character == "\t":
            reach = TAB if width is None else min(TAB, width)
            for _ in range(reach - column % reach):
                add(" ", value)
                column += 1
        else:
            add(character if character.isprintable() else "·", value)
            column += 1
    return [*rows, row] if row else rows
