"""Cells, one on top of the other."""

from typing import Any

import keras
from keras import tree

from kerasrnn.layers.any_cell import (
    KerasDropoutProtocol,
    as_list,
    cell_output_size,
    check_is_cell,
    draw_dropout_masks,
    initial_states,
    reset_dropout_masks,
    run_step,
    takes,
)
from kerasrnn.layers.arguments import (
    Shape,
    States,
    Tensor,
)


@keras.saving.register_keras_serializable(package="kerasrnn")
class StackedRNNCells(keras.layers.Layer, KerasDropoutProtocol):
    """Cells, one on top of the other, as one cell.

    y_1, s_1' = cell_1(x, s_1)        y_k, s_k' = cell_k(y_{k-1}, s_k)

    Args:
        cells: The cells, the first one nearest to the input.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        inputs: (B, D), one step.
        states: One entry for each cell, as that cell takes it.
        training: Whether dropout applies.

    Output shape:
        The last cell's output, and the new states, one entry for each cell.

    Raises:
        ValueError: A cell has no `call` or no `state_size`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LSTMCell, RNN, StackedRNNCells
    >>> cell = StackedRNNCells([LSTMCell(8), LSTMCell(4)])
    >>> RNN(cell)(np.ones((2, 5, 3), "float32")).shape
    TensorShape([2, 4])

    Reference: `keras.layers.StackedRNNCells`.
    """

    def __init__(self, cells: list | tuple, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError(
                f"`cells` must be a list of at least one cell; got {cells!r}."
            )
        for cell in cells:
            check_is_cell("cells", cell)
        self.cells = list(cells)

    @property
    def state_size(self) -> list:
        return [c.state_size for c in self.cells]

    @property
    def output_size(self) -> int:
        return cell_output_size(self.cells[-1])

    def build(self, input_shape: Shape) -> None:
        for cell in self.cells:
            if isinstance(cell, keras.layers.Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape = (input_shape[0], cell_output_size(cell))

    def get_initial_state(self, batch_size: int | None = None) -> States:
        """The initial states of each cell, zeros where it has no say."""
        return [
            initial_states(cell, batch_size, self.compute_dtype) for cell in self.cells
        ]

    def call(
        self, inputs: Tensor, states: States, training: bool = False
    ) -> tuple[Tensor, States]:
        new_states = []
        for cell, state in zip(self.cells, states, strict=True):
            arguments = {"training": training} if takes(cell, "training") else {}
            inputs, new = run_step(cell, inputs, as_list(state), **arguments)
            new_states.append(tree.pack_sequence_as(state, tree.flatten(new)))
        return inputs, new_states

    def get_dropout_mask(self, step_input: Tensor) -> None:
        """Draws every cell's masks: how `keras.layers.RNN` asks for them."""
        draw_dropout_masks(self, step_input)

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> None:
        """Drawn by `get_dropout_mask`."""

    def reset_dropout_mask(self) -> None:
        for cell in self.cells:
            reset_dropout_masks(cell)

    def reset_recurrent_dropout_mask(self) -> None:
        """Reset by `reset_dropout_mask`."""

    def get_config(self) -> dict:
        cells = [keras.saving.serialize_keras_object(c) for c in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(
        cls, config: dict, custom_objects: dict | None = None
    ) -> "StackedRNNCells":
        config = dict(config)
        cells = [
            keras.saving.deserialize_keras_object(c, custom_objects=custom_objects)
            for c in config.pop("cells")
        ]
        return cls(cells, **config)
