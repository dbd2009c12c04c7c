"""Spans beside those of seqeval, which `.ci/run` installs for this test."""

import numpy as np
import pytest

from kerasrnn.metrics import span_scores, spans_of

seqeval = pytest.importorskip("seqeval.metrics")
labeling = pytest.importorskip("seqeval.metrics.sequence_labeling")

SCHEMES = {"BIO": "BI", "BIOES": "BIES"}


def any_tags(random, marks):
    """Tags in any order at all, also such as no sentence has."""
    tags = ["O", *(f"{mark}-{kind}" for mark in marks for kind in ("PER", "LOC"))]
    return random.choice(tags, random.integers(1, 12)).tolist()


def well_formed(random, scheme):
    """Tags of spans of one to three words, some of them side by side."""
    tags = []
    for _ in range(random.integers(1, 6)):
        kind, length = random.choice(["PER", "LOC"]), int(random.integers(0, 4))
        if length == 0:
            tags.append("O")
        elif scheme == "BIO":
            tags += [f"B-{kind}"] + [f"I-{kind}"] * (length - 1)
        elif length == 1:
            tags.append(f"S-{kind}")
        else:
            tags += [f"B-{kind}", *[f"I-{kind}"] * (length - 2), f"E-{kind}"]
    return tags


@pytest.mark.parametrize("scheme", SCHEMES)
def test_spans_and_scores_are_those_of_seqeval(scheme):
    random = np.random.default_rng(0)
    true = [well_formed(random, scheme) for _ in range(300)]
    true += [any_tags(random, SCHEMES[scheme]) for _ in range(700)]
    for tags in true:
        expected = [(kind, a, b + 1) for kind, a, b in labeling.get_entities(tags)]
        assert spans_of(tags) == expected, tags
    # A third of the tags are others in the answer.
    other = [any_tags(random, SCHEMES[scheme]) * 20 for _ in true]
    answers = [
        [b if random.random() < 1 / 3 else a for a, b in zip(*pair, strict=False)]
        for pair in zip(true, other, strict=True)
    ]
    found = span_scores(true, answers)
    assert 0.1 < found["span_f1"] < 0.9
    for name in ("precision", "recall", "f1"):
        expected = getattr(seqeval, f"{name}_score")(true, answers)
        assert found[f"span_{name}"] == pytest.approx(expected)
