"""What is cut, mixed up or left out of data of one's own is told."""

import importlib.util
import json

import numpy as np
import pytest
import tensorflow as tf
import tiny_captions
import tiny_run
import tiny_translation

from kerasrnn import catalogue
from kerasrnn.data import CaptionedImages, read_captions, read_tsv
from kerasrnn.text import PairTokenizer, SubwordTokenizer, WordTokenizer
from kerasrnn.training.captioning.captioning import Captioning
from kerasrnn.training.language_model.language_modelling import LanguageModelling
from kerasrnn.training.report import model_card
from kerasrnn.training.sentiment.text_classification import LONGEST, TextClassification
from kerasrnn.training.translation.swapped_columns import columns_are_swapped
from kerasrnn.training.translation.translation import Translation, pairs_of_file
from kerasrnn.zoo import SentimentClassifier, Seq2SeqAttention


def copied(config):
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("count", [40, 400])
def test_swapped_texts_and_labels_are_refused(tmp_path, count):
    file = tmp_path / "texts.tsv"
    rows = list(tiny_run.texts_and_labels(count))
    file.write_text("".join(f"{text}\t{y}\n" for text, y in rows))
    with pytest.raises(ValueError) as error:
        read_tsv(file)
    assert str(error.value) == (
        f"{file} must hold label<tab>text on each line; its columns seem to be "
        f"swapped: there are {count} different labels for 2 different texts. A first "
        "line text<tab>label says that the text comes first."
    )
    file.write_text("text\tlabel\n" + file.read_text())
    assert read_tsv(file)["train"].label_names == ("0", "1")


def pairs_file(folder, swapped=False):
    sides = list(tiny_translation.pairs(300))
    if swapped:
        sides = [side[::-1] for side in sides]
    file = folder / ("swapped.tsv" if swapped else "pairs.tsv")
    file.write_text("".join(f"{a}\t{b}\n" for a, b in sides) + "one\t\n\tdos\n")
    return file


@pytest.mark.parametrize("tokenizer_class", [WordTokenizer, SubwordTokenizer])
def test_swapped_languages_are_seen(tmp_path, tokenizer_class):
    right, wrong = pairs_of_file(pairs_file(tmp_path)), None
    tokenizer = PairTokenizer(*(tokenizer_class(max_tokens=300) for _ in "ab"))
    tokenizer.adapt(list(right.sources), list(right.targets))
    wrong = pairs_of_file(pairs_file(tmp_path, swapped=True))
    assert not columns_are_swapped(tokenizer, right)
    assert columns_are_swapped(tokenizer, wrong)


def test_a_swapped_file_is_told_where_a_translator_is_judged(tmp_path):
    right = pairs_of_file(pairs_file(tmp_path))
    tokenizer = PairTokenizer(WordTokenizer(), WordTokenizer())
    tokenizer.adapt(list(right.sources), list(right.targets))
    model = Seq2SeqAttention(preprocessor=tokenizer, units=4, embedding_dim=4)
    for swapped in (False, True):
        lines, file = [], pairs_file(tmp_path, swapped)
        Translation.evaluate(model, None, file, {"max_length": 2}, lines.append)
        told = [line for line in lines if "seem to be swapped" in line]
        assert told == swapped * [
            f"The columns of {file} seem to be swapped: the first one reads like what "
            "the model writes. It must hold source<tab>target."
        ]


def test_pairs_that_are_left_out_are_told(tmp_path):
    lines = []
    config = copied(tiny_translation.CONFIG)
    Translation(config, pairs_file(tmp_path), lines.append)
    assert lines == ["Left out: 2 pairs with nothing on one side"]


def test_swapped_captions_and_files_are_seen(tmp_path):
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "captions.tsv").write_text("a red square\t1.png\n")
    with pytest.raises(ValueError) as error:
        read_captions(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 'captions.tsv'}, line 1: there is no picture 'a red square' in "
        f"{tmp_path}. The columns seem to be swapped: it must be file<tab>caption."
    )


@pytest.fixture
def captioning(tmp_path, monkeypatch):
    """Three pictures in each part, one of them with a caption of eight words."""
    captions = (
        ("a red square",),
        ("a cross", "a green cross"),
        (" ".join("abcdefgh"),),
    )
    images = CaptionedImages(
        keys=("1", "2", "3"), captions=captions, kinds=("picture",) * 3, read=list
    )
    monkeypatch.setattr(
        "kerasrnn.training.captioning.captioning.load_caption_splits",
        lambda data, path: dict.fromkeys(("train", "validation", "test"), images),
    )
    return copied(tiny_captions.CONFIG)


