"""The compiled kernel: SimpleRNN, LSTM and GRU on a CPU, in float32 and float64.

Of layers in bfloat16, it rounds the factors of matrix products to bfloat16 where the
processor multiplies those faster, as AMD's with AVX512-BF16 do; sums, gates, states and
what is kept for the backward pass stay float32. Elsewhere, and in float16, it computes
in float32, and only what comes and goes is in half precision.

The arithmetic is C++ (`native/*.cc`, built when the package is installed) and enters
TensorFlow and PyTorch as operations (`native_tensorflow.py`, `native_torch.py`) and JAX
as foreign functions of XLA (`native_jax.py`). Every core takes its share of the batch
through the whole sequence; masked steps are never computed.
"""

import ctypes
import functools
import importlib
import os
import pathlib
from typing import Any

import keras

from kerasrnn.kernels.half_precision import HALVES, in_float32
from kerasrnn.kernels.recurrence import Recurrence

_LIBRARY = pathlib.Path(__file__).with_name("native") / "operations.so"

# What each of them has: `Library`, `place_declines`, `threads`, `run`.
_FRAMEWORKS = ("tensorflow", "jax", "torch")

# In the order in which the library numbers them.
_DTYPES = ("float32", "float64")

# What is compiled; the gates' recurrent_activation is sigmoid.
_ACTIVATIONS = {"simple_rnn": ("tanh", "relu"), "lstm": ("tanh",), "gru": ("tanh",)}


def _family(recurrence: Recurrence) -> str:
    """The library's name for what it is to compute."""
    if recurrence.family == "simple_rnn":
        return f"simple_rnn_{recurrence.activation}"
    if recurrence.family == "gru" and recurrence.reset_after:
        return "gru_reset_after"
    return recurrence.family


@functools.cache
def _framework() -> Any:
    """The module that calls the library from Keras's backend."""
    name = keras.backend.backend()
    return importlib.import_module(f"kerasrnn.kernels.native_{name}")


@functools.cache
def _load() -> tuple[Any, str | None]:
    """The framework's `Library`, or None and the reason why there is none."""
    if keras.backend.backend() not in _FRAMEWORKS:
        return None, f"it needs a backend of {', '.join(_FRAMEWORKS)}"
    if not _LIBRARY.exists():
        return None, "it was not compiled when kerasrnn was installed"
    try:
        return _framework().Library(_LIBRARY), None
    except Exception as error:  # whatever the loader has to say
        return None, f"it does not load: {error}"


def available() -> bool:
    """Whether the compiled kernel is installed and loads."""
    return _load()[0] is not None


def unavailable_because() -> str | None:
    """Why `available()` is false, or None."""
    return _load()[1]


def declines(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why the compiled kernel cannot run `recurrence`, or None if it can."""
    library, reason = _load()
    if library is None:
        return f"there is no compiled kernel: {reason}"
    if recurrence.family == "cell":
        return "the cell is not one of SimpleRNNCell, LSTMCell and GRUCell"
    if recurrence.attention is not None:
        return "the cell is fed with what its attention saw"
    if recurrence.activation not in _ACTIVATIONS[recurrence.family]:
        return f"activation is not {' or '.join(_ACTIVATIONS[recurrence.family])}"
    gated = recurrence.family != "simple_rnn"
    if gated and recurrence.recurrent_activation != "sigmoid":
        return "recurrent_activation is not sigmoid"
    if recurrence.gate_dropout:
        return "each gate has dropout masks of its own"
    if recurrence.unroll:
        return "unroll=True lays the steps out one by one"
    if recurrence.dtype not in (*_DTYPES, *HALVES):
        return f"it computes in {' and '.join(_DTYPES)}, not {recurrence.dtype}"
    return _framework().place_declines(sequences)


def describe(recurrence: Recurrence) -> str:
    """How this kernel runs `recurrence`."""
    threads = _threads()
    dtype = "float32" if recurrence.dtype in HALVES else recurrence.dtype
    how = _instructions(_library_instructions(recurrence.dtype), dtype)
    return f"compiled for {how}, {threads} thread{'s' if threads > 1 else ''}"


def _library_instructions(dtype: str) -> str:
    """The library's name for the instructions that a layer of that dtype runs on."""
    chosen = _load()[0].instructions
    return "bfloat16" if (chosen, dtype) == ("best", "bfloat16") else chosen


@functools.cache
def _instructions(asked: str, dtype: str) -> str:
    """What the library uses for a dtype where those instructions are asked for."""
    name = ctypes.CDLL(str(_LIBRARY)).kerasrnn_instructions
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.c_char_p, ctypes.c_int64]
    return name(asked.encode(), _DTYPES.index(dtype)).decode()


def _threads() -> int:
    """The threads that a call may use: the framework's setting, else all cores."""
    return _framework().threads() or _cores()


@functools.cache
def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def run(recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    dtype = recurrence.dtype
    if dtype in HALVES:
        recurrence, sequences, initial_state = in_float32(
            recurrence, sequences, initial_state
        )
    # A cell's dtype, and so that of its states, need not be its layer's.
    initial_state = [
        state
        if state.dtype == sequences.dtype
        else keras.ops.cast(state, recurrence.dtype)
        for state in initial_state
    ]
    options = {
        "family": _family(recurrence),
        "go_backwards": recurrence.go_backwards,
        "zero_output_for_mask": recurrence.zero_output_for_mask and mask is not None,
        "threads": _threads(),
        "instructions": _library_instructions(dtype),
    }
    results = _framework().run(
        _load()[0], options, recurrence, sequences, initial_state, mask
    )
    if dtype in HALVES:
        results = keras.tree.map_structure(
            lambda a: None if a is None else keras.ops.cast(a, dtype), results
        )
    return results
