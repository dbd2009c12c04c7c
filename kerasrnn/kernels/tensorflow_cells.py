"""The cells of TensorFlow's loops: one step of each family, forward and backward.

A step multiplies x_t and h_{t-1} by their kernels in products of the same shapes
however long the sequence is, so that a sequence fed step by step gives bit by bit
what it gives at once. What `backward` leaves of every step becomes the weights'
gradients in `gradients`: one matrix product over all steps for each weight.

g is the candidate, c̃ or h̃ in many texts: what a step would write into the state.
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
        phi, sigma = (ACTIVATIONS[name] for name in names)
        (self.phi, self.d_phi), (self.sigma, self.d_sigma) = phi, sigma
        names = {"φ": names[0], "σ": names[1]}
        self.units = recurrence.output_size
        self.scales = [0.5 if names[k] == "sigmoid" else 1.0 for k in self.gates]
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
    residuals: tuple[int, ...] = (1,)
    deltas: tuple[int, ...] = (1,)

    def forward(self, x, states, w, u, *b):
        (h,) = states
        h = self.phi(add(self.of_x(x, w) + self.of_h(h, u), *b))
        return (h,), (h,)

    def backward(self, residuals, old, grads, w, u, *b):
        (h,), (dh,) = residuals, grads
        dz = self.d_phi(h, dh)
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
    """c' = f ⊙ c + i ⊙ g,  h' = o ⊙ φ(c'); gates in the order i f g o."""

    gates = "σσφσ"
    residuals = (1, 1, 1, 1, 1)
    deltas = (4,)

    def forward(self, x, states, w, u, *b):
        h, c = states
        z = add(self.of_x(x, w) + self.of_h(h, u), *b)
        i, f, g, o = tf.split(z, 4, axis=-1)
        i, f, g, o = self.sigma(i), self.sigma(f), self.phi(g), self.sigma(o)
        c = f * c + i * g
        # As all that a sigmoid takes, c is halved for it.
        a = self.phi(c if self.scales[2] == 1.0 else self.scales[2] * c)
        return (o * a, c), (i, f, g, o, a)

    def backward(self, residuals, old, grads, w, u, *b):
        i, f, g, o, a = residuals
        (_, c), (dh, dc) = old, grads
        dc = dc + self.d_phi(a, dh * o)
        di = self.d_sigma(i, dc * g)
        df = self.d_sigma(f, dc * c)
        dg = self.d_phi(g, dc * i)
        do = self.d_sigma(o, dh * a)
        dz = tf.concat([di, df, dg, do], axis=-1)
        return (dz,), (self.of_h.backward(dz, u), dc * f)


class GRU(Cell):
    """h' = z ⊙ h + (1 − z) ⊙ g,  g = φ(x W_g + r ⊙ (h U_g + b')); order z r g."""

    gates = "σσφ"
    residuals = (1, 1, 1, 1)
    deltas = (3, 3)

    def prepare(self, w, u, b=None):
        # z and r take the sum of both biases. They are added here: fused with a
        # product TensorFlow adds them more slowly.
        weights = super().prepare(w, u)
        if b is None:
            return weights
        sizes = [2 * self.units, self.units]
        (b_zr, b_g), (a_zr, a_g) = (tf.split(part, sizes) for part in (b[0], b[1]))
        return (*weights, b_zr + a_zr, b_g, a_g)

    def scale(self, w, u, *b):
        # b_a is in the candidate's sum.
        scales = (self.scales[:2], self.scales[2:], self.scales[2:])
        biases = [scale_columns(bias, k) for k, bias in zip(scales, b, strict=False)]
        return (*super().scale(w, u), *biases)

    def forward(self, x, states, w, u, b_zr=None, b_g=None, b_a=None):
        (h,) = states
        sizes = [2 * self.units, self.units]
        zr, g = tf.split(self.of_x(x, w), sizes, axis=-1)
        a_zr, a = tf.split(self.of_h(h, u), sizes, axis=-1)
        zr = zr + a_zr
        if b_zr is not None:
            zr, g, a = zr + b_zr, g + b_g, a + b_a
        z, r = tf.split(self.sigma(zr), 2, axis=-1)
        g = self.phi(g + r * a)
        return (g + z * (h - g),), (z, r, g, a)

    def backward(self, residuals, old, grads, w, u, *b):
        z, r, g, a = residuals
        (h,), (dh,) = old, grads
        dz = self.d_sigma(z, dh * (h - g))
        dg = self.d_phi(g, dh * (1 - z))
        # As all that a sigmoid takes, a is halved for it.
        dr = self.d_sigma(r, dg * (a if self.scales[2] == 1.0 else a / self.scales[2]))
        dx = tf.concat([dz, dr, dg], axis=-1)
        da = tf.concat([dz, dr, dg * r], axis=-1)
        return (dx, da), (dh * z + self.of_h.backward(da, u),)

    def gradients(self, x, h, residuals, deltas, w, u, *b):
        dx, da = deltas
        d_g = over_steps_and_rows(da[:, :, 2 * self.units :])
        d_zr, d_x = tf.split(over_steps_and_rows(dx), [2 * self.units, self.units])
        d_b = (d_zr, d_x, d_g)
        return (
            self.of_x.backward_over_steps(dx, w),
            self.of_x.weight_gradient(x, dx),
            self.of_h.weight_gradient(h, da),
            *d_b[: len(b)],
        )


class GRUResetBefore(Cell):
    """The GRU with g = φ(x W_g + (r ⊙ h) U_g + b): reset before the product."""

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

    def scale(self, w, u, u_g, *b):
        return (
            self.of_x.scale(w, self.scales),
            self.of_h.scale(u, self.scales[:2]),
            self.of_reset_h.scale(u_g, self.scales[2:]),
            *(scale_columns(bias, self.scales) for bias in b),
        )

    def forward(self, x, states, w, u, u_g, *b):
        (h,) = states
        units = h.shape[-1]
        x = add(self.of_x(x, w), *b)
        gates = self.sigma(x[:, : 2 * units] + self.of_h(h, u))
        z, r = tf.split(gates, 2, axis=-1)
        g = self.phi(x[:, 2 * units :] + self.of_reset_h(r * h, u_g))
        return (g + z * (h - g),), (z, r, g)

    def backward(self, residuals, old, grads, w, u, u_g, *b):
        z, r, g = residuals
        (h,), (dh,) = old, grads
        dz = self.d_sigma(z, dh * (h - g))
        dg = self.d_phi(g, dh * (1 - z))
        drh = self.of_reset_h.backward(dg, u_g)
        dzr = tf.concat([dz, self.d_sigma(r, drh * h)], axis=-1)
        dh = dh * z + drh * r + self.of_h.backward(dzr, u)
        return (tf.concat([dzr, dg], axis=-1),), (dh,)

    def gradients(self, x, h, residuals, deltas, w, u, u_g, *b):
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


def reason_for_no_cell(recurrence: Recurrence) -> str | None:
    """Why no class here computes a step of `recurrence`, or None."""
    if recurrence.family not in CELLS:
        return "the cell is not one of SimpleRNNCell, LSTMCell and GRUCell"
    for argument in ("activation", "recurrent_activation"):
        if getattr(recurrence, argument) not in ACTIVATIONS:
            return f"{argument} is not one of {', '.join(ACTIVATIONS)}"
    return None


def cell_class_of(recurrence) -> type[Cell]:
    """The class that computes a step of `recurrence`."""
    reset_before = recurrence.family == "gru" and not recurrence.reset_after
    return GRUResetBefore if reset_before else CELLS[recurrence.family]
