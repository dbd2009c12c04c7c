"""Batches of examples of like length, so that little of them is padding."""

import numbers

import numpy as np
from numpy.typing import ArrayLike


def batches_by_length(
    lengths: ArrayLike, *, max_tokens: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Which examples make up each batch of one epoch: a pure function of its arguments.

    Examples are sorted by length, those of one length in random order, and cut into
    batches that fit into `max_tokens` with their padding; then the batches are
    shuffled. So short examples come many at a time, long ones few, and every batch
    takes about the same time.

    Args:
        lengths: (N,) lengths of the examples; or (N, 2), of sources and targets.
        max_tokens: the most tokens of a batch on either side, padding included. An
            example longer than that is a batch of its own.
        seed: the run's seed.
        epoch: number of the epoch, from 0.

    Returns:
        List of integer arrays, one a batch; every example is in one of them.

    Raises:
        ValueError: lengths of another shape; `max_tokens` that is no positive integer.

    Example:

    >>> batches = batches_by_length([2, 9, 1, 8, 2], max_tokens=18, seed=0, epoch=0)
    >>> sorted(sorted(batch.tolist()) for batch in batches)
    [[0, 2, 4], [1, 3]]
    """
    lengths = np.asarray(lengths)
    if lengths.ndim == 1:
        lengths = lengths[:, None]
    if lengths.ndim != 2:
        raise ValueError(
            f"`lengths` must be (examples,) or (examples, 2); got {lengths.shape}."
        )
    is_integer = isinstance(max_tokens, numbers.Integral)
    if not is_integer or isinstance(max_tokens, bool) or max_tokens < 1:
        raise ValueError(
            f"`max_tokens` must be a positive integer; got {max_tokens!r}."
        )
    generator = np.random.default_rng([seed, epoch])
    shuffled = generator.permutation(len(lengths))
    # By the longer side first, which decides how many fit, then by the others.
    keys = [*lengths[shuffled].T, lengths[shuffled].max(1)]
    batches, start = [], 0
    order = shuffled[np.lexsort(keys)]
    longest = lengths[order].max(1)  # rising, so that an example is its batch's longest
    for end in range(1, len(order) + 1):
        size = end + 1 - start  # with the next one
        if end == len(order) or longest[end] * size > max_tokens:
            batches.append(order[start:end])
            start = end
    return [batches[i] for i in generator.permutation(len(batches))]
