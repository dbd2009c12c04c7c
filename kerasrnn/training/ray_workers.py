"""Training by several processes that Ray starts, on one machine or on many."""

import contextlib
import importlib.util
import io
import logging
import os
import pathlib
import socket
import sys
import tempfile
import threading
from typing import Any

import keras

from kerasrnn.catalogue import Recipe, load_recipe
from kerasrnn.training.workers import Workers

# What the processes have of this one's environment, wherever they are.
HANDED_ON = ("KERAS_BACKEND", "JAX_PLATFORMS", "TF_CPP_MIN_LOG_LEVEL")
# Errors of a worker that are raised here as what they are.
USERS_ERRORS = (ValueError, TypeError, OSError, ImportError)
GOES_ON = "The same call goes on from the last checkpoint."


def train_with_workers(count: int, recipe: Any, **arguments: Any) -> dict:
    """`train` by several processes, which Ray Train's `JaxTrainer` starts.

    They are processes of the cluster that the environment variable `RAY_ADDRESS`
    names, or else of this machine. On a cluster all machines must see the same files.

    Args:
        count: How many there are.
        recipe: As `train` takes it.
        **arguments: More of `train`, but no `log`.

    Returns:
        The contents of `results.json`.

    Raises:
        ImportError: Ray is not installed.
        ValueError: The backend is not JAX; or what `train` raises.
        ConnectionError: A worker was lost.
    """
    if keras.config.backend() != "jax":
        raise ValueError(
            "`workers` of more than one need the JAX backend (KERAS_BACKEND=jax); it "
            f"is {keras.config.backend()!r}."
        )
    if importlib.util.find_spec("ray") is None:
        raise ImportError(
            "`workers` of more than one need Ray: pip install 'kerasrnn[ray]'."
        )
    import ray
    from ray.train import RunConfig, ScalingConfig, WorkerGroupError
    from ray.train.v2.jax import JaxTrainer

    name = (recipe if isinstance(recipe, Recipe) else load_recipe(recipe)).name
    output = arguments.pop("output", None) or pathlib.Path("runs", name)
    # Workers stand in another folder.
    arguments = {"recipe": recipe, **arguments, "output": os.path.abspath(output)}
    for key in ("recipe", "data", "start_from"):
        value = arguments.get(key)
        if isinstance(value, (str, os.PathLike)) and os.path.exists(value):
            arguments[key] = os.path.abspath(value)
    with (
        tempfile.TemporaryDirectory(prefix="kerasrnn-ray-") as notes,
        _ray(count),
        _printed() as said,
    ):
        has_gpus = ray.cluster_resources().get("GPU", 0) >= count
        is_local = "RAY_ADDRESS" not in os.environ
        trainer = JaxTrainer(
            _work,
            train_loop_config={"arguments": arguments, "said": said},
            scaling_config=ScalingConfig(num_workers=count, use_gpu=has_gpus),
            run_config=RunConfig(storage_path=notes if is_local else None),
        )
        try:
            return trainer.fit().return_value
        except WorkerGroupError as error:
            raise _told(error.worker_failures, count) from error


def _ray(count):
    """Ray, for as long as it is needed: the cluster, or this machine alone."""
    import ray

    handed_on = {key: os.environ[key] for key in HANDED_ON if key in os.environ}
    options = {
        "runtime_env": {"env_vars": handed_on},
        "log_to_driver": False,  # `_printed` is for what the user is to see.
        "logging_level": logging.ERROR,
    }
    if "RAY_ADDRESS" not in os.environ:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {
            "address": "local",
            "num_cpus": max(count, os.cpu_count() or 1),
            "include_dashboard": False,
            # Nothing listens to other machines.
            "_node_ip_address": "127.0.0.1",
        }
    return ray.init(**options)


@contextlib.contextmanager
def _printed():
    """A queue, whose texts are printed here."""
    from ray.util.queue import Queue

    said = Queue(actor_options={"num_cpus": 0})

    def hear():
        while (text := said.get()) is not None:
            sys.stdout.write(text)
            sys.stdout.flush()

    hearing = threading.Thread(target=hear, daemon=True)
    hearing.start()
    try:
        yield said
    finally:
        said.put(None)
        hearing.join()


class _Said(io.TextIOBase):
    """Standard output of a process whose texts go through a queue."""

    def __init__(self, queue):
        super().__init__()
        self.queue = queue

    def write(self, text):
        self.queue.put(text)
        return len(text)


def _work(config):
    """What each of the processes does."""
    import ray.train
    from ray.train.collective import broadcast_from_rank_zero

    from kerasrnn.training.train import train

    context, said = ray.train.get_context(), config["said"]
    rank, count = context.get_world_rank(), context.get_world_size()
    address = broadcast_from_rank_zero(_free_address() if rank == 0 else None)
    workers = Workers.join(rank, count, address)
    said.put(f"Worker {rank + 1} of {count} is process {os.getpid()}\n")
    with contextlib.redirect_stdout(_Said(said)):
        return train(**config["arguments"], workers=workers)


def _free_address():
    """Host and port at which this process can listen."""
    import ray

    host = ray.util.get_node_ip_address()
    with socket.socket() as listener:
        listener.bind((host, 0))
        return f"{host}:{listener.getsockname()[1]}"


def _told(failures, count):
    """The error to raise for those of workers, by rank."""
    ends = {rank: str(error).strip() for rank, error in sorted(failures.items())}
    # One that is killed leaves no traceback, and takes the others with it.
    lost = {rank: text for rank, text in ends.items() if "Traceback" not in text}
    rank, text = next(iter((lost or ends).items()))
    last = text.splitlines()[-1]
    name, _, message = last.partition(": ")
    for kind in USERS_ERRORS:
        if name == kind.__name__:
            return kind(message)
    if rank in lost:
        last = "it was killed, or its machine was lost"
    return ConnectionError(f"Worker {rank + 1} of {count} ended: {last}. {GOES_ON}")
