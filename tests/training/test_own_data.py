"""What follows from data of the user's own, and what is said of it before training."""

import importlib.util
import json
import random

import numpy as np
import pytest
import toy_task
import yaml

from kerasrnn import catalogue
from kerasrnn.data import read_tsv
from kerasrnn.training import train
from kerasrnn.training.kinds import KINDS
from kerasrnn.training.run_folder import differences
from kerasrnn.training.sentiment.text_classification import LONGEST, TextClassification
from kerasrnn.training.task_kind import TaskKind


def classification(folder, lines):
    file = folder / "texts.tsv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = json.loads(json.dumps(catalogue.load_recipe("sentiment-movies").config))
    log = []
    return TextClassification(config, file, log.append), log


def reviews(count=200, words=6):
    draw = random.Random(1)
    for number in range(count):
        label = ("good", "bad")[number % 2]
        more = " ".join(draw.choice(("it", "was", "so", "very")) for _ in range(words))
        yield f"{label}\ta {label} film {more} {number}"


def test_the_classes_are_counted_and_short_texts_change_nothing(tmp_path):
    task, log = classification(tmp_path, reviews())
    assert log == ["Classes: bad 100, good 100"]
    assert task.derived == {} and task.tokenizer.max_length == 48
    assert set(task.cut.values()) == {0}


@pytest.mark.parametrize(("words", "fitted"), [(90, 94), (LONGEST + 50, LONGEST)])
def test_long_texts_are_read_whole(tmp_path, words, fitted):
    task, log = classification(tmp_path, reviews(60, words))
    assert task.derived == {"preprocessor.max_length": fitted}
    assert f"max_length {fitted} (the longest text has {words + 4} words;" in log[1]
    ids = np.asarray(task.tokenizer([next(reviews(1, words)).split("\t")[1]]))
    assert ids.shape == (1, fitted)
    assert sum(task.cut.values()) == (60 if words > LONGEST else 0)


def test_english_word_vectors_are_for_latin_letters(tmp_path):
    draw = random.Random(1)
    lines = [
        f"{number % 2}\t" + " ".join("".join(draw.choices("абвгд", k=4)) for _ in "abc")
        for number in range(90)
    ]
    task, log = classification(tmp_path, lines)
    assert task.derived == {"training.word_vectors": None}
    assert "words are in other scripts; the recipe has glove" in log[-1]


def test_a_first_line_that_names_the_columns_is_told(tmp_path):
    file = tmp_path / "texts.tsv"
    file.write_text("\n".join(["sentiment\treview", *reviews()]) + "\n")
    with pytest.warns(UserWarning, match="first line, 'sentiment', stands there alone"):
        read_tsv(file)


def scheduled(steps, *, path="mine.tsv", epochs_are_given=False, **training):
    task = TaskKind({"training": {"epochs": 6, **training}}, path, lambda line: None)
    task.epochs_are_given = epochs_are_given
    task.derive_schedule(steps)
    assert task.config["training"] == {
        "epochs": 6,
        **training,
        **{k.split(".")[1]: v for k, v in task.derived.items()},
    }
    return {name.split(".")[1]: value for name, value in task.derived.items()}


def test_the_schedule_follows_the_epochs_and_the_size_of_the_data():
    options = {"warmup_steps": 300, "schedule_epochs": 20}
    # The recipe's own data, and data that are large enough, change nothing.
    assert scheduled(2, path=None, **options) == {}
    assert scheduled(200, **options) == {}
    assert scheduled(10, **options) == {"warmup_steps": 20}
    assert scheduled(10, epochs_are_given=True, schedule_epochs=3) == {
        "schedule_epochs": 6
    }
    short = {"path": None, "epochs_are_given": True, "average_from": 12}
    assert scheduled(900, **short) == {"average_from": 3}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.setattr("kerasrnn.training.kinds.KINDS", [*KINDS, toy_task.Counting])
    config = {
        "task": "WordCounter",
        "summary": "Counts words.",
        "model": {"embedding_dim": 3},
        "preprocessor": {"class": "WordTokenizer"},
        "data": {"name": "none", "description": "Texts of a few words."},
        "training": {"epochs": 1, "patience": None},
        "seed": 3,
    }
    (tmp_path / "count-words").mkdir()
    (tmp_path / "count-words" / "config.yaml").write_text(yaml.safe_dump(config))
    data = tmp_path / "counts.tsv"
    data.write_text("".join(f"{n % 3 + 1}\t{'aa ' * (n % 3 + 1)}\n" for n in range(60)))
    return {"recipe": str(tmp_path / "count-words"), "data": data}


def without(monkeypatch, package):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *more: None if name == package else found(name, *more),
    )


def test_figures_are_left_out_where_matplotlib_is_missing(toy, tmp_path, monkeypatch):
    without(monkeypatch, "matplotlib")
    lines, run = [], tmp_path / "run"
    train(**toy, output=run, log=lines.append)
    assert lines[0].startswith("No figures will be drawn: they need matplotlib")
    assert (run / "results.json").is_file() and not any((run / "figures").glob("*"))
    with pytest.raises(ValueError, match=r"settings: training\.epochs was 1, is 2"):
        train(**toy, output=run, epochs=2, log=lines.append)
    results = json.loads((run / "results.json").read_text())
    assert results["data"]["path"] == str(toy["data"])


def test_what_an_option_needs_is_looked_for_first(toy, tmp_path, monkeypatch):
    without(monkeypatch, "tensorboard")
    with pytest.raises(ImportError, match="pip install tensorboard"):
        train(**toy, output=tmp_path / "run", tensorboard=True)
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_not_finished_is_told(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="is not finished, and has no model yet"):
        catalogue.find_preset(tmp_path)


def test_differences_are_told_by_name():
    one = {"model": {"units": 4, "cell": "gru"}, "file": "a", "task": "A"}
    other = {"model": {"units": 8, "cell": "gru"}, "file": "b", "task": "A", "new": 1}
    assert differences(one, one) == ""
    assert differences(one, other) == (
        "the data are others; model.units was 4, is 8; new was None, is 1"
    )
