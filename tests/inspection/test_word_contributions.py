"""What each word does to an answer: the model asked again without it."""

import numpy as np
import pytest
from tiny_translator import translator

from kerasrnn.inspection import Contributions, word_contributions
from kerasrnn.text import WordTokenizer
from kerasrnn.zoo import SentimentClassifier

WORDS = ["a", "fine", "film", "not"]


@pytest.fixture(scope="module")
def model():
    tokenizer = WordTokenizer(WORDS, max_length=6)
    options = {"units": 4, "embedding_dim": 4, "members": 2}
    model = SentimentClassifier(preprocessor=tokenizer, **options)
    draw = np.random.default_rng(3)
    for weight in model.weights:
        if weight.name != "seed_generator_state":
            weight.assign(draw.normal(size=weight.shape))
    return model


def test_each_word_is_left_out_in_turn(model):
    found = word_contributions(model, "Not a fine, film")
    assert found.words == ["not", "a", "fine", "[UNK]", "film"]
    others = ["a fine, film", "not fine, film", "not a, film", "not a fine film"]
    texts = ["not a fine, film", *others, "not a fine,"]
    expected = model.predict(texts, verbose=0)
    np.testing.assert_allclose(found.probabilities, expected[0], atol=1e-6)
    np.testing.assert_allclose(found.without, expected[1:], atol=1e-6)
    p, q = expected[0, 1], expected[1:, 1]
    odds = np.log(p / (1 - p)) - np.log(q / (1 - q))
    assert np.abs(odds).max() > 0.05
    np.testing.assert_allclose(found.of(1), odds, atol=1e-4)
    np.testing.assert_allclose(found.of(0), -odds, atol=1e-4)


def test_one_word_none_and_too_many(model):
    empty = model.predict([""], verbose=0)[0]
    none = word_contributions(model, " ")
    assert none.words == [] and none.without.shape == (0, 2)
    np.testing.assert_allclose(none.probabilities, empty, atol=1e-6)
    one = word_contributions(model, "film")
    np.testing.assert_allclose(one.without, [empty], atol=1e-6)
    # What the tokenizer cuts off is not read.
    assert len(word_contributions(model, "a film " * 5).words) == 6


def test_certain_answers_have_finite_odds():
    sure = Contributions(["yes"], np.array([0.0, 1.0]), np.array([[1.0, 0.0]]))
    assert sure.of(1)[0] == pytest.approx(27.63, abs=0.01)
    assert sure.of(0)[0] == pytest.approx(-27.63, abs=0.01)


def test_what_is_no_classifier_or_no_text_is_told(model):
    with pytest.raises(ValueError, match=r"`model` must be a Sentiment.*Seq2"):
        word_contributions(translator(), "a film")
    with pytest.raises(TypeError, match="`text` must be a string; got list"):
        word_contributions(model, ["a film"])
