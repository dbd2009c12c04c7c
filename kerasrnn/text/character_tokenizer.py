"""Characters of raw strings, and their numbers, made of core TensorFlow operations."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrnn.text.tokenizer import Tokenizer, check_ids, check_integer

PADDING, UNKNOWN = "", "[UNK]"
FIRST_CHARACTER = 2

# What an unknown character is read back as.
REPLACEMENT = "\ufffd"

# Characters that are encoded at once, so that long texts cost no large arrays besides.
BLOCK = 1 << 20


@keras.saving.register_keras_serializable(package="kerasrnn")
class CharacterTokenizer(Tokenizer):
    r"""The characters of raw text, and their numbers.

    A character is a Unicode code point, of any script, and nothing is normalised: what
    comes back is what was put in. Number 0 is padding, which also stands for what is
    before the first character; 1 is every character that is not in the vocabulary; the
    others follow in the order of their code points. Bytes that are not UTF-8 are read
    as U+FFFD.

    `call` and `detokenize` run inside the graph and need TensorFlow's own operations
    only, so an exported model takes raw strings wherever TensorFlow is installed.
    `encode` and `decode` do the same in NumPy, fast, for texts of any length.

    Args:
        vocabulary: the characters, in any order, as a string or as a list; or what
            `get_vocabulary` gave. None: `adapt` makes it.
        max_tokens: size of the vocabulary, the two special ones included; None: as
            many as there are characters.
        characters: as `vocabulary`; the name under which `get_config` gives them.

    Call arguments:
        strings: (B,) tensor, array or list of strings; one string alone gives (T,).

    Output shape:
        (B, T) int32, 0 for padding on the right, 1 for unknown characters. T is the
        longest row's, at least 1.

    Raises:
        ValueError: strings are None, not strings, or of another rank; a character
            occurs twice in the vocabulary, or is none.

    Example:

    >>> tokenizer = CharacterTokenizer("helo")
    >>> tokenizer.get_vocabulary()
    ['', '[UNK]', 'e', 'h', 'l', 'o']
    >>> ids = tokenizer(["hello", "oh!"])
    >>> ids.numpy().tolist()
    [[3, 2, 4, 4, 5], [5, 3, 1, 0, 0]]
    >>> tokenizer.detokenize(ids).numpy()[0]
    b'hello'
    >>> tokenizer.encode("hello")
    array([3, 2, 4, 4, 5], dtype=uint8)
    >>> tokenizer.decode([3, 2, 4, 4, 5])
    'hello'
    >>> tokenizer.unknown("hello, world")
    [' ', ',', 'd', 'r', 'w']
    """

    def __init__(
        self,
        vocabulary: Sequence[str] | None = None,
        *,
        max_tokens: int | None = None,
        characters: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if vocabulary is not None and characters is not None:
            raise ValueError("`characters` must be None where `vocabulary` is given.")
        self.max_tokens = check_integer("max_tokens", max_tokens, 3, none=True)
        if characters is not None:
            vocabulary = characters
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    def set_vocabulary(self, vocabulary: Sequence[str]) -> None:
        """Takes characters in any order; the two special ones may lead a list."""
        characters = [tf.compat.as_text(character) for character in vocabulary]
        if characters[:2] == [PADDING, UNKNOWN]:
            characters = characters[2:]
        for character, count in collections.Counter(characters).items():
            if len(character) != 1 or is_surrogate(ord(character)):
                raise ValueError(
                    f"`vocabulary` must hold single characters; got {character!r}."
                )
            if count > 1:
                raise ValueError(
                    "`vocabulary` must hold every character once; got "
                    f"{character!r} {count} times."
                )
        if not characters:
            raise ValueError("`vocabulary` must hold a character at least; got none.")
        if self.max_tokens is not None and len(characters) + 2 > self.max_tokens:
            raise ValueError(
                f"`vocabulary` must have at most max_tokens={self.max_tokens} "
                "characters, the two special ones included; got "
                f"{len(characters) + 2}."
            )
        self._tokens = "".join(sorted(characters))
        self._codes = code_points(self._tokens).astype("int32")
        numbers = np.arange(FIRST_CHARACTER, self.vocabulary_size)
        # One more than the last code point, for all that are beyond it.
        self._numbers = np.ones(
            self._codes[-1] + 2, np.min_scalar_type(self.vocabulary_size - 1)
        )
        self._numbers[self._codes] = numbers
        self._vocabulary_has_changed()

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Makes the vocabulary of characters that were counted.

        Args:
            counts: a mapping of characters to how often they occur. Where there are
                more than `max_tokens` allows, the most frequent ones are kept.

        Example:

        >>> tokenizer = CharacterTokenizer(max_tokens=4)
        >>> tokenizer.set_counts({"a": 5, "b": 1, "c": 7})
        >>> tokenizer.get_vocabulary()
        ['', '[UNK]', 'a', 'c']
        """
        kept = ranked(counts)
        if self.max_tokens is not None:
            kept = kept[: self.max_tokens - FIRST_CHARACTER]
        if not kept:
            raise ValueError("`counts` must count a character at least; got none.")
        self.set_vocabulary(kept)

    def adapt(self, data: Any) -> None:
        """Makes the vocabulary of the characters of texts.

        Args:
            data: strings, one by one: a list, a generator of any length, or a tf.data
                dataset of strings (batched or not).
        """
        if not (found := self._counted(data)):
            raise ValueError("`data` must hold a character at least; got none.")
        self.set_counts(found)

    def grown(self, data: Any, *, most: int | None = None) -> "CharacterTokenizer":
        """A tokenizer that knows the characters of more texts, too.

        Numbers follow the order of code points, so that those of known characters
        change where new ones come between them.

        Args:
            data: strings, one by one: a list, a generator of any length, or a tf.data
                dataset of strings (batched or not).
            most: how many characters may be new, the most frequent; None: all that
                are.

        Example:

        >>> CharacterTokenizer("helo").grown(["yellow"]).get_vocabulary()
        ['', '[UNK]', 'e', 'h', 'l', 'o', 'w', 'y']
        """
        self._check_vocabulary()
        return self.grown_by_counts(self._counted(data), most=most)

    def grown_by_counts(
        self, counts: Mapping[str, int], *, most: int | None = None
    ) -> "CharacterTokenizer":
        """A tokenizer that knows more characters, too, which were counted.

        Args:
            counts: a mapping of characters to how often they occur.
            most: how many characters may be new, the most frequent; None: all that
                are.
        """
        most = check_integer("most", most, 0, none=True)
        new = [c for c in ranked(counts) if c not in {*self._tokens}]
        tokens = "".join([*self._tokens, *new[:most]])
        return self._with_vocabulary(tokens, special=FIRST_CHARACTER)

    def _counted(self, data):
        """How often each character of texts occurs."""
        if isinstance(data, (str, bytes)):
            raise ValueError(
                "`data` must be a list of strings or a dataset; got one string."
            )
        counts = CharacterCounts()
        for texts in data:
            if tf.is_tensor(texts):
                texts = texts.numpy()
            for text in np.ravel(np.asarray(texts, object)):
                if isinstance(text, bytes):
                    text = text.decode("utf-8", "replace")
                if not isinstance(text, str):
                    raise ValueError(
                        f"`data` must hold strings; got {text!r} "
                        f"({type(text).__name__})."
                    )
                counts.update(text)
        return counts.counter()

    def get_vocabulary(self) -> list[str]:
        """All characters by number: padding, unknown, the others."""
        self._check_vocabulary()
        return [PADDING, UNKNOWN, *self._tokens]

    @property
    def vocabulary_size(self) -> int:
        """How many numbers there are, padding and unknown included."""
        self._check_vocabulary()
        return FIRST_CHARACTER + len(self._tokens)

    def encode(self, text: str) -> np.ndarray:
        """Numbers of a text of any length, (N,), of the smallest type that holds them.

        The type is unsigned: uint8 for up to 256 numbers, then uint16, then uint32.
        """
        self._check_vocabulary()
        if not isinstance(text, str):
            raise ValueError(f"`text` must be a string; got {text!r}.")
        ids = np.empty(len(text), self._numbers.dtype)
        for start in range(0, len(text), BLOCK):
            codes = code_points(text[start : start + BLOCK])
            ids[start : start + BLOCK] = np.take(self._numbers, codes, mode="clip")
        return ids

    def decode(self, ids: Any) -> str:
        """The text of numbers (N,); padding is left out, unknown is U+FFFD."""
        self._check_vocabulary()
        ids = np.asarray(ids)
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise ValueError(
                "`ids` must be integers of shape (length,); got "
                f"{ids.dtype.name} of shape {ids.shape}."
            )
        if ids.size and not 0 <= ids.min() <= ids.max() < self.vocabulary_size:
            raise ValueError(
                f"`ids` must be from 0 to {self.vocabulary_size - 1}; got "
                f"{ids.min()} to {ids.max()}."
            )
        codes = np.concatenate([[0, ord(REPLACEMENT)], self._codes]).astype("<u4")
        kept = ids[ids > 0].astype("int64")
        return codes[kept].tobytes().decode("utf-32-le")

    def unknown(self, text: str) -> list[str]:
        """The characters of a text that are not in the vocabulary, each once."""
        self._check_vocabulary()
        return sorted(set(text) - set(self._tokens))

    def call(self, strings: Any) -> Any:
        strings = self.check_strings(strings)
        if strings.shape.rank == 0:
            return self.call(strings[None])[0]
        codes = tf.strings.unicode_decode(strings, "UTF-8")  # (B, characters)
        index = tf.searchsorted(self._codes, codes.values)
        index = tf.minimum(index, len(self._codes) - 1)
        known = tf.gather(self._codes, index) == codes.values
        ids = codes.with_values(tf.where(known, index + FIRST_CHARACTER, 1))
        ids = ids.to_tensor(0)
        # A batch of empty strings is one step of padding, not no step at all.
        lacking = tf.maximum(1 - tf.shape(ids)[1], 0)
        return tf.pad(ids, [[0, 0], [0, lacking]])  # (B, T)

    def detokenize(self, ids: Any) -> tf.Tensor:
        """The texts of numbers (B, T); padding is left out, unknown is U+FFFD."""
        ids = check_ids(ids, self.vocabulary_size)
        shown = tf.constant([PADDING, REPLACEMENT, *self._tokens])
        characters = tf.gather(shown, ids)  # (B, T)
        return tf.strings.reduce_join(characters, axis=-1)

    def portable(self) -> dict[str, dict]:
        """What the characters are, as `write_portable` writes it."""
        settings = {
            "kind": "characters",
            "vocabulary": self.get_vocabulary(),
            "room": None,
            "before": [],
            "after": [],
        }
        return {"source": settings}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "max_tokens": self.max_tokens,
            # One string, since line feeds are among them: no file of one a line.
            "characters": self._tokens,
        }


