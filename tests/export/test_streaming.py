"""A model of one step gives, step by step, what the model gives of the whole."""

import keras
import numpy as np
import pytest
from keras import layers as keras_layers
from keras import ops

from kerasrnn import layers
from kerasrnn.export import streaming


def with_random_weights(model, seed=0):
    generator = np.random.default_rng(seed)
    model.set_weights(
        [w + generator.normal(0, 0.3, w.shape) for w in model.get_weights()]
    )
    return model


def normal(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def zeros_for(step, rows):
    """The states before the first step, by their names."""
    given = {name.removeprefix("next_") for name in step.output if "next_" in name}
    return {name: ops.zeros((rows, *step.input[name].shape[1:])) for name in given}


def stream(step, sequences):
    """The outputs of each step, by their names."""
    (name,) = set(step.input) - set(zeros_for(step, 1))
    states, history = zeros_for(step, len(sequences)), []
    for t in range(sequences.shape[1]):
        inputs = ops.convert_to_tensor(sequences[:, t : t + 1])
        results = step({name: inputs, **states})
        states = {name: results.pop(f"next_{name}") for name in states}
        history.append(results)
    return history


def assert_streams(model, sequences):
    """Every step is what `model` gives of the sequence up to it."""
    step = streaming(model)
    history = stream(step, sequences)
    for t in range(sequences.shape[1]):
        expected = keras.tree.flatten(model(sequences[:, : t + 1]))
        found = list(history[t].values())
        for mine, whole in zip(found, expected, strict=True):
            whole = whole[:, -1:] if len(whole.shape) == 3 else whole
            np.testing.assert_allclose(mine, whole, atol=1e-6)
    return step


def test_shares_weights_and_leaves_the_model():
    x = keras.Input((None, 3), name="frames")
    reader = layers.LSTM(4, name="reader")
    model = keras.Model(x, keras_layers.Dense(2, name="classes")(reader(x)))
    config = model.get_config()
    step = assert_streams(with_random_weights(model), normal(2, 5, 3))
    assert set(step.input) == {"frames", "reader_h", "reader_c"}
    assert step.output_names == sorted(step.output)
    assert step.output_names == ["classes", "next_reader_c", "next_reader_h"]
    assert step.input["frames"].shape == (None, 1, 3)
    shared = {id(w) for w in model.weights}
    assert {id(w) for w in step.weights} == shared
    model.set_weights([w + 0.1 for w in model.get_weights()])
    (results,) = stream(step, normal(1, 1, 3))
    np.testing.assert_allclose(results["classes"], model(normal(1, 1, 3)), atol=1e-6)
    assert model.get_config() == config


@pytest.mark.parametrize("namespace", [layers, keras_layers])
def test_layers_of_all_families_with_masks(namespace):
    x = keras.Input((None,), dtype="int32", name="ids")
    y = keras_layers.Embedding(9, 5, mask_zero=True)(x)
    y = keras_layers.Dropout(0.3)(y)
    y = namespace.LSTM(6, return_sequences=True)(y)
    y = keras_layers.LayerNormalization()(y)
    y, h, c = namespace.LSTM(4, return_sequences=True, return_state=True)(
        keras_layers.Add()([y, y])
    )
    outputs = [
        keras_layers.Dense(3)(y),
        h,
        c,
        namespace.SimpleRNN(5)(y),
        namespace.GRU(5, return_sequences=True, reset_after=False)(y),
    ]
    ids = np.random.default_rng(0).integers(1, 9, (4, 7)).astype("int32")
    ids[1] = 0
    ids[0, :3] = 0
    ids[2, 2:] = 0
    ids[3, ::2] = 0
    step = assert_streams(with_random_weights(keras.Model(x, outputs)), ids)
    assert len(set(step.output_names)) == len(step.output) == 5 + 6


def test_a_mask_of_numbers_and_joined_sequences():
    x = keras.Input((None, 3), name="x")
    y = keras_layers.Masking()(x)
    y = keras_layers.Concatenate()([y, y])
    y = layers.GRU(3, return_sequences=True)(y)
    y = layers.LSTM(3, return_sequences=True, zero_output_for_mask=True)(y)
    x_values = normal(3, 6, 3)
    x_values[0, :3] = x_values[1, 2:4] = 0
    assert_streams(with_random_weights(keras.Model(x, y)), x_values)


def test_inputs_that_are_no_sequences_and_a_mask_as_input():
    x, mask = keras.Input((None, 3), name="x"), keras.Input((None,), name="mask")
    context = keras.Input((4,), name="context")
    inner = keras.Sequential([keras.Input((4,)), keras_layers.Dense(3)], name="inner")
    y = layers.GRU(3, name="reader")(x, mask=mask)
    y = keras_layers.Concatenate()([y, inner(context)])
    model = with_random_weights(keras.Model([x, mask, context], y))
    step = streaming(model)
    assert step.input["context"].shape == (None, 4)
    assert step.input["mask"].shape == (None, 1)
    values, about = normal(2, 5, 3), normal(2, 4)
    shown = np.array([[0, 1, 0, 1, 1], [1, 1, 1, 0, 0]], "float32")
    state = ops.zeros((2, 3))
    for t in range(5):
        results = step(
            {
                "x": ops.convert_to_tensor(values[:, t : t + 1]),
                "mask": ops.convert_to_tensor(shown[:, t : t + 1]),
                "context": ops.convert_to_tensor(about),
                "reader_h": state,
            }
        )
        state = results["next_reader_h"]
    expected = model([values, shown, about])
    (found,) = (v for name, v in results.items() if name != "next_reader_h")
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_models_inside_models_shared_layers_and_cells():
    inner = keras.Sequential(
        [
            keras.Input((None, 3)),
            layers.GRU(4, return_sequences=True, name="shared"),
            keras_layers.Dense(3, activation="softmax"),
        ],
        name="inner",
    )
    x = keras.Input((None, 3), name="x")
    cells = [layers.LSTMCell(4), keras_layers.GRUCell(3)]
    y = layers.RNN(cells, return_sequences=True, name="stack")(inner(inner(x)))
    step = assert_streams(with_random_weights(keras.Model(x, y)), normal(2, 6, 3))
    states = {"shared_h", "shared_2_h", "stack_1", "stack_2", "stack_3"}
    assert set(step.input) == {"x", *states}


def test_a_step_model_can_be_saved(tmp_path):
    x = keras.Input((None, 3), name="x")
    y = layers.GRU(4, name="reader")(keras_layers.Masking()(x))
    step = streaming(keras.Model(x, y))
    step.save(tmp_path / "step.keras")
    loaded = keras.models.load_model(tmp_path / "step.keras")
    values = {"x": normal(2, 1, 3), "reader_h": normal(2, 4)}
    for name, expected in step(values).items():
        np.testing.assert_array_equal(loaded(values)[name], expected)


class OfEachStep(keras_layers.Layer):
    """A layer that the library does not know, of operations that it does."""

    def __init__(self, operation, **kwargs):
        super().__init__(**kwargs)
        self.operation = operation

    def call(self, x, training=False):
        return self.operation(x)

    def compute_output_spec(self, x, training=False):
        return self.operation(x)


def test_a_layer_of_ones_own_is_opened():
    scale = np.arange(1, 4, dtype="float32")
    dense = keras_layers.Dense(3)

    def known(x):
        return dense(ops.where(ops.equal(x, x), x[:, :, ::-1] / scale, 0.0))

    x = keras.Input((None, 3), name="x")
    y = layers.LSTM(4, return_sequences=True)(OfEachStep(known)(x))
    assert_streams(with_random_weights(keras.Model(x, y)), normal(2, 5, 3))


def of_all_steps(operation):
    return lambda x: layers.LSTM(3)(OfEachStep(operation, name="it")(x))


def sequence_of(layer):
    return layer(3, return_sequences=True)


REFUSED = {
    "Bidirectional": lambda x: layers.Bidirectional(layers.LSTM(3), name="it")(x),
    "GRU.*go_backwards": lambda x: layers.GRU(3, go_backwards=True, name="it")(x),
    "Conv1D": lambda x: layers.LSTM(3)(keras_layers.Conv1D(3, 2, name="it")(x)),
    "GlobalMaxPooling1D": lambda x: keras_layers.GlobalMaxPooling1D(name="it")(
        sequence_of(layers.LSTM)(x)
    ),
    "Flatten": lambda x: keras_layers.Flatten(name="it")(sequence_of(layers.LSTM)(x)),
    "Attention": lambda x: keras_layers.Attention(name="it")(
        [sequence_of(layers.LSTM)(x)] * 2
    ),
    "LSTM.*a sequence that the model itself makes": lambda x: layers.LSTM(3, name="it")(
        keras_layers.RepeatVector(3)(layers.LSTM(3)(x))
    ),
    "LayerNormalization": lambda x: layers.LSTM(3)(
        keras_layers.LayerNormalization(axis=1, name="it")(x)
    ),
    "LSTM.*`initial_state`": lambda x: layers.LSTM(3, name="it")(
        x, initial_state=layers.LSTM(3, return_state=True)(x)[1:]
    ),
    "OfEachStep.*more than one step": of_all_steps(lambda x: ops.cumsum(x, axis=1)),
    "OfEachStep.*more than": of_all_steps(lambda x: x[:, ::-1]),
    "OfEachStep.*more": of_all_steps(lambda x: x + np.ones((8, 3), "float32")),
    "OfEachStep": of_all_steps(layers.GRU(3, return_sequences=True)),
    "CRF.*the steps to come": lambda x: layers.CRF(3, name="it")(
        sequence_of(layers.LSTM)(x)
    ),
    "Concatenate": lambda x: keras_layers.Concatenate(axis=1, name="it")(
        [sequence_of(layers.LSTM)(x)] * 2
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_looks_at_other_steps_is_refused_by_name(what):
    x = keras.Input((8, 3))
    model = keras.Model(x, REFUSED[what](x))
    kind, _, reason = what.partition(".*")
    message = rf"Layer 'it' \({kind}\) cannot go step by step: .*{reason}"
    with pytest.raises(ValueError, match=message):
        streaming(model)


def test_a_mask_that_goes_into_a_model_is_refused():
    x, inside = keras.Input((8, 3)), keras.Input((8, 3))
    inner = keras.Model(inside, layers.LSTM(3)(inside), name="it")
    with pytest.warns(UserWarning, match="does not support masking"):
        model = keras.Model(x, inner(keras_layers.Masking()(x)))
    with pytest.raises(ValueError, match=r"'it' \(Functional\).* a mask from outside"):
        streaming(model)


def test_an_operation_over_steps_is_refused():
    x = keras.Input((8, 3))
    y = ops.max(layers.LSTM(3, return_sequences=True)(x), axis=1)
    with pytest.raises(ValueError, match=r"\(Max\) cannot go step by step"):
        streaming(keras.Model(x, y))


def test_what_is_no_recurrent_graph_is_refused():
    x = keras.Input((8, 3))
    with pytest.raises(ValueError, match="`model` must have a recurrent layer"):
        streaming(keras.Model(x, keras_layers.Dense(2)(x)))
    with pytest.raises(ValueError, match="`model` must be built"):
        streaming(keras.Sequential([layers.LSTM(2)]))

    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match=r"`model` must be functional or Sequential"):
        streaming(Subclassed())


@pytest.mark.slow
@pytest.mark.parametrize("family", ["SimpleRNN", "LSTM", "GRU"])
def test_ten_thousand_steps(family):
    tf = pytest.importorskip("tensorflow")
    x = keras.Input((None, 8), name="x")
    y = getattr(layers, family)(64, return_sequences=True, name="reader")(x)
    model = keras.Model(x, keras_layers.Dense(4, name="y")(y))
    step = streaming(model)

    @tf.function
    def run(sequence, states):
        outputs = tf.TensorArray("float32", len(sequence), element_shape=(1, 1, 4))
        for t in tf.range(len(sequence)):
            results = step({"x": sequence[t][None, None], **states})
            states = {name: results[f"next_{name}"] for name in states}
            outputs = outputs.write(t, results["y"])
        return outputs.stack()

    sequence = normal(10_000, 8)
    found = run(tf.constant(sequence), zeros_for(step, 1))[:, 0, 0]
    np.testing.assert_allclose(found, model(sequence[None])[0], atol=1e-5)
