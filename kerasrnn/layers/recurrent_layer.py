"""What SimpleRNN, LSTM and GRU share: an RNN round a cell of our own."""

from typing import Any

import keras

from kerasrnn.layers.arguments import (
    flag,
)
from kerasrnn.layers.rnn import RNN


def cell_property(name: str) -> property:
    """A read-only property of the layer that is the cell's."""
    return property(lambda self: getattr(self.cell, name))


class RecurrentLayer(RNN):
    """An `RNN` that shows its cell's arguments as its own.

    Args:
        cell: A `SimpleRNNCell`, `LSTMCell` or `GRUCell`.
        use_cudnn: "auto", True or False; None where cuDNN has no such layer.
        **kwargs: Arguments of `RNN`, such as `return_sequences`.
    """

    def __init__(
        self, cell: Any, *, use_cudnn: bool | str | None = None, **kwargs: Any
    ):
        super().__init__(cell, **kwargs)
        if use_cudnn is not None:
            is_auto = isinstance(use_cudnn, str) and use_cudnn == "auto"
            self.use_cudnn = use_cudnn if is_auto else flag("use_cudnn", use_cudnn)
            self._leave_xla_for_cudnn()
        self.input_spec = keras.layers.InputSpec(ndim=3)

    units = cell_property("units")
    activation = cell_property("activation")
    use_bias = cell_property("use_bias")
    kernel_initializer = cell_property("kernel_initializer")
    recurrent_initializer = cell_property("recurrent_initializer")
    bias_initializer = cell_property("bias_initializer")
    kernel_regularizer = cell_property("kernel_regularizer")
    recurrent_regularizer = cell_property("recurrent_regularizer")
    bias_regularizer = cell_property("bias_regularizer")
    kernel_constraint = cell_property("kernel_constraint")
    recurrent_constraint = cell_property("recurrent_constraint")
    bias_constraint = cell_property("bias_constraint")
    dropout = cell_property("dropout")
    recurrent_dropout = cell_property("recurrent_dropout")

    def get_config(self) -> dict:
        config = super().get_config()
        del config["cell"]
        config["activity_regularizer"] = keras.regularizers.serialize(
            self.activity_regularizer
        )
        if hasattr(self, "use_cudnn"):
            config["use_cudnn"] = self.use_cudnn
        # The layer's name, dtype and trainable come last, over the cell's.
        return {**self.cell.get_config(), **config}

    @classmethod
    def from_config(
        cls, config: dict, custom_objects: dict | None = None
    ) -> "RecurrentLayer":
        return cls(**config)
