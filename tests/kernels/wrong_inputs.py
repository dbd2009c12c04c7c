"""Calls the compiled operations and layers with wrong inputs; one JSON line a case.

Run by `test_native_inputs.py` in a process of its own, which a fault would end. Each
case is announced before it runs, so that the last line tells which one it was.
"""

import json
import re
import threading

import keras
import numpy as np
import tensorflow as tf

from kerasrnn.kernels import native, use_kernel
from kerasrnn.kernels.native_tensorflow import guard_of
from kerasrnn.layers import GRU, LSTM, RNN, GRUCell

B, T, D, U = 3, 4, 5, 6
GATES = {
    "simple_rnn_tanh": 1,
    "simple_rnn_relu": 1,
    "lstm": 4,
    "gru": 3,
    "gru_reset_after": 3,
}
# What TensorFlow takes for an array that is left out.
NOTHING = [0]
# Of the input that is named where two disagree: the weights say what sizes the others
# have, and the sequences how many rows and steps there are.
BLAMED = {
    ("kernel", 0): "sequences",
    ("recurrent_kernel", 0): "kernel",
    ("sequences", 0): "initial_state[0]",
    ("sequences", 1): "mask",
}


def inputs_of(operation, family, library):
    """Names and tensors of the inputs of an operation, all of them right."""
    rng = np.random.default_rng(0)

    def floats(*shape):
        return tf.constant(rng.normal(size=shape), "float32")

    width = GATES[family] * U
    c_shape = (B, U) if family == "lstm" else (0, 0)
    inputs = {
        "sequences": floats(B, T, D),
        "initial_state[0]": floats(B, U),
        "initial_state[1]": floats(*c_shape),
        "kernel": floats(D, width),
        "recurrent_kernel": floats(U, width),
        "bias": floats(*((2, width) if family == "gru_reset_after" else (width,))),
        "mask": tf.constant(rng.integers(0, 2, (B, T)), "bool"),
        "guard": guard_of("layer"),
    }
    if operation == "forward":
        return inputs
    options = {"family": family, "go_backwards": False, "zero_output_for_mask": False}
    _, outputs, _, _, residuals = library.forward(
        *inputs.values(),
        return_sequences=True,
        keep_residuals=True,
        threads=1,
        **options,
    )
    if operation == "input_gradient":
        return {**inputs, "records": residuals}
    return {
        **inputs,
        "outputs": outputs,
        "residuals": residuals,
        "d_last_output": floats(B, U),
        "d_outputs": floats(B, T, U),
        "d_h": floats(B, U),
        "d_c": floats(*c_shape),
    }


def wrong_shapes(shape):
    """`(shape, dimension)`: other shapes, and which dimension alone differs."""
    yield [], None
    yield [int(np.prod(shape)) + 1], None
    yield [*shape, 1], None
    yield [1, *shape], None
    yield list(shape[1:]), None
    for i, size in enumerate(shape):
        for other in (0, size - 1, size + 1, 100 * size):
            yield [*shape[:i], other, *shape[i + 1 :]], i


def calls():
    """`(case, call, expected error)`: the operations' inputs, each wrong in turn."""
    library, _ = native._load()
    for family in GATES:
        options = {
            "family": family,
            "go_backwards": False,
            "zero_output_for_mask": False,
            "threads": 2,
        }
        for operation in ("forward", "backward", "input_gradient"):
            more = {}
            if operation == "forward":
                more = {"return_sequences": True, "keep_residuals": True}
            right = inputs_of(operation, family, library)
            function = getattr(library, operation)

            def call(changes, function=function, right=right, options=options | more):
                return function(*{**right, **changes}.values(), **options)

            yield f"{operation} {family}", lambda call=call: call({}), None
            for name, tensor in right.items():
                if name == "guard":
                    continue
                case, shape = f"{operation} {family} {name}", tensor.shape.as_list()
                for dtype in ("float64", "int32", "bool", "string"):
                    if tensor.dtype != dtype:
                        wrong = tf.zeros(shape, dtype)
                        yield (
                            f"{case} {dtype}",
                            lambda call=call, c={name: wrong}: call(c),
                            "was expected to be a|not in the list of allowed values",
                        )
                for other, dimension in wrong_shapes(shape):
                    empty = shape == [0, 0]
                    optional = name in ("bias", "mask", "d_outputs")
                    if other == shape or (optional and other == NOTHING):
                        continue
                    if empty and 0 in other:
                        continue
                    blamed = BLAMED.get((name, dimension), name)
                    if name == "recurrent_kernel" and other[:1] == [0]:
                        blamed = "recurrent_kernel` must have at least one row"
                    expected = re.escape(f"`{blamed}")
                    if blamed == name and not empty:
                        expected += "` must have (rank|the shape) .*"
                        expected += re.escape(f" {tuple(other)}.")
                    wrong = tf.zeros(other, tensor.dtype)
                    yield (
                        f"{case} {other}",
                        lambda call=call, c={name: wrong}: call(c),
                        expected,
                    )


