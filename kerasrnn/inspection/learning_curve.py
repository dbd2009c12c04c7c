import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from kerasrnn.inspection.figure_style import BLUE, ORANGE, QUIET, new_figure, save

# What takes the place of accuracy where it is there, and what it is called.
SCORES = {
    "bleu": "BLEU",
    "bits_per_character": "bits per character",
    "cider_d": "CIDEr-D",
}


def learning_curve_figure(
    history: Sequence[Mapping[str, float]],
    path: str | os.PathLike,
    *,
    kept_epoch: int | None = None,
) -> pathlib.Path:
    """Draw loss and accuracy over the epochs, for training and validation data.

    Where there is BLEU or CIDEr-D, which are of validation data only, it takes the
    place of accuracy. Bits per character are the loss in another unit, and take the
    place of both. Without any of these the loss is alone.

    Args:
        history: One dict an epoch, with `loss` and `val_loss`; and with `accuracy` and
            `val_accuracy`, with `val_bleu`, from 0 to 100, with `val_cider_d`, or with
            `val_bits_per_character`.
        path: The PNG file to write.
        kept_epoch: Number, from 0, of the epoch whose weights were kept; marked.

    Returns:
        The path.
    """
    if not history:
        raise ValueError("`history` must hold the metrics of one epoch or more.")
    epochs = range(1, len(history) + 1)
    last = history[-1]
    scores = [s for s in (*SCORES, "accuracy") if f"val_{s}" in last]
    shown = ["loss", *scores[:1]]
    if "bits_per_character" in shown:
        shown.remove("loss")  # the same curve in another unit
    size = (4 * len(shown), 3.2)
    with new_figure(*size, columns=len(shown)) as (figure, panels):
        for axes, metric in zip(np.ravel(panels), shown, strict=True):
            training_above = last.get(metric, -1) > last[f"val_{metric}"]
            for key, label, colour, above in (
                (metric, "training", QUIET, training_above),
                (f"val_{metric}", "validation", BLUE, not training_above),
            ):
                if key not in last:
                    continue
                values = [epoch[key] for epoch in history]
                axes.plot(
                    epochs,
                    values,
                    color=colour,
                    linewidth=2,
                    marker="o",
                    markersize=3.5,
                )
                axes.annotate(
                    label,
                    (len(history), values[-1]),
                    xytext=(7, 3 if above else -3),
                    textcoords="offset points",
                    color=colour,
                    va="bottom" if above else "top",
                )
            if kept_epoch is not None:
                best = history[kept_epoch][f"val_{metric}"]
                axes.axvline(kept_epoch + 1, color=ORANGE, linewidth=1, linestyle=":")
                axes.plot(kept_epoch + 1, best, "o", color=ORANGE, markersize=7)
                form = {"accuracy": ".1%", "bleu": ".1f"}.get(metric, ".3f")
                axes.set_title(
                    f"kept: {best:{form}}",
                    loc="right",
                    color=ORANGE,
                    fontweight="normal",
                )
            axes.set_title(SCORES.get(metric, metric))
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.margins(x=0.06, y=0.15)
            if metric == "accuracy":
                axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        return save(figure, path)
