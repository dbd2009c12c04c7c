"""Answers to the exercises of tutorial 11, and their checks."""

import numpy as np
from exercises import close, expect


# 1.
def masked_attention(Q, K, V, mask):
    scores = Q @ K.T / np.sqrt(K.shape[-1])  # (T, S)
    scores = np.where(mask, scores, -np.inf)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)  # (T, S)
    return weights @ V, weights


def check_masked_attention(answer):
    random = np.random.default_rng(1)
    Q, K, V = (random.normal(size=shape) for shape in ((3, 9), (5, 9), (5, 4)))
    mask = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
    found, weights = map(np.asarray, answer(Q, K, V, mask))
    expect(weights.shape == (3, 5), "One weight for each query and each key: (T, S).")
    expect(close(weights.sum(axis=-1), np.ones(3)), "The weights of a query sum to 1.")
    expect((weights[~mask] == 0).all(), "Where the mask is False the weight is 0.")
    expected, right = masked_attention(Q, K, V, mask)
    expect(close(weights, right), "Divide by √d, of 9 numbers, before the softmax.")
    expect(close(found, expected), "The values are averaged, and not the keys.")


# 2.
def in_heads(x, H):
    B, T, U = x.shape
    return x.reshape(B, T, H, U // H).transpose(0, 2, 1, 3)


def check_in_heads(answer):
    x = np.arange(2 * 3 * 8.0).reshape(2, 3, 8)
    found = np.asarray(answer(x, 4))
    expect(found.shape == (2, 4, 3, 2), "The shape is (B, H, T, U / H).")
    for j in range(4):
        expect(
            close(found[:, j], x[:, :, 2 * j : 2 * j + 2]),
            "A head has neighbouring units of each step; steps do not mix.",
        )


# 3.
def plain_identity(U):
    return np.eye(U), np.eye(U)


def residual_identity(U):
    return np.ones((U, U)), np.zeros((U, U))


def identity_is(answer, adds, hint):
    x = np.random.default_rng(1).normal(size=(7, 5))
    if not adds:
        x = np.abs(x)
    W1, W2 = map(np.asarray, answer(5))
    y = np.maximum(x @ W1, 0) @ W2 + adds * x
    expect(close(y, x), hint)


def check_plain_identity(answer):
    identity_is(
        answer, False, "y = relu(x W₁) W₂ must be x, where no number of x is below 0."
    )


def check_residual_identity(answer):
    identity_is(
        answer, True, "y = x + relu(x W₁) W₂ must be x, for any x: add nothing."
    )


# 4.
def multiplications(T, U):
    return 4 * T * U**2 + 2 * T**2 * U


same_work = 64


def check_multiplications(answer):
    expect(
        answer(1, 8) == 4 * 64 + 16,
        "Four matrices of U × U at each step; the scores, and the mean of the values.",
    )
    expect(
        answer(100, 8) == 4 * 100 * 64 + 2 * 100**2 * 8,
        "Each step is scored with each.",
    )


def check_same_work(answer):
    expect(
        answer == 64,
        "The LSTM takes 2 · 4U² at each step. Solve 8 T U² = 4 T U² + 2 T² U.",
    )


MISTAKES = {
    "masked_attention": [
        lambda Q, K, V, mask: masked_attention(Q, K, V, mask | True),
        lambda Q, K, V, mask: masked_attention(3 * Q, K, V, mask),
        lambda Q, K, V, mask: (
            K.mean() + 0 * masked_attention(Q, K, V, mask)[0],
            masked_attention(Q, K, V, mask)[1],
        ),
        lambda Q, K, V, mask: [part.T for part in masked_attention(Q, K, V, mask)],
    ],
    "in_heads": [
        lambda x, H: x.reshape(len(x), H, x.shape[1], -1),
        lambda x, H: x.reshape(*x.shape[:2], -1, H).transpose(0, 3, 1, 2),
        lambda x, H: x.reshape(*x.shape[:2], H, -1),
    ],
    "plain_identity": [
        lambda U: (np.zeros((U, U)), np.zeros((U, U))),
        lambda U: (-np.eye(U), -np.eye(U)),
    ],
    "residual_identity": [
        lambda U: (np.eye(U), np.eye(U)),
        lambda U: (np.ones((U, U)), np.ones((U, U))),
    ],
    "multiplications": [
        lambda T, U: 3 * T * U**2 + 2 * T**2 * U,
        lambda T, U: 4 * T * U**2 + T * U,
    ],
    "same_work": [32, 128],
}
