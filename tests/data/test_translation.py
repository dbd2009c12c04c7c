import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.data import TextPairs, batches_by_length, load_translation, read_pairs


def write(path, lines):
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_file_of_pairs(tmp_path):
    lines = [f"sentence {i}\tfrase {i} é" for i in range(60)]
    lines[7:7] = ["", "\t", "  \t "]
    path = write(tmp_path / "pairs.tsv", ["\ufeffone two three\tuno", *lines, "no\t"])
    parts = read_pairs(path, ("en", "es"))
    found = {}
    for split, pairs in parts.items():
        assert pairs.languages == ("en", "es")
        for source, target in zip(pairs.sources, pairs.targets, strict=True):
            digit = int(hashlib.sha1(source.encode()).hexdigest(), 16) % 10
            assert split == {0: "test", 1: "validation"}.get(digit, "train")
            found[source] = target
    assert found == {
        "one two three": "uno",
        **{f"sentence {i}": f"frase {i} é" for i in range(60)},
    }
    assert sum(pairs.left_out for pairs in parts.values()) == 1
    loaded = [
        load_translation(path, split, max_words=2)
        for split in ("train", "validation", "test")
    ]
    # "frase 1 é" has three words.
    assert [len(pairs) for pairs in loaded] == [0, 0, 0]
    assert sum(pairs.left_out for pairs in loaded) == 62
    assert len(load_translation(path, "train", max_words=3)) == len(parts["train"])


@pytest.mark.parametrize(
    "lines, message",
    [
        (["a\tb", "a b"], r"line 2: must be source<tab>target; got 1 column: 'a b'"),
        (["a\tb\tc"], r"line 1: .*got 3 columns"),
        (["a\tb"], "holds 1 pairs, too few: none fell into"),
    ],
)
def test_files_that_are_not_like_that(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        read_pairs(write(tmp_path / "pairs.tsv", lines))


def test_other_mistakes(tmp_path):
    with pytest.raises(ValueError, match=r"Cannot read .*none.tsv"):
        load_translation(tmp_path / "none.tsv")
    with pytest.raises(ValueError, match=r"`split` must be one of .*; got 'dev'"):
        load_translation(tmp_path / "none.tsv", "dev")
    (tmp_path / "latin.tsv").write_bytes(b"a\tb\ncaf\xe9\tc")
    with pytest.raises(ValueError, match="line 2: must be UTF-8; byte 3 is 0xe9"):
        read_pairs(tmp_path / "latin.tsv")
    with pytest.raises(ValueError, match="each of the 1 sources; got 2"):
        TextPairs(np.array(["a"]), np.array(["b", "c"]), ("en", "es"))
    one = TextPairs(np.array(["a"]), np.array(["b"]), ("en", "es"))
    other = TextPairs(np.array(["a"]), np.array(["b"]), ("en", "de"))
    with pytest.raises(ValueError, match="the same languages"):
        one + other
    assert repr(one + one) == "TextPairs(2 en-es, 0 left out)"


LENGTHS = st.lists(
    st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=0, max_size=80
)


@settings(max_examples=100, deadline=None)
@given(LENGTHS, st.integers(1, 100), st.integers(0, 3))
def test_batches_hold_every_example_once_and_fit(lengths, max_tokens, epoch):
    lengths = np.array(lengths).reshape(-1, 2)
    options = {"max_tokens": max_tokens, "seed": 1, "epoch": epoch}
    batches = batches_by_length(lengths, **options)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        width = lengths[batch].max()
        assert len(batch) == 1 or width * len(batch) <= max_tokens
    again = batches_by_length(lengths, **options)
    assert [b.tolist() for b in batches] == [b.tolist() for b in again]


def test_little_is_padding_and_epochs_differ():
    generator = np.random.default_rng(0)
    source = generator.integers(5, 60, 3000)
    lengths = np.stack([source, source + generator.integers(-4, 5, 3000)], 1)
    one, two = (
        batches_by_length(lengths, max_tokens=2000, seed=0, epoch=e) for e in (0, 1)
    )
    padded = sum(lengths[batch].max() * len(batch) for batch in one)
    assert lengths.max(1).sum() / padded > 0.97
    # Full batches, in another order and of other examples every epoch.
    assert len(one) < 1.15 * lengths.max(1).sum() / 2000 + 2
    assert [b.tolist() for b in one] != [b.tolist() for b in two]
    assert {frozenset(b) for b in one} != {frozenset(b) for b in two}
    with pytest.raises(ValueError, match="`max_tokens` must be a positive integer"):
        batches_by_length(lengths, max_tokens=0, seed=0, epoch=0)
    with pytest.raises(ValueError, match=r"`lengths` must be .*; got \(2, 2, 2\)"):
        batches_by_length(np.ones((2, 2, 2)), max_tokens=9, seed=0, epoch=0)


def test_datasets_of_batches():
    texts = np.array(["a", "b", "c", "d é"], dtype=object)
    pairs = TextPairs(texts, texts[::-1].copy(), ("x", "y"))
    order = [np.array([3, 0]), np.array([1]), np.array([2])]
    found = [
        ([s.decode() for s in a.numpy()], [t.decode() for t in b.numpy()])
        for a, b in pairs.batches(order)
    ]
    assert found == [(["d é", "a"], ["a", "d é"]), (["b"], ["c"]), (["c"], ["b"])]
    assert list(pairs.batches([])) == []


def test_a_data_set_of_tfds(monkeypatch):
    import tensorflow as tf

    import kerasrnn.data.translation as module

    class Builder:
        class info:  # noqa: N801
            supervised_keys = ("en", "es")
            splits = {"train": None}

        def as_dataset(self, split, batch_size, shuffle_files):
            if split != "train":
                raise ValueError("no such split")
            texts = ["yes", "", "one two three"], ["sí", "nada", "uno"]
            return dict(zip(("en", "es"), map(tf.constant, texts), strict=True))

    monkeypatch.setattr(module, "prepared_builder", lambda name, data_dir: Builder())
    pairs = load_translation("bible_en_es", languages=("es", "en"), max_words=2)
    assert (pairs.sources.tolist(), pairs.targets.tolist()) == (["sí"], ["yes"])
    assert pairs.left_out == 2 and pairs.languages == ("es", "en")
    with pytest.raises(ValueError, match="`languages` must be two of bible_en_es"):
        load_translation("bible_en_es", languages=("en", "de"))
    with pytest.raises(ValueError, match="`split` must be made of train; got 'dev'"):
        load_translation("bible_en_es", "dev")
