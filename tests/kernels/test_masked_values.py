"""What masked steps hold reaches neither outputs nor gradients, on any kernel."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.kernels import KERNELS, use_kernel
from kerasrnn.layers import (
    GRU,
    LSTM,
    RNN,
    AttentionCell,
    BahdanauAttention,
    GRUCell,
    SimpleRNN,
)

B, T, D, U = 4, 6, 3, 5
RNG = np.random.default_rng(0)
X = RNG.standard_normal((B, T, D)).astype("float32")
MASK = np.array(
    [[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 1, 1], [0] * 6], bool
)
MEMORY = RNG.standard_normal((B, 2, 4)).astype("float32")


class OwnCell(keras.layers.Layer):
    """A cell that no kernel knows."""

    state_size = U

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], U), name="kernel")

    def call(self, inputs, states):
        h = ops.sqrt(1.0 + ops.square(ops.matmul(inputs, self.kernel) * states[0]))
        return h, [h]


def attending():
    cell = AttentionCell(
        GRUCell(U), BahdanauAttention(4), attention_layer_size=U, input_feeding=True
    )
    return RNN(cell, return_sequences=True)


LAYERS = {
    "simple_rnn": lambda: SimpleRNN(U, activation="relu", return_sequences=True),
    "lstm": lambda: LSTM(U, return_sequences=True),
    "lstm of the last step": lambda: LSTM(U),
    "lstm backwards": lambda: LSTM(U, go_backwards=True, return_sequences=True),
    "lstm with zeros": lambda: LSTM(
        U, return_sequences=True, zero_output_for_mask=True
    ),
    "lstm, unrolled": lambda: LSTM(U, unroll=True, return_sequences=True),
    "lstm with dropout": lambda: LSTM(U, recurrent_dropout=0.3, dropout=0.2, seed=1),
    "gru": lambda: GRU(U, return_sequences=True),
    "gru, reset before": lambda: GRU(U, reset_after=False),
    "gru that grows": lambda: GRU(U, activation="relu", return_sequences=True),
    "a stack": lambda: RNN([GRUCell(4), GRUCell(U)], return_sequences=True),
    "a cell of the user's": lambda: RNN(OwnCell(), return_sequences=True),
    "a decoder": attending,
}


def computing(layer):
    """A function from x to the output and the gradients of x and of the weights."""
    options = {"mask": ops.convert_to_tensor(MASK), "training": True}
    if layer.takes_memory:
        options["memory"] = ops.convert_to_tensor(MEMORY)
    layer(ops.convert_to_tensor(X), **options)
    for weight in layer.weights:
        shape, number = weight.shape, weight.path.count("/")
        values = np.random.default_rng(number).standard_normal(shape)
        if "seed" not in weight.path:
            weight.assign(0.5 * values)
    compute = BACKENDS[keras.backend.backend()](layer, options)
    seeds = [(v, ops.convert_to_numpy(v)) for v in layer.non_trainable_variables]

    def with_the_same_dropout(x):
        for variable, value in seeds:
            variable.assign(value)
        return compute(ops.convert_to_tensor(x))

    return with_the_same_dropout


def on_tensorflow(layer, options):
    import tensorflow as tf

    def compute(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, **options)
            loss = tf.reduce_sum(tf.sin(y))
        return [y, *tape.gradient(loss, [x, *layer.trainable_variables])]

    return compute


def on_jax(layer, options):
    import jax

    def call(x, weights):
        y, _ = layer.stateless_call(
            weights, [v.value for v in layer.non_trainable_variables], x, **options
        )
        return ops.sum(ops.sin(y)), y

    weights = [w.value for w in layer.trainable_variables]
    run = jax.jit(jax.grad(call, argnums=(0, 1), has_aux=True))

    def compute(x):
        (d_x, gradients), y = run(x, weights)
        return [y, d_x, *gradients]

    return compute


def on_torch(layer, options):
    def compute(x):
        x = x.clone().requires_grad_(True)
        y = layer(x, **options)
        layer.zero_grad()
        ops.sum(ops.sin(y)).backward()
        return [y, x.grad, *(v.value.grad for v in layer.trainable_variables)]

    return compute


BACKENDS = {"tensorflow": on_tensorflow, "jax": on_jax, "torch": on_torch}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", LAYERS)
def test_a_masked_step_may_hold_anything(kernel, kind):
    changed = X.copy()
    values = np.resize([np.nan, np.inf, 3e38], (~MASK).sum())
    changed[~MASK] = values[:, None]
    try:
        with use_kernel(kernel):
            # Compiled, where it is, once for both: nothing in it knows the numbers.
            compute = computing(LAYERS[kind]())
            expected, found = (
                [ops.convert_to_numpy(a) for a in compute(x)] for x in (X, changed)
            )
    except ValueError as error:
        assert "cannot run this layer" in str(error)
        return
    assert all(np.isfinite(a).all() for a in expected)
    assert (found[1][~MASK] == 0).all()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
