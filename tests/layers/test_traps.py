"""Where Keras's layers go wrong, or say little: each trap with the right result."""

import keras
import numpy as np
import pytest
from keras import ops, tree

from kerasrnn.kernels import KERNELS, native, use_kernel
from kerasrnn.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 6, 4)).astype("float32")
FAMILIES = [SimpleRNN, LSTM, GRU]
KERNELS_HERE = [
    k for k in KERNELS if k != "fed_decoder" and (k != "native" or native.available())
]
KERNELS_OF_FAMILIES = [
    (kernel, family)
    for kernel in KERNELS_HERE
    for family in FAMILIES
    if (kernel, family) != ("keras", SimpleRNN)  # cuDNN's of Keras's are two
]
# Their loops multiply all steps by W at once, in other blocks than one step.
TO_ROUNDING = ("keras", "torch")
only_on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="a trap of TensorFlow's"
)


def array(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("kernel, layer_class", KERNELS_OF_FAMILIES)
def test_masked_steps_count_as_if_they_were_cut_out(layer_class, kernel):
    mask = np.array([[0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0]], bool)
    layer = layer_class(5, return_sequences=True, return_state=True)
    layer.build(X.shape)
    with use_kernel(kernel):
        outputs, *states = layer(X, mask=mask)
        for row in range(2):
            cut = layer(X[row : row + 1, mask[row]])
            for found, expected in zip(states, cut[1:], strict=True):
                np.testing.assert_allclose(
                    array(found)[row], array(expected)[0], atol=1e-6
                )
            np.testing.assert_allclose(
                array(outputs)[row, mask[row]], array(cut[0])[0], atol=1e-6
            )
        # A row without a valid step: zeros out, and the state as it came in.
        assert not array(outputs)[2].any()
        initial = [np.full((3, 5), 0.5, "float32") for _ in states]
        outputs, *states = layer(X, mask=mask, initial_state=initial)
        assert not array(outputs)[2].any()
        np.testing.assert_array_equal(array(states[-1])[2], np.full(5, 0.5))


def test_the_mask_of_an_embedding_is_not_lost_beside_initial_state():
    tokens = np.array([[3, 2, 0, 0], [1, 2, 3, 0]])
    embedding = keras.layers.Embedding(5, 4, mask_zero=True)
    layer = GRU(3, return_sequences=True)
    h = np.ones((2, 3), "float32")
    embedded = embedding(tokens)
    found = layer(embedded, initial_state=h)
    expected = layer(array(embedded), initial_state=h, mask=tokens != 0)
    np.testing.assert_array_equal(array(found), array(expected))
    without = layer(array(embedded), initial_state=h)
    assert not np.allclose(array(without), array(expected))


@pytest.mark.parametrize("make", [LSTM, lambda units: Bidirectional(LSTM(units))])
def test_nor_in_a_compiled_model(make):
    ids = np.array([[3, 1, 0], [2, 0, 0]], "int32")
    tokens, h, c = keras.Input((None,), dtype="int32"), *2 * (keras.Input((4,)),)
    layer, embedding = make(4), keras.layers.Embedding(5, 4, mask_zero=True)
    states = [h, c] * (2 if isinstance(layer, Bidirectional) else 1)
    model = keras.Model([tokens, h], layer(embedding(tokens), initial_state=states))
    zeros = np.ones((2, 4), "float32")
    found = model.predict([ids, zeros], verbose=0)
    given = [ops.convert_to_tensor(zeros)] * len(states)
    expected = layer(embedding(ids), initial_state=given, mask=ids != 0)
    np.testing.assert_allclose(found, array(expected), atol=1e-6)


def test_masks_go_on_to_the_next_layer():
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(5, 4, mask_zero=True)(tokens)
    x = Bidirectional(LSTM(3, return_sequences=True))(x)
    x, _ = GRU(3, return_sequences=True, return_state=True)(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    model = keras.Model(tokens, x)
    short = np.array([[1, 2, 3]])
    padded = np.array([[1, 2, 3, 0, 0]])
    np.testing.assert_allclose(
        array(model(padded)), array(model(short)), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("kernel, layer_class", KERNELS_OF_FAMILIES)
def test_step_gives_bit_by_bit_what_the_sequence_gives(layer_class, kernel):
    if keras.backend.backend() == "jax":
        pytest.skip("XLA fuses a scan of one step otherwise than one of many")
    atol = 1e-5 if kernel in TO_ROUNDING else 0
    x = RNG.standard_normal((3, 40, 600)).astype("float32")
    layer = layer_class(32, return_sequences=True, return_state=True)
    with use_kernel(kernel):
        outputs, *final = layer(x)
        state, ys = None, []
        for t in range(x.shape[1]):
            y, state = layer.step(x[:, t], state)
            ys.append(array(y))
    np.testing.assert_allclose(np.stack(ys, 1), array(outputs), atol=atol, rtol=0)
    for found, expected in zip(state, final, strict=True):
        np.testing.assert_allclose(array(found), array(expected), atol=atol, rtol=0)


def test_step_on_jax_is_close():
    layer = GRU(5, return_sequences=True)
    outputs, state = layer(X), None
    for t in range(6):
        y, state = layer.step(X[:, t], state)
        np.testing.assert_allclose(array(y), array(outputs)[:, t], atol=1e-6)


def test_reset_state_takes_states_and_rows():
    layer = LSTM(2, stateful=True)
    layer(X)
    kept = [array(s) for s in layer.states]
    layer.reset_state(rows=[1])
    for old, s in zip(kept, layer.states, strict=True):
        assert not array(s)[1].any()
        np.testing.assert_array_equal(array(s)[[0, 2]], old[[0, 2]])
    layer.reset_state(states=[np.ones((1, 2)), np.full((1, 2), 2.0)], rows=[2])
    assert array(layer.states[1])[2].tolist() == [2.0, 2.0]
    layer.reset_state(states=kept)
    np.testing.assert_array_equal(array(layer.states[0]), kept[0])
    layer.reset_state()
    assert not array(layer.states[0]).any()
    with pytest.raises(ValueError, match=r"`states` must have the shapes"):
        layer.reset_state(states=[np.ones((3, 2))])
    with pytest.raises(ValueError, match=r"`rows` must be indices from 0 to 2"):
        layer.reset_state(rows=[3])


def test_a_stateful_layer_takes_a_smaller_last_batch_in_predict():
    inputs = keras.Input(batch_shape=(2, 6, 4))
    layer = GRU(3, stateful=True)
    model = keras.Model(inputs, layer(inputs))
    found = model.predict(X, batch_size=2, verbose=0)
    expected = GRU(3)
    expected.build(X.shape)
    expected.set_weights(layer.get_weights())
    first = expected(X[:2])
    # Row 2 of the data is row 0 of the second batch, and goes on from there.
    third = expected(X[2:], initial_state=array(first)[:1])
    np.testing.assert_allclose(found[2], array(third)[0], atol=1e-6)
    np.testing.assert_allclose(array(layer.states[0])[0], array(third)[0], atol=1e-6)
    np.testing.assert_allclose(array(layer.states[0])[1], array(first)[1], atol=1e-6)


def test_a_stateful_layer_carries_on_in_fit():
    inputs = keras.Input(batch_shape=(3, 6, 4))
    layer = GRU(3, stateful=True)
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(X, np.zeros((3, 3)), batch_size=3, epochs=2, shuffle=False, verbose=0)
    again = GRU(3)
    again.build(X.shape)
    again.set_weights(layer.get_weights())
    expected = again(X, initial_state=again(X))
    np.testing.assert_allclose(array(layer.states[0]), array(expected), atol=1e-5)


def test_stateful_bidirectional_with_states_and_a_mask():
    layer = Bidirectional(LSTM(2, return_state=True, stateful=True))
    mask = np.ones((3, 6), bool)
    mask[0, 4:] = False
    output, *states = layer(X, mask=mask)
    assert len(states) == 4
    np.testing.assert_allclose(
        array(output), np.concatenate([array(states[0]), array(states[2])], -1)
    )
    np.testing.assert_array_equal(array(states[3]), array(layer.states[3]))
    layer.reset_state(states=[np.full((3, 2), k) for k in range(4)])
    assert array(layer.states[2])[0, 0] == 2


def test_keras_files_keep_the_states_and_weight_files_fit_keras(tmp_path):
    def model_of(namespace):
        inputs = keras.Input(batch_shape=(3, 6, 4))
        return keras.Model(inputs, namespace.LSTM(2, stateful=True)(inputs))

    import kerasrnn.layers

    model = model_of(kerasrnn.layers)
    model.predict(X, batch_size=3, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for found, expected in zip(
        again.layers[-1].states, model.layers[-1].states, strict=True
    ):
        assert array(expected).any()
        np.testing.assert_array_equal(array(found), array(expected))

    theirs = model_of(keras.layers)
    model.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    model.load_weights(tmp_path / "theirs.weights.h5")
    for found, expected in zip(theirs.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    model.layers[-1].reset_state()
    np.testing.assert_allclose(array(model(X)), array(theirs(X)), atol=1e-6)


@only_on_tensorflow
def test_tensorflow_checkpoints_move_between_the_libraries(tmp_path):
    import tensorflow as tf

    ours = keras.Sequential([keras.Input((6, 4)), GRU(3)])
    theirs = keras.Sequential([keras.Input((6, 4)), keras.layers.GRU(3)])
    path = tf.train.Checkpoint(model=ours).save(str(tmp_path / "checkpoint"))
    status = tf.train.Checkpoint(model=theirs).restore(path)
    status.assert_existing_objects_matched()
    np.testing.assert_allclose(array(ours(X)), array(theirs(X)), atol=1e-6)


@pytest.mark.parametrize("layer_class", [LSTM, GRU])
def test_use_cudnn_and_implementation_are_kept_on_save(layer_class):
    layer = layer_class(2, use_cudnn=False, implementation=1, dropout=0.1)
    again = layer_class.from_config(layer.get_config())
    assert again.use_cudnn is False
    assert again.cell.implementation == 1
    with pytest.raises(ValueError, match="use_cudnn=True was specified"):
        layer_class(2, use_cudnn=True)(X)


def test_simple_rnn_keeps_its_activity_regularizer():
    layer = SimpleRNN(2, activity_regularizer="l1")
    layer(X)
    assert len(layer.losses) == 1


def test_return_state_inside_sequential_is_a_clear_error():
    with pytest.raises(ValueError, match="has `return_state=True`, so it returns 3"):
        keras.Sequential(
            [keras.Input((6, 4)), LSTM(2, return_state=True), keras.layers.Dense(1)]
        )
    # As the last layer all its outputs are the model's, as in Keras.
    last = keras.Sequential([keras.Input((6, 4)), LSTM(2, return_state=True)])
    assert len(last(X)) == 3


@only_on_tensorflow
def test_ragged_input_is_a_clear_error():
    import tensorflow as tf

    ragged = tf.ragged.constant([[[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]], ragged_rank=1)
    with pytest.raises(ValueError, match=r"sequences.to_tensor\(\)"):
        LSTM(2)(ragged)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"sequences": X[0]}, r"expected ndim=3, found ndim=2"),
        ({"sequences": X[:, :0]}, r"must have at least one step; got"),
        ({"sequences": X[:, :, :2]}, r"must have 4 features.*; got 2"),
        (
            {"sequences": [X, X]},
            r"must be one tensor \(batch, steps, features\); got 2",
        ),
        ({"initial_state": [X[:, 0]]}, r"must have 2 states of the shapes \[\(3, 5\)"),
        ({"initial_state": [X[:, 0], X[:, 0]]}, r"`initial_state` of layer .* got"),
        ({"initial_state": [X[:2, 0, :1]] * 2}, r"got \[\(2, 1\), \(2, 1\)\]"),
        ({"mask": np.ones((3, 5), bool)}, r"`mask` must be .*=\(3, 6\); got \(3, 5\)"),
        ({"mask": np.ones(6, bool)}, r"`mask` must be .*; got \(6,\)"),
    ],
)
def test_what_is_wrong_is_named(arguments, message):
    layer = LSTM(5)
    layer(X)
    with pytest.raises(ValueError, match=message):
        layer(**{"sequences": X, **arguments})


def test_units_must_be_a_positive_integer():
    for units in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="`units` must be a positive integer; got"):
            GRU(units)


def test_shapes_of_the_lecture():
    x = np.zeros((32, 10, 8), "float32")
    assert tuple(SimpleRNN(4)(x).shape) == (32, 4)
    assert tuple(SimpleRNN(4, return_sequences=True)(x).shape) == (32, 10, 4)
    output, state = SimpleRNN(4, return_state=True)(x)
    assert tuple(output.shape) == tuple(state.shape) == (32, 4)


@pytest.mark.long
def test_our_cells_work_inside_keras_rnn():
    for cell in (
        LSTMCell(3, dropout=0.2),
        GRUCell(3, recurrent_dropout=0.2),
        StackedRNNCells([LSTMCell(3, dropout=0.2), GRUCell(2, recurrent_dropout=0.2)]),
    ):
        inputs = keras.Input((6, 4))
        model = keras.Model(inputs, keras.layers.RNN(cell)(inputs))
        model.compile("sgd", "mse")
        model.fit(X, np.zeros((3, cell.output_size)), epochs=2, verbose=0)
        ours = RNN(cell)
        np.testing.assert_allclose(
            array(ours(X)), model.predict(X, verbose=0), atol=1e-6
        )


def test_cells_of_keras_work_in_our_rnn():
    layer = RNN([keras.layers.LSTMCell(3, dropout=0.2), keras.layers.GRUCell(2)])
    theirs = keras.layers.RNN(layer.cell)
    np.testing.assert_allclose(array(layer(X)), array(theirs(X)), atol=1e-6)
    layer(X, training=True)


@only_on_tensorflow
@pytest.mark.parametrize(
    "layer_class",
    [SimpleRNN, *(pytest.param(c, marks=pytest.mark.slow) for c in (LSTM, GRU))],
)
def test_second_order_gradients_are_those_of_keras(layer_class):
    import tensorflow as tf

    theirs = getattr(keras.layers, layer_class.__name__)(3)
    ours = layer_class(3)
    theirs.build(X.shape)
    ours.build(X.shape)
    ours.set_weights(theirs.get_weights())

    def penalty_gradient(layer):
        x = tf.constant(X)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(layer(x, training=True) ** 2)
            penalty = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(penalty, [x, layer.cell.recurrent_kernel.value])

    for compiled in (False, True):
        wrap = tf.function if compiled else lambda f: f
        expected = wrap(penalty_gradient)(theirs)
        found = wrap(penalty_gradient)(ours)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-5 * np.abs(b).max())


