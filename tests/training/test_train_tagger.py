"""Taggers are trained, judged, asked and exported like every other kind."""

import contextlib
import io
import json
import re
import textwrap

import numpy as np
import pytest
import yaml
from killed_run import assert_same_run, stopped_after

from kerasrnn import catalogue
from kerasrnn.cli import main
from kerasrnn.data import TaggedSequences
from kerasrnn.metrics import span_scores, spans_of
from kerasrnn.text import SpelledWordTokenizer
from kerasrnn.training import report, train
from kerasrnn.training.tagging.tagging import (
    confusions,
    most_frequent,
    tagging_scores,
)
from kerasrnn.training.tagging.tagging_data import TaggingData
from kerasrnn.zoo import SequenceTagger

pytestmark = pytest.mark.long

KINDS = {"PER": ["ann", "bob", "carla"], "LOC": ["rome", "oslo", "lima"]}
OTHER = "went to see and then met".split()
SMALL = {"units": 8, "num_layers": 1, "embedding_dim": 8, "letter_units": 4}


def write_names(path, count=120):
    """Sentences with names of one or two words, tagged in BIO."""
    random = np.random.default_rng(0)
    lines = []
    for number in range(count):
        lines.append(f"no{number}\tO")
        for _ in range(random.integers(1, 4)):
            kind = str(random.choice([*KINDS]))
            words = random.choice(KINDS[kind], random.integers(1, 3), replace=False)
            lines += [f"{w}\t{'BI'[n > 0]}-{kind}" for n, w in enumerate(words)]
            lines.append(f"{random.choice(OTHER)}\tO")
        lines.append("")
    path.write_text("\n".join(lines))
    return path


def write_walks(path, count=30):
    """Frames whose second number says their label."""
    random = np.random.default_rng(0)
    lines = ["sequence,label,x,y"]
    for number in range(count):
        for _ in range(9):
            label = random.choice(["up", "down"])
            y = random.normal() + (5 if label == "up" else -5)
            lines.append(f"walk{number},{label},{random.normal():.3f},{y:.3f}")
    path.write_text("\n".join(lines))
    return path


def write_recipe(folder, **changes):
    config = {
        "task": "SequenceTagger",
        "summary": "Finds names.",
        "model": {"crf": True, **SMALL},
        "preprocessor": {"class": "SpelledWordTokenizer", "max_letters": 6},
        "data": {"name": "none", "description": "Sentences with names."},
        "training": {
            **{"epochs": 5, "patience": None, "learning_rate": 0.03, "batch_size": 8},
            "checkpoint_every": 7,
        },
        "seed": 3,
        "card": {"limits": ["Few names."], "licence": "None.", "citation": "None."},
    }
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, **changes}))
    return folder


def trained_on(recipe, data, output):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        arguments = ["train", str(recipe), "--data", str(data)]
        assert main([*arguments, "--output", str(output)]) == 0
    return printed.getvalue()


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    data = write_names(folder / "names.conll")
    recipe = write_recipe(folder / "find-names")
    return folder / "run", data, recipe, trained_on(recipe, data, folder / "run")


def test_names_are_found(names):
    output, _, _, printed = names
    assert "Labels: O " in printed
    assert "training.batch_size 8" not in printed  # it was 8 already
    results = json.loads((output / "results.json").read_text())
    metrics = results["metrics"]
    assert metrics["test_accuracy"] > 0.9
    assert metrics["test_span_f1"] > 0.8
    assert 0 <= metrics["test_accuracy_unseen_words"] <= 1
    labels = results["data"]["labels"]
    assert labels[0] == "O"  # the most frequent one
    assert {*labels[1:]} == {"B-LOC", "B-PER", "I-PER", "I-LOC"}
    (peer,) = results["peers"].values()
    assert 0.5 < peer <= 1
    for name in ("tagged", "confusions", "learning_curve"):
        assert (output / "figures" / f"{name}.png").stat().st_size > 5000


def test_it_is_asked_and_judged(names, capsys):
    output, data, _, _ = names
    model = SequenceTagger.from_preset(output)
    assert main(["predict", str(output), "ann went to rome", "bob"]) == 0
    (first,), (second,) = model.tag(["bob"]), model.tag(["ann went to rome"])
    lines = capsys.readouterr().out.splitlines()
    expected = zip(["ann", "went", "to", "rome"], second, strict=True)
    assert lines == [" ".join(map("/".join, expected)), f"bob/{first[0]}"]
    assert main(["evaluate", str(output), "--data", str(data)]) == 0
    told = capsys.readouterr().out
    accuracy = float(re.search(r"\n  accuracy +(\S+)", told)[1])
    results = json.loads((output / "results.json").read_text())
    assert accuracy == pytest.approx(results["metrics"]["test_accuracy"], abs=1e-4)


