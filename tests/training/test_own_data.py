"""What follows from data of the user's own, and what is said of it before training."""

import importlib.util
import itertools
import json
import random

import numpy as np
import pytest
import tiny_captions
import tiny_translation
import toy_task

from kerasrnn import catalogue
from kerasrnn.data import read_tsv
from kerasrnn.data.splits import split_of, splits_of
from kerasrnn.training import train
from kerasrnn.training.kinds import KINDS
from kerasrnn.training.run_folder import differences
from kerasrnn.training.sentiment.text_classification import LONGEST, TextClassification
from kerasrnn.training.starting_point import StartingPoint
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


# What follows from fewer than 500 texts.
FEW = {
    "training.batch_size": 8,
    "model.units": 32,
    "model.num_layers": 1,
    "model.members": 1,
}


def test_the_classes_are_counted_and_short_texts_change_nothing(tmp_path):
    task, log = classification(tmp_path, reviews())
    assert log[0] == "Classes: bad 100, good 100"
    assert task.derived == FEW and task.tokenizer.max_length == 48
    assert set(task.cut.values()) == {0}


@pytest.mark.parametrize(("words", "fitted"), [(90, 94), (LONGEST + 50, LONGEST)])
def test_long_texts_are_read_whole(tmp_path, words, fitted):
    task, log = classification(tmp_path, reviews(60, words))
    assert task.derived == {"preprocessor.max_length": fitted, **FEW}
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
    assert task.derived == {"training.word_vectors": None, **FEW}
    assert any("words are in other scripts; the recipe has glove" in li for li in log)


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
    data = tmp_path / "counts.tsv"
    data.write_text("".join(f"{n % 3 + 1}\t{'aa ' * (n % 3 + 1)}\n" for n in range(60)))
    return {"recipe": toy_task.write_recipe(tmp_path / "count-words"), "data": data}


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


# Of catalogue recipes, as many settings as a few seconds allow.
LITTLE = {"units": 8, "embedding_dim": 8}


def little(name, **training):
    recipe = catalogue.load_recipe(name)
    config = json.loads(json.dumps(recipe.config))
    config["own_data"] = {"least_steps": 12}
    config["training"] |= {"epochs": 2, **training}
    if config["task"].startswith("Seq2Seq"):
        config["evaluation"] = {"max_length": 8}  # greedy, for speed
    config["model"] |= {k: v for k, v in LITTLE.items() if k in config["model"]}
    return catalogue.Recipe(name, recipe.folder, config)


@pytest.fixture
def no_figures(monkeypatch):
    """Figures take longer than all the rest."""
    without(monkeypatch, "matplotlib")


def trained_to_an_end(folder, recipe, data):
    lines = []
    results = train(
        recipe, data=data, output=folder, word_vectors=False, log=lines.append
    )
    assert (folder / "preset" / "config.json").is_file()
    assert min(results["data"]["examples"].values()) > 0
    derived = results["runs"][0]["derived"]
    for name, value in derived.items():
        assert any(line.startswith(f"{name} {value} (") for line in lines), name
    assert all(np.isfinite(value) for value in results["metrics"].values())
    return results, derived, lines


@pytest.mark.long
def test_forty_lines_train_to_an_end(tmp_path, no_figures):
    file = tmp_path / "mine.tsv"
    file.write_text("\n".join(reviews(40, 3)) + "\n")
    recipe = little("sentiment-movies")
    results, derived, lines = trained_to_an_end(tmp_path / "run", recipe, file)
    assert derived["training.batch_size"] == 8 and derived["training.epochs"] == 3
    assert "examples to learn from are few" in "\n".join(lines)
    assert any("will be known to within" in line for line in lines)
    assert results["runs"][0]["history"] and len(results["runs"][0]["history"]) == 3


