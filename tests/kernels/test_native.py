import functools
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from packed_agreement import half_differences

from kerasrnn import layers
from kerasrnn.kernels import KERNELS, native, use_kernel
from kerasrnn.kernels.recurrence import Recurrence

if keras.backend.backend() != "tensorflow":
    pytest.skip("other backends: test_native_backends.py", allow_module_level=True)
pytestmark = pytest.mark.skipif(
    not native.available(), reason=f"no compiled kernel: {native.unavailable_because()}"
)
if native.available():
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

FAMILIES = {
    "simple_rnn_tanh": ("SimpleRNN", {}),
    "simple_rnn_relu": ("SimpleRNN", {"activation": "relu"}),
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {"reset_after": False}),
    "gru_reset_after": ("GRU", {"reset_after": True}),
}
# Relative to the largest value.
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
DTYPES = list(TOLERANCE)


def random_mask(rng, kind, B, T):
    """(B, T), with rows that are fully masked in every kind."""
    steps, lengths = np.arange(T), rng.integers(0, T + 1, (B, 1))
    if kind == "right":
        return steps < lengths
    if kind == "left":
        return steps >= lengths
    if kind == "holes":
        return rng.integers(0, 2, (B, T)).astype(bool)
    return None


def random_case(seed, dtype="float32"):
    """A pair of layers, keras.layers's and ours, with equal weights; and arguments."""
    rng = np.random.default_rng(seed)
    name, options = FAMILIES[list(FAMILIES)[seed % len(FAMILIES)]]
    B, T, D, U = (int(rng.integers(1, most)) for most in (20, 12, 40, 80))
    options = options | {
        "return_state": True,
        "bias_initializer": "random_normal",
        "dtype": dtype,
        **{
            flag: bool(rng.integers(2))
            for flag in (
                "use_bias",
                "go_backwards",
                "return_sequences",
                "zero_output_for_mask",
            )
        },
    }
    theirs = getattr(keras.layers, name)(U, **options)
    ours = getattr(layers, name)(U, **options)
    theirs.build((B, T, D))
    ours.build((B, T, D))
    ours.set_weights(theirs.get_weights())
    x = rng.normal(size=(B, T, D)).astype(dtype)
    states = [
        rng.normal(size=(B, U)).astype(dtype) for _ in range(1 + (name == "LSTM"))
    ]
    kind = rng.choice(["none", "right", "left", "holes"])
    mask = random_mask(rng, kind, B, T)
    training = bool(rng.integers(2))
    return theirs, ours, x, states, mask, training


def results_of(layer, x, states, mask, training, seed=0):
    """Outputs, states, and the gradients of a random combination of them."""
    x, *states = (tf.convert_to_tensor(a) for a in (x, *states))
    mask = None if mask is None else tf.convert_to_tensor(mask)
    rng = np.random.default_rng(seed)
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        outputs = layer(x, initial_state=states, mask=mask, training=training)
        loss = 0.0
        for output in outputs:
            loss += tf.reduce_sum(output * rng.normal(size=output.shape))
    weights = [v.value for v in layer.trainable_variables]
    return [*outputs, *tape.gradient(loss, [x, *states, *weights])]


