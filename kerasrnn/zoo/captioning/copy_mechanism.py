import functools

import keras
import numpy as np
from keras import ops

from kerasrnn.vision import IMAGENET_CLASSES, efficientnet_lite0_classifier

# Of so many classes, the likeliest ones, a caption may borrow the names.
TOP = 5


@keras.saving.register_keras_serializable(package="kerasrnn")
class CopyMechanism(keras.layers.Layer):
    """Lets a captioner borrow the names of classes that its encoder knows.

    p(c) = softmax(W mean_l f_l + b)               the network's own last layer
    q(y_t) = Σ_c p(c) [y_t goes on with c's name]
    g_t  = σ(u · [d_t, p_1, p_2] + a)              p_1, p_2: of the likeliest classes
    p(y_t) = (1 − g_t Σ_w q(w)) p_model(y_t) + g_t q(y_t)

    A word goes on with a name that the word before it is in, and begins any other. So a
    caption may hold a word that no caption for training did. W, b and the words of the
    classes are not trained; `set_classes` gives them.

    Args:
        classes: C, how many classes there are; or "imagenet": the 1000 of
            EfficientNet-Lite0, whose W and b are no weights of this layer but fetched,
            as the encoder is, when they are first needed.
        name_length: How many words of a name are kept.
        name: Of the layer.

    Call arguments:
        logits: (B, V) or (B, T, V) of the model.
        outputs: The decoder's outputs, (B, U) or (B, T, U).
        token_ids: The tokens before those to be said, (B,) or (B, T).
        evidence: What `evidence(features)` gave.
        gate: Which decoder's, where there are more.

    Output shape:
        That of `logits`: the logarithm of p(y_t).

    Example:

    >>> import numpy as np
    >>> layer = CopyMechanism(2, name_length=1)
    >>> layer.build((None, 3, 4), units=5)
    >>> layer.set_classes([[7], [8]], np.eye(4, 2) * 50, np.zeros(2))
    >>> features = np.zeros((1, 3, 4), "float32")
    >>> features[..., 1] = 1.0  # the second class
    >>> evidence = layer.evidence(features)
    >>> logits = layer(np.zeros((1, 9)), np.zeros((1, 5)), np.array([3]), evidence)
    >>> int(ops.argmax(logits[0]))
    8

    Reference: Yao et al. 2017, "Incorporating Copying Mechanism in Image Captioning for
    Learning Novel Objects"; See et al. 2017, "Get To The Point", eq. 9.
    """

    learns = True  # from the loss, with the decoder

    def __init__(self, classes, *, name_length=4, name="copy_mechanism", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.fetches = classes == "imagenet"
        self.count = IMAGENET_CLASSES if self.fetches else classes
        self.name_length = name_length

    def build(self, features_shape, units, gates=1):
        def fixed(name, shape, dtype=None):
            return self.add_weight(
                shape=shape,
                name=name,
                dtype=dtype,
                initializer="zeros",
                trainable=False,
            )

        if not self.fetches:
            self.kernel = fixed("kernel", (features_shape[-1], self.count))
            self.bias = fixed("bias", (self.count,))
        # Token ids, zeros after a name's end.
        self.words = fixed("words", (self.count, self.name_length), "int32")
        # A column for each decoder.
        self.gate_kernel = self.add_weight(shape=(units + 2, gates), name="gate_kernel")
        # At first the model speaks for itself.
        self.gate_bias = self.add_weight(
            shape=(gates,),
            name="gate_bias",
            initializer=keras.initializers.Constant(-2.0),
        )
        self.built = True

    def set_classes(self, words, kernel=None, bias=None):
        """The token ids (C, name_length) of names, and where not fetched W and b."""
        values = [(self.words, words)]
        if not self.fetches:
            values += [(self.kernel, kernel), (self.bias, bias)]
        for weight, value in values:
            weight.assign(ops.cast(ops.convert_to_tensor(value), weight.dtype))

    def classifier(self):
        """W (D, C) and b (C,)."""
        return fetched_classifier() if self.fetches else (self.kernel, self.bias)

    def evidence(self, features):
        """p (B, 5) and words (B, 5, length) of the likeliest classes of pictures.

        They come after an empty list: nothing changes from step to step.
        """
        mean = ops.cast(ops.mean(features, axis=1), "float32")
        kernel, bias = (ops.cast(w, "float32") for w in self.classifier())
        p = ops.softmax(ops.matmul(mean, kernel) + bias)
        p, best = ops.top_k(p, min(TOP, self.count))
        return [], (p, ops.take(self.words, best, axis=0))

    def after(self, evidence, token_ids):
        """The evidence after one more token, which is the same."""
        return evidence

    def call(self, logits, outputs, token_ids, evidence, gate=0):
        _, (p, words) = evidence
        outputs, logits = (ops.cast(x, "float32") for x in (outputs, logits))
        token_ids = ops.cast(token_ids, "int32")
        if len(logits.shape) == 3:
            p, words = p[:, None], words[:, None]
        share, word = next_words(p, words, token_ids)  # (B, T, 5)
        q = spread(share, word, logits)
        sure = p[..., :2]
        sure = ops.pad(sure, [[0, 0]] * (len(p.shape) - 1) + [[0, 2 - sure.shape[-1]]])
        if len(logits.shape) == 3:
            sure = ops.broadcast_to(sure, (*ops.shape(outputs)[:-1], 2))
        u = ops.cast(self.gate_kernel, "float32")[:, gate : gate + 1]
        a = ops.cast(self.gate_bias, "float32")[gate]
        g = ops.concatenate([outputs, sure], axis=-1)
        g = ops.sigmoid(ops.matmul(g, u) + a)
        own = ops.softmax(logits, axis=-1)
        lent = g * ops.sum(share, axis=-1, keepdims=True)
        return ops.log((1.0 - lent) * own + g * q + 1e-8)

    @property
    def output_shape(self):
        """That of any logits: what `summary` shows."""
        return (None, None, None)

    def get_config(self):
        return {
            **super().get_config(),
            "classes": self.classes,
            "name_length": self.name_length,
        }


@functools.cache
def fetched_classifier():
    """W and b of EfficientNet-Lite0, read once in a process."""
    return tuple(np.ascontiguousarray(w) for w in efficientnet_lite0_classifier())


def next_words(p, words, token_ids):
    """How likely each class is to lend a word after a token, and which word.

    Args:
        p: (..., 5) of the classes.
        words: (..., 5, length) of their names, zeros after a name's end.
        token_ids: (...) the token before.
    """
    is_last_said = ops.equal(words, token_ids[..., None, None])
    is_last_said = ops.logical_and(is_last_said, words != 0)
    pads = [[0, 0]] * (len(words.shape) - 1) + [[0, 1]]
    following = ops.pad(words, pads)[..., 1:]  # 0 after the last word of a name
    following = ops.max(ops.where(is_last_said, following, 0), axis=-1)
    word = ops.where(ops.any(is_last_said, axis=-1), following, words[..., 0])
    return p * ops.cast(word != 0, "float32"), word


def spread(share, word, logits):
    """Each share (..., 5) at its word, in zeros of the shape (..., V) of `logits`."""
    shape, classes = ops.shape(logits), share.shape[-1]
    if shape[0] is None:  # A symbolic tensor's, which nothing can be scattered to.
        return ops.sum(ops.one_hot(word, shape[-1]) * share[..., None], axis=-2)
    share, word = ops.reshape(share, (-1,)), ops.reshape(word, (-1,))
    row = ops.arange(ops.shape(word)[0], dtype="int32") // classes
    places = ops.stack([row, word], axis=-1)
    found = ops.scatter(places, share, (ops.shape(word)[0] // classes, shape[-1]))
    return ops.reshape(found, shape)
