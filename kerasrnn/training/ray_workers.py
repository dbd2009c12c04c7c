"""Training by several processes that Ray starts, on one machine or many."""

import importlib.util
import os
import pathlib
import socket

import keras

from kerasrnn.training.workers import Workers

NEEDS = {"train": "ray", "jax": "jax"}
# What Ray does not hand on to workers on other machines.
HANDED_ON = ("KERAS_BACKEND", "JAX_PLATFORMS", "TF_CPP_MIN_LOG_LEVEL")


def train_with_workers(count: int, /, recipe, **arguments) -> dict:
    """`train` by several processes, which Ray Train's `JaxTrainer` starts.

    They are those of the cluster that `RAY_ADDRESS` names, or of this machine alone.

    Args:
        count: How many there are.
        recipe: As `train` takes it; a path is one that all machines have.
        **arguments: Of `train`, those that `pickle` takes: no `log`.

    Returns:
        The contents of `results.json`.

    Raises:
        ImportError: Ray is not installed.
        ValueError: The backend is not JAX; or what `train` raises.
        RuntimeError: A worker was lost.
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
    import ray.train
    from ray.train.v2.jax import JaxTrainer

    arguments = {"recipe": recipe, **arguments}
    for name in ("recipe", "output", "data", "start_from"):
        if _is_path(arguments.get(name)):
            # Workers stand in another folder.
            arguments[name] = os.path.abspath(arguments[name])
    arguments["output"] = arguments.get("output") or os.path.abspath(
        pathlib.Path("runs", pathlib.Path(recipe).name)
    )
    _start_ray(count)
    has_gpus = ray.cluster_resources().get("GPU", 0) >= count
    trainer = JaxTrainer(
        _work,
        train_loop_config=arguments,
        scaling_config=ray.train.ScalingConfig(num_workers=count, use_gpu=has_gpus),
    )
    try:
        return trainer.fit().metrics
    except ray.train.v2.api.exceptions.WorkerGroupError as error:
        raise _told(error) from error


def _work(arguments):
    """What each worker does."""
    import ray.train
    from ray.train.collective import broadcast_from_rank_zero

    from kerasrnn.training.train import train

    context = ray.train.get_context()
    rank, count = context.get_world_rank(), context.get_world_size()
    address, bind = broadcast_from_rank_zero(_free_address() if rank == 0 else None)
    workers = Workers.join(rank, count, address, bind=bind)
    print(f"Worker {rank + 1} of {count}: process {os.getpid()}", flush=True)
    results = train(**arguments, workers=workers)
    ray.train.report(results)
