import csv
import dataclasses
import hashlib
import json
import pathlib

import numpy as np

from kerasrnn.zoo import list_recipes, load_recipe


@dataclasses.dataclass(frozen=True)
class Examples:
    """Texts and their classes.

    Args:
        texts: (N,) array of `str`.
        labels: (N,) array of integers.
    """

    texts: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.texts)


def read_tsv(path) -> tuple[dict[str, Examples], list[str]]:
    """Read a text file of one example a line: its label, a tab, its text.

    A first line `label<tab>text` or `text<tab>label` names the columns, in either
    order. An example's split follows from its text alone: its SHA-1 modulo 10 is 0
    for test and 1 for validation, all else is for training.

    Args:
        path: The file, UTF-8.

    Returns:
        The splits `"train"`, `"validation"` and `"test"`, and the names of the
        classes in the order of their numbers.

    Raises:
        ValueError: The file is not like this, or a split came out empty.
    """
    rows = _read_rows(path)
    classes = sorted({label for label, _ in rows})
    if not 2 <= len(classes) <= 100:
        raise ValueError(
            f"{path} must hold 2 to 100 different labels; found {len(classes)}. "
            "Each line is label<tab>text."
        )
    parts = {"train": [], "validation": [], "test": []}
    for label, text in rows:
        digit = int(hashlib.sha1(text.encode()).hexdigest(), 16) % 10
        parts[{0: "test", 1: "validation"}.get(digit, "train")].append((label, text))
    for name, part in parts.items():
        if not part:
            raise ValueError(
                f"{path} holds {len(rows)} examples, too few: none fell into the "
                f"{name} split. A hundred is a fair minimum."
            )
    splits = {name: _examples(part, classes) for name, part in parts.items()}
    return splits, classes


def evaluation_examples(model: str, labels, path=None) -> Examples:
    """What to judge a trained model on.

    Args:
        model: Name of a recipe with a preset, or the folder of a run.
        labels: Names of the model's classes.
        path: A file as `read_tsv` takes, all of which is used; its labels are names
            or numbers of the model's classes. None: the test split of the data that
            the model was trained on.
    """
    if path is None:
        return load_examples(_data_of(model))[0]["test"]
    rows = _read_rows(path)
    classes = list(labels)
    if all(label.isdecimal() for label, _ in rows) and not set(classes) & {"0", "1"}:
        classes = [str(number) for number in range(len(classes))]
    unknown = sorted({label for label, _ in rows} - set(classes))
    if unknown:
        raise ValueError(
            f"{path} has the label {unknown[0]!r}, which the model does not know. It "
            f"knows {', '.join(labels)}."
        )
    return _examples(rows, classes)


def _data_of(model):
    """The `data` section that a preset of the catalogue, or a run, was trained on."""
    if model in list_recipes():
        return load_recipe(model).config["data"]
    run_file = pathlib.Path(model, "run.json")
    data = {}
    if run_file.is_file():
        data = json.loads(run_file.read_text(encoding="utf-8"))["data"]
    if "labels" not in data:
        raise ValueError(
            f"What {model} was trained on is not a data set of the catalogue: say what "
            "to judge it on, with `data`, a file of label<tab>text (--data)."
        )
    return data


def _read_rows(path):
    """Pairs of label and text."""
    path = pathlib.Path(path)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"Cannot read {path} as UTF-8 text: {error}") from error
    columns = ["label", "text"]
    if rows and sorted(name.strip().lower() for name in rows[0]) == columns:
        columns = [name.strip().lower() for name in rows.pop(0)]
    pairs = []
    for row in filter(None, rows):
        if len(row) != 2:
            raise ValueError(
                f"{path} must have two columns a line, label<tab>text; example "
                f"{len(pairs) + 1} has {len(row)}: {' | '.join(row)[:60]!r}."
            )
        example = dict(zip(columns, row, strict=True))
        pairs.append((example["label"].strip(), example["text"]))
    if not pairs:
        raise ValueError(f"{path} holds no examples. Each line is label<tab>text.")
    return pairs


def _examples(rows, classes):
    return Examples(
        np.array([text for _, text in rows], dtype=object),
        np.array([classes.index(label) for label, _ in rows], dtype="int32"),
    )


def load_examples(data: dict) -> tuple[dict[str, Examples], list[str]]:
    """The splits of a recipe's data set, and the names of its classes.

    Args:
        data: The `data` section of a recipe: `name` of a TFDS data set, `splits` from
            `"train"`, `"validation"`, `"test"` to TFDS's names for them, `labels`.
    """
    import tensorflow_datasets as tfds

    import kerasrnn.data  # noqa: F401  Registers the builders.

    splits = {}
    for part in ("train", "validation", "test"):
        split = data.get("splits", {}).get(part, part)
        dataset = tfds.load(data["name"], split=split, as_supervised=True)
        pairs = list(tfds.as_numpy(dataset))
        splits[part] = Examples(
            np.array([text.decode("utf-8") for text, _ in pairs], dtype=object),
            np.array([label for _, label in pairs], dtype="int32"),
        )
    return splits, list(data["labels"])
