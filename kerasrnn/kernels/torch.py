"""torch's own loops over time, on our weights: oneDNN on a CPU, cuDNN on a GPU.

PyTorch keeps its weights as (gates · U, D) and its GRU's gates in the order r z g.
"""

import torch

from kerasrnn.kernels.device import on_gpu
from kerasrnn.kernels.packing import run_packed
from kerasrnn.kernels.recurrence import Recurrence

LOOPS = {
    ("simple_rnn", "tanh"): torch.rnn_tanh,
    ("simple_rnn", "relu"): torch.rnn_relu,
    ("lstm", "tanh"): torch.lstm,
    ("gru", "tanh"): torch.gru,
}


def declines(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why this kernel cannot run `recurrence`, or None if it can."""
    known = [activation for family, activation in LOOPS if family == recurrence.family]
    if not known:
        return "the cell is not one of SimpleRNNCell, LSTMCell and GRUCell"
    if recurrence.attention is not None:
        return "the cell is fed with what its attention saw"
    if recurrence.activation not in known:
        return f"activation is not {' or '.join(known)}"
    gated = recurrence.family != "simple_rnn"
    if gated and recurrence.recurrent_activation != "sigmoid":
        return "recurrent_activation is not sigmoid"
    if recurrence.family == "gru" and not recurrence.reset_after:
        return "reset_after is False"
    if recurrence.gate_dropout:
        return "each gate has dropout masks of its own"
    if recurrence.unroll:
        return "unroll=True lays the steps out one by one"
    if recurrence.use_cudnn is False and on_gpu(sequences):
        return "use_cudnn is False"
    return None


def no_cudnn(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why cuDNN cannot run `recurrence`, or None if it can."""
    reason = declines(recurrence, sequences, mask)
    if reason is None and not on_gpu(sequences):
        return "the tensors are not on a GPU"
    if reason is None and not torch.backends.cudnn.is_available():
        return "this PyTorch has no cuDNN"
    return reason


def describe(recurrence: Recurrence) -> str:
    """How this kernel runs `recurrence`."""
    name = LOOPS[recurrence.family, recurrence.activation].__name__
    if no_cudnn(recurrence, None, None) is None:
        return f"torch.{name}, on cuDNN"
    return f"torch.{name}"


def run(recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    return run_packed(run_all, recurrence, sequences, initial_state, mask)


# As with torch.nn's recurrent layers, torch.compile compiles what is round it.
@torch.compiler.disable
def run_all(recurrence, x, initial_state):
    """All outputs, in order, and the final states."""
    weights = weights_of(recurrence)
    states = [state[None].contiguous() for state in initial_state]
    outputs, *states = LOOPS[recurrence.family, recurrence.activation](
        x,
        states if recurrence.family == "lstm" else states[0],
        weights,
        recurrence.bias is not None,
        1,  # layers
        0.0,  # dropout between them
        torch.is_grad_enabled(),  # Keep what a backward pass needs.
        False,  # bidirectional
        True,  # batch first
    )
    return outputs, [state[0] for state in states]


def weights_of(recurrence):
    """W_ih, W_hh and, if there is a bias, b_ih and b_hh as torch wants them."""
    matrices = [recurrence.kernel, recurrence.recurrent_kernel]
    bias = recurrence.bias
    if bias is None:
        vectors = []
    elif recurrence.family == "gru":
        vectors = [bias[0], bias[1]]
    else:
        vectors = [bias, torch.zeros_like(bias)]
    weights = [w.T for w in matrices] + vectors
    if recurrence.family == "gru":
        weights = [torch.cat([r, z, g]) for z, r, g in (w.chunk(3) for w in weights)]
    if not recurrence.kernel.is_cuda:
        return weights
    # In one piece of memory, or cuDNN copies them once more, with a warning.
    flat = torch.cat([w.reshape(-1) for w in weights])
    parts = flat.split([w.numel() for w in weights])
    return [part.view(w.shape) for part, w in zip(parts, weights, strict=True)]
