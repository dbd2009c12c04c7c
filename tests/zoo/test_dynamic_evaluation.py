"""A model that learns the text on which it is judged, and is afterwards as it was."""

import keras
import numpy as np
import pytest
from keras import ops
from other_backend import other_backends, run_on

from kerasrnn.text import CharacterText, CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel, DynamicEvaluation
from kerasrnn.zoo.language_model import dynamic_evaluation

TRAIN = "the cat sat on the mat, the dog lay in the fog. " * 40
# Names that the training text does not have, again and again.
NEW = "the fish flit to the fen. the finch fled from the fish. " * 12


def new_model(cell="lstm", **options):
    keras.utils.set_random_seed(3)
    tokenizer = CharacterTokenizer(sorted(set(TRAIN + NEW)))
    options = {"units": 24, "num_layers": 1, **options}
    return CharLanguageModel(preprocessor=tokenizer, cell=cell, **options)


@pytest.fixture(scope="module")
def trained():
    model = new_model(dropout=0.2, cache_size=0)
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(TRAIN, batch_size=8, chunk=20, epochs=6, verbose=0)
    return model


def bits(model, text, **options):
    return model.evaluate(text, verbose=0, **options)["bits_per_character"]


@pytest.mark.long
def test_what_is_read_again_and_again_is_learned(trained):
    plain = bits(trained, NEW)
    dynamic = DynamicEvaluation(TRAIN, learning_rate=0.002, segment=10)
    assert bits(trained, NEW, dynamic=dynamic) < 0.5 * plain
    # In several places at once, too.
    rows = DynamicEvaluation(TRAIN, learning_rate=0.002, segment=10, rows=4)
    assert bits(trained, NEW, dynamic=rows) < 0.7 * plain
    found = trained.score([NEW[:100], NEW], dynamic=dynamic)
    assert [len(part) for part in found] == [100, len(NEW)]
    # Before anything is learned, it is the model itself.
    np.testing.assert_allclose(found[0][:10], trained.score(NEW[:10]), atol=1e-5)
    assert np.mean(found[1][-100:]) > np.mean(trained.score(NEW)[-100:]) + 0.3


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_at_a_rate_of_zero_it_is_the_plain_evaluation(cell):
    model = new_model(cell, num_layers=2, dropout=0.3)
    texts = ["the cat", NEW[:83], "a"]
    dynamic = DynamicEvaluation(TRAIN, learning_rate=0, decay=0.5, segment=7)
    for mine, plain in zip(
        model.score(texts, dynamic=dynamic), model.score(texts), strict=True
    ):
        np.testing.assert_allclose(mine, plain, atol=1e-5)


@pytest.mark.long
def test_the_cache_counts_as_much_as_without(trained):
    cached = new_model(cache_size=50)
    cached.set_weights(trained.get_weights())
    still = DynamicEvaluation(TRAIN, learning_rate=0)
    np.testing.assert_allclose(
        cached.score(NEW, dynamic=still), cached.score(NEW), atol=1e-4
    )
    dynamic = DynamicEvaluation(TRAIN, learning_rate=0.002, segment=10)
    both = bits(cached, NEW, dynamic=dynamic)
    assert both < bits(cached, NEW) and both < bits(trained, NEW, dynamic=dynamic)


def test_it_shows_how_far_it_is(trained, capsys):
    dynamic = DynamicEvaluation(TRAIN, segment=10)
    trained.score(NEW[:30], dynamic=dynamic, verbose=1)
    assert "3/3" in capsys.readouterr().out
    trained.score(NEW[:30], dynamic=dynamic)
    assert not capsys.readouterr().out


