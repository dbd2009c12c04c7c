import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrnn.text import WordTokenizer
from kerasrnn.zoo import SentimentClassifier, Task

TEXTS = ["film is fine", "film is dull and empty", "", "never seen words only"]


def predict(model, x):
    return model.predict(x, verbose=0)


@pytest.mark.long
def test_fit_on_raw_strings_learns(trained, reviews):
    loss, accuracy = trained.evaluate(*reviews, verbose=0)
    assert accuracy > 0.85
    assert loss < 0.45
    probabilities = predict(trained, ["film is fine and funny", "film is dull"])
    assert probabilities[0, 1] > 0.7
    assert probabilities[1, 0] > 0.7


@pytest.mark.long
def test_every_form_of_input_gives_the_same(trained):
    expected = predict(trained, TEXTS)
    assert expected.shape == (4, 2)
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-5)
    labels = tf.zeros(4, "int32")
    for x in (
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        [text.encode() for text in TEXTS],
        tf.constant(TEXTS),
        tf.data.Dataset.from_tensor_slices(TEXTS).batch(3),
        tf.data.Dataset.from_tensor_slices((TEXTS, labels)).batch(4),
        np.asarray(trained.preprocessor(TEXTS)),
    ):
        np.testing.assert_allclose(predict(trained, x), expected, atol=1e-6)


@pytest.mark.long
def test_a_dataset_of_strings_and_labels_trains(reviews):
    keras.utils.set_random_seed(1)
    tokenizer = WordTokenizer()
    tokenizer.adapt(reviews[0])
    model = SentimentClassifier(
        preprocessor=tokenizer,
        cell="simple_rnn",
        bidirectional=False,
        units=4,
        embedding_dim=4,
    )
    model.compile(run_eagerly=True)  # Quicker than tracing a model this small.
    dataset = tf.data.Dataset.from_tensor_slices(
        (reviews[0][:96], tf.constant(reviews[1][:96]))
    ).batch(32)
    before = model.evaluate(dataset, verbose=0)[0]
    history = model.fit(dataset, validation_data=dataset, epochs=2, verbose=0)
    assert history.history["val_loss"][-1] < before
    after = model.evaluate(dataset, verbose=0)[0]
    assert after == pytest.approx(history.history["val_loss"][-1], rel=1e-4)


@pytest.mark.long
def test_validation_split_takes_the_last_part(trained, reviews):
    texts, labels = reviews
    clone = SentimentClassifier.from_config(trained.get_config())
    clone.set_weights(trained.get_weights())
    clone.compile(run_eagerly=True)
    history = clone.fit(
        texts, labels, validation_split=0.25, epochs=1, verbose=0, shuffle=False
    )
    expected = clone.evaluate(texts[300:], labels[300:], verbose=0)[0]
    assert history.history["val_loss"][0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.long
def test_shuffling_follows_the_global_seed(trained, reviews):
    def weights(seed, shuffle=True):
        keras.utils.set_random_seed(1)
        clone = SentimentClassifier.from_config(trained.get_config())
        clone.set_weights(trained.get_weights())
        clone.compile(run_eagerly=True)
        keras.utils.set_random_seed(seed)
        clone.fit(reviews[0][:64], reviews[1][:64], verbose=0, shuffle=shuffle)
        return np.concatenate([w.ravel() for w in clone.get_weights()])

    one = weights(5)
    np.testing.assert_array_equal(one, weights(5))
    assert abs(one - weights(5, shuffle=False)).max() > 1e-5


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (None, ValueError, "`x` must hold texts or token ids; got None"),
        ("a film", ValueError, r"got one string. Put it in a list: \[text\]"),
        (b"a film", ValueError, "got one string"),
        ([], ValueError, "`x` must hold at least one example; got none"),
        (["a", None], TypeError, r"must hold strings; item 1 is None"),
        (["a", 3.5], TypeError, r"item 1 is 3.5 \(float\)"),
        ([["a"], ["b"]], ValueError, r"flat list of strings, .* got shape \(2, 1\)"),
        (np.array("a"), ValueError, r"got shape \(\)"),
        ([1.5, 2.5], TypeError, "strings or integer token ids; got float64 values"),
        (np.zeros(3, int), ValueError, r"\(batch, steps\); got shape \(3,\)"),
        ([[1, 2], [3]], ValueError, "got rows of different lengths"),
        ({"text": "a"}, TypeError, "got dict"),
        (
            tf.data.Dataset.from_tensor_slices([[1, 2]]),
            ValueError,
            r"got shape \(2,\). Batch it: dataset.batch\(32\)",
        ),
        (
            tf.data.Dataset.from_tensors({"text": "a"}),
            ValueError,
            "as_supervised=True",
        ),
    ],
)
def test_bad_input_is_named(trained, x, error, message):
    with pytest.raises(error, match=message):
        predict(trained, x)


