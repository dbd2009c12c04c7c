"""How fast does a character language model learn and write beside Keras and torch?

    python benchmarks/character_model.py [--only train generate stream]
        [--torch-python PYTHON] [--runs N] [--steps N]

Two recurrent layers of 512 units, one-hot characters of a vocabulary of 100, random
text. All sides have the same weights, are checked to compute the same, and work in
turns.

train: characters a second in passes over the same `--steps` chunks of 100 characters,
in which the state is carried from chunk to chunk; Adam, clipping at a norm of 1.

- ours: `CharLanguageModel.fit`.
- keras: the same model of keras.layers, `stateful=True`, in `Model.fit`, with the same
  data, loss, optimizer and metric.
- torch: torch.nn with two threads, in a process of its own.

generate: characters a second after a prompt of one character, one text at a time.

- ours: `CharLanguageModel.generate`.
- predict: a Python loop with one `predict` of a stateful one-step model a character.
- predict, 40 characters: a Python loop with one `predict` a character that reads the
  last 40 characters anew, as in Keras's example `lstm_text_generation`.
- OneStep: the compiled function of one step of TensorFlow's tutorial "Text generation
  with an RNN", in its Python loop.

stream: `CharLanguageModel.stream`: the time to the first character after prompts of
different lengths, and characters a second after it.
"""

import functools
import os
import pathlib
import string
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import character_keras as peers
import keras
import numpy as np
import tensorflow as tf
from timing import Report, judged, medians, milliseconds, number, parser, take_turns
from worker import Worker

from kerasrnn.metrics import BitsPerCharacter
from kerasrnn.text import CharacterStreams, CharacterText, CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel
from kerasrnn.zoo.decoder.masked_crossentropy import MaskedCrossentropy

CHARACTERS = (
    string.digits + string.ascii_letters + string.punctuation + " \n\u2014\u00e9"
)
CHUNK, RATE = 100, 2e-3
CHECKED = 2  # chunks that all sides must see alike, the second after the first
# Of losses, which are close to each other on random text, and of logits.
TOLERANCES = {"losses": 1e-5, "logits": 1e-4}
WINDOWS = f"predict, {peers.WINDOW} characters"
LEAST = {"keras": 1.5, "torch": 1.0, "predict": 20, WINDOWS: 20}
PROMPTS = (1, 100, 1000)


def our_model(cell, arguments):
    keras.utils.set_random_seed(1)
    model = CharLanguageModel(
        preprocessor=CharacterTokenizer(CHARACTERS),
        cell=cell,
        num_layers=arguments.layers,
        units=arguments.units,
    )
    # Zeros would hide a wrong bias.
    for layer in model.recurrent_layers:
        for variable in layer.trainable_variables:
            if "bias" in variable.name:
                noise = keras.random.normal(variable.shape, stddev=0.1)
                variable.assign(variable + noise)
    return model


def random_text(length):
    draw = np.random.default_rng(1)
    ids = draw.integers(2, len(CHARACTERS) + 2, length).astype("uint8")
    return CharacterText(ids, [length])


def without_autotune(data):
    # Where tf.data tunes itself, an epoch may end only when its tuner next wakes.
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.with_options(options)


def fit(model, data):
    def epochs(repeats):
        return milliseconds(lambda: model.fit(data, shuffle=False, verbose=0), repeats)

    return epochs


def check(what, values, expected, side):
    """Raises: the sides do not compute the same."""
    gap = np.abs(np.subtract(values, expected)).max()
    if not gap <= TOLERANCES[what]:
        raise ValueError(f"{what} of {side} are up to {gap:.3g} off ours.")


def losses(model, inputs):
    """The loss of each chunk, the state carried."""
    loss = MaskedCrossentropy()
    return [float(loss(y, model(x, training=False))) for x, y in inputs]


