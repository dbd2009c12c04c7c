"""Encoded pictures to pixels, with TensorFlow's operations only.

`decode_image` and `fit_to_square` belong to an exported model; `read_images` takes what
a Python program has, checks it, and gives the very same pixels.
"""

import os
import pathlib
import re
from collections.abc import Iterable, Sequence
from concurrent import futures
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from kerasrnn.vision.bmp import BmpHeader, decode_bmp, is_bmp
from kerasrnn.vision.gif import decode_gif, gif_header, is_gif
from kerasrnn.vision.image_bytes import checked
from kerasrnn.vision.jpeg import decode_jpeg, is_jpeg, jpeg_header
from kerasrnn.vision.png import decode_png, is_png, png_header
from kerasrnn.vision.webp import decode_webp, is_webp, webp_header
from kerasrnn.vision.white_canvas import WHITE, on_white

# A picture of more pixels is refused before it is decoded: a file of a few kilobytes
# can hold gigabytes.
MAX_PIXELS = 64 * 2**20
# A path, the bytes of a file, or pixels.
Picture: TypeAlias = str | os.PathLike | bytes | np.ndarray
FORMATS = "PNG, JPEG, GIF, BMP or WebP"
# What tells a file of each kind, what reads its header, and what decodes the rest.
KINDS = {
    "png": (is_png, png_header, decode_png),
    "jpeg": (is_jpeg, jpeg_header, decode_jpeg),
    "gif": (is_gif, gif_header, decode_gif),
    "bmp": (is_bmp, BmpHeader, decode_bmp),
    "webp": (is_webp, webp_header, decode_webp),
}


# There is nothing to convert, and to look for it takes most of the time of a trace.
@tf.autograph.experimental.do_not_convert
def decode_image(contents: tf.Tensor) -> tf.Tensor:
    """The pixels of an encoded picture: PNG, JPEG, GIF, BMP or WebP.

    What is transparent becomes white, grey becomes three equal channels, 16 bits
    become 8 and a fraction, of an animation the first frame counts, and a photograph
    of a camera that was turned stands upright (where Exif says so, in JPEG). A BMP
    must not be compressed.

    Args:
        contents: a scalar string tensor, the bytes of the file.

    Returns:
        (H, W, 3) float32, 0 to 255.

    Raises:
        tf.errors.InvalidArgumentError: when it runs: the bytes are no picture, or one
            of more than `MAX_PIXELS`.
    """
    contents = tf.convert_to_tensor(contents)
    kinds = {kind: is_kind(contents) for kind, (is_kind, _, _) in KINDS.items()}
    is_known = tf.reduce_any([*kinds.values()])
    contents = checked(contents, is_known, f"a picture must be {FORMATS}")

    def decoder(kind):
        _, read_header, decode = KINDS[kind]

        def read():
            header = read_header(contents)
            return decode(_limited(contents, header), header)

        return read

    cases = [(found, decoder(kind)) for kind, found in kinds.items()]
    pixels = tf.case(cases[:-1], default=cases[-1][1])
    return tf.ensure_shape(pixels, (None, None, 3))


