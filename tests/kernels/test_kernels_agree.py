"""Every kernel against the definition, in float64: outputs, states and gradients."""

import keras
import numpy as np
import pytest

from kerasrnn.kernels import KERNELS, native, use_kernel
from kerasrnn.layers import GRU, LSTM, SimpleRNN

# What is fed with what it saw: tests/kernels/test_fed_decoder.py. What packs masks:
# tests/kernels/test_packed.py.
ELSEWHERE = ("keras", "fed_decoder", "reference")
FAST = [name for name in KERNELS if name not in ELSEWHERE]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 13, 3))
MASK = RNG.random((4, 13)) < 0.6
MASK[0] = False
CONFIGURATIONS = [
    (SimpleRNN, {}),
    (SimpleRNN, {"activation": "relu"}),
    (SimpleRNN, {"activation": "sigmoid"}),
    (LSTM, {}),
    (LSTM, {"activation": "sigmoid", "recurrent_activation": "relu"}),
    (LSTM, {"use_bias": False, "activation": "linear"}),
    (GRU, {}),
    (GRU, {"activation": "sigmoid"}),
    (GRU, {"reset_after": False}),
    (GRU, {"reset_after": False, "activation": "sigmoid"}),
    (GRU, {"use_bias": False, "recurrent_activation": "tanh"}),
]
COMPILED = [
    (layer_class, arguments)
    for layer_class, arguments in CONFIGURATIONS
    if arguments.keys() <= {"reset_after"} or arguments == {"activation": "relu"}
]
CASES = [
    (kernel, *configuration)
    for kernel in FAST
    for configuration in (COMPILED if kernel == "native" else CONFIGURATIONS)
    if kernel != "native" or native.available()
]
tf = pytest.importorskip("tensorflow")
needs_gradients = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tapes are TensorFlow's"
)


def results(layer, kernel, mask, training):
    x = tf.constant(X)
    states = [
        tf.constant(RNG_STATE[: X.shape[0]] * (k + 1))
        for k in range(len(layer.state_size))
    ]
    with use_kernel(kernel), tf.GradientTape() as tape:
        tape.watch([x, *states])
        outputs = layer(x, initial_state=states, mask=mask, training=training)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        loss = tf.add_n(
            [tf.reduce_sum(tf.sin((k + 1.0) * o)) for k, o in enumerate(outputs)]
        )
    sources = [x, *states, *(w.value for w in layer.trainable_weights)]
    return [*outputs, *tape.gradient(loss, sources)]


RNG_STATE = RNG.standard_normal((4, 5))


@needs_gradients
@pytest.mark.parametrize("kernel, layer_class, arguments", CASES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_the_kernel_equals_the_definition(
    kernel, layer_class, arguments, masked, training, return_sequences
):
    layer = layer_class(
        5,
        bias_initializer="random_normal",
        return_sequences=return_sequences,
        return_state=True,
        go_backwards=masked,
        dtype="float64",
        **arguments,
    )
    layer.build(X.shape)
    mask = MASK if masked else None
    expected = results(layer, "reference", mask, training)
    found = results(layer, kernel, mask, training)
    for a, b in zip(found, expected, strict=True):
        b = b.numpy()
        assert np.abs(a.numpy() - b).max() <= 1e-10 * max(np.abs(b).max(), 1e-3)


@needs_gradients
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("options", [{}, {"recurrent_dropout": 0.4, "seed": 7}])
@pytest.mark.parametrize("layer_class, arguments", CONFIGURATIONS)
def test_two_halves_of_a_batch_equal_the_definition(
    layer_class, arguments, options, masked, monkeypatch
):
    from kerasrnn.kernels import tensorflow

    halves = []

    def two(batch, recurrence):
        halves.append(batch)
        return 2

    monkeypatch.setattr(tensorflow, "number_of_chains", two)

    def run(kernel):
        layer = layer_class(
            5,
            kernel_initializer=keras.initializers.RandomNormal(seed=1),
            recurrent_initializer=keras.initializers.RandomNormal(seed=2),
            return_sequences=masked,
            return_state=True,
            dtype="float64",
            **arguments,
            **options,
        )
        layer.build(X.shape)
        mask = MASK if masked else None
        return results(layer, kernel, mask, training=True)

    for a, b in zip(run("tensorflow"), run("reference"), strict=True):
        b = b.numpy()
        assert np.abs(a.numpy() - b).max() <= 1e-10 * max(np.abs(b).max(), 1e-3)
    assert halves


@needs_gradients
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dropouts", [(0.3, 0.4), (0.0, 0.4), (0.4, 0.0)])
@pytest.mark.parametrize(
    "layer_class, arguments",
    [
        (SimpleRNN, {}),
        (LSTM, {}),
        (LSTM, {"use_bias": False}),
        (GRU, {}),
        (GRU, {"reset_after": False}),
    ],
)
def test_dropout_at_every_gate_equals_the_definition(
    layer_class, arguments, dropouts, masked
):
    def run(kernel):
        layer = layer_class(
            5,
            dropout=dropouts[0],
            recurrent_dropout=dropouts[1],
            implementation=1,
            seed=7,
            kernel_initializer=keras.initializers.RandomNormal(seed=1),
            recurrent_initializer=keras.initializers.RandomNormal(seed=2),
            return_sequences=True,
            return_state=True,
            dtype="float64",
            **arguments,
        )
        layer.build(X.shape)
        assert "backward pass of its own" in layer.explain()
        return results(layer, kernel, MASK if masked else None, training=True)

    for a, b in zip(run("tensorflow"), run("reference"), strict=True):
        b = b.numpy()
        assert np.abs(a.numpy() - b).max() <= 1e-10 * max(np.abs(b).max(), 1e-3)


@needs_gradients
@pytest.mark.parametrize("kernel", [name for name in FAST if name != "native"])
def test_inference_keeps_nothing_for_a_backward_pass(kernel):
    def arrays(training):
        layer = LSTM(5)
        layer.build(X.shape)

        @tf.function
        def call(x):
            return layer(x, training=training)

        with use_kernel(kernel):
            graph = call.get_concrete_function(tf.TensorSpec((4, 13, 3))).graph
        return sum(o.type == "TensorListReserve" for o in graph.get_operations())

    assert arrays(training=False) == 0
    assert arrays(training=True) > 0


@needs_gradients
def test_a_kernel_that_cannot_run_is_refused_by_name():
    with (
        use_kernel("tensorflow"),
        pytest.raises(ValueError, match=r"kernel .tensorflow. cannot run.*unroll"),
    ):
        LSTM(3, unroll=True)(X)
