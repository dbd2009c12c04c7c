"""Masks of any kind, for a kernel that knows none.

The steps that count are moved to the front of their row, in order, and the outputs
back to where they belong:

    mask      0 1 1 0 1            x      · a b · c
    packed    a b c 0 0            y      0 A B B C

What the kernel computes for the padding at the end nobody looks at. Only an LSTM's c
after it is wanted: a feature that is 1 in the padding closes the input gate and opens
the forget gate there, σ(-1e4) = 0 and σ(1e4) = 1, so that c stays bit by bit.
"""

import dataclasses

import keras
from keras import ops

from kerasrnn.kernels.recurrence import Recurrence
from kerasrnn.kernels.reference import hide, select

# By family and activation: what each gate adds to its pre-activation in the padding.
# A relu's state would grow there, to infinity where the gradients of 0 are NaN.
IN_PADDING = {
    ("lstm", "tanh"): (-1e4, 1e4, 0.0, 0.0),
    ("simple_rnn", "relu"): (-1e4,),
}


def with_padding_feature(recurrence, x, counts):
    """`recurrence` and x with the feature that tells it of padding, if it needs one."""
    added = IN_PADDING.get((recurrence.family, recurrence.activation))
    if added is None:
        return recurrence, x
    # As many features as make the next multiple of 8, which a GPU multiplies faster.
    features = 8 - x.shape[-1] % 8
    padding = ops.cast(ops.logical_not(counts), x.dtype)[:, :, None]  # (B, T, 1)
    x = ops.concatenate([x, ops.repeat(padding, features, axis=-1)], axis=-1)
    units = recurrence.recurrent_kernel.shape[0]
    row = ops.repeat(ops.convert_to_tensor(added, dtype=x.dtype), units)
    rows = ops.pad(row[None], ((0, features - 1), (0, 0)))
    kernel = ops.concatenate([recurrence.kernel, rows], axis=0)
    return dataclasses.replace(recurrence, kernel=kernel), x


def run_packed(
    run_all,
    recurrence: Recurrence,
    sequences,
    initial_state,
    mask,
    *,
    tell_of_padding=with_padding_feature,
):
    """Runs `recurrence`: the last output, all outputs or None, the final states.

    Args:
        run_all: `(recurrence, sequences, initial_state) -> (outputs, states)`, all
            steps of all rows from the first to the last.
        recurrence: Of a cell whose output is its first state.
        sequences: (B, T, D).
        initial_state: A list of (B, U).
        mask: (B, T) or None.
        tell_of_padding: `(recurrence, sequences, counts) -> (recurrence, sequences)`
            as `run_all` takes them where only the steps of `counts` (B, T) count.
    """
    x = ops.flip(sequences, axis=1) if recurrence.go_backwards else sequences
    if mask is None:
        outputs, states = run_all(recurrence, x, initial_state)
        return outputs[:, -1], outputs if recurrence.return_sequences else None, states
    m = ops.flip(mask, axis=1) if recurrence.go_backwards else mask
    steps = ops.shape(x)[1]
    place = ops.arange(steps, dtype="int32")
    done = ops.cumsum(ops.cast(m, "int32"), axis=1)  # (B, T)
    count = done[:, -1:]  # (B, 1)
    order = ops.sort(ops.where(m, place, place + steps), axis=1) % steps  # (B, T)
    counts = place < count  # (B, T)
    x = hide(counts, take_steps(x, order))
    packed, x = tell_of_padding(recurrence, x, counts)
    outputs, states = run_all(packed, x, initial_state)
    last = take_steps(outputs, ops.maximum(count - 1, 0))[:, 0]  # (B, U)
    any_step = count[:, 0] > 0
    states = [select(any_step, last, initial_state[0]), *states[1:]]
    shown = m if recurrence.zero_output_for_mask else done > 0
    y = select(shown[:, -1], last, ops.zeros_like(last))
    if not recurrence.return_sequences:
        return y, None, states
    outputs = take_steps(outputs, ops.maximum(done - 1, 0))
    return y, hide(shown, outputs), states


def take_steps(a, steps):
    """a (B, T, F) at `steps` (B, N) of each row: (B, N, F)."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(a, steps, batch_dims=1)
    return ops.take_along_axis(a, steps[:, :, None], axis=1)
