"""Checks of what a recurrent layer is called with: one clear error each."""

import inspect

import keras
from keras import ops, tree


def check_sequences(layer, sequences, *, rank_known: bool, features: int | None):
    """`sequences` must be one dense tensor (batch, steps, features) of real numbers.

    Args:
        layer: The layer that is called.
        sequences: What it is called with.
        rank_known: Whether a step is a vector; some cells take other inputs.
        features: The size of a step where it is known, else None.
    """
    if isinstance(sequences, (list, tuple)):
        # Plain nested lists of numbers are for Keras to convert.
        if any(hasattr(e, "shape") for e in sequences):
            raise ValueError(
                f"`sequences` of layer {layer.name!r} must be one tensor (batch, "
                f"steps, features); got {len(sequences)} tensors. States go into "
                "`initial_state`. A layer with `return_state=True` returns its states "
                "beside its output: pass on the output alone."
            )
        return
    if hasattr(sequences, "row_splits") or getattr(sequences, "ragged", False):
        raise ValueError(
            f"`sequences` of layer {layer.name!r} must be a dense tensor; got a ragged "
            "one. Pass `sequences.to_tensor()` and "
            "`mask=tf.sequence_mask(sequences.row_lengths())`."
        )
    if not hasattr(sequences, "shape"):
        return
    check_real(layer, "sequences", sequences)
    shape = static_shape(sequences)
    if not rank_known:
        return
    if shape is None or len(shape) != 3:
        found = "an unknown rank" if shape is None else f"ndim={len(shape)}"
        raise ValueError(
            f"`sequences` of layer {layer.name!r} must have rank 3, (batch, steps, "
            f"features); expected ndim=3, found {found}. Full shape received: {shape}."
        )
    if shape[1] == 0:
        raise ValueError(
            f"`sequences` of layer {layer.name!r} must have at least one step; got the "
            f"shape {shape}."
        )
    if features is not None and shape[2] not in (None, features):
        raise ValueError(
            f"`sequences` of layer {layer.name!r} must have {features} features, as "
            f"when it was built; got {shape[2]} in the shape {shape}."
        )


def check_real(layer, argument: str, tensor) -> None:
    """Raises for complex numbers, which a cast would cut in half, and for texts."""
    dtype = str(getattr(tensor, "dtype", "float32"))
    if any(kind in dtype for kind in ("complex", "string", "<U", "|S", "object")):
        raise ValueError(
            f"`{argument}` of layer {layer.name!r} must hold real numbers; got the "
            f"dtype {dtype}."
        )


def static_shape(tensor) -> tuple | None:
    """What is known of a shape as a tuple; None where not even the rank is."""
    shape = getattr(tensor, "shape", ())
    return None if getattr(shape, "rank", 0) is None else tuple(shape)


def with_features(sequences, features: int | None):
    """`sequences` (B, T, D) with `features` as D where a trace does not know it.

    Only TensorFlow traces with unknown sizes. What comes is looked at when it runs;
    the operation's name is all that its error says of the argument.
    """
    if features is None or sequences.shape[-1] is not None:
        return sequences
    import tensorflow as tf

    name = f"sequences_must_have_{features}_features"
    return tf.ensure_shape(sequences, (*sequences.shape[:2], features), name=name)


def shapes_agree(a, b) -> bool:
    """Whether two shapes can be the same, None being any size or any shape."""
    if a is None or b is None:
        return True
    return len(a) == len(b) and all(
        m is None or n is None or m == n for m, n in zip(a, b, strict=True)
    )


def same_structure(states, sizes) -> bool:
    """Whether `states` are nested as `sizes`; one state may be in a list of its own."""
    if not isinstance(sizes, (list, tuple)):
        return len(tree.flatten(states)) == 1
    return (
        isinstance(states, (list, tuple))
        and len(states) == len(sizes)
        and all(map(same_structure, states, sizes))
    )


def check_initial_state(layer, initial_state, sequences):
    """`initial_state` as a list of tensors in the cell's structure and dtype."""
    if not tree.is_nested(initial_state):
        initial_state = [initial_state]
    initial_state = list(initial_state)
    sizes = tree.flatten(list(layer.state_size))
    flat = tree.flatten(initial_state)
    batch = sequences.shape[0]
    expected = [(batch, n) for n in sizes]
    found = [static_shape(s) for s in flat]
    if len(flat) != len(sizes) or not all(map(shapes_agree, found, expected)):
        raise ValueError(
            f"`initial_state` of layer {layer.name!r} must have {len(sizes)} "
            f"state{'s' * (len(sizes) > 1)} of the shapes {expected}; got {found}."
        )
    if not same_structure(initial_state, list(layer.state_size)):
        raise ValueError(
            f"`initial_state` of layer {layer.name!r} must be nested as the sizes "
            f"{layer.state_size}; got "
            f"{tree.map_structure(lambda s: 'a state', initial_state)}."
        )
    for state in flat:
        check_real(layer, "initial_state", state)

    def plain(state):
        # Lists that Keras tracks are no lists to JAX.
        if tree.is_nested(state):
            return [plain(s) for s in state]
        return as_tensor(state, dtype=layer.state_dtype)

    return plain(initial_state)


def as_tensor(x, dtype=None):
    """`x` as a tensor; a symbolic one stays symbolic.

    Where nothing is to be done it takes less time on PyTorch than `ops.cast`.
    """
    if isinstance(x, keras.KerasTensor):
        return x if dtype is None else ops.cast(x, dtype)
    return ops.convert_to_tensor(x, dtype=dtype)


def tensor_of_ours(x, dtype: str):
    """`x`, a result or the value of a weight, which no device need be looked at for.

    On PyTorch, where it has the dtype, that takes a tenth of the time of `as_tensor`,
    which counts where a whole call takes less than a millisecond.
    """
    if str(getattr(x, "dtype", None)) == f"torch.{dtype}":
        return x
    return as_tensor(x, dtype)


def attached_mask(sequences):
    """The mask that the layer before attached to `sequences`, or None.

    Keras passes it on as `mask` only where the call has no other tensor, so that a
    call with `initial_state` would lose it. There is no public way to read it.
    """
    return getattr(sequences, "_keras_mask", None)


def standardize_mask(mask, sequences):
    """`mask` as booleans (B, T), or None."""
    mask = tree.flatten(mask)[0] if tree.is_nested(mask) else mask
    mask = attached_mask(sequences) if mask is None else mask
    if mask is None:
        return None
    mask = ops.cast(as_tensor(mask), "bool")
    if len(mask.shape) == 3 and mask.shape[-1] == 1:
        mask = ops.squeeze(mask, -1)
    expected, found = tuple(sequences.shape[:2]), tuple(mask.shape)
    if not shapes_agree(found, expected):
        raise ValueError(f"`mask` must be (batch, steps)={expected}; got {found}.")
    return mask


def check_not_inside_sequential(layer):
    """Raises where keras.Sequential would feed all of this layer's outputs on.

    Keras has no hook for it, so the call stack is asked.
    """
    frame = inspect.currentframe()
    for _ in range(8):
        frame = frame and frame.f_back
        caller = frame and frame.f_locals.get("self")
        if isinstance(caller, keras.Sequential) and caller.layers[-1] is not layer:
            if layer not in caller.layers:
                return
            raise ValueError(
                f"Layer {layer.name!r} has `return_state=True`, so it returns "
                f"{1 + len(tree.flatten(layer.state_size))} tensors, and keras."
                "Sequential can pass on only one. Use the functional API: "
                "`output, *states = layer(x)`."
            )
