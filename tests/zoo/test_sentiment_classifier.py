import keras
import numpy as np
import pytest

from kerasrnn.zoo import SentimentClassifier

IDS = np.array([[5, 3, 4, 0], [2, 6, 0, 0], [0, 0, 0, 0]], dtype="int32")


def build(**kwargs):
    keras.utils.set_random_seed(2)
    return SentimentClassifier(9, **{"units": 3, "embedding_dim": 5} | kwargs)


@pytest.mark.long
@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_equals_the_same_network_made_of_keras_layers(cell):
    model = build(cell=cell, num_layers=2, pooling=["max", "mean"])
    layer = {
        "simple_rnn": keras.layers.SimpleRNN,
        "lstm": keras.layers.LSTM,
        "gru": keras.layers.GRU,
    }[cell]
    inputs = keras.Input((None,), dtype="int32")
    embed = keras.layers.Embedding(9, 5, mask_zero=True)
    x, mask = embed(inputs), keras.ops.not_equal(inputs, 0)
    for _ in range(2):
        x = keras.layers.Bidirectional(layer(3, return_sequences=True))(x, mask=mask)
    valid = keras.ops.cast(mask, "float32")[..., None]
    highest = keras.ops.max(x - 100 * (1 - valid), axis=1)
    mean = keras.ops.sum(x * valid, axis=1) / keras.ops.sum(valid, axis=1)
    outputs = keras.layers.Dense(2)(keras.ops.concatenate([highest, mean], axis=1))
    peer = keras.Model(inputs, outputs)
    peer.set_weights(model.get_weights())
    np.testing.assert_allclose(model(IDS[:2]), peer(IDS[:2]), atol=2e-6)


