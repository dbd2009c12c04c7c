"""Recurrent networks for Keras 3: layers, and a zoo of trained models.

The shape alphabet, used in every docstring and comment:

    B batch    T target steps    S source steps    D features in    U units
    V vocabulary    L image locations    K beams
"""

from kerasrnn.version import __version__

__all__ = ["__version__"]
