import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasrnn.inspection.attention_map import text_width
from kerasrnn.inspection.figure_style import (
    DARK,
    INK,
    ORANGE,
    QUIET,
    empty_figure,
    save,
    sequential_colours,
)
from kerasrnn.inspection.glyphs import MISSING_NOTE, drawable

# Inches: a page, a line with words, labels and probabilities, and between two words.
WIDTH, LINE, BETWEEN = 10.0, 0.85, 0.16
LONGEST_WORD = 24


def tagged_words_figure(
    model: Any,
    sentences: Sequence[Any],
    path: str | os.PathLike,
    *,
    true: Sequence[Sequence[str]] | None = None,
) -> pathlib.Path:
    """Draw sentences, under each word its label and how probable that is.

    The darker the field behind a label, the surer the model. A wrong label is orange,
    with the right one after it.

    Args:
        model: A `SequenceTagger` of words.
        sentences: Each a list of words, or a string of words with spaces between.
        path: The PNG file to write.
        true: The right labels of each sentence, or None.

    Returns:
        The path.
    """
    tags, sure = model.tag(sentences, return_probabilities=True)
    words = [_words(sentence) for sentence in sentences]
    flat, fonts, lacking = drawable([w for row in words for w in row], LONGEST_WORD)
    shown = iter(flat)
    rows = []
    for number, row in enumerate(words):
        right = tags[number] if true is None else true[number]
        items = zip(row, tags[number], sure[number], right, strict=True)
        rows.append([(next(shown), *item[1:]) for item in items])
    with empty_figure(WIDTH, 1.0, fonts) as figure:
        lines = [line for row in rows for line in _lines(figure, row)]
        height = LINE * len(lines) + 0.5
        figure.set_size_inches(WIDTH, height)
        colours = sequential_colours()
        y = height - 0.25
        for line, begins in lines:
            y -= 0.05 if begins else 0.0
            for x, width, word, tag, probability, answer in line:
                _draw(figure, colours, height, (x, y, width), word, tag, probability)
                if tag != answer:
                    figure.text(
                        (x + width / 2) / WIDTH,
                        (y - 0.6) / height,
                        f"is {answer}",
                        ha="center",
                        va="center",
                        fontsize=7,
                        color=ORANGE,
                    )
            y -= LINE
        note = "Behind each label, how probable the model holds it: pale 0, dark 1."
        if lacking:
            note += f" {MISSING_NOTE}"
        figure.text(0.2 / WIDTH, 0.1 / height, note, fontsize=8, color=QUIET)
        return save(figure, path)


def _words(sentence):
    if isinstance(sentence, bytes):
        sentence = sentence.decode("utf-8", "replace")
    return sentence.split() if isinstance(sentence, str) else list(sentence)


def _lines(figure, row):
    """The lines of a sentence: where each of its words stands, and how wide it is."""
    lines, line, x = [], [], 0.2
    for word, tag, probability, answer in row:
        label = f"{tag} {_percent(probability)}"
        width = max(text_width(figure, word, 10), text_width(figure, label, 8)) + 0.08
        if line and x + width > WIDTH - 0.2:
            lines.append((line, not lines))
            line, x = [], 0.2
        line.append((x, width, word, tag, probability, answer))
        x += width + BETWEEN
    return [*lines, (line, not lines)]


def _percent(probability):
    return "100" if probability >= 0.995 else f"{100 * probability:.0f}"


def _draw(figure, colours, height, place, word, tag, probability):
    from matplotlib.patches import Rectangle

    x, y, width = place
    middle = (x + width / 2) / WIDTH
    figure.text(
        middle, y / height, word, ha="center", va="center", fontsize=10, color=INK
    )
    figure.add_artist(
        Rectangle(
            (x / WIDTH, (y - 0.46) / height),
            width / WIDTH,
            0.26 / height,
            facecolor=colours(float(np.clip(probability, 0, 1)) * 0.85),
            edgecolor="none",
            transform=figure.transFigure,
        )
    )
    figure.text(
        middle,
        (y - 0.33) / height,
        f"{tag} {_percent(probability)}",
        ha="center",
        va="center",
        fontsize=8,
        color="white" if probability > 0.5 else DARK,
    )
