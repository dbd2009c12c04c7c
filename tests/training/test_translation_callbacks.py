"""The callbacks of translation, with plain `model.fit`."""

import keras
import pytest
from tiny_translation import ENGLISH, SPANISH

from kerasrnn.metrics import translation_scores
from kerasrnn.text import PairTokenizer, WordTokenizer
from kerasrnn.training import TranslationSamples, TranslationScores
from kerasrnn.training.progress import CountLine
from kerasrnn.training.translation.translation_scores import translate_texts
from kerasrnn.zoo import Seq2Seq


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    pair = PairTokenizer(WordTokenizer(ENGLISH), WordTokenizer(SPANISH))
    return Seq2Seq(
        pair.source_vocabulary_size,
        pair.target_vocabulary_size,
        start_id=pair.start_id,
        end_id=pair.end_id,
        preprocessor=pair,
        cell="simple_rnn",
        units=8,
        embedding_dim=8,
        dropout=0.0,
    )


@pytest.mark.long
def test_scores_and_samples_with_plain_fit(model):
    # One sentence only, which is soon learned.
    sources, targets = ["one two"] * 200, ["uno dos tres cuatro"] * 200
    scores = TranslationScores(sources[:2], targets[:2], max_length=6)
    lines = []
    samples = TranslationSamples(
        sources[:1], targets[:1], max_length=6, log=lines.append
    )
    stop = keras.callbacks.EarlyStopping("val_bleu", mode="max", patience=30)
    model.compile(keras.optimizers.Adam(0.05))
    history = model.fit(
        sources,
        targets,
        epochs=3,
        batch_size=4,
        verbose=0,
        callbacks=[scores, samples, stop],
    ).history
    assert len(history["val_bleu"]) == len(history["val_chrf"]) == 3
    assert history["val_bleu"][-1] == pytest.approx(100)
    assert stop.best == max(history["val_bleu"])
    assert scores.measure(model)["val_bleu"] == history["val_bleu"][-1]
    assert lines[-4:] == [
        "     source  one two",
        "  reference  uno dos tres cuatro",
        "      model  uno dos tres cuatro",
        "",
    ]


def test_translations_come_in_the_order_of_the_texts(model, monkeypatch):
    pieces = []

    def generate(texts, **options):
        pieces.append(len(texts))
        assert options == {"batch_size": 64, "max_length": 9}
        assert texts == sorted(texts, key=len)
        return [text.upper() for text in texts]

    monkeypatch.setattr(model, "generate", generate, raising=False)
    texts = ["a" * (n * 7 % 50) + str(n) for n in range(1100)]
    found = translate_texts(model, texts, max_length=9)
    assert found == [text.upper() for text in texts]
    assert pieces == [512, 512, 76]
    assert translate_texts(model, [], max_length=9) == []


def test_scores_are_those_of_sacrebleu():
    references = ["the cat sat on the mat .", "there is no dog here today ."]
    scores = translation_scores(["the cat sat on a mat .", ""], references)
    assert scores["length_ratio"] == pytest.approx(7 / 14)
    assert scores["brevity_penalty"] == pytest.approx(0.3679, abs=1e-4)
    assert 10 < scores["bleu"] < 25 < scores["chrf"] < 50
    assert "tok:13a" in scores["bleu_signature"]
    assert "nc:6" in scores["chrf_signature"]
    with pytest.raises(ValueError, match="got 1 hypotheses and 2 references"):
        translation_scores(["one"], references)
    with pytest.raises(ValueError, match="got 0 hypotheses"):
        translation_scores([], [])


def test_a_missing_sacrebleu_is_told_at_once(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'kerasrnn\[translate\]'"):
        TranslationScores(["a"], ["b"])


def test_a_line_that_counts(capsys):
    line = CountLine("test", 1200)
    line.update(600)
    assert capsys.readouterr().out == ""
    line.update(1200)
    assert capsys.readouterr().out.startswith(f"test {'━' * 16} 1,200 of 1,200  ")
