"""A graph of ONNX operators, node by node."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasrnn.export.model_inputs import numbered

# LayerNormalization is in it, and ONNX Runtime Web reads it since 1.14.
OPSET = 17
IR_VERSION = 8


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor of the graph.

    Args:
        name: Its name in the graph.
        shape: Its shape, None where a size is known when the graph runs.
        dtype: Its dtype, by Keras's name; "float32" for every float.
        mask: The mask that goes with it, or None.
    """

    name: str
    shape: tuple
    dtype: str
    mask: Any = None


class GraphWriter:
    """Collects nodes, constants, inputs and outputs, each under a name of its own.

    A node that is there already, with the same inputs, is not written a second time.
    """

    def __init__(self) -> None:
        self.nodes: list = []
        self.inputs: list = []
        self.outputs: list = []
        self.initializers: dict[str, np.ndarray] = {}
        self._names: set[str] = set()
        self._node_names: set[str] = set()
        self._known: dict = {}
        self._steps_first: dict[str, str] = {}

    def unique(self, wish: str) -> str:
        """`wish`, with a number where a tensor has that name already."""
        return numbered(wish, self._names)

    def node(
        self,
        op_type: str,
        inputs: Sequence[str],
        *,
        outputs: int = 1,
        name: str | None = None,
        **attributes: Any,
    ) -> list[str]:
        """Add a node, and give the names of its outputs.

        Args:
            op_type: The ONNX operator.
            inputs: Names of what it takes; "" for what it is to do without.
            outputs: How many outputs it has.
            name: What ONNX Runtime calls it in errors.
            **attributes: The operator's attributes; None and empty ones are left out.
        """
        from onnx import helper

        attributes = {k: v for k, v in attributes.items() if v is not None and v != []}
        key = (op_type, tuple(inputs), repr(sorted(attributes.items())))
        if key not in self._known:
            node_name = numbered(name or op_type, self._node_names)
            names = [self.unique(f"{op_type}_out") for _ in range(outputs)]
            self.nodes.append(
                helper.make_node(
                    op_type, list(inputs), names, name=node_name, **attributes
                )
            )
            self._known[key] = names
        return self._known[key]

    def op(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output, and give the output's name."""
        return self.node(op_type, inputs, **attributes)[0]

    def constant(self, array: Any, name: str = "constant") -> str:
        """The name of a constant; equal ones are written once."""
        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self.unique(name)
            self.initializers[self._known[key]] = array
        return self._known[key]

    def floats(self, values: Any, name: str = "constant") -> str:
        """The name of a constant of floats."""
        return self.constant(np.asarray(values, np.float32), name)

    def integers(self, values: Any, name: str = "constant") -> str:
        """The name of a constant of integers, such as shapes and axes."""
        return self.constant(np.asarray(values, np.int64), name)

    def weight(self, variable: Any, name: str) -> str:
        """The name of a constant with the values of a weight."""
        return self.floats(as_array(variable), name)

    def cast(self, name: str, dtype: str) -> str:
        """`name` in another dtype, given by Keras's name."""
        return self.op("Cast", name, to=onnx_dtype(dtype))

    def as_float(self, value: Value) -> str:
        """The name of a value as floats."""
        if value.dtype == "float32":
            return value.name
        return self.cast(value.name, "float32")

    def steps_first(self, sequences: str) -> str:
        """`sequences` (B, T, ·) as (T, B, ·), which recurrent operators want."""
        if sequences not in self._steps_first:
            self._steps_first[sequences] = self.op(
                "Transpose", sequences, perm=[1, 0, 2]
            )
        return self._steps_first[sequences]

    def batch_first(self, steps: str) -> str:
        """`steps` (T, B, ·) as (B, T, ·)."""
        sequences = self.op("Transpose", steps, perm=[1, 0, 2])
        self._steps_first[sequences] = steps
        return sequences

    def input(self, wish: str, shape: Sequence, dtype: str) -> str:
        """Add an input; sizes in `shape` are numbers or names."""
        name = self.unique(wish)
        self.inputs.append((name, dtype, list(shape)))
        return name

    def output(self, wish: str, name: str, shape: Sequence, dtype: str) -> str:
        """Make the tensor `name` an output."""
        from onnx import helper

        output = self.unique(wish)
        node_name = numbered(output, self._node_names)
        node = helper.make_node("Identity", [name], [output], name=node_name)
        self.nodes.append(node)
        self.outputs.append((output, dtype, list(shape)))
        return output

    def body(self) -> "GraphWriter":
        """An empty graph for a loop in this one, in which no name is taken twice."""
        inner = GraphWriter()
        inner._names, inner._node_names = self._names, self._node_names
        return inner

    def graph(self, graph_name: str) -> Any:
        """All that the outputs need, as an `onnx.GraphProto`."""
        from onnx import helper, numpy_helper

        needed = {name for name, _, _ in self.outputs}
        nodes = []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                nodes.append(node)
                needed.update(node.input)
        nodes = without_identities(nodes[::-1], {name for name, _, _ in self.inputs})

        def described(values):
            return [
                helper.make_tensor_value_info(name, onnx_dtype(dtype), shape)
                for name, dtype, shape in values
            ]

        return helper.make_graph(
            nodes,
            graph_name,
            described(self.inputs),
            described(self.outputs),
            [
                numpy_helper.from_array(np.array(array, order="C"), name)
                for name, array in self.initializers.items()
                if name in needed
            ],
        )

    def model(self, graph_name: str) -> Any:
        """All that the outputs need, as an `onnx.ModelProto`."""
        from onnx import helper

        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(
            self.graph(graph_name),
            opset_imports=[opset],
            ir_version=IR_VERSION,
            producer_name="kerasrnn",
        )


def without_identities(nodes: list, inputs: set[str]) -> list:
    """`nodes`, with outputs named where they are made rather than by an Identity."""
    makers = {name: node for node in nodes for name in node.output}
    renamed: dict[str, str] = {}
    for node in nodes:
        if node.op_type == "Identity" and node.input[0] in makers:
            # Of a tensor that is two outputs, the second keeps its node.
            renamed.setdefault(node.input[0], node.output[0])
    kept = []
    for node in nodes:
        if node.op_type == "Identity" and renamed.get(node.input[0]) == node.output[0]:
            continue
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
        kept.append(node)
    return kept


def onnx_dtype(dtype: str) -> int:
    """ONNX's number of a dtype, given by Keras's name."""
    from onnx import TensorProto

    return {
        "float32": TensorProto.FLOAT,
        "bool": TensorProto.BOOL,
        "int8": TensorProto.INT8,
        "uint8": TensorProto.UINT8,
        "int16": TensorProto.INT16,
        "uint16": TensorProto.UINT16,
        "int32": TensorProto.INT32,
        "uint32": TensorProto.UINT32,
        "int64": TensorProto.INT64,
    }[exported_dtype(dtype)]


def exported_dtype(dtype: str) -> str:
    """The dtype that stands in the graph for one of Keras: one float for all."""
    return "float32" if "float" in dtype else dtype


def as_array(tensor: Any) -> np.ndarray:
    """A weight or a constant as an array, with float32 for every float."""
    array = np.asarray(keras.ops.convert_to_numpy(tensor))
    is_float = "float" in str(array.dtype)
    return array.astype(np.float32) if is_float else array
