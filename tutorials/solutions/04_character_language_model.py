"""Answers to the exercises of tutorial 4, and their checks."""

import keras
import numpy as np
from exercises import close, expect

from kerasrnn import layers


def softmax(logits):
    e = np.exp(logits - np.max(logits))
    return e / e.sum()


# 1.
def read_letter(number, h, W, U, b, W_o, b_o):
    h = np.tanh(W[number] + h @ U + b)  # (U,)
    p = softmax(h @ W_o + b_o)  # (V,)
    return h, p


def check_read_letter(answer):
    keras.utils.set_random_seed(1)
    recurrent = layers.SimpleRNN(3, return_sequences=True)
    output = keras.layers.Dense(6, activation="softmax")
    ids = [2, 3, 4, 4, 5]
    recurrent.build((None, None, 6))
    recurrent.cell.bias.assign([0.1, -0.2, 0.3])
    states = recurrent(np.eye(6, dtype="float32")[ids][None])
    expected = np.asarray(output(states))[0]
    h = np.zeros(3)
    for t, number in enumerate(ids):
        h, p = answer(number, h, *recurrent.get_weights(), *output.get_weights())
        expect(
            close(h, np.asarray(states)[0, t]),
            "A one-hot vector times W is a row of W; add h U and b, and take tanh.",
        )
        expect(
            close(p, expected[t]),
            "The state is right; p is the softmax of h W_o + b_o.",
        )


# 2.
def bits_of(p):
    return -np.log2(p).mean()


def perplexity_of(p):
    return np.exp(-np.log(p).mean())


def check_bits_of(answer):
    expect(close(answer(np.array([0.5, 0.5, 0.25])), 4 / 3), "The mean of −log₂ p.")


def check_perplexity_of(answer):
    expect(
        close(answer(np.array([0.1, 0.1])), 10.0),
        "One in ten each time is a perplexity of 10.",
    )
    expect(
        close(answer(np.array([0.5, 0.125])), 4.0),
        "It is 2 to the power of the bits: a geometric mean.",
    )


# 3.
def top_k(logits, tau, k):
    p = softmax(np.asarray(logits) / tau)
    p = np.where(p >= np.sort(p)[-k], p, 0)
    return p / p.sum()


def check_top_k(answer):
    logits = np.array([1.0, 3.0, 2.0, -1.0])
    expect(close(answer(logits, 1.0, 4), softmax(logits)), "With all letters: softmax.")
    expect(
        close(answer(logits, 0.5, 4), softmax(2 * logits)),
        "The logits are divided by τ.",
    )
    found = np.asarray(answer(logits, 1.0, 2))
    expect(
        (found > 0).tolist() == [False, True, True, False], "Only k letters are left."
    )
    expect(close(found.sum(), 1), "What is left sums to 1 again.")


# 4.
def batch_of(ids, rows, chunk, step):
    each = len(ids) // rows
    starts = each * np.arange(rows) + chunk * step
    at = starts[:, None] + np.arange(chunk)  # (B, T)
    before = np.concatenate([[0], ids])  # before[t] stands before ids[t]
    return before[at], ids[at]


def check_batch_of(answer):
    ids = np.arange(2, 2 + 31)
    inputs, targets = map(np.asarray, answer(ids, 3, 4, 0))
    expect(targets.shape == inputs.shape == (3, 4), "Both are (B, T).")
    expect(
        targets[0].tolist() == [2, 3, 4, 5], "The first reader begins at the beginning."
    )
    expect(targets[:, 0].tolist() == [2, 12, 22], "Each reader has 31 // 3 letters.")
    expect(
        inputs[0].tolist() == [0, 2, 3, 4],
        "Inputs are the letters before; 0 stands before the first.",
    )
    expect(inputs[1, 0] == 11, "A reader's first input is the letter before its part.")
    inputs, targets = map(np.asarray, answer(ids, 3, 4, 1))
    expect(
        targets[:, 0].tolist() == [6, 16, 26] and inputs[:, 0].tolist() == [5, 15, 25],
        "In the next batch each reader goes on where it stopped.",
    )


MISTAKES = {
    "read_letter": [
        lambda n, h, W, U, b, W_o, b_o: read_letter(n, h, W, U, 0, W_o, b_o),
        lambda n, h, W, U, b, W_o, b_o: read_letter(n, 0 * h, W, U, b, W_o, b_o),
        lambda n, h, W, U, b, W_o, b_o: read_letter(n, h, W, U, b, W_o, b_o + W_o[0]),
    ],
    "bits_of": [lambda p: -np.log(p).mean(), lambda p: -np.log2(p.mean())],
    "perplexity_of": [lambda p: 2 ** -np.log(p).mean(), lambda p: (1 / p).mean()],
    "top_k": [
        lambda logits, tau, k: softmax(logits / tau),
        lambda logits, tau, k: top_k(logits, 1.0, k),
        lambda logits, tau, k: softmax(logits / tau) * (top_k(logits, tau, k) > 0),
    ],
    "batch_of": [
        lambda ids, rows, chunk, step: batch_of(ids, rows, chunk, 0),
        lambda ids, rows, chunk, step: batch_of(ids, rows, chunk, step)[::-1],
        lambda ids, rows, chunk, step: (
            ids[: rows * chunk].reshape(rows, chunk),
            ids[1 : rows * chunk + 1].reshape(rows, chunk),
        ),
    ],
}
