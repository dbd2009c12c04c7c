"""Translators that cannot be meant, and data that they cannot learn from."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from translators import make, pairs, word_tokenizers

from kerasrnn.text import PairTokenizer, WordTokenizer
from kerasrnn.zoo import Seq2Seq, Seq2SeqAttention


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"cell": "rnn"},
            ValueError,
            "`cell` must be one of simple_rnn, lstm, gru; go",
        ),
        ({"attention": "dot"}, ValueError, "`attention` must be 'bahdanau' or 'luong'"),
        ({"units": 0}, ValueError, "`units` must be an integer of at least 1; got 0"),
        (
            {"units": 8.0},
            TypeError,
            "`units` must be an integer of at least 1; got 8.0",
        ),
        ({"units": True}, TypeError, "`units` must be an integer .*; got True"),
        ({"embedding_dim": -1}, ValueError, "`embedding_dim` must be .*; got -1"),
        ({"num_layers": 0}, ValueError, "`num_layers` must be .* at least 1; got 0"),
        ({"dropout": 1.0}, ValueError, "`dropout` must be from 0 to below 1; got 1.0"),
        (
            {"dropout": -0.1},
            ValueError,
            "`dropout` must be from 0 to below 1; got -0.1",
        ),
        ({"dropout": "much"}, TypeError, "`dropout` must be a number; got 'much'"),
        (
            {"scheduled_sampling": 2},
            ValueError,
            "`scheduled_sampling` must be from 0 to",
        ),
        (
            {"scheduled_sampling": True},
            TypeError,
            "`scheduled_sampling` must be a numb",
        ),
        (
            {"start_id": 0},
            ValueError,
            "`start_id` must be an integer from 1 to 9; got 0",
        ),
        ({"end_id": 10}, ValueError, "`end_id` must be an integer from 1 to 9; got 10"),
        ({"end_id": "</s>"}, TypeError, "`end_id` must be an integer .*; got '</s>'"),
        ({"end_id": 8}, ValueError, "`start_id` and `end_id` must differ; both are 8"),
        ({"source_vocabulary_size": 1}, ValueError, "of at least 2; got 1"),
        ({"target_vocabulary_size": 2}, ValueError, "of at least 3; got 2"),
        (
            {"target_vocabulary_size": 12},
            ValueError,
            "`preprocessor` must have the model's `target_vocabulary_size`, 12; got",
        ),
        (
            {"source_vocabulary_size": 8},
            ValueError,
            "`preprocessor` must have the model's `source_vocabulary_size`, 8; got one",
        ),
        (
            {"start_id": 3},
            ValueError,
            "must have the model's `start_id`, 3; got one wit",
        ),
        ({"preprocessor": 3}, TypeError, "`preprocessor` must be callable"),
    ],
)
def test_bad_arguments_are_named(options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"label_smoothing": 1},
            ValueError,
            "`label_smoothing` must be from 0 to below",
        ),
        ({"label_smoothing": None}, TypeError, "`label_smoothing` must be a number"),
    ],
)
def test_bad_label_smoothing_is_named(options, error, message):
    with pytest.raises(error, match=message):
        Seq2Seq(9, 9, start_id=1, end_id=2, units=2, embedding_dim=2, **options)


def test_a_source_may_have_fewer_numbers_than_the_model():
    model = make(source_vocabulary_size=64, units=4, embedding_dim=4)
    assert isinstance(model.generate("one two", max_length=3), str)


@pytest.fixture(scope="module")
def model():
    model = make(units=4, embedding_dim=4)
    model.compile(run_eagerly=True)
    return model


IDS, TARGETS = np.array([[2, 3], [4, 0]]), np.array([[8, 2, 9], [8, 9, 0]])


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (IDS, None, ValueError, "`y` must hold the labels to learn; got None"),
        (["one", "two"], None, ValueError, "`y` must hold the labels to learn; got No"),
        (
            IDS + 9,
            TARGETS,
            ValueError,
            "`x` must be token ids from 0 to 9; got 9 to 13",
        ),
        (
            IDS,
            TARGETS + 1,
            ValueError,
            "`y` must be token ids from 0 to 9; got 1 to 10",
        ),
        (
            IDS / 2,
            TARGETS,
            TypeError,
            "`x` must hold strings or integer token ids; got",
        ),
        (
            IDS,
            TARGETS / 2,
            TypeError,
            "`y` must hold strings or integer token ids; got",
        ),
        (
            IDS,
            TARGETS[0],
            ValueError,
            r"`y` must .* \(batch, steps\); got shape \(3,\)",
        ),
        (IDS, TARGETS[:, :1], ValueError, "at least the start token and one more"),
        (IDS, TARGETS[:1], ValueError, "`y` must hold one value for each of the 2"),
        (IDS, ["uno", "dos"], ValueError, "got token ids and strings"),
        (["one", "two"], TARGETS, ValueError, "got strings and token ids"),
        (
            ["one", "two"],
            ["uno", None],
            TypeError,
            "`y` must hold strings; item 1 is N",
        ),
        (
            tf.data.Dataset.from_tensor_slices((["one"], [[8, 9]])).batch(1),
            None,
            ValueError,
            "got strings and token ids",
        ),
    ],
)
def test_bad_data_is_named(model, x, y, error, message):
    with pytest.raises(error, match=message):
        model.fit(x, y, verbose=0)


def test_bad_calls_are_named(model):
    with pytest.raises(
        ValueError, match=r"must be \(source_ids, target_ids\); got one"
    ):
        model(IDS)
    with pytest.raises(
        ValueError, match=r"got a tuple of 3. To translate, use `genera"
    ):
        model((IDS, TARGETS, TARGETS))
    with pytest.raises(
        TypeError, match="`target_ids` must be integer token ids; got f"
    ):
        model((IDS, TARGETS / 2))
    with pytest.raises(ValueError, match=r"`source_ids` must be .* the shape \(2,\)"):
        model((IDS[0], TARGETS))
    model.preprocessor = PairTokenizer(WordTokenizer(["one"]))
    with pytest.raises(ValueError, match="`preprocessor` must have the model's"):
        model.fit(["one"], ["uno"], verbose=0)
    model.preprocessor = word_tokenizers()


@pytest.mark.long
@pytest.mark.parametrize("model_class", [Seq2Seq, Seq2SeqAttention])
def test_padding_alone_gives_no_nan(model_class):
    model = make(model_class, units=4, embedding_dim=4, dropout=0.2)
    model.compile(run_eagerly=True)
    # A target of nothing, a source of nothing, both; and so the whole batch.
    source = np.array([[2, 3], [0, 0], [0, 0], [4, 5]])
    target = np.array([[0, 0, 0], [8, 3, 9], [0, 0, 0], [8, 2, 9]])
    before = model.get_weights()
    history = model.fit(source, target, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all() and history["loss"][0] > 0
    changes = [
        np.abs(a - b).max() for a, b in zip(model.get_weights(), before, strict=True)
    ]
    assert np.isfinite(changes).all() and max(changes) > 1e-4
    history = model.fit(0 * source, 0 * target, epochs=2, verbose=0).history
    assert history["loss"] == [0, 0]
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_texts_of_nothing_train(model):
    x, y = pairs(6)
    history = model.fit(["", " ", *x], ["", *y, "\n"], epochs=1, verbose=0).history
    assert np.isfinite(history["loss"][0])


def test_a_source_of_no_width_is_one_of_padding(model):
    found = model((np.zeros((2, 0), int), TARGETS))
    expected = model((np.zeros((2, 1), int), TARGETS))
    np.testing.assert_array_equal(*map(ops.convert_to_numpy, (found, expected)))
    assert np.isfinite(ops.convert_to_numpy(found)).all()


def test_the_arguments_come_back_from_the_configuration():
    model = make(units=4, embedding_dim=4, scheduled_sampling=0.25)
    again = Seq2SeqAttention.from_config(model.get_config())
    assert again.scheduled_sampling == 0.25
    assert again.get_config() == model.get_config()
    assert keras.ops.convert_to_numpy(again.sampling_probability) == 0.25


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (IDS + 7, TARGETS, "`x` must give inputs that .* 0 to 9; got values 7 to 11"),
        (IDS, TARGETS + 1, "`x` must give targets that .* 0 to 9; got values 1 to 10"),
    ],
)
def test_ids_of_a_dataset_are_in_range(model, x, y, message):
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(2)
    with pytest.raises(ValueError, match=message):
        model.fit(dataset, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.evaluate(dataset, verbose=0)
