"""A LiteRT file: its operators, and the one number in it that must be another.

The file is a FlatBuffer of TensorFlow Lite's schema, in which each table's fields have
numbers that never change.
"""

import collections
import contextlib
import io
import re
import struct
from collections.abc import Iterator

# Fields by table, and an operator, as numbered in TensorFlow Lite's schema.fbs.
MODEL_OPERATOR_CODES, MODEL_SUBGRAPHS = 1, 2
SUBGRAPH_OPERATORS = 3
OPERATOR_CODE_INDEX, OPERATOR_OPTIONS = 0, 4
CODE_BUILTIN = 3
OPTIONS_CELL_CLIP = 1
UNIDIRECTIONAL_SEQUENCE_LSTM = 44


def without_clipping(content: bytes) -> bytes:
    """The file with LSTMs whose c may be of any size.

    TensorFlow's converter has every fused LSTM keep its c between -10 and 10, which no
    layer of Keras's does; 0 stands for no limits.
    """
    changed = bytearray(content)
    for position in cell_clips(content):
        struct.pack_into("<f", changed, position, 0.0)
    return bytes(changed)


def cell_clips(content: bytes) -> Iterator[int]:
    """Where in the file it stands how far an LSTM's c may go."""
    from flatbuffers.table import Table

    def field(table, number):
        """Where a field of a table is, or None where it has none."""
        offset = table.Offset(4 + 2 * number)
        return table.Pos + offset if offset else None

    def tables(table, number):
        """The tables in a vector of tables."""
        offset = table.Offset(4 + 2 * number)
        if offset:
            start = table.Vector(offset)
            for place in range(table.VectorLen(offset)):
                yield Table(content, table.Indirect(start + 4 * place))

    def integer(position):
        return 0 if position is None else struct.unpack_from("<i", content, position)[0]

    (root,) = struct.unpack_from("<I", content, 0)
    model = Table(content, root)
    codes = [
        integer(field(code, CODE_BUILTIN))
        for code in tables(model, MODEL_OPERATOR_CODES)
    ]
    for subgraph in tables(model, MODEL_SUBGRAPHS):
        for operator in tables(subgraph, SUBGRAPH_OPERATORS):
            code = codes[integer(field(operator, OPERATOR_CODE_INDEX))]
            if code != UNIDIRECTIONAL_SEQUENCE_LSTM:
                continue
            options = Table(
                content, operator.Indirect(field(operator, OPERATOR_OPTIONS))
            )
            position = field(options, OPTIONS_CELL_CLIP)
            if position is not None:
                yield position


def count_operators(content: bytes) -> dict[str, int]:
    """How often each operator of a file occurs, by its name."""
    import tensorflow as tf

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        tf.lite.experimental.Analyzer.analyze(model_content=content)
    names = re.findall(r"^\s*Op#\d+ (\w+)\(", printed.getvalue(), re.MULTILINE)
    return dict(collections.Counter(names))
