"""pytorch-crf in a process of its own, which works when it is told to.

Started by `crf.py`, under a Python that has it: `pip install torch pytorch-crf`.
"""

import os
from importlib.metadata import version

import numpy as np
import torch
import torchcrf
from worker import serve


def crf_call(what, weights, emissions, tags, mask):
    """Its layer with given weights, and its results as arrays in our order."""
    layer = torchcrf.CRF(emissions.shape[2], batch_first=True)
    parameters = (layer.transitions, layer.start_transitions, layer.end_transitions)
    with torch.no_grad():
        for parameter, array in zip(parameters, weights, strict=True):
            parameter.copy_(torch.from_numpy(array))
    emissions = torch.from_numpy(emissions).requires_grad_(what == "train")
    tags = torch.from_numpy(tags).long()
    mask = np.ones(tags.shape, bool) if mask is None else mask
    mask = torch.from_numpy(mask)  # its own default is of a deprecated type

    def train():
        layer.zero_grad()
        emissions.grad = None
        loss = -layer(emissions, tags, mask, reduction="mean")
        loss.backward()
        return [loss, emissions.grad, *(parameter.grad for parameter in parameters)]

    def decode():
        with torch.no_grad():
            return layer.decode(emissions, mask)

    def arrays(results):
        if what == "train":
            return [result.detach().numpy() for result in results]
        found = np.zeros(tags.shape, "int32")
        for row, path in zip(found, results, strict=True):
            row[: len(path)] = path
        return [found]

    return {"train": train, "decode": decode}[what], arrays


def start():
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return crf_call, f"pytorch-crf {torchcrf.__version__} on torch {version('torch')}"


if __name__ == "__main__":
    serve(start)
