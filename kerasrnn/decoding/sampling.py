"""Sampling: at every step a token at random, likely ones more often."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasrnn.decoding.checks import check_options, check_restrictions, check_seed
from kerasrnn.decoding.token_loop import run_token_loop

# The least number that logits are divided by: so near to 0 only the best is chosen.
COLDEST = 1e-9


def sample(
    step: Callable,
    state: Any,
    start_ids: Any,
    *,
    max_length: Any,
    end_id: int | None,
    pad_id: int = 0,
    temperature: Any = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: Any = None,
    uniforms: Any = None,
    source_length: Any = None,
    return_state: bool = False,
) -> Any:
    """Draws a token at every step, until all rows have ended.

    y_t ~ softmax(logits / temperature)        restricted by `top_k` and `top_p`

    All random numbers are drawn before the loop, one for each row and step; a token
    is the place where its number falls in the cumulative distribution.

    Args:
        step: Callable `(token_ids, state) -> (logits, state)`, from (B,) integers
            and the state to logits (B, V) and the next state. It may return
            alignments (B, S) as a third result. A logit of -inf forbids a token, one
            of +inf forces it.
        state: The state before the first step, of any structure: tensors whose first
            axis is the batch. What never changes, such as a memory to attend to,
            should rather be held by `step`.
        start_ids: (B,), the token that each row starts from.
        max_length: The most tokens of a row, an integer (or, on TensorFlow, a scalar
            tensor).
        end_id: The token after which a row has ended; None: there is no such token.
        pad_id: What is put after it, and what `step` is given for rows that ended.
        temperature: A number, or a scalar tensor. Below 1 likely tokens become
            likelier; 0 takes the likeliest one, as `greedy_search` does.
        top_k: How many of the likeliest tokens may be drawn; None for all.
        top_p: The likeliest tokens, of those of `top_k`, may be drawn that together
            first have this probability; at least one. None for all.
        seed: An integer, for the same result every time; a
            `keras.random.SeedGenerator`; None for Keras's global one.
        uniforms: (B, max_length) numbers from 0 to below 1 to draw with in place of
            `seed`, such as an exported model may make from a seed that it is given.
        source_length: S, to get the alignments; None for none.
        return_state: Whether to return the state, too, so that another call can go
            on from the last tokens.

    A row in which nothing can come next, since all its logits are -inf or one is NaN,
    ends there: it keeps the tokens before, and its score is -inf.

    Returns:
        A `Decoded`; its scores are log-probabilities at temperature 1, unrestricted.
        With `return_state`, a pair of it and of the state before the last tokens are
        read.

    Raises:
        TypeError: An option of another type.
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
    check_restrictions(temperature, top_k, top_p)
    seed = check_seed(seed)
    start_ids = check_options(start_ids, max_length, end_id, pad_id)
    if not ops.is_tensor(temperature) and temperature == 0:

        def choose(logits, t):
            return ops.argmax(logits, axis=-1)

    else:
        if uniforms is None:
            shape = (ops.shape(start_ids)[0], max_length)
            uniforms = keras.random.uniform(shape, dtype="float32", seed=seed)
        uniforms = ops.transpose(ops.convert_to_tensor(uniforms, "float32"))  # (T, B)

        def choose(logits, t):
            numbers = ops.take(uniforms, t, axis=0)
            return choose_token(logits, numbers, temperature, top_k, top_p)

    decoded, state = run_token_loop(
        step,
        state,
        start_ids,
        choose,
        max_length=max_length,
        end_id=end_id,
        pad_id=pad_id,
        source_length=source_length,
    )
    return (decoded, state) if return_state else decoded


def choose_token(logits, uniforms, temperature=1.0, top_k=None, top_p=None):
    """Tokens (B,) that numbers (B,) from 0 to below 1 choose from logits (B, V).

    p ∝ exp(logits / temperature), restricted by `top_k` and `top_p`.
    """
    order = None
    if top_k is not None or top_p is not None:
        size = logits.shape[-1]
        logits, order = ops.top_k(logits, min(top_k or size, size))
    temperature = ops.maximum(ops.cast(temperature, "float32"), COLDEST)
    best = ops.max(logits, axis=-1, keepdims=True)
    # From the best, so that nothing overflows however cold it is; what is as likely
    # as the best, be it certain, is so at every temperature.
    z = ops.where(logits == best, 0.0, (logits - best) / temperature)
    # Not divided by its sum, since the point chosen below scales with it.
    p = ops.exp(z)  # (B, V or top_k)
    if top_p is not None:
        before = ops.cumsum(p, axis=-1) - p
        p = ops.where(before < top_p * ops.sum(p, axis=-1, keepdims=True), p, 0.0)
    total = ops.cumsum(p, axis=-1)
    # A bit below the sum, so that rounding up to it chooses nothing impossible.
    point = ops.minimum(uniforms, 1 - 1e-6)[:, None] * total[:, -1:]
    chosen = ops.sum(ops.cast(total <= point, "int32"), axis=-1)
    # Where a logit is NaN, any token that there is.
    chosen = ops.minimum(chosen, logits.shape[-1] - 1)
    if order is None:
        return chosen
    return ops.take_along_axis(order, chosen[:, None], axis=1)[:, 0]