@only_on_tensorflow
def test_nan_passes_through():
    x = X.copy()
    x[1, 2] = np.nan
    found = array(LSTM(3, return_sequences=True)(x))
    assert np.isnan(found[1, 2:]).all()
    assert np.isfinite(found[[0, 2]]).all() and np.isfinite(found[1, :2]).all()


@pytest.mark.parametrize("kind", [SimpleRNNCell, LSTMCell, GRUCell])
def test_a_cell_by_itself_says_that_no_kernel_runs_it(kind):
    first, how, *declined = kind(4).explain().splitlines()
    assert first == "kernel: none"
    assert f"operations of {keras.config.backend()}" in how
    assert [line.split(":")[0] for line in declined] == [f"not {n}" for n in KERNELS]


@pytest.mark.parametrize("zero_output_for_mask", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_a_stack_is_run_cell_by_cell(zero_output_for_mask, go_backwards):
    options = {
        "return_sequences": True,
        "return_state": True,
        "zero_output_for_mask": zero_output_for_mask,
        "go_backwards": go_backwards,
    }
    layer = RNN([LSTMCell(4), GRUCell(3), LSTMCell(5, dropout=0.3)], **options)
    mask = np.array([[1, 1, 0, 1, 0, 1], [0, 0, 1, 1, 1, 0], [0] * 6], bool)
    found = layer(X, mask=mask)
    lines = layer.explain().splitlines()
    assert sum(line.startswith("kernel: ") for line in lines) == 3
    cells = [keras.layers.LSTMCell(4), keras.layers.GRUCell(3)]
    cells = keras.layers.StackedRNNCells([*cells, keras.layers.LSTMCell(5)])
    peer = keras.layers.RNN(cells, **options)
    peer.build(X.shape)
    peer.set_weights(layer.get_weights())
    expected = tree.flatten(peer(X, mask=mask))
    for ours, theirs in zip(tree.flatten(found), expected, strict=True):
        np.testing.assert_allclose(array(ours), array(theirs), atol=1e-6)
    # Dropped are whole sequences' inputs of the third cell, at all steps alike.
    cell = layer.cell.cells[2]
    cell.kernel.assign(np.ones_like(array(cell.kernel)))
    cell.recurrent_kernel.assign(np.zeros_like(array(cell.recurrent_kernel)))
    dropped = array(layer(X, training=True)[0])
    assert np.abs(dropped - array(layer(X)[0])).max() > 1e-3


def test_explain_names_the_kernel_and_the_reason():
    text = LSTM(4).explain()
    if keras.backend.backend() == "tensorflow":
        with use_kernel("tensorflow"):
            assert "backward pass of its own" in LSTM(4).explain()
        if native.available():
            assert "kernel: native" in text
        else:
            assert "kernel: tensorflow" in text and "no compiled kernel" in text
        a_cell_of_keras = RNN(keras.layers.LSTMCell(4)).explain()
        assert "not one of SimpleRNNCell" in a_cell_of_keras
        assert "activation is not one of" in LSTM(4, activation="elu").explain()
        assert "not tensorflow: unroll=True" in LSTM(4, unroll=True).explain()
    else:
        kernel = "native" if native.available() else keras.backend.backend()
        assert f"kernel: {kernel}\n" in text
    with pytest.raises(ValueError, match="`name` must be one of"), use_kernel("best"):
        pass


@pytest.mark.parametrize("layer_class", FAMILIES)
def test_the_arguments_are_those_of_keras_in_the_same_order(layer_class):
    import inspect

    theirs = getattr(keras.layers, layer_class.__name__)
    expected = [
        (p.name, p.default) for p in inspect.signature(theirs).parameters.values()
    ]
    found = [
        (p.name, p.default) for p in inspect.signature(layer_class).parameters.values()
    ]
    assert found == expected
