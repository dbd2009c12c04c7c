"""Texts that a model learns to write, to numbers and back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrnn.text import SubwordTokenizer, TargetTokenizer, WordTokenizer

TEXTS = ["a red cat", "", "빨간 고양이", "cat"]
WORDS = "a red cat 빨간 고양이".split()


def subwords():
    tokenizer = SubwordTokenizer(max_tokens=300)
    tokenizer.adapt(TEXTS)
    return tokenizer


@pytest.fixture(scope="module", params=["words", "subwords"])
def tokenizer(request):
    of = {"words": lambda: WordTokenizer(WORDS), "subwords": subwords}
    return TargetTokenizer(of[request.param]())


def test_words_get_two_numbers_more():
    tokenizer = TargetTokenizer(WordTokenizer(WORDS))
    # 0 is padding, 1 the unknown word.
    assert (tokenizer.start_id, tokenizer.end_id) == (7, 8)
    assert tokenizer.target_vocabulary_size == 9
    ids = tokenizer.target_ids(["a cat", "dog", ""]).numpy()
    assert ids.tolist() == [[7, 2, 4, 8], [7, 1, 8, 0], [7, 8, 0, 0]]
    tokens = tokenizer.target_tokens(ids).numpy().tolist()
    assert tokens[0] == [b"[START]", b"a", b"cat", b"[END]"]
    assert tokens[2] == [b"[START]", b"[END]", b"", b""]


def test_subwords_keep_their_own():
    target = subwords()
    tokenizer = TargetTokenizer(target)
    assert (tokenizer.start_id, tokenizer.end_id) == (target.start_id, target.end_id)
    assert tokenizer.target_vocabulary_size == target.vocabulary_size


def test_there_and_back(tokenizer):
    ids = tokenizer(TEXTS).numpy()
    assert ids.dtype == np.int32
    assert (ids[:, 0] == tokenizer.start_id).all()
    lengths = (ids != 0).sum(1)
    assert (ids[np.arange(4), lengths - 1] == tokenizer.end_id).all()
    assert ((ids == tokenizer.end_id).sum(1) == 1).all()
    found = [text.decode() for text in tokenizer.detokenize(ids).numpy()]
    assert found == TEXTS
    # What comes after the end is no part of the text.
    more = np.concatenate([ids, np.repeat(ids[:1], 4, 0)], 1)
    assert [t.decode() for t in tokenizer.detokenize(more).numpy()] == TEXTS


def test_numbers_are_those_of_the_target_between_the_marks(tokenizer):
    for text in TEXTS:
        inner = tokenizer.target([text]).numpy()[0]
        (ids,) = tokenizer.target_ids([text]).numpy()
        np.testing.assert_array_equal(ids[1:-1], inner[inner != 0])


@pytest.mark.long
def test_no_texts_and_a_graph(tokenizer):
    assert tokenizer.target_ids(tf.constant([], tf.string)).shape == (0, 2)
    graph = tf.function(tokenizer.target_ids).get_concrete_function(
        tf.TensorSpec((None,), tf.string)
    )
    np.testing.assert_array_equal(graph(tf.constant(TEXTS)), tokenizer(TEXTS))


def test_it_survives_serialisation(tokenizer):
    config = keras.saving.serialize_keras_object(tokenizer)
    copy = keras.saving.deserialize_keras_object(config)
    assert isinstance(copy, TargetTokenizer)
    np.testing.assert_array_equal(copy(TEXTS), tokenizer(TEXTS))
