from collections.abc import Callable

import keras

from kerasrnn.layers.arguments import Tensor


class ChainLoop(keras.Operation):
    """The loop over a chain of tags in a model that is being made.

    It stands for the loop until an exporter writes one of its own in its place.

    s_t = step(x_t, s_{t-1}) where step t follows another one, else s_{t-1}

    Args:
        step: `(x_t, state) -> state`.

    Call arguments:
        x: (B, T, D).
        first: The state before the first step, (B, C).
        follows: (B, T) booleans.

    Output shape: (B, T, C), the states of all steps.
    """

    def __init__(self, step: Callable) -> None:
        super().__init__()
        self.step = step

    def call(self, x: Tensor, first: Tensor, follows: Tensor) -> Tensor:
        raise NotImplementedError("It is only called with symbolic tensors.")

    def compute_output_spec(
        self, x: Tensor, first: Tensor, follows: Tensor
    ) -> keras.KerasTensor:
        return keras.KerasTensor((*x.shape[:2], first.shape[-1]), first.dtype)
