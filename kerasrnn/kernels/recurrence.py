"""What a kernel is asked to compute."""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Attention:
    """What a decoder looks at after every step, to be fed with what it saw.

    e_s = k_s · h        or vᵀ tanh(h W_q + k_s), with W_q and v
    c = Σ_s softmax(e)_s m_s
    a = tanh([c; h] W_c)        beside x the input of the next step

    Args:
        memory: (B, S, M).
        keys: (B, S, ·), all of the score that no query changes.
        mask: (B, S) booleans, or None.
        output_kernel: W_c (M + U, A).
        query_kernel: W_q (U, ·), or None.
        score_kernel: v (·, 1), or None.
        returns_alignments: Whether softmax(e) comes beside a.
    """

    memory: Any
    keys: Any
    mask: Any
    output_kernel: Any
    query_kernel: Any = None
    score_kernel: Any = None
    returns_alignments: bool = False


@dataclasses.dataclass(frozen=True)
class Recurrence:
    """One recurrent layer, ready to be run over a batch of sequences.

    A kernel turns `(recurrence, sequences, initial_state, mask)` into
    `(last_output, outputs, states)`, where `sequences` is (B, T, D), `mask` is
    (B, T) or None, and `outputs` is (B, T, U) in processing order (from the last
    step to the first if `go_backwards`), or None without `return_sequences`.

    At a masked step the state stays as it was, and the output is that of the step
    before (zeros if there is none) or, with `zero_output_for_mask`, zeros.

    Args:
        step: The definition: `(inputs, states) -> (output, new_states)`.
        output_size: Size of one step's output.
        family: "simple_rnn", "lstm", "gru", or "cell" for any other cell, of which
            only `step` is known.
        kernel: (D, gates · U), gates in Keras's order.
        recurrent_kernel: (U, gates · U).
        bias: (gates · U,), (2, 3 · U) for a GRU with `reset_after`, or None.
        activation: Keras's name of the activation, "custom" where it has none.
        recurrent_activation: The same for the gates; "linear" without gates.
        reset_after: The GRU's variant.
        gate_dropout: Whether `step` multiplies what enters each gate by a dropout
            mask of its own.
        dropout_masks: Those of x, (B, D) for each gate, or None.
        recurrent_dropout_masks: Those of h, (B, U) for each gate, or None.
        attention: The `Attention` that `step` looks with after the cell, or None. The
            kernel's last rows are then those that a meets.
        go_backwards: Whether to start at the last step.
        return_sequences: Whether the outputs of all steps are wanted.
        unroll: Whether to lay the steps out one after the other in the graph.
        zero_output_for_mask: Whether a masked step gives zeros.
        use_cudnn: "auto", False never to use it, True to demand it.
        training: Whether gradients are likely to be asked for.
        dtype: What `sequences`, the states and the weights are computed in.
        layer: Name of the layer, for errors.
    """

    step: Callable
    output_size: int
    family: str = "cell"
    kernel: Any = None
    recurrent_kernel: Any = None
    bias: Any = None
    activation: str = "custom"
    recurrent_activation: str = "linear"
    reset_after: bool = False
    gate_dropout: bool = False
    dropout_masks: Any = None
    recurrent_dropout_masks: Any = None
    attention: Attention | None = None
    go_backwards: bool = False
    return_sequences: bool = False
    unroll: bool = False
    zero_output_for_mask: bool = False
    use_cudnn: bool | str = "auto"
    training: bool = False
    dtype: str = "float32"
    layer: str = ""
