"""Keras's own layer on our weights: cuDNN, wherever Keras has it.

A layer of `keras.layers` is built once for each configuration, kept here, and called
by `stateless_call` with the weights of the layer that runs. It is given no mask, with
which Keras leaves cuDNN on JAX, and stops on TensorFlow where padding is on the left:
the steps that count are moved to the front before, and the outputs back after.
"""

import functools
import threading

import keras

from kerasrnn.kernels.device import on_gpu
from kerasrnn.kernels.half_precision import HALVES, in_float32
from kerasrnn.kernels.packing import run_packed
from kerasrnn.kernels.recurrence import Recurrence

LAYERS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
# The first Keras in which LSTM reaches cuDNN on JAX.
ON_JAX_SINCE = (3, 14)


def declines(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why this kernel cannot run `recurrence`, or None if it can."""
    if recurrence.family not in LAYERS:
        return "the cell is not one of LSTMCell and GRUCell"
    if recurrence.attention is not None:
        return "the cell is fed with what its attention saw"
    if recurrence.activation != "tanh":
        return "activation is not tanh"
    if recurrence.recurrent_activation != "sigmoid":
        return "recurrent_activation is not sigmoid"
    if recurrence.family == "gru" and not recurrence.reset_after:
        return "reset_after is False"
    if recurrence.kernel is not None and recurrence.bias is None:
        return "there is no bias"
    if recurrence.gate_dropout:
        return "each gate has dropout masks of its own"
    if recurrence.unroll:
        return "unroll=True lays the steps out one by one"
    return None


def avoids(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why `recurrence` is left to another kernel although this one can run it."""
    reason = out_of_reach(recurrence, sequences)
    if reason is None and keras.backend.backend() == "jax":
        if recurrence.use_cudnn is not True:
            # Measured: benchmarks/README.md.
            return "JAX's scan is faster than its cuDNN, which use_cudnn=True demands"
    return reason


def out_of_reach(recurrence: Recurrence, sequences) -> str | None:
    """Why there is no cuDNN to reach, or None."""
    if recurrence.use_cudnn is False:
        return "use_cudnn is False"
    if not on_gpu(sequences):
        return "the tensors are not on a GPU"
    if keras.backend.backend() == "jax" and recurrence.family == "gru":
        return "JAX has no GRU of cuDNN's"
    if keras.backend.backend() == "jax" and keras_version() < ON_JAX_SINCE:
        return f"Keras {keras.version()} has no cuDNN on JAX; 3.14 has"
    if keras.backend.backend() == "tensorflow":
        from kerasrnn.kernels.native_tensorflow import elsewhere_because

        return elsewhere_because()
    return None


def no_cudnn(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why cuDNN cannot run `recurrence`, or None if it can."""
    reason = declines(recurrence, sequences, mask)
    return reason or out_of_reach(recurrence, sequences)


def describe(recurrence: Recurrence) -> str:
    """How this kernel runs `recurrence`."""
    name = LAYERS[recurrence.family].__name__
    if no_cudnn(recurrence, None, None) is None:
        return f"cuDNN, by keras.layers.{name}"
    return f"keras.layers.{name}"


def run(recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    if keras.backend.backend() == "jax" and recurrence.dtype in HALVES:
        # cuDNN on JAX takes nothing but float32.
        recurrence, sequences, initial_state = in_float32(
            recurrence, sequences, initial_state
        )
    return run_packed(run_all, recurrence, sequences, initial_state, mask)


def run_all(recurrence, x, initial_state):
    """All outputs, in order, and the final states."""
    layer = layer_of(
        recurrence.family,
        recurrence.recurrent_kernel.shape[0],
        recurrence.kernel.shape[0],
        recurrence.dtype,
    )
    weights = [recurrence.kernel, recurrence.recurrent_kernel, recurrence.bias]
    others = [variable.value for variable in layer.non_trainable_variables]
    (outputs, *states), _ = layer.stateless_call(
        weights, others, x, initial_state=list(initial_state), training=False
    )
    return outputs, states


@functools.lru_cache(maxsize=64)
def layer_of(family: str, units: int, features: int, dtype: str) -> keras.layers.Layer:
    """A built layer, whose own weights nobody uses."""
    layer = LAYERS[family](
        units,
        kernel_initializer="zeros",
        recurrent_initializer="zeros",
        return_sequences=True,
        return_state=True,
        dtype=dtype,
    )
    # In a thread of its own no trace and no scope of the caller's holds its variables.
    thread = threading.Thread(target=layer.build, args=((None, None, features),))
    thread.start()
    thread.join()
    return layer


def keras_version() -> tuple[int, int]:
    """Keras's major and minor version."""
    major, minor = keras.version().split(".")[:2]
    return int(major), int(minor)
