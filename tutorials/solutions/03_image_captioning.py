"""Answers to the exercises of tutorial 3, and their checks."""

import numpy as np
from exercises import close, expect


# 1.
def rareness(word, captions):
    pictures = sum(any(word in text.split() for text in texts) for texts in captions)
    return np.log(len(captions) / max(1, pictures))


def check_rareness(answer):
    captions = [
        ["a cat", "a sleeping cat"],
        ["a dog"],
        ["the dog", "a hot dog"],
        ["cats"],
    ]
    expect(
        close(answer("a", captions), np.log(4 / 3)), "log N / pictures with the word."
    )
    expect(close(answer("cat", captions), np.log(4)), "Whole words, and pictures once.")
    expect(close(answer("dog", captions), np.log(2)), "Count pictures, not captions.")
    expect(
        close(answer("zebra", captions), np.log(4)), "A new word counts as one of one."
    )


# 2.
def looked_at(weights):
    row, column = divmod(int(np.argmax(weights)), 7)
    return 32 * row + 16, 32 * column + 16


def check_looked_at(answer):
    for place, expected in ((0, (16, 16)), (8, (48, 48)), (13, (48, 208))):
        weights = np.full(49, 0.01)
        weights[place] = 0.52
        expect(
            tuple(answer(weights)) == expected,
            f"Place {place} has its middle at {expected}: a place is 32 pixels wide.",
        )


# 3.
def leaked(groups, of_test):
    others = {group for group, test in zip(groups, of_test, strict=True) if not test}
    tests = [group for group, test in zip(groups, of_test, strict=True) if test]
    return sum(group in others for group in tests) / len(tests)


def check_leaked(answer):
    groups = ["a", "a", "b", "c", "c", "c", "d"]
    expect(
        close(answer(groups, [1, 0, 1, 1, 1, 0, 1]), 3 / 5),
        "Of five test pictures three have a relative among the others.",
    )
    expect(
        close(answer(groups, [1, 1, 0, 0, 0, 0, 0]), 0),
        "Relatives that are both test pictures are no leak.",
    )


MISTAKES = {
    "rareness": [
        lambda word, captions: np.log(
            len(captions) / max(1, sum(word in " ".join(texts) for texts in captions))
        ),
        lambda word, captions: np.log(
            len(captions)
            / max(1, sum(" ".join(t).split().count(word) for t in captions))
        ),
    ],
    "looked_at": [
        lambda weights: divmod(int(np.argmax(weights)), 7),
        lambda weights: looked_at(weights)[::-1],
    ],
    "leaked": [
        lambda groups, of_test: 0.5,
        lambda groups, of_test: (
            sum(groups.count(g) > 1 for g, t in zip(groups, of_test, strict=True) if t)
            / sum(of_test)
        ),
    ],
}
