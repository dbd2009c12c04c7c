import collections
import csv
import hashlib
import io
import pathlib
import tarfile
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kerasrnn.data import FetchError, load_text_classification, movie_snippets
from kerasrnn.data.splits import split_of

SNIPPETS = [
    ("1", 2.27, "A splash even greater than ''Conan''."),
    ("2", -3.5, "The cliché of clichés – dull."),
    ("3", 0.3, "Neither here nor there."),
    ("4", -0.300001, "Just on this side."),
    ("5", 1.0, "Fine."),
    *[(str(i), (-1.0) ** i, f"Snippet number {i}.") for i in range(6, 60)],
]
LEXICON = [
    "(:\t1.5\t0.8\t[1]",
    "good\t1.9\t0.9\t[2]",
    "good\t1.0\t0.9\t[1]",
    "XD\t2\t1\t[2]",
]
# The fifth repeats a snippet to validate, but for what `_bare` leaves out.
REVIEWS = [
    ("<br /><br />".join(f"w{number}" for number in range(100)), "1", "imdb"),
    ('Dull, she said: "dull" — twice.', "0", "imdb"),
    ("Snippet number 6.", "1", "rotten_tomatoes"),
    ("Some other sentence.", "0", "rotten_tomatoes"),
    ("snippet -- NUMBER {judged}!", "1", "imdb"),
]


def wheel_bytes():
    judged = next(key for key, *_ in SNIPPETS[5:] if split_of(key) == "validation")
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["text", "label", "source"])
    writer.writerows((text.format(judged=judged), *more) for text, *more in REVIEWS)
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr(movie_snippets.REVIEW_TABLE, table.getvalue())
    return wheel.getvalue()


