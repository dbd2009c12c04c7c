"""A character language model of torch.nn, which works when it is told to.

Started by `character_model.py`, under a Python that has PyTorch.
"""

import os
from importlib.metadata import version

import numpy as np
import torch
from torch.nn import functional
from worker import serve

LAYERS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


class Characters(torch.nn.Module):
    """One-hot characters, recurrent layers, logits."""

    def __init__(self, cell, num_layers, units, size):
        super().__init__()
        self.size = size
        self.recurrent = LAYERS[cell](size, units, num_layers, batch_first=True)
        self.dense = torch.nn.Linear(units, size)

    def forward(self, ids, state):
        x, state = self.recurrent(functional.one_hot(ids, self.size).float(), state)
        return self.dense(x), state


def put_weights(model, cell, weights):
    """Gives the model the weights of one of keras.layers, layer by layer."""
    *recurrent, (kernel, bias) = weights
    for number, (w, u, b) in enumerate(recurrent):
        # PyTorch's GRU has its reset gate first, Keras's its update gate.
        blocks = [1, 0, 2] if cell == "gru" else range(4)
        units = len(u)
        order = np.concatenate([np.arange(units) + units * block for block in blocks])
        b_ih, b_hh = b if b.ndim == 2 else (b, 0 * b)
        arrays = {"weight_ih": w.T, "weight_hh": u.T, "bias_ih": b_ih, "bias_hh": b_hh}
        for name, array in arrays.items():
            put(getattr(model.recurrent, f"{name}_l{number}"), array[order])
    put(model.dense.weight, kernel.T)
    put(model.dense.bias, bias)


def put(parameter, array):
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def prepare(cell, weights, batches, learning_rate):
    """A function that learns from all chunks, and what the losses were before.

    Args:
        cell: `"lstm"` or `"gru"`.
        weights: As `character_keras.weights_of` gives them.
        batches: Pairs of inputs and targets (B, T), each going on where the one
            before ended.
        learning_rate: Adam's.
    """
    size, units = weights[-1][0].shape[1], weights[-1][0].shape[0]
    model = Characters(cell, len(weights) - 1, units, size)
    put_weights(model, cell, weights)
    batches = [[torch.from_numpy(ids).long() for ids in pair] for pair in batches]
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    state = None

    def loss_of(ids, targets):
        nonlocal state
        logits, state = model(ids, state)
        # The gradient ends here; LSTM has two states, GRU one.
        state = [s.detach() for s in state] if cell == "lstm" else state.detach()
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    with torch.no_grad():
        before = [loss_of(*batch).item() for batch in batches]
    state = None

    def learn():
        for batch in batches:
            optimizer.zero_grad()
            loss_of(*batch).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return learn, lambda _: before


def start():
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return prepare, f"torch {version('torch')}"


if __name__ == "__main__":
    serve(start)
