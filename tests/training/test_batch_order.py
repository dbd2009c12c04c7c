import numpy as np

from kerasrnn.training.batch_order import batch_order

LENGTHS = np.random.default_rng(0).integers(1, 60, 1003)


def order(**changes):
    arguments = {"batch_size": 16, "seed": 5, "epoch": 2} | changes
    return batch_order(LENGTHS, **arguments)


def test_every_example_comes_once_and_the_small_batch_last():
    batches = order()
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(1003))
    assert [len(batch) for batch in batches] == [16] * 62 + [11]


def test_it_depends_on_seed_and_epoch_and_nothing_else():
    first = np.concatenate(order())
    np.random.seed(1)  # noqa: NPY002  The global state must not matter.
    np.testing.assert_array_equal(first, np.concatenate(order()))
    assert (first != np.concatenate(order(seed=6))).mean() > 0.9
    assert (first != np.concatenate(order(epoch=3))).mean() > 0.9


def test_batches_hold_little_padding():
    def padded(batches):
        return sum(len(batch) * LENGTHS[batch].max() for batch in batches)

    words = LENGTHS.sum()
    assert padded(order()) / words < 1.2
    assert padded(order(pool=1)) / words > 1.6


def test_batches_are_not_in_order_of_length():
    lengths = [LENGTHS[batch].mean() for batch in order(pool=100)][:-1]
    assert abs(np.corrcoef(lengths, np.arange(len(lengths)))[0, 1]) < 0.4
