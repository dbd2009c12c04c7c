"""TensorFlow's loop over time, with a backward pass of its own.

Forward, for t = 1 … T:

    s_t, r_t = cell.forward(x_t, s_{t-1})              r: what backward needs

Backward, for t = T … 1, after which each weight's gradient is one matrix product
over all steps:

    δ_t, ∂L/∂s_{t-1} = cell.backward(r_t, ∂L/∂s_t)     δ: ∂L/∂(pre-activations)
    ∂L/∂W = Σ_t x_tᵀ δ_t    ∂L/∂U = Σ_t h_{t-1}ᵀ δ_t    ∂L/∂b = Σ_t δ_t

Cells without such a backward pass run in a plain `tf.while_loop` that TensorFlow
differentiates.
"""

import tensorflow as tf

from kerasrnn.kernels.recurrence import Recurrence
from kerasrnn.kernels.tensorflow_cells import cell_class_of, reason_for_no_cell
from kerasrnn.kernels.tensorflow_loop import (
    join,
    loop,
    number_of_chains,
    number_of_steps,
    select,
    split_rows,
)


def declines(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why this kernel cannot run `recurrence`, or None if it can."""
    if recurrence.unroll:
        return "unroll=True lays the steps out one by one"
    return None


def reason_for_autodiff(recurrence: Recurrence) -> str | None:
    """Why `recurrence` is left to TensorFlow's differentiation, or None."""
    if recurrence.attention is not None:
        return "the cell is fed with what its attention saw"
    return reason_for_no_cell(recurrence)


def describe(recurrence: Recurrence) -> str:
    """How this kernel runs `recurrence`."""
    reason = reason_for_autodiff(recurrence)
    if reason is None:
        return "a TensorFlow loop with a backward pass of its own"
    return f"a TensorFlow loop differentiated by TensorFlow, since {reason}"


def run(recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    x = tf.transpose(sequences, (1, 0, *range(2, len(sequences.shape))))  # (T, B, D)
    m = None if mask is None else tf.transpose(mask)  # (T, B)
    if m is not None:
        # What nobody looks at must not reach the gradients either: 0 · NaN is NaN.
        shown = m[(..., *[None] * (len(x.shape) - 2))]
        x = tf.where(shown, x, tf.zeros_like(x))
    if recurrence.go_backwards:
        x = tf.reverse(x, (0,))
        m = None if m is None else tf.reverse(m, (0,))
    if reason_for_autodiff(recurrence):
        y, outputs, states = run_any_cell(recurrence, x, initial_state, m)
    else:
        y, outputs, states = OwnBackward(recurrence, x.shape[1]).run(
            x, initial_state, m
        )
    if recurrence.return_sequences:
        outputs = tf.transpose(outputs, (1, 0, 2))
        outputs.set_shape((*sequences.shape[:2], known_size(recurrence)))
    return y, outputs, states


def known_size(recurrence: Recurrence) -> int | None:
    """The size of an output, or None where a tensor tells it: that of a memory."""
    size = recurrence.output_size
    return size if isinstance(size, int) else None


def run_any_cell(recurrence, x, initial_state, m):
    """The plain loop over `recurrence.step`, differentiated by TensorFlow."""
    steps = number_of_steps(x)
    dtype = tf.nest.flatten(initial_state)[0].dtype
    y = tf.zeros((tf.shape(x)[1], recurrence.output_size), dtype)
    y = tf.ensure_shape(y, (x.shape[1], known_size(recurrence)))
    zeros = y

    def body(t, y, history, *states):
        old = tf.nest.pack_sequence_as(initial_state, states)
        new_y, new = recurrence.step(x[t], old)
        new = tf.nest.flatten(new)
        if m is not None:
            held = zeros if recurrence.zero_output_for_mask else y
            new_y = select(m[t], new_y, held)
            new = [select(m[t], a, b) for a, b in zip(new, states, strict=True)]
        if recurrence.return_sequences:
            history = history.write(t, new_y)
        return (new_y, history, *new)

    history = tf.TensorArray(
        dtype,
        steps if recurrence.return_sequences else 0,
        element_shape=y.shape,
    )
    y, history, *states = loop(
        steps, body, (y, history, *tf.nest.flatten(initial_state))
    )
    outputs = history.stack() if recurrence.return_sequences else None
    return y, outputs, tf.nest.pack_sequence_as(initial_state, states)


class OwnBackward:
    """The loop whose gradient is `Σ_t` products of what `cell.backward` leaves.

    Rows of a batch never meet, and most operations on one step are too small for
    more than one core: so two halves of the batch go through the loop side by side.
    """

    def __init__(self, recurrence, batch):
        self.recurrence, self.units = recurrence, recurrence.output_size
        self.chains = number_of_chains(batch, recurrence)
        cell_class = cell_class_of(recurrence)
        masks = [
            self.split_all(kind or (), 0)
            for kind in (recurrence.dropout_masks, recurrence.recurrent_dropout_masks)
        ]
        self.cells = [
            cell_class(recurrence, *(part or None for part in parts))
            for parts in zip(*masks, strict=True)
        ]
        weights = (recurrence.kernel, recurrence.recurrent_kernel, recurrence.bias)
        self.weights = self.cells[0].prepare(
            *(tf.convert_to_tensor(w) for w in weights if w is not None)
        )

    def split(self, a, axis):
        """The parts of a, one for each chain. Of None, None."""
        return split_rows(a, axis, self.chains)

    def split_all(self, tensors, axis):
        """For each chain, its parts of all the tensors."""
        parts = [self.split(a, axis) for a in tensors]
        return [tuple(p[k] for p in parts) for k in range(self.chains)]

    def run(self, x, initial_state, m):
        """Runs the recurrence over time-major x (T, B, D) and mask m (T, B)."""
        count, training = len(initial_state), self.recurrence.training
        ms = self.split(m, 1)

        @tf.custom_gradient
        def differentiable(x, *tensors):
            states, weights = tensors[:count], tensors[count:]
            xs, old = self.split(x, 1), self.split_all(states, 0)
            # Without training, backward runs forward once more, and inference keeps
            # nothing.
            final, h, kept = self.forward(xs, old, ms, weights, keep=training)

            def grad(*upstream):
                saved = kept
                if not training:
                    _, _, saved = self.forward(xs, old, ms, weights, keep=True)
                d_h = self.split(None if h is None else upstream[0], 1)
                d_states = self.split_all(upstream[-count:], 0)
                return self.backward(xs, ms, weights, saved, d_h, d_states)

            return (final if h is None else (h, *final)), grad

        results = differentiable(x, *initial_state, *self.weights)
        states = list(results[-count:])
        y, outputs = states[0], None
        if self.recurrence.return_sequences:
            outputs = results[0]
        if m is not None:
            # The states are held at masked steps; the outputs begin with zeros.
            if self.recurrence.zero_output_for_mask:
                visible, visible_at_end = m, m[-1]
            else:
                visible = tf.cumsum(tf.cast(m, tf.int32)) > 0
                visible_at_end = tf.reduce_any(m, 0)
            y = select(visible_at_end, y, tf.zeros_like(y))
            if outputs is not None:
                visible = visible[:, :, None]
                outputs = tf.where(visible, outputs, tf.zeros_like(outputs))
        return y, outputs, states

    def arrays(self, widths, x, steps):
        """One (steps, B, width · U) array for each width."""
        return tuple(
            tf.TensorArray(
                x.dtype,
                steps,
                element_shape=(x.shape[1], width * self.units),
                clear_after_read=False,
            )
            for width in widths
        )

    def forward(self, xs, states, ms, weights, keep):
        """The final states, the outputs h if wanted, and what backward needs.

        That is for each chain two tuples of arrays: of the states before each step
        and after the last, and of the residuals.
        """
        steps, sequences = number_of_steps(xs[0]), self.recurrence.return_sequences
        weights = self.cells[0].scaled(weights)

        def start(x, states):
            if not keep:
                return states, self.arrays([1] * sequences, x, steps), ()
            histories = self.arrays([1] * len(states), x, steps + 1)
            histories = tuple(
                a.write(0, s) for a, s in zip(histories, states, strict=True)
            )
            return states, histories, self.arrays(self.cells[0].residuals, x, steps)

        def step(t, cell, x, m, states, histories, kept):
            new, residuals = cell.forward(x[t], states, *weights)
            if m is not None:
                new = [select(m[t], a, b) for a, b in zip(new, states, strict=True)]
            histories = tuple(
                a.write(t + keep, s) for a, s in zip(histories, new, strict=False)
            )
            kept = tuple(a.write(t, r) for a, r in zip(kept, residuals, strict=False))
            return tuple(new), histories, kept

        def body(t, *chains):
            given = zip(self.cells, xs, ms, chains, strict=True)
            return tuple(step(t, cell, x, m, *chain) for cell, x, m, chain in given)

        chains = loop(steps, body, tuple(map(start, xs, states)))
        final = tuple(
            join(parts, 0) for parts in zip(*(c[0] for c in chains), strict=True)
        )
        kept = [chain[1:] for chain in chains]
        if not sequences:
            return final, None, kept
        outputs = [histories[0].stack()[int(keep) :] for histories, _ in kept]
        return final, join(outputs, 1), kept

    def backward(self, xs, ms, weights, kept, d_h, d_states):
        """Gradients of x, of the initial states and of the weights."""
        steps = number_of_steps(xs[0])

        def start(x, d_states):
            return d_states, self.arrays(self.cells[0].deltas, x, steps)

        def step(t, cell, m, d_h, arrays, grads, deltas):
            histories, residuals = ([a.read(t) for a in part] for part in arrays)
            if d_h is not None:
                grads = (grads[0] + d_h[t], *grads[1:])
            new, before = cell.backward(residuals, histories, grads, *weights)
            if m is not None:
                new = [select(m[t], d, tf.zeros_like(d)) for d in new]
                before = [
                    select(m[t], a, b) for a, b in zip(before, grads, strict=True)
                ]
            deltas = tuple(a.write(t, d) for a, d in zip(deltas, new, strict=True))
            return tuple(before), deltas

        def body(n, *chains):
            given = zip(self.cells, ms, d_h, kept, chains, strict=True)
            return tuple(step(steps - 1 - n, *g, *chain) for *g, chain in given)

        chains = loop(steps, body, tuple(map(start, xs, d_states)))
        d_states = tuple(
            join(parts, 0) for parts in zip(*(c[0] for c in chains), strict=True)
        )
        gradients = []
        for cell, x, (histories, residuals), (_, deltas) in zip(
            self.cells, xs, kept, chains, strict=True
        ):
            h, deltas = histories[0].stack()[:-1], [d.stack() for d in deltas]
            gradients.append(cell.gradients(x, h, residuals, deltas, *weights))
        dx, *d_weights = zip(*gradients, strict=True)
        return (join(dx, 1), *d_states, *map(tf.add_n, d_weights))
