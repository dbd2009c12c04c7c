"""A trained model as a folder: readable, small, and nothing in it can execute.

config.json       class and arguments of the model and of its preprocessor
vocabulary.txt    one word a line, in the order of their ids
model.weights.h5  Keras's own weights file, floats stored in half precision
"""

import json
import pathlib
import tempfile

import h5py
import keras
import numpy as np

from kerasrnn.version import __version__
from kerasrnn.zoo.catalogue import PRESET_FILE as CONFIG_FILE
from kerasrnn.zoo.catalogue import find_preset

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
    preprocessor = model.preprocessor.get_config()
    for key in ("vocabulary", "name", "trainable", "dtype"):
        preprocessor.pop(key, None)
    config = {
        "kerasrnn_version": __version__,
        "task": type(model).__name__,
        "parameters": model.count_params(),
        "model": arguments,
        "preprocessor": {"class": type(model.preprocessor).__name__, **preprocessor},
    }
    (folder / CONFIG_FILE).write_text(
        json.dumps(config, indent=2) + "\n", encoding="utf-8"
    )
    words = model.preprocessor.get_vocabulary()
    (folder / VOCABULARY_FILE).write_text("\n".join(words) + "\n", encoding="utf-8")
    _save_half_precision(model, folder / WEIGHTS_FILE)


def read_preset(name_or_folder):
    """The folder and the contents of `config.json` of a preset."""
    folder = find_preset(name_or_folder)
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    missing = [key for key in ("task", "model", "preprocessor") if key not in config]
    if missing:
        raise ValueError(f"{folder / CONFIG_FILE} lacks {', '.join(missing)}.")
    return folder, config


def read_vocabulary(folder) -> list[str]:
    """The words of a preset, in the order of their ids."""
    text = (pathlib.Path(folder) / VOCABULARY_FILE).read_text(encoding="utf-8")
    # Only the line feed ends a line: a word may hold any other separator.
    return text.removesuffix("\n").split("\n")


def load_weights(model, folder):
    """Fill `model` from a preset's weights file."""
    path = pathlib.Path(folder) / WEIGHTS_FILE
    try:
        keras.saving.load_weights(model, path, objects_to_skip=[model.optimizer])
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"The weights in {path} do not fit this {type(model).__name__}: {error}"
        ) from error


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
