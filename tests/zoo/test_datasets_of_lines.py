"""`fit` on datasets whose elements are lines: strings, or pairs of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import translators

from kerasrnn.text import CharacterTokenizer, WordTokenizer
from kerasrnn.zoo import CharLanguageModel, SentimentClassifier

TEXTS = ["a fine film", "a dull film", "fine", "dull and long", "a film"]
NAMES = ["good", "bad", "good", "bad", "bad"]
NUMBERS = [1, 0, 1, 0, 0]


def slices(*columns):
    return tf.data.Dataset.from_tensor_slices(columns)


def weights_after(model, *data, **options):
    """The weights that an epoch without chance ends with."""
    model.compile(keras.optimizers.SGD(0.5))
    model.fit(*data, shuffle=False, verbose=0, **options)
    return model.get_weights()


def classifier():
    keras.utils.set_random_seed(1)
    tokenizer = WordTokenizer(max_length=6)
    tokenizer.adapt(TEXTS)
    rates = ("dropout", "embedding_dropout", "word_dropout")
    return SentimentClassifier(
        preprocessor=tokenizer,
        labels=("bad", "good"),
        units=3,
        **dict.fromkeys(rates, 0.0),
    )


@pytest.mark.long
@pytest.mark.parametrize("labels", [NAMES, NUMBERS])
def test_a_classifier_learns_from_lines(labels):
    expected = weights_after(classifier(), TEXTS, NUMBERS, batch_size=2)
    data = slices(TEXTS, labels)
    found = weights_after(classifier(), data, batch_size=2, validation_data=data)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    model = classifier()
    np.testing.assert_allclose(
        model.evaluate(data, verbose=0), model.evaluate(TEXTS, NUMBERS, verbose=0)
    )
    np.testing.assert_allclose(
        model.predict(data.map(lambda text, label: text), verbose=0),
        model.predict(TEXTS, verbose=0),
        rtol=1e-6,
    )


# Keras warns of every dataset that does not know how long it is.
@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_file_of_lines_is_learned_from(tmp_path):
    rows = zip(NAMES, TEXTS, strict=True)
    (tmp_path / "reviews.tsv").write_text("".join(f"{y}\t{x}\n" for y, x in rows))
    lines = tf.data.TextLineDataset(str(tmp_path / "reviews.tsv"))

    def columns(line):
        cells = tf.strings.split(line, "\t")
        return cells[1], cells[0]

    expected = weights_after(classifier(), TEXTS, NUMBERS)
    found = weights_after(classifier(), lines.map(columns))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("batches", [False, True])
def test_an_unknown_name_is_told(batches):
    data = slices(TEXTS, [*NAMES[:-1], "so-so"])
    with pytest.raises(ValueError) as error:
        classifier().fit(data.batch(2) if batches else data, verbose=0)
    assert str(error.value) == (
        "`x` must give integer labels 0 to 1 (bad, good) or their names; got 'so-so'."
    )


def test_batches_keep_their_size():
    batches = slices(TEXTS, NUMBERS).batch(2)
    with pytest.raises(ValueError, match="`batch_size` where it is a dataset of lines"):
        classifier().fit(batches, batch_size=4, verbose=0)


@pytest.mark.slow
def test_a_translator_learns_from_pairs_of_lines():
    sources, targets = translators.pairs(6)
    expected = weights_after(translators.make(), sources, targets, batch_size=4)
    data = slices(sources, targets)
    found = weights_after(translators.make(), data, batch_size=4, validation_data=data)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("batch", [None, 2])
def test_a_language_model_takes_lines_for_documents(batch):
    def model():
        keras.utils.set_random_seed(1)
        tokenizer = CharacterTokenizer("".join(sorted({*"".join(TEXTS)})))
        return CharLanguageModel(preprocessor=tokenizer, units=4, num_layers=1)

    data = tf.data.Dataset.from_tensor_slices(TEXTS)
    data = data if batch is None else data.batch(batch)
    options = {"batch_size": 2, "chunk": 5}
    expected, found = model(), model()
    for one, x in ((expected, TEXTS), (found, data)):
        one.compile(keras.optimizers.SGD(0.5))
        one.fit(x, verbose=0, validation_data=x, **options)
    for one, other in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.evaluate(data, verbose=0) == expected.evaluate(TEXTS, verbose=0)
