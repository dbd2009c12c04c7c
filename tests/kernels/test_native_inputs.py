"""No input of the compiled operations ends the process: each wrong one is named."""

import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from kerasrnn.kernels import native

if keras.backend.backend() != "tensorflow":
    pytest.skip("other backends: test_native_backends.py", allow_module_level=True)
pytestmark = pytest.mark.skipif(
    not native.available(), reason=f"no compiled kernel: {native.unavailable_because()}"
)


@pytest.fixture(scope="module")
def outcomes():
    """`(case, error, expected)` of every case of `wrong_inputs.py`."""
    script = Path(__file__).with_name("wrong_inputs.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line[:1] == "{"]
    assert done.returncode == 0, f"ended by {done.returncode} in {lines[-1]}"
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return [(a["begins"], b["error"], b["expected"]) for a, b in pairs]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["calls", "programs", "huge"])
def test_every_wrong_input_is_refused_by_name(outcomes, kind):
    of_kind = [outcome for outcome in outcomes if outcome[0].startswith(kind)]
    assert len(of_kind) >= {"calls": 1000, "programs": 9, "huge": 10}[kind]
    wrong = [
        (case, error, expected)
        for case, error, expected in of_kind
        if (error is None) != (expected is None)
        or (error and not re.search(expected, error.replace("\n", " ")))
    ]
    assert not wrong, wrong[:5]
