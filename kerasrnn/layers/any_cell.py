"""What every cell can be asked, one of kerasrnn, of Keras or of a user."""

import functools
import inspect
import numbers
from typing import Any

import keras
from keras import ops, tree

from kerasrnn.layers.call_checks import shapes_agree, static_shape

KERAS_CELLS = (
    keras.layers.SimpleRNNCell,
    keras.layers.LSTMCell,
    keras.layers.GRUCell,
)


def keras_dropout_protocol() -> type:
    """The class by which keras.layers.RNN knows a cell with dropout masks.

    It draws such a cell's masks before its loop and drops them after it. The class
    is not public, but every cell of Keras's has it as a base.
    """
    bases = keras.layers.LSTMCell.__mro__
    return next((b for b in bases if b.__name__ == "DropoutRNNCell"), object)


KerasDropoutProtocol: Any = keras_dropout_protocol()


def check_is_cell(name: str, cell) -> None:
    """Raises where `cell` has not what a cell needs."""
    for attribute, what in (
        ("call", "a method `call(inputs, states)`"),
        ("state_size", "an attribute `state_size`, an integer or a list of integers"),
    ):
        if attribute not in dir(cell):
            raise ValueError(f"`{name}` must be a cell, with {what}; got {cell!r}.")


def cell_output_size(cell) -> int:
    """Size of one step's output."""
    size = getattr(cell, "output_size", None)
    return tree.flatten(cell.state_size)[0] if size is None else size


def takes_vectors(cell) -> bool:
    """Whether a step's input is known to be (B, D)."""
    if hasattr(cell, "cells"):
        return takes_vectors(cell.cells[0])
    return hasattr(cell, "input_size") or isinstance(cell, KERAS_CELLS)


def cell_input_size(cell) -> int | None:
    """Size of one step's input, None where it is not known or not known yet."""
    if hasattr(cell, "cells"):
        return cell_input_size(cell.cells[0])
    if isinstance(cell, KERAS_CELLS):
        return cell.kernel.shape[0] if cell.built else None
    return getattr(cell, "input_size", None)


def as_list(states_or_state) -> list:
    """The states of a cell as a list, even where there is one."""
    is_one = not tree.is_nested(states_or_state)
    return [states_or_state] if is_one else list(states_or_state)


def initial_states(cell, batch_size, dtype):
    """A cell's states before the first step: its own, or else zeros."""
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(batch_size=batch_size)
    return tree.map_structure(
        lambda n: ops.zeros((batch_size, n), dtype=dtype), cell.state_size
    )


def takes(cell, argument: str) -> bool:
    """Whether the `call` of a cell has this argument."""
    return argument in _parameters(getattr(cell.call, "__func__", cell.call))


# A signature takes longer to make than some layers to run.
@functools.lru_cache(maxsize=256)
def _parameters(function) -> frozenset:
    return frozenset(inspect.signature(function).parameters)


def run_step(cell, inputs, states, **arguments):
    """Output and new states of one step, the states in the structure of `states`.

    Raises:
        ValueError: The cell returns other shapes than it declares.
    """
    run = cell if callable(cell) else cell.call
    output, new_states = run(inputs, states, **arguments)
    size, found = cell_output_size(cell), static_shape(output)
    if isinstance(size, numbers.Integral) and found is not None:
        if not found or found[-1] not in (None, size):
            raise ValueError(
                f"Cell {_name(cell)} declares outputs of size {size} (`output_size`, "
                f"or else the first `state_size`); its `call` returned the shape "
                f"{found}."
            )
    old, new = tree.flatten(states), tree.flatten(new_states)
    expected, found = [static_shape(s) for s in old], [static_shape(s) for s in new]
    if len(old) != len(new) or not all(map(shapes_agree, found, expected)):
        raise ValueError(
            f"Cell {_name(cell)} declares states of the shapes {expected} "
            f"(`state_size`); its `call` returned {found}."
        )
    return output, tree.pack_sequence_as(states, new)


def _name(cell) -> str:
    return repr(getattr(cell, "name", type(cell).__name__))


def draw_dropout_masks(cell, inputs) -> None:
    """Draws the masks of one sequence, of a cell or of each cell in a stack.

    Args:
        cell: Any cell.
        inputs: (B, D), one step; only its shape and dtype count.
    """
    if hasattr(cell, "cells"):
        for c in cell.cells:
            draw_dropout_masks(c, inputs)
            size = cell_output_size(c)
            inputs = ops.ones((ops.shape(inputs)[0], size), dtype=inputs.dtype)
    elif hasattr(cell, "get_dropout_mask"):
        h_size = tree.flatten(cell.state_size)[0]
        cell.get_dropout_mask(inputs)
        cell.get_recurrent_dropout_mask(
            ops.ones((ops.shape(inputs)[0], h_size), dtype=inputs.dtype)
        )


def reset_dropout_masks(cell) -> None:
    """Drops the masks of a cell, or of each cell in a stack."""
    if hasattr(cell, "cells"):
        for c in cell.cells:
            reset_dropout_masks(c)
    elif hasattr(cell, "reset_dropout_mask"):
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
