"""What the README says is so: its examples run, its table and its links are right."""

import configparser
import re
from pathlib import Path

import keras
import pytest

import kerasrnn.demo
from kerasrnn.cli import main
from kerasrnn.training.report import BEGIN, END, results_table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


KOREAN = (ROOT / "README.ko.md").read_text(encoding="utf-8")


def blocks(language, page=README):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def test_the_first_code_block_is_the_two_commands():
    # `.ci/run` takes both lines from here and runs them in a fresh clone.
    first = re.search(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert first[1] == "sh"
    train, test = first[2].splitlines()
    for line in (train, test):
        # An environment of its own: the system's Python may refuse to install.
        assert line.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert train.endswith("&& .venv/bin/kerasrnn train sentiment-movies")
    assert "'.[test]'" in test
    # On two cores at once, of which Keras's tracing would use but one.
    assert test.endswith("&& .venv/bin/pytest -n 2")


def test_two_lines_lead_to_the_demo_in_the_browser(monkeypatch, tmp_path, capsys):
    build, serve = blocks("sh")[1].splitlines()
    install, command = re.fullmatch(
        r"python3 -m venv \.venv && \.venv/bin/pip install -q -e '\.\[(\w+)\]' "
        r"&& \.venv/bin/kerasrnn (.+)",
        build,
    ).groups()
    options = configparser.ConfigParser()
    options.read(ROOT / "setup.cfg")
    assert "onnx" in options["options.extras_require"][install].split()

    def write_demo(output, log):
        """Write the folder alone; what is in it is tested in tests/demo."""
        (tmp_path / output).mkdir()
        return Path(output)

    monkeypatch.setattr(kerasrnn.demo, "write_demo", write_demo)
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 0
    # The second line is what the command itself says comes next.
    serve, address = serve.removeprefix(".venv/bin/").split("  # then open ")
    printed = capsys.readouterr().out
    assert f"    {serve}\n" in printed and f"open {address} in a" in printed


NAMES = ("layer", "model", "translator", "learner", "exports")
# What these show has quicker tests of its own.
LONG = ("model", "translator", "learner", "exports")


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the examples export a SavedModel"
)
@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, id=name, marks=[pytest.mark.slow] * (name in LONG))
        for name, code in zip(NAMES, blocks("python"), strict=True)
    ],
)
def test_an_example_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    keras.utils.set_random_seed(1)
    exec(compile(code, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    if "outputs" in names:
        assert [tuple(names[n].shape) for n in ("outputs", "h", "c")] == [
            (2, 5, 4),
            (2, 4),
            (2, 4),
        ]
        # The second row has no mask, so its steps are those of the sequence.
        difference = abs(names["y"][1] - names["outputs"][1, -1])
        assert float(keras.ops.max(difference)) < 1e-6
        assert "kernel:" in printed
    elif "learner" in names:
        assert printed == "el sol rojo\nuna casa roja\n"
    elif "frames" in names:
        assert printed.count("1 LSTM") == 2  # of the layer, and of its step
        assert "1 UNIDIRECTIONAL_SEQUENCE_LSTM" in printed
        files = {path.name for path in (tmp_path / "served" / "onnx").iterdir()}
        assert {"encoder.onnx", "step.onnx", "greedy.onnx"} < files
    elif "translator" in names:
        assert "En el principio" in printed
        assert (tmp_path / "attention.png").is_file()
        assert (tmp_path / "served" / "translator" / "1" / "saved_model.pb").is_file()
    else:
        assert (tmp_path / "served" / "sentiment" / "1" / "saved_model.pb").is_file()


def test_an_example_is_about_ten_lines():
    for code in blocks("python"):
        assert 6 <= len(code.splitlines()) <= 14


def test_the_table_is_the_one_of_the_results():
    table = README.split(BEGIN)[1].split(END)[0].strip()
    assert table == results_table(), (
        "run: python -m kerasrnn.training.report --update README.md"
    )


def test_the_korean_page_shows_the_same_code_pictures_and_paths():
    for language in ("sh", "python"):
        assert blocks(language, KOREAN) == blocks(language)
    for pattern in (r'<img src="([^"]+)"', r"^\| (`.*?`) \|", r"^## "):
        found, expected = (
            re.findall(pattern, page, re.MULTILINE) for page in (KOREAN, README)
        )
        assert found == [path for path in expected if "](zoo/" not in path]
    assert "[English](README.md)" in KOREAN
    assert "[한국어](README.ko.md)" in README
    pages = re.findall(r"\((tutorials/[^)]+)\.ipynb\)", README)
    korean = [f"{page}.ko" for page in pages if (ROOT / f"{page}.ko.ipynb").exists()]
    rest = [page for page in pages if f"{page}.ko" not in korean]
    found = re.findall(r"\((tutorials/[^)]+)\.ipynb\)", KOREAN)
    assert sorted(found) == sorted(korean + rest)


def test_links_and_paths_exist():
    targets = re.findall(r"\]\(([^)#:]+)\)", README + KOREAN)
    targets += re.findall(r'<img src="([^"]+)"', README)
    for page in ("CONTRIBUTING.md", "CHANGELOG.md"):
        targets += re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text("utf-8"))
    assert "CONTRIBUTING.md" in targets
    for path in re.findall(r"^\| (`.*?`) \|", README, re.MULTILINE):
        targets += re.findall(r"`([^`]+)`", path)
    for target in targets:
        assert (ROOT / target).exists(), target


def test_it_begins_with_the_pictures_that_a_command_draws():
    pictures = re.findall(r'<img src="tutorials/pictures/(\w+)\.png"', README)
    assert pictures == ["attention", "cell", "samples"]
    assert README.index("<img") < README.index("```")
    assert "python tutorials/make_pictures.py" in README
    source = (ROOT / "tutorials" / "make_pictures.py").read_text(encoding="utf-8")
    for name in pictures:
        assert f'FOLDER / "{name}.png"' in source


def test_it_is_short():
    assert len(README.splitlines()) <= 210
