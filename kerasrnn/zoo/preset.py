"""A trained model as a folder: readable, small, and nothing in it can execute.

config.json            class and arguments of the model and of its preprocessor;
                       the vocabulary too where it is one of characters; and the
                       SHA-256 of each of the other files
vocabulary.txt         one word a line, in the order of their ids
target_vocabulary.txt  the same of what a translator writes, where it is another
model.weights.h5       Keras's own weights file, floats stored in half precision
"""

import hashlib
import json
import math
import pathlib
import tempfile

import h5py
import keras
import numpy as np

from kerasrnn.catalogue import PRESET_FILE as CONFIG_FILE
from kerasrnn.catalogue import find_preset, unknown_name
from kerasrnn.text import PairTokenizer, TargetTokenizer
from kerasrnn.text.tokenizer import Tokenizer
from kerasrnn.version import __version__
from kerasrnn.vision import PictureReader

PACKAGE = "kerasrnn>"
PREPROCESSORS = (Tokenizer, PairTokenizer, TargetTokenizer, PictureReader)
SECTIONS = ("task", "model", "preprocessor", "files")
VOCABULARY_FILE = "vocabulary.txt"
WEIGHTS_FILE = "model.weights.h5"


def save_preset(model, folder):
    """Write `model` into `folder`, which is made where it is missing."""
    if model.preprocessor is None and model.needs_preprocessor:
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
        "task": _name_of(type(model)),
        "parameters": model.count_params(),
        "model": arguments,
        "preprocessor": _describe(model.preprocessor, vocabularies),
    }
    for file, words in vocabularies.items():
        _write_vocabulary(folder / file, words)
    _save_half_precision(model, folder / WEIGHTS_FILE)
    files = [*vocabularies, WEIGHTS_FILE]
    config["files"] = {name: _sha256(folder / name) for name in files}
    # Last, since it is what makes the folder a preset.
    (folder / CONFIG_FILE).write_text(
        json.dumps(config, indent=2) + "\n", encoding="utf-8"
    )


def read_preset(name_or_folder):
    """The folder and the contents of `config.json` of a preset."""
    folder = find_preset(name_or_folder)
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    missing = [key for key in SECTIONS if key not in config]
    if missing:
        raise ValueError(f"{folder / CONFIG_FILE} lacks {', '.join(missing)}.")
    for name, expected in config["files"].items():
        file = folder / name
        if file.parent != folder or not file.is_file():
            raise ValueError(f"The preset {folder} lacks its file {name!r}.")
        if _sha256(file) != expected:
            raise ValueError(
                f"{file} is not as the preset was saved: its SHA-256 is not the one in "
                f"{CONFIG_FILE}. Get the preset again, or save the model anew."
            )
    return folder, config


def registered_class(kind: str, name: str, base: type | tuple) -> type:
    """A class by the name that Keras's registry has; those of kerasrnn need no package.

    Args:
        kind: What it is, for the error.
        name: Such as `"Seq2Seq"`, or `"mine>MyTask"`.
        base: What it must be a subclass of.

    Raises:
        ValueError: There is no such class.
    """
    found = keras.saving.get_registered_object(name if ">" in name else PACKAGE + name)
    if isinstance(found, type) and issubclass(found, base):
        return found
    known = sorted(
        registered.removeprefix(PACKAGE)
        for registered, one in keras.saving.get_custom_objects().items()
        if isinstance(one, type) and issubclass(one, base) and ">" in registered
    )
    raise ValueError(unknown_name(kind, name, known))


def preprocessor_class(name: str) -> type:
    """The class of a tokenizer that a recipe or a preset names."""
    return registered_class("preprocessor", name, PREPROCESSORS)


def _name_of(cls):
    name = keras.saving.get_registered_name(cls)
    if ">" not in name:
        raise ValueError(
            f"A preset names the class {name}, so that it must be registered: put "
            '`@keras.saving.register_keras_serializable(package="mine")` before it.'
        )
    return name.removeprefix(PACKAGE)


def read_preprocessor(folder, description, role="source"):
    """Make the preprocessor that a section of `config.json` describes; None: none."""
    if description is None:
        return None
    options = dict(description)
    found = preprocessor_class(options.pop("class"))
    for key, value in options.items():
        if isinstance(value, dict):
            options[key] = read_preprocessor(folder, value, role=key)
    if hasattr(found, "get_vocabulary") and "characters" not in options:
        path = pathlib.Path(folder) / _vocabulary_file(role)
        options["vocabulary"] = _read_vocabulary(path)
    return found(**options)


def load_weights(model, folder):
    """Fill `model` from a preset's weights file."""
    path = pathlib.Path(folder) / WEIGHTS_FILE
    try:
        _check_size(model, path)
        keras.saving.load_weights(model, path, objects_to_skip=[model.optimizer])
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"The weights in {path} do not fit this {type(model).__name__}: {error}"
        ) from error
    for weight in model.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise ValueError(
                f"The weights in {path} must be finite; {weight.path} holds NaN or "
                "infinity."
            )


def _check_size(model, path):
    """Raises where the file says that it holds more numbers than the model has."""
    expected = sum(math.prod(v.shape) for v in model.variables)
    sizes = []

    def add(name, item):
        sizes.append(math.prod(getattr(item, "shape", (0,))))

    with h5py.File(path) as file:
        file.visititems(add)
    if sum(sizes) > expected:
        raise ValueError(f"it holds {sum(sizes):,} numbers, the model {expected:,}")


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _describe(preprocessor, vocabularies, role="source"):
    """Class and options of a preprocessor; its words go to `vocabularies`, by file."""
    if preprocessor is None:
        return None
    name = _name_of(type(preprocessor))
    preprocessor_class(name)  # What could not be read again is not written.
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
