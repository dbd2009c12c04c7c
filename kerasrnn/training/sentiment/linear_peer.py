"""A linear model of the words of texts, the simple peer of a classifier."""

import importlib.util
import warnings
from typing import Any

import numpy as np

from kerasrnn.training.search_results import spread

NAME = "TF-IDF and logistic regression"
# So that it takes a minute at most, and some hundred MB. Texts are counted once for
# each class.
MOST_TEXTS, MOST_CHARACTERS, MOST_FEATURES = 60_000, 5_000, 200_000
REGULARISATION = (0.3, 1, 3, 10, 30)  # C of scikit-learn, the inverse of it
# Letters of a word, in the mean, above which a script does not part words by spaces.
LONG_WORDS = 15


def has_linear_peer() -> bool:
    """Whether scikit-learn is there."""
    return importlib.util.find_spec("sklearn") is not None


def linear_peer(splits: dict) -> dict[str, float]:
    """Test accuracy of TF-IDF and logistic regression, by name.

    The features are words and pairs of words, or, of scripts without spaces, one to
    three characters. The regularisation is chosen on the validation part.

    Args:
        splits: `kerasrnn.data.Examples` of "train", "validation" and "test". Of more
            than 60,000 by the number of classes to learn from, so many are taken,
            those of greater weight first and of those of the same weight some, evenly
            spread, which the name says; and of each text its first 5,000 characters are
            read.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    train = splits["train"]
    classes = len(train.label_names)
    rows = _heaviest(train.weights, MOST_TEXTS // classes)
    texts = {name: _beginnings(part.texts) for name, part in splits.items()}
    known = [texts["train"][row] for row in rows]
    options: dict[str, Any] = {"ngram_range": (1, 2)}
    if _letters_of_a_word(known) > LONG_WORDS:
        options = {"analyzer": "char", "ngram_range": (1, 3)}
    vectorizer = TfidfVectorizer(
        sublinear_tf=True, max_features=MOST_FEATURES, **options
    )
    features = vectorizer.fit_transform(known)

    def accuracy(model, part):
        found = model.predict(vectorizer.transform(texts[part]))
        return np.mean(found == splits[part].labels)

    # Ten times as quick, and of two classes only.
    solver = "liblinear" if classes == 2 else "lbfgs"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of one that has not converged
        models = [
            LogisticRegression(C=c, max_iter=300, solver=solver).fit(
                features, train.labels[rows], sample_weight=train.weights[rows]
            )
            for c in REGULARISATION
        ]
    best = max(models, key=lambda model: accuracy(model, "validation"))
    of_how_many = f", of {len(rows):,} texts" if len(rows) < len(train) else ""
    return {f"{NAME}{of_how_many}": accuracy(best, "test")}


def _heaviest(weights, most):
    """Rows of the greatest weights, at most so many, spread over the least of them."""
    if len(weights) <= most:
        return np.arange(len(weights))
    least = np.sort(weights)[-most]
    above, equal = np.flatnonzero(weights > least), np.flatnonzero(weights == least)
    chosen = equal[spread(len(equal), most - len(above))]
    return np.sort(np.concatenate([above, chosen]))


def _beginnings(texts):
    return [str(text)[:MOST_CHARACTERS] for text in texts]


def _letters_of_a_word(texts):
    words = [len(word) for text in texts for word in text.split()]
    return np.mean(words) if words else 0
