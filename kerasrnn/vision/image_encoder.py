"""An image to a grid of features, by a network that was trained on ImageNet."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from concurrent import futures
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.fetching import FetchError
from kerasrnn.vision.efficientnet_lite import (
    BLOCKS,
    GRID,
    IMAGE_SIZE,
    grid_before,
    load_efficientnet_lite0,
)

EFFICIENTNET_LITE0 = "efficientnet_lite0"

# The modules of keras.applications, and the side of the pictures that each model of
# theirs was trained on.
APPLICATIONS = {
    "convnext": {
        "ConvNeXtTiny": 224,
        "ConvNeXtSmall": 224,
        "ConvNeXtBase": 224,
        "ConvNeXtLarge": 224,
        "ConvNeXtXLarge": 224,
    },
    "densenet": {"DenseNet121": 224, "DenseNet169": 224, "DenseNet201": 224},
    "efficientnet": {
        "EfficientNetB0": 224,
        "EfficientNetB1": 240,
        "EfficientNetB2": 260,
        "EfficientNetB3": 300,
        "EfficientNetB4": 380,
        "EfficientNetB5": 456,
        "EfficientNetB6": 528,
        "EfficientNetB7": 600,
    },
    "efficientnet_v2": {
        "EfficientNetV2B0": 224,
        "EfficientNetV2B1": 240,
        "EfficientNetV2B2": 260,
        "EfficientNetV2B3": 300,
        "EfficientNetV2S": 384,
        "EfficientNetV2M": 480,
        "EfficientNetV2L": 480,
    },
    "inception_resnet_v2": {"InceptionResNetV2": 299},
    "inception_v3": {"InceptionV3": 299},
    "mobilenet": {"MobileNet": 224},
    "mobilenet_v2": {"MobileNetV2": 224},
    "mobilenet_v3": {"MobileNetV3Large": 224, "MobileNetV3Small": 224},
    "nasnet": {"NASNetLarge": 331, "NASNetMobile": 224},
    "resnet": {"ResNet50": 224, "ResNet101": 224, "ResNet152": 224},
    "resnet_v2": {"ResNet50V2": 224, "ResNet101V2": 224, "ResNet152V2": 224},
    "vgg16": {"VGG16": 224},
    "vgg19": {"VGG19": 224},
    "xception": {"Xception": 299},
}
MODULE_OF = {name: module for module, names in APPLICATIONS.items() for name in names}


@dataclasses.dataclass(frozen=True)
class Grid:
    """The features of one image: so many places, so many numbers at each."""

    locations: int
    dim: int


@keras.saving.register_keras_serializable(package="kerasrnn")
class ImageEncoder(keras.layers.Layer):
    """An image to L locations of D features: a convolutional network without its head.

    The network's own scaling of the pixels is part of the layer. Its weights are
    loaded when the layer is built, so that to construct one costs nothing. Set
    `trainable = False` to keep them as they are; batch normalization then uses the
    statistics of ImageNet in training too, as Keras has it.

    Args:
        model: "efficientnet_lite0" (4.7 million parameters), or the name of a model
            of `keras.applications`, "MobileNetV2" for one.
        weights: "imagenet", or None for random ones, which needs no network.
        without_blocks: how many of the 16 blocks of "efficientnet_lite0" are left away
            at its end, and the convolution after them. `TunedBlocks` go on from there.
        name: of the layer.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        images: (B, image_size, image_size, 3), 0 to 255.
        training: whether to train the network's batch normalization and dropout.

    Output shape:
        (B, L, D), float32, row by row from the top left: `locations` and `dim`.

    Raises:
        FetchError: the weights are not on this machine and cannot be fetched.

    Example:

    >>> encoder = ImageEncoder("efficientnet_lite0", weights=None)
    >>> encoder.image_size, encoder.locations, encoder.dim
    (224, 49, 1280)
    >>> encoder.compute_output_shape((8, 224, 224, 3))
    (8, 49, 1280)
    """

    def __init__(
        self,
        model: str = EFFICIENTNET_LITE0,
        weights: str | None = "imagenet",
        *,
        without_blocks: int = 0,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if model != EFFICIENTNET_LITE0 and model not in MODULE_OF:
            raise ValueError(
                f'`model` must be "{EFFICIENTNET_LITE0}" or one of keras.applications: '
                f"{', '.join(MODULE_OF)}; got {model!r}."
            )
        if weights not in ("imagenet", None):
            raise ValueError(f'`weights` must be "imagenet" or None; got {weights!r}.')
        if without_blocks:
            check_last_blocks("without_blocks", without_blocks, model)
        self.model = model
        self.initial_weights = weights
        self.without_blocks = without_blocks
        self.backbone: Any = None  # made by `build`
        self._predict_on_batch: Callable | None = None

    @property
    def image_size(self) -> int:
        """The side of the square pictures that the network was trained on."""
        return _image_size(self.model)

    @property
    def locations(self) -> int:
        """L, the number of places of the grid."""
        return self._grid().locations

    @property
    def dim(self) -> int:
        """D, the number of features at a place."""
        return self._grid().dim

    def _grid(self):
        return _grid(self.model, self.without_blocks)

    def build(self, input_shape: tuple) -> None:
        expected = (self.image_size, self.image_size, 3)
        if tuple(input_shape[1:]) != expected:
            raise ValueError(
                f"`images` must be (batch, {', '.join(map(str, expected))}) for "
                f"{self.model}; got {tuple(input_shape)}."
            )
        weights, without = self.initial_weights, self.without_blocks
        self.backbone = untraced(lambda: _backbone(self.model, weights, without))
        self.backbone.trainable = self.trainable

    def call(self, images: Any, training: bool = False) -> Any:
        x = ops.cast(images, "float32")
        if self.model != EFFICIENTNET_LITE0:
            # On PyTorch, Keras's own function writes into what it is given.
            x = _application(self.model)[1](ops.copy(x))
        training = bool(training and self.trainable)
        grid = self.backbone(x, training=training)  # (B, rows, columns, D)
        grid = ops.reshape(grid, (-1, self.locations, self.dim))
        return ops.cast(grid, "float32")  # (B, L, D)

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        """What a call gives outside of training, compiled and kept for the next one.

        Args:
            images: (B, image_size, image_size, 3), 0 to 255.
        """
        if self._predict_on_batch is None:
            inputs = keras.Input((self.image_size, self.image_size, 3))
            # The method, not the model, which would become a part of this layer.
            self._predict_on_batch = keras.Model(inputs, self(inputs)).predict_on_batch
        return np.asarray(self._predict_on_batch(images))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.locations, self.dim)

    def compute_output_spec(self, images: Any, training: bool = False) -> Any:
        shape = self.compute_output_shape(images.shape)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self) -> dict:
        config = super().get_config()
        return {
            **config,
            "model": self.model,
            "weights": self.initial_weights,
            "without_blocks": self.without_blocks,
        }


def check_last_blocks(name: str, value: int, model: str) -> None:
    """Raise where a network's last blocks cannot be so many."""
    if model != EFFICIENTNET_LITE0:
        raise ValueError(
            f'`{name}` may be a number with the encoder "{EFFICIENTNET_LITE0}" only; '
            f"got {value!r} with {model!r}."
        )
    if type(value) is not int or not 1 <= value < len(BLOCKS):
        raise ValueError(
            f"`{name}` must be from 1 to {len(BLOCKS) - 1} blocks; got {value!r}."
        )


