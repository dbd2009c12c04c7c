"""What inspection asks of a model: its recurrent layers, their cells, their weights."""

import keras
import numpy as np
from keras import ops

from kerasrnn.layers import GRUCell, LSTMCell, SimpleRNNCell

FAMILIES = {
    "simple_rnn": (SimpleRNNCell, keras.layers.SimpleRNNCell),
    "lstm": (LSTMCell, keras.layers.LSTMCell),
    "gru": (GRUCell, keras.layers.GRUCell),
}

GATES = {"simple_rnn": 1, "lstm": 4, "gru": 3}


def family_of(layer) -> str:
    """One of "simple_rnn", "lstm" and "gru", or a ValueError that names what came."""
    cell = getattr(layer, "cell", None)
    for family, classes in FAMILIES.items():
        if isinstance(cell, classes):
            return family
    inside = "" if cell is None else f" of a {type(cell).__name__}"
    raise ValueError(
        "`layer` must be a SimpleRNN, LSTM or GRU, of kerasrnn.layers or keras.layers; "
        f"got a {type(layer).__name__}{inside}."
    )


def is_recurrent_layer(value) -> bool:
    """Whether it is a recurrent layer itself, not a model that has some."""
    is_model = hasattr(value, "recurrent_layers")
    return (
        isinstance(value, keras.layers.Layer)
        and not is_model
        and hasattr(value, "cell")
    )


def recurrent_layers_of(model) -> list:
    """The recurrent layers of a model, from the inputs up, or a ValueError."""
    layers = getattr(model, "recurrent_layers", None)
    if not layers:
        raise ValueError(
            "`model` must have `recurrent_layers`, as a CharLanguageModel has; got a "
            f"{type(model).__name__} "
            + ("without them." if layers is None else "with none of them.")
        )
    for layer in layers:
        family_of(layer)
        if getattr(layer, "go_backwards", False):
            raise ValueError(
                f"`model` must read from the first step to the last; its layer "
                f"{layer.name!r} goes backwards."
            )
    return list(layers)


def check_reads_text(model):
    """A ValueError where a model cannot turn a text into the inputs of its layers."""
    recurrent_layers_of(model)
    if not hasattr(getattr(model, "preprocessor", None), "encode"):
        came = type(getattr(model, "preprocessor", None)).__name__
        raise ValueError(
            "`model` must have a `preprocessor` that encodes text, such as a "
            f"CharacterTokenizer; this {type(model).__name__} has a {came}."
        )
    if not hasattr(model, "embed"):
        raise ValueError(
            "`model` must have `embed(ids)`, which gives the inputs of its first "
            f"recurrent layer; got a {type(model).__name__}."
        )


def set_largest_singular_value(layer: keras.layers.Layer, value: float) -> None:
    """Scale a layer's recurrent kernel to a largest singular value.

    U_g ← U_g · value / σ₁(U_g)        for each gate g

    An error of the last step meets Uᵀ once a step on its way back: the largest
    singular value says by how much a step can stretch it at most.

    Args:
        layer: A SimpleRNN, LSTM or GRU that is built. Of several gates, each (U, U)
            part of the recurrent kernel is scaled by itself.
        value: The largest singular value, 0 or above.

    Returns:
        The layer.

    Raises:
        ValueError: Another layer, one that is not built, or a negative value.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.inspection import set_largest_singular_value
    >>> from kerasrnn.layers import SimpleRNN
    >>> layer = SimpleRNN(4)
    >>> layer.build((None, None, 3))
    >>> kernel = set_largest_singular_value(layer, 1.5).cell.recurrent_kernel
    >>> float(np.linalg.norm(kernel, 2).round(4))
    1.5

    Reference: Pascanu et al. 2013, "On the difficulty of training recurrent neural
    networks", section 2.1.
    """
    gates = GATES[family_of(layer)]
    if not layer.built:
        raise ValueError(
            f"`layer` must be built; call {layer.name!r} on inputs first, or its "
            "`build((None, None, features))`."
        )
    if isinstance(value, bool) or not np.isfinite(value) or value < 0:
        raise ValueError(f"`value` must be a number of 0 or above; got {value!r}.")
    kernel = ops.convert_to_numpy(layer.cell.recurrent_kernel)  # (U, gates · U)
    scaled = []
    for part in np.split(kernel.astype("float64"), gates, axis=1):
        largest = np.linalg.norm(part, 2)
        if largest == 0 < value:
            raise ValueError(
                f"`layer` must have a recurrent kernel to scale; that of "
                f"{layer.name!r} is zero."
            )
        scaled.append(part * (value / largest) if largest else part)
    layer.cell.recurrent_kernel.assign(
        np.concatenate(scaled, axis=1).astype(kernel.dtype)
    )
    return layer
