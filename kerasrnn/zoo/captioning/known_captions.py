import keras
from keras import ops

from kerasrnn.zoo.captioning.copy_mechanism import TOP, spread

END = -1  # in the place of the token that ends captions, whichever it is


@keras.saving.register_keras_serializable(package="kerasrnn")
class KnownCaptions(keras.layers.Layer):
    """Lets a captioner say captions that it has read, where it has seen such a thing.

    p(c) = softmax(W mean_l f_l + b)       of the captions that it knows
    s = Σ_c p(c)                           of the five likeliest, as all that follows
    q(y_t) = Σ_c p(c) [c begins with y_1 ... y_t] / Σ_c p(c) [... with y_1 ... y_t−1]
    p(y_t) = (1 − g s) p_model(y_t) + g s q(y_t)

    Where none of the five begins with what was said, the model goes on alone.

    In training the decoder learns by itself. W, b and the words of the captions are
    not trained; `set_captions` gives them.

    Args:
        captions: C, how many captions it knows.
        end_id: The token that ends every caption.
        length: How many tokens of a caption are kept, its end included.
        weight: g, how much it is believed.
        name: Of the layer.

    Call arguments:
        logits: (B, V) or (B, T, V) of the model.
        outputs: The decoder's outputs, which are not read.
        token_ids: The tokens before those to be said, (B,) or (B, T).
        evidence: What `evidence(features)` gave; of one step what `after` gave.

    Output shape:
        That of `logits`: the logarithm of p(y_t).

    Example:

    >>> import numpy as np
    >>> layer = KnownCaptions(2, end_id=2, length=3)
    >>> layer.build((None, 3, 2))
    >>> words = [[7, 6, END], [8, END, 0]]
    >>> layer.set_captions(words, np.eye(2) * 50, np.zeros(2))
    >>> features = np.zeros((1, 3, 2), "float32")
    >>> features[..., 1] = 1.0  # the second caption
    >>> evidence, said = layer.evidence(features), []
    >>> for token in (1, 8):  # the start, and a word
    ...     evidence = layer.after(evidence, np.array([token]))
    ...     logits = layer(np.zeros((1, 9)), None, np.array([token]), evidence)
    ...     said.append(int(ops.argmax(logits[0])))
    >>> said
    [8, 2]
    """

    learns = False  # from the loss, with the decoder

    def __init__(
        self,
        captions: int,
        *,
        end_id: int,
        length: int = 12,
        weight: float = 0.6,
        name: str | None = "known_captions",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.captions, self.end_id = captions, end_id
        self.length, self.weight = length, weight

    def build(self, features_shape):
        shapes = {
            "kernel": (features_shape[-1], self.captions),
            "bias": (self.captions,),
            # Token ids, `END` at a caption's end, and zeros after it.
            "words": (self.captions, self.length),
        }
        for name, shape in shapes.items():
            weight = self.add_weight(
                shape=shape,
                name=name,
                dtype="int32" if name == "words" else None,
                initializer="zeros",
                trainable=False,
            )
            setattr(self, name, weight)
        self.built = True

    def set_captions(self, words, kernel, bias):
        """The token ids (C, length) of captions, W (D, C) and b (C,)."""
        values = {"words": words, "kernel": kernel, "bias": bias}
        for name, value in values.items():
            weight = getattr(self, name)
            weight.assign(ops.cast(ops.convert_to_tensor(value), weight.dtype))

    def evidence(self, features):
        """p (B, 5) of the likeliest captions and the step (B, 1), and their words.

        The first two change from step to step; the words are (B, 5, length).
        """
        mean = ops.cast(ops.mean(features, axis=1), "float32")
        kernel, bias = (ops.cast(w, "float32") for w in (self.kernel, self.bias))
        p = ops.softmax(ops.matmul(mean, kernel) + bias)
        p, best = ops.top_k(p, min(TOP, self.captions))
        words = ops.take(self.words, best, axis=0)
        # One that has no words, since they are not known, is never said.
        p = p * ops.cast(ops.not_equal(words[..., 0], 0), p.dtype)
        return [p, ops.zeros_like(p[:, :1])], words

    def after(self, evidence, token_ids):
        """The evidence after one more token (B,): what begins otherwise is gone."""
        (p, step), words = evidence
        token_ids = ops.cast(token_ids, "int32")[:, None]
        is_said = ops.equal(self._at(words, step - 1.0), token_ids)
        is_said = ops.logical_or(is_said, ops.equal(step, 0.0))  # the start of all
        return [_shared_out(p, ops.cast(is_said, p.dtype)), step + 1.0], words

    def call(self, logits, outputs, token_ids, evidence, gate=0):
        (p, step), words = evidence
        logits = ops.cast(logits, "float32")
        if len(logits.shape) == 2:
            word = self._at(words, step - 1.0)
        else:
            p, word = self._of_all_steps(p, words, ops.cast(token_ids, "int32"))
        share = self.weight * p * ops.cast(ops.not_equal(word, 0), "float32")
        own = ops.softmax(logits, axis=-1)
        lent = ops.sum(share, axis=-1, keepdims=True)
        return ops.log((1.0 - lent) * own + spread(share, word, logits) + 1e-8)

    def _of_all_steps(self, p, words, token_ids):
        """What `after` gives at each of the steps of (B, T), and the next words."""
        steps = ops.shape(token_ids)[1]
        words = ops.pad(words, [[0, 0], [0, 0], [0, steps]])
        words = ops.transpose(self._with_end(words), (0, 2, 1))  # (B, length + T, 5)
        is_said = ops.equal(words[:, : steps - 1], token_ids[:, 1:, None])
        is_said = ops.pad(
            ops.cast(is_said, "float32"), [[0, 0], [1, 0], [0, 0]], constant_values=1.0
        )
        begins = ops.cumprod(is_said, axis=1)
        return _shared_out(p[:, None], begins), words[:, :steps]

    def _at(self, words, place):
        """The words (B, 5) of captions at a place (B, 1) of each row, 0 after them."""
        places = ops.arange(words.shape[-1], dtype="float32")
        is_here = ops.cast(ops.equal(place[..., None], places), words.dtype)
        return self._with_end(ops.sum(words * is_here, axis=-1))

    def _with_end(self, words):
        return ops.where(ops.equal(words, END), self.end_id, words)

    @property
    def output_shape(self):
        """That of any logits: what `summary` shows."""
        return (None, None, None)

    def get_config(self):
        return {
            **super().get_config(),
            "captions": self.captions,
            "end_id": self.end_id,
            "length": self.length,
            "weight": self.weight,
        }


def _shared_out(p, begins):
    """p (..., 5) of those that are left, with the sum that all had."""
    left = p * begins
    whole, rest = (ops.sum(x, axis=-1, keepdims=True) for x in (p, left))
    return left * whole / ops.maximum(rest, 1e-9)
