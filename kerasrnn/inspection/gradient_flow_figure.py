"""The story of vanishing and exploding gradients in one figure."""

import os
import pathlib

import numpy as np

from kerasrnn.inspection.figure_style import BLUE, ORANGE, QUIET, empty_figure, save
from kerasrnn.inspection.gradient_study import (
    CELLS,
    KEEPING_GATE,
    TRAINED_AT,
    GradientStudy,
)

LOWEST, HIGHEST = 1e-12, 1e8


def gradient_flow_figure(study: GradientStudy, path: str | os.PathLike) -> pathlib.Path:
    """Draw the story that a `GradientStudy` tells, on logarithmic scales.

    Above: the gradient at every step of SimpleRNN, LSTM and GRU, for each largest
    singular value. Below: what an open gate keeps; the gradient of the weights with
    and without clipping; learning with and without it.

    Args:
        study: What `gradient_flow_study` returned.
        path: The PNG file to write.

    Returns:
        The path.

    Raises:
        ValueError: `study` is something else.

    Example:

    >>> from kerasrnn.inspection import gradient_flow_figure, gradient_flow_study
    >>> study = gradient_flow_study(units=4, steps=5, training_steps=2)
    >>> gradient_flow_figure(study, "flow.png").name
    'flow.png'
    """
    if not isinstance(study, GradientStudy):
        raise ValueError(
            "`study` must be what gradient_flow_study returned; got a "
            f"{type(study).__name__}."
        )
    with empty_figure(12.5, 7.6, formulas=True, layout="constrained") as figure:
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12, hspace=0.06)
        panels = figure.subplots(2, 3)
        first = panels[0, 0]
        for axes, cell in zip(panels[0], CELLS, strict=True):
            draw_flows(axes, cell, study)
            axes.sharey(first)
        first.set_ylabel("‖∂L/∂h$_t$‖, the loss L at the last step")
        draw_kept(panels[1, 0], study)
        draw_weight_gradients(panels[1, 1], study)
        draw_training(panels[1, 2], study)
        return save(figure, path)


def draw_lines(axes, lines):
    """Norms over the steps; a line is (label, colour, style, norms)."""
    from matplotlib.ticker import LogLocator

    axes.set_yscale("log")
    axes.set_ylim(LOWEST, HIGHEST)
    axes.yaxis.set_major_locator(LogLocator(base=1e4, numticks=9))
    axes.minorticks_off()
    axes.axhline(1, color="#e4e7eb", linewidth=1, zorder=0)
    for label, colour, style, norms in lines:
        steps = np.arange(1, len(norms) + 1)
        inside = (norms >= LOWEST) & (norms <= HIGHEST)
        axes.plot(
            steps[inside], norms[inside], color=colour, linestyle=style, label=label
        )
    axes.set_xlim(1, len(lines[0][-1]))
    axes.set_xlabel("step t")


def draw_flows(axes, cell, study):
    """One cell, a line for each largest singular value, from blue to orange."""
    values = [value for name, value in study.flows if name == cell]
    colours = colours_between(len(values))
    draw_lines(
        axes,
        [
            (f"σ₁ = {value:g}", colour, "-", study.flows[cell, value])
            for value, colour in zip(values, colours, strict=True)
        ],
    )
    axes.set_title(cell)
    handles, labels = axes.get_legend_handles_labels()
    # The highest line first.
    axes.legend(handles[::-1], labels[::-1], loc="upper right", labelcolor="linecolor")


def draw_kept(axes, study):
    """LSTM and GRU whose gates keep more and more."""
    biases = sorted({bias for _, bias in study.kept})
    colours = colours_between(len(biases))
    lines = [
        (
            f"bias {bias:g}" if cell == "LSTM" else None,
            colour,
            "-" if cell == "LSTM" else ":",
            study.kept[cell, bias],
        )
        for bias, colour in zip(biases, colours, strict=True)
        for cell in KEEPING_GATE
    ]
    draw_lines(axes, lines)
    axes.set_title("a gate that keeps the state, σ₁ = 1")
    axes.set_ylabel("LSTM —  ‖∂L/∂c$_t$‖,   GRU ⋯  ‖∂L/∂h$_t$‖")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper right", labelcolor="linecolor")


def draw_weight_gradients(axes, study):
    """What clipping does to the step that an optimizer takes."""
    pairs = study.weight_gradients.items()
    values, norms = (np.array(x) for x in zip(*pairs, strict=True))
    axes.set_yscale("log")
    axes.plot(values, norms, color=ORANGE, marker="o", markersize=4)
    axes.plot(
        values, np.minimum(norms, study.clipnorm), color=BLUE, marker="o", markersize=4
    )
    axes.axvline(1, color="#e4e7eb", linewidth=1, zorder=0)
    style = {"textcoords": "offset points", "ha": "right"}
    axes.annotate("as it is", (values[-1], norms[-1]), (-14, -2), color=ORANGE, **style)
    clipped = min(norms[-1], study.clipnorm)
    text = f"clipped to {study.clipnorm:g}"
    axes.annotate(text, (values[-1], clipped), (0, 8), color=BLUE, **style)
    axes.set_title("clipping, before learning")
    axes.set_xlabel("largest singular value σ₁ of a SimpleRNN")
    axes.set_ylabel("‖∂L/∂θ‖, all weights θ")
    axes.minorticks_off()


def draw_training(axes, study):
    """The loss of both trainings; one that is no longer a number ends in a cross."""
    axes.set_title("clipping, while learning")
    axes.set_xlabel("training step")
    axes.set_ylabel("loss: first input, told 30 steps later")
    if not study.training:
        axes.text(0.5, 0.5, "not trained", color=QUIET, ha="center", va="center")
        return
    axes.set_yscale("log")
    axes.minorticks_off()
    for clipnorm, losses in study.training.items():
        colour = ORANGE if clipnorm is None else BLUE
        sane = np.isfinite(losses) & (losses < HIGHEST)
        end = len(losses) if sane.all() else int(np.argmin(sane))
        axes.plot(np.arange(1, end + 1), losses[:end], color=colour)
        label = "as it is" if clipnorm is None else f"clipped to {clipnorm:g}"
        if end < len(losses) and end:
            axes.plot(end, losses[end - 1], "x", color=colour, markersize=9)
            label += ": diverges"
        place = (end, losses[max(end - 1, 0)]) if end else (1, 1)
        right = place[0] > 0.6 * len(losses)
        axes.annotate(
            label,
            place,
            (0, 12) if right else (9, 0),
            textcoords="offset points",
            color=colour,
            ha="right" if right else "left",
        )
    rate = f"learning rate {study.learning_rate:g}, σ₁ = {TRAINED_AT:g} at first"
    style = {"color": QUIET, "ha": "right", "va": "center"}
    axes.text(0.99, 0.5, rate, transform=axes.transAxes, **style)
    axes.set_xlim(0, len(losses) + 1)


def colours_between(count) -> list:
    """Colours from blue over grey to orange."""
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("below_above", [BLUE, "#8a94a0", ORANGE])
    return [scale(place) for place in np.linspace(0, 1, count)]
