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

    def gif():
        # The canvas, or a first frame that is larger, as no honest file has it.
        _, height, width = gif_first_frame(contents)
        return tf.maximum(number(8, 2), height), tf.maximum(number(6, 2), width)

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
        "gif": gif,
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


def gif_first_frame(contents):
    """A GIF without the frames after the first, which nobody asks for.

    They would be decoded, and a small file may hold thousands of large ones.

    Args:
        contents: a scalar string tensor, the bytes of a GIF file.

    Returns:
        The shorter file, and its frame's height and width, int64 scalars.

    Reference: CompuServe 1990, "GIF89a specification", sections 17 to 24.
    """
    # Zeros past the end: a file that was cut off ends like a whole one.
    data = tf.pad(_bytes_of(contents), [[0, 16]])
    end = tf.size(data, tf.int64) - 16
    block, extension, image, over = (tf.constant(i, tf.int64) for i in range(4))

    def colours(flags):
        return tf.where(flags >= 128, 3 * 2 ** (flags % 8 + 1), 0)

    def goes_on(at, state, frame):
        return (at < end) & (state != over)

    def step(at, state, frame):
        byte = data[at]
        starts = state == block
        is_image, is_extension = byte == ord(","), byte == ord("!")
        frame = tf.where(starts & is_image, at, frame)
        # A block's fixed part; after it pieces, each with its length before it.
        fixed = tf.where(is_image, 11 + colours(data[at + 9]), 2)
        kind = tf.where(is_image, image, tf.where(is_extension, extension, over))
        after = tf.where(state == image, over, block)
        following = tf.where(starts, kind, tf.where(byte == 0, after, state))
        return at + tf.where(starts, fixed, 1 + byte), following, frame

    start = 13 + colours(data[10])
    at, _, frame = tf.while_loop(goes_on, step, (start, block, tf.identity(end)))
    cut = tf.strings.substr(contents, tf.zeros_like(at), at) + b";"
    return cut, _number(data, frame + 7, 2), _number(data, frame + 5, 2)


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
    is_tag = used & (number(entries, 2) == 274)
    value = number(entries[tf.argmax(tf.cast(is_tag, tf.int32))] + 8, 2)
    known = tf.reduce_any(found) & tf.reduce_any(is_tag) & (value >= 1) & (value <= 8)
    return tf.where(known, value, 1)


def _bytes_of(contents, count=None):
    """The bytes, int64; with `count` so many, and zeros where the file is shorter."""
    # `fixed_length` cuts a longer string and fills a shorter one up.
    data = tf.io.decode_raw(contents, tf.uint8, fixed_length=count)
    return tf.cast(data, tf.int64)


def _number(data, at, length, order="little"):
    """The number at this place, or the numbers at these."""
    places = range(length) if order == "little" else range(length - 1, -1, -1)
    bytes_of_it = (tf.gather(data, at + i) * 256**k for i, k in enumerate(places))
    return tf.add_n(list(bytes_of_it))
