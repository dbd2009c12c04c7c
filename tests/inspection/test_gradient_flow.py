import keras
import numpy as np
import pytest
from tiny_char_model import TEXT, TinyCharModel

from kerasrnn.inspection import (
    GradientFlow,
    gradient_flow,
    gradient_flow_figure,
    gradient_flow_study,
    set_largest_singular_value,
)
from kerasrnn.layers import GRU, LSTM, RNN, LSTMCell, SimpleRNN
from kerasrnn.text import CharacterStreams, CharacterText, CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the tape is TensorFlow's"
)
LAYERS = [
    SimpleRNN,
    LSTM,
    GRU,
    keras.layers.SimpleRNN,
    keras.layers.LSTM,
    keras.layers.GRU,
]


def walk(layers, x, place=None, change=0.0):
    """Outputs (B, T, U) where a state is changed at `place`: layer, step, h or c."""
    for number, layer in enumerate(layers):
        states = layer.cell.get_initial_state(batch_size=x.shape[0])
        states = [np.asarray(s) for s in states]
        outputs = []
        for t in range(x.shape[1]):
            _, states = layer.cell(x[:, t], states)
            states = [np.asarray(s) for s in keras.tree.flatten(states)]
            if place and place[:2] == (number, t):
                if place[2] == "h":
                    states[0] = states[0] + change
                else:  # h' = o ⊙ tanh(c') moves along
                    o = states[0] / np.tanh(states[1])
                    states[1] = states[1] + change
                    states[0] = o * np.tanh(states[1])
            outputs.append(states[0])
        x = np.stack(outputs, axis=1)
    return x


def measured_slowly(loss, layers, x, layer, step, state):
    """‖∂L/∂s_t‖ (B,) by central differences."""
    units, epsilon = layers[layer].cell.units, 1e-6
    gradients = []
    for unit in np.eye(units):
        up, down = (
            loss(walk(layers, x, (layer, step, state), sign * epsilon * unit))
            for sign in (1, -1)
        )
        gradients.append((up - down) / (2 * epsilon))
    return np.linalg.norm(gradients, axis=0)


