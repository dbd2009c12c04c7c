"""What is printed: texts from anywhere, so that a terminal obeys none, and sizes."""

import unicodedata

# They turn the direction of what follows, or end a line where nobody sees it.
INVISIBLE = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029}


def printable(text: str) -> str:
    r"""`text` with an escape in place of each character that steers a terminal.

    Line feeds and tabs stay. Escaped are all other control characters, so that no
    text can move the cursor, set a title or overwrite what stands there; marks that
    turn the direction of writing; and halves of surrogate pairs, which no encoding
    can write.

    Args:
        text: any string, such as what a model wrote or a file held.

    Example:

    >>> printable("one\ttwo\n\x1b[2Jthree\r")
    'one\ttwo\n\\x1b[2Jthree\\r'
    """
    return "".join(map(_shown, text))


def _shown(character):
    if character in "\n\t":
        return character
    steers = unicodedata.category(character) in ("Cc", "Cs")
    if steers or ord(character) in INVISIBLE:
        return character.encode("unicode_escape").decode("ascii")
    return character


def in_bytes(size: int) -> str:
    """A number of bytes, as people write it: "1.2 MB"."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"
