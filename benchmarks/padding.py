"""How much of a padded batch is paid for?

    python benchmarks/padding.py [--families LSTM GRU] [--shapes A B]

Rows are padded on the right to T steps; their lengths are uniform between T/4 and T,
so that five eighths of the steps are real. Each layer's time with the mask is compared
with its own time for the same batch without one.
"""

import functools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from timing import (
    SHAPES,
    Report,
    judged,
    make_layer,
    medians,
    milliseconds,
    number,
    parser,
    take_turns,
)

import kerasrnn.layers

MOST = 0.7  # of our own time without the mask


def batch(shape):
    """Inputs, and the mask of right padding."""
    rows, steps, features, _ = SHAPES[shape]
    random = np.random.default_rng(1)
    lengths = random.integers(steps // 4, steps, size=rows, endpoint=True)
    x = tf.constant(random.normal(size=(rows, steps, features)), "float32")
    return x, tf.sequence_mask(lengths, steps)


def compiled(layer, what):
    def forward(x, mask):
        return layer(x, mask=mask, training=False)

    def train(x, mask):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(x, mask=mask, training=True)))
        return tape.gradient(loss, [w.value for w in layer.trainable_weights])

    return tf.function({"forward": forward, "train": train}[what], autograph=False)


def measure(family, shape, what, runs):
    """Milliseconds of both sides, with the mask and without."""
    x, mask = batch(shape)
    sides = {}
    for name, namespace in (("ours", kerasrnn.layers), ("keras", keras.layers)):
        layer = make_layer(namespace, family, SHAPES[shape][3], return_sequences=True)
        layer.build(x.shape)
        for key, of_call in (("masked", mask), ("unmasked", None)):
            call = functools.partial(compiled(layer, what), x, of_call)
            sides[name, key] = functools.partial(milliseconds, call)
    return medians(take_turns(sides, runs))


def main():
    options = parser(__doc__, runs=15)
    options.add_argument("--families", nargs="+", default=["SimpleRNN", "LSTM", "GRU"])
    options.add_argument("--shapes", nargs="+", default=["A", "B"])
    arguments = options.parse_args()
    report = Report("padding", arguments.write)
    report.machine()
    sides = [
        (name, key) for name in ("ours", "keras") for key in ("masked", "unmasked")
    ]
    heads = [f"{name}, {key}" for name, key in sides]
    ratios = [f"{name}, masked / unmasked" for name in ("ours", "keras")]
    report.head(["layer", "shape", "what", *heads, *ratios])
    for family in arguments.families:
        for shape in arguments.shapes:
            for what in ("forward", "train"):
                times = measure(family, shape, what, arguments.runs)
                ours, theirs = (
                    times[name, "masked"] / times[name, "unmasked"]
                    for name in ("ours", "keras")
                )
                cells = [number(times[side]) for side in sides]
                cells += [judged(ours, most=MOST), number(theirs)]
                report.row([family, shape, what, *cells])
    report.line()
    report.line("Medians in ms.")
    report.close()


if __name__ == "__main__":
    main()
