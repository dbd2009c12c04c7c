"""How much of the last step's error reaches the steps before it."""

from typing import Any, NamedTuple

import keras
import numpy as np

from kerasrnn.inspection.recurrent_model import (
    check_reads_text,
    family_of,
    is_recurrent_layer,
    recurrent_layers_of,
)


class GradientFlow(NamedTuple):
    """What `gradient_flow` measured.

    Args:
        hidden: For each recurrent layer an array (B, T): ‖∂L/∂h_t‖ of each row.
        cell: For each recurrent layer an array (B, T): ‖∂L/∂c_t‖ of each row; None
            where there is no cell state.
        losses: (B,), L of each row.
        weight_gradient: ‖∂L̄/∂θ‖, of the mean loss and all weights θ of the recurrent
            layers: what clipping looks at.
    """

    hidden: list
    cell: list
    losses: np.ndarray
    weight_gradient: float


def gradient_flow(
    model: keras.Model, batch: Any, *, loss_step: int | None = -1, loss: Any = None
) -> GradientFlow:
    """Measure ‖∂L/∂h_t‖, the gradient that reaches the state of every step.

    ∂L/∂h_t = Σ over all ways from h_t to L        (U,) for each row and step

    By default L is the loss of the last step alone, so that whatever arrives at an
    earlier step has come through the recurrence: it shrinks or grows by about the
    same factor a step. Rows start from zero states; dropout is off.

    Args:
        model: A model with `recurrent_layers`, `embed(ids)` and `output_layer`, such
            as a `CharLanguageModel`; or a SimpleRNN, LSTM or GRU alone.
        batch: For a model: a string, of which each character is to be predicted; ids
            `(inputs, targets)`, each (B, T); or `((inputs, fresh), targets, weights)`
            as `CharacterStreams` gives them (`fresh` plays no part). For a layer:
            inputs (B, T, D), or `(inputs, targets)` with targets (B, U), 0 by default.
        loss_step: The step whose loss is L; None for the sum over all steps. For a
            model it is the cross-entropy in nats, for a layer ½‖h_t − target‖².
        loss: Another loss in place of it: a function `(outputs, targets)` of all
            outputs, logits (B, T, V) or states (B, T, U), to (B,) losses; the loss of
            a row may depend on that row only.

    Returns:
        A `GradientFlow`.

    Raises:
        ValueError: The model has no recurrent layers; the batch does not fit it; the
            step is none of the batch's.
        RuntimeError: Keras runs on another backend than TensorFlow.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.inspection import gradient_flow, set_largest_singular_value
    >>> from kerasrnn.layers import SimpleRNN
    >>> layer = SimpleRNN(4, activation=None)
    >>> inputs = np.ones((2, 6, 3), "float32")
    >>> outputs = layer(inputs)
    >>> flow = gradient_flow(set_largest_singular_value(layer, 0.5), inputs)
    >>> (flow.hidden[0][0] / flow.hidden[0][0, -1]).round(3)  # 0.5 for each step
    array([0.031, 0.062, 0.125, 0.25 , 0.5  , 1.   ])

    Reference: Hochreiter 1991; Bengio et al. 1994; Pascanu et al. 2013, eq. 5.
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            "`gradient_flow` needs Keras on TensorFlow, whose tape watches the states; "
            f"the backend is {keras.backend.backend()!r}."
        )
    import tensorflow as tf

    if is_recurrent_layer(model):
        family_of(model)
        layers = [model]
        inputs, targets = layer_batch(model, batch)
        weights = None
    else:
        layers = recurrent_layers_of(model)
        inputs, targets, weights = model_batch(model, batch)
    steps = inputs.shape[1]
    if loss is None and loss_step is not None and not -steps <= loss_step < steps:
        raise ValueError(
            f"`loss_step` must be one of the batch's {steps} steps; got {loss_step}."
        )
    with tf.GradientTape(persistent=True) as tape:
        sequences = inputs if is_recurrent_layer(model) else model.embed(inputs)
        states = []
        for layer in layers:
            if not layer.built:
                layer.build(sequences.shape)
            states.append(run_step_by_step(layer, sequences))
            sequences = tf.stack([h for h, *_ in states[-1]], axis=1)  # (B, T, U)
        if is_recurrent_layer(model):
            outputs, default = sequences, half_squared_distance
        else:
            outputs, default = model.output_layer(sequences), crossentropy
        if loss is None:
            losses = default(outputs, targets)  # (B, T)
            if weights is not None:
                losses = losses * tf.cast(weights, losses.dtype)
            if loss_step is None:
                losses = tf.reduce_sum(losses, axis=1)
            else:
                losses = losses[:, loss_step]
        else:
            losses = tf.convert_to_tensor(loss(outputs, targets))
            if losses.shape != inputs.shape[:1]:
                raise ValueError(
                    f"`loss` must give one number a row, (B,)=({inputs.shape[0]},); "
                    f"got shape {tuple(losses.shape)}."
                )
        # Rows never meet: the gradient of the sum holds each row's own.
        total = tf.reduce_sum(losses)
    hidden, cell = [], []
    for layer, steps_of_layer in zip(layers, states, strict=True):
        hidden.append(norms(tape, total, [s[0] for s in steps_of_layer]))
        has_cell = family_of(layer) == "lstm"
        of_cell = [s[1] for s in steps_of_layer] if has_cell else None
        cell.append(norms(tape, total, of_cell) if has_cell else None)
    variables = [v.value for layer in layers for v in layer.trainable_variables]
    of_weights = [g for g in tape.gradient(total, variables) if g is not None]
    of_weights = [tf.cast(tf.convert_to_tensor(g), "float64") for g in of_weights]
    weight_gradient = float(tf.linalg.global_norm(of_weights)) / inputs.shape[0]
    return GradientFlow(hidden, cell, losses.numpy(), weight_gradient)


def run_step_by_step(layer, sequences) -> list:
    """The states [h] or [h, c] of every step, as the tensors that the tape knows."""
    import tensorflow as tf

    cell = layer.cell
    sequences = tf.cast(sequences, cell.compute_dtype)
    states = cell.get_initial_state(batch_size=sequences.shape[0])
    states = states if isinstance(states, list) else [states]
    seen = []
    for inputs in tf.unstack(sequences, axis=1):
        _, states = cell(inputs, states, training=False)
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        seen.append(states)
    return seen


def norms(tape, total, tensors) -> np.ndarray:
    """‖∂L/∂s_t‖ (B, T) of T tensors (B, U); 0 where L does not depend on s_t."""
    import tensorflow as tf

    found = tape.gradient(
        total, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    # In float64, in which the square of a small float32 is not 0.
    gradients = [g.numpy().astype("float64") for g in found]
    return np.stack([np.linalg.norm(g, axis=-1) for g in gradients], axis=1)


def crossentropy(logits, targets):
    """−log p of the targets: (B, T)."""
    return keras.losses.sparse_categorical_crossentropy(
        targets, logits, from_logits=True
    )


def half_squared_distance(outputs, targets):
    """½‖h_t − target‖²: (B, T)."""
    import tensorflow as tf

    return 0.5 * tf.reduce_sum((outputs - targets[:, None]) ** 2, axis=-1)


def layer_batch(layer, batch):
    """The inputs (B, T, D) of a layer and targets (B, U), or a ValueError."""
    import tensorflow as tf

    inputs, targets = batch if isinstance(batch, tuple) else (batch, None)
    dtype = layer.cell.compute_dtype
    inputs = tf.convert_to_tensor(np.asarray(inputs).astype(dtype))
    if inputs.shape.rank != 3 or 0 in inputs.shape:
        raise ValueError(
            "`batch` must hold inputs (batch, steps, features); got shape "
            f"{tuple(inputs.shape)}."
        )
    shape = (inputs.shape[0], layer.cell.units)
    if targets is None:
        return inputs, tf.zeros(shape, dtype)
    targets = tf.convert_to_tensor(np.asarray(targets).astype(dtype))
    if targets.shape != shape:
        raise ValueError(
            f"the targets of `batch` must be (batch, units)={shape}; got shape "
            f"{tuple(targets.shape)}."
        )
    return inputs, targets


def model_batch(model, batch):
    """Ids (B, T), targets (B, T) and weights or None, or a ValueError."""
    for name in ("embed", "output_layer"):
        if not hasattr(model, name):
            raise ValueError(
                f"`model` must have `{name}`, as a CharLanguageModel has; got a "
                f"{type(model).__name__}."
            )
    weights = None
    if isinstance(batch, str):
        check_reads_text(model)
        if not batch:
            raise ValueError("`batch` must be a text of one character or more; got ''.")
        targets = np.asarray(model.preprocessor.encode(batch), "int32")[None]
        inputs = np.pad(targets[:, :-1], ((0, 0), (1, 0)))  # 0: before the first
    elif isinstance(batch, tuple) and len(batch) in (2, 3):
        inputs, targets, *rest = batch
        inputs = inputs[0] if isinstance(inputs, (tuple, list)) else inputs
        inputs, targets = (np.asarray(x) for x in (inputs, targets))
        weights = np.asarray(rest[0]) if rest else None
    else:
        raise ValueError(
            "`batch` must be a text, (inputs, targets) or (inputs, targets, weights); "
            f"got a {type(batch).__name__}."
        )
    if inputs.ndim != 2 or 0 in inputs.shape:
        raise ValueError(
            f"`batch` must hold ids (batch, steps); got shape {inputs.shape}."
        )
    for name, array in (("targets", targets), ("weights", weights)):
        if array is not None and array.shape != inputs.shape:
            raise ValueError(
                f"the {name} of `batch` must have the shape of its inputs, "
                f"{inputs.shape}; got {array.shape}."
            )
    return inputs, targets, weights