def at_once(functions):
    """Calls the functions in threads of their own; raises what one of them raised."""
    errors = []

    def run(function):
        try:
            function()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(f,)) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def ones(*shape):
    return np.ones(shape, "float32")


def programs():
    """`(case, call, expected error)`: what a user may write. None: no error counts."""

    def other_feature_size():
        layer = RNN(GRUCell(4))
        layer(ones(2, 5, 3))
        layer(ones(2, 5, 2))

    def other_feature_size_in_a_function():
        layer = GRU(4)
        layer(ones(2, 5, 3))
        unknown = tf.function(
            layer, input_signature=[tf.TensorSpec((None, None, None))]
        )
        unknown(tf.ones((2, 5, 2)))

    def other_batch_of_states(method):
        layer = LSTM(4)
        layer(ones(2, 5, 3))

        @tf.function(input_signature=[tf.TensorSpec((None, 5, 3))] * 1)
        def call(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                states = [tf.zeros((tf.shape(x)[0] + 1, 4))] * 2
                y = layer(x, initial_state=states, training=method == "gradient")
            return tape.gradient(y, x)

        call(tf.ones((2, 5, 3)))

    def sequential(method):
        model = keras.Sequential([RNN(GRUCell(4)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(ones(4, 5, 3), ones(4, 1), verbose=0)
        if method == "fit":
            model.fit(ones(4, 5, 2), ones(4, 1), verbose=0)
        else:
            model.predict(ones(4, 5, 2), verbose=0)

    def subclassed():
        class Model(keras.Model):
            def __init__(self):
                super().__init__()
                self.layer = RNN([GRUCell(4), GRUCell(3)])

            def call(self, x):
                return self.layer(x)

        model = Model()
        model.compile("sgd", "mse")
        model.fit(ones(4, 5, 3), ones(4, 3), verbose=0)
        model.fit(ones(4, 5, 2), ones(4, 3), verbose=0)

    def dropout_from_threads():
        layer = GRU(8, dropout=0.5)
        layer.build((None, None, 3))

        def train(rows):
            for _ in range(10):
                try:
                    layer(ones(rows, 6, 3), training=True)
                except (ValueError, tf.errors.InvalidArgumentError):
                    pass  # masks of another thread's batch: never a wrong address

        at_once([lambda rows=rows: train(rows) for rows in range(1, 9)])

    def mask_of_another_batch():
        layer = GRU(4)
        layer(ones(2, 5, 3))

        @tf.function(input_signature=[tf.TensorSpec((None, None), "bool")])
        def call(mask):
            return layer(tf.ones((2 * tf.shape(mask)[0], 5, 3)), mask=mask)

        call(tf.ones((2, 5), "bool"))

    yield "other feature size", other_feature_size, "features|sequences"
    yield "in a function", other_feature_size_in_a_function, "features|sequences"
    yield "states", lambda: other_batch_of_states("call"), "initial_state"
    yield "states", lambda: other_batch_of_states("gradient"), "initial_state"
    yield "Sequential.fit", lambda: sequential("fit"), "features|sequences|shape"
    yield "Sequential.predict", lambda: sequential("predict"), "features|sequences|sh"
    yield "subclassed", subclassed, "features|sequences|shape"
    yield "mask", mask_of_another_batch, "mask"
    yield "dropout from eight threads", dropout_from_threads, None


def huge():
    """`(case, call, expected error)`: arrays without elements but of huge sizes."""
    library, _ = native._load()
    sizes, nothing = (0, 1, 2**31, 2**62), tf.zeros((0,))
    shapes = [(b, t, d) for b in sizes for t in sizes for d in sizes]
    for b, t, d in shapes:
        # Without elements, else there would be no such array; and b rows of a state.
        if 0 not in (b, t, d) or b > 1:
            continue
        if b * d == 0 and t == 2**31:
            continue  # may take its time
        for units in (0, 1):
            if d > 1 and units:
                continue
            arrays = [
                tf.zeros((b, t, d)),
                tf.zeros((b, units)),
                nothing,
                tf.zeros((d, units)),
                tf.zeros((units, units)),
                nothing,
                tf.zeros((0,), "bool"),
            ]

            def call(arrays=arrays):
                library.forward(
                    *arrays,
                    guard_of("layer"),
                    family="simple_rnn_tanh",
                    go_backwards=False,
                    zero_output_for_mask=False,
                    return_sequences=False,
                    keep_residuals=True,
                    threads=2**31 - 1,
                )

            expected = None
            if units == 0:
                expected = "`recurrent_kernel` must have at least one row"
            elif t == 2**62:
                expected = "too large"
            yield f"{(b, t, d)} and {units} units", call, expected


def main():
    with use_kernel("native"):
        for kind in (calls, programs, huge):
            for case, call, expected in kind():
                print(json.dumps({"begins": f"{kind.__name__}: {case}"}), flush=True)
                error = None
                try:
                    call()
                except Exception as raised:
                    error = f"{type(raised).__name__}: {raised}"
                print(json.dumps({"error": error, "expected": expected}), flush=True)


if __name__ == "__main__":
    main()
