"""How fast are the layers on each backend, on a CPU and on a GPU, beside Keras's own?

    python benchmarks/layers_by_backend.py tensorflow|jax|torch [--families LSTM GRU]
        [--shapes A B C] [--seconds 150] [--write benchmarks/README.md]

All sides have the same weights and input and work in turns: a forward pass and a
training step (up to the gradients of the weights; the loss is the mean square of the
output at every step, in float32, and for float16 scaled, since its gradients would
vanish), compiled where the backend compiles, each call waiting for the
device. On torch, torch.nn works beside them; on JAX, on a GPU, ours once more with
`use_cudnn=True`. Of shape A there are rows with padding on
the right and on the left, about a quarter of all steps, and rows in half precision, on
a CPU with TensorFlow of every shape, beside ours in float32. TensorFlow is not needed
for the others.
"""

import argparse
import functools
import os
import pathlib
import subprocess
import sys
import time
import traceback
from importlib.metadata import version

import numpy as np
from timing import (
    SHAPES,
    Report,
    command,
    judged,
    make_layer,
    medians,
    milliseconds,
    number,
    take_turns,
)

BACKENDS = ("tensorflow", "jax", "torch")
WHAT = ("forward", "train")
PADDINGS = ("right", "left")
HALVES = ("mixed_bfloat16", "mixed_float16")
# What the loss is multiplied by, as a LossScaleOptimizer does.
LOSS_SCALE = {"mixed_float16": 2.0**15}
# What works beside ours and Keras's.
PEERS = {
    "tensorflow": ["ours, float32"],
    "jax": ["use_cudnn=True"],
    "torch": ["torch.nn"],
}
# The least that a side's time over ours may be on a CPU, at the shapes A to E.
LEAST_ON_CPU = {
    ("torch", "keras", "forward"): (1.9, 2.5, 3.0, 1.1, 3.0),
    ("torch", "keras", "train"): (3.0, 4.5, 3.5, 1.4, 18),
    ("torch", "torch.nn", "forward"): (0.9, 0.9, 0.9, 0.9, 0.9),
    ("torch", "torch.nn", "train"): (0.9, 0.9, 0.9, 0.9, 0.9),
    ("jax", "keras", "forward"): (2.0, 2.0, 1.0, 1.1, 2.0),
    ("jax", "keras", "train"): (2.0, 1.9, 1.3, 1.2, 3.3),
    ("tensorflow", "ours, float32", "train"): (1.5, 1.3, 1.0, 2.0, 1.2),
}


def least(backend, side, row, what):
    """The target of a ratio, or None where it has none."""
    family, shape, padding, dtype = row
    if gpu_name() or family == "SimpleRNN" or padding is not None:
        return None
    if dtype == "mixed_float16" or (dtype != "float32") != (side == "ours, float32"):
        return None
    targets = LEAST_ON_CPU.get((backend, side, what))
    return None if targets is None else targets[list(SHAPES).index(shape)]


def rows(backend, families, shapes):
    """What is measured, the most telling first: family, shape, padding and dtype."""
    gated = [family for family in families if family != "SimpleRNN"]
    yield from ((f, s, None, "float32") for f in gated for s in shapes)
    if "A" in shapes:
        yield from ((f, "A", p, "float32") for f in gated for p in PADDINGS)
        yield from ((f, "A", None, dtype) for f in gated for dtype in HALVES)
    if backend == "tensorflow" and not gpu_name():
        rest = [shape for shape in shapes if shape != "A"]
        yield from ((f, s, None, "mixed_bfloat16") for f in gated for s in rest)
    if "SimpleRNN" in families:
        yield from (("SimpleRNN", s, None, "float32") for s in shapes)


