"""The command on a character language model: train, judge, write, export."""

import contextlib
import io
import json
import textwrap

import pytest
import yaml
from tiny_translator import translator

from kerasrnn.cli import main
from kerasrnn.zoo import Task

BOOK = "".join(f"{n} bottles of beer on the wall,\n{n} bottles.\n" for n in range(99))
CONFIG = {
    "task": "CharLanguageModel",
    "summary": "A tiny one.",
    "model": {"cell": "gru", "units": 12, "num_layers": 1},
    "preprocessor": {"class": "CharacterTokenizer"},
    "data": {"name": "tiny_shakespeare"},
    "training": {"batch_size": 4, "chunk": 20, "epochs": 9, "learning_rate": 0.03},
    "evaluation": {"length": 30, "temperature": 0.7},
    "seed": 1,
    "examples": ["7"],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run, its data, and what was told."""
    folder = tmp_path_factory.mktemp("cli_language_model")
    (folder / "tiny").mkdir()
    (folder / "tiny" / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    book = folder / "book.txt"
    book.write_bytes(BOOK.replace("\n", "\r\n").encode())
    arguments = ["train", folder / "tiny", "--data", book, "--epochs", 3]
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told):
        patch.setenv("KERASRNN_CACHE_DIR", str(folder / "cache"))
        done = main([*map(str, arguments), "--output", str(folder / "out")])
    assert done == 0
    return folder / "out", book, told.getvalue()


@pytest.fixture
def model(trained):
    return Task.from_preset(trained[0])


def predict(trained, *arguments):
    return main(["predict", str(trained[0]), *map(str, arguments)])


@pytest.mark.long
def test_training_tells_what_was_learned(trained):
    output, _, told = trained
    assert "Data: book.txt" in told
    assert "epoch  3/3" in told
    assert "Test text: " in told and "What it writes:" in told
    assert f"kerasrnn predict {output}" in told
    assert (output / "samples.md").is_file()


@pytest.mark.long
def test_predict_writes_after_each_text(trained, model, capsys):
    assert predict(trained, "7 b", "8", "--length", 40, "--seed", 5) == 0
    out, err = capsys.readouterr()
    expected = [
        prompt + model.generate(prompt, 40, temperature=0.7, seed=5)
        for prompt in ("7 b", "8")
    ]
    assert out == "\n".join(expected) + "\n"
    assert err == ""
    assert len(set(out)) > 3


def test_without_a_length_it_writes_500_characters(trained, capsys):
    assert predict(trained, "") == 0
    assert len(capsys.readouterr().out) == 500 + 1


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--temperature", 0], {"temperature": 0}),
        (["--temperature", 1.5, "--seed", 0], {"temperature": 1.5, "seed": 0}),
        (["--top-k", 2, "--seed", 3], {"temperature": 0.7, "top_k": 2, "seed": 3}),
        (["--top-k", 1], {"temperature": 0}),
    ],
)
def test_options_of_writing(trained, model, capsys, arguments, options):
    assert predict(trained, "9 ", "--length", 30, *arguments) == 0
    assert capsys.readouterr().out == f"9 {model.generate('9 ', 30, **options)}\n"


def test_without_a_seed_it_is_another_text_each_time(trained, capsys):
    options = ["9 ", "--length", 60, "--temperature", 2]
    texts = [predict(trained, *options) or capsys.readouterr().out for _ in range(2)]
    assert texts[0] != texts[1]


def test_predict_goes_on_with_lines_of_standard_input(
    trained, model, capsys, monkeypatch
):
    lines = io.TextIOWrapper(io.BytesIO(b"7 b\r\n\n8\xff"))
    monkeypatch.setattr("sys.stdin", lines)
    assert predict(trained, "--length", 10, "--temperature", 0) == 0
    out, err = capsys.readouterr()
    written = [model.generate(text, 10, temperature=0) for text in ("7 b", "")]
    assert out.startswith(f"7 b{written[0]}\n{written[1]}\n8\ufffd")
    assert len(out) == 3 + 11 + 11 + 2 + 11
    assert "does not know the characters '\ufffd'" in err


def test_unknown_characters_are_told(trained, capsys):
    assert predict(trained, "7 \u00e9\u4e2d", "7 b", "--length", 5) == 0
    out, err = capsys.readouterr()
    assert out.startswith("7 \u00e9\u4e2d")
    assert err.startswith("note: The model does not know the characters ")
    assert "'\u00e9', '\u4e2d'" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--temperature", -0.5], "`temperature` must be at least 0"),
        (["--temperature", "nan"], "`temperature` must be at least 0"),
    ],
)
def test_values_out_of_range(trained, capsys, arguments, message):
    assert predict(trained, "7", *arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"kerasrnn predict: {message}")
    assert str(arguments[1]) in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["--beam", "3"], "translators and captioners"),
        (["--n-best", "2"], "translators and captioners"),
        (["--scores"], "translators and captioners"),
        (["--attention", "a.png"], "captioners"),
    ],
)
def test_options_of_other_models(trained, capsys, arguments, kind):
    assert predict(trained, "7", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{arguments[0]} is for {kind}; " in err
    assert "is a CharLanguageModel." in err


@pytest.mark.long
def test_options_of_writing_are_not_for_other_models(tmp_path, capsys):
    translator().save_to_preset(tmp_path)
    for option, value in (
        ("--length", 5),
        ("--temperature", 0),
        ("--top-k", 2),
        ("--seed", 0),
    ):
        assert main(["predict", str(tmp_path), "one", option, str(value)]) == 2
        err = capsys.readouterr().err
        assert f"{option} is for character language models; " in err
        assert "is a Seq2SeqAttention." in err


@pytest.mark.parametrize("option", ["--length", "--top-k"])
def test_numbers_from_one_on(trained, capsys, option):
    with pytest.raises(SystemExit) as stopped:
        predict(trained, "7", option, 0)
    assert stopped.value.code == 2
    expected = f"{option}: must be a whole number of at least 1; got '0'"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "must have 200 characters at least; it is empty."),
        (b"a", "must have 200 characters at least; it has 1."),
        (
            b"one line\n" * 50 + b"caf\xe9\n",
            "line 51: must be UTF-8; byte 453 of the file is 0xe9.",
        ),
    ],
)
def test_a_text_that_will_not_do(tmp_path, monkeypatch, capsys, data, message):
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path / "cache"))
    book = tmp_path / "book.txt"
    book.write_bytes(data)
    output = tmp_path / "out"
    arguments = ["train", "char-lm", "--data", str(book), "--epochs", "1"]
    assert main([*arguments, "--output", str(output)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"kerasrnn train: {book}")
    assert message in err
    assert len(err.splitlines()) == 1
    # Once the file is mended the same command goes past it: here, to the next mistake.
    book.write_bytes(b"more")
    assert main([*arguments, "--output", str(output)]) == 1
    assert capsys.readouterr().err.endswith("it has 4.\n")


def test_a_folder_is_no_text(tmp_path, capsys):
    assert main(["train", "char-lm", "--data", str(tmp_path), "--epochs", "1"]) == 1
    err = capsys.readouterr().err
    assert err == (
        f"kerasrnn train: `path` must be a text file; {tmp_path} is a directory.\n"
    )


def test_it_is_judged_on_a_file(trained, model, capsys):
    output, book, _ = trained
    copy = book.with_name("copy.txt")
    copy.write_text(BOOK + BOOK[:9])
    assert main(["evaluate", str(output), "--data", str(copy)]) == 0
    out = capsys.readouterr().out
    assert f"{len(BOOK) + 9:,} characters" in out
    scores = model.evaluate(BOOK + BOOK[:9], verbose=0)
    for name in ("bits_per_character", "perplexity"):
        told = float(out.split(name.replace("_", " "))[1].split()[0])
        assert told == pytest.approx(scores[name], abs=6e-5)
    empty = book.with_name("empty.txt")
    empty.write_bytes(b"")
    assert main(["evaluate", str(output), "--data", str(empty)]) == 1
    err = capsys.readouterr().err
    assert "empty.txt" in err
    assert len(err.splitlines()) == 1
    # Of what it was trained on, the last tenth.
    results = json.loads((output / "results.json").read_text())
    for arguments in ([], ["--data", str(book)]):
        assert main(["evaluate", str(output), *arguments]) == 0
        out = capsys.readouterr().out
        assert f"{results['data']['examples']['test']:,} characters" in out
        bits = float(out.split("bits per character")[1].split()[0])
        assert bits == pytest.approx(
            results["metrics"]["test_bits_per_character"], abs=6e-5
        )


@pytest.mark.slow
def test_it_is_exported_with_an_example_that_runs(trained, tmp_path, capsys):
    target = tmp_path / "served"
    assert main(["export", str(trained[0]), "--output", str(target)]) == 0
    example = textwrap.dedent(capsys.readouterr().out.split("\n\n", 1)[1])
    exec(example, {})
    first = capsys.readouterr().out
    assert first.startswith("The ")
    assert len(first) == 4 + 200 + 1
    exec(example, {})
    assert capsys.readouterr().out == first


def test_it_is_judged_while_it_learns_and_remembers(trained, capsys):
    output, book, _ = trained
    found = []
    for arguments in ([], ["--adapt"]):
        assert main(["evaluate", str(output), *arguments]) == 0
        out = capsys.readouterr().out
        found.append(float(out.split("bits per character")[1].split()[0]))
    # Of the few characters of this text nothing is left to learn.
    assert found[1] != found[0] and found[1] == pytest.approx(found[0], rel=0.1)
    other = book.with_name("other.txt")
    other.write_text("7 bottles")
    arguments = ["--data", str(other), "--adapt"]
    assert main(["evaluate", str(output), *arguments]) == 1
    err = capsys.readouterr().err
    assert err.startswith("kerasrnn evaluate: `adapt` reads the text that the model")
    assert len(err.splitlines()) == 1
