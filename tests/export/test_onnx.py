"""Recurrent layers in ONNX: one operator each, with the numbers of the layer."""

import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn import layers as ours
from kerasrnn.export import to_onnx
from kerasrnn.export.difference import difference

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BOTH = pytest.mark.parametrize("namespace", [ours, keras.layers], ids=["ours", "keras"])
SLOWLY_BOTH = pytest.mark.parametrize(
    "namespace",
    [ours, pytest.param(keras.layers, marks=pytest.mark.slow)],
    ids=["ours", "keras"],
)
RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 7, 3)).astype("float32")
IDS = np.array([[1, 2, 3, 4], [5, 4, 0, 0], [0, 0, 0, 0]], "int32")
HOLED = np.array([[1, 0, 3, 4]], "int32")


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options)


def run(path, *inputs):
    """What ONNX Runtime makes of inputs, in the file's order."""
    opened = session(path)
    names = [i.name for i in opened.get_inputs()]
    return opened.run(None, dict(zip(names, inputs, strict=True)))


def called(model, *inputs):
    """What the model makes of inputs, as a list of arrays."""
    flat = keras.Model(list(model.inputs), list(model.outputs))
    return [ops.convert_to_numpy(y) for y in keras.tree.flatten(flat(list(inputs)))]


def check(model, path, *inputs, recurrent=None):
    """The file has one node a layer and gives the model's numbers."""
    report = to_onnx(model, path)
    for found, expected in zip(run(path, *inputs), called(model, *inputs), strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not {"Loop", "Scan", "If"} & set(report.operators)
    if recurrent is not None:
        counts = [report.operators.get(name, 0) for name in ("RNN", "LSTM", "GRU")]
        assert sum(counts) == recurrent
    return report


def with_weights(model):
    """The model, with weights and biases that hide no wrong one."""
    model.set_weights([RNG.normal(0, 0.5, w.shape) for w in model.weights])
    return model


def classifier(namespace=ours, **options):
    """Reads ids, with a mask."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(10, 4, mask_zero=True)(ids)
    x = namespace.LSTM(3, name="reader", **options)(x)
    return with_weights(keras.Model(ids, keras.layers.Dense(2)(x)))


def skip_keras_on_jax(namespace):
    if namespace is keras.layers and keras.backend.backend() == "jax":
        pytest.skip("Keras's loop on JAX puts states out where no step counts yet")


@pytest.mark.long
@BOTH
@pytest.mark.parametrize("tens", range(3))
def test_random_models(namespace, tens, tmp_path, monkeypatch):
    skip_keras_on_jax(namespace)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from random_models import random_model

    for seed in range(10 * tens, 10 * tens + 10):
        drawn = random_model(namespace, seed)
        report = to_onnx(drawn.model, tmp_path / "model.onnx", sample=drawn.inputs)
        kinds = ("RNN", "LSTM", "GRU")
        nodes = sum(report.operators.get(kind, 0) for kind in kinds)
        assert nodes == len(drawn.families) == len(report.layers), seed
        assert not {"Loop", "Scan", "If"} & set(report.operators), seed
        assert report.largest_difference <= 1e-5, seed


@pytest.mark.long
@SLOWLY_BOTH
def test_each_activation_at_each_place(namespace, tmp_path):
    x, outputs = keras.Input((None, 3)), []
    zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    names = ("tanh", "sigmoid", "relu", "linear", "hard_sigmoid", "softsign")
    for name in (*names, "softplus", "elu", "leaky_relu"):
        gates = {"recurrent_activation": name, **zeros}
        outputs += [
            namespace.SimpleRNN(2, activation=name, **zeros)(x),
            namespace.LSTM(2, activation="elu", **gates)(x),
            namespace.GRU(2, activation=name, **zeros)(x),
            namespace.GRU(2, reset_after=False, **gates)(x),
            namespace.Bidirectional(namespace.LSTM(2, activation=name, **zeros))(x),
        ]
    model = keras.Model(x, outputs)
    model.set_weights([RNG.normal(0, 0.3, w.shape) for w in model.weights])
    check(model, tmp_path / "model.onnx", X[:2, :3], recurrent=len(outputs))


@BOTH
def test_other_sizes_than_at_export(namespace, tmp_path):
    x = keras.Input((None, 3))
    y = namespace.Bidirectional(namespace.GRU(4, return_sequences=True))(x)
    model = with_weights(keras.Model(x, [y, namespace.LSTM(4)(y)]))
    to_onnx(model, tmp_path / "model.onnx", sample=X[:2, :3])
    for batch, steps in ((1, 1), (1, 7), (4, 1), (3, 6)):
        part = X[:batch, :steps]
        found = run(tmp_path / "model.onnx", part)
        for a, b in zip(found, called(model, part), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


@BOTH
def test_fully_masked_rows_keep_their_states(namespace, tmp_path):
    skip_keras_on_jax(namespace)
    ids = keras.Input((None,), dtype="int32")
    states = [keras.Input((3,)), keras.Input((3,))]
    mask = ops.not_equal(ids, 0)
    x = keras.layers.Embedding(10, 4)(ids)
    options = {"return_state": True, "return_sequences": True}
    layer = namespace.LSTM(3, **options)
    model = keras.Model([ids, *states], list(layer(x, mask=mask, initial_state=states)))
    first = RNG.standard_normal((2, 3, 3)).astype("float32")
    check(with_weights(model), tmp_path / "model.onnx", IDS, *first, recurrent=1)
    found = run(tmp_path / "model.onnx", IDS, *first)
    np.testing.assert_array_equal(found[0][2], np.zeros((4, 3)))
    np.testing.assert_array_equal(found[1][2], first[0, 2])
    np.testing.assert_array_equal(found[2][2], first[1, 2])


@BOTH
def test_a_mask_beside_states_counts_as_it_does_in_the_layer(namespace, tmp_path):
    # Keras passes no mask on to a call with initial states; our layers look for it.
    ids, state = keras.Input((None,), dtype="int32"), keras.Input((3,))
    x = keras.layers.Embedding(10, 4, mask_zero=True)(ids)
    model = keras.Model([ids, state], namespace.GRU(3)(x, initial_state=[state]))
    first = RNG.standard_normal((3, 3)).astype("float32")
    check(with_weights(model), tmp_path / "model.onnx", IDS, first)


@BOTH
def test_all_rows_masked(namespace, tmp_path):
    check(classifier(namespace), tmp_path / "model.onnx", np.zeros((2, 3), "int32"))


@BOTH
@pytest.mark.parametrize("family", ["SimpleRNN", "LSTM", "GRU"])
def test_a_holed_mask_is_refused_by_name(namespace, family, tmp_path):
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True)(ids)
    layer = namespace.Bidirectional(getattr(namespace, family)(3), name="reader")
    model = keras.Model(ids, layer(x))
    path = tmp_path / "model.onnx"
    with pytest.raises(ValueError, match=r"`sample` has a mask .* at layer 'reader'"):
        to_onnx(model, path, sample=HOLED)
    assert not list(tmp_path.iterdir())
    to_onnx(model, path)
    for holed in (HOLED, HOLED[:, 1:], np.concatenate([IDS[:1], HOLED])):
        with pytest.raises(Exception, match=r"reader \(masks must pad on the right\)"):
            run(path, holed)


@BOTH
def test_what_stands_between_passes_masks_on(namespace, tmp_path):
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True)(ids)
    x = keras.layers.Dropout(0.5)(x)
    y = keras.layers.TimeDistributed(keras.layers.Dense(4))(x)
    x = keras.layers.Concatenate()([x, keras.layers.Activation("tanh")(y)])
    x = keras.layers.LayerNormalization()(x)
    x = namespace.Bidirectional(namespace.GRU(4, return_sequences=True))(x)
    pooled = keras.layers.GlobalAveragePooling1D()(x)
    x = namespace.LSTM(3)(keras.layers.BatchNormalization()(x))
    model = keras.Model(ids, [x, pooled])
    for w in model.weights:
        drawn = np.abs(RNG.normal(0, 0.5, w.shape))
        w.assign(drawn if "variance" in w.path else drawn - 0.4)
    # Keras's mean of a row without a step is 0 / 0.
    check(model, tmp_path / "model.onnx", IDS[:2], recurrent=2)


@BOTH
def test_stacked_cells_are_a_node_each(namespace, tmp_path):
    x = keras.Input((None, 3))
    cells = [namespace.LSTMCell(4), namespace.GRUCell(5), namespace.SimpleRNNCell(2)]
    options = {"return_sequences": True, "return_state": True}
    layer = namespace.RNN(cells, name="stack", **options)
    backwards = namespace.RNN(namespace.GRUCell(3), go_backwards=True)
    flat = keras.tree.flatten(layer(x))
    model = with_weights(keras.Model(x, [*flat, backwards(x)]))
    report = check(model, tmp_path / "model.onnx", X, recurrent=4)
    assert report.layers["stack"] == "LSTM and GRU and RNN"


@BOTH
def test_two_directions_that_differ_are_two_nodes(namespace, tmp_path):
    x = keras.Input((None, 3))
    backwards = namespace.GRU(4, go_backwards=True, return_sequences=True)
    forwards = namespace.LSTM(4, return_sequences=True)
    other = namespace.Bidirectional(forwards, backward_layer=backwards)(x)
    swapped = namespace.Bidirectional(
        namespace.LSTM(4, go_backwards=True, return_sequences=True),
        backward_layer=namespace.LSTM(4, activation="relu", return_sequences=True),
    )(x)
    model = with_weights(keras.Model(x, [other, swapped]))
    check(model, tmp_path / "model.onnx", X, recurrent=3)


@BOTH
@pytest.mark.filterwarnings("ignore:Layer 'functional")  # It does use the mask.
def test_models_within_models_and_layers_used_twice(namespace, tmp_path):
    vectors = keras.Input((None, 4))
    inner = keras.Model(vectors, namespace.LSTM(4)(vectors))
    ids = keras.Input((None,), dtype="int32", name="ids")
    other = keras.Input((None,), dtype="int32", name="other ids:0")
    embedding = keras.layers.Embedding(10, 4, mask_zero=True)
    reader = namespace.GRU(4, return_sequences=True, name="reader")
    outputs = [
        inner(reader(embedding(ids))),
        inner(inputs=reader(embedding(other))),
    ]
    model = keras.Model({"ids": ids, "other ids:0": other}, outputs)
    report = check(
        with_weights(model), tmp_path / "model.onnx", IDS, IDS[::-1], recurrent=4
    )
    names = [i.name for i in session(report.path).get_inputs()]
    assert names == ["ids", "other_ids_0"]
    # A weight that two nodes read is in the file once.
    initializers = onnx.load(report.path).graph.initializer
    assert sum(list(i.dims) == [1, 12, 4] for i in initializers) == 2


@BOTH
@pytest.mark.parametrize("told", [True, False])
def test_a_sequential_model(namespace, told, tmp_path):
    inputs = [keras.Input((None, 3))] if told else []
    layers = [namespace.LSTM(4, return_sequences=True), namespace.GRU(2, name="last")]
    model = keras.Sequential([*inputs, *layers])
    model(X)  # which tells the sizes where no input did
    report = check(with_weights(model), tmp_path / "model.onnx", X, recurrent=2)
    assert [o.name for o in session(report.path).get_outputs()] == ["last"]


def test_layers_of_ones_own_are_opened(tmp_path):
    class Reader(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.recurrent = ours.Bidirectional(ours.LSTM(4, return_sequences=True))
            self.classes = keras.layers.Dense(2)

        def call(self, ids, training=False):
            x = ops.one_hot(ids, 10)
            x = self.recurrent(x, mask=ops.not_equal(ids, 0), training=training)
            return {"logits": self.classes(ops.max(x, axis=1)), "last": x[:, -1]}

    ids = keras.Input((None,), dtype="int32")
    model = with_weights(keras.Model(ids, Reader()(ids)))
    report = check(model, tmp_path / "model.onnx", IDS, recurrent=1)
    names = [o.name for o in session(report.path).get_outputs()]
    shapes = {name: y.shape for name, y in zip(names, model.outputs, strict=True)}
    assert shapes == {"logits": (None, 2), "last": (None, 8)}


@pytest.mark.parametrize("alignments", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_attention_that_nothing_feeds_back(alignments, return_sequences, tmp_path):
    x, memory = keras.Input((None, 3)), keras.Input((None,), dtype="int32")
    cell = ours.AttentionCell(
        ours.StackedRNNCells([ours.GRUCell(4), ours.LSTMCell(4)]),
        ours.BahdanauAttention(5),
        attention_layer_size=6,
        return_alignments=alignments,
    )
    encoded = keras.layers.Embedding(10, 4, mask_zero=True)(memory)
    layer = ours.RNN(cell, return_sequences=return_sequences, return_state=True)
    outputs = keras.tree.flatten(layer(x, memory=encoded))
    model = with_weights(keras.Model([x, memory], outputs))
    check(model, tmp_path / "model.onnx", X[:3], IDS, recurrent=2)


@BOTH
@pytest.mark.parametrize("family", ["SimpleRNN", "LSTM", "GRU"])
def test_states_go_in_and_come_out(namespace, family, tmp_path):
    x = keras.Input((None, 3))
    y = getattr(namespace, family)(4, return_sequences=True, name="first")(x)
    model = with_weights(keras.Model(x, namespace.LSTM(2, name="second")(y)))
    path = tmp_path / "model.onnx"
    report = to_onnx(model, path, states=True)
    opened = session(path)
    letters = "hc" if family == "LSTM" else "h"
    states = [*(f"first_{letter}" for letter in letters), "second_h", "second_c"]
    inputs, outputs = opened.get_inputs(), opened.get_outputs()
    assert [i.name for i in inputs[1:]] == states
    assert [o.name for o in outputs[1:]] == [f"{s}_next" for s in states]
    assert f"States go in as {', '.join(states)}" in str(report)
    carried = [np.zeros((4, i.shape[1]), "float32") for i in inputs[1:]]
    for part in np.split(X, [2, 3], axis=1):
        found, *carried = run(path, part, *carried)
    np.testing.assert_allclose(found, called(model, X)[0], atol=1e-6)


@BOTH
def test_a_stateful_model_carries_its_states_in_the_file(namespace, tmp_path):
    x = keras.Input(batch_shape=(4, 2, 3))
    both = namespace.GRU(3, stateful=True, return_sequences=True)
    y = namespace.Bidirectional(both, name="both")(x)
    y = namespace.LSTM(2, stateful=True, name="after")(y)
    model = with_weights(keras.Model(x, y))
    parts = [X[:, :2], X[:, 2:4], X[:, 4:6]]
    model(parts[0])
    layers = [model.layers[-1], model.get_layer("both").forward_layer]
    before = [ops.convert_to_numpy(layer.states[0]) for layer in layers]
    path = tmp_path / "model.onnx"
    report = to_onnx(model, path)
    assert report.largest_difference < 1e-6
    after = [ops.convert_to_numpy(layer.states[0]) for layer in layers]
    np.testing.assert_array_equal(before[0], after[0])  # as the export found it
    np.testing.assert_array_equal(before[1], after[1])
    names = [i.name for i in session(path).get_inputs()]
    assert names[1:] == ["both_forward_h", "both_backward_h", "after_h", "after_c"]
    model.get_layer("both").reset_states()
    model.layers[-1].reset_states()
    carried = [np.zeros((4, n), "float32") for n in (3, 3, 2, 2)]
    for part in parts:
        found, *carried = run(path, part, *carried)
        expected = ops.convert_to_numpy(model(part))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "float64", "mixed_bfloat16"])
def test_another_precision_is_written_in_float32(policy, tmp_path):
    if policy == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has float64 on request only")
    x = keras.Input((None, 3), dtype="float32")
    y = ours.LSTM(4, dtype=policy)(x)
    model = keras.Model(x, keras.layers.Dense(2, dtype=policy)(y))
    report = to_onnx(model, tmp_path / "model.onnx")
    found = keras.DTypePolicy(policy).compute_dtype
    assert f"The model computes in {found}, the file in float32." in report.notes
    assert report.largest_difference < (1e-6 if policy == "float64" else 0.03)
    assert run(report.path, X)[0].dtype == "float32"


def test_the_report_tells_what_became_of_each_layer(tmp_path):
    report = to_onnx(classifier(), tmp_path / "model.onnx", sample=IDS)
    assert report.layers == {"reader": "LSTM"}
    assert report.size == report.path.stat().st_size
    assert report.operators["LSTM"] == 1
    assert 0 < report.largest_difference < 1e-6


def test_the_file_is_read_by_older_runtimes(tmp_path):
    to_onnx(classifier(), tmp_path / "model.onnx")
    proto = onnx.load(tmp_path / "model.onnx")
    assert [(o.domain, o.version) for o in proto.opset_import] == [("", 17)]
    assert proto.ir_version == 8


@pytest.mark.parametrize("family", ["LSTM", "GRU"])
@pytest.mark.parametrize("quantize", ["dynamic", "full"])
def test_int8(family, quantize, tmp_path):
    keras.utils.set_random_seed(1)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(500, 64, mask_zero=True)(ids)
    x = ours.Bidirectional(getattr(ours, family)(32))(x)
    x = keras.layers.Dense(256, activation="relu")(x)
    model = keras.Model(ids, keras.layers.Dense(3)(x))
    calibration = None
    if quantize == "full":
        calibration = [RNG.integers(1, 500, (4, 9)) for _ in range(3)]
    whole = to_onnx(model, tmp_path / "whole.onnx")
    path = tmp_path / "int8.onnx"
    report = to_onnx(model, path, quantize=quantize, calibration=calibration)
    left = f'{family} operators stay in float32: ONNX Runtime makes none for quantize="'
    assert (f'{left}{quantize}".' in report.notes) == (family == "GRU")
    assert report.size < (0.35 if family == "LSTM" else 0.7) * whole.size
    assert ("DynamicQuantizeLSTM" in report.operators) == (family == "LSTM")
    batch = np.array([[5, 7, 9, 400], [3, 2, 0, 0]], "int32")
    (found,), (expected,) = run(path, batch), called(model, batch)
    assert 0 < np.abs(found - expected).max() < 0.02


def test_inputs_to_calibrate_with_may_come_in_several_ways(tmp_path):
    x, y = keras.Input((5,), name="x"), keras.Input((5,), name="y")
    model = keras.Model([x, y], keras.layers.Dense(2)(keras.layers.Add()([x, y])))
    batch = RNG.standard_normal((2, 3, 5)).astype("float32")
    named = {"x": batch[0], "y": batch[1]}
    for calibration in (list(batch), named, [named, named], [tuple(batch)] * 2):
        path = tmp_path / "model.onnx"
        report = to_onnx(model, path, quantize="full", calibration=calibration)
        assert report.operators["QuantizeLinear"] >= 2


WRONG = {
    "suffix": (lambda: {"path": "model.tflite"}, "`path` must end with '.onnx'"),
    "folder": (lambda: {"path": "there.onnx"}, "`path` must be a file"),
    "no model": (lambda: {"model": ours.LSTM(3)}, "`model` must be a Keras model"),
    "not built": (
        lambda: {"model": keras.Sequential([ours.LSTM(3)])},
        "`model` must be a functional or Sequential model that has been built",
    ),
    "quantize": (lambda: {"quantize": "int4"}, "`quantize` must be"),
    "no data": (lambda: {"quantize": "full"}, "`calibration` must be inputs"),
    "data alone": (lambda: {"calibration": IDS}, "`calibration` must be inputs"),
    "sample": (lambda: {"sample": X}, r"`sample` must have an array .*\['ids'\]"),
    "samples": (lambda: {"sample": (IDS, IDS)}, "`sample` must have an array"),
    "no row": (
        lambda: {"sample": IDS[:0]},
        r"`sample` must .* with a row at least; got \[\(0, ",
    ),
    "no batch": (
        lambda: {"quantize": "full", "calibration": []},
        "`calibration` must have an array for each",
    ),
    "a batch without rows": (
        lambda: {"quantize": "full", "calibration": [IDS, IDS[:0]]},
        r"`calibration` must .* with a row at least; got \[\(0, ",
    ),
    "data of a wrong shape": (
        lambda: {"quantize": "full", "calibration": [X]},
        "`calibration` must have an array for each",
    ),
    "activation": (
        lambda: {"model": classifier(activation="selu")},
        "Layer 'reader' .LSTM. cannot be exported to ONNX: .* no activation 'selu'",
    ),
    "cell": (
        lambda: {"model": sequential(keras.layers.RNN(OwnCell(), name="own"))},
        "Layer 'own' .RNN. cannot .* no operator for the cell OwnCell",
    ),
    "two sizes": (
        lambda: {
            "model": sequential(
                ours.Bidirectional(
                    ours.GRU(4), backward_layer=ours.GRU(5, go_backwards=True)
                )
            )
        },
        "its two layers must have the same size; they have .4, 5. units",
    ),
    "fed attention": (lambda: {"model": fed_decoder()}, "goes into its next step"),
    "convolution": (
        lambda: {"model": sequential(keras.layers.ConvLSTM1D(2, 2), (5, 6, 3))},
        "Layer 'conv_lstm1d.*' .ConvLSTM1D. cannot be exported to ONNX",
    ),
    "operation": (
        lambda: {"model": sequential(keras.layers.Lambda(ops.sort, name="sorts"))},
        "Layer 'sorts' .Lambda. cannot .* operation 'Sort' of keras.ops",
    ),
    "not symbolic": (
        lambda: {"model": sequential(NotSymbolic(name="mine"))},
        "Layer 'mine' .NotSymbolic. cannot .* `call` does not run on symbolic tensors",
    ),
    "numpy": (
        lambda: {"model": sequential(keras.layers.Dense(2, np.tanh, name="mine"))},
        "Layer 'mine' .Dense. cannot .* `activation` does not run on symbolic tensors",
    ),
}


def sequential(layer, shape=(None, 3)):
    return keras.Sequential([keras.Input(shape), layer])


class OwnCell(keras.layers.Layer):
    state_size = 3

    def call(self, inputs, states):
        return inputs, states


class NotSymbolic(keras.layers.Layer):
    def call(self, x):
        return ops.zeros((ops.shape(x)[0], 2)) + x[:, 0, :1]

    def compute_output_shape(self, shape):
        return (shape[0], 2)


def fed_decoder():
    x, memory = keras.Input((None, 3)), keras.Input((None, 4))
    cell = ours.AttentionCell(ours.GRUCell(4), ours.LuongAttention(), attend="before")
    return keras.Model([x, memory], ours.RNN(cell)(x, memory=memory))


@pytest.mark.parametrize("name", WRONG)
def test_errors_name_what_is_wrong_and_leave_nothing(name, tmp_path):
    (tmp_path / "there.onnx").mkdir()
    arguments, message = WRONG[name]
    arguments = {"model": None, "path": "new/model.onnx", **arguments()}
    if arguments["model"] is None:
        arguments["model"] = classifier()
    arguments["path"] = tmp_path / arguments["path"]
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        to_onnx(**arguments)
    assert [p.name for p in tmp_path.iterdir()] == ["there.onnx"]


def test_where_no_drawn_input_fits_nothing_is_compared(tmp_path):
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4)(ids)
    left = ops.flip(ops.not_equal(ids, 0), axis=1)  # what pads on the left
    model = keras.Model(ids, ours.LSTM(3)(ops.flip(x, axis=1), mask=left))
    report = to_onnx(model, tmp_path / "model.onnx")
    assert report.largest_difference is None
    assert "give a `sample`" in report.notes[0]
    padded = np.array([[0, 0, 3, 4]], "int32")
    report = to_onnx(model, tmp_path / "model.onnx", sample=padded)
    assert report.largest_difference < 1e-6


def test_what_is_no_number_in_both_is_no_difference(tmp_path):
    x = keras.Input((2,))
    model = keras.Model(x, ops.log(x))
    sample = np.array([[-1.0, 0.0], [2.0, 3.0]])  # NaN, −∞ and numbers
    report = to_onnx(model, tmp_path / "model.onnx", sample=sample)
    assert report.largest_difference < 1e-6
    broken = difference(np.array([1.0, np.nan]), np.array([1.0, 2.0]))
    assert broken == np.inf


def test_an_older_file_stays_where_an_export_fails(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"older")
    with pytest.raises(ValueError, match="`sample` has a mask"):
        to_onnx(classifier(), path, sample=HOLED)
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_missing_package_is_told(missing, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf"`{missing}`: pip install 'kerasrnn\[onnx"):
        to_onnx(classifier(), tmp_path / "model.onnx", quantize="dynamic")
    if missing == "onnxruntime":  # It compares and quantizes; the file needs it not.
        report = to_onnx(classifier(), tmp_path / "model.onnx")
        assert report.largest_difference is None


def test_an_output_that_is_named_as_its_layer_and_comes_twice(tmp_path):
    frames = keras.Input((None, 3), name="frames")
    layer = ours.LSTM(4, return_state=True, name="reader")
    _, h, _ = layer(frames)
    model = keras.Model(frames, {"reader": h, "next": h})
    report = to_onnx(model, tmp_path / "model.onnx")
    assert report.largest_difference < 1e-5
    nodes = [node.name for node in onnx.load(report.path).graph.node]
    assert len(set(nodes)) == len(nodes)
