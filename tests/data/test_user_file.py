"""Whatever a user names as data: read, or refused at once and by name."""

import os
import signal
import socket

import pytest

from kerasrnn.data import (
    fingerprint,
    load_text_classification,
    load_translation,
    open_text_file,
    read_captions,
    read_lines,
    read_pairs,
    read_tsv,
    text_file,
    user_file,
)
from kerasrnn.data.text_file import encode_text_file
from kerasrnn.text import CharacterTokenizer


def captions_of(path):
    return read_captions(path.parent, path)


READERS = {
    "read_lines": lambda path: list(read_lines(path)),
    "read_tsv": read_tsv,
    "read_pairs": read_pairs,
    "captions": captions_of,
    "text": lambda path: open_text_file(path, path.parent / "run"),
    "encoded": lambda path: encode_text_file(path, CharacterTokenizer("a")),
    "fingerprint": fingerprint,
}
LINES = {k: v for k, v in READERS.items() if k in list(READERS)[:4]}
every_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)
every_line_reader = pytest.mark.parametrize("read", LINES.values(), ids=LINES)


@pytest.fixture(autouse=True)
def at_once():
    """A reader that waits for a pipe, or never ends, is interrupted."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(20)
    yield
    signal.alarm(0)


@every_reader
def test_a_pipe_is_refused_without_waiting(read, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"to be read twice; got .*pipe, .* a pipe\."):
        read(tmp_path / "pipe")


@every_reader
def test_a_pipe_of_the_shell_is_refused(read, tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"a\tb\n")
    os.close(writing)
    (tmp_path / "link").symlink_to(f"/dev/fd/{reading}")
    with pytest.raises(ValueError, match=r"read twice; got .*, which is a pipe"):
        read(tmp_path / "link")
    os.close(reading)


@every_reader
def test_devices_and_sockets_are_refused(read, tmp_path):
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=r"got .*zero, which is a device"):
        read(tmp_path / "zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
        with pytest.raises(ValueError, match=r"got .*socket, which is a socket"):
            read(tmp_path / "socket")


@every_reader
def test_a_path_that_is_not_there(read, tmp_path):
    with pytest.raises(ValueError, match=r"Cannot read .*none: No such file"):
        read(tmp_path / "none")


@every_line_reader
def test_a_folder_is_no_file_of_lines(read, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"text file; .*folder is a directory"):
        read(tmp_path / "folder")


@every_line_reader
@pytest.mark.parametrize(
    "content, message",
    [
        (b"a\tb\n\nc\t\xff", "line 3: must be UTF-8; byte 2 is 0xff"),
        (b"\xef\xbb\xbfa\tb\nc\xe9\td", "line 2: must be UTF-8; byte 1 is 0xe9"),
        (b"\n\na\t\xe4\xbd", "line 3: must be UTF-8; byte 2 is 0xe4"),
        (b"a\tb\nc\0\td", "line 2: must be text in UTF-8; byte 1 is NUL"),
        ("a\tb\n".encode("utf-16-be"), "line 1: must be text in UTF-8; byte 0 is NUL"),
        (b"\t\n" + b"a" * 99, "line 2: must have at most 64 bytes; it has more"),
        (b"\0" * 99, "line 1: must have at most 64 bytes"),
    ],
)
def test_lines_that_are_no_text(read, content, message, tmp_path, monkeypatch):
    monkeypatch.setattr(user_file, "LONGEST_LINE", 64)
    # Neither pictures nor columns are looked at before.
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "x.tsv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"x\.tsv, {message}"):
        read(tmp_path / "x.tsv")


def test_marks_and_line_ends_are_no_part_of_lines(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\n\xef\xbb\xbftwo\x0b\xc2\x85\x0c\ra\nend")
    assert list(read_lines(path)) == [
        (1, "one"),
        (2, ""),
        (3, "\ufefftwo\x0b\x85\x0c\ra"),
        (4, "end"),
    ]
    for content in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(content)
        assert list(read_lines(path)) == []


@pytest.mark.parametrize("load", [load_text_classification, load_translation])
def test_a_name_with_an_ending_is_a_file(load, tmp_path):
    os.mkfifo(tmp_path / "pipe.tsv")
    with pytest.raises(ValueError, match="which is a pipe"):
        load(tmp_path / "pipe.tsv")


def same_time(path, change):
    """Changes a file, but neither its size nor its time."""
    before = path.stat()
    change(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_a_text_changed_at_the_same_size_and_time_is_read_anew(tmp_path):
    book = tmp_path / "book.txt"
    book.write_text("to be or not to be\n" * 20)

    def read():
        tokenizer, texts = open_text_file(book, tmp_path / "run")
        return "".join(tokenizer.decode(text.ids) for text in texts.values())

    assert read() == "to be or not to be\n" * 20
    same_time(book, lambda path: path.write_text("to do or not to do\n" * 20))
    assert read() == "to do or not to do\n" * 20


def test_a_text_that_only_got_another_time_is_not_converted(tmp_path, monkeypatch):
    book = tmp_path / "book.txt"
    book.write_text("to be or not to be\n" * 20)
    open_text_file(book, tmp_path / "run")
    os.utime(book, ns=(1, 1))
    monkeypatch.setattr(text_file, "_convert", None)
    open_text_file(book, tmp_path / "run")


def test_a_fingerprint_is_that_of_the_content(tmp_path):
    path = tmp_path / "data.tsv"
    path.write_bytes(b"good\tbueno")
    first = fingerprint(path)
    assert first == fingerprint(str(path)) and len(first) == 64
    same_time(path, lambda path: path.write_bytes(b"good\tbuena"))
    assert fingerprint(path) != first
    path.write_bytes(b"good\tbueno")
    assert fingerprint(path) == first
    (tmp_path / "other").write_bytes(b"good\tbueno")
    assert fingerprint(tmp_path / "other") == first


def test_a_fingerprint_of_a_folder_tells_names_and_contents(tmp_path):
    def folder(files):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        return fingerprint(root)

    files = {"captions.tsv": b"a\tb", "sub/a.png": b"1"}
    found = [
        folder(files),
        folder({"captions.tsv": b"a\tb", "sub/b.png": b"1"}),
        folder({"captions.tsv": b"a\tb", "sub/a.png": b"2"}),
        folder({"captions.tsv": b"a\tb", "a.png": b"1"}),
        # What one name lacks the next must not give.
        folder({"a": b"bc"}),
        folder({"ab": b"c"}),
        folder({"a": b"", "b": b"c"}),
    ]
    assert len(set(found)) == len(found)
    assert folder(files) == found[0]


def test_a_folder_with_a_pipe_has_no_fingerprint(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "pipe")
    with pytest.raises(ValueError, match=r"got .*folder/pipe, which is a pipe"):
        fingerprint(tmp_path / "folder")


@pytest.fixture
def pictures(tmp_path):
    """A folder of pictures, and one beside it with what must not be read."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "one.png").write_bytes(b"one")
    (folder / "leads-out").symlink_to(tmp_path)
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    (folder / "within.png").symlink_to("one.png")
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "sub/../../secret.png",
        "{tmp}/secret.png",
        "out.png",
        "leads-out/secret.png",
        "..",
        ".",
        "/etc/passwd",
        "../pictures-of-others/one.png",
    ],
)
def test_no_picture_outside_its_folder_is_read(pictures, name):
    name = name.format(tmp=pictures.parent)
    (pictures / "captions.tsv").write_text(f"one.png\ta one\n{name}\ta caption\n")
    with pytest.raises(
        ValueError, match=r"line 2: the picture must be in .* leads out"
    ):
        read_captions(pictures)


def test_links_within_the_folder_and_to_it_are_followed(pictures, monkeypatch):
    lines = "one.png\tone\nsub/../one.png\tsub\nwithin.png\tone\n"
    (pictures / "captions.tsv").write_text(lines)
    (pictures.parent / "link").symlink_to(pictures)
    for folder in (pictures, pictures.parent / "link"):
        with pytest.raises(ValueError, match="holds 3 pictures, too few"):
            read_captions(folder)


@pytest.mark.parametrize("name", ["a" * 300, "sub", "none.png"])
def test_a_picture_that_is_none(pictures, name):
    (pictures / "captions.tsv").write_text(f"{name}\ta caption\n")
    with pytest.raises(ValueError, match="line 1: there is no picture"):
        read_captions(pictures)


def test_a_picture_that_became_a_pipe_is_not_waited_for(tmp_path):
    names = [f"{number}.png" for number in range(100)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    lines = "".join(f"{name}\tcaption {name}\n" for name in names)
    (tmp_path / "captions.tsv").write_text(lines)
    images = read_captions(tmp_path)["train"]
    path = tmp_path / images.keys[0]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ValueError, match="which is a pipe"):
        images.pictures([0])
