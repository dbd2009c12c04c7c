import os
import pathlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.data import open_text_file, text_file
from kerasrnn.data.text_file import encode_text_file, read_text
from kerasrnn.text import CharacterTokenizer

TEXT = "".join(f"{n} – ein Vers\n" for n in range(100))


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes(TEXT.encode())
    return path


def whole(tokenizer, texts):
    return "".join(tokenizer.decode(text.ids) for text in texts.values())


def test_a_file_is_cut_by_position(book, tmp_path):
    tokenizer, texts = open_text_file(book, tmp_path / "new" / "run")
    assert type(tokenizer) is CharacterTokenizer
    assert tokenizer.get_vocabulary()[2:] == sorted(set(TEXT))
    assert len(TEXT) == 1390 and list(texts) == ["train", "validation", "test"]
    assert [len(text) for text in texts.values()] == [1181, 70, 139]
    assert [text.ends.tolist() for text in texts.values()] == [[1181], [70], [139]]
    for text, part in zip(
        texts.values(), (TEXT[:1181], TEXT[1181:1251], TEXT[1251:]), strict=True
    ):
        assert isinstance(text.ids, np.memmap) and text.ids.dtype == np.uint8
        assert tokenizer.decode(text.ids) == part
    with pytest.raises(ValueError, match="read-only"):
        texts["train"].ids[0] = 0


def test_the_same_with_a_mark_and_other_line_ends(book, tmp_path):
    content = b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()
    book.write_bytes(content)
    assert whole(*open_text_file(book, tmp_path)) == TEXT
    # Only the first mark is one of byte order, only a CR before an LF ends a line.
    book.write_bytes(b"\xef\xbb\xbf" + content + b"\r\r\n\r")
    assert whole(*open_text_file(book, tmp_path)) == f"\ufeff{TEXT}\r\n\r"


def test_rare_characters_are_unknown(book, tmp_path):
    tokenizer, texts = open_text_file(book, tmp_path, max_tokens=8)
    assert tokenizer.vocabulary_size == tokenizer.max_tokens == 8
    assert tokenizer.get_vocabulary()[2:] == ["\n", " ", "V", "e", "i", "n"]
    assert whole(tokenizer, texts)[:11] == "\ufffd \ufffd ein Ve\ufffd"
    # Beside the one with all of them.
    assert whole(*open_text_file(book, tmp_path)) == TEXT


def test_many_characters_take_two_bytes_each(book, tmp_path):
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 999)))
    book.write_text(text, encoding="utf-8")
    tokenizer, texts = open_text_file(book, tmp_path)
    assert texts["train"].ids.dtype == np.uint16 and tokenizer.vocabulary_size == 1001
    assert whole(tokenizer, texts) == text


def test_validation_and_test_are_not_longer_than_need_be(book, tmp_path, monkeypatch):
    monkeypatch.setattr(text_file, "VALIDATION_AT_MOST", 50)
    monkeypatch.setattr(text_file, "TEST_AT_MOST", 100)
    _, texts = open_text_file(book, tmp_path)
    assert [len(text) for text in texts.values()] == [1240, 50, 100]


def test_numbers_are_used_again_until_the_text_changes(book, tmp_path, monkeypatch):
    open_text_file(book, tmp_path / "run")
    (made,) = (tmp_path / "run").iterdir()
    before = made.stat()
    with monkeypatch.context() as patch:
        patch.setattr(text_file, "_convert", None)
        assert whole(*open_text_file(book, tmp_path / "run")) == TEXT
    assert made.stat().st_mtime_ns == before.st_mtime_ns
    # Another text of the same size, written a moment later.
    other = TEXT.replace("Vers", "Reim")
    book.write_bytes(other.encode())
    os.utime(book, ns=(before.st_mtime_ns, before.st_mtime_ns + 1))
    assert whole(*open_text_file(book, tmp_path / "run")) == other
    assert list((tmp_path / "run").iterdir()) == [made]
    # A text of the same name elsewhere has a file of its own.
    (tmp_path / "elsewhere").mkdir()
    namesake = tmp_path / "elsewhere" / book.name
    namesake.write_bytes(TEXT.upper().encode())
    assert whole(*open_text_file(namesake, tmp_path / "run")) == TEXT.upper()
    assert whole(*open_text_file(book, tmp_path / "run")) == other


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-1], lambda b: b"", lambda b: b"{}\n" + b, lambda b: b[9:]]
)
def test_a_spoilt_file_of_numbers_is_made_anew(book, tmp_path, spoil):
    open_text_file(book, tmp_path / "run")
    (made,) = (tmp_path / "run").iterdir()
    content = made.read_bytes()
    made.unlink()
    made.write_bytes(spoil(content))
    assert whole(*open_text_file(book, tmp_path / "run")) == TEXT
    assert made.read_bytes() == content


