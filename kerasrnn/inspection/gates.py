"""The gates of a recurrent layer, from what went in, what came out and the weights."""

from keras import ops

from kerasrnn.inspection.recurrent_model import family_of

# What can be recorded of each family. The gates have values from 0 to 1 under sigmoid.
NAMES = {
    "simple_rnn": ("hidden",),
    "lstm": (
        "hidden",
        "cell",
        "input_gate",
        "forget_gate",
        "output_gate",
        "candidate",
    ),
    "gru": ("hidden", "update_gate", "reset_gate", "candidate"),
}


def activations_of(layer, inputs, hidden, before) -> dict:
    """Everything that `NAMES` lists, (B, T, U) each.

    The states of all steps are known, so that each gate is one product over all of
    them; only c goes step by step, element by element.

    Args:
        layer: A SimpleRNN, LSTM or GRU.
        inputs: (B, T, D), its inputs.
        hidden: (B, T, U), its outputs.
        before: [h] or [h, c], each (B, U), the states before the first step.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LSTM
    >>> layer, x = LSTM(4, return_sequences=True), np.ones((2, 3, 5), "float32")
    >>> found = activations_of(layer, x, layer(x), layer.get_initial_state(2))
    >>> h = found["output_gate"] * np.tanh(found["cell"])
    >>> np.allclose(h, layer(x), atol=1e-6)
    True
    """
    family = family_of(layer)
    if family == "simple_rnn":
        return {"hidden": hidden}
    cell = layer.cell
    dtype = cell.variable_dtype
    inputs, hidden = ops.cast(inputs, dtype), ops.cast(hidden, dtype)
    before = [ops.cast(state, dtype) for state in before]
    previous = ops.concatenate([before[0][:, None], hidden[:, :-1]], axis=1)
    gates = lstm_gates if family == "lstm" else gru_gates
    found = gates(cell, inputs, previous)
    if family == "lstm":
        found["cell"] = cell_states(found, before[1])
    return {"hidden": hidden, **found}


def lstm_gates(cell, x, h) -> dict:
    """The gates i, f, o and the candidate c̃, given x_t and h_{t-1}."""
    z = ops.matmul(x, cell.kernel) + ops.matmul(h, cell.recurrent_kernel)
    if cell.use_bias:
        z = z + cell.bias
    i, f, n, o = ops.split(z, 4, axis=-1)
    return {
        "input_gate": cell.recurrent_activation(i),
        "forget_gate": cell.recurrent_activation(f),
        "output_gate": cell.recurrent_activation(o),
        "candidate": cell.activation(n),
    }


def cell_states(gates, c):
    """c_t = f ⊙ c_{t-1} + i ⊙ c̃: (B, T, U)."""
    kept = ops.convert_to_numpy(gates["forget_gate"])
    added = ops.convert_to_numpy(gates["input_gate"] * gates["candidate"])
    states, c = added.copy(), ops.convert_to_numpy(c)
    for t in range(states.shape[1]):
        states[:, t] += kept[:, t] * c
        c = states[:, t]
    return states


def gru_gates(cell, x, h) -> dict:
    """The gates z, r and the candidate h̃, given x_t and h_{t-1}."""
    x = ops.matmul(x, cell.kernel)
    if cell.use_bias:
        x = x + (cell.bias[0] if cell.reset_after else cell.bias)
    x_z, x_r, x_n = ops.split(x, 3, axis=-1)
    if cell.reset_after:
        a = ops.matmul(h, cell.recurrent_kernel)
        if cell.use_bias:
            a = a + cell.bias[1]
        a_z, a_r, a_n = ops.split(a, 3, axis=-1)
    else:
        u_z, u_r, u_n = ops.split(cell.recurrent_kernel, 3, axis=1)
        a_z, a_r = ops.matmul(h, u_z), ops.matmul(h, u_r)
    z = cell.recurrent_activation(x_z + a_z)
    r = cell.recurrent_activation(x_r + a_r)
    a_n = r * a_n if cell.reset_after else ops.matmul(r * h, u_n)
    n = cell.activation(x_n + a_n)
    return {"update_gate": z, "reset_gate": r, "candidate": n}
