"""The least that inspection asks of a character language model, with random weights."""

import keras
import numpy as np
from keras import ops

from kerasrnn.layers import GRU, LSTM, SimpleRNN
from kerasrnn.text import CharacterTokenizer

TEXT = 'He said "to be, (or not)"\n\tif (x) { "a" }\n' * 3
LAYERS = {"simple_rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}


class TinyCharModel:
    """One-hot characters, recurrent layers, logits: functions of the seed."""

    def __init__(
        self, cell="lstm", num_layers=2, units=5, *, dtype="float32", scale=1.0, seed=0
    ):
        self.preprocessor = CharacterTokenizer()
        self.preprocessor.adapt([TEXT])
        size = self.preprocessor.vocabulary_size
        if isinstance(cell, str):
            cell = LAYERS[cell]
        keras.utils.set_random_seed(seed)
        self.recurrent_layers = [
            cell(units, return_sequences=True, return_state=True, dtype=dtype)
            for _ in range(num_layers)
        ]
        features = size
        for layer in self.recurrent_layers:
            layer.build((None, None, features))
            draw = np.random.default_rng(seed)
            # Biases of both kinds too, so that leaving one out is seen.
            layer.set_weights(
                [
                    w * scale + 0.1 * draw.normal(size=w.shape)
                    for w in layer.get_weights()
                ]
            )
            features = units
        self.output_layer = keras.layers.Dense(size, dtype=dtype)
        self.output_layer.build((None, None, units))
        self.size, self.dtype = size, dtype

    def embed(self, ids):
        return ops.one_hot(ops.convert_to_tensor(ids), self.size, dtype=self.dtype)

    def __call__(self, ids):
        x = self.embed(ids)
        for layer in self.recurrent_layers:
            x = layer(x)[0]
        return self.output_layer(x)
