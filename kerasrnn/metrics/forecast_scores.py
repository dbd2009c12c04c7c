"""How good forecasts of series are, beside what came."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def smape(true: ArrayLike, forecast: ArrayLike) -> np.ndarray:
    """Symmetric absolute percentage error of each value, 0 to 200.

    200 |y − ŷ| / (|y| + |ŷ|), and 0 where both are zero; NaN where y is.

    Args:
        true: y, of any shape.
        forecast: ŷ, of the same.

    Example:

    >>> smape([100.0, 0.0, np.nan], [110.0, 0.0, 5.0]).round(2).tolist()
    [9.52, 0.0, nan]

    Reference: Makridakis and Hibon 2000, appendix A.
    """
    y, forecast = np.asarray(true, "float64"), np.asarray(forecast, "float64")
    size = np.abs(y) + np.abs(forecast)
    error = 200 * np.abs(y - forecast)
    return np.divide(error, size, out=np.where(np.isnan(y), y, 0.0), where=size > 0)


def forecast_scores(
    true: ArrayLike,
    forecast: ArrayLike,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    *,
    past: Sequence[np.ndarray] | None = None,
    period: int = 1,
) -> dict:
    """Scores of forecasts of N series, J steps ahead; missing true values do not count.

    Args:
        true: (N, J), NaN where a value is missing.
        forecast: (N, J).
        low: (N, J) lower ends of intervals, or None.
        high: (N, J) upper ends.
        past: Of each series its values before, for `mase`, or None.
        period: Steps of a season, of the naive forecast that `mase` compares with.

    Returns:
        `smape`; `smape_by_horizon`, J of them; with `past` `mase`, the mean absolute
        error over that of the seasonal naive forecast within the past; with `low` and
        `high` `coverage`, the share of true values in the interval.

    Example:

    >>> scores = forecast_scores([[10, 12]], [[10, 10]], past=[np.array([8, 9, 8])])
    >>> round(scores["smape"], 2), scores["mase"]
    (9.09, 1.0)
    """
    y, forecast = np.asarray(true, "float64"), np.asarray(forecast, "float64")
    if y.shape != forecast.shape or y.ndim != 2:
        raise ValueError(
            "`true` and `forecast` must have one shape (series, steps); got "
            f"{y.shape} and {forecast.shape}."
        )
    there = np.isfinite(y)
    if not there.any():
        raise ValueError("`true` must hold one value or more; all are missing.")
    errors = smape(y, forecast)
    counts = np.maximum(there.sum(axis=0), 1)
    scores: dict = {
        "smape": float(errors[there].mean()),
        "smape_by_horizon": (np.nansum(errors, axis=0) / counts).tolist(),
    }
    if past is not None:
        sizes = np.array([_naive_error(one, period) for one in past])
        scaled = np.abs(y - forecast) / np.where(sizes > 0, sizes, np.nan)[:, None]
        if np.isfinite(scaled).any():
            scores["mase"] = float(np.nanmean(scaled))
    if low is not None and high is not None:
        inside = (y >= np.asarray(low)) & (y <= np.asarray(high))
        scores["coverage"] = float(inside[there].mean())
    return scores


def _naive_error(past, period):
    """The mean absolute change from a season to the next; NaN where none is known."""
    changes = np.abs(past[period:] - past[:-period])
    changes = changes[np.isfinite(changes)]
    return changes.mean() if len(changes) else np.nan


def seasonal_naive(past: Sequence[np.ndarray], horizon: int, period: int) -> np.ndarray:
    """As in the last season: the floor that a forecast must beat, (N, horizon).

    A missing value is taken from the season before, or else from the last value.

    Args:
        past: Of each series its values, NaN where one is missing.
        horizon: Steps ahead.
        period: Steps of a season.

    Example:

    >>> seasonal_naive([np.array([5.0, 1.0, 2.0, np.nan])], 3, 2).tolist()
    [[2.0, 1.0, 2.0]]
    """
    forecasts = np.empty((len(past), horizon))
    for row, values in zip(forecasts, past, strict=True):
        values = np.asarray(values, "float64")
        known = values[np.isfinite(values)]
        last = known[-1] if len(known) else 0.0
        for step in range(horizon):
            same = values[: len(values) - period + step % period + 1]
            same = same[::-1][::period] if len(same) else same
            same = same[np.isfinite(same)]
            row[step] = same[0] if len(same) else last
    return forecasts
