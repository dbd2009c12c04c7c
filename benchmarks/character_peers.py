"""How many bits a character do other models of Shakespeare's plays need?

    python benchmarks/character_peers.py [--order 8] [--train-gru MINUTES]

The test split of `shakespeare_plays`, by models of its training split:

- all characters alike, and each as often as in the training text;
- xz -9 with the training text as dictionary: by how many bits the compressed training
  text grows when the test text comes after it;
- n-grams with modified Kneser-Ney smoothing;
- with `--train-gru`, the model of TensorFlow's tutorial "Text generation with an RNN":
  an embedding of 256, one GRU of keras.layers, here of 512 units, Adam, batches of 64
  sequences of 100 characters in random order, no state carried from one to the next,
  trained for so many minutes. The test text is read as in training, 100 characters at
  a time, and with the state carried all along;
- our presets, those of `--models` or `chars-shakespeare`, by `model.evaluate`.
"""

import argparse
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from timing import Report

from kerasrnn.text import CharacterText, CharacterTokenizer
from kerasrnn.training.language_model.kneser_ney import (
    KneserNey,
    uniform_bits,
    unigram_bits,
)
from kerasrnn.training.language_model.text_peers import xz_bits

DATA, RECIPE = "shakespeare_plays", "chars-shakespeare"
EMBEDDING, UNITS, BATCH, SEQUENCE = 256, 512, 64, 100
WINDOW = 2000  # characters that are read at once where the state is carried


def train_gru(train, size, seconds, units=UNITS):
    """The tutorial's model after so many seconds of training, and how many steps."""
    import keras
    import tensorflow as tf
    from character_keras import Characters

    keras.utils.set_random_seed(1)
    model = Characters("gru", 1, units, size, EMBEDDING)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    ids = train.ids.astype("int32")
    data = (
        tf.data.Dataset.from_tensor_slices(ids)
        .batch(SEQUENCE + 1, drop_remainder=True)
        .map(lambda part: (part[:-1], part[1:]))
        .shuffle(10_000, seed=1)
        .batch(BATCH, drop_remainder=True)
        .repeat()
        .prefetch(tf.data.AUTOTUNE)
    )
    clock = Clock(seconds)
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: clock.tick(model)
    )
    # `data` has no end, and is shuffled.
    options = {"steps_per_epoch": 10**9, "shuffle": False, "verbose": 0}
    model.fit(data, callbacks=[callback], **options)
    return model, clock.steps


class Clock:
    """Stops a training after so many seconds; the first step, traced, is free."""

    def __init__(self, seconds):
        self.seconds, self.steps, self.begin = seconds, 0, None

    def tick(self, model):
        self.steps += 1
        if self.begin is None:
            self.begin = time.perf_counter()
        if time.perf_counter() - self.begin >= self.seconds:
            model.stop_training = True


def gru_bits(model, test, carried):
    """Bits a character of a text, the state carried through each document or not.

    Args:
        model: `character_keras.Characters`.
        test: A `CharacterText`.
        carried: Otherwise every sequence is read from the state of zeros.
    """
    import tensorflow as tf
    from keras import ops

    @tf.function(reduce_retracing=True)  # or every character takes milliseconds
    def nats(ids, targets, states=None):
        logits, states = model(ids, states=states, return_state=True)
        chosen = ops.take_along_axis(logits, targets[..., None], -1)[..., 0]
        return ops.logsumexp(logits, axis=-1) - chosen, states

    def bits(ids, targets, states=None):
        found, states = nats(ids, targets, states)
        return ops.convert_to_numpy(found) / np.log(2), states

    total = 0.0
    starts = np.concatenate([[0], test.ends[:-1]])
    for start, end in zip(starts, test.ends, strict=True):
        ids = test.ids[start:end].astype("int32")
        before = np.concatenate([[0], ids[:-1]])  # as of one that it never saw
        if carried:
            states = None
            for at in range(0, len(ids), WINDOW):
                part = slice(at, at + WINDOW)
                found, states = bits(before[None, part], ids[None, part], states)
                total += found.sum(dtype="float64")
            continue
        whole = len(ids) // SEQUENCE * SEQUENCE
        rows = [before[:whole].reshape(-1, SEQUENCE), ids[:whole].reshape(-1, SEQUENCE)]
        for at in range(0, len(rows[0]), BATCH):
            found, _ = bits(*(row[at : at + BATCH] for row in rows))
            total += found.sum(dtype="float64")
        if whole < len(ids):
            found, _ = bits(before[None, whole:], ids[None, whole:])
            total += found.sum(dtype="float64")
    return total / len(test)


