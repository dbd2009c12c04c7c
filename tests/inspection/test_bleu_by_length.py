import numpy as np
import pytest

pytest.importorskip("matplotlib")
import matplotlib.image

from kerasrnn.inspection import bleu_by_length, bleu_by_length_figure

BLUE = np.array([0x25, 0x63, 0xA8]) / 255
ORANGE = np.array([0xD9, 0x82, 0x2B]) / 255


def rows(*bleu, sentences=1234):
    lows, highs = (1, 11, 21), (10, 20, None)
    return [
        {"low": low, "high": high, "sentences": sentences, "bleu": b}
        for low, high, b in zip(lows, highs, bleu, strict=False)
    ]


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the figures that are written."""
    axes = []

    def save(figure, path):
        figure.canvas.draw()
        axes.extend(figure.axes)
        return path

    monkeypatch.setattr(bleu_by_length, "save", save)
    return axes


def test_lines_ticks_and_title_tell_the_results(drawn, tmp_path):
    results = {"with": rows(16.5, 17.0, 15.25), "without": rows(14.5, 9.0, 3.0)}
    bleu_by_length_figure(results, tmp_path / "a.png")
    (axes,) = drawn
    assert [line.get_ydata().tolist() for line in axes.lines] == [
        [16.5, 17.0, 15.25],
        [14.5, 9.0, 3.0],
    ]
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks == ["1–10\nn = 1,234", "11–20\nn = 1,234", "21+\nn = 1,234"]
    assert axes.get_title("left") == "with: +2.0 BLEU at 1–10 words, +12.2 at 21+"
    assert {text.get_text() for text in axes.texts} == {"with", "without"}
    assert axes.get_ylim()[0] == 0


def test_intervals_are_drawn_and_fit(drawn, tmp_path):
    first, second = rows(16.5, 17.0, 15.25), rows(14.5, 9.0, 3.0)
    for row in first:
        row["interval"] = (row["bleu"] - 2, row["bleu"] + 14)
    bleu_by_length_figure({"with": first, "without": second}, tmp_path / "a.png")
    (axes,) = drawn
    bars = [line.get_ydata() for line in axes.lines if line.get_linestyle() == "-"]
    assert [list(bar) for bar in bars if len(bar) == 2] == [
        [14.5, 30.5],
        [15.0, 31.0],
        [13.25, 29.25],
    ]
    assert axes.get_ylim()[1] > 31


def test_labels_of_close_lines_do_not_overlap(drawn, tmp_path):
    results = {"a": rows(9.0, 9.1), "b": rows(9.0, 9.0), "$c$": rows(1.0, 0.5)}
    bleu_by_length_figure(results, tmp_path / "a.png")
    (axes,) = drawn
    boxes = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert sorted(boxes) == ["$c$", "a", "b"]
    assert boxes["a"].y0 > boxes["b"].y1
    assert boxes["b"].y0 > boxes["$c$"].y1
    assert axes.get_title("left") == "BLEU by length of the sentence"


def test_chance_is_not_blown_up(drawn, tmp_path):
    results = {"a": rows(0.02, 0.01), "b": rows(0.03, 0.0)}
    bleu_by_length_figure(results, tmp_path / "a.png")
    (axes,) = drawn
    assert axes.get_ylim()[1] > 1
    title = "a: +0.0 BLEU at 1–10 words, +0.0 at 11–20"
    assert axes.get_title("left") == title


def test_both_lines_are_in_the_picture(tmp_path):
    results = {"with": rows(16.0, 17.0), "without": rows(12.0, 3.0)}
    both = matplotlib.image.imread(
        bleu_by_length_figure(results, tmp_path / "deep" / "a.png")
    )
    del results["without"]
    one = matplotlib.image.imread(bleu_by_length_figure(results, tmp_path / "b.png"))

    def share_of(image, colour):
        return (abs(image[..., :3] - colour).max(axis=-1) < 0.03).mean()

    assert share_of(both, BLUE) > 0.003
    assert share_of(both, ORANGE) > 0.003
    assert share_of(one, ORANGE) == 0


def test_results_that_cannot_be_drawn(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match="`results` must hold one model or more"):
        bleu_by_length_figure({}, path)
    with pytest.raises(ValueError, match=r"`results\['a'\]` must hold one range"):
        bleu_by_length_figure({"a": []}, path)
    with pytest.raises(
        ValueError, match=r"`results\['a'\]` .* without sentences, bleu"
    ):
        bleu_by_length_figure({"a": [{"low": 1, "high": 2}]}, path)
    with pytest.raises(ValueError, match=r"`results\['b'\]` must have the ranges .*99"):
        bleu_by_length_figure({"a": rows(1.0), "b": rows(1.0, sentences=99)}, path)
    assert not path.exists()
