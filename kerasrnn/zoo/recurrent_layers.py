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


def sequence_layer(
    cell: str, units: int, *, bidirectional: bool, dtype: Any, name: str, **options: Any
) -> keras.layers.Layer:
    """A recurrent layer that gives its outputs at all steps, (B, T, U).

    Args:
        cell: `"simple_rnn"`, `"lstm"` or `"gru"`.
        units: Size of the state, in each direction.
        bidirectional: Read from both ends; its outputs have twice the size.
        dtype: The policy.
        name: Of the layer.
        **options: More of the layer, such as `recurrent_dropout`.
    """
    layer = LAYERS[cell](
        units, return_sequences=True, dtype=dtype, name=name, **options
    )
    if not bidirectional:
        return layer
    return layers.Bidirectional(layer, dtype=dtype, name=name)
