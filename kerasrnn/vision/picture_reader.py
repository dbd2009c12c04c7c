"""Pictures of any kind as arrays of one shape."""

import os
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrnn.vision.image_decoding import decode_image, read_pixels

ONE_PICTURE = (str, bytes, bytearray, os.PathLike)
# Of one picture, or of many in one array.
KINDS_OF_ARRAY = "uif"


@keras.saving.register_keras_serializable(package="kerasrnn")
class PictureReader:
    """Makes pictures, of files or of arrays, into one array (B, H, W, C) of bytes.

    A picture of another size is stretched or shrunk to H × W, as by Keras's
    `image_dataset_from_directory`. Colour becomes grey where C is 1 (0.299 R + 0.587 G
    + 0.114 B), and grey three equal channels where C is 3. What is transparent becomes
    white.

    Args:
        height: H.
        width: W.
        channels: C, 1 or 3.

    Call arguments:
        contents: a string tensor (B,), the bytes of files: PNG, JPEG, GIF, BMP or WebP.

    Output shape: (B, H, W, C), uint8.

    Example:

    >>> reader = PictureReader(height=2, width=2)
    >>> reader.read([np.array([[0, 255], [255, 0]], "uint8")])[..., 0].tolist()
    [[[0, 255], [255, 0]]]
    """

    def __init__(self, height: int, width: int, channels: int = 1) -> None:
        for name, value in (("height", height), ("width", width)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` must be a positive integer; got {value!r}.")
        if channels not in (1, 3):
            raise ValueError(f"`channels` must be 1 or 3; got {channels!r}.")
        self.height, self.width, self.channels = height, width, channels

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.height, self.width, self.channels

    def __call__(self, contents: Any) -> Any:
        return tf.map_fn(
            lambda content: self._fit(decode_image(content)),
            tf.convert_to_tensor(contents),
            fn_output_signature=tf.TensorSpec(self.image_shape, tf.uint8),
        )

    def read(self, pictures: Any, name: str = "pictures") -> np.ndarray:
        """What a Python program has, checked.

        Args:
            pictures: A list of paths, of bytes or of arrays (H, W), (H, W, 1, 3 or 4),
                or one array (B, H, W) or (B, H, W, 1, 3 or 4); integers 0 to 255, or
                floats 0 to 1 or, where any is above 1, 0 to 255.
            name: What errors call them.

        Returns:
            (B, H, W, C), uint8. A warning tells how many were of another size.

        Raises:
            ValueError: There is no picture, or one is broken or holds NaN; it says
                which.
            FileNotFoundError: There is no such file.
        """
        pictures = self._as_list(pictures, name)
        images = np.empty((len(pictures), *self.image_shape), "uint8")
        others = []
        for row, picture in enumerate(pictures):
            of_row = f"{name}[{row}]"
            if not isinstance(picture, ONE_PICTURE):
                picture = np.asarray(picture)
                check_finite(picture, of_row)
            pixels = read_pixels(picture, f"`{of_row}`")
            if pixels.shape[:2] != (self.height, self.width):
                others.append(pixels.shape[:2])
            images[row] = self._fit(pixels)
        self._tell_others(others, len(pictures), name)
        return images

    def _as_list(self, pictures, name):
        if isinstance(pictures, ONE_PICTURE):
            raise ValueError(
                f"`{name}` must be a list of pictures; got one. Put it in a list: "
                "[picture]."
            )
        if hasattr(pictures, "to_numpy"):
            pictures = pictures.to_numpy()
        elif hasattr(pictures, "numpy"):
            pictures = pictures.numpy()
        if isinstance(pictures, np.ndarray):
            if pictures.dtype.kind in KINDS_OF_ARRAY and pictures.ndim not in (3, 4):
                raise ValueError(
                    f"`{name}` must be pictures (batch, height, width) or (batch, "
                    f"height, width, channels); got shape {pictures.shape}. One "
                    "picture is a batch of one: picture[None]."
                )
        elif not isinstance(pictures, Sequence):
            raise TypeError(
                f"`{name}` must be a list of pictures, an array or a tf.data.Dataset; "
                f"got {type(pictures).__name__}."
            )
        if len(pictures) == 0:
            raise ValueError(f"`{name}` must hold at least one picture; got none.")
        return pictures

    def _tell_others(self, others, count, name):
        """Warn of the sizes of pictures that are not H × W."""
        if others:
            height, width = others[0]
            warnings.warn(
                f"`{name}` holds {len(others)} of {count} pictures of another size "
                f"than {self.height} x {self.width}, such as {height} x {width}: they "
                "are stretched or shrunk to it.",
                stacklevel=5,
            )

    def _fit(self, pixels):
        """Of the pixels (h, w, 3) of a picture of any size: (H, W, C)."""
        size = (self.height, self.width)
        if pixels.shape[:2] != size:  # or, while a graph is made, not known to be it
            pixels = tf.image.resize(pixels, size, method="bilinear", antialias=True)
            # The weights of neighbours add up to one but for rounding.
            pixels = tf.clip_by_value(pixels, 0.0, 255.0)
        if self.channels == 1:
            pixels = grey(pixels)
        return tf.cast(tf.round(pixels), tf.uint8)

    def get_config(self) -> dict:
        return {
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
        }

    @classmethod
    def from_config(cls, config: dict) -> "PictureReader":
        return cls(**config)


def grey(pixels: Any) -> Any:
    """(H, W, 1) of (H, W, 3); what is grey keeps its very numbers."""
    red, green, blue = (pixels[..., at : at + 1] for at in range(3))
    return green + 0.299 * (red - green) + 0.114 * (blue - green)


def check_finite(array: np.ndarray, name: str) -> None:
    """Raise a ValueError where floats hold NaN or infinity."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite; it holds NaN or infinity.")
