"""What is written for LiteRT computes what the model does, in fused operators."""

import sys

import keras
import numpy as np
import pytest
from keras import layers as keras_layers

from kerasrnn import layers
from kerasrnn.export import streaming, to_litert
from kerasrnn.kernels import use_kernel

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

FUSED = "UNIDIRECTIONAL_SEQUENCE_LSTM"


def with_random_weights(model, seed=0):
    generator = np.random.default_rng(seed)
    model.set_weights(
        [w + generator.normal(0, 0.3, w.shape) for w in model.get_weights()]
    )
    return model


def sequential(*stack, shape=(9, 3), **options):
    model = keras.Sequential([keras.Input(shape, name="x", **options), *stack])
    return with_random_weights(model)


def runner(path):
    return interpreter.Interpreter(str(path)).get_signature_runner()


def normal(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def holed_ids(rows, steps, seed=2):
    """Ids of which some are 0: at the end, at the beginning, within, or all."""
    ids = np.random.default_rng(seed).integers(1, 7, (rows, steps)).astype("int32")
    ids[0, steps // 2 :] = 0
    ids[1, : steps // 3] = 0
    ids[2, ::2] = 0
    ids[3] = 0
    return ids


def assert_only_built_in(report, fused):
    assert report.operators.get(FUSED, 0) == fused
    foreign = [name for name in report.operators if name.startswith(("Flex", "CUSTOM"))]
    assert not foreign
    assert "WHILE" not in report.operators


@pytest.mark.long
@pytest.mark.parametrize("namespace", [layers, keras_layers])
def test_stacks_and_both_directions_are_one_operator_each(namespace, tmp_path):
    model = sequential(
        namespace.LSTM(4, return_sequences=True, use_bias=False),
        namespace.Bidirectional(namespace.LSTM(3), merge_mode="sum"),
        keras_layers.Dense(2, name="classes"),
    )
    weights = model.get_weights()
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    x, path = normal(5, 9, 3), tmp_path / "new" / "model.tflite"
    report = to_litert(model, path, batch_size=2, sample=x)
    assert_only_built_in(report, fused=3)
    assert list(report.layers.values()) == [FUSED] * 3
    assert report.largest_difference <= 1e-6
    assert (report.path, report.size) == (path, path.stat().st_size)
    run = runner(path)
    for rows in (x[:2], x[2:4], x[:2]):  # No call begins where the one before ended.
        np.testing.assert_allclose(run(x=rows)["classes"], model(rows), atol=1e-6)
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.long
def test_any_mask_and_any_number_of_steps(tmp_path):
    model = sequential(
        keras_layers.Embedding(7, 5, mask_zero=True),
        layers.LSTM(4, return_sequences=True),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
        layers.LSTM(3, go_backwards=True, name="last"),
        shape=(None,),
        dtype="int32",
    )
    path = tmp_path / "model.tflite"
    report = to_litert(model, path, batch_size=5, sample=holed_ids(5, 8))
    assert_only_built_in(report, fused=4)
    assert report.largest_difference <= 1e-6
    run = runner(path)
    for steps in (8, 3, 11):
        ids = holed_ids(5, steps)
        np.testing.assert_allclose(run(x=ids)["last"], model(ids), atol=1e-6)


@pytest.mark.long
# Sums as products, and as they are written.
@pytest.mark.parametrize(("scale", "steps"), [(1, 7), (50, None)])
def test_a_crf_with_any_mask(tmp_path, scale, steps):
    crf = layers.CRF(4, name="crf")
    for seed, w in enumerate(crf.weights):
        w.assign(scale * normal(*w.shape, seed=seed))
    x = keras.Input((None, 4), name="x")
    mask = keras.Input((None,), dtype="bool", name="mask")
    outputs = {"p": crf(x, mask=mask), "tags": crf(x, mask=mask, decode=True)}
    model = keras.Model([x, mask], outputs)
    shown = np.random.default_rng(0).random((5, 7)) > 0.4
    shown[1] = False
    sample = [normal(5, 7, 4, seed=3) * 3, shown]
    report = to_litert(model, tmp_path / "crf.tflite", steps=steps, sample=sample)
    assert report.largest_difference < 1e-5
    assert report.notes == () and report.layers == {}
    assert "IF" not in report.operators
    assert ("WHILE" in report.operators) == (steps is None)


def test_states_go_in_and_out(tmp_path):
    x, ids = keras.Input((7, 3), name="x"), keras.Input((6,), name="ids")
    h, c = keras.Input((4,), name="h"), keras.Input((4,), name="c")
    encoded, *states = layers.LSTM(4, return_sequences=True, return_state=True)(
        x, initial_state=[h, c]
    )
    embedded = keras_layers.Embedding(7, 4, mask_zero=True)(ids)
    decoder = keras_layers.LSTM(4, return_sequences=True, return_state=True)
    decoded, *final = decoder(embedded, initial_state=states)
    # What two layers begin with must not be what one of them leaves.
    again = layers.LSTM(4)(encoded, initial_state=states)
    outputs = {"y": decoded, "h": final[0], "c": final[1], "again": again, "was": h}
    model = with_random_weights(keras.Model([x, ids, h, c], outputs))
    # Gates that are as good as shut, and states beyond what the converter allows them.
    sample = [normal(4, 7, 3) * 5, holed_ids(4, 6), normal(4, 4), normal(4, 4) * 9]
    report = to_litert(model, tmp_path / "m.tflite", batch_size=4, sample=sample)
    assert_only_built_in(report, fused=3)
    assert report.largest_difference <= 1e-5


@pytest.mark.parametrize(
    "steps, operator", [(6, "TANH"), pytest.param(40, "WHILE", marks=pytest.mark.slow)]
)
def test_a_layer_without_a_fused_operator_is_told(steps, operator, tmp_path):
    model = sequential(
        layers.GRU(4, return_sequences=True, name="first"),
        layers.LSTM(3, activation="relu", name="second"),
        shape=(None, 3),
    )
    path = tmp_path / "model.tflite"
    report = to_litert(model, path, steps=steps, sample=normal(2, steps, 3))
    assert report.largest_difference <= 1e-5
    assert operator in report.operators
    assert ("WHILE" in report.operators) == (steps == 40)
    assert not [name for name in report.operators if name.startswith("Flex")]
    assert "LiteRT has a fused operator for LSTM only" in report.layers["first"]
    assert "activation is not tanh" in report.layers["second"]
    (note,) = report.notes
    assert note == (
        "LiteRT has no fused operator for first, second; for input that comes step by "
        "step, kerasrnn.export.streaming makes a model of one step."
    )


def test_a_model_inside_a_model_and_a_layer_of_a_user(tmp_path):
    inner = sequential(keras_layers.LSTM(3, return_sequences=True))
    x = keras.Input((9, 3), name="x")
    y = keras_layers.TimeDistributed(keras_layers.Dense(3))(inner(x))
    y = keras_layers.RNN(keras_layers.LSTMCell(4), name="last")(y)
    report = to_litert(keras.Model(x, y), tmp_path / "m.tflite")
    assert_only_built_in(report, fused=2)
    assert report.largest_difference <= 1e-6


def test_an_input_without_a_name(tmp_path):
    x = keras.Input((9, 3))
    y = keras_layers.LSTM(4)(keras_layers.Masking()(x))
    report = to_litert(keras.Model(x, y), tmp_path / "m.tflite")
    assert_only_built_in(report, fused=1)
    assert report.largest_difference <= 1e-6


class Subclassed(keras.Model):
    """Reads a dictionary, and gives one."""

    def __init__(self):
        super().__init__()
        self.reader = layers.LSTM(3)
        self.build = lambda *_: None

    def call(self, inputs, training=False):
        return {"y": self.reader(inputs["a"]) + keras.ops.sum(inputs["b"])}


def test_a_subclassed_model_is_written_for_its_sample(tmp_path):
    model, path = Subclassed(), tmp_path / "m.tflite"
    sample = {"a": normal(2, 5, 3), "b": normal(2, 2)}
    with pytest.raises(ValueError, match="`sample` must be inputs of the model where"):
        to_litert(model, path)
    model(sample)
    report = to_litert(model, path, batch_size=2, sample=sample)
    assert report.largest_difference <= 1e-6
    assert list(runner(path).get_output_details()) == ["y"]


@pytest.mark.parametrize("family", ["SimpleRNN", "LSTM", "GRU"])
def test_a_step_model_is_operators_of_its_equations(family, tmp_path):
    layer = getattr(layers, family)(4, name="reader")
    model = sequential(layer, keras_layers.Dense(2), shape=(None, 3))
    step, path = streaming(model), tmp_path / "step.tflite"
    report = to_litert(step, path)
    assert set(report.operators) <= {
        *("ADD", "FULLY_CONNECTED", "LOGISTIC", "MUL", "RESHAPE", "SPLIT"),
        *("STRIDED_SLICE", "SUB", "TANH"),
    }
    assert report.largest_difference <= 1e-6
    assert report.layers == {
        "reader": "one step of the cell, in operators of its equations"
    }
    file = interpreter.Interpreter(str(path))
    names = [tensor.name for tensor in step.inputs]
    found = [detail["name"] for detail in file.get_input_details()]
    assert found == [f"serving_default_{name}:0" for name in names]


@pytest.fixture(scope="module")
def wide():
    return sequential(
        layers.Bidirectional(layers.LSTM(64, return_sequences=True)),
        layers.LSTM(64),
        keras_layers.Dense(3),
        shape=(9, 32),
    )


@pytest.fixture(scope="module")
def whole_size(wide, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "model.tflite"
    return to_litert(wide, path, sample=normal(1, 9, 32)).size


@pytest.mark.long
@pytest.mark.parametrize("quantize, most", [("dynamic", 0.05), ("full", 0.15)])
def test_weights_of_8_bits(quantize, most, wide, whole_size, tmp_path):
    x, path = normal(64, 9, 32), tmp_path / "m.tflite"
    calibration = x if quantize == "full" else None
    report = to_litert(
        wide,
        path,
        batch_size=4,
        sample=x,
        quantize=quantize,
        calibration=calibration,
    )
    assert_only_built_in(report, fused=3)
    assert report.size <= 0.35 * whole_size
    outputs = np.asarray(wide(x))
    assert 0 < report.largest_difference <= most * np.ptp(outputs)
    run, first = runner(path), x[:4]
    (before,) = run(x=first).values()
    (after,) = run(x=first).values()
    np.testing.assert_array_equal(before, after)
    assert ("QUANTIZE" in report.operators) == (quantize == "full")


SMALL = sequential(layers.LSTM(2))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"steps": 0}, "`steps` must be a positive integer; got 0"),
        ({"steps": True}, "`steps` must be a positive integer; got True"),
        ({"steps": 5}, "where they are fixed, 9 of 'x', or None; got 5"),
        ({"batch_size": 0}, "`batch_size` must be a positive integer; got 0"),
        ({"quantize": "int4"}, "`quantize` must be one of .*; got 'int4'"),
        ({"quantize": "full"}, '`calibration` must be inputs .* is "full".*got .*none'),
        ({"calibration": [[0]]}, "None elsewhere; got quantize=None and some"),
        ({"sample": np.zeros((2, 4, 3))}, r"`sample` must have an array .*\(2, 4, 3\)"),
        ({"sample": np.zeros((0, 9, 3))}, r"`sample` must .* got .*\(0, 9, 3\)"),
        (
            {"quantize": "full", "calibration": np.zeros((2, 9, 2))},
            r"`calibration` must have an array .*\['x'\].*\(None, 9, 3\)",
        ),
    ],
)
def test_a_wrong_argument_is_named(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        to_litert(SMALL, tmp_path / "new" / "m.tflite", **options)
    assert not list(tmp_path.iterdir())


def test_a_wrong_path_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"`path` must end with '\.tflite'; got"):
        to_litert(SMALL, tmp_path / "model.onnx")
    folder = tmp_path / "folder.tflite"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"`path` must be a file; .* is a folder"):
        to_litert(SMALL, folder)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ValueError, match=r"`path` must lie in folders; .* is a file"):
        to_litert(SMALL, tmp_path / "file" / "m.tflite")


