"""How fast are the layers beside keras.layers, at the same numbers?

    python benchmarks/layers.py [--runs 15] [--families LSTM GRU] [--shapes A B C]

Both sides have the same weights and shapes and run alternately in one process, in
compiled functions; the table gives medians in milliseconds of wall time and of
processor time (which a busy machine disturbs less), and the ratio Keras / ours.
"""

import argparse
import os
import platform
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

import kerasrnn.layers

# (batch, steps, features, units)
SHAPES = {
    "A": (32, 100, 128, 256),
    "B": (64, 200, 128, 128),
    "C": (1, 50, 128, 256),
    "D": (128, 40, 512, 512),
    "E": (16, 1000, 64, 128),
}


def compiled(layer):
    """The layer's inference, and its training step up to the gradients."""

    @tf.function(autograph=False)
    def forward(x):
        return layer(x, training=False)

    @tf.function(autograph=False)
    def train(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x, training=True)))
        weights = [w.value for w in layer.trainable_weights]
        return tf.add_n([tf.reduce_sum(g) for g in tape.gradient(loss, weights)])

    return {"forward": forward, "train": train}


def alternate(functions, x, runs):
    """Median (wall, processor) milliseconds of each function, called in turn."""
    times = [([], []) for _ in functions]
    for f in functions:
        f(x)
    for _ in range(runs):
        for f, (wall, processor) in zip(functions, times, strict=True):
            start = time.perf_counter(), time.process_time()
            f(x).numpy()
            wall.append(1e3 * (time.perf_counter() - start[0]))
            processor.append(1e3 * (time.process_time() - start[1]))
    return [tuple(statistics.median(t) for t in pair) for pair in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--families", nargs="+", default=["SimpleRNN", "LSTM", "GRU"])
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES))
    arguments = parser.parse_args()
    print(
        f"keras {keras.version()}, tensorflow {tf.version.VERSION}, "
        f"{os.cpu_count()} cores, {platform.machine()}; milliseconds, medians of "
        f"{arguments.runs}"
    )
    print(
        "| layer | shape | what | keras | ours | ratio | keras CPU | ours CPU | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for family in arguments.families:
        for name in arguments.shapes:
            batch, steps, features, units = SHAPES[name]
            x = tf.random.stateless_normal((batch, steps, features), (0, 1))
            theirs, ours = (
                getattr(namespace, family)(units, return_sequences=True)
                for namespace in (keras.layers, kerasrnn.layers)
            )
            theirs.build(x.shape)
            ours.build(x.shape)
            ours.set_weights(theirs.get_weights())
            for what in ("forward", "train"):
                pair = [compiled(layer)[what] for layer in (theirs, ours)]
                (a, p), (b, q) = alternate(pair, x, arguments.runs)
                print(
                    f"| {family} | {name} | {what} | {a:.1f} | {b:.1f} | {a / b:.2f} "
                    f"| {p:.1f} | {q:.1f} | {p / q:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
