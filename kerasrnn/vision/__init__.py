"""Pictures: their bytes to pixels, and pixels to features."""

from kerasrnn.vision.efficientnet_lite import (
    IMAGENET_CLASSES,
    EfficientNetLite0,
    efficientnet_lite0_classifier,
    imagenet_class_names,
    load_efficientnet_lite0,
)
from kerasrnn.vision.feature_cache import cached_features, features_of
from kerasrnn.vision.image_decoding import decode_image, fit_to_square, read_images
from kerasrnn.vision.image_encoder import ImageEncoder
from kerasrnn.vision.picture_reader import PictureReader
from kerasrnn.vision.torch_weights import read_torch_weights
from kerasrnn.vision.tuned_encoder import TunedBlocks, TunedEncoder, tuned_features

__all__ = [
    "IMAGENET_CLASSES",
    "EfficientNetLite0",
    "ImageEncoder",
    "PictureReader",
    "TunedBlocks",
    "TunedEncoder",
    "cached_features",
    "decode_image",
    "efficientnet_lite0_classifier",
    "features_of",
    "fit_to_square",
    "imagenet_class_names",
    "load_efficientnet_lite0",
    "read_images",
    "read_torch_weights",
    "tuned_features",
]
