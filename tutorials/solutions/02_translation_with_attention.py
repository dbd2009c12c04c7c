"""Answers to the exercises of tutorial 2, and their checks."""

import collections

import numpy as np
from exercises import close, expect

from kerasrnn import layers


# 1.
def attend(query, memory, mask, W1, W2, v):
    scores = (np.tanh((query @ W1)[:, None] + memory @ W2) @ v)[..., 0]  # (B, S)
    scores = np.where(mask, scores, -np.inf)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    alignments = e / e.sum(axis=-1, keepdims=True)  # (B, S)
    context = np.einsum("bs,bsm->bm", alignments, memory)  # (B, M)
    return context, alignments


def check_attend(answer):
    random = np.random.default_rng(1)
    query = random.normal(size=(2, 3)).astype("float32")
    memory = random.normal(size=(2, 5, 4)).astype("float32")
    mask = np.array([[True, True, False, True, False], [True] * 5])
    attention = layers.BahdanauAttention(6)
    context, alignments = map(np.asarray, attention(query, memory, memory_mask=mask))
    of_answer = answer(query, memory, mask, *attention.get_weights())
    found_context, found = map(np.asarray, of_answer)
    expect(found.shape == (2, 5), "One weight for each place: (B, S).")
    expect(close(found.sum(axis=-1), [1, 1]), "The weights of a row sum to 1.")
    expect((found[~mask] == 0).all(), "A place that is masked has the weight 0.")
    expect(
        close(found, alignments), "The score is v · tanh(W₁ q + W₂ m), of each place."
    )
    expect(
        close(found_context, context),
        "The context is the mean of the memory by weight.",
    )


# 2.
def share_of_runs(translation, reference, n):
    of_translation, of_reference = (
        collections.Counter(zip(*(text.split()[i:] for i in range(n)), strict=False))
        for text in (translation, reference)
    )
    return (of_translation & of_reference).total() / of_translation.total()


def check_share_of_runs(answer):
    said = "the cat sat on the mat"
    expect(
        close(answer(said, said, 2), 1.0), "All runs of a perfect translation count."
    )
    expect(
        close(answer("the the the", said, 1), 2 / 3),
        "A run counts at most as often as the reference has it.",
    )
    expect(
        close(answer("the cat on the mat", said, 2), 3 / 4),
        "Of so many words there are n − 1 runs fewer, and the order in a run counts.",
    )


# 3.
def best_of(hypotheses, alpha):
    def score(hypothesis):
        _, log_p, length = hypothesis
        return log_p / ((5 + length) / 6) ** alpha

    return max(hypotheses, key=score)[0]


def check_best_of(answer):
    hypotheses = [("short", -4.0, 3), ("middle", -4.5, 7), ("long", -6.5, 20)]
    expect(answer(hypotheses, 0.0) == "short", "With α = 0 log p alone decides.")
    expect(answer(hypotheses, 1.0) == "long", "log p is divided by ((5 + |y|) / 6)^α.")
    expect(
        answer(hypotheses, 0.4) == "middle",
        "The power is of the whole fraction, and α may be anything.",
    )


MISTAKES = {
    "attend": [
        lambda q, m, mask, W1, W2, v: attend(q, m, mask | True, W1, W2, v),
        lambda q, m, mask, W1, W2, v: attend(2 * q, m, mask, W1, W2, v),
        lambda q, m, mask, W1, W2, v: (
            m.mean(axis=1),
            attend(q, m, mask, W1, W2, v)[1],
        ),
    ],
    "share_of_runs": [
        lambda a, b, n: sum(w in b.split() for w in a.split()) / len(a.split()),
        lambda a, b, n: share_of_runs(b, a, n),
    ],
    "best_of": [
        lambda hypotheses, alpha: hypotheses[0][0],
        lambda hypotheses, alpha: max(hypotheses, key=lambda h: h[1] / h[2])[0],
    ],
}
