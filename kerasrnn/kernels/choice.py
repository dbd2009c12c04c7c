"""Which kernel runs a recurrence, and why."""

import contextlib
import contextvars
import types
from collections.abc import Iterator
from typing import Any

import keras

from kerasrnn.kernels import reference
from kerasrnn.kernels.recurrence import Recurrence

# From the fastest to the slowest; the last one runs everything. Each has `declines`,
# `describe` and `run`; `avoids`, where it can run what another kernel does better; and
# `no_cudnn`, where it is the way to cuDNN.
KERNELS = {"reference": reference}
# Those that run where they are asked for and nowhere else: in what is exported.
EXPORTING = {}
if keras.backend.backend() == "tensorflow":
    from kerasrnn.kernels import fed_decoder, litert, native, tensorflow
    from kerasrnn.kernels import keras as keras_layers

    KERNELS = {
        "keras": keras_layers,
        "native": native,
        "fed_decoder": fed_decoder,
        "tensorflow": tensorflow,
        **KERNELS,
    }
    EXPORTING = {"litert": litert}
elif keras.backend.backend() == "jax":
    from kerasrnn.kernels import jax, native
    from kerasrnn.kernels import keras as keras_layers

    KERNELS = {"keras": keras_layers, "native": native, "jax": jax, **KERNELS}
elif keras.backend.backend() == "torch":
    from kerasrnn.kernels import native, torch

    KERNELS = {"native": native, "torch": torch, **KERNELS}

_forced = contextvars.ContextVar("kerasrnn_kernel", default="auto")


@contextlib.contextmanager
def use_kernel(name: str) -> Iterator[None]:
    """Runs every layer called inside the `with` block on one kernel.

    For debugging and for comparisons; what has been traced before keeps its kernel.

    Args:
        name: "auto", one of `KERNELS`, or on TensorFlow "litert", whose graphs are
            made for LiteRT's converter.

    Raises:
        ValueError: `name` is not a kernel, or, when a layer is called, that kernel
            cannot run the layer's configuration.

    Example:

    >>> from kerasrnn.kernels import use_kernel
    >>> from kerasrnn.layers import LSTM
    >>> with use_kernel("reference"):
    ...     print(LSTM(4).explain().splitlines()[0])
    kernel: reference
    """
    names = ["auto", *KERNELS, *EXPORTING]
    if name not in names:
        raise ValueError(f"`name` must be one of {names}; got {name!r}.")
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def choose_kernel(
    recurrence: Recurrence, sequences: Any, mask: Any
) -> tuple[types.ModuleType, dict[str, str]]:
    """The first kernel that accepts, and why each one before it declined.

    Raises:
        ValueError: The kernel forced by `use_kernel` declines, or cuDNN is demanded and
            cannot run.
    """
    if recurrence.use_cudnn is True:
        reason = reason_for_no_cudnn(recurrence, sequences, mask)
        if reason:
            raise ValueError(
                "use_cudnn=True was specified, but cuDNN is not supported for this "
                f"layer configuration with this backend: {reason}. Pass "
                "use_cudnn='auto' to fallback to a non-cuDNN implementation."
            )
    forced = _forced.get()
    if forced != "auto":
        kernel = {**KERNELS, **EXPORTING}[forced]
        reason = kernel.declines(recurrence, sequences, mask)
        if reason:
            raise ValueError(f"kernel {forced!r} cannot run this layer: {reason}.")
        return kernel, {}
    declined = {}
    for name, kernel in KERNELS.items():
        reason = kernel.declines(recurrence, sequences, mask)
        if reason is None and hasattr(kernel, "avoids"):
            reason = kernel.avoids(recurrence, sequences, mask)
        if reason is None:
            break
        declined[name] = reason
    return kernel, declined


def reason_for_no_cudnn(
    recurrence: Recurrence, sequences: Any, mask: Any
) -> str | None:
    """Why cuDNN cannot run `recurrence`, or None if it can."""
    for kernel in KERNELS.values():
        if hasattr(kernel, "no_cudnn"):
            return kernel.no_cudnn(recurrence, sequences, mask)
    return f"kerasrnn knows none on {keras.backend.backend()}"
