"""Taggers beside what people use instead, on the same sequences of the same splits.

    python benchmarks/tagging.py brown [--share 1.0] [--algorithm ap]
        [--iterations 10] [--write benchmarks/README.md]
    python benchmarks/tagging.py watch

Words: the most frequent tag of each word; a conditional random field over features of
words (`sklearn-crfsuite`, the usual ones: the word, its ends, its case, its
neighbours); a plain bidirectional LSTM over words, of Keras's own layers. Windows of a
sensor: MiniRocket and ROCKET of `aeon`. Beside them the recipe, the mean of its seeds
from its `results.json`, and "the preset", the seed that ships, run here. With `--share`
the peers learn from a part of the training data.

Needs, beside kerasrnn[train], `sklearn-crfsuite` and `aeon`, which are no part of any
extra: install them into an environment of their own. What is not there is left out, and
told.
"""

import argparse
import collections
import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import time

import numpy as np
from timing import Report

from kerasrnn.catalogue import load_recipe
from kerasrnn.data import TaggedSequences, load_tagging
from kerasrnn.training.tagging.tagging import frequent_tags, tagging_scores
from kerasrnn.zoo import SequenceTagger


def row(report, name, scores, seconds):
    """One line of the table."""
    cells = [
        scores.get(metric)
        for metric in ("accuracy", "accuracy_unseen_words", "accuracy_windows")
    ]
    shown = ["–" if cell is None else f"{cell:.2%}" for cell in cells]
    report.row([name, *shown, "–" if seconds is None else f"{seconds:,.0f}"])


def row_of_recipe(report, name):
    """The line of a recipe's published results: the mean of its seeds."""
    results = load_recipe(name).results
    scores = {
        metric.removeprefix("test_"): value
        for metric, value in results["metrics"].items()
    }
    row(report, f"{name}, mean of {len(results['runs'])} seeds", scores, None)


def head(report, what):
    """What was learned from, and the titles of the table."""
    report.machine(installed())
    report.line(what)
    report.line()
    report.head(["tagger", "steps", "new words", "windows", "seconds to learn"])


