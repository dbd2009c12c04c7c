"""Where a `GlimpseClassifier` looks in images, and what its windows show it."""

import io
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasrnn.inspection.figure_style import INK, ORANGE, QUIET, empty_figure, save
from kerasrnn.inspection.glyphs import LONGEST_LABEL, drawable

# Of each glimpse, from the first to the last.
FIRST, LAST = "#8ecae6", ORANGE
IMAGE, WINDOW, GAP, MARGIN = 1.5, 0.7, 0.12, 0.1  # inches
TITLE = 0.24  # inches, a line of text
MOST_IMAGES = 16


def glimpses_figure(
    model: Any,
    images: Any,
    labels: Sequence[str] | None,
    path: str | os.PathLike,
) -> pathlib.Path:
    """Draw the path of a model's glimpses over images, and what each window shows.

    Each image has its windows as frames, the smallest of each glimpse in full, with a
    line from glimpse to glimpse; beside it are the windows of each glimpse, a row for
    each scale, with what the model would have said after it.

    Args:
        model: A `kerasrnn.zoo.GlimpseClassifier`.
        images: As its `predict` takes them, 16 at most.
        labels: The true class of each, or None.
        path: The PNG file to write.

    Returns:
        The path.

    Raises:
        ValueError: There are too many images, or not a label for each.
    """
    panels = _Panels(model, images, labels)
    with panels.figure() as figure:
        for row in range(panels.count):
            panels.draw(figure, row, panels.glimpses)
        return save(figure, path)


def glimpse_animation(
    model: Any,
    images: Any,
    labels: Sequence[str] | None,
    path: str | os.PathLike,
    *,
    seconds: float = 1.0,
) -> pathlib.Path:
    """Write the path of a model's glimpses over images as an animated GIF.

    Frame by frame one more glimpse is drawn, as `glimpses_figure` draws them all; the
    last frame stays three times as long.

    Args:
        model: A `kerasrnn.zoo.GlimpseClassifier`.
        images: As its `predict` takes them, 16 at most.
        labels: The true class of each, or None.
        path: The GIF file to write.
        seconds: How long a glimpse is shown.

    Returns:
        The path.
    """
    from PIL import Image

    panels = _Panels(model, images, labels)
    frames = []
    for shown in range(panels.glimpses + 1):
        with panels.figure() as figure:
            for row in range(panels.count):
                panels.draw(figure, row, shown)
            buffer = io.BytesIO()
            figure.savefig(buffer, dpi=80, format="png")
        frames.append(Image.open(buffer).convert("RGB").quantize(64))
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    times = [int(1000 * seconds)] * panels.glimpses + [int(3000 * seconds)]
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=times, loop=0
    )
    return path


