"""The command as a user meets it: what it prints, where, and its exit code."""

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from matplotlib.image import imread
from tiny_captioner import captioner, picture, see_with_tiny_encoder
from tiny_run import write_recipe, write_tsv
from tiny_translator import ENGLISH, translator

from kerasrnn import catalogue
from kerasrnn.cli import main
from kerasrnn.inspection import caption_attention, caption_attention_figure
from kerasrnn.printable import printable

pytestmark = pytest.mark.long


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
    arguments = ["train", recipe, "--data", data, "--output", output, "--seed", 4, 5]
    arguments = [*map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["kerasrnn", *arguments])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            assert main(arguments) == 0, err.getvalue()
    return output, data, out.getvalue(), err.getvalue()


def test_train_says_what_it_does_and_nothing_else(trained):
    output, _, text, errors = trained
    assert errors == ""
    for expected in (
        "Data: my.tsv",
        "examples",
        "Seed 4",
        "epoch  1/6 ━━━",
        "Test accuracy ",
        "mean of 2 seeds",
        "true / predicted",
        "Three texts, and what the model makes of them:",
        f"kerasrnn predict {output}",
    ):
        assert expected in text
    # The recipe's example is of other data than these.
    assert "a fine film\n" not in text


@pytest.mark.long
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


def test_predict_arguments_and_standard_input(trained, capsys):
    output = trained[0]
    assert main(["predict", str(output), "a fine warm film", "dull and empty"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    first, second = out.splitlines()
    label, probability, text = first.split("\t")
    assert (label, text) == ("good", "a fine warm film")
    assert 0.5 < float(probability) <= 1
    assert second.startswith("bad\t")
    # In a process of its own, TensorFlow says nothing either.
    lines = b"a fine warm film\n\nno \xff UTF-8\n"
    piped = run("predict", output, stdin=lines)
    assert (piped.returncode, piped.stderr) == (0, b"")
    assert piped.stdout.decode().splitlines()[0] == first
    assert len(piped.stdout.splitlines()) == 3


def test_evaluate_and_export(trained, tmp_path, capsys):
    output, data, *_ = trained
    results = json.loads((output / "results.json").read_text())
    (kept,) = [r for r in results["runs"] if r["seed"] == results["preset_seed"]]
    # What it was trained on is not judged, whether the file is named or not.
    for arguments in ([], ["--data", str(data)]):
        assert main(["evaluate", str(output), *arguments]) == 0
        printed = capsys.readouterr().out
        assert "The test part of " in printed
        assert f"{results['data']['examples']['test']} examples" in printed
        accuracy = float(printed.split("accuracy")[1].split()[0])
        assert accuracy == pytest.approx(kept["metrics"]["test_accuracy"], abs=6e-5)
    other = tmp_path / "other.tsv"
    other.write_bytes(data.read_bytes() + b"good\ta film of its own\n")
    assert main(["evaluate", str(output), "--data", str(other)]) == 0
    assert "401 examples" in capsys.readouterr().out
    moved = tmp_path / "moved"
    shutil.copytree(output, moved)
    for path, said in ((other, "has changed since"), ("gone", "is not there any more")):
        results["data"]["path"] = str(path)
        (moved / "results.json").write_text(json.dumps(results))
        assert main(["evaluate", str(moved)]) == 1
        assert f"{said}: say what to judge it on" in capsys.readouterr().err
    assert main(["evaluate", str(moved / "preset")]) == 1
    assert "was trained on is not known: say what" in capsys.readouterr().err

    target = tmp_path / "served"
    arguments = ["export", str(output), "--output", str(target), "--version", "3"]
    assert main(arguments) == 0
    assert (target / "3" / "saved_model.pb").is_file()
    assert f"{target / '3'}: saved_model" in capsys.readouterr().out
    assert main(arguments) == 1
    assert "exists already. Give the next --version" in capsys.readouterr().err


@pytest.fixture(scope="module")
def translating(tmp_path_factory):
    """A translator that translates nothing, and the folder of its preset."""
    folder = tmp_path_factory.mktemp("translator")
    model = translator()
    model.save_to_preset(folder)
    return model, folder


def test_predict_prints_translations(translating, capsys):
    model, folder = translating
    options = {"search": "beam", "length_penalty": 1.0, "verbose": 0}
    expected = model.generate(ENGLISH[:3], **options)
    assert len(set(expected)) == 3
    assert main(["predict", str(folder), *ENGLISH[:3]]) == 0
    assert capsys.readouterr().out.splitlines() == one_line_each(expected)

    # Texts may follow an option.
    arguments = ["predict", str(folder), "--beam", "3", *ENGLISH[:2], "--n-best", "2"]
    assert main([*arguments, "--scores"]) == 0
    found, scores = model.generate(
        ENGLISH[:2], return_scores=True, beam_width=3, n_best=2, **options
    )
    rows = [line.split("\t", 1) for line in capsys.readouterr().out.splitlines()]
    assert [text for _, text in rows] == one_line_each(np.ravel(found))
    assert [float(score) for score, _ in rows] == pytest.approx(
        scores.ravel().tolist(), abs=6e-4
    )


def one_line_each(texts):
    # What a terminal would obey is written out.
    return [printable(" ".join(text.splitlines())) for text in texts]


def test_predict_translates_standard_input_line_by_line(
    translating, capsys, monkeypatch
):
    model, folder = translating
    lines = io.BytesIO(b"one two\n\nno \xff UTF-8\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(lines))
    assert main(["predict", str(folder), "--beam", "1"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.split("\n")
    assert len(lines) == 4 and lines.pop() == ""
    # The same batch: rounding may decide between tokens of a model that is random.
    greedy = model.generate([b"one two", b"", b"no \xff UTF-8"])
    assert lines == one_line_each(greedy)


def test_what_was_cut_off_is_told(translating, capsys):
    assert main(["predict", str(translating[1]), "one " * 400]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert err.startswith("note: ") and "were cut off" in err


def test_options_of_translators(translating, trained, capsys):
    for option in (["--beam", "3"], ["--n-best", "2"], ["--scores"]):
        assert main(["predict", str(trained[0]), "a film", *option]) == 2
        err = capsys.readouterr().err
        assert f"{option[0]} is for translators and captioners" in err
        assert "is a SentimentClassifier" in err
    arguments = ["predict", str(translating[1]), "one", "--beam", "2", "--n-best", "3"]
    assert main(arguments) == 2
    assert "--n-best must be at most --beam, 2; got 3" in capsys.readouterr().err


@pytest.mark.slow
def test_a_translator_is_exported_with_an_example_that_runs(
    translating, tmp_path, capsys
):
    model, folder = translating
    output = str(tmp_path / 'a "new" name')
    assert main(["export", str(folder), "--output", output]) == 0
    printed = capsys.readouterr().out
    example = textwrap.dedent(printed.split("\n\n", 1)[1])
    exec(example, {})
    expected = model.generate("a text of your own")
    assert capsys.readouterr().out == f"{expected}\n"


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_a_translator_is_exported_for_other_runtimes(
    translating, tmp_path, capsys, monkeypatch, format
):
    model, folder = translating
    output = tmp_path / 'a "new" name'
    arguments = ["export", str(folder), "--output", str(output), "--format", format]
    options = ["--quantize", "dynamic"] if format == "onnx" else ["--steps", "7"]
    assert main([*arguments, *options]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{output / '1'}: {format}, ")
    assert printed.count("largest difference from the model: ") == 2
    example = textwrap.dedent(printed.split("\n\n", 1)[1])
    monkeypatch.setattr(sys, "path", [*sys.path])
    exec(example, {})
    text = "a text of your own"
    assert capsys.readouterr().out == f"{model.preprocessor(text).numpy().tolist()}\n"
    for wrong in (["--steps", "3"], ["--quantize", "dynamic"]):
        assert main(["export", str(folder), *wrong]) == 2
        assert f"{wrong[0]} is an option of" in capsys.readouterr().err


@pytest.fixture(scope="module")
def captioning(tmp_path_factory):
    """A captioner that knows nothing, the folder of its preset, and two pictures."""
    folder = tmp_path_factory.mktemp("captioner")
    with pytest.MonkeyPatch.context() as monkeypatch:
        see_with_tiny_encoder(monkeypatch)
        model = captioner(encoder="efficientnet_lite0", seed=5)
        model.save_to_preset(folder / "preset")
        files = [folder / "red.png", folder / "blue.jpg"]
        files[0].write_bytes(picture((1, 0, 0)))
        files[1].write_bytes(picture((0, 0, 1), (300, 5), "JPEG"))
        yield model, str(folder), [*map(str, files)]


def test_predict_prints_captions(captioning, capsys):
    model, folder, files = captioning
    options = {"search": "beam", "length_penalty": 1.0, "verbose": 0}
    red, blue = model.generate(files, **options)
    assert red != blue
    assert main(["predict", folder, files[0]]) == 0
    assert capsys.readouterr().out == f"{red}\n"
    assert main(["predict", folder, *files]) == 0
    assert capsys.readouterr().out == f"{files[0]}\t{red}\n{files[1]}\t{blue}\n"

    arguments = ["--beam", "3", "--n-best", "2", "--scores"]
    assert main(["predict", folder, *arguments, files[0]]) == 0
    (found,), (scores,) = model.generate(
        files[:1], return_scores=True, beam_width=3, n_best=2, **options
    )
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [text for _, text in rows] == found
    assert [float(score) for score, _ in rows] == pytest.approx(scores, abs=6e-4)


@pytest.mark.long
def test_a_broken_picture_is_told_and_the_others_are_captioned(
    captioning, tmp_path, capsys, monkeypatch
):
    _, folder, files = captioning
    text = tmp_path / "text.png"
    text.write_text("no picture")
    lines = [str(text), files[1], str(tmp_path / "none.png")]
    stdin = io.TextIOWrapper(io.BytesIO("\n".join(lines).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert main(["predict", folder]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert out.startswith(f"{files[1]}\t")
    first, second = err.splitlines()
    assert first.startswith(f"kerasrnn predict: {text} must be a picture (PNG, JPEG")
    assert second == f"kerasrnn predict: {lines[2]}: No such file or directory"


def test_predict_draws_where_a_captioner_looked(
    captioning, translating, tmp_path, capsys
):
    model, folder, files = captioning
    figure = tmp_path / "looks.png"
    assert main(["predict", folder, *files, "--attention", str(figure)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    looks = caption_attention(model, files[0])
    np.testing.assert_allclose(looks.alignments.sum(1), 1, atol=1e-5)
    caption_attention_figure(*looks, tmp_path / "expected.png")
    np.testing.assert_array_equal(imread(figure), imread(tmp_path / "expected.png"))
    arguments = ["predict", str(translating[1]), "one", "--attention", "a.png"]
    assert main(arguments) == 2
    assert "--attention is for captioners; " in capsys.readouterr().err


def test_a_captioner_is_evaluated_on_a_folder(captioning, tmp_path, capsys):
    model, folder, files = captioning
    said = model.generate(files[0])
    lines = [f"{i}.png\t{said if i % 2 else f'number {i}'}" for i in range(60)]
    for number in range(60):
        (tmp_path / f"{number}.png").write_bytes(picture((1, 0, 0)))
    (tmp_path / "captions.tsv").write_text("\n".join(lines))
    assert main(["evaluate", folder, "--data", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "60 pictures" in printed
    assert "exact 50.0%" in printed
    assert main(["evaluate", folder]) == 1
    assert (
        "(--data), a folder of pictures, with a file captions.tsv"
        in capsys.readouterr().err
    )


def test_a_captioner_is_exported_with_an_example_that_runs(
    captioning, tmp_path, capsys, monkeypatch
):
    model, folder, files = captioning
    assert main(["export", folder, "--output", str(tmp_path / "served")]) == 0
    example = textwrap.dedent(capsys.readouterr().out.split("\n\n", 1)[1])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes(picture((1, 0, 0)))
    exec(example, {})
    assert capsys.readouterr().out == f"{model.generate(files[0])}\n"


def test_results_of_translators_are_listed(tmp_path, monkeypatch, capsys):
    folder = write_recipe(tmp_path / "tiny", summary="Translates.")
    metrics = {"test_bleu": 31.26, "test_bleu_std": 0.4, "test_accuracy": 0.6}
    results = {
        "headline": "test_bleu",
        "metrics": metrics,
        "runs": [{"wall_time_s": 1.0}],
        "parameters": 1,
        "date": "2026-01-02",
        "hardware": {"processor": "A Processor"},
    }
    (folder / "results.json").write_text(json.dumps(results))
    monkeypatch.setattr(catalogue, "catalogue_folder", lambda: tmp_path)
    assert main(["list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "tiny  Translates.",
        "      test BLEU 31.3, to be trained",
    ]
    assert main(["show", "tiny"]) == 0
    assert "test BLEU                     31.3 ± 0.4" in capsys.readouterr().out


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
        (["train", "nothing"], 1, "Known recipes: caption-coco-attention, "),
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


def test_bad_data_is_told_in_one_line(tmp_path, capsys):
    bad = tmp_path / "bad.tsv"
    bad.write_text("no tab in here\n")
    recipe = write_recipe(tmp_path / "tiny")
    assert main(["train", str(recipe), "--data", str(bad)]) == 1
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert "bad.tsv, line 1: must be label<tab>text" in err
    assert len(err.splitlines()) == 1


def test_an_unfinished_run_with_other_settings_is_not_overwritten(tmp_path, capsys):
    recipe = write_recipe(tmp_path / "tiny")
    output = tmp_path / "out"
    (output / "seed-3").mkdir(parents=True)
    (output / "run.json").write_text('{"format": "kerasrnn run"}')
    data = write_tsv(tmp_path / "my.tsv")
    arguments = ["train", str(recipe), "--data", str(data), "--output", str(output)]
    assert main(arguments) == 1
    assert "an unfinished run with other settings" in capsys.readouterr().err
    (output / "run.json").unlink()
    (output / "seed-3").rmdir()
    (output / "holiday.jpg").write_text("")
    assert main(arguments) == 1
    assert "a folder with other things in it" in capsys.readouterr().err


def test_listing_loads_no_tensorflow():
    code = (
        "import sys\nfrom kerasrnn.cli import main\n"
        "assert main(['list']) == 0 and main(['show', 'sentiment-movies']) == 0\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
        "import kerasrnn.zoo\n"
        "assert 'sentiment-movies' in kerasrnn.zoo.list_recipes()\n"
        "assert 'keras' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search("sentiment-movies +Says whether", done.stdout)
    assert "embedding_dropout    0.3" in done.stdout


def test_version():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.decode().split()[0] == "kerasrnn"
