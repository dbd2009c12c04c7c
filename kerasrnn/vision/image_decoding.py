"""Encoded pictures to pixels, with TensorFlow's operations only.

`decode_image` and `fit_to_square` belong to an exported model; `read_images` takes what
a Python program has, checks it, and gives the very same pixels.
"""

import os
import pathlib
from concurrent import futures

import numpy as np
import tensorflow as tf

from kerasrnn.vision.image_header import (
    exif_orientation,
    gif_first_frame,
    image_size,
    is_kind,
)

# A picture of more pixels is refused before it is decoded: a file of a few kilobytes
# can hold gigabytes.
MAX_PIXELS = 64 * 2**20
TOO_LARGE = "a picture must have at most"
WHITE = 255.0
FORMATS = "PNG, JPEG, GIF, BMP or WebP"


def decode_image(contents):
    """The pixels of an encoded picture: PNG, JPEG, GIF, BMP or WebP.

    What is transparent becomes white, grey becomes three equal channels, 16 bits
    become 8 and a fraction, of an animation the first frame counts, and a photograph
    of a camera that was turned stands upright (where Exif says so, in JPEG).

    Args:
        contents: a scalar string tensor, the bytes of the file.

    Returns:
        (H, W, 3) float32, 0 to 255.

    Raises:
        tf.errors.InvalidArgumentError: when it runs: the bytes are no picture, or one
            of more than `MAX_PIXELS`.
    """
    contents = tf.convert_to_tensor(contents)
    height, width = image_size(contents)
    fits = tf.debugging.assert_less_equal(
        height * width,
        tf.constant(MAX_PIXELS, tf.int64),
        f"{TOO_LARGE} {MAX_PIXELS} pixels",
    )

    def png():
        # 16 bits a channel hold 8 bits without loss: 257 times as much.
        pixels = tf.io.decode_png(contents, channels=4, dtype=tf.uint16)
        return _on_white(tf.cast(pixels, tf.float32) / 257)

    def jpeg():
        pixels = tf.io.decode_jpeg(contents, channels=3)
        return tf.cast(_upright(pixels, exif_orientation(contents)), tf.float32)

    def gif():
        frame, _, _ = gif_first_frame(contents)
        pixels = tf.io.decode_image(frame, channels=3, expand_animations=False)
        return tf.cast(pixels, tf.float32)

    def webp():
        pixels = tf.io.decode_image(contents, expand_animations=False)
        pixels = tf.cast(pixels, tf.float32)
        return tf.cond(
            tf.shape(pixels)[-1] == 4,
            lambda: _on_white(pixels),
            lambda: pixels[..., :3],
        )

    def other():
        pixels = tf.io.decode_image(contents, channels=3, expand_animations=False)
        return tf.cast(pixels, tf.float32)

    with tf.control_dependencies([fits] if fits is not None else []):
        decoders = {"png": png, "jpeg": jpeg, "gif": gif, "webp": webp}
        pixels = tf.case(
            [(is_kind(contents, kind), decode) for kind, decode in decoders.items()],
            default=other,
        )
    return tf.ensure_shape(pixels, (None, None, 3))


def fit_to_square(image, size):
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


def read_images(inputs, size: int, *, names=None) -> np.ndarray:
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


def _read_image(item, size, name):
    if isinstance(item, np.ndarray):
        image = _array_pixels(item, name)
        return _fit(image, tf.constant(size)).numpy()
    if isinstance(item, str | os.PathLike):
        path = pathlib.Path(item)
        if not path.is_file():
            raise FileNotFoundError(f"{name} must be a picture's file; got {path}.")
        name, item = f"{name} ({path})", path.read_bytes()
    if not isinstance(item, bytes):
        raise TypeError(
            f"{name} must be a path, bytes or an array; got {type(item).__name__}."
        )
    contents = tf.constant(item)
    try:
        return _decode_and_fit(contents, tf.constant(size)).numpy()
    except tf.errors.InvalidArgumentError as error:
        if TOO_LARGE in str(error):
            height, width = (int(side) for side in _size(contents))
            problem = f"have at most {MAX_PIXELS} pixels; got {height} x {width}."
        else:
            problem = (
                f"be a picture ({FORMATS}); got {len(item)} bytes that are none, or a "
                f"damaged one, {item[:16]!r}: {_reason(error)}"
            )
        raise ValueError(f"{name} must {problem}") from error


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
        return _on_white(image)
    return np.broadcast_to(image, (*image.shape[:2], 3))


def _on_white(pixels):
    opacity = pixels[..., 3:] / 255
    return pixels[..., :3] * opacity + WHITE * (1 - opacity)


def _upright(image, orientation):
    """Undo a camera's turn: transpose, then mirror, as Exif's eight cases ask."""

    def is_one_of(*cases):
        return tf.reduce_any(orientation == tf.constant(cases, tf.int64))

    def if_so(condition, change, image):
        return tf.cond(condition, lambda: change(image), lambda: image)

    image = if_so(orientation >= 5, lambda x: tf.transpose(x, (1, 0, 2)), image)
    image = if_so(is_one_of(2, 3, 6, 7), lambda x: x[:, ::-1], image)
    return if_so(is_one_of(3, 4, 7, 8), lambda x: x[::-1], image)


@tf.function(input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec((), "int32")])
def _decode_and_fit(contents, size):
    return fit_to_square(decode_image(contents), size)


@tf.function(
    input_signature=[tf.TensorSpec((None, None, 3)), tf.TensorSpec((), "int32")]
)
def _fit(image, size):
    return fit_to_square(image, size)


@tf.function(input_signature=[tf.TensorSpec((), tf.string)])
def _size(contents):
    return image_size(contents)


def _reason(error):
    """What TensorFlow says, without where in the graph."""
    lines = [line.strip() for line in str(error.message).splitlines()]
    return [line for line in lines if line and not line.startswith("[[")][-1][:200]
