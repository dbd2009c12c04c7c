"""How well each of many units tells a property of a text, all units at once."""

import numpy as np

UNITS_AT_ONCE = 32


def unit_scores(activations, events, numbers):
    """Areas under the curve, and correlations, of all units.

    AUC = P(a_t > a_s | event at t and not at s) + ½ P(a_t = a_s | …)
        = (R − n₁(n₁ + 1) / 2) / (n₁ n₀)        R: sum of the ranks at the events

    The ranks of a unit are found once, for all events together.

    Args:
        activations: (T, U), of float16, by which they are ranked.
        events: (T, E) booleans, of which no column is all or nothing.
        numbers: (T, N), of which no column is constant.

    Returns:
        AUC (U, E) and Pearson's correlation (U, N); 0.5 and 0 for a unit that is
        constant.

    Example:

    >>> x = np.array([[0.1, 3], [0.2, 3], [0.4, 3], [0.3, 3]])
    >>> auc, r = unit_scores(x, x[:, :1] > 0.25, np.arange(4.0)[:, None])
    >>> auc.tolist(), r.round(2).tolist()
    ([[1.0], [0.5]], [[0.8], [0.0]])

    Reference: Hanley and McNeil 1982, "The meaning and use of the area under a
    receiver operating characteristic (ROC) curve".
    """
    steps, units = activations.shape
    events = np.asarray(events, "float64")
    positives = events.sum(axis=0)  # (E,)
    numbers = np.asarray(numbers, "float64")
    numbers = numbers - numbers.mean(axis=0)
    numbers /= np.sqrt((numbers**2).sum(axis=0))
    auc = np.empty((units, events.shape[1]))
    correlation = np.empty((units, numbers.shape[1]))
    for start in range(0, units, UNITS_AT_ONCE):
        part = slice(start, start + UNITS_AT_ONCE)
        block = np.ascontiguousarray(activations[:, part].T)  # (U', T)
        sums = ranks(block) @ events
        auc[part] = (sums - positives * (positives + 1) / 2) / (
            positives * (steps - positives)
        )
        block = block.astype("float64")
        block -= block.mean(axis=1, keepdims=True)
        size = np.sqrt((block**2).sum(axis=1, keepdims=True))
        # What is left of a constant by rounding is no variation.
        constant = size < 1e-9 * np.sqrt(steps)
        correlation[part] = np.where(
            constant, 0, block @ numbers / np.where(constant, 1, size)
        )
    return auc, correlation


def ranks(activations) -> np.ndarray:
    """Ranks from 1 on, of each row (U, T); equal values share the mean of theirs.

    There are only 65,536 numbers of float16: they are counted, not sorted.

    Example:

    >>> ranks(np.array([[0.5, -1.0, 0.5, 2.0]]))
    array([[2.5, 1. , 2.5, 4. ]])
    """
    # Adding 0 makes −0 the same as 0.
    bits = (activations.astype("float16") + np.float16(0)).view("uint16")
    # Unsigned integers in the order of the numbers: negative ones are the other way.
    order = np.where(bits >> 15, ~bits, bits | np.uint16(0x8000))
    found = np.empty(order.shape)
    for row, places in zip(found, order, strict=True):
        counts = np.bincount(places, minlength=2**16)
        last = np.cumsum(counts)
        np.take(last - (counts - 1) / 2, places, out=row)
    return found
