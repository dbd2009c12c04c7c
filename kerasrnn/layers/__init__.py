"""Recurrent layers, equal to those of keras.layers in numbers, attention, and a CRF."""

from typing import TYPE_CHECKING

from kerasrnn.layers.attention_cell import AttentionCell
from kerasrnn.layers.bahdanau_attention import BahdanauAttention
from kerasrnn.layers.bidirectional import Bidirectional
from kerasrnn.layers.crf import CRF
from kerasrnn.layers.gru import GRU
from kerasrnn.layers.gru_cell import GRUCell
from kerasrnn.layers.lstm import LSTM
from kerasrnn.layers.lstm_cell import LSTMCell
from kerasrnn.layers.luong_attention import LuongAttention
from kerasrnn.layers.rnn import RNN
from kerasrnn.layers.simple_rnn import SimpleRNN
from kerasrnn.layers.simple_rnn_cell import SimpleRNNCell
from kerasrnn.layers.stacked_rnn_cells import StackedRNNCells

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "AttentionCell",
    "BahdanauAttention",
    "Bidirectional",
    "GRUCell",
    "LSTMCell",
    "LuongAttention",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
]


if not TYPE_CHECKING:  # To type checkers it would say that every name is here.

    def __getattr__(name: str) -> None:
        import keras

        there = hasattr(keras.layers, name)
        where = f" Keras has it: keras.layers.{name}." if there else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{where}")
