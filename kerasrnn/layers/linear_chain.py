"""Sums and maxima over all sequences of tags of a linear chain.

    s(y) = start(y_1) + Σ_t e_t(y_t) + Σ_{t>1} A(y_{t-1}, y_t) + end(y_T)

    α_1 = start + e_1        α_t(j) = e_t(j) + log Σ_i exp(α_{t-1}(i) + A(i, j))
    ω_T = end + e_T          ω_t(i) = e_t(i) + log Σ_j exp(A(i, j) + ω_{t+1}(j))
    log Z = log Σ_j exp(α_T(j) + end(j))
    log P(y_t = j) = α_t(j) + ω_t(j) - e_t(j) - log Z

α and ω are one recursion, ω that of the reversed sequence with Aᵀ, and run side by side
in one loop. Steps that are masked are no part of the chain: the steps before and after
them are neighbours.

A step is a small product of matrices, exp(α - max α) exp(A - max A), of which only the
logarithm is kept. Where A spans more than `WIDEST`, it is the sum as it is written.
What is carried on is α - max α, so that numbers stay small in long sequences; the
maxima are added up in log Z alone.

Of symbolic tensors the loop is a `ChainLoop`, which exporters write as their own.
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from kerasrnn.kernels import Recurrence, choose_kernel
from kerasrnn.layers.chain_loop import ChainLoop

# The largest term of each sum is then at least exp(-60), and terms that float32 flushes
# to zero are below exp(-87), whatever the emissions are.
WIDEST = 60.0
# Its exponential is 0, and it is finite, so that gradients are as well.
NOTHING = -1e30


@dataclasses.dataclass(frozen=True)
class LinearChain:
    """The scores of a batch of chains.

    Args:
        emissions: e, (B, T, C), zeros at masked steps.
        transitions: A, (C, C), from the row's tag to the column's.
        start: (C,).
        end: (C,).
        mask: (B, T) booleans, or None.
    """

    emissions: Any
    transitions: Any
    start: Any
    end: Any
    mask: Any = None

    @property
    def first(self):
        """Where a chain begins, (B, T) booleans."""
        return ops.logical_and(self.mask, ops.equal(count(self.mask), 1))

    @property
    def last(self):
        """Where a chain ends, (B, T) booleans."""
        left = ops.flip(count(ops.flip(self.mask, axis=1)), axis=1)
        return ops.logical_and(self.mask, ops.equal(left, 1))

    @property
    def follows(self):
        """The steps that count and have one before them, (B, T); None without mask."""
        if self.mask is None:
            return None
        return ops.logical_and(self.mask, count(self.mask) > 1)

    @property
    def precedes(self):
        """The steps that count and have one after them, (B, T); None without mask."""
        if self.mask is None:
            return None
        return ops.logical_and(self.mask, ops.logical_not(self.last))

    def at_first(self, values):
        """`values` (B, T, C) where the chain begins, (B, C)."""
        return values[:, 0] if self.mask is None else pick(values, self.first)

    def at_last(self, values):
        """`values` (B, T, C) where the chain ends, (B, C)."""
        return values[:, -1] if self.mask is None else pick(values, self.last)


def count(mask):
    """How many steps of `mask` (B, T) count, up to each one."""
    return ops.cumsum(ops.cast(mask, "int32"), axis=1)


def pick(values, place):
    """`values` (B, T, C) at the one step of each row where `place` (B, T) holds."""
    return ops.sum(ops.where(place[:, :, None], values, 0.0), axis=1)


def spread(transitions):
    """How far the largest and the smallest transition are apart."""
    return ops.max(transitions) - ops.min(transitions)


def largest(state):
    """The largest score of a state (…, C), which is no part of any gradient."""
    return ops.stop_gradient(maximum(state, axis=-1, keepdims=True))


def maximum(scores, axis, keepdims=False):
    """The largest of `scores` along an axis."""
    # Keras refuses a batch without rows, though there is no largest to be found.
    of = ops.sum if 0 in scores.shape else ops.max
    return of(scores, axis=axis, keepdims=keepdims)


def argmax(scores):
    """Where the first of the largest of `scores` is, along the last axis, in int32.

    Keras's own, of floats, looks at the bits of zeros, which LiteRT cannot.
    """
    best = maximum(scores, axis=-1, keepdims=True)
    return ops.argmax(ops.cast(ops.equal(scores, best), "int32"), axis=-1)


def lowered(state):
    """A state less its largest score."""
    return state - largest(state)


def taken_off(chain, states):
    """What `run` took off its last state, (B,): the largest values before."""
    tops = largest(states)[:, :-1, 0]
    if chain.mask is not None:
        tops = ops.where(chain.precedes[:, :-1], tops, 0.0)
    return ops.sum(tops, axis=1)


def run(step, first, x, follows):
    """The states of all steps, (B, T, C), in a loop on the backend's kernel.

    Args:
        step: `(x_t, state) -> state`, given the state less its largest value.
        first: The state at the first step that counts and before it, (B, C).
        x: (B, T, D).
        follows: (B, T) booleans, where `step` is applied; None for all but the first.
    """
    if follows is None:
        if x.shape[1] == 1:
            return first[:, None]
        if is_symbolic(x):  # It may turn out to have one step only.
            follows = count(ops.ones_like(x[:, :, 0])) > 1
        else:
            x = x[:, 1:]

    def next_state(x, state):
        return step(x, lowered(state))

    if is_symbolic(x):
        states = ChainLoop(next_state)(x, first, follows)
    else:
        states = run_on_kernel(next_state, first, x, follows)
    if follows is None:
        return ops.concatenate([first[:, None], states], axis=1)
    return ops.where(count(follows)[:, :, None] > 0, states, first[:, None])


def is_symbolic(tensor) -> bool:
    """Whether a model is being made rather than numbers."""
    return isinstance(tensor, keras.KerasTensor)


def run_on_kernel(step, first, x, follows):
    """The states of all steps that are applied, (B, T, C)."""

    def output_and_state(x, states):
        state = step(x, states[0])
        return state, (state,)

    recurrence = Recurrence(
        step=output_and_state, output_size=first.shape[-1], return_sequences=True
    )
    kernel, _ = choose_kernel(recurrence, x, follows)
    _, states, _ = kernel.run(recurrence, x, (first,), follows)
    return states


def forward_and_backward(chain: LinearChain):
    """α and ω as `run` gives them, (B, T, C) each."""
    both = ops.stack([chain.transitions, ops.transpose(chain.transitions)])  # (2, C, C)
    size = both.shape[-1]
    highest = highest_transition(chain)
    log_kernel = ops.expand_dims(both - highest, 1)
    kernel = ops.exp(both - highest)

    def product(x, state):
        p = ops.reshape(ops.exp(state), (2, -1, size))
        sums = ops.reshape(ops.matmul(p, kernel), (-1, size))
        return x + ops.log(sums)

    def as_written(x, state):
        terms = ops.reshape(state, (2, -1, size, 1)) + log_kernel
        return x + ops.reshape(ops.logsumexp(terms, axis=2), (-1, size))

    e, follows = chain.emissions, chain.follows
    first = ops.concatenate(
        [chain.at_first(e) + chain.start, chain.at_last(e) + chain.end]
    )
    x = ops.concatenate([e, ops.flip(e, axis=1)])  # (2 B, T, C)
    if follows is not None:
        follows = ops.concatenate([follows, ops.flip(chain.precedes, axis=1)])
    fits = spread(chain.transitions) <= WIDEST
    if is_symbolic(e):  # What is exported has the weights as they are.
        states = run(product if fits else as_written, first, x, follows)
    else:
        states = ops.cond(
            fits,
            lambda: run(product, first, x, follows),
            lambda: run(as_written, first, x, follows),
        )
    alpha, omega = ops.split(states, 2, axis=0)
    return alpha, ops.flip(omega, axis=1)


def highest_transition(chain):
    """The largest score of A, which is no part of any gradient."""
    return ops.stop_gradient(ops.max(chain.transitions))


def log_z_of(chain: LinearChain, alpha):
    """log Z, (B,), of α as `run` gives it."""
    log_z = ops.logsumexp(alpha[:, -1] + chain.end, axis=-1)
    if chain.mask is None:
        steps = ops.shape(chain.emissions)[1] - 1
    else:
        steps = ops.sum(ops.cast(chain.follows, "int32"), axis=1)
    log_z += ops.cast(steps, log_z.dtype) * highest_transition(chain)
    return log_z + taken_off(chain, alpha)


def log_marginals(chain: LinearChain):
    """log P(y_t = j) of every step, (B, T, C); zeros at masked steps."""
    alpha, omega = forward_and_backward(chain)
    logs = at_every_step(chain, alpha, omega)
    if chain.mask is None:
        return logs
    return ops.where(chain.mask[:, :, None], logs, 0.0)


def at_every_step(chain, alpha, omega):
    """log P(y_t = j), (B, T, C): its exponentials sum to 1, so log Z is not needed."""
    logs = alpha + omega - chain.emissions
    return logs - ops.logsumexp(logs, axis=-1, keepdims=True)


def log_partition(chain: LinearChain):
    """log Z, (B,), whose gradients are the expected numbers of tags and of pairs.

    ∂ log Z / ∂e_t(j) = P(y_t = j)
    ∂ log Z / ∂A(i, j) = Σ_t P(y_{t-1} = i, y_t = j)
    """

    @ops.custom_gradient
    def with_gradients(emissions, transitions, start, end):
        inner = LinearChain(emissions, transitions, start, end, chain.mask)
        alpha, omega = forward_and_backward(inner)
        log_z = log_z_of(inner, alpha)

        def gradients(*arguments, upstream=None):
            if upstream is None:
                (upstream,) = arguments
            tags = ops.exp(at_every_step(inner, alpha, omega)) * upstream[:, None, None]
            if inner.mask is not None:
                tags = ops.where(inner.mask[:, :, None], tags, 0.0)
            return (
                tags,
                expected_pairs(inner, alpha, omega, upstream),
                ops.sum(inner.at_first(tags), axis=0),
                ops.sum(inner.at_last(tags), axis=0),
            )

        return log_z, gradients

    return with_gradients(chain.emissions, chain.transitions, chain.start, chain.end)


def expected_pairs(chain: LinearChain, alpha, omega, weights):
    """Σ_b w_b Σ_t P(y_{t-1} = i, y_t = j), (C, C).

    P(y_{t-1} = i, y_t = j) ∝ exp(α_{t-1}(i) + A(i, j) + ω_t(j))
    Σ_i exp(α_{t-1}(i) + A(i, j)) = exp(α_t(j) - e_t(j))
    """
    size = chain.transitions.shape[0]
    transitions = lowered(ops.reshape(chain.transitions, (1, -1)))
    transitions = ops.reshape(transitions, (size, size))
    before, after = lowered(alpha[:, :-1]), omega[:, 1:]
    sums = (alpha + omega - chain.emissions)[:, 1:]
    scale = -ops.logsumexp(sums, axis=-1, keepdims=True)
    if chain.mask is not None:
        scale = ops.where(chain.follows[:, 1:, None], scale, NOTHING)
    weights = weights[:, None, None]

    def product():
        top = largest(after)
        scales = weights * ops.exp(scale + top)
        p = ops.reshape(ops.exp(before), (-1, size))
        q = ops.reshape(ops.exp(after - top) * scales, (-1, size))
        return ops.matmul(ops.transpose(p), q) * ops.exp(transitions)

    def as_written():
        def from_tag(i):
            first = ops.take(before, i, axis=-1)[:, :, None]
            pairs = ops.exp(first + ops.take(transitions, i, axis=0) + after + scale)
            return ops.sum(weights * pairs, axis=(0, 1))

        return ops.map(from_tag, ops.arange(size))

    return ops.cond(spread(chain.transitions) <= WIDEST, product, as_written)


def path_score(chain: LinearChain, tags):
    """s(y), (B,), of tags (B, T). Those at masked steps are not looked at."""
    size = chain.transitions.shape[0]
    shown = ops.one_hot(tags, size, dtype=chain.emissions.dtype)
    score = ops.sum(shown * chain.emissions, axis=(1, 2))
    score += ops.sum(chain.at_first(shown) * chain.start, axis=-1)
    score += ops.sum(chain.at_last(shown) * chain.end, axis=-1)
    if chain.mask is not None:
        # The steps that count, one beside the other.
        steps = ops.arange(tags.shape[1] or ops.shape(tags)[1])
        order = ops.argsort(ops.where(chain.mask, steps, steps + ops.size(steps)))
        tags = ops.take_along_axis(tags, order, axis=1)
    pairs = tags[:, :-1] * size + tags[:, 1:]
    pairs = ops.take(ops.reshape(chain.transitions, (-1,)), pairs)
    if chain.mask is not None:
        number = ops.sum(ops.cast(chain.mask, "int32"), axis=1, keepdims=True)
        pairs = ops.where(steps[1:] < number, pairs, 0.0)
    return score + ops.sum(pairs, axis=-1)


def best_path(chain: LinearChain):
    """The tags (B, T) of the highest score, and that score (B,).

    δ_1 = start + e_1        δ_t(j) = e_t(j) + max_i (δ_{t-1}(i) + A(i, j))
    y_T = argmax_j (δ_T(j) + end(j))        y_t = argmax_i (δ_t(i) + A(i, y_{t+1}))
    """
    to_tag = ops.transpose(chain.transitions)

    def best_before(x, state):
        return x + maximum(state[:, :, None] + chain.transitions, axis=1)

    def onto_chosen(x, state):
        """A(·, y_t), which the step before meets."""
        return ops.take(to_tag, argmax(x + state), axis=0)

    first = chain.at_first(chain.emissions) + chain.start
    delta = run(best_before, first, chain.emissions, chain.follows)
    end = onto_chosen(delta[:, -1], chain.end)
    precedes = None if chain.mask is None else ops.flip(chain.precedes, axis=1)
    onto = run(onto_chosen, end, ops.flip(delta, axis=1), precedes)
    after = ops.zeros_like(delta[:, :1]) + chain.end
    after = ops.concatenate([ops.flip(onto, axis=1)[:, 1:], after], axis=1)
    if chain.mask is not None:
        after = ops.where(chain.last[:, :, None], chain.end, after)
    tags = argmax(delta + after)
    scores = maximum(delta[:, -1] + chain.end, axis=-1)
    return tags, scores + taken_off(chain, delta)
