"""Pieces of words of raw strings, and their numbers: byte pairs in the graph."""

import collections
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrnn.text.byte_pairs import (
    BYTES,
    all_joins,
    as_bytes,
    as_text,
    learn_byte_pairs,
)
from kerasrnn.text.normalize_nfc import normalize_nfc
from kerasrnn.text.tokenizer import (
    Tokenizer,
    batches_of_strings,
    check_ids,
    check_integer,
    check_strings,
)

PADDING, UNKNOWN, START, END = SPECIAL = ("", "[UNK]", "[START]", "[END]")
FIRST_BYTE = len(SPECIAL)
FIRST_PIECE = FIRST_BYTE + 256

_SPACE = r"[\p{Z}\p{Cc}\x{FEFF}]+"
# Joiners (U+200C, U+200D) stand inside words of Persian and of Indic scripts.
_LETTER = r"\p{L}\p{M}\x{200C}\x{200D}"
# Words with the space before them, in which apostrophes may stand; digits and
# everything else one by one.
_WORD = rf"( ?(?:[{_LETTER}]+(?:['’][{_LETTER}]+)*|\p{{N}}|[^{_LETTER}\p{{N}} ]))"
# No word is longer, so that scripts without spaces cost no long loops.
_LONGEST = 32

# Of quotation marks and apostrophes those that keyboards have.
_QUOTES = (
    (r"[\x{2018}\x{2019}\x{201B}\x{02BC}]", "'"),
    (r"[\x{201C}\x{201D}\x{201E}\x{201F}]", '"'),
)

# Applied in this order; then words are what stands between line feeds, of which no text
# has one left.
_SPLIT = (
    ("^([^ ])", r" \1"),
    (_WORD, "\\1\n"),
    (rf"([^\n]{{{_LONGEST}}})", "\\1\n"),
)

# No pair, or none that makes a piece.
_NONE = np.iinfo("int32").max


