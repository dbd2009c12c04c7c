import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from kerasrnn.vision import read_torch_weights

# A file of weights, written opcode by opcode: PyTorch need not be there.


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def row(*items):
    return b"(" + b"".join(items) + b"t"


def called(module, name, *arguments):
    return f"c{module}\n{name}\n".encode() + row(*arguments) + b"R"


def tensor(key, size, shape, strides, *, offset=0, kind="FloatStorage", view=b""):
    storage = row(
        text("storage"),
        f"ctorch\n{kind}\n".encode(),
        text(key),
        text("cpu"),
        number(size),
        view,
    )
    return called(
        "torch._utils",
        "_rebuild_tensor_v2",
        storage + b"Q",
        number(offset),
        row(*map(number, shape)),
        row(*map(number, strides)),
        b"\x89",
        called("collections", "OrderedDict"),
    )


def dictionary(**values):
    items = b"".join(text(name) + value for name, value in values.items())
    return b"\x80\x02}(" + items + b"u."


def legacy(pickled, storages):
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    head = (0x1950A86A20F9469CFC6C, 1001, machine)
    file = b"".join(pickle.dumps(part, 2) for part in head) + pickled
    file += pickle.dumps(list(storages), 2)
    for values in storages.values():
        file += struct.pack("<q", len(values)) + values.tobytes()
    return file


def archive(pickled, storages, byteorder="little"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as entries:
        entries.writestr("model/data.pkl", pickled)
        entries.writestr("model/byteorder", byteorder)
        for key, values in storages.items():
            entries.writestr(f"model/data/{key}", values.tobytes())
    return file.getvalue()


@pytest.fixture(params=[legacy, archive], ids=["legacy", "archive"])
def write(request, tmp_path):
    def write(pickled, storages):
        path = tmp_path / "weights.pth"
        path.write_bytes(request.param(pickled, storages))
        return path

    return write


STORAGE = np.arange(24, dtype="<f4")


def test_strides_and_offsets_are_honoured(write):
    path = write(
        dictionary(
            plain=tensor("a", 24, (2, 3, 4), (12, 4, 1)),
            turned=tensor("a", 24, (4, 3, 2), (1, 4, 12)),
            part=tensor("a", 24, (3, 2), (4, 2), offset=13),
            repeated=tensor("a", 24, (5, 2), (0, 1), offset=6),
            scalar=tensor("count", 1, (), (), kind="LongStorage"),
            empty=tensor("a", 24, (0, 3), (3, 1)),
        ),
        {"a": STORAGE, "count": np.array([7], "<i8")},
    )
    found = read_torch_weights(path)
    cube = STORAGE.reshape(2, 3, 4)
    np.testing.assert_array_equal(found["plain"], cube)
    np.testing.assert_array_equal(found["turned"], cube.transpose(2, 1, 0))
    np.testing.assert_array_equal(found["part"], [[13, 15], [17, 19], [21, 23]])
    np.testing.assert_array_equal(found["repeated"], [[6, 7]] * 5)
    assert found["scalar"] == 7
    assert found["scalar"].dtype == np.int64
    assert found["empty"].shape == (0, 3)
    assert not found["plain"].flags.writeable


def test_the_legacy_storage_that_is_a_view_of_nothing(tmp_path):
    path = tmp_path / "weights.pth"
    pickled = dictionary(x=tensor("a", 24, (24,), (1,), view=b"N"))
    path.write_bytes(legacy(pickled, {"a": STORAGE}))
    np.testing.assert_array_equal(read_torch_weights(path)["x"], STORAGE)
    with open(path, "rb") as file:
        np.testing.assert_array_equal(read_torch_weights(file)["x"], STORAGE)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("subprocess", "check_output"),
        ("torch", "load"),
        ("collections", "namedtuple"),
    ],
)
def test_what_a_file_asks_to_be_called_is_not_called(write, tmp_path, module, name):
    mark = tmp_path / "was_here"
    call = called(module, name, text(f"touch {mark}"))
    path = write(dictionary(x=call), {"a": STORAGE})
    with pytest.raises(ValueError, match=f"asks for {module}.{name}, which is not"):
        read_torch_weights(path)
    assert not mark.exists()


