"""Run where kerasrnn is installed: its compiled kernel is there and is right."""

import numpy as np

from kerasrnn.kernels import use_kernel
from kerasrnn.layers import LSTM

layer = LSTM(34, return_sequences=True)
x = np.random.default_rng(0).normal(size=(5, 20, 7)).astype("float32")
mask = np.arange(20) < [[20], [1], [0], [7], [13]]
found = {}
for kernel in ("native", "reference"):
    with use_kernel(kernel):
        found[kernel] = np.asarray(layer(x, mask=mask))
difference = np.abs(found["native"] - found["reference"]).max()
assert difference < 1e-6, difference
print(layer.explain())
assert layer.explain().startswith("kernel: native"), "not the kernel of choice"