@pytest.mark.parametrize("pooling", ["max", "mean", "last", "attention"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_padding_changes_no_answer(pooling, bidirectional):
    model = build(pooling=pooling, bidirectional=bidirectional, num_layers=2)
    wide = np.pad(IDS, ((0, 0), (0, 5)))
    np.testing.assert_allclose(model(IDS), model(wide), atol=1e-6)
    for row, length in ((0, 3), (1, 2)):
        alone = model(IDS[row : row + 1, :length])
        np.testing.assert_allclose(model(IDS)[row], alone[0], atol=1e-6)
    # Nothing to read: what is left is the bias of the classes.
    np.testing.assert_allclose(model(IDS)[2], model.readers[0].classes.bias, atol=1e-6)


def test_config_makes_the_same_model():
    model = build(
        cell="gru",
        num_layers=2,
        labels=["a", "b", "c"],
        pooling=["last", "attention"],
        bidirectional=False,
        word_dropout=0.2,
        embedding_dropout=0.1,
        dropout=0.3,
        recurrent_dropout=0.1,
        members=2,
        dtype="mixed_float16",
        name="mine",
    )
    clone = SentimentClassifier.from_config(model.get_config())
    assert clone.get_config() == model.get_config()
    assert clone.dtype_policy.name == "mixed_float16"
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(IDS), model(IDS))
    assert model(IDS).shape == (3, 3)
    assert keras.backend.standardize_dtype(model(IDS).dtype) == "float32"


def test_dropout_is_on_in_training_only():
    model = build()
    first, second = (model(IDS, training=True) for _ in range(2))
    assert abs(np.asarray(first) - np.asarray(second)).max() > 1e-4
    np.testing.assert_array_equal(model(IDS), model(IDS))


def test_embedding_matrix_is_where_training_starts():
    matrix = np.arange(45.0).reshape(9, 5) / 45
    model = build(embedding_matrix=matrix, embedding_trainable=False, members=2)
    embeddings = [reader.embedding for reader in model.readers]
    assert len(embeddings) == 2
    for embedding in embeddings:
        np.testing.assert_allclose(embedding.get_weights()[0], matrix, rtol=1e-6)
    model.compile(run_eagerly=True)
    model.fit(IDS, np.array([0, 1, 1]), verbose=0)
    for embedding in embeddings:
        np.testing.assert_allclose(embedding.get_weights()[0], matrix, rtol=1e-6)
    with pytest.raises(ValueError, match=r"shape .*=\(9, 5\); got \(5, 9\)"):
        build(embedding_matrix=matrix.T)


def test_each_member_learns_on_its_own_loss_and_their_mean_is_told():
    rates = {"dropout": 0.0, "embedding_dropout": 0.0, "word_dropout": 0.0}
    model, labels = build(members=2, **rates), np.array([0, 1, 1])
    logits = [np.asarray(part) for part in model(IDS, training=True)]
    assert len(logits) == 2 and abs(logits[0] - logits[1]).max() > 1e-3
    np.testing.assert_allclose(model(IDS), sum(logits) / 2, atol=1e-6)
    members = [build(**rates) for _ in range(2)]
    for member, reader in zip(members, model.readers, strict=True):
        member.readers[0].set_weights(reader.get_weights())
    losses = [member.evaluate(IDS, labels, verbose=0)[0] for member in members]
    for one in (model, *members):
        one.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    found = model.train_on_batch(IDS, labels)
    assert found[0] == pytest.approx(np.mean(losses))
    for member, reader, part in zip(members, model.readers, logits, strict=True):
        # The mean of two losses has half of the gradient of each.
        member.optimizer.learning_rate = 0.5
        member.train_on_batch(IDS, labels)
        np.testing.assert_allclose(reader(IDS), member(IDS), atol=1e-5)
        assert abs(np.asarray(reader(IDS)) - part).max() > 1e-3


def test_the_summary_shows_the_layers_of_each_member():
    lines = []
    build(members=2).summary(200, print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    assert "reader_1" in text and text.count("embedding (Embedding)") == 2


def test_explain_says_which_kernel_reads():
    for reader in build(members=2).readers:
        lines = reader.recurrent_layers[0].explain().splitlines()
        kernels = [line for line in lines if "kernel: " in line]
        assert [line.split()[0] for line in kernels] == ["forward", "backward"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "rnn"}, "`cell` must be one of simple_rnn, lstm, gru; got 'rnn'"),
        ({"units": 0}, "`units` must be an integer of at least 1; got 0"),
        ({"members": 0}, "`members` must be an integer of at least 1; got 0"),
        ({"units": True}, "`units` must be an integer of at least 1; got True"),
        ({"num_layers": 1.5}, "`num_layers` must be an integer .* 1; got 1.5"),
        ({"dropout": 1.0}, "`dropout` must be from 0 to below 1; got 1.0"),
        ({"dropout": "much"}, "`dropout` must be a number; got 'much'"),
        ({"word_dropout": -0.1}, "`word_dropout` must be from 0"),
        ({"labels": "ab"}, "`labels` must name two or more classes; got 'ab'"),
        ({"labels": ["a"]}, r"`labels` must name two or more classes; got \['a'\]"),
        ({"pooling": "sum"}, "`pooling` must be one or several of"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build(**arguments)


def test_a_vocabulary_size_or_a_preprocessor_is_needed():
    with pytest.raises(ValueError, match="`vocabulary_size` must be given"):
        SentimentClassifier()


def test_losses_by_name_are_of_logits():
    labels = np.array([0, 1, 1])
    model = build(dropout=0.0, embedding_dropout=0.0, word_dropout=0.0)
    expected = model.evaluate(IDS, labels, verbose=0)[0]
    model.compile(loss="sparse_categorical_crossentropy")
    assert model.evaluate(IDS, labels, verbose=0)[0] == pytest.approx(expected)
    one_hot = np.eye(2, dtype="float32")[labels]
    model.compile(loss="categorical_crossentropy", metrics=[])
    assert model.evaluate(IDS, one_hot, verbose=0) == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"from_logits=True; got Sparse.* of probabil"):
        model.compile(loss=keras.losses.SparseCategoricalCrossentropy())
    model.compile(loss=keras.losses.KLDivergence())  # the user's own matter


def test_labels_are_numbers_or_names():
    model = build(labels=["so-so", "good"])
    model.compile(run_eagerly=True)
    expected = model.evaluate(IDS, np.array([1, 0, 1]), verbose=0)
    for labels in (["good", "so-so", "good"], np.array([b"good", b"so-so", b"good"])):
        assert model.evaluate(IDS, labels, verbose=0) == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"or their names \(so-so, good\); got 'bad'"):
        model.fit(IDS, ["good", "bad", "good"], verbose=0)
