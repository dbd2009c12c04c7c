from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import Shape, Tensor
from kerasrnn.zoo.decoder.word_dropout import WordDropout
from kerasrnn.zoo.recurrent_layers import sequence_layers
from kerasrnn.zoo.sentiment.masked_pooling import MaskedPooling


class TextReader(keras.Model):
    """Reads token ids to their end, and says which class they belong to, in logits.

    x_t = E[token_t]                        embedding
    h_t = RNN(x_t, h_{t-1})                 one or more recurrent layers
    s   = pool_t(h_t)                       over the valid steps only
    z   = W s + b

    The arguments are those of `SentimentClassifier`; `classes` is their number.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        classes: int,
        cell: str,
        num_layers: int,
        units: int,
        bidirectional: bool,
        embedding_dim: int,
        embedding_trainable: bool,
        pooling: tuple[str, ...],
        word_dropout: float,
        embedding_dropout: float,
        dropout: float,
        recurrent_dropout: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.features = units * (2 if bidirectional else 1)
        self.embedding_dim = embedding_dim
        dtype = self.dtype_policy
        self.embedding = keras.layers.Embedding(
            vocabulary_size,
            embedding_dim,
            trainable=embedding_trainable,
            dtype=dtype,
            name="embedding",
        )
        self.drop_words = WordDropout(word_dropout, name="drop_words")
        self.drop_components = keras.layers.SpatialDropout1D(
            embedding_dropout, dtype=dtype, name="drop_components"
        )
        self.recurrent_layers = sequence_layers(
            num_layers,
            cell,
            units,
            bidirectional=bidirectional,
            recurrent_dropout=recurrent_dropout,
            dtype=dtype,
        )
        self.dropouts = [
            keras.layers.Dropout(dropout, dtype=dtype, name=f"dropout_{i}")
            for i in range(num_layers)
        ]
        self.pool = MaskedPooling(
            pooling, bidirectional=bidirectional, dtype=dtype, name="pool"
        )
        # Logits in float32 keep the loss exact under mixed precision.
        self.classes = keras.layers.Dense(classes, dtype="float32", name="classes")

    def build(self, input_shape: Shape | None = None) -> None:
        self.embedding.build((None, None))
        for index, layer in enumerate(self.recurrent_layers):
            features = self.features if index else self.embedding_dim
            layer.build((None, None, features))
        self.pool.build((None, None, self.features))
        self.classes.build((None, self.features * len(self.pool.modes)))
        self.built = True

    def call(self, token_ids: Tensor, training: bool = False) -> Tensor:
        mask = ops.not_equal(token_ids, 0)  # (B, T)
        token_ids = self.drop_words(token_ids, training=training)
        sequences = self.embedding(token_ids)  # (B, T, D)
        sequences = self.drop_components(sequences, training=training)
        for index, layer in enumerate(self.recurrent_layers):
            if index:
                sequences = self.dropouts[index - 1](sequences, training=training)
            sequences = layer(sequences, mask=mask, training=training)  # (B, T, U)
        summary = self.pool(sequences, mask=mask)  # (B, U · poolings)
        summary = self.dropouts[-1](summary, training=training)
        return self.classes(summary)  # (B, classes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.classes.units)
