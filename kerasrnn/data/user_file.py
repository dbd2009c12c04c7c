"""Files of the user's own: opened, read line by line, and told apart by content."""

import codecs
import hashlib
import os
import pathlib
import stat
from collections.abc import Iterator
from typing import BinaryIO

# Bytes that are read at once; the file may be larger than the memory.
BLOCK = 1 << 22
# Bytes of the longest line. What is longer is no file of lines.
LONGEST_LINE = 1 << 24

# What is no regular file is called this.
KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def open_file(path: str | os.PathLike) -> BinaryIO:
    """A regular file, opened to read its bytes.

    Whatever cannot be read twice from its beginning, or may never end or never
    begin, is refused at once.

    Args:
        path: the file.

    Raises:
        ValueError: the path is a folder, a pipe, a device or a socket, or cannot be
            read.
    """
    try:
        _check_regular(path, os.stat(path).st_mode)
        # A pipe that takes the file's place just now must not block.
        file = open(path, "rb", opener=_open_at_once)
        _check_regular(path, os.fstat(file.fileno()).st_mode)
    except OSError as error:
        raise ValueError(f"Cannot read {path}: {error.strerror}.") from error
    return file


def _open_at_once(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(path, mode):
    if stat.S_ISDIR(mode):
        raise ValueError(f"`path` must be a text file; {path} is a directory.")
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise ValueError(
            f"`path` must be a file, to be read twice; got {path}, which is {kind}."
        )


def read_lines(path: str | os.PathLike) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file, numbered from 1.

    A byte order mark before the first line is left out, and so are the line feed, or
    carriage return and line feed, at the end of each.

    Args:
        path: the file.

    Raises:
        ValueError: the path is no regular file or cannot be read; a line is not
            UTF-8, holds a NUL, or is longer than 16 MiB.
    """
    with open_file(path) as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise ValueError(
                    f"{path}, line {number}: must have at most {LONGEST_LINE:,} bytes; "
                    "it has more."
                )
            if b"\0" in line:
                raise ValueError(
                    f"{path}, line {number}: must be text in UTF-8; byte "
                    f"{line.index(0)} is NUL, as in UTF-16 or in a file that is no "
                    "text."
                )
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{path}, line {number}: must be UTF-8; byte {error.start} is "
                    f"0x{line[error.start]:02x}."
                ) from error
            yield number, text.removesuffix("\n").rstrip("\r")


def fingerprint(path: str | os.PathLike) -> str:
    r"""What changes when the data in a file or a folder do, and only then.

    Size and time of a file do not count: only its bytes, and in a folder the names of
    all files in it, its folders' included, and their bytes.

    Args:
        path: a file, or a folder.

    Returns:
        A SHA-256 in hexadecimal digits.

    Raises:
        ValueError: the path, or a file in the folder, cannot be read, or is a pipe, a
            device or a socket, which cannot be read twice.

    Example:

    >>> size = pathlib.Path("pairs.tsv").write_text("good\tbueno")
    >>> fingerprint("pairs.tsv")[:16]
    '8f327f637724ead4'
    """
    path = pathlib.Path(path)
    digest = hashlib.sha256()
    if not path.is_dir():
        _add(digest, path)
        return digest.hexdigest()
    for file in sorted(path.rglob("*")):
        if file.exists() and not file.is_dir():
            name = file.relative_to(path).as_posix().encode("utf-8", "surrogateescape")
            content = hashlib.sha256()
            _add(content, file)
            # The length first, so that no name can take a part of the next.
            digest.update(b"%d:%s" % (len(name), name) + content.digest())
    return digest.hexdigest()


def _add(digest, path):
    with open_file(path) as file:
        while block := file.read(BLOCK):
            digest.update(block)
