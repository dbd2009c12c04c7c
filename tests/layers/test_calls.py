"""Calls that go wrong: told by name, and without a trace in the next call."""

import threading

import keras
import numpy as np
import pytest
from keras import ops, tree

from kerasrnn.layers import (
    GRU,
    LSTM,
    RNN,
    AttentionCell,
    BahdanauAttention,
    Bidirectional,
    GRUCell,
    LSTMCell,
    LuongAttention,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 5, 3)).astype("float32")
MEMORY = RNG.standard_normal((2, 6, 4)).astype("float32")
only_on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of TensorFlow's graphs"
)


MUST_HAVE_3 = "sequences.*must.have.3.features"


def array(x):
    return ops.convert_to_numpy(x)


LAYERS = {
    "simple_rnn": lambda: SimpleRNN(4),
    "rnn of a cell": lambda: RNN(GRUCell(4)),
    "rnn of a cell of Keras": lambda: RNN(keras.layers.LSTMCell(4)),
    "rnn of cells": lambda: RNN([LSTMCell(3), GRUCell(4)]),
    "rnn of a stack in a stack": lambda: RNN(
        StackedRNNCells([StackedRNNCells([SimpleRNNCell(2), LSTMCell(3)]), GRUCell(4)])
    ),
    "bidirectional": lambda: Bidirectional(LSTM(4)),
    "bidirectional of an rnn": lambda: Bidirectional(RNN(GRUCell(4))),
}


@pytest.fixture(scope="module")
def built_layers():
    layers = {name: make() for name, make in LAYERS.items()}
    for layer in layers.values():
        layer(X)
    return layers


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"sequences": X[:, :, :2]}, r"`sequences` .* must have 3 features.*got 2"),
        ({"sequences": X[0]}, r"`sequences` .* rank 3.*found ndim=2"),
        ({"sequences": X[:, :0]}, r"`sequences` .* at least one step"),
        ({"sequences": X + 1j}, r"`sequences` .* real numbers; got .*complex"),
        ({"initial_state": [np.ones((3, 9))]}, r"`initial_state` .* must .*; got"),
        ({"mask": np.ones((2, 4), bool)}, r"`mask` must be .*\(2, 5\); got \(2, 4\)"),
        ({"mask": np.ones((3, 5), bool)}, r"`mask` must be .*\(2, 5\); got \(3, 5\)"),
    ],
)
def test_a_wrong_call_is_named_whatever_the_cell(
    built_layers, name, arguments, message
):
    layer = built_layers[name]
    call = {"sequences": X, **arguments}
    with pytest.raises(ValueError, match=message):
        layer(**call)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with pytest.raises(ValueError, match=message):
            tf.function(lambda: layer(**call))()


@pytest.mark.long
@pytest.mark.parametrize(
    "name, is_subclassed", [("rnn of a cell", False), ("rnn of cells", True)]
)
def test_a_model_without_input_names_wrong_features(name, is_subclassed):
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.recurrent = LAYERS[name]()

        def call(self, x):
            return self.recurrent(x)

    model = Model() if is_subclassed else keras.Sequential([LAYERS[name]()])
    model.compile("sgd", "mse")
    y = model.predict(X, verbose=0)
    model.fit(X, y, verbose=0)
    errors = (ValueError,)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # Where a function is traced anew for any size, it is told when it runs.
        errors = (ValueError, tf.errors.InvalidArgumentError)
    wrong = X[:, :, :2]
    with pytest.raises(errors, match=MUST_HAVE_3):
        model.predict(wrong, verbose=0)
    if keras.backend.backend() == "jax":
        return  # a `predict` that raised leaves a model of Keras without its weights
    with pytest.raises(errors, match=MUST_HAVE_3):
        model.fit(wrong, y, verbose=0)


