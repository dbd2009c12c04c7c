"""JPEG to pixels, with TensorFlow's operations."""

import tensorflow as tf

from kerasrnn.vision.image_bytes import Size, bytes_at, checked, number, part

# As long as a JPEG's segment can be, and what stands before the one that counts.
HEADER_BYTES = 80_000
# Each goes through all pixels, however short it is; common are 1 and 10.
MAX_SCANS = 100


def is_jpeg(contents: tf.Tensor) -> tf.Tensor:
    """Whether the file begins as a JPEG does."""
    return part(contents, 0, 3) == b"\xff\xd8\xff"


def jpeg_header(contents: tf.Tensor) -> Size:
    """What the header says."""
    height, width, _ = tf.unstack(tf.image.extract_jpeg_shape(contents, tf.int64))
    return Size(height, width)


def decode_jpeg(contents: tf.Tensor, header: Size) -> tf.Tensor:
    """Pixels of a JPEG, upright, (H, W, 3) float32, 0 to 255."""
    data = tf.io.decode_raw(contents, tf.uint8)
    scans = tf.math.count_nonzero((data[:-1] == 0xFF) & (data[1:] == 0xDA))
    contents = checked(
        contents, scans <= MAX_SCANS, f"a JPEG must have at most {MAX_SCANS} scans"
    )
    pixels = tf.io.decode_jpeg(contents, channels=3)
    return tf.cast(_upright(pixels, exif_orientation(contents)), tf.float32)


def _upright(image, orientation):
    """Undo a camera's turn: transpose, then mirror, as Exif's eight cases ask."""

    def is_one_of(*cases):
        return tf.reduce_any(orientation == tf.constant(cases, tf.int64))

    def if_so(condition, change, image):
        return tf.cond(condition, lambda: change(image), lambda: image)

    image = if_so(orientation >= 5, lambda x: tf.transpose(x, (1, 0, 2)), image)
    image = if_so(is_one_of(2, 3, 6, 7), lambda x: x[:, ::-1], image)
    return if_so(is_one_of(3, 4, 7, 8), lambda x: x[::-1], image)


def exif_orientation(contents: tf.Tensor) -> tf.Tensor:
    """How a JPEG's camera was turned: 1 (upright) to 8, as Exif's tag 274 has it.

    Args:
        contents: a scalar string tensor. Where it has no such tag, the answer is 1.

    Reference: CIPA DC-008, "Exif", sections 4.5.2 and 4.6.2.
    """
    data = bytes_at(contents, 0, HEADER_BYTES)
    # The segment's mark, two bytes of length, "Exif", two zeros; then begins TIFF.
    count = HEADER_BYTES - 10
    mark = {0: 0xFF, 1: 0xE1, 4: 0x45, 5: 0x78, 6: 0x69, 7: 0x66, 8: 0, 9: 0}
    found = tf.reduce_all(
        tf.stack([data[at : at + count] == byte for at, byte in mark.items()]), axis=0
    )
    tiff = tf.argmax(tf.cast(found, tf.int32)) + 10
    little = data[tiff] == ord("I")

    def value_at(at, length):
        # Past the end, the last byte again: a broken header means no orientation.
        at = tf.clip_by_value(at, 0, HEADER_BYTES - length)
        ends = [number(data, at, length, order) for order in ("little", "big")]
        return tf.where(little, *ends)

    directory = tiff + value_at(tiff + 4, 4)
    entries = directory + 2 + 12 * tf.range(64, dtype=tf.int64)
    used = tf.range(64, dtype=tf.int64) < value_at(directory, 2)
    is_tag = used & (value_at(entries, 2) == 274)
    value = value_at(entries[tf.argmax(tf.cast(is_tag, tf.int32))] + 8, 2)
    known = tf.reduce_any(found) & tf.reduce_any(is_tag) & (value >= 1) & (value <= 8)
    return tf.where(known, value, 1)
