"""Sequences with a label at every step, from TFDS or from files of the user's own."""

import csv
import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasrnn.data.splits import SPLITS, splits_of
from kerasrnn.data.tfds_builder import prepared_builder, unknown_split
from kerasrnn.data.user_file import read_lines

# Lines of CoNLL's files that begin a document.
DOCUMENT_START = "-DOCSTART-"


@dataclasses.dataclass(frozen=True)
class TaggedSequences:
    """Sequences of words, or of frames, and a label for each step.

    Args:
        inputs: For each sequence its words, or its frames (T, D).
        tags: For each sequence the names of its labels, one a step.
        channels: What the numbers of a frame are; none for words.

    Example:

    >>> pair = TaggedSequences([["a", "cat"]], [["DT", "NN"]])
    >>> len(pair), pair.steps
    (1, 2)
    """

    inputs: Sequence[Any]
    tags: Sequence[Sequence[str]]
    channels: tuple[str, ...] = ()

    def __post_init__(self):
        if len(self.inputs) != len(self.tags):
            raise ValueError(
                f"`tags` must have an entry for each of the {len(self.inputs)} "
                f"sequences; got {len(self.tags)}."
            )
        for index, (steps, tags) in enumerate(zip(self.inputs, self.tags, strict=True)):
            if len(steps) != len(tags):
                raise ValueError(
                    f"`tags[{index}]` must have a label for each of the {len(steps)} "
                    f"steps; got {len(tags)}."
                )

    def __len__(self):
        return len(self.inputs)

    @property
    def steps(self) -> int:
        """How many steps all sequences have together."""
        return sum(map(len, self.tags))

    def windows(self, length: int | None, hop: int | None = None) -> "TaggedSequences":
        """The sequences cut into pieces of one length; what is left over is dropped.

        Args:
            length: Steps of a piece; None: the sequences as they are.
            hop: Steps from the beginning of one to that of the next; None: `length`.
        """
        if length is None:
            return self
        places = [
            (index, at)
            for index, tags in enumerate(self.tags)
            for at in range(0, len(tags) - length + 1, hop or length)
        ]
        return dataclasses.replace(
            self,
            inputs=[self.inputs[index][at : at + length] for index, at in places],
            tags=[self.tags[index][at : at + length] for index, at in places],
        )


def load_tagging(
    name: str, split: str = "train", *, data_dir: str | os.PathLike | None = None
) -> TaggedSequences:
    """Sequences and their labels, of a TFDS data set.

    Args:
        name: `brown_tagged`, `smartwatch_exercises`, or another data set of TFDS whose
            supervised keys are a sequence of texts and one of labels, or frames (T, D)
            and one label for all of them.
        split: What TFDS calls it; `"train[:10%]"` works too.
        data_dir: TFDS's data directory; None: its default.

    Raises:
        ValueError: There is no such data set or split, or it has no such features.
        FetchError: The data set is not on this machine and cannot be fetched.
    """
    expected = "`name` must be a data set of sequences with labels that TFDS knows"
    builder = prepared_builder(name, data_dir, expected=expected)
    keys = builder.info.supervised_keys
    features = builder.info.features
    if not keys or len(features[keys[0]].shape or ()) not in (1, 2):
        raise ValueError(f"{expected}; got {name!r}.")
    try:
        dataset = builder.as_dataset(split=split, shuffle_files=False)
    except ValueError as error:
        raise unknown_split(builder, split) from error
    rows = list(dataset.as_numpy_iterator())
    if "id" in features:  # The order of TFDS's files is another one.
        rows.sort(key=lambda row: row["id"])
    of_steps, of_labels = keys
    if len(features[of_steps].shape) == 1:
        return TaggedSequences(
            [_texts(row[of_steps]) for row in rows],
            [_texts(row[of_labels]) for row in rows],
        )
    names = features[of_labels].names
    return TaggedSequences(
        [row[of_steps] for row in rows],
        [[names[row[of_labels]]] * len(row[of_steps]) for row in rows],
        tuple(str(number) for number in range(features[of_steps].shape[1])),
    )


def _texts(array):
    return [text.decode("utf-8", "replace") for text in array]


def read_tagged(path: str | os.PathLike) -> dict[str, TaggedSequences]:
    """Reads a file of the user's own: words with tags, or frames with labels.

    Args:
        path: A file as `read_conll` takes it; one whose name ends with `.csv` as
            `read_frames` does.

    Returns:
        Sequences of `"train"`, `"validation"` and `"test"`.
    """
    if pathlib.Path(path).suffix.lower() == ".csv":
        return read_frames(path)
    return read_conll(path)


