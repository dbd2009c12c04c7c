"""Spans of words that tags of BIO mark, such as names, and how many are found."""

import re
from collections.abc import Sequence

# B begins a span, I is inside one, E ends one, S is one by itself; O is outside.
TAG = re.compile("O|[BIES]-.+")


def marks_spans(tags: Sequence[str]) -> bool:
    """Whether these are the tags of spans, in BIO or BIOES.

    Example:

    >>> marks_spans(["O", "B-PER", "I-PER"]), marks_spans(["NN", "VB"])
    (True, False)
    """
    found = {*tags}
    return all(map(TAG.fullmatch, found)) and any(tag[0] in "BS" for tag in found)


def spans_of(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """The spans of one sentence: kind, first word, and the word after the last one.

    What an I begins without a B before it is a span, too, as in CoNLL's evaluation.

    Example:

    >>> spans_of(["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-ORG"])
    [('PER', 0, 2), ('LOC', 3, 4), ('LOC', 4, 5), ('ORG', 5, 6)]
    """
    spans: list[tuple[str, int, int]] = []
    mark, kind, begin = "O", "", 0
    for place, tag in enumerate([*tags, "O"]):
        new_mark, _, new_kind = tag.partition("-")
        goes_on = new_mark in "IE" and new_kind == kind and mark in "BI"
        if mark != "O" and not goes_on:
            spans.append((kind, begin, place))
        if not goes_on:
            begin = place
        mark, kind = new_mark, new_kind
    return spans


def span_scores(
    true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Precision, recall and F1 of spans whose kind and both ends are right.

    Args:
        true: Tags of each sentence.
        predicted: The same, as a model gave them.

    Example:

    >>> scores = span_scores([["B-A", "I-A", "B-B"]], [["B-A", "O", "B-B"]])
    >>> scores["span_precision"], scores["span_recall"], scores["span_f1"]
    (0.5, 0.5, 0.5)

    Reference: Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003
    Shared Task", section 2.4.
    """
    found, right, there = 0, 0, 0
    for tags, answer in zip(true, predicted, strict=True):
        spans, answers = {*spans_of(tags)}, {*spans_of(answer)}
        found, there = found + len(answers), there + len(spans)
        right += len(spans & answers)
    precision = right / found if found else 0.0
    recall = right / there if there else 0.0
    return {
        "span_precision": precision,
        "span_recall": recall,
        "span_f1": 2 * right / (found + there) if found + there else 0.0,
    }
