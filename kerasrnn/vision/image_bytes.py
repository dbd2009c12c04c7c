"""Bytes of a file as numbers, cut and checked with TensorFlow's operations."""

import typing

import tensorflow as tf

BYTES = [bytes([value]) for value in range(256)]


class Size(typing.NamedTuple):
    """What a header says of a picture; scalars, int64."""

    height: tf.Tensor
    width: tf.Tensor


def length_of(contents: tf.Tensor) -> tf.Tensor:
    """How many bytes a string has, a scalar, int64."""
    return tf.cast(tf.strings.length(contents), tf.int64)


def part(contents: tf.Tensor, start, length=None) -> tf.Tensor:
    """These bytes of a string, or as many of them as it has.

    Args:
        contents: a scalar string tensor.
        start: where they begin.
        length: how many they are; None: all to the end.
    """
    size = length_of(contents)
    start = tf.clip_by_value(tf.cast(start, tf.int64), 0, size)
    length = size if length is None else tf.cast(length, tf.int64)
    return tf.strings.substr(contents, start, length)


def bytes_at(contents: tf.Tensor, start, count: int) -> tf.Tensor:
    """So many bytes from there on, (count,) int64; past the end they are zeros."""
    # `fixed_length` cuts a longer string and fills a shorter one up.
    data = tf.io.decode_raw(part(contents, start, count), tf.uint8, fixed_length=count)
    return tf.cast(data, tf.int64)


def number(data: tf.Tensor, at, length: int, order: str = "little") -> tf.Tensor:
    """The number of so many bytes at this place of `data`, or those at these places.

    Args:
        data: (N,) int64, bytes.
        at: where the number begins; an integer tensor of any shape.
        length: how many bytes it has.
        order: "little" or "big".

    Returns:
        int64, of the shape of `at`.
    """
    places = range(length) if order == "little" else range(length - 1, -1, -1)
    return tf.add_n([tf.gather(data, at + i) * 256**k for i, k in enumerate(places)])


def to_bytes(value: tf.Tensor, length: int) -> tf.Tensor:
    """A number as a string of so many bytes, the lowest first."""
    digits = value // tf.constant([256**k for k in range(length)], tf.int64) % 256
    return tf.strings.reduce_join(tf.gather(tf.constant(BYTES), digits))


def chosen(condition, if_so, if_not) -> tf.Tensor:
    """`tf.where` of int64, which numbers of Python may stand for."""
    return tf.where(condition, tf.cast(if_so, tf.int64), tf.cast(if_not, tf.int64))


def checked(contents: tf.Tensor, condition, message) -> tf.Tensor:
    """`contents`; whatever is computed of it waits until the condition was found true.

    Args:
        contents: any tensor.
        condition: a scalar bool tensor.
        message: what `InvalidArgumentError` says else: a string or a string tensor.
    """
    check = tf.debugging.Assert(condition, [message])
    # Outside of a graph the check is made by now.
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(contents)
