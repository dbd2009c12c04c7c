import keras
from keras import ops

from kerasrnn.layers.arguments import Tensor


@keras.saving.register_keras_serializable(package="kerasrnn")
class TimeDistributed(keras.layers.TimeDistributed):
    """A layer that looks at every step by itself, at all of them at once.

    y_t = layer(x_t)

    `keras.layers.TimeDistributed` with the steps of all rows as one batch of rows,
    where Keras calls the layer step by step.

    Args:
        layer: The layer, from (N, …) to (N, …).
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        inputs: (B, T, …), of which the sizes after the steps are known.
        training: Whether `layer` is in training.

    Output shape: (B, T, …)

    Masking: a mask of steps goes on to the next layer; `layer` does not see it.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LSTM
    >>> from kerasrnn.layers.time_distributed import TimeDistributed
    >>> letters = np.ones((2, 5, 7, 3), "float32")  # 2 sentences of 5 words
    >>> TimeDistributed(LSTM(4))(letters).shape
    TensorShape([2, 5, 4])
    """

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        rest = tuple(inputs.shape[2:])
        rows, steps = ops.shape(inputs)[:2]
        flat = ops.reshape(inputs, (-1, *rest))  # (B T, …)
        # Keras tells the layer itself whether this is training.
        outputs = self.layer(flat)
        return ops.reshape(outputs, (rows, steps, *outputs.shape[1:]))

    def compute_output_spec(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> keras.KerasTensor:
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, self.compute_dtype)
