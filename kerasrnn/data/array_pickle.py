"""Reads arrays out of a pickle, and executes nothing that is in it."""

import io
import pickle
from typing import Any

import numpy as np


def _encode(text, encoding):
    """The bytes of an array, which protocol 2 keeps as a text of Latin-1."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes must be in latin1; got {encoding!r}.")
    return text.encode("latin1")


def _new_array(cls, shape, dtype):
    """An empty array, whose content the pickle gives later."""
    if cls is not np.ndarray or shape != (0,):
        raise pickle.UnpicklingError("an array must begin empty.")
    return np.empty(0, np.uint8)


# All that such a pickle may call: what arrays of numbers are made of.
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _new_array,
    ("numpy._core.multiarray", "_reconstruct"): _new_array,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is nothing of an array.")
        return ALLOWED[module, name]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("nothing outside the file is read.")


def read_pickled(content: bytes) -> Any:
    """What `np.save` pickled into a `.npy` file: arrays in dictionaries and lists.

    Of Python's pickle only what arrays are made of is known: no other function can be
    called, so nothing of the file is executed.

    Args:
        content: The bytes of the file.

    Raises:
        ValueError: It is no such file, or holds something else.

    Example:

    >>> import io
    >>> import numpy as np
    >>> file = io.BytesIO()
    >>> np.save(file, {"x": [np.arange(3)]}, allow_pickle=True)
    >>> read_pickled(file.getvalue())
    {'x': [array([0, 1, 2])]}
    """
    file = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("it must be of version 1.0")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if not dtype.hasobject:
            raise ValueError(f"it must hold an object; it holds {dtype}")
        found = _ArrayUnpickler(file).load()
    except (pickle.UnpicklingError, ValueError, EOFError, TypeError) as error:
        raise ValueError(f"`content` cannot be read as arrays: {error}") from error
    if shape == ():
        return found.item() if isinstance(found, np.ndarray) else found
    return found
