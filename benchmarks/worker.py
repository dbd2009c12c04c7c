"""A layer of another library in a process of its own, which works when it is told to.

    python benchmarks/worker.py torch|jax-keras|jax-ours

`Worker` starts it, or another script that ends in `serve`, under any Python. Requests
and answers are pickles through pipes: "prepare" builds a layer with given weights and
returns what it computes, "run" makes n calls and returns their milliseconds. In between
the process sleeps.
"""

import os
import pathlib
import pickle
import subprocess
import sys
from importlib.metadata import version

from timing import FAMILIES, make_layer, milliseconds

ROOT = pathlib.Path(__file__).resolve().parents[1]


class Worker:
    """The other end of the pipes."""

    def __init__(self, side, python, threads, script=__file__):
        environment = {
            **os.environ,
            "KERAS_BACKEND": "jax",
            "OMP_NUM_THREADS": str(threads),
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            [python, script, side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self.version = self._answer()

    def prepare(self, **request):
        """Arrays that the layer computes: the output, or the loss and gradients."""
        return self._ask(request)

    def run(self, repeats):
        return self._ask(repeats)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _ask(self, request):
        pickle.dump(request, self.process.stdin)
        self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        try:
            return pickle.load(self.process.stdout)
        except EOFError:
            raise RuntimeError(f"{self.process.args} ended; see its message") from None


def torch_call(family, what, last, weights, x):
    """torch.nn's layer, and how its results look in Keras's layout."""
    import numpy as np
    import torch

    units = weights[1].shape[0]
    name, _, gates = FAMILIES[family]
    cell = {"SimpleRNN": torch.nn.RNN}.get(name) or getattr(torch.nn, name)
    layer = cell(x.shape[2], units, batch_first=True)
    # PyTorch's GRU has its reset gate first, Keras's its update gate.
    blocks = [1, 0, 2] if name == "GRU" else list(range(gates))
    order = np.concatenate([np.arange(units) + units * block for block in blocks])
    bias = weights[2] if weights[2].ndim == 2 else (weights[2], 0 * weights[2])
    arrays = [weights[0].T, weights[1].T, *bias]
    with torch.no_grad():
        for parameter, array in zip(layer.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(array[order].copy()))
    x = torch.from_numpy(x)

    def forward():
        with torch.no_grad():
            y = layer(x)[0]
            return [y[:, -1] if last else y]

    def train():
        layer.zero_grad()
        y = layer(x)[0]
        loss = (y[:, -1] if last else y).square().mean()
        loss.backward()
        return [loss, *(parameter.grad for parameter in layer.parameters())]

    def as_keras(results):
        results = [r.detach().numpy() for r in results]
        if what != "train":
            return results
        loss, kernel, recurrent, *biases = results
        biases = [b[order] for b in biases]
        bias = np.stack(biases) if weights[2].ndim == 2 else biases[0]
        return [loss, kernel[order].T, recurrent[order].T, bias]

    return {"train": train}.get(what, forward), as_keras


def jax_call(namespace, family, what, last, weights, x):
    """A layer of Keras on JAX in a compiled function."""
    import jax
    import numpy as np

    layer = make_layer(
        namespace, family, weights[1].shape[0], return_sequences=not last
    )
    layer.build(x.shape)
    layer.set_weights(weights)
    trainable = [variable.value for variable in layer.trainable_variables]
    states = [variable.value for variable in layer.non_trainable_variables]
    x = jax.numpy.asarray(x)

    def forward(trainable, x):
        return [layer.stateless_call(trainable, states, x, training=False)[0]]

    def loss(trainable, x):
        y, _ = layer.stateless_call(trainable, states, x, training=True)
        return jax.numpy.square(y).mean()

    step = jax.jit(jax.value_and_grad(loss) if what == "train" else forward)

    def call():
        return jax.block_until_ready(step(trainable, x))

    return call, lambda results: [np.asarray(r) for r in jax.tree.leaves(results)]


def start(side):
    """What prepares a call on this side, and its version."""
    if side == "torch":
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        return torch_call, f"torch {version('torch')}"
    import keras

    import kerasrnn.layers

    namespace = kerasrnn.layers if side == "jax-ours" else keras.layers
    return (
        lambda **request: jax_call(namespace, **request),
        f"jax {version('jax')} with keras {version('keras')}",
    )


def serve(start):
    """Answers until the pipe is closed; `start()` prepares calls, and has a version."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What libraries print must not get between the answers.

    def answer(value):
        pickle.dump(value, answers)
        answers.flush()

    prepare, name = start()
    answer(name)
    call = None
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if isinstance(request, dict):
            call, readable = prepare(**request)
            answer(readable(call()))
        else:
            answer(milliseconds(call, request))


if __name__ == "__main__":
    serve(lambda: start(sys.argv[1]))
