"""The last blocks of an image encoder, trained, after the first ones, which are not."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.vision.efficientnet_lite import (
    BLOCKS,
    GRID,
    grid_before,
    load_efficientnet_lite0,
)
from kerasrnn.vision.image_encoder import (
    EFFICIENTNET_LITE0,
    ImageEncoder,
    check_last_blocks,
    untraced,
)


@keras.saving.register_keras_serializable(package="kerasrnn")
class TunedBlocks(keras.layers.Layer):
    """The last blocks of EfficientNet-Lite0, and the convolution after them.

    They go on from where an `ImageEncoder` with `without_blocks` ends, so that what
    those before them make of pictures can be computed once. Batch normalization uses
    the statistics of ImageNet, in training too.

    Args:
        blocks: how many of the 16.
        weights: "imagenet", or None for random ones, which needs no network.
        name: of the layer.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        features: (B, L, D) of the blocks before them: `locations` and `dim`.

    Output shape:
        (B, 49, 1280), float32.

    Raises:
        FetchError: the weights are not on this machine and cannot be fetched.

    Example:

    >>> blocks = TunedBlocks(5, weights=None)
    >>> encoder = ImageEncoder("efficientnet_lite0", weights=None, without_blocks=5)
    >>> encoder.locations, encoder.dim
    (196, 112)
    >>> blocks(np.zeros((2, 196, 112), "float32")).shape[1:] == (49, 1280)
    True
    """

    def __init__(
        self,
        blocks: int,
        weights: str | None = "imagenet",
        *,
        name: str | None = "tuned_blocks",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_last_blocks("blocks", blocks, EFFICIENTNET_LITE0)
        self.blocks = blocks
        first = len(BLOCKS) - blocks
        self.grid = grid_before(first)
        self.network = untraced(lambda: load_efficientnet_lite0(weights, first=first))
        for layer in self.network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        self.built = True

    @property
    def locations(self) -> int:
        """How many places it reads of a picture."""
        return self.grid[0] * self.grid[1]

    @property
    def dim(self) -> int:
        """How many features it reads of a place."""
        return self.grid[2]

    def call(self, features: Any) -> Any:
        grid = ops.reshape(ops.cast(features, "float32"), (-1, *self.grid))
        grid = self.network(grid, training=False)
        return ops.reshape(grid, (-1, GRID[0] * GRID[1], GRID[2]))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], GRID[0] * GRID[1], GRID[2])

    def get_config(self) -> dict:
        # Its own weights replace those that it began with.
        return {**super().get_config(), "blocks": self.blocks, "weights": None}


class TunedEncoder(keras.layers.Layer):
    """An image to features, by an encoder's first blocks and by `TunedBlocks`.

    It is used as an `ImageEncoder` is.

    Args:
        weights: of the first blocks, "imagenet" or None.
        tuned: the last ones.

    Call arguments:
        images: (B, 224, 224, 3), 0 to 255.

    Output shape:
        (B, 49, 1280), float32.

    Raises:
        FetchError: the weights are not on this machine and cannot be fetched.

    Example:

    >>> encoder = TunedEncoder(None, TunedBlocks(2, weights=None))
    >>> encoder.image_size, encoder.first_blocks.dim, encoder.dim
    (224, 192, 1280)
    """

    def __init__(self, weights: str | None, tuned: TunedBlocks) -> None:
        super().__init__(name="encoder")
        self.first_blocks = ImageEncoder(weights=weights, without_blocks=tuned.blocks)
        self.first_blocks.trainable = False
        self.tuned = tuned
        self.model = self.first_blocks.model
        self._predict_on_batch: Any = None

    @property
    def image_size(self) -> int:
        """The side of the pictures."""
        return self.first_blocks.image_size

    @property
    def locations(self) -> int:
        """L, the number of places of the grid."""
        return GRID[0] * GRID[1]

    @property
    def dim(self) -> int:
        """D, the number of features at a place."""
        return GRID[2]

    def build(self, input_shape: tuple) -> None:
        self.first_blocks.build(input_shape)
        self.first_blocks.built = True

    def call(self, images: Any, training: bool = False) -> Any:
        return self.tuned(self.first_blocks(images))

    # The same in terms of its size, places and features.
    predict_on_batch = ImageEncoder.predict_on_batch
    compute_output_shape = ImageEncoder.compute_output_shape
    compute_output_spec = ImageEncoder.compute_output_spec


def tuned_features(tuned: TunedBlocks, features: Any, batch_size: int = 128) -> Any:
    """What the blocks make of many pictures, a batch at a time.

    Args:
        tuned: the blocks.
        features: (N, L, D) of the blocks before them, in memory or on disk.
        batch_size: how many at a time.

    Yields:
        (B, 49, 1280) float32.

    Example:

    >>> blocks = TunedBlocks(2, weights=None)
    >>> lower = np.zeros((3, 49, 192), "float16")
    >>> [part.shape for part in tuned_features(blocks, lower, batch_size=2)]
    [(2, 49, 1280), (1, 49, 1280)]
    """
    compute = keras.Model(
        inputs := keras.Input((tuned.locations, tuned.dim)), tuned(inputs)
    ).predict_on_batch
    for at in range(0, len(features), batch_size):
        yield np.asarray(compute(np.asarray(features[at : at + batch_size], "float32")))