def test_another_backend_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    message = "LiteRT can only be written on the TensorFlow backend; .* runs on 'jax'"
    with pytest.raises(ValueError, match=message):
        to_litert(SMALL, tmp_path / "m.tflite")


def test_without_the_runtime_a_file_is_written_and_not_compared(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    report = to_litert(SMALL, tmp_path / "m.tflite")
    assert report.largest_difference is None
    assert report.operators[FUSED] == 1
    (note,) = report.notes
    assert note.startswith("Not compared with the model: that needs ai-edge-litert")


def test_the_kernel_runs_inside_an_export_only():
    message = "kernel 'litert' cannot run this layer: it runs inside an export"
    with use_kernel("litert"), pytest.raises(ValueError, match=message):
        SMALL(normal(1, 9, 3))


def stateful():
    x = keras.Input(batch_shape=(1, 9, 3))
    return keras.Model(x, layers.LSTM(2, stateful=True, name="carrier")(x))


def without_translation():
    inverse = keras_layers.Lambda(lambda x: keras.ops.erfinv(x), name="inverse")
    return sequential(layers.LSTM(2), inverse)


def returning_c():
    x = keras.Input((9, 3))
    return keras.Model(x, layers.LSTM(2, return_state=True, name="teller")(x))


def given_states():
    x, h = keras.Input((9, 3)), keras.Input((2,))
    return keras.Model([x, h], layers.LSTM(2, name="given")(x, initial_state=[h, h]))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: keras.Sequential([layers.LSTM(2)]), "`model` must be built; call"),
        (stateful, "must not carry states over .*carrier.*streaming"),
        (without_translation, "operations that LiteRT has; it has none for .*inverse"),
        (
            lambda: sequential(layers.LSTM(2, dtype="mixed_float16")),
            "`model` must compute in float32, .* gives float16",
        ),
    ],
)
def test_a_model_that_cannot_go_is_named(make, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        to_litert(make(), tmp_path / "m.tflite")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: sequential(layers.GRU(2, name="loop"), shape=(40, 3)), "WHILE.*loop"),
        (lambda: sequential(layers.CRF(3), shape=(40, 3)), "WHILE.*crf.*cond"),
        (returning_c, "returns its state c; got it for '.*teller"),
        (given_states, r"begins with given states; got it for \['given'\]"),
    ],
)
def test_what_the_converter_quantizes_wrong_is_refused(make, message, tmp_path):
    model = make()
    shapes = [(2, *tensor.shape[1:]) for tensor in model.inputs]
    calibration = [np.ones(shape, "float32") for shape in shapes]
    with pytest.raises(ValueError, match=message):
        to_litert(
            model, tmp_path / "m.tflite", quantize="full", calibration=calibration
        )


