"""The compiled kernel on JAX and torch: against the definition, and transformed.

On TensorFlow: test_native.py.
"""

import contextlib
import dataclasses
import functools
import re

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
needs_torch = pytest.mark.skipif(BACKEND != "torch", reason="of torch")

# By number of the case: a class and its options. 67 units are no whole vectors.
FAMILIES = [
    (SimpleRNN, {}),
    (SimpleRNN, {"activation": "relu"}),
    (LSTM, {}),
    (GRU, {"reset_after": False}),
    (GRU, {}),
]
NAMES = ("return_sequences", "go_backwards", "zero_output_for_mask", "use_bias")


def case_of(number, dtype="float32"):
    """A layer, and its mask or None: every family with every second option."""
    keras.utils.set_random_seed(number)  # the same weights whichever test is first
    layer_class, options = FAMILIES[number % len(FAMILIES)]
    bits = [bool(number >> k & 1) for k in range(len(NAMES))]
    layer = layer_class(
        (U, 67)[number % 2],
        return_state=True,
        bias_initializer="random_normal",
        dtype=dtype,
        **dict(zip(NAMES, bits, strict=True)),
        **options,
    )
    layer.build(X.shape)
    return layer, MASK if number % 3 else None


@functools.cache
def defined(number):
    """A layer, its mask, initial states, and what the definition makes of them."""
    layer, mask = case_of(number)
    states = [np.resize(H, (B, layer.units)) for _ in layer.state_size]
    return layer, mask, states, results(layer, "reference", mask, states)


@pytest.mark.parametrize(
    "number, instructions",
    [
        *((k, "best") for k in range(16)),
        *((k, "baseline") for k in range(5)),
        # Without relu, whose gradient is there or not, by the sign of a rounded number.
        *((k, "bfloat16") for k in range(16) if k % 5 != 1),
    ],
)
def test_it_equals_the_definition(number, instructions, monkeypatch):
    layer, mask, states, expected = defined(number)
    monkeypatch.setattr(native._load()[0], "instructions", instructions)
    found = results(layer, "native", mask, states)
    # Twice the largest of eight sets of weights: without gates, an error grows from
    # step to step.
    near = 2e-2 if hasattr(layer, "recurrent_activation") else 4e-2
    tolerance = near if instructions == "bfloat16" else TOLERANCE
    for a, b in zip(found, expected, strict=True):
        assert np.abs(a - b).max() <= tolerance * np.abs(b).max()


@contextlib.contextmanager
def double_precision():
    """float64 is what it says: JAX otherwise makes float32 of it."""
    if BACKEND == "torch":
        yield
        return
    import jax

    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(
    "number, instructions",
    [*((k, "best") for k in range(5, 10)), (12, "baseline"), (13, "baseline")],
)
def test_float64_equals_the_definition(number, instructions, monkeypatch):
    monkeypatch.setattr(native._load()[0], "instructions", instructions)
    # The definition's keras.ops.matmul gives float64 with float32's precision here; the
    # backend's own loop does not, but torch has none of a GRU that resets before.
    other, tolerance = BACKEND, 1e-12
    if BACKEND == "torch" and FAMILIES[number % len(FAMILIES)][1] == {
        "reset_after": False
    }:
        other, tolerance = "reference", 1e-6
    with double_precision():
        layer, mask = case_of(number, "float64")
        states = [np.resize(H, (B, layer.units)) for _ in layer.state_size]
        found, expected = (results(layer, k, mask, states) for k in ("native", other))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == "float64"
        assert np.abs(a - b).max() <= tolerance * np.abs(b).max()


