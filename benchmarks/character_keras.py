"""Character language models as they are written with keras.layers alone."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

LAYERS = {
    "simple_rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
}
WINDOW = 40  # characters that Keras's example reads anew for each that it writes


class Characters(keras.Model):
    """The model of TensorFlow's tutorial on text generation.

    Args:
        cell: `"simple_rnn"`, `"lstm"` or `"gru"`.
        num_layers: How many recurrent layers; the tutorial has one.
        units: Size of each.
        size: How many ids there are.
        embedding_dim: Size of their vectors; None: one-hot.

    Reference: "Text generation with an RNN", a tutorial of TensorFlow.
    """

    def __init__(self, cell, num_layers, units, size, embedding_dim=None):
        super().__init__()
        self.size, self.embedding = size, None
        if embedding_dim is not None:
            self.embedding = keras.layers.Embedding(size, embedding_dim)
        self.recurrent = [
            LAYERS[cell](units, return_sequences=True, return_state=True)
            for _ in range(num_layers)
        ]
        self.dense = keras.layers.Dense(size)

    def call(self, ids, states=None, return_state=False, training=False):
        if self.embedding is None:
            x = ops.one_hot(ids, self.size)
        else:
            x = self.embedding(ids)
        if states is None:
            rows = ops.shape(ids)[0]
            states = [layer.get_initial_state(rows) for layer in self.recurrent]
        after = []
        for layer, state in zip(self.recurrent, states, strict=True):
            x, *state = layer(x, initial_state=state, training=training)
            after.append(state)
        logits = self.dense(x)
        return (logits, after) if return_state else logits


class OneStep(keras.Model):
    """What writes one more character, compiled: the tutorial's class of this name."""

    def __init__(self, model, vocabulary, temperature=1.0):
        super().__init__()
        self.temperature, self.model = temperature, model
        options = {"vocabulary": vocabulary, "mask_token": ""}
        self.ids_from_chars = keras.layers.StringLookup(**options)
        self.chars_from_ids = keras.layers.StringLookup(**options, invert=True)
        mask = np.zeros(len(vocabulary) + 2, "float32")
        mask[:2] = -np.inf  # padding and unknown
        self.prediction_mask = tf.constant(mask)

    @tf.function
    def generate_one_step(self, inputs, states=None):
        characters = tf.strings.unicode_split(inputs, "UTF-8")
        ids = self.ids_from_chars(characters).to_tensor()
        logits, states = self.model(ids, states=states, return_state=True)
        logits = logits[:, -1, :] / self.temperature + self.prediction_mask
        ids = tf.squeeze(tf.random.categorical(logits, num_samples=1), axis=-1)
        return self.chars_from_ids(ids), states

    def generate(self, prompt, length):
        """The tutorial's loop."""
        states, character = None, tf.constant([prompt])
        written = []
        for _ in range(length):
            character, states = self.generate_one_step(character, states=states)
            written.append(character)
        return tf.strings.join(written)[0].numpy().decode()


def stateful_model(cell, num_layers, units, size, batch_size, steps):
    """Logits of ids (B, T), after what the calls before have read."""
    ids = keras.Input(batch_shape=(batch_size, steps), dtype="int32")
    x = ops.one_hot(ids, size)
    for _ in range(num_layers):
        x = LAYERS[cell](units, return_sequences=True, stateful=True)(x)
    return keras.Model(ids, keras.layers.Dense(size)(x))


def weights_of(ours):
    """Weights of a `CharLanguageModel` of one-hot vectors, a list for each layer."""
    cells = [layer.cell for layer in ours.recurrent_layers]
    return [layer.get_weights() for layer in [*cells, ours.output_layer]]


def put_weights(model, weights):
    """Gives a model of this file what `weights_of` gave."""
    layers = [layer for layer in model.layers if layer.weights]
    for layer, arrays in zip(layers, weights, strict=True):
        getattr(layer, "cell", layer).set_weights(arrays)


class Drawing:
    """Draws ids as Keras's example on text generation does it, in NumPy."""

    def __init__(self, temperature=1.0, seed=1):
        self.temperature, self.random = temperature, np.random.default_rng(seed)

    def __call__(self, logits):
        # Not padding, not unknown.
        logits = logits[2:].astype("float64") / self.temperature
        p = np.exp(logits - logits.max())
        return 2 + int(np.argmax(self.random.multinomial(1, p / p.sum())))


def loop_of_predict(model, ids, length, draw):
    """Writes with one `predict` of a stateful model of one step for each character."""
    for layer in model.layers:
        if hasattr(layer, "reset_state"):
            layer.reset_state()
    ids = list(ids)
    for position in range(len(ids) + length - 1):
        logits = model.predict(np.array([[ids[position]]], "int32"), verbose=0)
        if position + 1 == len(ids):
            ids.append(draw(logits[0, -1]))
    return ids[-length:]


def loop_over_windows(model, ids, length, draw):
    """Writes with one `predict` of the last characters for each character.

    As in Keras's example `lstm_text_generation`, which needs no state.
    """
    ids = list(ids)
    for _ in range(length):
        window = np.array([ids[-WINDOW:]], "int32")
        ids.append(draw(model.predict(window, verbose=0)[0, -1]))
    return ids[-length:]
