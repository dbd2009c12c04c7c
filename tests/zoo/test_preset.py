"""Presets of translators: two tokenizers, one or two vocabularies, the same answers."""

import json

import numpy as np
import pytest
from tiny_translator import ENGLISH, SPANISH, subwords, translator

from kerasrnn.text import PairTokenizer, WordTokenizer
from kerasrnn.zoo import SentimentClassifier, Seq2Seq, Seq2SeqAttention, Task


@pytest.mark.parametrize(
    ("tokenizer", "model_class", "files"),
    [
        (
            lambda: PairTokenizer(subwords(ENGLISH), subwords(lowercase=True)),
            Seq2SeqAttention,
            {"vocabulary.txt", "target_vocabulary.txt"},
        ),
        (
            lambda: PairTokenizer(subwords(ENGLISH + SPANISH, max_length=9)),
            Seq2Seq,
            {"vocabulary.txt"},
        ),
        (
            lambda: PairTokenizer(
                WordTokenizer("one two three".split(), max_length=7), subwords()
            ),
            Seq2SeqAttention,
            {"vocabulary.txt", "target_vocabulary.txt"},
        ),
    ],
    ids=["two", "one for both", "words and subwords"],
)
def test_a_translator_comes_back_the_same(tokenizer, model_class, files, tmp_path):
    model = translator(tokenizer(), model_class)
    model.save_to_preset(tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"config.json", "model.weights.h5"} | files
    loaded = Task.from_preset(tmp_path)
    assert type(loaded) is model_class
    before, after = model.preprocessor, loaded.preprocessor
    assert (after.target is after.source) == (before.target is before.source)
    for one, other in ((before.source, after.source), (before.target, after.target)):
        assert other.get_vocabulary() == one.get_vocabulary()
        assert {**other.get_config(), "name": one.name} == one.get_config()
    expected = model.generate(ENGLISH, max_length=8)
    assert len(set(expected)) > 2  # Or any model would do.
    assert loaded.generate(ENGLISH, max_length=8) == expected


def test_config_describes_both_tokenizers(tmp_path):
    source = WordTokenizer(["one"], max_tokens=9, max_length=5)
    translator(PairTokenizer(source, subwords())).save_to_preset(tmp_path / "two")
    translator(PairTokenizer(source)).save_to_preset(tmp_path / "one")

    def section(name):
        text = (tmp_path / name / "config.json").read_text()
        return json.loads(text)["preprocessor"]

    described = {
        "class": "WordTokenizer",
        "max_tokens": 9,
        "max_length": 5,
        "lowercase": True,
    }
    assert section("one") == {
        "class": "PairTokenizer",
        "source": described,
        "target": None,
    }
    assert section("two")["source"] == described
    assert section("two")["target"] == {
        "class": "SubwordTokenizer",
        "max_tokens": 300,
        "max_length": 256,
        "lowercase": False,
        "add_start": False,
        "add_end": False,
    }


def test_the_file_keeps_every_piece(tmp_path):
    """Separators, bytes that are no character, and what looks like an escape."""
    odd = ["a\r", "\x85b", "c\u2028d", "\ufeff", "<0x0A>", "▁e", "f g", "\x0b", "é한"]
    tokenizer = PairTokenizer(WordTokenizer(odd), subwords())
    translator(tokenizer).save_to_preset(tmp_path)
    loaded = Task.from_preset(tmp_path, load_weights=False).preprocessor
    assert loaded.source.get_vocabulary() == ["", "[UNK]", *odd]
    assert loaded.target.get_vocabulary() == tokenizer.target.get_vocabulary()
    lines = (tmp_path / "target_vocabulary.txt").read_bytes().split(b"\n")
    # The line feed itself is a piece, as is every other byte.
    assert lines[4 + ord("\n")] == b"<0x0A>"
    assert lines[4 + 0xC3] == b"<0xC3>"
    assert lines[4 + ord("<")] == b"<"
    tokenizer = PairTokenizer(WordTokenizer(["a", "b\nc"]))
    with pytest.raises(ValueError, match=r"no word may hold a line feed; word 3 is 'b"):
        translator(tokenizer).save_to_preset(tmp_path / "other")
    assert not (tmp_path / "other" / "config.json").exists()


def test_new_weights_and_other_arguments(tmp_path):
    model = translator(PairTokenizer(subwords()))
    model.save_to_preset(tmp_path)
    fresh = Seq2Seq.from_preset(tmp_path, load_weights=False, dropout=0.5)
    assert isinstance(fresh, Seq2SeqAttention)
    assert fresh.dropout == 0.5
    assert fresh.count_params() == model.count_params()
    vectors, others = (m.source_embedding.get_weights()[0] for m in (model, fresh))
    assert abs(vectors - others).max() > 0.01
    bare = Seq2SeqAttention.from_preset(tmp_path, preprocessor=None)
    assert bare.preprocessor is None
    for one, other in zip(bare.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_wrong_is_told(tmp_path):
    pair = PairTokenizer(WordTokenizer(["a"]), WordTokenizer(["b"]))
    translator(pair).save_to_preset(tmp_path)
    with pytest.raises(
        ValueError, match="holds a Seq2SeqAttention, not a SentimentClassifier"
    ):
        SentimentClassifier.from_preset(tmp_path)
    with pytest.raises(ValueError, match=r"do not fit this Seq2SeqAttention"):
        Task.from_preset(tmp_path, units=5)
    (tmp_path / "target_vocabulary.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"target_vocabulary\.txt"):
        Task.from_preset(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["preprocessor"]["target"]["class"] = "WordTokeniser"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"Did you mean 'WordTokenizer'\?"):
        Task.from_preset(tmp_path)


def test_only_what_can_be_read_again_is_written(tmp_path):
    class Shouting(WordTokenizer):
        pass

    model = translator(PairTokenizer(WordTokenizer(["a"]), Shouting(["b"])))
    with pytest.raises(ValueError, match="There is no preprocessor 'Shouting'"):
        model.save_to_preset(tmp_path / "preset")
