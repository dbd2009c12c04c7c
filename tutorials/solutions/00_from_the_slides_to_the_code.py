"""Answers to the exercises of tutorial 0, and their checks."""

import numpy as np
from exercises import close, expect

from kerasrnn import layers


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# 1.
def slide_matrix(kernel, recurrent_kernel, bias):
    stacked = np.concatenate([recurrent_kernel, kernel])  # (U + D, 4U)
    i, f, g, o = np.split(stacked, 4, axis=1)
    b_i, b_f, b_g, b_o = np.split(bias, 4)
    matrix = np.concatenate([i, f, o, g], axis=1).T
    column = np.concatenate([b_i, b_f, b_o, b_g])[:, None]
    return matrix, column


def check_slide_matrix(answer):
    x = np.random.default_rng(1).normal(size=(1, 3, 5)).astype("float32")
    layer = layers.LSTM(4)
    expected = np.asarray(layer(x))
    W, b = answer(*layer.get_weights())
    expect(np.shape(W) == (16, 9), f"It has 4U rows and U + D columns, not {W.shape}.")
    expect(np.shape(b) == (16, 1), "The bias is a column.")
    h = c = np.zeros((4, 1))
    for step in x[0]:
        i, f, o, g = np.split(W @ np.concatenate([h, step[:, None]]) + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    expect(
        close(h[:, 0], expected[0]),
        "h comes first in (h; x), and the blocks go from i, f, c, o to i, f, o, g.",
    )


# 2.
def gru_weights(n, D):
    return 3 * (n * n + n * D + n)


units_of_gru = (
    77  # 3 · (77² + 77 · 64 + 77) = 32,802, and 4 · (64² + 64² + 64) = 33,024
)


def size_of(layer, features):
    layer.build((None, None, features))
    return layer.count_params()


def check_gru_weights(answer):
    for n, features in ((4, 4), (3, 7), (1, 1)):
        size = size_of(layers.GRU(n, reset_after=False), features)
        expect(answer(n, features) == size, "Two matrices and a bias, three times.")


def check_units_of_gru(answer):
    lstm = size_of(layers.LSTM(64), 64)
    sizes = [
        size_of(layers.GRU(units, reset_after=False), 64)
        for units in (int(answer), int(answer) + 1)
    ]
    expect(sizes[0] <= lstm, f"That GRU has {sizes[0]:,} numbers, the LSTM {lstm:,}.")
    expect(sizes[1] > lstm, "There is room for more units.")


# 3.
def other_z(W, U, b):
    U_, n = np.array(U), len(U)
    W_, b_ = np.array(W), np.array(b)
    W_[:, :n], U_[:, :n], b_[:n] = -W_[:, :n], -U_[:, :n], -b_[:n]
    return W_, U_, b_


def check_other_z(answer):
    random = np.random.default_rng(1)
    x = random.normal(size=(1, 5, 3)).astype("float32")
    layer = layers.GRU(4, reset_after=False)
    layer.build(x.shape)
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    W, U, b = answer(*layer.get_weights())
    h = np.zeros((1, 4))
    for t in range(5):
        x_z, x_r, x_h = np.split(x[:, t] @ W + b, 3, axis=1)
        U_z, U_r, U_h = np.split(U, 3, axis=1)
        z, r = sigmoid(x_z + h @ U_z), sigmoid(x_r + h @ U_r)
        h = (1 - z) * h + z * np.tanh(x_h + (r * h) @ U_h)
    expect(
        close(h, layer(x)),
        "1 − σ(a) = σ(−a): what makes z is turned, and its bias too.",
    )


MISTAKES = {
    "slide_matrix": [
        lambda W, U, b: (np.concatenate([U, W]).T, b[:, None]),
        lambda W, U, b: (np.concatenate([W, U]), b),
    ],
    "gru_weights": [lambda n, D: 4 * n * (n + D + 1), lambda n, D: 3 * n * (n + D)],
    "units_of_gru": [64, 85, 76],
    "other_z": [lambda W, U, b: (W, U, b), lambda W, U, b: (-W, -U, -b)],
}
