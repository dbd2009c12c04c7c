"""What a tokenizer may be called with."""

import numpy as np
import tensorflow as tf


def check_strings(strings):
    """`strings` as a tensor of strings, (B,) or a scalar.

    Raises:
        ValueError: They are None, not strings, or of another rank.
    """
    expected = "`strings` must be a list or tensor of strings"
    if not tf.is_tensor(strings):
        if strings is None or (
            isinstance(strings, (list, tuple, np.ndarray))
            and any(text is None for text in np.ravel(np.asarray(strings, object)))
        ):
            raise ValueError(f"{expected}; got None.")
        try:
            strings = tf.convert_to_tensor(strings, tf.string)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{expected}; got {strings!r}.") from error
    if strings.dtype != tf.string:
        raise ValueError(f"{expected}; got {strings.dtype.name}.")
    if strings.shape.rank not in (0, 1):
        raise ValueError(f"{expected} of shape (batch,); got shape {strings.shape}.")
    return strings


def batches_of_strings(data):
    """A dataset of string batches, from a list, an array or a dataset of strings.

    Raises:
        ValueError: `data` is one string, or holds none.
    """
    if isinstance(data, (str, bytes)):
        raise ValueError(
            "`data` must be a list of strings or a dataset; got one string."
        )
    if isinstance(data, tf.data.Dataset):
        return data
    data = np.asarray([tf.compat.as_bytes(text) for text in data], dtype=object)
    if not len(data):
        raise ValueError("`data` must hold at least one string; got none.")
    return tf.data.Dataset.from_tensor_slices(data).batch(1024)
