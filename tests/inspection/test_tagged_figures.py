"""Figures of labels: what is drawn, and where."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from kerasrnn.inspection import (
    confusions_figure,
    tagged_frames_figure,
    tagged_words_figure,
)


class Known:
    """A tagger that knows its answers."""

    labels = ("up", "down", "DT", "NN")

    def __init__(self, tags, sure):
        self.answer = tags, [np.array(row) for row in sure]

    def tag(self, x, return_probabilities):
        return self.answer


def texts_of(monkeypatch, module, draw):
    found = []

    def save(figure, path):
        found.extend(text.get_text() for text in figure.texts)
        for axes in figure.axes:
            found.extend(text.get_text() for text in axes.texts)
            found.extend(label.get_text() for label in axes.get_yticklabels())
        return path

    monkeypatch.setattr(module, "save", save)
    draw()
    return found


def test_under_each_word_stand_its_label_and_how_probable_it_is(monkeypatch, tmp_path):
    from kerasrnn.inspection import tagged_words as module

    model = Known([["DT", "NN"], []], [[0.999, 0.61], []])
    sentences = ["The 고양이", ""]
    path = tmp_path / "a.png"
    found = texts_of(
        monkeypatch,
        module,
        lambda: tagged_words_figure(model, sentences, path, true=[["DT", "VB"], []]),
    )
    assert found[:3] == ["The", "DT 100", found[2]]
    assert "NN 61" in found and "is VB" in found
    assert "is DT" not in found


def test_runs_of_labels_and_the_true_ones_are_drawn(monkeypatch, tmp_path):
    from kerasrnn.inspection import tagged_frames as module

    frames = np.random.default_rng(0).normal(size=(6, 2))
    model = Known([["up"] * 4 + ["down"] * 2], [[0.9] * 6])
    path = tmp_path / "a.png"
    found = texts_of(
        monkeypatch,
        module,
        lambda: tagged_frames_figure(model, [frames], path, true=[["up"] * 6]),
    )
    assert {"true", "predicted"} <= {*found}
    assert [*module._runs(["a", "a", "b", "a"])] == [
        (0, 2, "a"),
        (2, 3, "b"),
        (3, 4, "a"),
    ]
    monkeypatch.undo()
    assert tagged_frames_figure(model, [frames], path).stat().st_size > 5000


def test_counts_of_confusions_are_drawn(monkeypatch, tmp_path):
    from kerasrnn.inspection import confusions as module

    found = {"labels": ["nn", "jj"], "counts": [[1234, 56], [7, 0]]}
    path = tmp_path / "a.png"
    shown = texts_of(monkeypatch, module, lambda: confusions_figure(found, path))
    assert {"1,234", "56", "7", "nn", "jj"} <= {*shown}
    assert "0" not in shown
    monkeypatch.undo()
    assert confusions_figure({"labels": [], "counts": []}, path).exists()
    with pytest.raises(ValueError, match=r"`found` must have counts .*=\(1, 1\)"):
        confusions_figure({"labels": ["nn"], "counts": [[1, 2]]}, path)
