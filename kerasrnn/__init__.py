"""Recurrent networks for Keras 3: layers, and a zoo of trained models.

The shape alphabet, used in every docstring and comment:

    B batch    T target steps    S source steps    D features in    U units
    V vocabulary    L image locations    K beams
"""

from types import ModuleType
from typing import TYPE_CHECKING

from kerasrnn.registered_classes import register_with_keras
from kerasrnn.version import __version__

if TYPE_CHECKING:
    from kerasrnn import (
        catalogue,
        data,
        decoding,
        demo,
        export,
        fetching,
        inspection,
        kernels,
        layers,
        metrics,
        text,
        training,
        vision,
        zoo,
    )

__all__ = [
    "__version__",
    "catalogue",
    "data",
    "decoding",
    "demo",
    "export",
    "fetching",
    "inspection",
    "kernels",
    "layers",
    "metrics",
    "text",
    "training",
    "vision",
    "zoo",
]

# So that `keras.models.load_model` finds them.
register_with_keras()


def __getattr__(name: str) -> ModuleType:
    # Imported on first use, so that `kerasrnn --help` does not wait for TensorFlow.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted(__all__)
