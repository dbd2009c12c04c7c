"""The compiled kernel on TensorFlow, as operations.

The operations exist only where this package is loaded, so they must never get
into an exported model. `declines` refuses while TensorFlow saves one (it traces
functions anew then), and while a user asks for a concrete function, which is what
converters are given. A function traced by a call before that, and exported as it is
(`tf.lite`, freezing, `keras.export.ExportArchive`), cannot be traced anew: the
operations take the input `guard`, a captured tensor that can be neither saved nor
frozen, and whose error tells the layer and the remedy.
"""

import dataclasses
import functools
import inspect
import pathlib

import tensorflow as tf

from kerasrnn.kernels.recurrence import Recurrence

DTYPES = (tf.float32, tf.float64)


class Library:
    """The loaded operations, and what stands for arrays that a call has not."""

    def __init__(self, path: pathlib.Path):
        operations = tf.load_op_library(str(path))
        self.forward = operations.kerasrnn_forward
        self.backward = operations.kerasrnn_backward
        self.input_gradient = operations.kerasrnn_input_gradient
        self.instructions = "best"
        with tf.init_scope(), tf.device("CPU:0"):
            # By dtype.
            self.no_floats = {d: tf.zeros((0,), d) for d in DTYPES}
            self.no_state = {d: tf.zeros((0, 0), d) for d in DTYPES}
            self.no_mask = tf.zeros((0,), "bool")


@functools.lru_cache(maxsize=256)
def guard_of(layer: str):
    """A tensor that every trace of the layer's operations holds, and no export can.

    TensorFlow shows its value where it refuses to save it, and calls its `numpy` to
    freeze it.
    """
    message = (
        f"layer `{layer}` was traced with the compiled kernel of kerasrnn, which "
        "cannot be exported. Export a new `tf.function` that was not called yet: its "
        "`get_concrete_function(...)`, or what is traced inside "
        "`with kerasrnn.kernels.use_kernel('tensorflow'):`"
    )

    def refuse():
        raise ValueError(f"{message[:1].upper()}{message[1:]}.")

    with tf.init_scope(), tf.device("CPU:0"):
        # Of a dtype that no SavedModel holds.
        guard = tf.raw_ops.OptionalFromValue(components=[tf.constant(message)])
    guard.numpy = refuse
    return guard


def place_declines(sequences) -> str | None:
    """Why the kernel cannot run where the tensors are, or None."""
    device = getattr(sequences, "device", None) or ""
    if "CPU" not in device.upper() and _has_gpu():
        return "it runs on the CPU"
    return elsewhere_because()


def elsewhere_because() -> str | None:
    """Why what is traced now may run elsewhere than here, or None if it does not.

    Elsewhere: in XLA, or where a SavedModel is loaded.
    """
    if tf.executing_eagerly():
        return None
    # The only sign of jit_compile=True that TensorFlow gives while it traces.
    if tf.__internal__.get_enclosing_xla_context() is not None:
        return "XLA (jit_compile=True) cannot contain it"
    if _saving():
        return "a SavedModel must not contain it"
    if _is_handed_out():
        return (
            "a function from `get_concrete_function` may be exported, unless it was "
            "called before"
        )
    return None


@functools.cache
def _has_gpu() -> bool:
    return bool(tf.config.list_logical_devices("GPU"))


def _saving() -> bool:
    """Whether TensorFlow is tracing for a SavedModel.

    `tf.saved_model.save` traces all functions anew in a context that has no
    public name; without it, exported models would contain our operations.
    """
    from tensorflow.python.saved_model import save_context

    return save_context.in_save_context()


