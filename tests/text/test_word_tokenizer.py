import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.text import PairTokenizer, WordTokenizer


def words(text, **options):
    found = WordTokenizer(**options).split(tf.constant([text]))
    return [word.decode() for word in found[0].numpy()]


@pytest.fixture(scope="module")
def tokenizer():
    tokenizer = WordTokenizer(max_length=6)
    tokenizer.adapt(["a fine, fine film", "한국어 영화가 좋아요!", "a dull film"])
    return tokenizer


@pytest.mark.parametrize(
    "text, expected",
    [
        ("It's (really) bad!", ["it", "'s", "(", "really", ")", "bad", "!"]),
        ("I don't. They’re", ["i", "do", "n't", ".", "they", "'re"]),
        ("he's 1998's", ["he", "'s", "1998", "'s"]),
        (
            "''quoted'' 'q' players'",
            ['"', "quoted", '"', "'", "q", "'", "players", "'"],
        ),
        ("l'amour O'Neill", ["l'amour", "o'neill"]),
        ("한국어, 영화가!", ["한국어", ",", "영화가", "!"]),
        ("\u1112\u1161\u11ab CAFE\u0301", ["한", "café"]),
        ("電影。", ["電", "影", "。"]),
        ("ΣΑΣ Ünï", ["σας", "ünï"]),
        ("ok 👍🏽👍 👨\u200d👩\u200d👧", ["ok", "👍🏽", "👍", "👨\u200d👩\u200d👧"]),
        ("¿qué? «si» – $5", ["¿", "qué", "?", "«", "si", "»", "–", "$", "5"]),
        ("a\u00a0b\u3000c\td\ne\x00f", ["a", "b", "c", "d", "e", "f"]),
        ("می\u200cخواهم हिन्दी", ["می\u200cخواهم", "हिन्दी"]),
        ("", []),
        (" \t", []),
        (b"ab\xff!", ["ab", "\ufffd", "!"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_case_is_kept_if_asked():
    assert words("A Fine É", lowercase=False) == ["A", "Fine", "É"]


def test_vocabulary_is_by_count_then_by_word(tokenizer):
    assert tokenizer.get_vocabulary() == [
        *["", "[UNK]", "a", "film", "fine"],
        *["!", ",", "dull", "영화가", "좋아요", "한국어"],
    ]
    assert tokenizer.vocabulary_size == 11


def test_vocabulary_is_cut_at_max_tokens():
    tokenizer = WordTokenizer(max_tokens=4)
    tokenizer.adapt(tf.data.Dataset.from_tensor_slices(["b b c", "a a b"]).batch(1))
    assert tokenizer.get_vocabulary() == ["", "[UNK]", "b", "a"]


def test_numbers(tokenizer):
    ids = tokenizer(["a fine film", "bad 영화가", ""])
    assert ids.dtype == tf.int32
    np.testing.assert_array_equal(ids, [[2, 4, 3], [1, 8, 0], [0, 0, 0]])
    np.testing.assert_array_equal(tokenizer("fine film"), [4, 3])


def test_long_and_empty_texts(tokenizer):
    ids = tokenizer(["film " * 10_000, "a"])
    np.testing.assert_array_equal(ids, [[3] * 6, [2] + [0] * 5])
    np.testing.assert_array_equal(tokenizer(["", " "]), [[0], [0]])
    assert tokenizer([]).shape == (0, 1)
    whole = WordTokenizer(["film"], max_length=None)
    assert whole(["film " * 500]).shape == (1, 500)


def test_special_words_in_a_text_are_unknown(tokenizer):
    # The text "[UNK]" is three words, and none is the special one.
    np.testing.assert_array_equal(tokenizer(["[UNK]"]), [[1, 1, 1]])


def test_detokenize_is_readable():
    text = "i don't like it; it's (really) bad… 한국어 영화가 좋아요!"
    tokenizer = WordTokenizer()
    tokenizer.adapt([text])
    assert tokenizer.detokenize(tokenizer([text, "film!"])).numpy().tolist() == [
        text.encode(),
        b"[UNK]!",
    ]
    text = "“yield” means: stop. 2 cents (0.02 €), or $.25, or $3.50."
    tokenizer.adapt([text])
    assert tokenizer.detokenize(tokenizer([text])).numpy()[0].decode() == text


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_words_survive_a_round_trip(text):
    tokenizer = WordTokenizer(max_length=None, max_tokens=None)
    tokenizer.adapt([text])
    ids = tokenizer([text])
    assert 1 not in ids.numpy()
    again = tokenizer(tokenizer.detokenize(ids))
    np.testing.assert_array_equal(again, ids)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5))
def test_any_bytes_have_numbers(texts):
    tokenizer = WordTokenizer(["a", "b"], max_length=4)
    ids = tokenizer(texts).numpy()
    assert ids.shape[0] == len(texts) and 1 <= ids.shape[1] <= 4
    assert set(np.unique(ids)) <= {0, 1, 2, 3}
    # Padding is at the right only.
    assert all((np.diff((row > 0).astype(int)) <= 0).all() for row in ids)


@pytest.mark.parametrize(
    "strings, message",
    [
        (None, "`strings` must be a list or tensor of strings; got None"),
        (["a", None], "got None"),
        ([1, 2], r"got \[1, 2\]"),
        (np.array([1.0]), "must be a list or tensor of strings"),
        ([["a"], ["b"]], r"of shape \(batch,\); got shape \(2, 1\)"),
    ],
)
def test_bad_strings(tokenizer, strings, message):
    with pytest.raises(ValueError, match=message):
        tokenizer(strings)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"max_tokens": 2}, "`max_tokens` must be an integer of at least 3 or None"),
        ({"max_length": 0}, "`max_length` must be .*; got 0"),
        ({"vocabulary": ["a", "b", "a"]}, "every word once; got 'a' 2 times"),
        ({"vocabulary": ["a", "b"], "max_tokens": 3}, "max_tokens=3 words.*; got 4"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        WordTokenizer(**options)


def test_needs_a_vocabulary():
    with pytest.raises(ValueError, match="has no vocabulary yet: call `adapt`"):
        WordTokenizer()(["a"])
    with pytest.raises(ValueError, match="must be a list of strings or a dataset"):
        WordTokenizer().adapt("one text")
    with pytest.raises(ValueError, match="at least one string; got none"):
        WordTokenizer().adapt([])


def test_serialisation_keeps_the_vocabulary(tokenizer):
    config = keras.saving.serialize_keras_object(tokenizer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_vocabulary() == tokenizer.get_vocabulary()
    np.testing.assert_array_equal(again(["a dull film"]), [[2, 7, 3]])
    assert again.max_length == 6


def test_saved_model_takes_raw_strings(tokenizer, tmp_path):
    module = tf.Module()
    module.tokenizer = tokenizer
    module.serve = tf.function(
        lambda text: tokenizer(text), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    texts = tf.constant(["A fine\u0301 film", "영화가", ""])
    np.testing.assert_array_equal(loaded.serve(texts), tokenizer(texts))
    np.testing.assert_array_equal(loaded.serve(texts)[1], [8, 0, 0])


def test_in_a_dataset(tokenizer):
    dataset = tf.data.Dataset.from_tensor_slices(["a film", "fine", "dull film"])
    batches = list(dataset.batch(2).map(tokenizer).as_numpy_iterator())
    np.testing.assert_array_equal(batches[0], [[2, 3], [4, 0]])
    np.testing.assert_array_equal(batches[1], [[7, 3]])


def test_it_counts_what_it_cuts():
    tokenizer = WordTokenizer(["one"], max_length=3)
    texts = ["one one", "one, one. Two!", "", "one " * 2000]
    np.testing.assert_array_equal(tokenizer.count_cut(texts), [0, 3, 0, 1997])
    pair = PairTokenizer(tokenizer)
    np.testing.assert_array_equal(pair.count_cut(texts), [0, 3, 0, 1997])
    whole = WordTokenizer(["one"], max_length=None)
    np.testing.assert_array_equal(whole.count_cut(texts), [0] * 4)
