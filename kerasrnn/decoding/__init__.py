"""Search for good sequences, token by token, in one loop of the graph."""

from kerasrnn.decoding.beam_search import Hypotheses, beam_search
from kerasrnn.decoding.greedy import greedy_search
from kerasrnn.decoding.kerashub_search import KerasHubSearch
from kerasrnn.decoding.sampling import sample
from kerasrnn.decoding.token_loop import Decoded

__all__ = [
    "Decoded",
    "Hypotheses",
    "KerasHubSearch",
    "beam_search",
    "greedy_search",
    "sample",
]
