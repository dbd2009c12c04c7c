"""`Seq2SeqAttention` as it is written with keras.layers alone."""

import keras
from keras import ops


class Attention(keras.layers.Layer):
    """Looks at the memory with queries (B, T, U), and puts both together."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.query = keras.layers.Dense(units, use_bias=False)
        self.look = keras.layers.AdditiveAttention()
        self.combine = keras.layers.Dense(units, activation="tanh", use_bias=False)

    def build(self, h_shape, memory_shape):
        batch, steps, units = h_shape
        self.query.build(h_shape)
        self.look.build([h_shape, memory_shape, (batch, memory_shape[1], units)])
        self.combine.build((batch, steps, memory_shape[-1] + units))

    def call(self, h, memory, keys, mask):
        context = self.look([self.query(h), memory, keys], mask=[None, mask])
        return self.combine(ops.concatenate([context, h], axis=-1))


class InputFeedingCell(keras.layers.Layer):
    """A GRU's step and a look at the memory, which enters the next step.

    keras.layers.RNN gives its cell nothing but input and states, so that the model
    puts the memory into the cell before each call.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.state_size, self.output_size = [units, units], units
        self.cell = keras.layers.GRUCell(units)
        self.attention = Attention(units)
        self.memory = None

    def build(self, input_shape):
        batch, size = input_shape
        units = self.output_size
        self.cell.build((batch, size + units))
        self.attention.build((batch, 1, units), (batch, None, 2 * units))

    def call(self, inputs, states):
        h, fed = states
        h, _ = self.cell(ops.concatenate([inputs, fed], axis=-1), [h])
        a = self.attention(h[:, None], *self.memory)[:, 0]
        return a, [h, a]


class KerasTranslator(keras.Model):
    """Of a bidirectional GRU, a GRU and additive attention, with tied embeddings."""

    def __init__(self, source_size, target_size, units, dropout, input_feeding):
        super().__init__()
        self.input_feeding = input_feeding
        self.source_embedding = keras.layers.Embedding(source_size, units)
        self.target_embedding = keras.layers.Embedding(target_size, units)
        self.encoder = keras.layers.Bidirectional(
            keras.layers.GRU(units, return_sequences=True, return_state=True)
        )
        self.bridge = keras.layers.Dense(units, activation="tanh")
        self.keys = keras.layers.Dense(units, use_bias=False)
        if input_feeding:
            self.cell = InputFeedingCell(units)
            self.decoder = keras.layers.RNN(self.cell, return_sequences=True)
            self.attention = self.cell.attention
        else:
            self.decoder = keras.layers.GRU(units, return_sequences=True)
            self.attention = Attention(units)
        self.drop = keras.layers.Dropout(dropout)
        self.output_bias = self.add_weight(
            shape=(target_size,), name="output_bias", initializer="zeros"
        )

    def call(self, inputs, training=False):
        source_ids, target_ids = inputs
        *memory, state = self.encode(source_ids, training=training)
        x = self.drop(self.target_embedding(target_ids), training=training)
        if self.input_feeding:
            self.cell.memory = memory
            states = [state, ops.zeros_like(state)]
            outputs = self.decoder(x, initial_state=states)
        else:
            outputs = self.attention(self.decoder(x, initial_state=state), *memory)
        return self.logits(self.drop(outputs, training=training))

    def encode(self, source_ids, training=False):
        """Memory, keys, mask, and the decoder's first state."""
        mask = source_ids != 0
        x = self.drop(self.source_embedding(source_ids), training=training)
        memory, *ends = self.encoder(x, mask=mask)
        return memory, self.keys(memory), mask, self.bridge(ops.concatenate(ends, -1))

    def logits(self, outputs):
        vectors = ops.transpose(self.target_embedding.embeddings)
        return ops.matmul(outputs, vectors) + self.output_bias

    def copy(self, weights):
        """Takes the weights of a `Seq2SeqAttention`, by name."""
        ids = ops.ones((1, 2), "int32")
        self((ids, ids))  # makes its own
        decoder = self.cell.cell if self.input_feeding else self.decoder
        for layer, arrays in (
            (self.source_embedding, [weights["source"]]),
            (self.target_embedding, [weights["target"]]),
            (self.encoder, [*weights["forward"], *weights["backward"]]),
            (self.bridge, weights["bridge"]),
            (self.keys, [weights["memory_kernel"]]),
            (decoder, weights["decoder"]),
            (self.attention.query, [weights["query_kernel"]]),
            (self.attention.look, [weights["score_kernel"][:, 0]]),
            (self.attention.combine, [weights["attention_kernel"]]),
        ):
            layer.set_weights(arrays)
        self.output_bias.assign(weights["output_bias"])


class Encoder(keras.Model):
    """The part of a translator that runs once."""

    def __init__(self, translator):
        super().__init__()
        self.translator = translator

    def call(self, source_ids):
        return self.translator.encode(source_ids)


class DecoderStep(keras.Model):
    """The part that runs for every token: one step, its states in and out."""

    def __init__(self, translator):
        super().__init__()
        self.translator = translator

    def call(self, inputs):
        token_ids, h, fed, *memory = inputs
        cell = self.translator.cell
        cell.memory = memory
        output, states = cell(self.translator.target_embedding(token_ids), [h, fed])
        return self.translator.logits(output), *states
