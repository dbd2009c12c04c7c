"""PNG to pixels, with TensorFlow's operations.

Reference: W3C 2003, "Portable Network Graphics (PNG) Specification (Second Edition)".
"""

import tensorflow as tf

from kerasrnn.vision.image_bytes import Size, bytes_at, checked, length_of, number, part
from kerasrnn.vision.white_canvas import on_white

HEADER = b"\0\0\0\x0dIHDR"
# What stands before the pixels: a dozen chunks at the most in files that people have.
MAX_CHUNKS = 1000
# A chunk's name as the number of its bytes.
TRANSPARENCY, PIXELS = (int.from_bytes(name, "big") for name in (b"tRNS", b"IDAT"))


def is_png(contents: tf.Tensor) -> tf.Tensor:
    """Whether the file begins as a PNG does."""
    return part(contents, 0, 8) == b"\x89PNG\r\n\x1a\n"


def png_header(contents: tf.Tensor) -> Size:
    """What the header says, which must come first."""
    contents = checked(
        contents,
        part(contents, 8, 8) == HEADER,
        "a PNG must begin with its header IHDR",
    )
    header = bytes_at(contents, 0, 24)
    return Size(number(header, 20, 4, "big"), number(header, 16, 4, "big"))


def decode_png(contents: tf.Tensor, header: Size) -> tf.Tensor:
    """Pixels of a PNG before white, (H, W, 3) float32, 0 to 255."""

    def decode(channels):
        # 16 bits a channel hold 8 bits without loss: 257 times as much.
        pixels = tf.io.decode_png(contents, channels=channels, dtype=tf.uint16)
        return tf.cast(pixels, tf.float32) / 257

    # Opacity is asked for only where there is one: of less than 8 bits, the operation
    # fills it with the largest number of so many bits.
    return tf.cond(
        _has_opacity(contents), lambda: on_white(decode(4)), lambda: decode(3)
    )


def _has_opacity(contents):
    """Whether pixels have an opacity each, or a colour counts as transparent."""
    colour_type = bytes_at(contents, 25, 1)[0]

    def header_at(at):
        header = bytes_at(contents, at, 8)
        return number(header, 0, 4, "big"), number(header, 4, 4, "big")

    def goes_on(at, count):
        _, name = header_at(at)
        end = length_of(contents)
        is_last = (name == TRANSPARENCY) | (name == PIXELS)
        return (at < end) & ~is_last & (count < MAX_CHUNKS)

    def step(at, count):
        length, _ = header_at(at)
        return at + 12 + length, count + 1

    first = tf.constant(8, tf.int64), tf.constant(0)
    at, count = tf.while_loop(goes_on, step, first)
    at = checked(
        at,
        count < MAX_CHUNKS,
        f"a PNG must have at most {MAX_CHUNKS} chunks before its pixels",
    )
    length, name = header_at(at)
    # Of another length it is broken, and left out by the operation that decodes.
    fits = tf.where(colour_type == 3, length <= 256, length == 2 + colour_type * 2)
    return (colour_type >= 4) | ((name == TRANSPARENCY) & fits & (length > 0))
