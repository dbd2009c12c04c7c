import collections
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.text import CharacterTokenizer
from kerasrnn.text.character_tokenizer import BLOCK
from kerasrnn.zoo import SentimentClassifier, Task

# Line ends of every kind, a mark of byte order, accents apart, signs beyond 16 bits.
ODD = "\n\r\t \x00\x85\u2028\ufeffe\u0301é\ufffd한👍\U0010ffff"


@pytest.fixture(scope="module")
def tokenizer():
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(["To be,\n", "or not to be!"])
    return tokenizer


def test_characters_are_numbered_by_code_point(tokenizer):
    characters = ["\n", " ", "!", ",", "T", "b", "e", "n", "o", "r", "t"]
    assert tokenizer.get_vocabulary() == ["", "[UNK]", *characters]
    assert tokenizer.vocabulary_size == 13
    again = CharacterTokenizer(tokenizer.get_vocabulary())
    assert again.get_vocabulary() == tokenizer.get_vocabulary()
    assert CharacterTokenizer("!ab\n").get_vocabulary()[2:] == ["\n", "!", "a", "b"]
    assert CharacterTokenizer(["b", "a"]).get_vocabulary()[2:] == ["a", "b"]


def test_numbers(tokenizer):
    ids = tokenizer(["To be", "not\nx", ""])
    assert ids.dtype == tf.int32
    np.testing.assert_array_equal(
        ids, [[6, 10, 3, 7, 8], [9, 10, 12, 2, 1], [0, 0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(tokenizer("bee"), [7, 8, 8])
    np.testing.assert_array_equal(tokenizer(["", ""]), [[0], [0]])
    assert tokenizer([]).shape == (0, 1)
    # Nothing is made lower case or composed, and the special name is five characters.
    np.testing.assert_array_equal(tokenizer(["tTé"]), [[12, 6, 1]])
    np.testing.assert_array_equal(tokenizer("[UNK]"), [1] * 5)


def test_numbers_in_numpy(tokenizer):
    ids = tokenizer.encode("To be\tx")
    assert ids.dtype == np.uint8
    np.testing.assert_array_equal(ids, [6, 10, 3, 7, 8, 1, 1])
    assert tokenizer.decode(ids) == "To be\ufffd\ufffd"
    assert tokenizer.decode([0, 7, 0, 8, 0]) == "be"
    assert tokenizer.encode("").shape == (0,) and tokenizer.decode([]) == ""
    assert tokenizer.unknown("xo\tx T👍") == ["\t", "x", "👍"]
    assert tokenizer.unknown("no\n") == []


def test_the_smallest_type():
    for size, dtype in ((256, np.uint8), (257, np.uint16)):
        characters = "".join(map(chr, range(0x4E00, 0x4E00 + size - 2)))
        tokenizer = CharacterTokenizer(characters)
        assert tokenizer.vocabulary_size == size
        ids = tokenizer.encode(characters)
        assert ids.dtype == dtype
        np.testing.assert_array_equal(ids, np.arange(2, size))


def test_long_texts_are_encoded_in_blocks(tokenizer):
    text = "o" * (BLOCK - 1) + "be" + "n" * 5
    ids = tokenizer.encode(text)
    assert len(ids) == BLOCK + 6
    np.testing.assert_array_equal(ids[BLOCK - 2 :], [10, 7, 8, 9, 9, 9, 9, 9])
    counted = CharacterTokenizer(max_tokens=4)
    counted.adapt([text])
    assert counted.get_vocabulary()[2:] == ["n", "o"]


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(
    st.text(ODD + "abc", max_size=30)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.text(max_size=10),
)
def test_any_text_comes_back(text, other):
    tokenizer = CharacterTokenizer(set(text) | {"a"})
    ids = tokenizer.encode(text)
    assert 1 not in ids and 0 not in ids
    assert tokenizer.decode(ids) == text
    graph = tokenizer([text + other, text])
    np.testing.assert_array_equal(
        graph[0, : len(text + other)], encode(tokenizer, text + other)
    )
    np.testing.assert_array_equal(
        tokenizer.encode(text + other), encode(tokenizer, text + other)
    )
    back = tokenizer.detokenize(graph).numpy()
    assert back[1].decode() == text
    known = set(text) | {"a"}
    shown = "".join(c if c in known else "\ufffd" for c in text + other)
    assert back[0].decode() == shown == tokenizer.decode(graph[0].numpy())
    assert tokenizer.unknown(other) == sorted(set(other) - known)


def encode(tokenizer, text):
    """The definition: a place in the vocabulary, or 1."""
    vocabulary = tokenizer.get_vocabulary()
    return [vocabulary.index(c) if c in vocabulary else 1 for c in text]


def test_bytes_that_are_no_text_are_one_sign():
    tokenizer = CharacterTokenizer("ab\ufffd")
    np.testing.assert_array_equal(tokenizer([b"a\xffb"]), [[2, 4, 3]])
    tokenizer.adapt([b"a\xff"])
    assert tokenizer.get_vocabulary()[2:] == ["a", "\ufffd"]


def test_half_a_pair_is_no_character():
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(["a\ud800", "\udfff\ud7ff"])
    assert tokenizer.get_vocabulary()[2:] == ["a", "\ud7ff"]
    np.testing.assert_array_equal(tokenizer.encode("a\ud800"), [2, 1])


def test_the_most_frequent_are_kept():
    texts = ["ccc", "bb", "aadd", "e"]
    tokenizer = CharacterTokenizer(max_tokens=4)
    tokenizer.adapt(iter(texts))
    # Of those that are as frequent, the first code point.
    assert tokenizer.get_vocabulary()[2:] == ["a", "c"]
    counted = CharacterTokenizer(max_tokens=4)
    counted.set_counts(collections.Counter("".join(texts)))
    assert counted.get_vocabulary() == tokenizer.get_vocabulary()
    dataset = tf.data.Dataset.from_tensor_slices(texts)
    for data in (dataset, dataset.batch(3)):
        tokenizer.adapt(data)
        assert tokenizer.get_vocabulary()[2:] == ["a", "c"]
    everything = CharacterTokenizer()
    everything.set_counts({"b": 1, "a": 2, "c": 0})
    assert everything.get_vocabulary()[2:] == ["a", "b"]


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: CharacterTokenizer(max_tokens=2),
            "`max_tokens` must be .* 3.*; got 2",
        ),
        (lambda: CharacterTokenizer("aba"), "every character once; got 'a' 2 times"),
        (lambda: CharacterTokenizer(["a", "bc"]), "single characters; got 'bc'"),
        (lambda: CharacterTokenizer("a\ud800"), r"single characters; got '\\ud800'"),
        (lambda: CharacterTokenizer(""), "a character at least; got none"),
        (lambda: CharacterTokenizer("abc", max_tokens=4), "max_tokens=4 .*; got 5"),
        (lambda: CharacterTokenizer("a", characters="a"), "`characters` must be None"),
        (lambda: CharacterTokenizer()(["a"]), "no vocabulary yet: call `adapt`"),
        (lambda: CharacterTokenizer().encode("a"), "no vocabulary yet"),
        (lambda: CharacterTokenizer().adapt("abc"), "a list of strings .* one string"),
        (lambda: CharacterTokenizer().adapt([]), "a character at least; got none"),
        (
            lambda: CharacterTokenizer().adapt(["", ""]),
            "a character at least; got none",
        ),
        (lambda: CharacterTokenizer("a").encode(b"a"), "`text` must be a string"),
        (lambda: CharacterTokenizer("a").decode([3]), "from 0 to 2; got 3 to 3"),
        (lambda: CharacterTokenizer("a").decode([2, -1]), "from 0 to 2; got -1 to 2"),
        (lambda: CharacterTokenizer("a").decode([[2]]), r"int64 of shape \(1, 1\)"),
        (lambda: CharacterTokenizer("a").decode([2.0]), "integers.*; got float64"),
        (lambda: CharacterTokenizer("a")(None), "strings; got None"),
        (lambda: CharacterTokenizer("a")([1]), r"strings; got \[1\]"),
    ],
)
def test_what_is_wrong_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_serialisation_keeps_the_vocabulary():
    tokenizer = CharacterTokenizer(ODD, max_tokens=40)
    config = keras.saving.serialize_keras_object(tokenizer)
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert again.get_vocabulary() == tokenizer.get_vocabulary()
    assert again.max_tokens == 40
    assert CharacterTokenizer.from_config(CharacterTokenizer().get_config())


