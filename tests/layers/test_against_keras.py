"""Random configurations of our layers against keras.layers with the same weights.

Compared: outputs, states, and the gradients of a weighted sum of them with respect to
inputs, initial states and weights; symbolic shapes; configs. KERASRNN_EXAMPLES sets
how many configurations are drawn.
"""

import os

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import kerasrnn.layers
from kerasrnn.kernels import KERNELS, use_kernel

# TensorFlow traces each of them twice and has many more below; JAX compiles them.
USUAL = {"tensorflow": 8, "jax": 20, "torch": 60}[keras.backend.backend()]
EXAMPLES = int(os.environ.get("KERASRNN_EXAMPLES", USUAL))
TOLERANCE = {"float32": 2e-5, "float64": 1e-10}
KERAS_VERSION = tuple(int(part) for part in keras.version().split(".")[:2])
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
ON_JAX = keras.backend.backend() == "jax"
ON_TORCH = keras.backend.backend() == "torch"
# JAX computes in float64 only where it was told to before its start; keras.ops.matmul
# on torch has float32's precision in float64.
DTYPES = ["float32", "float32", "float64"] if ON_TENSORFLOW else ["float32"]
# Most of them compiled as one on JAX, which takes less than operation by operation.
MODES = {
    "tensorflow": ["eager", "eager", "graph", "graph", "xla"],
    "jax": ["eager", "graph", "graph", "graph", "graph"],
    "torch": ["eager"],
}[keras.backend.backend()]


@st.composite
def configurations(draw):
    """One that Keras gets right: what it gets wrong has tests of its own."""
    family = draw(st.sampled_from(["SimpleRNN", "LSTM", "GRU"]))
    wrapper = draw(
        st.sampled_from(["none", "none", "rnn", "stacked", "bidirectional", "time"])
    )
    # `TimeDistributed` hands no mask on.
    masks = ["none"] if wrapper == "time" else ["none", "right", "left", "holes", "all"]
    mask = draw(st.sampled_from(masks))
    # `TimeDistributed` drops `initial_state`, and stacks take states in a structure of
    # Keras's own.
    takes_states = wrapper in ("none", "rnn", "bidirectional")
    initial_state = takes_states and draw(st.booleans())
    config = {
        "units": draw(st.integers(1, 6)),
        "activation": draw(
            st.sampled_from(["tanh", "relu", "linear", "softsign", "elu", None])
        ),
        "use_bias": draw(st.booleans()),
        "bias_initializer": "random_normal",
        # `Bidirectional` decides on the direction itself.
        "go_backwards": wrapper != "bidirectional" and draw(st.booleans()),
        "return_sequences": draw(st.booleans()),
        # `TimeDistributed` takes layers with one output.
        "return_state": wrapper != "time" and draw(st.booleans()),
        "dtype": draw(st.sampled_from(DTYPES)),
    }
    # A stateful `Bidirectional` that returns its states fails.
    may_be_stateful = wrapper == "none" or (
        wrapper == "bidirectional" and not config["return_state"]
    )
    config["stateful"] = may_be_stateful and draw(st.booleans())
    masked, both = mask != "none", wrapper == "bidirectional"
    backwards = config["go_backwards"] or both
    # Its unrolled loops fail backwards with a mask on torch, and in both directions.
    masked, both = mask != "none", wrapper == "bidirectional"
    backwards = config["go_backwards"] or both
    never_unrolled = masked and (both or (backwards and ON_TORCH))
    config["unroll"] = not never_unrolled and draw(st.booleans())
    # Backwards they zero the outputs by the mask that is not reversed, on JAX none.
    unrolled = masked and config["unroll"]
    never_zeros = unrolled and (backwards or ON_JAX)
    # On JAX, and only there, the outputs of the loop before a valid step are h_0.
    starts_with_state = initial_state or config["stateful"]
    masked_at_the_start = mask in ("left", "holes", "all") or (masked and backwards)
    only_zeros = ON_JAX and not unrolled and starts_with_state and masked_at_the_start
    config["zero_output_for_mask"] = only_zeros or (
        not never_zeros and draw(st.booleans())
    )
    if family != "SimpleRNN":
        config["recurrent_activation"] = draw(
            st.sampled_from(["sigmoid", "sigmoid", "hard_sigmoid", "tanh"])
        )
    if family == "GRU":
        config["reset_after"] = draw(st.booleans())
    if family == "LSTM":
        config["unit_forget_bias"] = draw(st.booleans())
    # Before Keras 3.15 its regularizers compute in float32 alone.
    if config["dtype"] == "float32" or KERAS_VERSION >= (3, 15):
        for weight in ("kernel", "recurrent", "bias"):
            if draw(st.integers(0, 3)) == 0:
                config[f"{weight}_regularizer"] = draw(st.sampled_from(["l1", "l2"]))
        # Keras's SimpleRNN forgets to pass this one on.
        if family != "SimpleRNN" and draw(st.integers(0, 3)) == 0:
            config["activity_regularizer"] = draw(st.sampled_from(["l1", "l2"]))
    for weight in ("kernel", "recurrent", "bias"):
        if draw(st.integers(0, 3)) == 0:
            config[f"{weight}_constraint"] = draw(
                st.sampled_from(["max_norm", "unit_norm"])
            )
    return {
        "family": family,
        "config": config,
        "wrapper": wrapper,
        "merge_mode": draw(st.sampled_from(["concat", "sum", "mul", "ave", None])),
        "batch": draw(st.integers(1, 4)),
        "steps": draw(st.integers(1, 12)),
        "features": draw(st.integers(1, 5)),
        "mask": mask,
        "initial_state": initial_state,
        "training": draw(st.booleans()),
        "mode": draw(st.sampled_from(MODES)),
        "kernel": draw(
            st.sampled_from([k for k in ("auto", *KERNELS) if k != "fed_decoder"])
        ),
        "seed": draw(st.integers(0, 2**16)),
    }


