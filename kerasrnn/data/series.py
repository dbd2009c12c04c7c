"""Time series: of a TFDS data set, or of a file of series,time,value."""

import csv
import dataclasses
import datetime
import math
import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasrnn.data.tfds_builder import prepared_builder, unknown_split
from kerasrnn.data.user_file import read_lines

COLUMNS = ("series", "time", "value")
# Steps of a series, at most: more are a wrong unit of time.
MOST_STEPS = 1_000_000
NUMBER, MONTH, DAY = FORMS = (r"-?\d{1,18}", r"\d{4}-\d{2}", r"\d{4}-\d{2}-\d{2}")
MISSING = ("", "na", "nan", "null", "none")


@dataclasses.dataclass(frozen=True)
class SeriesSet:
    """Series by name, each with all its values in the order of time.

    Args:
        names: Of each series.
        values: Of each its values (T,), NaN where one is missing.
    """

    names: tuple[str, ...]
    values: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.names)

    def before(self, steps: int) -> "SeriesSet":
        """Without the last `steps` of each; series that end there are left out."""
        pairs = zip(self.names, self.values, strict=True)
        kept = [(name, v[: len(v) - steps]) for name, v in pairs if len(v) > steps]
        return SeriesSet(*map(tuple, zip(*kept, strict=True))) if kept else EMPTY


EMPTY = SeriesSet((), ())


def load_series(
    name: str, split: str, *, data_dir: str | os.PathLike | None = None
) -> SeriesSet:
    """The series of a TFDS data set that has `id`, `past` and `future`.

    Args:
        name: Such as `"m3_competition"`.
        split: What TFDS calls it, such as `"monthly"`.
        data_dir: TFDS's data directory; None: its default.

    Raises:
        ValueError: There is no such data set or split, or it has other features.
        FetchError: The data set is not on this machine and cannot be fetched.
    """
    expected = "`name` must be a data set of series that TFDS knows"
    builder = prepared_builder(name, data_dir, expected=expected)
    lacking = {"id", "past", "future"} - set(builder.info.features)
    if lacking:
        raise ValueError(f"{expected}; got {name!r}, without {', '.join(lacking)}.")
    if split not in builder.info.splits:
        raise unknown_split(builder, split)
    rows = sorted(_rows(builder, split), key=lambda row: row[0])
    return SeriesSet(*map(tuple, zip(*rows, strict=True)))


def _rows(builder, split):
    dataset = builder.as_dataset(split=split, shuffle_files=False)
    for row in dataset.as_numpy_iterator():
        whole = np.concatenate([row["past"], row["future"]])
        yield row["id"].decode("utf-8"), whole


def read_series(path: str | os.PathLike) -> SeriesSet:
    r"""The series of a UTF-8 file with a line `series,time,value` for each value.

    The order of lines is free, and a first line of titles may be there. A time is a
    whole number, a month (2024-07) or a day (2024-07-31); what is between the times of
    a series without a line of its own is missing, and so is an empty value or `nan`.
    A step is the greatest that leads to all times of the file: days 7 apart are weeks,
    the first of each month are months.

    Args:
        path: The file.

    Raises:
        ValueError: The file cannot be read, or a line is not as above, which is named.

    Example:

    >>> import pathlib
    >>> lines = ["series,time,value", "a,2024-04,4", "a,2024-01,1", "a,2024-03,3"]
    >>> size = pathlib.Path("sales.csv").write_text("\n".join(lines))
    >>> read_series("sales.csv").values
    (array([ 1., nan,  3.,  4.]),)
    """
    found: dict[str, dict[str, tuple[float, int]]] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        row = next(csv.reader([line]))
        if len(row) != 3:
            raise ValueError(
                f"{path}, line {number}: must be series,time,value; got {len(row)} "
                f"columns: {line[:80]!r}."
            )
        name, time, text = (cell.strip() for cell in row)
        if number == 1 and not found and _is_title(time, text):
            continue
        of_series = found.setdefault(name, {})
        if time in of_series:
            raise ValueError(
                f"{path}, line {number}: must be another time than line "
                f"{of_series[time][1]} of the series {name!r}; got {time!r} again."
            )
        of_series[time] = (_number(text, path, number), number)
    if not found:
        raise ValueError(f"{path} must have a line series,time,value; it has none.")
    numbers = _numbers_of_times(found, path)
    step = 0
    for times in numbers.values():
        step = math.gcd(step, *(time - min(times) for time in times))
    return SeriesSet(
        tuple(found),
        tuple(
            _laid_out(numbers[name], list(found[name].values()), step or 1, name, path)
            for name in found
        ),
    )


def _is_title(time, text):
    return not re.search(r"\d", time) and text.lower() not in MISSING


