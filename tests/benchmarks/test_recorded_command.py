import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import timing

    return timing


@pytest.mark.parametrize(
    ("folder", "script", "readme"),
    [
        (".", "benchmarks/glimpses.py", "benchmarks/README.md"),
        ("benchmarks", "glimpses.py", "README.md"),
        ("benchmarks", "./glimpses.py", "../benchmarks/README.md"),
        ("tests", str(ROOT / "benchmarks" / "glimpses.py"), "../benchmarks/README.md"),
    ],
)
def test_a_command_runs_from_the_root(timing, monkeypatch, folder, script, readme):
    monkeypatch.chdir(ROOT / folder)
    arguments = ["peers", "--only", "feed-forward, every pixel", "one glimpse"]
    rest = ["--write", readme, "--runs", "3", "--torch-python", "/opt/bin/python"]
    monkeypatch.setattr("sys.argv", [script, *arguments, *rest])
    told = timing.command()
    rest[1] = "benchmarks/README.md"
    assert told.startswith("python benchmarks/glimpses.py peers --only 'feed-forward, ")
    assert shlex.split(told)[2:] == [*arguments, *rest]
    monkeypatch.setattr("sys.argv", [script, f"--write={readme}", "--runs=3"])
    assert shlex.split(timing.command())[2:] == [
        "--write=benchmarks/README.md",
        "--runs=3",
    ]


def test_a_script_from_elsewhere_is_told_as_it_was_called(
    timing, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").touch()
    monkeypatch.setattr("sys.argv", ["mine.py", "--write", "README.md"])
    assert timing.command() == "python mine.py --write README.md"


@pytest.mark.parametrize("name", ["timing", "layers_by_backend"])
def test_nothing_else_tells_the_command(name):
    text = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
    assert ".join(sys.argv" not in text and "{command()}" in text
