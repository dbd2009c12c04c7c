"""TFDS builder `movie_snippets`: sentences of film reviews, rated by people."""

import io
import re
import tarfile
import zipfile

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

# As near to nought as this, people did not agree on a side.
NEUTRAL = 0.3

_CITATION = """\
@inproceedings{hutto2014vader,
  title     = {{VADER}: A Parsimonious Rule-Based Model for Sentiment Analysis of
               Social Media Text},
  author    = {Hutto, C. J. and Gilbert, Eric},
  booktitle = {Proceedings of the Eighth International AAAI Conference on Weblogs
               and Social Media (ICWSM-14)},
  year      = {2014},
}
"""


class MovieSnippets(tfds.core.GeneratorBasedBuilder):
    """10,605 sentences of film reviews with the mean rating of about twenty people.

    Split by SHA-1 of the id, modulo 10: 0 test, 1 validation, else train. Sentences
    rated within 0.3 of nought are left out. `lexicon` holds single English words
    rated in the same way, which are more to train on; they are no part of the others.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "Sentences of film reviews from Rotten Tomatoes, collected by Pang "
                "and Lee, rated from -4 (negative) to 4 (positive) by some twenty "
                "people each; and the words of the VADER lexicon with their ratings. "
                "MIT licence."
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
        splits["lexicon"] = read_lexicon(lexicon)
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


def _example(key, rating, text):
    return {"id": key, "text": text, "rating": rating, "label": int(rating > 0)}