def build(namespace, case):
    """The layer of `case` made of the classes of `namespace`."""
    config = dict(case["config"])
    if case["wrapper"] in ("rnn", "stacked"):
        outer = ("go_backwards", "return_sequences", "return_state", "stateful")
        outer += ("unroll", "zero_output_for_mask", "activity_regularizer", "dtype")
        outer = {k: config.pop(k) for k in outer if k in config}
        cell = getattr(namespace, f"{case['family']}Cell")
        config["dtype"] = outer["dtype"]
        cells = [cell(**config)]
        if case["wrapper"] == "stacked":
            cells.append(cell(**{**config, "units": config["units"] + 1}))
            cells = [namespace.StackedRNNCells(cells, dtype=outer["dtype"])]
        return namespace.RNN(cells[0], **outer)
    layer = getattr(namespace, case["family"])(**config)
    if case["wrapper"] == "bidirectional":
        return namespace.Bidirectional(
            layer, merge_mode=case["merge_mode"], dtype=config["dtype"]
        )
    if case["wrapper"] == "time":
        return keras.layers.TimeDistributed(layer, dtype=config["dtype"])
    return layer


def mask_of(kind, batch, steps, rng):
    lengths = rng.integers(0, steps + 1, (batch, 1))
    right = np.arange(steps) < lengths
    return {
        "none": None,
        "right": right,
        "left": right[:, ::-1],
        "holes": rng.random((batch, steps)) < 0.6,
        "all": np.zeros((batch, steps), bool),
    }[kind]


def outputs_and_gradients(layer, x, states, mask, case):
    """Everything that a layer computes, by name, as NumPy arrays."""
    arguments = {"training": case["training"]}
    if mask is not None:
        arguments["mask"] = mask
    compute = BACKENDS[keras.backend.backend()]
    outputs, gradients = compute(layer, x, states, arguments, case)
    names = ["inputs", *(f"state {k}" for k in range(len(states)))]
    names += [w.path.rpartition("/")[2] for w in layer.trainable_variables]
    found = {f"output {k}": o for k, o in enumerate(outputs)}
    for k, (name, g) in enumerate(zip(names, gradients, strict=True)):
        if g is not None:
            found[f"gradient {k} of {name}"] = g
    return {name: keras.ops.convert_to_numpy(value) for name, value in found.items()}


