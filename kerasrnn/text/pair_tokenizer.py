"""Numbers of texts and of their translations, with start and end tokens."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kerasrnn")
class PairTokenizer(keras.layers.Layer):
    """The tokenizers of a translator: of what it reads and of what it writes.

    Sources get an end token, so that even an empty text is something to read;
    targets get a start and an end token. A tokenizer that has no such tokens, as
    `WordTokenizer`, gets two more numbers at the end of its vocabulary.

    Args:
        source: a tokenizer that has its vocabulary already.
        target: that of the translations; None: the same one.

    Call arguments:
        strings: (B,) texts to translate.

    Output shape:
        (B, S) int32, 0 for padding on the right.

    Example:

    >>> from kerasrnn.text import WordTokenizer
    >>> pair = PairTokenizer(WordTokenizer(["a", "b"]), WordTokenizer(["c"]))
    >>> pair(["a b", "b"]).numpy().tolist()
    [[2, 3, 5], [3, 5, 0]]
    >>> pair.target_ids(["c c"]).numpy().tolist()
    [[3, 2, 2, 4]]
    >>> pair.detokenize([[2, 2, 4, 2]]).numpy().tolist()
    [b'c c']
    """

    def __init__(self, source, target=None, **kwargs):
        super().__init__(**kwargs)
        self.source = source
        self.target = source if target is None else target

    @property
    def source_vocabulary_size(self) -> int:
        """How many numbers a source may hold."""
        return size_with_marks(self.source)

    @property
    def target_vocabulary_size(self) -> int:
        """How many numbers a target may hold."""
        return size_with_marks(self.target)

    @property
    def start_id(self) -> int:
        """The number that every target begins with."""
        return marks(self.target)[0]

    @property
    def end_id(self) -> int:
        """The number that every target ends with."""
        return marks(self.target)[1]

    def build(self, input_shape):
        """Nothing to make: the tokenizers have their vocabularies already."""

    def call(self, strings):
        return with_end(self.source.call(strings), marks(self.source)[1])

    def __call__(self, strings, *args, **kwargs):
        # Keras would turn Python strings into tensors of its own backend.
        return super().__call__(tf.convert_to_tensor(strings), *args, **kwargs)

    def count_cut(self, strings) -> tf.Tensor:
        """How many tokens of each source its tokenizer cuts off, (B,) int32."""
        return self.source.count_cut(strings)

    def target_ids(self, strings) -> tf.Tensor:
        """Numbers of translations (B,), start and end included: (B, T)."""
        ids = self.target.call(tf.convert_to_tensor(strings))
        start = tf.fill([tf.shape(ids)[0], 1], self.start_id)
        return tf.concat([start, with_end(ids, self.end_id)], 1)

    def detokenize(self, ids) -> tf.Tensor:
        """The texts of targets (B, T), up to the first end token."""
        ids = tf.convert_to_tensor(ids)
        ended = tf.cumsum(tf.cast(ids == self.end_id, tf.int32), axis=-1) > 0
        return self.target.detokenize(
            tf.where(ended | (ids == self.start_id), tf.zeros_like(ids), ids)
        )

    def source_tokens(self, ids) -> tf.Tensor:
        """The token of each number of sources (B, S), "" for padding."""
        return tf.gather(tf.constant(tokens_with_marks(self.source)), ids)

    def target_tokens(self, ids) -> tf.Tensor:
        """The token of each number of targets (B, T), "" for padding."""
        return tf.gather(tf.constant(tokens_with_marks(self.target)), ids)

    def compute_output_shape(self, input_shape):
        return (*input_shape, None)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        same = self.target is self.source
        return {
            **super().get_config(),
            "source": serialize(self.source),
            "target": None if same else serialize(self.target),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("source", "target"):
            if config[name] is not None:
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def marks(tokenizer) -> tuple[int, int]:
    """A tokenizer's start and end tokens: its own, or two numbers after its last."""
    if hasattr(tokenizer, "end_id"):
        return tokenizer.start_id, tokenizer.end_id
    return tokenizer.vocabulary_size, tokenizer.vocabulary_size + 1


def size_with_marks(tokenizer) -> int:
    """How many numbers there are, start and end tokens included."""
    return max(tokenizer.vocabulary_size, marks(tokenizer)[1] + 1)


def tokens_with_marks(tokenizer) -> list[str]:
    """All tokens in the order of their numbers, start and end tokens included."""
    tokens = tokenizer.get_vocabulary()
    return tokens if hasattr(tokenizer, "end_id") else [*tokens, "[START]", "[END]"]


def with_end(ids, end_id):
    """`ids` (B, T) with the end token after the last of each row: (B, T + 1)."""
    lengths = tf.reduce_sum(tf.cast(ids != 0, tf.int32), 1, keepdims=True)
    # No wider than need be where all rows are empty, or where there is none.
    width = tf.reduce_max(tf.concat([lengths, [[0]]], 0)) + 1
    ids = tf.pad(ids, [[0, 0], [0, 1]])[:, :width]
    return tf.where(tf.range(width) == lengths, end_id, ids)
