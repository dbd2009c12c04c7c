"""Texts and their classes, from TFDS or from a file of the user's own."""

import collections
import dataclasses
import os
import pathlib
import warnings

import numpy as np

from kerasrnn.data.splits import SPLITS, splits_of
from kerasrnn.data.tfds_builder import prepared_builder, read_columns
from kerasrnn.data.user_file import read_lines


@dataclasses.dataclass(frozen=True)
class Examples:
    """Texts and their classes, in memory.

    Args:
        texts: (N,) array of `str`.
        labels: (N,) int32, the class of each.
        label_names: names of the classes by number.
        targets: (N, classes) float32, how probable each class is; None: certain.
        weights: (N,) float32, what each example counts in training; None: 1.

    Example:

    >>> examples = Examples(np.array(["good", "bad"]), np.array([1, 0]), ("-", "+"))
    >>> examples.targets.tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    texts: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    targets: np.ndarray | None = None
    weights: np.ndarray | None = None

    def __post_init__(self):
        size = len(self.texts)
        if self.targets is None:
            one_hot = np.eye(len(self.label_names), dtype="float32")[self.labels]
            object.__setattr__(self, "targets", one_hot)
        if self.weights is None:
            object.__setattr__(self, "weights", np.ones(size, "float32"))
        for name in ("labels", "targets", "weights"):
            if len(getattr(self, name)) != size:
                raise ValueError(
                    f"`{name}` must have one entry for each of the {size} texts; "
                    f"got {len(getattr(self, name))}."
                )

    def __len__(self):
        return len(self.texts)

    def __add__(self, other: "Examples") -> "Examples":
        if self.label_names != other.label_names:
            raise ValueError(
                f"Both examples must have the same labels; got {self.label_names} and "
                f"{other.label_names}."
            )
        columns = ("texts", "labels", "targets", "weights")
        joined = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in columns
        }
        return dataclasses.replace(self, **joined)


def load_text_classification(
    name_or_path: str | os.PathLike,
    split: str = "train",
    *,
    rating_sharpness: float | None = None,
    weight: float = 1.0,
    data_dir: str | os.PathLike | None = None,
) -> Examples:
    """Texts and their classes, of a TFDS data set or of a TSV file.

    Args:
        name_or_path: name of a TFDS data set with texts and classes (`movie_snippets`,
            `imdb_reviews`), or path of a `.tsv` file with a line label<tab>text for
            each example.
        split: what TFDS calls it (`"train[:90%]"` works too), or `"train"`,
            `"validation"` or `"test"` of a TSV file.
        rating_sharpness: k, for data sets of two classes that have a mean `rating`:
            the targets are then p(positive) = sigmoid(k · rating), so that what people
            did not agree on is not taught as certain. None: certain targets.
        weight: what each of these examples counts in training.
        data_dir: TFDS's data directory; None: its default.

    Raises:
        ValueError: there is no such data set, split or rating; the file is not as it
            must be.
        FetchError: the data set is not on this machine and cannot be fetched.
    """
    if pathlib.Path(name_or_path).suffix.lower() in (".tsv", ".txt"):
        if split not in SPLITS:
            raise ValueError(
                f"`split` must be one of {', '.join(SPLITS)}; got {split!r}."
            )
        if rating_sharpness is not None:
            raise ValueError(
                "`rating_sharpness` must be None for a TSV file, which has no "
                f"ratings; got {rating_sharpness!r}."
            )
        examples = read_tsv(name_or_path)[split]
    else:
        examples = _load_tfds(name_or_path, split, rating_sharpness, data_dir)
    weights = np.full(len(examples), weight, "float32")
    return dataclasses.replace(examples, weights=weights)


def _load_tfds(name, split, rating_sharpness, data_dir):
    builder = prepared_builder(name, data_dir)
    features = builder.info.features
    keys = builder.info.supervised_keys
    if not keys or not hasattr(features[keys[1]], "names"):
        raise ValueError(
            f"`name_or_path` must be a data set of texts and classes; got {name!r}."
        )
    text_key, label_key = keys
    columns = read_columns(builder, split)
    labels = columns[label_key].numpy().astype("int32")
    targets = None
    if rating_sharpness is not None:
        if "rating" not in features:
            raise ValueError(
                f"`rating_sharpness` must be None for {name}, which has no ratings; "
                f"got {rating_sharpness!r}."
            )
        positive = 1 / (1 + np.exp(-rating_sharpness * columns["rating"].numpy()))
        targets = np.stack([1 - positive, positive], 1).astype("float32")
    texts = [text.decode("utf-8", "replace") for text in columns[text_key].numpy()]
    return Examples(
        np.array(texts, dtype=object), labels, tuple(features[label_key].names), targets
    )


def read_tsv(path: str | os.PathLike) -> dict[str, Examples]:
    """Reads a file of one example a line: its class, a tab, its text.

    A first line `label<tab>text` or `text<tab>label` names the columns, in either
    order. Blank lines are left out. An example's split follows from its text alone
    (SHA-1 modulo 10: 0 test, 1 validation, else train; none stays empty where there are
    ten texts), so a text that occurs twice is in one split only. Classes are numbered
    in the order of their names.

    Args:
        path: the file, UTF-8.

    Returns:
        Examples of `"train"`, `"validation"` and `"test"`.

    Raises:
        ValueError: the file is not like this (it says in which line), or a split came
            out empty.

    Warns:
        UserWarning: the first line has a class of its own, as the columns' names would.
    """
    columns = ["label", "text"]
    found: list[tuple[str, str]] = []  # (label, text)
    for number, line in read_lines(path):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if not found and sorted(cell.lower() for cell in cells) == ["label", "text"]:
            columns = [cell.lower() for cell in cells]
            continue
        if len(cells) != 2 or not all(cells):
            raise ValueError(
                f"{path}, line {number}: must be {'<tab>'.join(columns)}, both filled; "
                f"got {len(cells)} columns: {line[:60]!r}."
            )
        row = dict(zip(columns, cells, strict=True))
        found.append((row["label"], row["text"]))
    names = tuple(sorted({label for label, _ in found}))
    texts = {text for _, text in found}
    if len(texts) < len(names):
        raise ValueError(
            f"{path} must hold {'<tab>'.join(columns)} on each line; its columns seem "
            f"to be swapped: there are {len(names):,} different labels for "
            f"{len(texts):,} different texts. A first line text<tab>label says that "
            "the text comes first."
        )
    if not 2 <= len(names) <= 100:
        raise ValueError(
            f"{path} must hold 2 to 100 different labels; got {len(names)}. Each line "
            f"is {'<tab>'.join(columns)}."
        )
    counts = collections.Counter(label for label, _ in found)
    first = found[0][0]
    if counts[first] == 1 and len(names) > 2:
        warnings.warn(
            f"{path}: the label of the first line, {first!r}, stands there alone. If "
            "the line names the columns, take it out, or call them label and text.",
            stacklevel=2,
        )
    rows: dict[str, list] = {split: [] for split in SPLITS}
    splits = splits_of(text for _, text in found)
    for label, text in found:
        rows[splits[text]].append((label, text))
    if empty := [split for split in SPLITS if not rows[split]]:
        raise ValueError(
            f"{path} holds {len(found)} examples, too few: none fell into "
            f"{' and '.join(empty)}. A hundred is a fair minimum."
        )
    return {
        split: Examples(
            np.array([text for _, text in part], dtype=object),
            np.array([names.index(label) for label, _ in part], "int32"),
            names,
        )
        for split, part in rows.items()
    }
