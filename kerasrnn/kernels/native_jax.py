"""The compiled kernel on JAX, as foreign functions of XLA.

Forward and backward are calls of the library under `jax.custom_vjp`; gradients of
gradients are those of JAX's own loop (`jax.py`). JAX refuses forward mode (`jax.jvp`,
`jax.hessian`) here; the kernel `reference` has it. Under `jax.vmap` the calls are made
one after the other. XLA cannot divide a call among devices, and none may get into an
exported function: `place_declines` refuses there.
"""

import ctypes
import dataclasses
import functools
import inspect
import pathlib
from typing import Any

import jax
import jax.numpy as jnp

from kerasrnn.kernels import jax as loop
from kerasrnn.kernels.recurrence import Recurrence

OPERATIONS = ("forward", "backward", "input_gradient")
# Where JAX traces what it is going to write down for other processes.
EXPORTERS = ("jax._src.export", "jax.experimental.jax2tf")


class Library:
    """The registered functions, and how much a step leaves for the backward pass."""

    def __init__(self, path: pathlib.Path):
        library = ctypes.CDLL(str(path))
        for name in OPERATIONS:
            function = getattr(library, f"kerasrnn_xla_{name}")
            capsule = jax.ffi.pycapsule(function)
            jax.ffi.register_ffi_target(target_of(name), capsule, platform="cpu")
        library.kerasrnn_record_floats.restype = ctypes.c_int64
        library.kerasrnn_record_floats.argtypes = [
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.c_int64,
            ctypes.c_int64,
        ]
        self.library = library
        self.instructions = "best"

    def record_floats(self, family: str, instructions: str, dtype, units: int) -> int:
        """How many numbers one step of a row leaves."""
        names = family.encode(), instructions.encode()
        number = int(jnp.dtype(dtype) == jnp.float64)
        return self.library.kerasrnn_record_floats(*names, number, units)


def target_of(operation: str) -> str:
    """The name under which XLA knows an operation."""
    return f"kerasrnn_{operation}"


def place_declines(sequences) -> str | None:
    """Why the kernel cannot run where the tensors are, or None."""
    if jax.default_backend() != "cpu":
        return "it runs on the CPU"
    if jax.device_count() > 1:
        return "JAX has several devices, and XLA cannot divide it among them"
    if is_exporting():
        return "an exported function must not contain it"
    return None


def is_exporting() -> bool:
    """Whether JAX traces a function in order to export it.

    JAX has no hook for it, so the call stack is asked.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(EXPORTERS):
            return True
        frame = frame.f_back
    return False


def threads() -> int:
    """The threads that JAX is set to use, which nobody tells."""
    return 0


@dataclasses.dataclass(frozen=True)
class Options:
    """What is compiled in."""

    loop: loop.Options
    family: str
    zero_output_for_mask: bool
    threads: int
    instructions: str
    record_floats: int

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of every operation."""
        return {
            "family": self.family,
            "instructions": self.instructions,
            "go_backwards": self.loop.go_backwards,
            "zero_output_for_mask": self.zero_output_for_mask,
            "threads": self.threads,
        }


