"""Pictures that are moved a little, by the features of their places."""

import numpy as np

MOVED = 0.7  # of all pictures


def draw_shifts(generator, count: int, most: int) -> np.ndarray:
    """How far each picture is moved, down and to the right, (count, 2).

    Args:
        generator: NumPy's.
        count: how many pictures.
        most: the most places, in each direction.

    Example:

    >>> shifts = draw_shifts(np.random.default_rng(0), 1000, 2)
    >>> shifts.min(), shifts.max(), round(np.mean((shifts == 0).all(axis=1)), 1)
    (np.int64(-2), np.int64(2), np.float64(0.3))
    """
    shifts = generator.integers(-most, most + 1, (count, 2))
    shifts[generator.random(count) >= MOVED] = 0
    return shifts


def moved(features, grid, down: int, right: int) -> np.ndarray:
    """Features (L, D) of a grid whose contents move; what is at an edge is repeated.

    Args:
        features: one picture's.
        grid: (H, W, D), where L = H · W.
        down: by so many places.
        right: the same.

    Example:

    >>> moved(np.arange(4).reshape(4, 1), (1, 4, 1), 0, 1).ravel()
    array([0, 0, 1, 2])
    """
    if not down and not right:
        return features
    rows, columns = (
        np.clip(np.arange(size) - shift, 0, size - 1)
        for size, shift in zip(grid, (down, right), strict=False)
    )
    return features.reshape(grid)[rows][:, columns].reshape(features.shape)
