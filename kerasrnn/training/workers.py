import contextlib
import pickle
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import tree


class Workers:
    """The processes that train one model together, as one of them sees them.

    Every process has the whole model and reads every batch. A step divides the batch
    among the devices of all processes, as evenly as it goes, and adds up their
    gradients, so that it computes what one process would: each example counts once,
    and a batch of an odd number of rows needs no padding. The first process alone
    validates, saves checkpoints, and writes what comes of the training.

    Made without arguments it stands for a single process, which does all of it.

    Args:
        rank: The number of this process, from 0.
        count: How many there are. More than one need the JAX backend, and
            `jax.distributed.initialize`, which `Workers.join` calls.

    Example:

    >>> workers = Workers()
    >>> workers.is_first, workers.from_first("a value")
    (True, 'a value')
    """

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        if not 0 <= rank < count:
            raise ValueError(
                f"`rank` must be from 0 to below count={count}; got {rank!r}."
            )
        self.rank = rank
        self.count = count

    @classmethod
    def join(cls, rank: int, count: int, address: str) -> "Workers":
        """Meet the other processes; returns when all of them are there.

        To be called before anything else uses JAX.

        Args:
            rank: The number of this process, from 0.
            count: How many there are.
            address: Host and port at which the first process listens, on that
                interface alone, and at which the others find it.
        """
        import jax

        if not jax.distributed.is_initialized():
            # Without it, processes on CPUs train apart and no one says so.
            jax.config.update("jax_cpu_collectives_implementation", "gloo")
            # With it, no process ends when it is asked to (SIGTERM).
            jax.config.update("jax_enable_preemption_service", False)
            jax.distributed.initialize(
                address, count, rank, coordinator_bind_address=address
            )
        if jax.process_count() != count:
            raise RuntimeError(
                f"{count} processes were to train together; JAX has "
                f"{jax.process_count()}."
            )
        return cls(jax.process_index(), count)

    @property
    def is_first(self) -> bool:
        """Whether this process validates, saves and writes."""
        return self.rank == 0

    def from_first(self, value: Any = None) -> Any:
        """What the first process gave; all of them must call it.

        Args:
            value: Of the first process: anything that `pickle` takes.
        """
        if self.count == 1:
            return value
        from jax.experimental.multihost_utils import broadcast_one_to_all

        packed = np.frombuffer(pickle.dumps(value), "uint8")
        size = int(broadcast_one_to_all(np.int32(len(packed))))
        packed = packed if self.is_first else np.zeros(size, "uint8")
        return pickle.loads(np.asarray(broadcast_one_to_all(packed)).tobytes())

    @contextlib.contextmanager
    def folder(self, path: Any) -> Iterator[Any]:
        """A folder to write to: `path` for the first process, others' is removed."""
        if self.is_first:
            yield path
            return
        with tempfile.TemporaryDirectory(prefix="kerasrnn-worker-") as other:
            yield other

    @contextlib.contextmanager
    def first_first(self) -> Iterator[None]:
        """Let the others wait until the first process has done the same."""
        if not self.is_first:
            self.from_first()
        yield
        if self.is_first:
            self.from_first()

    def scope(self) -> contextlib.AbstractContextManager:
        """In which variables and batches are on the devices of all processes."""
        if self.count == 1:
            return contextlib.nullcontext()
        return _whole_batches().scope()

    def learner(self, build: Callable[[], Any]) -> Any:
        """A model that all processes train together.

        Args:
            build: Makes the compiled model.
        """
        with self.scope():
            model = build()
        if self.count > 1:
            step = model.train_step
            model.train_step = lambda state, data: step(state, _divided(data))
        return model


def _whole_batches():
    """Keras's `DataParallel`, which each process gives all rows of a batch."""

    class WholeBatches(keras.distribution.DataParallel):
        def get_data_layout(self, data_shape):
            axes = [None] * len(data_shape)
            return keras.distribution.TensorLayout(axes, self.device_mesh)

    return WholeBatches(auto_shard_dataset=False)


def _divided(data):
    """A batch whose rows are divided among the devices; for use in a step."""
    distribution = keras.distribution.distribution()

    def divide(array):
        if not array.shape:
            return array
        axes = [distribution.batch_dim_name, *[None] * (len(array.shape) - 1)]
        layout = keras.distribution.TensorLayout(axes, distribution.device_mesh)
        # XLA, unlike a layout of data, takes a number of rows that cannot be divided.
        return keras.distribution.distribute_tensor(array, layout)

    return tree.map_structure(
        lambda array: None if array is None else divide(array), data
    )
