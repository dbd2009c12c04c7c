"""Greedy search: at every step the likeliest token."""

from collections.abc import Callable
from typing import Any

from keras import ops

from kerasrnn.decoding.token_loop import Decoded, run_token_loop


def greedy_search(
    step: Callable,
    state: Any,
    start_ids: Any,
    *,
    max_length: Any,
    end_id: int | None,
    pad_id: int = 0,
    source_length: Any = None,
) -> Decoded:
    """Takes the likeliest token at every step, until all rows have ended.

    y_t = argmax_y p(y | y_1 … y_{t-1})

    One loop in the graph, on every backend of Keras; it stops after the step in
    which the last row ends.

    Args:
        step: Callable `(token_ids, state) -> (logits, state)`, from (B,) integers
            and the state to logits (B, V) and the next state. It may return
            alignments (B, S) as a third result. A logit of -inf forbids a token, one
            of +inf forces it.
        state: The state before the first step, of any structure: tensors whose first
            axis is the batch. What never changes, such as a memory to attend to,
            should rather be held by `step`.
        start_ids: (B,), the token that each row starts from, which is not among the
            results.
        max_length: The most tokens of a row, an integer (or, on TensorFlow, a scalar
            tensor).
        end_id: The token after which a row has ended; None: there is no such token.
        pad_id: What is put after it, and what `step` is given for rows that ended.
        source_length: S, to get the alignments; None for none.

    A row in which nothing can come next, since all its logits are -inf or one is NaN,
    ends there: it keeps the tokens before, and its score is -inf.

    Returns:
        A `Decoded`: token ids, lengths, scores and alignments.

    Raises:
        TypeError: An option of another type.
        ValueError: An option that cannot be meant, or a `step` that returns
            something else.

    Example:

    A model that counts upwards, and ends at 4:

    >>> from keras import ops
    >>> from kerasrnn.decoding import greedy_search
    >>> def step(token_ids, state):
    ...     return 9.0 * ops.one_hot(token_ids + 1, 5), state
    >>> found = greedy_search(step, [], [1, 3], max_length=5, end_id=4)
    >>> ops.convert_to_numpy(found.token_ids).tolist()
    [[2, 3, 4, 0, 0], [4, 0, 0, 0, 0]]
    >>> ops.convert_to_numpy(found.lengths).tolist()
    [3, 1]
    """

    def likeliest(logits, t):
        return ops.argmax(logits, axis=-1)

    decoded, _ = run_token_loop(
        step,
        state,
        start_ids,
        likeliest,
        max_length=max_length,
        end_id=end_id,
        pad_id=pad_id,
        source_length=source_length,
    )
    return decoded