@keras.saving.register_keras_serializable(package="kerasrnn")
class SubwordTokenizer(Tokenizer):
    """Cuts raw text into frequent pieces of words and gives their numbers.

    Text is made NFC, runs of spaces of every kind become one, and it is cut into
    words with the space before them; digits, punctuation and symbols stand alone.
    Each word starts as its UTF-8 bytes, and neighbours are joined into pieces of the
    vocabulary, the earliest piece first. So nothing is unknown: what was never seen
    is spelled in bytes. And nothing is lost: `detokenize` gives the text back, with
    its case and its spaces.

    It runs inside the graph and needs TensorFlow's own operations only, so an
    exported model takes raw strings wherever TensorFlow is installed. On other
    Keras backends it runs in tf.data pipelines.

    Args:
        vocabulary: what `get_vocabulary` gave. None: `adapt` makes it.
        max_tokens: size of the vocabulary, the 4 special tokens and the 256 bytes
            included.
        max_length: numbers kept of each text, start and end included; None keeps all
            of them. `count_cut` tells what is lost.
        lowercase: whether to lower-case the text (Unicode).
        straight_quotes: whether to make curly quotation marks and apostrophes
            straight, so that books and keyboards write the same.
        add_start: whether every text begins with the start token.
        add_end: whether every text, cut or not, finishes with the end token.

    Call arguments:
        strings: (B,) tensor, array or list of strings; one string alone gives (T,).

    Output shape:
        (B, T) int32, 0 for padding on the right; 1 (unknown) never occurs. T is the
        longest row's, at least 1 and at most `max_length`.

    Raises:
        ValueError: strings are None, not strings, or of another rank; a vocabulary
            that `get_vocabulary` did not give.

    Example:

    >>> tokenizer = SubwordTokenizer(max_tokens=264, add_end=True)
    >>> tokenizer.adapt(["low lower lowest", "slow"])
    >>> tokenizer.get_vocabulary()[260:]
    ['lo', 'low', '▁low', '▁lowe']
    >>> ids = tokenizer(["lowest Löw"])
    >>> [tokenizer.get_vocabulary()[i] for i in ids[0]]
    ['▁lowe', 's', 't', '▁', 'L', '<0xC3>', '<0xB6>', 'w', '[END]']
    >>> tokenizer.detokenize(ids).numpy()[0].decode()
    'lowest Löw'

    Reference: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with
    Subword Units"; over bytes: Radford et al. 2019, section 2.2.
    """

    start_id, end_id = SPECIAL.index(START), SPECIAL.index(END)

    OPTIONS = ("max_length", "lowercase", "straight_quotes", "add_start", "add_end")

    def __init__(
        self,
        vocabulary: Sequence[str] | None = None,
        *,
        max_tokens: int = 8000,
        max_length: int | None = 256,
        lowercase: bool = False,
        straight_quotes: bool = False,
        add_start: bool = False,
        add_end: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        marks = int(add_start) + int(add_end)
        self.max_tokens: Any = check_integer("max_tokens", max_tokens, FIRST_PIECE)
        self.max_length = check_integer("max_length", max_length, 1 + marks, none=True)
        self.lowercase = lowercase
        self.straight_quotes = straight_quotes
        self.add_start = add_start
        self.add_end = add_end
        self._dropout, self._random = 0.0, None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    def set_vocabulary(self, vocabulary: Sequence[str]) -> None:
        """Takes what `get_vocabulary` gave."""
        vocabulary = [tf.compat.as_text(piece) for piece in vocabulary]
        pieces = [as_bytes(piece) for piece in vocabulary[FIRST_BYTE:]]
        if tuple(vocabulary[:FIRST_BYTE]) != SPECIAL or pieces[:256] != BYTES:
            raise ValueError(
                "`vocabulary` must begin with the 4 special tokens and the 256 bytes, "
                f"as `get_vocabulary` gives it; got {vocabulary[:6]}."
            )
        twice = [p for p, count in collections.Counter(pieces).items() if count > 1]
        if twice:
            raise ValueError(
                f"`vocabulary` must hold every piece once; got {as_text(twice[0])!r} "
                "more often."
            )
        if len(vocabulary) > self.max_tokens:
            raise ValueError(
                f"`vocabulary` must have at most max_tokens={self.max_tokens} pieces; "
                f"got {len(vocabulary)}."
            )
        # A tuple, which Keras does not track and copy.
        self._tokens = tuple(vocabulary)
        self._pieces = (*(b"" for _ in SPECIAL), *pieces)
        joins = all_joins(pieces)
        pairs = np.array(sorted(joins), "int64").reshape(-1, 2) + FIRST_BYTE
        self._pairs = pair_key(pairs[:, 0], pairs[:, 1])
        joined = [joins[pair] + FIRST_BYTE for pair in sorted(joins)]
        self._joined = np.array(joined, "int32")
        self._vocabulary_has_changed()

    def adapt(self, data: Any) -> None:
        """Learns the pieces.

        Args:
            data: list or array of strings, or a tf.data dataset of strings (batched
                or not).
        """
        pieces = learn_byte_pairs(self._counted(data), self.max_tokens - FIRST_PIECE)
        texts = [as_text(piece) for piece in [*BYTES, *pieces]]
        self.set_vocabulary([*SPECIAL, *texts])

    def grown(self, data: Any, *, most: int = 1000) -> "SubwordTokenizer":
        """A tokenizer that has pieces for more texts, too.

        Its own pieces keep their numbers, and are made first. The new ones join what
        these cut the words of the texts into.

        Args:
            data: list or array of strings, or a tf.data dataset of strings (batched
                or not).
            most: how many pieces may be new.

        Example:

        >>> tokenizer = SubwordTokenizer(max_tokens=262)
        >>> tokenizer.adapt(["low lower lowest", "slow"])
        >>> grown = tokenizer.grown(["slow and slower"], most=2)
        >>> grown.get_vocabulary()[260:]
        ['lo', 'low', '▁s', '▁slow']
        """
        most = check_integer("most", most, 0) or 0
        self._check_vocabulary()
        words = self._counted(data)
        cut = self._join_bytes(tf.constant([*words])).to_list() if words else []
        known = [[self._pieces[number] for number in word] for word in cut]
        pieces = learn_byte_pairs(words, most, known)
        tokens = [*self._tokens, *map(as_text, pieces)]
        return self._with_vocabulary(tokens, special=0)

    def with_dropout(self, rate: float, *, seed: int) -> "SubwordTokenizer":
        """A tokenizer of the same pieces that makes them with gaps: BPE-dropout.

        Each time that two pieces might be joined they are not, with the probability
        `rate`, so that a word that occurs again is cut otherwise. A network that
        learns from such texts knows how words are spelled, and reads rare ones better.

        Args:
            rate: From 0 to 1; 1 leaves bytes.
            seed: Of the random numbers. Calls in the same order give the same pieces.

        Example:

        >>> tokenizer = SubwordTokenizer(max_tokens=264)
        >>> tokenizer.adapt(["low lower lowest", "slow"])
        >>> often = tokenizer.with_dropout(0.5, seed=1)(["low"] * 100)
        >>> len(set(map(tuple, often.numpy().tolist()))) > 1
        True

        Reference: Provilkov et al. 2020, "BPE-Dropout: Simple and Effective Subword
        Regularization".
        """
        if not 0 <= rate <= 1:
            raise ValueError(f"`rate` must be from 0 to 1; got {rate!r}.")
        self._check_vocabulary()
        tokenizer = self._with_vocabulary(self._tokens, special=0)
        tokenizer._dropout = rate
        tokenizer._random = tf.random.Generator.from_seed(seed)
        return tokenizer

    def _counted(self, data):
        """How often each word of texts occurs."""
        counts: collections.Counter[bytes] = collections.Counter()
        for batch in batches_of_strings(data):
            counts.update(self.split(tf.reshape(batch, [-1])).values.numpy().tolist())
        # In one order, whatever the order of the texts.
        return {word: counts[word] for word in sorted(counts)}

    def get_vocabulary(self) -> list[str]:
        """All pieces in the order of their numbers: special ones, bytes, the others.

        A space is shown as ▁, a byte that is no character of its own as <0xC3>.
        """
        self._check_vocabulary()
        return list(self._tokens)

    @property
    def vocabulary_size(self) -> int:
        """How many numbers there are, the special ones included."""
        return len(self.get_vocabulary())

    def normalize(self, strings: Any) -> tf.Tensor:
        """The text that `detokenize` gives back: NFC, and one space for several."""
        text = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8")
        text = tf.strings.strip(tf.strings.regex_replace(text, _SPACE, " "))
        text = replaced(normalize_nfc(text), _QUOTES if self.straight_quotes else ())
        return tf.strings.lower(text, encoding="utf-8") if self.lowercase else text

    def split(self, strings: Any) -> tf.RaggedTensor:
        """The words of each text, spaces before them, as a ragged tensor (B, words)."""
        text = replaced(self.normalize(strings), _SPLIT)
        return tf.strings.split(text, "\n")[:, :-1]

    def count_cut(self, strings: Any) -> tf.Tensor:
        """How many pieces of each text `max_length` cuts off, (B,) int32."""
        lengths = tf.cast(self._tokenize(check_strings(strings)).row_lengths(), "int32")
        if self.max_length is None:
            return tf.zeros_like(lengths)
        return tf.maximum(lengths - self._room, 0)

    def call(self, strings: Any) -> Any:
        strings = self.check_strings(strings)
        if strings.shape.rank == 0:
            return self.call(strings[None])[0]
        ids = self._tokenize(strings)  # (B, pieces)
        if self.max_length is not None:
            ids = ids[:, : self._room]
        ones = tf.ones_like(strings, tf.int32)[:, None]  # (B, 1)
        parts = [
            *([self.start_id * ones] if self.add_start else []),
            ids,
            *([self.end_id * ones] if self.add_end else []),
        ]
        ids = tf.concat(parts, 1).to_tensor(0)
        # A batch of empty strings is one step of padding, not no step at all.
        lacking = tf.maximum(1 - tf.shape(ids)[1], 0)
        return tf.pad(ids, [[0, 0], [0, lacking]])  # (B, T)

    def detokenize(self, ids: Any) -> tf.Tensor:
        """The text of numbers (B, T), up to the first end token."""
        ids = check_ids(ids, self.vocabulary_size)
        ended = tf.cumsum(tf.cast(ids == self.end_id, tf.int32), axis=-1) > 0
        pieces = tf.gather(tf.constant(self._pieces), ids)  # (B, T)
        text = tf.strings.reduce_join(tf.where(ended, b"", pieces), axis=-1)
        # A model may give bytes that are no text.
        return tf.strings.strip(tf.strings.unicode_transcode(text, "UTF-8", "UTF-8"))

    def portable(self) -> dict[str, dict]:
        """How words are cut into pieces, as `write_portable` writes it."""
        settings = {
            "kind": "pieces",
            "vocabulary": self.get_vocabulary(),
            "space": _SPACE,
            "lowercase": self.lowercase,
            "split": (*(_QUOTES if self.straight_quotes else ()), *_SPLIT),
            "room": None if self.max_length is None else self._room,
            "before": [self.start_id] if self.add_start else [],
            "after": [self.end_id] if self.add_end else [],
            "end_id": self.end_id,
        }
        return {"source": settings}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "vocabulary": self._tokens and list(self._tokens),
            "max_tokens": self.max_tokens,
            "max_length": self.max_length,
            "lowercase": self.lowercase,
            "straight_quotes": self.straight_quotes,
            "add_start": self.add_start,
            "add_end": self.add_end,
        }

    @property
    def _room(self):
        """How many pieces there is room for, between start and end."""
        return self.max_length - self.add_start - self.add_end

    # TensorFlow makes this graph ready anew for each epoch: hence few operations, and
    # none that check what is right by construction.
    def _tokenize(self, strings):
        """Numbers of the pieces of strings (B,), ragged (B, pieces)."""
        words = self.split(strings)
        if self._dropout:
            ids = self._join_bytes(words.values)  # (all words, pieces)
        else:
            unique, index = tf.unique(words.values)
            ids = tf.gather(self._join_bytes(unique), index)
        splits = tf.gather(ids.row_splits, words.row_splits)  # (B + 1,)
        return tf.RaggedTensor.from_row_splits(ids.values, splits, validate=False)

    def _join_bytes(self, words):
        """Numbers of the pieces of words (W,), ragged (W, pieces)."""
        ids = tf.io.decode_raw(tf.strings.reduce_join(words), tf.uint8)
        ids = tf.cast(ids, tf.int32) + FIRST_BYTE
        ends = tf.cumsum(tf.strings.length(words))[None]  # (1, W)
        positions = tf.range(tf.size(ids))[None]
        rows = tf.raw_ops.UpperBound(sorted_inputs=ends, values=positions)
        rows = tf.squeeze(rows, 0)

        def join_once(ids, rows, joined):
            found = self._look_up(ids[:-1], ids[1:], rows[:-1] == rows[1:])
            if self._dropout:
                dropped = self._random.uniform(tf.shape(found)) < self._dropout
                # A word of which nothing was joined is done.
                dropped |= ~tf.gather(joined, rows[:-1])
                found = tf.where(dropped, _NONE, found)
            # In every word the earliest piece of the vocabulary is made first, ...
            first = tf.math.unsorted_segment_min(found, rows[:-1], tf.size(words))
            joins = (found == tf.gather(first, rows[:-1])) & (found != _NONE)
            # ... where two places overlap, at the left one.
            joins &= ~tf.concat([[False], joins[:-1]], 0)[: tf.size(joins)]
            if self._dropout:
                joined = tf.math.unsorted_segment_max(
                    tf.cast(joins, tf.int32), rows[:-1], tf.size(words)
                )
                joined = joined > 0
            else:
                joined = tf.reduce_any(joins)
            left = tf.concat([joins, [False]], 0)[: tf.size(ids)]
            found = tf.concat([found, [_NONE]], 0)[: tf.size(ids)]
            ids = tf.where(left, found, ids)
            kept = tf.where(~tf.concat([[False], joins], 0)[: tf.size(ids)])
            ids, rows = tf.gather_nd(ids, kept), tf.gather_nd(rows, kept)
            return ids, rows, joined

        if self._dropout:
            joined = tf.ones_like(words, tf.bool)
        else:
            joined = tf.constant(True)
        ids, rows, _ = tf.while_loop(
            lambda ids, rows, joined: tf.reduce_any(joined),
            join_once,
            (ids, rows, joined),
            shape_invariants=(*[tf.TensorShape([None])] * 2, joined.shape),
        )
        lengths = tf.math.unsorted_segment_sum(
            tf.ones_like(rows, tf.int64), rows, tf.size(words)
        )
        return tf.RaggedTensor.from_row_lengths(ids, lengths, validate=False)

    def _look_up(self, left, right, neighbours):
        """The piece that each pair makes, or `_NONE`."""
        if not len(self._pairs):
            return tf.fill(tf.shape(left), _NONE)
        key = pair_key(tf.cast(left, tf.int64), tf.cast(right, tf.int64))
        index = tf.raw_ops.LowerBound(sorted_inputs=self._pairs[None], values=key[None])
        index = tf.minimum(tf.squeeze(index, 0), len(self._pairs) - 1)
        found = neighbours & (tf.gather(self._pairs, index) == key)
        return tf.where(found, tf.gather(self._joined, index), _NONE)


def replaced(text, rules):
    """A text in which each rule's pattern is replaced, one rule after the other."""
    for pattern, replacement in rules:
        text = tf.strings.regex_replace(text, pattern, replacement)
    return text


def pair_key(left, right):
    """One number for a pair of them, in the order of pairs."""
    return left * 2**31 + right
