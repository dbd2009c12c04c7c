"""Numbers of texts that a model learns to write, with start and end tokens."""

from collections.abc import Hashable
from typing import Any

import keras
import tensorflow as tf

from kerasrnn.text.tokenizer import StringLayer, check_ids, check_strings


@keras.saving.register_keras_serializable(package="kerasrnn")
class TargetTokenizer(StringLayer):
    """The tokenizer of what a model writes, such as captions.

    A tokenizer that has no start and end tokens, as `WordTokenizer`, gets two more
    numbers at the end of its vocabulary.

    Args:
        target: a tokenizer, such as `WordTokenizer`; `adapt` trains it where it has no
            vocabulary yet.

    Call arguments:
        strings: (B,) texts.

    Output shape:
        (B, T) int32, start and end tokens included, 0 for padding on the right.

    Example:

    >>> from kerasrnn.text import TargetTokenizer, WordTokenizer
    >>> tokenizer = TargetTokenizer(WordTokenizer(["a", "cat"]))
    >>> tokenizer(["a cat", "cat"]).numpy().tolist()
    [[4, 2, 3, 5], [4, 3, 5, 0]]
    >>> tokenizer.detokenize([[2, 3, 5, 2]]).numpy().tolist()
    [b'a cat']
    """

    def __init__(self, target: Any, **kwargs) -> None:
        super().__init__(**kwargs)
        check_tokenizer("target", target)
        self.target = target

    def adapt(self, data: Any) -> None:
        """Makes the vocabulary of texts, as the tokenizer's own `adapt` does.

        Args:
            data: list or array of strings, or a tf.data dataset of strings (batched
                or not).
        """
        self.target.adapt(data)

    def grown(self, data: Any, **options: Any) -> "TargetTokenizer":
        """A tokenizer that knows the words of more texts, too.

        Args:
            data: list or array of strings, or a tf.data dataset of strings (batched
                or not).
            **options: those of the tokenizer's own `grown`.

        Example:

        >>> from kerasrnn.text import TargetTokenizer, WordTokenizer
        >>> tokenizer = TargetTokenizer(WordTokenizer(["cat"])).grown(["a dog"])
        >>> tokenizer.target.get_vocabulary(), tokenizer.end_id
        (['', '[UNK]', 'cat', 'a', 'dog'], 6)
        """
        return type(self)(self.target.grown(data, **options))

    @property
    def trace_key(self) -> Hashable:
        """Something that differs once the tokenizer gives other numbers or texts.

        Whoever keeps a graph that was traced of a tokenizer compares the key of then
        with the key of now, by `==`, and traces again where they differ.
        """
        return trace_key(self.target)

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

    def call(self, strings: Any) -> Any:
        if strings.shape.rank == 0:
            return self.call(strings[None])[0]
        ids = self.target.call(strings)
        start = tf.fill([tf.shape(ids)[0], 1], self.start_id)
        return tf.concat([start, with_end(ids, self.end_id)], 1)

    def target_ids(self, strings: Any) -> tf.Tensor:
        """Numbers of texts (B,), start and end included: (B, T)."""
        return self.call(check_strings(strings))

    def detokenize(self, ids: Any) -> tf.Tensor:
        """The texts of targets (B, T), up to the first end token."""
        ids = check_ids(ids, self.target_vocabulary_size)
        ended = tf.cumsum(tf.cast(ids == self.end_id, tf.int32), axis=-1) > 0
        return self.target.detokenize(
            tf.where(ended | (ids == self.start_id), tf.zeros_like(ids), ids)
        )

    def target_tokens(self, ids: Any) -> tf.Tensor:
        """The token of each number of targets (B, T), "" for padding."""
        ids = check_ids(ids, self.target_vocabulary_size)
        return tf.gather(tf.constant(tokens_with_marks(self.target)), ids)

    def portable(self) -> dict[str, dict]:
        """How targets are written, as `write_portable` writes it."""
        target = self.target.portable()["source"]
        return {
            "target": {
                **target,
                "vocabulary": tokens_with_marks(self.target),
                "before": [self.start_id, *target["before"]],
                "after": [*target["after"], self.end_id],
                "start_id": self.start_id,
                "end_id": self.end_id,
            }
        }

    def get_config(self) -> dict:
        target = keras.saving.serialize_keras_object(self.target)
        return {**super().get_config(), "target": target}

    @classmethod
    def from_config(cls, config: dict) -> "TargetTokenizer":
        target = keras.saving.deserialize_keras_object(config["target"])
        return cls(**{**config, "target": target})


def check_tokenizer(name: str, tokenizer: Any) -> None:
    """Raises a TypeError where it is no tokenizer of one language."""
    if not hasattr(tokenizer, "get_vocabulary") or not hasattr(tokenizer, "detokenize"):
        raise TypeError(
            f"`{name}` must be a tokenizer such as SubwordTokenizer or WordTokenizer; "
            f"got {type(tokenizer).__name__}."
        )


def trace_key(tokenizer: Any) -> Hashable:
    """The tokenizer's own key; of one that has none, the object itself."""
    return getattr(tokenizer, "trace_key", id(tokenizer))


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