def fit_to_square(image: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """The whole picture in the middle of a white square.

    The longer side becomes `size`; the proportions stay.

    Args:
        image: (H, W, 3), 0 to 255.
        size: side of the square.

    Returns:
        (size, size, 3) float32.
    """
    shape = tf.shape(image)[:2]
    size = tf.convert_to_tensor(size)
    longer = tf.reduce_max(shape)
    # At least a row: a picture may be ten thousand times as wide as it is high.
    exact = tf.cast(shape, tf.float32) * tf.cast(size / longer, tf.float32)
    inner = tf.maximum(1, tf.cast(tf.round(exact), tf.int32))
    image = tf.image.resize(image, inner, method="bilinear", antialias=True)
    # The weights of neighbours add up to one but for rounding.
    image = tf.clip_by_value(image, 0.0, WHITE)
    before = (size - inner) // 2
    after = size - inner - before
    padding = [[before[0], after[0]], [before[1], after[1]], [0, 0]]
    image = tf.pad(image, padding, constant_values=WHITE)
    side = tf.get_static_value(size)
    return tf.ensure_shape(image, (side, side, 3))


def read_images(
    inputs: Picture | Iterable[Picture],
    size: int,
    *,
    names: Sequence[str] | None = None,
) -> np.ndarray:
    """Pictures of any kind and size as one array, each as `fit_to_square` fits it.

    Args:
        inputs: one picture or a list of them. A picture is a path (str or PathLike),
            the bytes of a file, or an array (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4): integers 0 to 255, or floats 0 to 1 or, where any is above 1,
            0 to 255. The fourth channel is opacity. An array (B, H, W, C) is a list.
        size: side of the square.
        names: what errors call the pictures, in place of `inputs[0]` and so on.

    Returns:
        (B, size, size, 3) float32, 0 to 255.

    Raises:
        ValueError: a picture is broken, too large or no picture; it says which.
        FileNotFoundError: there is no such file.

    Example:

    >>> red = np.zeros((10, 20, 3), "uint8")
    >>> red[..., 0] = 255
    >>> images = read_images(red, 4)
    >>> images[0, :, 0, 1]
    array([255.,   0.,   0., 255.], dtype=float32)
    """
    if isinstance(inputs, str | bytes | os.PathLike):
        inputs = [inputs]
    elif isinstance(inputs, np.ndarray) and inputs.ndim < 4 and inputs.dtype != object:
        inputs = [inputs]
    inputs = list(inputs)
    if names is None:
        names = [f"`inputs[{i}]`" for i in range(len(inputs))]
    images = np.empty((len(inputs), size, size, 3), "float32")
    # TensorFlow decodes one picture on one core.
    with futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        pixels = threads.map(_read_image, inputs, [size] * len(inputs), names)
        for row, image in enumerate(pixels):
            images[row] = image
    return images


def read_pixels(picture: Picture, name: str) -> np.ndarray:
    """The pixels of one picture, in its own size.

    Args:
        picture: A path, the bytes of a file, or an array as `read_images` takes it.
        name: What errors call it.

    Returns:
        (H, W, 3) float32, 0 to 255.
    """
    if isinstance(picture, np.ndarray):
        return _array_pixels(picture, name)
    return _of_file(_decode, picture, name)


def _read_image(item, size, name):
    if isinstance(item, np.ndarray):
        image = _array_pixels(item, name)
        return _fit(image, tf.constant(size)).numpy()
    return _of_file(lambda x: _decode_and_fit(x, tf.constant(size)), item, name)


def _of_file(decode, item, name):
    """What `decode` makes of a picture's bytes, or of the file at a path."""
    if isinstance(item, str | os.PathLike):
        path = pathlib.Path(item)
        if not path.is_file():
            raise FileNotFoundError(f"{name} must be a picture's file; got {path}.")
        name, item = f"{name} ({path})", path.read_bytes()
    if not isinstance(item, bytes):
        raise TypeError(
            f"{name} must be a path, bytes or an array; got {type(item).__name__}."
        )
    try:
        return decode(tf.constant(item)).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(
            f"{name} must be a picture ({FORMATS}); got {len(item)} bytes that are "
            f"none, or a damaged one, {item[:16]!r}: {_reason(error)}"
        ) from error


def _limited(contents, header):
    """The bytes, of a picture that is not too large by its header."""
    height, width = header.height, header.width
    return checked(
        contents,
        (height > 0) & (width > 0) & (height <= MAX_PIXELS // tf.maximum(width, 1)),
        tf.strings.format(
            f"a picture must have at least 1 and at most {MAX_PIXELS} pixels; got "
            "{} x {}",
            (height, width),
        ),
    )


def _array_pixels(array, name):
    """An array of any kind as (H, W, 3) float32, 0 to 255."""
    image = array[..., None] if array.ndim == 2 else array
    good = image.ndim == 3 and image.shape[-1] in (1, 3, 4) and image.size
    if not good or image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise ValueError(
            f"{name} must be (height, width), or (height, width, 1, 3 or 4), with at "
            f"most {MAX_PIXELS} pixels; got {array.shape}."
        )
    if image.dtype.kind not in "uif":
        raise ValueError(f"{name} must hold numbers; got {array.dtype}.")
    low, high = float(image.min()), float(image.max())
    if not (0 <= low and high <= 255):
        raise ValueError(f"{name} must lie in 0 to 255; got {low} to {high}.")
    image = image.astype("float32")
    if array.dtype.kind == "f" and high <= 1:
        image = image * 255
    if image.shape[-1] == 4:
        return on_white(image)
    return np.broadcast_to(image, (*image.shape[:2], 3))


@tf.function(autograph=False, input_signature=[tf.TensorSpec((), tf.string)])
def _decode(contents):
    return decode_image(contents)


@tf.function(
    autograph=False,
    input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec((), "int32")],
)
def _decode_and_fit(contents, size):
    return fit_to_square(decode_image(contents), size)


@tf.function(
    input_signature=[tf.TensorSpec((None, None, 3)), tf.TensorSpec((), "int32")]
)
def _fit(image, size):
    return fit_to_square(image, size)


def _reason(error):
    """What TensorFlow says, without where in the graph."""
    if ours := re.search(r"assertion failed: \[(.*?)\]", error.message):
        return ours[1] + "."
    lines = [line.strip() for line in error.message.splitlines()]
    return [line for line in lines if line and not line.startswith("[[")][-1][:200]
