"""Answers to the exercises of tutorial 8, and their checks."""

import itertools

import numpy as np
from exercises import close, expect


# 1.
def ceiling(counts, commonest, words, tags):
    possible = [
        tag in counts[word] if word in counts else tag == commonest
        for word, tag in zip(words, tags, strict=True)
    ]
    return np.mean(possible)


def check_ceiling(answer):
    counts = {"the": {"at": 90}, "can": {"md": 8, "nn": 2}}
    given = [
        ("the", "at"),
        ("can", "nn"),
        ("can", "vb"),
        ("fish", "nn"),
        ("fish", "vb"),
    ]
    words, tags = zip(*given, strict=True)
    expect(
        close(answer(counts, "nn", words[:3], tags[:3]), 2 / 3),
        "A tag is possible where the word had it once, not where it had it most.",
    )
    expect(
        close(answer(counts, "nn", words, tags), 3 / 5), "A new word has one guess, nn."
    )


# 2.
def viterbi(e, A, start, end):
    delta, came_from = start + e[0], []
    for step in e[1:]:
        pairs = delta[:, None] + A  # (C, C)
        came_from.append(pairs.argmax(axis=0))
        delta = pairs.max(axis=0) + step
    y = [int((delta + end).argmax())]
    for before in reversed(came_from):
        y.append(int(before[y[-1]]))
    return y[::-1]


def best_of_all(e, A, start, end):
    """The best sequence of labels, by trying all of them."""

    def score(y):
        inside = sum(e[t, label] for t, label in enumerate(y))
        return (
            start[y[0]] + inside + sum(A[p] for p in itertools.pairwise(y)) + end[y[-1]]
        )

    return list(max(itertools.product(range(len(A)), repeat=len(e)), key=score))


def check_viterbi(answer):
    for seed in range(5):
        random = np.random.default_rng(seed)
        given = [
            3 * random.normal(size=shape) for shape in ((6, 3), (3, 3), (3,), (3,))
        ]
        expect(
            [int(label) for label in answer(*given)] == best_of_all(*given),
            "Where did the best score of each label come from? Mind start and end.",
        )


# 3.
BIO = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
may_follow = np.array([[b[0] != "I" or a[1:] == b[1:] for b in BIO] for a in BIO])
may_begin = np.array([label[0] != "I" for label in BIO])


def check_may_follow(answer):
    expect(np.shape(answer) == (5, 5), "A row for each label, a column for each label.")
    for (row, before), (column, after) in itertools.product(enumerate(BIO), repeat=2):
        sound = after[0] != "I" or after[1:] == before[1:]
        expect(
            bool(answer[row][column]) == sound,
            f"{after} after {before} is {'sound' if sound else 'not sound'}.",
        )


def check_may_begin(answer):
    expect(np.shape(answer) == (5,), "One for each label.")
    for label, may in zip(BIO, answer, strict=True):
        expect(bool(may) == (label[0] != "I"), f"Can a sentence begin with {label}?")


MISTAKES = {
    "ceiling": [
        lambda counts, commonest, words, tags: np.mean(
            [
                tag == max(counts.get(word, [commonest]), key=counts.get(word, {}).get)
                if word in counts
                else tag == commonest
                for word, tag in zip(words, tags, strict=True)
            ]
        ),
        lambda counts, commonest, words, tags: np.mean(
            [t in counts.get(w, ()) for w, t in zip(words, tags, strict=True)]
        ),
    ],
    "viterbi": [
        lambda e, A, start, end: e.argmax(axis=1),
        lambda e, A, start, end: viterbi(e, A.T, start, end),
        lambda e, A, start, end: viterbi(e, A, start, 0 * end),
    ],
    "may_follow": [np.ones((5, 5), bool), may_follow.T, [True] * 5],
    "may_begin": [np.ones(5, bool), ~may_begin],
}
