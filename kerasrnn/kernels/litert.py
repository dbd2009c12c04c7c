"""Graphs that LiteRT's converter turns into its own operators, and nothing else.

An LSTM becomes one UNIDIRECTIONAL_SEQUENCE_LSTM: the converter puts it in place of a
function that carries the attribute `api_implements`, and gives its outputs only. The
final c follows from them, h_0 … h_{T-1} being known, by sums over the steps:

    c_T = Π_t f_t c_0 + Σ_t (Π_{s>t} f_s) i_t g_t        Π f = exp Σ log f

The operator keeps h and c in two tensors that it writes to, and which are its own: of
constants it would make variables, and begin where the call before ended. So each is
made anew in the graph, of the input, and none is like another.

What is no such LSTM is laid out step by step where there are few steps, and else
becomes a WHILE. A single step is the cell's own equations.
"""

import contextlib
import contextvars
import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from kerasrnn.kernels import reference, tensorflow
from kerasrnn.kernels.packing import run_packed
from kerasrnn.kernels.recurrence import Recurrence

FUSED = "UNIDIRECTIONAL_SEQUENCE_LSTM"
# In the names of all that is computed for an LSTM's c at the end.
FINAL_C = "final_c"
# So many steps are laid out one by one rather than run in a WHILE.
FEW_STEPS = 32


@dataclasses.dataclass
class Conversion:
    """What is known of one graph while it is traced.

    Args:
        layers: What each recurrent layer became, by its name.
        started: Names of the layers of fused operators that begin with given states.
        states: How many states of fused operators were made.
    """

    layers: dict[str, str] = dataclasses.field(default_factory=dict)
    started: set[str] = dataclasses.field(default_factory=set)
    states: int = 0


_conversion: contextvars.ContextVar[Any] = contextvars.ContextVar(
    "kerasrnn_litert", default=None
)


@contextlib.contextmanager
def conversion() -> Iterator[Conversion]:
    """One graph to convert is traced inside the `with` block."""
    made = Conversion()
    token = _conversion.set(made)
    try:
        yield made
    finally:
        _conversion.reset(token)


def declines(recurrence: Recurrence, sequences, mask) -> str | None:
    """Why this kernel cannot run `recurrence`: inside a conversion it always can."""
    if sequences is not None and _conversion.get() is None:
        return "it runs inside an export to LiteRT"
    return None


def reason_for_no_fused(recurrence: Recurrence, sequences) -> str | None:
    """Why `recurrence` is no fused operator, or None if it is one."""
    if recurrence.family != "lstm" or recurrence.attention is not None:
        return "LiteRT has a fused operator for LSTM only"
    if recurrence.activation != "tanh":
        return "activation is not tanh"
    if recurrence.recurrent_activation != "sigmoid":
        return "recurrent_activation is not sigmoid"
    if recurrence.dtype != "float32":
        return f"the layer computes in {recurrence.dtype}, not in float32"
    if sequences is not None and sequences.shape[0] is None:
        return "the number of rows is not fixed"
    return None


def describe(recurrence: Recurrence) -> str:
    """How this kernel runs `recurrence`."""
    reason = reason_for_no_fused(recurrence, None)
    return FUSED if reason is None else f"a WHILE or single steps, since {reason}"


