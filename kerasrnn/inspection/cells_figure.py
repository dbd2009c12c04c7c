"""The best cells that a search found, at work on the text."""

import os
import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasrnn.inspection.cell_search import FoundCells, check_feature
from kerasrnn.inspection.colored_text import colored_texts_figure
from kerasrnn.inspection.recording import check_text, record
from kerasrnn.inspection.text_features import text_features


def found_cells_figure(
    model: keras.Model,
    text: str | Sequence[str],
    found: FoundCells,
    path: str | os.PathLike,
    *,
    features: Mapping[str, ArrayLike] | None = None,
    most: int | Sequence[str] = 4,
    characters: int = 420,
    width: int = 80,
    warm_up: int = 1000,
) -> pathlib.Path:
    """Draw what the best cells of a search did, each on a passage of the text.

    The passages are from the part that judged, where there is much of the feature and
    much without it. What a feature is true of is underlined, and the title says which
    colour should be there. Each passage has a scale of its own, from the unit's lowest
    to its highest activation in it.

    Args:
        model: The model that was searched.
        text: The text of the search, a string or a list of documents.
        found: What `find_cells` returned.
        path: The PNG file to write.
        features: Those of the search; None for `text_features(text)`.
        most: How many features are drawn, the best first; or a list of their names.
        characters: About how long a passage is.
        width: Characters in a line.
        warm_up: Characters that are read before a passage.

    Returns:
        The path.

    Raises:
        ValueError: Nothing was found, or no such feature.

    Example:

    >>> from kerasrnn.inspection import find_cells, found_cells_figure
    >>> from kerasrnn.text import CharacterTokenizer
    >>> from kerasrnn.zoo import CharLanguageModel
    >>> tokenizer = CharacterTokenizer("ab()")
    >>> model = CharLanguageModel(
    ...     preprocessor=tokenizer, cell="gru", units=4, num_layers=1
    ... )
    >>> text = "ab(ab)" * 50
    >>> found = find_cells(model, text, {"a": [c == "a" for c in text]})
    >>> features = {"a": [c == "a" for c in text]}
    >>> found_cells_figure(model, text, found, "a.png", features=features).name
    'a.png'

    Reference: Karpathy et al. 2016, figure 2.
    """
    if not isinstance(found, FoundCells):
        raise ValueError(
            f"`found` must be what find_cells returned; got a {type(found).__name__}."
        )
    if not found.cells:
        raise ValueError("`found` must hold a feature or more; nothing was found.")
    names = list(found.cells)[:most] if isinstance(most, int) else list(most)
    for name in names:
        if name not in found.cells:
            raise ValueError(
                f"`most` must name features among {', '.join(found.cells)}; got "
                f"{name!r}."
            )
    joined = "".join(check_text(text))
    features = text_features(text) if features is None else features
    features = {k: check_feature(k, v, len(joined)) for k, v in features.items()}
    cut = found.sizes[0]
    panels = []
    for name in names:
        cell = found.cells[name][0]
        values = feature_of(name, features, cut)
        start, end = passage(joined, values, cut, characters)
        begin = max(0, start - warm_up)
        recording = record(model, joined[begin:end], names=[cell.name])
        activations = recording.unit(cell.name, layer=cell.layer, unit=cell.unit)
        activations = from_low_to_high(activations[start - begin :])
        colour = "red" if cell.sign > 0 else "blue"
        title = (
            f"{name} → {colour}: layer {cell.layer}, {cell.name} {cell.unit}, "
            f"{cell.score_name} {cell.score:.2f} on other text"
        )
        marks = values[start:end] if values.dtype == bool else None
        panels.append((title, joined[start:end], activations, marks))
    return colored_texts_figure(panels, path, width=width, ends=("lowest", "highest"))


def from_low_to_high(activations) -> np.ndarray:
    """Activations from −1, their lowest, to 1, their highest.

    A cell state may go up and down far from 0, where tanh is the same everywhere.

    Example:

    >>> from_low_to_high(np.array([11.0, 12.0, 13.0])).round(2).tolist()
    [-1.0, 0.0, 1.0]
    """
    low, high = np.percentile(activations, [2, 98])
    if high <= low:
        return np.zeros_like(activations)
    return np.clip((activations - low) / (high - low), 0, 1) * 2 - 1


def feature_of(name, features, cut) -> np.ndarray:
    """A feature of a search, or a number's being above its median; or ValueError."""
    if name in features:
        return features[name]
    number = name.rpartition(" > ")[0]
    if number not in features:
        raise ValueError(
            f"`features` must be those of the search; {name!r} is not among "
            f"{', '.join(features)}."
        )
    return features[number] > np.median(features[number][:cut])


def passage(text, values, cut, characters) -> tuple:
    """Start and end, whole lines, of the passage that shows most of a feature.

    Of equal parts with and without the feature, and of the most changes.
    """
    size = len(text)
    characters = min(characters, size - cut)
    ends = np.flatnonzero(np.array(list(text)) == "\n") + 1
    starts = np.array([cut, *ends[(ends > cut) & (ends <= size - characters)]])
    values = values.astype("float64")
    sums = np.concatenate([[0], np.cumsum(values)])
    squares = np.concatenate([[0], np.cumsum(values**2)])
    changes = np.concatenate([[0], np.cumsum(np.diff(values, prepend=values[0]) != 0)])
    stops = starts + characters
    mean = (sums[stops] - sums[starts]) / characters
    spread = (squares[stops] - squares[starts]) / characters - mean**2
    # Of a feature that is only seldom true, several places are worth more than one.
    count = np.minimum(changes[stops] - changes[starts], 8)
    best = int(np.argmax(spread * np.sqrt(count)))
    start = int(starts[best])
    later = ends[ends >= start + characters]
    whole = int(later[0]) if len(later) else size
    # A line that is much too long is not finished.
    return start, whole if whole - start < 1.5 * characters else start + characters
