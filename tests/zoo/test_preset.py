"""Presets of translators: two tokenizers, one or two vocabularies, the same answers."""

import hashlib
import json

import h5py
import keras
import numpy as np
import pytest
from tiny_translator import ENGLISH, SPANISH, subwords, translator

from kerasrnn.catalogue import find_preset, list_presets
from kerasrnn.text import PairTokenizer, WordTokenizer
from kerasrnn.zoo import SentimentClassifier, Seq2Seq, Seq2SeqAttention, Task


@pytest.mark.long
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
        "straight_quotes": False,
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
    vectors, others = (m.encoder.embedding.get_weights()[0] for m in (model, fresh))
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
    vocabulary = (tmp_path / "target_vocabulary.txt").read_bytes()
    (tmp_path / "target_vocabulary.txt").unlink()
    with pytest.raises(ValueError, match=r"lacks its file 'target_vocabulary\.txt'"):
        Task.from_preset(tmp_path)
    (tmp_path / "target_vocabulary.txt").write_bytes(vocabulary)
    config = json.loads((tmp_path / "config.json").read_text())
    config["preprocessor"]["target"]["class"] = "WordTokeniser"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"Did you mean 'WordTokenizer'\?"):
        Task.from_preset(tmp_path)


def test_only_what_can_be_read_again_is_written(tmp_path):
    class Shouting(WordTokenizer):
        pass

    model = translator(PairTokenizer(WordTokenizer(["a"]), Shouting(["b"])))
    with pytest.raises(ValueError, match="names the class Shouting, so that it must"):
        model.save_to_preset(tmp_path / "preset")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    tokenizer = WordTokenizer("one two three".split())
    model = SentimentClassifier(preprocessor=tokenizer, units=3, embedding_dim=4)
    model.save_to_preset(folder)
    return folder


def copied(saved, folder, file, content):
    """A preset of which a file holds something else."""
    for path in saved.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / file).write_bytes(content)
    return folder


def with_hashes(folder):
    """Let the preset say that its files are as they should be."""
    config = json.loads((folder / "config.json").read_text())
    for name in config["files"]:
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        config["files"][name] = digest
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("file", ["vocabulary.txt", "model.weights.h5"])
def test_a_file_that_lost_a_part_is_not_loaded(saved, tmp_path, file):
    content = (saved / file).read_bytes()
    cut = content.replace(b"two\n", b"") if file == "vocabulary.txt" else content[:-9]
    assert cut != content
    copied(saved, tmp_path, file, cut)
    with pytest.raises(ValueError, match=f"{file} is not as the preset was saved: its"):
        Task.from_preset(tmp_path)


def test_weights_that_are_not_finite_are_not_loaded(saved, tmp_path):
    copied(saved, tmp_path, "vocabulary.txt", (saved / "vocabulary.txt").read_bytes())
    with h5py.File(tmp_path / "model.weights.h5", "r+") as file:
        name = next(name for name in names_of(file) if "embedding" in name)
        file[name][0, 0] = np.nan
    with_hashes(tmp_path)
    with pytest.raises(ValueError, match=r"must be finite; .*embedding.* holds NaN or"):
        Task.from_preset(tmp_path)


def names_of(file):
    names = []

    def add(name, item):
        if isinstance(item, h5py.Dataset) and item.ndim == 2:
            names.append(name)

    file.visititems(add)
    return names


def test_a_file_of_weights_that_unpacks_to_more_than_the_model_is_refused(
    saved, tmp_path
):
    copied(saved, tmp_path, "vocabulary.txt", (saved / "vocabulary.txt").read_bytes())
    with h5py.File(tmp_path / "model.weights.h5", "r+") as file:
        # 8 TB of nothing in a few bytes.
        file.create_dataset("bomb", shape=(10**12,), chunks=(10**6,), dtype="f8")
    with_hashes(tmp_path)
    with pytest.raises(ValueError, match=r"holds 1,000,000,0.* numbers, the model"):
        Task.from_preset(tmp_path)


@keras.saving.register_keras_serializable(package="mine")
class MyClassifier(SentimentClassifier):
    """A task that is no part of kerasrnn."""


def test_a_task_of_ones_own_is_a_preset_too(tmp_path):
    tokenizer = WordTokenizer(["one", "two"])
    options = {"units": 3, "embedding_dim": 4, "members": 2}
    model = MyClassifier(preprocessor=tokenizer, **options)
    model.save_to_preset(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["task"] == (
        "mine>MyClassifier"
    )
    loaded = Task.from_preset(tmp_path)
    assert type(loaded) is MyClassifier
    np.testing.assert_allclose(
        loaded.predict(["one two"], verbose=0),
        model.predict(["one two"], verbose=0),
        atol=1e-3,
    )
    config = json.loads((tmp_path / "config.json").read_text())
    # Registered with Keras, but no task.
    for name in ("MaskedPooling", "mine>Nobody"):
        config["task"] = name
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(ValueError, match=f"There is no task '{name}'.*Seq2Seq"):
            Task.from_preset(tmp_path)


@pytest.mark.parametrize("name", sorted(list_presets()))
def test_no_weights_lie_in_lists_of_lists(name):
    # The oldest Keras that is supported neither saves nor loads these.
    path = find_preset(name) / "model.weights.h5"
    with h5py.File(path) as file:
        names = []
        file.visit(names.append)
    assert names and not [found for found in names if "container" in found.split("/")]
