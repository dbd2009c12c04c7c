"""The loop over time: one module a backend, `reference` being the definition."""

from kerasrnn.kernels.choice import (
    KERNELS,
    choose_kernel,
    reason_for_no_cudnn,
    use_kernel,
)
from kerasrnn.kernels.recurrence import Attention, Recurrence

__all__ = [
    "KERNELS",
    "Attention",
    "Recurrence",
    "choose_kernel",
    "reason_for_no_cudnn",
    "use_kernel",
]
