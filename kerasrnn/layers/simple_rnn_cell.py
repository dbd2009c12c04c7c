from typing import Any

import keras

from kerasrnn.layers.arguments import (
    Activation,
    Constraint,
    Initializer,
    Regularizer,
    States,
    Tensor,
)
from kerasrnn.layers.recurrent_cell import RecurrentCell


@keras.saving.register_keras_serializable(package="kerasrnn")
class SimpleRNNCell(RecurrentCell):
    """One step of a vanilla recurrent network.

    h' = φ(x W + h U + b)

    Args:
        units: Positive integer, the size U of the state.
        activation: φ; None for none.
        use_bias: Whether the pre-activations have a bias.
        kernel_initializer: Initializer of `kernel` W.
        recurrent_initializer: Initializer of `recurrent_kernel` U.
        bias_initializer: Initializer of `bias` b.
        kernel_regularizer: Regularizer of `kernel`.
        recurrent_regularizer: Regularizer of `recurrent_kernel`.
        bias_regularizer: Regularizer of `bias`.
        kernel_constraint: Constraint on `kernel`.
        recurrent_constraint: Constraint on `recurrent_kernel`.
        bias_constraint: Constraint on `bias`.
        dropout: Fraction of the inputs to drop, the same ones at every step.
        recurrent_dropout: Fraction of h to drop before its product with U, the same
            ones at every step.
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: (B, D), one step.
        states: [h], with h (B, U).
        training: Whether dropout applies.

    Output shape:
        h' as (B, U), and the list of new states.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import RNN, SimpleRNNCell
    >>> RNN(SimpleRNNCell(4))(np.ones((32, 10, 8), "float32")).shape
    TensorShape([32, 4])

    Reference: Elman 1990, "Finding structure in time", section 2.
    """

    family = "simple_rnn"
    gates = 1

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        recurrent_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        recurrent_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **kwargs,
        )

    def call(
        self, inputs: Tensor, states: States, training: bool = False
    ) -> tuple[Tensor, States]:
        (h,) = keras.tree.flatten(states)
        z = self.project(inputs, training)
        if self.use_bias:
            z = z + self.bias
        h = self.activation(z + self.recur(h, training))
        return h, keras.tree.pack_sequence_as(states, [h])
