import numbers
from typing import Any


def check_integer(name: str, value: Any, least: int) -> None:
    """Raises a ValueError where `value` is no whole number of `least` or above."""
    whole = isinstance(value, numbers.Real) and float(value).is_integer()
    if not whole or isinstance(value, bool) or value < least:
        raise ValueError(
            f"`{name}` must be an integer of {least} or above; got {value!r}."
        )
