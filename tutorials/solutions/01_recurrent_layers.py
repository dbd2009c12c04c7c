"""Answers to the exercises of tutorial 1, and their checks."""

import numpy as np
from exercises import close, expect

from kerasrnn import layers


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# 1.
def lstm_step(x, h, c, W, U, b):
    i, f, candidate, o = np.split(x @ W + h @ U + b, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
    h = sigmoid(o) * np.tanh(c)
    return h, c


def check_lstm_step(answer):
    x = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
    layer = layers.LSTM(4, return_state=True)
    _, expected_h, expected_c = layer(x)
    h = c = np.zeros((2, 4))
    for t in range(5):
        h, c = answer(x[:, t], h, c, *layer.get_weights())
    expect(
        close(c, expected_c),
        "c is wrong: gates go through σ, the candidate through tanh; f keeps, i writes.",
    )
    expect(close(h, expected_h), "c is right, h is not: which gate lets it out?")


# 2.
shapes = [(16, 30, 8), (16, 4)]
numbers = [448, 168]  # 4 · (8 · 8 + 5 · 8 + 8), and 3 · (4 · 4 + 8 · 4 + 2 · 4)


def asked_about():
    first, second = layers.LSTM(8, return_sequences=True), layers.GRU(4)
    outputs = first(np.zeros((16, 30, 5), "float32"))
    return (first, outputs), (second, second(outputs))


def check_shapes(answer):
    expected = [tuple(outputs.shape) for _, outputs in asked_about()]
    found = [tuple(shape) for shape in answer]
    expect(len(found) == 2, "Two layers have two outputs.")
    expect(found[0] == expected[0], "The first layer answers at every step.")
    expect(found[1] == expected[1], "The second layer answers once, with its units.")


def check_numbers(answer):
    expected = [layer.count_params() for layer, _ in asked_about()]
    expect(
        list(answer)[:1] == expected[:1], "An LSTM has four times W, U and b; D is 5."
    )
    expect(
        list(answer) == expected,
        "A GRU has three times W, U and *two* biases; what is its D?",
    )


# 3.
def masked_mean(outputs, mask):
    mask = mask[..., None]
    return (outputs * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)


def check_masked_mean(answer):
    outputs = np.random.default_rng(1).normal(size=(3, 4, 2))
    mask = np.array([[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool)
    found = np.asarray(answer(outputs, mask))
    expected = [outputs[row, mask[row]].mean(axis=0) for row in range(2)]
    expect(found.shape == (3, 2), "One vector a row: (B, U).")
    expect(close(found[:2], expected), "Divide by the number of steps that count.")
    expect(close(found[2], [0, 0]), "Where no step counts, nothing is divided by 0.")


MISTAKES = {
    "lstm_step": [
        lambda x, h, c, W, U, b: (h, c),
        lambda x, h, c, W, U, b: lstm_step(x, h, c, W, U, b)[::-1],
        lambda x, h, c, W, U, b: (lstm_step(x, h, c, W, U, b)[1] * 0.5, c),
    ],
    "shapes": [[(16, 30, 8), (16, 30, 4)], [(16, 8), (16, 4)], [(16, 4)]],
    "numbers": [[416, 168], [448, 156], [448, 132]],
    "masked_mean": [
        lambda outputs, mask: outputs.mean(axis=1),
        lambda outputs, mask: (outputs * mask[..., None]).mean(axis=1),
        lambda outputs, mask: masked_mean(outputs, mask) + ~mask.any(axis=1)[:, None],
    ],
}
