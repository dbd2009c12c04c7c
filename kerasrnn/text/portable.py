"""A tokenizer in files that Python and JavaScript read without TensorFlow."""

import json
import pathlib
import shutil
from typing import Any

READERS = pathlib.Path(__file__).parent / "readers"
READER_FILES = ("text_reader.py", "text_reader.mjs")


def write_portable(tokenizer: Any, folder: str | pathlib.Path) -> None:
    """Write a tokenizer's settings, its vocabularies and what reads them to a folder.

    - `tokenizer.json`: how the `source`, what a model reads, and the `target`, what it
      writes, are cut; of a tokenizer for both there is a source only.
    - `vocabulary.txt`, or `source_vocabulary.txt` and `target_vocabulary.txt`: a token
      a line, in the order of the numbers from 0; a line feed, a carriage return and a
      backslash are escaped by a backslash, as in Python.
    - `text_reader.py` and `text_reader.mjs`: from texts to numbers and back.

    Args:
        tokenizer: One of `kerasrnn.text`, with its vocabulary.
        folder: Where to; it is made if it is not there.

    Raises:
        ValueError: The tokenizer cannot be written so, or has no vocabulary yet.

    Example:

    >>> import tempfile
    >>> from kerasrnn.text import WordTokenizer
    >>> from kerasrnn.text.readers.text_reader import TextReader
    >>> folder = tempfile.mkdtemp()
    >>> write_portable(WordTokenizer(["a", "film", "!"]), folder)
    >>> reader = TextReader(folder)
    >>> ids = reader.encode("A film!")
    >>> ids, reader.decode(ids)
    ([2, 3, 4], 'a film!')
    """
    if not hasattr(tokenizer, "portable"):
        raise ValueError(
            "`tokenizer` must be one of kerasrnn.text, which can be written to files; "
            f"got {type(tokenizer).__name__}."
        )
    sides = tokenizer.portable()
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for side, settings in sides.items():
        tokens = settings["vocabulary"]
        name = "vocabulary.txt" if len(sides) == 1 else f"{side}_vocabulary.txt"
        settings["vocabulary"] = name
        text = "".join(f"{escaped(token)}\n" for token in tokens)
        (folder / name).write_bytes(text.encode("utf-8"))
    described = json.dumps(sides, indent=2, ensure_ascii=False)
    (folder / "tokenizer.json").write_text(described + "\n", encoding="utf-8")
    for name in READER_FILES:
        shutil.copyfile(READERS / name, folder / name)


def escaped(token: str) -> str:
    """A token as it stands on a line of a vocabulary's file."""
    return token.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
