"""Attention layers and AttentionCell against their equations, written in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops, tree

from kerasrnn.layers import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    GRUCell,
    LSTMCell,
    LuongAttention,
    StackedRNNCells,
)

RNG = np.random.default_rng(0)
B, T, S, Q, M, U = 3, 4, 5, 6, 7, 8
QUERY = RNG.standard_normal((B, T, Q)).astype("float32")
MEMORY = RNG.standard_normal((B, S, M)).astype("float32")
SQUARE = RNG.standard_normal((B, S, Q)).astype("float32")
# Right, with a hole, and with no place at all.
MASK = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]], bool)
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
on_tensorflow = pytest.mark.skipif(not ON_TENSORFLOW, reason="TensorFlow's graphs")


def array(x):
    return ops.convert_to_numpy(x)


def softmax(scores, mask):
    e = np.exp(scores - scores.max(-1, keepdims=True)) * mask[:, None]
    return e / np.maximum(e.sum(-1, keepdims=True), 1e-30)


def additive(query, memory, w1, w2, v, b=0.0):
    z = query[:, :, None] @ w1 + (memory @ w2)[:, None] + b
    return (np.tanh(z) @ v)[..., 0]


def scores_by_hand(layer, query, memory):
    weights = [array(w) for w in layer.weights]
    if isinstance(layer, BahdanauAttention):
        return additive(query, memory, *weights)
    if layer.score_name == "concat":
        w, v = weights
        size = query.shape[-1]
        return additive(query, memory, w[:size], w[size:], v)
    w = weights[0] if weights else np.eye(query.shape[-1])
    return np.einsum("btq,qm,bsm->bts", query, w, memory)


LAYERS = {
    "bahdanau": lambda **k: BahdanauAttention(U, **k),
    "bahdanau with bias": lambda **k: BahdanauAttention(
        U, use_bias=True, bias_initializer="random_normal", **k
    ),
    "dot": lambda **k: LuongAttention("dot", **k),
    "general": lambda **k: LuongAttention("general", **k),
    "concat": lambda **k: LuongAttention("concat", units=U, **k),
}


def memory_for(name):
    return SQUARE if name == "dot" else MEMORY


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_its_equation(name, masked):
    layer, memory = LAYERS[name](), memory_for(name)
    mask = MASK if masked else None
    context, alignments = layer(QUERY, memory, memory_mask=mask)
    scores = scores_by_hand(layer, QUERY, memory)
    expected = softmax(scores, MASK if masked else np.ones((B, S)))
    np.testing.assert_allclose(array(alignments), expected, atol=1e-6)
    np.testing.assert_allclose(array(context), expected @ memory, atol=1e-5)
    if masked:
        assert not array(alignments)[2].any() and not array(context)[2].any()
    # One query for each row; and the memory projected beforehand.
    one, one_alignments = layer(
        QUERY[:, 1], memory, memory_mask=mask, keys=layer.project_memory(memory)
    )
    np.testing.assert_allclose(array(one), array(context)[:, 1], atol=1e-6)
    np.testing.assert_allclose(array(one_alignments), expected[:, 1], atol=1e-6)
    shapes = layer.compute_output_shape(QUERY.shape, memory.shape)
    assert shapes == (context.shape, alignments.shape)


def test_keys_are_used():
    layer = BahdanauAttention(U)
    layer(QUERY, MEMORY)
    zeros = np.zeros((B, S, U), "float32")
    _, alignments = layer(QUERY, MEMORY, keys=zeros)
    np.testing.assert_allclose(array(alignments), np.full((B, T, S), 1 / S), atol=1e-6)


def test_the_mask_of_the_memory_is_found():
    tokens = np.array([[3, 2, 0, 0], [1, 2, 3, 0], [0, 0, 0, 0]])
    embedding = keras.layers.Embedding(5, M, mask_zero=True)
    layer = BahdanauAttention(U)
    _, alignments = layer(QUERY, embedding(tokens))
    assert not array(alignments)[
        np.broadcast_to((tokens == 0)[:, None], (3, 4, 4))
    ].any()
    np.testing.assert_allclose(array(alignments)[:2].sum(-1), 1, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
@on_tensorflow
def test_gradients_are_finite_differences(name):
    import tensorflow as tf

    layer = LAYERS[name](dtype="float64")
    query, memory = (tf.Variable(a, dtype="float64") for a in (QUERY, memory_for(name)))
    weight = RNG.standard_normal((B, T, memory.shape[-1]))

    def loss():
        context, alignments = layer(query, memory, memory_mask=MASK)
        return tf.reduce_sum(context * weight) + tf.reduce_sum(alignments[:, :, 1] ** 2)

    with tf.GradientTape() as tape:
        value = loss()
    variables = [query, memory, *[w.value for w in layer.weights]]
    assert np.isfinite(value)
    for v, gradient in zip(variables, tape.gradient(value, variables), strict=True):
        gradient = np.asarray(gradient)
        assert np.isfinite(gradient).all()
        direction, h = RNG.standard_normal(v.shape), 1e-5
        v.assign_add(h * direction)
        up = loss()
        v.assign_sub(2 * h * direction)
        down = loss()
        v.assign_add(h * direction)
        slope = (up - down) / (2 * h)
        np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-6)
    # A row without a place to look at changes nothing.
    assert not np.asarray(tape_gradient_of_row(layer, memory, 2)).any()


def tape_gradient_of_row(layer, memory, row):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(memory)
        context, _ = layer(QUERY.astype("float64"), memory, memory_mask=MASK)
        value = tf.reduce_sum(context)
    return tape.gradient(value, memory)[row]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float16"])
@pytest.mark.parametrize("name", LAYERS)
def test_half_precision(name, policy):
    layer, memory = LAYERS[name](dtype=policy), memory_for(name)
    context, alignments = layer(QUERY, memory, memory_mask=MASK)
    assert keras.backend.standardize_dtype(context.dtype) == layer.compute_dtype
    scores = scores_by_hand(layer, QUERY, memory).astype("float32")
    expected = softmax(scores, MASK)
    found = array(ops.cast(alignments, "float32"))
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert np.isfinite(found).all() and not found[2].any()


@pytest.mark.parametrize("name", LAYERS)
def test_attention_survives_serialisation(name, tmp_path):
    queries = keras.Input((None, Q))
    memory = keras.Input((None, memory_for(name).shape[-1]))
    mask = keras.Input((None,), dtype="bool")
    model = keras.Model(
        [queries, memory, mask], LAYERS[name]()(queries, memory, memory_mask=mask)
    )
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    data = [QUERY, memory_for(name), MASK]
    for a, b in zip(model(data), again(data), strict=True):
        np.testing.assert_array_equal(array(a), array(b))
    config = model.layers[-1].get_config()
    assert type(model.layers[-1]).from_config(config).get_config() == config


# The cell.


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(cell, x, h):
    w, u, b = (array(a) for a in cell.weights)
    xz, xr, xh = np.split(x @ w + b[0], 3, -1)
    hz, hr, hh = np.split(h @ u + b[1], 3, -1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    return z * h + (1 - z) * np.tanh(xh + r * hh)


def attend_by_hand(layer, h, mask):
    alignments = softmax(scores_by_hand(layer, h[:, None], MEMORY), mask)
    return (alignments @ MEMORY)[:, 0], alignments[:, 0]


def decode_by_hand(cell, x, mask):
    h, outputs, maps = np.zeros((B, Q)), [], []
    a = np.zeros((B, cell.attention_layer_size or 0))
    for t in range(x.shape[1]):
        x_t = x[:, t]
        if cell.attend == "before":
            c, alignments = attend_by_hand(cell.attention, h, mask)
            if cell.gated:
                c = sigmoid(h @ array(cell.gate_kernel) + array(cell.gate_bias)) * c
            h = gru(cell.cell, np.concatenate([x_t, c], -1), h)
        else:
            x_t = np.concatenate([x_t, a], -1) if cell.input_feeding else x_t
            h = gru(cell.cell, x_t, h)
            c, alignments = attend_by_hand(cell.attention, h, mask)
        a = np.concatenate([c, h], -1)
        if cell.attention_layer_size:
            a = np.tanh(a @ array(cell.kernel))
        outputs.append(a)
        maps.append(alignments)
    return np.stack(outputs, 1), np.stack(maps, 1), h


CELLS = {
    "after": {},
    "after, with a layer": {"attention_layer_size": 9},
    "fed back": {"attention_layer_size": 9, "input_feeding": True},
    "before": {"attend": "before"},
    "before, with a layer": {"attend": "before", "attention_layer_size": 9},
    "gated": {"attend": "before", "gated": True},
    "gated, with a layer": {
        "attend": "before",
        "gated": True,
        "attention_layer_size": 9,
    },
}
X = RNG.standard_normal((B, T, 2)).astype("float32")


@pytest.mark.parametrize("options", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("unroll", [False, True])
def test_a_decoder_is_its_equations(options, unroll):
    cell = AttentionCell(
        GRUCell(Q, bias_initializer="random_normal"),
        BahdanauAttention(U),
        return_alignments=True,
        **options,
    )
    layer = RNN(cell, return_sequences=True, return_state=True, unroll=unroll)
    layer.build(X.shape, memory_shape=MEMORY.shape)
    if cell.gated:
        cell.gate_bias.assign([-0.7])
    outputs, alignments, h, *fed = layer(X, memory=MEMORY, memory_mask=MASK)
    expected, expected_alignments, expected_h = decode_by_hand(cell, X, MASK)
    np.testing.assert_allclose(array(outputs), expected, atol=2e-6)
    np.testing.assert_allclose(array(alignments), expected_alignments, atol=2e-6)
    np.testing.assert_allclose(array(h), expected_h, atol=2e-6)
    if fed:
        np.testing.assert_allclose(array(fed[0]), expected[:, -1], atol=2e-6)
    shapes = layer.compute_output_shape(X.shape, memory_shape=MEMORY.shape)
    assert [tuple(s) for s in shapes] == [
        tuple(a.shape) for a in (outputs, alignments, h, *fed)
    ]
    # Step by step, the memory projected once.
    memory, state = cell.prepare_memory(MEMORY, MASK), None
    for t in range(T):
        (y, alpha), state = layer.step(X[:, t], state, memory=memory)
        np.testing.assert_allclose(array(y), expected[:, t], atol=2e-6)
        np.testing.assert_allclose(array(alpha), expected_alignments[:, t], atol=2e-6)
    # Without alignments, and of the last step only.
    config = {**cell.get_config(), "return_alignments": False}
    last = RNN(AttentionCell.from_config(config))
    last.build(X.shape, memory_shape=MEMORY.shape)
    last.set_weights(layer.get_weights())
    found = last(X, memory=MEMORY, memory_mask=MASK)
    np.testing.assert_allclose(array(found), expected[:, -1], atol=2e-6)


def test_masked_targets_hold_the_state():
    cell = AttentionCell(
        GRUCell(Q), BahdanauAttention(U), attention_layer_size=9, input_feeding=True
    )
    layer = RNN(cell, return_sequences=True, return_state=True)
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1]], bool)
    outputs, *states = layer(X, mask=mask, memory=MEMORY)
    for row in range(B):
        cut = layer(X[row : row + 1, mask[row]], memory=MEMORY[row : row + 1])
        np.testing.assert_allclose(
            array(outputs)[row, mask[row]], array(cut[0])[0], atol=1e-6
        )
        for found, expected in zip(states, cut[1:], strict=True):
            np.testing.assert_allclose(array(found)[row], array(expected)[0], atol=1e-6)


CELLS_INSIDE = {
    "lstm": lambda: LSTMCell(Q),
    "stack": lambda: StackedRNNCells([LSTMCell(3), GRUCell(Q)]),
    "stack of LSTM": lambda: StackedRNNCells([GRUCell(3), LSTMCell(Q)]),
    "keras lstm": lambda: keras.layers.LSTMCell(Q),
    "keras stack": lambda: keras.layers.StackedRNNCells(
        [keras.layers.GRUCell(3), keras.layers.LSTMCell(Q)]
    ),
}


@pytest.mark.parametrize("inside", ["lstm", "stack of LSTM", "keras stack"])
def test_all_steps_look_at_once_as_one_by_one(inside):
    cell = AttentionCell(
        CELLS_INSIDE[inside](), BahdanauAttention(U), attention_layer_size=9
    )
    layer = RNN(cell, return_sequences=True, return_state=True)
    at_once, *states = layer(X, memory=MEMORY, memory_mask=MASK)
    memory, state = cell.prepare_memory(MEMORY, MASK), None
    for t in range(T):
        y, state = layer.step(X[:, t], state, memory=memory)
        np.testing.assert_allclose(array(y), array(at_once)[:, t], atol=1e-6)
    for found, expected in zip(tree.flatten(state), tree.flatten(states), strict=True):
        np.testing.assert_allclose(array(found), array(expected), atol=1e-6)
    # A masked target is a loop again, with the same numbers where nothing is masked.
    nothing = np.ones((B, T), bool)
    looped = layer(X, memory=MEMORY, memory_mask=MASK, mask=nothing)[0]
    np.testing.assert_allclose(array(looped), array(at_once), atol=1e-6)


@pytest.mark.parametrize("inside", CELLS_INSIDE)
@pytest.mark.parametrize("attend", ["after", "before"])
def test_any_cell_goes_inside(inside, attend):
    feeding = attend == "after"
    cell = AttentionCell(
        CELLS_INSIDE[inside](),
        LuongAttention("general"),
        attend=attend,
        attention_layer_size=9,
        input_feeding=feeding,
    )
    layer = RNN(cell, return_sequences=True)
    outputs = array(layer(X, memory=MEMORY))
    # Step by step, the inner cell and the attention called by hand.
    states, a = list(cell.cell.get_initial_state(batch_size=B)), np.zeros((B, 9))
    for t in range(T):
        if attend == "before":
            last = states[-1] if "stack" in inside else states
            h = keras.tree.flatten(last)[0]
            c, _ = cell.attention(h, MEMORY)
            h, states = cell.cell(ops.concatenate([X[:, t], c], -1), states)
        else:
            fed = ops.convert_to_tensor(a, dtype="float32")
            h, states = cell.cell(ops.concatenate([X[:, t], fed], -1), states)
            c, _ = cell.attention(h, MEMORY)
        states = list(states)
        a = np.tanh(array(ops.concatenate([c, h], -1)) @ array(cell.kernel))
        np.testing.assert_allclose(outputs[:, t], a, atol=2e-6)


def test_beams_look_at_their_sentence():
    cell = AttentionCell(GRUCell(Q), BahdanauAttention(U), return_alignments=True)
    layer = RNN(cell)
    k = 4
    rows = RNG.standard_normal((B * k, 2)).astype("float32")
    layer(X, memory=MEMORY)
    state = cell.get_initial_state(B * k)
    prepared = cell.prepare_memory(MEMORY, MASK)
    found = cell(rows, state, memory=prepared)
    repeated = cell.prepare_memory(MEMORY.repeat(k, 0), MASK.repeat(k, 0))
    expected = cell(rows, state, memory=repeated)
    for a, b in zip(
        keras.tree.flatten(found), keras.tree.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(array(a), array(b), atol=1e-6)


def translator(**options):
    """A functional model: token ids of both sides in, outputs and alignments out."""
    source = keras.Input((None,), dtype="int32")
    target = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(9, Q, mask_zero=True)
    cell = AttentionCell(
        GRUCell(Q, dropout=0.3, recurrent_dropout=0.2, seed=1),
        BahdanauAttention(U),
        return_alignments=True,
        **options,
    )
    decoder = RNN(cell, return_sequences=True)
    return keras.Model(
        [source, target], decoder(embedding(target), memory=embedding(source))
    )


SOURCE = np.array([[1, 2, 3, 0], [4, 5, 0, 0], [6, 7, 8, 1]])
TARGET = np.array([[3, 2, 1], [5, 4, 0], [8, 7, 6]])


@pytest.mark.parametrize(
    "name",
    [
        "fed back",
        "gated, with a layer",
        pytest.param("after", marks=pytest.mark.slow),
        pytest.param("before, with a layer", marks=pytest.mark.slow),
    ],
)
def test_a_functional_model_trains_and_is_saved(name, tmp_path):
    model = translator(**CELLS[name])
    outputs, alignments = model([SOURCE, TARGET])
    assert not array(alignments)[
        np.broadcast_to((SOURCE == 0)[:, None], (3, 3, 4))
    ].any()
    np.testing.assert_allclose(array(alignments).sum(-1), 1, atol=1e-5)
    # Padding of the source changes nothing.
    wider = np.pad(SOURCE, ((0, 0), (0, 2)))
    again, _ = model([wider, TARGET])
    np.testing.assert_allclose(array(again), array(outputs), atol=1e-6)
    before = model.get_weights()
    model.compile(keras.optimizers.Adam(0.05), loss=["mse", None])
    y = np.ones(outputs.shape)
    losses = model.fit([SOURCE, TARGET], y, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and np.isfinite(losses).all()
    assert all(
        np.abs(a - b).max() > 0
        for a, b in zip(before, model.get_weights(), strict=True)
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for a, b in zip(loaded([SOURCE, TARGET]), model([SOURCE, TARGET]), strict=True):
        np.testing.assert_array_equal(array(a), array(b))


@on_tensorflow
@pytest.mark.parametrize(
    "jit_compile", [True, pytest.param(False, marks=pytest.mark.slow)]
)
def test_graphs_equal_eager(jit_compile):
    import tensorflow as tf

    model = translator(attention_layer_size=9, input_feeding=True)
    signature = None if jit_compile else 2 * [tf.TensorSpec((None, None), tf.int32)]

    @tf.function(jit_compile=jit_compile, input_signature=signature)
    def run(source, target):
        with tf.GradientTape() as tape:
            outputs, alignments = model([source, target])
            loss = tf.reduce_sum(outputs**2) + tf.reduce_sum(alignments[:, :, 0])
        weights = [w.value for w in model.trainable_weights]
        return outputs, alignments, *tape.gradient(loss, weights)

    data = [tf.constant(a, tf.int32) for a in (SOURCE, TARGET)]
    found, expected = run(*data), run.python_function(*data)
    for a, b in zip(found, expected, strict=True):
        a, b = (tf.convert_to_tensor(e).numpy() for e in (a, b))
        np.testing.assert_allclose(a, b, atol=3e-6)


@pytest.mark.long
@on_tensorflow
def test_a_decoder_is_exported(tmp_path):
    import tensorflow as tf

    model = translator(attend="before")
    model.export(tmp_path / "model", verbose=False)
    served = tf.saved_model.load(tmp_path / "model").signatures["serving_default"]
    names = sorted(served.structured_input_signature[1])
    found = served(
        **{
            n: tf.constant(a, tf.int32)
            for n, a in zip(names, (SOURCE, TARGET), strict=True)
        }
    )
    found = sorted(found.items())
    for (_, a), b in zip(found, model([SOURCE, TARGET]), strict=True):
        np.testing.assert_allclose(a.numpy(), array(b), atol=1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: BahdanauAttention(0), "`units` must be a positive integer; got 0"),
        (lambda: LuongAttention("cosine"), r"`score` must be one of .*; got 'cosine'"),
        (lambda: LuongAttention("dot", units=3), "inside score='concat'; got units=3"),
        (lambda: LuongAttention("dot")(QUERY, MEMORY), "one size; got 6 and 7"),
        (
            lambda: BahdanauAttention(2)(QUERY, MEMORY[:2]),
            r"`memory` .* must be .*\(3, None, None\); got \(2, 5, 7\)",
        ),
        (
            lambda: BahdanauAttention(2)(QUERY, MEMORY, memory_mask=MASK[:, :3]),
            r"`memory_mask` must be .*=\(3, 5\); got \(3, 3\)",
        ),
        (
            lambda: BahdanauAttention(2).project_memory(MEMORY),
            "has no weights yet. Call it once",
        ),
        (
            lambda: RNN(AttentionCell(GRUCell(3), BahdanauAttention(3)))(X),
            "must be built with a `memory_shape`, and called with `memory`",
        ),
        (lambda: RNN(GRUCell(3))(X, memory=MEMORY), "looks at no memory"),
        (
            lambda: AttentionCell(GRUCell(3), BahdanauAttention(3), input_feeding=True),
            "`input_feeding` needs `attention_layer_size`",
        ),
        (
            lambda: AttentionCell(
                GRUCell(3),
                BahdanauAttention(3),
                input_feeding=True,
                attend="before",
                attention_layer_size=3,
            ),
            "`input_feeding` goes with attend='after'",
        ),
        (
            lambda: AttentionCell(GRUCell(3), BahdanauAttention(3), attend="while"),
            "`attend` must be 'after' or 'before'; got 'while'",
        ),
        (
            lambda: AttentionCell(GRUCell(3), BahdanauAttention(3), gated=True),
            "`gated` goes with attend='before', .*; got attend='after'",
        ),
        (
            lambda: AttentionCell(GRUCell(3), GRUCell(3)),
            "`attention` must be a BahdanauAttention or a LuongAttention",
        ),
        (
            lambda: AttentionCell(
                GRUCell(3), BahdanauAttention(3), attention_layer_size=4
            ).prepare_memory(MEMORY),
            "is not built yet",
        ),
    ],
)
def test_mistakes_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_no_rows_give_no_rows():
    cell = AttentionCell(GRUCell(Q), BahdanauAttention(U))
    layer = RNN(cell, return_sequences=True)
    layer(X, memory=MEMORY)
    assert layer(X[:0], memory=MEMORY[:0]).shape == (0, T, M + Q)


def looks_at_hidden_places():
    """Layers and decoders, each as a function of `(queries, memory, mask)`."""
    layers = [
        BahdanauAttention(U, use_bias=True),
        LuongAttention("general"),
        LuongAttention("concat"),
    ]
    looks = [lambda q, m, k, a=a: a(q, m, memory_mask=k)[0] for a in layers]
    for options in (
        {"attend": "before"},
        {"attend": "before", "gated": True},
        {},
        {"attention_layer_size": 5, "input_feeding": True},
    ):
        cell = AttentionCell(GRUCell(Q), BahdanauAttention(U), **options)
        decoder = RNN(cell, return_sequences=True)
        looks.append(
            lambda q, m, k, decoder=decoder: decoder(q, memory=m, memory_mask=k)
        )
    return looks


@pytest.mark.parametrize("case", range(7))
def test_what_a_mask_hides_counts_as_zeros(case):
    hidden = np.resize([np.nan, np.inf], (B, S, 1))  # by place, so that both are alone
    keras.utils.set_random_seed(0)
    inputs = [
        keras.Input(QUERY.shape[1:]),
        keras.Input(MEMORY.shape[1:]),
        keras.Input((S,), dtype="bool"),
    ]
    model = keras.Model(inputs, looks_at_hidden_places()[case](*inputs))
    model.compile(keras.optimizers.SGD(1.0), "mse", run_eagerly=ON_TENSORFLOW)
    start = model.get_weights()
    results = []
    for value in (0, hidden):
        model.set_weights(start)
        memory = np.where(MASK[..., None], MEMORY, value).astype("float32")
        answers = array(model([QUERY, memory, MASK]))
        model.train_on_batch([QUERY, memory, MASK], np.zeros_like(answers))
        results.append([answers, *model.get_weights()])
    assert any(
        np.abs(a - b).max() > 1e-4 for a, b in zip(start, results[0][1:], strict=True)
    )
    for found, expected in zip(*reversed(results), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", LAYERS)
def test_keys_of_a_memory_with_nan_in_hidden_places(name):
    layer, memory = LAYERS[name](), memory_for(name)
    zeros = np.where(MASK[..., None], memory, 0).astype("float32")
    hidden = np.where(MASK[..., None], memory, np.nan).astype("float32")
    expected = layer(QUERY, zeros, memory_mask=MASK)
    for keys in (layer.project_memory(hidden), layer.project_memory(hidden, MASK)):
        found = layer(QUERY, hidden, memory_mask=MASK, keys=keys)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(array(a), array(b))
    assert np.isfinite(array(layer.project_memory(hidden, MASK))).all()
