"""A trained model, as a model of one step with its states in the caller's hands."""

import inspect
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import tree

from kerasrnn import layers
from kerasrnn.export.arguments import check_built
from kerasrnn.export.layer_graph import (
    Call,
    calls_between,
    is_symbolic,
    symbolic_leaves,
    traced,
)
from kerasrnn.export.model_inputs import output_names
from kerasrnn.export.own_layers import is_graph
from kerasrnn.layers.time_distributed import TimeDistributed

RECURRENT = (
    layers.RNN,
    keras.layers.RNN,
    keras.layers.SimpleRNN,
    keras.layers.LSTM,
    keras.layers.GRU,
)
BIDIRECTIONAL = (keras.layers.Bidirectional,)
# Of these the output is the first state.
CELLS = (
    layers.SimpleRNNCell,
    layers.LSTMCell,
    layers.GRUCell,
    keras.layers.SimpleRNNCell,
    keras.layers.LSTMCell,
    keras.layers.GRUCell,
)


def streaming(model: keras.Model) -> keras.Model:
    """A model of one step out of a trained one.

    y_t, s_t = step(x_t, s_{t-1})        t = 1, 2, …

    Step by step it gives what `model` gives of a whole sequence; where the model gives
    the last output only, the step model gives at every step what the model would give
    of the sequence so far. It shares the model's weights, and can be exported as any
    other model: to a SavedModel, to ONNX, and to LiteRT, in operators that the
    interpreters of microcontrollers have.

    Args:
        model: A built functional or `Sequential` model of recurrent layers that go
            forwards, of kerasrnn's or Keras's, and of layers that look at one step. One
            that the library does not know does so if all that its `call` consists of
            does.

    Returns:
        A functional model from a dictionary to a dictionary. Of each sequence (B, T, …)
        it takes one step, (B, 1, …), by the input's name; of each recurrent layer its
        states, (B, U), by the layer's name: "reader_h" of a layer "reader", and of an
        LSTM "reader_c". It gives the outputs of this step, by the names of the model's
        outputs, and the new states as "next_reader_h". Before the first step the states
        are zeros.

    Masking:
        A step that a `Masking` layer or `mask_zero` hides leaves the states, and gives
        the output of the step before.

    Raises:
        ValueError: A layer does not look at one step alone, or needs steps that are to
            come; the message names it and says why.

    Example:

    >>> import keras
    >>> from keras import ops
    >>> from kerasrnn.export import streaming
    >>> from kerasrnn.layers import GRU
    >>> x = keras.Input((None, 3), name="frames")
    >>> y = keras.layers.Dense(2, name="classes")(GRU(4, name="reader")(x))
    >>> model = keras.Model(x, y)
    >>> step, states = streaming(model), {"reader_h": ops.zeros((1, 4))}
    >>> frames = ops.ones((1, 10, 3))
    >>> for t in range(10):
    ...     results = step({"frames": frames[:, t : t + 1], **states})
    ...     states = {name: results[f"next_{name}"] for name in states}
    >>> bool(ops.all(ops.isclose(results["classes"], model(frames))))
    True
    """
    if not is_graph(model):
        raise ValueError(
            f"`model` must be functional or Sequential; {model.name!r} is a "
            f"{type(model).__name__}."
        )
    check_built(model)
    writer = StepModel()
    inputs, values = {}, []
    for tensor, timed in zip(model.inputs, sequences_among(model), strict=True):
        shape = (1, *tensor.shape[2:]) if timed else tensor.shape[1:]
        inputs[tensor.name] = keras.Input(shape, dtype=tensor.dtype, name=tensor.name)
        values.append(Value(inputs[tensor.name], timed))
    results = writer.run(model, values)
    if not writer.states:
        raise ValueError(
            "`model` must have a recurrent layer, whose states to carry; "
            f"{model.name!r} has none."
        )
    outputs: dict[str, Any] = {}
    for name, value in zip(output_names(model), results, strict=True):
        outputs[name] = value.tensor
    outputs |= {f"next_{name}": state for name, state in writer.next_states.items()}
    # Exporters know an output by the name of the layer that it comes from.
    outputs = {
        name: y if name in writer.called else keras.layers.Identity(name=name)(y)
        for name, y in outputs.items()
    }
    return keras.Model({**inputs, **writer.states}, outputs, name=f"{model.name}_step")


