"""The numbers of texts, and the texts of numbers, as an exported model wants them.

It reads `tokenizer.json` and the vocabularies beside it, and needs nothing but Python:

    reader = TextReader("exported/translate-en-es")
    ids = reader.encode("In the beginning")
    text = reader.decode([17, 4, 3])
"""

import functools
import itertools
import json
import pathlib
import re
import sys
import unicodedata

# Script=Han, first and last characters, which Python's database does not tell.
HAN = """
2E80 2E99 2E9B 2EF3 2F00 2FD5 3005 3005 3007 3007 3021 3029 3038 303B 3400 4DBF
4E00 9FFF F900 FA6D FA70 FAD9 16FE2 16FE3 16FF0 16FF1 20000 2A6DF 2A700 2B739
2B740 2B81D 2B820 2CEA1 2CEB0 2EBE0 2EBF0 2EE5D 2F800 2FA1D 30000 3134A 31350 323AF
"""
SPACES = " \t\n\v\f\r"


class TextReader:
    """What a model was exported with, to make its numbers of texts and to read them.

    Args:
        folder: Where `tokenizer.json` is.

    Attributes:
        start_id: What a text that the model writes begins with, or None.
        end_id: What it ends with, or None.
    """

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        described = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        sides = {
            side: Tokenizer(settings, read_vocabulary(folder / settings["vocabulary"]))
            for side, settings in described.items()
        }
        self._source = sides.get("source")
        self._target = sides.get("target", self._source)
        self.start_id = self._target.settings.get("start_id")
        self.end_id = self._target.settings.get("end_id")

    def encode(self, text):
        """The numbers of a text, what the model reads: a list of one at least.

        For a tagger a list of rows: of each word its number and those of its letters.
        """
        if not isinstance(text, str):
            raise ValueError(f"`text` must be a string; got {text!r}.")
        if self._source is None:
            raise ValueError("This model reads no texts.")
        return self._source.encode(text)

    def decode(self, ids):
        """The text of numbers that the model wrote, up to the first end."""
        size, ids = len(self._target.vocabulary), [int(number) for number in ids]
        for number in ids:
            if not 0 <= number < size:
                raise ValueError(f"`ids` must be from 0 to {size - 1}; got {number}.")
        return self._target.decode(ids)

    def token(self, number, side="target"):
        """What a number stands for: a word, a piece of one, a character."""
        tokenizer = self._target if side == "target" else self._source
        return tokenizer.vocabulary[number]


