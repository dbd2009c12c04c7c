"""Checks of what a recurrent layer is called with: one clear error each."""

import inspect

import keras
from keras import ops, tree


def check_sequences(layer, sequences):
    """`sequences` must be one dense tensor (batch, steps, features)."""
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
    shape = getattr(sequences, "shape", None)
    if shape is None or layer.input_spec is None:
        return
    shape = tuple(shape)
    if len(shape) != 3:
        raise ValueError(
            f"`sequences` of layer {layer.name!r} must have rank 3, (batch, steps, "
            f"features); expected ndim=3, found ndim={len(shape)}. Full shape "
            f"received: {shape}."
        )
    if shape[1] == 0:
        raise ValueError(
            f"`sequences` of layer {layer.name!r} must have at least one step; got the "
            f"shape {shape}."
        )
    kernel = getattr(layer.cell, "kernel", None)
    if layer.built and kernel is not None and shape[2] != kernel.shape[0]:
        raise ValueError(
            f"`sequences` of layer {layer.name!r} must have {kernel.shape[0]} "
            f"features, as when it was built; got {shape[2]} in the shape {shape}."
        )


def shapes_agree(a, b) -> bool:
    """Whether two shapes can be the same, None being any size."""
    return len(a) == len(b) and all(
        m is None or n is None or m == n for m, n in zip(a, b, strict=True)
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
    found = [tuple(getattr(s, "shape", ())) for s in flat]
    if len(flat) != len(sizes) or not all(
        shapes_agree(f, e) for f, e in zip(found, expected, strict=True)
    ):
        raise ValueError(
            f"`initial_state` of layer {layer.name!r} must have {len(sizes)} "
            f"state{'s' * (len(sizes) > 1)} of the shapes {expected}; got {found}."
        )

    def plain(state):
        # Lists that Keras tracks are no lists to JAX.
        if tree.is_nested(state):
            return [plain(s) for s in state]
        return ops.convert_to_tensor(state, dtype=layer.state_dtype)

    return plain(initial_state)


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
    mask = ops.cast(ops.convert_to_tensor(mask), "bool")
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
