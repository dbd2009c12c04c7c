"""The loop of a fed decoder gives what TensorFlow's differentiation gives."""

import keras
import numpy as np
import pytest

from kerasrnn.kernels import use_kernel
from kerasrnn.layers import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    GRUCell,
    LSTMCell,
    LuongAttention,
    SimpleRNNCell,
)

if keras.backend.backend() != "tensorflow":
    pytest.skip("a kernel of TensorFlow's", allow_module_level=True)

import tensorflow as tf

B, T, S, D, U, M = 5, 7, 4, 3, 6, 6
RNG = np.random.default_rng(0)
X = tf.constant(RNG.standard_normal((B, T, D)), "float32")
MEMORY = tf.constant(RNG.standard_normal((B, S, M)), "float32")
MASK = np.array([[1] * 4, [1, 1, 0, 0], [0] * 4, [0, 1, 0, 1], [1, 0, 0, 0]], bool)
CELLS = {
    "simple_rnn": lambda: SimpleRNNCell(U, activation="relu"),
    "lstm": lambda: LSTMCell(U),
    "gru": lambda: GRUCell(U, bias_initializer="random_normal"),
    "gru without bias": lambda: GRUCell(U, use_bias=False),
    "gru, reset before": lambda: GRUCell(U, reset_after=False),
}
ATTENTIONS = {
    "bahdanau": lambda: BahdanauAttention(5, use_bias=True),
    "dot": lambda: LuongAttention("dot"),
    "general": lambda: LuongAttention("general"),
    "concat": lambda: LuongAttention("concat"),
}


def decoder(cell="gru", attention="bahdanau", **options):
    return RNN(
        AttentionCell(
            CELLS[cell](),
            ATTENTIONS[attention](),
            attention_layer_size=8,
            input_feeding=True,
            return_alignments=True,
        ),
        return_sequences=True,
        return_state=True,
        **options,
    )


def numbers(layer, x, memory, mask, kernel, compiled=True):
    """Results, and gradients of something that depends on all of them."""

    def run(x, memory, mask):
        with tf.GradientTape() as tape:
            tape.watch([x, memory])
            results = layer(x, memory=memory, memory_mask=mask, training=True)
            flat = tf.nest.flatten(results)
            loss = tf.add_n([tf.reduce_sum(tf.sin(3 * a) * a) for a in flat])
        return flat, tape.gradient(loss, [x, memory, *layer.trainable_variables])

    with use_kernel(kernel):
        layer(x, memory=memory, training=True)  # makes the weights
        if compiled:
            unknown = [
                tf.TensorSpec([None] * 2 + [*a.shape[2:]], a.dtype)
                for a in (x, memory, mask)
            ]
            run = tf.function(run, input_signature=unknown)
        flat, gradients = run(x, memory, mask)
    return [a.numpy() for a in [*flat, *map(tf.convert_to_tensor, gradients)]]


def assert_same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * max(1, np.abs(b).max()))


# Each cell and each attention at once, and all pairs of them in the second stage.
PAIRS = [(cell, attention) for attention in ATTENTIONS for cell in CELLS]
AT_ONCE = [
    (cell, [*ATTENTIONS][number % len(ATTENTIONS)]) for number, cell in enumerate(CELLS)
]


@pytest.mark.parametrize(
    ("cell", "attention"),
    [
        pytest.param(*pair, marks=[] if pair in AT_ONCE else pytest.mark.slow)
        for pair in PAIRS
    ],
)
def test_it_equals_the_differentiated_loop(cell, attention):
    layer, mask = decoder(cell, attention), tf.constant(MASK)
    found = numbers(layer, X, MEMORY, mask, "fed_decoder")
    # Eagerly: to make its graph would take longer than all the rest.
    expected = numbers(layer, X, MEMORY, mask, "reference", compiled=False)
    assert_same(found, expected)
    assert all(np.isfinite(a).all() for a in found)


@pytest.mark.long
@pytest.mark.parametrize("options", [{}, {"go_backwards": True}])
def test_two_halves_of_a_batch_equal_the_whole(options):
    # As many rows as go through the loop in two halves, which differ by a row.
    layer = decoder("lstm", **options)
    x, memory = tf.tile(X, (141, 1, 1)), tf.tile(MEMORY, (141, 1, 1))
    mask = tf.constant(np.tile(MASK, (141, 1)))
    found = numbers(layer, x, memory, mask, "fed_decoder")
    expected = numbers(layer, x, memory, mask, "reference", compiled=False)
    assert_same(found, expected)


@pytest.mark.long
def test_eagerly_and_of_the_last_step_only():
    layer = decoder()
    mask = tf.constant(MASK)
    found = numbers(layer, X, MEMORY, mask, "fed_decoder", compiled=False)
    # In a graph, which is the same.
    assert_same(found, numbers(layer, X, MEMORY, mask, "reference"))
    last = RNN(layer.cell)
    with use_kernel("fed_decoder"):
        y, alignments = last(X, memory=MEMORY, memory_mask=mask, training=True)
    np.testing.assert_allclose(y, found[0][:, -1], atol=1e-6)
    np.testing.assert_allclose(alignments, found[1][:, -1], atol=1e-6)


def test_it_says_what_it_leaves_to_others():
    layer = decoder()
    layer(X, memory=MEMORY)
    assert layer.explain().startswith("kernel: fed_decoder\n")
    assert "with a backward pass of its own" in layer.explain()
    left = layer.explain(training=False)
    assert "kernel: tensorflow\nhow: a TensorFlow loop differentiated by" in left
    assert "not fed_decoder: nothing is trained" in left
    dropping = RNN(
        AttentionCell(
            GRUCell(U, dropout=0.5),
            BahdanauAttention(5),
            attention_layer_size=8,
            input_feeding=True,
        )
    )
    dropping(X, memory=MEMORY)
    assert "not fed_decoder: the cell has dropout" in dropping.explain()
    mixed = RNN(layer.cell, dtype="mixed_bfloat16")
    assert "for float32 and float64, not bfloat16" in mixed.explain()


@pytest.mark.parametrize(
    ("options", "arguments", "reason"),
    [
        ({"unroll": True}, {}, "unroll=True"),
        ({}, {"mask": tf.ones((B, T), "bool")}, "a mask of the targets"),
        ({}, {"memory": MEMORY[:1]}, "several rows look at one"),
        ({}, {"training": False}, "nothing is trained"),
    ],
)
def test_what_it_cannot_run_is_refused_by_name(options, arguments, reason):
    layer = decoder(**options)
    layer(X, memory=MEMORY)
    arguments = {"memory": MEMORY, "training": True, **arguments}
    with (
        use_kernel("fed_decoder"),
        pytest.raises(ValueError, match=f"kernel .fed_decoder. cannot run.*{reason}"),
    ):
        layer(X, **arguments)


def test_a_cell_that_is_not_fed_is_left_to_others():
    with use_kernel("fed_decoder"), pytest.raises(ValueError, match="is not fed with"):
        RNN(GRUCell(U))(X)