def test_what_is_half_there_never_has_the_name(book, tmp_path, monkeypatch):
    run = tmp_path / "run"

    def fail(self, text):
        if text:
            (partial,) = run.iterdir()
            assert partial.name.endswith(".partial")
            raise OSError("No space left on device")
        return np.zeros(0, "uint8")

    with monkeypatch.context() as patch:
        patch.setattr(CharacterTokenizer, "encode", fail)
        with pytest.raises(OSError, match="No space left"):
            open_text_file(book, run)
    assert list(run.iterdir()) == []
    # Of a run that was killed: what is old goes, what another writes now stays.
    open_text_file(book, run)
    (made,) = run.iterdir()
    old, new = (run / f"{made.name}.{pid}.partial" for pid in (1, 2))
    for path in (old, new):
        path.write_bytes(b"half")
    hours_ago = time.time() - 2 * text_file.ABANDONED
    os.utime(old, (hours_ago, hours_ago))
    made.unlink()
    open_text_file(book, run)
    assert sorted(run.iterdir()) == [made, new]


def test_a_text_that_changes_while_it_is_read(book, tmp_path, monkeypatch):
    blocks = []

    def read(path):
        blocks.append(path)
        yield TEXT if len(blocks) == 1 else TEXT[:-1]

    monkeypatch.setattr(text_file, "read_text", read)
    with pytest.raises(ValueError, match=r"book\.txt must not change while it is read"):
        open_text_file(book, tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", r"book\.txt must have 200 characters at least; it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"a", "must have 200 characters at least; it has 1"),
        ("é".encode() * 199, "it has 199"),
        (b"a\r\n" * 99, "it has 198"),
        (b"one\ntwo\n\xff\xfe" + b"a" * 300, r"line 3: .* byte 8 of the file is 0xff"),
        ("é\n".encode("latin-1") * 300, "line 1: must be UTF-8; byte 0 .* is 0xe9"),
        (b"\xef\xbb\xbfab\n\x80", "line 2: must be UTF-8; byte 6 of the file is 0x80"),
        (b"a\n" * 200 + "é".encode()[:1], "line 201: .* byte 400 of the file is 0xc3"),
        (TEXT.encode("utf-16"), "line 1: must be UTF-8; byte 0 of the file is 0xff"),
    ],
)
def test_a_text_that_will_not_do(book, tmp_path, content, message, monkeypatch):
    book.write_bytes(content)
    for size in (text_file.BLOCK, 3):
        monkeypatch.setattr(text_file, "BLOCK", size)
        with pytest.raises(ValueError, match=message):
            open_text_file(book, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_hundred_characters_will_do(book, tmp_path):
    book.write_bytes(b"ab" * 100)
    _, texts = open_text_file(book, tmp_path)
    assert [len(text) for text in texts.values()] == [170, 10, 20]


def test_a_path_that_will_not_do(tmp_path):
    with pytest.raises(ValueError, match=r"must be a text file; .* is a directory"):
        open_text_file(tmp_path, tmp_path / "run")
    with pytest.raises(ValueError, match=r"Cannot read .*none\.txt: No such file"):
        open_text_file(tmp_path / "none.txt", tmp_path / "run")
    with pytest.raises(ValueError, match="to be read twice; got /dev/null"):
        open_text_file("/dev/null", tmp_path / "run")


@settings(max_examples=150, deadline=None)
@given(
    st.text("\r\n\ufeffaé한👍") | st.text(st.characters(exclude_categories=["Cs"])),
    st.booleans(),
    st.integers(1, 6),
)
def test_blocks_of_any_size_are_the_same_text(tmp_path_factory, text, marked, size):
    path = pathlib.Path(tmp_path_factory.getbasetemp(), "blocks.txt")
    path.write_bytes((b"\xef\xbb\xbf" if marked else b"") + text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_file, "BLOCK", size)
        found = "".join(read_text(path))
    if not marked:
        text = text.removeprefix("\ufeff")
    assert found == text.replace("\r\n", "\n")


def test_a_whole_file_in_the_numbers_of_a_tokenizer(book, monkeypatch):
    monkeypatch.setattr(text_file, "BLOCK", 7)
    tokenizer = CharacterTokenizer(sorted(set(TEXT) - {"V"}))
    text = encode_text_file(book, tokenizer)
    assert isinstance(text.ids, np.memmap)
    assert text.ids.tolist() == tokenizer.encode(TEXT).tolist()
    assert text.ends.tolist() == [len(TEXT)]
    book.write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(ValueError, match=r"book\.txt must have a character at least"):
        encode_text_file(book, tokenizer)
    with pytest.raises(ValueError, match="is a directory"):
        encode_text_file(book.parent, tokenizer)
