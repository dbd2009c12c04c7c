"""What the searches say of options that cannot be meant."""

import math
import numbers
from typing import Any

from keras import ops

# The most numbers that a search keeps for what it writes: 1 GB of int32.
MOST_NUMBERS = 1 << 28


def check_integer(
    name: str,
    value: Any,
    least: int | None,
    none: bool = False,
    *,
    most: int | None = None,
) -> None:
    """Raises where `value` is no integer from `least` to `most`, or None if it may be.

    A `least` of None lets all integers pass, a `most` of None all from `least` on.

    Raises:
        TypeError: It is no integer; NumPy's are.
        ValueError: It is less or more.
    """
    if none and value is None:
        return
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    is_enough = is_integer and (least is None or value >= least)
    if is_enough and (most is None or value <= most):
        return
    limit = "" if least is None else f" of at least {least}"
    limit = limit if most is None else f" from {least} to {most}"
    raise (ValueError if is_integer else TypeError)(
        f"`{name}` must be an integer{limit}{' or None' if none else ''}; got "
        f"{value!r}."
    )


def check_number(name: str, value: Any) -> None:
    """Raises a TypeError where `value` is no real number; NumPy's are."""
    # A scalar of NumPy or of a backend has an item; a string has none.
    is_number = isinstance(value, numbers.Real) or getattr(value, "shape", None) == ()
    if isinstance(value, bool) or not is_number:
        raise TypeError(f"`{name}` must be a number; got {value!r}.")


def check_options(start_ids, max_length, end_id, pad_id, sequences: int = 1):
    """`start_ids` as int32 (B,), after a check of what every search is given.

    Args:
        start_ids: (B,) integers.
        max_length: The most tokens of a sequence, an integer or a scalar tensor.
        end_id: The token that ends one, or None.
        pad_id: What is put after it.
        sequences: How many sequences are kept for each row.

    Raises:
        TypeError: One of them is of another type.
        ValueError: One is out of its range, or they ask for too much memory.
    """
    start_ids = ops.convert_to_tensor(start_ids)
    if len(start_ids.shape) != 1:
        raise ValueError(
            "`start_ids` must be (batch,), the token that each row starts from; got "
            f"the shape {tuple(start_ids.shape)}."
        )
    if "int" not in ops.dtype(start_ids) and start_ids.shape[0] != 0:
        raise TypeError(f"`start_ids` must be integers; got {ops.dtype(start_ids)}.")
    if not (ops.is_tensor(max_length) and len(max_length.shape) == 0):
        check_integer("max_length", max_length, 1)
        rows = max(start_ids.shape[0] or 1, 1)
        if max_length * rows * sequences > MOST_NUMBERS:
            kept = f" · beam_width={sequences}" if sequences > 1 else ""
            raise ValueError(
                f"`max_length` must leave at most {MOST_NUMBERS} tokens to keep; got "
                f"max_length={max_length}{kept} for {rows} rows."
            )
    if end_id is not None:
        check_integer("end_id", end_id, 0)
    check_integer("pad_id", pad_id, None)
    if end_id == pad_id:
        raise ValueError(f"`end_id` and `pad_id` must differ; both are {end_id}.")
    return ops.cast(start_ids, "int32")


def check_memory(state, beam_width: int) -> None:
    """Raises a ValueError where a state is too large to keep it for each beam.

    Args:
        state: Tensors whose first axis is the batch, or scalars.
        beam_width: How many beams each row of the batch has.
    """
    numbers_of_state = sum(math.prod(n or 1 for n in x.shape) for x in state)
    if numbers_of_state * beam_width > MOST_NUMBERS:
        raise ValueError(
            f"`beam_width` must leave a state of at most {MOST_NUMBERS} numbers; got "
            f"{beam_width} for a state of {numbers_of_state} numbers."
        )


def check_vocabulary(logits, end_id) -> None:
    """Raises a ValueError where the end token is not among those of `logits`."""
    size = logits.shape[-1]
    if end_id is not None and size is not None and end_id >= size:
        raise ValueError(
            f"`end_id` must be one of the {size} tokens that `step` gives logits of, "
            f"from 0 to {size - 1}; got {end_id}."
        )


def check_restrictions(temperature, top_k, top_p) -> None:
    """Raises where an option of sampling is out of its range."""
    check_number("temperature", temperature)
    # A tensor's value may be known in a graph only.
    if not ops.is_tensor(temperature) and not 0 <= temperature < math.inf:
        raise ValueError(
            f"`temperature` must be at least 0, which is greedy; got {temperature!r}."
        )
    check_integer("top_k", top_k, 1, none=True)
    if top_p is None:
        return
    check_number("top_p", top_p)
    if not 0 < top_p <= 1:
        raise ValueError(
            f"`top_p` must be above 0 and at most 1, or None; got {top_p!r}."
        )


def check_seed(seed: Any) -> Any:
    """`seed` as Keras takes it: None, an integer or a generator.

    Raises:
        TypeError: It is none of them.
        ValueError: It is below 0, or not below 2^32.
    """
    if seed is None or hasattr(seed, "next"):
        return seed
    check_integer("seed", seed, 0)
    if seed >= 2**32:
        raise ValueError(f"`seed` must be below 2**32; got {seed!r}.")
    return int(seed)


def check_penalties(
    beam_width, n_best, length_penalty, coverage_penalty, source_mask
) -> None:
    """Raises where an option of beam search is out of its range."""
    check_integer("beam_width", beam_width, 1)
    check_integer("n_best", n_best, 1)
    if beam_width > MOST_NUMBERS:
        raise ValueError(
            f"`beam_width` must be at most {MOST_NUMBERS}; got {beam_width}."
        )
    if n_best > beam_width:
        raise ValueError(
            f"`n_best` must be at most beam_width={beam_width}; got {n_best}."
        )
    for name, value in (
        ("length_penalty", length_penalty),
        ("coverage_penalty", coverage_penalty),
    ):
        check_number(name, value)
        if not 0 <= value < math.inf:
            raise ValueError(f"`{name}` must be at least 0; got {value!r}.")
    if coverage_penalty and source_mask is None:
        raise ValueError(
            "`coverage_penalty` needs `source_mask`, the places (batch, places) that "
            "should be looked at; got None."
        )
