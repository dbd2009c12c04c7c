"""TFDS builder `world_english_bible`: chapters of the Bible in modern English."""

import textwrap

import tensorflow_datasets as tfds

from kerasrnn.data.bible_en_es import ENGLISH, read_package
from kerasrnn.data.splits import split_of
from kerasrnn.fetching import fetch_debian

WIDTH = 72  # characters of a line, at most

_CITATION = """\
@misc{web2020,
  title = {World English Bible},
  note  = {Public domain},
  year  = {2020},
}
"""


class WorldEnglishBible(tfds.core.GeneratorBasedBuilder):
    """1,366 chapters of the World English Bible, with curly quotation marks.

    The verses of a chapter are one paragraph, in lines of at most 72 characters. The
    books that not all churches have are among them. Split by SHA-1 of book and chapter
    (`Gen.1`), modulo 10: 0 test, 1 validation, else train, as the verses of
    `bible_en_es` are.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "Chapters of the World English Bible, from the Debian package "
                "sword-text-web. Notes, references and mark-up are taken out. Public "
                "domain."
            ),
            features=tfds.features.FeaturesDict(
                {"id": tfds.features.Text(), "text": tfds.features.Text()}
            ),
            citation=_CITATION,
            license="Public domain",
        )

    def _split_generators(self, dl_manager):
        verses = read_package(fetch_debian(ENGLISH, dl_manager.download_dir))
        splits = {"train": {}, "validation": {}, "test": {}}
        for number, ((book, chapter), text) in enumerate(chapters_of(verses), start=1):
            # In the order of the Bible, when they are sorted.
            splits[split_of(f"{book}.{chapter}")][f"{number:04}.{book}.{chapter}"] = (
                text
            )
        return {name: self._generate_examples(texts) for name, texts in splits.items()}

    def _generate_examples(self, texts):
        for key, text in texts.items():
            yield key, {"id": key, "text": text}


def chapters_of(verses: dict[tuple[str, int, int], str]):
    r"""Book and chapter, and the text of its verses, in the order of the verses.

    Args:
        verses: (book, chapter, verse) to text.

    Example:

    >>> found = chapters_of({("Gen", 1, 1): "In the", ("Gen", 1, 2): "beginning"})
    >>> list(found)
    [(('Gen', 1), 'In the beginning\n')]
    """
    chapters: dict[tuple[str, int], list[str]] = {}
    for (book, chapter, _), text in verses.items():
        chapters.setdefault((book, chapter), []).append(text)
    for key, texts in chapters.items():
        lines = textwrap.wrap(
            " ".join(texts), WIDTH, break_long_words=False, break_on_hyphens=False
        )
        yield key, "\n".join([*lines, ""])