def _is_handed_out() -> bool:
    """Whether TensorFlow traces because a user asked for a concrete function.

    That is what converters and exporters are given. TensorFlow has no hook for it, so
    the call stack is asked. A data set's function stays in this process.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == "get_concrete_function" and frame.f_back:
            caller = frame.f_back.f_globals.get("__name__", "")
            if not caller.startswith("tensorflow.python."):
                return True
        frame = frame.f_back
    return False


def threads() -> int:
    """The threads that TensorFlow is set to use, or 0."""
    return tf.config.threading.get_intra_op_parallelism_threads()


def run(library, options, recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    lstm = recurrence.family == "lstm"
    return_sequences = recurrence.return_sequences
    others = (library.no_mask if mask is None else mask, guard_of(recurrence.layer))
    sequences = tf.convert_to_tensor(sequences)
    no_floats = library.no_floats[sequences.dtype]

    def forward(arrays, keep_residuals):
        return library.forward(
            *arrays,
            *others,
            return_sequences=return_sequences,
            keep_residuals=keep_residuals,
            **options,
        )

    @tf.custom_gradient
    def recur(*arrays):
        # arrays: x (B, T, D), h0, c0 (B, U), kernel, recurrent_kernel, bias
        last, outputs, h, c, residuals = forward(arrays, recurrence.training)

        def gradient(*upstream):
            kept = outputs, residuals
            if not recurrence.training:
                _, again, _, _, records = forward(arrays, True)
                kept = again, records
            d_last, d_outputs, *d_states = upstream
            if not return_sequences:
                d_outputs = no_floats
            *d_arrays, records = library.backward(
                *arrays, *others, *kept, d_last, d_outputs, *d_states, **options
            )
            # Apart, so that it is not computed where nobody asks for it.
            d_x = library.input_gradient(*arrays, *others, records, **options)

            def second_order(part):
                def gradients(*d_part):
                    return _second_order(
                        recurrence, mask, arrays, upstream, part, d_part
                    )

                return gradients

            x_part, other_parts = slice(0, 1), slice(1, None)
            d_x = _with_gradient(d_x, second_order(x_part), *arrays, *upstream)
            d_arrays = _with_gradient(
                tuple(d_arrays), second_order(other_parts), *arrays, *upstream
            )
            return d_x, *d_arrays

        if not return_sequences:
            outputs_or_none = no_floats
        else:
            outputs_or_none = outputs
            outputs_or_none.set_shape((*arrays[0].shape[:2], arrays[1].shape[-1]))
        return (last, outputs_or_none, h, c), gradient

    last, outputs, h, c = recur(
        sequences,
        tf.convert_to_tensor(initial_state[0]),
        tf.convert_to_tensor(initial_state[1])
        if lstm
        else library.no_state[sequences.dtype],
        tf.convert_to_tensor(recurrence.kernel),
        tf.convert_to_tensor(recurrence.recurrent_kernel),
        no_floats if recurrence.bias is None else tf.convert_to_tensor(recurrence.bias),
    )
    return last, outputs if return_sequences else None, [h, c] if lstm else [h]


def _with_gradient(values, gradients, *inputs):
    """`values`, already computed of `inputs`, with gradients given by a function."""
    return tf.custom_gradient(lambda *_: (values, gradients))(*inputs)


def _second_order(recurrence, mask, arrays, upstream, part, d_part):
    """Gradients of one part of the gradients, by the TensorFlow kernel.

    Args:
        recurrence: The recurrence.
        mask: (B, T) or None.
        arrays: What `recur` took: x, h0, c0, kernel, recurrent_kernel, bias.
        upstream: The gradients of what it gave: last, outputs, h, c.
        part: A slice of the gradients of `arrays`.
        d_part: The gradients of those.
    """
    from kerasrnn.kernels import tensorflow as loop

    count = 2 if recurrence.family == "lstm" else 1
    has_bias = recurrence.bias is not None
    with tf.GradientTape() as outer:
        outer.watch([arrays, upstream])
        with tf.GradientTape() as inner:
            inner.watch(arrays)
            x, h0, c0, kernel, recurrent_kernel, bias = arrays
            weights = {
                "kernel": kernel,
                "recurrent_kernel": recurrent_kernel,
                "bias": bias if has_bias else None,
            }
            last, outputs, states = loop.run(
                dataclasses.replace(recurrence, training=True, **weights),
                x,
                [h0, c0][:count],
                mask,
            )
        results = [last, *([] if outputs is None else [outputs]), *states]
        d_last, d_outputs, *d_states = upstream
        d_results = [
            d_last,
            *([] if outputs is None else [d_outputs]),
            *d_states[:count],
        ]
        zeros = tf.UnconnectedGradients.ZERO
        gradients = inner.gradient(results, arrays, d_results, zeros)[part]
    return outer.gradient(list(gradients), [*arrays, *upstream], list(d_part), zeros)
