from typing import Any

import keras
from keras import ops

from kerasrnn.layers import Bidirectional
from kerasrnn.layers.arguments import Shape, Tensor
from kerasrnn.zoo.recurrent_layers import LAYERS


class Speller(keras.layers.Layer):
    """Reads the letters of a word from both ends, and says what it saw.

    →h_l = RNN(E[letter_l], →h_{l-1})        ←h_l = RNN(E[letter_l], ←h_{l+1})
    y = [→h_L, ←h_1]

    Args:
        letter_count: How many numbers of letters there are; 0 is padding.
        letter_dim: Size of a letter's vector.
        units: Size of the state of each direction.
        cell: `"simple_rnn"`, `"lstm"` or `"gru"`.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        letters: (N, L) integers.
        training: Whether it is in training.

    Output shape: (N, 2 units)

    Reference: Ling et al. 2015, "Finding Function in Form: Compositional Character
    Models for Open Vocabulary Word Representation", section 3.
    """

    def __init__(
        self,
        letter_count: int,
        *,
        letter_dim: int = 32,
        units: int = 32,
        cell: str = "lstm",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.letter_count = letter_count
        self.letter_dim = letter_dim
        self.units = units
        self.cell = cell
        dtype = self.dtype_policy
        self.embedding = keras.layers.Embedding(
            letter_count, letter_dim, dtype=dtype, name="letters"
        )
        self.reader = Bidirectional(
            LAYERS[cell](units, dtype=dtype, name="reader"), dtype=dtype, name="reader"
        )

    def build(self, input_shape: Shape) -> None:
        self.embedding.build(input_shape)
        self.reader.build((*input_shape, self.letter_dim))
        self.built = True

    def call(self, letters: Tensor, training: bool = False) -> Tensor:
        mask = ops.not_equal(letters, 0)  # (N, L)
        return self.reader(self.embedding(letters), mask=mask, training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], 2 * self.units)
