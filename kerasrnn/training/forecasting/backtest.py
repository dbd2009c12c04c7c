"""Forecasts from places inside series, judged by what came."""

from collections.abc import Sequence

import numpy as np

from kerasrnn.metrics import forecast_scores

# Scores that the results hold, in this order.
TOLD = ("smape", "mase", "coverage")


def backtest(
    model,
    series: Sequence[np.ndarray],
    rows: np.ndarray,
    origins: np.ndarray,
) -> dict:
    """Scores of a `Forecaster` from places of series.

    Args:
        model: The forecaster.
        series: Of any lengths.
        rows: (N,) the number of the series of each forecast.
        origins: (N,) how many of its steps the model may see; what comes after is for
            the scores alone.

    Returns:
        Those of `kerasrnn.metrics.forecast_scores`, and `loss`, that of `compile`.
        `coverage` is of the outermost two quantiles.

    Example:

    >>> from kerasrnn.zoo import Forecaster
    >>> model = Forecaster(horizon=3, period=1, length=12, units=2)
    >>> scores = backtest(model, [np.arange(1.0, 20.0)], rows=[0, 0], origins=[12, 16])
    >>> sorted(scores)
    ['coverage', 'loss', 'mase', 'smape', 'smape_by_horizon']
    """
    places = list(zip(rows, origins, strict=True))
    past = [series[row][:origin] for row, origin in places]
    future = np.full((len(places), model.horizon), np.nan)
    for true, (row, origin) in zip(future, places, strict=True):
        values = series[row][origin : origin + model.horizon]
        true[: len(values)] = values
    told = model.predict(past, batch_size=512, verbose=0)
    low = high = None
    if len(model.quantiles) > 1:
        low, high = told[..., 1], told[..., -1]
    scores = forecast_scores(
        future, told[..., 0], low, high, past=past, period=model.period
    )
    loss = model.evaluate(past, future, batch_size=512, verbose=0)
    return {**scores, "loss": float(np.ravel(loss)[0])}


def futures_at(
    series: Sequence[np.ndarray], origins: np.ndarray, horizon: int
) -> np.ndarray:
    """Numbers of the series that have a value before and one after their origin.

    Args:
        series: Of any lengths.
        origins: One for each; below 1 where there is no past.
        horizon: Steps ahead.
    """
    return np.array(
        [
            row
            for row, (values, origin) in enumerate(zip(series, origins, strict=True))
            if origin > 0
            and np.isfinite(values[:origin]).any()
            and np.isfinite(values[origin : origin + horizon]).any()
        ],
        int,
    )


def told_of(scores: dict) -> list[str]:
    """Names of the scores that are told of a model."""
    return [name for name in TOLD if name in scores]
