"""Reads arrays out of a pickle, and executes nothing that is in it."""

import io
import math
import pickle
import pickletools
from typing import Any

import numpy as np

# What such a pickle is made of. Others call something, or take memory for nothing.
OPERATIONS = {
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "GLOBAL"),
    *("STACK_GLOBAL", "REDUCE", "BUILD", "BINGET", "LONG_BINGET", "BINPUT"),
    *("LONG_BINPUT", "MEMOIZE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES", "EMPTY_TUPLE"),
    *("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("EMPTY_DICT", "SETITEM", "SETITEMS"),
}


class _Dtype:
    """In place of `numpy.dtype`: numbers, or objects, which are lists here."""

    def __init__(self, code="", align=False, copy=False):
        if code != "O8" and not (isinstance(code, str) and code[:1] in tuple("fiub")):
            raise pickle.UnpicklingError(f"an array must hold numbers; got {code!r}")
        self.code, self.order = code, "="

    def __setstate__(self, state):
        self.order = state[1]


class _Array:
    """In place of `numpy.ndarray`: what the pickle says of it, checked."""

    def __setstate__(self, state):
        _, shape, dtype, is_fortran, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
            raise pickle.UnpicklingError("an array must have a dtype and a shape")
        self.shape, self.dtype, self.data = shape, dtype, data
        self.order = "F" if is_fortran else "C"

    def made(self):
        """The array itself; of objects a list, or what is alone in it."""
        if self.dtype.code == "O8":
            return self.data[0] if self.shape == () else self.data
        dtype = np.dtype(self.dtype.code).newbyteorder(self.dtype.order)
        if math.prod(self.shape) * dtype.itemsize != len(self.data):
            raise ValueError(f"an array {self.shape} must be whole")
        array = np.frombuffer(self.data, dtype).reshape(self.shape, order=self.order)
        return array.astype(dtype.newbyteorder("="))


def _reconstruct(cls, shape, code):
    if cls is not _Array:
        raise pickle.UnpicklingError("no other class is made")
    return _Array()


def _encode(text, encoding):
    """The bytes of an array, which protocol 2 keeps as a text of Latin-1."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes must be in latin1; got {encoding!r}")
    return text.encode("latin1")


# All that such a pickle may name: what arrays are made of.
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is nothing of an array")
        return ALLOWED[module, name]


def read_pickled(content: bytes) -> Any:
    """What `np.save` pickled into a `.npy` file: arrays in dictionaries and lists.

    Of Python's pickle only what arrays are made of is known: no other function can be
    called, so nothing of the file is executed. Arrays of objects become lists.

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
        _, _, dtype = np.lib.format.read_array_header_1_0(file)
        if not dtype.hasobject:
            raise ValueError(f"it must hold an object; it holds {dtype}")
        begin = file.tell()
        for operation, argument, _ in pickletools.genops(file):
            if operation.name not in OPERATIONS:
                raise ValueError(f"{operation.name} is nothing of an array")
            is_place = operation.name.endswith(("PUT", "GET"))
            if is_place and not 0 <= (argument or 0) <= len(content):
                raise ValueError("it must have no places that are not filled")
        file.seek(begin)
        return _made(_ArrayUnpickler(file).load())
    except Exception as error:  # whatever broken bytes lead to
        raise ValueError(f"`content` cannot be read as arrays: {error}.") from error


def _made(found):
    if isinstance(found, _Array):
        return _made(found.made())
    if isinstance(found, dict):
        return {key: _made(value) for key, value in found.items()}
    if isinstance(found, (list, tuple)):
        return type(found)(_made(value) for value in found)
    return found
