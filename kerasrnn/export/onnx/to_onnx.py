import collections
import os
import re
from typing import Any

import keras

from kerasrnn.export.arguments import check_quantization
from kerasrnn.export.layer_graph import calls_between
from kerasrnn.export.model_inputs import name_of, output_names
from kerasrnn.export.onnx.conversion import Conversion
from kerasrnn.export.onnx.session import (
    PaddingError,
    first_states,
    installed,
    largest_difference,
    write_int8,
)
from kerasrnn.export.onnx.writer import GraphWriter, Value, exported_dtype
from kerasrnn.export.own_layers import is_graph
from kerasrnn.export.report import ExportReport, size_of
from kerasrnn.export.sample_inputs import (
    drawn_inputs,
    given_batches,
    given_inputs,
)
from kerasrnn.export.written_beside import check_file, written_beside


def to_onnx(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    states: bool = False,
    sample: Any = None,
    quantize: str | None = None,
    calibration: Any = None,
) -> ExportReport:
    """Write a Keras model as an ONNX file, with one operator a recurrent layer.

    `SimpleRNN`, `LSTM` and `GRU`, of kerasrnn and of Keras, become RNN, LSTM and GRU
    operators: no loop is left in the graph, and both directions of a `Bidirectional`
    are one operator. A `CRF` becomes Scan operators, its marginals one and the best
    tags two. Batch and steps stay free, where the model leaves them free.

    Args:
        model: A functional or `Sequential` model, or another one whose `call` is
            written with layers and `keras.ops`. It has been built.
        path: The file to write; it ends with ".onnx".
        states: Whether the states of the recurrent layers are inputs and outputs: of
            a layer "lstm" the inputs `lstm_h` and `lstm_c`, and the outputs
            `lstm_h_next` and `lstm_c_next`. Those of a `stateful` layer always are.
        sample: Inputs by which to compare the file with the model, as the model takes
            them; by default random ones.
        quantize: "dynamic" for int8 weights, "full" for int8 weights and activations;
            None for float32. ONNX Runtime has int8 of LSTM alone, with activations
            that are measured anew at each call; GRU and RNN stay in float32.
        calibration: Inputs as the model takes them, or a list of such batches, by
            which the ranges of activations are found; for "full".

    Returns:
        What was written, and how far its numbers are from the model's.

    Batch:
        Of one row at least: ONNX Runtime ends the process where its LSTM or GRU gets
        a batch without rows.

    Masking:
        A mask, from `mask_zero`, `Masking` or an argument, becomes the operator's
        `sequence_lens`, so that it must pad on the right. ONNX Runtime refuses others
        when it runs, with an error that names the layer.

    Raises:
        ValueError: A layer cannot go to ONNX, the model is not built, `sample` has a
            mask that does not pad on the right, or an argument is wrong.

    Example:

    >>> import pathlib, tempfile
    >>> import keras, numpy as np, onnxruntime
    >>> from kerasrnn.export import to_onnx
    >>> from kerasrnn.layers import LSTM, Bidirectional
    >>> model = keras.Sequential([
    ...     keras.Input((None,), dtype="int32", name="ids"),
    ...     keras.layers.Embedding(100, 8, mask_zero=True),
    ...     Bidirectional(LSTM(4)),
    ...     keras.layers.Dense(2),
    ... ])
    >>> path = pathlib.Path(tempfile.mkdtemp(), "classifier.onnx")
    >>> report = to_onnx(model, path)
    >>> report.operators["LSTM"], report.largest_difference < 1e-5
    (1, True)
    >>> session = onnxruntime.InferenceSession(path)
    >>> session.run(None, {"ids": np.array([[5, 7, 0, 0]], "int32")})[0].shape
    (1, 2)

    Reference: https://onnx.ai/onnx/operators, LSTM-14, GRU-14 and RNN-14.
    """
    check_model(model)
    check_quantization(quantize, calibration)
    path = check_file(path, ".onnx")
    onnx = imported_onnx()
    if quantize is not None and not installed():
        raise ImportError(
            "int8 is made by the package `onnxruntime`: pip install 'kerasrnn[onnx]'"
        )

    specs = [
        keras.KerasTensor(x.shape, exported_dtype(x.dtype), name=x.name)
        for x in model.inputs
    ]
    batches = None
    if sample is not None:
        sample = given_inputs("sample", sample, specs)
    if calibration is not None:
        batches = given_batches("calibration", calibration, specs)
    writer = GraphWriter()
    conversion = Conversion(writer, states=states)
    names = write_model(writer, conversion, model)
    proto = writer.model(re.sub(r"\W+", "_", model.name))
    onnx.checker.check_model(proto, full_check=True)

    notes = notes_on(conversion)
    difference = None
    with written_beside(path) as partial:
        if quantize is None:
            onnx.save(proto, partial)
        else:
            write_int8(proto, partial, fed(conversion, writer, batches))
            proto = onnx.load(partial)
            notes += notes_on_int8(proto, quantize)
        if installed():
            drawn = drawn_inputs(specs, names, conversion.id_counts)
            inputs = drawn if sample is None else sample
            try:
                difference = largest_difference(
                    model, partial, inputs, conversion.carried
                )
            except PaddingError:
                if sample is not None:
                    raise
                notes.append(
                    "Not compared with the model: give a `sample`, since what is drawn "
                    "has a mask that does not pad on the right."
                )
    operators = collections.Counter(node.op_type for node in proto.graph.node)
    return ExportReport(
        path=path,
        format="onnx",
        size=size_of(path),
        operators=dict(operators),
        layers=conversion.became,
        largest_difference=difference,
        notes=tuple(notes),
    )


