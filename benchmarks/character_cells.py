"""Which cell learns Shakespeare's plays best, and does carried state help?

    python benchmarks/character_cells.py [--minutes 5] [--rates 0.001 0.003]

SimpleRNN, GRU and LSTM, two layers each, with as many parameters as the LSTM of
`--units`, read the same chunks of `shakespeare_plays` in the same order for the same
time; the last row is the LSTM without carried state: every chunk begins from zeros.
They work in turns of some seconds, so that whatever else the machine does hits all
alike. Each is trained with each of `--rates`, which goes down to zero over the time as
a cosine; the rate that is best on the validation text counts, and its test text is
shown. Bits a character are those of the text read with the state carried all along;
and in chunks, each from zeros.
"""

import argparse
import math
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf
from timing import Report

from kerasrnn.text import CharacterStreams, CharacterText, CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel

DATA = "shakespeare_plays"
GATES = {"simple_rnn": 1, "gru": 3, "lstm": 4}
NOT_CARRIED = "LSTM, state not carried"
WARM_UP = 50  # steps
LONGEST_TURN = 10_000  # steps


def parameters(cell, num_layers, units, size):
    """How many parameters a `CharLanguageModel` of one-hot characters has."""
    gates, count, features = GATES[cell], 0, size
    for _ in range(num_layers):
        # Keras's GRU has a bias for the input and one for the state.
        biases = 2 if cell == "gru" else 1
        count += gates * units * (features + units + biases)
        features = units
    return count + (units + 1) * size


def units_for(budget, cell, num_layers, size):
    """The units with which the parameters are nearest to `budget`."""
    units = 1
    while parameters(cell, num_layers, units, size) < budget:
        units += 1
    candidates = (max(1, units - 1), units)
    return min(
        candidates, key=lambda u: abs(parameters(cell, num_layers, u, size) - budget)
    )


def chunks(streams, steps, carried):
    """Batches of these steps; all rows begin from zeros where no state is carried."""
    data = streams.dataset(steps)
    if carried:
        return data
    return data.map(lambda x, y, weight: ((x[0], tf.ones_like(x[1])), y, weight))


class Side:
    """A model that learns for a time, turn by turn.

    Args:
        model: A `CharLanguageModel`, compiled.
        streams: The `CharacterStreams` that it reads, over and over.
        carried: Whether the state is carried from chunk to chunk.
        rate: The highest learning rate.
        seconds: The time.
    """

    def __init__(self, model, streams, *, carried, rate, seconds):
        self.model, self.streams, self.carried = model, streams, carried
        self.rate, self.seconds = rate, seconds
        self.steps, self.spent = 0, 0.0

    @property
    def done(self):
        return self.spent >= self.seconds

    def learn(self, seconds):
        """Goes on for so many seconds, a step at least, and no longer than its time."""
        turn = Turn(self, min(self.spent + seconds, self.seconds))
        # More than there is time for.
        steps = range(self.steps, self.steps + LONGEST_TURN)
        data = chunks(
            self.streams, [step % len(self.streams) for step in steps], self.carried
        )
        self.model.fit(data, verbose=0, callbacks=[turn])

    def learning_rate(self):
        """Up in a line over the first steps, down as a cosine over the time."""
        warm = min(1.0, (self.steps + 1) / WARM_UP)
        spent = min(1.0, self.spent / self.seconds)
        return self.rate * warm * 0.5 * (1 + math.cos(math.pi * spent))

    def bits(self, text, *, carried):
        """Bits a character of a text, the state carried all along or not at all."""
        if carried:
            return self.model.evaluate(text, verbose=0)["bits_per_character"]
        streams = CharacterStreams(text, self.streams.batch_size, self.streams.chunk)
        data = chunks(streams, range(len(streams)), carried=False)
        found = self.model.evaluate(data, verbose=0, return_dict=True)
        return found["bits_per_character"]


class Turn(keras.callbacks.Callback):
    """Keeps the time of a side in `fit`, and ends its turn.

    Args:
        side: A `Side`.
        until: The time that it may have spent in the end.
    """

    def __init__(self, side, until):
        super().__init__()
        self.side, self.until, self.before = side, until, side.spent
        # The first step of all, in which it is traced, costs nothing.
        self.begin = time.perf_counter() if side.steps else None

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.side.learning_rate()

    def on_train_batch_end(self, batch, logs=None):
        self.side.steps += 1
        if self.begin is None:
            self.begin = time.perf_counter()
        self.side.spent = self.before + time.perf_counter() - self.begin
        if self.side.spent >= self.until:
            self.model.stop_training = True


