"""The memory of large arrays on PyTorch, kept from one training step to the next."""

import threading
import weakref

import numpy as np
import torch
from torch import Tensor


class Blocks:
    """Memory for arrays that are too large for `malloc` to keep when they are freed.

    It gives them back to the system, which makes every page anew when the next step
    asks: a third of a training step on long sequences. Here a block waits for the next
    array that it is large enough for. Where none is, the largest goes and a new one
    comes, so that no more memory is held than was in use at one time.

    Example:

    >>> blocks = Blocks(least=1024)
    >>> first = blocks.empty(1000, torch.float32)
    >>> address = first.data_ptr()
    >>> del first
    >>> blocks.empty(500, torch.float32).data_ptr() == address
    True
    """

    def __init__(self, least: int = 1 << 20):
        # In bytes. Larger ones may be given back, from 32 MB on all are.
        self.least = least
        self.free: list[np.ndarray] = []
        self.lock = threading.Lock()

    def empty(self, count: int, dtype: torch.dtype) -> Tensor:
        """An unfilled vector of `count` numbers."""
        needed = count * dtype.itemsize
        if needed < self.least:
            return torch.empty(count, dtype=dtype)
        block = self.taken(needed)
        # What PyTorch holds, and lets go of with the last tensor on this memory.
        memory = block[:needed]
        weakref.finalize(memory, self.free.append, block).atexit = False
        return torch.from_numpy(memory).view(dtype)

    def taken(self, needed: int) -> np.ndarray:
        """The smallest free block of so many bytes or more, or a new one."""
        with self.lock:
            self.free.sort(key=len)
            fits = [len(block) >= needed for block in self.free]
            if any(fits):
                return self.free.pop(fits.index(True))
            if self.free:
                self.free.pop()
        return torch.empty(needed, dtype=torch.uint8).numpy()  # aligned to 64 bytes
