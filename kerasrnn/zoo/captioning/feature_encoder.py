import keras
from keras import ops

from kerasrnn.zoo.decoder.text_decoder import Encoding, states_of


class FeatureEncoder(keras.Model):
    """Brings the features of pictures to one scale, and tells a decoder of them.

    v = (1/L Σ_l f_l − μ) / σ              for the first states of each layer
    m_l = tanh(W_m (f_l − μ)/σ + b_m)      with `memory_units`, to attend to

    With `scales_mean` v is divided by a σ of its own, that of the mean over places,
    which is smaller than that of the places.

    Args:
        feature_dim: D, size of a place's features.
        cell: Of the decoder: "simple_rnn", "lstm" or "gru".
        num_layers: How many recurrent layers the decoder has.
        memory_units: Size of m_l; None: there is no memory, and all that is seen of a
            picture is the mean over its places.
        scales_mean: Whether v has a σ of its own.

    Call arguments:
        features: (B, L, D).
        training: Whether dropout applies.

    Output shape:
        An `Encoding`: vectors (B, D), and with `memory_units` a memory (B, L, U).
    """

    def __init__(
        self,
        feature_dim,
        *,
        cell,
        num_layers,
        memory_units=None,
        scales_mean=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_layers = num_layers
        self.states_of_a_layer = states_of(cell)
        self.memory_units = memory_units
        self.mean_deviation = None
        names = ["feature_mean", "feature_deviation"]
        for name in [*names, "mean_deviation"] if scales_mean else names:
            value = "zeros" if name == "feature_mean" else "ones"
            weight = self.add_weight(
                shape=(feature_dim,), name=name, initializer=value, trainable=False
            )
            setattr(self, name, weight)
        if memory_units is not None:
            self.feature_layer = keras.layers.Dense(
                memory_units,
                activation="tanh",
                dtype=self.dtype_policy,
                name="feature_layer",
            )

    def drop_as(self, decoder):
        """Drop numbers by the decoder's layer, as one stream of random numbers."""
        self.drop = decoder.drop

    def build(self, features_shape):
        if self.memory_units is not None:
            self.feature_layer.build(features_shape)
        self.built = True

    @property
    def output_shape(self):
        """Of the memory, or of the vectors: what `summary` shows."""
        told = self.encoding_shape((None, None, self.feature_mean.shape[0]))
        return told.memory or told.vectors[0][0]

    def encoding_shape(self, features_shape):
        """The shapes of the `Encoding` of features of this shape."""
        batch, places, size = features_shape
        vectors = [[(batch, size)] * self.states_of_a_layer] * self.num_layers
        units = self.memory_units
        return Encoding(vectors, None if units is None else (batch, places, units))

    def scaled_part(self, features):
        """What of features (B, L, D) is brought to one scale: all, or their mean."""
        if self.memory_units is not None:
            return features
        return ops.mean(features, axis=1, keepdims=True)

    def scaled(self, features):
        """That part, scaled."""
        mean, deviation = self.feature_mean, self.feature_deviation
        part = self.scaled_part(features) - ops.cast(mean, self.compute_dtype)
        return part / ops.cast(deviation, self.compute_dtype)

    def call(self, features, training=False):
        features, memory = self.scaled(features), None
        if self.memory_units is not None:
            memory = self.drop(self.feature_layer(features), training=training)
        vector = ops.mean(features, axis=1)
        if self.mean_deviation is not None:
            share = self.feature_deviation / self.mean_deviation
            vector = vector * ops.cast(share, self.compute_dtype)
        vector = self.drop(vector, training=training)
        return Encoding([[vector] * self.states_of_a_layer] * self.num_layers, memory)
