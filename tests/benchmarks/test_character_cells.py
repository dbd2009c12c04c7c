import itertools
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kerasrnn.text import CharacterStreams, CharacterText, CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
# What comes after "-" is to be read 12 characters before it.
SENTENCES = [f"{letter * 9} is -{letter}.\n" for letter in "abcd"]


@pytest.fixture
def cells(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import character_cells

    return character_cells


def text(lines, seed):
    drawn = np.random.default_rng(seed).integers(0, len(SENTENCES), lines)
    return "".join(SENTENCES[k] for k in drawn)


@pytest.mark.parametrize("cell", ["simple_rnn", "gru", "lstm"])
def test_parameters_are_those_of_the_model(cells, cell):
    model = CharLanguageModel(20, cell=cell, num_layers=3, units=7)
    assert cells.parameters(cell, 3, 7, 20) == model.count_params()


def test_units_at_equal_parameters(cells):
    budget = cells.parameters("lstm", 2, 512, 87)
    assert cells.units_for(budget, "lstm", 2, 87) == 512
    for cell in ("simple_rnn", "gru"):
        units = cells.units_for(budget, cell, 2, 87)
        gap = abs(cells.parameters(cell, 2, units, 87) - budget)
        assert gap < 0.005 * budget
        assert units > 512
        for other in (units - 1, units + 1):
            assert gap <= abs(cells.parameters(cell, 2, other, 87) - budget)


def side_of(cells, carried, seconds=1000.0):
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(SENTENCES)
    train = CharacterText.of_documents([text(40, seed=1)], tokenizer)
    streams = CharacterStreams(train, 4, 10)
    model = CharLanguageModel(
        preprocessor=tokenizer, cell="lstm", num_layers=1, units=4
    )
    options = {"carried": carried, "rate": 0.01, "seconds": seconds}
    return cells.Side(model, streams, **options)


def test_a_state_that_is_not_carried_is_zero_at_every_chunk(cells):
    fresh = {}
    for carried in (True, False):
        side = side_of(cells, carried)
        data = cells.chunks(side.streams, range(3), carried)
        fresh[carried] = [x[1].numpy().tolist() for x, _, _ in data]
    assert fresh[True] == [[True] * 4, [False] * 4, [False] * 4]
    assert fresh[False] == [[True] * 4] * 3


def test_a_turn_ends_in_time_and_the_next_goes_on(cells, monkeypatch):
    side = side_of(cells, carried=True, seconds=5.0)
    # A clock that goes on by a second whenever it is looked at.
    clock = itertools.count()
    seconds = SimpleNamespace(perf_counter=lambda: float(next(clock)))
    monkeypatch.setattr(cells, "time", seconds)
    asked, dataset = [], side.streams.dataset
    monkeypatch.setattr(
        side.streams, "dataset", lambda steps: asked.append(steps) or dataset(steps)
    )
    side.learn(2.0)
    # The first step is read from its end on.
    assert (side.steps, side.spent, side.done) == (2, 2.0, False)
    side.learn(100.0)
    assert (side.steps, side.spent, side.done) == (5, 5.0, True)
    # In the order of the text, again from its beginning when it is read.
    assert [steps[0] for steps in asked] == [0, 2]
    assert asked[1][: len(side.streams)] == [*range(2, len(side.streams)), 0, 1]
    assert side.learning_rate() == 0


def test_the_learning_rate_over_the_time(cells):
    side = side_of(cells, carried=True, seconds=100.0)
    assert side.learning_rate() == pytest.approx(0.01 / cells.WARM_UP)
    side.steps = 1000
    assert side.learning_rate() == pytest.approx(0.01)
    side.spent = 50.0
    assert side.learning_rate() == pytest.approx(0.005)
    side.spent = 101.0
    assert side.learning_rate() == pytest.approx(0)


def test_bits_of_text_read_in_both_ways(cells):
    side = side_of(cells, carried=True)
    side.model.fit(side.streams.dataset(range(len(side.streams))), verbose=0)
    test = CharacterText(side.streams.text.ids[:50], [50])
    log_p = side.model.score(side.model.preprocessor.decode(test.ids))
    expected = -log_p.mean() / np.log(2)
    assert side.bits(test, carried=True) == pytest.approx(expected, rel=1e-5)
    # By hand: after each tenth character the model knows the last one only.
    ids = np.concatenate([[0], test.ids]).astype("int32")
    total = 0.0
    for start in range(0, 50, 10):
        logits = np.asarray(side.model(ids[None, start : start + 10]))[0]
        p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        total -= np.log2(p[np.arange(10), ids[start + 1 : start + 11]]).sum()
    found = side.bits(test, carried=False)
    assert found == pytest.approx(total / 50, rel=1e-5)
    assert found != pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_the_table(cells, tmp_path):
    documents = {
        split: [text(lines, seed)]
        for seed, (split, lines) in enumerate(
            {"train": 400, "validation": 60, "test": 60}.items()
        )
    }
    page = tmp_path / "README.md"
    page.write_text("<!-- character_cells -->\n<!-- /character_cells -->\n")
    arguments = Namespace(
        minutes=1.0 / 60,
        turn=0.5,
        rates=[0.03],
        layers=1,
        units=12,
        batch_size=4,
        chunk=20,
        write=str(page),
    )
    found = cells.compare(documents, arguments)
    assert list(found) == ["SimpleRNN", "GRU", "LSTM", cells.NOT_CARRIED]
    rows = [
        line.split(" | ")
        for line in page.read_text().splitlines()
        if line.startswith(("| SimpleRNN", "| GRU", "| LSTM"))
    ]
    assert [row[0][2:] for row in rows] == list(found)
    for row, (side, tests) in zip(rows, found.values(), strict=True):
        assert tests[0 if side.carried else 1] < np.log2(12)
        assert row[5] == f"{side.steps * 80:,}"
        assert row[7] == f"{tests[0]:.3f}"
    assert rows[2][1:3] == rows[3][1:3]


class FakeSide:
    """What the table asks of a side, with numbers that tell each from all others."""

    steps, carried = 5, True

    def __init__(self, rate, validation, test):
        self.rate, self.found = rate, {"validation": validation, "test": test}
        self.model = SimpleNamespace(units=7, count_params=lambda: 1234)
        self.streams = SimpleNamespace(batch_size=2, chunk=10)

    def bits(self, text, *, carried):
        assert text != "validation" or carried == self.carried
        return self.found[text] + (0 if carried else 1)


def test_the_rate_that_is_best_on_the_validation_text_counts(cells, capsys):
    from timing import Report

    # On the test text it is another one, which must not count.
    of_row = [FakeSide(0.1, 2.0, 1.0), FakeSide(0.2, 1.5, 1.75), FakeSide(0.3, 3, 0.5)]
    texts = {"validation": "validation", "test": "test"}
    found = cells.print_table(Report("x", None), {"LSTM": of_row}, texts)
    assert found["LSTM"] == (of_row[1], [1.75, 2.75])
    row = capsys.readouterr().out.splitlines()[2]
    assert row == "| LSTM | 7 | 1,234 | 0.2 | 5 | 100 | 1.500 | 1.750 | 2.750 |"
