import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from kerasrnn.inspection.bleu_by_length import COLOURS, apart
from kerasrnn.inspection.figure_style import (
    BLUE,
    INK,
    ORANGE,
    empty_figure,
    new_figure,
    save,
)
from kerasrnn.inspection.glyphs import LONGEST_LABEL, drawable

# Steps of the past that are drawn, at most, and panels in a row.
SHOWN_PAST, COLUMNS = 60, 3


def forecasts_figure(
    past: Sequence[ArrayLike],
    forecasts: ArrayLike,
    path: str | os.PathLike,
    *,
    future: Sequence[ArrayLike] | None = None,
    names: Sequence[str] | None = None,
) -> pathlib.Path:
    """Draw series with their forecasts, and the intervals round them.

    Args:
        past: Of each series its values; missing ones (NaN) leave a gap.
        forecasts: (N, J, 1 + quantiles), as `Forecaster.predict` gives them.
        path: The PNG file to write.
        future: Of each series what came, or None.
        names: Of the series, or None.

    Returns:
        The path.

    Raises:
        ValueError: No series, or not as many forecasts.

    Example:

    >>> import tempfile
    >>> from kerasrnn.inspection import forecasts_figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     told = [[[3.0, 2.5, 3.5], [3.2, 2.4, 4.0]]]
    ...     forecasts_figure([[1, 2, 3]], told, f"{folder}/forecasts.png").name
    'forecasts.png'
    """
    told = np.asarray(forecasts, "float64")
    if not len(past) or told.ndim != 3 or len(told) != len(past):
        raise ValueError(
            "`forecasts` must be (series, steps, 1 + quantiles) of the "
            f"{len(past)} series of `past`, one or more; got the shape {told.shape}."
        )
    columns = min(COLUMNS, len(past))
    rows = -(-len(past) // columns)
    labels, fonts, _ = drawable(names or [""] * len(past), LONGEST_LABEL)
    size = (4.0 * columns, 2.6 * rows)
    with empty_figure(*size, fonts, layout="constrained") as figure:
        panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
        for number, axes in enumerate(panels):
            if number >= len(past):
                axes.set_axis_off()
                continue
            before = np.asarray(past[number], "float64")[-SHOWN_PAST:]
            after = None if future is None else np.asarray(future[number], "float64")
            _draw_series(axes, before, told[number], after)
            axes.set_title(labels[number])
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4
        )
        return save(figure, path)


def _draw_series(axes, past, told, future):
    """One series; steps are counted from where the past ends."""
    ahead = np.arange(1, len(told) + 1)
    axes.plot(np.arange(1 - len(past), 1), past, color=INK, linewidth=1.3, label="past")
    if told.shape[1] > 2:
        axes.fill_between(
            ahead,
            told[:, 1],
            told[:, -1],
            color=BLUE,
            alpha=0.18,
            linewidth=0,
            label="interval",
        )
    axes.plot(ahead, told[:, 0], color=BLUE, linewidth=1.8, label="forecast")
    if future is not None:
        steps = np.arange(1, len(future) + 1)
        axes.plot(steps, future, ".", color=ORANGE, markersize=4.5, label="what came")
    axes.axvline(0.5, color="#cbd2d9", linewidth=0.8)
    axes.set_xlabel("steps ahead")
    axes.margins(x=0.02)


def error_by_horizon_figure(
    errors: Mapping[str, Sequence[float]],
    path: str | os.PathLike,
    *,
    unit: str = "sMAPE",
) -> pathlib.Path:
    """Draw how the error of forecasts grows with the number of steps ahead.

    Args:
        errors: For each model's label its error at each step ahead, as many for all;
            the first one is drawn the boldest.
        path: The PNG file to write.
        unit: What the errors are.

    Returns:
        The path.

    Raises:
        ValueError: No model, or other numbers of steps.

    Example:

    >>> import tempfile
    >>> from kerasrnn.inspection import error_by_horizon_figure
    >>> errors = {"network": [10.0, 12.0], "last season again": [14.0, 15.0]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     error_by_horizon_figure(errors, f"{folder}/errors.png").name
    'errors.png'
    """
    counts = {label: len(row) for label, row in errors.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise ValueError(
            "`errors` must hold one model or more, with as many steps each; got "
            f"{counts}."
        )
    names, fonts, _ = drawable(errors, LONGEST_LABEL)
    steps = np.arange(1, next(iter(counts.values())) + 1)
    with new_figure(7.5, 3.9, fonts=fonts) as (figure, axes):
        highest = max(max(row) for row in errors.values())
        ends = {label: row[-1] for label, row in errors.items()}
        places = apart(ends, min(0.06, 1 / len(errors)) * highest)
        for number, (label, row) in enumerate(errors.items()):
            colour = COLOURS[number % len(COLOURS)]
            width = 1.5 if number else 2.6
            axes.plot(steps, row, color=colour, linewidth=width)
            axes.annotate(
                names[number],
                (steps[-1], places[label]),
                xytext=(9, 0),
                textcoords="offset points",
                color=colour,
                va="center",
                annotation_clip=False,
            )
        axes.set_title(f"{unit} by steps ahead")
        axes.set_xlabel("steps ahead")
        axes.set_ylabel(unit)
        axes.set_ylim(0, 1.08 * highest)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.margins(x=0.03)
        axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
        return save(figure, path)
