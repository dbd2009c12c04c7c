"""Answers to the exercises of tutorial 12, and their checks."""

from exercises import expect


# 1.
def parameters_of(matrices, inputs, units):
    return matrices * units * (inputs + units + 1)


def check_parameters_of(answer):
    # As Keras counts those of SimpleRNN(5) and LSTM(128).
    for (matrices, inputs, units), expected in {
        (1, 3, 5): 45,
        (4, 64, 128): 98_816,
    }.items():
        expect(
            answer(matrices, inputs, units) == expected,
            "A matrix is applied to the inputs, another one to the state, and a bias added.",
        )


# 2.
def units_within(most, matrices, inputs):
    units = 0
    while parameters_of(matrices, inputs, units + 1) <= most:
        units += 1
    return units


def check_units_within(answer):
    for most, matrices, inputs in (
        (98_816, 4, 64),
        (98_815, 4, 64),
        (45, 1, 3),
        (4, 1, 3),
    ):
        expect(
            answer(most, matrices, inputs) == units_within(most, matrices, inputs),
            "One unit more would be too many, and none may be all that there is room for.",
        )


# 3.
def stopped_after(bits, patience):
    best, since = float("inf"), 0
    for count, value in enumerate(bits, 1):
        best, since = (value, 0) if value < best else (best, since + 1)
        if since == patience:
            return count
    return None


def check_stopped_after(answer):
    for bits, patience, expected in (
        ([3.0, 2.0, 2.5, 2.1, 1.9], 2, 4),
        ([3.0, 2.0, 2.5, 1.9, 2.0], 2, None),
        ([3.0, 3.0, 3.0], 2, 3),
    ):
        expect(
            answer(bits, patience) == expected,
            "A part that is better than all before it begins the count anew; equal is no better.",
        )


MISTAKES = {
    "parameters_of": [
        lambda matrices, inputs, units: matrices * units * (inputs + units),
        lambda matrices, inputs, units: matrices * (inputs + units + 1),
    ],
    "units_within": [
        lambda most, matrices, inputs: units_within(most, matrices, inputs) + 1,
        lambda most, matrices, inputs: most // (matrices * (inputs + 1)),
    ],
    "stopped_after": [
        lambda bits, patience: len(bits),
        lambda bits, patience: bits.index(min(bits)) + 1 + patience,
    ],
}
