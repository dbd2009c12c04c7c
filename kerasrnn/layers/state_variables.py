"""What a stateful layer carries from one batch to the next."""

import os

import keras
import numpy as np
from keras import ops, tree


class StateVariables:
    """The state variables of a stateful layer, one row for each sequence.

    A plain object, since Keras would count variables in a list attribute as weights
    of the layer, and weight files would no longer fit `keras.layers`.
    """

    def __init__(self):
        self.variables = None
        self._waiting = []

    def create(self, values, dtype):
        """Makes a variable of each of `values`, in their structure.

        What `set_rows` was given before is set then.
        """
        self.variables = tree.map_structure(
            lambda v: keras.Variable(v, trainable=False, dtype=dtype, name="rnn_state"),
            values,
        )
        waiting, self._waiting = self._waiting, []
        for states, rows in waiting:
            self.assign_rows(states, rows)

    @property
    def size(self) -> int:
        """How many rows are carried."""
        return tree.flatten(self.variables)[0].shape[0]

    def rows(self, static_batch, batch, may_be_partial):
        """The first `batch` rows of each state.

        Args:
            static_batch: The number of rows, or None where it is not known yet.
            batch: The number of rows, an integer or a scalar tensor.
            may_be_partial: Whether fewer rows than there are states are no mistake.
        """
        if static_batch is None or static_batch == self.size:
            pass
        elif static_batch > self.size:
            raise ValueError(
                "If an RNN is stateful, the batch size of the input sequences must "
                f"be that of the states it carries. Expected {self.size} rows; got "
                f"{static_batch}."
            )
        elif not may_be_partial:
            raise ValueError(
                "If an RNN is stateful, the batch size of the input sequences must "
                f"be that of the states it carries. Expected {self.size} rows; got "
                f"{static_batch}. A smaller last batch is welcome in `fit`, "
                "`evaluate`, `predict` and compiled functions; elsewhere pass "
                "`initial_state` for it."
            )
        if static_batch == self.size:
            # A copy, since torch updates a variable in place.
            return tree.map_structure(lambda v: ops.copy(v.value), self.variables)
        return tree.map_structure(lambda v: v.value[:batch], self.variables)

    def update(self, states, static_batch, batch):
        """Puts `states` in the first `batch` rows."""
        for v, s in zip(
            tree.flatten(self.variables), tree.flatten(states), strict=True
        ):
            s = ops.cast(s, v.dtype)
            if static_batch != self.size:
                s = ops.concatenate([s, v.value[batch:]], axis=0)
            v.assign(s)

    def set_rows(self, states, rows):
        """`assign_rows`, now or as soon as there are variables."""
        if self.variables is not None:
            self.assign_rows(states, rows)
            return
        if rows is None:
            self._waiting = []
        if states is not None:
            # Copies, since the caller may go on to use the arrays.
            states = [np.array(ops.convert_to_numpy(s)) for s in tree.flatten(states)]
            self._waiting.append((states, rows))

    def assign_rows(self, states, rows):
        """Sets the rows `rows` (None: all) to `states` (None: zeros)."""
        variables = tree.flatten(self.variables)
        count = self.size if rows is None else len(np.atleast_1d(rows))
        if states is None:
            states = [np.zeros((count, *v.shape[1:])) for v in variables]
        states = [ops.convert_to_numpy(s) for s in tree.flatten(states)]
        expected = [(count, *v.shape[1:]) for v in variables]
        if [s.shape for s in states] != expected:
            raise ValueError(
                f"`states` must have the shapes {expected}; got "
                f"{[s.shape for s in states]}."
            )
        index = np.arange(self.size) if rows is None else np.atleast_1d(rows)
        if index.dtype.kind not in "iu" or np.any((index < 0) | (index >= self.size)):
            raise ValueError(
                f"`rows` must be indices from 0 to {self.size - 1}; got {rows}."
            )
        for v, s in zip(variables, states, strict=True):
            value = np.array(ops.convert_to_numpy(v.value))
            value[index] = s
            v.assign(value)

    def save(self, dir_path):
        """Writes the states into a folder of a `.keras` file."""
        os.makedirs(dir_path, exist_ok=True)
        values = [ops.convert_to_numpy(v.value) for v in tree.flatten(self.variables)]
        np.savez(os.path.join(dir_path, "states.npz"), *values)

    def load(self, dir_path):
        """Reads what `save` wrote."""
        with np.load(os.path.join(dir_path, "states.npz"), allow_pickle=False) as f:
            for i, v in enumerate(tree.flatten(self.variables)):
                v.assign(f[f"arr_{i}"])
