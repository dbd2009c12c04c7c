"""Recurrent layers with the arguments, the weights and the numbers of keras.layers."""

from kerasrnn.layers.bidirectional import Bidirectional
from kerasrnn.layers.gru import GRU
from kerasrnn.layers.gru_cell import GRUCell
from kerasrnn.layers.lstm import LSTM
from kerasrnn.layers.lstm_cell import LSTMCell
from kerasrnn.layers.rnn import RNN
from kerasrnn.layers.simple_rnn import SimpleRNN
from kerasrnn.layers.simple_rnn_cell import SimpleRNNCell
from kerasrnn.layers.stacked_rnn_cells import StackedRNNCells

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
]
