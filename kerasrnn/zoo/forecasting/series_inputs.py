"""Series as `fit`, `evaluate` and `predict` are given them, made into windows."""

from typing import Any

import numpy as np

# A model takes what is further from zero for missing; and one that works on logarithms
# what is nearer to it, too.
LARGEST, SMALLEST = 1e30, 1e-30


def as_windows(
    x: Any, length: int, *, name: str = "x", positive: bool = False
) -> np.ndarray:
    """The ends of series as an array (N, length), NaN before those that are shorter.

    Args:
        x: Series of any lengths: a list of sequences of numbers, an array (N, T), or
            a pandas data frame with a series a row. None and NaN are missing values.
        length: Steps of a window.
        name: Of the argument, for errors.
        positive: Whether values must be above zero.

    Raises:
        ValueError: There is no series, or one without a value, or with one of 1e30 or
            more in size, or where they must be above zero with one that is not.
        TypeError: These are no numbers.

    Example:

    >>> as_windows([[1, 2, 3], [4]], 2)
    array([[ 2.,  3.],
           [nan,  4.]], dtype=float32)
    """
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    elif hasattr(x, "numpy"):
        x = x.numpy()
    if not isinstance(x, (list, tuple, np.ndarray)):
        raise TypeError(
            f"`{name}` must be a list of series, an array (series, steps) or a "
            f"tf.data.Dataset of windows; got {type(x).__name__}."
        )
    if len(x) == 0:
        raise ValueError(f"`{name}` must hold at least one series; got none.")
    if np.ndim(x[0]) == 0:
        raise ValueError(
            f"`{name}` must be a list of series, each of numbers; got one series, or "
            "something else. Put it in a list: [series]."
        )
    windows = np.full((len(x), length), np.nan, "float32")
    for index, one in enumerate(x):
        series = as_series(one, f"{name}[{index}]", positive=positive)
        kept = series[-length:]
        if not np.isfinite(kept).any():
            raise ValueError(
                f"`{name}[{index}]` must have a value among its last {length} steps; "
                f"all {len(kept)} are missing."
            )
        windows[index, length - len(kept) :] = kept
    return windows


def as_series(values: Any, name: str, *, positive: bool = False) -> np.ndarray:
    """One series (T,) of float32; NaN where a value is missing.

    Args:
        values: Numbers, None or NaN where one is missing.
        name: What it is, for errors.
        positive: Whether values must be above zero.
    """
    try:
        series = np.asarray(values, "float64")
    except (TypeError, ValueError) as error:
        raise TypeError(f"`{name}` must hold numbers; {error}.") from None
    if series.ndim != 1 or not len(series):
        raise ValueError(
            f"`{name}` must be a series (steps,) of one value or more; got the shape "
            f"{series.shape}."
        )
    check_values(series, name, positive=positive)
    return series.astype("float32")


def check_values(values: np.ndarray, name: str, *, positive: bool) -> None:
    """Raise a ValueError where values are no numbers that a model can read.

    Args:
        values: Of any shape; NaN where one is missing.
        name: What they are, for the error.
        positive: Whether values must be above zero.
    """
    with np.errstate(over="ignore"):
        rounded = np.asarray(values, "float32")
    fits = np.isnan(values) | (np.abs(rounded) < LARGEST)
    if not fits.all():
        raise ValueError(
            f"`{name}` must hold finite numbers of less than {LARGEST:g} in size, or "
            f"NaN where one is missing; got {values[~fits].flat[0]}."
        )
    if positive and (rounded < SMALLEST).any():
        raise ValueError(
            f"`{name}` must be above zero, {SMALLEST:g} at least, for a model with "
            f"`log=True`; got {values[rounded < SMALLEST].flat[0]}. Make it with "
            "log=False for numbers of any sign."
        )


def check_futures(y: Any, horizon: int, *, positive: bool) -> None:
    """Raise a ValueError where these are no true values (N, horizon) to learn from."""
    if y.ndim != 2 or y.shape[1] != horizon or y.dtype.kind not in "iufb":
        raise ValueError(
            f"`y` must hold the next {horizon} values of each series, (series, "
            f"{horizon}); got {y.dtype} values of shape {y.shape}."
        )
    check_values(y, "y", positive=positive)
