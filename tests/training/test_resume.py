"""Killed at any moment and started again, a run ends in the same weights."""

import json
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
from tiny_run import write_recipe, write_tsv


def start(recipe, data, output):
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "kerasrnn", "train", str(recipe)),
            *("--data", str(data), "--output", str(output)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def checkpoints_of(output):
    try:
        state = (output / "seed-3" / "checkpoints" / "state.json").read_text()
        return json.loads(state)["checkpoints"]
    except FileNotFoundError:
        return []


def kill_after(process, output, step):
    """Kill without warning once a checkpoint past `step`, and one before, are there."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = checkpoints_of(output)
        if len(found) == 2 and found[0]["step"] > step:
            break
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    printed = process.communicate(timeout=60)[0]
    assert process.returncode == -signal.SIGKILL, printed
    return checkpoints_of(output), printed


def arrays_of(output):
    last = checkpoints_of(output)[0]
    with np.load(output / "seed-3" / "checkpoints" / last["file"]) as file:
        arrays = {name: file[name] for name in file.files if name != "state.json"}
    with h5py.File(output / "preset" / "model.weights.h5") as file:
        weights = {}
        file.visititems(
            lambda name, item: (
                weights.update({name: np.asarray(item)})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return arrays, weights


def test_two_kills_and_a_truncated_checkpoint_change_no_bit(tmp_path):
    recipe = write_recipe(tmp_path / "tiny")
    data = write_tsv(tmp_path / "reviews.tsv")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    uninterrupted = start(recipe, data, whole)

    first, _ = kill_after(start(recipe, data, broken), broken, step=5)
    newest = broken / "seed-3" / "checkpoints" / first[0]["file"]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])

    second, printed = kill_after(
        start(recipe, data, broken), broken, step=first[0]["step"] + 12
    )
    assert f"Skipped a damaged checkpoint, {first[0]['file']}" in printed
    assert "Going on from epoch" in printed
    assert second[0]["step"] > first[0]["step"]

    last = start(recipe, data, broken)
    printed = last.communicate(timeout=120)[0]
    assert last.returncode == 0, printed
    assert "Going on from epoch" in printed
    printed = uninterrupted.communicate(timeout=120)[0]
    assert uninterrupted.returncode == 0, printed

    for expected, resumed in zip(arrays_of(whole), arrays_of(broken), strict=True):
        assert expected.keys() == resumed.keys()
        assert len(expected) > 5
        for name, array in expected.items():
            np.testing.assert_array_equal(array, resumed[name], err_msg=name)
    results = [
        json.loads((output / "results.json").read_text()) for output in (whole, broken)
    ]
    assert results[0]["metrics"] == results[1]["metrics"]
    for one, other in zip(
        results[0]["runs"][0]["history"],
        results[1]["runs"][0]["history"],
        strict=True,
    ):
        assert one.keys() == other.keys()
        for name, value in one.items():
            np.testing.assert_allclose(value, other[name], rtol=1e-5)
