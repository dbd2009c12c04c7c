"""BMP to pixels, with TensorFlow's operations.

Reference: Microsoft, "Windows GDI: Bitmap Header Types".
"""

import tensorflow as tf

from kerasrnn.vision.image_bytes import (
    bytes_at,
    checked,
    chosen,
    length_of,
    number,
    part,
)
from kerasrnn.vision.white_canvas import WHITE, on_white

# Lengths of the header of OS/2, and of those of Windows, each with the one before in
# it; those of the latter that hold the masks, and a mask for opacity.
OS2, WINDOWS, WITH_MASKS, WITH_OPACITY = 12, (40, 52, 56, 64, 108, 124), 52, 56
UNCOMPRESSED, MASKS = 0, 3


def is_bmp(contents: tf.Tensor) -> tf.Tensor:
    """Whether the file begins as a BMP does."""
    return part(contents, 0, 2) == b"BM"


class BmpHeader:
    """What stands before the pixels; all scalars, int64."""

    def __init__(self, contents: tf.Tensor) -> None:
        data = bytes_at(contents, 0, 70)
        self.pixels_at, self.length = number(data, 10, 4), number(data, 14, 4)
        self.is_os2 = self.length == OS2

        def either(os2, windows):
            return chosen(self.is_os2, number(data, *os2), number(data, *windows))

        # A negative height says that the rows begin at the top.
        height = either((20, 2), (22, 4))
        self.from_the_top = height >= 2**31
        self.height = tf.minimum(height, 2**32 - height)
        self.width = either((18, 2), (18, 4))
        self.bits = either((24, 2), (28, 2))
        self.compression = chosen(self.is_os2, 0, number(data, 30, 4))
        self.colours = chosen(self.is_os2, 0, number(data, 46, 4))
        self.data = data

    def palette(self, contents: tf.Tensor) -> tf.Tensor:
        """(256, 3) int64; black where the palette is shorter."""
        size = chosen(self.is_os2, 3, 4)
        at = 14 + self.length
        count = chosen(self.colours > 0, self.colours, 2**self.bits)
        # It ends where the pixels begin.
        count = tf.minimum(count, (self.pixels_at - at) // size)
        index = tf.range(256, dtype=tf.int64)
        data = bytes_at(contents, at, 4 * 256)
        places = (index * size)[:, None] + tf.constant([2, 1, 0], tf.int64)
        return chosen(index[:, None] < count, tf.gather(data, places), 0)

    def masks(self, contents: tf.Tensor) -> tf.Tensor:
        """Of red, green, blue and opacity, (4,) int64; 0: there is none."""
        of_file = tf.stack([number(self.data, at, 4) for at in (54, 58, 62, 66)])
        is_known = self.length >= tf.constant([0, 0, 0, WITH_OPACITY], tf.int64)
        of_file = chosen(is_known, of_file, 0)
        of_16_bits = tf.constant([31 << 10, 31 << 5, 31, 0], tf.int64)
        return chosen(self.compression == MASKS, of_file, of_16_bits)


def decode_bmp(contents: tf.Tensor, header: BmpHeader) -> tf.Tensor:
    """Pixels of a BMP that is not compressed, (H, W, 3) float32, 0 to 255.

    Of 1, 2, 4 or 8 bits with a palette, 16 and 32 bits with masks or without, and 24
    bits; from the bottom to the top or the other way.
    """
    bits, compression = header.bits, header.compression
    contents = checked(
        contents,
        tf.reduce_any(header.length == tf.constant([OS2, *WINDOWS], tf.int64)),
        tf.strings.format(
            "a BMP with a header of {} bytes cannot be read", header.length
        ),
    )
    contents = checked(
        contents,
        (compression == UNCOMPRESSED)
        | ((compression == MASKS) & ((bits == 16) | (bits == 32))),
        tf.strings.format(
            "a BMP must not be compressed (run lengths or another way); its "
            "compression is {}",
            compression,
        ),
    )
    bits = checked(
        bits,
        tf.reduce_any(bits == tf.constant([1, 2, 4, 8, 16, 24, 32], tf.int64)),
        tf.strings.format("a BMP must have 1 to 32 bits a pixel; it has {}", bits),
    )
    row_bytes = (header.width * bits + 31) // 32 * 4
    length = row_bytes * header.height
    data = part(contents, header.pixels_at, length)
    data = checked(
        data,
        length_of(data) == length,
        "a BMP must hold its pixels to the end",
    )
    rows = tf.reshape(
        tf.io.decode_raw(data, tf.uint8), tf.stack([header.height, row_bytes])
    )
    rows = tf.cond(header.from_the_top, lambda: rows, lambda: rows[::-1])
    width = header.width

    def palette():
        per_byte = 8 // tf.minimum(bits, 8)
        shifts = tf.cast(8 - bits * (1 + tf.range(per_byte)), tf.uint8)
        indices = tf.bitwise.right_shift(rows[..., None], shifts)
        indices = tf.bitwise.bitwise_and(indices, tf.cast(2**bits - 1, tf.uint8))
        indices = tf.reshape(indices, tf.stack([header.height, row_bytes * per_byte]))
        colours = tf.cast(header.palette(contents), tf.float32)
        return tf.gather(colours, tf.cast(indices[:, :width], tf.int32))

    def channels(count):
        pixels = tf.reshape(
            rows[:, : width * count], tf.stack([header.height, width, count])
        )
        return tf.cast(pixels[..., 2::-1], tf.float32)

    def masked():
        count = bits // 8
        pixels = tf.reshape(
            rows[:, : width * count], tf.stack([header.height, width, count])
        )
        places = tf.cast(256 ** tf.range(count), tf.int64)
        numbers = tf.reduce_sum(tf.cast(pixels, tf.int64) * places, axis=-1)
        masks = header.masks(contents)
        # The lowest bit of a mask; one that is empty gives zeros.
        lowest = tf.maximum(tf.bitwise.bitwise_and(masks, -masks), 1)
        values = tf.bitwise.bitwise_and(numbers[..., None], masks) // lowest
        scale = WHITE / tf.cast(tf.maximum(masks // lowest, 1), tf.float32)
        values = tf.cast(values, tf.float32) * scale  # (H, W, 4)
        return tf.cond(masks[3] > 0, lambda: on_white(values), lambda: values[..., :3])

    return tf.case(
        [
            (bits <= 8, palette),
            (bits == 24, lambda: channels(3)),
            ((bits == 32) & (compression == UNCOMPRESSED), lambda: channels(4)),
        ],
        default=masked,
    )
