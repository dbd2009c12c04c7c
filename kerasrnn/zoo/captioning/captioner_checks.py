"""What a captioner may be made of and called with: one clear error each."""

import os

import numpy as np
from keras import ops

from kerasrnn.zoo.decoder.decoder_checks import (
    NOT_FOR_TEXTS,
    check_integer,
    check_preprocessor,
    check_search,
    check_targets,
    describe,
)
from kerasrnn.zoo.model_inputs import as_array

ONE_PICTURE = (str, bytes, bytearray, os.PathLike)


def check_model(model):
    """Raises where an `ImageCaptioner` cannot be meant, beside its decoder."""
    if model.encoder is None:
        if model.feature_dim is None:
            raise ValueError(
                "`feature_dim` must be given for a model without `encoder`; got None."
            )
        if model.fine_tune:
            raise ValueError(
                "`fine_tune` needs an `encoder` to tune; got encoder=None."
            )
    check_integer("feature_dim", model.feature_dim, 1)
    if model.named_classes == "imagenet":
        if model.encoder != "efficientnet_lite0":
            raise ValueError(
                '`named_classes` may be "imagenet" with the encoder '
                f"'efficientnet_lite0' only; got encoder={model.encoder!r}."
            )
    else:
        check_integer("named_classes", model.named_classes, 0)
    if model.encoder is not None:
        dim = encoder_of(model).dim
        if model.feature_dim != dim:
            raise ValueError(
                f"`feature_dim` of the encoder {model.encoder!r} is {dim}; got "
                f"{model.feature_dim}."
            )


def check_classes(model, names, kernel, bias):
    """Raises where these are not the classes that a model may borrow names of."""
    if not model.named_classes:
        raise ValueError(
            f"This {type(model).__name__} has `named_classes=0` and borrows no names."
        )
    if not hasattr(model.preprocessor, "target_ids"):
        raise ValueError(
            "`preprocessor` must be a tokenizer of captions, to read names with; got "
            f"{type(model.preprocessor).__name__}."
        )
    layer = model.class_copying
    shapes = [("names", (len(names),), (layer.count,))]
    if not layer.fetches:
        shapes += [
            ("kernel", np.shape(kernel), (model.feature_dim, layer.count)),
            ("bias", np.shape(bias), (layer.count,)),
        ]
    elif kernel is not None or bias is not None:
        raise ValueError(
            "`kernel` and `bias` must not be given to a model whose `named_classes` "
            'is "imagenet": they are those of its encoder.'
        )
    for name, value, expected in shapes:
        if tuple(value) != expected:
            raise ValueError(
                f"`{name}` must have the shape {expected}; got {tuple(value)}."
            )


def encoder_of(model):
    """The model's `ImageEncoder`, whether it is trained with the model or not."""
    return model.image_encoder if model.fine_tune else model.image_encoder.value


def check_has_encoder(model):
    """Raises where a model has nothing to look at pictures with."""
    if model.encoder is None:
        raise ValueError(
            f"This {type(model).__name__} has `encoder=None`: it takes features "
            f"(batch, places, {model.feature_dim}), not pictures."
        )


def check_source(model, source, name="inputs", convert=True):
    """Features (B, L, D) or images (B, size, size, 3) as a tensor of floats."""
    shape = getattr(source, "shape", None)
    expected = f"features (batch, places, {model.feature_dim})"
    fits = shape is not None and len(shape) == 3 and shape[2] == model.feature_dim
    if model.encoder is not None:
        size = encoder_of(model).image_size
        expected += f", or images (batch, {size}, {size}, 3)"
        if shape is not None and len(shape) == 4:
            sides = zip(shape[1:], (size, size, 3), strict=True)
            fits = all(side in (None, wanted) for side, wanted in sides)
    if not fits:
        raise ValueError(f"`{name}` must hold {expected}; got {describe(source)}.")
    return ops.convert_to_tensor(source) if convert else None


