"""Runs programs on one of Keras's backends, in a process that each backend has once."""

import atexit
import contextlib
import functools
import importlib.util
import io
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

TESTS = Path(__file__).parent


def other_backends(test):
    """A test that is run on each backend beside TensorFlow that is installed."""
    import pytest

    backends = []
    for name in ("jax", "torch"):
        missing = importlib.util.find_spec(name) is None
        mark = pytest.mark.skipif(missing, reason=f"{name} is not installed")
        backends.append(pytest.param(name, marks=mark))
    return pytest.mark.parametrize("backend", backends)(test)


def run_on(backend, code, *arguments, helpers="."):
    """What the program printed after `RESULT`, as JSON.

    Args:
        backend: "tensorflow", "jax" or "torch".
        code: The program.
        *arguments: What it finds in `sys.argv[1:]`.
        helpers: A folder of the tests, the modules of which it may import.
    """
    process = process_of(backend)
    program = {
        "code": code,
        "arguments": [str(argument) for argument in arguments],
        "folder": str(TESTS / helpers),
    }
    print(json.dumps(program), file=process.stdin, flush=True)
    answer = process.stdout.readline()
    assert answer, f"the process of {backend} ended: {process.wait()}"
    answer = json.loads(answer)
    assert "error" not in answer, answer["error"]
    return answer["result"]


@functools.cache
def process_of(backend):
    """It lives as long as the tests: importing Keras outlasts most programs."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def end():
        process.stdin.close()
        process.wait()
        process.stdout.close()

    atexit.register(end)
    return process


def serve():
    """Runs the programs that come, one a line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What libraries print is no answer.
    for line in sys.stdin:
        program = json.loads(line)
        if program["folder"] not in sys.path:
            sys.path.append(program["folder"])
        sys.argv = ["program", *program["arguments"]]
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(program["code"], "program", "exec"), {})
            answer = {"result": json.loads(printed.getvalue().split("RESULT")[1])}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()
