import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from kerasrnn.inspection.figure_style import BLUE, ORANGE, QUIET, new_figure, save
from kerasrnn.inspection.glyphs import LONGEST_LABEL, drawable

COLOURS = (BLUE, ORANGE, QUIET, "#3a8f5c", "#8e4585", "#1f2933")
KEYS = ("low", "high", "sentences", "bleu")


def bleu_by_length_figure(
    results: Mapping[str, Sequence[Mapping[str, Any]]], path: str | os.PathLike
) -> pathlib.Path:
    """Draw how the quality of translations depends on the length of sentences.

    Of two models the title says by how much the first leads in the shortest and in
    the longest sentences.

    Args:
        results: For each model's label one dict for each range of lengths, short ones
            first and the same ones for all models: `low` and `high`, the fewest and
            the most words (`high` None: any number), `sentences`, how many there
            are, and `bleu`, from 0 to 100. `interval`, the lower and the upper end
            of what `bleu` may be by chance, is drawn where it is there.
        path: The PNG file to write.

    Returns:
        The path.

    Raises:
        ValueError: No model or no range, a missing key, or ranges that differ.

    Example:

    >>> import tempfile
    >>> from kerasrnn.inspection import bleu_by_length_figure
    >>> short = {"low": 1, "high": 10, "sentences": 40}
    >>> long = {"low": 11, "high": None, "sentences": 25}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = bleu_by_length_figure(
    ...         {
    ...             "with attention": [short | {"bleu": 17.0}, long | {"bleu": 15.5}],
    ...             "without": [short | {"bleu": 14.0}, long | {"bleu": 4.5}],
    ...         },
    ...         f"{folder}/bleu.png",
    ...     )
    ...     path.name
    'bleu.png'

    Reference: Bahdanau et al. 2015, figure 2.
    """
    buckets = check_results(results)
    places = range(len(buckets))
    names, fonts, _ = drawable(results, LONGEST_LABEL)
    with new_figure(7.5, 3.9, fonts=fonts) as (figure, axes):
        # A point of BLEU is little: below it the differences are chance.
        highest = max(
            1,
            *(max(tops(row)) for rows in results.values() for row in rows),
        )
        labels_at = apart(
            {label: rows[-1]["bleu"] for label, rows in results.items()},
            # All of them fit beside the axes, on one another where they are many.
            min(0.07, 1 / len(results)) * highest,
        )
        for number, (label, rows) in enumerate(results.items()):
            colour = COLOURS[number % len(COLOURS)]
            bleu = [row["bleu"] for row in rows]
            axes.plot(places, bleu, color=colour, linewidth=2, marker="o", markersize=6)
            for place, row in zip(places, rows, strict=True):
                if "interval" in row:
                    axes.plot([place] * 2, row["interval"], color=colour, linewidth=1.2)
                    axes.plot([place] * 2, row["interval"], "_", color=colour)
            axes.annotate(
                names[number],
                (places[-1], labels_at[label]),
                xytext=(9, 0),
                textcoords="offset points",
                color=colour,
                va="center",
                annotation_clip=False,
            )
        axes.set_title(title_of(names[0], results))
        axes.set_xlabel("words of the source (n sentences)")
        axes.set_ylabel("BLEU")
        axes.set_xticks(
            places,
            [f"{words_of(row)}\nn = {row['sentences']:,}" for row in buckets],
        )
        axes.set_ylim(0, 1.12 * highest)
        axes.margins(x=0.06)
        axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
        return save(figure, path)


def tops(row) -> tuple[float, ...]:
    """How high a range of lengths reaches in the figure."""
    return row["bleu"], *row.get("interval", ())


def title_of(label, results) -> str:
    """What the figure tells; `label` is the first model's."""
    if len(results) != 2:
        return "BLEU by length of the sentence"
    first, second = results.values()
    # Rounded here, so that no lead is "-0.0".
    leads = [
        round(a["bleu"] - b["bleu"], 1) + 0.0
        for a, b in zip(first, second, strict=True)
    ]
    if len(leads) == 1:
        return f"{label}: {leads[0]:+.1f} BLEU"
    return (
        f"{label}: {leads[0]:+.1f} BLEU at {words_of(first[0])} words, "
        f"{leads[-1]:+.1f} at {words_of(first[-1])}"
    )


def words_of(row) -> str:
    """The range of lengths, as 11–20."""
    if row["high"] is None:
        return f"{row['low']}+"
    if row["low"] == row["high"]:
        return str(row["low"])
    return f"{row['low']}–{row['high']}"


def apart(heights, least) -> dict:
    """The heights, by label, moved up where two are closer than `least`."""
    moved, last = {}, float("-inf")
    for label, height in sorted(heights.items(), key=lambda item: item[1]):
        last = max(height, last + least)
        moved[label] = last
    return moved


def check_results(results):
    """The ranges that all models share, or a ValueError."""
    if not results:
        raise ValueError("`results` must hold one model or more; got none.")
    buckets = None
    for label, rows in results.items():
        if not rows:
            raise ValueError(
                f"`results[{label!r}]` must hold one range of lengths or more; got "
                "none."
            )
        for row in rows:
            if missing := [key for key in KEYS if key not in row]:
                raise ValueError(
                    f"`results[{label!r}]` must hold dicts with {', '.join(KEYS)}; "
                    f"got one without {', '.join(missing)}."
                )
        ranges = [(row["low"], row["high"], row["sentences"]) for row in rows]
        if buckets is None:
            buckets, expected, first = rows, ranges, label
        elif ranges != expected:
            raise ValueError(
                f"`results[{label!r}]` must have the ranges and sentences of "
                f"{first!r}, (low, high, sentences)={expected}; got {ranges}."
            )
    return buckets
