"""What a translator may be made of and called with: one clear error each."""

from keras import ops

from kerasrnn.zoo.decoder.decoder_checks import (
    check_ids,
    check_preprocessor,
    check_targets,
    describe,
)
from kerasrnn.zoo.model_inputs import as_array


def check_source(model, source_ids):
    """`source_ids` as a tensor (B, S) of integers that the model knows, S above 0."""
    size = model.source_vocabulary_size
    return at_least_one_place(check_ids("source_ids", source_ids, size))


def check_call(inputs):
    """The two tensors that a translator is called with."""
    if not isinstance(inputs, (tuple, list)) or len(inputs) != 2:
        raise ValueError(
            "`inputs` must be (source_ids, target_ids); got "
            f"{describe(inputs)}. To translate, use `generate`."
        )
    for name, ids in zip(("source_ids", "target_ids"), inputs, strict=True):
        dtype = ops.dtype(ids)
        if "int" not in dtype:
            raise TypeError(f"`{name}` must be integer token ids; got {dtype}.")
        if len(ids.shape) != 2:
            raise ValueError(
                f"`{name}` must be (batch, steps); got the shape {tuple(ids.shape)}."
            )
    return inputs


def check_pairs(model, x, y):
    """What `fit` and `evaluate` are given, as arrays where it was lists.

    Raises:
        TypeError: Neither strings nor integers.
        ValueError: Ids that the model does not know, or strings beside ids.
    """
    if model.preprocessor is not None:
        check_preprocessor(model)
    if hasattr(x, "element_spec"):
        specification = x.element_spec
        if isinstance(specification, tuple) and len(specification) > 1:
            first, second = (getattr(s, "dtype", None) for s in specification[:2])
            check_alike(first == "string", second == "string")
        return x, y
    x = as_array(x, "x")
    if x.ndim == 2:
        check_ids("x", x, model.source_vocabulary_size)
    if y is None:
        return x, None
    y = as_array(y, "y")
    check_alike(x.ndim == 1, y.ndim == 1)
    if y.ndim == 2:
        check_targets("y", y, model.target_vocabulary_size)
    return x, y


def check_alike(sources_are_text, targets_are_text):
    """Raises where only one of sources and targets is text."""
    kinds = {True: "strings", False: "token ids"}
    if sources_are_text != targets_are_text:
        raise ValueError(
            f"`x` and `y` must both hold strings or both token ids; got "
            f"{kinds[sources_are_text]} and {kinds[targets_are_text]}."
        )


def at_least_one_place(source_ids):
    """`source_ids` (B, S), or one place of padding where S is 0."""
    source_ids = ops.convert_to_tensor(source_ids)
    batch, width = ops.shape(source_ids)
    if isinstance(width, int) and width > 0:
        return source_ids
    lacking = 1 - ops.minimum(width, 1)
    padding = ops.zeros((batch, 1), source_ids.dtype)[:, :lacking]
    return ops.concatenate([source_ids, padding], axis=1)
