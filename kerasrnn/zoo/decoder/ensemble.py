import keras
from keras import ops


class Ensemble(keras.layers.Layer):
    """Several encoders with their decoders, which learn side by side and speak as one.

    p(y_t) = 1/N Σ_n p_n(y_t)

    Each learns on its own loss; a search goes by what they say together.

    Args:
        others: An encoder, whose output is an `Encoding`, and a `TextDecoder` for each
            member but the first, which the model has anyway.
    """

    def __init__(self, others, **kwargs):
        super().__init__(**kwargs)
        encoders, decoders = zip(*others, strict=True)
        self.encoders = list(encoders)
        self.decoders = list(decoders)

    def build(self, input_shape):
        """Nothing is left to build: the model builds each member."""

    @property
    def output_shape(self):
        """Of the logits: what `summary` shows."""
        return self.decoders[0].output_shape

    def members(self):
        """The encoder and the decoder of each of them."""
        return list(zip(self.encoders, self.decoders, strict=True))

    @staticmethod
    def log_mean(logits):
        """The logarithm of the mean of the distributions of N logits (..., V)."""
        of_each = [ops.log_softmax(ops.cast(one, "float32")) for one in logits]
        return ops.logsumexp(ops.stack(of_each), axis=0) - ops.log(float(len(of_each)))
