import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.text import CharacterStreams, CharacterText, CharacterTokenizer


def numbered(lengths):
    """A text in which every character is another: 2, 3, and so on."""
    ends = np.cumsum(lengths)
    return CharacterText(np.arange(2, 2 + ends[-1]).astype("uint16"), ends)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(1, 23), min_size=1, max_size=6),
    st.integers(1, 7),
    st.integers(1, 9),
)
def test_every_character_is_a_target_once(lengths, batch_size, chunk):
    text = numbered(lengths)
    streams = CharacterStreams(text, batch_size, chunk)
    first_of_documents = {
        2 + end - n for end, n in zip(text.ends, lengths, strict=True)
    }
    found, rows, taken = [], [[] for _ in range(batch_size)], [0] * batch_size
    for step in range(len(streams)):
        (inputs, fresh), targets, weights = streams.batch(step)
        assert inputs.shape == targets.shape == weights.shape == (batch_size, chunk)
        assert fresh.shape == (batch_size,) and fresh.dtype == bool
        assert (inputs.dtype, targets.dtype, weights.dtype) == ("i4", "i4", "f4")
        assert set(np.unique(weights)) <= {0.0, 1.0}
        assert not inputs[weights == 0].any() and not targets[weights == 0].any()
        for row in range(batch_size):
            there = weights[row] == 1
            count = there.sum()
            # What is there is at the left.
            assert there[:count].all()
            took = targets[row, :count].tolist()
            # The character before each, or the start of its document.
            before = [0 if c in first_of_documents else c - 1 for c in took]
            assert inputs[row, :count].tolist() == before
            begins = bool(took) and took[0] in first_of_documents
            assert fresh[row] == (begins or step == 0)
            # A document never begins inside a chunk.
            assert not first_of_documents & set(took[1:])
            rows[row] += took
            taken[row] += bool(took)
            found += took
    assert sorted(found) == list(range(2, 2 + sum(lengths)))
    # Rows are contiguous, and the next begins where the one before ended.
    assert [c for row in rows for c in row] == list(range(2, 2 + sum(lengths)))
    chunks = sum(-(-length // chunk) for length in lengths)
    assert len(streams) == -(-chunks // batch_size)
    # All have the same number of chunks, until there are no more.
    expected = [
        min(len(streams), max(0, chunks - b * len(streams))) for b in range(batch_size)
    ]
    assert taken == expected


def test_a_batch_by_hand():
    streams = CharacterStreams(numbered([5, 1, 4]), batch_size=2, chunk=2)
    assert len(streams) == 3
    (inputs, fresh), targets, weights = streams.batch(0)
    np.testing.assert_array_equal(inputs, [[0, 2], [0, 0]])
    np.testing.assert_array_equal(targets, [[2, 3], [7, 0]])
    np.testing.assert_array_equal(weights, [[1, 1], [1, 0]])
    np.testing.assert_array_equal(fresh, [True, True])
    (inputs, fresh), targets, weights = streams.batch(1)
    np.testing.assert_array_equal(inputs, [[3, 4], [0, 8]])
    np.testing.assert_array_equal(targets, [[4, 5], [8, 9]])
    np.testing.assert_array_equal(fresh, [False, True])
    (inputs, fresh), targets, weights = streams.batch(2)
    np.testing.assert_array_equal(inputs, [[5, 0], [9, 10]])
    np.testing.assert_array_equal(targets, [[6, 0], [10, 11]])
    np.testing.assert_array_equal(fresh, [False, False])


def test_a_row_in_the_middle_of_a_document_starts_with_the_character_before():
    streams = CharacterStreams(numbered([6]), batch_size=3, chunk=2)
    (inputs, fresh), targets, _ = streams.batch(0)
    np.testing.assert_array_equal(inputs, [[0, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(targets, [[2, 3], [4, 5], [6, 7]])
    assert fresh.all()


def test_rows_without_text():
    streams = CharacterStreams(numbered([2]), batch_size=3, chunk=5)
    (inputs, _), targets, weights = streams.batch(0)
    np.testing.assert_array_equal(targets, [[2, 3, 0, 0, 0], [0] * 5, [0] * 5])
    np.testing.assert_array_equal(inputs[1:], 0)
    np.testing.assert_array_equal(weights.sum(1), [2, 0, 0])


def test_a_dataset_has_the_steps_in_their_order():
    streams = CharacterStreams(numbered([9, 14, 3]), batch_size=2, chunk=4)
    steps = [3, 0, 2, 2]
    dataset = streams.dataset(steps)
    assert dataset.cardinality() == 4
    (inputs, fresh), targets, weights = dataset.element_spec
    assert inputs.shape == targets.shape == weights.shape == (2, 4)
    assert (inputs.dtype, fresh.dtype, weights.dtype) == (tf.int32, tf.bool, tf.float32)
    for _ in range(2):  # and again in the next epoch
        batches = list(dataset.as_numpy_iterator())
        assert len(batches) == 4
        for step, batch in zip(steps, batches, strict=True):
            expected = tf.nest.flatten(streams.batch(step))
            for one, other in zip(tf.nest.flatten(batch), expected, strict=True):
                np.testing.assert_array_equal(one, other)
    assert list(streams.dataset([])) == []


def test_from_a_file_as_from_memory(tmp_path):
    text = numbered([30, 12])
    text.ids.tofile(tmp_path / "ids")
    mapped = CharacterText(np.memmap(tmp_path / "ids", "uint16", mode="r"), text.ends)
    for step in range(3):
        one, other = (CharacterStreams(t, 4, 5).batch(step) for t in (text, mapped))
        for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
            np.testing.assert_array_equal(a, b)
            assert type(b) is np.ndarray  # in memory, nothing that holds the file


def test_a_text_of_documents():
    tokenizer = CharacterTokenizer("ab\n")
    text = CharacterText.of_documents(["ab", "", "b\n!"], tokenizer)
    np.testing.assert_array_equal(text.ids, [3, 4, 4, 2, 1])
    np.testing.assert_array_equal(text.ends, [2, 5])
    assert text.ids.dtype == np.uint8 and text.ends.dtype == np.int64
    assert len(text) == 5
    assert repr(text) == "CharacterText(5 characters in 2 documents)"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: CharacterText(np.zeros(0, "uint8"), [0]), "`ids` must be integers"),
        (lambda: CharacterText(np.zeros(3), [3]), "got float64 of shape"),
        (lambda: CharacterText(np.ones(3, "uint8"), [2]), r"the 3 .*; got \[2\]"),
        (lambda: CharacterText(np.ones(3, "uint8"), [2, 2, 3]), "`ends` must rise"),
        (lambda: CharacterText(np.ones(3, "uint8"), []), "`ends` must rise"),
        (
            lambda: CharacterText.of_documents(["", ""], CharacterTokenizer("a")),
            "`documents` must hold a character at least",
        ),
        (
            lambda: CharacterText.of_documents("ab", CharacterTokenizer("a")),
            "a list of strings; got one string",
        ),
        (lambda: CharacterStreams(numbered([3]), 0), "`batch_size` must .*; got 0"),
        (lambda: CharacterStreams(numbered([3]), 1, chunk=1.5), "`chunk` .* got 1.5"),
        (lambda: CharacterStreams(numbered([3]), 1).batch(1), "from 0 to 0; got 1"),
        (lambda: CharacterStreams(numbered([3]), 1).batch(-1), "from 0 to 0; got -1"),
        (
            lambda: CharacterStreams(numbered([3]), 1, 1).dataset([0, 3]),
            "`steps` must be from 0 to 2; got 3",
        ),
    ],
)
def test_what_is_wrong_is_told(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
