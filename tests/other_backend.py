"""Runs a program on one of Keras's backends, in a process of its own."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

other_backends = pytest.mark.parametrize(
    "backend",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                importlib.util.find_spec(name) is None,
                reason=f"{name} is not installed",
            ),
        )
        for name in ("jax", "torch")
    ],
)


def run_on(backend, code, *arguments, helpers="."):
    """What the program printed after `RESULT`, as JSON.

    Args:
        backend: "tensorflow", "jax" or "torch".
        code: The program.
        *arguments: What it finds in `sys.argv[1:]`.
        helpers: A folder of the tests, the modules of which it may import.
    """
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS / helpers)]),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("RESULT")[1])