def test_the_first_pickles_of_the_legacy_format_are_guarded_too(tmp_path):
    mark = tmp_path / "was_here"
    path = tmp_path / "weights.pth"
    path.write_bytes(b"\x80\x02" + called("os", "system", text(f"touch {mark}")) + b".")
    with pytest.raises(ValueError, match=r"asks for os\.system"):
        read_torch_weights(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((25,), (1,), 0),
        ((24,), (1,), 1),
        ((2, 2), (23, 1), 0),
        ((2,), (-1,), 5),
        ((-2,), (1,), 0),
        ((2,), (1,), -3),
        ((2000000000,), (1,), 0),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(write, shape, strides, offset):
    path = write(
        dictionary(x=tensor("a", 24, shape, strides, offset=offset)), {"a": STORAGE}
    )
    with pytest.raises(ValueError, match="does not lie inside its storage of 24"):
        read_torch_weights(path)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "exhausted before seeing STOP"),
        (b"not a pickle", "must hold a dictionary of tensors"),
        (pickle.dumps(3, 2) * 3, "must hold a dictionary of tensors"),
        (legacy(b"\x80\x02J\x01\x00\x00\x00.", {}), "it holds a int"),
        (legacy(dictionary(x=number(3)), {}), "'x' is a int"),
        (archive(dictionary(), {}, byteorder="big"), "byte order must be little"),
        (
            legacy(dictionary(x=tensor("a", 24, (24,), (1,))), {"a": STORAGE})[:-9],
            "must hold a dictionary of tensors",
        ),
    ],
)
def test_a_broken_file_is_a_clear_error(tmp_path, content, match):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=match) as raised:
        read_torch_weights(path)
    assert "weights.pth" in str(raised.value)


def nested(depth):
    """A tuple of a tuple of ... twice each: 2 ** depth of them, in a few bytes."""
    return (
        b")"
        + b"q\x00"
        + b"".join(
            b"h" + bytes([i]) + b"\x86" + b"q" + bytes([i + 1]) for i in range(depth)
        )
    )


def in_a_pickle(code):
    return b"\x80\x02" + code + b"."


@pytest.mark.parametrize(
    ("code", "match"),
    [
        (b"}" + nested(200) + b"J\1\0\0\0s", "a name in it is no text"),
        (b"}" + text("x") + nested(200) + b"s", "'x' is a tuple"),
        (nested(200), "it holds a tuple"),
        (nested(200) + b"Q", "BINPERSID|storage|argument"),
        # Python's own reader reserves 64 GB for it.
        (b"}r\xff\xff\xff\xfe", "its memo must go on with 0"),
        (b"}" + b"0" * 5 + b"}", "POP, which no tensor needs"),
        (b"\x8d" + struct.pack("<Q", 2**62), "BINUNICODE8|expected|bytes"),
        (b"}" * (2**20 + 1), "it has more than 1048576 operations"),
        (b"}" + (text("x") + number(1) + b"s") * 2, "or stands twice"),
        (dictionary(x=tensor("a", 9, (3,), (1,)), y=tensor("a", 8, (3,), (1,)))[2:-1],
         "storage a is of two kinds or sizes"),
        (dictionary(x=tensor("a", 24, (3,), (1,), kind="CharStorage"),
                    y=tensor("a", 24, (3,), (1,)))[2:-1],
         "storage a is of two kinds or sizes"),
        (dictionary(x=tensor("a", 2**31 - 1, (3,), (1,)))[2:-1], "of 2147483647|anoth"),
        (dictionary(x=called("torch._utils", "_rebuild_tensor_v2", number(1), number(0),
                             row(), row()))[2:-1], "a tensor without a storage"),
        (dictionary(x=called("collections", "OrderedDict", row(row())))[2:-1],
         "a dictionary that is made of something"),
    ],
)  # fmt: skip
def test_a_pickle_that_is_made_to_take_long_is_refused(write, code, match):
    path = write(in_a_pickle(code), {"a": STORAGE})
    with pytest.raises(ValueError, match=match):
        read_torch_weights(path)


