"""Sampling: at every step a token at random, likely ones more often."""

import keras
from keras import ops

from kerasrnn.decoding.greedy import greedy_search
from kerasrnn.decoding.token_loop import Decoded, run_token_loop


def sample(
    step,
    state,
    start_ids,
    *,
    max_length,
    end_id: int,
    pad_id: int = 0,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed=None,
    uniforms=None,
    source_length=None,
) -> Decoded:
    """Draws a token at every step, until all rows have ended.

    y_t ~ softmax(logits / temperature)        restricted by `top_k` and `top_p`

    All random numbers are drawn before the loop, one for each row and step; a token
    is the place where its number falls in the cumulative distribution.

    Args:
        step: As in `greedy_search`.
        state: As in `greedy_search`.
        start_ids: (B,), the token that each row starts from.
        max_length: The most tokens of a row.
        end_id: The token after which a row has ended.
        pad_id: What is put after it.
        temperature: Below 1 likely tokens become likelier; 0 is greedy search.
        top_k: How many of the likeliest tokens may be drawn; None for all.
        top_p: The likeliest tokens, of those of `top_k`, may be drawn that together
            first have this probability; at least one. None for all.
        seed: An integer, for the same result every time; a
            `keras.random.SeedGenerator`; None for Keras's global one.
        uniforms: (B, max_length) numbers from 0 to below 1 to draw with in place of
            `seed`, such as an exported model may make from a seed that it is given.
        source_length: S, to get the alignments; None for none.

    Returns:
        A `Decoded`; its scores are log-probabilities at temperature 1, unrestricted.

    Raises:
        ValueError: An option out of its range.

    Example:

    >>> from keras import ops
    >>> from kerasrnn.decoding import sample
    >>> def step(token_ids, state):
    ...     return ops.zeros((ops.shape(token_ids)[0], 9)), state
    >>> one, two = (
    ...     sample(step, [], [0, 0], max_length=4, end_id=1, seed=7) for _ in range(2)
    ... )
    >>> bool(ops.all(one.token_ids == two.token_ids))
    True

    Reference: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration"
    (top-p); Fan et al. 2018, "Hierarchical Neural Story Generation" (top-k).
    """
    options = {"max_length": max_length, "end_id": end_id, "pad_id": pad_id}
    options["source_length"] = source_length
    check_restrictions(temperature, top_k, top_p)
    if temperature == 0:
        return greedy_search(step, state, start_ids, **options)
    start_ids = ops.convert_to_tensor(start_ids)
    if uniforms is None:
        shape = (ops.shape(start_ids)[0], max_length)
        uniforms = keras.random.uniform(shape, dtype="float32", seed=seed)
    uniforms = ops.transpose(ops.convert_to_tensor(uniforms, "float32"))

    def draw(logits, t):
        return choose_token(
            logits / temperature, ops.take(uniforms, t, axis=0), top_k, top_p
        )

    return run_token_loop(step, state, start_ids, draw, **options)


def choose_token(logits, uniforms, top_k=None, top_p=None):
    """Tokens (B,) that numbers (B,) from 0 to below 1 choose from logits (B, V)."""
    order = None
    if top_k is not None or top_p is not None:
        size = logits.shape[-1]
        logits, order = ops.top_k(logits, min(top_k or size, size))
    # Not divided by its sum, since the point chosen below scales with it.
    p = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True))  # (B, V or top_k)
    if top_p is not None:
        before = ops.cumsum(p, axis=-1) - p
        p = ops.where(before < top_p * ops.sum(p, axis=-1, keepdims=True), p, 0.0)
    total = ops.cumsum(p, axis=-1)
    # A bit below the sum, so that rounding up to it chooses nothing impossible.
    point = ops.minimum(uniforms, 1 - 1e-6)[:, None] * total[:, -1:]
    chosen = ops.sum(ops.cast(total <= point, "int32"), axis=-1)
    if order is None:
        return chosen
    return ops.take_along_axis(order, chosen[:, None], axis=1)[:, 0]


def check_restrictions(temperature, top_k, top_p):
    """Raises a ValueError where one of them is out of its range."""
    if isinstance(temperature, bool) or not temperature >= 0:
        raise ValueError(
            f"`temperature` must be at least 0, which is greedy; got {temperature!r}."
        )
    if top_k is not None and (
        isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1
    ):
        raise ValueError(f"`top_k` must be a positive integer or None; got {top_k!r}.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(
            f"`top_p` must be above 0 and at most 1, or None; got {top_p!r}."
        )
