"""A Keras model, call by call, as nodes of an ONNX graph."""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import tree

from kerasrnn.export.layer_graph import (
    Call,
    Graph,
    calls_between,
    is_symbolic,
    symbolic_leaves,
    traced,
)
from kerasrnn.export.onnx.layers import LAYERS
from kerasrnn.export.onnx.operations import OPERATIONS
from kerasrnn.export.onnx.recurrent import RECURRENT, Carried
from kerasrnn.export.onnx.writer import GraphWriter, Value, as_array, exported_dtype
from kerasrnn.export.own_layers import is_graph

HANDLERS = {**LAYERS, **RECURRENT}


class NotExportableError(ValueError):
    """A layer or an operation that has no place in an ONNX graph."""


class Conversion:
    """Writes calls of layers and operations into one graph.

    A layer or an operation that a table knows is written by the table's function. Any
    other layer is opened: its `call` is run on symbolic tensors, and what it calls is
    written in its place.

    Args:
        writer: The graph.
        states: Whether the states of all recurrent layers are inputs and outputs.
    """

    def __init__(self, writer: GraphWriter, *, states: bool = False) -> None:
        self.writer = writer
        self.states = states
        self.became: dict[str, str] = {}  # what each recurrent layer is, by its name
        self.carried: list[Carried] = []  # states that are inputs and outputs
        self.id_counts: dict[str, int] = {}  # of an input of ids: how many there are
        self.dtypes: set[str] = set()  # in which the layers compute
        self._inside: list[keras.layers.Layer] = []

    def graph(self, graph: Graph, values: Sequence[Value]) -> list:
        """Write all calls of `graph`, and give the values of its outputs.

        Args:
            graph: The calls.
            values: The values of its inputs.
        """
        known = dict(zip(map(id, graph.inputs), values, strict=True))

        def value_of(leaf):
            return known[id(leaf)] if is_symbolic(leaf) else leaf

        for call in graph.calls:
            args, kwargs = tree.map_structure(value_of, (call.args, call.kwargs))
            results = self.call(Call(call.operation, args, kwargs, call.outputs))
            known |= zip(map(id, symbolic_leaves(call.outputs)), results, strict=True)
        return [value_of(output) for output in graph.outputs]

    def call(self, call: Call) -> list[Value]:
        """Write one call, of values of the graph and constants."""
        if not isinstance(call.operation, keras.layers.Layer):
            return self._operation(call)
        self._inside.append(call.operation)
        try:
            if is_graph(call.operation):
                return self._model(call)
            return self._layer(call)
        finally:
            self._inside.pop()

    def run(self, function: Callable, arguments: Any) -> Any:
        """Write what `function` computes with `keras.ops` and layers.

        Args:
            function: Takes `arguments`, with symbolic tensors in place of values.
            arguments: A structure with values of the graph among its leaves.

        Returns:
            The function's result, with values in place of symbolic tensors.
        """
        leaves = tree.flatten(arguments)
        values = [leaf for leaf in leaves if isinstance(leaf, Value)]

        def on_symbols(symbols):
            rest = iter(symbols)
            filled = [next(rest) if isinstance(v, Value) else v for v in leaves]
            return function(tree.pack_sequence_as(arguments, filled))

        symbols, result = traced(on_symbols, values)
        outputs = symbolic_leaves(result)
        if not outputs:
            return result
        written = iter(self.graph(calls_between(symbols, outputs), values))
        # Not by `tree.map_structure`, which has another order on torch.
        leaves = [
            next(written) if is_symbolic(leaf) else leaf
            for leaf in tree.flatten(result)
        ]
        return tree.pack_sequence_as(result, leaves)

    @property
    def layer_name(self) -> str:
        """The name of the layer that is being written."""
        return self._inside[-1].name

    def error(self, reason: str) -> NotExportableError:
        """What to raise where the layer that is being written cannot go."""
        where = "`model`"
        if self._inside:
            layer = self._inside[-1]
            where = f"Layer {layer.name!r} ({type(layer).__name__})"
        return NotExportableError(f"{where} cannot be exported to ONNX: {reason}")

    def name(self, value: Any, dtype: str) -> str:
        """The name of a value, or of a constant of these numbers, in a dtype."""
        if not isinstance(value, Value):
            return self.writer.constant(as_array(value).astype(dtype))
        if value.dtype == dtype:
            return value.name
        return self.writer.cast(value.name, dtype)

    def activated(self, activation: Callable, value: Value) -> str:
        """The name of what an activation function makes of `value`."""
        if activation is keras.activations.linear:
            return value.name
        # Keras computes these two without symbolic tensors.
        for name in ("mish", "hard_silu"):
            if activation is getattr(keras.activations, name):
                written = OPERATIONS["Mish" if name == "mish" else "HardSilu"]
                return written(self, None, None, value)
        return self._tried("activation", activation, value).name

    def _operation(self, call):
        name = type(call.operation).__name__
        if name not in OPERATIONS:
            raise self.error(
                f"the operation {name!r} of keras.ops has no translation. Write it "
                "with other operations, or leave it outside of the exported model."
            )
        arguments = bound(call.operation, call)
        names = OPERATIONS[name](self, call.operation, call.outputs, **arguments)
        return values_of(names, call.outputs)

    def _model(self, call):
        model = call.operation
        arguments = bound(model, call)
        values, masks = tree.flatten(arguments["inputs"]), arguments.get("mask")
        if masks is not None:
            values = [
                v if m is None else dataclasses.replace(v, mask=m)
                for v, m in zip(values, tree.flatten(masks), strict=True)
            ]
        return self.graph(calls_between(model.inputs, model.outputs), values)

    def _layer(self, call):
        layer, arguments = call.operation, bound(call.operation, call)
        add_masks(layer, arguments)
        self.dtypes.add(layer.compute_dtype)
        if getattr(layer, "quantization_mode", None) is not None:
            raise self.error(
                f"it is quantized ({layer.quantization_mode}). Export the model as it "
                "was before, with `quantize` of `to_onnx`."
            )
        handler = handler_of(layer)
        if handler is None:
            results = self._opened(layer, arguments, call.outputs)
        else:
            names = handler(self, layer, call.outputs, **arguments)
            results = values_of(names, call.outputs)
        masks = self._masks_after(layer, arguments)
        masks = [*masks, *[None] * len(results)][: len(results)]
        return [
            dataclasses.replace(value, mask=value.mask or mask)
            for value, mask in zip(results, masks, strict=True)
        ]

    def _opened(self, layer, arguments, outputs):
        """What a layer's `call` does, written in its place, in the order of outputs."""
        if "training" in inspect.signature(layer.call).parameters:
            arguments = {**arguments, "training": False}
        result = self._tried("call", lambda a: layer.call(**a), arguments)
        # By their places: the order of a dictionary may be another.
        found = dict(tree.flatten_with_path(result))
        places = {id(leaf): place for place, leaf in tree.flatten_with_path(outputs)}
        leaves = [found[places[id(leaf)]] for leaf in symbolic_leaves(outputs)]
        return [v if isinstance(v, Value) else self._constant(v) for v in leaves]

    def _tried(self, name, function, arguments):
        """`run`, for a function of the layer, with an error that names both."""
        try:
            return self.run(function, arguments)
        except NotExportableError:
            raise
        except (ValueError, TypeError, AttributeError, NotImplementedError) as error:
            raise self.error(
                f"its `{name}` does not run on symbolic tensors. Write it in "
                "keras.ops, without Python numbers of sizes that are not fixed. It "
                "raised: "
                f"{str(error).partition(chr(10))[0]}"
            ) from error

    def _constant(self, tensor):
        array = as_array(tensor)
        return Value(self.writer.constant(array), array.shape, str(array.dtype))

    def _masks_after(self, layer, arguments):
        """The masks of a layer's outputs, as Keras would attach them."""
        if not layer.supports_masking:
            return []
        inputs = next(iter(arguments.values()))
        masks = arguments.get("mask")
        if masks is None:
            masks = tree.map_structure(mask_of, inputs)
        is_default = type(layer).compute_mask is keras.layers.Layer.compute_mask
        if is_default and all(m is None for m in tree.flatten(masks)):
            return []
        if is_default:
            return tree.flatten(masks)
        masks = self.run(lambda both: layer.compute_mask(*both), [inputs, masks])
        return tree.flatten(masks)


