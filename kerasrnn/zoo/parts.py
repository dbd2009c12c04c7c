"""The parts of a model that run elsewhere, as functional models of tensors."""

from typing import Any

import keras
from keras import tree

from kerasrnn.export.model_inputs import numbered


class InputsFor:
    """Inputs of one model for what another one gives, with a name for each.

    Args:
        structure: What the other one gives: symbolic tensors in any structure.
        prefix: Of the names, which are numbered. None: a tensor is named by the last
            key of a dictionary on the way to it, and numbered from the second on.

    Attributes:
        structure: The same with an input in the place of each symbolic tensor.
        given: Those symbolic tensors, by name.
        tensors: The inputs, by name.

    Example:

    >>> import keras
    >>> inputs = InputsFor([keras.Input((4,)), {"keys": keras.Input((3, 8))}], "state")
    >>> {name: tensor.shape for name, tensor in inputs.tensors.items()}
    {'state_0': (None, 4), 'state_1': (None, 3, 8)}
    """

    def __init__(self, structure: Any, prefix: str | None = None) -> None:
        self.given: dict[str, Any] = {}
        self.tensors: dict[str, Any] = {}
        leaves = []
        for path, leaf in tree.flatten_with_path(structure):
            if isinstance(leaf, keras.KerasTensor):
                name = self._name(prefix, path)
                self.given[name] = leaf
                leaf = keras.Input(batch_shape=leaf.shape, dtype=leaf.dtype, name=name)
                self.tensors[name] = leaf
            leaves.append(leaf)
        self.structure = tree.pack_sequence_as(structure, leaves)

    def _name(self, prefix, path):
        if prefix is not None:
            return f"{prefix}_{len(self.tensors)}"
        name = [key for key in path if isinstance(key, str)][-1]
        return numbered(name, set(self.tensors))
