"""The examples that a recipe, or a file of the user's own, gives to learn from."""

import dataclasses
import itertools
import json
import pathlib

import numpy as np

from kerasrnn.data import (
    CaptionedImages,
    Examples,
    TextPairs,
    load_captions,
    load_documents,
    load_text_classification,
    load_translation,
    read_captions,
    read_pairs,
    read_tsv,
)
from kerasrnn.data.text_file import encode_text_file, open_text_file
from kerasrnn.fetching import cache_directory
from kerasrnn.text import CharacterText
from kerasrnn.zoo import PREPROCESSORS, list_recipes, load_recipe

PARTS = ("train", "validation", "test")
COLUMNS = ("keys", "captions", "kinds")


def load_splits(data: dict, path=None) -> dict[str, Examples]:
    """Training, validation and test examples.

    Args:
        data: The `data` section of a recipe: `name` of a TFDS data set; `splits`, what
            it calls `train`, `validation` and `test`; `rating_sharpness`, how ratings
            become probabilities to learn; `extra`, a list of `split` and `weight`, to
            be learned from as well.
        path: A file of label<tab>text in place of all that.
    """
    if path is not None:
        return read_tsv(path)
    names = {part: data.get("splits", {}).get(part, part) for part in PARTS}
    splits = {
        part: load_text_classification(data["name"], split)
        for part, split in names.items()
        if part != "train"
    }
    sharpness = data.get("rating_sharpness")
    train = load_text_classification(
        data["name"], names["train"], rating_sharpness=sharpness
    )
    for extra in data.get("extra", []):
        train += load_text_classification(
            data["name"],
            extra["split"],
            rating_sharpness=sharpness,
            weight=extra.get("weight", 1.0),
        )
    return {"train": train, **splits}


def load_texts(data: dict, preprocessor: dict, path=None):
    """A tokenizer, and the text of training, validation and test as `CharacterText`s.

    Args:
        data: The `data` section of a recipe: `name` and `config` of a TFDS data set of
            documents; `splits`, what it calls `train`, `validation` and `test`; or
            `text`, all of the text to learn, and to judge by.
        preprocessor: The `preprocessor` section of a recipe.
        path: A text file in place of `data`. Its characters' numbers are kept in the
            cache, so that it may be larger than the memory.
    """
    options = {key: preprocessor[key] for key in preprocessor if key != "class"}
    tokenizer_class = PREPROCESSORS[preprocessor.get("class", "CharacterTokenizer")]
    if path is not None:
        return open_text_file(path, cache_directory() / "texts", **options)
    splits = {part: _documents(data, part) for part in PARTS}
    tokenizer = tokenizer_class(**options)
    tokenizer.adapt(splits["train"])
    return tokenizer, {
        part: CharacterText.of_documents(documents, tokenizer)
        for part, documents in splits.items()
    }


def load_pair_splits(data: dict, path=None) -> dict[str, TextPairs]:
    """Training, validation and test pairs of texts.

    Args:
        data: The `data` section of a recipe: `name` of a TFDS data set; `languages`,
            from which to which; `splits`, what it calls `train`, `validation` and
            `test`; `max_words`, longer pairs are left out; and `train_max_words`, in
            its place for training.
        path: A file of source<tab>target in place of the data set.
    """
    if path is not None:
        return read_pairs(path)
    return {part: _pairs(data, part) for part in PARTS}


def _pairs(data, part):
    limit = data.get("max_words")
    if part == "train":
        limit = data.get("train_max_words", limit)
    languages = data.get("languages")
    return load_translation(
        data["name"],
        data.get("splits", {}).get(part, part),
        languages=None if languages is None else tuple(languages),
        max_words=limit,
    )


def load_caption_splits(data: dict, path=None) -> dict[str, CaptionedImages]:
    """Training, validation and test pictures with their captions.

    Args:
        data: The `data` section of a recipe: `name` and `config` of a TFDS data set;
            `splits`, what it calls `train`, `validation` and `test`; and `kinds`, to
            leave out pictures of others.
        path: A folder of pictures with a `captions.tsv` in place of the data set.
    """
    if path is not None:
        return read_captions(path)
    return {part: _captions(data, part) for part in PARTS}


