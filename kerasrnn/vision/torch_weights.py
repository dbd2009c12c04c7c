"""Reads a file of PyTorch weights with neither PyTorch nor running what is in it.

Such a file is a pickle, and a pickle is a program: it may name any function of any
module and call it. Here only the few names that a dictionary of tensors needs have a
meaning, and none of them leads to code of the file's choosing.
"""

import collections
import dataclasses
import math
import pickle
import struct
import zipfile

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C  # the first number of a file before PyTorch 1.6
PROTOCOL = 1001
STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def read_torch_weights(path) -> dict[str, np.ndarray]:
    """The tensors of a state dictionary that `torch.save` wrote, by name.

    Both formats: the archive of PyTorch 1.6 and later, and the row of pickles before
    it. Offsets and strides are honoured: a tensor may be a view of a larger or of a
    transposed storage.

    Args:
        path: of the file, or the open binary file.

    Returns:
        Read-only arrays, which may share memory.

    Raises:
        ValueError: the file is broken, holds other things than tensors, or asks for
            anything to be called that is not on the list.
    """
    if not hasattr(path, "read"):
        with open(path, "rb") as file:
            return read_torch_weights(file)
    try:
        read = _read_archive if zipfile.is_zipfile(path) else _read_legacy
        path.seek(0)
        found, storages = read(path)
        tensors = {name: _array(storages, tensor) for name, tensor in found.items()}
    except Exception as error:
        # What a broken pickle raises is of no one kind.
        raise ValueError(
            f"{getattr(path, 'name', path)} must hold a dictionary of tensors, as "
            f"`torch.save(model.state_dict())` writes it; {type(error).__name__}: "
            f"{error}"
        ) from error
    return tensors


@dataclasses.dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str
    size: int


@dataclasses.dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


def _tensor(storage, offset, shape, strides, *_):
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _parameter(tensor, *_):
    return tensor


ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    # Text and not a class, so that a pickle can do nothing with it.
    **{("torch", name): dtype for name, dtype in STORAGES.items()},
}


class _TensorUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise ValueError(f"it asks for {module}.{name}, which is not a tensor")
        return ALLOWED[module, name]

    def persistent_load(self, pid):
        kind, dtype, key, _, size, *view = pid
        if kind != "storage" or view not in ([], [None]):
            raise ValueError(f"it has a storage of an unknown kind: {pid}")
        return _Storage(dtype, key, size)


def _read_archive(file):
    with zipfile.ZipFile(file) as archive:
        (pickled,) = (n for n in archive.namelist() if n.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist():
            order = archive.read(f"{folder}byteorder")
            if order != b"little":
                raise ValueError(f"its byte order must be little; it is {order}")
        with archive.open(pickled) as stream:
            found = _tensors_only(_TensorUnpickler(stream).load())
        keys = {tensor.storage.key for tensor in found.values()}
        return found, {key: archive.read(f"{folder}data/{key}") for key in keys}


def _read_legacy(file):
    magic, protocol, machine = (_TensorUnpickler(file).load() for _ in range(3))
    if (magic, protocol, machine["little_endian"]) != (MAGIC, PROTOCOL, True):
        raise ValueError("it does not begin as a file of weights does")
    found = _tensors_only(_TensorUnpickler(file).load())
    sizes = {
        tensor.storage.key: np.dtype(tensor.storage.dtype).itemsize
        for tensor in found.values()
    }
    storages = {}
    for key in _TensorUnpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        storages[key] = file.read(count * sizes[key])
    return found, storages


def _tensors_only(found):
    if not isinstance(found, dict):
        raise ValueError(f"it holds a {type(found).__name__}")
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise ValueError(f"{name!r} is a {type(tensor).__name__}")
    return found


def _array(storages, tensor):
    storage = np.frombuffer(storages[tensor.storage.key], tensor.storage.dtype)
    shape, strides, offset = tensor.shape, tensor.strides, tensor.offset
    steps = [(n - 1) * step for n, step in zip(shape, strides, strict=True)]
    last = offset + sum(steps)
    inside = min([*shape, *strides, offset, 0]) == 0 and last < len(storage)
    if not inside and math.prod(shape):
        raise ValueError(
            f"a tensor of shape {shape}, strides {strides} and offset {offset} does "
            f"not lie inside its storage of {len(storage)} numbers"
        )
    return np.lib.stride_tricks.as_strided(
        storage[offset:],
        shape,
        [step * storage.itemsize for step in strides],
        writeable=False,
    )