def archive_bytes():
    snippets = "".join(f"{a}\t{b}\t{c}\r\n" for a, b, c in SNIPPETS).encode()
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as files:
        for name, content in (
            (movie_snippets.SNIPPETS, snippets),
            (movie_snippets.LEXICON, "\n".join(LEXICON).encode()),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            files.addfile(member, io.BytesIO(content))
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as files:
        files.writestr(movie_snippets.INNER_ARCHIVE, inner.getvalue())
    return outer.getvalue()


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    contents = {
        movie_snippets.ARCHIVE: archive_bytes,
        movie_snippets.REVIEWS: wheel_bytes,
    }

    def fetch(file, directory):
        path = tmp_path / file.filename
        path.write_bytes(contents[file]())
        return path

    monkeypatch.setattr(movie_snippets, "fetch", fetch)
    return tmp_path / "data"


def test_tfds_loads_it_by_name(data_dir):
    splits, info = tfds.load("movie_snippets", data_dir=data_dir, with_info=True)
    found = {}
    for split in ("train", "validation", "test"):
        for row in tfds.as_numpy(splits[split]):
            found[row["id"].decode()] = (split, row)
    # The third is rated too near to nought.
    assert sorted(found) == sorted(key for key, *_ in SNIPPETS if key != "3")
    for key, rating, text in SNIPPETS:
        if key == "3":
            continue
        split, row = found[key]
        digit = int(hashlib.sha1(key.encode()).hexdigest(), 16) % 10
        assert split == {0: "test", 1: "validation"}.get(digit, "train")
        assert row["text"].decode() == text
        assert row["label"] == (rating > 0)
        np.testing.assert_allclose(row["rating"], rating, rtol=1e-6)
    assert collections.Counter(split for split, _ in found.values()) == {
        "train": 46,
        "validation": 8,
        "test": 4,
    }
    assert info.features["label"].names == ["negative", "positive"]
    assert "Hutto" in info.citation
    words = {r["id"].decode(): r for r in tfds.as_numpy(splits["lexicon"])}
    assert sorted(words) == ["lexicon-2", "lexicon-3"]
    assert words["lexicon-2"]["text"] == b"good"
    negated = [*tfds.as_numpy(splits["negated"])]
    assert sorted(round(float(row["rating"]), 3) for row in negated) == [
        *(-1.406, -1.406),
        *(-0.74, -0.74),
    ]
    assert all(b"good" in row["text"] and row["label"] == 0 for row in negated)
    assert len({row["id"] for row in negated}) == 4
    contrasted = [*tfds.as_numpy(splits["contrasted"])]
    # 0.5 · 1.9 + 1.5 · 1.0, and the other way round.
    assert {round(float(row["rating"]), 2) for row in contrasted} == {2.45, 3.35}
    assert all(row["text"].count(b"good") == 2 for row in contrasted)


def test_reviews_are_cut_and_none_is_judged(data_dir):
    splits, info = tfds.load("movie_snippets", data_dir=data_dir, with_info=True)
    rows = {row["id"].decode(): row for row in tfds.as_numpy(splits["reviews"])}
    assert {
        key: (row["text"].decode(), row["rating"]) for key, row in rows.items()
    } == {
        "review-1-first": (" ".join(f"w{n}" for n in range(40)), 4.0),
        "review-1-last": (" ".join(f"w{n}" for n in range(60, 100)), 4.0),
        "review-2-first": ('Dull, she said: "dull" — twice.', -4.0),
        "review-2-last": ('Dull, she said: "dull" — twice.', -4.0),
    }
    assert [rows[key]["label"] for key in sorted(rows)] == [1, 1, 0, 0]
    assert "Maas" in info.citation


def test_examples_of_it(data_dir):
    certain = load_text_classification("movie_snippets", "test", data_dir=data_dir)
    assert certain.label_names == ("negative", "positive")
    np.testing.assert_array_equal(certain.targets.argmax(1), certain.labels)
    assert set(certain.targets.ravel()) == {0.0, 1.0}
    words = load_text_classification(
        "movie_snippets",
        "lexicon",
        rating_sharpness=2.0,
        weight=0.5,
        data_dir=data_dir,
    )
    order = np.argsort(words.targets[:, 1])
    probabilities = 1 / (1 + np.exp([-2.0, -3.8]))
    np.testing.assert_allclose(words.targets[order, 1], probabilities, rtol=1e-6)
    np.testing.assert_allclose(words.targets.sum(1), 1, rtol=1e-6)
    both = certain + words
    assert list(both.texts) == [*certain.texts, "good", "good"]
    np.testing.assert_array_equal(both.weights, [1.0] * 4 + [0.5] * 2)


def test_the_order_is_the_same_every_time(data_dir):
    one, two = (
        load_text_classification("movie_snippets", "train", data_dir=data_dir)
        for _ in range(2)
    )
    assert list(one.texts) == list(two.texts)


def test_a_wrong_split(data_dir):
    with pytest.raises(ValueError, match=r"made of .*lexicon.*; got 'dev'"):
        load_text_classification("movie_snippets", "dev", data_dir=data_dir)


def test_no_network_is_said_at_once(tmp_path, monkeypatch):
    def fail(file, directory):
        raise FetchError("Could not fetch it.")

    monkeypatch.setattr(movie_snippets, "fetch", fail)
    with pytest.raises(FetchError, match="Could not fetch it"):
        load_text_classification("movie_snippets", data_dir=tmp_path)


@pytest.mark.slow
def test_the_real_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path))
    splits = tfds.load("movie_snippets", data_dir=tmp_path)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 8214,
        "validation": 1042,
        "test": 1055,
        "lexicon": 7224,
        "negated": 12096,
        "contrasted": 3000,
        "reviews": 50000,
    }
    # What the classifier is judged by beside the test split is nowhere to be learned.
    file = pathlib.Path(__file__).parents[2] / "benchmarks" / "negations.tsv"
    judged = {line.split("\t")[1] for line in file.read_text().splitlines()}
    assert len(judged) == 60
    for split in splits.values():
        texts = {row["text"].decode() for row in tfds.as_numpy(split)}
        assert not texts & judged
