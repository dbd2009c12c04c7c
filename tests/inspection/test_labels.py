"""Labels of any kind, and many of them, in every figure that has some."""

import itertools
import time
import warnings

import numpy as np
import pytest

pytest.importorskip("matplotlib")
import matplotlib.image
from matplotlib.figure import Figure

from kerasrnn.inspection import (
    Recording,
    attention_maps_figure,
    bleu_by_length_figure,
    caption_attention_figure,
    caption_gallery_figure,
    colored_text_figure,
    confusion_matrix_figure,
    gate_saturation_figure,
)

HOSTILE = {
    "formula": "$x$",
    "broken formula": r"costs $5 or \$6_{ and $\frac{1",
    "one dollar": "US$",
    "long": "a very long label " * 500,
    "long word": "W" * 5000,
    "korean": "좋은 영화",
    "arabic": "فيلم جيد",
    "unknown": "\U000f0000\u0378",
    "empty": "",
    "invisible": " \u200b\n\t\x1b[31m\ud800",
}
BLANK = np.full((16, 16, 3), 255)


def confusion_matrix(label, path):
    return confusion_matrix_figure([[3, 1], [0, 2]], [label, "b"], path)


def attention_maps(label, path):
    return attention_maps_figure([[[0.9, 0.1]]], [[label, "b"]], [[label]], path)


def bleu_by_length(label, path):
    rows = [
        {"low": 1, "high": 9, "sentences": 4, "bleu": 7.0},
        {"low": 10, "high": None, "sentences": 4, "bleu": 5.0},
    ]
    return bleu_by_length_figure({label: rows, "other": rows}, path)


def caption_attention(label, path):
    return caption_attention_figure(BLANK, [label, "b"], np.eye(2, 4), path)


def caption_gallery(label, path):
    return caption_gallery_figure([BLANK] * 2, [[label], "b"], ["c", label], path)


def colored_text(label, path):
    return colored_text_figure(
        "a $b", np.zeros(4), path, title=label, ends=(label, label)
    )


def gate_saturation(label, path):
    gates = {"update_gate": np.random.default_rng(0).random((5, 20))}
    return gate_saturation_figure({label: Recording("abcde", [gates], ["gru"])}, path)


FIGURES = {
    draw.__name__: draw
    for draw in (
        confusion_matrix,
        attention_maps,
        bleu_by_length,
        caption_attention,
        caption_gallery,
        colored_text,
        gate_saturation,
    )
}


@pytest.fixture
def written(monkeypatch):
    """The texts of the last figure that was saved, in the order of their drawing."""
    texts = []
    savefig = Figure.savefig

    def save(figure, *arguments, **options):
        from matplotlib.text import Text

        savefig(figure, *arguments, **options)
        texts[:] = [
            text
            for text in figure.findobj(Text)
            if text.get_text() and text.get_visible()
        ]

    monkeypatch.setattr(Figure, "savefig", save)
    return texts


@pytest.mark.long
@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_labels_of_any_kind(draw, tmp_path, written):
    for kind, label in HOSTILE.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            path = draw(label, tmp_path / "figure.png")
        height, width = matplotlib.image.imread(path).shape[:2]
        assert 0 < width < 3000 and 0 < height < 3000, kind
        shown = " ".join(text.get_text() for text in written)
        assert not any(text.get_parse_math() for text in written)
        if "$" in label:
            # A label is drawn as it is written, up to where it is cut off.
            assert label[:8] in shown, kind
        if kind == "korean":
            assert "좋은 영화" in shown or "□□ □□" in shown
        assert "\x1b" not in shown and "\ud800" not in shown


@pytest.mark.parametrize(
    "count", [1, 20, 21, 100, pytest.param(1000, marks=pytest.mark.slow)]
)
def test_classes_without_number(count, tmp_path, written):
    labels = [f"${number}" for number in range(count)]
    counts = np.eye(count, dtype=int) * 7
    start = time.process_time()
    path = confusion_matrix_figure(counts, labels, tmp_path / "confusion.png")
    assert time.process_time() - start < 30
    height, width = matplotlib.image.imread(path).shape[:2]
    assert height <= 3000 and width <= 3000
    shown = [text.get_text() for text in written]
    # The numbers are there as long as they can be read.
    assert shown.count("7") == (count if count <= 20 else 0)
    assert f"100.0% of {7 * count:,} right" in shown
    # Each class is named on both sides, or every so many of them.
    named = [label for label in labels if label in shown]
    assert len(named) == count if count <= 100 else 50 <= len(named) <= 200
    assert all(shown.count(label) == 2 for label in named)


def test_labels_do_not_run_into_each_other(tmp_path, written):
    labels = [f"class number {number}" for number in range(40)]
    confusion_matrix_figure(np.eye(40, dtype=int), labels, tmp_path / "confusion.png")
    names = [text for text in written if text.get_text().startswith("class")]
    for texts in (names[:40], names[40:]):
        boxes = [text.get_window_extent() for text in texts]
        side = "y" if abs(boxes[0].x1 - boxes[1].x1) < 1 else "x"
        ends = [(getattr(b, f"{side}0"), getattr(b, f"{side}1")) for b in boxes]
        ends.sort()
        for (_, end), (start, _) in itertools.pairwise(ends):
            assert start - end > -1


def test_a_matrix_of_no_class(tmp_path):
    with pytest.raises(ValueError, match="of one label or more"):
        confusion_matrix_figure(np.zeros((0, 0)), [], tmp_path / "a.png")


def test_a_hundred_models_and_recordings(tmp_path, written):
    row = {"low": 1, "high": 9, "sentences": 4, "bleu": 7.0}
    path = bleu_by_length_figure(
        {f"${number}": [row] for number in range(100)}, tmp_path / "bleu.png"
    )
    assert max(matplotlib.image.imread(path).shape) < 3000
    assert {f"${number}" for number in range(100)} <= {t.get_text() for t in written}
    gates = {"update_gate": np.random.default_rng(0).random((5, 20))}
    recordings = {str(n): Recording("abcde", [gates], ["gru"]) for n in range(100)}
    with pytest.raises(ValueError, match="`recordings` must hold at most 12 recordin"):
        gate_saturation_figure(recordings, tmp_path / "gates.png")


def test_a_figure_that_is_drawn_later_has_no_formulas_either():
    figure = caption_gallery_figure([BLANK], ["$x$"], ["$y_{"])
    assert [text.get_text() for text in figure.texts[-2:]] == ["$x$", "$y_{"]
    figure.canvas.draw()
