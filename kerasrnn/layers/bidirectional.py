"""A recurrent layer and its mirror image."""

from typing import Any

import keras
from keras import tree

from kerasrnn.layers.any_cell import cell_input_size, takes_vectors
from kerasrnn.layers.arguments import (
    States,
    Tensor,
)
from kerasrnn.layers.call_checks import check_sequences, standardize_mask


@keras.saving.register_keras_serializable(package="kerasrnn")
class Bidirectional(keras.layers.Bidirectional):
    """A recurrent layer over the sequence, and one over the reversed sequence.

    y_t = merge(→y_t, ←y_t)

    `keras.layers.Bidirectional` as it is, but for: masks that go on with
    `return_state` and in stateful use, and on every version of Keras;
    `reset_state(states=, rows=)`; and errors that name what is wrong.

    Args:
        layer: The recurrent layer to run forwards.
        merge_mode: "concat", "sum", "mul", "ave", or None for both outputs.
        weights: Initial weights, the forward layer's first.
        backward_layer: The layer to run backwards; `layer` with the opposite
            `go_backwards` by default.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        sequences: (B, T, D).
        initial_state: The forward layer's states, then the backward layer's.
        mask: (B, T) booleans, True where a step counts.
        training: Whether dropout applies.
        sequences_mask: As `mask`. Keras passes the attached mask by this name where a
            call has several tensors, such as initial states.

    Output shape:
        (B, 2U) for "concat", (B, U) for "sum", "mul" and "ave", the two tensors
        (B, U) for None; (B, T, ·) where `layer` has `return_sequences`. With its
        `return_state`, followed by the forward and then the backward states.

    Masking:
        At a masked step the states of both layers stay as they were. With
        `return_sequences` the output of a masked step is zeros, and the mask goes on
        to the next layer.

    Raises:
        ValueError: `initial_state` does not have both layers' states.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LSTM, Bidirectional
    >>> Bidirectional(LSTM(4))(np.ones((2, 5, 3), "float32")).shape
    TensorShape([2, 8])

    Reference: Schuster and Paliwal 1997, figure 3.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        merge_mode: str | None = "concat",
        weights: list | None = None,
        backward_layer: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            layer,
            merge_mode=merge_mode,
            weights=weights,
            backward_layer=backward_layer,
            **kwargs,
        )
        self.supports_masking = True

    def __call__(self, sequences: Tensor, *args: Any, **kwargs: Any) -> Any:
        cell = getattr(self.forward_layer, "cell", None)
        known = cell is not None and takes_vectors(cell)
        features = cell_input_size(cell) if known and self.built else None
        check_sequences(self, sequences, rank_known=known, features=features)
        return super().__call__(sequences, *args, **kwargs)

    def call(
        self,
        sequences: Tensor,
        initial_state: States | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
        sequences_mask: Tensor | None = None,
    ) -> Any:
        mask = sequences_mask if mask is None else mask
        if initial_state is not None:
            count = 2 * len(tree.flatten(list(self.forward_layer.state_size)))
            if not isinstance(initial_state, (list, tuple)) or count != len(
                tree.flatten(initial_state)
            ):
                raise ValueError(
                    f"`initial_state` of layer {self.name!r} must be a list of {count} "
                    "states, the forward layer's first; got "
                    f"{len(tree.flatten(initial_state))}."
                )
        return super().call(
            sequences,
            initial_state=initial_state,
            mask=standardize_mask(mask, sequences),
            training=training,
        )

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = tree.flatten(mask)[0] if self.return_sequences else None
        masks = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            masks += [None] * 2 * len(tree.flatten(list(self.forward_layer.state_size)))
        return masks if len(masks) > 1 else mask

    def reset_state(self, states: States | None = None, rows: Any = None) -> None:
        """Sets what a stateful layer carries over.

        Args:
            states: The new states, the forward layer's first; None for zeros.
            rows: Indices of the rows to set; None for all.
        """
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        if states is None:
            self.forward_layer.reset_state(None, rows)
            self.backward_layer.reset_state(None, rows)
            return
        half = len(states) // 2
        if len(states) != 2 * half:
            raise ValueError(
                f"`states` of layer {self.name!r} must be the forward layer's and then "
                f"the backward layer's, as many of each; got {len(states)}."
            )
        self.forward_layer.reset_state(states[:half], rows)
        self.backward_layer.reset_state(states[half:], rows)

    reset_states = reset_state

    def explain(self, training: bool = True) -> str:
        """Which kernel runs each direction, and why not a faster one."""
        layers = {"forward": self.forward_layer, "backward": self.backward_layer}
        return "\n".join(
            f"{name} {line}"
            for name, layer in layers.items()
            for line in layer.explain(training).splitlines()
        )
