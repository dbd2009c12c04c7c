"""Inputs of a model: those that a caller gives, and drawn ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import tree

ROWS, STEPS = 3, 7  # where a model leaves them free


def drawn_inputs(specs: Sequence, names: Sequence[str], id_counts: dict) -> list:
    """An array for each input, the same ones every time.

    Integers and booleans of several steps pad on the right, with zeros and False.

    Args:
        specs: The model's inputs.
        names: Their names in the graph.
        id_counts: How many ids there are, by the name of an input of ids.
    """
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, STEPS + 1, ROWS)
    lengths[0] = STEPS
    arrays = []
    for spec, name in zip(specs, names, strict=True):
        free = [ROWS, *[STEPS] * len(spec.shape)]
        shape = [free[k] if n is None else n for k, n in enumerate(spec.shape)]
        if name in id_counts:
            low = min(1, id_counts[name] - 1)
            array = rng.integers(low, id_counts[name], shape)
        elif spec.dtype == "bool":
            array = np.ones(shape, bool)
        elif "int" in spec.dtype:
            array = np.ones(shape)
        else:
            array = rng.standard_normal(shape)
        if ("float" not in spec.dtype or name in id_counts) and len(shape) == 2:
            ends = np.resize(lengths, shape[0])
            ends[0] = shape[1]
            array = np.where(np.arange(shape[1]) < ends[:, None], array, 0)
        arrays.append(array.astype(spec.dtype))
    return arrays


def given_inputs(argument: str, value: Any, specs: Sequence) -> list:
    """What a caller gives for the inputs of a model, an array for each.

    Args:
        argument: The argument's name, for errors.
        value: An array, or a list or a dictionary of arrays, by the inputs' names.
        specs: The model's inputs.

    Raises:
        ValueError: There are more or fewer, or one has another shape, or no rows.
    """
    names = [spec.name for spec in specs]
    if isinstance(value, Mapping) and set(value) == set(names):
        leaves = [value[name] for name in names]
    elif isinstance(value, (Mapping, tuple)) or (
        isinstance(value, list) and any(hasattr(v, "shape") for v in value)
    ):
        leaves = tree.flatten(value)
    else:
        leaves = [value]
    arrays = [np.asarray(leaf) for leaf in leaves]
    found = [a.shape for a in arrays]
    expected = [tuple(spec.shape) for spec in specs]
    fit = len(found) == len(expected) and all(map(fits, found, expected))
    if not fit or not all(map(len, arrays)):  # Without rows runtimes end the process.
        raise ValueError(
            f"`{argument}` must have an array for each of the inputs {names}, of the "
            f"shapes {expected}, with a row at least; got {found}."
        )
    return [array.astype(spec.dtype) for array, spec in zip(arrays, specs, strict=True)]


def fits(found: tuple, expected: tuple) -> bool:
    """Whether a shape is as expected, None being any size."""
    return len(found) == len(expected) and all(
        e is None or f == e for f, e in zip(found, expected, strict=True)
    )


def given_batches(argument: str, value: Any, specs: Sequence) -> list[list]:
    """What a caller gives as one batch or as a list of batches."""

    def is_batch(one):
        if isinstance(one, (list, tuple)):
            return bool(one) and all(hasattr(v, "shape") for v in one)
        return isinstance(one, Mapping) or (len(specs) == 1 and hasattr(one, "shape"))

    are_batches = isinstance(value, list) and value and all(map(is_batch, value))
    batches = value if are_batches else [value]
    return [given_inputs(argument, batch, specs) for batch in batches]
