"""The first frame of a GIF to pixels, with TensorFlow's operations.

Reference: CompuServe 1990, "GIF89a specification", sections 17 to 26.
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
from kerasrnn.vision.white_canvas import on_canvas

# What may stand before the first frame: a handful in files that people have.
MAX_EXTENSIONS = 256
# So many bytes of a row of pieces are followed at once; 2 ** DOUBLINGS.
DOUBLINGS = 14
WINDOW = 2**DOUBLINGS
IMAGE, EXTENSION, GRAPHIC_CONTROL = ord(","), ord("!"), 0xF9


def is_gif(contents: tf.Tensor) -> tf.Tensor:
    """Whether the file begins as a GIF does."""
    return part(contents, 0, 4) == b"GIF8"


def gif_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Height and width, int64, of the canvas, or of a first frame that is larger."""
    header = bytes_at(contents, 0, 13)
    at, _ = _first_frame(contents, header)
    frame = bytes_at(contents, at, 10)
    height = tf.maximum(number(header, 8, 2), number(frame, 7, 2))
    return height, tf.maximum(number(header, 6, 2), number(frame, 5, 2))


def decode_gif(contents: tf.Tensor) -> tf.Tensor:
    """Pixels of the first frame on a white canvas, (H, W, 3) float32, 0 to 255."""
    frame = bytes_at(contents, _first_frame(contents, bytes_at(contents, 0, 13))[0], 10)
    left, top, width, height = (number(frame, at, 2) for at in (1, 3, 5, 7))
    canvas_height, canvas_width = gif_size(contents)
    fits = (top + height <= canvas_height) & (left + width <= canvas_width)
    contents = checked(contents, fits, "a frame of a GIF must lie on its canvas")
    pixels = tf.io.decode_gif(gif_first_frame(contents))[0]
    pixels = tf.cast(pixels, tf.float32)
    return on_canvas(pixels, top, left, canvas_height, canvas_width)


def gif_first_frame(contents: tf.Tensor) -> tf.Tensor:
    """A GIF that is the first frame and nothing else: no canvas, no extension.

    The other frames would be decoded, and a small file may hold thousands of large
    ones. The colour that counts as transparent becomes white: the operation that
    decodes makes it black.

    Args:
        contents: a scalar string tensor, the bytes of a GIF file.
    """
    header = bytes_at(contents, 0, 13)
    at, transparent = _first_frame(contents, header)
    descriptor = bytes_at(contents, at, 10)
    shared, own = _table_bytes(header[10]), _table_bytes(descriptor[9])
    begins = at + 10 + own
    ends = _after_pieces(contents, begins + 1)
    whole = ends <= length_of(contents)
    contents = checked(contents, whole, "a GIF must hold its first frame to its end")
    table = chosen(own > 0, at + 10, 13)
    colour = table + 3 * transparent
    is_in_table = (transparent >= 0) & (3 * transparent < tf.maximum(own, shared))
    contents = tf.where(
        is_in_table,
        part(contents, 0, colour) + b"\xff\xff\xff" + part(contents, colour + 3),
        contents,
    )
    pieces = [
        b"GIF89a",
        part(contents, at + 5, 4),  # the frame's size in place of the canvas's
        part(contents, 10, 3 + shared),
        b",\0\0\0\0",
        part(contents, at + 5, ends - at - 5),
        b";",
    ]
    return tf.strings.join(pieces)


def _first_frame(contents, header):
    """Where the first frame begins, and its transparent colour, or -1."""

    def goes_on(at, transparent, count):
        return (bytes_at(contents, at, 1)[0] == EXTENSION) & (count < MAX_EXTENSIONS)

    def step(at, transparent, count):
        head = bytes_at(contents, at, 7)
        is_control = (head[1] == GRAPHIC_CONTROL) & (head[2] == 4)
        index = chosen(head[3] % 2 == 1, head[6], -1)
        transparent = chosen(is_control, index, transparent)
        return _after_pieces(contents, at + 2), transparent, count + 1

    start = 13 + _table_bytes(header[10]), tf.constant(-1, tf.int64), tf.constant(0)
    at, transparent, count = tf.while_loop(goes_on, step, start)
    at = checked(
        at,
        count < MAX_EXTENSIONS,
        f"a GIF must have at most {MAX_EXTENSIONS} extensions before its first frame",
    )
    found = bytes_at(contents, at, 1)[0] == IMAGE
    return checked(at, found, "a GIF must have a frame"), transparent


def _table_bytes(flags):
    """How long the colour table is that these flags announce."""
    return chosen(flags >= 128, 3 * 2 ** (flags % 8 + 1), 0)


def _after_pieces(contents, at):
    """Where a row of pieces, each with its length before it, has ended.

    One of length zero is the last. A file may be made of pieces of one byte, so that
    to go from each to the next would take seconds. Here, all bytes of a window are
    taken for a piece's length, and 14 times each is given the place that the place it
    leads to leads to: 2¹⁴ pieces in 14 steps.
    """
    places = tf.range(WINDOW + 256)

    def step(at, _):
        lengths = tf.cast(bytes_at(contents, at, WINDOW), tf.int32)
        following = tf.where(
            lengths > 0, places[:WINDOW] + 1 + lengths, places[:WINDOW]
        )
        leads_to = tf.concat([following, places[WINDOW:]], axis=0)
        for _ in range(DOUBLINGS):
            leads_to = tf.gather(leads_to, leads_to)
        return at + tf.cast(leads_to[0], tf.int64), leads_to[0] < WINDOW

    # Past the end of the file are zeros, so that it ends there at the latest.
    at, _ = tf.while_loop(lambda at, over: ~over, step, (at, tf.constant(False)))
    return at + 1
