"""Vanishing, exploding, clipping, and what gates can do: one study, one figure."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from kerasrnn.inspection.figure_style import BLUE, ORANGE, QUIET, empty_figure
from kerasrnn.inspection.figure_style import save as save_figure
from kerasrnn.inspection.gradient_flow import GradientFlow, gradient_flow
from kerasrnn.inspection.recurrent_model import set_largest_singular_value
from kerasrnn.layers import GRU, LSTM, SimpleRNN

CELLS = {"SimpleRNN": SimpleRNN, "LSTM": LSTM, "GRU": GRU}
# Where the bias of the gate that keeps the state lies: place among the gates.
KEEPING_GATE = {"LSTM": ("forget", 1), "GRU": ("update", 0)}
LOWEST, HIGHEST = 1e-12, 1e8  # of the figure
TRAINED_AT = 1.25


class GradientStudy(NamedTuple):
    """What `gradient_flow_study` found; T steps.

    Args:
        flows: (cell, largest singular value) -> ‖∂L/∂h_t‖ (T,).
        kept: (cell, bias of the gate that keeps) -> ‖∂L/∂c_t‖ of an LSTM, ‖∂L/∂h_t‖
            of a GRU (T,).
        weight_gradients: Largest singular value -> ‖∂L/∂θ‖ of a SimpleRNN.
        training: `clipnorm` or None -> the loss of each training step.
        clipnorm: The norm that gradients were clipped to.
        learning_rate: Of the training.
    """

    flows: dict
    kept: dict
    weight_gradients: dict
    training: dict
    clipnorm: float
    learning_rate: float


def gradient_flow_study(
    *,
    units=32,
    steps=100,
    values=(0.5, 1.0, 2.0),
    gate_biases=(0.0, 1.0, 3.0, 6.0),
    clipnorm=1.0,
    learning_rate=0.05,
    training_steps=150,
    seed=0,
):
    """Measure how gradients flow through SimpleRNN, LSTM and GRU, untrained.

    ∂L/∂h_t = ∂L/∂h_T Π_{k>t} ∂h_k/∂h_{k-1},   ‖∂h_k/∂h_{k-1}‖ ≤ σ₁(U) for tanh

    - Each cell, its recurrent kernel's largest singular value set below, at and above
      1, the loss at the last step: see `set_largest_singular_value`.
    - The LSTM's and the GRU's gate that keeps the state opened by its bias, at a
      largest singular value of 1.
    - The gradient of a SimpleRNN's weights, over the largest singular value: what
      clipping scales down.
    - A SimpleRNN with a largest singular value of 1.25 learns to remember its first
      input for 30 steps, by stochastic gradient descent, as it is and clipped.

    Norms over the rows of a batch are geometric means.

    Args:
        units: Size of the states.
        steps: T, steps of the sequences.
        values: Largest singular values.
        gate_biases: Biases of the gate that keeps the state.
        clipnorm: The norm to which the gradient of all weights is clipped.
        learning_rate: Of both trainings.
        training_steps: Of both trainings; 0 for none.
        seed: Of weights and inputs.

    Returns:
        A `GradientStudy`, for `gradient_flow_figure`.

    Raises:
        ValueError: Fewer than 2 steps or no value.
        RuntimeError: Keras runs on another backend than TensorFlow.

    Example:

    >>> from kerasrnn.inspection import gradient_flow_study
    >>> study = gradient_flow_study(units=8, steps=20, training_steps=0)
    >>> below, above = (study.flows["SimpleRNN", value] for value in (0.5, 2.0))
    >>> bool(below[0] < 1e-4 < 1 < above[0])
    True

    Reference: Pascanu et al. 2013, sections 2 and 3.2; Hochreiter and Schmidhuber
    1997; forget bias: Jozefowicz et al. 2015, section 2.
    """
    if steps < 2:
        raise ValueError(f"`steps` must be 2 or more; got {steps}.")
    if not len(values):
        raise ValueError("`values` must hold one largest singular value or more.")
    draw = np.random.default_rng(seed)
    inputs = 0.1 * draw.normal(size=(8, steps, 8)).astype("float32")
    targets = draw.normal(size=(8, units)).astype("float32")
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)

    def measured(cell, value, gate_bias=None) -> GradientFlow:
        layer = built(cell, units, inputs.shape[-1], value, seed)
        if gate_bias is not None:
            open_gate(layer, cell, gate_bias)
        return gradient_flow(layer, (inputs, targets))

    flows = {
        (cell, value): mean_norm(measured(cell, value).hidden[0])
        for cell in CELLS
        for value in values
    }
    kept = {}
    for cell in KEEPING_GATE:
        for bias in gate_biases:
            flow = measured(cell, 1.0, bias)
            kept[cell, bias] = mean_norm(
                (flow.cell if cell == "LSTM" else flow.hidden)[0]
            )
    weight_gradients = {
        float(value): measured("SimpleRNN", value).weight_gradient
        for value in np.linspace(0.5, 2.0, 13).round(3)
    }
    training = {}
    if training_steps:
        training = {
            norm: remember_first_input(units, norm, learning_rate, training_steps, seed)
            for norm in (None, clipnorm)
        }
    return GradientStudy(
        flows, kept, weight_gradients, training, clipnorm, learning_rate
    )


def built(cell, units, features, value, seed):
    """A layer whose weights are a function of the seed."""
    initializers = keras.initializers
    layer = CELLS[cell](
        units,
        kernel_initializer=initializers.GlorotUniform(seed=seed),
        recurrent_initializer=initializers.Orthogonal(seed=seed + 1),
    )
    layer.build((None, None, features))
    return set_largest_singular_value(layer, value)


def open_gate(layer, cell, value):
    """Set the bias of the gate that keeps the state."""
    place, units = KEEPING_GATE[cell][1], layer.cell.units
    bias = ops.convert_to_numpy(layer.cell.bias).copy()  # (4U,), or (2, 3U) of a GRU
    row = bias if bias.ndim == 1 else bias[0]
    row[place * units : (place + 1) * units] = value
    layer.cell.bias.assign(bias)


def mean_norm(norms) -> np.ndarray:
    """The geometric mean (T,) over rows (B, T)."""
    with np.errstate(divide="ignore"):
        return np.exp(np.log(norms).mean(axis=0))


def remember_first_input(units, clipnorm, learning_rate, training_steps, seed):
    """The losses of a SimpleRNN that learns to tell its first input after 30 steps."""
    import tensorflow as tf

    batch, steps = 32, 30
    layer = built("SimpleRNN", units, 2, TRAINED_AT, seed)
    readout = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed)
    )
    readout.build((None, units))
    variables = layer.trainable_variables + readout.trainable_variables
    optimizer = keras.optimizers.SGD(learning_rate, global_clipnorm=clipnorm)
    optimizer.build(variables)
    draw = np.random.default_rng(seed)

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((readout(layer(x, training=True)) - y) ** 2)
        gradients = tape.gradient(loss, [v.value for v in variables])
        optimizer.apply(gradients, variables)
        return loss

    losses = []
    for _ in range(training_steps):
        y = draw.choice([-1.0, 1.0], (batch, 1)).astype("float32")
        x = np.zeros((batch, steps, 2), "float32")
        x[:, 0, 0] = y[:, 0]
        x[..., 1] = 0.1 * draw.normal(size=(batch, steps))
        losses.append(float(train_step(tf.constant(x), tf.constant(y))))
    return np.array(losses)


def gradient_flow_figure(study, path):
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
    with empty_figure(12.5, 7.6, layout="constrained") as figure:
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
        return save_figure(figure, path)


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
