"""Answers to the exercises of tutorial 6, and their checks."""

import keras
import numpy as np
from exercises import close, expect


# 1.
def bptt(x, h, U, y):
    delta, dW, dU, db = 0, 0, 0, 0
    for t in range(x.shape[1], 0, -1):
        delta = delta + h[t] - y
        da = delta * (1 - h[t] ** 2)
        dW = dW + x[:, t - 1].T @ da
        dU = dU + h[t - 1].T @ da
        db = db + da.sum(axis=0)
        delta = da @ U.T
    return dW, dU, db


def loss_of(x, W, U, b, y):
    """½ Σ ‖h_t − y‖² over all steps and rows, and the states h_0 ... h_T."""
    h = [np.zeros((len(x), len(U)))]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ W + h[-1] @ U + b))
    return sum(((state - y) ** 2).sum() for state in h[1:]) / 2, np.stack(h)


def check_bptt(answer):
    random = np.random.default_rng(1)
    x, y = random.normal(size=(2, 4, 3)), random.normal(size=(2, 5))
    weights = [0.5 * random.normal(size=shape) for shape in ((3, 5), (5, 5), (5,))]
    _, h = loss_of(x, *weights, y)
    found = answer(x, h, weights[1], y)
    for name, gradient, weight in zip(("W", "U", "b"), found, weights, strict=True):
        # What the loss does when one number is moved a little.
        expected = np.zeros_like(weight)
        for place in np.ndindex(weight.shape):
            losses = []
            for move in (1e-5, -1e-5):
                weight[place] += move
                losses.append(loss_of(x, *weights, y)[0])
                weight[place] -= move
            expected[place] = (losses[0] - losses[1]) / 2e-5
        expect(
            close(gradient, expected, 1e-4),
            f"The gradient of {name} is not how the loss moves: delta is what came back, "
            "plus h − y of each step, and each weight sums over all steps.",
        )


# 2.
matrix = np.array([[0.5, 4.0], [0.0, 0.5]])


def check_matrix(answer):
    expect(np.shape(answer) == (2, 2), "Two rows of two numbers.")
    largest = np.linalg.norm(answer, 2)
    expect(largest >= 2, f"Its largest singular value is {largest:.2f}.")
    size = np.linalg.norm(np.linalg.matrix_power(answer, 200), 2)
    expect(
        size < 1e-3, f"Its power of 200 has the size {size:.1e}: see its eigenvalues."
    )


# 3.
def clip(gradients, c):
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g * min(1, c / norm) for g in gradients]


def check_clip(answer):
    small = [np.array([0.3, 0.0]), np.array([[0.4]])]
    expect(
        all(close(a, g) for a, g in zip(answer(small, 1.0), small, strict=True)),
        "A norm below c is left as it is.",
    )
    large = [10 * g for g in small]
    weights = [keras.Variable(np.zeros_like(g)) for g in large]
    keras.optimizers.SGD(1.0, global_clipnorm=2.0).apply(
        [g.astype("float32") for g in large], weights
    )
    expect(
        all(
            close(a, -w.numpy())
            for a, w in zip(answer(large, 2.0), weights, strict=True)
        ),
        "All gradients get the same factor, by the norm of all together.",
    )


# 4.
def forget_bias(steps):
    f = 0.01 ** (1 / steps)
    return np.log(f / (1 - f))


def check_forget_bias(answer):
    for steps in (10, 100):
        left = (1 / (1 + np.exp(-answer(steps)))) ** steps
        expect(
            close(left, 0.01, 1e-5),
            f"σ(b) to the power of {steps} is {left:.2g}; solve f^k = 0.01, then σ(b) = f.",
        )


MISTAKES = {
    "bptt": [
        lambda x, h, U, y: [
            0 * g if np.ndim(g) == 1 else g for g in bptt(x, h, U, y)
        ],  # no db
        lambda x, h, U, y: bptt(x, h, U.T, y),
        lambda x, h, U, y: bptt(x[:, -1:], h[-2:], U, y),  # the last step alone
    ],
    "matrix": [np.eye(2), 2 * np.eye(2), np.array([[1.0, 4.0], [0.0, 1.0]]), [1, 2]],
    "clip": [
        lambda gradients, c: gradients,
        lambda gradients, c: [np.clip(g, -c, c) for g in gradients],
        lambda gradients, c: [g * min(1, c / np.sqrt((g**2).sum())) for g in gradients],
        lambda gradients, c: [
            g * c / np.sqrt(sum((g**2).sum() for g in gradients)) for g in gradients
        ],
    ],
    "forget_bias": [lambda steps: 1.0, lambda steps: 0.01 ** (1 / steps), np.log],
}
