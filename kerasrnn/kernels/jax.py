"""JAX's loop over time, with a backward pass of its own.

    z_t = x_t W + b                                    on a GPU for all steps at once
    s_t, r_t = cell.forward(z_t, s_{t-1})              r: what backward needs

Backward, for t = T … 1, after which each weight's gradient is one matrix product
over all steps:

    δ_t, ∂L/∂s_{t-1} = cell.backward(r_t, ∂L/∂s_t)     δ: ∂L/∂z_t
    ∂L/∂W = Σ_t x_tᵀ δ_t    ∂L/∂U = Σ_t h_{t-1}ᵀ δ_t    ∂L/∂b = Σ_t δ_t

All of it is compiled once for each configuration and shape, so that a call outside
`jax.jit` compiles no loop anew. It can be differentiated as often as one likes in
reverse; for forward mode (`jax.jvp`, `jax.hessian`) there is the kernel `reference`.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from kerasrnn.kernels.device import on_gpu
from kerasrnn.kernels.recurrence import Recurrence

# Activations y = φ(z), and ∂L/∂z from y and ∂L/∂y.
ACTIVATIONS = {
    "tanh": (jnp.tanh, lambda y, dy: dy * (1 - y * y)),
    "sigmoid": (jax.nn.sigmoid, lambda y, dy: dy * y * (1 - y)),
    "relu": (jax.nn.relu, lambda y, dy: jnp.where(y > 0, dy, jnp.zeros_like(dy))),
    "linear": (lambda z: z, lambda y, dy: dy),
}


def declines(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why this kernel cannot run `recurrence`, or None if it can."""
    if recurrence.family not in ("simple_rnn", "lstm", "gru"):
        return "the cell is not one of SimpleRNNCell, LSTMCell and GRUCell"
    if recurrence.attention is not None:
        return "the cell is fed with what its attention saw"
    for argument in ("activation", "recurrent_activation"):
        if getattr(recurrence, argument) not in ACTIVATIONS:
            return f"{argument} is not one of {', '.join(ACTIVATIONS)}"
    if recurrence.unroll:
        return "unroll=True lays the steps out one by one"
    return None


def describe(recurrence: Recurrence) -> str:
    """How this kernel runs `recurrence`."""
    return "a JAX scan with a backward pass of its own"