def run(recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    steps = sequences.shape[1]
    reason = reason_for_no_fused(recurrence, sequences)
    if steps == 1:
        became = "one step of the cell, in operators of its equations"
        results = run_laid_out(recurrence, sequences, initial_state, mask)
    elif reason is None:
        became = FUSED
        results = run_packed(
            run_fused,
            recurrence,
            sequences,
            initial_state,
            mask,
            tell_of_padding=with_counts,
        )
    elif steps is not None and (steps <= FEW_STEPS or recurrence.unroll):
        became = f"{steps} steps laid out one by one, since {reason}"
        results = run_laid_out(recurrence, sequences, initial_state, mask)
    else:
        became = f"WHILE, since {reason}"
        results = tensorflow.run(recurrence, sequences, initial_state, mask)
    if recurrence.layer:  # A chain of tags is no recurrent layer.
        _conversion.get().layers[recurrence.layer] = became
    return results


def run_laid_out(recurrence, sequences, initial_state, mask):
    """Each step's operators, one after the other."""
    laid_out = dataclasses.replace(recurrence, unroll=True)
    return reference.run(laid_out, sequences, initial_state, mask)


def with_counts(recurrence, x, counts):
    """x beside the steps that count, for `run_fused`."""
    return recurrence, (x, counts)


def run_fused(recurrence, x, initial_state):
    """All outputs, in order, and the final states."""
    x, counts = x if isinstance(x, tuple) else (x, None)
    if not all(map(is_zero, initial_state)):
        _conversion.get().started.add(recurrence.layer)
    states = [state_of_its_own(x, state) for state in initial_state]
    weights = [recurrence.kernel, recurrence.recurrent_kernel, recurrence.bias]
    if recurrence.bias is None:
        weights[2] = tf.zeros(recurrence.kernel.shape[1:])
    # No variables, which would come as resources.
    weights = [tf.convert_to_tensor(w) for w in weights]
    to_fuse = tf.function(
        all_steps,
        autograph=False,
        experimental_attributes={
            "api_implements": f"lstm_{uuid.uuid4()}",
            "api_preferred_device": "CPU",
            "time_major": False,
            "go_backwards": False,
        },
    )
    # The converter gives these two results and no other.
    h, outputs, *_ = to_fuse(x, *states, *weights)
    outputs = tf.ensure_shape(outputs, (*x.shape[:2], h.shape[1]))
    with tf.name_scope(FINAL_C):
        c = final_c(x, outputs, counts, initial_state, weights)
    return outputs, [h, c]


def all_steps(x, h, c, kernel, recurrent_kernel, bias):
    """What the fused operator computes, in the arguments and results it is known by."""

    def step(t, h, c, outputs):
        z = x[:, t] @ kernel + h @ recurrent_kernel + bias
        i, f, g, o = tf.split(z, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return t + 1, h, c, outputs.write(t, h)

    steps = tf.shape(x)[1]
    outputs = tf.TensorArray(x.dtype, steps, element_shape=h.shape)
    _, h, c, outputs = tf.while_loop(
        lambda t, *_: t < steps, step, (tf.constant(0), h, c, outputs)
    )
    return h, tf.transpose(outputs.stack(), (1, 0, 2)), h, c, tf.constant(0.0)


def state_of_its_own(x, state):
    """`state` (B, U) as a tensor that nothing else in the graph uses or is like.

    It is zero or one that is greater than n: no converter knows that it never is. Its
    operators have no form of 8 bits, of which a quantized one would take c for its own.
    """
    made = _conversion.get()
    made.states += 1
    zero_or_one = tf.cast(x[:, 0, :1] > 0, tf.int32)
    never = zero_or_one > tf.fill(state.shape[1:], 1 + made.states)
    zeros = tf.cast(never, state.dtype)
    return zeros if is_zero(state) else tf.add_n([state, zeros])


def is_zero(state):
    """Whether `state` is known to be zero in every run."""
    known = tf.get_static_value(state)
    return known is not None and not known.any()


def final_c(x, outputs, counts, initial_state, weights):
    """c after the last step that counts: (B, U)."""
    kernel, recurrent_kernel, bias = weights
    h, c = initial_state
    before = tf.concat([h[:, None], outputs[:, :-1]], 1)  # (B, T, U): h_{t-1}
    z = tf.concat([x, before], 2) @ tf.concat([kernel, recurrent_kernel], 0) + bias
    i, f, g, _ = tf.split(z, 4, axis=2)
    kept, written = tf.math.log(tf.sigmoid(f)), tf.sigmoid(i) * tf.tanh(g)
    if counts is not None:
        counts = counts[:, :, None]
        kept = tf.where(counts, kept, tf.zeros_like(kept))
        written = tf.where(counts, written, tf.zeros_like(written))
    later = tf.cumsum(kept, 1, exclusive=True, reverse=True)
    from_before = tf.exp(tf.reduce_sum(kept, 1)) * c
    return from_before + tf.reduce_sum(tf.exp(later) * written, 1)
