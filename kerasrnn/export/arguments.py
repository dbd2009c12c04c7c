"""What exports check before they begin."""

import numbers
from typing import Any

import keras

QUANTIZATIONS = (None, "dynamic", "full")


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


def check_quantization(quantize: Any, calibration: Any) -> None:
    """Raise a ValueError where the two are none of an export, or do not go together."""
    if quantize not in QUANTIZATIONS:
        raise ValueError(
            f"`quantize` must be one of {QUANTIZATIONS}; got {quantize!r}."
        )
    if (quantize == "full") != (calibration is not None):
        raise ValueError(
            '`calibration` must be inputs of the model where `quantize` is "full", and '
            f"None elsewhere; got quantize={quantize!r} and "
            f"{'none' if calibration is None else 'some'}."
        )


def check_built(model: keras.Model) -> None:
    """Raise a ValueError where `model` has no weights yet."""
    if not model.built:
        raise ValueError(
            f"`model` must be built; call {model.name!r} on some inputs first."
        )
