"""How many bits a character do other models of the same text need?

    python benchmarks/character_peers.py [--data kernel_c] [--order 8]
        [--train-gru MINUTES] [--learned FILE ...] [--adapt]

The test split of `shakespeare_plays` or another data set of documents, by models of its
training split:

- all characters alike, and each as often as in the training text;
- xz -9e and PPMd (pyppmd's `Ppmd7Encoder`, 1 GiB): by how many bytes the compressed
  training text grows when the test text comes after it. Both so learn from the test
  text as they go. PPMd's order is the one that is best on the validation text;
- n-grams with modified Kneser-Ney smoothing; and with the same `TextMemory` that our
  models have, which learns from the test text as it goes, weighed on the validation
  text;
- with `--train-gru`, the model of TensorFlow's tutorial "Text generation with an RNN":
  an embedding of 256, one GRU of keras.layers, here of 512 units, Adam, batches of 64
  sequences of 100 characters in random order, no state carried from one to the next,
  trained for so many minutes. The test text is read as in training, 100 characters at
  a time, and with the state carried all along;
- with `--learned`, what `character_torch_peers.py` wrote: an LSTM with weight drop and
  a small GPT in torch;
- our presets, those of `--models` or the recipe for this data, by `model.evaluate`:
  without cache and with it; and with `--adapt` as their recipe says, learning and
  remembering as they read.
"""

import argparse
import json
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from timing import Report

from kerasrnn.text import CharacterText, CharacterTokenizer
from kerasrnn.training.language_model.adapted_scores import (
    MOST,
    adapted_scores,
    beginning_of,
)
from kerasrnn.training.language_model.kneser_ney import (
    KneserNey,
    uniform_bits,
    unigram_bits,
)
from kerasrnn.training.language_model.text_peers import ppmd_bits, xz_bits

RECIPES = {
    "shakespeare_plays": "chars-shakespeare",
    "kernel_c": "chars-kernel-c",
    "world_english_bible": "chars-bible",
}
EMBEDDING, UNITS, BATCH, SEQUENCE = 256, 512, 64, 100
WINDOW = 2000  # characters that are read at once where the state is carried
PPMD_ORDERS, PPMD_MEMORY = (6, 8, 12, 16), 1 << 30
ALL_ALONG, BEFORE = "training and test text", "training text"


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


def shipped_models(data):
    """Our presets for a data set, where they are trained."""
    from kerasrnn.zoo import list_recipes, load_recipe

    recipe = RECIPES.get(data)
    if recipe in list_recipes() and load_recipe(recipe).preset:
        return [recipe]
    print(f"Without a model of ours, which ships none for {data}.", flush=True)
    return []


def simple_peers(documents, texts, size, order):
    """Names of all peers that are no networks, what they learn from, and their bits.

    Args:
        documents: Of "train", "validation" and "test", lists of strings.
        texts: The same as `CharacterText`s.
        size: How many ids there are, from 1 on.
        order: Of the n-grams.
    """
    train, validation, test = (texts[n] for n in ("train", "validation", "test"))
    yield f"all {size} characters alike", "nothing", uniform_bits(size)
    unigrams = unigram_bits(train.ids, test.ids, size)
    yield "as often as in training", BEFORE, unigrams
    yield "xz -9e", ALL_ALONG, xz_bits(documents["train"], documents["test"])
    yield from ppmd_peer(documents)
    model = KneserNey(train.ids, train.ends, size, order)
    name = f"{order}-grams, modified Kneser-Ney"
    p = np.log(model.probabilities(test.ids, test.ends))
    yield name, BEFORE, -np.mean(p) / np.log(2)
    from kerasrnn.zoo import TextMemory

    validation = beginning_of(validation, MOST)
    memory = TextMemory(train)
    memory.fit(validation, np.log(model.probabilities(validation.ids, validation.ends)))
    p = memory.mix(test, p)
    yield f"{name}, with our memory", ALL_ALONG, -np.mean(p) / np.log(2)


def ppmd_peer(documents):
    """PPMd of the order that is best on the validation text."""

    def bits(split, order):
        return ppmd_bits(documents["train"], documents[split], order, PPMD_MEMORY)

    order = min(PPMD_ORDERS, key=lambda order: bits("validation", order))
    yield f"PPMd, order {order}", ALL_ALONG, bits("test", order)