def run(recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    y, outputs, states = run_compiled(
        options_of(recurrence, sequences),
        sequences,
        initial_state,
        mask,
        recurrence.kernel,
        recurrence.recurrent_kernel,
        recurrence.bias,
        recurrence.dropout_masks,
        recurrence.recurrent_dropout_masks,
    )
    return y, outputs, states


@dataclasses.dataclass(frozen=True)
class Options:
    """What of a `Recurrence` is compiled in."""

    family: str
    activation: str
    recurrent_activation: str
    reset_after: bool
    go_backwards: bool
    return_sequences: bool
    zero_output_for_mask: bool
    on_gpu: bool

    @property
    def cell(self) -> Any:
        """The class that computes a step."""
        if self.family == "gru" and not self.reset_after:
            return GRUResetBefore
        return {"simple_rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}[self.family]


def options_of(recurrence: Recurrence, sequences) -> Options:
    """What of `recurrence` is compiled in."""
    return Options(
        family=recurrence.family,
        activation=recurrence.activation,
        recurrent_activation=recurrence.recurrent_activation,
        reset_after=recurrence.reset_after,
        go_backwards=recurrence.go_backwards,
        return_sequences=recurrence.return_sequences,
        zero_output_for_mask=recurrence.zero_output_for_mask,
        on_gpu=on_gpu(sequences),
    )


@functools.partial(jax.jit, static_argnums=0)
def run_compiled(options, x, initial_state, m, w, u, b, x_masks, h_masks):
    """Runs the recurrence over x (B, T, D) and the mask m (B, T)."""
    dtype = x.dtype
    if m is not None:
        # What nobody looks at must not reach the gradients either: 0 · NaN is NaN.
        x = jnp.where(m[:, :, None], x, jnp.zeros_like(x))
        m = m.T
    x = jnp.swapaxes(x, 0, 1)  # (T, B, D)
    if options.go_backwards:
        x, m = x[::-1], None if m is None else m[::-1]
    both = options.cell is GRU and b is not None
    b_x, b_h = (b[0], b[1]) if both else (b, None)
    weights = {"w": w, "u": u, "b_x": b_x, "b_h": b_h}
    masks = {"x": x_masks, "h": h_masks}
    states = tuple(state.astype(accumulated(dtype)) for state in initial_state)
    states, h = loop(options, x, m, states, weights, masks)
    y = states[0]
    if m is not None:
        # The states are held at masked steps; the outputs begin with zeros.
        shown = m if options.zero_output_for_mask else jnp.cumsum(m, axis=0) > 0
        y = jnp.where(shown[-1][:, None], y, jnp.zeros_like(y))
        if h is not None:
            h = jnp.where(shown[:, :, None], h, jnp.zeros_like(h))
    h = None if h is None else jnp.swapaxes(h, 0, 1).astype(dtype)
    return y.astype(dtype), h, [state.astype(dtype) for state in states]


def accumulated(dtype):
    """What states, gates and sums are kept in: float32 where `dtype` is half of it."""
    return jnp.promote_types(dtype, jnp.float32)


def project(x, w, b, masks):
    """z = x W + b of one step or of all."""
    z = times(x, w, masks)
    return z if b is None else z + b


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def loop(options, x, m, states, weights, masks):
    """The final states, and h of all steps (T, B, U) if wanted."""
    states, h, _ = forward(options, x, m, states, weights, masks, keep=False)
    return states, h


def forward(options, x, m, states, weights, masks, keep):
    """The final states, h of all steps, if wanted, and what each step leaves."""

    def projected(x):
        return project(x, weights["w"], weights["b_x"], masks["x"])

    def step(old, inputs):
        x, m = inputs
        z = x if options.on_gpu else projected(x)
        new, residuals = options.cell.forward(options, z, old, weights, masks["h"])
        if m is not None:
            new = select(m, new, old)
        h = new[0] if keep or options.return_sequences else None
        return new, (h, (old[1:], residuals) if keep else None)

    # One product for all steps, but on a CPU, where it goes through more memory.
    inputs = (projected(x) if options.on_gpu else x, m)
    states, (h, kept) = jax.lax.scan(step, states, inputs)
    return states, h, kept


def loop_forward(options, x, m, states, weights, masks):
    """`loop`, and what its backward pass needs."""
    final, h, kept = forward(options, x, m, states, weights, masks, keep=True)
    results = final, (h if options.return_sequences else None)
    return results, (x, m, states[0], h, kept, weights, masks)


def loop_backward(options, saved, upstream):
    """Gradients of x, m (none), the initial states, the weights and the masks (0)."""
    x, m, h_0, h, (others, residuals), weights, masks = saved
    d_states, d_h = upstream
    before = jnp.concatenate([h_0[None], h[:-1]])  # h_{t-1} of each step

    def step(grads, inputs):
        h, others, residuals, m, d_h = inputs
        if d_h is not None:
            grads = (grads[0] + d_h, *grads[1:])
        old = (h, *others)
        dz, new = options.cell.backward(
            options, residuals, old, grads, weights, masks["h"]
        )
        if m is not None:
            (dz,) = select(m, (dz,), (jnp.zeros_like(dz),))
            new = select(m, new, grads)
        return new, dz

    inputs = (before, others, residuals, m, d_h)
    d_states, dz = jax.lax.scan(step, d_states, inputs, reverse=True)
    d_weights = options.cell.gradients(before, residuals, dz, weights, masks["h"])
    b_x = weights["b_x"]
    d_weights["w"] = weight_gradient(x, dz, masks["x"])
    d_weights["b_x"] = None if b_x is None else dz.sum((0, 1))
    d_weights = {"b_h": None, **d_weights}
    d_weights = jax.tree.map(lambda d, w: d.astype(w.dtype), d_weights, weights)
    dx = times_backward(dz, weights["w"], masks["x"]).astype(x.dtype)
    return dx, None, d_states, d_weights, jax.tree.map(jnp.zeros_like, masks)


loop.defvjp(loop_forward, loop_backward)


def select(m, new, old):
    """Of each state `new` in the rows where m (B,) holds, `old` in the others."""
    return tuple(jnp.where(m[:, None], a, b) for a, b in zip(new, old, strict=True))


def by_gate(a, masks):
    """a (…, G · U), one part for each mask."""
    return jnp.split(a, len(masks), axis=-1)


def product(a, w):
    """a W of factors in the dtype of W, summed up in `accumulated`."""
    sums = accumulated(w.dtype)
    return jnp.matmul(a.astype(w.dtype), w, preferred_element_type=sums)


def times(a, w, masks):
    """a W, or gate by gate (m_g ⊙ a) W_g if each gate g has a dropout mask m_g."""
    if masks is None:
        return product(a, w)
    parts = zip(masks, by_gate(w, masks), strict=True)
    return jnp.concatenate([product(a * m, w_g) for m, w_g in parts], axis=-1)


def times_backward(dz, w, masks):
    """The gradient of a in `times`."""
    if masks is None:
        return product(dz, w.T)
    parts = zip(masks, by_gate(dz, masks), by_gate(w, masks), strict=True)
    return sum(product(dz_g, w_g.T) * m for m, dz_g, w_g in parts)


def weight_gradient(a, dz, masks):
    """Σ_t a_tᵀ dz_t of a (T, B, M) and dz (T, B, G · U), in one product."""
    if masks is None:
        return jnp.einsum("tbm,tbg->mg", a, dz)
    parts = zip(masks, by_gate(dz, masks), strict=True)
    return jnp.concatenate([weight_gradient(a * m, d, None) for m, d in parts], axis=-1)


class SimpleRNN:
    """h' = φ(z + h U)."""

    @staticmethod
    def forward(options, z, states, weights, masks):
        phi, _ = ACTIVATIONS[options.activation]
        h = phi(z + times(states[0], weights["u"], masks))
        return (h,), h

    @staticmethod
    def backward(options, residuals, old, grads, weights, masks):
        _, d_phi = ACTIVATIONS[options.activation]
        dz = d_phi(residuals, grads[0])
        return dz, (times_backward(dz, weights["u"], masks),)

    @staticmethod
    def gradients(h, residuals, dz, weights, masks):
        return {"u": weight_gradient(h, dz, masks)}


class LSTM(SimpleRNN):
    """c' = f ⊙ c + i ⊙ g,  h' = o ⊙ φ(c'); gates in the order i f g o."""

    @staticmethod
    def forward(options, z, states, weights, masks):
        phi, _ = ACTIVATIONS[options.activation]
        sigma, _ = ACTIVATIONS[options.recurrent_activation]
        h, c = states
        z = z + times(h, weights["u"], masks)
        i, f, g, o = jnp.split(z, 4, axis=-1)
        i, f, g, o = sigma(i), sigma(f), phi(g), sigma(o)
        c = f * c + i * g
        a = phi(c)
        return (o * a, c), (i, f, g, o, a)

    @staticmethod
    def backward(options, residuals, old, grads, weights, masks):
        _, d_phi = ACTIVATIONS[options.activation]
        _, d_sigma = ACTIVATIONS[options.recurrent_activation]
        i, f, g, o, a = residuals
        (_, c), (dh, dc) = old, grads
        dc = dc + d_phi(a, dh * o)
        di = d_sigma(i, dc * g)
        df = d_sigma(f, dc * c)
        dg = d_phi(g, dc * i)
        do = d_sigma(o, dh * a)
        dz = jnp.concatenate([di, df, dg, do], axis=-1)
        return dz, (times_backward(dz, weights["u"], masks), dc * f)


class GRU:
    """h' = z ⊙ h + (1 − z) ⊙ g,  g = φ(z_g + r ⊙ (h U_g + b')); order z r g."""

    @staticmethod
    def forward(options, z, states, weights, masks):
        phi, _ = ACTIVATIONS[options.activation]
        sigma, _ = ACTIVATIONS[options.recurrent_activation]
        (h,) = states
        a = times(h, weights["u"], masks)
        a = a if weights["b_h"] is None else a + weights["b_h"]
        z, r, g = jnp.split(z, 3, axis=-1)
        a_z, a_r, a_g = jnp.split(a, 3, axis=-1)
        z, r = sigma(z + a_z), sigma(r + a_r)
        g = phi(g + r * a_g)
        return (z * h + (1 - z) * g,), (z, r, g, a_g)

    @staticmethod
    def backward(options, residuals, old, grads, weights, masks):
        _, d_phi = ACTIVATIONS[options.activation]
        _, d_sigma = ACTIVATIONS[options.recurrent_activation]
        z, r, g, a_g = residuals
        (h,), (dh,) = old, grads
        dz = d_sigma(z, dh * (h - g))
        dg = d_phi(g, dh * (1 - z))
        dr = d_sigma(r, dg * a_g)
        da = jnp.concatenate([dz, dr, dg * r], axis=-1)
        dh = dh * z + times_backward(da, weights["u"], masks)
        return jnp.concatenate([dz, dr, dg], axis=-1), (dh,)

    @staticmethod
    def gradients(h, residuals, dz, weights, masks):
        # h U_g is reset before it meets z_g: δ there is r ⊙ δ_g.
        r, units = residuals[1], h.shape[-1]
        da = jnp.concatenate(
            [dz[:, :, : 2 * units], dz[:, :, 2 * units :] * r], axis=-1
        )
        d_weights = {"u": weight_gradient(h, da, masks)}
        if weights["b_h"] is not None:
            d_weights["b_h"] = da.sum((0, 1))
        return d_weights


class GRUResetBefore:
    """The GRU with g = φ(z_g + (r ⊙ h) U_g): reset before the product."""

    @staticmethod
    def parts(weights, masks):
        """U and the masks of z and r, and those of g."""
        u = weights["u"]
        units = u.shape[0]
        u_zr, u_g = u[:, : 2 * units], u[:, 2 * units :]
        if masks is None:
            return (u_zr, None), (u_g, None)
        return (u_zr, masks[:2]), (u_g, masks[2:])

    @staticmethod
    def forward(options, z, states, weights, masks):
        phi, _ = ACTIVATIONS[options.activation]
        sigma, _ = ACTIVATIONS[options.recurrent_activation]
        (h,) = states
        of_h, of_reset_h = GRUResetBefore.parts(weights, masks)
        units = h.shape[-1]
        zr = sigma(z[:, : 2 * units] + times(h, *of_h))
        z_g, (z, r) = z[:, 2 * units :], jnp.split(zr, 2, axis=-1)
        g = phi(z_g + times(r * h, *of_reset_h))
        return (z * h + (1 - z) * g,), (z, r, g)

    @staticmethod
    def backward(options, residuals, old, grads, weights, masks):
        _, d_phi = ACTIVATIONS[options.activation]
        _, d_sigma = ACTIVATIONS[options.recurrent_activation]
        of_h, of_reset_h = GRUResetBefore.parts(weights, masks)
        z, r, g = residuals
        (h,), (dh,) = old, grads
        dz = d_sigma(z, dh * (h - g))
        dg = d_phi(g, dh * (1 - z))
        drh = times_backward(dg, *of_reset_h)
        dzr = jnp.concatenate([dz, d_sigma(r, drh * h)], axis=-1)
        dh = dh * z + drh * r + times_backward(dzr, *of_h)
        return jnp.concatenate([dzr, dg], axis=-1), (dh,)

    @staticmethod
    def gradients(h, residuals, dz, weights, masks):
        (_, masks_h), (_, masks_g) = GRUResetBefore.parts(weights, masks)
        r, units = residuals[1], h.shape[-1]
        d_zr = weight_gradient(h, dz[:, :, : 2 * units], masks_h)
        d_g = weight_gradient(r * h, dz[:, :, 2 * units :], masks_g)
        return {"u": jnp.concatenate([d_zr, d_g], axis=-1)}
