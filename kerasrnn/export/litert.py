"""LiteRT, once TensorFlow Lite: phones, and interpreters of microcontrollers."""

import os
import re
import warnings
from typing import Any

import keras

from kerasrnn.export.arguments import (
    check_count,
    check_quantization,
    require_tensorflow,
)
from kerasrnn.export.difference import difference
from kerasrnn.export.litert_file import corrected, count_operators
from kerasrnn.export.model_inputs import ModelInputs, named_outputs
from kerasrnn.export.own_layers import with_own_layers
from kerasrnn.export.report import ExportReport, size_of
from kerasrnn.export.written_beside import check_file, written_beside
from kerasrnn.kernels import use_kernel


def to_litert(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    batch_size: int = 1,
    steps: int | None = None,
    sample: Any = None,
    quantize: str | None = None,
    calibration: Any = None,
) -> ExportReport:
    """Write `model` for LiteRT, of its built-in operators alone.

    The file has the model's inputs and outputs in their order, and a signature with
    their names. Every `LSTM` with the default activations becomes one fused operator,
    UNIDIRECTIONAL_SEQUENCE_LSTM, and every `Bidirectional` two; masks of any kind,
    states as inputs and states as outputs are kept. There is no fused operator for
    `GRU`, `SimpleRNN` and other activations: up to 32 steps are laid out one by one,
    more become a WHILE. For these, and for input that comes step by step,
    `kerasrnn.export.streaming` makes a model of one step.

    Args:
        model: A functional or `Sequential` model of layers of kerasrnn's or Keras's,
            or any other Keras model, with `sample`.
        path: The file to write, which ends with ".tflite".
        batch_size: Rows of every input, which are fixed in the file.
        steps: Steps of every input, to be fixed too; None: as the model's inputs have
            it, and where they leave it open, as many as the caller gives.
        sample: Inputs to compare the file's outputs on with the model's, arrays
            (rows, …) in the structure of the model's inputs; None: random ones.
        quantize: "dynamic" for weights of 8 bits; "full" for activations of 8 bits
            too; None for neither. Interpreters of microcontrollers know no "dynamic".
        calibration: Inputs as in `sample` from which "full" learns the activations'
            ranges.

    Returns:
        What was written. `largest_difference` is computed where `ai-edge-litert` is
        installed.

    Raises:
        ValueError: An argument is not as above, the model is not built, or has an
            operation that LiteRT has not.

    Example:

    >>> import keras, pathlib, tempfile
    >>> from kerasrnn.export import to_litert
    >>> from kerasrnn.layers import LSTM
    >>> model = keras.Sequential([keras.Input((20, 3)), LSTM(4, name="reader")])
    >>> path = pathlib.Path(tempfile.mkdtemp(), "reader.tflite")
    >>> report = to_litert(model, path)
    >>> report.layers
    {'reader': 'UNIDIRECTIONAL_SEQUENCE_LSTM'}
    """
    require_tensorflow("LiteRT")
    path = check_file(path, ".tflite")
    check_count("batch_size", batch_size)
    if steps is not None:
        check_count("steps", steps)
    check_quantization(quantize, calibration)
    inputs = ModelInputs(model, batch_size, steps, sample)
    if calibration is not None:
        calibration = inputs.arrays("calibration", calibration)
    made, concrete, module, names = trace(with_own_layers(model), inputs)
    check_graph(concrete.graph)
    if quantize == "full":
        check_full(concrete, made)
    content = convert(concrete, module, quantize, inputs, calibration)
    content = corrected(content, inputs.names, names)
    largest = largest_difference(model, content, inputs)
    with written_beside(path) as partial:
        partial.write_bytes(content)
    return ExportReport(
        path,
        "litert",
        size_of(path),
        count_operators(content),
        made.layers,
        largest,
        notes(made, quantize, largest),
    )


def trace(model, inputs):
    """What became of the layers, the traced function, its variables, its outputs."""
    import tensorflow as tf

    from kerasrnn.kernels.litert import conversion

    specifications = [
        tf.TensorSpec(shape, dtype, name)
        for shape, dtype, name in zip(
            inputs.shapes, inputs.dtypes, inputs.names, strict=True
        )
    ]

    names = []

    def serve(*tensors):
        outputs = model(inputs.packed(list(tensors)), training=False)
        outputs = named_outputs(model, outputs)
        names.extend(outputs)
        return outputs

    # Without AutoGraph: models are made of Keras's operations.
    function = tf.function(serve, input_signature=specifications, autograph=False)
    with use_kernel("litert"), conversion() as made:
        concrete = function.get_concrete_function()
    # It holds the variables only: of the function, TensorFlow would trace one more.
    module = tf.Module()
    module.model_variables = [v.value for v in model.variables]
    return made, concrete, module, names


