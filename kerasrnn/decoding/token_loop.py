"""The loop of greedy search and of sampling: one token a row and step."""

from typing import Any, NamedTuple

from keras import ops

from kerasrnn.decoding.carried_state import (
    CarriedState,
    call_step,
    check_options,
    while_loop,
)


class Decoded(NamedTuple):
    """One sequence for each row of a batch.

    Args:
        token_ids: (B, max_length) int32, padded on the right; the end token is the
            last one, where there was room for it.
        lengths: (B,) int32, how many of them count, the end token included.
        scores: (B,) float32, the model's log-probability of each sequence.
        alignments: (B, max_length, S), what each token looked at, zeros at padding;
            None where not asked for.
    """

    token_ids: Any
    lengths: Any
    scores: Any
    alignments: Any = None


def run_token_loop(
    step, state, start_ids, choose, *, max_length, end_id, pad_id, source_length
) -> Decoded:
    """Lets `choose(logits, t) -> token_ids` go on until all rows have ended."""
    token_ids = check_options(start_ids, max_length, end_id, pad_id)
    carried = CarriedState(state)
    batch = ops.shape(token_ids)[0]
    variables = {
        "t": ops.convert_to_tensor(0, "int32"),
        "token_ids": token_ids,
        "ended": ops.zeros((batch,), "bool"),
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
        chosen = ops.cast(choose(logits, t), "int32")
        log_p = ops.take_along_axis(logits, chosen[:, None], axis=1)[:, 0]
        log_p = log_p - ops.logsumexp(logits, axis=-1)
        v["scores"] = v["scores"] + ops.where(ended, 0.0, log_p)
        v["token_ids"] = ops.where(ended, pad_id, chosen)
        v["history"] = write(v["history"], t, v["token_ids"])
        if source_length is not None:
            if alignments is None:
                raise ValueError(
                    "`source_length` asks for alignments, so `step` must return "
                    "(logits, state, alignments); got two results."
                )
            seen = ops.where(ended[:, None], 0.0, ops.cast(alignments, "float32"))
            v["alignments"] = write(v["alignments"], t, seen)
        v["ended"] = ops.logical_or(ended, chosen == end_id)
        v["t"] = t + 1
        return [*v.values(), *tensors]

    results = while_loop(go_on, body, [*variables.values(), *carried.tensors])
    v = dict(zip(names, results, strict=False))
    history = ops.transpose(v["history"])  # (B, max_length)
    ends = ops.cumsum(ops.cast(history == end_id, "int32"), axis=1)
    # A token counts if no end token came before it, and if its step was taken.
    before = ends - ops.cast(history == end_id, "int32")
    counted = ops.logical_and(before == 0, ops.arange(max_length) < v["t"])
    lengths = ops.sum(ops.cast(counted, "int32"), axis=1)
    alignments = v.get("alignments")
    if alignments is not None:
        alignments = ops.transpose(alignments, (1, 0, 2))
    return Decoded(history, lengths, v["scores"], alignments)


def write(history, t, values):
    """`history` (max_length, ...) with `values` at step t."""
    return ops.scatter_update(history, ops.reshape(t, (1, 1)), values[None])
