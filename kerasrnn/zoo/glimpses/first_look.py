from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import Shape, Tensor
from kerasrnn.zoo.glimpses.glimpse_sensor import means_of_blocks

# Scores begin at zero, where all places count alike, and must be able to tell them
# apart after a few hundred steps: with 1 in its place, the first location stays in the
# middle of the image, and windows show nothing that could be learned from.
SHARPNESS = 30.0
KERNEL, STRIDE = 5, 2  # of the convolution


class FirstLook(keras.layers.Layer):
    """Looks at the whole image, small, and says where to look first.

    f = relu(conv(image_k))         features of P places, 5 × 5, every other one
    α = softmax(β w · f)            how much each place draws the eye, β = 30
    l_1 = Σ α_p (y_p, x_p)          the first location
    c = Σ α_p f_p                   what the place looks like from far

    Args:
        reduction: k, the side of the blocks of pixels whose means it sees.
        filters: Size of the features.

    Call arguments:
        images: (B, H, W, C).

    Output shape: locations (B, 2), row and column from -1 to 1, features (B, filters)
        and α (B, P).

    Reference: the attention is that of Bahdanau et al. 2015, over places; a coarse
    image that says where to look first: Ba, Mnih and Kavukcuoglu 2015, "Multiple Object
    Recognition with Visual Attention", section 2.
    """

    def __init__(self, reduction: int, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reduction = reduction
        self.filters = filters
        self.features = keras.layers.Conv2D(
            filters,
            KERNEL,
            strides=STRIDE,
            padding="same",
            activation="relu",
            dtype=self.dtype_policy,
            name="features",
        )
        self.score = keras.layers.Dense(
            1,
            use_bias=False,
            kernel_initializer="zeros",
            dtype=self.dtype_policy,
            name="score",
        )

    def build(self, images_shape: Shape) -> None:
        sizes: Any = images_shape[1:]
        height, width, channels = sizes
        sides = [-(-side // self.reduction) for side in (height, width)]
        self.features.build((None, *sides, channels))
        self.score.build((None, None, self.filters))
        # The middle of each place, as the convolution's padding puts it, (P, 2).
        middles = [
            middles_of(blocks, self.reduction, side)
            for blocks, side in zip(sides, (height, width), strict=True)
        ]
        grid = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1)
        self.places = grid.reshape(-1, 2).astype("float32")
        self.built = True

    def call(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        small = means_of_blocks(images, self.reduction)
        count = len(self.places)
        features = ops.reshape(self.features(small), (-1, count, self.filters))
        scores = SHARPNESS * self.score(features)[..., 0]  # (B, P)
        # In float32, since the places are told apart by small differences.
        attention = ops.softmax(ops.cast(scores, "float32"), axis=-1)
        places = ops.convert_to_tensor(self.places)
        locations = ops.matmul(attention, places)  # (B, 2)
        weights = ops.cast(attention, features.dtype)[..., None]
        return locations, ops.sum(weights * features, axis=1), attention

    def get_config(self) -> dict:
        config = {"reduction": self.reduction, "filters": self.filters}
        return {**super().get_config(), **config}


def middles_of(blocks: int, reduction: int, side: int) -> np.ndarray:
    """Where the middles of a convolution's places are along a side, from -1 to 1.

    Args:
        blocks: How many blocks of pixels it sees along the side.
        reduction: Pixels of a block.
        side: Pixels of the side.

    Example:

    >>> middles_of(4, 2, 8)
    array([-0.25,  0.75])
    """
    count = -(-blocks // STRIDE)
    padded = max((count - 1) * STRIDE + KERNEL - blocks, 0)
    middles = np.arange(count) * STRIDE + KERNEL / 2 - padded // 2  # in blocks
    return middles * reduction / side * 2 - 1
