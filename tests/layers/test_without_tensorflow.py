"""On JAX and torch the layers need no TensorFlow."""

import importlib.util
import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys

sys.modules["tensorflow"] = None  # Whoever imports it gets an ImportError.
import numpy as np

from kerasrnn.layers import CRF, GRU, LSTM, SimpleRNN

x, mask = np.ones((2, 3, 4), "float32"), np.array([[0, 1, 1], [0, 0, 0]], bool)
for layer_class in (GRU, LSTM, SimpleRNN):
    layer = layer_class(5, return_sequences=True)
    y = layer(x, mask=mask)
    assert y.shape == (2, 3, 5)
    assert not np.asarray(y.detach() if hasattr(y, "detach") else y)[1].any()
    assert layer.explain()
tags, _ = CRF(4).decode(x * np.arange(4), mask)
assert np.asarray(tags).tolist() == [[0, 3, 3], [0, 0, 0]]
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_layers_run_where_tensorflow_is_not_installed(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
