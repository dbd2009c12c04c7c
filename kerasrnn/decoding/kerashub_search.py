"""Searches of KerasHub, with what the searches here take and give."""

from collections.abc import Callable
from typing import Any

from keras import ops

from kerasrnn.decoding.beam_search import NO_TOKEN, Hypotheses
from kerasrnn.decoding.carried_state import CarriedState, call_step
from kerasrnn.decoding.checks import check_options
from kerasrnn.decoding.token_loop import Decoded, run_token_loop


class KerasHubSearch:
    """A sampler of KerasHub as a search, called as `greedy_search` is.

    The sampler sees sequences that begin with the start token. It gives tokens only,
    so that scores, lengths and alignments come from a second loop, which follows
    them. Tokens after the end token are replaced by padding.

    Args:
        sampler: An object that is called as `sampler(next, prompt, cache=, index=,
            mask=, stop_token_ids=)` with `next(prompt, cache, index) -> (logits,
            hidden_states, cache)`, such as `keras_hub.samplers.TopPSampler()`. It may
            repeat the cache along the batch, as beams do. Those that need hidden
            states, as `ContrastiveSampler`, cannot be used.

    Call arguments:
        step: Callable `(token_ids, state) -> (logits, state)`, from integers (B,) and
            the state to logits (B, V) and the next state; for K times as many rows
            if the sampler repeats its cache. It may return alignments (B, S) as a
            third result.
        state: The state before the first step, of any structure: tensors whose first
            axis is the batch, and no scalars.
        start_ids: (B,), the token that each row starts from.
        max_length: The most tokens of a row.
        end_id: The token after which a row has ended; None: there is no such token.
        pad_id: What is put after it.
        source_length: S, to get the alignments; None for none.

    Returns:
        `Decoded`, with log-probabilities as `sample` gives them; `Hypotheses`, with
        the sampler's own scores, where it returns all beams and their scores.

    Raises:
        TypeError: `sampler` cannot be called.
        ValueError: An option that cannot be meant, or a sampler that returns
            something else.

    Example:

    >>> from keras import ops
    >>> from kerasrnn.decoding import KerasHubSearch
    >>> def likeliest(next, prompt, cache, index, mask, stop_token_ids):
    ...     for t in range(index, prompt.shape[1]):
    ...         logits, _, cache = next(prompt, cache, t)
    ...         token_ids = ops.cast(ops.argmax(logits, axis=-1), "int32")
    ...         prompt = ops.slice_update(prompt, (0, t), token_ids[:, None])
    ...     return prompt
    >>> def step(token_ids, state):
    ...     return 9.0 * ops.one_hot(token_ids + 1, 5), state
    >>> search = KerasHubSearch(likeliest)
    >>> found = search(step, [], [1, 2], max_length=3, end_id=4)
    >>> ops.convert_to_numpy(found.token_ids).tolist()
    [[2, 3, 4], [3, 4, 0]]
    """

    def __init__(self, sampler: Callable) -> None:
        if not callable(sampler):
            raise TypeError(
                "`sampler` must be callable, as those of keras_hub.samplers are; got "
                f"{type(sampler).__name__}."
            )
        self.sampler = sampler

    def __call__(
        self,
        step: Callable,
        state: Any,
        start_ids: Any,
        *,
        max_length: Any,
        end_id: int | None,
        pad_id: int = 0,
        source_length: Any = None,
    ) -> Decoded | Hypotheses:
        start_ids = check_options(start_ids, max_length, end_id, pad_id)
        carried = CarriedState(state)
        if any(len(x.shape) == 0 for x in carried.tensors):
            raise ValueError(
                "`state` must hold no scalars, which a sampler that repeats its cache "
                "along the batch cannot repeat; got one."
            )

        def next_token(prompt, cache, index):
            token_ids = ops.take(prompt, index - 1, axis=1)
            logits, _, tensors = call_step(step, token_ids, carried, list(cache))
            # As the loop of the sampler has them.
            tensors = [
                ops.cast(x, y.dtype) for x, y in zip(tensors, cache, strict=True)
            ]
            return logits, None, tuple(tensors)

        room = ops.full((ops.shape(start_ids)[0], max_length), pad_id, "int32")
        prompt = ops.concatenate([start_ids[:, None], room], axis=1)  # (B, T + 1)
        found = self.sampler(
            next_token,
            prompt,
            cache=tuple(carried.tensors),
            index=1,
            # What is there already: the start token.
            mask=ops.concatenate(
                [ops.ones_like(prompt[:, :1], "bool"), ops.zeros_like(room, "bool")],
                axis=1,
            ),
            stop_token_ids=None if end_id is None else [end_id],
        )
        if isinstance(found, (tuple, list)):
            return all_beams(*found, end_id=end_id, pad_id=pad_id)
        if len(found.shape) != 2:
            raise ValueError(
                "`sampler` must return token ids (batch, steps); got the shape "
                f"{tuple(found.shape)}."
            )
        tokens = ops.transpose(found[:, 1:])  # (T, B)

        def chosen(logits, t):
            return ops.take(tokens, t, axis=0)

        decoded, _ = run_token_loop(
            step,
            state,
            start_ids,
            chosen,
            max_length=max_length,
            end_id=end_id,
            pad_id=pad_id,
            source_length=source_length,
        )
        return decoded


def all_beams(prompts, scores, *, end_id, pad_id) -> Hypotheses:
    """Of prompts (B, K, T + 1) what stands between the start and after the end."""
    token_ids = ops.cast(prompts[:, :, 1:], "int32")
    last = NO_TOKEN if end_id is None else end_id
    ends = ops.cast(token_ids == last, "int32")
    counted = ops.cumsum(ends, axis=-1) - ends == 0
    lengths = ops.sum(ops.cast(counted, "int32"), axis=-1)
    return Hypotheses(ops.where(counted, token_ids, pad_id), lengths, scores)
