"""TensorFlow's loop over time, with a backward pass of its own.

Forward, for t = 1 … T:

    s_t, r_t = cell.forward(x_t, s_{t-1})              r: what backward needs

Backward, for t = T … 1, after which each weight's gradient is one matrix product
over all steps:

    δ_t, ∂L/∂s_{t-1} = cell.backward(r_t, ∂L/∂s_t)     δ: ∂L/∂(pre-activations)
    ∂L/∂W = Σ_t x_tᵀ δ_t    ∂L/∂U = Σ_t h_{t-1}ᵀ δ_t    ∂L/∂b = Σ_t δ_t

A step multiplies x_t and h_{t-1} by their kernels in products of the same shapes
however long the sequence is, so that a sequence fed step by step gives bit by bit
what it gives at once. Cells without such a backward pass run in a plain
`tf.while_loop` that TensorFlow differentiates.
"""

import tensorflow as tf

from kerasrnn.kernels.recurrence import Recurrence

# Activations y = φ(z), and ∂L/∂z from y and ∂L/∂y: one operation each.
ACTIVATIONS = {
    "tanh": (tf.tanh, lambda y, dy: tf.raw_ops.TanhGrad(y=y, dy=dy)),
    "sigmoid": (tf.sigmoid, lambda y, dy: tf.raw_ops.SigmoidGrad(y=y, dy=dy)),
    "relu": (tf.nn.relu, lambda y, dy: tf.where(y > 0, dy, tf.zeros_like(dy))),
    "linear": (tf.identity, lambda y, dy: dy),
}


