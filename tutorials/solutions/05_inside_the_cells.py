"""Answers to the exercises of tutorial 5, and their checks."""

import numpy as np
from exercises import close, expect


# 1.
def auc(values, truth):
    there, elsewhere = values[truth][:, None], values[~truth]
    return (there > elsewhere).mean() + (there == elsewhere).mean() / 2


def check_auc(answer):
    truth = np.array([False, False, True, True])
    expect(close(answer(np.array([1.0, 2, 3, 4]), truth), 1), "A perfect switch has 1.")
    expect(close(answer(np.array([4.0, 3, 2, 1]), truth), 0), "Turned round it has 0.")
    expect(
        close(answer(np.array([1.0, 3, 2, 4]), truth), 0.75),
        "Of four pairs of one that is true and one that is not, three are in order.",
    )
    expect(close(answer(np.zeros(4), truth), 0.5), "Equal values are half a pair.")


# 2.
def search(units, truth):
    half = len(truth) // 2
    scores = np.array([auc(unit[:half], truth[:half]) for unit in units.T])
    unit = int(np.abs(scores - 0.5).argmax())
    sign = 1 if scores[unit] > 0.5 else -1
    return unit, sign, auc(sign * units[half:, unit], truth[half:])


def check_search(answer):
    random = np.random.default_rng(1)
    truth = random.random(400) < 0.4
    units = random.normal(size=(400, 30))
    units[:, 7] -= 2 * truth  # below where the feature is true
    units[200:, 3] += 9 * truth[200:]  # good where nobody may look
    unit, sign, score = answer(units, truth)
    expect(unit != 3, "The second half must not choose.")
    expect(unit == 7, "A unit that is far below 0.5 tells as much as one far above.")
    expect(
        sign == -1, "The sign of that unit is −1: it is low where the feature is true."
    )
    expect(
        close(score, auc(-units[200:, 7], truth[200:])),
        "The score is the AUC, with the sign, on the second half.",
    )


# 3.
def saturated(gate):
    shut = (gate < 0.1).mean(axis=0)  # (U,)
    opened = (gate > 0.9).mean(axis=0)  # (U,)
    return shut, opened


def check_saturated(answer):
    gate = np.array(
        [[0.05, 0.95, 0.5], [0.05, 0.91, 0.99], [0.5, 0.2, 0.7], [0.0, 1.0, 0.3]]
    )
    shut, opened = answer(gate)
    expect(np.shape(shut) == np.shape(opened) == (3,), "One share for each unit: (U,).")
    expect(close(shut, [0.75, 0, 0]), "Shut is below 0.1; the mean is over time.")
    expect(close(opened, [0, 0.75, 0.25]), "Open is above 0.9; the mean is over time.")


MISTAKES = {
    "auc": [
        lambda values, truth: values[truth].mean() > values[~truth].mean(),
        lambda values, truth: 1 - auc(values, truth),
        lambda values, truth: (values[truth][:, None] > values[~truth]).mean(),
    ],
    "search": [
        lambda units, truth: (3, 1, 1.0),
        lambda units, truth: (7, 1, auc(units[200:, 7], truth[200:])),
        lambda units, truth: (*search(units, truth)[:2], auc(-units[:, 7], truth)),
        lambda units, truth: (0, 1, 0.5),
    ],
    "saturated": [
        lambda gate: ((gate < 0.1).mean(axis=1), (gate > 0.9).mean(axis=1)),
        lambda gate: saturated(gate)[::-1],
        lambda gate: (saturated(gate)[0], (gate > 0.5).mean(axis=0)),
    ],
}
