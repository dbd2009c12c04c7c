"""The compiled kernel on JAX: against the definition, and in JAX's transformations.

On TensorFlow: test_native.py.
"""

import dataclasses

import keras
import numpy as np
import pytest
from packed_agreement import (
    FLAGS,
    MASK,
    B,
    H,
    T,
    U,
    X,
    half_differences,
    largest,
    layer_of,
    results,
)

from kerasrnn.kernels import native, use_kernel
from kerasrnn.layers import GRU, LSTM, SimpleRNN

BACKEND = keras.backend.backend()
if BACKEND == "tensorflow":
    pytest.skip("on TensorFlow: test_native.py", allow_module_level=True)
pytestmark = pytest.mark.skipif(
    not native.available(), reason=f"no compiled kernel: {native.unavailable_because()}"
)
TOLERANCE = 2e-5
needs_jax = pytest.mark.skipif(BACKEND != "jax", reason="of JAX")

# By number of the case: a class and its options. 67 units are no whole vectors.
FAMILIES = [
    (SimpleRNN, {}),
    (SimpleRNN, {"activation": "relu"}),
    (LSTM, {}),
    (GRU, {"reset_after": False}),
    (GRU, {}),
]
NAMES = ("return_sequences", "go_backwards", "zero_output_for_mask", "use_bias")


def case_of(number):
    """A layer, and its mask or None: every family with every second option."""
    layer_class, options = FAMILIES[number % len(FAMILIES)]
    bits = [bool(number >> k & 1) for k in range(len(NAMES))]
    layer = layer_class(
        (U, 67)[number % 2],
        return_state=True,
        bias_initializer="random_normal",
        **dict(zip(NAMES, bits, strict=True)),
        **options,
    )
    layer.build(X.shape)
    return layer, MASK if number % 3 else None


@pytest.mark.parametrize(
    "number, instructions",
    [*((k, "best") for k in range(16)), *((k, "baseline") for k in range(5))],
)
def test_it_equals_the_definition(number, instructions, monkeypatch):
    layer, mask = case_of(number)
    monkeypatch.setattr(native._load()[0], "instructions", instructions)
    states = [np.resize(H, (B, layer.units)) for _ in layer.state_size]
    found, expected = (results(layer, k, mask, states) for k in ("native", "reference"))
    for a, b in zip(found, expected, strict=True):
        assert np.abs(a - b).max() <= TOLERANCE * np.abs(b).max()


@pytest.mark.parametrize(
    "name, policy", [("LSTM", "mixed_bfloat16"), ("GRU", "mixed_float16")]
)
def test_half_precision_is_as_near_float32_as_the_definition(name, policy):
    ours, definition = half_differences(name, policy, "native")
    assert ours <= definition


def test_it_is_the_first_choice_and_says_so():
    lines = LSTM(4).explain().splitlines()
    assert lines[0] == "kernel: native"
    assert lines[1].startswith("how: compiled for ")


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"activation": "softplus"}, "activation is not tanh"),
        ({"recurrent_dropout": 0.5}, "each gate has dropout masks"),
        ({"unroll": True}, "unroll=True"),
    ],
)
def test_what_it_cannot_run_another_kernel_runs(options, reason):
    layer = LSTM(4, **options)
    assert f"not native: {reason}" in layer.explain()
    with use_kernel("native"), pytest.raises(ValueError, match="cannot run"):
        layer(X, training=True)


def call_of(layer, kernel):
    """The layer as a function of x and of its weights."""

    def call(x, weights):
        others = [v.value for v in layer.non_trainable_variables]
        mask = keras.ops.convert_to_tensor(MASK)
        with use_kernel(kernel):
            found, _ = layer.stateless_call(
                weights, others, x, mask=mask, training=True
            )
        return found[0]

    return call


@needs_jax
@pytest.mark.parametrize("number", [7, 13])
def test_second_order_gradients_equal_the_definition(number):
    import jax
    import jax.numpy as jnp

    layer, _ = case_of(number)
    weights = [v.value for v in layer.trainable_variables]

    def second(kernel):
        call = call_of(layer, kernel)

        def penalty(x, weights):
            gradients = jax.grad(
                lambda x, weights: jnp.sin(call(x, weights)).sum(), argnums=(0, 1)
            )(x, weights)
            return sum(jnp.square(g).sum() for g in jax.tree.leaves(gradients))

        return jax.tree.leaves(jax.jit(jax.grad(penalty, argnums=(0, 1)))(X, weights))

    assert largest(second("native"), second("reference")) <= 1e-4


@needs_jax
def test_under_vmap_checkpoint_and_jit_it_gives_the_same():
    import jax
    import jax.numpy as jnp

    layer, _ = case_of(7)
    weights = [v.value for v in layer.trainable_variables]
    call = call_of(layer, "native")

    def loss(x):
        return jnp.sin(call(x, weights)).sum()

    xs = jnp.stack([X, 2 * X])
    gradients = jax.jit(jax.vmap(jax.grad(loss)))(xs)
    remade = jax.jit(jax.grad(jax.checkpoint(loss)))
    for x, g in zip(xs, gradients, strict=True):
        np.testing.assert_allclose(g, jax.grad(loss)(x), atol=1e-6)
        np.testing.assert_allclose(g, remade(x), atol=1e-6)
    # Weights that differ between the copies.
    two = [jnp.stack([w, w + 0.1]) for w in weights]
    found = jax.vmap(call, in_axes=(None, 0))(X, two)
    for k in range(2):
        expected = call(X, [w[k] for w in two])
        np.testing.assert_allclose(found[k], expected, atol=1e-6)