def test_odd_texts_get_an_answer(trained):
    texts = ["", "qwxz zzkq", "dull " * 10_000, b"dull \xff\xfe film", "\ud800"]
    with pytest.warns(UserWarning, match="9980 words at the ends of 1 of 6 texts"):
        empty, unknown, long, broken, surrogate, emoji = predict(
            trained, [*texts, "😀 영화"]
        )
    assert all(np.isfinite(row).all() for row in (empty, unknown, surrogate, emoji))
    assert long[0] > 0.7
    assert broken[0] > 0.6
    # The empty string's answer does not depend on who is in its batch.
    np.testing.assert_allclose(predict(trained, [""])[0], empty, atol=1e-6)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 2], r"labels 0 to 1 \(negative, positive\); got values 0 to 2"),
        ([-1, 0], "got values -1 to 0"),
        ([0.5, 0.1], "got float64 values"),
        (["good", "bad"], "integer labels 0 to 1"),
        ([0], r"one value for each of the 2 examples of `x`; got shape \(1,\)"),
        (None, "`y` must hold the labels to learn; got None"),
    ],
)
def test_bad_labels_are_named(trained, y, message):
    with pytest.raises(ValueError, match=message):
        trained.fit(["a", "b"], y, verbose=0)


def test_without_a_preprocessor_it_is_ids_in_logits_out(trained):
    bare = SentimentClassifier(**{**trained.get_config(), "preprocessor": None})
    bare.set_weights(trained.get_weights())
    ids = np.asarray(trained.preprocessor(TEXTS))
    logits = predict(bare, ids)
    np.testing.assert_allclose(logits, bare(ids), atol=1e-6)
    odds = np.exp(logits)
    np.testing.assert_allclose(
        odds / odds.sum(axis=1, keepdims=True), predict(trained, TEXTS), atol=1e-6
    )
    with pytest.raises(ValueError, match="`preprocessor=None` and takes token ids"):
        predict(bare, TEXTS)
    bare.preprocessor = trained.preprocessor
    np.testing.assert_allclose(predict(bare, TEXTS), predict(trained, TEXTS), atol=1e-6)


@pytest.mark.slow
def test_keras_file_in_a_fresh_process(trained, tmp_path):
    expected = predict(trained, TEXTS)
    trained.save(tmp_path / "model.keras")
    code = (
        "import sys, keras, numpy as np, kerasrnn.zoo\n"
        "model = keras.models.load_model(sys.argv[1])\n"
        f"np.save(sys.argv[2], model.predict({TEXTS!r}, verbose=0))\n"
        "print(type(model).__name__, int(model.optimizer.iterations))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model.keras", tmp_path / "y.npy"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    steps = int(trained.optimizer.iterations)
    assert done.stdout.strip().endswith(f"SentimentClassifier {steps}")
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)


@pytest.mark.long
def test_preset_round_trip(trained, tmp_path):
    trained.save_to_preset(tmp_path / "preset")
    names = {path.name for path in (tmp_path / "preset").iterdir()}
    assert names == {"config.json", "vocabulary.txt", "model.weights.h5"}
    for loader in (Task, SentimentClassifier):
        loaded = loader.from_preset(tmp_path / "preset")
        assert isinstance(loaded, SentimentClassifier)
        assert loaded.preprocessor.get_vocabulary() == (
            trained.preprocessor.get_vocabulary()
        )
        assert loaded.count_params() == trained.count_params()
        # Half precision keeps eleven bits.
        np.testing.assert_allclose(
            predict(loaded, TEXTS), predict(trained, TEXTS), atol=2e-3
        )
    fresh = Task.from_preset(tmp_path / "preset", load_weights=False)
    assert abs(predict(fresh, TEXTS) - predict(trained, TEXTS)).max() > 0.02
    other = Task.from_preset(tmp_path / "preset", dropout=0.1, preprocessor=None)
    assert other.dropout == 0.1
    assert other.preprocessor is None


def test_a_preset_that_does_not_fit_is_told(trained, tmp_path):
    trained.save_to_preset(tmp_path / "preset")
    with pytest.raises(ValueError, match=r"model.weights.h5 do not fit this Senti"):
        Task.from_preset(tmp_path / "preset", units=9)
    with pytest.raises(ValueError, match="There is no preset 'sentiment-moves'"):
        Task.from_preset("sentiment-moves")
    trained_bare = SentimentClassifier(10, units=2)
    with pytest.raises(ValueError, match="has `preprocessor=None`"):
        trained_bare.save_to_preset(tmp_path / "other")


def test_weights_too_large_for_half_precision_are_told(tmp_path):
    tokenizer = WordTokenizer(["film"])
    model = SentimentClassifier(preprocessor=tokenizer, units=2, embedding_dim=2)
    model.readers[0].embedding.set_weights([np.full((3, 2), 1e6)])
    with pytest.raises(ValueError, match="that half precision cannot hold"):
        model.save_to_preset(tmp_path / "preset")


