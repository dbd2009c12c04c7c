"""The command where output goes somewhere odd, or nowhere."""

import json
import os
import subprocess
import sys

import pytest
from tiny_run import write_recipe, write_tsv

from kerasrnn.cli import main
from kerasrnn.text import WordTokenizer
from kerasrnn.zoo import SentimentClassifier, Task

COMMAND = [sys.executable, "-m", "kerasrnn"]


def shell(line, *arguments, **environment):
    """With nothing set that would quiet TensorFlow, or let it speak."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TF_CPP")}
    return subprocess.run(
        ["bash", "-c", line, "bash", *map(str, arguments)],
        capture_output=True,
        env={**inherited, **environment},
    )


def test_a_reader_that_has_seen_enough_ends_the_list_quietly():
    done = shell('set -o pipefail; "$@" list | head -n 1', *COMMAND)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"caption-coco-attention")


@pytest.mark.slow
def test_a_training_outlives_its_reader(tmp_path):
    """Also with its errors closed: no file takes the number of a closed stream."""
    recipe, data = write_recipe(tmp_path / "tiny"), write_tsv(tmp_path / "my.tsv")
    output = tmp_path / "out"
    done = shell(
        'set -o pipefail; "$@" 2>&- <&- | head -n 1',
        *COMMAND,
        *("train", recipe, "--data", data, "--output", output, "--epochs", 2),
    )
    assert done.returncode == 0
    assert done.stdout == b"Data: my.tsv\n"
    results = json.loads((output / "results.json").read_text())
    assert len(results["runs"][0]["history"]) == 2
    assert (output / "figures" / "learning_curve.png").read_bytes()[:4] == b"\x89PNG"
    assert isinstance(Task.from_preset(output), SentimentClassifier)
    # The same command again has nothing to do, and changes nothing.
    before = {p: p.stat().st_mtime_ns for p in output.rglob("*") if p.is_file()}
    arguments = ["train", str(recipe), "--data", str(data), "--output", str(output)]
    assert main([*arguments, "--epochs", "2"]) == 0
    # What cannot be meant takes nothing away.
    data.write_text("no tab in here\n")
    assert main([*arguments, "--epochs", "2", "--restart"]) == 1
    assert main([*arguments, "--epochs", "3"]) == 1
    with pytest.raises(SystemExit):
        main([*arguments, "--seed", "-1"])
    after = {p: p.stat().st_mtime_ns for p in output.rglob("*") if p.is_file()}
    assert after == before


def test_numbers_are_asked_for_in_words(capsys):
    for option, value, message in (
        ("--epochs", "1.5", "must be a whole number of at least 1; got '1.5'"),
        ("--epochs", "0", "must be a whole number of at least 1; got '0'"),
        ("--seed", "-1", "must be a whole number from 0 to 4294967295; got '-1'"),
        ("--seed", "x", "must be a whole number from 0 to 4294967295; got 'x'"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["train", "sentiment-movies", option, value])
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err
    assert main(["train", "sentiment-movies", "--seed", "1", "1"]) == 1
    assert "`seeds` must be one or more different integers" in capsys.readouterr().err


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    tokenizer = WordTokenizer(["señor", "película"])
    labels = ("bueno", "café\x1b[31m")
    model = SentimentClassifier(
        preprocessor=tokenizer, labels=labels, units=2, embedding_dim=2
    )
    model.save_to_preset(folder)
    return folder


@pytest.mark.long
def test_what_an_encoding_lacks_and_what_a_terminal_obeys_is_written_out(classifier):
    done = shell(
        '"$@"',
        *COMMAND,
        *("predict", classifier, "señor \x1b]0;title\x07 película\r"),
        PYTHONIOENCODING="ascii",
    )
    assert (done.returncode, done.stderr) == (0, b"")
    (line,) = done.stdout.decode("ascii").splitlines()
    label, probability, text = line.split("\t")
    assert label in ("bueno", r"caf\xe9\x1b[31m")
    assert 0.3 < float(probability) < 1
    assert text == r"se\xf1or \x1b]0;title\x07 pel\xedcula\r"


def test_a_bar_is_drawn_with_what_the_screen_can_show():
    import io

    from kerasrnn.training.progress import ProgressLine

    for encoding, bar in (("cp1252", "#" * 16), ("utf-8", "━" * 16)):
        raw = io.BytesIO()
        line = ProgressLine(3, stream=io.TextIOWrapper(raw, encoding))
        line.start(0, 5)
        line.finish({"loss": 1.5})
        assert raw.getvalue().decode(encoding).startswith(f"epoch  1/3 {bar} loss 1.5")
