"""Where tensors are."""

from typing import Any

import keras


def on_gpu(tensor: Any) -> bool:
    """Whether `tensor` is on a GPU, or, where that is not known yet, will be.

    Args:
        tensor: A tensor, one that is being traced, or None for any to come.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # TensorFlow brings what an operation needs to the device that runs it.
        return bool(tf.config.list_logical_devices("GPU"))
    if backend == "jax":
        import jax

        if isinstance(tensor, jax.Array) and not isinstance(tensor, jax.core.Tracer):
            return all(device.platform == "gpu" for device in tensor.devices())
        default = jax.config.jax_default_device
        platform = getattr(default, "platform", default)
        return (platform or jax.default_backend()) in ("gpu", "cuda")
    if backend == "torch":
        if tensor is None:
            tensor = keras.ops.convert_to_tensor(0.0)
        return tensor.device.type == "cuda"
    return False