def make_sides(tokenizer, streams, arguments):
    """Row of the table to its sides, one for each learning rate."""
    size = tokenizer.vocabulary_size
    budget = parameters("lstm", arguments.layers, arguments.units, size)
    rows = {
        "SimpleRNN": ("simple_rnn", True),
        "GRU": ("gru", True),
        "LSTM": ("lstm", True),
        NOT_CARRIED: ("lstm", False),
    }
    sides = {}
    for row, (cell, carried) in rows.items():
        units = units_for(budget, cell, arguments.layers, size)
        sides[row] = []
        for rate in arguments.rates:
            keras.utils.set_random_seed(1)
            model = CharLanguageModel(
                preprocessor=tokenizer,
                cell=cell,
                num_layers=arguments.layers,
                units=units,
            )
            model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0))
            options = {"carried": carried, "rate": rate}
            seconds = 60 * arguments.minutes
            sides[row].append(Side(model, streams, seconds=seconds, **options))
    return sides


def take_turns(sides, seconds):
    """Lets all sides learn until their time is over."""
    begin = time.perf_counter()
    while running := [side for side in sides if not side.done]:
        for side in running:
            side.learn(seconds)
        minutes = (time.perf_counter() - begin) / 60
        print(f"{minutes:.1f} minutes", file=sys.stderr, flush=True)


def print_table(report, sides, texts):
    """A line for each row; gives its best side and what it said of the test text."""
    report.head(
        [
            "model",
            "units",
            "parameters",
            "learning rate",
            "steps",
            "characters read",
            "bits a character: validation",
            "test",
            "test, each chunk from zeros",
        ]
    )
    found = {}
    for row, of_row in sides.items():
        # As it learned to read.
        bits = [side.bits(texts["validation"], carried=side.carried) for side in of_row]
        best = of_row[bits.index(min(bits))]
        tests = [best.bits(texts["test"], carried=carried) for carried in (True, False)]
        streams = best.streams
        report.row(
            [
                row,
                f"{best.model.units:,}",
                f"{best.model.count_params():,}",
                f"{best.rate:g}",
                f"{best.steps:,}",
                f"{best.steps * streams.batch_size * streams.chunk:,}",
                *(f"{value:.3f}" for value in (min(bits), *tests)),
            ]
        )
        found[row] = best, tests
    report.line()
    report.line(
        "Validation: with the state carried; of the model without, each chunk from "
        "zeros."
    )
    return found


def texts_of(documents):
    """A tokenizer, and documents of each split as `CharacterText`s."""
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(documents["train"])
    return tokenizer, {
        name: CharacterText.of_documents(part, tokenizer)
        for name, part in documents.items()
    }


def compare(documents, arguments):
    """Trains all models, and prints the table."""
    tokenizer, texts = texts_of(documents)
    streams = CharacterStreams(texts["train"], arguments.batch_size, arguments.chunk)
    sides = make_sides(tokenizer, streams, arguments)
    take_turns([side for row in sides.values() for side in row], arguments.turn)
    report = Report("character_cells", arguments.write)
    report.machine()
    report.line(
        f"`{DATA}`: {arguments.minutes:g} minutes for each model and learning rate "
        f"({', '.join(f'{rate:g}' for rate in arguments.rates)}), {arguments.layers} "
        f"layers, batches of {arguments.batch_size}, chunks of {arguments.chunk}; "
        f"{len(texts['train']):,} characters to learn from."
    )
    report.line()
    found = print_table(report, sides, texts)
    report.close()
    return found


def main():
    # Here, so that the functions above need no data.
    from kerasrnn.data import load_documents

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value, about in (
        ("--minutes", 5.0, "for each model and learning rate"),
        ("--turn", 20.0, "seconds of a turn"),
    ):
        options.add_argument(name, type=float, default=value, help=f"{about} ({value})")
    options.add_argument("--rates", nargs="+", type=float, default=[0.001, 0.003])
    options.add_argument("--layers", type=int, default=2)
    options.add_argument("--units", type=int, default=512, help="of the LSTM (512)")
    options.add_argument("--batch-size", type=int, default=32)
    options.add_argument("--chunk", type=int, default=100)
    options.add_argument("--write", metavar="README", help="put the table there too")
    arguments = options.parse_args()
    splits = ("train", "validation", "test")
    compare({split: load_documents(DATA, split) for split in splits}, arguments)


if __name__ == "__main__":
    main()