def loss_of(outputs, losses):
    flat = keras.tree.flatten(outputs)
    loss = sum(keras.ops.sum(keras.ops.sin(o * (k + 1.0))) for k, o in enumerate(flat))
    return loss + sum(losses)


def compute_on_tensorflow(layer, x, states, arguments, case):
    import tensorflow as tf

    weights = layer.trainable_variables

    def compute(x, *states):
        given = {"initial_state": list(states)} if states else {}
        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            outputs = layer(x, **arguments, **given)
            loss = loss_of(outputs, layer.losses)
        sources = [x, *states, *(w.value for w in weights)]
        gradients = tape.gradient(loss, sources)
        gradients = [g if g is None else tf.convert_to_tensor(g) for g in gradients]
        return keras.tree.flatten(outputs), gradients

    if case["mode"] != "eager":
        compute = tf.function(compute, jit_compile=case["mode"] == "xla")
    return compute(tf.constant(x), *(tf.constant(s) for s in states))


def compute_on_jax(layer, x, states, arguments, case):
    import jax

    given = ["initial_state"] if states else []

    def loss(x, states, weights, others):
        outputs, _, losses = layer.stateless_call(
            weights,
            others,
            x,
            **arguments,
            **dict.fromkeys(given, states),
            return_losses=True,
        )
        return loss_of(outputs, losses), outputs

    compute = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)
    # Keras does not count the states of a stateful layer among its variables; and an
    # unrolled loop is quicker by operations, which are the same at all steps.
    config = case["config"]
    compiled = case["mode"] == "graph" and not (config["stateful"] or config["unroll"])
    x = keras.ops.convert_to_tensor(x)
    states = [keras.ops.convert_to_tensor(s) for s in states]
    weights = [w.value for w in layer.trainable_variables]
    others = [v.value for v in layer.non_trainable_variables]
    gradients, outputs = (jax.jit(compute) if compiled else compute)(
        x, states, weights, others
    )
    if not compiled:
        outputs = layer(x, **arguments, **dict.fromkeys(given, states))
    return keras.tree.flatten(outputs), keras.tree.flatten(gradients)


def compute_on_torch(layer, x, states, arguments, case):
    import torch

    def source(array):
        return keras.ops.convert_to_tensor(array).requires_grad_()

    x, states = source(x), [source(s) for s in states]
    given = {"initial_state": states} if states else {}
    outputs = layer(x, **arguments, **given)
    loss = loss_of(outputs, layer.losses)
    sources = [x, *states, *(w.value for w in layer.trainable_variables)]
    gradients = torch.autograd.grad(loss, sources, allow_unused=True)
    return keras.tree.flatten(outputs), gradients


BACKENDS = {
    "tensorflow": compute_on_tensorflow,
    "jax": compute_on_jax,
    "torch": compute_on_torch,
}


def compare(case):
    rng = np.random.default_rng(case["seed"])
    dtype = case["config"]["dtype"]
    shape = (case["batch"], case["steps"], case["features"])
    if case["wrapper"] == "time":
        shape = (case["batch"], 3, *shape[1:])
    x = rng.standard_normal(shape).astype(dtype)
    mask = mask_of(case["mask"], case["batch"], case["steps"], rng)
    theirs, ours = build(keras.layers, case), build(kerasrnn.layers, case)
    expected_shape = theirs.compute_output_shape(shape)
    keras.utils.set_random_seed(case["seed"])
    theirs.build(shape)
    ours.build(shape)
    ours.set_weights(theirs.get_weights())
    found_shape = ours.compute_output_shape(shape)
    assert keras.tree.flatten(found_shape) == keras.tree.flatten(expected_shape)

    states = []
    if case["initial_state"]:
        units = case["config"]["units"]
        count = (2 if case["family"] == "LSTM" else 1) * (
            2 if case["wrapper"] == "bidirectional" else 1
        )
        states = [
            rng.standard_normal((case["batch"], units)).astype(dtype)
            for _ in range(count)
        ]
    # A stateful layer goes on from where the first call ended.
    for _ in range(2 if case["config"]["stateful"] else 1):
        expected = outputs_and_gradients(theirs, x, states, mask, case)
        with use_kernel(kernel_for(case, ours)):
            found = outputs_and_gradients(ours, x, states, mask, case)
        assert sorted(found) == sorted(expected)
        for name, value in expected.items():
            scale = max(np.abs(value).max(initial=0.0), 1e-3)
            error = np.abs(found[name] - value).max(initial=0.0) / scale
            assert error <= TOLERANCE[dtype], f"{name}: {error:.2e} of {scale:.3g}"
    check_config(theirs, ours, case)


