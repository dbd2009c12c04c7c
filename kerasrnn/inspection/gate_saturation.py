"""How often the gates of a recurrent layer are shut, and how often open."""

import os
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kerasrnn.inspection.figure_style import BLUE, ORANGE, QUIET, empty_figure, save
from kerasrnn.inspection.glyphs import LONGEST_LABEL, drawable, shortened
from kerasrnn.inspection.recording import Recording

SHUT, OPEN = 0.1, 0.9
MOST_RECORDINGS = 12
TITLES = {
    "input_gate": "input gate i",
    "forget_gate": "forget gate f",
    "output_gate": "output gate o",
    "update_gate": "update gate z",
    "reset_gate": "reset gate r",
}


class Saturation(NamedTuple):
    """Of each unit of one gate, how often it is saturated.

    Args:
        left: (U,), the share of characters at which the gate is below 0.1: shut.
        right: (U,), the share at which it is above 0.9: open.
    """

    left: np.ndarray
    right: np.ndarray


def gate_saturation(recording: Recording) -> list:
    """Tell for each unit how often its gates are left- and right-saturated.

    left = mean_t [g_t < 0.1],   right = mean_t [g_t > 0.9]

    A unit whose forget gate (of an LSTM; the update gate of a GRU) is right-saturated
    nearly always is an integrator that remembers for long; one whose gate is
    left-saturated looks at the present character only.

    Args:
        recording: A `Recording` with gates, of LSTM or GRU layers.

    Returns:
        For each layer a dict: name of a gate -> `Saturation`.

    Raises:
        ValueError: The recording has no gates.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.inspection import Recording, gate_saturation
    >>> gates = {"forget_gate": np.array([[0.95, 0.5], [0.99, 0.0]])}
    >>> (layer,) = gate_saturation(Recording("ab", [gates], ["lstm"]))
    >>> layer["forget_gate"].left.tolist(), layer["forget_gate"].right.tolist()
    ([0.0, 0.5], [1.0, 0.0])

    Reference: Karpathy et al. 2016, section 4.2, figure 3.
    """
    if not isinstance(recording, Recording):
        raise ValueError(
            f"`recording` must be a Recording; got a {type(recording).__name__}."
        )
    found = [
        {
            name: Saturation((values < SHUT).mean(axis=0), (values > OPEN).mean(axis=0))
            for name, values in arrays.items()
            if name in TITLES
        }
        for arrays in recording.layers
    ]
    if not any(found):
        raise ValueError(
            "`recording` must hold gates, as `record` keeps them of LSTM and GRU; got "
            f"{recording!r}."
        )
    return found


def gate_saturation_figure(
    recordings: Recording | Mapping[str, Recording], path: str | os.PathLike
) -> pathlib.Path:
    """Draw each unit at the shares of characters that saturate its gates.

    To the right units whose gate is mostly open, up those whose gate is mostly shut;
    on the diagonal those whose gate is always one or the other, at the origin those
    whose gate is never saturated.

    Args:
        recordings: A `Recording` with gates; or a dict, label -> `Recording`, one row
            of panels for each.
        path: The PNG file to write.

    Returns:
        The path.

    Raises:
        ValueError: A recording has no gates, or there are more than 12.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.inspection import Recording, gate_saturation_figure
    >>> gates = {"update_gate": np.random.default_rng(0).random((5, 20))}
    >>> recording = Recording("abcde", [gates], ["gru"])
    >>> gate_saturation_figure(recording, "gates.png").name
    'gates.png'

    Reference: Karpathy et al. 2016, figure 3.
    """
    if isinstance(recordings, Recording):
        recordings = {"": recordings}
    if not recordings:
        raise ValueError("`recordings` must hold one recording or more; got none.")
    if len(recordings) > MOST_RECORDINGS:
        raise ValueError(
            f"`recordings` must hold at most {MOST_RECORDINGS} recordings; got "
            f"{len(recordings)}."
        )
    rows = {label: gate_saturation(r) for label, r in recordings.items()}
    titles, fonts, _ = drawable(shortened(label, LONGEST_LABEL) for label in rows)
    names = {
        label: [n for n in TITLES if any(n in layer for layer in layers)]
        for label, layers in rows.items()
    }
    columns = max(len(n) for n in names.values())
    width, height = 0.9 + 3.1 * columns, 3.3 * len(rows)
    with empty_figure(width, height, fonts, layout="constrained") as figure:
        panels = figure.subplots(len(rows), columns, squeeze=False)
        for title, (label, layers), line in zip(
            titles, rows.items(), panels, strict=True
        ):
            for axes, name in zip(line, names[label], strict=False):
                draw_gate(axes, name, layers)
            for axes in line[len(names[label]) :]:
                axes.set_visible(False)
            line[0].set_ylabel(f"{title}\nshut: below {SHUT:g}".strip())
            if len(layers) > 1:
                line[0].legend(
                    loc="upper right",
                    labelcolor="linecolor",
                    markerscale=1.6,
                    handletextpad=0.1,
                )
        return save(figure, path)


def draw_gate(axes, name, layers):
    """One gate, the layers in colours from blue to orange."""
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("layers", [BLUE, "#8a94a0", ORANGE])
    axes.plot([0, 1], [1, 0], color="#e4e7eb", linewidth=1, zorder=0)
    for number, layer in enumerate(layers):
        if name not in layer:
            continue
        left, right = layer[name]
        axes.scatter(
            right,
            left,
            s=14,
            color=scale(number / max(len(layers) - 1, 1)),
            alpha=0.55,
            linewidths=0,
            label=f"layer {number}",
            clip_on=False,
        )
    axes.set_title(TITLES[name])
    axes.set_xlabel(f"open: above {OPEN:g}")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set(xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.tick_params(labelcolor=QUIET)
