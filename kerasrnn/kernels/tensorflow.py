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

# Activations, with their derivative written in terms of the output y.
ACTIVATIONS = {
    "tanh": (tf.tanh, lambda y: 1 - y * y),
    "sigmoid": (tf.sigmoid, lambda y: y * (1 - y)),
    "relu": (tf.nn.relu, lambda y: tf.cast(y > 0, y.dtype)),
    "linear": (tf.identity, tf.ones_like),
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

    def run_while(t, loop_vars, steps_at_once):
        def several(t, *loop_vars):
            for k in range(steps_at_once):
                loop_vars = body(t + k, *loop_vars)
            return (t + steps_at_once, *loop_vars)

        t, *loop_vars = tf.while_loop(
            lambda t, *_: t + steps_at_once <= steps,
            several,
            (t, *loop_vars),
            maximum_iterations=steps // steps_at_once if steps_at_once > 1 else None,
        )
        return t, loop_vars

    t = tf.constant(0)
    t, loop_vars = run_while(t, loop_vars, STEPS_AT_ONCE)
    if isinstance(steps, int) and steps % STEPS_AT_ONCE == 0:
        return loop_vars
    return run_while(t, loop_vars, 1)[1]


def run(recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`; see `Recurrence` for arguments and results."""
    x = tf.transpose(sequences, (1, 0, *range(2, len(sequences.shape))))  # (T, B, D)
    m = None if mask is None else tf.transpose(mask)  # (T, B)
    if recurrence.go_backwards:
        x = tf.reverse(x, (0,))
        m = None if m is None else tf.reverse(m, (0,))
    if reason_for_autodiff(recurrence):
        y, outputs, states = run_any_cell(recurrence, x, initial_state, m)
    elif tf.executing_eagerly() or x.shape[1] == 1:
        y, outputs, states = run_own_backward(recurrence, x, initial_state, m)
    else:
        # Rows never meet: two halves of the batch are two chains of small products,
        # which TensorFlow runs side by side.
        half = (tf.shape(x)[1] + 1) // 2
        first, second = (
            run_own_backward(
                recurrence,
                x[:, rows],
                [s[rows] for s in initial_state],
                None if m is None else m[:, rows],
            )
            for rows in (slice(None, half), slice(half, None))
        )
        y = tf.concat([first[0], second[0]], 0)
        outputs = None
        if recurrence.return_sequences:
            outputs = tf.concat([first[1], second[1]], 1)
        states = [
            tf.concat([a, b], 0) for a, b in zip(first[2], second[2], strict=True)
        ]
    if recurrence.return_sequences:
        outputs = tf.transpose(outputs, (1, 0, 2))
        outputs.set_shape((*sequences.shape[:2], recurrence.output_size))
    return y, outputs, states


def run_any_cell(recurrence, x, initial_state, m):
    """The plain loop over `recurrence.step`, differentiated by TensorFlow."""
    steps = x.shape[0] or tf.shape(x)[0]
    y = tf.zeros((tf.shape(x)[1], recurrence.output_size), x.dtype)
    y = tf.ensure_shape(y, (x.shape[1], recurrence.output_size))
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
        x.dtype,
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
    residuals = ()
    deltas = (1,)

    def __init__(self, activation, recurrent_activation):
        self.f, self.df = ACTIVATIONS[activation]

    def forward(self, x, states, w, u, b=None):
        (h,) = states
        z = tf.matmul(x, w) + tf.matmul(h, u)
        return (self.f(z if b is None else z + b),), ()

    def backward(self, residuals, old, new, grads, u):
        (h,), (dh,) = new, grads
        dz = dh * self.df(h)
        return (dz,), (tf.matmul(dz, u, transpose_b=True),)

    def weight_gradients(self, x, h, residuals, deltas):
        (dz,) = deltas
        return product(x, dz), product(h, dz), over_steps_and_rows(dz)


class LSTM:
    """c' = f ⊙ c + i ⊙ n,  h' = o ⊙ φ(c'); gates in the order i f n o."""

    residuals = (4, 1, 1)
    deltas = (4,)

    def __init__(self, activation, recurrent_activation):
        self.f, self.df = ACTIVATIONS[activation]
        self.g, self.dg = ACTIVATIONS[recurrent_activation]

    def forward(self, x, states, w, u, b=None):
        h, c = states
        z = tf.matmul(x, w) + tf.matmul(h, u)
        z = z if b is None else tf.nn.bias_add(z, b)
        units = h.shape[-1]
        # One call for all gates costs less than one for each of the three.
        gates = self.g(z)
        i, f, _, o = tf.split(gates, 4, axis=-1)
        n = self.f(z[:, 2 * units : 3 * units])
        c = f * c + i * n
        a = self.f(c)
        return (o * a, c), (gates, n, a)

    def backward(self, residuals, old, new, grads, u):
        gates, n, a = residuals
        (_, c), (dh, dc) = old, grads
        i, f, _, o = tf.split(gates, 4, axis=-1)
        dgi, dgf, _, dgo = tf.split(self.dg(gates), 4, axis=-1)
        dc = dc + dh * o * self.df(a)
        di = dc * n * dgi
        df = dc * c * dgf
        dn = dc * i * self.df(n)
        do = dh * a * dgo
        dz = tf.concat([di, df, dn, do], axis=-1)
        return (dz,), (tf.matmul(dz, u, transpose_b=True), dc * f)

    weight_gradients = SimpleRNN.weight_gradients


class GRU:
    """h' = z ⊙ h + (1 − z) ⊙ n,  n = φ(x W_n + r ⊙ (h U_n + b')); order z r n."""

    residuals = (2, 1, 1)
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
        return (z * h + (1 - z) * n,), (gates, n, a)

    def backward(self, residuals, old, new, grads, u):
        gates, n, a = residuals
        (h,), (dh,) = old, grads
        z, r = tf.split(gates, 2, axis=-1)
        dgz, dgr = tf.split(self.dg(gates), 2, axis=-1)
        dz = dh * (h - n) * dgz
        dn = dh * (1 - z) * self.df(n)
        dr = dn * a * dgr
        dx = tf.concat([dz, dr, dn], axis=-1)
        da = tf.concat([dz, dr, dn * r], axis=-1)
        return (dx, da), (dh * z + tf.matmul(da, u, transpose_b=True),)

    def weight_gradients(self, x, h, residuals, deltas):
        dx, da = deltas
        db = tf.stack([over_steps_and_rows(dx), over_steps_and_rows(da)])
        return product(x, dx), product(h, da), db


class GRUResetBefore(GRU):
    """The GRU with n = φ(x W_n + (r ⊙ h) U_n + b): reset before the product."""

    residuals = (2, 1)
    deltas = (3,)

    def forward(self, x, states, w, u, b=None):
        (h,) = states
        units = h.shape[-1]
        x = tf.matmul(x, w)
        x = x if b is None else tf.nn.bias_add(x, b)
        gates = self.g(x[:, : 2 * units] + tf.matmul(h, u[:, : 2 * units]))
        z, r = tf.split(gates, 2, axis=-1)
        n = self.f(x[:, 2 * units :] + tf.matmul(r * h, u[:, 2 * units :]))
        return (z * h + (1 - z) * n,), (gates, n)

    def backward(self, residuals, old, new, grads, u):
        gates, n = residuals
        (h,), (dh,) = old, grads
        units = h.shape[-1]
        z, r = tf.split(gates, 2, axis=-1)
        dgz, dgr = tf.split(self.dg(gates), 2, axis=-1)
        dz = dh * (h - n) * dgz
        dn = dh * (1 - z) * self.df(n)
        drh = tf.matmul(dn, u[:, 2 * units :], transpose_b=True)
        dzr = tf.concat([dz, drh * h * dgr], axis=-1)
        dh = dh * z + drh * r + tf.matmul(dzr, u[:, : 2 * units], transpose_b=True)
        return (tf.concat([dzr, dn], axis=-1),), (dh,)

    def weight_gradients(self, x, h, residuals, deltas):
        (dz,) = deltas
        units = h.shape[-1]
        _, r = tf.split(residuals[0].stack(), 2, axis=-1)
        dzr, dn = dz[:, :, : 2 * units], dz[:, :, 2 * units :]
        du = tf.concat([product(h, dzr), product(r * h, dn)], axis=-1)
        return product(x, dz), du, over_steps_and_rows(dz)


CELLS = {"simple_rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}


def run_own_backward(recurrence, x, initial_state, m):
    """The loop whose gradient is `Σ_t` products of what `cell.backward` leaves."""
    reset_before = recurrence.family == "gru" and not recurrence.reset_after
    cell = (GRUResetBefore if reset_before else CELLS[recurrence.family])(
        recurrence.activation, recurrence.recurrent_activation
    )
    units = recurrence.output_size
    steps = x.shape[0] or tf.shape(x)[0]
    weights = [recurrence.kernel, recurrence.recurrent_kernel]
    if recurrence.bias is not None:
        weights.append(recurrence.bias)
    weights = [tf.convert_to_tensor(w) for w in weights]

    def arrays(widths):
        """One (T, B, width · U) array for each width."""
        return tuple(
            tf.TensorArray(
                x.dtype,
                steps,
                element_shape=(x.shape[1], width * units),
                clear_after_read=False,
            )
            for width in widths
        )

    def forward(x, states, weights, keep):
        """The final states, and arrays of the states and residuals of all steps."""
        widths = (*(1 for _ in states), *cell.residuals) if keep else ()
        if not keep and recurrence.return_sequences:
            widths = (1,)

        def body(t, states, kept):
            new, residuals = cell.forward(x[t], states, *weights)
            if m is not None:
                new = [select(m[t], a, b) for a, b in zip(new, states, strict=True)]
            values = (*new, *residuals)[: len(widths)]
            return tuple(new), tuple(
                a.write(t, v) for a, v in zip(kept, values, strict=True)
            )

        return loop(steps, body, (tuple(states), arrays(widths)))

    def backward(x, states, weights, kept, d_outputs, d_states):
        """Gradients of x, of the initial states and of the weights."""
        u = weights[1]
        residuals = kept[len(states) :]
        # (T + 1, B, U): the states before the first step, and after each.
        history = [
            tf.concat([s[None], a.stack()], 0)
            for s, a in zip(states, kept, strict=False)
        ]

        def body(n, grads, kept):
            t = steps - 1 - n
            if d_outputs is not None:
                grads = (grads[0] + d_outputs[t], *grads[1:])
            deltas, new = cell.backward(
                [r.read(t) for r in residuals],
                [s[t] for s in history],
                [s[t + 1] for s in history],
                grads,
                u,
            )
            if m is not None:
                deltas = [select(m[t], d, tf.zeros_like(d)) for d in deltas]
                new = [select(m[t], a, b) for a, b in zip(new, grads, strict=True)]
            return tuple(new), tuple(
                a.write(t, d) for a, d in zip(kept, deltas, strict=True)
            )

        d_states, deltas = loop(steps, body, (tuple(d_states), arrays(cell.deltas)))
        deltas = [d.stack() for d in deltas]
        d_weights = cell.weight_gradients(x, history[0][:-1], residuals, deltas)
        dx = tf.tensordot(deltas[0], weights[0], ((2,), (1,)))
        return (dx, *d_states, *d_weights[: len(weights)])

    @tf.custom_gradient
    def differentiable(x, *tensors):
        states = tensors[: len(initial_state)]
        weights = tensors[len(initial_state) :]
        # Without training, backward runs forward once more, and inference keeps
        # nothing.
        final, kept = forward(x, states, weights, keep=recurrence.training)

        def grad(*upstream):
            saved = kept
            if not recurrence.training:
                _, saved = forward(x, states, weights, keep=True)
            d_outputs = upstream[0] if recurrence.return_sequences else None
            d_states = upstream[-len(states) :]
            return backward(x, states, weights, saved, d_outputs, d_states)

        if recurrence.return_sequences:
            return (kept[0].stack(), *final), grad
        return final, grad

    results = differentiable(x, *initial_state, *weights)
    states = list(results[-len(initial_state) :])
    y, outputs = states[0], None
    if recurrence.return_sequences:
        outputs = results[0]
    if m is not None:
        # The states are held at masked steps; the outputs begin with zeros.
        if recurrence.zero_output_for_mask:
            visible, visible_at_end = m, m[-1]
        else:
            visible = tf.cumsum(tf.cast(m, tf.int32)) > 0
            visible_at_end = tf.reduce_any(m, 0)
        y = select(visible_at_end, y, tf.zeros_like(y))
        if recurrence.return_sequences:
            outputs = tf.where(visible[:, :, None], outputs, tf.zeros_like(outputs))
    return y, outputs, states
