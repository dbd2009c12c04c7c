"""A picture in a figure, of any size and shape, with text that fits beside it."""

import numpy as np

from kerasrnn.inspection.attention_map import text_width

MOST_PIXELS = 500  # a side; a figure shows no more
EDGE = "#e4e7eb"


def picture_axes(figure, image, x, y, width, height):
    """Draw a picture, whole, in a box, given in inches from the upper left corner.

    The axes go from 0 to 1, top to bottom, whatever the picture's size.
    """
    total_width, total_height = figure.get_size_inches()
    rows, columns = image.shape[:2]
    shown = min(width, height * columns / rows), min(height, width * rows / columns)
    # A line of pixels is a line still.
    shown = [max(side, 0.03) for side in shown]
    left, top = x + (width - shown[0]) / 2, y + (height - shown[1]) / 2
    axes = figure.add_axes(
        (
            left / total_width,
            1 - (top + shown[1]) / total_height,
            shown[0] / total_width,
            shown[1] / total_height,
        )
    )
    axes.imshow(image, extent=(0, 1, 1, 0), aspect="auto", interpolation="hanning")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=EDGE, linewidth=0.6)
    return axes


def write_at(figure, x, y, text, **style):
    """Write a line of text; (x, y) is its left end, in inches from the upper left."""
    width, height = figure.get_size_inches()
    figure.text(x / width, 1 - y / height, text, **style)


def check_image(image, name):
    """The picture as whole numbers, no larger than what is seen, or a ValueError."""
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            f"`{name}` must be a picture (height, width, 3); got shape {image.shape}."
        )
    rows, columns = (-(-side // MOST_PIXELS) for side in image.shape[:2])
    image = image[::rows, ::columns].astype("float32")
    if not (image.min() >= -0.5 and image.max() <= 255.5):
        raise ValueError(
            f"`{name}` must hold values from 0 to 255; got {image.min():.3g} to "
            f"{image.max():.3g}."
        )
    return np.clip(np.rint(image), 0, 255).astype("uint8")


def wrapped(figure, text, width, fontsize, most_lines, **style) -> list[str]:
    """Lines of a text that are no wider than `width`, in inches.

    Where the lines are not enough, the last one ends in an ellipsis.
    """

    def fits(line):
        # Hinting makes a text a little wider at another resolution.
        return text_width(figure, line, fontsize, **style) <= 0.97 * width

    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if fits(joined):
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        # Words that are wider than a line, or that no spaces part.
        while not fits(word):
            end = max(1, longest_prefix(word, fits))
            lines[-1:] = [word[:end], ""]
            word = word[end:]
            if len(lines) > most_lines + 1 or not word:
                break
        lines[-1] = word
    lines = [line for line in lines if line]
    if len(lines) > most_lines:
        last = lines[most_lines - 1]
        while last and not fits(f"{last}…"):
            last = last[:-1]
        lines = [*lines[: most_lines - 1], f"{last.rstrip()}…"]
    return lines


def longest_prefix(word, fits) -> int:
    """How many characters of a word fit."""
    low, high = 0, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(word[:middle]) else (low, middle - 1)
    return low
