"""The definition of every recurrence: one step a line, on any backend.

y_t, s_t = step(x_t, s_{t-1})           where step t is not masked
y_t, s_t = y_{t-1} or 0, s_{t-1}        where it is
"""

import keras
from keras import ops

from kerasrnn.kernels.recurrence import Recurrence


def declines(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why this kernel cannot run `recurrence`: it always can."""
    return None


def describe(recurrence: Recurrence) -> str:
    """How this kernel runs `recurrence`."""
    if recurrence.unroll:
        return "one step after the other, laid out in the graph"
    return "keras.ops.scan over the cell's steps"


def select(mask, new, old):
    """`new` in the rows where `mask` (B,) holds, `old` in the others."""
    mask = ops.reshape(mask, (-1,) + (1,) * (len(new.shape) - 1))
    return ops.where(mask, new, old)


def hide(mask, sequences):
    """Zeros in place of the masked steps of `sequences` (B, T, …).

    Nobody looks at their outputs, but a gradient of 0 times NaN would be NaN.
    """
    mask = mask[(..., *[None] * (len(sequences.shape) - 2))]
    return ops.where(mask, sequences, ops.zeros_like(sequences))


def run(recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    if mask is not None:
        sequences = hide(mask, sequences)
    x = ops.moveaxis(sequences, 1, 0)  # (T, B, D)
    m = None if mask is None else ops.moveaxis(mask, 1, 0)  # (T, B)
    if recurrence.go_backwards:
        x = ops.flip(x, axis=0)
        m = None if m is None else ops.flip(m, axis=0)
    dtype = keras.tree.flatten(initial_state)[0].dtype
    zeros = ops.zeros((ops.shape(sequences)[0], recurrence.output_size), dtype=dtype)

    def one_step(carry, inputs):
        y, s = carry
        if m is None:
            y, s = recurrence.step(inputs[0], s)
        else:
            new_y, new_s = recurrence.step(inputs[0], s)
            held_y = zeros if recurrence.zero_output_for_mask else y
            y = select(inputs[1], new_y, held_y)
            s = keras.tree.map_structure(
                lambda new, old: select(inputs[1], new, old), new_s, s
            )
        return y, s

    inputs = (x,) if m is None else (x, m)
    if recurrence.unroll:
        carry, outputs = (zeros, initial_state), []
        for t in range(sequences.shape[1]):
            carry = one_step(carry, tuple(a[t] for a in inputs))
            outputs.append(carry[0])
        (y, states), outputs = carry, ops.stack(outputs)
    else:

        def scan_step(carry, inputs):
            y, s = one_step((carry[0], carry[1:]), inputs)
            # keras.ops.scan on TensorFlow wants outputs of the carry's structure.
            return (y, *s), (y, *s)

        carry, history = ops.scan(scan_step, (zeros, *initial_state), inputs)
        y, states, outputs = carry[0], carry[1:], history[0]
    if not recurrence.return_sequences:
        return y, None, list(states)
    return y, ops.moveaxis(outputs, 0, 1), list(states)
