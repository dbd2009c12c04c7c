"""N-grams of characters with modified Kneser-Ney smoothing, in sorted arrays."""

import math

import numpy as np

# Discounts where an order has too few n-grams to estimate them, as KenLM has them.
FALLBACK = (0.5, 1.0, 1.5)


class KneserNey:
    """Interpolated modified Kneser-Ney: an n-gram model of a closed vocabulary.

    p_k(c | h) = max(a(hc) - D(a(hc)), 0) / Σ_c' a(hc') + γ(h) p_{k-1}(c | h')
    γ(h) = (D_1 N_1(h) + D_2 N_2(h) + D_3 N_3+(h)) / Σ_c' a(hc')

    h are the k - 1 ids before c, h' the last k - 2 of them; a is how often an n-gram of
    the highest order occurs, and of a lower order how many different ids come before
    it; N_1(h), N_2(h), N_3+(h) say how many n-grams hc have a = 1, a = 2 and more.
    After an h that was never seen, p_k = p_{k-1}. p_0 is uniform. The discounts of each
    order come from its counts of counts n_1 ... n_4: Y = n_1 / (n_1 + 2 n_2),
    D_i = i - (i + 1) Y n_{i+1} / n_i.

    An n-gram is one integer, the last id in its lowest bits, so that those of one h
    lie side by side when they are sorted.

    Args:
        ids: (N,) integers from 1 to `size`. 0 is what stands before a document.
        ends: where each document ends.
        size: how many different ids there may be.
        order: n.

    Reference: Chen and Goodman 1999, section 3 and eq. 26.
    """

    def __init__(self, ids, ends, size, order=8):
        self.size, self.order, self.bits = size, order, int(size).bit_length()
        if order < 1 or order * self.bits > 64:
            raise ValueError(
                f"`order` must be from 1 to {64 // self.bits} for {size} ids; got "
                f"{order}."
            )
        grams, counts = np.unique(self.grams(ids, ends), return_counts=True)
        self.tables = []  # From the highest order down.
        for k in range(order, 0, -1):
            self.tables.append(Table(grams, counts, self.bits))
            if k > 1:
                shorter = grams & np.uint64((1 << (k - 1) * self.bits) - 1)
                grams, counts = np.unique(shorter, return_counts=True)

    def grams(self, ids, ends):
        """The n-gram that ends at each place, (N,)."""
        ids = np.asarray(ids).astype("uint64")
        if len(ids) and not 1 <= ids.min() <= ids.max() <= self.size:
            raise ValueError(
                f"`ids` must be from 1 to {self.size}; got {ids.min()} to {ids.max()}."
            )
        starts = np.concatenate([[0], ends[:-1]])
        grams = ids.copy()
        for j in range(1, self.order):
            before = np.concatenate([np.zeros(j, "uint64"), ids[:-j]])[: len(ids)]
            for start in starts:
                before[start : start + j] = 0
            grams |= before << np.uint64(self.bits * j)
        return grams

    def probabilities(self, ids, ends):
        """p of each id after those before it in its document, (N,)."""
        return self.of_grams(self.grams(ids, ends))

    def of_grams(self, grams):
        """p of the last id of each n-gram after the others."""
        p = np.full(len(grams), 1 / self.size)
        for k, table in enumerate(reversed(self.tables), start=1):
            p = table.interpolate(grams & np.uint64((1 << k * self.bits) - 1), p)
        return p

    def bits_per_id(self, ids, ends):
        """-1/N Σ log2 p."""
        return float(-np.log2(self.probabilities(ids, ends)).mean())


class Table:
    """The n-grams of one order, and what their contexts leave to the order below."""

    def __init__(self, grams, counts, bits):
        self.grams, self.bits = grams, np.uint64(bits)
        self.discounts = discounts(counts)
        taken = self.discounts[np.minimum(counts, 3)]
        contexts = grams >> self.bits
        first = np.flatnonzero(np.r_[True, contexts[1:] != contexts[:-1]])
        self.contexts = contexts[first]
        self.totals = np.add.reduceat(counts, first)
        self.gammas = np.add.reduceat(taken, first) / self.totals
        self.kept = counts - taken

    def interpolate(self, grams, lower):
        """p of n-grams, of which the order below says `lower`."""
        at, there = find(self.contexts, grams >> self.bits)
        p = np.where(there, self.gammas[at] * lower, lower)
        of_gram, seen = find(self.grams, grams)
        return p + np.where(seen, self.kept[of_gram] / self.totals[at], 0.0)


def discounts(counts):
    """What is taken of a count of 0, 1, 2, and 3 or more."""
    n = np.bincount(np.minimum(counts, 5), minlength=5)[:5].astype(float)
    if not n[1:].all():
        return np.array([0.0, *FALLBACK])
    y = n[1] / (n[1] + 2 * n[2])
    found = [i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3)]
    if not all(0 <= d <= i for i, d in enumerate(found, start=1)):
        found = FALLBACK
    return np.array([0.0, *found])


def find(known, asked):
    """Where each of `asked` is in the sorted `known`, and whether it is there."""
    at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return at, known[at] == asked


def uniform_bits(size):
    """Bits an id where all are as likely."""
    return math.log2(size)


def unigram_bits(train, test, size):
    """Bits an id by how often each occurs, one more than that (Laplace)."""
    counts = np.bincount(train, minlength=size + 1)[1 : size + 1] + 1
    p = counts / counts.sum()
    return float(-np.log2(p[np.asarray(test).astype(int) - 1]).mean())