@pytest.mark.parametrize(
    "layer_class", LAYERS, ids=lambda c: f"{c.__module__[:8]}{c.__name__}"
)
def test_a_layers_gradients_are_those_of_finite_differences(layer_class):
    keras.utils.set_random_seed(1)
    layer = layer_class(3, dtype="float64")
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(2, 5, 4)), draw.normal(size=(2, 3))
    layer(x)

    def loss(outputs):
        return 0.5 * ((outputs[:, -1] - y) ** 2).sum(axis=-1)

    flow = gradient_flow(layer, (x, y))
    np.testing.assert_allclose(flow.losses, loss(walk([layer], x)))
    has_cell = "LSTM" in layer_class.__name__
    assert (flow.cell[0] is not None) == has_cell
    for state in "hc"[: 1 + has_cell]:
        found = (flow.hidden if state == "h" else flow.cell)[0]
        assert found.shape == (2, 5)
        for t in range(5):
            slow = measured_slowly(loss, [layer], x, 0, t, state)
            np.testing.assert_allclose(found[:, t], slow, rtol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("loss_step", [2, None])
def test_a_models_gradients_are_those_of_finite_differences(loss_step):
    model = TinyCharModel("lstm", units=3, dtype="float64")
    draw = np.random.default_rng(0)
    ids, targets = draw.integers(1, 9, size=(2, 2, 4))
    weights = np.array([[1, 1, 1, 1], [1, 1, 0.5, 0]])
    x = np.asarray(model.embed(ids))

    def loss(outputs):
        logits = np.asarray(model.output_layer(outputs))
        logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        each = -np.take_along_axis(logs, targets[..., None], axis=-1)[..., 0] * weights
        return each.sum(axis=1) if loss_step is None else each[:, loss_step]

    fresh = np.array([True, True])
    flow = gradient_flow(model, ((ids, fresh), targets, weights), loss_step=loss_step)
    layers = model.recurrent_layers
    np.testing.assert_allclose(flow.losses, loss(walk(layers, x)))
    for number in range(2):
        for t in range(4):
            for state, found in (("h", flow.hidden), ("c", flow.cell)):
                slow = measured_slowly(loss, layers, x, number, t, state)
                np.testing.assert_allclose(
                    found[number][:, t], slow, rtol=1e-5, atol=1e-12
                )
    if loss_step == 2:
        assert not flow.hidden[1][:, 3].any()  # what comes later plays no part


def test_the_weights_gradient_is_the_models_own():
    import tensorflow as tf

    model = TinyCharModel("gru", dtype="float64")
    text = 'to "be" or'
    flow = gradient_flow(model, text, loss_step=None)
    targets = model.preprocessor.encode(text)[None].astype("int32")
    inputs = np.pad(targets[:, :-1], ((0, 0), (1, 0)))
    layers = model.recurrent_layers
    variables = [v for layer in layers for v in layer.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(
            keras.losses.sparse_categorical_crossentropy(
                targets, model(inputs), from_logits=True
            )
        )
    gradients = tape.gradient(loss, [v.value for v in variables])
    norm = np.sqrt(sum((g.numpy() ** 2).sum() for g in gradients))
    assert flow.weight_gradient == pytest.approx(norm, rel=1e-6)
    assert flow.losses[0] == pytest.approx(float(loss), rel=1e-6)


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_a_batch_of_character_streams_flows_through_a_language_model(cell):
    tokenizer = CharacterTokenizer()
    tokenizer.adapt([TEXT])
    model = CharLanguageModel(
        preprocessor=tokenizer, cell=cell, units=6, num_layers=2, dropout=0.5
    )
    streams = CharacterStreams(CharacterText.of_documents([TEXT], tokenizer), 3, 20)
    batch = streams.batch(0)
    flow = gradient_flow(model, batch, loss_step=None)
    (ids, _), targets, weights = batch
    logits = np.asarray(model(ids), "float64")
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    each = -np.take_along_axis(logs, targets[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(flow.losses, (each * weights).sum(axis=1), rtol=1e-5)
    assert len(flow.hidden) == 2 and flow.hidden[0].shape == (3, 20)
    last = gradient_flow(model, batch)
    # Each step's own loss adds to what comes from the last one.
    assert (flow.hidden[1][:, 0] > last.hidden[1][:, 0]).all()
    assert (last.cell[0] is None) == (cell != "lstm")


def test_a_loss_of_ones_own():
    layer = SimpleRNN(4, activation=None, use_bias=False)
    x = np.random.default_rng(0).normal(size=(3, 6, 2)).astype("float32")
    layer(x)
    set_largest_singular_value(layer, 2.0)
    flow = gradient_flow(layer, x, loss=lambda outputs, _: outputs[:, -1, 0])
    # An orthogonal kernel doubles the gradient at each step back, and a unit's is 1.
    np.testing.assert_allclose(
        flow.hidden[0][1], 2.0 ** np.arange(5, -1, -1), rtol=1e-5
    )
    with pytest.raises(ValueError, match=r"`loss` must give .* \(B,\)=\(3,\).* \(\)"):
        gradient_flow(layer, x, loss=lambda outputs, _: outputs[0, 0, 0])


@pytest.mark.parametrize(
    ("layer_class", "gates"), [(SimpleRNN, 1), (LSTM, 4), (GRU, 3)]
)
def test_every_gates_largest_singular_value_is_set(layer_class, gates):
    layer = layer_class(6)
    layer.build((None, None, 2))
    before = np.asarray(layer.cell.recurrent_kernel)
    kernel = np.asarray(set_largest_singular_value(layer, 0.7).cell.recurrent_kernel)
    for old, new in zip(
        *(np.split(k, gates, 1) for k in (before, kernel)), strict=True
    ):
        values = np.linalg.svd(new, compute_uv=False)
        assert values[0] == pytest.approx(0.7, rel=1e-5)
        np.testing.assert_allclose(new * old[0, 0], old * new[0, 0], atol=1e-6)
    kernel = np.asarray(set_largest_singular_value(layer, 0).cell.recurrent_kernel)
    assert not kernel.any()
    with pytest.raises(ValueError, match="`layer` must have a recurrent kernel"):
        set_largest_singular_value(layer, 1)


def test_what_cannot_be_measured_is_named():
    layer = SimpleRNN(3)
    x = np.ones((2, 4, 5), "float32")
    with pytest.raises(ValueError, match=r"`layer` must be built"):
        set_largest_singular_value(layer, 1)
    layer(x)
    for value in (-1, float("nan"), True):
        with pytest.raises(ValueError, match=f"`value` must be .* got {value}"):
            set_largest_singular_value(layer, value)
    with pytest.raises(ValueError, match=r"SimpleRNN, LSTM or GRU.* got a Dense"):
        set_largest_singular_value(keras.layers.Dense(3), 1)
    with pytest.raises(ValueError, match="got a RNN of a StackedRNNCells"):
        gradient_flow(RNN([LSTMCell(2)]), x)
    with pytest.raises(ValueError, match=r"must have `recurrent_layers`.*got a Dense"):
        gradient_flow(keras.layers.Dense(3), x)
    with pytest.raises(ValueError, match=r"\(batch, steps, features\).*\(2, 4\)"):
        gradient_flow(layer, x[..., 0])
    with pytest.raises(ValueError, match=r"\(batch, units\)=\(2, 3\); got .*\(2, 4\)"):
        gradient_flow(layer, (x, np.ones((2, 4))))
    with pytest.raises(ValueError, match="one of the batch's 4 steps; got 4"):
        gradient_flow(layer, x, loss_step=4)
    model = TinyCharModel("gru", num_layers=1)
    ids = np.ones((2, 4), "int32")
    with pytest.raises(ValueError, match=r"targets .* shape .*\(2, 4\); got \(2, 3\)"):
        gradient_flow(model, (ids, ids[:, 1:]))
    with pytest.raises(ValueError, match=r"ids \(batch, steps\); got shape \(4,\)"):
        gradient_flow(model, (ids[0], ids[0]))
    with pytest.raises(ValueError, match="one character or more; got ''"):
        gradient_flow(model, "")
    with pytest.raises(ValueError, match=r"must be a text, .* got a list"):
        gradient_flow(model, [1, 2])
    model.preprocessor = None
    with pytest.raises(ValueError, match="that encodes text"):
        gradient_flow(model, "text")


@pytest.mark.slow
def test_the_study_shows_vanishing_exploding_gates_and_clipping(tmp_path):
    import matplotlib.image

    study = gradient_flow_study(
        units=32, steps=40, gate_biases=(0.0, 6.0), training_steps=60
    )
    rnn = {value: study.flows["SimpleRNN", value] for value in (0.5, 1.0, 2.0)}
    assert rnn[0.5][0] < 1e-10 and 1e2 < rnn[2.0][0]
    assert 1e-3 < rnn[1.0][0] < 1e1
    # The loss, ½‖h_T − y‖², is the same function at the last step of each.
    assert rnn[0.5][-1] == pytest.approx(1.0, abs=0.1)
    # An LSTM at half the size keeps more, and an open gate nearly all.
    assert study.flows["LSTM", 0.5][0] > 100 * rnn[0.5][0]
    for cell in ("LSTM", "GRU"):
        assert study.kept[cell, 0.0][0] < 1e-4 < 0.3 < study.kept[cell, 6.0][0]
    weights = study.weight_gradients
    assert weights[2.0] > 100 > 2 > weights[0.5]
    unclipped, clipped = study.training[None], study.training[1.0]
    assert clipped[-10:].mean() < 0.1 < clipped[0]
    assert not unclipped[-1] < 1e3
    path = gradient_flow_figure(study, tmp_path / "flow.png")
    image = matplotlib.image.imread(path)[..., :3]
    for colour in ((0x25, 0x63, 0xA8), (0xD9, 0x82, 0x2B)):
        assert (abs(image - np.array(colour) / 255).max(axis=-1) < 0.03).mean() > 1e-3
    with pytest.raises(ValueError, match=r"`study` must be .* got a GradientFlow"):
        gradient_flow_figure(GradientFlow([], [], None, 0.0), path)
    with pytest.raises(ValueError, match="`steps` must be 2 or more; got 1"):
        gradient_flow_study(steps=1)
    with pytest.raises(ValueError, match="`values` must hold"):
        gradient_flow_study(values=())
