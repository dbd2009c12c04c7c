"""How fast is the CRF beside pytorch-crf, at the same numbers?

    python benchmarks/crf.py --torch-python PYTHON

A training step is the mean negative log-likelihood and its gradients, of emissions and
weights; decoding is the Viterbi algorithm. All sides have the same weights, emissions
and tags and are checked to compute the same; pytorch-crf runs in a process of its own,
with two threads and with one, and the ratio is to the faster. "log marginals" is a step
of ours with Keras's cross-entropy of what the layer puts out, which pytorch-crf does
not have.
"""

import functools
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from timing import (
    Report,
    judged,
    medians,
    milliseconds,
    number,
    parser,
    take_turns,
)
from worker import Worker

from kerasrnn.layers import CRF

SHAPES = ((32, 50, 45), (32, 50, 9), (64, 200, 20))  # (batch, steps, tags)
LEAST = {((32, 50, 45), "train"): 2.0}
THREADS = (2, 1)
# Of the largest value of an array: pytorch-crf carries sums over all steps in float32.
TOLERANCE = 1e-3


def arrays(shape, padded):
    """Weights, emissions, tags and mask of one case."""
    batch, steps, classes = shape
    rng = np.random.default_rng(1)
    mask = None
    if padded:
        lengths = rng.integers(steps // 4, steps, size=batch, endpoint=True)
        mask = np.arange(steps) < lengths[:, None]
    sizes = ((classes, classes), (classes,), (classes,))
    return {
        "weights": [rng.normal(size=size).astype("float32") for size in sizes],
        "emissions": rng.normal(size=shape).astype("float32"),
        "tags": rng.integers(0, classes, (batch, steps), dtype="int32"),
        "mask": mask,
    }


def our_call(what, weights, emissions, tags, mask):
    """A compiled call of ours."""
    layer = CRF(emissions.shape[2])
    layer.set_weights(weights)
    variables = [w.value for w in layer.weights]
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def loss_of(emissions):
        if what == "train":
            return -tf.reduce_mean(layer.log_likelihood(emissions, tags, mask))
        return cross_entropy(tags, layer(emissions, mask=mask), sample_weight=mask)

    def train(emissions):
        with tf.GradientTape() as tape:
            tape.watch(emissions)
            loss = loss_of(emissions)
        return [loss, *tape.gradient(loss, [emissions, *variables])]

    def decode(emissions):
        return [layer.decode(emissions, mask)[0]]

    call = tf.function(decode if what == "decode" else train, autograph=False)
    return functools.partial(call, tf.constant(emissions))


def check(found, expected, name):
    """Raises where two sides do not compute the same."""
    for a, b in zip(found, expected, strict=True):
        error = np.abs(np.asarray(a, "float64") - b).max() / max(np.abs(b).max(), 1e-9)
        if error > TOLERANCE:
            raise ValueError(f"{name}: the sides differ by {error:.1e}")


def measure(shape, padded, what, workers, runs):
    """Medians of the milliseconds of all sides."""
    case = arrays(shape, padded)
    call = our_call(what, **case)
    results = [np.asarray(result) for result in call()]
    sides = {"ours": functools.partial(milliseconds, call)}
    for name, worker in workers.items():
        check(results, worker.prepare(what=what, **case), f"{name}, {shape}, {what}")
        sides[name] = worker.run
    if what == "train":
        marginals = our_call("log marginals", **case)
        sides["ours, log marginals"] = functools.partial(milliseconds, marginals)
    return medians(take_turns(sides, runs))


def main():
    options = parser(__doc__, runs=15)
    options.add_argument("--torch-python", help="a Python that has pytorch-crf")
    arguments = options.parse_args()
    script = str(pathlib.Path(__file__).with_name("crf_torch.py"))
    workers = {}
    if arguments.torch_python:
        for threads in THREADS:
            name = f"pytorch-crf {threads}"
            workers[name] = Worker("torch", arguments.torch_python, threads, script)
    report = Report("crf", arguments.write)
    report.machine({worker.version: None for worker in workers.values()})
    names = ["ours", "ours, log marginals", *workers]
    ratio = ["pytorch-crf / ours"] if workers else []
    report.head(["batch, steps, tags", "rows", "what", *names, *ratio])
    for shape in SHAPES:
        for padded in (False, True):
            for what in ("train", "decode"):
                times = measure(shape, padded, what, workers, arguments.runs)
                cells = [number(times.get(name)) for name in names]
                if workers:
                    theirs = min(times[name] for name in workers)
                    least = LEAST.get((shape, what))
                    cells.append(judged(theirs / times["ours"], least=least))
                rows = "padded" if padded else "full"
                report.row([", ".join(map(str, shape)), rows, what, *cells])
    report.line()
    report.line("Medians in ms; padded rows have a quarter of the steps or more.")
    for worker in workers.values():
        worker.close()
    report.close()


if __name__ == "__main__":
    main()
