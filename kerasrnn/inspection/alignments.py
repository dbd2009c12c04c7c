"""Where a translator looks, token by token or word by word."""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import ArrayLike

PIECE_MARK = "▁"  # as in the vocabulary of a SubwordTokenizer
END = "[END]"


class Alignments(NamedTuple):
    """What `attention_maps_figure` draws, one item for each text.

    Args:
        alignments: Arrays (T, S).
        sources: Lists of S tokens.
        targets: Lists of T tokens.
    """

    alignments: list
    sources: list
    targets: list


def translation_attention(
    model: keras.Model,
    texts: Sequence[str],
    *,
    max_length: int = 64,
    merge_pieces: bool = False,
) -> Alignments:
    """Translate texts, and tell where each token of the translation looked.

    Args:
        model: A `Seq2SeqAttention` with a `PairTokenizer`.
        texts: List of strings.
        max_length: The most tokens of a translation.
        merge_pieces: Whether pieces of words are put together to words, as spaces and
            punctuation part them: a word's alignment is the sum over the pieces of
            the source and the mean over those of the translation.

    Returns:
        `Alignments`: arrays (T, S) of the greedy translations, with the tokens of
        sources and translations, the end tokens included and padding not:
        `attention_maps_figure(*translation_attention(model, texts), path)`.

    Raises:
        ValueError: The model has no attention or no tokenizer; texts are none or one
            string.
    """
    import tensorflow as tf
    from keras import ops

    if not getattr(model, "attends", False):
        raise ValueError(
            "`model` must be a translator with attention, such as Seq2SeqAttention; "
            f"got a {type(model).__name__}."
        )
    pair = model.preprocessor
    if pair is None:
        raise ValueError(
            f"`model` must have a PairTokenizer; this {type(model).__name__} has "
            "`preprocessor=None`."
        )
    if isinstance(texts, (str, bytes)) or not len(texts):
        raise ValueError(f"`texts` must be a list of strings; got {texts!r}.")
    ids = model.preprocess(tf.constant(list(texts))).numpy()  # (B, S)
    found = model.generate_ids(ids, max_length=max_length, source_length=ids.shape[1])
    target_ids, lengths, seen = (
        ops.convert_to_numpy(x)
        for x in (found.token_ids, found.lengths, found.alignments)
    )
    result = Alignments([], [], [])
    for row, length in enumerate(lengths):
        source = tokens_of(pair.source, ids[row][ids[row] != 0])
        target = tokens_of(pair.target, target_ids[row, :length])
        values = seen[row, :length, : len(source)]  # (T, S)
        if merge_pieces:
            values, source, target = merged(
                values,
                source,
                target,
                in_pieces=[has_pieces(pair.source), has_pieces(pair.target)],
            )
        for items, item in zip(result, (values, source, target), strict=True):
            items.append(item)
    return result


def tokens_of(tokenizer, ids) -> list[str]:
    """The tokens of numbers; start and end tokens may be no part of the vocabulary."""
    tokens = [*tokenizer.get_vocabulary()]
    if "[END]" not in tokens:
        tokens += ["[START]", END]
    return [tokens[i] for i in ids]


def has_pieces(tokenizer) -> bool:
    """Whether tokens are pieces of words: the space before one is a token itself."""
    return PIECE_MARK in tokenizer.get_vocabulary()


def merged(values, source, target, in_pieces=(True, True)):
    """Alignments (T, S) of pieces as those of words, with the words.

    Example:

    >>> import numpy as np
    >>> values, source, target = merged(
    ...     np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]),
    ...     ["▁low", "er", "."],
    ...     ["▁más", "."],
    ... )
    >>> source, values.tolist()
    (['lower', '.'], [[0.75, 0.25], [0.0, 1.0]])
    """
    columns, rows = (
        word_starts(tokens) if pieces else list(range(len(tokens)))
        for tokens, pieces in zip((source, target), in_pieces, strict=True)
    )
    values = np.add.reduceat(values, columns, axis=1)
    counts = np.diff([*rows, len(target)])
    values = np.add.reduceat(values, rows, axis=0) / counts[:, None]
    words = [
        [word_of(tokens[a:b]) for a, b in zip(s, [*s[1:], None], strict=True)]
        for tokens, s in ((source, columns), (target, rows))
    ]
    return values, *words


def word_starts(pieces) -> list[int]:
    """Where words begin: at spaces, and where letters, digits and others change."""
    starts, last = [], None
    for place, piece in enumerate(pieces):
        kind = kind_of(piece)
        joins = last == "space" or (last == kind and kind in ("letter", "digit"))
        if piece.startswith(PIECE_MARK) or kind == "special" or not joins:
            starts.append(place)
        last = kind
    return starts


def kind_of(piece: str) -> str:
    """What a piece is made of; only letters, and only digits, go on as one word."""
    text = piece.lstrip(PIECE_MARK)
    if not text:
        return "space"
    if text in ("[START]", END, "[UNK]"):
        return "special"
    # Bytes are parts of letters more often than not.
    if text.startswith("<0x") or text[0] in "'’":
        return "letter"
    kinds = {"L": "letter", "M": "letter", "N": "digit"}
    return kinds.get(unicodedata.category(text[0])[0], "other")


def word_of(pieces) -> str:
    """The text of pieces, without spaces around it."""

    def text_of_bytes(match):
        return bytes.fromhex(re.sub("<0x|>", "", match[0])).decode("utf-8", "replace")

    text = re.sub("(<0x[0-9A-F]{2}>)+", text_of_bytes, "".join(pieces))
    return text.replace(PIECE_MARK, " ").strip()


def distance_from_diagonal(alignment: ArrayLike) -> float:
    """How far from the diagonal a translator looked: the mean of |s/S − t/T|.

    Each place is weighted with the attention that it got. 0 is the diagonal itself;
    attention that is the same everywhere gives about 1/3 for long sentences.

    Args:
        alignment: (T, S).

    Example:

    >>> distance_from_diagonal([[1, 0], [0, 1]]), distance_from_diagonal([[0.5, 0.5]])
    (0.0, 0.25)
    """
    alignment = np.asarray(alignment, "float64")
    t, s = ((np.arange(n) + 0.5) / n for n in alignment.shape)
    distance = np.abs(t[:, None] - s)  # (T, S)
    return float((alignment * distance).sum() / alignment.sum())
