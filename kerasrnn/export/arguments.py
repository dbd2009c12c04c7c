"""What exports check before they begin."""

import numbers
from typing import Any

import keras


def require_tensorflow(what: str) -> None:
    """Raise a ValueError where another backend than TensorFlow is in use."""
    backend = keras.config.backend()
    if backend != "tensorflow":
        raise ValueError(
            f"{what} can only be written on the TensorFlow backend; this process runs "
            f"on {backend!r}. Set KERAS_BACKEND=tensorflow."
        )


def check_count(name: str, value: Any) -> None:
    """Raise a ValueError where `value` is not a positive integer."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (is_integer and value >= 1):
        raise ValueError(f"`{name}` must be a positive integer; got {value!r}.")
