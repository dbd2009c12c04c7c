import itertools
import time
import unicodedata

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.text import SubwordTokenizer
from kerasrnn.text.byte_pairs import BYTES, all_joins, as_bytes, as_text, join

TEXTS = [
    "In the beginning, God created the heavens and the earth.",
    "En el principio creó Dios los cielos y la tierra.",
    "The earth was formless and empty; darkness was on the surface of the deep.",
    "Y la tierra estaba desordenada y vacía, y las tinieblas estaban sobre la haz.",
]


@pytest.fixture(scope="module")
def tokenizer():
    tokenizer = SubwordTokenizer(max_tokens=330, max_length=None)
    tokenizer.adapt(TEXTS)
    return tokenizer


def text_of(tokenizer, ids):
    return [text.decode() for text in np.atleast_1d(tokenizer.detokenize(ids).numpy())]


def by_hand(tokenizer, word):
    """The pieces of a word: the earliest pair joined first, in plain Python."""
    pieces = [as_bytes(p) for p in tokenizer.get_vocabulary()[4:]]
    joins, ids = all_joins(pieces), list(word)
    while True:
        found = [joins.get(pair) for pair in itertools.pairwise(ids)]
        if not any(found):
            return [i + 4 for i in ids]
        first = min(f for f in found if f)
        at = found.index(first)
        ids[at : at + 2] = [first]


def test_pieces_are_learned_by_count():
    tokenizer = SubwordTokenizer(max_tokens=266)
    tokenizer.adapt(["aaab aaab aac", "ab"])
    vocabulary = tokenizer.get_vocabulary()
    assert vocabulary[:4] == ["", "[UNK]", "[START]", "[END]"]
    assert vocabulary[260] == "aa"
    counts = {" aaab": 2, " aac": 1, " ab": 1}
    words = {w: [c.encode() for c in w] for w in counts}
    for piece in vocabulary[260:]:
        frequency = {}
        for word, parts in words.items():
            for pair in itertools.pairwise(parts):
                frequency[pair] = frequency.get(pair, 0) + counts[word]
        best = min(frequency, key=lambda p: (-frequency[p], p))
        assert frequency[best] >= 2 and as_text(b"".join(best)) == piece
        words = {w: join(parts, best) for w, parts in words.items()}


def test_numbers_are_those_of_the_algorithm(tokenizer):
    texts = [*TEXTS, "aaaaaaa bananas", "the the the", "thé £5", ""]
    ids = tokenizer(texts).numpy()
    words = tokenizer.split(tf.constant(texts))
    for row, found in enumerate(words.to_list()):
        expected = [i for word in found for i in by_hand(tokenizer, word)]
        np.testing.assert_array_equal(ids[row, : len(expected)], expected)
        assert not ids[row, len(expected) :].any()
    # Frequent words are few pieces.
    pieces = [tokenizer.get_vocabulary()[i] for i in tokenizer("the earth was")]
    assert pieces == ["▁the", "▁earth", "▁was"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("It's (really) bad!", ["It's", " (", "really", ")", " bad", "!"]),
        ("a  b\tc\u00a0 d ", ["a", " b", " c", " d"]),
        ("1998's $50", ["1", "9", "9", "8", "'", "s", " $", "5", "0"]),
        ("«¡sí!» 'q'", ["«", "¡", "sí", "!", "»", " '", "q", "'"]),
        ("cafe\u0301 한국어", ["café", " 한국어"]),
        ("a▁b", ["a", "▁", "b"]),
        ("", []),
        ("x" * 40, ["x" * 31, "x" * 9]),
    ],
)
def test_words(tokenizer, text, expected):
    found = [w.decode() for w in tokenizer.split(tf.constant([text]))[0].numpy() if w]
    assert found[:1] == [" " + w for w in expected[:1]]
    assert found[1:] == expected[1:]


ROUND_TRIP = [
    "Él dijo: «¿Qué?» — y ¡nada más!",
    "한국어 영화가 좋아요!",
    "電影。很好",
    "می\u200cخواهم हिन्दी",
    "👨\u200d👩\u200d👧 👍🏽",
    "▁ <0xC3> [UNK] [END]",
    "e\u0301 \u1112\u1161\u11ab",
    "tab\there\nand  there ",
    "",
    "word " * 2000,
]


