"""The command as a user meets it: what it prints, where, and its exit code."""

import json
import subprocess
import sys

import pytest
from tiny_run import write_recipe, write_tsv

from kerasrnn.cli import main


def run(*arguments, stdin=b""):
    """In a process of its own, with nothing set that would quiet TensorFlow."""
    return subprocess.run(
        [sys.executable, "-m", "kerasrnn", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    recipe = write_recipe(folder / "tiny")
    data = write_tsv(folder / "my.tsv")
    output = folder / "out"
    done = run("train", recipe, "--data", data, "--output", output, "--seed", 4, 5)
    assert done.returncode == 0, done.stderr.decode()
    return output, data, done


def test_train_says_what_it_does_and_nothing_else(trained):
    output, _, done = trained
    assert done.stderr == b""
    text = done.stdout.decode()
    for expected in (
        "Data: my.tsv",
        "examples",
        "Seed 4",
        "epoch  1/6 ━━━",
        "Test accuracy ",
        "mean of 2 seeds",
        "true / predicted",
        "%  a fine film",
        f"kerasrnn predict {output}",
    ):
        assert expected in text
    assert "oneDNN" not in text


def test_train_leaves_results_preset_and_figures(trained):
    output = trained[0]
    results = json.loads((output / "results.json").read_text())
    runs = results["runs"]
    assert [run["seed"] for run in runs] == [4, 5]
    accuracies = [run["metrics"]["test_accuracy"] for run in runs]
    assert min(accuracies) > 0.7
    assert results["metrics"]["test_accuracy"] == pytest.approx(sum(accuracies) / 2)
    spread = abs(accuracies[0] - accuracies[1]) / 2**0.5
    assert results["metrics"]["test_accuracy_std"] == pytest.approx(spread)
    hits = sum(row[i] for i, row in enumerate(runs[0]["confusion_matrix"]))
    tests = results["data"]["examples"]["test"]
    assert hits / tests == pytest.approx(accuracies[0])
    for key in ("commit", "versions", "hardware", "wall_time_s", "command", "date"):
        assert key in results
    assert results["command"].startswith("kerasrnn train ")
    for name in ("learning_curve.png", "confusion_matrix.png"):
        assert (output / "figures" / name).stat().st_size > 5000
    assert (output / "preset" / "model.weights.h5").is_file()


def test_predict_arguments_and_standard_input(trained):
    output = trained[0]
    done = run("predict", output, "a fine warm film", "dull and empty")
    assert (done.returncode, done.stderr) == (0, b"")
    first, second = done.stdout.decode().splitlines()
    label, probability, text = first.split("\t")
    assert (label, text) == ("good", "a fine warm film")
    assert 0.5 < float(probability) <= 1
    assert second.startswith("bad\t")
    lines = b"a fine warm film\n\nno \xff UTF-8\n"
    piped = run("predict", output, stdin=lines)
    assert (piped.returncode, piped.stderr) == (0, b"")
    assert piped.stdout.decode().splitlines()[0] == first
    assert len(piped.stdout.splitlines()) == 3


def test_evaluate_and_export(trained, tmp_path, capsys):
    output, data, _ = trained
    assert main(["evaluate", str(output), "--data", str(data)]) == 0
    printed = capsys.readouterr().out
    assert "400 examples" in printed
    assert float(printed.split("accuracy")[1].split()[0]) > 0.75
    # What is not a data set of the catalogue cannot be fetched again.
    assert main(["evaluate", str(output)]) == 1
    assert "(--data)" in capsys.readouterr().err

    target = tmp_path / "served"
    arguments = ["export", str(output), "--output", str(target), "--version", "3"]
    assert main(arguments) == 0
    assert (target / "3" / "saved_model.pb").is_file()
    assert f"Written to {target / '3'}" in capsys.readouterr().out
    assert main(arguments) == 1
    assert "exists already. Give the next --version" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["predict", "sentiment-movie", "x"],
            1,
            "There is no preset 'sentiment-movie'",
        ),
        (["predict", "sentiment-imdb", "x"], 1, "ships no trained model. Train it: "),
        (["show", "sentiment-movy"], 1, "Did you mean 'sentiment-movies'?"),
        (["train", "nothing"], 1, "Known recipes: sentiment-imdb, sentiment-movies."),
        (["train", "sentiment-movies", "--data", "no.tsv"], 2, "no file 'no.tsv'"),
    ],
)
def test_mistakes_get_one_line(arguments, code, message, capsys):
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["train"], ["fly"], ["train", "x", "--epochs", "0"]]
)
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: kerasrnn" in capsys.readouterr().err


def test_without_a_command_it_teaches(capsys):
    assert main([]) == 2
    assert 'kerasrnn predict sentiment-movies "a gripping' in capsys.readouterr().out


def test_bad_data_is_told_in_one_line(tmp_path):
    bad = tmp_path / "bad.tsv"
    bad.write_text("no tab in here\n")
    done = run("train", write_recipe(tmp_path / "tiny"), "--data", bad)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"bad.tsv, line 1: must be label<tab>text" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_unfinished_run_with_other_settings_is_not_overwritten(tmp_path, capsys):
    recipe = write_recipe(tmp_path / "tiny")
    output = tmp_path / "out"
    output.mkdir()
    (output / "run.json").write_text("{}")
    data = write_tsv(tmp_path / "my.tsv")
    arguments = ["train", str(recipe), "--data", str(data), "--output", str(output)]
    assert main(arguments) == 1
    assert "an unfinished run with other settings" in capsys.readouterr().err
    (output / "run.json").unlink()
    (output / "holiday.jpg").write_text("")
    assert main(arguments) == 1
    assert "a folder with other things in it" in capsys.readouterr().err


def test_listing_loads_no_tensorflow():
    code = (
        "import sys\nfrom kerasrnn.cli import main\n"
        "assert main(['list']) == 0 and main(['show', 'sentiment-movies']) == 0\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
        "import kerasrnn.zoo\n"
        "assert kerasrnn.zoo.list_recipes() == ['sentiment-imdb', 'sentiment-movies']\n"
        "assert 'keras' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "sentiment-movies  Says whether" in done.stdout
    assert "embedding_dropout    0.3" in done.stdout


def test_version():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.decode().split()[0] == "kerasrnn"
