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


def numbers(layer, x, training=True):
    """The output, and the gradients of x and of the weights."""
    options = {"mask": ops.convert_to_tensor(MASK), "training": training}
    if layer.takes_memory:
        options["memory"] = ops.convert_to_tensor(MEMORY)
    if not layer.built:
        layer(ops.convert_to_tensor(X), **options)
    for weight in layer.weights:
        shape, number = weight.shape, weight.path.count("/")
        values = np.random.default_rng(number).standard_normal(shape)
        if "seed" not in weight.path:
            weight.assign(0.5 * values)
    weights = [w.value for w in layer.trainable_variables]
    x = ops.convert_to_tensor(x)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, **options)
            loss = tf.reduce_sum(tf.sin(y))
        found = [y, *tape.gradient(loss, [x, *layer.trainable_variables])]
    elif keras.backend.backend() == "jax":
        import jax

        def call(x, weights):
            y, _ = layer.stateless_call(
                weights, [v.value for v in layer.non_trainable_variables], x, **options
            )
            return ops.sum(ops.sin(y)), y

        of_all, y = jax.grad(call, argnums=(0, 1), has_aux=True)(x, weights)
        found = [y, of_all[0], *of_all[1]]
    else:
        x = x.clone().requires_grad_(True)
        y = layer(x, **options)
        layer.zero_grad()
        ops.sum(ops.sin(y)).backward()
        grads = [v.value.grad for v in layer.trainable_variables]
        found = [y, x.grad, *grads]
    return [ops.convert_to_numpy(a) for a in found]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", LAYERS)
def test_a_masked_step_may_hold_anything(kernel, kind):
    def run(x):
        layer = LAYERS[kind]()
        with use_kernel(kernel):
            return numbers(layer, x)

    try:
        expected = run(X)
    except ValueError as error:
        assert "cannot run this layer" in str(error)
        return
    assert all(np.isfinite(a).all() for a in expected)
    changed = X.copy()
    values = np.resize([np.nan, np.inf, 3e38], (~MASK).sum())
    changed[~MASK] = values[:, None]
    found = run(changed)
    assert (found[1][~MASK] == 0).all()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
