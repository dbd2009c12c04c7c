"""Words of raw strings, and their numbers, made of core TensorFlow operations."""

import collections
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from kerasrnn.text.normalize_nfc import normalize_nfc
from kerasrnn.text.tokenizer import (
    Tokenizer,
    batches_of_strings,
    check_ids,
    check_integer,
    check_strings,
)
from kerasrnn.text.word_numbers import PADDING, UNKNOWN, ranked, word_table

# Joiners (U+200C, U+200D) stand inside words of Persian and of Indic scripts.
_WORD = r"\p{L}\p{M}\p{N}\x{200C}\x{200D}"
_EMOJI = r"\p{So}[\x{1F3FB}-\x{1F3FF}\x{FE0E}\x{FE0F}]*"

_SPACE = r"[\p{Z}\p{Cc}\x{FEFF}]+"

# Applied in this order; then words are what stands between spaces.
_SPLIT = (
    # One apostrophe for the two that are in use, and quotes made of two.
    (r"[’ʼ＇]", "'"),
    (r"''+", ' " '),
    # An emoji with its skin tone, or several that joiners make one, is a word.
    (rf"({_EMOJI}(?:\x{{200D}}{_EMOJI})*)", r" \1 "),
    # Chinese characters are words of their own.
    (r"(\p{Han})", r" \1 "),
    # Punctuation and symbols of every script, but for emoji and apostrophes.
    (rf"([^{_WORD}\s'\p{{So}}\x{{1F3FB}}-\x{{1F3FF}}])", r" \1 "),
    # An apostrophe stays only between two letters.
    (r"(^|\s)'", r"\1 ' "),
    (r"'(\s|$)", r" ' \1"),
    # As in the Penn Treebank, which word vectors follow: do n't, it 's.
    (r"([\p{L}\p{N}])(n't|'(?:s|re|ve|ll|d|m))(\s|$)", r"\1 \2\3"),
)

_JOIN = (
    # Twice, as a match takes the space that the next one begins with.
    *2 * ((r" (n't|'(?:s|re|ve|ll|d|m))( |$)", r"\1\2"),),
    (r" ([.,!?;:%…)\]}。、，！？；：）」』】]+)", r"\1"),
    (r"([(\[{¿¡（「『【“]) ", r"\1"),
    (r" (”)", r"\1"),
    # Numbers and prices.
    (r"(\p{N}\.) (\p{N})", r"\1\2"),
    (r"([$£€]\.?) (\p{N})", r"\1\2"),
)