def test_each_step_is_that_of_the_paper():
    """Two segments against the same by hand."""
    import tensorflow as tf

    model = new_model(num_layers=1, units=6)
    text = CharacterText.of_documents([NEW[:30]], model.preprocessor)
    known = CharacterText.of_documents([TRAIN], model.preprocessor)
    settings = DynamicEvaluation(
        known, learning_rate=0.3, decay=0.7, segment=15, epsilon=0.5
    )
    found = model.score(NEW[:30], dynamic=settings)

    other = new_model(num_layers=1, units=6)
    other.set_weights(model.get_weights())
    s = dynamic_evaluation.gradient_scales(other, known, 15)
    trained = model.get_weights()
    for mine, theirs in zip(other.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    mean = np.concatenate([x.ravel() for x in s]).mean()
    ids = text.ids.astype("int32")
    before = np.concatenate([[0], ids[:-1]])
    states = other.initial_states(1)
    expected = []
    for at in (0, 15):
        with tf.GradientTape() as tape:
            logits, states = other.run(before[None, at : at + 15], states)
            p = tf.nn.log_softmax(logits[0])
            chosen = tf.gather(p, ids[at : at + 15], batch_dims=1)
            loss = -tf.reduce_mean(chosen)
        expected += chosen.numpy().tolist()
        gradients = tape.gradient(loss, other.trainable_variables)
        for v, g, scale, first in zip(
            other.trainable_variables, gradients, s, trained, strict=True
        ):
            g = tf.convert_to_tensor(g).numpy()
            value = ops.convert_to_numpy(v)
            pull = np.minimum(0.7 * scale / mean, 1) * (first - value)
            v.assign(value + pull - 0.3 * g / (scale + 0.5 * mean))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_scales_are_those_of_the_gradients():
    import tensorflow as tf

    model = new_model(num_layers=1, units=6)
    text = CharacterText.of_documents([TRAIN], model.preprocessor)
    found = dynamic_evaluation.gradient_scales(model, text, 15)
    streams = dynamic_evaluation.CharacterStreams(text, dynamic_evaluation.PLACES, 15)
    squares = [0.0] * len(found)
    states = model.initial_states(dynamic_evaluation.PLACES)
    for step in range(len(streams)):
        (ids, fresh), targets, there = streams.batch(step)
        states = [[s * ~fresh[:, None] for s in of_layer] for of_layer in states]
        with tf.GradientTape() as tape:
            logits, states = model.run(ids, states)
            p = tf.gather(tf.nn.log_softmax(logits), targets, batch_dims=2)
            loss = -tf.reduce_sum(p * there) / there.sum()
        gradients = tape.gradient(loss, model.trainable_variables)
        squares = [
            s + np.square(tf.convert_to_tensor(g).numpy())
            for s, g in zip(squares, gradients, strict=True)
        ]
    for mine, theirs in zip(found, squares, strict=True):
        expected = np.sqrt(theirs / len(streams))
        np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-7)


@pytest.mark.long
def test_the_model_stays_as_it_is_even_if_it_is_interrupted(trained, monkeypatch):
    trained.fit(TRAIN[:300], batch_size=2, verbose=0)
    weights, optimizer = trained.get_weights(), trained.optimizer
    carried = [ops.convert_to_numpy(v) for v in trained.carried]
    dynamic = DynamicEvaluation(TRAIN, learning_rate=0.005, segment=10)
    before = bits(trained, NEW)
    bits(trained, NEW, dynamic=dynamic)
    calls = []
    on_batch = keras.Model.train_on_batch

    def interrupt(*arguments, **options):
        calls.append(1)
        if len(calls) > dynamic_evaluation.STEPS + 5:
            raise KeyboardInterrupt
        return on_batch(*arguments, **options)

    monkeypatch.setattr(keras.Model, "train_on_batch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        trained.evaluate(NEW * 20, verbose=0, dynamic=dynamic)
    for mine, theirs in zip(trained.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(trained.carried, carried, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(mine), theirs)
    assert trained.optimizer is optimizer
    assert bits(trained, NEW) == before


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"segment": 0}, ValueError, "`segment` must be an integer of at least 1"),
        ({"rows": 0}, ValueError, "`rows` must be an integer of at least 1; got 0"),
        ({"learning_rate": -1}, ValueError, "`learning_rate` must be at least 0"),
        ({"decay": float("nan")}, ValueError, "`decay` must be at least 0; got nan"),
        ({"epsilon": "x"}, TypeError, "`epsilon` must be a number; got 'x'"),
    ],
)
def test_wrong_settings(options, error, message):
    with pytest.raises(error, match=message):
        DynamicEvaluation(TRAIN, **options)


def test_wrong_texts(trained):
    dynamic = DynamicEvaluation(7)
    with pytest.raises(TypeError, match=r"`training_text` must be a string.*got int"):
        trained.evaluate(NEW, dynamic=dynamic)
    text = CharacterText.of_documents([NEW], trained.preprocessor)
    data = dynamic_evaluation.CharacterStreams(text, 2, 10).dataset(range(3))
    with pytest.raises(ValueError, match="`x` must be a text for `dynamic`"):
        trained.evaluate(data, dynamic=DynamicEvaluation(TRAIN))


CODE = """
import json, sys
import keras
from kerasrnn.zoo import DynamicEvaluation

model = keras.saving.load_model(sys.argv[1])
train, new = sys.argv[2:]
dynamic = DynamicEvaluation(train, learning_rate=0.002, segment=10, rows=2)
scores = model.score(new, dynamic=dynamic).tolist()
print("RESULT" + json.dumps({"scores": scores, "after": model.score(new).tolist()}))
"""


@pytest.fixture(scope="module")
def on_tensorflow(trained, tmp_path_factory):
    """What a model is given, and what TensorFlow makes of it."""
    cached = new_model(cache_size=50)
    cached.set_weights(trained.get_weights())
    path = tmp_path_factory.mktemp("model") / "model.keras"
    cached.save(path)
    arguments = (path, TRAIN, NEW[:300])
    return arguments, run_on("tensorflow", CODE, *arguments)


@pytest.mark.slow
@other_backends
def test_the_same_on_each_backend(backend, on_tensorflow):
    arguments, expected = on_tensorflow
    found = run_on(backend, CODE, *arguments)
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-3)
    np.testing.assert_allclose(found["after"], expected["after"], atol=1e-4)
