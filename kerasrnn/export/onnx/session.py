"""ONNX Runtime, where it is installed: the file's numbers beside the model's."""

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import tree

from kerasrnn.export.difference import difference
from kerasrnn.export.onnx.recurrent import Carried

NOT_ON_THE_RIGHT = "Invalid value/s in sequence_lens"


class PaddingError(ValueError):
    """Inputs that have a mask which does not pad on the right."""


def installed() -> bool:
    """Whether ONNX Runtime is installed."""
    try:
        import onnxruntime
    except ImportError:
        return False
    return bool(onnxruntime)


def largest_difference(
    model: keras.Model,
    path: str | os.PathLike,
    inputs: Sequence[np.ndarray],
    carried: Sequence[Carried],
) -> float:
    """The largest difference between the file's outputs and the model's.

    Args:
        model: The model; its carried states are as before afterwards.
        path: The file.
        inputs: The model's inputs.
        carried: The states that are inputs of the file.

    Raises:
        PaddingError: The inputs have a mask that does not pad on the right.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        os.fspath(path), options, providers=["CPUExecutionProvider"]
    )
    arrays = [*inputs, *first_states(carried, inputs)]
    feeds = dict(zip([i.name for i in session.get_inputs()], arrays, strict=True))
    try:
        found = session.run(None, feeds)
    except Exception as error:
        if NOT_ON_THE_RIGHT not in str(error):
            raise
        layer = str(error).partition("Name:'")[2].partition(" (masks")[0]
        raise PaddingError(
            f"`sample` has a mask that does not pad on the right, at layer {layer!r}: "
            "ONNX's recurrent operators know only the number of steps of each row. "
            "Pad on the right, also where the model is used."
        ) from error
    with states_kept(carried):
        flat = keras.Model(list(model.inputs), list(model.outputs))
        expected = tree.flatten(flat(list(inputs), training=False))
        expected += [
            None
            if state.layer is None
            else tree.flatten(state.layer.states)[state.index]
            for state in carried
        ]
        differences = [
            difference(array, other)
            for array, other in zip(found, expected, strict=True)
            if other is not None
        ]
    return max(differences)


def first_states(carried: Sequence[Carried], inputs: Sequence) -> list[np.ndarray]:
    """What the layers carry now, and zeros for the states that none carries."""
    arrays = []
    for state in carried:
        if state.layer is None:
            batch = state.shape[0] or inputs[0].shape[0]
            arrays.append(np.zeros((batch, state.shape[1]), np.float32))
        else:
            value = tree.flatten(state.layer.states)[state.index]
            arrays.append(np.array(keras.ops.convert_to_numpy(value), np.float32))
    return arrays


@contextlib.contextmanager
def states_kept(carried: Sequence[Carried]) -> Iterator[None]:
    """Gives stateful layers back, in the end, what they carry now."""
    layers = [state.layer for state in carried if state.layer is not None]
    variables = [v for layer in layers for v in tree.flatten(layer.states)]
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def write_int8(
    proto: Any, path: str | os.PathLike, batches: list[dict[str, np.ndarray]] | None
) -> None:
    """Write a model in int8.

    Args:
        proto: The `onnx.ModelProto`.
        path: The file to write.
        batches: By which the ranges of activations are found; None: they are found
            anew at each call, and only the weights are int8 in the file.
    """
    import onnx
    from onnxruntime import quantization

    proto = onnx.shape_inference.infer_shapes(proto)
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # It asks for a step that is of no use here.
    try:
        if batches is None:
            quantization.quantize_dynamic(
                proto, os.fspath(path), weight_type=quantization.QuantType.QInt8
            )
        else:
            quantization.quantize_static(
                proto,
                os.fspath(path),
                _Batches(batches),
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                per_channel=True,
            )
            # Of an LSTM there is only the one that finds its ranges at each call.
            quantization.quantize_dynamic(
                os.fspath(path),
                os.fspath(path),
                op_types_to_quantize=["LSTM"],
                weight_type=quantization.QuantType.QInt8,
            )
    finally:
        logging.disable(disabled)


class _Batches:
    """What ONNX Runtime calls a `CalibrationDataReader`."""

    def __init__(self, batches):
        self.rest = iter(batches)

    def get_next(self):
        return next(self.rest, None)
