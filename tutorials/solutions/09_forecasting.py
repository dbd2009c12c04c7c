"""Answers to the exercises of tutorial 9, and their checks."""

import numpy as np
from exercises import close, expect


# 1.
def double_smoothing(u, alpha, beta):
    level, slope = u[0], u[1] - u[0]
    for value in u[1:]:
        before = level
        level = alpha * value + (1 - alpha) * (level + slope)
        slope = beta * (level - before) + (1 - beta) * slope
    return level, slope


def check_double_smoothing(answer):
    line = 3.0 + 0.5 * np.arange(20)
    expect(
        close(answer(line, 0.3, 0.2), [line[-1], 0.5]),
        "On a straight line the level is the last number and the slope that of the line.",
    )
    expect(
        close(answer(np.array([0.0, 1.0, 4.0]), 0.5, 0.5), [3.0, 1.5]),
        "The level is smoothed with level + slope, the slope with the level's last move.",
    )


# 2.
def least_squared(sample):
    return np.mean(sample)


def least_absolute(sample):
    return np.median(sample)


SAMPLE = np.array([1.0, 2.0, 3.0, 10.0, 40.0])
AROUND = np.linspace(0, 41, 4101)


def check_least_squared(answer):
    errors = [np.square(SAMPLE - c).mean() for c in AROUND]
    expect(
        close(answer(SAMPLE), AROUND[np.argmin(errors)], 0.01),
        "Set the derivative of Σ (u − c)² by c to zero.",
    )


def check_least_absolute(answer):
    errors = [np.abs(SAMPLE - c).mean() for c in AROUND]
    expect(
        close(answer(SAMPLE), AROUND[np.argmin(errors)], 0.01),
        "A step to the right helps as long as more of the sample is on the right.",
    )


# 3.
def leaky(past, future):
    return np.full(len(future), np.concatenate([past, future]).mean())


def check_leaky(answer):
    found = answer(np.full(30, 10.0), np.full(18, 90.0))
    expect(np.shape(found) == (18,), "As many numbers as the future has.")
    expect(close(found, np.full(18, 40.0)), "It is the mean of all 48 numbers.")


# 4.
def widening(y, point, low, high):
    width = np.where(y > point, high - point, point - low)
    return np.quantile(np.abs(y - point) / width, 0.8)


def check_widening(answer):
    random = np.random.default_rng(1)
    point = random.normal(size=(500, 4))
    low = point - random.uniform(0.5, 1.0, size=(500, 4))
    high = point + random.uniform(1.0, 2.0, size=(500, 4))
    y = point + 2 * random.normal(size=(500, 4))
    factor = float(answer(y, point, low, high))
    below = point - factor * (point - low)
    above = point + factor * (high - point)
    held = ((y >= below) & (y <= above)).mean()
    expect(abs(held - 0.8) < 0.005, f"With {factor:.2f} it holds {held:.1%}.")


MISTAKES = {
    "double_smoothing": [
        lambda u, alpha, beta: (u[-1], u[1] - u[0]),
        lambda u, alpha, beta: (u[-1], u[-1] - u[-2]),
        lambda u, alpha, beta: (u.mean(), 0.0),
    ],
    "least_squared": [np.median, np.max],
    "least_absolute": [np.mean, np.min],
    "leaky": [
        lambda past, future: np.full(len(future), past.mean()),
        lambda past, future: future.mean(),
    ],
    "widening": [
        lambda y, point, low, high: 1.0,
        lambda y, point, low, high: ((y >= low) & (y <= high)).mean() / 0.8,
    ],
}
