from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import Shape, Tensor


class GlimpseSensor(keras.layers.Layer):
    """Windows of an image at places that are learned, each at several scales.

    ρ_k(image, l)[i, j] = image_k[y + i, x + j],   (y, x) = l in pixels of image_k

    image_k has the means of k × k pixels of the image, so that a window of G × G of
    them shows k G × k G pixels. Between pixels it is interpolated (bilinear), through
    which the place learns; outside of the image there are zeros.

    Args:
        size: G.
        scales: The k, such as (1, 2).

    Call arguments:
        images: (B, H, W, C), or what `pyramid` made of them.
        locations: (B, 2), row and column of the middle of the windows, -1 and 1 at the
            edges of the image.

    Output shape: (B, G, G, scales · C), the channels of the first scale first.

    Example:

    >>> import numpy as np
    >>> image = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    >>> sensor = GlimpseSensor(2)
    >>> sensor(image, np.zeros((1, 2), "float32"))[0, ..., 0].numpy().tolist()
    [[5.0, 6.0], [9.0, 10.0]]

    Reference: Mnih et al. 2014, "Recurrent Models of Visual Attention", section 3.1.
    """

    def __init__(self, size: int, scales: Sequence[int] = (1,), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size
        self.scales = tuple(scales)

    def build(self, images_shape: Shape, locations_shape: Shape | None = None) -> None:
        self.sides = np.array(images_shape[1:3], "float32")
        self.built = True

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """The images at each scale, with zeros round them as wide as half a window."""
        edge = self.size // 2 + 1
        border = ((0, 0), (edge, edge), (edge, edge), (0, 0))
        return [ops.pad(means_of_blocks(images, k), border) for k in self.scales]

    def call(self, images: Any, locations: Tensor) -> Tensor:
        if not isinstance(images, (list, tuple)):
            images = self.pyramid(images)
        sides = ops.convert_to_tensor(self.sides)
        pixels = (locations + 1) / 2 * sides  # (B, 2) from the top left corner
        windows = [
            self._window(image, pixels / k)
            for image, k in zip(images, self.scales, strict=True)
        ]
        return ops.concatenate(windows, axis=-1)  # (B, G, G, scales · C)

    def _window(self, image, middle):
        """(B, G, G, C) of one scale; `middle` (B, 2) in its pixels."""
        size = self.size
        edge = size // 2 + 1
        rows, columns, channels = image.shape[1:]
        # The middle of pixel 0 is at 1/2.
        start = middle - size / 2 + edge  # (B, 2)
        whole = ops.floor(start)
        part = ops.cast(start - whole, image.dtype)
        steps = ops.arange(size + 1, dtype="int32")

        def indices(axis, limit):
            first = ops.cast(whole[:, axis : axis + 1], "int32")
            return ops.clip(first + steps, 0, limit - 1)  # (B, G + 1)

        y, x = indices(0, rows), indices(1, columns)
        places = y[:, :, None] * columns + x[:, None, :]  # (B, G + 1, G + 1)
        flat = ops.reshape(image, (-1, rows * columns, channels))
        places = ops.reshape(places, (-1, (size + 1) ** 2, 1))
        window = ops.take_along_axis(flat, places, axis=1)
        window = ops.reshape(window, (-1, size + 1, size + 1, channels))
        down = part[:, 0, None, None, None]
        right = part[:, 1, None, None, None]
        window = window[:, :-1] * (1 - down) + window[:, 1:] * down
        return window[:, :, :-1] * (1 - right) + window[:, :, 1:] * right

    def get_config(self) -> dict:
        return {**super().get_config(), "size": self.size, "scales": self.scales}


def means_of_blocks(images: Tensor, k: int) -> Tensor:
    """(B, ⌈H/k⌉, ⌈W/k⌉, C): means of k × k pixels, with zeros after the last ones.

    Example:

    >>> import numpy as np
    >>> image = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    >>> means_of_blocks(image, 2)[0, ..., 0].numpy().tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """
    if k == 1:
        return images
    height, width, channels = images.shape[1:]
    rows, columns = -(-height // k), -(-width // k)
    lacking = ((0, 0), (0, rows * k - height), (0, columns * k - width), (0, 0))
    if rows * k != height or columns * k != width:
        images = ops.pad(images, lacking)
    blocks = ops.reshape(images, (-1, rows, k, columns, k, channels))
    return ops.mean(blocks, axis=(2, 4))