def test_more_steps_than_the_graph_has(tmp_path):
    path = tmp_path / "m.tflite"
    to_litert(sequential(layers.GRU(2), shape=(None, 3)), path, steps=4)
    run = interpreter.Interpreter(str(path))
    (detail,) = run.get_input_details()
    run.allocate_tensors()
    with pytest.raises(ValueError, match="Got 5 but expected 4 for dimension 1"):
        run.set_tensor(detail["index"], normal(1, 5, 3))


def test_ids_outside_of_the_vocabulary(tmp_path):
    path = tmp_path / "m.tflite"
    embedding = keras_layers.Embedding(7, 3)
    to_litert(sequential(embedding, layers.LSTM(2), shape=(5,), dtype="int32"), path)
    with pytest.raises(RuntimeError, match="gather index out of bounds"):
        runner(path)(x=np.full((1, 5), 7, "int32"))


# Random models.


def random_model(generator):
    """A model of 1 to 3 recurrent layers, and how many are fused."""
    namespace = generator.choice([layers, keras_layers])
    masked, steps = generator.random() < 0.4, int(generator.integers(2, 12))
    open_steps = generator.random() < 0.3
    length = None if open_steps else steps
    if masked:
        x = keras.Input((length,), dtype="int32", name="x")
        y = keras_layers.Embedding(7, 3, mask_zero=True)(x)
    else:
        x = y = keras.Input((length, 3), name="x")
    fused, count = 0, int(generator.integers(1, 4))
    states = []
    for place in range(count):
        family = generator.choice(["LSTM", "LSTM", "GRU", "SimpleRNN"])
        activation = generator.choice(["tanh", "tanh", "tanh", "relu"])
        options = {
            "return_sequences": place < count - 1 or bool(generator.integers(2)),
            "use_bias": bool(generator.integers(2)),
            "activation": str(activation),
            # With a mask, Keras's unrolled layers give other numbers than its loops.
            "unroll": not (masked or open_steps) and bool(generator.random() < 0.2),
        }
        if family == "GRU":
            options["reset_after"] = bool(generator.integers(2))
        units = int(generator.integers(1, 6))
        layer = getattr(namespace, str(family))(units, **options)
        is_fused = family == "LSTM" and activation == "tanh"
        if generator.random() < 0.3:
            mode = str(generator.choice(["concat", "sum", "ave", "mul"]))
            y = namespace.Bidirectional(layer, merge_mode=mode)(y)
            fused += 2 * is_fused
        elif generator.random() < 0.3:
            config = {**layer.get_config(), "return_state": True}
            y, *new = type(layer).from_config(config)(y)
            states += new
            fused += is_fused
        else:
            config = {**layer.get_config(), "go_backwards": generator.random() < 0.3}
            y = type(layer).from_config(config)(y)
            fused += is_fused
    model = with_random_weights(keras.Model(x, [y, *states]))
    rows = int(generator.integers(1, 10))
    if masked:
        sample = generator.integers(1, 7, (rows, steps))
        lengths = generator.integers(0, steps + 1, (rows, 1))
        sample = sample * (np.arange(steps) < lengths)
    else:
        sample = generator.normal(size=(rows, steps, 3))
    return model, sample, rows, fused


def check_random_models(seeds, tmp_path):
    for seed in seeds:
        model, sample, rows, fused = random_model(np.random.default_rng(seed))
        report = to_litert(model, tmp_path / "m.tflite", batch_size=rows, sample=sample)
        assert report.largest_difference <= 1e-5, seed
        assert report.operators.get(FUSED, 0) == fused, seed
        assert not [n for n in report.operators if n.startswith("Flex")], seed


@pytest.mark.slow
def test_some_random_models(tmp_path):
    check_random_models(range(3), tmp_path)


@pytest.mark.slow
def test_many_random_models(tmp_path):
    check_random_models(range(3, 15), tmp_path)
