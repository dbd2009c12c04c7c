"""The first frame of a GIF to pixels, with TensorFlow's operations.

Reference: CompuServe 1990, "GIF89a specification", sections 17 to 26.
"""

import typing

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


class GifHeader(typing.NamedTuple):
    """What stands before the pixels of the first frame; scalars, int64."""

    height: tf.Tensor  # of the canvas, or of a frame that is larger
    width: tf.Tensor
    frame: tf.Tensor  # where the frame's descriptor begins
    top: tf.Tensor  # the frame's place on the canvas, and its size
    left: tf.Tensor
    frame_height: tf.Tensor
    frame_width: tf.Tensor
    shared_table: tf.Tensor  # how many bytes the colours of all frames take
    own_table: tf.Tensor  # and those of the frame
    transparent: tf.Tensor  # the index of a colour; -1 where there is none


def gif_header(contents: tf.Tensor) -> GifHeader:
    """What stands before the pixels, some of it in extensions."""

    def goes_on(at, transparent, count):
        return (bytes_at(contents, at, 1)[0] == EXTENSION) & (count < MAX_EXTENSIONS)

    def step(at, transparent, count):
        head = bytes_at(contents, at, 7)
        is_control = (head[1] == GRAPHIC_CONTROL) & (head[2] == 4)
        index = chosen(head[3] % 2 == 1, head[6], -1)
        transparent = chosen(is_control, index, transparent)
        return _after_pieces(contents, at + 2), transparent, count + 1

    header = bytes_at(contents, 0, 13)
    shared_table = _table_bytes(header[10])
    start = 13 + shared_table, tf.constant(-1, tf.int64), tf.constant(0)
    frame, transparent, count = tf.while_loop(goes_on, step, start)
    frame = checked(
        frame,
        count < MAX_EXTENSIONS,
        f"a GIF must have at most {MAX_EXTENSIONS} extensions before its first frame",
    )
    descriptor = bytes_at(contents, frame, 10)
    frame = checked(frame, descriptor[0] == IMAGE, "a GIF must have a frame")
    frame_height, frame_width = number(descriptor, 7, 2), number(descriptor, 5, 2)
    return GifHeader(
        height=tf.maximum(number(header, 8, 2), frame_height),
        width=tf.maximum(number(header, 6, 2), frame_width),
        frame=frame,
        top=number(descriptor, 3, 2),
        left=number(descriptor, 1, 2),
        frame_height=frame_height,
        frame_width=frame_width,
        shared_table=shared_table,
        own_table=_table_bytes(descriptor[9]),
        transparent=transparent,
    )


def decode_gif(contents: tf.Tensor, header: GifHeader) -> tf.Tensor:
    """Pixels of the first frame on a white canvas, (H, W, 3) float32, 0 to 255."""
    fits = (header.top + header.frame_height <= header.height) & (
        header.left + header.frame_width <= header.width
    )
    contents = checked(contents, fits, "a frame of a GIF must lie on its canvas")
    pixels = tf.io.decode_gif(gif_first_frame(contents, header))[0]
    pixels = tf.cast(pixels, tf.float32)
    return on_canvas(pixels, header.top, header.left, header.height, header.width)


def gif_first_frame(contents: tf.Tensor, header: GifHeader) -> tf.Tensor:
    """A GIF that is the first frame and nothing else: no canvas, no extension.

    The other frames would be decoded, and a small file may hold thousands of large
    ones. The colour that counts as transparent becomes white: the operation that
    decodes makes it black.
    """
    frame, own, shared = header.frame, header.own_table, header.shared_table
    ends = _after_pieces(contents, frame + 11 + own)
    whole = ends <= length_of(contents)
    contents = checked(contents, whole, "a GIF must hold its first frame to its end")
    table = chosen(own > 0, frame + 10, 13)
    colour = table + 3 * header.transparent
    size = chosen(own > 0, own, shared)
    is_in_table = (header.transparent >= 0) & (3 * header.transparent < size)
    contents = tf.where(
        is_in_table,
        part(contents, 0, colour) + b"\xff\xff\xff" + part(contents, colour + 3),
        contents,
    )
    pieces = [
        b"GIF89a",
        part(contents, frame + 5, 4),  # the frame's size in place of the canvas's
        part(contents, 10, 3 + shared),
        b",\0\0\0\0",
        part(contents, frame + 5, ends - frame - 5),
        b";",
    ]
    return tf.strings.join(pieces)


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
