import numpy as np


def batch_order(lengths, *, batch_size: int, seed: int, epoch: int, pool: int = 16):
    """Which examples make up each batch of one epoch: a pure function of its arguments.

    The examples are shuffled; inside pools of `pool` batches they are sorted by
    length, so that a batch holds little padding; then the batches are shuffled. The
    last, smaller batch stays last.

    Args:
        lengths: Length of each example.
        batch_size: Examples in a batch.
        seed: The run's seed.
        epoch: Number of the epoch, from 0.
        pool: Batches in a pool; 1 turns sorting off.

    Returns:
        List of integer arrays, one a batch.

    Example:

    >>> batches = batch_order([1] * 5, batch_size=2, seed=1, epoch=0)
    >>> [batch.tolist() for batch in batches]
    [[1, 2], [4, 0], [3]]
    """
    lengths = np.asarray(lengths)
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    width = batch_size * pool
    pools = [order[start : start + width] for start in range(0, len(order), width)]
    order = np.concatenate([p[np.argsort(lengths[p], kind="stable")] for p in pools])
    batches = [
        order[start : start + batch_size] for start in range(0, len(order), batch_size)
    ]
    full = len(order) // batch_size
    shuffled = generator.permutation(full)
    return [batches[i] for i in shuffled] + batches[full:]


def rows_of_epoch(numbers, seed: int, epoch: int):
    """Seed, epoch and number of each example, (N, 3), for data that differ by epoch.

    Args:
        numbers: Of the examples, (N,).
        seed: The run's seed.
        epoch: Number of the epoch, from 0.

    Example:

    >>> rows_of_epoch([4, 2], seed=7, epoch=1).tolist()
    [[7, 1, 4], [7, 1, 2]]
    """
    return np.column_stack([np.tile([seed, epoch], (len(numbers), 1)), numbers])
