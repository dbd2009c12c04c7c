"""TensorFlow SavedModel, in the layout that TensorFlow Serving reads."""

import collections
import numbers
import os
import pathlib

import keras

from kerasrnn.export.report import ExportReport, size_of
from kerasrnn.export.written_beside import check_folder, written_beside


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
    if keras.config.backend() != "tensorflow":
        raise ValueError(
            "A SavedModel can only be written on the TensorFlow backend; this process "
            f"runs on {keras.config.backend()!r}. Set KERAS_BACKEND=tensorflow."
        )
    is_integer = isinstance(version, numbers.Integral) and not isinstance(version, bool)
    if version is not None and not (is_integer and version >= 1):
        raise ValueError(f"`version` must be a positive integer; got {version!r}.")
    folder = check_folder(path)
    if version is not None:
        folder = check_folder(folder / str(version))

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
