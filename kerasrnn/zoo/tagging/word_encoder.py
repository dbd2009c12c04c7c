from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import Shape, Tensor
from kerasrnn.layers.time_distributed import TimeDistributed
from kerasrnn.zoo.decoder.word_dropout import WordDropout
from kerasrnn.zoo.tagging.speller import Speller


class WordEncoder(keras.layers.Layer):
    """A vector for each word: of what it is, and of how it is spelled.

    x_t = [E[word_t], spelled(letters_t)]

    A word that was never seen has no vector of its own, but a spelling.

    Args:
        vocabulary_size: How many numbers of words there are; 0 is padding, 1 any
            unknown word.
        letter_count: The same of letters.
        embedding_dim: Size of a word's vector.
        letter_dim: Size of a letter's vector.
        letter_units: Size of the state of the reader of letters, in each direction.
        cell: That of the reader: `"simple_rnn"`, `"lstm"` or `"gru"`.
        word_dropout: In training, share of the words taken for unknown ones.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        rows: (B, T, 1 + L) integers: each word's number, and those of its letters.
        training: Whether words are dropped.

    Output shape: (B, T, embedding_dim + 2 letter_units)
    """

    def __init__(
        self,
        vocabulary_size: int,
        letter_count: int,
        *,
        embedding_dim: int = 64,
        letter_dim: int = 32,
        letter_units: int = 32,
        cell: str = "lstm",
        word_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = embedding_dim + 2 * letter_units
        dtype = self.dtype_policy
        self.embedding = keras.layers.Embedding(
            vocabulary_size, embedding_dim, dtype=dtype, name="words"
        )
        self.drop_words = WordDropout(word_dropout, name="drop_words")
        speller = Speller(
            letter_count,
            letter_dim=letter_dim,
            units=letter_units,
            cell=cell,
            dtype=dtype,
            name="speller",
        )
        self.spelled = TimeDistributed(speller, dtype=dtype, name="spelled")

    def build(self, input_shape: Shape) -> None:
        self.embedding.build((None, None))
        self.spelled.build((None, None, None))
        self.built = True

    def mask(self, rows: Tensor) -> Tensor:
        """Where there is a word, (B, T)."""
        return ops.not_equal(rows[:, :, 0], 0)

    def call(self, rows: Tensor, training: bool = False) -> Tensor:
        words = self.drop_words(rows[:, :, 0], training=training)  # (B, T)
        spelled = self.spelled(rows[:, :, 1:])  # (B, T, 2 letter_units)
        return ops.concatenate([self.embedding(words), spelled], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:2], self.size)
