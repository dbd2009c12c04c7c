"""Pictures with what people say of them and what a captioner says."""

import base64
import html
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from kerasrnn.inspection.figure_style import BLUE, INK, QUIET, empty_figure, save
from kerasrnn.inspection.glyphs import MISSING_NOTE, drawable
from kerasrnn.inspection.picture_panel import (
    EDGE,
    check_image,
    picture_axes,
    wrapped,
    write_at,
)

MOST_PICTURES = 24
COLUMNS = 4
MOST_LINES = 3

# Inches.
SIDE = 1.9
GAP = 0.22
LINE = 0.155
HEAD = 0.36
FONT_SIZE = 8.5


def caption_gallery_figure(
    images: Sequence[ArrayLike],
    references: Sequence[str] | Sequence[Sequence[str]],
    hypotheses: Sequence[str],
    path: str | os.PathLike | None = None,
    *,
    scores: Sequence[float] | None = None,
) -> Any:
    """Draw a page of pictures, each with a true caption and the generated one.

    Args:
        images: 1 to 24 pictures (height, width, 3) of any sizes, from 0 to 255.
        references: For each picture its captions, a list of strings, of which the
            first is drawn; or one string.
        hypotheses: For each picture what the model says.
        path: The PNG file to write; None gives the figure.
        scores: For each picture the CIDEr-D of what the model says, to show too.

    Returns:
        The path, or matplotlib's figure.

    Raises:
        ValueError: Other numbers of captions or scores than of pictures, or a picture
            of another shape.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.inspection import caption_gallery_figure
    >>> figure = caption_gallery_figure(
    ...     [np.full((64, 64, 3), 255)], [["a polar bear in the snow"]], ["snow"]
    ... )
    >>> [text.get_text() for text in figure.texts[-2:]]
    ['a polar bear in the snow', 'snow']
    """
    if not 1 <= len(images) <= MOST_PICTURES:
        raise ValueError(
            f"`images` must hold 1 to {MOST_PICTURES} pictures; got {len(images)}."
        )
    references = check_references(references, hypotheses, len(images))
    images = [check_image(image, f"images[{n}]") for n, image in enumerate(images)]
    count = len(images)
    shown = check_scores(scores, count)
    texts, fonts, lacking = drawable([*(r[0] for r in references), *hypotheses])
    across = max(2, min(COLUMNS, count))
    with empty_figure(across * (SIDE + GAP) + GAP, 1, fonts) as figure:
        lines = [
            wrapped(figure, text, SIDE, FONT_SIZE, MOST_LINES) or ["–"]
            for text in texts
        ]
        pairs = list(zip(lines[:count], lines[count:], strict=True))
        rows = [pairs[n : n + across] for n in range(0, count, across)]
        heights = [
            SIDE + 0.1 + LINE * (most_lines(row) + (scores is not None)) + GAP
            for row in rows
        ]
        foot = 0.25 if lacking else 0.0
        figure.set_figheight(HEAD + sum(heights) + foot)
        write_at(figure, GAP, 0.22, "what people say", color=INK)
        write_at(figure, GAP + 1.4, 0.22, "what the model says", color=BLUE)
        if scores is not None:
            write_at(figure, GAP + 3.1, 0.22, "CIDEr-D, from 0 to 10", color=QUIET)
        if lacking:
            low = figure.get_figheight() - 0.12
            write_at(figure, GAP, low, MISSING_NOTE, color=QUIET, fontsize=8)
        for number, (true, generated) in enumerate(pairs):
            x = GAP + number % across * (SIDE + GAP)
            y = HEAD + sum(heights[: number // across])
            picture_axes(figure, images[number], x, y, SIDE, SIDE)
            # One frame for all, whatever the picture's shape.
            figure.axes[-1].spines[:].set_visible(False)
            frame(figure, x, y)
            score = [] if shown[number] is None else [f"{shown[number]:.2f}"]
            colours = [INK] * len(true) + [BLUE] * len(generated) + [QUIET]
            for place, line in enumerate([*true, *generated, *score]):
                low = y + SIDE + 0.17 + LINE * place
                style = {"color": colours[place], "fontsize": FONT_SIZE}
                write_at(figure, x, low, line, **style)
        return figure if path is None else save(figure, path)


def most_lines(row) -> int:
    """Lines of the longest pair of captions."""
    return max(sum(map(len, pair)) for pair in row)


def check_scores(scores, count) -> list[float | None]:
    """A score, or None, for each picture."""
    shown: list[float | None] = [None] * count if scores is None else list(scores)
    if len(shown) != count:
        raise ValueError(
            f"`scores` must hold a number for each of the {count} pictures; got "
            f"{len(shown)}."
        )
    return shown


def frame(figure, x, y):
    """A square round a picture's place."""
    from matplotlib.patches import Rectangle

    width, height = figure.get_size_inches()
    corner = x / width, 1 - (y + SIDE) / height
    style = {"fill": False, "edgecolor": EDGE, "linewidth": 0.6}
    figure.add_artist(Rectangle(corner, SIDE / width, SIDE / height, **style))


PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ margin: 1rem; font: 1rem/1.35 system-ui, sans-serif; color: {ink}; }}
main {{ display: grid; gap: 1rem;
 grid-template-columns: repeat(auto-fill, minmax(min(9.5rem, 100%), 1fr)); }}