def _captions(data, part):
    return load_captions(
        data["name"],
        data.get("splits", {}).get(part, part),
        config=data.get("config"),
        kinds=data.get("kinds"),
    )


def evaluation_captions(model: str, path=None) -> CaptionedImages:
    """What to judge a trained captioner on.

    Args:
        model: Name of a recipe with a preset, or the folder of a run.
        path: A folder of pictures with a `captions.tsv`, all of which are used. None:
            the test split of the data that the model was trained on, without pictures
            that only vary others, as emoji in another skin tone do.
    """
    if path is None:
        data = _data_of(model, "file<tab>caption, in a folder of pictures")
        images = _captions(data, "test")
        return images.select(np.flatnonzero(~np.array(images.variants, bool)))
    parts = read_captions(path).values()

    def read():
        return itertools.chain.from_iterable(part.read() for part in parts)

    columns = (sum((getattr(p, n) for p in parts), ()) for n in COLUMNS)
    return CaptionedImages(*columns, read)


def evaluation_text(model: str, tokenizer, path=None) -> CharacterText:
    """What to judge a trained language model on.

    Args:
        model: Name of a recipe with a preset, or the folder of a run.
        tokenizer: The model's.
        path: A text file, all of which is used. None: the test split of the data that
            the model was trained on.
    """
    if path is not None:
        return encode_text_file(path, tokenizer)
    documents = _documents(_data_of(model, "text"), "test")
    return CharacterText.of_documents(documents, tokenizer)


def _documents(data, part):
    if "text" in data:
        return [data["text"]]
    split = data.get("splits", {}).get(part, part)
    return load_documents(data["name"], split, config=data.get("config"))


def evaluation_pairs(model: str, path=None) -> TextPairs:
    """What to judge a trained translator on.

    Args:
        model: Name of a recipe with a preset, or the folder of a run.
        path: A file of source<tab>target, all of which is used. None: the test split
            of the data that the model was trained on.
    """
    if path is None:
        return _pairs(_data_of(model, "source<tab>target"), "test")
    parts = read_pairs(path)
    return parts["train"] + parts["validation"] + parts["test"]


def evaluation_examples(model: str, labels, path=None) -> Examples:
    """What to judge a trained model on.

    Args:
        model: Name of a recipe with a preset, or the folder of a run.
        labels: Names of the model's classes.
        path: A file of label<tab>text, all of which is used; its labels are names or
            numbers of the model's classes. None: the test split of the data that the
            model was trained on.
    """
    if path is None:
        data = _data_of(model, "label<tab>text")
        return load_text_classification(
            data["name"], data.get("splits", {}).get("test", "test")
        )
    parts = read_tsv(path)
    examples = parts["train"] + parts["validation"] + parts["test"]
    numbers = {name: number for number, name in enumerate(labels)}
    if all(name.isdecimal() for name in examples.label_names):
        numbers = {str(number): number for number in range(len(labels))} | numbers
    unknown = [name for name in examples.label_names if name not in numbers]
    if unknown:
        raise ValueError(
            f"{path} has the label {unknown[0]!r}, which the model does not know. It "
            f"knows {', '.join(labels)}."
        )
    of_model = np.array([numbers[name] for name in examples.label_names], "int32")
    return dataclasses.replace(
        examples,
        labels=of_model[examples.labels],
        label_names=tuple(labels),
        targets=None,
    )


def _data_of(model, columns):
    """The `data` section that a preset of the catalogue, or a run, was trained on."""
    if model in list_recipes():
        return load_recipe(model).config["data"]
    run_file = pathlib.Path(model, "run.json")
    run = {"file": None}
    if run_file.is_file():
        run = json.loads(run_file.read_text(encoding="utf-8"))
    if "file" in run:
        raise ValueError(
            f"What {model} was trained on is not a data set of the catalogue: say what "
            f"to judge it on, with a file of {columns} (--data)."
        )
    return run["data"]