def assert_close(ours, theirs, tolerance=TOLERANCE["float32"]):
    for a, b in zip(ours, theirs, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


@pytest.fixture
def instructions(request, monkeypatch):
    """Every call inside the test uses this instruction set, if the machine has it."""
    monkeypatch.setattr(native._load()[0], "instructions", request.param)


@pytest.mark.parametrize("instructions", ["best", "avx2", "baseline"], indirect=True)
@pytest.mark.parametrize("seed", range(25))
def test_equals_keras(seed, instructions):
    theirs, ours, *arguments = random_case(seed)
    with use_kernel("native"):
        got = results_of(ours, *arguments)
    assert_close(got, results_of(theirs, *arguments))


@pytest.mark.parametrize("instructions", ["best", "baseline"], indirect=True)
@pytest.mark.parametrize("seed", range(200, 210))
def test_equals_keras_in_float64(seed, instructions):
    theirs, ours, *arguments = random_case(seed, "float64")
    with use_kernel("native"):
        got = results_of(ours, *arguments)
    assert {np.asarray(a).dtype.name for a in got} == {"float64"}
    assert_close(got, results_of(theirs, *arguments), TOLERANCE["float64"])


@pytest.mark.parametrize("instructions", ["bfloat16"], indirect=True)
@pytest.mark.parametrize("seed", range(25))
def test_products_in_bfloat16_are_near_float32(seed, instructions):
    _, ours, *arguments = random_case(seed)
    with use_kernel("native"):
        got = results_of(ours, *arguments)
    with use_kernel("reference"):
        expected = results_of(ours, *arguments)
    config = ours.get_config()
    if config["activation"] == "relu":
        # A gradient is there or not, by the sign of a rounded number.
        got, expected = got[:2], expected[:2]
    # Without gates, an error grows from step to step.
    assert_close(got, expected, 1e-2 if "recurrent_activation" in config else 2e-2)


@pytest.mark.parametrize("instructions", ["best", "avx2"], indirect=True)
@pytest.mark.parametrize("family", FAMILIES)
def test_in_bfloat16_a_row_of_nan_and_one_of_infinity_leave_the_others(
    family, instructions
):
    name, options = FAMILIES[family]
    layer = getattr(layers, name)(19, dtype="mixed_bfloat16", **options)
    x = np.random.default_rng(0).normal(size=(4, 9, 5)).astype("float32")
    with use_kernel("native"):
        clean = keras.ops.convert_to_numpy(layer(x)).astype("float32")
        x[1, 3, 2], x[2, 4, 0] = np.nan, np.inf
        found = keras.ops.convert_to_numpy(layer(x)).astype("float32")
    assert np.isfinite(clean).all() and np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[[0, 3]], clean[[0, 3]])


@pytest.mark.parametrize("instructions", ["best", "avx2"], indirect=True)
def test_in_bfloat16_subnormal_numbers_are_zero(instructions):
    layer = layers.SimpleRNN(2, "relu", False, "ones", dtype="mixed_bfloat16")
    x = np.full((1, 1, 1), 1e-39, "float32")
    with use_kernel("native"):
        assert not np.asarray(layer(x), "float32").any()
        assert np.asarray(layer(x * 1e3), "float32").all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_equals_keras_on_many_more(seed):
    dtype = DTYPES[seed % 2]
    theirs, ours, *arguments = random_case(seed, dtype)
    compute = tf.function(functools.partial(results_of, ours), autograph=False)
    with use_kernel("native"):
        got = (compute if seed % 3 else functools.partial(results_of, ours))(*arguments)
    assert_close(got, results_of(theirs, *arguments), TOLERANCE[dtype])


# One row alone, with whole vectors and without, shares its steps among the threads.
@pytest.mark.parametrize(("batch", "units"), [(31, 65), (1, 256), (1, 261)])
@pytest.mark.parametrize("family", FAMILIES)
def test_results_do_not_depend_on_threads(family, batch, units, monkeypatch):
    name, options = FAMILIES[family]
    options = options | {"return_sequences": True, "return_state": True}
    layer = getattr(layers, name)(units, **options)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, 50, 33)).astype("float32")
    states = [np.zeros((batch, units), "float32")] * (1 + (name == "LSTM"))
    mask = random_mask(rng, "holes", batch, 50)
    results = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(native, "_threads", lambda threads=threads: threads)
        with use_kernel("native"):
            results.append(results_of(layer, x, states, mask, True))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_rows_whose_residuals_come_from_the_system():
    # More than 32 MB, for which large pages are asked.
    layer = layers.LSTM(128, return_sequences=True)
    x = np.random.default_rng(0).normal(size=(1, 900, 3)).astype("float32")

    def outputs_and_gradient(x):
        x = tf.constant(x)
        with use_kernel("native"), tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x)
            loss = tf.reduce_sum(tf.square(outputs))
        return outputs, tape.gradient(loss, x)

    one, many = outputs_and_gradient(x), outputs_and_gradient(np.repeat(x, 16, axis=0))
    assert_close(many, [np.repeat(a, 16, axis=0) for a in one])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_is_bitwise_the_sequence(family):
    name, options = FAMILIES[family]
    layer = getattr(layers, name)(19, return_sequences=True, **options)
    x = np.random.default_rng(0).normal(size=(7, 9, 5)).astype("float32")
    with use_kernel("native"):
        outputs, state = layer(x), None
        for t in range(9):
            y, state = layer.step(x[:, t], state)
            np.testing.assert_array_equal(y, outputs[:, t])