def free_name(name, taken) -> str:
    """`name`, or with a number at its end one that is not `taken`."""
    again = itertools.count(2)
    free = name
    while free in taken:
        free = f"{name}_{next(again)}"
    return free


class Value(NamedTuple):
    """What stands for a tensor of the model in the model of one step.

    Args:
        tensor: A symbolic tensor.
        timed: Whether its second axis is that of the one step.
    """

    tensor: Any
    timed: bool


def sequences_among(model, outputs=()) -> list[bool]:
    """Which of a model's inputs are read step by step.

    Args:
        model: The model.
        outputs: Which of its outputs are.
    """
    graph = calls_between(model.inputs, model.outputs)
    timed = {
        id(y) for y, is_read in zip(graph.outputs, outputs, strict=False) if is_read
    }
    for call in reversed(graph.calls):
        results = [id(y) in timed for y in symbolic_leaves(call.outputs)]
        tensors = symbolic_leaves((call.args, call.kwargs))
        if isinstance(call.operation, RECURRENT + BIDIRECTIONAL):
            tensors = [tensors[0], *symbolic_leaves(call.kwargs.get("mask"))]
        elif is_graph(call.operation):
            are_read = sequences_among(call.operation, results)
            pairs = zip(tensors, are_read, strict=False)
            tensors = [tensor for tensor, is_read in pairs if is_read]
        elif not any(results):
            tensors = []
        timed |= set(map(id, tensors))
    return [id(tensor) in timed for tensor in graph.inputs]


class StepModel:
    """Calls the layers of a model on one step, and collects the states.

    `called` are the names of the layers that were called.
    """

    def __init__(self):
        self.states, self.next_states, self.called = {}, {}, set()

    def run(self, model, values) -> list[Value]:
        """The outputs of `model` for `values` in place of its inputs."""
        graph = calls_between(model.inputs, model.outputs)
        known = dict(zip(map(id, graph.inputs), values, strict=True))

        def tensor_of(leaf):
            return known[id(leaf)].tensor if is_symbolic(leaf) else leaf

        for call in graph.calls:
            given = [known[id(t)] for t in symbolic_leaves((call.args, call.kwargs))]
            if isinstance(call.operation, RECURRENT):
                results = self.recurrent(call, known)
            elif is_graph(call.operation):
                if symbolic_leaves(call.kwargs):
                    raise refusal(call.operation, "it is given a mask from outside")
                results = self.run(call.operation, given)
            else:
                timed = any(value.timed for value in given)
                if timed:
                    check_looks_at_one_step(call, given)
                args, kwargs = tree.map_structure(tensor_of, (call.args, call.kwargs))
                outputs = call.operation(*args, **kwargs)
                self.called.add(call.operation.name)
                results = [Value(y, timed) for y in symbolic_leaves(outputs)]
            outputs = symbolic_leaves(call.outputs)
            known |= zip(map(id, outputs), results, strict=True)
        return [known[id(output)] for output in graph.outputs]

    def recurrent(self, call, known) -> list[Value]:
        """A recurrent layer's results after one step that begins with its states."""
        layer = call.operation
        kwargs = dict(call.kwargs)
        masks = [known[id(m)].tensor for m in symbolic_leaves(kwargs.pop("mask", None))]
        tensors = symbolic_leaves((call.args, kwargs))
        sequences = known[id(tensors[0])]
        if not sequences.timed:
            raise refusal(layer, "it reads a sequence that the model itself makes")
        if len(tensors) > 1:
            raise refusal(
                layer,
                "it is given other tensors beside its sequence, such as an "
                "`initial_state`, which a step model has as inputs",
            )
        if layer.go_backwards:
            raise refusal(layer, "with go_backwards=True it begins at the last step")
        name = free_name(layer.name, self.called)
        self.called.add(name)
        sizes = tree.flatten(layer.cell.state_size)
        ends: Any = range(1, len(sizes) + 1)
        if isinstance(layer.cell, CELLS):
            ends = "hc"[: len(sizes)]
        names = [f"{name}_{end}" for end in ends]
        states = {
            state: keras.Input((size,), dtype=layer.compute_dtype, name=state)
            for state, size in zip(names, sizes, strict=True)
        }
        mask = masks[0] if masks else None
        holds = mask is not None and not layer.zero_output_for_mask
        if holds and not isinstance(layer.cell, CELLS):
            raise refusal(
                layer,
                "it is given a mask, and the states of its cell do not tell what it "
                "gives at a masked step",
            )
        one_step = layers.RNN(
            layer.cell,
            return_sequences=layer.return_sequences,
            return_state=True,
            zero_output_for_mask=layer.zero_output_for_mask,
            dtype=layer.dtype_policy,
            name=f"{name}_masked" if holds else name,
        )
        given = tree.pack_sequence_as(one_step.state_size, list(states.values()))
        output, *news = one_step(sequences.tensor, initial_state=given, mask=mask)
        news = tree.flatten(news)
        if holds:
            # A masked step leaves the state, which is the output of the step before.
            output = keras.layers.Reshape(output.shape[1:], name=name)(news[0])
        self.states |= states
        self.next_states |= zip(names, news, strict=True)
        results = [Value(output, layer.return_sequences)]
        if layer.return_state:
            results += [Value(state, False) for state in news]
        return results