@needs_jax
def test_no_exported_function_contains_it():
    import jax

    layer = layer_of("LSTM", FLAGS[4])
    weights = [v.value for v in layer.trainable_variables]

    def call(x):
        return call_of(layer, "auto")(x, weights)

    assert "kerasrnn_forward" in jax.jit(call).lower(X).as_text()
    exported = jax.export.export(jax.jit(lambda x: call(x)))(X)
    np.testing.assert_allclose(exported.call(X), call(X), atol=1e-6)
    assert "kerasrnn_forward" not in exported.mlir_module()


@needs_jax
def test_where_there_are_several_devices_another_kernel_runs(monkeypatch):
    import jax

    monkeypatch.setattr(jax, "device_count", lambda: 2)
    assert "not native: JAX has several devices" in LSTM(4).explain()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert "not native: it runs on the CPU" in LSTM(4).explain()


def test_a_model_learns_the_same_as_with_the_definition():
    def losses(kernel):
        keras.utils.set_random_seed(1)
        layers = [LSTM(U, return_sequences=True, dropout=0.2, seed=3), GRU(1)]
        model = keras.Sequential([keras.Input(X.shape[1:]), *layers])
        model.compile("adam", "mse")
        with use_kernel(kernel):
            return model.fit(X, H[:, :1], epochs=3, verbose=0).history["loss"]

    np.testing.assert_allclose(losses("native"), losses("reference"), rtol=1e-5)


def test_a_batch_of_no_rows():
    layer = LSTM(4, return_sequences=True)
    layer.build((None, None, 2))
    with use_kernel("native"):
        found = layer(np.ones((0, 3, 2), "float32"))
    assert tuple(found.shape) == (0, 3, 4)


# ------------------------------------------------------------- wrong inputs


SHAPES = {
    "sequences": (B, T, 3),
    "initial_state[0]": (B, U),
    "initial_state[1]": (B, U),
    "kernel": (3, 4 * U),
    "recurrent_kernel": (U, 4 * U),
    "bias": (4 * U,),
    "mask": (B, T),
    "outputs": (B, T, U),
    "residuals": None,
    "d_last_output": (B, U),
    "d_outputs": (B, T, U),
    "d_h": (B, U),
    "d_c": (B, U),
}


def right_inputs(record_floats):
    arrays = {
        name: np.ones(shape or (B * T * record_floats,), "float32")
        for name, shape in SHAPES.items()
    }
    return {**arrays, "mask": np.ones((B, T), bool)}


def wrong_shapes(shape):
    yield ()
    yield (*shape, 1)
    for i, size in enumerate(shape):
        for other in {0, size - 1, size + 1, 50 * size} - {size}:
            yield (*shape[:i], other, *shape[i + 1 :])


@needs_jax
def test_every_wrong_array_is_refused_by_name():
    from kerasrnn.kernels import native_jax

    library = native._load()[0]
    floats = library.record_floats("lstm", U)
    right = right_inputs(floats)
    options = native_jax.Options(
        loop=native_jax.loop.Options(
            "lstm", "tanh", "sigmoid", False, False, True, False, False
        ),
        family="lstm",
        zero_output_for_mask=False,
        threads=2,
        instructions="best",
        record_floats=floats,
    )
    outputs = [(B, U), (B, U), (3, 4 * U), (U, 4 * U), (4 * U,), (B * T * floats,)]

    def backward(arrays, shapes=outputs, options=options):
        found = native_jax.call(
            "backward", shapes, [*arrays.values()], **options.attributes
        )
        return [np.asarray(a) for a in found]

    assert all(np.isfinite(a).all() for a in backward(right))
    for name, array in right.items():
        for shape in [*wrong_shapes(array.shape)][:: 1 if name == "kernel" else 3]:
            if shape == (0,) and name in ("bias", "mask", "d_outputs"):
                continue
            wrong = {**right, name: np.ones(shape, array.dtype)}
            with pytest.raises(Exception, match=r"kerasrnn: `.*` must have"):
                backward(wrong)
        other = "int32" if array.dtype == bool else "float16"
        with pytest.raises(Exception, match=f"`{name}` must be ".replace("[", r"\[")):
            backward({**right, name: array.astype(other)})
    with pytest.raises(Exception, match="an input is missing"):
        backward({"sequences": right["sequences"]})
    with pytest.raises(Exception, match="output 2 must be float32 of the shape"):
        backward(right, [*outputs[:2], (3, 4), *outputs[3:]])
    with pytest.raises(Exception, match="no such `family`"):
        backward(right, options=dataclasses.replace(options, family="other"))
