"""A kernel that packs masks against the definition: outputs, states and gradients.

    KERAS_BACKEND=jax python tests/kernels/packed_agreement.py

prints the largest difference of each configuration on the machine at hand, of the
kernel that is chosen there.
"""

import functools
import itertools
import os
import sys

import keras
import numpy as np
from keras import ops

from kerasrnn.kernels import use_kernel
from kerasrnn.layers import GRU, LSTM, SimpleRNN

B, T, D, U = 5, 7, 3, 4
RNG = np.random.default_rng(0)
X = RNG.standard_normal((B, T, D)).astype("float32")
H = RNG.standard_normal((B, U)).astype("float32")
# All steps, padding on the right, on the left, holes, no step at all.
MASK = np.array(
    [
        [1] * 7,
        [1, 1, 1, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 1, 1],
        [1, 0, 1, 0, 0, 1, 0],
        [0] * 7,
    ],
    bool,
)
# return_sequences, go_backwards, zero_output_for_mask
FLAGS = list(itertools.product((False, True), repeat=3))
MASKED = [(True, flags) for flags in FLAGS]
LAYERS = {
    "LSTM": (LSTM, {}),
    "GRU": (GRU, {}),
    "SimpleRNN": (SimpleRNN, {}),
    "SimpleRNN, relu": (SimpleRNN, {"activation": "relu"}),
    "LSTM without bias": (LSTM, {"use_bias": False}),
    "GRU without bias": (GRU, {"use_bias": False}),
}


@functools.cache
def layer_of(name, flags):
    """A layer with weights of its own, built."""
    layer_class, options = LAYERS[name]
    names = ("return_sequences", "go_backwards", "zero_output_for_mask")
    layer = layer_class(
        U,
        return_state=True,
        bias_initializer="random_normal",
        **dict(zip(names, flags, strict=True)),
        **options,
    )
    layer.build(X.shape)
    return layer


def results(layer, kernel, mask, states=None):
    """Output and final states, and the gradients of x, initial states and weights."""
    return computing(layer, kernel, mask)(states)


def computing(layer, kernel, mask):
    """A function that gives `results` of initial states and of weights.

    What it compiles it compiles once: the weights of another call are arguments.
    """
    dtype, count = layer.variable_dtype, len(layer.state_size)
    mask = None if mask is None else ops.convert_to_tensor(mask)

    def call(*arrays):
        x, *rest = arrays
        found, _ = layer.stateless_call(
            rest[count:],
            [v.value for v in layer.non_trainable_variables],
            x,
            initial_state=rest[:count],
            mask=mask,
            training=True,
        )
        loss = sum(ops.sum(ops.sin((k + 1.0) * a)) for k, a in enumerate(found))
        return loss, found

    differentiated = DIFFERENTIATED[keras.backend.backend()](call)

    def compute(states=None):
        weights = [v.value for v in layer.trainable_variables]
        if states is None:
            states = [H * (k + 1) for k in range(count)]
        arrays = [ops.convert_to_tensor(a, dtype) for a in (X, *states)]
        with use_kernel(kernel):
            found, gradients = differentiated(*arrays, *weights)
        return [ops.convert_to_numpy(a) for a in [*found, *gradients]]

    return compute


def of_tensorflow(call):
    import tensorflow as tf

    @tf.function
    def run(*arrays):
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            loss, found = call(*arrays)
        return found, tape.gradient(loss, arrays)

    return lambda *arrays: run(*(tf.convert_to_tensor(a) for a in arrays))


def of_jax(call):
    import jax

    @jax.jit
    def run(*arrays):
        numbers = tuple(range(len(arrays)))
        return jax.grad(call, argnums=numbers, has_aux=True)(*arrays)

    def found_first(*arrays):
        gradients, found = run(*arrays)
        return found, gradients

    return found_first


def of_torch(call):
    import torch

    def run(*arrays):
        with torch.enable_grad():
            arrays = [a.detach().clone().requires_grad_(True) for a in arrays]
            loss, found = call(*arrays)
            return [a.detach() for a in found], torch.autograd.grad(loss, arrays)

    return run


DIFFERENTIATED = {"tensorflow": of_tensorflow, "jax": of_jax, "torch": of_torch}


def difference(name, flags, masked, kernel):
    """The largest difference from the definition, of the largest value of an array."""
    layer, mask = layer_of(name, flags), MASK if masked else None
    found, expected = (results(layer, k, mask) for k in (kernel, "reference"))
    return largest(found, expected)


def largest(found, expected):
    """The largest difference, of the largest value of an array."""
    return max(
        np.abs(a - b).max() / max(np.abs(b).max(), 1e-3)
        for a, b in zip(found, expected, strict=True)
    )


def half_of(layer, policy):
    """The same layer in half precision, with the same weights."""
    half = type(layer).from_config({**layer.get_config(), "dtype": policy})
    half.build(X.shape)
    half.set_weights(layer.get_weights())
    return half


def half_differences(name, policy, kernel="auto"):
    """How far from float32 half precision is: in ours, and in the definition.

    The mean of three layers with weights of their own: what the rounding of inputs and
    weights, which both have, makes of one is luck.
    """
    layer = layer_of.__wrapped__(name, FLAGS[6])
    half = half_of(layer, policy)
    # Each is compiled once.
    rounded = [computing(half, k, MASK) for k in (kernel, "reference")]
    exact = computing(layer, "reference", MASK)
    differences = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        weights = layer_of.__wrapped__(name, FLAGS[6]).get_weights()
        layer.set_weights(weights)
        half.set_weights(weights)
        expected = exact()
        differences.append(
            [largest([a.astype("float32") for a in f()], expected) for f in rounded]
        )
    return np.mean(differences, axis=0)


def main():
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        torch.backends.cudnn.allow_tf32 = False
    failed = []
    for name in ("LSTM", "GRU"):
        for policy in ("mixed_bfloat16", "mixed_float16"):
            what = f"{backend}, {name}, {policy}"
            try:
                ours, definition = half_differences(name, policy)
                good = ours <= 2 * definition + 1e-2
            except Exception as problem:  # the others are run all the same
                ours, definition, good = repr(problem)[:300], None, False
            if not good:
                failed.append(what)
            print("ok  " if good else "FAIL", what, ours, definition, flush=True)
    for name in LAYERS:
        # Without a mask there is little to pack.
        cases = [(False, FLAGS[0]), (False, FLAGS[6]), *MASKED]
        for masked, flags in cases if name in ("LSTM", "GRU") else cases[1::3]:
            what = f"{backend}, {name}, {'masked' if masked else 'unmasked'}, {flags}"
            try:
                kernel = layer_of(name, flags).explain().splitlines()[1]
                if "keras.ops" in kernel:
                    print("skip", what, "the definition itself runs", flush=True)
                    continue
                error = difference(name, flags, masked, "auto")
                good = error < float(os.environ.get("TOLERANCE", "1e-4"))
            except Exception as problem:  # the others are run all the same
                kernel, error, good = "–", repr(problem)[:300], False
            if not good:
                failed.append(what)
            print("ok  " if good else "FAIL", what, error, f"({kernel})", flush=True)
    print(f"{backend}: {len(failed)} configurations differ", flush=True)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
