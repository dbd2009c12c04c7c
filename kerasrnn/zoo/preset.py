"""A trained model as a folder: readable, small, and nothing in it can execute.

config.json            class and arguments of the model and of its preprocessor;
                       the vocabulary too where it is one of characters
vocabulary.txt         one word a line, in the order of their ids
target_vocabulary.txt  the same of what a translator writes, where it is another
model.weights.h5       Keras's own weights file, floats stored in half precision
"""

import json
import pathlib
import tempfile

import h5py
import keras
import numpy as np

from kerasrnn.catalogue import PRESET_FILE as CONFIG_FILE
from kerasrnn.catalogue import find_preset, unknown_name
from kerasrnn.version import __version__

VOCABULARY_FILE = "vocabulary.txt"
WEIGHTS_FILE = "model.weights.h5"


def save_preset(model, folder):
    """Write `model` into `folder`, which is made where it is missing."""
    if model.preprocessor is None:
        raise ValueError(
            "A preset holds a preprocessor, so that it can be used on raw text; this "
            f"{type(model).__name__} has `preprocessor=None`."
        )
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arguments = model.get_config()
    arguments.pop("preprocessor")
    vocabularies = {}
    config = {
        "kerasrnn_version": __version__,
        "task": type(model).__name__,
        "parameters": model.count_params(),
        "model": arguments,
        "preprocessor": _describe(model.preprocessor, vocabularies),
    }
    for file, words in vocabularies.items():
        _write_vocabulary(folder / file, words)
    _save_half_precision(model, folder / WEIGHTS_FILE)
    # Last, since it is what makes the folder a preset.
    (folder / CONFIG_FILE).write_text(
        json.dumps(config, indent=2) + "\n", encoding="utf-8"
    )


def read_preset(name_or_folder):
    """The folder and the contents of `config.json` of a preset."""
    folder = find_preset(name_or_folder)
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    missing = [key for key in ("task", "model", "preprocessor") if key not in config]
    if missing:
        raise ValueError(f"{folder / CONFIG_FILE} lacks {', '.join(missing)}.")
    return folder, config


def read_preprocessor(folder, description, role="source"):
    """Make the preprocessor that a section of `config.json` describes."""
    options = dict(description)
    preprocessor_class = _preprocessor_class(options.pop("class"))
    for key, value in options.items():
        if isinstance(value, dict):
            options[key] = read_preprocessor(folder, value, role=key)
    if hasattr(preprocessor_class, "get_vocabulary") and "characters" not in options:
        path = pathlib.Path(folder) / _vocabulary_file(role)
        options["vocabulary"] = _read_vocabulary(path)
    return preprocessor_class(**options)


def load_weights(model, folder):
    """Fill `model` from a preset's weights file."""
    path = pathlib.Path(folder) / WEIGHTS_FILE
    try:
        keras.saving.load_weights(model, path, objects_to_skip=[model.optimizer])
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"The weights in {path} do not fit this {type(model).__name__}: {error}"
        ) from error


def _describe(preprocessor, vocabularies, role="source"):
    """Class and options of a preprocessor; its words go to `vocabularies`, by file."""
    name = type(preprocessor).__name__
    _preprocessor_class(name)  # What could not be read again is not written.
    options = preprocessor.get_config()
    for key in ("vocabulary", "name", "trainable", "dtype"):
        options.pop(key, None)
    for key, value in options.items():
        if isinstance(value, dict):  # A preprocessor inside it, as Keras writes it.
            options[key] = _describe(getattr(preprocessor, key), vocabularies, key)
    # A line feed is a character of its own, which no file of one a line could hold.
    if hasattr(preprocessor, "get_vocabulary") and "characters" not in options:
        vocabularies[_vocabulary_file(role)] = preprocessor.get_vocabulary()
    return {"class": name, **options}


def _preprocessor_class(name):
    from kerasrnn.zoo.models import PREPROCESSORS

    if name not in PREPROCESSORS:
        raise ValueError(unknown_name("preprocessor", name, [*PREPROCESSORS]))
    return PREPROCESSORS[name]


def _vocabulary_file(role):
    """Where the words of a preprocessor lie; one that is alone reads the source."""
    return VOCABULARY_FILE if role == "source" else f"{role}_{VOCABULARY_FILE}"


def _write_vocabulary(path, words):
    for number, word in enumerate(words):
        if "\n" in word:
            raise ValueError(
                "A preset's vocabulary has a word on each line, so no word may hold a "
                f"line feed; word {number} is {word!r}."
            )
    path.write_text("\n".join(words) + "\n", encoding="utf-8", newline="\n")


def _read_vocabulary(path):
    # Only the line feed ends a line: a word may hold any other separator.
    text = path.read_bytes().decode("utf-8")
    return text.removesuffix("\n").split("\n")


def _save_half_precision(model, path):
    with tempfile.TemporaryDirectory() as scratch:
        full = pathlib.Path(scratch) / WEIGHTS_FILE
        keras.saving.save_weights(model, full, objects_to_skip=[model.optimizer])
        with h5py.File(full) as source, h5py.File(path, "w") as target:
            _copy_group(source, target)


def _copy_group(source, target):
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy_group(item, target.create_group(name))
            continue
        array = np.asarray(item)
        if np.issubdtype(array.dtype, np.floating):
            with np.errstate(over="ignore"):
                array = array.astype("float16")
            if not np.isfinite(array).all():
                raise ValueError(
                    f"The weight {item.name} has values that half precision cannot "
                    "hold (above 65504, or not a number)."
                )
        compression = "gzip" if array.ndim else None
        target.create_dataset(name, data=array, compression=compression)
        target[name].attrs.update(item.attrs)


def architecture_of(config) -> dict:
    """Arguments for the model's class, with a dtype policy as Keras serialises it."""
    arguments = dict(config["model"])
    if isinstance(arguments.get("dtype"), dict):
        arguments["dtype"] = keras.dtype_policies.deserialize(arguments["dtype"])
    return arguments
