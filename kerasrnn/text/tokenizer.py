"""What the tokenizers do alike: a layer from strings to numbers, and its checks."""

import itertools
import numbers
from collections.abc import Hashable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

UNKNOWN_ID = 1  # of what is not in the vocabulary, in all tokenizers; 0 is padding
# Numbers of all vocabularies that tokenizers of this process ever had.
_VERSIONS = itertools.count(1)


class StringLayer(keras.layers.Layer):
    """A layer from strings (B,) to int32 (B, T), in a functional model, too.

    The strings stay in TensorFlow, whatever Keras's backend is.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # XLA has no strings.
        self.supports_jit = False

    def __call__(self, strings, *args, **kwargs):
        if not isinstance(strings, keras.KerasTensor):
            # Keras would turn Python strings into tensors of its own backend.
            strings = self.check_strings(strings)
        return super().__call__(strings, *args, **kwargs)

    def check_strings(self, strings: Any) -> tf.Tensor:
        """`strings` as a tensor of strings, (B,) or a scalar."""
        return check_strings(strings)

    def build(self, input_shape: Any = None) -> None:
        """Nothing to make: a vocabulary is no weight."""

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """(B, T), T unknown, of strings (B,)."""
        return (*input_shape, None)

    def compute_output_spec(self, strings: Any, *args, **kwargs) -> keras.KerasTensor:
        """What a functional model has of this layer: int32 (B, T)."""
        if strings.dtype != "string":
            raise ValueError(f"{EXPECTED}; got {strings.dtype}.")
        if len(strings.shape) != 1:
            raise ValueError(
                f"{EXPECTED} of shape (batch,), as `keras.Input((), dtype='string')` "
                f"is; got shape {tuple(strings.shape)}."
            )
        return keras.KerasTensor(self.compute_output_shape(strings.shape), "int32")


class Tokenizer(StringLayer):
    """A layer from raw strings to numbers; `_tokens` is None until it has a vocabulary.

    A subclass names in `OPTIONS` the attributes that what it gives depends on, beside
    the vocabulary, and calls `_vocabulary_has_changed` when that is set.
    """

    OPTIONS: tuple[str, ...] = ()

    _tokens: Any = None
    _version = 0

    @property
    def trace_key(self) -> Hashable:
        """Something that differs once the tokenizer gives other numbers or texts.

        Whoever keeps a graph that was traced of a tokenizer compares the key of then
        with the key of now, by `==`, and traces again where they differ. No two
        tokenizers of a process that have a vocabulary share a key.
        """
        return (self._version, *(getattr(self, name) for name in self.OPTIONS))

    def check_strings(self, strings: Any) -> tf.Tensor:
        self._check_vocabulary()
        return check_strings(strings)

    def _with_vocabulary(self, tokens, special):
        """The same tokenizer with other tokens, `special` of its own beside them."""
        config = self.get_config()
        if config["max_tokens"] is not None:
            config["max_tokens"] = max(config["max_tokens"], len(tokens) + special)
        config["characters" if "characters" in config else "vocabulary"] = tokens
        return type(self).from_config(config)

    def _vocabulary_has_changed(self):
        self._version = next(_VERSIONS)

    def _check_vocabulary(self):
        if self._tokens is None:
            raise ValueError(
                "The tokenizer has no vocabulary yet: call `adapt` with texts, or "
                "pass `vocabulary`."
            )


EXPECTED = "`strings` must be a list or tensor of strings"


def check_strings(strings: Any) -> tf.Tensor:
    """`strings` as a tensor of strings, (B,) or a scalar.

    Raises:
        ValueError: They are None, not strings, or of another rank.
    """
    if not tf.is_tensor(strings):
        if strings is None or (
            isinstance(strings, (list, tuple, np.ndarray))
            and any(text is None for text in np.ravel(np.asarray(strings, object)))
        ):
            raise ValueError(f"{EXPECTED}; got None.")
        try:
            strings = tf.convert_to_tensor(strings, tf.string)
        except (TypeError, ValueError, UnicodeError) as error:
            raise ValueError(f"{EXPECTED}; got {strings!r}.") from error
    if strings.dtype != tf.string:
        raise ValueError(f"{EXPECTED}; got {strings.dtype.name}.")
    if strings.shape.rank not in (None, 0, 1):
        raise ValueError(f"{EXPECTED} of shape (batch,); got shape {strings.shape}.")
    return strings


def batches_of_strings(data: Any) -> tf.data.Dataset:
    """A dataset of string batches, from a list, an array or a dataset of strings.

    Raises:
        ValueError: `data` is one string, or holds none.
    """
    if isinstance(data, (str, bytes)):
        raise ValueError(
            "`data` must be a list of strings or a dataset; got one string."
        )
    if isinstance(data, tf.data.Dataset):
        spec = data.element_spec
        if getattr(spec, "dtype", None) != tf.string:
            raise ValueError(
                f"`data` must be a dataset of strings; its elements are {spec}."
            )
        return data
    if hasattr(data, "numpy"):
        data = data.numpy()
    texts = list(data)
    for number, text in enumerate(texts):
        if not isinstance(text, (str, bytes)):
            raise ValueError(
                f"`data` must hold strings; item {number} is {text!r} "
                f"({type(text).__name__})."
            )
    if not texts:
        raise ValueError("`data` must hold at least one string; got none.")
    texts = np.array([as_bytes(text) for text in texts], dtype=object)
    return tf.data.Dataset.from_tensor_slices(texts).batch(1024)


def as_bytes(text: str | bytes) -> bytes:
    """A text in UTF-8, with a question mark for what has no such form."""
    return text.encode("utf-8", "replace") if isinstance(text, str) else bytes(text)


def check_integer(
    name: str, value: Any, least: int, *, none: bool = False
) -> int | None:
    """`value` as an integer of at least `least`, or as None where it may be.

    Raises:
        TypeError: It is no integer; NumPy's are.
        ValueError: It is less.
    """
    if none and value is None:
        return None
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if is_integer and value >= least:
        return int(value)
    raise (ValueError if is_integer else TypeError)(
        f"`{name}` must be an integer of at least {least}{' or None' if none else ''}; "
        f"got {value!r}."
    )


def check_ids(ids: Any, size: int) -> tf.Tensor:
    """`ids` as a tensor of integers, from 0 to `size` - 1 where that can be seen.

    Raises:
        TypeError: They are no integers.
        ValueError: One of them is outside the vocabulary, or rows differ in length.
    """
    try:
        ids = tf.convert_to_tensor(ids)
    except ValueError as error:
        raise ValueError(
            "`ids` must be integers of one shape, padded with 0 on the right; got "
            f"{ids!r}."
        ) from error
    if ids.shape.rank and ids.shape[-1] == 0 and not ids.dtype.is_integer:
        ids = tf.cast(ids, tf.int32)  # A list of nothing.
    if not ids.dtype.is_integer:
        raise TypeError(f"`ids` must be integers; got {ids.dtype.name}.")
    if tf.executing_eagerly() and tf.size(ids):
        least, most = int(tf.reduce_min(ids)), int(tf.reduce_max(ids))
        if not 0 <= least <= most < size:
            raise ValueError(
                f"`ids` must be from 0 to {size - 1}; got {least} to {most}."
            )
    return ids
