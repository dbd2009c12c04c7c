"""Runs of `kerasrnn train` that are killed, and what they leave behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from kerasrnn.training.checkpoints import Checkpoints


def start(recipe, data, output, program=("-m", "kerasrnn")):
    return subprocess.Popen(
        [
            *(sys.executable, *program, "train", str(recipe)),
            *("--data", str(data), "--output", str(output)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    """What the run prints until it ends."""
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 0, printed
    return printed


def checkpoints_of(output):
    try:
        state = (output / "seed-3" / "checkpoints" / "state.json").read_text()
        return json.loads(state)["checkpoints"]
    except FileNotFoundError:
        return []


def kill_after(process, output, step):
    """Kill without warning once a checkpoint past `step`, and one before, are there."""
    deadline = time.monotonic() + 300
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


class StoppedError(Exception):
    """What stands for a kill, in a process that goes on."""


@contextlib.contextmanager
def stopped_after(step):
    """What trains inside ends in place of its second checkpoint past a step."""
    save, past = Checkpoints.save, []

    def save_or_stop(self, at, *rest):
        if past:
            raise StoppedError
        save(self, at, *rest)
        if at > step:
            past.append(at)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(Checkpoints, "save", save_or_stop)
        yield


def arrays_of(output):
    """The arrays of the last checkpoint, and the weights of the preset."""
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


def assert_same_run(whole, broken, arrays=6):
    """No bit of the weights differs, and no metric."""
    for expected, resumed in zip(arrays_of(whole), arrays_of(broken), strict=True):
        assert expected.keys() == resumed.keys()
        assert len(expected) >= arrays
        for name, array in expected.items():
            np.testing.assert_array_equal(array, resumed[name], err_msg=name)
    one, other = (
        json.loads((output / "results.json").read_text()) for output in (whole, broken)
    )
    for name in one["metrics"].keys() - {"train_tokens_per_second"}:
        assert one["metrics"][name] == other["metrics"][name], name
    assert one["runs"][0]["history"] == other["runs"][0]["history"]
