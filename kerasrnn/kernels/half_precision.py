"""Recurrences in half precision, for kernels that compute in float32."""

import dataclasses
from typing import Any

from keras import ops

from kerasrnn.kernels.recurrence import Recurrence

HALVES = ("float16", "bfloat16")


def in_float32(
    recurrence: Recurrence, sequences: Any, initial_state: list
) -> tuple[Recurrence, Any, list]:
    """The same in float32."""
    names = ("kernel", "recurrent_kernel", "bias")
    weights = {name: getattr(recurrence, name) for name in names}
    weights = {
        name: None if weight is None else ops.cast(weight, "float32")
        for name, weight in weights.items()
    }
    return (
        dataclasses.replace(recurrence, dtype="float32", **weights),
        ops.cast(sequences, "float32"),
        [ops.cast(state, "float32") for state in initial_state],
    )