def write_model(
    writer: GraphWriter, conversion: Conversion, model: keras.Model
) -> list[str]:
    """Write the whole model, and give the names of its inputs."""
    names, values = [], []
    for spec in model.inputs:
        wish = name_of(spec.name)
        dtype = exported_dtype(spec.dtype)
        names.append(writer.input(wish, shape_of(spec, wish), dtype))
        values.append(Value(names[-1], tuple(spec.shape), dtype))
    graph = calls_between(model.inputs, model.outputs)
    outputs = conversion.graph(graph, values)
    for value, name in zip(outputs, output_names(model), strict=True):
        writer.output(name, value.name, shape_of(value, name), value.dtype)
    for state in conversion.carried:
        shape = [state.shape[0] or "batch", state.shape[1]]
        writer.output(f"{state.name}_next", state.final, shape, "float32")
    return names


def fed(
    conversion: Conversion, writer: GraphWriter, batches: list | None
) -> list[dict] | None:
    """Batches as ONNX Runtime takes them, with the states that go in."""
    if batches is None:
        return None
    names = [name for name, _, _ in writer.inputs]
    return [
        dict(zip(names, [*b, *first_states(conversion.carried, b)], strict=True))
        for b in batches
    ]


def notes_on(conversion: Conversion) -> list[str]:
    """What to know of a file, a sentence each."""
    others = sorted(d for d in conversion.dtypes if "float" in d and d != "float32")
    notes = [f"The model computes in {d}, the file in float32." for d in others]
    if conversion.carried:
        states = ", ".join(state.name for state in conversion.carried)
        notes.append(
            f"States go in as {states}, and come out under these names and _next."
        )
    return notes


def notes_on_int8(proto: Any, quantize: str) -> list[str]:
    """Which recurrent operators stay in float32."""
    kinds = {node.op_type for node in proto.graph.node}
    left = [kind for kind in ("LSTM", "GRU", "RNN") if kind in kinds]
    return [
        f'{kind} operators stay in float32: ONNX Runtime makes none for quantize="'
        f'{quantize}".'
        for kind in left
    ]


def check_model(model: Any) -> None:
    """Raises where `model` is not a Keras model that has been built."""
    if not isinstance(model, keras.Model):
        raise ValueError(f"`model` must be a Keras model; got {model!r}.")
    if not is_graph(model) or not getattr(model, "inputs", None):
        raise ValueError(
            "`model` must be a functional or Sequential model that has been built; "
            f"{model.name!r} ({type(model).__name__}) is not. Call it, or wrap it: "
            "`x = keras.Input(...); keras.Model(x, model(x))`."
        )


def imported_onnx() -> Any:
    """The package `onnx`, or an error that says how to install it."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "ONNX files are written by the package `onnx`: pip install 'kerasrnn[onnx]'"
        ) from error
    return onnx


def shape_of(tensor: Any, name: str) -> list:
    """A shape as ONNX writes it, with names for sizes that are not fixed."""
    free = [f"{name}_{axis}" for axis in range(len(tensor.shape))]
    free[:2] = ["batch", f"{name}_steps"][: len(free)]
    return [
        of if size is None else size
        for size, of in zip(tensor.shape, free, strict=True)
    ]
