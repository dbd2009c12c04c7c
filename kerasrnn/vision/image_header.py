"""What the first bytes of a picture say, read with TensorFlow's operations.

So that an exported model knows a picture's size before it decodes it, too.
"""

import tensorflow as tf

# As long as a JPEG's segment can be, and what stands before the one that counts.
HEADER_BYTES = 80_000


def image_size(contents):
    """Height and width, int64 scalars, as the header of a picture gives them.

    Args:
        contents: a scalar string tensor, the bytes of a PNG, JPEG, GIF, BMP or WebP
            file. Of other files the size is 0 by 0.
    """
    header = _bytes_of(contents, 64)

    def number(at, length, order="little"):
        return _number(header, at, length, order)

    def jpeg():
        height, width, _ = tf.unstack(tf.image.extract_jpeg_shape(contents, tf.int64))
        return height, width

    def webp():
        # Sides have 14 bits.
        lossy = (number(28, 2) % 2**14, number(26, 2) % 2**14)
        bits = number(21, 4)
        lossless = (bits // 2**14 % 2**14 + 1, bits % 2**14 + 1)
        extended = (number(27, 3) + 1, number(24, 3) + 1)
        kind = tf.strings.substr(contents, 12, 4)
        return tuple(
            tf.where(kind == b"VP8L", b, tf.where(kind == b"VP8X", c, a))
            for a, b, c in zip(lossy, lossless, extended, strict=True)
        )

    def bmp():
        # A negative height says that the rows begin at the top.
        height = number(22, 4)
        return tf.minimum(height, 2**32 - height), number(18, 4)

    sizes = {
        "png": lambda: (number(20, 4, "big"), number(16, 4, "big")),
        "jpeg": jpeg,
        "gif": lambda: (number(8, 2), number(6, 2)),
        "bmp": bmp,
        "webp": webp,
    }
    nothing = (tf.constant(0, tf.int64), tf.constant(0, tf.int64))
    return tf.case(
        [(is_kind(contents, kind), size) for kind, size in sizes.items()],
        default=lambda: nothing,
    )


def is_kind(contents, kind: str):
    """Whether the file begins as "png", "jpeg", "gif", "bmp" or "webp" does."""
    start, magic = {
        "png": (0, b"\x89PNG\r\n\x1a\n"),
        "jpeg": (0, b"\xff\xd8\xff"),
        "gif": (0, b"GIF8"),
        "bmp": (0, b"BM"),
        "webp": (8, b"WEBP"),
    }[kind]
    head = _bytes_of(contents, start + len(magic))[start:]
    return tf.reduce_all(head == tf.constant(list(magic), tf.int64))


def exif_orientation(contents):
    """How a JPEG's camera was turned: 1 (upright) to 8, as Exif's tag 274 has it.

    Args:
        contents: a scalar string tensor. Where it has no such tag, the answer is 1.

    Reference: CIPA DC-008, "Exif", sections 4.5.2 and 4.6.2.
    """
    data = _bytes_of(contents, HEADER_BYTES)
    # The segment's mark, two bytes of length, "Exif", two zeros; then begins TIFF.
    count = HEADER_BYTES - 10
    mark = {0: 0xFF, 1: 0xE1, 4: 0x45, 5: 0x78, 6: 0x69, 7: 0x66, 8: 0, 9: 0}
    found = tf.reduce_all(
        tf.stack([data[at : at + count] == byte for at, byte in mark.items()]), axis=0
    )
    tiff = tf.argmax(tf.cast(found, tf.int32)) + 10
    little = data[tiff] == ord("I")

    def number(at, length):
        # Past the end, the last byte again: a broken header means no orientation.
        at = tf.clip_by_value(at, 0, HEADER_BYTES - length)
        ends = [_number(data, at, length, order) for order in ("little", "big")]
        return tf.where(little, *ends)

    directory = tiff + number(tiff + 4, 4)
    entries = directory + 2 + 12 * tf.range(64, dtype=tf.int64)
    used = tf.range(64, dtype=tf.int64) < number(directory, 2)
    is_tag = used & tf.map_fn(lambda at: number(at, 2) == 274, entries, tf.bool)
    value = number(entries[tf.argmax(tf.cast(is_tag, tf.int32))] + 8, 2)
    known = tf.reduce_any(found) & tf.reduce_any(is_tag) & (value >= 1) & (value <= 8)
    return tf.where(known, value, 1)


def _bytes_of(contents, count):
    """The first bytes, int64, and zeros where the file is shorter."""
    # `fixed_length` cuts a longer string and fills a shorter one up.
    data = tf.io.decode_raw(contents, tf.uint8, fixed_length=count)
    return tf.cast(data, tf.int64)


def _number(data, at, length, order):
    places = range(length) if order == "little" else range(length - 1, -1, -1)
    return tf.add_n([data[at + i] * 256**place for i, place in enumerate(places)])
