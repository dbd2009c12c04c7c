"""How far what a file gives is from what its model gives."""

from typing import Any

import numpy as np
from keras import ops


def difference(found: Any, expected: Any) -> float:
    """The largest absolute difference of two tensors.

    Of integers, which are names of something, it is the share that differ. NaN equals
    NaN; where one of the two is no number, they are infinitely far apart.
    """
    if "int" in str(getattr(found, "dtype", "")):
        a, b = (np.asarray(ops.convert_to_numpy(x)) for x in (found, expected))
        return float(np.mean(a != b)) if a.size else 0.0
    a, b = (
        np.asarray(ops.convert_to_numpy(tensor)).astype("float64")
        for tensor in (found, expected)
    )
    alike = (a == b) | (np.isnan(a) & np.isnan(b))
    apart = np.abs(a[~alike] - b[~alike])
    return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0))
