"""Unicode normalisation form C, as a TensorFlow graph of core operations."""

import functools
import unicodedata
from typing import Any

import numpy as np
import tensorflow as tf

# Hangul is composed by arithmetic: The Unicode Standard, section 3.12.
_S_BASE, _L_BASE, _V_BASE, _T_BASE = 0xAC00, 0x1100, 0x1161, 0x11A7
_L_COUNT, _V_COUNT, _T_COUNT, _S_COUNT = 19, 21, 28, 11172
# Stands before every string, so that its first mark has something to follow.
_SENTINEL = 0x110000
# What stands for it in UTF-8, which has no form of it.
_STAND_IN = "\n"
_LONGEST = 2**31 - 1
_NONE = -1


@functools.cache
def _tables():
    """The character database as sorted arrays, for look-up by binary search."""
    decomposed, combining, pairs = {}, {}, {}
    for code in range(0x110000):
        char = chr(code)
        if 0xD800 <= code < 0xE000 or _S_BASE <= code < _S_BASE + _S_COUNT:
            continue
        if unicodedata.combining(char):
            combining[code] = unicodedata.combining(char)
        mapping = unicodedata.decomposition(char)
        if not mapping or mapping.startswith("<"):
            continue
        decomposed[code] = [ord(c) for c in unicodedata.normalize("NFD", char)]
        parts = [int(part, 16) for part in mapping.split()]
        composed = unicodedata.normalize("NFC", "".join(map(chr, parts)))
        if len(parts) == 2 and composed == char:
            pairs[(parts[0] << 21) + parts[1]] = code
    return {
        "decomposed": np.array(sorted(decomposed), "int32"),
        "decomposition": np.array(
            [(decomposed[c] + [_NONE] * 3)[:4] for c in sorted(decomposed)], "int32"
        ),
        "combining": np.array(sorted(combining), "int32"),
        "combining_class": np.array([combining[c] for c in sorted(combining)], "int32"),
        "pairs": np.array(sorted(pairs), "int64"),
        "pair_composite": np.array([pairs[p] for p in sorted(pairs)], "int32"),
    }


@functools.cache
def _maybe_not_nfc():
    """An RE2 class of the characters that NFC may change, join or reorder."""
    tables = _tables()
    codes = set(tables["combining"].tolist())
    codes |= {int(pair) & 0x1FFFFF for pair in tables["pairs"]}
    codes |= {
        int(c)
        for c in tables["decomposed"]
        if unicodedata.normalize("NFC", chr(c)) != chr(c)
    }
    codes |= set(range(_V_BASE, _V_BASE + _V_COUNT))
    codes |= set(range(_T_BASE + 1, _T_BASE + _T_COUNT))
    ranges = []
    for code in sorted(codes):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(rf"\x{{{a:X}}}-\x{{{b:X}}}" for a, b in ranges)


def _look_up(keys, values, queries, default):
    """`values` where `queries` (N,) are among the sorted `keys`, else `default`."""
    place = tf.raw_ops.LowerBound(sorted_inputs=keys[None], values=queries[None])
    place = tf.minimum(tf.squeeze(place, 0), len(keys) - 1)
    found = tf.equal(tf.gather(keys, place), queries)
    if values.ndim == 2:
        found = tf.expand_dims(found, 1)
    return tf.where(found, tf.gather(values, place), default)


def _decompose(flat):
    """Canonical decomposition of code points (N,), in canonical order, and classes."""
    tables = _tables()
    alone = tf.pad(flat[:, None], [[0, 0], [0, 3]], constant_values=_NONE)  # (N, 4)
    parts = _look_up(tables["decomposed"], tables["decomposition"], flat, alone)

    syllable = flat - _S_BASE
    hangul = tf.logical_and(syllable >= 0, syllable < _S_COUNT)
    trailing = tf.math.floormod(syllable, _T_COUNT)
    jamo = tf.stack(
        [
            _L_BASE + syllable // (_V_COUNT * _T_COUNT),
            _V_BASE + tf.math.floormod(syllable, _V_COUNT * _T_COUNT) // _T_COUNT,
            tf.where(trailing > 0, _T_BASE + trailing, _NONE),
            tf.fill(tf.shape(flat), _NONE),
        ],
        1,
    )
    parts = tf.where(hangul[:, None], jamo, parts)
    flat = tf.gather_nd(parts, tf.where(tf.not_equal(parts, _NONE)))
    ccc = _look_up(tables["combining"], tables["combining_class"], flat, 0)
    order = tf.argsort(canonical_keys(ccc), stable=True)
    return tf.gather(flat, order), tf.gather(ccc, order)


def canonical_keys(ccc: tf.Tensor) -> tf.Tensor:
    """What characters of these combining classes (N,) are sorted by, (N,) int64.

    Marks that follow one starter are sorted by class, and no mark leaves it.
    """
    # In 32 bits the keys of 8.4 million starters would begin again from below zero.
    ccc = tf.cast(ccc, "int64")
    return tf.cumsum(tf.cast(ccc == 0, "int64")) * 256 + ccc