def encode(documents):
    """Texts of the splits as `CharacterText`s, and how many ids there are.

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


def our_rows(name, documents, adapt):
    """Names of a preset's ways to read, what it learns from, and its bits."""
    from kerasrnn.zoo import CharLanguageModel, list_recipes, load_recipe

    model = CharLanguageModel.from_preset(name)
    label = f"`{pathlib.Path(name).name}`"
    plain = model
    if model.cache_size:
        plain = CharLanguageModel.from_preset(name, cache_size=0)
    test = documents["test"]
    yield label, BEFORE, plain.evaluate(test, verbose=0)["bits_per_character"]
    if model.cache_size:
        found = model.evaluate(test, verbose=0)["bits_per_character"]
        yield f"{label}, with its cache", ALL_ALONG, found
    if adapt:
        texts = {
            part: CharacterText.of_documents(documents[part], model.preprocessor)
            for part in documents
        }
        settings = {}
        if name in list_recipes():
            settings = load_recipe(name).config["evaluation"].get("adaptation", {})
        found = adapted_scores(model, texts.__getitem__, settings)
        yield f"{label}, adapted", ALL_ALONG, found["bits_per_character"]


def learned_peer(file):
    """A row of what `character_torch_peers.py` wrote, and the data set it is of."""
    found = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
    name = (
        f"{found['name']}, {found['parameters']:,} parameters, {found['steps']:,} steps"
    )
    return found["data"], (name, BEFORE, found["test_bits"], 60 * found["minutes"])


def main():
    # Here, so that the functions above do not need it.
    from kerasrnn.data import load_documents

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", default="shakespeare_plays", help="a data set")
    options.add_argument("--order", type=int, default=8, help="of the n-grams (8)")
    options.add_argument("--train-gru", type=float, metavar="MINUTES")
    options.add_argument("--learned", nargs="*", default=[], metavar="FILE")
    options.add_argument("--models", nargs="*", help="presets, or folders of runs")
    options.add_argument("--adapt", action="store_true", help="let them learn as well")
    options.add_argument("--write", metavar="README", help="put the table there too")
    arguments = options.parse_args()
    learned = [learned_peer(file) for file in arguments.learned]
    if others := [data for data, _ in learned if data != arguments.data]:
        raise ValueError(f"`--learned` must be of {arguments.data}; got {others[0]}.")
    parts = ("train", "validation", "test")
    documents = {name: load_documents(arguments.data, name) for name in parts}
    texts, size = encode(documents)
    report = Report(f"character_peers_{arguments.data}", arguments.write)
    report.machine()
    report.line(
        f"`{arguments.data}`: {len(texts['train']):,} characters to learn from, "
        f"{len(texts['test']):,} to test. What learns from the test text too does so "
        "as it goes, each character after it is judged."
    )
    report.line()
    report.head(["model", "learns from", "bits a character, test", "seconds"])

    def row(name, learns, bits, seconds):
        report.row([name, learns, f"{bits:.3f}", f"{seconds:.1f}"])

    def rows(found):
        begin = time.perf_counter()
        for name, learns, bits in found:
            row(name, learns, bits, time.perf_counter() - begin)
            begin = time.perf_counter()

    rows(simple_peers(documents, texts, size, arguments.order))
    if arguments.train_gru:
        seconds = 60 * arguments.train_gru
        model, steps = train_gru(texts["train"], size + 1, seconds)
        name = f"keras.layers GRU-{UNITS}, {steps:,} steps"
        for way, carried in (("100 at a time", False), ("state carried", True)):
            bits = gru_bits(model, texts["test"], carried)
            row(f"{name}, {way}", BEFORE, bits, seconds)
    for _, peer in learned:
        row(*peer)
    ours = shipped_models(arguments.data)
    for name in ours if arguments.models is None else arguments.models:
        rows(our_rows(name, documents, arguments.adapt))
    report.line()
    report.line(
        "Seconds of networks in this table that were trained for it are those of the "
        "training; of all others, those of learning and judging together, without the "
        "training of a preset."
    )
    report.close()


if __name__ == "__main__":
    main()
