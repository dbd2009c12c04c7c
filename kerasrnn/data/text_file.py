"""A text file of the user's own, of any size, as numbers of characters in a file."""

import codecs
import glob
import hashlib
import json
import os
import pathlib
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from kerasrnn.data.splits import SPLITS, split_by_position
from kerasrnn.data.user_file import fingerprint, open_file
from kerasrnn.text import CharacterText, CharacterTokenizer
from kerasrnn.text.character_tokenizer import FIRST_CHARACTER, CharacterCounts

# Bytes that are read at once; what is in memory is some ten times as much.
BLOCK = 1 << 22

FEWEST = 200  # characters, so that there are ten to validate and twenty to test
VALIDATION_AT_MOST, TEST_AT_MOST = 500_000, 1_000_000

# The file of numbers: a line of JSON, filled up with spaces to a multiple of
# `ALIGNMENT` bytes, and the numbers.
FORMAT, ALIGNMENT = 2, 64
# Seconds after which a file that is only half there is no one's any more.
ABANDONED = 3600


def open_text_file(
    path: str | os.PathLike,
    folder: str | os.PathLike,
    *,
    max_tokens: int | None = None,
    known: CharacterTokenizer | None = None,
) -> tuple[CharacterTokenizer, dict[str, CharacterText]]:
    r"""The characters of a text file, to learn from, in bounded memory.

    The file is read in blocks: to count its characters, and to write their numbers to
    a file in `folder`, which is mapped into memory. When the text is opened again, that
    file serves, unless the text has changed, which its SHA-256 tells.

    The text is UTF-8, with or without a byte order mark; CRLF is read as LF. It is one
    document, split by position: the first 85 % to train, the next 5 % to validate, but
    at most 500,000 characters, the last 10 % to test, but at most 1,000,000. The
    vocabulary is that of the whole text.

    Args:
        path: the text file.
        folder: where the numbers are kept; it is made where it is missing.
        max_tokens: the most entries of the vocabulary, the most frequent characters;
            None: all characters.
        known: a tokenizer whose characters the vocabulary holds in any case, those of
            the text beside them; it may be as large as that one's even where
            `max_tokens` is less.

    Returns:
        The tokenizer, and the texts `"train"`, `"validation"` and `"test"`.

    Raises:
        ValueError: the path is no regular file or cannot be read; the text is not
            UTF-8, has fewer than 200 characters, or changes while it is read.

    Example:

    >>> text = "To be, or not to be, that is the question.\r\n" * 50
    >>> size = pathlib.Path("hamlet.txt").write_text(text, newline="")
    >>> tokenizer, texts = open_text_file("hamlet.txt", "run")
    >>> texts["test"]
    CharacterText(215 characters in 1 document)
    >>> tokenizer.decode(texts["test"].ids[-17:])
    'is the question.\n'
    """
    path = pathlib.Path(path)
    source = fingerprint(path)
    settings = f"{path.resolve()} {max_tokens}"
    if known is not None:
        settings += f" {''.join(known.get_vocabulary()[FIRST_CHARACTER:])}"
    key = hashlib.sha1(settings.encode()).hexdigest()[:8]
    target = pathlib.Path(folder, f"{path.name}-{key}.characters")
    header = _read_header(target)
    if header is None or header["source"] != source:
        _convert(path, target, source, max_tokens, known)
        header = _read_header(target)
    tokenizer = CharacterTokenizer(header["characters"])
    if max_tokens is not None:
        tokenizer.max_tokens = max(max_tokens, tokenizer.vocabulary_size)
    ids = np.memmap(
        target, header["dtype"], "r", header["offset"], shape=(header["length"],)
    )
    parts = split_text(ids).items()
    return tokenizer, {name: CharacterText(part, [len(part)]) for name, part in parts}