def read_conll(path: str | os.PathLike) -> dict[str, TaggedSequences]:
    """Reads a file with a word, a tab and its tag on each line.

    A blank line ends a sentence. Of more than two columns the first and the last one
    are read; where a line has no tab, columns have spaces between. Lines of
    `-DOCSTART-` are left out. A sentence's split follows from its words alone (SHA-1
    modulo 10: 0 test, 1 validation, else train; none stays empty where there are ten).

    Args:
        path: The file, UTF-8.

    Returns:
        Sequences of `"train"`, `"validation"` and `"test"`.

    Raises:
        ValueError: The file is not like this (it says in which line), or a split came
            out empty.
    """
    sentences: list[tuple[list[str], list[str]]] = [([], [])]
    for number, line in read_lines(path):
        if not line.strip():
            sentences.append(([], []))
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        cells = [cell.strip() for cell in cells]
        if cells[0] == DOCUMENT_START:
            continue
        word, tag = cells[0], cells[-1]
        if len(cells) < 2 or not word or not tag or len(word.split()) > 1:
            raise ValueError(
                f"{path}, line {number}: must be word<tab>tag, both filled, the word "
                f"without a space; got {line[:60]!r}."
            )
        sentences[-1][0].append(word)
        sentences[-1][1].append(tag)
    rows = [(" ".join(words), words, tags) for words, tags in sentences if words]
    return _split(path, rows, (), "sentences")


def read_frames(path: str | os.PathLike) -> dict[str, TaggedSequences]:
    """Reads a table with a frame on each line: its sequence, its label, its numbers.

    The first line names the columns: `sequence` and `label`, wherever they stand,
    maybe `group`, and any others, which are numbers; an empty cell is a missing one.
    Lines of one sequence follow each other in time. A sequence's split follows from
    its name, or from its group, such as the person that was measured.

    Args:
        path: The file, comma-separated, UTF-8.

    Returns:
        Sequences of `"train"`, `"validation"` and `"test"`.

    Raises:
        ValueError: The file is not like this (it says in which line), or a split came
            out empty.
    """
    lines = ((number, line) for number, line in read_lines(path) if line.strip())
    _, head = next(lines, (0, ""))
    (columns,) = csv.reader([head])
    columns = [column.strip() for column in columns]
    channels = [c for c in columns if c not in ("sequence", "label", "group")]
    if not {"sequence", "label"} <= {*columns} or not channels:
        raise ValueError(
            f"{path} must have a first line with the names of its columns, `sequence`, "
            f"`label` and those of numbers; got {head[:60]!r}."
        )
    found: dict[str, tuple[str, list, list]] = {}
    for number, line in lines:
        (cells,) = csv.reader([line])
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        if len(cells) != len(columns) or not row["sequence"] or not row["label"]:
            raise ValueError(
                f"{path}, line {number}: must have {len(columns)} cells, `sequence` "
                f"and `label` filled; got {line[:60]!r}."
            )
        try:
            frame = [float(row[name] or "nan") for name in channels]
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number}: {', '.join(channels)} must be numbers: "
                f"{error}."
            ) from error
        group = row.get("group") or row["sequence"]
        _, frames, tags = found.setdefault(row["sequence"], (group, [], []))
        frames.append(frame)
        tags.append(row["label"])
    rows = [(key, np.array(x, "float32"), tags) for key, x, tags in found.values()]
    return _split(path, rows, tuple(channels), "sequences")


def _split(path, rows, channels, unit):
    """Sequences of each split, of rows (key, steps, tags)."""
    splits = splits_of({key: None for key, *_ in rows})
    parts: dict[str, list] = {split: [] for split in SPLITS}
    for key, steps, tags in rows:
        parts[splits[key]].append((steps, tags))
    if empty := [split for split in SPLITS if not parts[split]]:
        raise ValueError(
            f"{path} holds {len(rows)} {unit} of {len(splits)} kinds, too few: none "
            f"fell into {' and '.join(empty)}. A hundred is a fair minimum."
        )
    return {
        split: TaggedSequences(
            [steps for steps, _ in part], [tags for _, tags in part], channels
        )
        for split, part in parts.items()
    }
