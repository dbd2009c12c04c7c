"""Sentiment of film reviews: the recipe `sentiment-movies` beside its peers.

All learn from the training split of `movie_snippets` and are judged on its test split,
and on `negations.tsv`: sixty negations and contrasts that were written before anything
was trained, and that nobody learns from. The peers are the usual ones: linear models of
words and pairs of words (logistic regression of TF-IDF; NB-SVM, Wang and Manning 2012),
and the bidirectional LSTM of the Keras tutorial, made of keras.layers, with and without
word vectors. The recipe also learns from the lexicon that comes with the data, its
words negated and contrasted, from how 25,000 reviews begin and end, and from how sure
the raters were; the linear models get the same words, and the reviews, in rows of their
own, where they weigh as much as in the recipe. Choices (regularisation, epochs) are
made on the validation split.

    pip install -e '.[bench]'
    python benchmarks/sentiment.py --write benchmarks/README.md
"""

import pathlib
import statistics
import tempfile
import time

import keras
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from timing import Report, parser

from kerasrnn.data import load_glove, load_text_classification
from kerasrnn.text import WordTokenizer
from kerasrnn.training import train
from kerasrnn.zoo import SentimentClassifier, load_recipe

RECIPE = "sentiment-movies"
NEGATIONS = pathlib.Path(__file__).parent / "negations.tsv"
WORDS = ("lexicon", "negated", "contrasted")
REVIEWS = "reviews"
WEIGHTS = {
    extra["split"]: extra["weight"]
    for extra in load_recipe(RECIPE).config["data"]["extra"]
}


def load(split):
    weight = WEIGHTS.get(split, 1.0)
    return load_text_classification("movie_snippets", split, weight=weight)


def negations():
    """Texts, and their labels, 1 where they are positive."""
    lines = NEGATIONS.read_text(encoding="utf-8").splitlines()
    labels, texts = zip(*(line.split("\t") for line in lines), strict=True)
    for split in ("train", *WORDS, REVIEWS):
        if learned := {*load(split).texts} & {*texts}:
            raise ValueError(f"`{split}` must not hold what is judged; got {learned}.")
    return list(texts), np.array([label == "positive" for label in labels], int)


def learned(more):
    examples = load("train")
    for split in more:
        examples += load(split)
    return examples


def tf_idf(seed, more=()):
    """Words and pairs of words, weighted by TF-IDF, and logistic regression."""
    examples = learned(more)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    features = vectorizer.fit_transform(examples.texts)
    return scored_linear(
        [
            LogisticRegression(C=c, max_iter=1000).fit(
                features, examples.labels, sample_weight=examples.weights
            )
            for c in (1, 3, 10, 30)
        ],
        vectorizer.transform,
    )


def nb_svm(seed, more=()):
    """Words and pairs of words, times naive Bayes's log-count ratios, and an SVM.

    r = log((p / |p|) / (q / |q|)), p and q the counts of positive and negative texts
    with each feature, by their weights, plus one. Of the SVM's weights a quarter stays,
    and three quarters of their mean size take the place of the rest, as by Wang and
    Manning.
    """
    examples = learned(more)
    vectorizer = CountVectorizer(
        ngram_range=(1, 2), binary=True, token_pattern=r"\w+|[^\w\s]"
    )
    features = vectorizer.fit_transform(examples.texts)
    positive = examples.labels == 1
    weights = examples.weights
    p, q = (1 + features[r].T @ weights[r] for r in (positive, ~positive))
    ratios = np.log(p / p.sum()) - np.log(q / q.sum())

    def transform(texts):
        return vectorizer.transform(texts).multiply(ratios).tocsr()

    models = []
    for c in (0.01, 0.1, 1.0):
        model = LinearSVC(C=c).fit(
            transform(examples.texts), examples.labels, sample_weight=weights
        )
        mean = np.abs(model.coef_).mean()
        model.coef_ = 0.75 * mean + 0.25 * model.coef_
        models.append(model)
    return scored_linear(models, transform)


def scored_linear(models, transform):
    """Accuracies on test split and negations of the model that validates best."""

    def accuracy(model, texts, labels):
        return model.score(transform(texts), labels)

    validation, test = load("validation"), load("test")
    best = max(models, key=lambda m: accuracy(m, validation.texts, validation.labels))
    return accuracy(best, test.texts, test.labels), accuracy(best, *negations())


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
    texts, truth = negations()
    judged = (ids[2], labels[2]), (tokenizer(texts).numpy(), truth)
    return tuple(model.evaluate(*part, verbose=0)[1] for part in judged)


def recipe(seed):
    """What `kerasrnn train sentiment-movies` does."""
    with tempfile.TemporaryDirectory() as folder:
        results = train(RECIPE, output=folder, seeds=[seed], log=lambda line: None)
        model = SentimentClassifier.from_preset(pathlib.Path(folder) / "preset")
    _, accuracy = model.evaluate(*negations(), verbose=0)
    return results["metrics"]["test_accuracy"], accuracy


MODELS = {
    "TF-IDF, logistic regression": tf_idf,
    "the same, words of the lexicon added": lambda seed: tf_idf(seed, WORDS),
    "the same, words and reviews added": lambda seed: tf_idf(seed, (*WORDS, REVIEWS)),
    "NB-SVM": nb_svm,
    "the same, words added": lambda seed: nb_svm(seed, WORDS),
    "the same with words and reviews": lambda seed: nb_svm(seed, (*WORDS, REVIEWS)),
    "Keras tutorial BiLSTM": lambda seed: tutorial_model(seed),
    "the same, GloVe fine-tuned": lambda seed: tutorial_model(seed, word_vectors=True),
    f"kerasrnn {RECIPE}": recipe,
}
# They draw no random numbers, so one seed is all seeds.
DETERMINISTIC = [name for name in MODELS if "TF-IDF" in name or "words" in name]
DETERMINISTIC.append("NB-SVM")


def main():
    options = parser(__doc__, 5)
    arguments = options.parse_args()
    load("test")  # So that fetching the data is in nobody's time.
    load_glove(["", "a"])
    report = Report("sentiment", arguments.write)
    report.machine()
    report.head(["model", "test accuracy", "negations", "seeds", "seconds a run"])
    for name, run in MODELS.items():
        scores, seconds = [], []
        for seed in range(1, 2 if name in DETERMINISTIC else arguments.runs + 1):
            begin = time.perf_counter()
            scores.append(100 * np.array(run(seed)))
            seconds.append(time.perf_counter() - begin)
        cells = [f"{value:.1f}" for value in np.mean(scores, axis=0)]
        if len(scores) > 1:
            spread = np.std(scores, axis=0, ddof=1)
            cells = [f"{c} ± {s:.1f}" for c, s in zip(cells, spread, strict=True)]
        report.row(
            [name, *cells, str(len(scores)), f"{statistics.median(seconds):.0f}"]
        )
    report.close()


if __name__ == "__main__":
    main()
