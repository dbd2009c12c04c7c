"""TensorFlow's loop of a decoder that is fed with what it saw, with its own backward.

Forward, for t = 1 … T, with M the memory and K its keys:

    h_t, s_t, r_t = cell.forward([x_t; a_{t-1}], s_{t-1})
    Z_t = tanh(h_t W_q + K),  e_t = Z_t v        or e_t = K h_t
    α_t = softmax(e_t),  c_t = Σ_s α_ts m_s
    a_t = tanh([c_t; h_t] W_c)

Backward, for t = T … 1, keeps of every step what the weights' gradients are made of,
each in one product over all steps. TensorFlow would multiply step by step, and add a
gradient as large as the memory at each of them.
"""

import dataclasses

import tensorflow as tf

from kerasrnn.kernels.recurrence import Recurrence
from kerasrnn.kernels.tensorflow_cells import cell_class_of, reason_for_no_cell
from kerasrnn.kernels.tensorflow_loop import (
    join,
    loop,
    number_of_chains,
    number_of_steps,
    split_rows,
)


def declines(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why this kernel cannot run `recurrence`, or None if it can."""
    attention = recurrence.attention
    if attention is None:
        return "the cell is not fed with what an attention saw"
    if recurrence.unroll:
        return "unroll=True lays the steps out one by one"
    if not recurrence.training:
        return "nothing is trained"
    if sequences is not None and sequences.shape[0] != attention.memory.shape[0]:
        return "several rows look at one of the memory"
    if mask is not None:
        return "there is a mask of the targets"
    if recurrence.gate_dropout:
        return "the cell has dropout"
    if recurrence.dtype not in ("float32", "float64"):
        return f"it is for float32 and float64, not {recurrence.dtype}"
    return reason_for_no_cell(recurrence)


def describe(recurrence: Recurrence) -> str:
    """How this kernel runs `recurrence`."""
    return "a TensorFlow loop of cell and attention with a backward pass of its own"


def run(recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    x = tf.transpose(sequences, (1, 0, 2))  # (T, B, D)
    if recurrence.go_backwards:
        x = tf.reverse(x, (0,))
    outputs, alignments, states = FedDecoder(recurrence, x.shape[1]).run(
        x, initial_state
    )
    attention = recurrence.attention
    if attention is not None and attention.returns_alignments:
        outputs = tf.concat([outputs, alignments], -1)
    y = outputs[-1]
    if not recurrence.return_sequences:
        return y, None, states
    return y, tf.transpose(outputs, (1, 0, 2)), states


@dataclasses.dataclass
class Look:
    """How a step looks at the memory; the tensors of `Attention`."""

    memory: tf.Tensor  # (B, S, M)
    keys: tf.Tensor  # (B, S, ·)
    output_kernel: tf.Tensor  # (M + U, A)
    query_kernel: tf.Tensor | None = None  # (U, ·)
    score_kernel: tf.Tensor | None = None  # (·, 1)
    mask: tf.Tensor | None = None  # (B, S)

    def forward(self, h):
        """What the query h (B, U) sees: [c; h], α, and Z of additive scores."""
        z = ()
        if self.query_kernel is None:
            scores = tf.linalg.matvec(self.keys, h)  # (B, S)
        else:
            query = tf.matmul(h, self.query_kernel)
            z = (tf.tanh(query[:, None] + self.keys),)  # (B, S, ·)
            scores = tf.linalg.matvec(z[0], self.score_kernel[:, 0])
        if self.mask is not None:
            scores = tf.where(self.mask, scores, tf.constant(-1e30, scores.dtype))
        alignments = tf.nn.softmax(scores)
        if self.mask is not None:
            alignments = tf.where(self.mask, alignments, tf.zeros_like(alignments))
        context = tf.linalg.matvec(self.memory, alignments, transpose_a=True)
        return tf.concat([context, h], 1), alignments, z

    def backward(self, d_seen, d_alignments, alignments, z):
        """The gradient of h, and (dc, de, dq): what `gradients` wants of a step.

        With it the gradient of the keys, and of v, of additive scores.
        """
        size = self.memory.shape[-1]
        d_context, d_h = d_seen[:, :size], d_seen[:, size:]
        d_alignments = d_alignments + tf.linalg.matvec(self.memory, d_context)
        mean = tf.reduce_sum(alignments * d_alignments, 1, keepdims=True)
        d_scores = alignments * (d_alignments - mean)
        if self.query_kernel is None:
            d_h = d_h + tf.linalg.matvec(self.keys, d_scores, transpose_a=True)
            return d_h, (d_context, d_scores), ()
        (z,) = z
        d_z = tf.raw_ops.TanhGrad(
            y=z, dy=d_scores[:, :, None] * self.score_kernel[:, 0]
        )
        d_query = tf.reduce_sum(d_z, 1)
        d_h = d_h + tf.matmul(d_query, self.query_kernel, transpose_b=True)
        d_v = tf.linalg.matvec(
            tf.reshape(z, (-1, z.shape[-1])),
            tf.reshape(d_scores, (-1,)),
            transpose_a=True,
        )
        return d_h, (d_context, d_scores, d_query), (d_z, d_v[:, None])

    def gradients(self, h, seen, d_pre, alignments, deltas, sums):
        """Of memory, keys, W_c, and W_q and v of additive scores: over all steps."""
        d_context, d_scores, *d_query = deltas
        d_memory = product_over_steps(alignments, d_context)
        d_output = flat_product(seen, d_pre)
        if self.query_kernel is None:
            return d_memory, product_over_steps(d_scores, h), d_output
        d_keys, d_v = sums
        return d_memory, d_keys, d_output, flat_product(h, d_query[0]), d_v


def product_over_steps(a, b):
    """Σ_t a_t b_tᵀ of a (T, B, S) and b (T, B, M): (B, S, M)."""
    return tf.matmul(tf.transpose(a, (1, 2, 0)), tf.transpose(b, (1, 0, 2)))


def flat_product(a, b):
    """Σ_t Σ_rows a_tᵀ b_t of a (T, B, N) and b (T, B, M): (N, M)."""
    a, b = (tf.reshape(x, (-1, x.shape[-1])) for x in (a, b))
    return tf.matmul(a, b, transpose_a=True)


class FedDecoder:
    """The loop over time, two halves of the batch side by side."""

    def __init__(self, recurrence, batch):
        attention = recurrence.attention
        units = recurrence.recurrent_kernel.shape[0]
        recurrence = dataclasses.replace(recurrence, output_size=units)
        self.chains = number_of_chains(batch, recurrence)
        self.cell = cell_class_of(recurrence)(recurrence)
        weights = (recurrence.kernel, recurrence.recurrent_kernel, recurrence.bias)
        weights = [tf.convert_to_tensor(w) for w in weights if w is not None]
        self.weights = self.cell.prepare(*weights)
        shared = (attention.output_kernel,)
        if attention.query_kernel is not None:
            shared += (attention.query_kernel, attention.score_kernel)
        self.shared = tuple(tf.convert_to_tensor(w) for w in shared)
        self.memory = (attention.memory, attention.keys)
        self.masks = split_rows(attention.mask, 0, self.chains)

    def looks(self, memory, shared):
        """For each chain how it looks at its rows of the memory."""
        parts = [split_rows(a, 0, self.chains) for a in memory]
        return [
            Look(*rows, *shared, mask=mask)
            for *rows, mask in zip(*parts, self.masks, strict=True)
        ]

    def run(self, x, initial_state):
        """Outputs (T, B, A), alignments (T, B, S), and the final states."""
        count, of_cell = len(initial_state), len(self.weights)

        @tf.custom_gradient
        def differentiable(x, *tensors):
            states, rest = tensors[:count], tensors[count:]
            memory, rest = rest[:2], rest[2:]
            weights, shared = rest[:of_cell], rest[of_cell:]
            xs = split_rows(x, 1, self.chains)
            parts = [split_rows(s, 0, self.chains) for s in states]
            looks = self.looks(memory, shared)
            final, kept = self.forward(
                xs, list(zip(*parts, strict=True)), looks, weights
            )
            outputs = join([k["states"][-1].stack()[1:] for k in kept], 1)
            alignments = join([k["alignments"].stack() for k in kept], 1)

            def grad(d_outputs, d_alignments, *d_states):
                return self.backward(
                    xs,
                    looks,
                    weights,
                    kept,
                    split_rows(d_outputs, 1, self.chains),
                    split_rows(d_alignments, 1, self.chains),
                    [split_rows(s, 0, self.chains) for s in d_states],
                )

            return (outputs, alignments, *final), grad

        outputs, alignments, *states = differentiable(
            x, *initial_state, *self.memory, *self.weights, *self.shared
        )
        return outputs, alignments, states

    def forward(self, xs, states, looks, weights):
        """The final states, and for each chain what its backward needs."""
        steps = number_of_steps(xs[0])
        scaled = self.cell.scaled(weights)
        kept = len(self.cell.residuals)

        def array(example, more=0):
            return tf.TensorArray(
                xs[0].dtype,
                steps + more,
                element_shape=example,
                clear_after_read=False,
            )

        def start(x, states, look):
            histories = [array(s.shape, 1).write(0, s) for s in states]
            rows, units = x.shape[1], self.cell.units
            places = look.memory.shape[1]
            additive = look.query_kernel is not None
            arrays = {
                "residuals": [
                    array((rows, width * units)) for width in self.cell.residuals
                ],
                "seen": array((rows, look.output_kernel.shape[0])),
                "alignments": array((rows, places)),
                "z": [array((rows, places, look.keys.shape[-1]))] * additive,
            }
            return list(states), {"states": histories, **arrays}

        def step(t, look, x, states, arrays):
            *old, fed = states
            new, residuals = self.cell.forward(tf.concat([x[t], fed], 1), old, *scaled)
            seen, alignments, z = look.forward(new[0])
            new = [*new, tf.tanh(tf.matmul(seen, look.output_kernel))]
            written = {
                "states": [
                    a.write(t + 1, s)
                    for a, s in zip(arrays["states"], new, strict=True)
                ],
                "residuals": [
                    a.write(t, r)
                    for a, r in zip(arrays["residuals"], residuals[:kept], strict=True)
                ],
                "seen": arrays["seen"].write(t, seen),
                "alignments": arrays["alignments"].write(t, alignments),
                "z": [a.write(t, z) for a, z in zip(arrays["z"], z, strict=True)],
            }
            return new, written

        def body(t, *chains):
            given = zip(looks, xs, chains, strict=True)
            return tuple(step(t, look, x, *chain) for look, x, chain in given)

        begin = tuple(start(*chain) for chain in zip(xs, states, looks, strict=True))
        chains = loop(steps, body, begin)
        final = [join(parts, 0) for parts in zip(*(c[0] for c in chains), strict=True)]
        return final, [arrays for _, arrays in chains]

    def backward(self, xs, looks, weights, kept, d_outputs, d_alignments, d_states):
        """Gradients of x, of the initial states, of the memory and of all weights."""
        steps, inputs = number_of_steps(xs[0]), xs[0].shape[-1]
        dtype = xs[0].dtype
        of_fed = weights[0][inputs:]  # the rows of the kernel that a_{t-1} meets

        def arrays(rows, widths):
            return [
                tf.TensorArray(dtype, steps, element_shape=(rows, width))
                for width in widths
            ]

        def start(look, x, *d_states):
            rows, additive = x.shape[1], look.query_kernel is not None
            of_look = [look.memory.shape[-1], look.memory.shape[1]]
            of_look += [look.keys.shape[-1]] * additive
            sums = (look.keys, look.score_kernel) if additive else ()
            return (
                list(d_states),
                arrays(rows, [n * self.cell.units for n in self.cell.deltas]),
                arrays(rows, [look.output_kernel.shape[1]]),
                arrays(rows, of_look),
                [tf.zeros_like(a) for a in sums],
            )

        def step(t, look, kept, d_output, d_alignments, grads, *rest):
            deltas, d_pres, of_look, sums = rest
            *d_cell, d_fed = grads
            after = kept["states"][-1].read(t + 1)
            d_pre = tf.raw_ops.TanhGrad(y=after, dy=d_fed + d_output[t])
            d_h, new_of_look, terms = look.backward(
                tf.matmul(d_pre, look.output_kernel, transpose_b=True),
                d_alignments[t],
                kept["alignments"].read(t),
                [a.read(t) for a in kept["z"]],
            )
            old = [a.read(t) for a in kept["states"][:-1]]
            residuals = [a.read(t) for a in kept["residuals"]]
            new, before = self.cell.backward(
                residuals, old, (d_cell[0] + d_h, *d_cell[1:]), *weights
            )
            d_fed = tf.matmul(new[0], of_fed, transpose_b=True)

            def write(arrays, values):
                return [a.write(t, v) for a, v in zip(arrays, values, strict=True)]

            return (
                [*before, d_fed],
                write(deltas, new),
                write(d_pres, [d_pre]),
                write(of_look, new_of_look),
                [a + b for a, b in zip(sums, terms, strict=True)],
            )

        def body(n, *chains):
            given = zip(looks, kept, d_outputs, d_alignments, chains, strict=True)
            return tuple(step(steps - 1 - n, *g, *chain) for *g, chain in given)

        begin = tuple(start(*c) for c in zip(looks, xs, *d_states, strict=True))
        chains = loop(steps, body, begin)
        d_states = [
            join(parts, 0) for parts in zip(*(c[0] for c in chains), strict=True)
        ]
        of_x, of_memory, of_weights = [], [], []
        for look, x, arrays_kept, (_, deltas, d_pres, of_look, sums) in zip(
            looks, xs, kept, chains, strict=True
        ):
            histories = [a.stack() for a in arrays_kept["states"]]
            h, fed = histories[0], histories[-1][:-1]
            dx, *d_cell = self.cell.gradients(
                tf.concat([x, fed], -1),
                h[:-1],
                arrays_kept["residuals"],
                [a.stack() for a in deltas],
                *weights,
            )
            d_memory, d_keys, *d_shared = look.gradients(
                h[1:],
                arrays_kept["seen"].stack(),
                d_pres[0].stack(),
                arrays_kept["alignments"].stack(),
                [a.stack() for a in of_look],
                sums,
            )
            of_x.append(dx[:, :, :inputs])
            of_memory.append((d_memory, d_keys))
            of_weights.append((*d_cell, *d_shared))
        return (
            join(of_x, 1),
            *d_states,
            *(join(parts, 0) for parts in zip(*of_memory, strict=True)),
            *map(tf.add_n, zip(*of_weights, strict=True)),
        )