@only_on_tensorflow
@pytest.mark.parametrize("name", LAYERS)
def test_a_feature_size_that_a_trace_does_not_know(built_layers, name):
    import tensorflow as tf

    layer = built_layers[name]
    of_any_size = tf.function(
        layer, input_signature=[tf.TensorSpec((None, None, None), "float32")]
    )
    np.testing.assert_allclose(array(of_any_size(X)), array(layer(X)), atol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match=MUST_HAVE_3):
        of_any_size(X[:, :, :2])
    of_any_rank = tf.function(layer, input_signature=[tf.TensorSpec(None, "float32")])
    with pytest.raises(ValueError, match="found an unknown rank"):
        of_any_rank(X)


def test_states_nested_otherwise_are_named():
    layer = RNN([LSTMCell(4), GRUCell(4)])
    h = np.ones((2, 4), "float32")
    with pytest.raises(ValueError, match=r"`initial_state` .* must be nested as"):
        layer(X, initial_state=[h, [h, h]])
    a = layer(X, initial_state=[[h, h], h])
    b = layer(X, initial_state=[(h, h), [h]])
    np.testing.assert_array_equal(array(a), array(b))


def test_complex_states_and_memories_are_named():
    with pytest.raises(ValueError, match=r"`initial_state` .* must hold real numbers"):
        GRU(4)(X, initial_state=np.ones((2, 4), "complex64"))
    with pytest.raises(ValueError, match=r"`inputs` .* must hold real numbers"):
        GRU(4).step(X[:, 0] + 1j)
    attention = LuongAttention()
    with pytest.raises(ValueError, match=r"`query` .* must hold real numbers"):
        attention(X + 1j, MEMORY)
    with pytest.raises(ValueError, match=r"`memory` .* must hold real numbers"):
        attention(X, MEMORY + 1j)
    decoder = RNN(AttentionCell(GRUCell(4), attention))
    with pytest.raises(ValueError, match=r"`memory` .* must hold real numbers"):
        decoder(X, memory=MEMORY + 1j)


@pytest.mark.parametrize("attention", [BahdanauAttention(3), LuongAttention()])
def test_sizes_that_do_not_fit_a_built_attention_are_named(attention):
    query = X[:, 0]
    attention(query, MEMORY)
    with pytest.raises(ValueError, match=r"`query` .* must have 3 features"):
        attention(query[:, :2], MEMORY)
    with pytest.raises(ValueError, match=r"`memory` .*features=4\); got \(2, 6, 3\)"):
        attention(query, MEMORY[..., :3])
    with pytest.raises(ValueError, match=r"`keys` .*\(2, 6, None\).* got \(2, 5, 3\)"):
        attention(query, MEMORY, keys=np.ones((2, 5, 3), "float32"))


@pytest.mark.parametrize("attend", ["before", "after"])
def test_sizes_that_do_not_fit_a_built_decoder_are_named(attend):
    cell = AttentionCell(GRUCell(4), BahdanauAttention(3), attend=attend)
    decoder = RNN(cell)
    expected = decoder(X, memory=MEMORY)
    for wrong, message in (
        ({"sequences": X[..., :2]}, "`sequences` .* must have 3 features"),
        ({"memory": MEMORY[..., :2]}, r"`memory` .*features=4\); got \(2, 6, 2\)"),
        ({"memory": np.ones((3, 6, 4))}, "`memory` .* each of the 2 rows .*; got 3"),
        ({"memory_mask": np.ones((2, 5))}, r"`memory_mask` must be .*got \(2, 5\)"),
    ):
        with pytest.raises(ValueError, match=message):
            decoder(**{"sequences": X, "memory": MEMORY, **wrong})
    np.testing.assert_array_equal(array(decoder(X, memory=MEMORY)), array(expected))