def training_sides(cell, batch_size, worker, arguments):
    """Sides for `take_turns`, and how many characters each of their passes reads."""
    ours = our_model(cell, arguments)
    text = random_text(arguments.steps * batch_size * CHUNK)
    streams = CharacterStreams(text, batch_size, CHUNK)
    data = without_autotune(streams.dataset(range(len(streams))))
    batches = [streams.batch(step) for step in range(len(streams))]
    theirs = peers.stateful_model(
        cell, ours.num_layers, ours.units, ours.vocabulary_size, batch_size, CHUNK
    )
    peers.put_weights(theirs, peers.weights_of(ours))
    # As `CharLanguageModel.compile` does it.
    theirs.compile(
        keras.optimizers.Adam(RATE, clipnorm=1.0),
        MaskedCrossentropy(),
        metrics=[BitsPerCharacter()],
    )
    ours.carry(batch_size)
    first = batches[:CHECKED]
    expected = losses(ours, [(x, y) for x, y, _ in first])
    check("losses", losses(theirs, [(x[0], y) for x, y, _ in first]), expected, "keras")
    sides = {
        "ours": fit(ours, data),
        "keras": fit(theirs, data.map(lambda x, y, weight: (x[0], y, weight))),
    }
    if worker is not None:
        found = worker.prepare(
            cell=cell,
            weights=peers.weights_of(ours),
            batches=[(x[0], y) for x, y, _ in batches],
            learning_rate=RATE,
        )
        check("losses", found[:CHECKED], expected, "torch")
        sides["torch"] = worker.run
    return sides, len(text)


def compare_training(arguments):
    worker = start_torch(arguments.torch_python)
    rows = {}
    for cell in arguments.cells:
        for batch_size in arguments.batch_sizes:
            sides, count = training_sides(cell, batch_size, worker, arguments)
            times = medians(take_turns(sides, arguments.runs, seconds=600.0))
            rows[f"{cell} | {batch_size}"] = {
                name: 1e3 * count / value for name, value in times.items()
            }
    report = start_report("train", arguments, [worker.version] if worker else [])
    report.line(
        f"Training, characters a second: {arguments.layers} layers of "
        f"{arguments.units}, chunks of {CHUNK}. Medians of {arguments.runs} passes "
        f"over {arguments.steps} chunks of all rows."
    )
    if worker is None:
        report.line()
        report.line(no_torch(arguments.torch_python))
    else:
        worker.close()
    print_rates(report, ["cell", "batch"], rows)


def start_torch(python):
    """A process with PyTorch, or None where this Python has none."""
    command = [python, "-c", "import torch"]
    if subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
        print(no_torch(python), file=sys.stderr, flush=True)
        return None
    script = pathlib.Path(__file__).with_name("character_torch.py")
    return Worker("torch", python, 2, str(script))


def no_torch(python):
    name = pathlib.Path(python).name
    return f"Without torch, which {name} does not have (--torch-python)."


def generation_sides(cell, arguments):
    """Sides for `take_turns`, and how many characters each writes."""
    ours = our_model(cell, arguments)
    sizes = (cell, ours.num_layers, ours.units, ours.vocabulary_size)
    whole, one = peers.Characters(*sizes), peers.stateful_model(*sizes, 1, 1)
    ids = random_text(peers.WINDOW).ids.astype("int32")
    whole(ids[None])  # Makes its weights.
    for model in (whole, one):
        peers.put_weights(model, peers.weights_of(ours))
    logits = keras.ops.convert_to_numpy(whole(ids[None]))
    expected = keras.ops.convert_to_numpy(ours(ids[None]))
    check("logits", logits, expected, "keras")
    stepped = [one.predict(ids[None, t : t + 1], verbose=0)[0, 0] for t in range(5)]
    check("logits", stepped, expected[0, :5], "the stateful keras")
    one_step = peers.OneStep(whole, list(ours.preprocessor.get_vocabulary()[2:]))
    text = ours.preprocessor.decode(ids)
    draw = peers.Drawing()
    few, many = arguments.characters // 20, arguments.characters
    writers = {
        "ours": (many, lambda: ours.generate(text[-1], many)),
        "predict": (few, lambda: peers.loop_of_predict(one, ids[-1:], few, draw)),
        WINDOWS: (few, lambda: peers.loop_over_windows(whole, ids, few, draw)),
        "OneStep": (many, lambda: one_step.generate(text[-1], many)),
    }
    sides = {
        name: functools.partial(milliseconds, write)
        for name, (_, write) in writers.items()
    }
    return sides, {name: count for name, (count, _) in writers.items()}


