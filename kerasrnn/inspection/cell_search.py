"""Search for the units of a character model that keep track of something."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasrnn.inspection.recording import check_text, record
from kerasrnn.inspection.recurrent_model import (
    check_reads_text,
    family_of,
    recurrent_layers_of,
)
from kerasrnn.inspection.text_features import text_features
from kerasrnn.inspection.unit_scores import unit_scores
from kerasrnn.inspection.whole_numbers import check_integer

LEAST = 20  # characters of either kind, in either part


class FoundCell(NamedTuple):
    """A unit that tells a feature of the text.

    Args:
        feature: Its name.
        score_name: "AUC" of a feature that is true or false, "|r|" of a number.
        score: On text that played no part in the choice.
        chosen_score: On the text by which it was chosen.
        layer: Number of the recurrent layer, from 0.
        name: "hidden" or "cell".
        unit: Number of the unit.
        sign: 1 where high activations mean the feature, −1 where low ones do.
    """

    feature: str
    score_name: str
    score: float
    chosen_score: float
    layer: int
    name: str
    unit: int
    sign: int


class FoundCells(NamedTuple):
    """What `find_cells` found; printed, a table.

    Args:
        cells: For each feature a list of `FoundCell`, the first chosen first; the
            features with the highest score of their first cell come first.
        left_out: Features that could not be judged: name -> why.
        sizes: How many characters chose, and how many judged.
        searched: How many units there were to choose from.
    """

    cells: dict
    left_out: dict
    sizes: tuple
    searched: int

    def best(self) -> list[FoundCell]:
        """The cell that was chosen for each feature, the best score first."""
        return [cells[0] for cells in self.cells.values()]

    def __str__(self):
        rows = [("feature", "held-out score", "when chosen", "unit")]
        rows += [
            (
                cell.feature,
                f"{cell.score_name} {cell.score:.3f}",
                f"{cell.chosen_score:.3f}",
                f"layer {cell.layer} {cell.name} {cell.unit} "
                + ("+" if cell.sign > 0 else "−"),
            )
            for cell in self.best()
        ]
        widths = [max(len(row[k]) for row in rows) for k in range(4)]
        lines = [
            "  ".join(
                text.ljust(width) for text, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in rows
        ]
        chose, judged = self.sizes
        lines += [
            f"{self.searched:,} units; chosen on {chose:,} characters, judged on "
            f"{judged:,} others"
        ]
        lines += [f"left out: {name}, {why}" for name, why in self.left_out.items()]
        return "\n".join(lines)


def find_cells(
    model: keras.Model,
    text: str | Sequence[str],
    features: Mapping[str, ArrayLike] | None = None,
    *,
    names: Sequence[str] | None = None,
    choose_on: float = 0.5,
    best: int = 5,
    streams: int = 16,
    warm_up: int = 1000,
) -> FoundCells:
    """Find the units that track properties of a text, and judge them on other text.

    The text's first part chooses: for each feature the units with the highest score,
    and the sign of each. The rest judges them: it plays no part in the choice. Scores
    are

    - of a feature that is true or false, the area under the ROC curve (AUC): the
      probability that the unit is higher at a character with the feature than at one
      without it (lower, with sign −1); 0.5 is chance, 1 tells them apart;
    - of a number, Pearson's correlation times the sign; and as another feature, such
      as "indentation > 8", the AUC of it being above its median.

    With the same call an untrained model is the control: see `untrained_copy`.

    Args:
        model: A model as `record` takes it, such as a `CharLanguageModel`.
        text: A string or a list of documents; of some 100,000 characters or more for
            sound scores. Memory: 2 bytes for each unit and character of a part.
        features: A dict of arrays (T,), bool or numbers, over all the text; None for
            `text_features(text)`.
        names: Which activations are searched, by their names in a `Recording`; None
            for "hidden" and, of an LSTM, "cell".
        choose_on: The share of the text that chooses.
        best: How many units are kept for each feature.
        streams: How many places of the text are read at once.
        warm_up: How many characters before its place each of the `streams` begins to
            read.

    Returns:
        `FoundCells`; `print` shows a table of each feature's first unit.

    Raises:
        ValueError: A feature is not of the text's length or has NaNs; an argument is
            out of its range.

    Example:

    >>> from kerasrnn.inspection import find_cells
    >>> from kerasrnn.text import CharacterTokenizer
    >>> from kerasrnn.zoo import CharLanguageModel
    >>> tokenizer = CharacterTokenizer("ab()")
    >>> model = CharLanguageModel(
    ...     preprocessor=tokenizer, cell="gru", units=4, num_layers=1
    ... )
    >>> text = "ab(ab)" * 50
    >>> found = find_cells(model, text, {"a": [c == "a" for c in text]})
    >>> found.best()[0].score > 0.8  # any units know what has just been read
    True

    Reference: Karpathy et al. 2016, section 4.2, where units were found by eye.
    """
    check_reads_text(model)
    if names is None:
        families = {family_of(layer) for layer in recurrent_layers_of(model)}
        names = ["hidden", "cell"] if "lstm" in families else ["hidden"]
    documents = check_text(text)
    total = sum(len(document) for document in documents)
    if not 0 < choose_on < 1 or not 0 < int(total * choose_on) < total:
        raise ValueError(
            f"`choose_on` must leave some of the {total:,} characters on either side; "
            f"got {choose_on!r}."
        )
    check_integer("best", best, 1)
    cut = int(total * choose_on)
    features = text_features(documents) if features is None else features
    features = {name: check_feature(name, a, total) for name, a in features.items()}
    left_out = {
        name: why for name, a in features.items() if (why := unfit(a, cut)) is not None
    }
    features = {name: a for name, a in features.items() if name not in left_out}
    chosen: list[tuple] = []
    judged: list[tuple] = []
    first, second, skipped = parted(documents, cut, warm_up)
    of_numbers = [name for name, a in features.items() if a.dtype != bool]
    for name in of_numbers:  # The median leaves enough on either side: see `unfit`.
        median = np.median(features[name][:cut])
        features[f"{name} > {median:g}"] = features[name] > median
    of_events = [name for name in features if name not in of_numbers]
    for part, place, skip, scores in (
        (first, slice(0, cut), 0, chosen),
        (second, slice(cut, total), skipped, judged),
    ):
        events = [features[name][place] for name in of_events]
        numbers = [features[name][place] for name in of_numbers]
        size = place.stop - place.start
        events = np.stack(events, 1) if events else np.zeros((size, 0), bool)
        numbers = np.stack(numbers, 1) if numbers else np.zeros((size, 0))
        layers = record(
            model, part, names=names, dtype="float16", streams=streams, warm_up=warm_up
        ).layers
        for number, arrays in enumerate(layers):
            for name in list(arrays):
                found = unit_scores(arrays.pop(name)[skip:], events, numbers)
                scores.append((number, name, *found))
    units: list[tuple[int, str, int]] = [
        (layer, name, unit)
        for layer, name, auc, _ in chosen
        for unit in range(len(auc))
    ]
    # (units, features).
    auc, correlation = (np.concatenate([s[k] for s in chosen]) for k in (2, 3))
    held_auc, held_r = (np.concatenate([s[k] for s in judged]) for k in (2, 3))
    cells = {}
    for column, name in enumerate([*of_events, *of_numbers]):
        is_event = column < len(of_events)
        if is_event:
            choice, held = auc[:, column] - 0.5, held_auc[:, column] - 0.5
        else:
            number = column - len(of_events)
            choice, held = correlation[:, number], held_r[:, number]
        chance = 0.5 if is_event else 0.0
        signs = np.where(choice >= 0, 1, -1)
        cells[name] = [
            FoundCell(
                name,
                "AUC" if is_event else "|r|",
                float(chance + signs[k] * held[k]),
                float(chance + abs(choice[k])),
                *units[int(k)],  # its layer, name and number
                int(signs[k]),
            )
            for k in np.argsort(-abs(choice), kind="stable")[:best]
        ]
    order = sorted(cells, key=lambda name: -cells[name][0].score)
    return FoundCells(
        {name: cells[name] for name in order}, left_out, (cut, total - cut), len(units)
    )


def check_feature(name, values, total) -> np.ndarray:
    """The feature as booleans or float64, or a ValueError."""
    values = np.asarray(values)
    if values.shape != (total,):
        raise ValueError(
            f"`features[{name!r}]` must have one value a character, shape ({total},); "
            f"got shape {values.shape}."
        )
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"`features[{name!r}]` must hold booleans or numbers; got {values.dtype}."
        )
    if values.dtype != bool:
        values = values.astype("float64")
        if not np.isfinite(values).all():
            raise ValueError(f"`features[{name!r}]` must be finite; it is not.")
    return values


def unfit(values, cut) -> str | None:
    """Why a feature cannot be judged, or None."""
    for part, which in ((values[:cut], "chooses"), (values[cut:], "judges")):
        if values.dtype == bool:
            fewer = min(part.sum(), len(part) - part.sum())
            if fewer < LEAST:
                of = "true" if part.sum() == fewer else "false"
                return f"{of} of {fewer} characters of the part that {which}"
        else:
            above = (part > np.median(values[:cut])).sum()
            if min(above, len(part) - above) < LEAST:
                return f"nearly always the same in the part that {which}"
    return None


def parted(documents, cut, warm_up):
    """Documents up to a cut, those after it, and how much the latter only warm up."""
    first, second, place, skipped = [], [], 0, 0
    for document in documents:
        here = min(max(cut - place, 0), len(document))
        first.append(document[:here])
        if here < len(document):
            begin = max(0, here - warm_up)
            skipped += here - begin
            second.append(document[begin:])
        place += len(document)
    return first, second, skipped
