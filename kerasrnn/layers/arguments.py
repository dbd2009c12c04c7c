"""Kinds of arguments: their types, and checks that name a wrong one."""

import numbers
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

# What keras.ops takes as a tensor: one of the backend's, of NumPy or of Keras.
Tensor = Any
States = list
Shape = tuple[int | None, ...]
Activation = str | dict | Callable | None
Initializer = str | dict | Callable | None
Regularizer = str | dict | Callable | None
Constraint = str | dict | Callable | None

LARGEST_SEED = 2**32 - 1


def is_integer(value) -> bool:
    """Whether `value` is a whole number of Python or NumPy, and no boolean."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def positive_integer(name: str, value) -> int:
    """`value` as an int, or a ValueError that names the argument."""
    if not is_integer(value) or value <= 0:
        raise ValueError(f"`{name}` must be a positive integer; got {value!r}.")
    return int(value)


def fraction(name: str, value) -> float:
    """`value` as a float from 0 to 1, or a ValueError that names the argument."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be a number from 0 to 1; got {value!r}.")
    return float(value)


def flag(name: str, value) -> bool:
    """`value` as a bool, or a ValueError that names the argument."""
    is_flag = isinstance(value, (bool, np.bool_)) or (
        is_integer(value) and value in (0, 1)
    )
    if not is_flag:
        raise ValueError(f"`{name}` must be True or False; got {value!r}.")
    return bool(value)


def seed_or_none(value) -> int | None:
    """`value` as a seed of `keras.random`, or a ValueError that names it."""
    if value is None:
        return None
    if not is_integer(value) or not 0 <= value <= LARGEST_SEED:
        raise ValueError(
            f"`seed` must be None or an integer from 0 to {LARGEST_SEED}; got "
            f"{value!r}."
        )
    return int(value)


def keras_object(name: str, value):
    """The activation, initializer, regularizer or constraint that `value` says.

    Args:
        name: The argument, such as "kernel_initializer"; it ends in what is wanted.
        value: What Keras takes for it: a name, a configuration, an object, or None.
    """
    kind = name.rpartition("_")[2]
    try:
        return getattr(keras, f"{kind}s").get(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must be what `keras.{kind}s.get` takes, a name or a function; "
            f"got {value!r}."
        ) from error