def refusal(operation, reason) -> ValueError:
    """What to raise where a model has no model of one step."""
    return ValueError(
        f"Layer {operation.name!r} ({type(operation).__name__}) cannot go step by "
        f"step: {reason}."
    )


def always(layer, rank, *arguments) -> bool:
    """Whatever the layer's arguments are, it computes each step of itself."""
    return True


def has_features(layer, rank, *arguments) -> bool:
    """A step of (B, T, …) has an axis of its own, which the layer goes along."""
    return rank > 2


def on_features(layer, rank, *arguments) -> bool:
    """The layer goes along the last axis, which is not that of the steps."""
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    last = all(axis is None or axis % rank == rank - 1 for axis in axes)
    return rank > 2 and last


def reduces_features(operation, rank, *arguments) -> bool:
    """The operation goes along the last axis and no other."""
    return operation.axis is not None and on_features(operation, rank)


def adds_features(layer, rank, *arguments) -> bool:
    """The operation adds an axis after all others."""
    return layer.axis in (-1, rank)


def shares_over_steps(layer, rank, *arguments) -> bool:
    """All steps have the same slopes."""
    return 1 in (layer.shared_axes or ())


def takes_features(operation, rank, x, key) -> bool:
    """`x[key]` leaves rows and steps as they are."""
    key = key if isinstance(key, tuple) else (key,)
    return len(key) > 1 and all(
        isinstance(part, slice) and part == slice(None) for part in key[:2]
    )


