"""Sentiment of film reviews: the recipe `sentiment-movies` beside its peers.

All learn from the training split of `movie_snippets` and are judged on its test split.
The peers are the usual ones: a linear model of words and pairs of words, and the
bidirectional LSTM of the Keras tutorial, made of keras.layers, with and without word
vectors. The recipe also learns from the lexicon that comes with the data and from how
sure the raters were; the linear model gets the lexicon too, in a row of its own.
Choices (regularisation, epochs) are made on the validation split.

    pip install -e '.[bench]'
    python benchmarks/sentiment.py
"""

import argparse
import statistics
import tempfile
import time

import keras
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from kerasrnn.data import load_glove, load_text_classification
from kerasrnn.text import WordTokenizer
from kerasrnn.training import train

RECIPE = "sentiment-movies"


def load(split):
    return load_text_classification("movie_snippets", split)


def linear_model(seed, lexicon=False):
    """Words and pairs of words, weighted by TF-IDF, and logistic regression."""
    examples = load("train") + load("lexicon") if lexicon else load("train")
    validation, test = load("validation"), load("test")
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    features = vectorizer.fit_transform(examples.texts)

    def accuracy(model, part):
        return model.score(vectorizer.transform(part.texts), part.labels)

    models = [
        LogisticRegression(C=c, max_iter=1000).fit(features, examples.labels)
        for c in (1, 3, 10, 30)
    ]
    return accuracy(max(models, key=lambda model: accuracy(model, validation)), test)


def tutorial_model(seed, word_vectors=False):
    """Embedding, two bidirectional LSTMs, one output: keras.io's IMDB example."""
    keras.utils.set_random_seed(seed)
    parts = [load(split) for split in ("train", "validation", "test")]
    tokenizer = WordTokenizer(max_tokens=20000, max_length=48)
    tokenizer.adapt(parts[0].texts)
    ids = [tokenizer(part.texts).numpy() for part in parts]
    labels = [part.labels for part in parts]
    embedding = keras.layers.Embedding(
        tokenizer.vocabulary_size, 50 if word_vectors else 128, mask_zero=True
    )
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            embedding,
            keras.layers.Bidirectional(keras.layers.LSTM(64, return_sequences=True)),
            keras.layers.Bidirectional(keras.layers.LSTM(64)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    if word_vectors:
        embedding.set_weights([load_glove(tokenizer.get_vocabulary(), seed=seed)])
    model.compile("adam", "binary_crossentropy", ["accuracy"])
    stop = keras.callbacks.EarlyStopping(
        "val_accuracy", patience=2, restore_best_weights=True
    )
    model.fit(
        ids[0],
        labels[0],
        validation_data=(ids[1], labels[1]),
        epochs=10,
        callbacks=[stop],
        verbose=0,
    )
    return model.evaluate(ids[2], labels[2], verbose=0)[1]


def recipe(seed):
    """What `kerasrnn train sentiment-movies` does."""
    with tempfile.TemporaryDirectory() as folder:
        results = train(RECIPE, output=folder, seeds=[seed], log=lambda line: None)
    return results["metrics"]["test_accuracy"]


MODELS = {
    "TF-IDF, logistic regression": lambda seed: linear_model(seed),
    "the same, lexicon added": lambda seed: linear_model(seed, lexicon=True),
    "Keras tutorial BiLSTM": lambda seed: tutorial_model(seed),
    "the same, GloVe fine-tuned": lambda seed: tutorial_model(seed, word_vectors=True),
    f"kerasrnn {RECIPE}": recipe,
}
# It draws no random numbers, so one seed is all seeds.
DETERMINISTIC = ("TF-IDF, logistic regression", "the same, lexicon added")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    seeds = range(parser.parse_args().seeds)
    load("test")  # So that fetching the data is in nobody's time.
    load_glove(["", "a"])
    print("| model | test accuracy | seeds | seconds a run |", flush=True)
    print("|---|---|---|---|", flush=True)
    for name, run in MODELS.items():
        accuracies, seconds = [], []
        for seed in seeds[:1] if name in DETERMINISTIC else seeds:
            begin = time.perf_counter()
            accuracies.append(100 * run(seed))
            seconds.append(time.perf_counter() - begin)
        spread = f" ± {np.std(accuracies, ddof=1):.1f}" if len(accuracies) > 1 else ""
        print(
            f"| {name} | {statistics.fmean(accuracies):.1f}{spread} "
            f"| {len(accuracies)} | {statistics.median(seconds):.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