def check_graph(graph):
    """Raise a ValueError for what LiteRT's operators have not, or not well.

    They compute in 32 bits, and nothing resets variables of an interpreter.
    """
    for operation in graph.get_operations():
        if operation.type.startswith("Assign"):
            raise ValueError(
                "`model` must not carry states over from one call to the next; got "
                f"{operation.name!r}, which writes to a variable. Make its layer with "
                "stateful=False, or a model of one step by kerasrnn.export.streaming, "
                "whose states are inputs and outputs."
            )
        for tensor in operation.outputs:
            if tensor.dtype.is_floating and tensor.dtype.size != 4:
                raise ValueError(
                    "`model` must compute in float32, as LiteRT's operators do; "
                    f"{operation.name!r} gives {tensor.dtype.name}. Make the model "
                    'with dtype="float32" and give it these weights.'
                )


def check_full(concrete, made):
    """Raise a ValueError for what the converter cannot quantize in full.

    It would end the process at a WHILE, and take wrong ranges for an LSTM's states.
    """
    from kerasrnn.kernels.litert import FINAL_C

    functions = {
        f.signature.name: f for f in concrete.graph.as_graph_def().library.function
    }
    loops, choices = {"While", "StatelessWhile"}, {"If", "StatelessIf"}
    for operation in concrete.graph.get_operations():
        kinds = {operation.type}
        if operation.type in choices:  # One branch of it is all that will be left.
            for branch in ("then_branch", "else_branch"):
                body = functions[operation.get_attr(branch).name]
                kinds |= {node.op for node in body.node_def}
        if kinds & loops:
            raise ValueError(
                '`quantize` must not be "full" where a layer becomes a WHILE; got it '
                f"for {operation.name!r}. Fix few `steps`, or unroll the layer."
            )
    if made.started:
        raise ValueError(
            '`quantize` must not be "full" where an LSTM begins with given states; got '
            f"it for {sorted(made.started)}. Export a model of one step."
        )
    needed, waiting = set(), [tensor.op for tensor in concrete.outputs]
    while waiting:
        operation = waiting.pop()
        if operation.name in needed:
            continue
        needed.add(operation.name)
        waiting += [tensor.op for tensor in operation.inputs]
        if f"/{FINAL_C}/" in operation.name:
            raise ValueError(
                '`quantize` must not be "full" where an LSTM returns its state c; got '
                f"it for {operation.name!r}. Export a model of one step."
            )


def convert(concrete, module, quantize, inputs, calibration):
    """The bytes of the file.

    Raises:
        ValueError: The model has an operation that LiteRT has not.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "full":

        def examples():
            for batch in inputs.batches(calibration):
                yield dict(zip(inputs.names, batch, strict=True))

        converter.representative_dataset = examples
    with warnings.catch_warnings():
        # The converter's own use of the interpreter that TensorFlow deprecates.
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated")
        try:
            return converter.convert()
        except Exception as error:
            unknown = set(re.findall(r"\btf\.(\w+)", str(error)))
            places = [
                operation.name
                for operation in concrete.graph.get_operations()
                if operation.type in unknown
            ]
            if not places:
                raise
            raise ValueError(
                "`model` must be made of operations that LiteRT has; it has none for "
                f"{', '.join(places)}. Replace the layer of this name."
            ) from error


def largest_difference(model, content, inputs):
    """Of any output of the file from the model's, or None without the runtime."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        return None
    run = Interpreter(model_content=content).get_signature_runner()
    arrays = inputs.random() if inputs.sample is None else inputs.sample
    largest = 0.0
    for batch in inputs.batches(arrays):
        expected = model(inputs.packed(batch), training=False)
        found = run(**dict(zip(inputs.names, batch, strict=True)))
        for name, tensor in named_outputs(model, expected).items():
            largest = max(largest, difference(found[name], tensor))
    return largest


def notes(made, quantize, largest):
    """What to know of what the layers became, a sentence each."""
    from kerasrnn.kernels.litert import FUSED

    sentences = []
    slow = [name for name, became in made.layers.items() if "since" in became]
    if slow:
        sentences.append(
            f"LiteRT has no fused operator for {', '.join(slow)}; for input that comes "
            "step by step, kerasrnn.export.streaming makes a model of one step."
        )
    if quantize == "full" and FUSED in made.layers.values():
        sentences.append(f"{FUSED} has states of 8 and 16 bits.")
    if largest is None:
        sentences.append(
            "Not compared with the model: that needs ai-edge-litert, which "
            "pip install 'kerasrnn[litert]' brings."
        )
    return tuple(sentences)