@pytest.mark.parametrize(
    ("max_length", "max_tokens", "expected"),
    [
        (8, 10, []),
        (6, 8, ["Cut to 6 words: 1 train, 1 validation, 1 test captions"]),
        (
            8,
            4,
            [
                "Not learned from: 3 train captions of more than 4 words, start and "
                "end included"
            ],
        ),
    ],
)
def test_long_captions_are_told(captioning, max_length, max_tokens, expected):
    captioning["preprocessor"]["max_length"] = max_length
    captioning["training"]["max_tokens"] = max_tokens
    lines = []
    task = Captioning(captioning, None, lines.append)
    task._tell_long_captions()
    assert lines == expected
    assert task.cut["test"] == int(max_length < 8)


def classifier(max_length=4):
    tokenizer = WordTokenizer(["good", "bad", "so"], max_length=max_length)
    model = SentimentClassifier(preprocessor=tokenizer, units=3, labels=("-", "+"))
    weights = np.random.default_rng(0)
    model.set_weights([weights.normal(size=w.shape) for w in model.get_weights()])
    return model


@pytest.mark.long
def test_long_texts_are_judged_whole(tmp_path):
    texts = ["so " * 240 + word for word in ("good", "bad")]
    whole = classifier(max_length=LONGEST).predict(texts, verbose=0)
    assert abs(whole[0] - whole[1]).max() > 1e-4
    (lines,) = [list(TextClassification.predict(classifier(), [texts], alone=False))]
    assert [float(line.split("\t")[1]) for line in lines] == [
        pytest.approx(row.max(), abs=1e-3) for row in whole
    ]
    rows = [f"{'-+'[n % 2]}\t{text} {n}" for n, text in enumerate(texts * 40)]
    rows.append("+\t" + "so " * (LONGEST + 1))
    file = tmp_path / "texts.tsv"
    file.write_text("\n".join(rows) + "\n")
    model, log = classifier(), []
    TextClassification.evaluate(model, None, file, {}, log.append)
    assert log[0] == f"Cut to {LONGEST} words: 1 texts"
    assert model.preprocessor.max_length == LONGEST


@pytest.mark.long
def test_in_python_a_warning_says_what_is_cut():
    model, texts = classifier(), ["so good", "so so so so so bad"]
    expected = (
        "2 words at the ends of 1 of 2 texts were cut off and are not read: the "
        "tokenizer has max_length=4."
    )
    for x in (texts, np.array(texts), tf.constant(texts)):
        with pytest.warns(UserWarning) as told:
            model.predict(x, verbose=0)
        assert [str(warning.message) for warning in told] == [expected]
    for call in (model.evaluate, model.fit):
        with pytest.warns(UserWarning) as told:
            call(texts, [0, 1], verbose=0)
        assert [str(warning.message) for warning in told] == [expected]
    model.predict(["so so so so"], verbose=0)  # not a word too long


def test_characters_outside_the_vocabulary_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path))
    file, config = (
        tmp_path / "book.txt",
        copied(catalogue.load_recipe("char-lm").config),
    )
    file.write_text("aab" * 300 + "abcd" * 25)  # The last hundred are the test text.
    for most, expected in ((512, []), (4, [50])):
        config["preprocessor"]["max_tokens"], lines = most, []
        LanguageModelling(config, file, lines.append)
        assert [line for line in lines if "of the 100 characters" in line] == [
            f"{count} of the 100 characters of the test text are none of the "
            "vocabulary's 4, and count as one"
            for count in expected
        ]


def test_the_recipe_for_a_text_of_ones_own_says_how_it_is_trained():
    recipe, command = catalogue.load_recipe("char-lm"), "train char-lm --data book.txt"
    assert recipe.describe().endswith(f"Train it: kerasrnn {command}")
    assert f"kerasrnn {command}\n" in model_card(recipe)
    with pytest.raises(ValueError, match=f"`kerasrnn {command}`, then use `runs/char"):
        catalogue.find_preset("char-lm")


def test_what_draws_is_looked_for_first(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *more: None if name == "matplotlib" else found(name, *more),
    )

    class Attending:
        attends = True

    with pytest.raises(ValueError, match=r"--attention draws with matplotlib: pip"):
        Captioning.check_options(Attending, attention="looks.png")
    Captioning.check_options(Attending)


def test_what_scores_is_looked_for_before_anything_is_written(monkeypatch):
    def missing(*_):
        raise ImportError("sacrebleu")

    for kind in ("translation.translation", "captioning.captioning"):
        monkeypatch.setattr(f"kerasrnn.training.{kind}.require_sacrebleu", missing)
    for kind in (Translation, Captioning):
        with pytest.raises(ImportError, match="sacrebleu"):
            kind.evaluate(None, None, "no file", {}, print)
