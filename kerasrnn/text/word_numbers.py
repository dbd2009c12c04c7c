"""What tokenizers of words share: their numbers, and the order that words have."""

import collections

import tensorflow as tf

from kerasrnn.text.tokenizer import UNKNOWN_ID

PADDING, UNKNOWN = "", "[UNK]"
FIRST = 2  # the number of the first word


def word_table(words: list[str]) -> tf.lookup.StaticHashTable:
    """From words to their numbers, which begin with `FIRST`; 1 of all others.

    Example:

    >>> word_table(["a", "film"]).lookup(tf.constant(["film", "dull"])).numpy().tolist()
    [3, 1]
    """
    # With no word there is still a table: a key that no word can be.
    keys = words or ["\n"]
    # Off the GPU, where string tables do not exist.
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(keys),
                tf.range(FIRST, FIRST + len(keys), dtype=tf.int32),
            ),
            default_value=UNKNOWN_ID,
        )


def ranked(counts: collections.Counter[bytes], least: int = 1) -> list[str]:
    """Words that occur so often at least, by falling count, then by code point.

    Example:

    >>> ranked(collections.Counter([b"b", b"a", b"c", b"c"]))
    ['c', 'a', 'b']
    """
    kept = [word for word in counts if counts[word] >= least]
    # UTF-8 bytes sort as code points do.
    in_order = sorted(kept, key=lambda word: (-counts[word], word))
    return [word.decode() for word in in_order if word.decode() != UNKNOWN]
