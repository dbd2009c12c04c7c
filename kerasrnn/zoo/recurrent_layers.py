"""Recurrent layers and cells by the names that models' `cell` has."""

from typing import Any

import keras

from kerasrnn import layers

LAYERS = {"simple_rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}
CELLS = {
    "simple_rnn": layers.SimpleRNNCell,
    "lstm": layers.LSTMCell,
    "gru": layers.GRUCell,
}


def sequence_layers(
    num_layers: int,
    cell: str,
    units: int,
    *,
    bidirectional: bool,
    dtype: Any,
    **options: Any,
) -> list[keras.layers.Layer]:
    """Recurrent layers that give their outputs at all steps, (B, T, U).

    Args:
        num_layers: How many; their names are `recurrent_0` and so on.
        cell: `"simple_rnn"`, `"lstm"` or `"gru"`.
        units: Size of the state of each, in each direction.
        bidirectional: Read from both ends; outputs have twice the size.
        dtype: The policy.
        **options: More of each layer, such as `recurrent_dropout`.
    """
    options |= {"return_sequences": True, "dtype": dtype}
    names = [f"recurrent_{i}" for i in range(num_layers)]
    found = [LAYERS[cell](units, name=name, **options) for name in names]
    if not bidirectional:
        return found
    return [layers.Bidirectional(x, dtype=dtype, name=x.name) for x in found]
