from typing import Any

import keras

from kerasrnn.layers.arguments import (
    Activation,
    Constraint,
    Initializer,
    Regularizer,
)
from kerasrnn.layers.gru_cell import GRUCell
from kerasrnn.layers.recurrent_layer import RecurrentLayer, cell_property


@keras.saving.register_keras_serializable(package="kerasrnn")
class GRU(RecurrentLayer):
    """A gated recurrent unit over whole sequences: `GRUCell` at every step.

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
        activity_regularizer: Regularizer of the output.
        kernel_constraint: Constraint on `kernel`.
        recurrent_constraint: Constraint on `recurrent_kernel`.
        bias_constraint: Constraint on `bias`.
        dropout: Fraction of the inputs to drop, the same ones at every step.
        recurrent_dropout: Fraction of h to drop before its product with U, the same
            ones at every step.
        reset_after: Whether r multiplies h U_h (as cuDNN does) or h.
        seed: Seed of the dropout masks.
        return_sequences: Whether to return the outputs of all steps, (B, T, U), in
            place of the last one, (B, U).
        return_state: Whether to return the final state too.
        go_backwards: Whether to go from the last step to the first. Outputs come in
            that order.
        stateful: Whether a batch starts from the states that the batch before left,
            row by row. The first batch sets the number of rows.
        unroll: Whether to lay the steps out one by one in the graph: faster for a
            few steps, slow to build for many.
        use_cudnn: "auto", or False never to use cuDNN. True demands it: an error
            where it cannot run.
        zero_output_for_mask: Whether the output of a masked step is zeros in place
            of the output of the step before.
        **kwargs: `name`, `dtype`, `trainable`, and `implementation` (1 draws one
            dropout mask for each gate, 2 one for all).

    Call arguments:
        sequences: (B, T, D).
        initial_state: [h], (B, U); zeros by default.
        mask: (B, T) booleans, True where a step counts; of any kind.
        training: Whether dropout applies.

    Output shape:
        (B, U), or (B, T, U) with `return_sequences`; with `return_state` a tuple
        that goes on with h, (B, U).

    Masking:
        At a masked step the state stays as it was and the output is the one of the
        step before (zeros if there is none). The mask goes on to the next layer
        with `return_sequences`.

    Raises:
        ValueError: A wrong rank, size, state or mask; the message names it.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import GRU
    >>> x = np.ones((32, 10, 8), "float32")
    >>> GRU(4)(x).shape
    TensorShape([32, 4])
    >>> GRU(4, return_sequences=True)(x).shape
    TensorShape([32, 10, 4])

    Reference: Cho et al. 2014, eq. 5–8; `reset_after` as in cuDNN.
    """

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
        activity_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        recurrent_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
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
            reset_after=reset_after,
            seed=seed,
            implementation=kwargs.pop("implementation", 2),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="gru_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            use_cudnn=use_cudnn,
            **kwargs,
        )

    recurrent_activation = cell_property("recurrent_activation")
    reset_after = cell_property("reset_after")
