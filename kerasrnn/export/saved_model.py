"""TensorFlow SavedModel, in the layout that TensorFlow Serving reads."""

import collections
import dataclasses
import os
import pathlib
from typing import Any

import keras

from kerasrnn.export.arguments import require_tensorflow
from kerasrnn.export.difference import difference
from kerasrnn.export.model_inputs import ModelInputs, named_outputs
from kerasrnn.export.report import ExportReport, size_of
from kerasrnn.export.written_beside import check_folder, written_beside


def to_saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    version: int | None = None,
    sample: Any = None,
) -> ExportReport:
    """Write a Keras model as a SavedModel with named inputs and outputs.

    It has one signature, `serving_default`, with rows and steps as free as they are in
    the model, and needs nothing but TensorFlow.

    Args:
        model: A functional or `Sequential` model that has been built, or any other
            Keras model, with `sample`.
        path: The folder to write.
        version: Writes to `path/version`, the layout of TensorFlow Serving.
        sample: Inputs by which to compare what was written with the model, as the model
            takes them; by default random ones.

    Returns:
        What was written, and how far its numbers are from the model's.

    Raises:
        ValueError: The model is not built, `path` is a file, an argument is wrong, or
            another backend than TensorFlow is in use.

    Example:

    >>> import keras, tempfile
    >>> import tensorflow as tf
    >>> from kerasrnn.export import to_saved_model
    >>> from kerasrnn.layers import GRU
    >>> frames = keras.Input((None, 3), name="frames")
    >>> model = keras.Model(frames, GRU(4, name="reader")(frames))
    >>> report = to_saved_model(model, tempfile.mkdtemp())
    >>> served = tf.saved_model.load(report.path).signatures["serving_default"]
    >>> served(frames=tf.ones((2, 5, 3)))["reader"].shape
    TensorShape([2, 4])
    """
    folder = folder_to_write(path, version)
    inputs = ModelInputs(model, None, None, sample)

    import tensorflow as tf

    specifications = [
        tf.TensorSpec(shape, dtype, name)
        for shape, dtype, name in zip(
            inputs.shapes, inputs.dtypes, inputs.names, strict=True
        )
    ]

    def serve(*tensors):
        outputs = model(inputs.packed(list(tensors)), training=False)
        return named_outputs(model, outputs)

    served = tf.Module()
    served.model_variables = [v.value for v in model.variables]
    served.serve = tf.function(serve, input_signature=specifications, autograph=False)
    with written_beside(folder) as partial:
        signatures = {"serving_default": served.serve}
        tf.saved_model.save(served, str(partial), signatures=signatures)
    found = report(folder)
    arrays = inputs.random() if inputs.sample is None else inputs.sample
    answers = tf.saved_model.load(str(folder)).signatures["serving_default"](
        **dict(zip(inputs.names, map(tf.constant, arrays), strict=True))
    )
    weights = {id(weight) for weight in model.weights}
    carried = [v for v in model.variables if id(v) not in weights]
    before = [keras.ops.copy(variable.value) for variable in carried]
    expected = serve(*map(tf.constant, arrays))
    for variable, value in zip(carried, before, strict=True):  # of stateful layers
        variable.assign(value)
    largest = max(difference(answers[name], y) for name, y in expected.items())
    return dataclasses.replace(found, largest_difference=largest)


def write(
    model: keras.Model, path: str | os.PathLike, *, version: int | None = None
) -> pathlib.Path:
    """Write `model` as a SavedModel that needs nothing but TensorFlow.

    It is written beside the folder and takes its place when it is whole: an export
    that fails leaves what was there, and nothing else. Of a folder that exists, the
    SavedModel is replaced, and other files stay.

    Args:
        model: A Keras model that offers `serving_signatures()`: a dict from the
            signature's name to a function of tensors and the `tf.TensorSpec`s of its
            inputs. The function may use `model.preprocessor`.
        path: The folder to write.
        version: Writes to `path/version`, so that TensorFlow Serving can be pointed
            at `path` and picks the highest version.

    Returns:
        The folder that was written; `tf.saved_model.load` takes it.

    Raises:
        ValueError: Another backend than TensorFlow is in use, `version` is not a
            positive integer, or the folder to write is a file.
    """
    folder = folder_to_write(path, version)

    import tensorflow as tf

    served = tf.Module()
    # Only what the signatures use is tracked: the model itself would bring along its
    # training functions, and Keras with them.
    served.model_variables = [v.value for v in model.serving_variables()]
    served.preprocessor = model.preprocessor
    signatures = {}
    for name, (function, specifications) in model.serving_signatures().items():
        # Without AutoGraph, for which any `if` on a tensor's shape would be one more
        # branch of the graph: models are made of Keras's operations.
        signatures[name] = tf.function(
            function, input_signature=specifications, autograph=False
        )
    with written_beside(folder) as partial:
        tf.saved_model.save(served, str(partial), signatures=signatures)
    return folder


def folder_to_write(path: str | os.PathLike, version: int | None) -> pathlib.Path:
    """Where a SavedModel may be written, on this backend."""
    require_tensorflow("A SavedModel")
    return check_folder(path, version)


def report(folder: pathlib.Path) -> ExportReport:
    """What a SavedModel holds: its size, and the operations of all its signatures."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    content = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph = content.meta_graphs[0].graph_def
    functions = [function.node_def for function in graph.library.function]
    operators = collections.Counter(
        node.op for nodes in [graph.node, *functions] for node in nodes
    )
    return ExportReport(folder, "saved_model", size_of(folder), dict(operators))
