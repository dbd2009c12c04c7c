from collections.abc import Callable
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
class LSTMCell(RecurrentCell):
    """One step of long short-term memory.

    i = σ(x W_i + h U_i + b_i)              input gate
    f = σ(x W_f + h U_f + b_f)              forget gate
    g = φ(x W_g + h U_g + b_g)              candidate, c̃ in many books
    o = σ(x W_o + h U_o + b_o)              output gate
    c' = f ⊙ c + i ⊙ g
    h' = o ⊙ φ(c')

    Args:
        units: Positive integer, the size U of the state.
        activation: φ; None for none.
        recurrent_activation: σ, the activation of the gates.
        use_bias: Whether the pre-activations have a bias.
        kernel_initializer: Initializer of `kernel` W.
        recurrent_initializer: Initializer of `recurrent_kernel` U.
        bias_initializer: Initializer of `bias` b.
        unit_forget_bias: Whether the forget gate's bias starts at 1, the others
            as `bias_initializer` says.
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
        states: [h, c], each (B, U).
        training: Whether dropout applies.

    Output shape:
        h' as (B, U), and the list of new states.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import RNN, LSTMCell
    >>> RNN(LSTMCell(4))(np.ones((32, 10, 8), "float32")).shape
    TensorShape([32, 4])

    Reference: Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000, eq. 3.
    """

    family = "lstm"
    gates = 4

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
        bias_initializer: Initializer = "zeros",
        unit_forget_bias: bool = True,
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
        self.unit_forget_bias = flag("unit_forget_bias", unit_forget_bias)
        self.state_size = [self.units, self.units]

    @property
    def initialize_bias(self) -> Callable | None:
        if not self.unit_forget_bias:
            return self.bias_initializer

        def with_forget_bias_one(shape, *args, **kwargs):
            # Forget bias 1: Jozefowicz et al. 2015, section 2.
            u = self.units
            b_i = self.bias_initializer((u,), *args, **kwargs)
            b_f = keras.initializers.Ones()((u,), *args, **kwargs)
            b_go = self.bias_initializer((2 * u,), *args, **kwargs)
            return ops.concatenate([b_i, b_f, b_go])

        return with_forget_bias_one

    def call(
        self, inputs: Tensor, states: States, training: bool = False
    ) -> tuple[Tensor, States]:
        h, c = states
        z = self.project(inputs, training) + self.recur(h, training)
        if self.use_bias:
            z = z + self.bias
        i, f, g, o = ops.split(z, 4, axis=-1)
        i = self.recurrent_activation(i)
        f = self.recurrent_activation(f)
        g = self.activation(g)
        o = self.recurrent_activation(o)
        c = f * c + i * g
        h = o * self.activation(c)
        return h, [h, c]

    def get_config(self) -> dict:
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}