# Layers that compute each step of itself, and where their arguments say so only.
OF_ONE_STEP: dict[type, Callable] = {
    **dict.fromkeys(
        (
            keras.layers.Activation,
            keras.layers.ActivityRegularization,
            keras.layers.Add,
            keras.layers.AlphaDropout,
            keras.layers.Average,
            keras.layers.Dropout,
            keras.layers.ELU,
            keras.layers.Embedding,
            keras.layers.GaussianDropout,
            keras.layers.GaussianNoise,
            keras.layers.Identity,
            keras.layers.LeakyReLU,
            keras.layers.Masking,
            keras.layers.Maximum,
            keras.layers.Minimum,
            keras.layers.Multiply,
            keras.layers.ReLU,
            keras.layers.Rescaling,
            keras.layers.SpatialDropout1D,
            keras.layers.Subtract,
        ),
        always,
    ),
    keras.layers.Dense: has_features,
    keras.layers.TimeDistributed: has_features,
    TimeDistributed: has_features,
    **dict.fromkeys(
        (
            keras.layers.BatchNormalization,
            keras.layers.Concatenate,
            keras.layers.LayerNormalization,
            keras.layers.Normalization,
            keras.layers.RMSNormalization,
            keras.layers.Softmax,
            keras.layers.UnitNormalization,
        ),
        on_features,
    ),
    keras.layers.PReLU: shares_over_steps,
}
# The same for operations of `keras.ops`, of which masks are made, by their classes.
OPERATIONS: dict[str, Callable] = {
    **dict.fromkeys(
        (
            *("Absolute", "Add", "Cast", "Clip", "Divide", "Equal", "Exp", "Greater"),
            *("Less", "Log", "LogicalAnd", "LogicalNot", "LogicalOr", "Maximum"),
            *("Minimum", "Multiply", "Negative", "NotEqual", "Power", "Relu"),
            *("OnesLike", "Sigmoid", "Sqrt", "Square", "Subtract", "Tanh"),
            *("TrueDivide", "Where", "ZerosLike"),
        ),
        always,
    ),
    **dict.fromkeys(
        ("All", "Amax", "Any", "Argmax", "Concatenate", "Max", "Softmax"),
        reduces_features,
    ),
    "ExpandDims": adds_features,
    "GetItem": takes_features,
}


def check_looks_at_one_step(call: Call, given: list[Value]) -> None:
    """Raise a ValueError where a layer makes of a step something of several."""
    operation = call.operation
    if isinstance(operation, BIDIRECTIONAL):
        raise refusal(operation, "one of its directions begins at the last step")
    if isinstance(operation, layers.CRF):
        raise refusal(operation, "the tag of a step depends on the steps to come")
    if not all(value.timed for value in given):
        raise refusal(operation, "it joins a sequence with what is none")
    rank = max(len(value.tensor.shape) for value in given)
    if type(operation) in OF_ONE_STEP:
        fits = OF_ONE_STEP[type(operation)](operation, rank)
    elif isinstance(operation, keras.layers.Layer):
        fits = inside_looks_at_one_step(call, given)
    else:
        known = OPERATIONS.get(type(operation).__name__)
        fits = known is not None and known(operation, rank, *call.args)
    if not fits or any(spans_steps(leaf, rank) for leaf in constants_of(call)):
        raise refusal(operation, "it may look at more than one step of a sequence")


def inside_looks_at_one_step(call: Call, given: list[Value]) -> bool:
    """Whether all that a layer's `call` consists of computes each step of itself."""
    layer = call.operation
    if isinstance(layer, RECURRENT):  # Its states would be lost.
        return False
    leaves = tree.flatten((call.args, call.kwargs))

    def run(symbols):
        rest = iter(symbols)
        filled = [next(rest) if is_symbolic(leaf) else leaf for leaf in leaves]
        args, kwargs = tree.pack_sequence_as((call.args, call.kwargs), filled)
        if "training" in inspect.signature(layer.call).parameters:
            kwargs = {**kwargs, "training": False}
        return layer.call(*args, **kwargs)

    # Of any number of steps: of one alone all would be alike.
    shapes = [(None, None, *value.tensor.shape[2:]) for value in given]
    free = [
        keras.KerasTensor(shape, value.tensor.dtype)
        for shape, value in zip(shapes, given, strict=True)
    ]
    try:
        symbols, outputs = traced(run, free)
        for inner in calls_between(symbols, symbolic_leaves(outputs)).calls:
            tensors = symbolic_leaves((inner.args, inner.kwargs))
            check_looks_at_one_step(inner, [Value(x, True) for x in tensors])
    except Exception:  # Of whatever kind: its author thought of numbers alone.
        return False
    return True


def constants_of(call: Call) -> list:
    """The arrays that an operation is given beside what is computed."""
    leaves = tree.flatten((call.args, call.kwargs))
    return [x for x in leaves if hasattr(x, "shape") and not is_symbolic(x)]


def spans_steps(array, rank) -> bool:
    """Whether an array that is joined with (B, T, …) has numbers for each step."""
    shape = tuple(array.shape)
    return len(shape) >= rank - 1 and shape[1 - rank] != 1
