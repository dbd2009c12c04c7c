"""The first frame of a WebP to pixels, with TensorFlow's operations.

Reference: RFC 9649, "WebP Image Format", section 2.
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
    to_bytes,
)
from kerasrnn.vision.white_canvas import on_canvas, on_white

# What may stand before the first frame: a handful in files that people have.
MAX_CHUNKS = 256
# Chunks' names as the numbers of their bytes: lossy, lossless, opacity, a frame.
LOSSY, LOSSLESS, OPACITY, FRAME = (
    int.from_bytes(name, "little") for name in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF")
)


class WebpHeader(typing.NamedTuple):
    """Where the first frame is, in the file and on the canvas; scalars, int64."""

    height: tf.Tensor  # of the canvas, or of a frame that is larger
    width: tf.Tensor
    image: tf.Tensor  # where its chunk begins
    length: tf.Tensor  # of what is in the chunk
    opacity: tf.Tensor  # where the chunk of it begins; -1 where there is none
    opacity_length: tf.Tensor
    top: tf.Tensor
    left: tf.Tensor
    frame_height: tf.Tensor
    frame_width: tf.Tensor


def is_webp(contents: tf.Tensor) -> tf.Tensor:
    """Whether the file begins as a WebP does."""
    return (part(contents, 0, 4) == b"RIFF") & (part(contents, 8, 4) == b"WEBP")


def webp_header(contents: tf.Tensor) -> WebpHeader:
    """Finds the first chunk that is a picture, in a frame of an animation or not."""
    file_end = length_of(contents)

    def chunk_at(at):
        head = bytes_at(contents, at, 8)
        return number(head, 0, 4), number(head, 4, 4)

    def goes_on(at, end, opacity, frame, count):
        name, _ = chunk_at(at)
        is_image = (name == LOSSY) | (name == LOSSLESS)
        return (at + 8 <= end) & ~is_image & (count < MAX_CHUNKS)

    def step(at, end, opacity, frame, count):
        name, length = chunk_at(at)
        begins = (name == FRAME) & (frame < 0)
        after = at + 8 + length + length % 2
        return (
            chosen(begins, at + 24, after),
            chosen(begins, tf.minimum(at + 8 + length, end), end),
            chosen(begins, -1, chosen(name == OPACITY, at, opacity)),
            chosen(begins, at, frame),
            count + 1,
        )

    none = tf.constant(-1, tf.int64)
    start = tf.constant(12, tf.int64), file_end, none, none, tf.constant(0)
    at, end, opacity, frame, count = tf.while_loop(goes_on, step, start)
    at = checked(
        at,
        count < MAX_CHUNKS,
        f"a WebP must have at most {MAX_CHUNKS} chunks before its first frame",
    )
    name, length = chunk_at(at)
    is_lossy = name == LOSSY
    whole = (at + 8 + length <= end) & (is_lossy | (name == LOSSLESS))
    at = checked(at, whole, "a WebP must hold its first frame to its end")
    # Sides have 14 bits.
    head = bytes_at(contents, at + 8, 10)
    bits = number(head, 1, 4)
    height = chosen(is_lossy, number(head, 8, 2) % 2**14, bits // 2**14 % 2**14 + 1)
    width = chosen(is_lossy, number(head, 6, 2) % 2**14, bits % 2**14 + 1)
    extended = bytes_at(contents, 12, 18)
    is_extended = part(contents, 12, 4) == b"VP8X"
    place = bytes_at(contents, frame + 8, 6)
    left, top = number(place, 0, 3) * 2, number(place, 3, 3) * 2
    # A lossless picture holds its opacity itself.
    opacity = chosen(is_lossy, opacity, -1)
    canvas_height = chosen(is_extended, number(extended, 15, 3) + 1, height)
    canvas_width = chosen(is_extended, number(extended, 12, 3) + 1, width)
    return WebpHeader(
        height=tf.maximum(canvas_height, height),
        width=tf.maximum(canvas_width, width),
        image=at,
        length=length,
        opacity=opacity,
        opacity_length=chunk_at(opacity)[1],
        top=chosen(frame >= 0, top, 0),
        left=chosen(frame >= 0, left, 0),
        frame_height=height,
        frame_width=width,
    )


def decode_webp(contents: tf.Tensor, header: WebpHeader) -> tf.Tensor:
    """Pixels of the first frame on a white canvas, (H, W, 3) float32, 0 to 255."""
    fits = (header.top + header.frame_height <= header.height) & (
        header.left + header.frame_width <= header.width
    )
    contents = checked(contents, fits, "a frame of a WebP must lie on its canvas")
    alone = webp_first_frame(contents, header)
    pixels = tf.io.decode_image(alone, expand_animations=False)
    pixels = tf.cast(tf.ensure_shape(pixels, (None, None, None)), tf.float32)
    pixels = tf.cond(
        tf.shape(pixels)[-1] == 4,
        lambda: on_white(pixels),
        lambda: pixels[..., :3],
    )
    return on_canvas(pixels, header.top, header.left, header.height, header.width)


def webp_first_frame(contents: tf.Tensor, header: WebpHeader) -> tf.Tensor:
    """A WebP that is the first frame and nothing else.

    TensorFlow's operation writes past its memory where it meets an animation; it must
    never see one.
    """

    def chunk(at, length):
        # A chunk of odd length has a byte behind it, which is not always there.
        return part(contents, at, 8 + length) + tf.where(length % 2 == 1, b"\0", b"")

    def with_opacity():
        flags = b"VP8X\x0a\0\0\0\x10\0\0\0"
        width, height = header.frame_width - 1, header.frame_height - 1
        opacity = chunk(header.opacity, header.opacity_length)
        return flags + to_bytes(width, 3) + to_bytes(height, 3) + opacity

    body = b"WEBP" + tf.where(header.opacity >= 0, with_opacity(), b"")
    body += chunk(header.image, header.length)
    return b"RIFF" + to_bytes(length_of(body), 4) + body
