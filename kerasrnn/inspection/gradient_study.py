"""Vanishing, exploding, clipping, and what gates can do: measured on new layers."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from kerasrnn.inspection.gradient_flow import GradientFlow, gradient_flow
from kerasrnn.inspection.recurrent_model import set_largest_singular_value
from kerasrnn.layers import GRU, LSTM, SimpleRNN

CELLS = {"SimpleRNN": SimpleRNN, "LSTM": LSTM, "GRU": GRU}
# Where the bias of the gate that keeps the state lies: place among the gates.
KEEPING_GATE = {"LSTM": ("forget", 1), "GRU": ("update", 0)}
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
    units: int = 32,
    steps: int = 100,
    values: Any = (0.5, 1.0, 2.0),
    gate_biases: Any = (0.0, 1.0, 3.0, 6.0),
    clipnorm: float = 1.0,
    learning_rate: float = 0.05,
    training_steps: int = 150,
    seed: int = 0,
) -> GradientStudy:
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