def encode_text_file(
    path: str | os.PathLike, tokenizer: CharacterTokenizer, part: str | None = None
) -> CharacterText:
    """The characters of a text file, one document, in bounded memory.

    Their numbers are in a temporary file, which is mapped into memory.

    Args:
        path: the text file.
        tokenizer: a `CharacterTokenizer` that has a vocabulary.
        part: `"train"`, `"validation"` or `"test"`, as `open_text_file` splits it;
            None: all of it.

    Raises:
        ValueError: the path cannot be read; the text is not UTF-8, or empty.
    """
    path = pathlib.Path(path)
    with tempfile.TemporaryFile() as file:
        for text in read_text(path):
            file.write(tokenizer.encode(text).data)
        if not file.tell():
            raise ValueError(f"{path} must have a character at least; it is empty.")
        file.flush()
        ids = np.memmap(file, tokenizer.encode("").dtype, "r")
    if part is not None:
        ids = split_text(ids)[part]
    return CharacterText(ids, [len(ids)])


def split_text(ids: np.ndarray) -> dict[str, np.ndarray]:
    """The characters of a text by the part that they fall into, by their position."""
    ends = split_by_position(
        len(ids), validation_at_most=VALIDATION_AT_MOST, test_at_most=TEST_AT_MOST
    )
    return dict(zip(SPLITS, np.split(ids, ends), strict=True))


def read_text(path: pathlib.Path) -> Iterator[str]:
    """The text of a file in blocks: UTF-8, no byte order mark, LF for CRLF.

    Args:
        path: a `pathlib.Path`.

    Raises:
        ValueError: the path is no regular file or cannot be read; the text is not
            UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 1
    held = ""  # a CR at a block's end, which an LF may follow
    with open_file(path) as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        while True:
            pending, _ = decoder.getstate()  # the first bytes of a character
            position = file.tell() - len(pending)
            block = file.read(BLOCK)
            try:
                text = held + decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line = lines + error.object.count(b"\n", 0, error.start)
                raise ValueError(
                    f"{path}, line {line}: must be UTF-8; byte "
                    f"{position + error.start} of the file is "
                    f"0x{error.object[error.start]:02x}."
                ) from error
            lines += block.count(b"\n")
            held = "\r" if block and text.endswith("\r") else ""
            yield text.removesuffix(held).replace("\r\n", "\n")
            if not block:
                return


def _convert(path, target, source, max_tokens, known):
    """Counts the characters of a text, and writes their numbers to `target`."""
    counts = CharacterCounts()
    for text in read_text(path):
        counts.update(text)
    counts = counts.counter()
    length = counts.total()
    if length < FEWEST:
        found = f"it has {length}" if length else "it is empty"
        raise ValueError(f"{path} must have {FEWEST} characters at least; {found}.")
    if known is None:
        tokenizer = CharacterTokenizer(max_tokens=max_tokens)
        tokenizer.set_counts(counts)
    else:
        most = None
        if max_tokens is not None:
            most = max(max_tokens - known.vocabulary_size, 0)
        tokenizer = known.grown_by_counts(counts, most=most)
    header = {
        "format": FORMAT,
        "source": source,
        "length": length,
        "dtype": tokenizer.encode("").dtype.str,
        "characters": tokenizer.get_config()["characters"],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    for partial in target.parent.glob(f"{glob.escape(target.name)}.*.partial"):
        if time.time() - partial.stat().st_mtime > ABANDONED:
            partial.unlink(missing_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            line = json.dumps(header).encode()
            file.write(line + b" " * (-(len(line) + 1) % ALIGNMENT) + b"\n")
            written = 0
            for text in read_text(path):
                written += len(text)
                file.write(tokenizer.encode(text).data)
        if written != length or fingerprint(path) != source:
            raise ValueError(f"{path} must not change while it is read; it did.")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _read_header(target):
    """What a file of numbers says of itself; None: there is no whole one."""
    try:
        with open(target, "rb") as file:
            header = json.loads(file.readline())
            header["offset"] = file.tell()
        whole = header["length"] * np.dtype(header["dtype"]).itemsize
        if header["format"] == FORMAT:
            if target.stat().st_size == header["offset"] + whole:
                return header
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None
