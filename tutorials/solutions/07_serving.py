"""Answers to the exercises of tutorial 7, and their checks."""

import keras
import numpy as np
from exercises import close, expect

from kerasrnn import layers
from kerasrnn.export import streaming


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# 1.
def one_step(x, h, c, W, R, B):
    gates = W @ x + R @ h + B[: len(B) // 2] + B[len(B) // 2 :]  # (4U,)
    i, o, f, g = np.split(gates, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, c


def of_onnx(blocks):
    """Keras's blocks i, f, c, o of the last axis as ONNX has them: i, o, f, c."""
    i, f, g, o = np.split(blocks, 4, axis=-1)
    return np.concatenate([i, o, f, g], axis=-1).T


def check_one_step(answer):
    random = np.random.default_rng(1)
    signal = random.normal(size=(1, 6, 3)).astype("float32")
    layer = layers.LSTM(5)
    expected = np.asarray(layer(signal))[0]
    W, R, b = map(of_onnx, layer.get_weights())
    of_recurrence = random.normal(size=20)  # two halves that sum to the layer's bias
    B = np.concatenate([b - of_recurrence, of_recurrence])
    h = c = np.zeros(5)
    for x in signal[0]:
        h, c = answer(x, h, c, W, R, B)
    expect(
        close(h, expected), "The blocks come as i, o, f, g: which one makes the output?"
    )


# 2.
def lengths(ids):
    return (ids != 0).sum(axis=1)


def check_lengths(answer):
    ids = np.array([[4, 9, 2, 0], [5, 0, 0, 0], [0, 0, 0, 0], [1, 2, 3, 4]])
    expect(list(answer(ids)) == [3, 1, 0, 4], "Count what is not padding, in each row.")


# 3.
can_stream = {"a GRU, then Dense", "two LSTMs"}


def check_can_stream(answer):
    candidates = {
        "a GRU, then Dense": [
            layers.GRU(3, return_sequences=True),
            keras.layers.Dense(2),
        ],
        "an LSTM that goes backwards": [layers.LSTM(3, go_backwards=True)],
        "two LSTMs": [layers.LSTM(3, return_sequences=True), layers.LSTM(3)],
        "a convolution, then a GRU": [keras.layers.Conv1D(3, 3), layers.GRU(3)],
    }
    for name, stack in candidates.items():
        model = keras.Sequential([keras.Input((None, 4)), *stack])
        try:
            streaming(model)
        except ValueError as error:
            expect(name not in answer, f"{name}: {error}")
        else:
            expect(name in answer, f"{name}: what would it have to wait for?")


MISTAKES = {
    "one_step": [
        lambda x, h, c, W, R, B: (h, c),
        lambda x, h, c, W, R, B: one_step(x, h, c, W, R, np.tile(B[: len(B) // 2], 2)),
        lambda x, h, c, W, R, B: one_step(
            x, h, c, np.roll(W, 5, axis=0), np.roll(R, 5, axis=0), B
        ),
    ],
    "lengths": [lambda ids: [4, 4, 4, 4], lambda ids: ids.sum(axis=1)],
    "can_stream": [
        set(),
        {"a GRU, then Dense"},
        {*can_stream, "an LSTM that goes backwards"},
    ],
}
