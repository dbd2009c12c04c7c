"""The loop of greedy search and of sampling: one token a row and step."""

from typing import Any, NamedTuple

from keras import ops

from kerasrnn.decoding.carried_state import (
    CarriedState,
    call_step,
    is_dead,
    log_probabilities,
    while_loop,
)
from kerasrnn.decoding.checks import check_options, check_vocabulary


class Decoded(NamedTuple):
    """One sequence for each row of a batch.

    Args:
        token_ids: (B, max_length) int32, padded on the right; the end token is the
            last one, where there was room for it.
        lengths: (B,) int32, how many of them count, the end token included.
        scores: (B,) float32, the model's log-probability of each sequence; -inf of
            one that ends early since nothing could come next: all logits were -inf,
            or one was NaN.
        alignments: (B, max_length, S), what each token looked at, zeros at padding;
            None where not asked for.
    """

    token_ids: Any
    lengths: Any
    scores: Any
    alignments: Any = None


def run_token_loop(
    step, state, start_ids, choose, *, max_length, end_id, pad_id, source_length
) -> tuple[Decoded, Any]:
    """Lets `choose` go on until all rows have ended.

    A row ends with the end token, or where nothing can come next: all its logits are
    -inf, or one is NaN. Then its score is -inf.

    Args:
        step: `(token_ids, state) -> (logits, state)` or `(logits, state, alignments)`.
        state: The state before the first step.
        start_ids: (B,), the token that each row starts from.
        choose: From logits (B, V) and the number of the step to tokens (B,).
        max_length: The most tokens of a row, an integer or a scalar tensor.
        end_id: The token after which a row has ended; None: there is none.
        pad_id: What is put after it.
        source_length: S, to get the alignments; None for none.

    Returns:
        A `Decoded`, and the state before its last tokens are read.
    """
    token_ids = check_options(start_ids, max_length, end_id, pad_id)
    carried = CarriedState(state)
    batch = ops.shape(token_ids)[0]
    variables = {
        "t": ops.convert_to_tensor(0, "int32"),
        "token_ids": token_ids,
        "ended": ops.zeros((batch,), "bool"),
        "lengths": ops.zeros((batch,), "int32"),
        "scores": ops.zeros((batch,), "float32"),
        "history": ops.full((max_length, batch), pad_id, "int32"),
    }
    if source_length is not None:
        shape = (max_length, batch, source_length)
        variables["alignments"] = ops.zeros(shape, "float32")
    names = list(variables)

    def go_on(t, token_ids, ended, *_):
        return ops.logical_and(t < max_length, ops.logical_not(ops.all(ended)))

    def body(*tensors):
        v = dict(zip(names, tensors, strict=False))
        t, ended = v["t"], v["ended"]
        logits, alignments, tensors = call_step(
            step, v["token_ids"], carried, tensors[len(names) :]
        )
        check_vocabulary(logits, end_id)
        chosen = ops.cast(choose(logits, t), "int32")
        log_sums = ops.logsumexp(logits, axis=-1, keepdims=True)  # (B, 1)
        log_p = ops.take_along_axis(logits, chosen[:, None], axis=1)
        log_p = log_probabilities(log_p, log_sums)[:, 0]
        v["scores"] = v["scores"] + ops.where(ended, 0.0, log_p)
        # Rows that had ended, and those in which nothing can come next.
        over = ops.logical_or(ended, is_dead(log_sums)[:, 0])
        v["lengths"] = v["lengths"] + ops.cast(ops.logical_not(over), "int32")
        v["token_ids"] = ops.where(over, pad_id, chosen)
        v["history"] = write(v["history"], t, v["token_ids"])
        if source_length is not None:
            if alignments is None:
                raise ValueError(
                    "`source_length` asks for alignments, so `step` must return "
                    "(logits, state, alignments); got two results."
                )
            seen = ops.where(over[:, None], 0.0, ops.cast(alignments, "float32"))
            v["alignments"] = write(v["alignments"], t, seen)
        if end_id is not None:
            over = ops.logical_or(over, chosen == end_id)
        v["ended"] = over
        v["t"] = t + 1
        return [*v.values(), *tensors]

    results = while_loop(go_on, body, [*variables.values(), *carried.tensors])
    v = dict(zip(names, results, strict=False))
    alignments = v.get("alignments")
    if alignments is not None:
        alignments = ops.transpose(alignments, (1, 0, 2))
    history = ops.transpose(v["history"])  # (B, max_length)
    decoded = Decoded(history, v["lengths"], v["scores"], alignments)
    return decoded, carried.pack(results[len(names) :])


def write(history, t, values):
    """`history` (max_length, ...) with `values` at step t."""
    return ops.scatter_update(history, ops.reshape(t, (1, 1)), values[None])