def check_call(model, inputs):
    """The two tensors that a captioner is called with."""
    if not isinstance(inputs, (tuple, list)) or len(inputs) != 2:
        raise ValueError(
            f"`inputs` must be (features, target_ids); got {describe(inputs)}. For "
            "captions, use `generate`."
        )
    source, target_ids = inputs
    source = check_source(model, source)
    dtype = ops.dtype(target_ids)
    if "int" not in dtype:
        raise TypeError(f"`target_ids` must be integer token ids; got {dtype}.")
    if len(target_ids.shape) != 2:
        raise ValueError(
            "`target_ids` must be (batch, steps); got the shape "
            f"{tuple(target_ids.shape)}."
        )
    return source, target_ids


def check_pairs(model, x, y):
    """What `fit` and `evaluate` are given, as a list, an array or a dataset."""
    if model.preprocessor is not None:
        check_preprocessor(model)
    if hasattr(x, "element_spec"):
        specification = x.element_spec
        if isinstance(specification, tuple) and len(specification) > 1:
            check_captions(model, getattr(specification[1], "dtype", None) == "string")
        return x, y
    if isinstance(x, ONE_PICTURE):
        raise ValueError(
            "`x` must be a list of pictures; got one. Put it in a list: [picture]."
        )
    if not hasattr(x, "shape") and not isinstance(x, (list, tuple)):
        raise TypeError(
            "`x` must be a list of pictures, an array of features or a "
            f"tf.data.Dataset; got {type(x).__name__}."
        )
    if y is not None:
        y = as_array(y, "y")
        check_captions(model, y.ndim == 1)
        if y.ndim == 2:
            check_targets("y", y, model.target_vocabulary_size)
    return x if hasattr(x, "shape") else list(x), y


def check_captions(model, are_text):
    """Raises where captions are texts, and nothing makes token ids of them."""
    if are_text and model.preprocessor is None:
        raise ValueError(
            f"`y` holds strings, but this {type(model).__name__} has "
            "`preprocessor=None` and takes token ids. Attach a tokenizer: "
            "`model.preprocessor = TargetTokenizer(tokenizer)`."
        )


def as_arrays(model, x, name):
    """Features or images as an array of floats."""
    x = ops.convert_to_numpy(x)
    check_source(model, x, name, convert=False)
    if len(x) == 0:
        raise ValueError(f"`{name}` must hold at least one example; got none.")
    return x.astype("float32", copy=False)


def check_element(model, element_spec, name):
    """Raises where a dataset does not hold batches of features or images."""
    inputs = element_spec[0] if isinstance(element_spec, tuple) else element_spec
    check_source(model, inputs, name, convert=False)


def check_generate(model, search, max_length, options, batch_size):
    """Raises where `generate` cannot mean its arguments."""
    if model.preprocessor is None:
        raise ValueError(
            f"This {type(model).__name__} has `preprocessor=None`; `generate_ids` "
            "gives token ids."
        )
    check_preprocessor(model)
    check_search(model, search, max_length, options, own=NOT_FOR_TEXTS)
    check_integer("batch_size", batch_size, 1)


def as_pictures(model, inputs):
    """A list of pictures or an array of features, and whether it was one alone."""
    if isinstance(inputs, ONE_PICTURE):
        inputs, single = [inputs], True
    elif isinstance(inputs, (list, tuple)):
        inputs, single = list(inputs), False
    elif not hasattr(inputs, "shape"):
        raise TypeError(
            "`inputs` must be a picture, a list of them or an array of features; got "
            f"{type(inputs).__name__}."
        )
    else:
        if not isinstance(inputs, np.ndarray):  # A file of features stays on the disk.
            inputs = ops.convert_to_numpy(inputs)
        are_features = inputs.ndim == 3 and inputs.shape[2] == model.feature_dim
        if are_features or inputs.ndim not in (2, 3, 4) or model.encoder is None:
            check_source(model, inputs, convert=False)
            return inputs, False
        single = inputs.ndim < 4
        inputs = [inputs] if single else list(inputs)
    check_has_encoder(model)
    return inputs, single