@pytest.mark.parametrize("instructions", ["best", "avx2", "baseline"], indirect=True)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_row_alone_is_bitwise_that_row_of_a_batch(family, instructions, dtype):
    name, options = FAMILIES[family]
    options = options | {"return_sequences": True, "return_state": True, "dtype": dtype}
    # Whole vectors: the recurrent kernel of one row is used as it was given.
    layer = getattr(layers, name)(32, bias_initializer="random_normal", **options)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 9, 5)).astype(dtype)
    states = [rng.normal(size=(3, 32)).astype(dtype)] * (1 + (name == "LSTM"))
    mask = random_mask(rng, "holes", 3, 9)
    one = x[:1], [state[:1] for state in states], mask[:1], True
    with use_kernel("native"):
        whole, alone = results_of(layer, x, states, mask, True), results_of(layer, *one)
    with use_kernel("reference"):
        expected = results_of(layer, *one)
    for a, b in zip(alone[: 1 + len(states)], whole, strict=False):
        np.testing.assert_array_equal(a, b[:1])
    assert_close(alone, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinity_pass_through_as_in_keras(family, value, dtype):
    name, options = FAMILIES[family]
    options = options | {"return_sequences": True, "dtype": dtype}
    theirs = getattr(keras.layers, name)(6, **options)
    ours = getattr(layers, name)(6, **options)
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(dtype)
    x[1, 2, 0] = value
    expected = theirs(x)
    ours.build(x.shape)
    ours.set_weights(theirs.get_weights())
    with use_kernel("native"):
        got = ours(x)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.isfinite(got[0]).all()


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2)])
def test_empty_batches_and_sequences(shape):
    layer = layers.LSTM(4, return_state=True)
    layer.build((None, None, 2))
    state = [tf.ones((shape[0], 4)), tf.ones((shape[0], 4))]

    @tf.function(input_signature=[tf.TensorSpec((None, None, 2))])
    def compute(x):
        with tf.GradientTape() as tape:
            tape.watch([x, *state])
            outputs = layer(x, initial_state=state, training=True)
            loss = sum(tf.reduce_sum(y) for y in outputs)
        weights = [v.value for v in layer.trainable_variables]
        return outputs, *tape.gradient(loss, [[x], state, weights])

    with use_kernel("native"):
        (last, h, c), (d_x,), d_state, d_weights = compute(tf.zeros(shape))
    np.testing.assert_array_equal(last, np.zeros((shape[0], 4)))
    np.testing.assert_array_equal([h, c], state)
    np.testing.assert_array_equal(d_state, state)
    assert d_x.shape == shape
    for gradient in d_weights:
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


def test_calls_from_several_threads():
    layer = layers.GRU(40, return_sequences=True, return_state=True)
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(9 + i, 30, 20)).astype("float32") for i in range(4)]
    layer.build(inputs[0].shape)

    def compute(x):
        with use_kernel("native"):
            state = [np.zeros((len(x), 40), "float32")]
            return results_of(layer, x, state, None, True)

    expected, wrong = [compute(x) for x in inputs], []

    def compare(i):
        for _ in range(10):
            for a, b in zip(compute(inputs[i]), expected[i], strict=True):
                if not np.array_equal(a, b):
                    wrong.append(i)

    threads = [threading.Thread(target=compare, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_persistent_tape_differentiates_twice():
    layer = layers.LSTM(5)
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 4, 2)), "float32")
    with use_kernel("native"), tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.reduce_sum(layer(x, training=True))
    first, second = tape.gradient(y, x), tape.gradient(y, x)
    assert np.abs(first).max() > 0
    np.testing.assert_array_equal(first, second)