def test_text_comes_back(tokenizer):
    found = text_of(tokenizer, tokenizer(ROUND_TRIP))
    expected = [" ".join(unicodedata.normalize("NFC", t).split()) for t in ROUND_TRIP]
    assert found == expected
    assert found == [t.decode() for t in tokenizer.normalize(ROUND_TRIP).numpy()]
    assert 1 not in tokenizer(ROUND_TRIP).numpy()


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_any_text_comes_back(texts):
    tokenizer = SubwordTokenizer(max_tokens=280, max_length=None)
    tokenizer.adapt(texts)
    normal = tokenizer.normalize(texts)
    np.testing.assert_array_equal(tokenizer.detokenize(tokenizer(texts)), normal)
    np.testing.assert_array_equal(tokenizer.normalize(normal), normal)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=12))
def test_pieces_are_shown_and_read(piece):
    shown = as_text(piece)
    if b"<0x" not in piece:
        assert as_bytes(shown) == piece
    assert "\n" not in shown and " " not in shown


def test_broken_text_is_replaced(tokenizer):
    assert text_of(tokenizer, tokenizer([b"ab\xff!"])) == ["ab\ufffd!"]
    # What a model may give: the first byte of two.
    assert text_of(tokenizer, [[4 + ord("a"), 4 + 0xC3]]) == ["a\ufffd"]


def test_start_end_and_length(tokenizer):
    vocabulary = tokenizer.get_vocabulary()
    options = {"vocabulary": vocabulary, "max_tokens": 330}
    marked = SubwordTokenizer(max_length=6, add_start=True, add_end=True, **options)
    whole = tokenizer(["the earth", TEXTS[0]]).numpy()
    ids = marked(["the earth", TEXTS[0]]).numpy()
    np.testing.assert_array_equal(ids[0], [2, *whole[0, :2], 3, 0, 0])
    np.testing.assert_array_equal(ids[1], [2, *whole[1, :4], 3])
    lost = marked.count_cut(["the earth", TEXTS[0]]).numpy()
    np.testing.assert_array_equal(lost, [0, (whole[1] > 0).sum() - 4])
    np.testing.assert_array_equal(tokenizer.count_cut(TEXTS), [0] * 4)
    # Nothing after the end token is text.
    assert text_of(marked, [[2, *whole[0, :2], 3, 70, 71]]) == ["the earth"]
    np.testing.assert_array_equal(marked(["", " "]), [[2, 3], [2, 3]])
    assert tokenizer([]).shape == (0, 1) and marked([]).shape[0] == 0
    np.testing.assert_array_equal(tokenizer("the earth"), whole[0, :2])
    np.testing.assert_array_equal(tokenizer(["", ""]), [[0], [0]])


def test_case(tokenizer):
    lower = SubwordTokenizer(max_tokens=280, lowercase=True)
    lower.adapt(["ÉL"])
    assert text_of(lower, lower(["ÉL Dijo"])) == ["él dijo"]


def test_books_and_keyboards_write_the_same():
    tokenizer = SubwordTokenizer(max_tokens=280, straight_quotes=True)
    tokenizer.adapt(["“Don’t,” he said, „don’t“: ‘No’."])
    typed = "\"Don't,\" he said, \"don't\": 'No'."
    ids = tokenizer(["“Don’t,” he said, „don’t“: ‘No’.", typed]).numpy()
    np.testing.assert_array_equal(*ids)
    assert text_of(tokenizer, ids) == [typed] * 2
    again = SubwordTokenizer.from_config(tokenizer.get_config())
    np.testing.assert_array_equal(again([typed]), ids[1:])
    curly = SubwordTokenizer(max_tokens=280)
    curly.adapt(["“"])
    assert text_of(curly, curly(["“’"])) == ["“’"]