@pytest.mark.slow
def test_a_hundred_pairs_train_to_an_end(tmp_path, no_figures):
    file = tmp_path / "pairs.tsv"
    some = [*tiny_translation.pairs(99), ("one " * 140, "uno " * 150)]
    file.write_text("".join(f"{source}\t{target}\n" for source, target in some))
    recipe = little("translate-en-es-no-attention", validation_sentences=3)
    results, derived, lines = trained_to_an_end(tmp_path / "run", recipe, file)
    # 4 to 5 words each: 260 + 4 √words pieces, and batches of 500 tokens.
    assert 300 < derived["preprocessor.max_tokens"] < 360
    assert derived["training.max_tokens"] == 500
    # Of the longest pair nothing is cut.
    assert derived["preprocessor.max_length"] >= 150
    assert derived["evaluation.max_length"] >= 150
    assert results["runs"][0]["evaluation"]["max_length"] >= 150
    assert "training.warmup_steps" in derived
    assert any("pairs to learn from are few: a translator" in line for line in lines)


@pytest.mark.long
def test_two_hundred_characters_train_to_an_end(tmp_path, monkeypatch, no_figures):
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "book.txt"
    file.write_text(("To be, or not to be, that is the question. " * 5)[:200])
    _, derived, lines = trained_to_an_end(tmp_path / "run", little("char-lm"), file)
    assert derived["training.batch_size"] == 1 and derived["training.patience"] == 5
    assert derived["training.epochs"] == 6  # of two steps each
    assert any("170 characters to learn from are few" in line for line in lines)


@pytest.mark.slow
def test_twenty_pictures_train_to_an_end(tmp_path, monkeypatch, no_figures):
    tiny_captions.see_with_grid_encoder(monkeypatch)
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "pictures"
    folder.mkdir()
    some = itertools.islice(tiny_captions.captions_and_pictures(repeats=1), 20)
    lines = []
    for number, (caption, picture) in enumerate(some):
        (folder / f"{number}.png").write_bytes(picture)
        lines.append(f"{number}.png\t{caption}\n")
    (folder / "captions.tsv").write_text("".join(lines))
    config = json.loads(json.dumps(tiny_captions.CONFIG))
    config["training"] |= {"epochs": 1}
    config["evaluation"] = {"max_length": 8}  # greedy, for speed
    config["own_data"] = {"least_steps": 4}
    recipe = catalogue.Recipe("shapes", tmp_path, config)
    _, derived, _ = trained_to_an_end(tmp_path / "run", recipe, folder)
    assert derived["training.batch_size"] == 8 and derived["training.epochs"] == 2


def test_no_split_stays_empty_where_there_are_ten():
    keys = [key for key in map(str, range(300)) if split_of(key) == "train"][:12]
    found = splits_of(keys)
    assert sorted(found.values()) == ["test", "train"] + ["train"] * 9 + ["validation"]
    assert found == splits_of(reversed(keys))
    many = [str(number) for number in range(200)]
    assert splits_of(many) == {key: split_of(key) for key in many}
    assert set(splits_of(keys[:9]).values()) == {"train"}


def test_the_floor_of_steps_is_for_own_data_alone():
    own = {"own_data": {"least_steps": 900, "least_steps_from": 300}}
    training = {"epochs": 6, "schedule_epochs": 12, "average_from": 3}

    def derived(steps, path="mine.tsv", epochs_are_given=False, source=None):
        config = {"model": {}, "training": dict(training), **own}
        task = TaskKind(config, path, lambda line: None, source)
        task.epochs_are_given = epochs_are_given
        task.derive_schedule(steps)
        return {k.split(".")[1]: v for k, v in task.derived.items()}

    assert derived(10, path=None) == {} and derived(150) == {}
    assert derived(10, epochs_are_given=True) == {}
    raised = {"epochs": 90, "schedule_epochs": 180, "average_from": 45}
    assert derived(10) == raised
    assert derived(1)["epochs"] == 100
    source = StartingPoint("run", "run", {"model": {}})
    assert derived(10, source=source)["epochs"] == 30


@pytest.mark.long
def test_the_same_command_goes_on_though_lengths_were_fit(tmp_path, no_figures):
    file = tmp_path / "mine.tsv"
    file.write_text("\n".join(reviews(60, 70)) + "\n")
    options = {"data": file, "output": tmp_path / "run", "word_vectors": False}
    train(little("sentiment-movies", epochs=1), **options, log=str)
    lines = []
    train(little("sentiment-movies", epochs=1), **options, log=lines.append)
    assert any("holds this run, finished on" in line for line in lines)
