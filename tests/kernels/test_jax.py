"""JAX's loop with a backward pass of its own, against the definition."""

import keras
import numpy as np
import pytest
from packed_agreement import (
    FLAGS,
    MASK,
    H,
    U,
    X,
    half_differences,
    half_of,
    layer_of,
    results,
)

from kerasrnn.kernels import use_kernel
from kerasrnn.layers import GRU, LSTM, RNN, LSTMCell, SimpleRNN

if keras.backend.backend() != "jax":
    pytest.skip("of the JAX backend", allow_module_level=True)

import jax
import jax.numpy as jnp

from kerasrnn.kernels import jax as jax_kernel

BACKWARDS = {"go_backwards": True, "return_sequences": True}
ZEROS = {"zero_output_for_mask": True, "return_sequences": True}
DROPOUT = {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 7}
# Class, options, whether there is a mask.
CASES = {
    "simple_rnn": (SimpleRNN, {}, False),
    "simple_rnn, relu": (SimpleRNN, {"activation": "relu", **ZEROS}, True),
    "simple_rnn with dropout": (SimpleRNN, {**DROPOUT, **BACKWARDS}, True),
    "lstm": (LSTM, BACKWARDS, False),
    "lstm, masked": (LSTM, BACKWARDS, True),
    "lstm of the last step": (LSTM, {}, True),
    "lstm with zeros": (LSTM, ZEROS, True),
    "lstm, other activations": (
        LSTM,
        {"activation": "sigmoid", "recurrent_activation": "relu"},
        True,
    ),
    "lstm without bias": (LSTM, {"use_bias": False, "activation": "linear"}, False),
    "lstm with dropout": (LSTM, {**DROPOUT, **BACKWARDS}, True),
    "lstm with dropout of x": (LSTM, {"dropout": 0.4, "implementation": 1}, False),
    "gru": (GRU, BACKWARDS, False),
    "gru, masked": (GRU, ZEROS, True),
    "gru without bias": (GRU, {"use_bias": False}, True),
    "gru with dropout": (GRU, {**DROPOUT, "return_sequences": True}, True),
    "gru, reset before": (GRU, {"reset_after": False, **BACKWARDS}, True),
    "gru, reset before, with dropout": (GRU, {"reset_after": False, **DROPOUT}, False),
}


def built(layer_class, options):
    layer = layer_class(
        U, return_state=True, bias_initializer="random_normal", **options
    )
    layer.build(X.shape)
    return layer


@pytest.mark.parametrize("case", CASES)
def test_it_equals_the_definition(case):
    layer_class, options, masked = CASES[case]
    layer, mask = built(layer_class, options), MASK if masked else None
    with use_kernel("jax"):
        assert layer.explain().startswith("kernel: jax\n")
    found, expected = (results(layer, k, mask) for k in ("jax", "reference"))
    for a, b in zip(found, expected, strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)


@pytest.mark.parametrize(
    "name, policy", [("LSTM", "mixed_bfloat16"), ("GRU", "mixed_float16")]
)
def test_half_precision_is_as_near_float32_as_the_definition(name, policy):
    ours, definition = half_differences(name, policy, "jax")
    assert ours <= definition
    half = half_of(layer_of(name, FLAGS[6]), policy)
    for a in half(X):
        assert keras.backend.standardize_dtype(a.dtype) == policy.removeprefix("mixed_")


def output_of(layer, kernel):
    """The layer as a function of x and of its weights."""

    def call(x, weights):
        with use_kernel(kernel):
            found, _ = layer.stateless_call(
                weights,
                [v.value for v in layer.non_trainable_variables],
                x,
                mask=jnp.asarray(MASK),
                training=True,
            )
        return found[0]

    return call


@pytest.mark.parametrize(
    "layer_class, options", [(LSTM, BACKWARDS), (GRU, {"reset_after": False})]
)
def test_second_order_gradients_equal_the_definition(layer_class, options):
    layer = built(layer_class, options)
    weights = [v.value for v in layer.trainable_variables]

    def second(kernel):
        def loss(x, weights):
            return jnp.sin(output_of(layer, kernel)(x, weights)).sum()

        def penalty(x, weights):
            gradients = jax.grad(loss, argnums=(0, 1))(x, weights)
            return sum(jnp.square(g).sum() for g in jax.tree.leaves(gradients))

        return jax.tree.leaves(jax.jit(jax.grad(penalty, argnums=(0, 1)))(X, weights))

    for a, b in zip(second("jax"), second("reference"), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * max(np.abs(b).max(), 1.0))


def test_under_vmap_and_checkpoint_it_gives_the_same():
    layer = built(LSTM, BACKWARDS)
    weights = [v.value for v in layer.trainable_variables]
    call = output_of(layer, "jax")

    def loss(x):
        return jnp.sin(call(x, weights)).sum()

    xs = jnp.stack([X, 2 * X])
    gradients = jax.jit(jax.vmap(jax.grad(loss)))(xs)
    remade = jax.jit(jax.grad(jax.checkpoint(loss)))
    for x, g in zip(xs, gradients, strict=True):
        np.testing.assert_allclose(g, remade(x), atol=1e-6)


def test_calls_outside_of_jit_compile_once(monkeypatch):
    traced, forward = [], jax_kernel.forward

    def counted(*arguments, **options):
        traced.append(arguments[0])
        return forward(*arguments, **options)

    monkeypatch.setattr(jax_kernel, "forward", counted)
    layer = RNN(LSTMCell(11))  # a size that no other test has
    with use_kernel("jax"):
        for _ in range(3):
            layer(X)
        assert len(traced) == 1
        RNN(LSTMCell(11))(X)
    assert len(traced) == 1


def test_a_model_learns_the_same_as_with_the_definition():
    def losses(kernel):
        keras.utils.set_random_seed(1)
        layers = [LSTM(U, return_sequences=True, dropout=0.2, seed=3), GRU(1)]
        model = keras.Sequential([keras.Input(X.shape[1:]), *layers])
        model.compile("adam", "mse", jit_compile=True)
        with use_kernel(kernel):
            return model.fit(X, H[:, :1], epochs=3, verbose=0).history["loss"]

    np.testing.assert_allclose(losses("jax"), losses("reference"), rtol=1e-5)


@pytest.mark.parametrize(
    "layer, reason",
    [
        (lambda: LSTM(3, activation="softplus"), "activation is not one of tanh"),
        (lambda: LSTM(3, unroll=True), "unroll=True lays the steps out"),
    ],
)
def test_what_it_cannot_run_the_definition_runs(layer, reason):
    explained = layer().explain()
    assert explained.startswith("kernel: reference\n")
    assert f"not jax: {reason}" in explained