@pytest.mark.long
def test_tags_it_has_never_seen_are_wrong_and_told(names, capsys, tmp_path):
    output = names[0]
    data = tmp_path / "others.tsv"
    data.write_text("".join(f"ann\tXX\nw{n}\tO\n\n" for n in range(40)))
    assert main(["evaluate", str(output), "--data", str(data)]) == 0
    told = capsys.readouterr().out
    assert "The model has never seen XX: counted as wrong" in told
    assert float(re.search(r"\n  accuracy +(\S+)", told)[1]) <= 0.5


@pytest.mark.slow
def test_it_goes_on_from_a_trained_one(names, tmp_path, capsys):
    output, _, recipe, _ = names
    data = write_names(tmp_path / "more.conll", 60)
    data.write_text(data.read_text().replace("oslo", "Timbuktu\tB-LOC\n\noslo", 3))
    arguments = ["train", str(recipe), "--data", str(data), "--epochs", "1"]
    run = tmp_path / "run"
    assert main([*arguments, "--from", str(output), "--output", str(run)]) == 0
    told = capsys.readouterr().out
    assert re.search(r"Vocabulary: \d+ tokens of .*run, (and|kept)", told)
    grown = SequenceTagger.from_preset(run)
    assert grown.vocabulary_size >= SequenceTagger.from_preset(output).vocabulary_size


def test_it_gets_its_card(names, tmp_path, monkeypatch):
    output, _, recipe, _ = names
    folder = tmp_path / "find-names"
    folder.mkdir()
    for name, source in (
        ("config.yaml", recipe / "config.yaml"),
        ("results.json", output / "results.json"),
        ("preset", output / "preset"),
        ("figures", output / "figures"),
    ):
        (folder / name).symlink_to(source)
    monkeypatch.setattr(catalogue, "catalogue_folder", lambda: tmp_path)
    card = report.model_card(catalogue.load_recipe("find-names"))
    for expected in (
        'model.tag(["The words of a sentence ."])',
        "| test span F1 |",
        "| test accuracy, unseen words |",
        "Labels: 5.",
        "Confused most: ",
    ):
        assert expected in card


@pytest.fixture(scope="module")
def walks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walks")
    recipe = write_recipe(
        folder / "walk",
        model={"units": 8, "num_layers": 1},
        preprocessor=None,
        training={
            **{"epochs": 6, "patience": None, "learning_rate": 0.05, "batch_size": 8},
            **{"window": 4, "hop": 2},
        },
        evaluation={"window": 3},
    )
    data = write_walks(folder / "walks.csv")
    trained_on(recipe, data, folder / "run")
    return folder / "run", data, recipe