# With a mask eagerly; without one in a graph, which is slow to make.
@pytest.mark.parametrize(
    ("family", "masked", "dtype"),
    [
        *((family, True, "float32") for family in FAMILIES),
        ("lstm", True, "float64"),
        ("simple_rnn_tanh", False, "float32"),
        *(
            pytest.param(family, False, "float32", marks=pytest.mark.slow)
            for family in FAMILIES
            if family != "simple_rnn_tanh"
        ),
    ],
)
def test_second_order_gradients_are_those_of_keras(family, masked, dtype):
    return_sequences = masked
    name, options = FAMILIES[family]
    options = options | {"return_sequences": return_sequences, "return_state": True}
    options = options | {"dtype": dtype}
    theirs = getattr(keras.layers, name)(6, bias_initializer="uniform", **options)
    ours = getattr(layers, name)(6, **options)
    x = tf.constant(np.random.default_rng(0).normal(size=(4, 5, 3)), dtype)
    theirs.build(x.shape)
    ours.build(x.shape)
    ours.set_weights(theirs.get_weights())
    mask = tf.sequence_mask([5, 3, 4, 1], 5) if masked else None

    def penalty_gradient(layer):
        weights = [w.value for w in layer.trainable_variables]
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                outputs = layer(x, mask=mask, training=True)
                loss = tf.add_n([tf.reduce_sum(y**2) for y in outputs])
            gradients = inner.gradient(loss, [x, *weights])
            penalty = tf.add_n([tf.reduce_sum(g**2) for g in gradients])
        return outer.gradient(penalty, [x, *weights])

    expected = penalty_gradient(theirs)
    with use_kernel("native"):
        call = penalty_gradient if masked else tf.function(penalty_gradient)
        assert_close(call(ours), expected, 1e-4 if dtype == "float32" else 1e-11)


def test_jacobians_are_those_of_keras():
    theirs, ours = keras.layers.GRU(3), layers.GRU(3)
    x = tf.constant(np.random.default_rng(0).normal(size=(4, 5, 2)), "float32")
    theirs.build(x.shape)
    ours.build(x.shape)
    ours.set_weights(theirs.get_weights())

    def jacobian(layer, **options):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = layer(x, training=True)
        return tape.jacobian(y, x, **options)

    expected = jacobian(theirs, experimental_use_pfor=False)
    with use_kernel("native"):
        found = jacobian(ours, experimental_use_pfor=False)
        assert_close([found], [expected])
        found = jacobian(ours)
        assert_close([found], [expected])


def test_traces_once():
    layer, traces = layers.LSTM(5), []

    @tf.function(reduce_retracing=True)
    def call(x):
        traces.append(None)
        return layer(x)

    with use_kernel("native"):
        for length in range(3, 12):
            y = call(tf.ones((length, length, 2)))
            assert y.shape == (length, 5)
    # Keras builds in the first one; the second is general.
    assert len(traces) <= 3


def test_static_shapes():
    layer = layers.LSTM(5, return_sequences=True, return_state=True)

    @tf.function(input_signature=[tf.TensorSpec((None, 7, 2))])
    def call(x):
        with use_kernel("native"):
            outputs = layer(x)
        assert [y.shape.as_list() for y in outputs] == [[None, 7, 5]] + [[None, 5]] * 2
        return outputs

    assert call(tf.ones((3, 7, 2)))[0].shape == (3, 7, 5)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (layers.LSTM(4, activation="softplus"), "activation is not tanh"),
        (
            layers.LSTM(4, recurrent_activation="tanh"),
            "recurrent_activation is not sigmoid",
        ),
        (layers.LSTM(4, recurrent_dropout=0.5), "dropout masks"),
        (layers.LSTM(4, unroll=True), "unroll=True"),
        (layers.RNN(keras.layers.LSTMCell(4)), "SimpleRNNCell"),
    ],
)
def test_declines(layer, reason):
    assert reason in layer.explain()
    assert "kernel: native" not in layer.explain()
    with use_kernel("native"), pytest.raises(ValueError, match="cannot run"):
        layer(np.ones((2, 3, 4), "float32"), training=True)


@pytest.mark.parametrize(
    "name, policy",
    [("LSTM", "mixed_bfloat16"), ("GRU", "mixed_bfloat16"), ("GRU", "mixed_float16")],
)
def test_half_precision_is_as_near_float32_as_the_definition(name, policy):
    ours, definition = half_differences(name, policy, "native")
    assert ours <= definition
    assert layers.LSTM(4, dtype=policy).explain().startswith("kernel: native\n")