def _number(text, path, number):
    if text.lower() in MISSING:
        return np.nan
    try:
        value = float(text)
    except ValueError:
        value = np.inf
    if not np.isfinite(value):
        raise ValueError(
            f"{path}, line {number}: the value must be a finite number, or empty where "
            f"it is missing; got {text!r}."
        )
    return value


def _numbers_of_times(found, path):
    """The times of each series as whole numbers, of one unit in the whole file."""
    texts = [time for of_series in found.values() for time in of_series]
    form = next((form for form in FORMS if re.fullmatch(form, texts[0])), None)
    for of_series in found.values():
        for time, (_, number) in of_series.items():
            if form is None or not re.fullmatch(form, time) or not _is_day(time, form):
                raise ValueError(
                    f"{path}, line {number}: the time must be a whole number, a month "
                    "(2024-07) or a day (2024-07-31), and of one kind in all lines; "
                    f"got {time!r}."
                )
    days = {time[8:] for time in texts}
    # The same day of each month stands for the month.
    is_monthly = form == MONTH or (form == DAY and len(days) == 1 < len(texts))
    unit = int if form == NUMBER else _month if is_monthly else _day
    return {name: [unit(time) for time in times] for name, times in found.items()}


def _is_day(time, form):
    """Whether a time is in the calendar, where it is to be."""
    if form == NUMBER:
        return True
    try:
        datetime.date.fromisoformat(time if form == DAY else f"{time}-01")
    except ValueError:
        return False
    return True


def _month(time):
    return int(time[:4]) * 12 + int(time[5:7]) - 1


def _day(time):
    return datetime.date.fromisoformat(time).toordinal()


def _laid_out(times, values, step, name, path):
    first = min(times)
    steps = (max(times) - first) // step + 1
    if steps > MOST_STEPS:
        raise ValueError(
            f"{path}: the series {name!r} must have at most {MOST_STEPS:,} steps; from "
            f"its first time to its last there are {steps:,}."
        )
    series = np.full(steps, np.nan)
    for time, (value, _) in zip(times, values, strict=True):
        series[(time - first) // step] = value
    return series


def origins_of(
    series: Sequence[np.ndarray], *, horizon: int, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Every place from which a series can be forecast and the truth be told.

    Args:
        series: Of any lengths.
        horizon: Steps ahead, all of which must be inside.
        first: Steps before it, at least.

    Returns:
        The numbers of series (N,) and how many steps are before the origin (N,), of
        which one at least has a value, as has one of those ahead.

    Example:

    >>> rows, origins = origins_of([np.arange(5.0), np.arange(9.0)], horizon=3, first=4)
    >>> rows, origins
    (array([1, 1, 1]), array([4, 5, 6]))
    """
    rows, origins = [], []
    for row, values in enumerate(series):
        there = np.concatenate([[0], np.cumsum(np.isfinite(values))])
        for origin in range(max(first, 1), len(values) - horizon + 1):
            if there[origin] and there[origin + horizon] > there[origin]:
                rows.append(row)
                origins.append(origin)
    return np.array(rows, int), np.array(origins, int)


def series_windows(
    series: Sequence[np.ndarray],
    *,
    length: int,
    horizon: int,
    rows: np.ndarray,
    origins: np.ndarray,
) -> Any:
    """A `tf.data.Dataset` of windows: the past (length,) and the future (horizon,).

    Before a series begins, and after it ends, values are missing (NaN).

    Args:
        series: Of any lengths.
        length: Steps of the past.
        horizon: Steps ahead.
        rows: (N,) the number of the series of each window.
        origins: (N,) how many of its steps are past, as `origins_of` gives them.

    Example:

    >>> windows = series_windows(
    ...     [np.arange(5.0)], length=3, horizon=2, rows=[0, 0], origins=[2, 4]
    ... )
    >>> [past.tolist() for past, _ in windows.as_numpy_iterator()]
    [[nan, 0.0, 1.0], [1.0, 2.0, 3.0]]
    >>> [future.tolist() for _, future in windows.as_numpy_iterator()]
    [[2.0, 3.0], [4.0, nan]]
    """
    import tensorflow as tf

    ends = np.cumsum([length + len(one) + horizon for one in series])
    starts = np.concatenate([[0], ends[:-1]]).astype("int64")
    lacking = (np.full(length, np.nan), np.full(horizon, np.nan))
    laid_out = [part for one in series for part in (lacking[0], one, lacking[1])]
    everything = tf.constant(np.concatenate(laid_out), tf.float32)
    places = starts[np.asarray(rows, int)] + np.asarray(origins, int)

    def cut(place):
        window = everything[place : place + length + horizon]
        return (
            tf.ensure_shape(window[:length], (length,)),
            tf.ensure_shape(window[length:], (horizon,)),
        )

    return tf.data.Dataset.from_tensor_slices(places).map(cut)
