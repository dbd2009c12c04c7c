"""Reads a file of PyTorch weights with neither PyTorch nor running what is in it.

Such a file is a pickle, and a pickle is a program: it may name any function of any
module and call it. Here only the few names that a dictionary of tensors needs have a
meaning, and none of them leads to code of the file's choosing.
"""

import dataclasses
import io
import math
import os
import pickletools
import struct
import typing
import zipfile

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C  # the first number of a file before PyTorch 1.6
PROTOCOL = 1001
# Of one pickle; a tensor takes some forty.
MAX_OPERATIONS = 2**20
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


def read_torch_weights(
    path: str | os.PathLike | typing.BinaryIO,
) -> dict[str, np.ndarray]:
    """The tensors of a state dictionary that `torch.save` wrote, by name.

    Both formats: the archive of PyTorch 1.6 and later, and the row of pickles before
    it. Offsets and strides are honoured: a tensor may be a view of a larger or of a
    transposed storage.

    Memory and time are bounded by the size of the file: nothing in it is compressed,
    no two entries of an archive share bytes, and no tensor has more numbers than the
    file has bytes.

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
        content = path.read()
        is_archive = zipfile.is_zipfile(io.BytesIO(content))
        read = _read_archive if is_archive else _read_legacy
        found, storages = read(content)
        return {
            name: _array(storages, tensor, len(content))
            for name, tensor in found.items()
        }
    except Exception as error:
        # What a broken pickle raises is of no one kind.
        raise ValueError(
            f"{getattr(path, 'name', path)} must hold a dictionary of tensors, as "
            f"`torch.save(model.state_dict())` writes it; {type(error).__name__}: "
            f"{error}"
        ) from error


@dataclasses.dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str
    size: int


@dataclasses.dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage, offset, shape, strides, *_):
    if not isinstance(storage, _Storage):
        raise ValueError("it has a tensor without a storage")
    for sizes in ((offset,), shape, strides):
        if not isinstance(sizes, tuple) or any(type(size) is not int for size in sizes):
            raise ValueError("it has a tensor whose sizes are not whole numbers")
    return _Tensor(storage, offset, shape, strides)


def _parameter(tensor, *_):
    return tensor


def _ordered_dict(*items):
    if items not in ((), ([],)):
        raise ValueError("it has a dictionary that is made of something")
    return {}


ALLOWED = {
    "collections OrderedDict": _ordered_dict,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
    # Text and not a class, so that a pickle can do nothing with it.
    **{f"torch {name}": dtype for name, dtype in STORAGES.items()},
}
_MARK = object()
_PUSHED = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1")
_TEXTS = ("BINUNICODE", "SHORT_BINUNICODE")
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _unpickle(file):
    """What the pickle that begins here holds: dictionaries of tensors, texts, numbers.

    Python's own reader may be made to reserve memory for a memo of four billion
    entries, or to hash tuples in tuples for years. This one knows the operations that
    tensors need, and each takes a time and a memory of its own length.
    """
    stack, memo = [], []

    def taken():
        """What was put on the stack since the last mark, which goes too."""
        items = []
        while (item := stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def set_items(items):
        for name, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(name, str) or name in stack[-1]:
                raise ValueError("a name in it is no text, or stands twice")
            stack[-1][name] = value

    for count, (operation, argument, _) in enumerate(pickletools.genops(file)):
        if count == MAX_OPERATIONS:
            raise ValueError(f"it has more than {MAX_OPERATIONS} operations")
        match operation.name:
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                (result,) = stack
                return result
            case "MARK":
                stack.append(_MARK)
            case name if name in _PUSHED:
                stack.append(_PUSHED[name])
            case name if name in _NUMBERS or name in _TEXTS:
                stack.append(argument)
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "TUPLE":
                stack.append(tuple(taken()))
            case name if name in _TUPLES:
                items = [stack.pop() for _ in range(_TUPLES[name])]
                stack.append(tuple(items[::-1]))
            case "APPEND":
                item = stack.pop()
                stack[-1].append(item)
            case "APPENDS":
                items = taken()
                stack[-1].extend(items)
            case "SETITEM":
                value, name = stack.pop(), stack.pop()
                set_items([name, value])
            case "SETITEMS":
                set_items(taken())
            case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                # Of a pickle that Python writes, they count from 0.
                if argument not in (None, len(memo)):
                    raise ValueError(f"its memo must go on with {len(memo)}")
                memo.append(stack[-1])
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_allowed(argument))
            case "STACK_GLOBAL":
                name, module = stack.pop(), stack.pop()
                stack.append(_allowed(f"{module} {name}"))
            case "BINPERSID":
                stack.append(_storage(*stack.pop()))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                if function not in ALLOWED.values() or not callable(function):
                    raise ValueError("it calls what is no function")
                stack.append(function(*arguments))
            case "BUILD":
                # What `state_dict` notes of versions, beside the tensors.
                stack.pop()
            case name:
                raise ValueError(f"it has {name}, which no tensor needs")


def _allowed(name):
    if name not in ALLOWED:
        raise ValueError(f"it asks for {name.replace(' ', '.')}, which is not a tensor")
    return ALLOWED[name]


def _storage(kind, dtype, key, _, size, *view):
    if kind != "storage" or view not in ((), (None,)) or dtype not in STORAGES.values():
        raise ValueError("it has a storage of an unknown kind")
    if not isinstance(key, str) or type(size) is not int:
        raise ValueError("it has a storage without a name or a size")
    return _Storage(dtype, key, size)


def _read_archive(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {}
        for entry in archive.infolist():
            if entry.filename in entries:
                raise ValueError(f"its entry {entry.filename} stands twice")
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"its entry {entry.filename} is compressed")
            entries[entry.filename] = entry
        total = sum(entry.file_size for entry in entries.values())
        if total > len(content):
            raise ValueError(f"its {len(content)} bytes cannot hold {total}")
        (pickled,) = (name for name in entries if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl")
        if f"{folder}byteorder" in entries:
            order = archive.read(f"{folder}byteorder")
            if order != b"little":
                raise ValueError(f"its byte order must be little; it is {order[:20]}")
        found = _tensors_only(_unpickle(io.BytesIO(archive.read(pickled))))
        storages = _storages_of(found)
        return found, {key: archive.read(f"{folder}data/{key}") for key in storages}


def _read_legacy(content):
    file = io.BytesIO(content)
    magic, protocol, machine = (_unpickle(file) for _ in range(3))
    if (magic, protocol, machine["little_endian"]) != (MAGIC, PROTOCOL, True):
        raise ValueError("it does not begin as a file of weights does")
    found = _tensors_only(_unpickle(file))
    storages = _storages_of(found)
    read = {}
    for key in _unpickle(file):
        (count,) = struct.unpack("<q", file.read(8))
        if not isinstance(key, str) or key in read or count != storages[key].size:
            raise ValueError(f"its storage {key} stands twice, or has another size")
        read[key] = file.read(count * np.dtype(storages[key].dtype).itemsize)
    return found, read


def _tensors_only(found):
    if not isinstance(found, dict):
        raise ValueError(f"it holds a {type(found).__name__}")
    for name, tensor in found.items():
        if not isinstance(tensor, _Tensor):
            raise ValueError(f"{name[:80]!r} is a {type(tensor).__name__}")
    return found


def _storages_of(found):
    """All storages by key."""
    storages = {}
    for tensor in found.values():
        storage = storages.setdefault(tensor.storage.key, tensor.storage)
        if storage != tensor.storage:
            raise ValueError(f"its storage {storage.key} is of two kinds or sizes")
    return storages


def _array(storages, tensor, bytes_of_file):
    data = storages[tensor.storage.key]
    dtype = np.dtype(tensor.storage.dtype)
    if len(data) != tensor.storage.size * dtype.itemsize:
        raise ValueError(
            f"a storage of {tensor.storage.size} numbers has {len(data)} bytes"
        )
    storage = np.frombuffer(data, dtype)
    shape, strides, offset = tensor.shape, tensor.strides, tensor.offset
    steps = [(n - 1) * step for n, step in zip(shape, strides, strict=True)]
    size = math.prod(shape)
    inside = min([*shape, *strides, offset]) >= 0 and (
        size == 0 or offset + sum(steps) < len(storage)
    )
    if not inside or max(shape, default=0) > bytes_of_file or size > bytes_of_file:
        raise ValueError(
            f"a tensor of shape {shape}, strides {strides} and offset {offset} does "
            f"not lie inside its storage of {len(storage)} numbers, or has more "
            f"numbers than the file has bytes"
        )
    if size == 0:
        return np.empty(shape, dtype)
    return np.lib.stride_tricks.as_strided(
        storage[offset:],
        shape,
        [step * storage.itemsize for step in strides],
        writeable=False,
    )
