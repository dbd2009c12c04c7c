"""Words that are cut already, and how they are spelled, as numbers."""

import collections
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrnn.text.normalize_nfc import normalize_nfc
from kerasrnn.text.tokenizer import (
    UNKNOWN_ID,
    Tokenizer,
    batches_of_strings,
    check_integer,
)
from kerasrnn.text.word_numbers import FIRST, PADDING, UNKNOWN, ranked, word_table


@keras.saving.register_keras_serializable(package="kerasrnn")
class SpelledWordTokenizer(Tokenizer):
    """The number of each word, and the numbers of its letters beside it.

    It reads sentences whose words are cut already, with spaces between them; every
    word gives one row of numbers, whatever it holds, so that the labels of words and
    the rows go together. A space is one of ASCII (blank, tab, line feed and the like);
    any other is a letter of a word. Text is made NFC; words are looked up in lower
    case, letters as they are.

    Of a word of more than `max_letters` letters the first and the last ones are kept,
    half of them each. Bytes that are not UTF-8 are read as U+FFFD.

    It runs inside the graph and needs TensorFlow's own operations only.

    Args:
        vocabulary: the words, without the two special ones, in order; or what
            `get_vocabulary` gave. None: `adapt` makes it.
        letters: the letters, in order, as one string. None: `adapt` finds them.
        max_tokens: size of the vocabulary, special ones included; None: no limit.
        least_count: how often a word must occur in the texts of `adapt` to be in the
            vocabulary. With 2, words that occur once are unknown ones, of which a model
            then has many to learn from.
        max_letters: letters kept of a word.
        lowercase: whether words that differ in case only have one number.

    Call arguments:
        strings: (B,) tensor, array or list of strings.

    Output shape:
        (B, T, 1 + max_letters) int32: the word's number, 0 for padding on the right and
        1 for an unknown word; then its letters' numbers, 0 for padding, 1 for an
        unknown letter. T is the longest row's, at least 1.

    Raises:
        ValueError: strings are None, not strings, or of another rank; a word or a
            letter occurs twice.

    Example:

    >>> words = ["the", "cat"]
    >>> tokenizer = SpelledWordTokenizer(words, letters="Taceht", max_letters=4)
    >>> tokenizer(["The cat 's hat"]).numpy().tolist()
    [[[2, 2, 6, 5, 0], [3, 4, 3, 7, 0], [1, 1, 1, 0, 0], [1, 6, 3, 7, 0]]]
    """

    OPTIONS = ("max_letters", "lowercase")

    def __init__(
        self,
        vocabulary: Sequence[str] | None = None,
        *,
        letters: str | None = None,
        max_tokens: int | None = None,
        least_count: int = 2,
        max_letters: int = 20,
        lowercase: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.max_tokens = check_integer("max_tokens", max_tokens, 3, none=True)
        self.least_count: Any = check_integer("least_count", least_count, 1)
        self.max_letters: Any = check_integer("max_letters", max_letters, 2)
        self.lowercase = lowercase
        self.letters: str | None = None
        if (vocabulary is None) != (letters is None):
            raise ValueError(
                "`vocabulary` and `letters` must be given both, or neither; got "
                f"{'no vocabulary' if vocabulary is None else 'no letters'}."
            )
        if vocabulary is not None and letters is not None:
            self.set_vocabulary(vocabulary, letters)

    def set_vocabulary(self, vocabulary: Sequence[str], letters: str) -> None:
        """Takes words and letters in order; the special words may lead the list."""
        words = [tf.compat.as_text(word) for word in vocabulary]
        if words[:FIRST] == [PADDING, UNKNOWN]:
            words = words[FIRST:]
        for name, found in (
            ("vocabulary", [PADDING, UNKNOWN, *words]),
            ("letters", letters),
        ):
            (value, count), *_ = collections.Counter(found).most_common(1) or [("", 1)]
            if count > 1:
                raise ValueError(
                    f"`{name}` must hold each once; got {value!r} {count} times."
                )
        if self.max_tokens is not None and len(words) + FIRST > self.max_tokens:
            raise ValueError(
                f"`vocabulary` must have at most max_tokens={self.max_tokens} words, "
                f"the two special ones included; got {len(words) + FIRST}."
            )
        self._tokens, self.letters = words, letters
        codes = np.array([ord(letter) for letter in letters], int)
        # One more than the last code point, for all that are beyond it.
        self._numbers = np.full(codes.max(initial=0) + 2, UNKNOWN_ID, "int32")
        self._numbers[codes] = np.arange(FIRST, FIRST + len(codes))
        self._table = word_table(words)
        self._vocabulary_has_changed()

    def adapt(self, data: Any) -> None:
        """Makes the vocabulary: words by falling count, then by code point.

        Args:
            data: list or array of strings, or a tf.data dataset of strings
                (batched or not).
        """
        counts: collections.Counter[bytes] = collections.Counter()
        spellings: collections.Counter[bytes] = collections.Counter()
        for spelled, words in self._words(data):
            counts.update(words)
            spellings.update(spelled)
        kept = ranked(counts, self.least_count)
        if self.max_tokens is not None:
            kept = kept[: self.max_tokens - FIRST]
        letters = {letter for word in spellings for letter in word.decode()}
        self.set_vocabulary(kept, "".join(sorted(letters)))

    def grown(self, data: Any, *, most: int | None = None) -> "SpelledWordTokenizer":
        """A tokenizer that knows the words of more texts, too.

        Its own words keep their numbers; the others follow, by falling count. Letters
        stay as they are.

        Args:
            data: list or array of strings, or a tf.data dataset of strings
                (batched or not).
            most: how many words may be new; None: all that are.
        """
        most = check_integer("most", most, 0, none=True)
        counts: collections.Counter[bytes] = collections.Counter()
        for _, words in self._words(data):
            counts.update(words)
        known = {*self.get_vocabulary()}
        new = [word for word in ranked(counts, self.least_count) if word not in known]
        return self._with_vocabulary([*self._tokens, *new[:most]], special=FIRST)

    def _words(self, data) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """All words of texts, as they are spelled and as they are looked up."""
        for batch in batches_of_strings(data):
            spelled = self.split(tf.reshape(batch, [-1])).values
            yield spelled.numpy().tolist(), self._looked_up(spelled).numpy().tolist()

    def get_vocabulary(self) -> list[str]:
        """All words in the order of their numbers: padding, unknown, the others."""
        self._check_vocabulary()
        return [PADDING, UNKNOWN, *self._tokens]

    @property
    def vocabulary_size(self) -> int:
        """How many numbers of words there are, padding and unknown included."""
        return len(self.get_vocabulary())

    @property
    def letter_count(self) -> int:
        """How many numbers of letters there are, padding and unknown included."""
        self._check_vocabulary()
        return len(self.letters or "") + FIRST

    def split(self, strings: Any) -> tf.RaggedTensor:
        """The words of each text, as a ragged string tensor (B, words)."""
        text = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8")
        # `lower` forgets what follows a byte of zero.
        text = tf.strings.regex_replace(text, r"\x00", "\ufffd")
        return tf.strings.split(normalize_nfc(text))

    def _looked_up(self, words):
        return tf.strings.lower(words, encoding="utf-8") if self.lowercase else words

    def call(self, strings: Any) -> Any:
        strings = self.check_strings(strings)
        if strings.shape.rank == 0:
            return self.call(strings[None])[0]
        words = self.split(strings)  # (B, words)
        numbers = self._table.lookup(self._looked_up(words.values))  # (W,)
        rows = tf.concat([numbers[:, None], self._spelled(words.values)], axis=1)
        rows = words.with_values(rows)
        width = 1 + self.max_letters
        rows = rows.to_tensor(0, shape=[None, None, width])  # (B, T, 1 + L)
        # A batch of empty strings is one step of padding, not no step at all.
        lacking = tf.maximum(1 - tf.shape(rows)[1], 0)
        return tf.pad(rows, [[0, 0], [0, lacking], [0, 0]])

    def _spelled(self, words):
        """The numbers of the letters of words (W,), (W, L), of long ones both ends."""
        codes = tf.strings.unicode_decode(words, "UTF-8")  # (W, letters)
        length = codes.row_lengths()
        place = tf.ragged.range(length)
        left = tf.repeat(length, length) - place.values  # to the end, itself included
        half = self.max_letters // 2
        most = tf.cast(self.max_letters, left.dtype)
        kept = (place.values < most - half) | (left <= half)
        kept |= tf.repeat(length, length) <= most
        codes = tf.ragged.boolean_mask(codes, codes.with_values(kept))
        letters = tf.gather(
            self._numbers, tf.minimum(codes.values, len(self._numbers) - 1)
        )
        return codes.with_values(letters).to_tensor(0, shape=[None, self.max_letters])

    def portable(self) -> dict[str, dict]:
        """What the rows of a sentence are, as `write_portable` writes it."""
        settings = {
            "kind": "spelled_words",
            "vocabulary": self.get_vocabulary(),
            "letters": self.letters,
            "max_letters": self.max_letters,
            "lowercase": self.lowercase,
            "before": [],
            "after": [],
        }
        return {"source": settings}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "vocabulary": self._tokens,
            "letters": self.letters,
            "max_tokens": self.max_tokens,
            "least_count": self.least_count,
            "max_letters": self.max_letters,
            "lowercase": self.lowercase,
        }
