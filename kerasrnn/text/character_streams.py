"""Long texts as streams of characters, for truncated back-propagation through time."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from kerasrnn.text.tokenizer import check_integer


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class CharacterText:
    """The numbers of a text's characters, in memory or in a file.

    Args:
        ids: (N,) integers, an array or an `np.memmap`.
        ends: (K,) int64, where each document ends: document k is
            `ids[ends[k - 1] : ends[k]]`. None is empty, and the last ends with `ids`.

    Example:

    >>> from kerasrnn.text import CharacterTokenizer
    >>> tokenizer = CharacterTokenizer("helo")
    >>> text = CharacterText.of_documents(["oh", "", "hello"], tokenizer)
    >>> text
    CharacterText(7 characters in 2 documents)
    >>> text.ids.tolist(), text.ends.tolist()
    ([5, 3, 3, 2, 4, 4, 5], [2, 7])
    """

    ids: np.ndarray
    ends: np.ndarray

    def __post_init__(self):
        if self.ids.ndim != 1 or self.ids.dtype.kind not in "iu" or not len(self.ids):
            raise ValueError(
                "`ids` must be integers of shape (characters,), at least one; got "
                f"{self.ids.dtype.name} of shape {self.ids.shape}."
            )
        object.__setattr__(self, "ends", np.asarray(self.ends, "int64"))
        lengths = np.diff(self.ends, prepend=0)
        if not len(lengths) or lengths.min() < 1 or self.ends[-1] != len(self.ids):
            raise ValueError(
                f"`ends` must rise up to the {len(self.ids)} characters of `ids`; got "
                f"{np.array2string(self.ends, threshold=6)}."
            )

    @classmethod
    def of_documents(cls, documents: Iterable[str], tokenizer: Any) -> "CharacterText":
        """The documents, one after the other; empty ones are left out.

        Args:
            documents: strings.
            tokenizer: a `kerasrnn.text.CharacterTokenizer`.
        """
        if isinstance(documents, str):
            raise ValueError("`documents` must be a list of strings; got one string.")
        encoded = [tokenizer.encode(document) for document in documents if document]
        if not encoded:
            raise ValueError("`documents` must hold a character at least; got none.")
        ends = np.cumsum([len(ids) for ids in encoded])
        return cls(np.concatenate(encoded), ends)

    def __len__(self):
        return len(self.ids)

    def __repr__(self):
        documents = f"{len(self.ends)} document{'s' * (len(self.ends) > 1)}"
        return f"CharacterText({len(self)} characters in {documents})"


class CharacterStreams:
    """A text cut into chunks, in as many streams side by side as a batch has rows.

    Every document is cut into chunks of `chunk` characters, the last one shorter. The
    chunks, in order, are dealt to the rows in contiguous runs of the same length: where
    a row's chunk ends, its next one, in the next batch, goes on, and so may a model
    with the state that it had. Each character of each document is a target once.

    A batch is `((inputs, fresh), targets, weights)`:

    - inputs: (B, T) int32, the character before each target: 0 at the first of a
      document, and at the start of a later chunk the last one of the chunk before.
    - fresh: (B,) bool, where the state must be zero: at the first chunk of a document,
      and in all rows of the first batch.
    - targets: (B, T) int32, the characters.
    - weights: (B, T) float32, 1; 0 where there is no character.

    Args:
        text: the characters.
        batch_size: B, how many streams there are.
        chunk: T, how many characters a batch has of each.

    Example:

    >>> text = CharacterText(np.array([2, 3, 4, 5, 6, 7, 8]), [5, 7])
    >>> streams = CharacterStreams(text, batch_size=2, chunk=2)
    >>> len(streams)
    2
    >>> (inputs, fresh), targets, weights = streams.batch(1)
    >>> inputs.tolist(), targets.tolist()
    ([[3, 4], [0, 7]], [[4, 5], [7, 8]])
    >>> fresh.tolist()  # A document begins in the second row.
    [False, True]
    """

    def __init__(self, text: CharacterText, batch_size: int, chunk: int = 100) -> None:
        self.text = text
        self.batch_size = check_integer("batch_size", batch_size, 1)
        self.chunk = check_integer("chunk", chunk, 1)
        lengths = np.diff(text.ends, prepend=0)
        chunks = np.cumsum(-(-lengths // self.chunk))  # (K,), of documents so far
        self._first_chunks = np.concatenate([[0], chunks[:-1]])
        self._chunks = int(chunks[-1])

    def __len__(self):
        """How many batches, or steps, there are."""
        return -(-self._chunks // self.batch_size)

    def batch(self, step: int) -> tuple:
        """The batch of one step, `((inputs, fresh), targets, weights)`."""
        if not 0 <= step < len(self):
            raise ValueError(f"`step` must be from 0 to {len(self) - 1}; got {step}.")
        chunk = np.arange(self.batch_size) * len(self) + step  # (B,)
        running = chunk < self._chunks
        chunk = np.minimum(chunk, self._chunks - 1)
        document = np.searchsorted(self._first_chunks, chunk, side="right") - 1
        ends = self.text.ends[document]
        begins = np.where(document > 0, self.text.ends[document - 1], 0)
        nth = chunk - self._first_chunks[document]  # (B,), of its document
        start = begins + nth * self.chunk
        places = start[:, None] + np.arange(self.chunk)  # (B, T)
        there = (places < ends[:, None]) & running[:, None]
        # From one before the chunk to its last: inputs and targets in one look.
        around = np.concatenate([start[:, None] - 1, places], 1)  # (B, T + 1)
        ids = self.text.ids[np.clip(around, 0, len(self.text) - 1)].astype("int32")
        ids[nth == 0, 0] = 0
        inputs, targets = (
            np.where(there, part, 0) for part in (ids[:, :-1], ids[:, 1:])
        )
        fresh = (nth == 0) & running | (step == 0)
        return (inputs, fresh), targets, there.astype("float32")

    def dataset(self, steps: Iterable[int]) -> Any:
        """A `tf.data.Dataset` of the batches of these steps, in this order.

        Made one by one, ahead of their use, from wherever the text lies.

        Args:
            steps: integers, `range(len(streams))` for all of them.
        """
        import tensorflow as tf

        steps = [int(step) for step in steps]
        if wrong := [step for step in steps if not 0 <= step < len(self)]:
            raise ValueError(
                f"`steps` must be from 0 to {len(self) - 1}; got {wrong[0]}."
            )
        shape = (self.batch_size, self.chunk)
        signature = (
            (tf.TensorSpec(shape, tf.int32), tf.TensorSpec(shape[:1], tf.bool)),
            tf.TensorSpec(shape, tf.int32),
            tf.TensorSpec(shape, tf.float32),
        )
        return (
            tf.data.Dataset.from_generator(
                lambda: map(self.batch, steps), output_signature=signature
            )
            .apply(tf.data.experimental.assert_cardinality(len(steps)))
            .prefetch(tf.data.AUTOTUNE)
        )
