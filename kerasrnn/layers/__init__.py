"""Recurrent layers, equal to those of keras.layers in numbers, and attention."""

from kerasrnn.layers.attention_cell import AttentionCell
from kerasrnn.layers.bahdanau_attention import BahdanauAttention
from kerasrnn.layers.bidirectional import Bidirectional
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