class Liar(keras.layers.Layer):
    """A cell that declares 4 for its output and its state."""

    state_size = output_size = 4

    def __init__(self, output=4, states=(4,)):
        super().__init__(name="liar")
        self.sizes = output, states

    def call(self, inputs, states):
        output, states = self.sizes
        rows = ops.shape(inputs)[0]
        return ops.ones((rows, output)), [ops.ones((rows, n)) for n in states]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda cell: (RNN(cell), {}),
        lambda cell: (RNN(cell, unroll=True), {}),
        lambda cell: (RNN([cell, GRUCell(3)]), {}),
        lambda cell: (RNN([GRUCell(3), cell]), {}),
        lambda cell: (RNN(AttentionCell(cell, LuongAttention())), {"memory": MEMORY}),
    ],
)
def test_a_cell_that_returns_what_it_does_not_declare_is_named(wrap):
    for sizes, message in (
        ({"output": 5}, r"Cell 'liar' declares outputs of size 4.*shape \(.*5\)"),
        ({"output": 1}, r"Cell 'liar' declares outputs of size 4.*shape \(.*1\)"),
        ({"states": (5,)}, r"Cell 'liar' declares states .*4\)\].* returned .*5\)\]"),
        ({"states": (4, 4)}, r"Cell 'liar' declares states of the shapes"),
    ):
        layer, arguments = wrap(Liar(**sizes))
        with pytest.raises(ValueError, match=message):
            layer(X, **arguments)
    layer, arguments = wrap(Liar())
    assert layer(X, **arguments).shape[0] == 2


def dropping_gru():
    """A GRU whose output says which inputs were dropped."""
    layer = GRU(8, dropout=0.5, recurrent_dropout=0.25, return_sequences=True)
    layer.build((None, None, 3))
    return layer


@pytest.mark.parametrize(
    "make", [dropping_gru, lambda: RNN([LSTMCell(4, dropout=0.5)])]
)
def test_a_call_that_raised_leaves_no_dropout_mask(make, monkeypatch):
    layer = make()
    layer(X)

    def fail(*args, **kwargs):
        raise RuntimeError("on purpose")

    with monkeypatch.context() as broken:
        broken.setattr("kerasrnn.layers.rnn.choose_kernel", fail)
        with pytest.raises(RuntimeError, match="on purpose"):
            layer(X, training=True)
    x = np.ones((3, 5, 3), "float32")  # of other rows than the masks would have
    assert layer(x, training=True).shape[0] == 3
    # Masks are new in each call.
    x = np.ones((64, 5, 3), "float32")
    a, b = array(layer(x, training=True)), array(layer(x, training=True))
    assert np.abs(a - b).max() > 1e-3


@pytest.mark.parametrize("family", [SimpleRNN, LSTM, GRU])
@pytest.mark.parametrize("recurrent_dropout", [0.0, 0.5])
def test_threads_that_call_one_layer_have_masks_of_their_own(family, recurrent_dropout):
    layer = family(4, dropout=0.5, recurrent_dropout=recurrent_dropout)
    layer.build((None, 4, 3))
    failed = []
    barrier = threading.Barrier(8)

    def call(rows):
        x = np.zeros((rows, 4, 3), "float32")
        barrier.wait()
        for _ in range(2):
            try:
                # Zeros give the same output whatever is dropped of the inputs.
                y = array(layer(x, training=True))
                if recurrent_dropout == 0:
                    np.testing.assert_allclose(y, array(layer(x)), atol=1e-6)
                assert y.shape == (rows, 4)
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=call, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]


def test_a_thread_sees_no_mask_of_another():
    cell = GRUCell(4, dropout=0.5, implementation=2)
    mine = cell.get_dropout_mask(np.ones((2, 3), "float32"))
    others = []

    def draw():
        others.append(cell.get_dropout_mask(np.ones((5, 3), "float32")))

    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    assert others[0].shape == (5, 3)
    again = cell.get_dropout_mask(np.ones((2, 3), "float32"))
    np.testing.assert_array_equal(array(again), array(mine))


