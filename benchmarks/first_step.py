"""What do the first call and a training step's memory cost?

    python benchmarks/first_step.py [--families LSTM GRU] [--shapes A B D]

Every measurement is a process of its own, ours and keras.layers' in turns. First calls
are those of a compiled forward pass and of a compiled training step, each of a new
layer: tracing and the first run. Memory is what the process grows by at its peak during
training steps, over what it held before the first one.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from timing import SHAPES, Report, make_layer, number, parser

STEPS = 5  # of training, during which memory is watched
MOST_SECONDS = 1.0  # that our first call may take longer
MEASURES = ("forward", "train", "memory")


def resident(field):
    """VmRSS, now, or VmHWM, at most: MiB of this process."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status has no {field}")


def first_calls(side, family, shape):
    """In this process: seconds of the first calls, and MiB of the training steps."""
    import keras
    import tensorflow as tf

    import kerasrnn.layers

    namespace = kerasrnn.layers if side == "ours" else keras.layers
    batch, steps, features, units = SHAPES[shape]
    x = tf.random.stateless_normal((batch, steps, features), (0, 1))
    # What any first compiled function costs is not a layer's.
    tf.function(lambda x: tf.matmul(x[0], x[0], transpose_b=True))(x)

    def new_layer():
        layer = make_layer(namespace, family, units, return_sequences=True)
        layer.build(x.shape)
        return layer

    inferred, trained = new_layer(), new_layer()

    @tf.function(autograph=False)
    def forward(x):
        return inferred(x, training=False)

    @tf.function(autograph=False)
    def train(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(trained(x, training=True)))
        return tape.gradient(loss, [w.value for w in trained.trainable_weights])

    result = {}
    # Writing 5 there makes VmHWM start again from VmRSS.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    for name, function in (("train", train), ("forward", forward)):
        begin = time.perf_counter()
        function(x)
        result[name] = time.perf_counter() - begin
        if name == "train":
            for _ in range(STEPS - 1):
                function(x)
            result["memory"] = resident("VmHWM") - before
    return result


def in_new_process(side, family, shape):
    command = [sys.executable, __file__, "--measure", side, family, shape]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(family, shape, runs):
    """Medians of both sides: (side, measure) to a number."""
    sides = ("ours", "keras")
    results = {side: [] for side in sides}
    for _ in range(runs):
        for side in sides:
            results[side].append(in_new_process(side, family, shape))
    return {
        (side, key): statistics.median(result[key] for result in results[side])
        for side in sides
        for key in MEASURES
    }


def main():
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(first_calls(*sys.argv[2:])))
        return
    options = parser(__doc__, runs=3)
    options.add_argument("--families", nargs="+", default=["SimpleRNN", "LSTM", "GRU"])
    options.add_argument("--shapes", nargs="+", default=["A", "B", "D"])
    arguments = options.parse_args()
    report = Report("first_step", arguments.write)
    report.machine()
    units = {"forward": "first forward, s", "train": "first training step, s"}
    units["memory"] = "memory of training, MiB"
    heads = [f"{units[key]}: {side}" for key in MEASURES for side in ("ours", "keras")]
    report.head(["layer", "shape", *heads, "targets"])
    for family in arguments.families:
        for shape in arguments.shapes:
            values = measure(family, shape, arguments.runs)
            cells = [
                number(values[side, key])
                for key in MEASURES
                for side in ("ours", "keras")
            ]
            missed = [
                f"**{key}**"
                for key in MEASURES
                if values["ours", key]
                > values["keras", key] + (0 if key == "memory" else MOST_SECONDS)
            ]
            report.row([family, shape, *cells, " ".join(missed) or "met"])
    report.line()
    report.line(
        f"Targets: a first call at most {MOST_SECONDS:.0f} s longer than that of "
        "keras.layers, and no more memory; those missed are named."
    )
    report.close()


if __name__ == "__main__":
    main()