def test_frames_are_labelled(walks, tmp_path, capsys):
    output, data, _ = walks
    results = json.loads((output / "results.json").read_text())
    examples = results["data"]["examples"]
    assert examples["test"] % 3 == 0  # 9 steps are 3 windows of 3
    assert results["data"]["steps"]["train"] == 4 * examples["train"]
    assert results["data"]["steps"]["test"] == 3 * examples["test"]
    assert results["metrics"]["test_accuracy"] > 0.95
    assert results["metrics"]["test_accuracy_windows"] > 0.95
    frames = tmp_path / "frames.csv"
    frames.write_text("x,y\n0,5\n0,\n\n0,6\n1,-6\n")
    assert main(["predict", str(output), str(frames)]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[0][:1] + rows[0][2:3] == ["0", "up"]
    assert rows[-1][1:3] == ["3", "down"]
    assert main(["evaluate", str(output), "--data", str(data)]) == 0
    assert "accuracy windows" in capsys.readouterr().out
    assert main(["export", str(output), "--output", str(tmp_path / "served")]) == 0
    example = capsys.readouterr().out.split("\n\n", 1)[1]
    found = {}
    exec(textwrap.dedent(example), found)
    labels = found["answer"](frames=np.ones((1, 3, 2), "f4"))["labels"].numpy()
    assert {*labels.ravel().tolist()} <= {b"up", b"down"}


@pytest.mark.long
def test_data_of_another_kind_are_told(walks, names, capsys, tmp_path):
    for run, data in ((walks[0], names[1]), (names[0], walks[1])):
        assert main(["evaluate", str(run), "--data", str(data)]) == 1
    told = capsys.readouterr().err
    assert "The model reads frames; the data hold words." in told
    assert "The model reads words; the data hold frames." in told
    arguments = ["train", str(walks[2]), "--data", str(names[1])]
    assert main([*arguments, "--output", str(tmp_path / "run")]) == 1
    assert "The recipe reads frames, a .csv file" in capsys.readouterr().err
    (tmp_path / "frames.csv").write_text("x,y\n0,5\n0,one\n")
    assert main(["predict", str(walks[0]), str(tmp_path / "frames.csv")]) == 1
    assert "must hold numbers with commas between" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_in_the_same_weights(names, tmp_path):
    whole, data, recipe, _ = names
    broken = tmp_path / "broken"
    with stopped_after(step=14):
        train(str(recipe), data=str(data), output=broken, log=str)
    # In the middle of an epoch.
    told = re.search(
        r"Going on from epoch \d+, step (\d+)", trained_on(recipe, data, broken)
    )
    assert int(told[1]) > 0
    assert_same_run(whole, broken)


def test_scores_of_a_few_words():
    test = TaggedSequences([["a", "b", "c"], ["d"]], [["B-X", "I-X", "O"], ["B-Y"]])
    scores = tagging_scores(test, [["B-X", "O", "O"], ["B-Y"]], seen={"a", "c", "d"})
    assert scores == {
        "accuracy": 0.75,
        "accuracy_unseen_words": 0.0,
        "exact_match": 0.5,
        "span_precision": 0.5,
        "span_recall": 0.5,
        "span_f1": 0.5,
    }
    train = TaggedSequences([["a", "a", "b"]], [["X", "Y", "Y"]])
    other = TaggedSequences([["a", "b", "z"]], [["X", "Y", "X"]])
    # "a" was X and Y once each, and counts as the one that came first.
    assert most_frequent(train, other) == pytest.approx(2 / 3)
    frames = TaggedSequences([np.ones((2, 1))], [["X", "X"]], ("x",))
    assert most_frequent(frames, frames) == 1.0
    assert tagging_scores(frames, [["X", "Y"]])["accuracy_windows"] == 1.0
    assert confusions([["X", "Y", "X"]], [["Y", "Y", "Y"]]) == {
        "pairs": [("X", "Y", 2)],
        "labels": ["X", "Y"],
        "counts": [[0, 2], [0, 1]],
    }


# What seqeval 1.2.2 finds, in its default mode.
SEQEVAL = [
    (["B-A", "I-A", "O"], [("A", 0, 2)]),
    (["I-A", "I-A", "B-A"], [("A", 0, 2), ("A", 2, 3)]),
    (["I-A", "I-B"], [("A", 0, 1), ("B", 1, 2)]),
    (["O", "S-A", "B-B", "E-B", "I-B"], [("A", 1, 2), ("B", 2, 4), ("B", 4, 5)]),
    (["B-A", "O", "I-A"], [("A", 0, 1), ("A", 2, 3)]),
    ([], []),
]


@pytest.mark.parametrize(("tags", "spans"), SEQEVAL)
def test_spans_are_those_of_conll(tags, spans):
    assert spans_of(tags) == spans
    assert span_scores([tags], [tags])["span_f1"] == (1.0 if spans else 0.0)


def frames_of(count=7, dim=6, steps=5):
    random = np.random.default_rng(3)
    inputs = [random.normal(size=(steps, dim)) for _ in range(count)]
    return TaggedSequences(inputs, [["up"] * steps] * count, tuple("abcdef"[:dim]))


def shown(data, seed, epoch):
    """What an epoch shows of each sequence, by its number."""
    order = data.order(seed, epoch)
    found = {}
    for rows, (steps, _) in zip(order, data.dataset(order), strict=True):
        found |= dict(zip(rows[:, 2].tolist(), steps.numpy(), strict=True))
    return np.stack([found[number] for number in sorted(found)])


def test_sequences_of_frames_are_turned_as_seed_and_epoch_say():
    frames = frames_of()
    model = SequenceTagger(frame_dim=6, labels=["up", "down"], units=4)
    sizes = {"batch_size": 4}
    plain = shown(TaggingData(model, frames, frames, **sizes), 1, 0)
    np.testing.assert_allclose(plain, np.stack(frames.inputs), rtol=1e-6)
    data = TaggingData(model, frames, frames, **sizes, rotation=30.0)
    turned = shown(data, 1, 0)
    assert np.abs(turned - plain).max() > 0.3
    for one, other in zip(turned, plain, strict=True):
        # One rotation for all steps and both sensors.
        a, b = one.reshape(-1, 3), other.reshape(-1, 3)
        matrix = np.linalg.lstsq(b, a, rcond=None)[0]
        np.testing.assert_allclose(b @ matrix, a, atol=1e-5)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
    np.testing.assert_array_equal(shown(data, 1, 0), turned)
    assert np.abs(shown(data, 1, 1) - turned).max() > 0.3
    assert np.abs(shown(data, 2, 0) - turned).max() > 0.3
    # Going on within an epoch shows what is left of it.
    order = data.order(1, 0)
    (steps, _), *_ = data.dataset(order[1:])
    np.testing.assert_array_equal(steps, turned[order[1][:, 2]])
    # What it is judged on is as it was.
    (judged, _), *_ = data._batches(*data.validation, [np.arange(7)])
    np.testing.assert_array_equal(judged, plain)


@pytest.mark.parametrize("dim, found", [(4, "4 numbers"), (None, "words")])
def test_what_has_no_axes_cannot_be_turned(dim, found):
    tokenizer = None if dim else SpelledWordTokenizer(["a"], letters="a")
    model = SequenceTagger(
        preprocessor=tokenizer, frame_dim=dim, labels=["up", "down"], units=4
    )
    message = f"`rotation` must be 0 where .*; got 20 with {found}"
    with pytest.raises(ValueError, match=message):
        TaggingData(model, None, None, batch_size=4, rotation=20)