def run(library, options, recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    units = recurrence.recurrent_kernel.shape[0]
    names = ("family", "instructions", "zero_output_for_mask", "threads")
    kind = options["family"], options["instructions"]
    options = Options(
        loop=loop.options_of(recurrence, sequences),
        record_floats=library.record_floats(*kind, sequences.dtype, units),
        **{name: options[name] for name in names},
    )
    weights = recurrence.kernel, recurrence.recurrent_kernel, recurrence.bias
    arrays = sequences, tuple(initial_state), *weights
    last, outputs, states = run_compiled(options, arrays, mask)
    return last, outputs, list(states)


@functools.partial(jax.jit, static_argnums=0)
def run_compiled(options, arrays, mask):
    """The last output, all outputs or None, the final states."""
    results, _ = recur(options, False, arrays, mask)
    return results


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def recur(options, keep, arrays, mask):
    """The results, and, if it is to `keep` it, what the backward pass needs.

    Args:
        options: An `Options`.
        keep: A boolean.
        arrays: x (B, T, D), initial states (B, U), kernel, recurrent_kernel, bias.
        mask: (B, T) or None.
    """
    x, states, *_ = arrays
    (batch, steps, _), state = x.shape, states[0].shape
    sequences = options.loop.return_sequences
    last, outputs, h, c, residuals = call(
        "forward",
        [
            state,
            (batch, steps, state[1]) if sequences or keep else (0,),
            state,
            state if len(states) == 2 else (0, 0),
            (batch * steps * options.record_floats if keep else 0,),
        ],
        inputs_of(arrays, mask),
        return_sequences=sequences,
        keep_residuals=keep,
        **options.attributes,
    )
    results = last, outputs if sequences else None, (h, c)[: len(states)]
    return results, (outputs, residuals) if keep else None


def recur_forward(options, keep, arrays, mask):
    """`recur`, and what its backward pass needs."""
    results, kept = recur(options, True, arrays, mask)
    return (results, kept if keep else None), (arrays, mask, kept)


def recur_backward(options, keep, saved, upstream):
    """The gradients of the arrays; the mask has none."""
    arrays, mask, kept = saved
    d_results, _ = upstream
    return gradients(options, arrays, mask, kept, d_results), None


recur.defvjp(recur_forward, recur_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def gradients(options, arrays, mask, kept, upstream):
    """The gradients of the arrays that `recur` took, by those of its results."""
    x, states, w, u, b = arrays
    d_last, d_outputs, d_states = upstream
    lstm = len(states) == 2
    outputs, residuals = kept
    inputs = inputs_of(arrays, mask)
    d_h0, d_c0, d_w, d_u, d_b, records = call(
        "backward",
        [
            states[0].shape,
            states[0].shape if lstm else (0, 0),
            w.shape,
            u.shape,
            (0,) if b is None else b.shape,
            residuals.shape,
        ],
        [
            *inputs,
            outputs,
            residuals,
            d_last,
            nothing(0, dtype=x.dtype) if d_outputs is None else d_outputs,
            d_states[0],
            d_states[1] if lstm else nothing(0, 0, dtype=x.dtype),
        ],
        # The gradients of the gates take the place of what was kept.
        aliases={len(inputs) + 1: 5},
        **options.attributes,
    )
    # Apart, so that it is not computed where nobody asks for it.
    (d_x,) = call("input_gradient", [x.shape], [*inputs, records], **options.attributes)
    return d_x, (d_h0, d_c0)[: len(states)], d_w, d_u, None if b is None else d_b


def gradients_forward(options, arrays, mask, kept, upstream):
    """`gradients`, and what they were computed of."""
    found = gradients(options, arrays, mask, kept, upstream)
    return found, (arrays, mask, upstream)


def gradients_backward(options, saved, d_gradients):
    """The gradients of the arrays and of `upstream`, by JAX's own loop."""
    arrays, mask, upstream = saved

    def once(arrays, upstream):
        def results(arrays):
            x, states, w, u, b = arrays
            return loop.run_compiled(options.loop, x, states, mask, w, u, b, None, None)

        _, backward = jax.vjp(results, arrays)
        d_last, d_outputs, d_states = upstream
        (found,) = backward((d_last, d_outputs, list(d_states)))
        return found

    _, backward = jax.vjp(once, arrays, upstream)
    d_arrays, d_upstream = backward(d_gradients)
    return d_arrays, None, None, d_upstream


gradients.defvjp(gradients_forward, gradients_backward)


def call(operation, shapes, inputs, aliases=None, **attributes):
    """The arrays of those shapes, and of the inputs' dtype, that it gives."""
    function = jax.ffi.ffi_call(
        target_of(operation),
        [jax.ShapeDtypeStruct(shape, inputs[0].dtype) for shape in shapes],
        vmap_method="sequential",
        input_output_aliases=aliases,
    )
    return function(*inputs, **attributes)


def inputs_of(arrays, mask):
    """What every operation takes; what there is not, without elements."""
    x, states, w, u, b = arrays
    h0, c0 = states if len(states) == 2 else (*states, nothing(0, 0, dtype=x.dtype))
    no_mask = jnp.zeros((0,), bool)
    return [
        *(x, h0, c0, w, u),
        nothing(0, dtype=x.dtype) if b is None else b,
        no_mask if mask is None else mask,
    ]


def nothing(*shape, dtype):
    """An array without elements."""
    return jnp.zeros(shape, dtype)