def _composite(first, second):
    """The primary composite of two code points, or `_NONE`."""
    tables = _tables()
    pair = tf.bitwise.left_shift(tf.cast(first, "int64"), tf.constant(21, "int64"))
    found = _look_up(
        tables["pairs"],
        tables["pair_composite"],
        pair + tf.cast(second, "int64"),
        _NONE,
    )
    leading, vowel, trailing = first - _L_BASE, second - _V_BASE, second - _T_BASE
    leading_vowel = tf.logical_and(
        tf.logical_and(leading >= 0, leading < _L_COUNT),
        tf.logical_and(vowel >= 0, vowel < _V_COUNT),
    )
    found = tf.where(
        leading_vowel, _S_BASE + (leading * _V_COUNT + vowel) * _T_COUNT, found
    )
    syllable = first - _S_BASE
    closed = tf.logical_and(
        tf.logical_and(syllable >= 0, syllable < _S_COUNT),
        tf.logical_and(trailing > 0, trailing < _T_COUNT),
    )
    closed = tf.logical_and(closed, tf.math.floormod(syllable, _T_COUNT) == 0)
    return tf.where(closed, first + trailing, found)


def _compose_once(flat, ccc):
    """Joins to every starter the first character that it can take."""
    positions = tf.range(tf.size(flat))
    starter = tf.equal(ccc, 0)
    group = tf.cumsum(tf.cast(starter, "int32")) - 1
    heads = tf.cast(tf.squeeze(tf.where(starter), 1), "int32")
    before = tf.maximum(positions - 1, 0)
    # A mark joins its own starter, a starter joins the one right before it.
    head = tf.where(starter, before, tf.gather(heads, group))
    composite = _composite(tf.gather(flat, head), flat)
    # Blocked: something of the same or a higher class stands in between.
    previous_ccc = tf.gather(ccc, before)
    free = tf.where(starter, tf.equal(previous_ccc, 0), previous_ccc < ccc)
    joins = tf.logical_and(composite != _NONE, tf.logical_and(free, positions > 0))
    first = tf.math.unsorted_segment_min(
        tf.where(joins, positions, tf.size(flat)), head, tf.size(flat)
    )
    joins = tf.logical_and(joins, tf.equal(tf.gather(first, head), positions))
    joining = tf.where(joins)  # (J, 1)
    flat = tf.tensor_scatter_nd_update(
        flat,
        tf.expand_dims(tf.gather_nd(head, joining), 1),
        tf.gather_nd(composite, joining),
    )
    kept = tf.where(tf.logical_not(joins))
    return tf.gather_nd(flat, kept), tf.gather_nd(ccc, kept), tf.reduce_any(joins)


# TensorFlow makes a graph that tokenizes ready anew for each epoch, and this part takes
# most of that time: of few operations, and not made ready where no string needs it.
@tf.function(
    input_signature=[tf.TensorSpec([None], tf.string)],
    autograph=False,
    experimental_attributes={"_noinline": True},
)
def _compose(strings):
    decoded = tf.raw_ops.UnicodeDecode(
        input=tf.strings.join([_STAND_IN, strings]),
        input_encoding="UTF-8",
        errors="replace",
    )
    begins = decoded.row_splits[:-1, None]  # (B, 1)
    flat = tf.tensor_scatter_nd_update(
        decoded.char_values, begins, tf.fill(tf.shape(strings), _SENTINEL)
    )
    flat, _, _ = tf.while_loop(
        lambda flat, ccc, joined: joined,
        lambda flat, ccc, joined: _compose_once(flat, ccc),
        (*_decompose(flat), tf.constant(True)),
        shape_invariants=(*[tf.TensorShape([None])] * 2, tf.TensorShape([])),
    )
    begins = tf.equal(flat, _SENTINEL)
    splits = tf.concat([tf.squeeze(tf.where(begins), 1), [tf.size(flat, "int64")]], 0)
    composed = tf.raw_ops.UnicodeEncode(
        input_values=tf.where(begins, ord(_STAND_IN), flat),
        input_splits=splits,
        output_encoding="UTF-8",
        errors="replace",
    )
    return tf.strings.substr(composed, len(_STAND_IN), _LONGEST)


def normalize_nfc(strings: Any) -> tf.Tensor:
    r"""Normalises UTF-8 strings to Unicode form C, so that é is one é.

    The whole of UAX #15: canonical decomposition, canonical order of the marks,
    primary composition, Hangul. Tables are taken from Python's `unicodedata`
    when the graph is made, and travel with an exported model. Strings that hold
    no character that could change (nearly all of them) cost one regular
    expression. No string depends on the others of its batch, however long they are.

    Args:
        strings: a string tensor (B,), valid UTF-8.

    Returns:
        A string tensor (B,).

    Example:

    >>> normalize_nfc(tf.constant(["cafe\u0301"])).numpy()[0].decode()
    'café'

    Reference: Unicode Standard Annex #15, Unicode Normalization Forms.
    """
    strings = tf.convert_to_tensor(strings)
    maybe = tf.strings.regex_full_match(strings, rf"(?s).*[{_maybe_not_nfc()}].*")
    return tf.cond(
        tf.reduce_any(maybe), lambda: _compose(strings), lambda: tf.identity(strings)
    )