def declines(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why this kernel cannot run `recurrence`, or None if it can."""
    if recurrence.unroll:
        return "unroll=True lays the steps out one by one"
    return None


def reason_for_autodiff(recurrence: Recurrence) -> str | None:
    """Why `recurrence` is left to TensorFlow's differentiation, or None."""
    if recurrence.family not in CELLS:
        return "the cell is not one of SimpleRNNCell, LSTMCell and GRUCell"
    if recurrence.gate_dropout:
        return "each gate has dropout masks of its own"
    for argument in ("activation", "recurrent_activation"):
        if getattr(recurrence, argument) not in ACTIVATIONS:
            return f"{argument} is not one of {', '.join(ACTIVATIONS)}"
    return None


def describe(recurrence: Recurrence) -> str:
    """How this kernel runs `recurrence`."""
    reason = reason_for_autodiff(recurrence)
    if reason is None:
        return "a TensorFlow loop with a backward pass of its own"
    return f"a TensorFlow loop differentiated by TensorFlow, since {reason}"


def select(mask, new, old):
    """`new` in the rows where `mask` (B,) holds, `old` in the others."""
    return tf.where(tf.reshape(mask, [-1] + [1] * (len(new.shape) - 1)), new, old)


# Steps in one iteration of a loop: an iteration of tf.while_loop costs about as much
# as a small step.
STEPS_AT_ONCE = 5


def loop(steps, body, loop_vars):
    """Runs `body(t, *loop_vars) -> loop_vars` for t = 0 … steps - 1."""

    def run_while(t, loop_vars, steps_at_once, maximum_iterations):
        def several(t, *loop_vars):
            for k in range(steps_at_once):
                loop_vars = body(t + k, *loop_vars)
            return (t + steps_at_once, *loop_vars)

        t, *loop_vars = tf.while_loop(
            lambda t, *_: t + steps_at_once <= steps,
            several,
            (t, *loop_vars),
            # XLA differentiates loops with a known bound only.
            maximum_iterations=maximum_iterations,
        )
        return t, loop_vars

    t, k = tf.constant(0), STEPS_AT_ONCE
    known = isinstance(steps, int)
    if not known or steps >= k:
        t, loop_vars = run_while(t, loop_vars, k, steps // k)
    if not known or steps % k:
        t, loop_vars = run_while(t, loop_vars, 1, k - 1)
    return loop_vars


def run(recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`; see `Recurrence` for arguments and results."""
    x = tf.transpose(sequences, (1, 0, *range(2, len(sequences.shape))))  # (T, B, D)
    m = None if mask is None else tf.transpose(mask)  # (T, B)
    if recurrence.go_backwards:
        x = tf.reverse(x, (0,))
        m = None if m is None else tf.reverse(m, (0,))
    if reason_for_autodiff(recurrence):
        y, outputs, states = run_any_cell(recurrence, x, initial_state, m)
    else:
        y, outputs, states = OwnBackward(recurrence).run(x, initial_state, m)
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


def product(a, b):
    """Σ_t a_tᵀ b_t of a (T, B, M) and b (T, B, N): one product (M, N)."""
    a, b = (tf.reshape(e, (-1, e.shape[-1])) for e in (a, b))
    return tf.matmul(a, b, transpose_a=True)


def over_steps_and_rows(a):
    """Σ_t Σ_rows of a (T, B, N): the gradient of a bias."""
    return tf.reduce_sum(a, (0, 1))


class SimpleRNN:
    """h' = φ(x W + h U + b)."""

    # Widths, in units, of what `forward` leaves for `backward`, and of what that
    # leaves for `weight_gradients`.
    residuals = (1,)
    deltas = (1,)

    def __init__(self, activation, recurrent_activation):
        self.f, self.df = ACTIVATIONS[activation]

    def forward(self, x, states, w, u, b=None):
        (h,) = states
        z = tf.matmul(x, w) + tf.matmul(h, u)
        h = self.f(z if b is None else z + b)
        return (h,), (h,)

    def backward(self, residuals, old, grads, u):
        (h,), (dh,) = residuals, grads
        dz = self.df(h, dh)
        return (dz,), (tf.matmul(dz, u, transpose_b=True),)

    def weight_gradients(self, x, h, residuals, deltas):
        (dz,) = deltas
        return product(x, dz), product(h, dz), over_steps_and_rows(dz)


class LSTM:
    """c' = f ⊙ c + i ⊙ n,  h' = o ⊙ φ(c'); gates in the order i f n o."""

    residuals = (1, 1, 1, 1, 1)
    deltas = (4,)

    def __init__(self, activation, recurrent_activation):
        self.f, self.df = ACTIVATIONS[activation]
        self.g, self.dg = ACTIVATIONS[recurrent_activation]

    def forward(self, x, states, w, u, b=None):
        h, c = states
        z = tf.matmul(x, w) + tf.matmul(h, u)
        z = z if b is None else tf.nn.bias_add(z, b)
        i, f, n, o = tf.split(z, 4, axis=-1)
        i, f, n, o = self.g(i), self.g(f), self.f(n), self.g(o)
        c = f * c + i * n
        a = self.f(c)
        return (o * a, c), (i, f, n, o, a)

    def backward(self, residuals, old, grads, u):
        i, f, n, o, a = residuals
        (_, c), (dh, dc) = old, grads
        dc = dc + self.df(a, dh * o)
        di = self.dg(i, dc * n)
        df = self.dg(f, dc * c)
        dn = self.df(n, dc * i)
        do = self.dg(o, dh * a)
        dz = tf.concat([di, df, dn, do], axis=-1)
        return (dz,), (tf.matmul(dz, u, transpose_b=True), dc * f)

    weight_gradients = SimpleRNN.weight_gradients


class GRU:
    """h' = z ⊙ h + (1 − z) ⊙ n,  n = φ(x W_n + r ⊙ (h U_n + b')); order z r n."""

    residuals = (1, 1, 1, 1)
    deltas = (3, 3)

    def __init__(self, activation, recurrent_activation):
        self.f, self.df = ACTIVATIONS[activation]
        self.g, self.dg = ACTIVATIONS[recurrent_activation]

    def forward(self, x, states, w, u, b=None):
        (h,) = states
        units = h.shape[-1]
        x, a = tf.matmul(x, w), tf.matmul(h, u)
        if b is not None:
            x, a = tf.nn.bias_add(x, b[0]), tf.nn.bias_add(a, b[1])
        gates = self.g(x[:, : 2 * units] + a[:, : 2 * units])
        z, r = tf.split(gates, 2, axis=-1)
        a = a[:, 2 * units :]
        n = self.f(x[:, 2 * units :] + r * a)
        return (z * h + (1 - z) * n,), (z, r, n, a)

    def backward(self, residuals, old, grads, u):
        z, r, n, a = residuals
        (h,), (dh,) = old, grads
        dz = self.dg(z, dh * (h - n))
        dn = self.df(n, dh * (1 - z))
        dr = self.dg(r, dn * a)
        dx = tf.concat([dz, dr, dn], axis=-1)
        da = tf.concat([dz, dr, dn * r], axis=-1)
        return (dx, da), (dh * z + tf.matmul(da, u, transpose_b=True),)

    def weight_gradients(self, x, h, residuals, deltas):
        dx, da = deltas
        db = tf.stack([over_steps_and_rows(dx), over_steps_and_rows(da)])
        return product(x, dx), product(h, da), db


class GRUResetBefore(GRU):
    """The GRU with n = φ(x W_n + (r ⊙ h) U_n + b): reset before the product."""

    residuals = (1, 1, 1)
    deltas = (3,)

    def forward(self, x, states, w, u, b=None):
        (h,) = states
        units = h.shape[-1]
        x = tf.matmul(x, w)
        x = x if b is None else tf.nn.bias_add(x, b)
        gates = self.g(x[:, : 2 * units] + tf.matmul(h, u[:, : 2 * units]))
        z, r = tf.split(gates, 2, axis=-1)
        n = self.f(x[:, 2 * units :] + tf.matmul(r * h, u[:, 2 * units :]))
        return (z * h + (1 - z) * n,), (z, r, n)

    def backward(self, residuals, old, grads, u):
        z, r, n = residuals
        (h,), (dh,) = old, grads
        units = h.shape[-1]
        dz = self.dg(z, dh * (h - n))
        dn = self.df(n, dh * (1 - z))
        drh = tf.matmul(dn, u[:, 2 * units :], transpose_b=True)
        dzr = tf.concat([dz, self.dg(r, drh * h)], axis=-1)
        dh = dh * z + drh * r + tf.matmul(dzr, u[:, : 2 * units], transpose_b=True)
        return (tf.concat([dzr, dn], axis=-1),), (dh,)

    def weight_gradients(self, x, h, residuals, deltas):
        (dz,) = deltas
        units = h.shape[-1]
        r = residuals[1].stack()
        dzr, dn = dz[:, :, : 2 * units], dz[:, :, 2 * units :]
        du = tf.concat([product(h, dzr), product(r * h, dn)], axis=-1)
        return product(x, dz), du, over_steps_and_rows(dz)


CELLS = {"simple_rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}


class OwnBackward:
    """The loop whose gradient is `Σ_t` products of what `cell.backward` leaves."""

    def __init__(self, recurrence):
        reset_before = recurrence.family == "gru" and not recurrence.reset_after
        cell_class = GRUResetBefore if reset_before else CELLS[recurrence.family]
        self.cell = cell_class(recurrence.activation, recurrence.recurrent_activation)
        self.recurrence = recurrence
        self.units = recurrence.output_size
        weights = (recurrence.kernel, recurrence.recurrent_kernel, recurrence.bias)
        self.weights = [tf.convert_to_tensor(w) for w in weights if w is not None]

    def run(self, x, initial_state, m):
        """Runs the recurrence over time-major x (T, B, D) and mask m (T, B)."""
        count, training = len(initial_state), self.recurrence.training

        @tf.custom_gradient
        def differentiable(x, *tensors):
            states, weights = tensors[:count], tensors[count:]
            # Without training, backward runs forward once more, and inference keeps
            # nothing.
            final, h, kept = self.forward(x, states, m, weights, keep=training)

            def grad(*upstream):
                saved = kept
                if not training:
                    _, _, saved = self.forward(x, states, m, weights, keep=True)
                d_h = None if h is None else upstream[0]
                d_states = upstream[-count:]
                return self.backward(x, states, m, weights, saved, d_h, d_states)

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

    def arrays(self, widths, x):
        """One (T, B, width · U) array for each width."""
        return tuple(
            tf.TensorArray(
                x.dtype,
                number_of_steps(x),
                element_shape=(x.shape[1], width * self.units),
                clear_after_read=False,
            )
            for width in widths
        )

    def forward_step(self, x, m, states, weights):
        """The states after a step, and the residuals."""
        new, residuals = self.cell.forward(x, states, *weights)
        if m is not None:
            new = [select(m, a, b) for a, b in zip(new, states, strict=True)]
        return tuple(new), tuple(residuals)

    def backward_step(self, m, residuals, old, grads, d_h, u):
        """What a step leaves for the weights, and the gradients before it."""
        if d_h is not None:
            grads = (grads[0] + d_h, *grads[1:])
        deltas, before = self.cell.backward(residuals, old, grads, u)
        if m is not None:
            deltas = [select(m, d, tf.zeros_like(d)) for d in deltas]
            before = [select(m, a, b) for a, b in zip(before, grads, strict=True)]
        return tuple(deltas), tuple(before)

    def forward(self, x, states, m, weights, keep):
        """The final states, the outputs h if wanted, and what backward needs.

        These are arrays over the steps: of h after a step; of the states before it
        and of the residuals.
        """
        widths = (1,) if self.recurrence.return_sequences else ()
        if keep:
            widths = (*widths, *(1 for _ in states), *self.cell.residuals)

        def body(t, states, kept):
            m_t = None if m is None else m[t]
            new, residuals = self.forward_step(x[t], m_t, states, weights)
            values = new[:1] if self.recurrence.return_sequences else ()
            values = (*values, *states, *residuals)[: len(widths)]
            return new, tuple(a.write(t, v) for a, v in zip(kept, values, strict=True))

        loop_vars = (tuple(states), self.arrays(widths, x))
        final, kept = loop(number_of_steps(x), body, loop_vars)
        if self.recurrence.return_sequences:
            return final, kept[0].stack(), kept[1:]
        return final, None, kept

    def backward(self, x, states, m, weights, kept, d_h, d_states):
        """Gradients of x, of the initial states and of the weights."""
        steps, u = number_of_steps(x), weights[1]
        old, residuals = kept[: len(states)], kept[len(states) :]

        def body(n, grads, kept):
            t = steps - 1 - n
            deltas, grads = self.backward_step(
                None if m is None else m[t],
                [r.read(t) for r in residuals],
                [s.read(t) for s in old],
                grads,
                None if d_h is None else d_h[t],
                u,
            )
            return grads, tuple(
                a.write(t, d) for a, d in zip(kept, deltas, strict=True)
            )

        loop_vars = (tuple(d_states), self.arrays(self.cell.deltas, x))
        d_states, deltas = loop(steps, body, loop_vars)
        deltas = [d.stack() for d in deltas]
        d_weights = self.cell.weight_gradients(x, old[0].stack(), residuals, deltas)
        dx = tf.tensordot(deltas[0], weights[0], ((2,), (1,)))
        return (dx, *d_states, *d_weights[: len(weights)])


def number_of_steps(x):
    """T of x (T, B, D): an integer where it is known, else a tensor."""
    return x.shape[0] or tf.shape(x)[0]
