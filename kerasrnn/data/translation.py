"""Sentences and their translations, from TFDS or from a file of the user's own."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasrnn.data.splits import SPLITS, split_of, splits_of
from kerasrnn.data.tfds_builder import prepared_builder, read_columns
from kerasrnn.data.user_file import read_lines


@dataclasses.dataclass(frozen=True)
class TextPairs:
    """Texts and their translations, in memory.

    Args:
        sources: (N,) array of `str`.
        targets: (N,) array of `str`, the translation of each.
        languages: names of the two.
        left_out: how many pairs there were besides, empty on one side or too long.

    Example:

    >>> english, spanish = np.array(["yes", "one two three"]), np.array(["sí", "uno"])
    >>> TextPairs(english, spanish, ("en", "es")).at_most(2)
    TextPairs(1 en-es, 1 left out)
    """

    sources: np.ndarray
    targets: np.ndarray
    languages: tuple[str, str]
    left_out: int = 0

    def __post_init__(self):
        if len(self.sources) != len(self.targets):
            raise ValueError(
                "`targets` must have one text for each of the "
                f"{len(self.sources)} sources; got {len(self.targets)}."
            )

    def __len__(self):
        return len(self.sources)

    def __repr__(self):
        languages = "-".join(self.languages)
        return f"TextPairs({len(self)} {languages}, {self.left_out} left out)"

    def __add__(self, other: "TextPairs") -> "TextPairs":
        if self.languages != other.languages:
            raise ValueError(
                f"Both must have the same languages; got {self.languages} and "
                f"{other.languages}."
            )
        return TextPairs(
            np.concatenate([self.sources, other.sources]),
            np.concatenate([self.targets, other.targets]),
            self.languages,
            self.left_out + other.left_out,
        )

    def at_most(self, words: int) -> "TextPairs":
        """The pairs with at most so many words, parted by spaces, on either side."""
        return self._where(
            [
                max(len(source.split()), len(target.split())) <= words
                for source, target in zip(self.sources, self.targets, strict=True)
            ]
        )

    def not_empty(self) -> "TextPairs":
        """The pairs with text on both sides."""
        return self._where(
            [
                bool(source.strip()) and bool(target.strip())
                for source, target in zip(self.sources, self.targets, strict=True)
            ]
        )

    def _where(self, kept):
        kept = np.array(kept, bool)
        return dataclasses.replace(
            self,
            sources=self.sources[kept],
            targets=self.targets[kept],
            left_out=self.left_out + int((~kept).sum()),
        )

    def batches(self, order: Any) -> Any:
        """A `tf.data.Dataset` of (sources, targets) string batches.

        Args:
            order: which pairs make up each batch: a list of integer arrays, such as
                `batches_by_length` gives.
        """
        import tensorflow as tf

        rows = tf.RaggedTensor.from_row_lengths(
            np.concatenate([np.zeros(0, "int64"), *order]), [len(b) for b in order]
        )
        sources, targets = tf.constant(self.sources), tf.constant(self.targets)
        return tf.data.Dataset.from_tensor_slices(rows).map(
            lambda index: (tf.gather(sources, index), tf.gather(targets, index)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )


def load_translation(
    name_or_path: str | os.PathLike,
    split: str = "train",
    *,
    languages: tuple[str, str] | None = None,
    max_words: int | None = None,
    data_dir: str | os.PathLike | None = None,
) -> TextPairs:
    """Texts and their translations, of a TFDS data set or of a TSV file.

    Args:
        name_or_path: name of a TFDS data set with texts in two languages
            (`bible_en_es`, `ted_hrlr_translate/pt_to_en`), or path of a `.tsv` file
            with a line source<tab>target for each pair.
        split: what TFDS calls it (`"train[:90%]"` works too), or `"train"`,
            `"validation"` or `"test"` of a TSV file.
        languages: from which to which, as the data set names them; None: as it is.
            For a TSV file only names for its columns.
        max_words: longer pairs, on either side, are left out; None: none is.
        data_dir: TFDS's data directory; None: its default.

    Raises:
        ValueError: there is no such data set, split or language; the file is not as
            it must be.
        FetchError: the data set is not on this machine and cannot be fetched.
    """
    if pathlib.Path(name_or_path).suffix.lower() in (".tsv", ".txt"):
        if split not in SPLITS:
            raise ValueError(
                f"`split` must be one of {', '.join(SPLITS)}; got {split!r}."
            )
        pairs = read_pairs(name_or_path, languages or ("source", "target"))[split]
    else:
        pairs = _load_tfds(name_or_path, split, languages, data_dir).not_empty()
    return pairs if max_words is None else pairs.at_most(max_words)


def _load_tfds(name, split, languages, data_dir):
    builder = prepared_builder(name, data_dir)
    known = builder.info.supervised_keys
    if languages is None:
        languages = known
    if not known or sorted(languages) != sorted(known):
        raise ValueError(
            f"`languages` must be two of {name}, which has {known}; got {languages}."
        )
    columns = read_columns(builder, split)
    texts = [
        np.array([t.decode("utf-8", "replace") for t in columns[key].numpy()], object)
        for key in languages
    ]
    return TextPairs(*texts, tuple(languages))


def read_pairs(
    path: str | os.PathLike, languages: Sequence[str] = ("source", "target")
) -> dict[str, TextPairs]:
    """Reads a file of one pair a line: a text, a tab, its translation.

    Blank lines are left out, and so are pairs of which one side is empty; these are
    counted. A pair's split follows from its source alone (SHA-1 modulo 10: 0 test, 1
    validation, else train; none stays empty where there are ten), so that a text
    that occurs twice is in one split only.

    Args:
        path: the file, UTF-8.
        languages: names of the two columns.

    Returns:
        Pairs of `"train"`, `"validation"` and `"test"`.

    Raises:
        ValueError: the file is not like this (it says in which line), or a split came
            out empty.
    """
    found: list[tuple[str, str]] = []
    for number, line in read_lines(path):
        cells = line.split("\t")
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != 2:
            raise ValueError(
                f"{path}, line {number}: must be source<tab>target; got {len(cells)} "
                f"column{'s' * (len(cells) > 1)}: {line[:60]!r}."
            )
        source, target = (cell.strip() for cell in cells)
        found.append((source, target))
    splits = splits_of(source for source, target in found if source and target)
    rows: dict[str, list[tuple[str, str]]] = {split: [] for split in SPLITS}
    for source, target in found:
        rows[splits.get(source) or split_of(source)].append((source, target))
    if empty := [split for split in SPLITS if not rows[split]]:
        raise ValueError(
            f"{path} holds {sum(map(len, rows.values()))} pairs, too few: none fell "
            f"into {' and '.join(empty)}. A hundred is a fair minimum."
        )
    return {
        split: TextPairs(
            np.array([source for source, _ in part], dtype=object),
            np.array([target for _, target in part], dtype=object),
            (languages[0], languages[1]),
        ).not_empty()
        for split, part in rows.items()
    }
