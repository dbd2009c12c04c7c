"""One process that has its batches computed by two devices, on JAX."""

import json
import os
import subprocess
import sys

import keras
import pytest

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="keras.distribution is JAX's"
)

PROGRAM = """
import json

import jax
import keras
import numpy as np

from kerasrnn import layers

keras.utils.set_random_seed(0)
if len(jax.devices()) > 1:
    keras.distribution.set_distribution(keras.distribution.DataParallel())
inputs = keras.Input((None, 5))
x = layers.LSTM(6, return_sequences=True, dropout=0.3)(keras.layers.Masking()(inputs))
model = keras.Model(inputs, keras.layers.Dense(3)(layers.GRU(4)(x)))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile("adam", loss)
draw = np.random.default_rng(0)
kept = np.arange(7) < draw.integers(1, 8, (32, 1))
x = draw.normal(size=(32, 7, 5)) * kept[..., None]
y = draw.integers(0, 3, 32)
losses = model.fit(x, y, 8, epochs=3, shuffle=False, verbose=0).history["loss"]
explained = model.layers[2].explain(training=True)
print(json.dumps([len(jax.devices()), losses, explained]))
"""


def trained_on(devices):
    """The number of devices there were, the losses, and what a layer says of itself."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_learn_what_one_learns():
    one, losses, _ = trained_on(1)
    two, losses_of_two, explained = trained_on(2)
    assert (one, two) == (1, 2)
    assert losses[-1] < losses[0]
    assert losses_of_two == pytest.approx(losses, rel=1e-5)
    assert "several devices" in explained, explained
