"""Answers to the exercises of tutorial 10, and their checks."""

import keras
import numpy as np
from exercises import close, expect


# 1.
def pixel_of(location, height, width):
    row, column = (np.asarray(location) + 1) / 2 * [height, width]
    return min(int(row), height - 1), min(int(column), width - 1)


def check_pixel_of(answer):
    asked = {(-1, 1): (0, 59), (0, 0): (50, 30), (0.5, -0.5): (75, 15)}
    for location, expected in asked.items():
        expect(
            tuple(answer(location, 100, 60)) == expected,
            "−1 is the upper or left edge; what is the last pixel's number?",
        )


# 2.
def of_hidden_layer(n):
    return n * n * 48


def of_window(n):
    places = ((n - 3) // 2 + 1) ** 2
    return places * 3 * 3 * 2 * 16


def check_of_hidden_layer(answer):
    expect(
        answer(100) == 480_000,
        "Each unit takes one for each number that the layer sees.",
    )
    expect(answer(7) == 49 * 48, "It grows with the area of the canvas.")


def check_of_window(answer):
    for n in (14, 9, 8):
        layer = keras.layers.Conv2D(16, 3, strides=2)
        rows, columns = layer(np.zeros((1, n, n, 2), "float32")).shape[1:3]
        expect(
            answer(n) == rows * columns * layer.kernel.numpy().size,
            "How often does the kernel fit in, and how many numbers has it?",
        )


# 3.
def sees_nothing(corners, side):
    first, last = 50 - side / 2, 50 + side / 2
    outside = (corners >= last) | (corners + 28 <= first)  # (N, 2)
    return outside.any(axis=1).mean()


def check_sees_nothing(answer):
    corners = np.random.default_rng(1).integers(0, 73, (500, 2))
    for side in (14, 40):
        window = np.zeros((100, 100), bool)
        window[50 - side // 2 : 50 + side // 2, 50 - side // 2 : 50 + side // 2] = True
        seen = [window[y : y + 28, x : x + 28].any() for y, x in corners]
        expect(
            close(answer(corners, side), 1 - np.mean(seen)),
            "On which side of the window may a digit of 28 × 28 be? It may be two at once.",
        )


MISTAKES = {
    "pixel_of": [
        lambda at, height, width: (int((at[0] + 1) / 2 * height), 0),
        lambda at, height, width: pixel_of(at[::-1], width, height),
    ],
    "of_hidden_layer": [lambda n: n * 48, lambda n: 480_000],
    "of_window": [lambda n: n * n * 3 * 3 * 2 * 16, lambda n: of_window(n) // 2],
    "sees_nothing": [
        lambda corners, side: (corners >= 50 + side / 2).any(axis=1).mean(),
        lambda corners, side: 1 - sees_nothing(corners, side),
    ],
}