def _image_size(model):
    if model == EFFICIENTNET_LITE0:
        return IMAGE_SIZE
    return APPLICATIONS[MODULE_OF[model]][model]


def _application(model):
    """The class of keras.applications and the function that scales its pixels."""
    module = getattr(keras.applications, MODULE_OF[model])
    return getattr(keras.applications, model), module.preprocess_input


@functools.cache
def _grid(model, without_blocks):
    if without_blocks:
        rows, columns, dim = grid_before(len(BLOCKS) - without_blocks)
    elif model == EFFICIENTNET_LITE0:
        rows, columns, dim = GRID
    else:
        # Keras says it in no table, so that the layers have to be put together.
        backbone = untraced(lambda: _backbone(model, None))
        rows, columns, dim = backbone.output_shape[1:]
    return Grid(locations=rows * columns, dim=dim)


def _backbone(model, weights, without_blocks=0):
    if model == EFFICIENTNET_LITE0:
        end = len(BLOCKS) - without_blocks if without_blocks else None
        return load_efficientnet_lite0(weights, end=end)
    size = _image_size(model)
    build, _ = _application(model)
    try:
        return build(include_top=False, weights=weights, input_shape=(size, size, 3))
    except Exception as error:
        # Keras raises a bare Exception for a download that failed.
        if weights is None or type(error) is not Exception:
            raise
        raise FetchError(
            f"Could not fetch the weights of {model}: {error} Check the network, or "
            "put the file into ~/.keras/models yourself, or use the encoder "
            f'"{EFFICIENTNET_LITE0}".'
        ) from error


def untraced(function):
    """The function's result, computed outside of any trace that is under way.

    `fit` builds a model that is not built yet inside a trace. There, variables have
    no values yet, and trained weights that are loaded into them are lost without a
    word. A trace belongs to its thread, so that a thread of its own has none; what
    else belongs to the thread and decides how variables are made goes along.
    """
    policy = keras.config.dtype_policy()
    distribution = keras.distribution.distribution()
    scope = contextlib.nullcontext()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.distribute.has_strategy():
            scope = tf.distribute.get_strategy().scope()

    def run():
        keras.config.set_dtype_policy(policy)
        if distribution is not None:
            keras.distribution.set_distribution(distribution)
        with scope:
            return function()

    with futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()
