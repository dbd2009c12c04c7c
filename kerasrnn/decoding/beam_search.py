"""Beam search: the best of several sequences that go on side by side."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from kerasrnn.decoding.carried_state import (
    CarriedState,
    call_step,
    log_probabilities,
    while_loop,
)
from kerasrnn.decoding.checks import (
    check_memory,
    check_options,
    check_penalties,
    check_vocabulary,
)

NEVER = float("-inf")
NO_TOKEN = -1


class Hypotheses(NamedTuple):
    """The best sequences of each row of a batch, the best one first.

    Args:
        token_ids: (B, n_best, max_length) int32, padded on the right; the end token
            is the last one, where there was room for it.
        lengths: (B, n_best) int32, how many count, the end token included.
        scores: (B, n_best) float32; -inf where there is no such sequence.
    """

    token_ids: Any
    lengths: Any
    scores: Any


def beam_search(
    step: Callable,
    state: Any,
    start_ids: Any,
    *,
    max_length: Any,
    end_id: int | None,
    pad_id: int = 0,
    beam_width: int = 5,
    n_best: int = 1,
    length_penalty: float = 0.0,
    coverage_penalty: float = 0.0,
    source_mask: Any = None,
) -> Hypotheses:
    """Keeps the likeliest `beam_width` unfinished sequences at every step.

    score(y) = log p(y) / ((5 + |y|) / 6)^α + β Σ_s log min(Σ_t α_{ts}, 1)

    with α the length penalty, β the coverage penalty, |y| the number of tokens with
    the end token, and α_{ts} the alignments. A sequence that ends is set aside with
    its score if it is among the best `beam_width` of its step, and the beams go on
    with the best that have not ended. A row is done when `beam_width` sequences have
    ended and no beam is better than the last of the `n_best`, or when none can become
    so any more. With a beam of 1 that is greedy search. Sequences that `max_length`
    cuts come after all that ended.

    A beam that nothing can follow, since all its logits are -inf or one is NaN, is
    dropped, and the others go on. A row whose beams are all dropped gives what had
    ended before.

    Args:
        step: Callable `(token_ids, state) -> (logits, state)`, from (B · K,) integers
            and the state to logits (B · K, V) and the next state. The rows of one
            sentence stand together. With a coverage penalty it returns alignments
            (B · K, S) as a third result. A logit of -inf forbids a token, one of +inf
            forces it.
        state: The state before the first step, for B rows. Tensors whose first axis
            is the batch follow their beams; scalars are left alone. What never
            changes, such as a memory to attend to, should rather be held by `step`,
            so that it is neither repeated nor moved.
        start_ids: (B,), the token that each row starts from.
        max_length: The most tokens of a sequence.
        end_id: The token that ends one; None: there is no such token.
        pad_id: What is put after it.
        beam_width: K.
        n_best: How many sequences of each row are returned, at most K.
        length_penalty: α; 0 prefers short sequences, 1 is nearly the mean over
            tokens.
        coverage_penalty: β; above 0 it prefers sequences that looked at all of the
            source.
        source_mask: (B, S) booleans, the places that should be looked at; needed by
            a coverage penalty.

    Returns:
        `Hypotheses`: token ids, lengths and scores. Where fewer than `n_best` are
        found, the others are padding of the length 0 and the score -inf.

    Raises:
        TypeError: An option of another type.
        ValueError: An option out of its range, or a `step` that returns something
            else.

    Example:

    A model in which the likeliest first token leads to a dull sequence:

    >>> import numpy as np
    >>> from keras import ops
    >>> from kerasrnn.decoding import beam_search
    >>> p = np.full((5, 5), 1e-9)
    >>> p[1, [2, 3]] = 0.6, 0.4                # 1 starts
    >>> p[2], p[3, 4], p[4, 4] = 0.2, 1.0, 1.0    # 4 ends
    >>> def step(token_ids, state):
    ...     return ops.take(ops.log(p), token_ids, axis=0), state
    >>> found = beam_search(step, [], [1], max_length=3, end_id=4, beam_width=2)
    >>> ops.convert_to_numpy(found.token_ids[0, 0]).tolist()
    [3, 4, 0]
    >>> round(float(ops.exp(found.scores[0, 0])), 3)
    0.4

    Reference: Wu et al. 2016, "Google's Neural Machine Translation System", eq. 14.
    """
    check_penalties(beam_width, n_best, length_penalty, coverage_penalty, source_mask)
    beam_width, n_best = int(beam_width), int(n_best)
    start_ids = check_options(start_ids, max_length, end_id, pad_id, beam_width)
    K, batch = beam_width, ops.shape(start_ids)[0]
    positions = ops.arange(max_length, dtype="int32")
    carried = CarriedState(state)
    check_memory(carried.tensors, K)
    tensors = [ops.repeat(x, K, axis=0) if len(x.shape) else x for x in carried.tensors]
    nothing = ops.full((batch, K, max_length), pad_id, "int32")
    never = ops.full((batch, K), NEVER, "float32")
    variables = {
        "t": ops.convert_to_tensor(0, "int32"),
        "done": ops.zeros((batch,), "bool"),
        "token_ids": ops.repeat(start_ids[:, None], K, axis=1),
        # At first the beams are all alike, and one is enough.
        "log_p": ops.where(ops.arange(K, dtype="int32") == 0, 0.0, never),
        "sequences": nothing,
        "ended": nothing,
        "ended_scores": never,
        "ended_lengths": ops.zeros((batch, K), "int32"),
    }
    if coverage_penalty:
        source_mask = ops.cast(source_mask, "float32")  # (B, S)
        variables["coverage"] = ops.repeat(
            ops.zeros_like(source_mask)[:, None], K, axis=1
        )
    names = list(variables)

    def scores_of(log_p, length, coverage):
        score = log_p / gnmt_length_penalty(length, length_penalty)
        if coverage is None:
            return score
        # A prefix that nothing can follow may have looked at nothing that counts.
        return ops.where(log_p > NEVER, score + coverage, NEVER)

    def coverage_of(v):
        if not coverage_penalty:
            return None
        looked_at = ops.clip(v["coverage"], 1e-10, 1.0)
        logs = ops.log(looked_at) * source_mask[:, None]
        return coverage_penalty * ops.sum(logs, axis=-1)  # (B, K)

    def go_on(t, done, *_):
        return ops.logical_and(t < max_length, ops.logical_not(ops.all(done)))

    def body(*tensors):
        v = dict(zip(names, tensors, strict=False))
        t, length = v["t"], v["t"] + 1
        logits, alignments, tensors = call_step(
            step, ops.reshape(v["token_ids"], (-1,)), carried, tensors[len(names) :]
        )
        check_vocabulary(logits, end_id)
        V = logits.shape[-1]
        if coverage_penalty:
            if alignments is None:
                raise ValueError(
                    "`coverage_penalty` needs alignments, so `step` must return "
                    "(logits, state, alignments); got two results."
                )
            alignments = ops.cast(alignments, "float32")
            v["coverage"] = v["coverage"] + ops.reshape(
                alignments, ops.shape(v["coverage"])
            )
        # Each beam ends in one way, so that of 2 K at least K go on; these are among
        # the best 2 K of each beam.
        most = min(2 * K, V)
        best, tokens = ops.top_k(logits, most)  # (B · K, most)
        log_sums = ops.logsumexp(logits, axis=-1, keepdims=True)
        log_p = log_probabilities(best, log_sums)
        log_p = v["log_p"][:, :, None] + ops.reshape(log_p, (batch, K, most))
        log_p, index = ops.top_k(
            ops.reshape(log_p, (batch, K * most)), min(2, most) * K
        )
        parents = index // most  # (B, 2K)
        tokens = ops.reshape(tokens, (batch, K * most))
        tokens = ops.take_along_axis(tokens, index, axis=1)
        sequences = ops.where(
            positions == t, tokens[:, :, None], of_beams(v["sequences"], parents)
        )
        ends = tokens == (NO_TOKEN if end_id is None else end_id)

        # Those that end, if they are among the best K and their row is not done.
        coverage = coverage_of(v)
        if coverage is not None:
            coverage = of_beams(coverage, parents)[:, :K]
        scores = scores_of(log_p[:, :K], length, coverage)
        counts = ops.logical_and(ends[:, :K], ops.logical_not(v["done"])[:, None])
        all_scores = ops.concatenate(
            [v["ended_scores"], ops.where(counts, scores, NEVER)], axis=1
        )
        v["ended_scores"], best = ops.top_k(all_scores, K)
        v["ended"] = of_beams(
            ops.concatenate([v["ended"], sequences[:, :K]], axis=1), best
        )
        lengths = ops.full((batch, K), length, "int32")
        v["ended_lengths"] = of_beams(
            ops.concatenate([v["ended_lengths"], lengths], axis=1), best
        )

        # Those that go on.
        v["log_p"], best = ops.top_k(ops.where(ends, NEVER, log_p), K)
        v["token_ids"] = of_beams(tokens, best)
        v["sequences"] = of_beams(sequences, best)
        parents = of_beams(parents, best)
        if coverage_penalty:
            v["coverage"] = of_beams(v["coverage"], parents)
        rows = ops.reshape(flat_index(parents, K), (-1,))
        tensors = [ops.take(x, rows, axis=0) if len(x.shape) else x for x in tensors]

        # What a beam can still reach: it gets no likelier, but maybe longer. A model
        # that is sure of itself fills the ended ones with short ones of no worth.
        reach = scores_of(v["log_p"][:, 0], max_length, None)
        coverage = coverage_of(v)
        coverage = None if coverage is None else coverage[:, 0]
        now = scores_of(v["log_p"][:, 0], length, coverage)
        enough = ops.where(v["ended_scores"][:, K - 1] > NEVER, now, reach)
        settled = enough <= v["ended_scores"][:, n_best - 1]
        v["done"] = ops.logical_or(v["done"], settled)
        v["t"] = length
        return [*v.values(), *tensors]

    results = while_loop(go_on, body, [*variables.values(), *tensors])
    v = dict(zip(names, results, strict=False))
    cut = scores_of(v["log_p"], max_length, coverage_of(v))
    cut, order = ops.top_k(cut, K)
    scores = ops.concatenate([v["ended_scores"], cut], axis=1)
    sequences = [v["ended"], of_beams(v["sequences"], order)]
    cut_lengths = ops.full((batch, K), max_length, "int32")
    lengths = ops.concatenate([v["ended_lengths"], cut_lengths], axis=1)
    # Both are in order: any that ended comes before any that was cut.
    rank = ops.arange(2 * K, 0, -1, dtype="float32")
    _, best = ops.top_k(ops.where(scores > NEVER, rank, 0.0), n_best)
    sequences = of_beams(ops.concatenate(sequences, axis=1), best)
    scores = of_beams(scores, best)
    exists = scores > NEVER
    return Hypotheses(
        ops.where(exists[:, :, None], sequences, pad_id),
        ops.where(exists, of_beams(lengths, best), 0),
        scores,
    )


def gnmt_length_penalty(length, alpha):
    """((5 + |y|) / 6)^α."""
    return ((5.0 + ops.cast(length, "float32")) / 6.0) ** alpha


def flat_index(index, beams):
    """Rows of (B · beams, ...) for beams `index` (B, N) of each row."""
    batch = ops.shape(index)[0]
    return ops.arange(batch, dtype="int32")[:, None] * beams + ops.cast(index, "int32")


def of_beams(x, index):
    """x[b, index[b, n]] of `x` (B, beams, ...) and `index` (B, N)."""
    batch, beams, *rest = ops.shape(x)
    flat = ops.reshape(x, (batch * beams, *rest))
    taken = ops.take(flat, flat_index(index, beams), axis=0)
    # JAX forgets an axis where there are no rows.
    return ops.reshape(taken, (*ops.shape(index), *rest))