class Tokenizer:
    """One side of a `TextReader`: words, pieces of words, or characters."""

    def __init__(self, settings, vocabulary):
        self.settings = settings
        self.vocabulary = vocabulary
        self.kind = settings["kind"]
        if self.kind == "pieces":
            self.pieces = [
                b"" if n < 4 else as_bytes(t) for n, t in enumerate(vocabulary)
            ]
            self.numbers = {piece: n for n, piece in enumerate(self.pieces) if n >= 4}
        else:
            self.numbers = {token: n for n, token in enumerate(vocabulary) if n >= 2}
        self.letters = {x: n for n, x in enumerate(settings.get("letters", ""), 2)}

    def encode(self, text):
        # What is half a character is none.
        text = re.sub("[\ud800-\udfff]", "\ufffd", text)
        if self.kind == "spelled_words":
            return self.encode_spelled(text)
        if self.kind == "characters":
            ids = [self.numbers.get(character, 1) for character in text]
        else:
            ids = self.encode_words(self.split(text))
        settings = self.settings
        ids = ids[: settings["room"]]
        return [*settings["before"], *ids, *settings["after"]] or [0]

    def encode_words(self, words):
        if self.kind == "words":
            return [self.numbers.get(word, 1) for word in words]
        return [number for word in words for number in self.join(word)]

    def encode_spelled(self, text):
        """Of each word a row: its number, and those of its letters."""
        text = unicodedata.normalize("NFC", text.replace("\0", "\ufffd"))
        most = self.settings["max_letters"]
        rows = []
        for word in filter(None, re.split(f"[{SPACES}]+", text)):
            looked_up = word.lower() if self.settings["lowercase"] else word
            if len(word) > most:
                word = word[: most - most // 2] + word[-(most // 2) :]
            letters = [self.letters.get(letter, 1) for letter in word]
            row = [self.numbers.get(looked_up, 1), *letters]
            rows.append(row + [0] * (1 + most - len(row)))
        return rows or [[0] * (1 + most)]

    def split(self, text):
        """The words of a text."""
        text = pattern(self.settings["space"]).sub(" ", text)
        if self.kind == "pieces":
            text = text.strip(SPACES)
        text = unicodedata.normalize("NFC", text)
        if self.settings["lowercase"]:
            text = text.lower()
        text = replaced(text, self.settings["split"])
        return text.split("\n")[:-1] if self.kind == "pieces" else text.split()

    def join(self, word):
        """The numbers of a word's pieces: the earliest piece is made first."""
        parts = [bytes([byte]) for byte in word.encode()]
        while True:
            pairs = [a + b for a, b in itertools.pairwise(parts)]
            found = [self.numbers[pair] for pair in pairs if pair in self.numbers]
            if not found:
                return [self.numbers[part] for part in parts]
            piece = self.pieces[min(found)]
            joined, at = [], 0
            while at < len(parts):
                two = at < len(pairs) and pairs[at] == piece
                joined.append(piece if two else parts[at])
                at += 1 + two
            parts = joined

    def decode(self, ids):
        end, skipped = self.settings.get("end_id"), {0, self.settings.get("start_id")}
        if end in ids:
            ids = ids[: ids.index(end)]
        ids = [number for number in ids if number not in skipped]
        if self.kind == "pieces":
            raw = b"".join(self.pieces[number] for number in ids)
            return raw.decode("utf-8", "replace").strip(SPACES)
        if self.kind == "characters":
            return "".join("\ufffd" if n == 1 else self.vocabulary[n] for n in ids)
        text = "".join(" " + self.vocabulary[number] for number in ids)
        return replaced(text, self.settings["join"]).strip(SPACES)


def read_vocabulary(path):
    """The tokens of a file, one a line, with line feeds and backslashes escaped."""
    lines = path.read_bytes().decode("utf-8").split("\n")[:-1]
    marks = {"n": "\n", "r": "\r", "\\": "\\"}
    return [re.sub(r"\\(.)", lambda found: marks[found[1]], line) for line in lines]


def as_bytes(token):
    """A piece: ▁ shows a space, and <0xC3> a byte that is no character."""
    parts = re.split("<0x([0-9A-F]{2})>", token)
    return b"".join(
        bytes.fromhex(part) if place % 2 else part.replace("▁", " ").encode()
        for place, part in enumerate(parts)
    )


def replaced(text, rules):
    """A text in which each rule's pattern is replaced, one rule after the other."""
    for rule, replacement in rules:
        text = pattern(rule).sub(replacement, text)
    return text


@functools.lru_cache(None)
def pattern(rule):
    """A regular expression of RE2, with its classes of Unicode, as one of Python."""
    found, inside, at = [], False, 0
    while at < len(rule):
        part = re.match(r"\\p\{(\w+)\}|\\x\{(\w+)\}|\\?.", rule[at:], re.DOTALL)
        text, name, code = part[0], part[1], part[2]
        if name:
            text = characters(name) if inside else f"[{characters(name)}]"
        elif code:
            text = re.escape(chr(int(code, 16)))
        elif text in "[]":
            inside = text == "["
        found.append(text)
        at += part.end()
    return re.compile("".join(found))


@functools.lru_cache(None)
def characters(name):
    """All characters of a category of Unicode, as the inside of a [class]."""
    if name == "Han":
        codes = [int(code, 16) for code in HAN.split()]
        ranges = [*zip(codes[::2], codes[1::2], strict=True)]
    else:
        ranges = []
        for code, category in enumerate(categories()):
            if category.startswith(name):
                if ranges and ranges[-1][1] == code - 1:
                    ranges[-1][1] = code
                else:
                    ranges.append([code, code])
    return "".join(f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b in ranges)


@functools.lru_cache(None)
def categories():
    """Of all characters the category of Unicode, such as "Lu"."""
    return [unicodedata.category(chr(code)) for code in range(sys.maxunicode + 1)]