def mask_of(padding, batch, steps):
    """(B, T) booleans: rows of half to all of the steps, or None."""
    if padding is None:
        return None
    lengths = np.random.default_rng(3).integers(steps // 2, steps + 1, (batch, 1))
    mask = np.arange(steps) < lengths
    return mask if padding == "right" else mask[:, ::-1].copy()


def tensorflow_call(layer, what, x, mask, scale):
    """A call of a layer in a compiled function, and what makes its results arrays."""
    import tensorflow as tf

    x = tf.constant(x)
    mask = None if mask is None else tf.constant(mask)

    def forward():
        return [layer(x, mask=mask, training=False)]

    def train():
        with tf.GradientTape() as tape:
            y = tf.cast(layer(x, mask=mask, training=True), "float32")
            loss = scale * tf.reduce_mean(tf.square(y))
        weights = [w.value for w in layer.trainable_weights]
        return [loss, *tape.gradient(loss, weights)]

    step = tf.function(train if what == "train" else forward, autograph=False)

    def call():
        results = step()
        results[0].numpy()
        return results

    return call, lambda results: [tf.cast(r, "float32").numpy() for r in results]


def jax_call(layer, what, x, mask, scale):
    """A call of a layer in a compiled function, and what makes its results arrays."""
    import jax
    import jax.numpy as jnp

    weights = [variable.value for variable in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]
    x, mask = jnp.asarray(x), None if mask is None else jnp.asarray(mask)

    def forward(weights, x):
        return [layer.stateless_call(weights, others, x, mask=mask, training=False)[0]]

    def loss(weights, x):
        y, _ = layer.stateless_call(weights, others, x, mask=mask, training=True)
        return scale * jnp.square(y.astype("float32")).mean()

    step = jax.jit(jax.value_and_grad(loss) if what == "train" else forward)

    def call():
        return jax.block_until_ready(step(weights, x))

    def as_arrays(results):
        return [np.asarray(r.astype("float32")) for r in jax.tree.leaves(results)]

    return call, as_arrays


def torch_call(layer, what, x, mask, scale):
    """A call of a layer, and what makes its results arrays."""
    import torch

    device = next(layer.parameters()).device
    x = torch.as_tensor(x, device=device)
    arguments = {}
    if not isinstance(layer, torch.nn.RNNBase):
        arguments["training"] = what == "train"
        if mask is not None:
            arguments["mask"] = torch.as_tensor(mask, device=device)
    else:
        x = x.to(next(layer.parameters()).dtype)

    def run():
        y = layer(x, **arguments)
        return y[0] if isinstance(y, tuple) else y

    def forward():
        with torch.no_grad():
            return [run()]

    def train():
        layer.zero_grad()
        loss = scale * run().float().square().mean()
        loss.backward()
        return [loss, *(parameter.grad for parameter in layer.parameters())]

    def call():
        results = (train if what == "train" else forward)()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return results

    def as_arrays(results):
        return [r.detach().float().cpu().numpy() for r in results if r is not None]

    return call, as_arrays


CALLS = {"tensorflow": tensorflow_call, "jax": jax_call, "torch": torch_call}


def torch_layer(family, units, features, dtype):
    """torch.nn's layer, of weights of its own."""
    import keras
    import torch

    name = {"SimpleRNN": "RNN"}.get(family, family)
    dtype = getattr(torch, dtype.removeprefix("mixed_"))
    device = keras.ops.convert_to_tensor(0.0).device
    layer = getattr(torch.nn, name)(features, units, batch_first=True)
    return layer.to(device=device, dtype=dtype)


def prepare(backend, row, what):
    """The sides of a row, how far ours is from Keras's, and what `explain()` says."""
    import keras

    import kerasrnn.layers

    family, shape, padding, dtype = row
    batch, steps, features, units = SHAPES[shape]
    x = np.random.default_rng(1).normal(size=(batch, steps, features))
    x, mask = x.astype("float32"), mask_of(padding, batch, steps)
    weights, sides, results, layers = None, {}, {}, {}
    choices = {"ours": (kerasrnn.layers, {}), "keras": (keras.layers, {})}
    if backend == "jax" and family == "LSTM" and gpu_name():
        choices["use_cudnn=True"] = (kerasrnn.layers, {"use_cudnn": True})
    if backend == "tensorflow" and dtype != "float32":
        choices["ours, float32"] = (kerasrnn.layers, {"dtype": "float32"})
    for side, (namespace, options) in choices.items():
        options = {"return_sequences": True, "dtype": dtype, **options}
        layer = make_layer(namespace, family, units, **options)
        layer.build(x.shape)
        if weights is None:
            weights = layer.get_weights()
            # Biases of zero and one would hide a wrong one.
            bias = np.random.default_rng(2).normal(0, 0.1, weights[2].shape)
            weights[2] = bias.astype(weights[2].dtype)
        layer.set_weights(weights)
        layers[side] = layer
    if backend == "torch" and padding is None:
        layers["torch.nn"] = torch_layer(family, units, features, dtype)
    for side, layer in layers.items():
        try:
            scale = LOSS_SCALE.get(dtype, 1.0)
            call, as_arrays = CALLS[backend](layer, what, x, mask, scale)
            results[side] = as_arrays(call())
        except Exception as error:  # the other sides are measured all the same
            print(f"{row}, {what}, {side}: {error!r:.500}", file=sys.stderr, flush=True)
            if side == "ours":
                traceback.print_exc()
            continue
        sides[side] = functools.partial(milliseconds, call)
    if not {"ours", "keras"} <= set(results):
        return sides, None, layers["ours"].explain(what == "train")
    error = max(
        np.abs(a - b).max() / np.abs(b).max()
        for a, b in zip(results["ours"], results["keras"], strict=True)
    )
    return sides, error, layers["ours"].explain(what == "train")


@functools.cache
def gpu_name():
    """The GPU's name, or None where there is none."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip().partition("\n")[0] or None


def machine(backend):
    """One line: the machine and the versions."""
    from kerasrnn.training.provenance import processor

    packages = {"keras", "numpy", backend}
    versions = [f"{name} {version(name)}" for name in sorted(packages)]
    cores = len(os.sched_getaffinity(0))
    place = gpu_name() or f"{processor()}, no GPU, {cores} cores"
    commit = os.environ.get("KERASRNN_COMMIT", "")
    if not commit:
        folder = pathlib.Path(__file__).parent
        command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True)
        commit = done.stdout.strip() or "unknown"
    today = time.strftime("%Y-%m-%d", time.gmtime())
    return f"{today}, {place}; {', '.join(versions)}; commit {commit}"


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("backend", choices=BACKENDS)
    options.add_argument("--families", nargs="+", default=["LSTM", "GRU", "SimpleRNN"])
    options.add_argument("--shapes", nargs="+", default=list(SHAPES))
    options.add_argument("--what", nargs="+", default=WHAT, choices=WHAT)
    options.add_argument("--runs", type=int, default=15)
    options.add_argument(
        "--seconds", type=float, default=1e9, help="no new rows after that"
    )
    options.add_argument("--write", metavar="README")
    arguments = options.parse_args()
    os.environ["KERAS_BACKEND"] = backend = arguments.backend
    begin = time.monotonic()
    place = "" if gpu_name() else "_cpu"
    report = Report(f"layers_{backend}{place}", arguments.write)
    report.line(machine(backend))
    report.line()
    report.line(f"    {command()}")
    report.line()
    peer = [side for side in PEERS[backend] if side != "use_cudnn=True" or gpu_name()]
    ratios = [f"{side} / ours" for side in ("keras", *peer)]
    titles = ["layer", "shape", "padding", "dtype", "what", "ours", "keras", *peer]
    report.head([*titles, *ratios, "difference", "kernel"])
    for row in rows(backend, arguments.families, arguments.shapes):
        for what in arguments.what:
            if time.monotonic() - begin > arguments.seconds:
                print(f"no time left for {row}, {what}", file=sys.stderr, flush=True)
                continue
            try:
                sides, error, explained = prepare(backend, row, what)
                times = take_turns(sides, arguments.runs, seconds=1.5)
            except Exception:  # the other rows are measured all the same
                print(f"{row}, {what}:", file=sys.stderr, flush=True)
                traceback.print_exc()
                continue
            middle = medians(times)
            cells = [number(middle.get(side)) for side in ("ours", "keras", *peer)]
            for side in ("keras", *peer):
                there = {side, "ours"} <= set(middle)
                ratio = middle[side] / middle["ours"] if there else None
                cells.append(judged(ratio, least(backend, side, row, what)))
            cells.append("–" if error is None else f"{error:.0e}")
            kernel = ", ".join(explained.splitlines()[:2]).replace("kernel: ", "")
            family, shape, padding, dtype = row
            cells.append(kernel.replace(", how: ", ": "))
            report.row([family, shape, padding or "–", dtype, what, *cells])
    report.line()
    report.line(
        "Medians in ms; a ratio with its target in brackets is bold where it misses "
        "it; difference: of ours from keras.layers, in outputs or gradients, of the "
        "largest value."
    )
    report.close()


if __name__ == "__main__":
    main()
