from kerasrnn.inspection.figure_style import BLUE, ORANGE, QUIET, new_figure, save


def learning_curve_figure(history, path, *, kept_epoch: int | None = None):
    """Draw loss and accuracy over the epochs, for training and validation data.

    Args:
        history: One dict an epoch, with `loss`, `accuracy`, `val_loss` and
            `val_accuracy`.
        path: The PNG file to write.
        kept_epoch: Number, from 0, of the epoch whose weights were kept; marked.

    Returns:
        The path.
    """
    if not history:
        raise ValueError("`history` must hold the metrics of one epoch or more.")
    epochs = range(1, len(history) + 1)
    with new_figure(8, 3.2, columns=2) as (figure, panels):
        for axes, metric in zip(panels, ("loss", "accuracy"), strict=True):
            last = history[-1]
            training_above = last[metric] > last[f"val_{metric}"]
            for key, label, colour, above in (
                (metric, "training", QUIET, training_above),
                (f"val_{metric}", "validation", BLUE, not training_above),
            ):
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
                number = f"{best:.1%}" if metric == "accuracy" else f"{best:.3f}"
                axes.set_title(
                    f"kept: {number}", loc="right", color=ORANGE, fontweight="normal"
                )
            axes.set_title(metric)
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.margins(x=0.06, y=0.15)
            if metric == "accuracy":
                axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        return save(figure, path)