@pytest.mark.parametrize(
    ("shape", "strides"),
    [
        ((2**31 - 1,), (0,)),
        ((2**20, 2**20), (0, 0)),
        ((2**31 - 1,) * 20, (0,) * 20),
        ((0, 2**31 - 1), (1, 1)),
        ((0, -1), (1, 1)),
    ],
)
def test_a_tensor_that_unpacks_to_more_than_its_file_is_refused(write, shape, strides):
    path = write(dictionary(x=tensor("a", 24, shape, strides)), {"a": STORAGE})
    with pytest.raises(ValueError, match="more numbers than the file has bytes"):
        read_torch_weights(path)


def zipped(*entries, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def zip_bomb():
    pickled = dictionary(x=tensor("a", 10**7, (10**7,), (1,)))
    entries = ("m/data.pkl", pickled), ("m/data/a", bytes(4 * 10**7))
    return zipped(*entries, compression=zipfile.ZIP_DEFLATED)


def with_shared_bytes():
    """Four entries whose contents are the same bytes of the file."""
    pickled = dictionary(**{k: tensor(k, 10**4, (10**4,), (1,)) for k in "abcd"})
    entries = [(f"m/data/{key}", bytes(4 * 10**4)) for key in "a"]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/data.pkl", pickled)
        archive.writestr(*entries[0])
        (first,) = (e for e in archive.filelist if e.filename == "m/data/a")
        for key in "bcd":
            other = zipfile.ZipInfo(f"m/data/{key}")
            for name in ("header_offset", "CRC", "compress_size", "file_size"):
                setattr(other, name, getattr(first, name))
            archive.filelist.append(other)
            archive.NameToInfo[other.filename] = other
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (zip_bomb(), "its entry m/data.pkl is compressed"),
        (with_shared_bytes(), r"its \d+ bytes cannot hold"),
        (
            archive(dictionary(x=tensor("a", 24, (24,), (1,))), {"a": STORAGE[:23]}),
            "a storage of 24 numbers has 92 bytes",
        ),
        (
            archive(dictionary(x=tensor("b", 24, (24,), (1,))), {"a": STORAGE}),
            "no item named",
        ),
    ],
)
def test_an_archive_that_unpacks_to_more_than_it_is_refused(tmp_path, content, match):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=match):
        read_torch_weights(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_an_entry_twice_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    entries = [("m/data.pkl", dictionary()), ("m/data.pkl", dictionary())]
    path.write_bytes(zipped(*entries))
    with pytest.raises(ValueError, match=r"its entry m/data.pkl stands twice"):
        read_torch_weights(path)


def test_a_storage_of_a_negative_size_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    content = legacy(dictionary(x=tensor("a", 24, (24,), (1,))), {"a": STORAGE})
    at = content.rindex(struct.pack("<q", 24))
    path.write_bytes(content[:at] + struct.pack("<q", -1) + content[at + 8 :])
    with pytest.raises(ValueError, match=r"its storage a .* has another size"):
        read_torch_weights(path)


@pytest.mark.parametrize("zipped", [False, True])
def test_what_pytorch_writes_is_read(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    state = {
        "turned": base.permute(2, 0, 1),
        "part": base[:, 1:, ::2],
        "half": torch.tensor([1.5, -2], dtype=torch.float16),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    path = tmp_path / "weights.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    found = read_torch_weights(path)
    for name, expected in state.items():
        np.testing.assert_array_equal(found[name], expected.detach().numpy())
