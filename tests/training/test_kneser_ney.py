import collections

import numpy as np
import pytest

from kerasrnn.training.language_model import kneser_ney as module

TEXT = "a rose is a rose is a rose; who knows a rose arose as she sows. " * 2
DOCUMENTS = [TEXT + "no rows of prose", "oars are ores", "a"]
LETTERS = sorted(set("".join(DOCUMENTS) + "x"))


def encoded(documents):
    ids = np.array([1 + LETTERS.index(c) for d in documents for c in d], "uint8")
    return ids, np.cumsum([len(d) for d in documents])


class ByDefinition:
    """The same model in dictionaries, one n-gram at a time."""

    def __init__(self, documents, order):
        self.order = order
        self.counts = {k: collections.Counter() for k in range(1, order + 1)}
        padded = ["^" * (order - 1) + d for d in documents]
        for d in padded:
            for i in range(order, len(d) + 1):
                self.counts[order][d[i - order : i]] += 1
        for k in range(order - 1, 0, -1):
            for gram in self.counts[k + 1]:
                self.counts[k][gram[1:]] += 1

    def discount(self, k, count):
        if count == 0:
            return 0
        n = collections.Counter(self.counts[k].values())
        i = min(count, 3)
        if all(n[j] for j in (1, 2, 3, 4)):
            y = n[1] / (n[1] + 2 * n[2])
            found = [j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)]
            if all(0 <= d <= j for j, d in enumerate(found, 1)):
                return found[i - 1]
        return (0.5, 1.0, 1.5)[i - 1]

    def p(self, context, character, k=None):
        k = self.order if k is None else k
        if k == 0:
            return 1 / len(LETTERS)
        h = context[len(context) - k + 1 :]
        after = {g[-1]: n for g, n in self.counts[k].items() if g[:-1] == h}
        lower = self.p(context, character, k - 1)
        if not after:
            return lower
        total = sum(after.values())
        count = after.get(character, 0)
        gamma = sum(self.discount(k, n) for n in after.values()) / total
        return (count - self.discount(k, count)) / total + gamma * lower


@pytest.mark.parametrize("order", [1, 2, 4, 8])
def test_it_is_the_definition(order):
    model = module.KneserNey(*encoded(DOCUMENTS), len(LETTERS), order)
    expected = ByDefinition(DOCUMENTS, order)
    tests = ["a rose is a fox", "x who"]
    found = model.probabilities(*encoded(tests))
    wanted = [
        expected.p("^" * (order - 1) + t[:i], t[i])
        for t in tests
        for i in range(len(t))
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    bits = model.bits_per_id(*encoded(tests))
    assert bits == pytest.approx(-np.log2(wanted).mean())


def test_some_order_has_estimated_discounts():
    # Or the test above would see the fallback alone.
    model = module.KneserNey(*encoded(DOCUMENTS), len(LETTERS), 4)
    found = [tuple(table.discounts[1:]) for table in model.tables]
    assert any(d != module.FALLBACK for d in found)
    n = [0, 40, 20, 10, 5]
    counts = np.repeat([1, 2, 3, 4, 9], [40, 20, 10, 5, 7])
    y = n[1] / (n[1] + 2 * n[2])
    expected = [0, 1 - 2 * y * 20 / 40, 2 - 3 * y * 10 / 20, 3 - 4 * y * 5 / 10]
    np.testing.assert_allclose(module.discounts(counts), expected)


@pytest.mark.parametrize("context", ["", "a", "a ros", "xxx", "is a rose", "who kno"])
def test_probabilities_sum_to_one(context):
    model = module.KneserNey(*encoded(DOCUMENTS), len(LETTERS), 8)
    p = [model.probabilities(*encoded([context + c]))[-1] for c in LETTERS]
    assert min(p) > 0
    assert sum(p) == pytest.approx(1, abs=1e-12)


def test_what_does_not_fit_is_told():
    ids, ends = encoded(DOCUMENTS)
    with pytest.raises(ValueError, match="`order` must be from 1 to 9 for 100 ids"):
        module.KneserNey(ids, ends, 100, 10)
    with pytest.raises(ValueError, match="`ids` must be from 1 to 3; got 1 to "):
        module.KneserNey(ids, ends, 3, 2)


def test_simple_baselines():
    assert module.uniform_bits(8) == 3
    # (3 + 1) / 8, (1 + 1) / 8, 1 / 8, 1 / 8
    found = module.unigram_bits(np.array([1, 1, 1, 2]), np.array([1, 2, 3, 4]), 4)
    assert found == pytest.approx((1 + 2 + 3 + 3) / 4)
