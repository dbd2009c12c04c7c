"""Numbers of texts and of their translations, with start and end tokens."""

import keras
import tensorflow as tf

from kerasrnn.text.target_tokenizer import (
    TargetTokenizer,
    marks,
    size_with_marks,
    tokens_with_marks,
    with_end,
)


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
        self._writer = TargetTokenizer(self.target)

    @property
    def source_vocabulary_size(self) -> int:
        """How many numbers a source may hold."""
        return size_with_marks(self.source)

    @property
    def target_vocabulary_size(self) -> int:
        """How many numbers a target may hold."""
        return self._writer.target_vocabulary_size

    @property
    def start_id(self) -> int:
        """The number that every target begins with."""
        return self._writer.start_id

    @property
    def end_id(self) -> int:
        """The number that every target ends with."""
        return self._writer.end_id

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
        return self._writer.target_ids(strings)

    def detokenize(self, ids) -> tf.Tensor:
        """The texts of targets (B, T), up to the first end token."""
        return self._writer.detokenize(ids)

    def source_tokens(self, ids) -> tf.Tensor:
        """The token of each number of sources (B, S), "" for padding."""
        return tf.gather(tf.constant(tokens_with_marks(self.source)), ids)

    def target_tokens(self, ids) -> tf.Tensor:
        """The token of each number of targets (B, T), "" for padding."""
        return self._writer.target_tokens(ids)

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