def installed():
    """The peers that are there, with their versions."""
    for name in ("sklearn-crfsuite", "aeon"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield f"{name} {importlib.metadata.version(name)}"


def features_of(words: list, place: int) -> dict:
    """The usual features of a word for a CRF, of itself and of its neighbours."""
    word = words[place]
    found = {
        "bias": 1.0,
        "word": word.lower(),
        **{f"end{n}": word[-n:] for n in (1, 2, 3, 4)},
        **{f"begin{n}": word[:n] for n in (1, 2, 3)},
        "upper": word.isupper(),
        "title": word.istitle(),
        "digit": any(letter.isdigit() for letter in word),
        "hyphen": "-" in word,
    }
    for distance in (-2, -1, 1, 2):
        other = place + distance
        inside = 0 <= other < len(words)
        found[f"word{distance:+}"] = words[other].lower() if inside else "—"
        if inside and abs(distance) == 1:
            found[f"end3{distance:+}"] = words[other][-3:]
            found[f"title{distance:+}"] = words[other].istitle()
    return found


def crfsuite(train, test, algorithm, iterations):
    """Tags of `sklearn-crfsuite`."""
    from sklearn_crfsuite import CRF

    def features(part):
        return [[features_of(words, t) for t in range(len(words))] for words in part]

    options = {"c1": 0.1, "c2": 0.1} if algorithm == "lbfgs" else {}
    # It says how long each iteration takes: with hundreds of tags, minutes.
    model = CRF(algorithm=algorithm, max_iterations=iterations, verbose=True, **options)
    model.fit(features(train.inputs), [list(tags) for tags in train.tags])
    return model.predict(features(test.inputs))


def plain_lstm(train, test, epochs=2):
    """Tags of an embedding, a bidirectional LSTM and a softmax, of Keras alone."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(1)
    counts = collections.Counter(w for words in train.inputs for w in words)
    words = {w: n for n, (w, c) in enumerate(counts.items(), 2) if c > 1}
    tags = sorted({t for row in train.tags for t in row})
    numbers = {tag: n for n, tag in enumerate(tags)}

    def batches(part, order):
        for at in range(0, len(order), 32):
            rows = order[at : at + 32]
            width = max(len(part.tags[r]) for r in rows)
            x, y = np.zeros((2, len(rows), width), "int32")
            for place, r in enumerate(rows):
                length = len(part.tags[r])
                x[place, :length] = [words.get(w, 1) for w in part.inputs[r]]
                y[place, :length] = [numbers.get(t, 0) for t in part.tags[r]]
            yield x, y, (x != 0).astype("float32")

    model = keras.Sequential(
        [
            keras.layers.Embedding(max(words.values()) + 1, 64, mask_zero=True),
            keras.layers.Bidirectional(keras.layers.LSTM(64, return_sequences=True)),
            keras.layers.Dense(len(tags)),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss)
    signature = (
        tf.TensorSpec((None, None), tf.int32),
        tf.TensorSpec((None, None), tf.int32),
        tf.TensorSpec((None, None), tf.float32),
    )
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(train))
        dataset = tf.data.Dataset.from_generator(
            lambda order=order: batches(train, order), output_signature=signature
        )
        model.fit(dataset.prefetch(2), verbose=0)
    found = []
    for x, _, _ in batches(test, np.arange(len(test))):
        best = np.argmax(model.predict_on_batch(x), axis=-1)
        lengths = (x != 0).sum(axis=1)
        found += [[tags[n] for n in r[:k]] for r, k in zip(best, lengths, strict=True)]
    return found


def brown(options, report):
    """The Brown corpus."""
    train, test = (load_tagging("brown_tagged", part) for part in ("train", "test"))
    seen = {word for words in train.inputs for word in words}
    if options.share < 1:
        order = np.random.default_rng(0).permutation(len(train))
        rows = order[: int(options.share * len(train))]
        train = dataclasses.replace(
            train,
            inputs=[train.inputs[r] for r in rows],
            tags=[train.tags[r] for r in rows],
        )
        seen = {word for words in train.inputs for word in words}
    head(report, f"Brown, {len(train):,} sentences to learn from.")
    frequent = tagging_scores(test, frequent_tags(train, test), seen)
    row(report, "most frequent tag", frequent, None)
    peers = {"plain BiLSTM, 2 epochs": lambda: plain_lstm(train, test)}
    if importlib.util.find_spec("sklearn_crfsuite"):
        how = options.algorithm, options.iterations
        name = "sklearn-crfsuite ({}, {} iterations)".format(*how)
        peers[name] = lambda: crfsuite(train, test, *how)
    else:
        print("sklearn-crfsuite is not installed")
    for name, peer in peers.items():
        begin = time.perf_counter()
        found = peer()
        row(
            report, name, tagging_scores(test, found, seen), time.perf_counter() - begin
        )
    row_of_recipe(report, "tag-brown")
    model = SequenceTagger.from_preset("tag-brown")
    row(report, "the preset", tagging_scores(test, model.tag(test.inputs), seen), None)


def watch(options, report):
    """The exercises of the smartwatch, in windows of four seconds."""
    train, test = (
        load_tagging("smartwatch_exercises", part) for part in ("train", "test")
    )
    train, test = train.windows(200, 100), test.windows(200)
    head(report, f"Smartwatch, {len(train):,} windows to learn from.")

    def cube(part: TaggedSequences):
        labels = np.array([tags[0] for tags in part.tags])
        return np.stack(part.inputs).transpose(0, 2, 1), labels

    if importlib.util.find_spec("aeon"):
        from aeon.classification.convolution_based import (
            MiniRocketClassifier,
            RocketClassifier,
        )

        for kind in (MiniRocketClassifier, RocketClassifier):
            begin = time.perf_counter()
            model = kind(random_state=1).fit(*cube(train))
            x, y = cube(test)
            windows = float(np.mean(model.predict(x) == y))
            seconds = time.perf_counter() - begin
            row(report, kind.__name__, {"accuracy_windows": windows}, seconds)
    else:
        print("aeon is not installed")
    row_of_recipe(report, "tag-smartwatch")
    model = SequenceTagger.from_preset("tag-smartwatch")
    row(report, "the preset", tagging_scores(test, model.tag(test.inputs)), None)


def main():
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=("brown", "watch"))
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--algorithm", default="ap")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--write", metavar="README", help="put the table there as well")
    options = parser.parse_args()
    report = Report(f"tagging_{options.data}", options.write)
    {"brown": brown, "watch": watch}[options.data](options, report)
    report.close()


if __name__ == "__main__":
    main()
