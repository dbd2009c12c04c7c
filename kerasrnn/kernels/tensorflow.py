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

# Activations y = φ(z), and ∂L/∂z from y and ∂L/∂y: one operation each. The sigmoid
# takes z / 2, σ(z) = ½ tanh(z / 2) + ½, which TensorFlow computes much faster; the
# weights are halved for it before the loop.
ACTIVATIONS = {
    "tanh": (tf.tanh, lambda y, dy: tf.raw_ops.TanhGrad(y=y, dy=dy)),
    "sigmoid": (
        lambda half_z: 0.5 * tf.tanh(half_z) + 0.5,
        lambda y, dy: tf.raw_ops.SigmoidGrad(y=y, dy=dy),
    ),
    "relu": (tf.nn.relu, lambda y, dy: tf.where(y > 0, dy, tf.zeros_like(dy))),
    "linear": (tf.identity, lambda y, dy: dy),
}


def declines(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why this kernel cannot run `recurrence`, or None if it can."""
    if recurrence.unroll:
        return "unroll=True lays the steps out one by one"
    return None


def reason_for_autodiff(recurrence, sequences=None, mask=None) -> str | None:
    """Why `recurrence` is left to TensorFlow's differentiation, or None."""
    if recurrence.family not in CELLS:
        return "the cell is not one of SimpleRNNCell, LSTMCell and GRUCell"
    for argument in ("activation", "recurrent_activation"):
        if getattr(recurrence, argument) not in ACTIVATIONS:
            return f"{argument} is not one of {', '.join(ACTIVATIONS)}"
    if recurrence.attention is not None:
        return fed_decoder().declines(recurrence, sequences, mask)
    return None


def fed_decoder():
    """The module of decoders that are fed, which is made of what is here."""
    from kerasrnn.kernels import fed_decoder

    return fed_decoder


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
    autodiff = reason_for_autodiff(recurrence, sequences, mask) is not None
    if recurrence.attention is not None and not autodiff:
        return fed_decoder().run(recurrence, sequences, initial_state)
    x = tf.transpose(sequences, (1, 0, *range(2, len(sequences.shape))))  # (T, B, D)
    m = None if mask is None else tf.transpose(mask)  # (T, B)
    if m is not None:
        # What nobody looks at must not reach the gradients either: 0 · NaN is NaN.
        shown = m[(..., *[None] * (len(x.shape) - 2))]
        x = tf.where(shown, x, tf.zeros_like(x))
    if recurrence.go_backwards:
        x = tf.reverse(x, (0,))
        m = None if m is None else tf.reverse(m, (0,))
    if autodiff:
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


def scale_columns(a, scales):
    """The gates' columns of a (…, G · U), each multiplied by its scale."""
    units = a.shape[-1] // len(scales)
    return a * tf.repeat(tf.constant(scales, a.dtype), units)


def add(z, b=None):
    """z + b, if there is a bias."""
    return z if b is None else tf.nn.bias_add(z, b)


class Product:
    """a W, or gate by gate (m_g ⊙ a) W_g if each gate g has a dropout mask m_g.

    With masks, W is taken and differentiated as (G, M, U), as `prepare` makes it.
    """

    def __init__(self, masks=None):
        self.masks = None if masks is None else tf.stack(masks)  # (G, B, M)

    def prepare(self, w):
        """W (M, G · U) as the other methods take it."""
        return w if self.masks is None else self._by_gate(w)

    def scale(self, w, scales):
        """The prepared W with each gate's columns multiplied by its scale."""
        if self.masks is None:
            return scale_columns(w, scales)
        return w * tf.reshape(tf.constant(scales, w.dtype), (-1, 1, 1))

    def _by_gate(self, a):
        """(N, G · U) to (G, N, U)."""
        gates = self.masks.shape[0]
        a = tf.reshape(a, (-1, gates, a.shape[-1] // gates))
        return tf.transpose(a, (1, 0, 2))

    def _over_steps(self, a):
        """(T, B, M) to (G, T · B, M), with the masks."""
        a = a * self.masks[:, None]
        return tf.reshape(a, (a.shape[0], -1, a.shape[-1]))

    def __call__(self, a, w):
        if self.masks is None:
            return tf.matmul(a, w)
        z = tf.transpose(tf.matmul(a * self.masks, w), (1, 0, 2))  # (B, G, U)
        return tf.reshape(z, (-1, z.shape[1] * z.shape[2]))

    def backward(self, dz, w):
        """The gradient of a (B, M)."""
        if self.masks is None:
            return tf.matmul(dz, w, transpose_b=True)
        da = tf.matmul(self._by_gate(dz), w, transpose_b=True)
        return tf.reduce_sum(da * self.masks, 0)

    def backward_over_steps(self, dz, w):
        """The gradients of all a (T, B, M)."""
        if self.masks is None:
            return tf.tensordot(dz, w, ((2,), (1,)))
        flat = tf.reshape(dz, (-1, dz.shape[-1]))
        da = tf.matmul(self._by_gate(flat), w, transpose_b=True)
        gates, _, inputs = self.masks.shape
        da = tf.reshape(da, (gates, *tf.unstack(tf.shape(dz)[:2]), inputs))
        return tf.reduce_sum(da * self.masks[:, None], 0)

    def weight_gradient(self, a, dz):
        """Σ_t a_tᵀ dz_t of a (T, B, M) and dz (T, B, G · U), in one product."""
        flat = tf.reshape(dz, (-1, dz.shape[-1]))
        if self.masks is None:
            return tf.matmul(tf.reshape(a, (-1, a.shape[-1])), flat, transpose_a=True)
        return tf.matmul(self._over_steps(a), self._by_gate(flat), transpose_a=True)


def over_steps_and_rows(a):
    """Σ_t Σ_rows of a (T, B, N): the gradient of a bias."""
    return tf.reduce_sum(a, (0, 1))


class Cell:
    """One family's step, forward and backward."""

    # Which activation each gate has: φ of `activation`, σ of `recurrent_activation`.
    gates: str
    # Widths, in units, of what `forward` leaves for `backward`, and of what that
    # leaves for `gradients`.
    residuals: tuple[int, ...]
    deltas: tuple[int, ...]

    def __init__(self, recurrence, input_masks=None, state_masks=None):
        names = recurrence.activation, recurrence.recurrent_activation
        (self.f, self.df), (self.g, self.dg) = (ACTIVATIONS[name] for name in names)
        names = {"φ": names[0], "σ": names[1]}
        self.units = recurrence.output_size
        self.scales = [0.5 if names[g] == "sigmoid" else 1.0 for g in self.gates]
        self.of_x, self.of_h = Product(input_masks), Product(state_masks)

    def prepare(self, w, u, b=None):
        """What the loop takes instead of W, U and b. TensorFlow differentiates it."""
        weights = self.of_x.prepare(w), self.of_h.prepare(u)
        return weights if b is None else (*weights, b)

    def scaled(self, weights):
        """The prepared weights as `forward` takes them: halved for each sigmoid."""
        if set(self.scales) == {1.0}:
            return weights
        return self.scale(*weights)

    def scale(self, w, u, *b):
        return (
            self.of_x.scale(w, self.scales),
            self.of_h.scale(u, self.scales),
            *(scale_columns(bias, self.scales) for bias in b),
        )


class SimpleRNN(Cell):
    """h' = φ(x W + h U + b)."""

    gates = "φ"
    residuals = (1,)
    deltas = (1,)

    def forward(self, x, states, w, u, *b):
        (h,) = states
        h = self.f(add(self.of_x(x, w) + self.of_h(h, u), *b))
        return (h,), (h,)

    def backward(self, residuals, old, grads, w, u, *b):
        (h,), (dh,) = residuals, grads
        dz = self.df(h, dh)
        return (dz,), (self.of_h.backward(dz, u),)

    def gradients(self, x, h, residuals, deltas, w, u, *b):
        (dz,) = deltas
        return (
            self.of_x.backward_over_steps(dz, w),
            self.of_x.weight_gradient(x, dz),
            self.of_h.weight_gradient(h, dz),
            *(over_steps_and_rows(dz) for _ in b),
        )


class LSTM(SimpleRNN):
    """c' = f ⊙ c + i ⊙ n,  h' = o ⊙ φ(c'); gates in the order i f n o."""

    gates = "σσφσ"
    residuals = (1, 1, 1, 1, 1)
    deltas = (4,)

    def forward(self, x, states, w, u, *b):
        h, c = states
        z = add(self.of_x(x, w) + self.of_h(h, u), *b)
        i, f, n, o = tf.split(z, 4, axis=-1)
        i, f, n, o = self.g(i), self.g(f), self.f(n), self.g(o)
        c = f * c + i * n
        # As all that a sigmoid takes, c is halved for it.
        a = self.f(c if self.scales[2] == 1.0 else self.scales[2] * c)
        return (o * a, c), (i, f, n, o, a)

    def backward(self, residuals, old, grads, w, u, *b):
        i, f, n, o, a = residuals
        (_, c), (dh, dc) = old, grads
        dc = dc + self.df(a, dh * o)
        di = self.dg(i, dc * n)
        df = self.dg(f, dc * c)
        dn = self.df(n, dc * i)
        do = self.dg(o, dh * a)
        dz = tf.concat([di, df, dn, do], axis=-1)
        return (dz,), (self.of_h.backward(dz, u), dc * f)


class GRU(Cell):
    """h' = z ⊙ h + (1 − z) ⊙ n,  n = φ(x W_n + r ⊙ (h U_n + b')); order z r n."""

    gates = "σσφ"
    residuals = (1, 1, 1, 1)
    deltas = (3, 3)

    def prepare(self, w, u, b=None):
        # z and r take the sum of both biases. They are added gate by gate: fused
        # with a product TensorFlow adds them more slowly.
        weights = super().prepare(w, u)
        if b is None:
            return weights
        b_z, b_r, b_n = tf.split(b[0], 3)
        a_z, a_r, a_n = tf.split(b[1], 3)
        return (*weights, b_z + a_z, b_r + a_r, b_n, a_n)

    def scale(self, w, u, *b):
        biases = [k * bias for k, bias in zip((*self.scales, 1.0), b, strict=False)]
        return (*super().scale(w, u), *biases)

    def forward(self, x, states, w, u, b_z=None, b_r=None, b_n=None, b_a=None):
        (h,) = states
        z, r, n = tf.split(self.of_x(x, w), 3, axis=-1)
        a_z, a_r, a = tf.split(self.of_h(h, u), 3, axis=-1)
        z, r = z + a_z, r + a_r
        if b_z is not None:
            z, r, n, a = z + b_z, r + b_r, n + b_n, a + b_a
        z, r = self.g(z), self.g(r)
        n = self.f(n + r * a)
        return (n + z * (h - n),), (z, r, n, a)

    def backward(self, residuals, old, grads, w, u, *b):
        z, r, n, a = residuals
        (h,), (dh,) = old, grads
        dz = self.dg(z, dh * (h - n))
        dn = self.df(n, dh * (1 - z))
        dr = self.dg(r, dn * a)
        dx = tf.concat([dz, dr, dn], axis=-1)
        da = tf.concat([dz, dr, dn * r], axis=-1)
        return (dx, da), (dh * z + self.of_h.backward(da, u),)

    def gradients(self, x, h, residuals, deltas, w, u, *b):
        dx, da = deltas
        d_n = over_steps_and_rows(da[:, :, 2 * self.units :])
        d_b = (*tf.split(over_steps_and_rows(dx), 3), d_n)
        return (
            self.of_x.backward_over_steps(dx, w),
            self.of_x.weight_gradient(x, dx),
            self.of_h.weight_gradient(h, da),
            *d_b[: len(b)],
        )


class GRUResetBefore(Cell):
    """The GRU with n = φ(x W_n + (r ⊙ h) U_n + b): reset before the product."""

    gates = "σσφ"
    residuals = (1, 1, 1)
    deltas = (3,)

    def __init__(self, recurrence, input_masks=None, state_masks=None):
        super().__init__(recurrence, input_masks, state_masks)
        self.of_h = Product(state_masks and state_masks[:2])
        self.of_reset_h = Product(state_masks and state_masks[2:])

    def prepare(self, w, u, b=None):
        units = u.shape[0]
        weights = (
            self.of_x.prepare(w),
            self.of_h.prepare(u[:, : 2 * units]),
            self.of_reset_h.prepare(u[:, 2 * units :]),
        )
        return weights if b is None else (*weights, b)

    def scale(self, w, u, u_n, *b):
        return (
            self.of_x.scale(w, self.scales),
            self.of_h.scale(u, self.scales[:2]),
            self.of_reset_h.scale(u_n, self.scales[2:]),
            *(scale_columns(bias, self.scales) for bias in b),
        )

    def forward(self, x, states, w, u, u_n, *b):
        (h,) = states
        units = h.shape[-1]
        x = add(self.of_x(x, w), *b)
        gates = self.g(x[:, : 2 * units] + self.of_h(h, u))
        z, r = tf.split(gates, 2, axis=-1)
        n = self.f(x[:, 2 * units :] + self.of_reset_h(r * h, u_n))
        return (n + z * (h - n),), (z, r, n)

    def backward(self, residuals, old, grads, w, u, u_n, *b):
        z, r, n = residuals
        (h,), (dh,) = old, grads
        dz = self.dg(z, dh * (h - n))
        dn = self.df(n, dh * (1 - z))
        drh = self.of_reset_h.backward(dn, u_n)
        dzr = tf.concat([dz, self.dg(r, drh * h)], axis=-1)
        dh = dh * z + drh * r + self.of_h.backward(dzr, u)
        return (tf.concat([dzr, dn], axis=-1),), (dh,)

    def gradients(self, x, h, residuals, deltas, w, u, u_n, *b):
        (dz,) = deltas
        units = h.shape[-1]
        return (
            self.of_x.backward_over_steps(dz, w),
            self.of_x.weight_gradient(x, dz),
            self.of_h.weight_gradient(h, dz[:, :, : 2 * units]),
            self.of_reset_h.weight_gradient(
                residuals[1].stack() * h, dz[:, :, 2 * units :]
            ),
            *(over_steps_and_rows(dz) for _ in b),
        )


CELLS = {"simple_rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}


def cell_class_of(recurrence) -> type[Cell]:
    """The class that computes a step of `recurrence`."""
    reset_before = recurrence.family == "gru" and not recurrence.reset_after
    return GRUResetBefore if reset_before else CELLS[recurrence.family]


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


def number_of_chains(batch, recurrence):
    """Two where half a step is work enough for a core, else one."""
    if tf.executing_eagerly():  # one operation after the other, whatever is asked for
        return 1
    if batch is None:  # one row may well be all that inference gets
        batch = 32 if recurrence.training else 1
    return 2 if batch > 1 and batch * recurrence.output_size >= 4096 else 1


def split_rows(a, axis, chains):
    """The parts of a, one for each chain. Of None, None."""
    if a is None or chains == 1:
        return [a] * chains
    rows = a.shape[axis] or tf.shape(a)[axis]
    return tf.split(a, [rows // 2, rows - rows // 2], axis=axis)


def join(parts, axis):
    """The chains' parts as one."""
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis)


def number_of_steps(x):
    """T of x (T, B, D): an integer where it is known, else a tensor."""
    return x.shape[0] or tf.shape(x)[0]