def test_reset_state_before_the_first_call_is_kept_for_it():
    states = [np.full((2, 4), k, "float32") for k in (0.5, -1)]
    layer, plain = LSTM(4, stateful=True), LSTM(4)
    layer.reset_state(states=[s * 9 for s in states])
    layer.reset_state(states=states)
    layer.reset_state(states=[s[:1] * 2 for s in states], rows=[1])
    plain.build(X.shape)
    layer.build(X.shape)
    layer.set_weights(plain.get_weights())
    expected = [np.stack([s[0], s[1] * 2]) for s in states]
    np.testing.assert_allclose(
        array(layer(X)), array(plain(X, initial_state=expected)), atol=1e-6
    )
    both = Bidirectional(GRU(4, stateful=True))
    both.reset_state(states=states)
    both.build(X.shape)
    np.testing.assert_array_equal(array(both.backward_layer.states[0]), states[1])

    forgotten = GRU(4, stateful=True)
    forgotten.reset_state(states=states[:1])
    forgotten.reset_state()
    forgotten.build(X.shape)
    assert not array(forgotten.states[0]).any()

    wrong = GRU(4, stateful=True)
    wrong.reset_state(states=[np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"`states` must have the shapes"):
        wrong(X)
    with pytest.raises(ValueError, match="stateful=False and so carries no `states`"):
        GRU(4).reset_state(states=states[:1])
    with pytest.raises(ValueError, match="as many of each; got 3"):
        both.reset_state(states=[states[0]] * 3)


MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 0]], bool)


def stack_in_stack(layers, first):
    inner = layers.StackedRNNCells([first(3), layers.GRUCell(4)])
    return layers.StackedRNNCells([inner, layers.LSTMCell(2)])


@pytest.mark.parametrize("first", ["ours", "of Keras"])
@pytest.mark.parametrize(
    "options", [{}, {"unroll": True}, {"go_backwards": True}, {"stateful": True}]
)
def test_stacks_inside_stacks(first, options):
    import kerasrnn.layers as ours

    options = {**options, "return_state": True}
    theirs = keras.layers.RNN(
        stack_in_stack(keras.layers, keras.layers.LSTMCell), **options
    )
    cell = keras.layers.LSTMCell if first == "of Keras" else LSTMCell
    layer = RNN(stack_in_stack(ours, cell), **options)
    theirs.build(X.shape)
    layer.build(X.shape)
    layer.set_weights(theirs.get_weights())
    for _ in range(2):
        expected = tree.flatten(theirs(X, mask=MASK))
        found = tree.flatten(layer(X, mask=MASK))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(array(a), array(b), atol=1e-6)
    shapes = tree.flatten(tree.map_structure(lambda s: tuple(s.shape), found))
    assert shapes == tree.flatten(layer.compute_output_shape(X.shape))


def test_one_cell_twice_in_a_stack_shares_its_weights_as_in_keras():
    cell, theirs_cell = GRUCell(3), keras.layers.GRUCell(3)
    layer, theirs = RNN([cell, cell]), keras.layers.RNN([theirs_cell, theirs_cell])
    theirs.build(X.shape)
    layer.build(X.shape)
    assert len(layer.weights) == 3
    layer.set_weights(theirs.get_weights())
    np.testing.assert_allclose(
        array(layer(X, mask=MASK)), array(theirs(X, mask=MASK)), atol=1e-6
    )


def summary_of(model):
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line), line_length=120)
    return "\n".join(lines)


@pytest.mark.parametrize("kind", ["functional", "sequential", "subclassed"])
def test_summaries_show_the_shapes(kind):
    def layers():
        return [
            Bidirectional(LSTM(4, return_sequences=True)),
            RNN([GRUCell(3), LSTMCell(6)], return_sequences=True),
            GRU(7),
        ]

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = layers()

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    if kind == "functional":
        inputs = x = keras.Input((5, 3))
        for layer in layers():
            x = layer(x)
        model = keras.Model(inputs, x)
    else:
        model = Model() if kind == "subclassed" else keras.Sequential(layers())
        model(X)
    text = summary_of(model)
    assert "?" not in text
    for shape in ("5, 8)", "5, 6)", ", 7)"):
        assert shape in text, text


def test_summaries_show_the_shapes_of_decoders():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            cell = AttentionCell(
                GRUCell(7), BahdanauAttention(3), attention_layer_size=9
            )
            self.decoder = RNN(cell, return_sequences=True)
            self.attention = LuongAttention()

        def call(self, x):
            y = self.decoder(x, memory=MEMORY)
            return self.attention(y, MEMORY)[0]

    model = Model()
    model(X)
    text = summary_of(model)
    assert "?" not in text
    assert "(2, 5, 9)" in text and "(2, 5, 4)" in text and "(2, 5, 6)" in text
