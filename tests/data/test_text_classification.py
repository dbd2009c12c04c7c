import hashlib

import numpy as np
import pytest
import requests

from kerasrnn.data import Examples, FetchError, load_text_classification, read_tsv

ROWS = [(("bad", "good", "mixed")[i % 3], f"text number {i} é") for i in range(100)]


def write(path, rows, header=None, encoding="utf-8", end="\n"):
    lines = ["\t".join(row) for row in ([header] if header else []) + list(rows)]
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


def test_tsv(tmp_path):
    path = write(tmp_path / "my.tsv", ROWS)
    splits = read_tsv(path)
    assert {name: len(part) for name, part in splits.items()} == {
        "train": 75,
        "validation": 13,
        "test": 12,
    }
    found = {}
    for name, part in splits.items():
        assert part.label_names == ("bad", "good", "mixed")
        for text, label in zip(part.texts, part.labels, strict=True):
            found[text] = part.label_names[label]
            digit = int(hashlib.sha1(text.encode()).hexdigest(), 16) % 10
            assert name == {0: "test", 1: "validation"}.get(digit, "train")
    assert found == {text: label for label, text in ROWS}


@pytest.mark.parametrize(
    "header, encoding, end",
    [
        (("label", "text"), "utf-8", "\n"),
        (("Text", "Label"), "utf-8-sig", "\r\n"),
        (None, "utf-8-sig", "\n\n"),
    ],
)
def test_tsv_headers_and_line_ends(tmp_path, header, encoding, end):
    rows = [row[::-1] for row in ROWS] if header == ("Text", "Label") else ROWS
    path = write(tmp_path / "my.tsv", rows, header, encoding, end)
    plain = read_tsv(write(tmp_path / "plain.tsv", ROWS))
    for split, part in read_tsv(path).items():
        assert list(part.texts) == list(plain[split].texts)
        np.testing.assert_array_equal(part.labels, plain[split].labels)


def test_tsv_by_the_common_door(tmp_path):
    path = write(tmp_path / "my.tsv", ROWS)
    examples = load_text_classification(path, "test", weight=2.0)
    assert list(examples.texts) == list(read_tsv(path)["test"].texts)
    np.testing.assert_array_equal(examples.weights, [2.0] * 12)
    assert examples.targets.shape == (12, 3)
    with pytest.raises(ValueError, match=r"`split` must be one of train.*; got 'dev'"):
        load_text_classification(path, "dev")
    with pytest.raises(ValueError, match=r"`rating_sharpness` must be None.*got 1.0"):
        load_text_classification(path, "test", rating_sharpness=1.0)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "2 to 100 different labels; got 0"),
        (b"\n\n", "2 to 100 different labels; got 0"),
        (b"good\ta\ngood\tb\n", "2 to 100 different labels; got 1"),
        (b"good\ta\nbad b\n", "line 2: must be label<tab>text.*got 1 columns: 'bad b'"),
        (b"good\ta\n\nbad\tb\tc\n", "line 3: .*got 3 columns"),
        (b"good\ta\nbad\t \n", "line 2: .*both filled"),
        (b"text\tlabel\na\tgood\nb\n", "line 3: must be text<tab>label"),
        (b"good\ta\nbad\tna\xefve\n", "line 2: must be UTF-8; byte 6 is 0xef"),
        (b"good\ta\nbad\tb\n", "2 examples, too few: none fell into"),
    ],
)
def test_tsv_errors_name_the_line(tmp_path, content, message):
    path = tmp_path / "my.tsv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_tsv(path)


def test_tsv_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"Cannot read .*none.tsv: No such file"):
        read_tsv(tmp_path / "none.tsv")


def test_a_data_set_that_is_not_there():
    with pytest.raises(ValueError, match=r"TFDS knows, or a .tsv file; got 'nope'"):
        load_text_classification("nope")


def test_tfds_own_without_network_is_said_at_once(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", unreachable)
    with pytest.raises(FetchError, match="imdb_reviews is not on this machine"):
        load_text_classification("imdb_reviews", data_dir=tmp_path)


def test_examples_must_fit_together():
    texts = np.array(["a", "b"], dtype=object)
    with pytest.raises(ValueError, match=r"`weights` must have one entry .*2 texts"):
        Examples(texts, np.array([0, 1]), ("x", "y"), weights=np.ones(3))
    one, two = (
        Examples(texts, np.array([0, 1]), names) for names in (("x", "y"), ("x", "z"))
    )
    with pytest.raises(ValueError, match="must have the same labels"):
        one + two