def test_pieces_with_gaps(tokenizer):
    plain, texts = tokenizer(TEXTS).numpy(), TEXTS * 20
    gaps = tokenizer.with_dropout(0.3, seed=1)
    found = gaps(texts).numpy()
    assert text_of(gaps, found) == [
        t.decode() for t in tokenizer.normalize(texts).numpy()
    ]
    # A text that occurs again is cut otherwise, into more pieces.
    assert len(set(map(tuple, found[::4].tolist()))) > 15
    assert np.count_nonzero(found) > 1.2 * 20 * np.count_nonzero(plain)
    assert {*found.ravel()} <= set(range(tokenizer.vocabulary_size))
    np.testing.assert_array_equal(tokenizer.with_dropout(0.3, seed=1)(texts), found)
    assert not np.array_equal(gaps(texts), found)
    np.testing.assert_array_equal(tokenizer.with_dropout(0, seed=1)(TEXTS), plain)
    in_bytes = tokenizer.with_dropout(1, seed=1)(["é a"]).numpy()
    assert [tokenizer.get_vocabulary()[i] for i in in_bytes[0]] == [
        *("▁", "<0xC3>", "<0xA9>", "▁", "a")
    ]
    np.testing.assert_array_equal(tokenizer(TEXTS), plain)


def test_a_word_of_which_nothing_was_joined_is_done():
    tokenizer = SubwordTokenizer(max_tokens=261)
    tokenizer.adapt(["ab ab"])
    # Others of the batch are joined later, or the loop would go on for all.
    pieces = tokenizer.with_dropout(0.5, seed=3)(["ab"] * 4000).numpy()
    joined = (pieces != 0).sum(1).mean()
    assert 2.45 < joined < 2.55


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_rates_are_checked(tokenizer, rate):
    with pytest.raises(ValueError, match=f"`rate` must be from 0 to 1; got {rate}"):
        tokenizer.with_dropout(rate, seed=1)


def test_the_same_again_after_saving(tokenizer, tmp_path):
    again = SubwordTokenizer.from_config(tokenizer.get_config())
    np.testing.assert_array_equal(again(TEXTS), tokenizer(TEXTS))
    assert again.get_vocabulary() == tokenizer.get_vocabulary()
    assert SubwordTokenizer.from_config(SubwordTokenizer().get_config())
    if keras.backend.backend() == "tensorflow":
        # As text files and presets keep it: one piece a line.
        lines = "\n".join(tokenizer.get_vocabulary()).split("\n")
        assert SubwordTokenizer(lines).get_vocabulary() == tokenizer.get_vocabulary()


@pytest.mark.long
def test_in_pipelines_and_exported(tokenizer, tmp_path):
    expected = tokenizer(TEXTS).numpy()
    dataset = tf.data.Dataset.from_tensor_slices(TEXTS).batch(4).map(tokenizer.call)
    np.testing.assert_array_equal(next(iter(dataset)), expected)

    module = tf.Module()
    specification = [tf.TensorSpec((None,), tf.string)]
    module.ids = tf.function(tokenizer.call, input_signature=specification)
    module.text = tf.function(
        tokenizer.detokenize, input_signature=[tf.TensorSpec((None, None), tf.int32)]
    )
    tf.saved_model.save(module, str(tmp_path))
    served = tf.saved_model.load(str(tmp_path))
    ids = served.ids(tf.constant(TEXTS))
    np.testing.assert_array_equal(ids, expected)
    assert [t.decode() for t in served.text(ids).numpy()] == TEXTS


def test_long_texts_without_spaces_are_fast(tokenizer):
    text = "電影很好" * 500
    start = time.perf_counter()
    assert text_of(tokenizer, tokenizer([text])) == [text]
    assert time.perf_counter() - start < 10  # without a limit, a minute


@pytest.mark.parametrize(
    "options, message",
    [
        ({"max_tokens": 259}, "`max_tokens` must be an integer of at least 260; got"),
        ({"max_tokens": None}, "`max_tokens` must be .*; got None"),
        ({"max_length": 1, "add_end": True}, "`max_length` must be .* 2 or None"),
        ({"vocabulary": ["a", "b"]}, "must begin with the 4 special tokens"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SubwordTokenizer(**options)


def test_bad_vocabularies(tokenizer):
    vocabulary = tokenizer.get_vocabulary()
    with pytest.raises(ValueError, match="every piece once; got 'a' more often"):
        SubwordTokenizer([*vocabulary, "a"])
    with pytest.raises(ValueError, match="at most max_tokens=261 pieces; got"):
        SubwordTokenizer(vocabulary, max_tokens=261)
    with pytest.raises(ValueError, match="no vocabulary yet"):
        SubwordTokenizer()(["a"])
    with pytest.raises(ValueError, match=r"`strings` must be .*; got None"):
        tokenizer(None)
    assert len(BYTES) == 256