@pytest.mark.parametrize("of_cell, of_layer", [DTYPES, DTYPES[::-1]])
def test_a_cell_may_have_another_dtype_than_its_layer(of_cell, of_layer):
    layer = layers.RNN(layers.LSTMCell(4, dtype=of_cell), dtype=of_layer)
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(of_layer)
    with use_kernel("reference"):
        expected = layer(x)
    with use_kernel("native"):
        found = layer(x)
    assert found.dtype == of_layer
    assert_close([found], [expected])


def test_a_dtype_that_it_does_not_compute_in_is_declined_by_name():
    recurrence = Recurrence(
        step=None,
        output_size=4,
        family="simple_rnn",
        activation="tanh",
        dtype="float8_e4m3fn",
    )
    reason = native.declines(recurrence, None, None)
    assert reason == "it computes in float32 and float64, not float8_e4m3fn"


def test_explains_how_bfloat16_is_multiplied():
    """The rule of `gains_by_bfloat16`, by what Linux says of the processor."""
    processor = Path("/proc/cpuinfo").read_text()
    gains = "AuthenticAMD" in processor and "avx512_bf16" in processor
    explained = layers.LSTM(4, dtype="mixed_bfloat16").explain()
    assert ("products in bfloat16" in explained) == gains
    for dtype in (*DTYPES, "mixed_float16"):
        assert "products in" not in layers.LSTM(4, dtype=dtype).explain()


@pytest.mark.parametrize("dtype", DTYPES)
def test_explains_itself(dtype):
    lines = layers.LSTM(4, dtype=dtype).explain().splitlines()
    assert lines[0] == "kernel: native"
    assert lines[1].startswith("how: compiled for ")


