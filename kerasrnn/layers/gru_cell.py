from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import (
    Activation,
    Constraint,
    Initializer,
    Regularizer,
    States,
    Tensor,
    flag,
)
from kerasrnn.layers.recurrent_cell import RecurrentCell


@keras.saving.register_keras_serializable(package="kerasrnn")
class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit.

    z = σ(x W_z + h U_z + b_z)              update gate
    r = σ(x W_r + h U_r + b_r)              reset gate
    g = φ(x W_g + r ⊙ (h U_g + b'_g) + b_g)     candidate, with reset_after
    g = φ(x W_g + (r ⊙ h) U_g + b_g)            candidate, without it
    h' = z ⊙ h + (1 − z) ⊙ g

    Many books write h̃ for the candidate g, and swap z and 1 − z.

    Args:
        units: Positive integer, the size U of the state.
        activation: φ; None for none.
        recurrent_activation: σ, the activation of the gates.
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
        reset_after: Whether r multiplies h U_h (as cuDNN does) or h.
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: (B, D), one step.
        states: [h], with h (B, U).
        training: Whether dropout applies.

    Output shape:
        h' as (B, U), and the list of new states.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import RNN, GRUCell
    >>> RNN(GRUCell(4))(np.ones((32, 10, 8), "float32")).shape
    TensorShape([32, 4])

    Reference: Cho et al. 2014, eq. 5–8; `reset_after` as in cuDNN.
    """

    family = "gru"
    gates = 3

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
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
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
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
        self.reset_after = flag("reset_after", reset_after)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        # With reset_after, one bias for the inputs and one for the state.
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def call(
        self, inputs: Tensor, states: States, training: bool = False
    ) -> tuple[Tensor, States]:
        (h,) = keras.tree.flatten(states)
        x = self.project(inputs, training)
        if self.use_bias:
            x = x + (self.bias[0] if self.reset_after else self.bias)
        x_z, x_r, x_g = ops.split(x, 3, axis=-1)
        if self.reset_after:
            a = self.recur(h, training)
            if self.use_bias:
                a = a + self.bias[1]
            a_z, a_r, a_g = ops.split(a, 3, axis=-1)
            z = self.recurrent_activation(x_z + a_z)
            r = self.recurrent_activation(x_r + a_r)
            g = self.activation(x_g + r * a_g)
        else:
            masks = self.get_recurrent_dropout_mask(h) if training else None
            h_z, h_r, h_g = (h, h, h) if masks is None else [h * m for m in masks]
            u_z, u_r, u_g = ops.split(self.recurrent_kernel, 3, axis=1)
            z = self.recurrent_activation(x_z + ops.matmul(h_z, u_z))
            r = self.recurrent_activation(x_r + ops.matmul(h_r, u_r))
            g = self.activation(x_g + ops.matmul(r * h_g, u_g))
        h = z * h + (1 - z) * g
        return h, keras.tree.pack_sequence_as(states, [h])

    def get_config(self) -> dict:
        return {**super().get_config(), "reset_after": self.reset_after}
