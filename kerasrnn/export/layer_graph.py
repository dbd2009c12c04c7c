"""The calls that a Keras model is made of, in order, whatever the model's class."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import tree


class Call(NamedTuple):
    """One call of a layer, or of an operation of `keras.ops`.

    Args:
        operation: The layer or the operation.
        args: Its positional arguments, with symbolic tensors for what is computed.
        kwargs: Its arguments by name.
        outputs: Symbolic tensors, in the structure that the call returns.
    """

    operation: keras.Operation
    args: tuple
    kwargs: dict
    outputs: Any


class Graph(NamedTuple):
    """What is computed of `inputs`, call by call.

    Args:
        inputs: Symbolic tensors.
        calls: The calls, each after those whose outputs it takes.
        outputs: Symbolic tensors, each an input or an output of a call.
    """

    inputs: list
    calls: list[Call]
    outputs: list


class _Recorded(keras.Operation):
    """Stands for an operation, so that the operation itself learns of no new call."""

    def __init__(self, operation):
        super().__init__()
        self.operation = operation

    def call(self, *args, **kwargs):
        raise NotImplementedError("It is only called with symbolic tensors.")

    def compute_output_spec(self, *args, **kwargs):
        return self.operation.compute_output_spec(*args, **kwargs)


class _Anchor(keras.Operation):
    """Leads somewhere: an output for an input that may have no other."""

    def call(self, x):
        raise NotImplementedError("It is only called with symbolic tensors.")

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)


def calls_between(inputs: Sequence, outputs: Sequence) -> Graph:
    """The calls by which symbolic `outputs` come from symbolic `inputs`.

    Example:

    >>> import keras
    >>> from kerasrnn.export.layer_graph import calls_between
    >>> x = keras.Input((5, 3))
    >>> y = keras.layers.Dense(2)(keras.ops.tanh(x))
    >>> [type(call.operation).__name__ for call in calls_between([x], [y]).calls]
    ['Tanh', 'Dense']
    """
    inputs, outputs = list(inputs), list(outputs)
    if all(any(y is x for x in inputs) for y in outputs):
        return Graph(inputs, [], outputs)
    calls = []

    def record(operation, *args, **kwargs):
        if isinstance(operation, _Anchor):
            return operation(*args, **kwargs)
        outputs = _Recorded(operation)(*args, **kwargs)
        calls.append(Call(operation, args, kwargs, outputs))
        return outputs

    copy = keras.models.clone_model(
        # Keras 3.12 takes no input that leads to nothing.
        keras.Model(inputs, [*outputs, *map(_Anchor(), inputs)]),
        clone_function=lambda operation: operation,
        call_function=record,
    )
    return Graph(list(copy.inputs), calls, list(copy.outputs[: len(outputs)]))


def traced(function: Callable, inputs: Sequence) -> tuple[list, Any]:
    """Fresh symbolic tensors in place of `inputs`, and what `function` makes of them.

    Args:
        function: Takes a list of tensors.
        inputs: What has a `shape` and a `dtype`.
    """
    fresh = [keras.Input(batch_shape=tuple(x.shape), dtype=x.dtype) for x in inputs]
    return fresh, function(fresh)


def is_symbolic(value: Any) -> bool:
    """Whether `value` is a symbolic tensor."""
    return isinstance(value, keras.KerasTensor)


def symbolic_leaves(structure: Any) -> list:
    """The symbolic tensors in a structure, in order."""
    return [leaf for leaf in tree.flatten(structure) if is_symbolic(leaf)]