def test_a_preprocessor_must_be_callable():
    with pytest.raises(TypeError, match=r"`preprocessor` must be callable.*got int"):
        SentimentClassifier(10, preprocessor=3)


@pytest.fixture
def copy(trained):
    """A model with the same weights and a tokenizer of its own."""
    tokenizer = WordTokenizer.from_config(trained.preprocessor.get_config())
    clone = SentimentClassifier(
        **{**trained.get_config(), "preprocessor": tokenizer, "name": "copy"}
    )
    clone.set_weights(trained.get_weights())
    return clone


@pytest.mark.long
def test_a_tokenizer_that_is_changed_is_used_as_it_is_now(copy):
    before = predict(copy, TEXTS)
    copy.evaluate(TEXTS, [0, 1, 0, 1], verbose=0)
    words = copy.preprocessor.get_vocabulary()[2:]
    copy.preprocessor.set_vocabulary(words[::-1])
    ids = np.asarray(copy.preprocessor(TEXTS))
    expected = keras.ops.softmax(copy(ids))
    assert abs(np.asarray(expected) - before).max() > 1e-3
    np.testing.assert_allclose(predict(copy, TEXTS), expected, atol=1e-6)
    np.testing.assert_allclose(copy.predict_on_batch(TEXTS), expected, atol=1e-6)
    loss = copy.evaluate(TEXTS, [0, 1, 0, 1], verbose=0)[0]
    picked = np.asarray(expected)[np.arange(4), [0, 1, 0, 1]]
    assert loss == pytest.approx(-np.log(picked).mean(), rel=1e-4)


@pytest.mark.long
def test_batches_of_raw_strings(copy, trained):
    y = np.array([1, 0, 1, 0])
    ids = np.asarray(copy.preprocessor(TEXTS))
    expected = copy.test_on_batch(ids, y)
    copy.reset_metrics()
    for x in (TEXTS, np.array(TEXTS), tf.constant(TEXTS), tuple(TEXTS)):
        np.testing.assert_allclose(copy.test_on_batch(x, y), expected, rtol=1e-5)
        copy.reset_metrics()
        np.testing.assert_allclose(
            copy.predict_on_batch(x), predict(trained, TEXTS), atol=1e-6
        )
    weights = copy.get_weights()
    copy.train_on_batch(TEXTS, y, sample_weight=np.array([1, 0, 1, 1]))
    assert max(
        abs(a - b).max() for a, b in zip(weights, copy.get_weights(), strict=True)
    )
    with pytest.raises(ValueError, match="got values 0 to 9"):
        copy.train_on_batch(TEXTS, [0, 1, 0, 9])


@pytest.mark.long
def test_validation_has_batches_of_its_own(copy, reviews):
    sizes = []

    class Sizes(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            sizes.append(batch)

    copy.compile(run_eagerly=True)
    texts, labels = reviews[0][:40], reviews[1][:40]
    # A tuple of callbacks is as good as a list.
    options = {"callbacks": (Sizes(),), "verbose": 0, "batch_size": 20}
    copy.fit(texts, labels, validation_split=0.5, validation_batch_size=4, **options)
    assert len(sizes) == 5
    sizes.clear()
    data = (texts[:6], labels[:6])
    copy.fit(texts, labels, validation_data=data, validation_batch_size=2, **options)
    assert len(sizes) == 3


@pytest.mark.long
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            [0, 1, 2, 0],
            r"integer labels 0 to 1 \(negative, positive\); got values 0 to 2",
        ),
        ([0, -1, 1, 0], "got values -1 to 1"),
        ([0.0, 1.0, 0.0, 1.0], "got float32 values"),
        (["a", "b", "a", "b"], "or their names; got 'a'"),
    ],
)
def test_bad_labels_of_a_dataset_are_named(copy, labels, message):
    dataset = tf.data.Dataset.from_tensor_slices((TEXTS, labels)).batch(4)
    for run in (copy.fit, copy.evaluate):
        with pytest.raises(ValueError, match=f"`x` must give .*{message}"):
            run(dataset, verbose=0)
    good = tf.data.Dataset.from_tensor_slices((TEXTS, [0, 1, 1, 0])).batch(4)
    with pytest.raises(ValueError, match="`validation_data` must give integer labels"):
        copy.fit(good, validation_data=dataset, verbose=0)


def test_ids_outside_the_vocabulary_are_named(copy):
    most = copy.vocabulary_size - 1
    for ids, got in (([[1, most + 1]], f"1 to {most + 1}"), ([[-1, 2]], "-1 to 2")):
        for run in (copy.predict, copy.evaluate):
            with pytest.raises(
                ValueError, match=f"`x` must hold token ids from 0 to {most}; got {got}"
            ):
                run(np.array(ids), verbose=0)
        dataset = tf.data.Dataset.from_tensors(np.array(ids))
        with pytest.raises(
            ValueError, match=f"`x` must give inputs .* 0 to {most}; got values {got}"
        ):
            copy.predict(dataset, verbose=0)