class _Panels:
    """An image with its windows for each of a few images, side by side."""

    def __init__(self, model, images, labels):
        images = model._as_inputs(images, "images")
        if len(images) > MOST_IMAGES:
            raise ValueError(
                f"`images` must be {MOST_IMAGES} at most, to be seen in one figure; "
                f"got {len(images)}."
            )
        if labels is not None and len(labels) != len(images):
            raise ValueError(
                f"`labels` must name the class of each of the {len(images)} images; "
                f"got {len(labels)}."
            )
        self.images, self.labels = images, labels
        self.model, self.looks = model, model.look(images)
        self.count, self.glimpses = self.looks.locations.shape[:2]
        self.scales = len(model.scales)
        self.columns = 2 if self.count > 2 else 1
        self.rows = -(-self.count // self.columns)
        self.height = max(IMAGE, self.scales * WINDOW) + TITLE + GAP
        self.width = IMAGE + GAP + self.glimpses * (WINDOW + GAP / 2) + 2 * GAP

    def figure(self):
        names = [*self.model.labels, *(self.labels or [])]
        _, fonts, _ = drawable(names, LONGEST_LABEL)
        return empty_figure(
            self.columns * self.width + 2 * MARGIN,
            self.rows * self.height + 2 * MARGIN,
            fonts,
        )

    def draw(self, figure, number, shown):
        """One image and the first so many of its glimpses."""
        left = MARGIN + number % self.columns * self.width
        top = MARGIN + number // self.columns * self.height
        whole = self._axes(figure, left, top + TITLE, IMAGE)
        self._show(whole, self.images[number] / 255)
        colours = self._colours()
        for glimpse in range(shown):
            self._frames(whole, number, glimpse, colours[glimpse])
            beside = left + IMAGE + GAP + glimpse * (WINDOW + GAP / 2)
            for scale in range(self.scales):
                below = top + TITLE + scale * (WINDOW + GAP / 2)
                axes = self._axes(figure, beside, below, WINDOW)
                self._show(axes, self.looks.windows[number, glimpse, scale])
                axes.spines[:].set(color=colours[glimpse], linewidth=1.5)
            told = self.looks.probabilities[number, glimpse]
            best = int(told.argmax())
            text = f"{self.model.labels[best]} {told[best]:.0%}"
            self._write(figure, beside, top + TITLE - 0.06, text, colour=INK)
        self._path(whole, number, shown, colours)
        self._title(figure, left, top + TITLE - 0.06, number)

    def _title(self, figure, x, y, number):
        if self.labels is not None:
            label = self.labels[number]
            last = self.model.labels[self.looks.probabilities[number, -1].argmax()]
            colour = QUIET if last == label else "#c0392b"
            self._write(figure, x, y, f"true: {label}", colour=colour)

    def _frames(self, axes, number, glimpse, colour):
        """The outlines of a glimpse's windows."""
        from matplotlib.patches import Rectangle

        height, width = self.images.shape[1:3]
        row, column = self.looks.locations[number, glimpse]
        y, x = (row + 1) / 2 * height, (column + 1) / 2 * width
        for place, scale in enumerate(self.model.scales):
            side = scale * self.model.glimpse_size
            axes.add_patch(
                Rectangle(
                    (x - side / 2, y - side / 2),
                    side,
                    side,
                    fill=False,
                    edgecolor=colour,
                    linewidth=1.2 if place == 0 else 0.6,
                    alpha=1.0 if place == 0 else 0.7,
                )
            )

    def _path(self, axes, number, shown, colours):
        """A line from glimpse to glimpse, with a point at each."""
        height, width = self.images.shape[1:3]
        places = (self.looks.locations[number, :shown] + 1) / 2 * [height, width]
        axes.plot(places[:, 1], places[:, 0], color="white", linewidth=0.8, alpha=0.8)
        axes.scatter(places[:, 1], places[:, 0], s=9, color=colours[:shown], zorder=3)

    def _colours(self):
        from matplotlib.colors import LinearSegmentedColormap

        colours = LinearSegmentedColormap.from_list("glimpses", [FIRST, LAST])
        return [colours(share) for share in np.linspace(0, 1, self.glimpses)]

    def _axes(self, figure, x, y, side):
        """A square, given in inches from the upper left corner."""
        width, height = figure.get_size_inches()
        box = (x / width, 1 - (y + side) / height, side / width, side / height)
        axes = figure.add_axes(box)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(visible=True, color=QUIET, linewidth=0.6)
        return axes

    def _show(self, axes, pixels):
        """An image (H, W, C), 0 to 1, with its top left corner at (0, 0)."""
        rows, columns, channels = pixels.shape
        axes.imshow(
            pixels[..., 0] if channels == 1 else np.clip(pixels, 0, 1),
            cmap="gray",
            vmin=0,
            vmax=1,
            extent=(0, columns, rows, 0),
            interpolation="nearest",
        )
        axes.set_xlim(0, columns)
        axes.set_ylim(rows, 0)

    @staticmethod
    def _write(figure, x, y, text, *, colour):
        width, height = figure.get_size_inches()
        figure.text(x / width, 1 - y / height, text, fontsize=7.5, color=colour)