def compare_generation(arguments):
    rows = {}
    for cell in arguments.cells:
        sides, counts = generation_sides(cell, arguments)
        times = medians(take_turns(sides, arguments.runs, seconds=300.0))
        rows[cell] = {name: 1e3 * counts[name] / value for name, value in times.items()}
    report = start_report("generate", arguments)
    report.line(
        f"Writing, characters a second: one text at a time, {arguments.layers} layers "
        f"of {arguments.units}. Medians of {arguments.runs} calls."
    )
    print_rates(report, ["cell"], rows)


def stream_times(model, prompt, count):
    """Milliseconds to the first character, and characters a second after it."""
    begin = time.perf_counter()
    stream = model.stream(prompt, count + 1, seed=1)
    next(stream)
    first = time.perf_counter()
    written = sum(1 for _ in stream)
    return 1e3 * (first - begin), written / (time.perf_counter() - first)


def measure_streams(arguments):
    report = start_report("stream", arguments)
    report.line(
        f"`stream`: {arguments.layers} layers of {arguments.units}; medians of "
        f"{arguments.runs} streams of {arguments.characters} characters. The first "
        "call of all also compiles."
    )
    report.line()
    heads = ["cell", "prompt, characters", "first call: first character, ms"]
    report.head([*heads, "later: first character, ms", "then characters a second"])
    for cell in arguments.cells:
        model = our_model(cell, arguments)
        for length in PROMPTS:
            prompt = model.preprocessor.decode(random_text(length).ids)
            cold, _ = stream_times(model, prompt, arguments.characters)
            found = [
                stream_times(model, prompt, arguments.characters)
                for _ in range(arguments.runs)
            ]
            warm, rate = np.median(found, axis=0)
            report.row([cell, f"{length:,}", *map(number, (cold, warm, rate))])
    report.close()


def start_report(what, arguments, versions=()):
    report = Report(f"character_model_{what}", arguments.write)
    report.machine(versions)
    return report


def print_rates(report, heads, rows):
    """Rates of all sides, and ours beside the others'."""
    names = list(next(iter(rows.values())))
    report.line()
    report.head([*heads, *names, *(f"ours / {name}" for name in names[1:])])
    for row, rates in rows.items():
        cells = [f"{rates[name]:,.0f}" for name in names]
        for name in names[1:]:
            ratio = rates["ours"] / rates[name]
            cells.append(judged(ratio, least=LEAST.get(name)))
        report.row([row, *cells])
    report.close()


PARTS = {
    "train": compare_training,
    "generate": compare_generation,
    "stream": measure_streams,
}


def main():
    options = parser(__doc__, runs=3)
    options.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    options.add_argument("--cells", nargs="+", default=["lstm", "gru"])
    options.add_argument("--layers", type=int, default=2)
    options.add_argument("--units", type=int, default=512)
    options.add_argument("--batch-sizes", nargs="+", type=int, default=[32, 64])
    options.add_argument("--steps", type=int, default=4, help="chunks of a pass")
    options.add_argument(
        "--characters", type=int, default=400, help="to write; 20 times fewer in loops"
    )
    options.add_argument("--torch-python", default=sys.executable, metavar="PYTHON")
    arguments = options.parse_args()
    for part in arguments.only:
        PARTS[part](arguments)


if __name__ == "__main__":
    main()
