"""What a run may replace, what it never touches, and who may write at one time."""

import json
import os
import subprocess
import sys

import pytest

from kerasrnn.training import run_folder
from kerasrnn.training.run_folder import RunFolder

SETTINGS = {"task": "a task", "training": {"epochs": 2}}
OTHER = {"task": "a task", "training": {"epochs": 3}}


def begin(path, settings=SETTINGS, seeds=(1,), restart=False):
    """What a run does before it trains; what it then holds, and results if done."""
    with RunFolder(path, settings=settings, seeds=seeds) as folder:
        done = folder.plan(restart)
        if done is None:
            folder.prepare()
    return folder, done


def write_finished(path, mark, seeds=(1,)):
    for seed in seeds:
        (path / f"seed-{seed}").mkdir(parents=True, exist_ok=True)
        (path / f"seed-{seed}" / "results.json").write_text(mark)
    (path / "preset").mkdir(exist_ok=True)
    (path / "preset" / "config.json").write_text(mark)
    runs = [{"seed": seed} for seed in seeds]
    (path / "results.json").write_text(json.dumps({"runs": runs, "date": mark}))


@pytest.fixture
def finished(tmp_path):
    path = tmp_path / "out"
    folder, _ = begin(path, seeds=(1, 2))
    write_finished(folder.work, "old", seeds=(1, 2))
    return path


def contents(path):
    return {
        file.relative_to(path).as_posix(): file.read_text()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def test_a_finished_run_is_given_back_and_nothing_changes(finished):
    before = contents(finished)
    for seeds in ((1, 2), (2,)):
        _, done = begin(finished, seeds=seeds)
        assert done["date"] == "old"
    assert contents(finished) == before


@pytest.mark.parametrize(
    ("settings", "seeds", "message"),
    [
        (OTHER, (1, 2), "holds a finished run with other settings"),
        (SETTINGS, (3,), "holds a finished run with other seeds"),
        (
            SETTINGS,
            (2, 3),
            r"must be among \[1, 2\].*or hold all of them; got \[2, 3\]",
        ),
    ],
)
def test_a_finished_run_is_not_replaced_unasked(finished, settings, seeds, message):
    before = contents(finished)
    with pytest.raises(ValueError, match=message):
        begin(finished, settings, seeds)
    assert contents(finished) == before


def test_further_seeds_join_a_finished_run(finished):
    before = contents(finished)
    folder, done = begin(finished, seeds=(1, 2, 3))
    assert done is None and folder.work == finished
    assert contents(finished) == before


def test_a_new_run_stands_beside_the_old_one_until_it_is_finished(finished):
    before = contents(finished)
    folder, _ = begin(finished, OTHER, restart=True)
    assert folder.work == finished / "next"
    (folder.work / "seed-1").mkdir()
    # Killed, and started again without --restart: it goes on.
    again, done = begin(finished, OTHER)
    assert done is None and again.work == folder.work
    assert (folder.work / "seed-1").is_dir()
    kept = {k: v for k, v in contents(finished).items() if not k.startswith("next/")}
    assert kept == before
    # The old run can still be asked for.
    assert begin(finished)[1]["date"] == "old"
    with RunFolder(finished, settings=OTHER, seeds=(1,)) as folder:
        folder.plan(False)
        folder.prepare()
        write_finished(folder.work, "new")
        folder.finish()
    after = contents(finished)
    assert json.loads(after["run.json"])["training"]["epochs"] == 3
    assert after["preset/config.json"] == "new"
    assert json.loads(after["results.json"])["date"] == "new"
    assert not [name for name in after if name.startswith(("next", "seed-2"))]


@pytest.mark.parametrize("kills", range(1, 9))
def test_a_kill_while_the_new_run_takes_over_loses_nothing(
    finished, monkeypatch, kills
):
    """Killed at its every move, the next start completes it."""
    begin(finished, OTHER, restart=True)
    write_finished(finished / "next", "new")
    moves = []

    class KilledError(Exception):
        pass

    real = os.replace

    def replace(source, target):
        moves.append(source)
        if len(moves) == kills:
            raise KilledError
        real(source, target)

    monkeypatch.setattr(run_folder.os, "replace", replace)
    try:
        begin(finished, OTHER)
    except KilledError:
        presets = [c for n, c in contents(finished).items() if "config.json" in n]
        assert "new" in presets
    monkeypatch.setattr(run_folder.os, "replace", real)
    assert begin(finished, OTHER)[1]["date"] == "new"
    after = contents(finished)
    assert after["preset/config.json"] == "new"
    assert not [name for name in after if name.startswith(("next", "seed-2"))]


def test_an_unfinished_run_goes_on_or_is_replaced_when_asked(tmp_path):
    path = tmp_path / "out"
    begin(path)
    (path / "seed-1").mkdir()
    (path / "notes.txt").write_text("mine")
    folder, _ = begin(path)
    assert not folder.is_new and (path / "seed-1").is_dir()
    with pytest.raises(ValueError, match="unfinished run with other settings"):
        begin(path, OTHER)
    folder, _ = begin(path, OTHER, restart=True)
    assert folder.work == path
    # What no run has made stays.
    assert sorted(os.listdir(path)) == ["notes.txt", "run.json"]


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"format": 1}', "{", "\x00"])
def test_a_run_json_of_others_makes_no_folder_ours(tmp_path, text):
    (tmp_path / "preset").mkdir()
    (tmp_path / "preset" / "letter.txt").write_text("dear")
    (tmp_path / "run.json").write_text(text)
    for restart in (False, True):
        with pytest.raises(ValueError, match=r"other things in it: its run\.json"):
            begin(tmp_path, restart=restart)
    assert (tmp_path / "preset" / "letter.txt").read_text() == "dear"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ValueError, match="`output` must be a folder; got the file"):
        begin(tmp_path / "out")


@pytest.mark.long
def test_a_second_process_is_told_at_once(tmp_path):
    code = (
        "import sys\nfrom kerasrnn.training.run_folder import RunFolder\n"
        "try:\n    with RunFolder(sys.argv[1], settings={}, seeds=[1]): print('in')\n"
        "except ValueError as error: print(error)\n"
    )

    with RunFolder(tmp_path, settings=SETTINGS, seeds=[1]):
        told = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
        ).stdout
    assert f"`output` {tmp_path} is what another process trains into" in told
    with RunFolder(tmp_path, settings={}, seeds=[1]):
        pass  # As soon as the first one has ended.


def test_a_run_that_writes_nothing_leaves_no_folder(tmp_path):
    with RunFolder(tmp_path / "a" / "b", settings=SETTINGS, seeds=[1]):
        pass
    assert not (tmp_path / "a" / "b").exists()
