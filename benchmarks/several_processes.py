"""What do two processes that train one model together gain on this machine's cores?

    python benchmarks/several_processes.py

Each side trains models of the sizes of two recipes, on JAX, on random data in batches
of one shape, in processes of its own: one; two, which share all cores; and two with
half of the cores each. The first process starts the others and listens on the loopback
interface, so that it is best run where there is no other:

    unshare -rn sh -c 'ip link set lo up; python benchmarks/several_processes.py'
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

os.environ |= {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}

from timing import Report, number, parser

from kerasrnn.training.workers import Workers

SIDES = {"one": 1, "two": 2, "two, half of the cores each": 2}
STEPS, FIRST = 15, 3  # of which the first are not measured


def sentiment_movies():
    """Its model, and batches: 32 texts of 24 words."""
    import numpy as np
    import tensorflow as tf

    from kerasrnn.text import WordTokenizer
    from kerasrnn.zoo import SentimentClassifier, load_recipe

    model = SentimentClassifier(
        preprocessor=WordTokenizer([f"w{n}" for n in range(10_000)]),
        labels=["negative", "positive"],
        **load_recipe("sentiment-movies").config["model"],
    )
    model.compile()
    ids = np.random.default_rng(0).integers(2, 10_000, (32, 24), "int32")
    return model, tf.data.Dataset.from_tensors((ids, ids[:, 0] % 2)).repeat(STEPS)


def chars_kernel_c():
    """Its model, and batches: 64 places, 100 characters of each."""
    import numpy as np

    from kerasrnn.text import CharacterStreams, CharacterText, CharacterTokenizer
    from kerasrnn.zoo import CharLanguageModel, load_recipe

    model = CharLanguageModel(
        preprocessor=CharacterTokenizer("".join(map(chr, range(32, 127)))),
        **load_recipe("chars-kernel-c").config["model"],
    )
    model.compile()
    model.carry(64)
    size = 64 * 100 * STEPS + 1
    ids = np.random.default_rng(0).integers(2, 90, size).astype("uint8")
    streams = CharacterStreams(CharacterText(ids, [size]), 64, 100)
    return model, streams.dataset(range(STEPS))


def milliseconds_a_step(workers, make):
    """The median step of a `fit` by all workers."""
    import keras

    def built():
        keras.utils.set_random_seed(1)  # Of dropout, too: all begin with the same.
        return make()

    dataset = built()[1]
    model = workers.learner(lambda: built()[0])
    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    with workers.scope():
        model.fit(dataset, verbose=0, callbacks=[clock], shuffle=False)
    steps = [b - a for a, b in zip(ends[FIRST:-1], ends[FIRST + 1 :], strict=True)]
    return 1e3 * statistics.median(steps)


def measure(count, halves, address, rank=0):
    """In this process, and in others that it starts: the steps of each model."""
    others = [
        subprocess.Popen([*command(count, halves, address), str(number)])
        for number in range(1, count if rank == 0 else 1)
    ]
    if halves:  # The others have begun, and do not inherit it.
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[rank::count])
    workers = Workers.join(rank, count, address) if count > 1 else Workers()
    makers = (sentiment_movies, chars_kernel_c)
    found = {make.__name__: milliseconds_a_step(workers, make) for make in makers}
    if workers.is_first:
        print("RESULT" + json.dumps(found), flush=True)
    if count > 1:
        import jax

        jax.distributed.shutdown()
    for other in others:
        other.wait()


def command(count, halves, address):
    return [
        sys.executable,
        __file__,
        "--process",
        str(count),
        str(int(halves)),
        address,
    ]


def free_address():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


def main():
    options = parser(__doc__, runs=3)
    options.add_argument("--process", nargs="+", help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.process:
        count, halves, address, *rank = arguments.process
        measure(int(count), halves == "1", address, *map(int, rank))
        return
    times = {}
    for _ in range(arguments.runs):
        for side, count in SIDES.items():
            printed = subprocess.run(
                command(count, "half" in side, free_address()),
                env=os.environ
                | {"PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[1])},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                timeout=600,
            ).stdout
            for name, value in json.loads(printed.split("RESULT")[1]).items():
                times.setdefault(name, {}).setdefault(side, []).append(value)
    report = Report("several_processes", arguments.write)
    report.machine()
    report.line("Medians of a training step, in ms")
    report.line()
    two = [side for side in SIDES if side != "one"]
    report.head(["sizes of", *SIDES, *(f"one / {side}" for side in two)])
    for name, of_model in times.items():
        medians = {side: statistics.median(values) for side, values in of_model.items()}
        ratios = [medians["one"] / medians[side] for side in two]
        cells = [*medians.values(), *ratios]
        report.row([f"`{name.replace('_', '-')}`", *map(number, cells)])
    report.close()


if __name__ == "__main__":
    main()