def shipped_models():
    """Our presets for this text, where they are trained."""
    from kerasrnn.zoo import load_recipe

    if load_recipe(RECIPE).preset:
        return [RECIPE]
    print(f"Without `{RECIPE}`, which ships no trained model yet.", flush=True)
    return []


def simple_peers(documents, texts, size, order):
    """Bits a character of all peers that are no networks, one after the other.

    Args:
        documents: Of "train" and "test", lists of strings.
        texts: The same as `CharacterText`s.
        size: How many ids there are, from 1 on.
        order: Of the n-grams.
    """
    train, test = texts["train"], texts["test"]
    yield f"all {size} characters alike", uniform_bits(size)
    yield "as often as in training", unigram_bits(train.ids, test.ids, size)
    yield "xz -9, dictionary: training text", xz_bits(**documents)
    model = KneserNey(train.ids, train.ends, size, order)
    name = f"{order}-grams, modified Kneser-Ney"
    yield name, model.bits_per_id(test.ids, test.ends)


def encode(documents):
    """Texts of "train" and "test" as `CharacterText`s, and how many ids there are.

    Ids from 1 on: unknown, which stands for all that is in no training text, and the
    characters of the training text.
    """
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(documents["train"])
    texts = {
        name: CharacterText.of_documents(part, tokenizer)
        for name, part in documents.items()
    }
    return texts, tokenizer.vocabulary_size - 1


def main():
    # Here, so that the functions above need neither.
    from kerasrnn.data import load_documents
    from kerasrnn.zoo import CharLanguageModel

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--order", type=int, default=8, help="of the n-grams (8)")
    options.add_argument("--train-gru", type=float, metavar="MINUTES")
    options.add_argument("--models", nargs="*", help="presets, or folders of runs")
    options.add_argument("--write", metavar="README", help="put the table there too")
    arguments = options.parse_args()
    documents = {name: load_documents(DATA, name) for name in ("train", "test")}
    texts, size = encode(documents)
    report = Report("character_peers", arguments.write)
    report.machine()
    report.line(
        f"`{DATA}`: {len(texts['train']):,} characters to learn from, "
        f"{len(texts['test']):,} to test."
    )
    report.line()
    report.head(["model", "bits a character, test", "seconds"])

    def row(name, bits, seconds=None):
        took = "–" if seconds is None else f"{seconds:.1f}"
        report.row([name, f"{bits:.3f}", took])

    begin = time.perf_counter()
    for name, bits in simple_peers(documents, texts, size, arguments.order):
        row(name, bits, time.perf_counter() - begin)
        begin = time.perf_counter()
    if arguments.train_gru:
        seconds = 60 * arguments.train_gru
        model, steps = train_gru(texts["train"], size + 1, seconds)
        name = f"keras.layers GRU-{UNITS}, {steps:,} steps"
        row(
            f"{name}, {SEQUENCE} at a time",
            gru_bits(model, texts["test"], False),
            seconds,
        )
        row(f"{name}, state carried", gru_bits(model, texts["test"], True), seconds)
    names = shipped_models() if arguments.models is None else arguments.models
    for name in names:
        model = CharLanguageModel.from_preset(name)
        found = model.evaluate(documents["test"], verbose=0)
        label = f"`{pathlib.Path(name).name}`"
        row(label, found["bits_per_character"])
        if model.cache_size:
            model = CharLanguageModel.from_preset(name, cache_size=0)
            found = model.evaluate(documents["test"], verbose=0)
            row(f"{label}, its cache off", found["bits_per_character"])
    report.close()


if __name__ == "__main__":
    main()
