"""Words that are cut already, and their letters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.text import SpelledWordTokenizer, write_portable
from kerasrnn.text.readers.text_reader import TextReader

TEXTS = ["The cat 's cats .", "the CAT", "Ünï naïve e\u0301a", "x" * 9 + "yz"]


def make(**options):
    tokenizer = SpelledWordTokenizer(max_letters=5, **options)
    tokenizer.adapt(TEXTS)
    return tokenizer


def test_words_and_letters_have_numbers():
    tokenizer = make()
    # Words that occur twice, whatever their case; letters as they are.
    assert tokenizer.get_vocabulary() == ["", "[UNK]", "cat", "the"]
    assert tokenizer.letters == "".join(sorted(set("Thecat's.CATÜnïveéaxyzs")))
    number = {letter: n for n, letter in enumerate(tokenizer.letters, 2)}
    rows = tokenizer(["The dog", "cat"]).numpy()
    assert rows.shape == (2, 2, 6)
    assert rows[0, 0].tolist() == [3, *(number[x] for x in "The"), 0, 0]
    assert rows[0, 1].tolist() == [1, 1, 1, 1, 0, 0]  # letters that nobody has seen
    assert not rows[1, 1].any()
    assert make(least_count=1, lowercase=False).get_vocabulary()[2:4] == ["'s", "."]


def test_of_long_words_both_ends_are_kept():
    tokenizer = make()
    number = {letter: n for n, letter in enumerate(tokenizer.letters, 2)}
    (row,) = tokenizer(["xxxyTheyz"]).numpy()[0].tolist()
    assert row == [1, *(number[x] for x in "xxxyz")]
    assert tokenizer(["naïve"]).numpy()[0, 0, -1] == number["e"]  # five letters fit


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=3))
def test_every_word_has_one_row_whatever_it_holds(tokenizer_and_reader, texts):
    tokenizer, reader = tokenizer_and_reader
    rows = tokenizer(texts).numpy()
    for row, text in zip(rows, texts, strict=True):
        count = len(text.encode("utf-8", "replace").split())
        assert np.count_nonzero(row[:, 0]) == count
        assert reader.encode(text) == row[: max(count, 1)].tolist()


@pytest.fixture(scope="module")
def tokenizer_and_reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer = make()
    write_portable(tokenizer, folder)
    return tokenizer, TextReader(folder)


def test_bytes_that_are_no_text_are_read():
    rows = make()([b"caf\xe9 \xff", "", "a\u00a0b c\x00d"]).numpy()
    assert np.count_nonzero(rows[:, :, 0], axis=1).tolist() == [2, 0, 2]


def test_it_grows_and_comes_back():
    tokenizer = make()
    grown = tokenizer.grown(["a dog , a dog , and a fox"])
    assert grown.get_vocabulary()[:4] == tokenizer.get_vocabulary()
    assert grown.get_vocabulary()[4:] == ["a", ",", "dog"]
    assert grown.letters == tokenizer.letters
    again = SpelledWordTokenizer.from_config(grown.get_config())
    np.testing.assert_array_equal(again(TEXTS), grown(TEXTS))
    assert tokenizer.grown(["a a dog dog"], most=1).get_vocabulary()[4:] == ["a"]


def test_what_is_wrong_is_told():
    for options, error in (
        ({"vocabulary": ["a"]}, "`vocabulary` and `letters` must be given both"),
        (
            {"vocabulary": ["a", "a"], "letters": "a"},
            "`vocabulary` must hold each once",
        ),
        ({"vocabulary": ["a"], "letters": "aa"}, "`letters` must hold each once"),
        ({"max_letters": 1}, "`max_letters` must be an integer of at least 2"),
        (
            {"vocabulary": ["a", "b"], "letters": "", "max_tokens": 3},
            "must have at most max_tokens=3 words",
        ),
    ):
        with pytest.raises(ValueError, match=error):
            SpelledWordTokenizer(**options)
    with pytest.raises(ValueError, match="has no vocabulary yet"):
        SpelledWordTokenizer()(["a"])