def kernel_for(case, layer):
    if case["kernel"] == "native":
        return "auto"  # which takes it where it is and can run the case
    if case["kernel"] == "tensorflow" and case["config"]["unroll"]:
        return "auto"
    if case["kernel"] in ("keras", "jax", "torch") and not runs_on(
        case["kernel"], layer
    ):
        return "auto"
    if case["kernel"] == "reference" and case["mode"] == "xla":
        return "auto"  # XLA cannot differentiate keras.ops.scan on TensorFlow
    return case["kernel"]


def runs_on(kernel, layer):
    """Whether a kernel can run every loop of a layer, or of the layer in a wrapper."""
    layers = (layer, getattr(layer, "layer", layer))
    layer = next(one for one in layers if hasattr(one, "explain"))
    with use_kernel(kernel):
        try:
            layer.explain()
        except ValueError:
            return False
    return True


def check_config(theirs, ours, case):
    expected, found = theirs.get_config(), ours.get_config()
    for config in (expected, found):
        for key in ("name", "cell", "layer", "backward_layer"):
            config.pop(key, None)
    # What Keras forgets: whether cuDNN may run, and `implementation`.
    for key in ("use_cudnn", "implementation"):
        found.pop(key, None)
    assert {
        k: (v, expected.get(k)) for k, v in found.items() if v != expected.get(k)
    } == {}
    again = type(ours).from_config(ours.get_config())
    assert again.get_config() == ours.get_config()


def drawn(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize="KERASRNN_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
        # A case takes a second: to shrink one takes minutes and tells little more.
        phases=[Phase.generate],
    )


@drawn(EXAMPLES)
@given(configurations())
def test_layers_equal_those_of_keras(case):
    compare(case)


# Others: what is drawn follows from the test's name.
@pytest.mark.slow
@drawn(4 * EXAMPLES)
@given(configurations())
def test_layers_equal_those_of_keras_in_many_more(case):
    compare(case)


@pytest.mark.parametrize("family", ["SimpleRNN", "LSTM", "GRU"])
def test_dropout_draws_the_masks_that_keras_draws(family):
    x = np.random.default_rng(0).standard_normal((3, 5, 4)).astype("float32")
    for arguments in (
        {"dropout": 0.4},
        {"recurrent_dropout": 0.4},
        {"dropout": 0.3, "recurrent_dropout": 0.5},
        {"dropout": 0.3, "implementation": 1},
    ):
        if family == "SimpleRNN" and "implementation" in arguments:
            continue
        # With a mask for each gate Keras fails where it tries cuDNN's way first.
        no_cudnn = {} if family == "SimpleRNN" else {"use_cudnn": False}
        theirs = getattr(keras.layers, family)(4, seed=3, **arguments, **no_cudnn)
        ours = getattr(kerasrnn.layers, family)(4, seed=3, **arguments)
        theirs.build(x.shape)
        ours.build(x.shape)
        ours.set_weights(theirs.get_weights())
        # "auto" takes the compiled kernel, where there is one.
        kernels = [k for k in KERNELS if k not in ("native", "fed_decoder")]
        for kernel in ("auto", *(k for k in kernels if runs_on(k, ours))):
            theirs.cell.seed_generator.state.assign(
                ours.cell.seed_generator.state.value
            )
            expected = theirs(x, training=True)
            with use_kernel(kernel):
                found = ours(x, training=True)
            np.testing.assert_allclose(
                keras.ops.convert_to_numpy(found),
                keras.ops.convert_to_numpy(expected),
                atol=2e-5,
            )