def operations_in(path):
    """The names of all operations of a SavedModel."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(Path(path, "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0].graph_def
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return {node.op for node in nodes}


def assert_exported(path, x, expected):
    names = operations_in(path)
    assert any("While" in name for name in names)
    assert not any("kerasrnn" in name.lower() for name in names)
    loaded = tf.saved_model.load(path).signatures["serving_default"]
    (got,) = loaded(tf.constant(x)).values()
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.fixture
def model_and_input():
    model = keras.Sequential([keras.Input((7, 3)), layers.LSTM(5), layers_dense()])
    x = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
    model.compile("adam", "mse")
    model.fit(x, np.zeros((2, 1)), verbose=0)
    return model, x


def layers_dense():
    return keras.layers.Dense(1)


@pytest.mark.slow
def test_keras_export_does_not_contain_it(model_and_input, tmp_path):
    model, x = model_and_input
    expected = model.predict(x, verbose=0)
    model.export(tmp_path / "model", verbose=False)
    assert_exported(tmp_path / "model", x, expected)


@pytest.mark.long
def test_a_function_traced_before_saving_does_not_contain_it(model_and_input, tmp_path):
    model, x = model_and_input
    module = tf.Module()
    module.model = model
    signature = [tf.TensorSpec((None, 7, 3))]
    module.serve = tf.function(lambda x: model(x), input_signature=signature)
    expected = module.serve(tf.constant(x))
    graph = module.serve.get_concrete_function().graph.as_graph_def()
    assert "KerasrnnForward" in str(graph)
    tf.saved_model.save(module, tmp_path / "model", signatures=module.serve)
    assert_exported(tmp_path / "model", x, expected)


# What an export says where there is nothing left to trace anew.
NAMED = "ayer `layer_to_export` was traced with the compiled kernel.*use_kernel"


@pytest.fixture
def traced(request):
    """A model, its input, a function, and the concrete one: of a call, or asked for."""
    model = keras.Sequential(
        [keras.Input((4, 3)), layers.GRU(2, name="layer_to_export")]
    )
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 3)), "float32")
    function, called = tf.function(lambda x: model(x)), request.param == "called"
    if called:
        function(x)
    concrete = function.get_concrete_function(tf.TensorSpec(x.shape))
    assert ("KerasrnnForward" in str(concrete.graph.as_graph_def())) == called
    module = tf.Module()
    module.model = model
    return module, x, function, concrete


asked_for = pytest.mark.parametrize("traced", ["asked for"], indirect=True)
called = pytest.mark.parametrize("traced", ["called"], indirect=True)


@pytest.mark.long
@asked_for
def test_a_concrete_function_can_be_exported(traced, tmp_path):
    module, x, _, concrete = traced
    tf.saved_model.save(module, tmp_path / "model", signatures=concrete)
    assert_exported(tmp_path / "model", x, module.model(x))
    frozen = convert_variables_to_constants_v2(concrete)
    np.testing.assert_allclose(frozen(x)[0], module.model(x), atol=1e-5)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    assert b"Kerasrnn" not in converter.convert()


@pytest.mark.slow  # To say what is untracked, TensorFlow asks the garbage collector.
@called
def test_an_export_of_a_called_function_names_layer_and_remedy(traced, tmp_path):
    module, _, function, concrete = traced
    with pytest.raises(AssertionError, match=f"untracked(.|\n)*{NAMED}"):
        tf.saved_model.save(module, tmp_path / "model", signatures=concrete)
    with pytest.raises(ValueError, match=NAMED):
        convert_variables_to_constants_v2(concrete)
    with pytest.raises(ValueError, match=NAMED):
        tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert()
    archive = keras.export.ExportArchive()
    archive.track(module.model)
    archive.add_endpoint("serve", function)
    with pytest.raises(AssertionError, match=NAMED):
        archive.write_out(tmp_path / "archive")


def test_the_compiled_kernel_forced_into_a_concrete_function_is_refused():
    layer = layers.LSTM(4)
    layer.build((2, 3, 4))
    spec = tf.TensorSpec((2, 3, 4))
    with use_kernel("native"), pytest.raises(ValueError, match="may be exported"):
        tf.function(lambda x: layer(x)).get_concrete_function(spec)


@pytest.mark.slow
def test_xla_does_not_contain_it(model_and_input):
    model, x = model_and_input
    expected = model(x)
    got = tf.function(lambda x: model(x), jit_compile=True)(x)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    model.compile("sgd", "mse", jit_compile=True)
    model.fit(x, np.zeros((2, 1)), verbose=0)
    layer = layers.LSTM(5)
    layer.build(x.shape)
    with use_kernel("native"), pytest.raises(ValueError, match="XLA"):
        tf.function(lambda x: layer(x), jit_compile=True)(x)


def test_runs_inside_datasets_and_vectorized_maps():
    layer = layers.GRU(5)
    x = np.random.default_rng(0).normal(size=(6, 2, 7, 3)).astype("float32")
    expected = np.stack([layer(one) for one in x])
    with use_kernel("native"):
        mapped = tf.data.Dataset.from_tensor_slices(x).map(layer)
    np.testing.assert_allclose(np.stack(list(mapped)), expected, atol=1e-6)
    np.testing.assert_allclose(tf.map_fn(layer, x), expected, atol=1e-6)


@pytest.mark.slow
def test_several_devices(tmp_path):
    code = """
    import contextlib
    import numpy as np
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    import keras
    from kerasrnn.layers import LSTM
    x = np.random.default_rng(0).normal(size=(8, 6, 3)).astype("float32")
    y = x.sum(axis=(1, 2))[:, None]
    losses = []
    for scope in (tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope(),
                  contextlib.nullcontext()):
        keras.utils.set_random_seed(0)
        with scope:
            model = keras.Sequential([LSTM(4), keras.layers.Dense(1)])
            model.compile("sgd", "mse")
            losses += [model.fit(x, y, epochs=3, batch_size=8, verbose=0)
                       .history["loss"]]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_sanitizers_find_nothing(sanitizer, tmp_path):
    script = Path(__file__).with_name("run_sanitizer.sh")
    result = subprocess.run(
        ["bash", script, sanitizer, tmp_path], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "no difference in" in result.stdout


def test_every_kernel_is_listed_from_the_fastest():
    assert list(KERNELS) == [
        "keras",
        "native",
        "fed_decoder",
        "tensorflow",
        "reference",
    ]