@keras.saving.register_keras_serializable(package="kerasrnn")
class WordTokenizer(Tokenizer):
    """Cuts raw text into words and gives their numbers.

    Text is made NFC, lower-cased (Unicode), and cut at spaces of every kind;
    punctuation and symbols of every script become words of their own, and so do
    emoji and Chinese characters. English contractions are cut as in the Penn
    Treebank: "don't" is "do" and "n't". Bytes that are not UTF-8 are read as
    U+FFFD. Korean is cut at its spaces; Thai and Japanese kana, which have none,
    are not cut.

    It runs inside the graph and needs TensorFlow's own operations only, so an
    exported model takes raw strings wherever TensorFlow is installed. On other
    Keras backends it runs in tf.data pipelines.

    Args:
        vocabulary: the words, without the two special ones, in order; or what
            `get_vocabulary` gave. None: `adapt` makes it.
        max_tokens: size of the vocabulary, special ones included.
        max_length: words kept of each text; None keeps all of them.
        lowercase: whether words differ in case.

    Call arguments:
        strings: (B,) tensor, array or list of strings; one string alone gives (T,).

    Output shape:
        (B, T) int32, 0 for padding on the right, 1 for unknown words. T is the
        longest row's, at least 1 and at most `max_length`.

    Raises:
        ValueError: strings are None, not strings, or of another rank; a word
            occurs twice in the vocabulary.

    Example:

    >>> tokenizer = WordTokenizer(max_length=8)
    >>> tokenizer.adapt(["I don't like it.", "I like it!"])
    >>> tokenizer.get_vocabulary()
    ['', '[UNK]', 'i', 'it', 'like', '!', '.', 'do', "n't"]
    >>> ids = tokenizer(["Don't like films!"])
    >>> ids.numpy().tolist()
    [[7, 8, 4, 1, 5]]
    >>> tokenizer.detokenize(ids).numpy()[0].decode()
    "don't like [UNK]!"
    """

    OPTIONS = ("max_length", "lowercase")

    def __init__(
        self,
        vocabulary: Sequence[str] | None = None,
        *,
        max_tokens: int | None = 20000,
        max_length: int | None = 256,
        lowercase: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.max_tokens = check_integer("max_tokens", max_tokens, 3, none=True)
        self.max_length = check_integer("max_length", max_length, 1, none=True)
        self.lowercase = lowercase
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    def set_vocabulary(self, vocabulary: Sequence[str]) -> None:
        """Takes words in order; the two special ones may lead the list."""
        words = [tf.compat.as_text(word) for word in vocabulary]
        if words[:2] == [PADDING, UNKNOWN]:
            words = words[2:]
        counts = collections.Counter([PADDING, UNKNOWN, *words])
        twice = [word for word, count in counts.items() if count > 1]
        if twice:
            raise ValueError(
                f"`vocabulary` must hold every word once; got {twice[0]!r} "
                f"{counts[twice[0]]} times."
            )
        if self.max_tokens is not None and len(words) + 2 > self.max_tokens:
            raise ValueError(
                f"`vocabulary` must have at most max_tokens={self.max_tokens} words, "
                f"the two special ones included; got {len(words) + 2}."
            )
        self._tokens = words
        self._table = word_table(words)
        self._vocabulary_has_changed()

    def adapt(self, data: Any) -> None:
        """Makes the vocabulary: words by falling count, then by code point.

        Args:
            data: list or array of strings, or a tf.data dataset of strings
                (batched or not).
        """
        words = self._ranked(data)
        if self.max_tokens is not None:
            words = words[: self.max_tokens - 2]
        self.set_vocabulary(words)

    def grown(self, data: Any, *, most: int | None = None) -> "WordTokenizer":
        """A tokenizer that knows the words of more texts, too.

        Its own words keep their numbers; the others follow, by falling count.

        Args:
            data: list or array of strings, or a tf.data dataset of strings
                (batched or not).
            most: how many words may be new; None: all that are.

        Example:

        >>> WordTokenizer(["film"]).grown(["a dull film"]).get_vocabulary()
        ['', '[UNK]', 'film', 'a', 'dull']
        """
        most = check_integer("most", most, 0, none=True)
        known = {*self.get_vocabulary()}
        new = [word for word in self._ranked(data) if word not in known]
        return self._with_vocabulary([*self._tokens, *new[:most]], special=2)

    def _ranked(self, data):
        """All words of texts by falling count, then by code point."""
        counts: collections.Counter[bytes] = collections.Counter()
        for batch in batches_of_strings(data):
            counts.update(self.split(tf.reshape(batch, [-1])).values.numpy().tolist())
        return ranked(counts)

    def get_vocabulary(self) -> list[str]:
        """All words in the order of their numbers: padding, unknown, the others."""
        self._check_vocabulary()
        return [PADDING, UNKNOWN, *self._tokens]

    @property
    def vocabulary_size(self) -> int:
        """How many numbers there are, padding and unknown included."""
        return len(self.get_vocabulary())

    def split(self, strings: Any) -> tf.RaggedTensor:
        """The words of each text, as a ragged string tensor (B, words)."""
        text = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8")
        # First of all: `lower` forgets what follows a byte of zero.
        text = tf.strings.regex_replace(text, _SPACE, " ")
        text = normalize_nfc(text)
        if self.lowercase:
            text = tf.strings.lower(text, encoding="utf-8")
        for pattern, replacement in _SPLIT:
            text = tf.strings.regex_replace(text, pattern, replacement)
        return tf.strings.split(text)

    def count_cut(self, strings: Any) -> tf.Tensor:
        """How many words of each text `max_length` cuts off, (B,) int32."""
        lengths = tf.cast(self.split(check_strings(strings)).row_lengths(), "int32")
        if self.max_length is None:
            return tf.zeros_like(lengths)
        return tf.maximum(lengths - self.max_length, 0)

    def call(self, strings: Any) -> Any:
        strings = self.check_strings(strings)
        if strings.shape.rank == 0:
            return self.call(strings[None])[0]
        words = self.split(strings)  # (B, words)
        if self.max_length is not None:
            words = words[:, : self.max_length]
        ids = words.with_values(self._table.lookup(words.values)).to_tensor(0)
        # A batch of empty strings is one step of padding, not no step at all.
        lacking = tf.maximum(1 - tf.shape(ids)[1], 0)
        return tf.pad(ids, [[0, 0], [0, lacking]])  # (B, T)

    def detokenize(self, ids: Any) -> tf.Tensor:
        """Readable text of numbers (B, T): padding is left out, punctuation joined."""
        ids = check_ids(ids, self.vocabulary_size)
        words = tf.gather(tf.constant(self.get_vocabulary()), ids)  # (B, T)
        text = tf.strings.reduce_join(
            tf.where(ids == 0, "", tf.strings.join([" ", words])), axis=-1
        )
        for pattern, replacement in _JOIN:
            text = tf.strings.regex_replace(text, pattern, replacement)
        return tf.strings.strip(text)

    def portable(self) -> dict[str, dict]:
        """What the words of a text are, as `write_portable` writes it."""
        settings = {
            "kind": "words",
            "vocabulary": self.get_vocabulary(),
            "space": _SPACE,
            "lowercase": self.lowercase,
            "split": _SPLIT,
            "join": _JOIN,
            "room": self.max_length,
            "before": [],
            "after": [],
        }
        return {"source": settings}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "vocabulary": self._tokens,
            "max_tokens": self.max_tokens,
            "max_length": self.max_length,
            "lowercase": self.lowercase,
        }