class CharacterCounts:
    """Counts the characters of texts, block by block and fast.

    Example:

    >>> counts = CharacterCounts()
    >>> counts.update("to be, or")
    >>> counts.update(" not to be")
    >>> counts.counter()["o"]
    4
    """

    def __init__(self):
        self._counts = np.zeros(0x110000, "int64")  # by code point

    def update(self, text: str) -> None:
        """Counts the characters of one more text."""
        for start in range(0, len(text), BLOCK):
            found = np.bincount(code_points(text[start : start + BLOCK]))
            self._counts[: len(found)] += found

    def counter(self) -> collections.Counter:
        """How often each character came; surrogates are no characters."""
        codes = np.flatnonzero(self._counts)
        return collections.Counter(
            {
                chr(code): int(self._counts[code])
                for code in codes.tolist()
                if not is_surrogate(code)
            }
        )


def ranked(counts: Mapping[str, int]) -> list[str]:
    """The characters that occur, by falling count, then by code point."""
    found = (character for character, count in counts.items() if count > 0)
    return sorted(found, key=lambda character: (-counts[character], character))


def code_points(text: str) -> np.ndarray:
    """The code point of each character, (N,) uint32."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def is_surrogate(code: int) -> bool:
    """Whether a code point is half a pair of UTF-16, and no character."""
    return 0xD800 <= code < 0xE000
