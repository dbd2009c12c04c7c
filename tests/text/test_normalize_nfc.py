import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.text import normalize_nfc
from kerasrnn.text.normalize_nfc import canonical_keys

# What composition is about: bases, marks, Hangul, and characters that decompose.
CHARACTERS = st.one_of(
    st.characters(codec="utf-8"),
    st.characters(codec="utf-8", categories=["Mn", "Mc"]),
    st.sampled_from("aeouAEOUσωυकनষゟかは"),
    st.integers(0x00C0, 0x0250).map(chr),
    st.integers(0x0300, 0x0362).map(chr),
    st.integers(0x1100, 0x11FF).map(chr),
    st.integers(0x1E00, 0x2000).map(chr),
    st.integers(0xAC00, 0xAC80).map(chr),
    st.integers(0xF900, 0xFAFF).map(chr),
)


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def in_graph(strings):
    return normalize_nfc(strings)


def normalized(texts):
    return [text.decode() for text in in_graph(tf.constant(texts)).numpy()]


@pytest.mark.parametrize(
    "text",
    [
        "cafe\u0301",
        "\u1112\u1161\u11ab\u1100\u116e\u11a8",
        "a\u0323\u0302 a\u0302\u0323",
        "\u212b \u2126 \uf900",
        "\u0301leading mark",
        "\u0915\u093c excluded from composition",
    ],
)
def test_known_cases(text):
    assert normalized([text]) == [unicodedata.normalize("NFC", text)]


def test_marks_do_not_move_from_one_string_to_the_next():
    assert normalized(["e", "\u0301", "", "e\u0301"]) == ["e", "\u0301", "", "é"]


def test_keys_rise_for_as_many_characters_as_a_batch_may_hold():
    # The key of character 2^23 does not fit into 32 bits.
    keys = canonical_keys(tf.zeros([2**23 + 2], tf.int32)).numpy()
    assert keys[-1] == 256 * (2**23 + 2)
    assert (keys[1:] > keys[:-1]).all()


@pytest.mark.slow
def test_a_batch_of_more_characters_than_32_bit_keys_can_order():
    texts = [f"{letter * 450_000}e\u0301" for letter in "abcdefghijklmnopqrst"]
    assert normalized(texts) == [unicodedata.normalize("NFC", t) for t in texts]


def test_no_strings():
    assert normalize_nfc(tf.constant([], tf.string)).shape == (0,)


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(CHARACTERS, max_size=9), min_size=1, max_size=4))
def test_equals_pythons_own(texts):
    assert normalized(texts) == [unicodedata.normalize("NFC", t) for t in texts]


@pytest.mark.long
@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(CHARACTERS, max_size=9), min_size=1, max_size=4))
def test_undoes_decomposition(texts):
    taken_apart = [unicodedata.normalize("NFD", text) for text in texts]
    assert normalized(taken_apart) == [unicodedata.normalize("NFC", t) for t in texts]
