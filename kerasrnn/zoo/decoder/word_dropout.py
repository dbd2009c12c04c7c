from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import Shape, Tensor
from kerasrnn.zoo.arguments import check_fraction


@keras.saving.register_keras_serializable(package="kerasrnn")
class WordDropout(keras.layers.Layer):
    """In training, take some words for unknown ones, so that no word is leaned on.

    token_t ← 1 with probability `rate`, where token_t is not padding

    Args:
        rate: Share of the words, from 0 to 1.
        seed: Integer, to draw the same words in every run.

    Call arguments:
        token_ids: (B, T) integers; 0 is padding and stays so, 1 is an unknown word.
        training: Whether to do anything.

    Output shape: (B, T)

    Example:

    >>> import numpy as np
    >>> layer = WordDropout(0.999999, seed=1)
    >>> print(np.array(layer(np.array([[7, 8, 0]]), training=True)))
    [[1 1 0]]
    >>> print(np.array(layer(np.array([[7, 8, 0]]))))
    [[7 8 0]]

    Reference: Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods
    for Text Classification", section 3.1, which drops the words; here they stay as
    unknown, so that the unknown word's vector is learned.
    """

    def __init__(self, rate: float, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_fraction("rate", rate)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, token_ids: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return token_ids
        drawn = keras.random.uniform(ops.shape(token_ids), seed=self.seed_generator)
        drop = ops.logical_and(drawn < self.rate, ops.not_equal(token_ids, 0))
        return ops.where(drop, ops.ones_like(token_ids), token_ids)  # (B, T)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def compute_output_spec(self, token_ids: Any, training: bool = False) -> Any:
        # Keras would say that ids are floats, as other layers' outputs are.
        return keras.KerasTensor(token_ids.shape, dtype=token_ids.dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
