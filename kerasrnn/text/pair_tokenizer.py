"""Numbers of texts and of their translations, with start and end tokens."""

from collections.abc import Hashable
from typing import Any

import keras
import tensorflow as tf

from kerasrnn.text.target_tokenizer import (
    TargetTokenizer,
    check_tokenizer,
    marks,
    size_with_marks,
    tokens_with_marks,
    trace_key,
    with_end,
)
from kerasrnn.text.tokenizer import StringLayer, batches_of_strings, check_ids


@keras.saving.register_keras_serializable(package="kerasrnn")
class PairTokenizer(StringLayer):
    """The tokenizers of a translator: of what it reads and of what it writes.

    Sources get an end token, so that even an empty text is something to read;
    targets get a start and an end token. A tokenizer that has no such tokens, as
    `WordTokenizer`, gets two more numbers at the end of its vocabulary.

    Args:
        source: a tokenizer, such as `SubwordTokenizer`; `adapt` trains it where it has
            no vocabulary yet.
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

    One call trains both on pairs of texts:

    >>> pair = PairTokenizer(WordTokenizer(), WordTokenizer())
    >>> pair.adapt(["a cat", "a dog"], ["eine Katze", "ein Hund"])
    >>> pair.source_vocabulary_size, pair.target_vocabulary_size
    (7, 8)
    """

    def __init__(self, source: Any, target: Any = None, **kwargs) -> None:
        super().__init__(**kwargs)
        check_tokenizer("source", source)
        self.source = source
        self.target = source if target is None else target
        self._writer = TargetTokenizer(self.target)

    def adapt(self, sources: Any, targets: Any) -> None:
        """Makes the vocabularies: the source's of texts, the target's of translations.

        One tokenizer for both languages learns of all of them together.

        Args:
            sources: list or array of strings, or a tf.data dataset of strings.
            targets: their translations, as many.

        Raises:
            ValueError: they are no strings, or differ in number.
        """
        lists = [x for x in (sources, targets) if not is_one_or_dataset(x)]
        if len(lists) == 2 and len(sources) != len(targets):
            raise ValueError(
                f"`targets` must be the translations of the {len(sources)} `sources`; "
                f"got {len(targets)}."
            )
        if self.target is not self.source:
            self.source.adapt(sources)
            self.target.adapt(targets)
            return
        self.source.adapt(together(sources, targets))

    def grown(self, sources: Any, targets: Any, **options: Any) -> "PairTokenizer":
        """Tokenizers that know the words of more texts and their translations, too.

        Args:
            sources: list or array of strings, or a tf.data dataset of strings.
            targets: the same, of the target's language.
            **options: those of the tokenizers' own `grown`.

        Example:

        >>> from kerasrnn.text import PairTokenizer, WordTokenizer
        >>> pair = PairTokenizer(WordTokenizer(["a"]), WordTokenizer(["un"]))
        >>> pair = pair.grown(["a cat"], ["un gato"])
        >>> pair.source.get_vocabulary(), pair.target.get_vocabulary()
        (['', '[UNK]', 'a', 'cat'], ['', '[UNK]', 'un', 'gato'])
        """
        if self.target is self.source:
            return type(self)(self.source.grown(together(sources, targets), **options))
        source = self.source.grown(sources, **options)
        return type(self)(source, self.target.grown(targets, **options))

    def with_dropout(self, rate: float, *, seed: int) -> "PairTokenizer":
        """Tokenizers of the same pieces that make them with gaps: BPE-dropout.

        Args:
            rate: From 0 to 1, how often two pieces are not joined.
            seed: Of the random numbers. Calls in the same order give the same pieces.

        Raises:
            TypeError: They make no pieces, as `SubwordTokenizer` does.

        Example:

        >>> from kerasrnn.text import PairTokenizer, SubwordTokenizer
        >>> pair = PairTokenizer(SubwordTokenizer(max_tokens=300))
        >>> pair.adapt(["low lower lowest"], ["slow"])
        >>> pair.with_dropout(1.0, seed=1)(["low"]).shape  # bytes, and the end
        TensorShape([1, 5])
        """
        for tokenizer in (self.source, self.target):
            if not hasattr(tokenizer, "with_dropout"):
                raise TypeError(
                    "Pieces can be dropped of a SubwordTokenizer; got a "
                    f"{type(tokenizer).__name__}."
                )
        return type(self)(
            self.source.with_dropout(rate, seed=2 * seed),
            self.target.with_dropout(rate, seed=2 * seed + 1),
        )

    @property
    def trace_key(self) -> Hashable:
        """Something that differs once the tokenizer gives other numbers or texts.

        Whoever keeps a graph that was traced of a tokenizer compares the key of then
        with the key of now, by `==`, and traces again where they differ.
        """
        return trace_key(self.source), trace_key(self.target)

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

    def call(self, strings: Any) -> Any:
        if strings.shape.rank == 0:
            return self.call(strings[None])[0]
        return with_end(self.source.call(strings), marks(self.source)[1])

    def count_cut(self, strings: Any) -> tf.Tensor:
        """How many tokens of each source its tokenizer cuts off, (B,) int32."""
        return self.source.count_cut(strings)

    def target_ids(self, strings: Any) -> tf.Tensor:
        """Numbers of translations (B,), start and end included: (B, T)."""
        return self._writer.target_ids(strings)

    def detokenize(self, ids: Any) -> tf.Tensor:
        """The texts of targets (B, T), up to the first end token."""
        return self._writer.detokenize(ids)

    def source_tokens(self, ids: Any) -> tf.Tensor:
        """The token of each number of sources (B, S), "" for padding."""
        ids = check_ids(ids, self.source_vocabulary_size)
        return tf.gather(tf.constant(tokens_with_marks(self.source)), ids)

    def target_tokens(self, ids: Any) -> tf.Tensor:
        """The token of each number of targets (B, T), "" for padding."""
        return self._writer.target_tokens(ids)

    def portable(self) -> dict[str, dict]:
        """How sources and targets are cut, as `write_portable` writes it."""
        source = self.source.portable()["source"]
        source["vocabulary"] = tokens_with_marks(self.source)
        source["after"] = [*source["after"], marks(self.source)[1]]
        return {"source": source, **self._writer.portable()}

    def get_config(self) -> dict:
        serialize = keras.saving.serialize_keras_object
        same = self.target is self.source
        return {
            **super().get_config(),
            "source": serialize(self.source),
            "target": None if same else serialize(self.target),
        }

    @classmethod
    def from_config(cls, config: dict) -> "PairTokenizer":
        config = dict(config)
        for name in ("source", "target"):
            if config[name] is not None:
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def together(sources: Any, targets: Any) -> tf.data.Dataset:
    """All of these texts in one dataset."""
    # Flat, so that batched and unbatched ones go together.
    of_both = [
        batches_of_strings(x).map(lambda texts: tf.reshape(texts, [-1])).unbatch()
        for x in (sources, targets)
    ]
    return of_both[0].concatenate(of_both[1]).batch(1024)


def is_one_or_dataset(texts: Any) -> bool:
    """Whether these are no list whose length is the number of texts."""
    one_or_dataset = (str, bytes, tf.data.Dataset)
    return isinstance(texts, one_or_dataset) or not hasattr(texts, "__len__")