@pytest.mark.parametrize(
    "name, policy",
    [("LSTM", "mixed_bfloat16"), ("GRU", "mixed_bfloat16"), ("GRU", "mixed_float16")],
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


def penalty_gradients_on_jax(layer, kernel):
    import jax
    import jax.numpy as jnp

    call, weights = call_of(layer, kernel), [v.value for v in layer.trainable_variables]

    def penalty(x, weights):
        gradients = jax.grad(
            lambda x, weights: jnp.sin(call(x, weights)).sum(), argnums=(0, 1)
        )(x, weights)
        return sum(jnp.square(g).sum() for g in jax.tree.leaves(gradients))

    return jax.tree.leaves(jax.jit(jax.grad(penalty, argnums=(0, 1)))(X, weights))


def penalty_gradients_on_torch(layer, kernel):
    import torch

    arrays = [torch.as_tensor(X), *(v.value for v in layer.trainable_variables)]
    arrays = [a.detach().clone().requires_grad_(True) for a in arrays]
    loss = call_of(layer, kernel)(arrays[0], arrays[1:]).sin().sum()
    gradients = torch.autograd.grad(loss, arrays, create_graph=True)
    penalty = sum(g.square().sum() for g in gradients)
    return [g.numpy() for g in torch.autograd.grad(penalty, arrays)]


# One of each family.
@pytest.mark.parametrize("number", [1, 7, 9, 13, 15])
def test_second_order_gradients_equal_the_definition(number):
    if BACKEND == "jax" and number in (1, 9, 15):
        pytest.skip("JAX compiles for a long time: there are two")
    layer, _ = case_of(number)
    on = {"jax": penalty_gradients_on_jax, "torch": penalty_gradients_on_torch}[BACKEND]
    assert largest(on(layer, "native"), on(layer, "reference")) <= 1e-4


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
def test_forward_mode_is_refused_and_the_definition_has_it():
    import jax
    import jax.numpy as jnp

    layer, _ = case_of(7)
    weights = [v.value for v in layer.trainable_variables]
    tangent = jnp.ones_like(X)
    with pytest.raises(TypeError, match=r"forward-mode .*custom_vjp"):
        jax.jvp(lambda x: call_of(layer, "auto")(x, weights), (X,), (tangent,))

    # By the gradients that the compiled kernel has: uᵀ (J v) = (Jᵀ u) v.
    y, backward = jax.vjp(lambda x: call_of(layer, "native")(x, weights), X)
    _, moved = jax.jvp(
        lambda x: call_of(layer, "reference")(x, weights), (X,), (tangent,)
    )
    np.testing.assert_allclose(
        (y * moved).sum(), (backward(y)[0] * tangent).sum(), rtol=1e-4
    )


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


@needs_torch
def test_no_exported_program_contains_it():
    import torch

    layer = layer_of("LSTM", FLAGS[4])
    weights = [v.value for v in layer.trainable_variables]

    class Module(torch.nn.Module):
        def forward(self, x):
            return call_of(layer, "auto")(x, weights)

    x = torch.as_tensor(X)
    program = torch.export.export(Module(), (x,), strict=False)
    assert "kerasrnn" not in str(program.graph)
    expected = Module()(x).detach()
    np.testing.assert_allclose(program.module()(x).detach(), expected, atol=1e-6)


def trained_by(call, layer):
    """The gradients of the weights, of a function of x and a mask."""
    import torch

    layer.zero_grad()
    call(torch.as_tensor(X), torch.as_tensor(MASK)).sin().sum().backward()
    return [v.value.grad.clone() for v in layer.trainable_variables]


@needs_torch
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of what is not compiled
@pytest.mark.parametrize("compiler", ["aot_eager", "inductor"])
def test_torch_compile_trains_a_layer_the_same(compiler):
    import torch

    layer, _ = case_of(7)

    def call(x, mask):
        with use_kernel("native"):
            return layer(x, mask=mask, training=True)[0]

    expected = trained_by(call, layer)
    found = trained_by(torch.compile(call, backend=compiler), layer)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@needs_torch
def test_torch_compile_takes_the_operations_into_its_graph():
    import torch

    library, (layer, _) = native._load()[0], case_of(7)
    weights = [v.value for v in layer.trainable_variables]
    weights += [torch.empty(0)] * (3 - len(weights))
    states = [torch.zeros(B, layer.units)] * 2
    attributes = "lstm", "best", False, False, 2

    def call(x, mask):
        return library.forward(x, *states, *weights, mask, *attributes, True, True)[1]

    expected = trained_by(call, layer)
    compiled = torch.compile(call, backend="aot_eager", fullgraph=True)
    for a, b in zip(trained_by(compiled, layer), expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@needs_torch
def test_the_operations_are_as_pytorch_wants_them():
    import torch

    library = native._load()[0]
    floats = library.record_floats(*ANY, torch.float32, U)
    arrays = [torch.as_tensor(a) for a in right_inputs(floats).values()]
    attributes = "lstm", "best", False, False, 2
    checks = "test_schema", "test_faketensor"
    for operation, arguments in (
        (library.forward, (*arrays[:7], *attributes, True, True)),
        (library.infer, (*arrays[:7], *attributes, True, False)),
        (library.backward, (*arrays, *attributes)),
        (library.input_gradient, (*arrays[:7], arrays[8], *attributes)),
    ):
        torch.library.opcheck(operation, arguments, test_utils=checks)


@needs_torch
def test_a_graph_that_is_kept_gives_the_same_gradients_again():
    import torch

    layer, _ = case_of(7)
    x = torch.as_tensor(X).requires_grad_(True)
    weights = [v.value for v in layer.trainable_variables]
    loss = call_of(layer, "native")(x, weights).sin().sum()
    first = torch.autograd.grad(loss, [x, *weights], retain_graph=True)
    second = torch.autograd.grad(loss, [x, *weights])
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@needs_torch
@pytest.mark.parametrize("kept", [False, True])
def test_memory_of_the_step_before_changes_no_gradient(kept, monkeypatch):
    import torch

    from kerasrnn.kernels.torch_blocks import Blocks

    blocks = Blocks(least=1)
    monkeypatch.setattr(native._load()[0], "blocks", blocks)
    layers = [case_of(number)[0] for number in (7, 2)]
    graphs = []

    def gradients(kernel, steps):
        found = []
        for layer in layers:
            x = torch.as_tensor(X[:, :steps]).requires_grad_(True)
            weights = [v.value for v in layer.trainable_variables]
            with use_kernel(kernel):
                loss = layer(x)[0].sin().sum()
            found += torch.autograd.grad(loss, [x, *weights], retain_graph=kept)
            graphs.append(loss if kept else None)
        return found

    for steps in (T, 2, T - 1, T):
        for a, b in zip(
            gradients("native", steps), gradients("reference", steps), strict=True
        ):
            np.testing.assert_allclose(a, b, atol=TOLERANCE)
    if not kept:
        addresses = {block.ctypes.data for block in blocks.free}
        assert addresses  # They wait for the next step,
        gradients("native", T)
        assert {block.ctypes.data for block in blocks.free} == addresses


@needs_torch
def test_a_block_is_given_to_one_array_at_a_time():
    import torch

    from kerasrnn.kernels.torch_blocks import Blocks

    blocks = Blocks(least=800)
    first = blocks.empty(100, torch.float64)
    view, second = first[50:], blocks.empty(400, torch.float32)
    assert first.shape == (100,) and second.dtype == torch.float32
    addresses = {first.data_ptr(), second.data_ptr()}
    assert len(addresses) == 2
    del first, second
    assert len(blocks.free) == 1  # Part of the other is still held.
    del view
    assert len(blocks.free) == 2
    both = [blocks.empty(count, torch.float32) for count in (200, 300)]
    assert {one.data_ptr() for one in both} == addresses and not blocks.free
    both.clear()
    large = blocks.empty(1000, torch.float64)  # In the place of the larger one.
    assert len(blocks.free) == 1 and large.data_ptr() not in addresses
    assert blocks.empty(10, torch.float32).data_ptr() not in addresses  # malloc's


# ------------------------------------------------------------- wrong inputs

# The family and the instructions.
ANY = "lstm", "best"


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


def backward_on_jax():
    """The backward pass of an LSTM: `(arrays, shapes) -> outputs`; and arrays."""
    from kerasrnn.kernels import native_jax

    library = native._load()[0]
    floats = library.record_floats("lstm", "best", "float32", U)
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

    def backward(arrays, shapes=None, family="lstm"):
        attributes = dataclasses.replace(options, family=family).attributes
        shapes = shapes or outputs_of(floats)
        found = native_jax.call("backward", shapes, [*arrays.values()], **attributes)
        return [np.asarray(a) for a in found]

    return backward, right, floats


def backward_on_torch():
    """The backward pass of an LSTM: `(arrays, shapes) -> outputs`; and arrays."""
    import torch

    library = native._load()[0]
    floats = library.record_floats(*ANY, torch.float32, U)

    def backward(arrays, shapes=None, family="lstm"):
        outputs = [torch.empty(shape) for shape in shapes or outputs_of(floats)]
        inputs = [torch.as_tensor(a) for a in arrays.values()]
        attributes = family, "best", False, False, 2
        library.call("backward", inputs, outputs, attributes)
        return [output.numpy() for output in outputs]

    return backward, right_inputs(floats), floats


def outputs_of(floats):
    return [(B, U), (B, U), (3, 4 * U), (U, 4 * U), (4 * U,), (B * T * floats,)]


def test_every_wrong_array_is_refused_by_name():
    on = {"jax": backward_on_jax, "torch": backward_on_torch}[BACKEND]
    backward, right, floats = on()
    assert all(np.isfinite(a).all() for a in backward(right))
    for name, array in right.items():
        # JAX compiles each: a third of them.
        for shape in [*wrong_shapes(array.shape)][:: 3 if BACKEND == "jax" else 1]:
            if shape == (0,) and name in ("bias", "mask", "d_outputs"):
                continue
            wrong = {**right, name: np.ones(shape, array.dtype)}
            with pytest.raises(Exception, match=r"kerasrnn: `.*` must have"):
                backward(wrong)
        other = "int32" if array.dtype == bool else "float16"
        with pytest.raises(Exception, match=f"`{re.escape(name)}` must be "):
            backward({**right, name: array.astype(other)})
        # JAX compiles each: one of them.
        if array.dtype == bool or (BACKEND == "jax" and name != "sequences"):
            continue
        expected = f"`{name}` must be float32, as `kernel` is; got float64"
        if name == "kernel":  # Whichever of the others comes first is named.
            expected = "` must be float64, as `kernel` is; got float32"
        with double_precision(), pytest.raises(Exception, match=re.escape(expected)):
            backward({**right, name: array.astype("float64")})
    with pytest.raises(Exception, match="an input is missing"):
        backward({"sequences": right["sequences"]})
    shapes = outputs_of(floats)
    with pytest.raises(Exception, match="output 2 must be float32 of the shape"):
        backward(right, [*shapes[:2], (3, 4), *shapes[3:]])
    with pytest.raises(Exception, match="an output is missing"):
        backward(right, shapes[:3])
    with pytest.raises(Exception, match=r"no such `.*family`"):
        backward(right, family="other")