def handler_of(layer: keras.layers.Layer) -> Any:
    """What the tables say of a layer's class, or of a base whose `call` it has."""
    bases: Any = type(layer).__mro__
    for base in bases:
        if base in HANDLERS:
            return HANDLERS[base] if type(layer).call is base.call else None
    return None


def bound(operation: keras.Operation, call: Call) -> dict[str, Any]:
    """The arguments of a call by their names."""
    signature = inspect.signature(operation.call)
    arguments = signature.bind(*call.args, **call.kwargs).arguments
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(parameter.name, {})
    return dict(arguments)


def add_masks(layer: keras.layers.Layer, arguments: dict[str, Any]) -> None:
    """Put masks that go with tensors into a layer's arguments, as Keras does.

    Of a call with one tensor as `mask`, of one with several as `<argument>_mask`.
    """
    names = inspect.signature(layer.call).parameters
    tensors = {name: v for name, v in arguments.items() if is_tensors(v)}
    tensors.pop("mask", None)
    for name, value in tensors.items():
        place = "mask" if len(tensors) == 1 else f"{name}_mask"
        if place in names and arguments.get(place) is None:
            mask = tree.map_structure(mask_of, value)
            if any(m is not None for m in tree.flatten(mask)):
                arguments[place] = mask


def is_tensors(argument: Any) -> bool:
    """Whether an argument is a tensor of the graph, or a structure of such only."""
    leaves = tree.flatten(argument)
    return bool(leaves) and all(isinstance(leaf, Value) for leaf in leaves)


def mask_of(value: Any) -> Value | None:
    """The mask that goes with a value."""
    return value.mask if isinstance(value, Value) else None


def values_of(names: str | Sequence[str], outputs: Any) -> list[Value]:
    """Values of these names, of the shapes and dtypes of symbolic outputs."""
    names = [names] if isinstance(names, str) else names
    return [
        Value(name, tuple(spec.shape), exported_dtype(spec.dtype))
        for name, spec in zip(names, symbolic_leaves(outputs), strict=True)
    ]
