"""A LiteRT file: its operators, and what in it must be otherwise than converted.

The file is a FlatBuffer of TensorFlow Lite's schema, in which each table's fields have
numbers that never change. What changes here changes in place.
"""

import collections
import contextlib
import io
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any

# Fields by table, and an operator, as numbered in TensorFlow Lite's schema.fbs.
MODEL_OPERATOR_CODES, MODEL_SUBGRAPHS, MODEL_SIGNATURES = 1, 2, 7
SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS, SUBGRAPH_OPERATORS = 1, 2, 3
OPERATOR_CODE_INDEX, OPERATOR_OPTIONS = 0, 4
CODE_BUILTIN = 3
OPTIONS_CELL_CLIP = 1
SIGNATURE_INPUTS, SIGNATURE_OUTPUTS = 0, 1
NAMED_TENSOR_NAME, NAMED_TENSOR_INDEX = 0, 1
UNIDIRECTIONAL_SEQUENCE_LSTM = 44


def corrected(content: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The file with its inputs and outputs in order, and LSTMs without limits.

    The converter gives inputs and outputs an order of its own, which is all that an
    interpreter without signatures knows them by. And it has every fused LSTM keep its
    c between -10 and 10, which no layer of Keras's does; 0 stands for no limits.

    Args:
        content: A file of one subgraph with one signature.
        inputs: Names of the inputs, in the order wanted.
        outputs: Names of the outputs.
    """
    file = bytearray(content)
    model = Table(file, struct.unpack_from("<I", file, 0)[0])
    (signature,) = model.tables(MODEL_SIGNATURES)
    main = next(model.tables(MODEL_SUBGRAPHS))
    for names, of_signature, of_subgraph in (
        (inputs, SIGNATURE_INPUTS, SUBGRAPH_INPUTS),
        (outputs, SIGNATURE_OUTPUTS, SUBGRAPH_OUTPUTS),
    ):
        index = {
            named.string(NAMED_TENSOR_NAME): named.integer(NAMED_TENSOR_INDEX)
            for named in signature.tables(of_signature)
        }
        if main.length(of_subgraph) == len(names):
            order = [index[name] for name in names]
            place = main.start(of_subgraph)
            struct.pack_into(f"<{len(order)}i", file, place, *order)
    for options in lstm_options(model):
        clip = options.position(OPTIONS_CELL_CLIP)
        if clip is not None:
            struct.pack_into("<f", file, clip, 0.0)
    return bytes(file)


def lstm_options(model: "Table") -> Iterator["Table"]:
    """The options of each fused LSTM."""
    codes = [c.integer(CODE_BUILTIN) for c in model.tables(MODEL_OPERATOR_CODES)]
    for subgraph in model.tables(MODEL_SUBGRAPHS):
        for operator in subgraph.tables(SUBGRAPH_OPERATORS):
            code = codes[operator.integer(OPERATOR_CODE_INDEX)]
            if code == UNIDIRECTIONAL_SEQUENCE_LSTM:
                yield operator.table(OPERATOR_OPTIONS)


class Table:
    """One table of a FlatBuffer, read by the numbers of its fields."""

    def __init__(self, file: Any, place: int):
        from flatbuffers.table import Table as Reader

        self.file = file
        self.reader = Reader(file, place)

    def position(self, field: int) -> int | None:
        """Where a field is in the file, or None where the table has none."""
        offset = self.reader.Offset(4 + 2 * field)
        return self.reader.Pos + offset if offset else None

    def integer(self, field: int) -> int:
        """A field of four bytes; zero where there is none."""
        place = self.position(field)
        return 0 if place is None else struct.unpack_from("<i", self.file, place)[0]

    def string(self, field: int) -> str:
        return self.reader.String(self.position(field)).decode()

    def table(self, field: int) -> "Table":
        return Table(self.file, self.reader.Indirect(self.position(field)))

    def length(self, field: int) -> int:
        """How many elements a vector has."""
        offset = self.reader.Offset(4 + 2 * field)
        return self.reader.VectorLen(offset) if offset else 0

    def start(self, field: int) -> int:
        """Where the elements of a vector begin in the file."""
        return self.reader.Vector(self.reader.Offset(4 + 2 * field))

    def tables(self, field: int) -> Iterator["Table"]:
        """The tables of a vector of tables."""
        for place in range(self.length(field)):
            element = self.start(field) + 4 * place
            yield Table(self.file, self.reader.Indirect(element))


def count_operators(content: bytes) -> dict[str, int]:
    """How often each operator of a file occurs, by its name."""
    import tensorflow as tf

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        tf.lite.experimental.Analyzer.analyze(model_content=content)
    names = re.findall(r"^\s*Op#\d+ (\w+)\(", printed.getvalue(), re.MULTILINE)
    return dict(collections.Counter(names))