def test_a_preset_keeps_line_ends(tmp_path):
    tokenizer = CharacterTokenizer(ODD)
    model = SentimentClassifier(
        vocabulary_size=tokenizer.vocabulary_size,
        preprocessor=tokenizer,
        embedding_dim=4,
        units=3,
    )
    model.save_to_preset(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "model.weights.h5",
    }
    described = json.loads((tmp_path / "config.json").read_text())["preprocessor"]
    assert described == {
        "class": "CharacterTokenizer",
        "max_tokens": None,
        "characters": "".join(sorted(ODD)),
    }
    loaded = Task.from_preset(tmp_path).preprocessor
    assert type(loaded) is CharacterTokenizer
    assert loaded.get_vocabulary() == ["", "[UNK]", *sorted(ODD)]
    np.testing.assert_array_equal(loaded([ODD]), tokenizer([ODD]))


def test_saved_model_takes_raw_strings(tokenizer, tmp_path):
    module = tf.Module()
    module.ids = tf.function(
        tokenizer.call, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    module.text = tf.function(
        tokenizer.detokenize, input_signature=[tf.TensorSpec([None, None], tf.int32)]
    )
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    ids = loaded.ids(tf.constant(["To be\n", "é", ""]))
    np.testing.assert_array_equal(ids, [[6, 10, 3, 7, 8, 2], [1] + [0] * 5, [0] * 6])
    assert [t.decode() for t in loaded.text(ids).numpy()] == ["To be\n", "\ufffd", ""]


def test_in_a_dataset(tokenizer):
    dataset = tf.data.Dataset.from_tensor_slices(["be", "bee", "to"])
    batches = list(dataset.batch(2).map(tokenizer).as_numpy_iterator())
    np.testing.assert_array_equal(batches[0], [[7, 8, 0], [7, 8, 8]])
    np.testing.assert_array_equal(batches[1], [[12, 10]])