figure {{ margin: 0; overflow-wrap: anywhere; }}
img {{ width: 100%; aspect-ratio: 1; object-fit: contain; background: white;
 border: 1px solid #e4e7eb; box-sizing: border-box; }}
p {{ margin: .25rem 0 0; }}
.also, .score {{ color: {quiet}; font-size: .85rem; }}
.model {{ color: {blue}; font-weight: 600; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{count} pictures: what people say, and <span class="model">what the model says</span>
</p>
<main>
"""


def write_gallery(
    path: str | os.PathLike,
    pictures: Sequence[bytes],
    references: Sequence[str] | Sequence[Sequence[str]],
    hypotheses: Sequence[str],
    scores: Sequence[float] | None = None,
    *,
    title: str = "Captions",
) -> pathlib.Path:
    """Write a web page of pictures, each with its true captions and the generated one.

    The page is one file: the pictures are in it, nothing is fetched, no script runs.
    It fits a telephone as well as a wide screen.

    Args:
        path: The file, with the ending .html; or a folder, for its `gallery.html`.
        pictures: Encoded pictures, bytes, in the order in which they are shown.
        references: For each picture its captions, a list of strings, or one string.
        hypotheses: For each picture what the model says.
        scores: For each picture the CIDEr-D of what the model says, to show too.
        title: What the page is called.

    Returns:
        The path of the file.

    Raises:
        ValueError: Numbers of pictures, captions and scores that differ, or a picture
            that is none that browsers know.

    Example:

    >>> import tempfile
    >>> from kerasrnn.inspection import write_gallery
    >>> gif = b"GIF89a" + bytes(20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_gallery(folder, [gif], [["a cat"]], ["a dog"], [0.0])
    ...     path.name
    'gallery.html'
    """
    pictures = list(pictures)
    references = check_references(references, hypotheses, len(pictures))
    shown = check_scores(scores, len(pictures))
    parts = [
        PAGE.format(
            title=html.escape(title),
            count=len(pictures),
            ink=INK,
            quiet=QUIET,
            blue=BLUE,
        )
    ]
    parts += [
        entry(*item, number)
        for number, item in enumerate(
            zip(pictures, references, hypotheses, shown, strict=True)
        )
    ]
    parts.append("</main>\n</body>\n</html>\n")
    path = pathlib.Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        path = path / "gallery.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(parts), encoding="utf-8", errors="replace")
    return path


def entry(picture, references, hypothesis, score, number) -> str:
    """One picture of the page."""
    kind = kind_of_picture(picture)
    if kind is None:
        raise ValueError(
            f"`pictures[{number}]` must be the bytes of a PNG, JPEG, GIF, WebP or BMP; "
            f"got {picture[:12]!r}."
        )
    first, *others = map(html.escape, references)
    lines = [
        "<figure>",
        f'<img alt="{first}" src="data:image/{kind};base64,'
        f'{base64.b64encode(picture).decode("ascii")}">',
        f"<p>{first}</p>",
    ]
    if others:
        lines.append(f'<p class="also">{"<br>".join(others)}</p>')
    lines.append(f'<p class="model">{html.escape(hypothesis) or "–"}</p>')
    if score is not None:
        lines.append(f'<p class="score">CIDEr-D {score:.2f}</p>')
    return "\n".join([*lines, "</figure>\n"])


def kind_of_picture(contents: bytes) -> str | None:
    """What a picture is, from its first bytes: png, jpeg, gif, webp or bmp."""
    if contents[:4] == b"RIFF" and contents[8:12] == b"WEBP":
        return "webp"
    beginnings = {
        b"\x89PNG\r\n\x1a\n": "png",
        b"\xff\xd8\xff": "jpeg",
        b"GIF8": "gif",
        b"BM": "bmp",
    }
    return next((v for k, v in beginnings.items() if contents.startswith(k)), None)


def check_references(references, hypotheses, pictures):
    """The references as lists, or a ValueError."""
    for name, texts in (("references", references), ("hypotheses", hypotheses)):
        if isinstance(texts, (str, bytes)) or len(texts) != pictures:
            got = repr(texts) if isinstance(texts, (str, bytes)) else len(texts)
            raise ValueError(
                f"`{name}` must hold captions for each of the {pictures} pictures; got "
                f"{got}."
            )
    references = [[r] if isinstance(r, str) else list(r) for r in references]
    for number, captions in enumerate(references):
        if not captions:
            raise ValueError(
                f"`references[{number}]` must hold one caption or more; got none."
            )
    return references
