import numpy as np

from kerasrnn.inspection.figure_style import BLUE, INK, QUIET, new_figure, save


def confusion_matrix_figure(counts, labels, path):
    """Draw which classes are taken for which.

    The colour of a cell is its share of the row, the true class; the cell says the
    count and that share.

    Args:
        counts: (classes, classes) counts, row true and column predicted.
        labels: Names of the classes.
        path: The PNG file to write.

    Returns:
        The path.
    """
    counts = np.asarray(counts)
    if counts.shape != (len(labels), len(labels)):
        raise ValueError(
            f"`counts` must have shape (labels, labels)=({len(labels)}, "
            f"{len(labels)}); got {counts.shape}."
        )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    accuracy = counts.diagonal().sum() / max(counts.sum(), 1)
    size = 2.6 + 0.75 * len(labels)
    with new_figure(size, size) as (figure, axes):
        from matplotlib.colors import LinearSegmentedColormap

        colours = LinearSegmentedColormap.from_list("share", ["#f5f7fa", BLUE])
        axes.imshow(shares, cmap=colours, vmin=0, vmax=1)
        for row, column in np.ndindex(*counts.shape):
            share = shares[row, column]
            colour = "white" if share > 0.55 else INK
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}",
                ha="center",
                va="bottom",
                color=colour,
                fontsize=13,
                fontweight="bold",
            )
            axes.text(
                column,
                row + 0.07,
                f"{share:.0%}",
                ha="center",
                va="top",
                color=colour,
            )
        axes.set_xticks(range(len(labels)), labels)
        axes.set_yticks(range(len(labels)), labels, rotation=90, va="center")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.set_title(f"{accuracy:.1%} of {counts.sum():,} right")
        # White lines between the cells.
        axes.set_xticks(np.arange(len(labels) - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(len(labels) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=3)
        axes.tick_params(which="minor", length=0)
        axes.tick_params(which="major", labelcolor=QUIET)
        return save(figure, path)
