import numpy as np
import pytest

from kerasrnn.metrics import bleu_interval, translation_scores

pytest.importorskip("sacrebleu")
WORDS = "the a big red old sun sea dog cat sat ran saw and in on".split()


@pytest.fixture(scope="module")
def translations():
    rng = np.random.default_rng(0)
    references = [rng.choice(WORDS, rng.integers(5, 15)).tolist() for _ in range(150)]
    hypotheses = [
        [word if rng.random() < 0.8 else "wrong" for word in words]
        for words in references
    ]
    return [[" ".join(words) for words in texts] for texts in (hypotheses, references)]


@pytest.mark.long
def test_it_holds_the_score_and_is_that_of_drawn_sentences(translations):
    score = translation_scores(*translations)["bleu"]
    low, high = bleu_interval(*translations)
    assert low < score < high
    # Corpora that are drawn here and scored as a whole lie in it as often as it says.
    rng = np.random.default_rng(1)
    found = []
    for _ in range(60):
        rows = rng.integers(150, size=150)
        drawn = [[texts[row] for row in rows] for texts in translations]
        found.append(translation_scores(*drawn)["bleu"])
    inside = np.mean([low < each < high for each in found])
    assert 0.85 < inside <= 1
    assert high - low == pytest.approx(3.92 * np.std(found), rel=0.35)


def test_more_sentences_make_it_narrower_and_a_seed_repeats_it(translations):
    low, high = bleu_interval(*translations)
    few_low, few_high = bleu_interval(*[texts[:20] for texts in translations])
    assert high - low < 0.6 * (few_high - few_low)
    assert bleu_interval(*translations) == (low, high)
    inner = bleu_interval(*translations, level=0.5)
    assert low < inner[0] < inner[1] < high


def test_lists_that_differ():
    with pytest.raises(ValueError, match=r"`references` .* got 1 hypotheses and 2 ref"):
        bleu_interval(["a"], ["a", "b"])
    with pytest.raises(ValueError, match=r"`references` .* got 0 hypotheses"):
        bleu_interval([], [])
