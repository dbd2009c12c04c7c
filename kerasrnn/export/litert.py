"""LiteRT, once TensorFlow Lite: phones, and interpreters of microcontrollers."""

import collections
import contextlib
import io
import os
import re
from typing import Any

import keras
import numpy as np
from keras import tree

from kerasrnn.export.arguments import check_count, require_tensorflow
from kerasrnn.export.model_inputs import ModelInputs, name_of
from kerasrnn.export.own_layers import with_own_layers
from kerasrnn.export.report import ExportReport, size_of
from kerasrnn.export.written_beside import check_file, written_beside
from kerasrnn.kernels import use_kernel

QUANTIZATIONS = (None, "dynamic", "full")


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

    Every `LSTM` with the default activations becomes one fused operator,
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
            too; None for neither.
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
    if quantize not in QUANTIZATIONS:
        raise ValueError(f"`quantize` must be one of {QUANTIZATIONS}; got {quantize!r}.")
    if (quantize == "full") != (calibration is not None):
        raise ValueError(
            '`calibration` must be inputs of the model where `quantize` is "full", and '
            f"None elsewhere; got quantize={quantize!r} and "
            f"{'none' if calibration is None else 'some'}."
        )
    inputs = ModelInputs(model, batch_size, steps, sample)
    made, concrete, module = trace(model, inputs)
    content = convert(concrete, module, quantize, inputs, calibration)
    operators = count_operators(content)
    difference = None
    with written_beside(path) as partial:
        partial.write_bytes(content)
        difference = largest_difference(model, partial, inputs)
    return ExportReport(
        path, "litert", size_of(path), operators, made.layers, difference, notes(made)
    )


def trace(model, inputs):
    """What became of the layers, the traced function, and what holds its variables."""
    import tensorflow as tf

    from kerasrnn.kernels.litert import conversion

    own = with_own_layers(model)
    specifications = [
        tf.TensorSpec(shape, dtype, name)
        for shape, dtype, name in zip(
            inputs.shapes, inputs.dtypes, inputs.names, strict=True
        )
    ]

    def serve(*tensors):
        outputs = own(inputs.packed(list(tensors)), training=False)
        return dict(named_outputs(outputs))

    module = tf.Module()
    module.model_variables = [v.value for v in own.variables]
    module.serve = tf.function(
        serve, input_signature=specifications, autograph=False
    )
    with use_kernel("litert"), conversion() as made:
        concrete = module.serve.get_concrete_function()
    return made, concrete, module


def named_outputs(outputs):
    """(name, tensor) of each output, by its place in the structure."""
    for path, tensor in tree.flatten_with_path(outputs):
        yield name_of("_".join(map(str, path))) or "output", tensor


def convert(concrete, module, quantize, inputs, calibration):
    """The bytes of the file."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "full":
        arrays = inputs.arrays("calibration", calibration)

        def examples():
            for batch in inputs.batches(arrays):
                yield dict(zip(inputs.names, batch, strict=True))

        converter.representative_dataset = examples
    return converter.convert()


def count_operators(content):
    """How often each operator of a file occurs, by its name."""
    import tensorflow as tf

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        tf.lite.experimental.Analyzer.analyze(model_content=content)
    names = re.findall(r"^\s*Op#\d+ (\w+)\(", printed.getvalue(), re.MULTILINE)
    return dict(collections.Counter(names))


def largest_difference(model, file, inputs):
    """Of any output of the file from the model's, or None without the runtime."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        return None
    interpreter = Interpreter(model_path=str(file))
    run = interpreter.get_signature_runner()
    arrays = inputs.random() if inputs.sample is None else inputs.sample
    largest = 0.0
    for batch in inputs.batches(arrays):
        expected = model(inputs.packed(batch), training=False)
        found = run(**dict(zip(inputs.names, batch, strict=True)))
        for name, tensor in named_outputs(expected):
            difference = np.abs(found[name] - keras.ops.convert_to_numpy(tensor))
            largest = max(largest, float(difference.max(initial=0.0)))
    return largest


def notes(made):
    return ()
