import argparse
from pathlib import Path

import pytest

from kerasrnn.catalogue import load_recipe
from kerasrnn.data import TaggedSequences

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PARTS = {
    "train": TaggedSequences([["a", "a", "b"], ["c"]], [["X", "X", "Y"], ["X"]]),
    "test": TaggedSequences([["a", "b", "z", "z"]], [["X", "Y", "X", "Y"]]),
}


@pytest.fixture
def tagging(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import tagging

    return tagging


def test_the_table_of_words(tagging, monkeypatch, capsys):
    class Preset:
        @staticmethod
        def from_preset(name):
            return Preset()

        def tag(self, inputs):
            return [["X"] * len(words) for words in inputs]

    monkeypatch.setattr(tagging, "load_tagging", lambda name, part: PARTS[part])
    monkeypatch.setattr(tagging, "SequenceTagger", Preset)
    monkeypatch.setattr(tagging, "plain_lstm", lambda train, test: [["Y"] * 4])
    monkeypatch.setattr(tagging.importlib.util, "find_spec", lambda name: None)
    options = argparse.Namespace(share=1.0, algorithm="ap", iterations=1)
    tagging.brown(options, tagging.Report("tagging_brown", None))
    lines = capsys.readouterr().out.splitlines()
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:4]]
        for cells in (line.split("|") for line in lines if line.startswith("| "))
    }
    # "z" is new, and always X, the most frequent tag of all.
    assert rows["most frequent tag"] == ["75.00%", "50.00%"]
    assert rows["plain BiLSTM, 2 epochs"] == ["50.00%", "50.00%"]
    assert rows["the preset"] == ["50.00%", "50.00%"]
    # Of words that the model of the recipe had never seen, as published.
    results = load_recipe("tag-brown").results
    names = ("test_accuracy", "test_accuracy_unseen_words")
    expected = [f"{results['metrics'][name]:.2%}" for name in names]
    assert rows[f"tag-brown, mean of {len(results['runs'])} seeds"] == expected
