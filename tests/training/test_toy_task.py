"""A kind of task is added with one class and one line, and every command knows it."""

import contextlib
import io
import pathlib
import random
import re
import subprocess
import sys
import textwrap

import pytest
from killed_run import assert_same_run, stopped_after
from toy_task import Counting, WordCounter, write_recipe

from kerasrnn import catalogue
from kerasrnn.cli import main
from kerasrnn.training import report, train
from kerasrnn.training.kinds import KINDS, kind_of
from kerasrnn.training.task_kind import TaskKind
from kerasrnn.zoo import Task

pytestmark = pytest.mark.long

TRAINING = {"epochs": 12, "checkpoint_every": 7}


@pytest.fixture(autouse=True)
def one_line(monkeypatch):
    monkeypatch.setattr("kerasrnn.training.kinds.KINDS", [*KINDS, Counting])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A recipe, and a file of texts with their numbers of words."""
    folder = tmp_path_factory.mktemp("toy")
    recipe = write_recipe(folder / "count-words", **TRAINING)
    draw, lines = random.Random(0), []
    for _ in range(300):
        count = draw.randint(1, 9)
        words = " ".join(draw.choice("abcdefgh") * 2 for _ in range(count))
        lines.append(f"{count}\t{words}")
    data = folder / "counts.tsv"
    data.write_text("\n".join(lines) + "\n")
    return recipe, data


@pytest.fixture(scope="module")
def trained(files, tmp_path_factory):
    """A run of the command in this process."""
    recipe, data = files
    folder = tmp_path_factory.mktemp("run") / "whole"
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr("kerasrnn.training.kinds.KINDS", [*KINDS, Counting])
        arguments = ["train", recipe, "--data", str(data)]
        assert main([*arguments, "--output", str(folder)]) == 0
    return folder, data, printed.getvalue()


def test_it_trains(trained):
    assert re.search(r"240 train, 30 validation, 30 test texts", trained[2])


@pytest.mark.slow
def test_it_goes_on_after_a_stop(trained, files, tmp_path, capsys):
    (whole, *_), (recipe, data) = trained, files
    broken = tmp_path / "broken"
    with stopped_after(step=60):
        train(recipe, data=data, output=broken, log=str)
    assert main(["train", recipe, "--data", str(data), "--output", str(broken)]) == 0
    assert "Going on from epoch" in capsys.readouterr().out
    assert_same_run(whole, broken, arrays=2)  # a small model


def test_it_is_judged_asked_and_exported(trained, capsys, tmp_path):
    whole, data, _ = trained
    assert isinstance(Task.from_preset(whole), WordCounter)
    assert main(["predict", str(whole), "aa bb cc", "dd"]) == 0
    assert capsys.readouterr().out == "3 words\n1 words\n"
    assert main(["evaluate", str(whole), "--data", str(data)]) == 0
    assert float(re.search("off by (.*) words", capsys.readouterr().out)[1]) < 0.5
    assert main(["predict", str(whole), "aa", "--beam", "3"]) == 2
    error = capsys.readouterr().err
    assert "--beam is for translators and captioners; " in error
    assert "is a WordCounter" in error
    assert main(["export", str(whole), "--output", str(tmp_path / "served")]) == 0
    example = textwrap.dedent(capsys.readouterr().out.split("\n\n", 1)[1])
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=True
    )
    expected = Task.from_preset(whole).predict(["one two"], verbose=0)
    assert float(done.stdout.strip("[]\n")) == pytest.approx(expected[0, 0], abs=1e-4)


@pytest.mark.long
def test_it_gets_its_card_and_its_row(trained, tmp_path, monkeypatch):
    whole = trained[0]
    folder = tmp_path / "count-words"
    write_recipe(folder, **TRAINING)
    results = pathlib.Path(whole, "results.json").read_text()
    (folder / "results.json").write_text(results)
    (folder / "preset").symlink_to(whole / "preset")
    (folder / "figures").symlink_to(whole / "figures")
    monkeypatch.setattr(catalogue, "catalogue_folder", lambda: tmp_path)
    recipe = catalogue.load_recipe("count-words")
    loss = recipe.results["metrics"]["test_loss"]
    row = report.results_table([recipe]).splitlines()[2]
    assert f"| Counts words. | {loss:.3f} loss | " in row
    card = report.model_card(recipe)
    for expected in (
        "Texts: 240 for train, 30 for validation, 30 for test.",
        f"| test loss | {loss:.3f} |",
        "Words are counted by adding.",
        'model.predict(["a text of your own"])',
        "`WordCounter`, with",
    ):
        assert expected in card


@pytest.mark.parametrize("kind", [*KINDS, Counting])
@pytest.mark.parametrize(
    ("command", "attribute"),
    [
        ("train", "data_format"),
        ("evaluate", "data_format"),
        ("predict", "printed"),
        ("export", "exported"),
    ],
)
def test_the_help_on_a_command_tells_of_each_kind(command, attribute, kind, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    classes = ", ".join(model.__name__ for model in kind.models)
    # Where it says what others say, too, its own name stands before it.
    assert f"{kind.plural} ({classes}) {getattr(kind, attribute)}" in told
    if kind is not Counting:
        assert getattr(kind, attribute) != getattr(TaskKind, attribute)


def test_an_unknown_task_is_told_with_those_that_are_known():
    assert kind_of("WordCounter") is Counting
    with pytest.raises(ValueError, match=r"no task 'WordCount'.*'WordCounter'\?.*Seq2"):
        kind_of("WordCount")
