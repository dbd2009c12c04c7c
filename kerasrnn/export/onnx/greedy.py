"""Greedy search as one ONNX graph: the encoder once, then the step in a loop."""

import collections
import os
import pathlib

import numpy as np

from kerasrnn.export.onnx.to_onnx import imported_onnx
from kerasrnn.export.report import ExportReport, size_of
from kerasrnn.export.written_beside import check_file, written_beside

# Stands before the names of what comes of the one and the other file.
ENCODER, STEP = "encoder/", "step/"


def write_greedy_loop(
    folder: str | os.PathLike, *, start_id: int, end_id: int
) -> ExportReport:
    """Write `greedy.onnx`, of the `encoder.onnx` and the `step.onnx` in a folder.

    Its inputs are `source`, what the encoder reads, and `max_length`, the most tokens
    of a text, int64. Its outputs are `token_ids` (B, T) int32, of each row up to the
    end token and zeros after it, where T is the longest row's length; `scores` (B,),
    the logarithm of each text's probability; and `alignments` (B, T, S), where each
    token looked, of a step that has them.

    Args:
        folder: Where both are, and where it is written.
        start_id: The token before the first.
        end_id: The token after which a row has ended.

    Raises:
        ValueError: They are not there.
    """
    onnx = imported_onnx()
    encoder_path, step_path = encoder_and_step(folder)
    path = check_file(encoder_path.with_name("greedy.onnx"), ".onnx")
    encoder, step = prefixed(encoder_path, ENCODER), prefixed(step_path, STEP)
    states = [x.name for x in step.graph.input if x.name.startswith(f"{STEP}state_")]
    own = [*states, f"{STEP}token_ids"]
    held = [x.name for x in step.graph.input if x.name not in own]
    attends = any(x.name == f"{STEP}alignments" for x in step.graph.output)
    told = {name: name.replace(STEP, ENCODER, 1) for name in held}
    for node in step.graph.node:  # What the loop reads and does not change.
        node.input[:] = [told.get(name, name) for name in node.input]
    body = loop_body(onnx, step, states, end_id, attends)

    make = onnx.helper.make_node
    before = [name.replace(STEP, ENCODER, 1) for name in states]
    scanned = ["token_ids_by_step", *(["alignments_by_step"] if attends else [])]
    after = [f"last_{number}" for number in range(2 + len(states))]
    nodes = [
        make("Identity", ["source"], [f"{ENCODER}source"]),
        *encoder.graph.node,
        make("Shape", ["source"], ["rows"], start=0, end=1),
        make("Expand", ["start_id", "rows"], ["start_ids"]),
        make("Expand", ["false", "rows"], ["none_ended"]),
        make("Expand", ["zero", "rows"], ["no_scores"]),
        make(
            "Loop",
            ["max_length", "true", "start_ids", "none_ended", "no_scores", *before],
            [after[0], after[1], "scores", *after[2:], *scanned],
            body=body,
        ),
        make("Transpose", [scanned[0]], ["token_ids"], perm=[1, 0]),
    ]
    constants = {
        "start_id": np.array(start_id, "int32"),
        "false": np.array(False),
        "true": np.array(True),
        "zero": np.array(0, "float32"),
    }
    value_info = onnx.helper.make_tensor_value_info
    types = onnx.TensorProto
    outputs = [
        value_info("token_ids", types.INT32, ["batch", "steps"]),
        value_info("scores", types.FLOAT, ["batch"]),
    ]
    if attends:
        nodes.append(make("Transpose", [scanned[1]], ["alignments"], perm=[1, 0, 2]))
        shape = ["batch", "steps", "places"]
        outputs.append(value_info("alignments", types.FLOAT, shape))
    [source] = encoder.graph.input
    source.name = "source"
    graph = onnx.helper.make_graph(
        nodes,
        "greedy",
        [source, value_info("max_length", types.INT64, [])],
        outputs,
        [
            *initializers(onnx, constants),
            *encoder.graph.initializer,
            *step.graph.initializer,
        ],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=step.opset_import, ir_version=step.ir_version
    )
    onnx.checker.check_model(model)
    with written_beside(path) as partial:
        onnx.save(model, partial)
    operators = collections.Counter(node.op_type for node in [*graph.node, *body.node])
    return ExportReport(path, "onnx", size_of(path), dict(operators))


def encoder_and_step(folder: str | os.PathLike) -> list[pathlib.Path]:
    """The two files of a model that writes texts.

    Raises:
        ValueError: They are not in the folder.
    """
    paths = [pathlib.Path(folder, f"{name}.onnx") for name in ("encoder", "step")]
    for path in paths:
        if not path.is_file():
            raise ValueError(
                "`folder` must hold encoder.onnx and step.onnx, which an export of a "
                f"model that writes texts has; there is no {path}."
            )
    return paths


def prefixed(path, prefix):
    """A model with `prefix` before all its names."""
    onnx = imported_onnx()
    return onnx.compose.add_prefix(onnx.load(path), prefix)


def initializers(onnx, constants):
    """Constants of a graph, by name."""
    from_array = onnx.numpy_helper.from_array
    return [from_array(value, name) for name, value in constants.items()]


def loop_body(onnx, step, states, end_id, attends):
    """One step: y = argmax p, 0 where the row has ended; on until all have.

    It carries the token before, which rows have ended, their scores, and the states.
    """
    make, types = onnx.helper.make_node, onnx.TensorProto
    value_info = onnx.helper.make_tensor_value_info
    new_states = [name.replace(STEP, f"{STEP}new_", 1) for name in states]
    nodes = [
        *step.graph.node,
        make("Identity", [f"{STEP}log_probabilities"], ["log_p"]),
        make("ArgMax", ["log_p"], ["best"], axis=1, keepdims=0),
        make("Cast", ["best"], ["chosen"], to=types.INT32),
        make("Unsqueeze", ["best", "last_axis"], ["best_column"]),
        make("GatherElements", ["log_p", "best_column"], ["log_p_column"], axis=1),
        make("Squeeze", ["log_p_column", "last_axis"], ["log_p_chosen"]),
        make("Where", ["ended", "no_log_p", "log_p_chosen"], ["gained"]),
        make("Add", ["score", "gained"], ["new_score"]),
        make("Where", ["ended", "padding", "chosen"], ["token_out"]),
        make("Identity", ["token_out"], ["token_scanned"]),
        make("Equal", ["chosen", "end_id"], ["ends"]),
        make("Or", ["ended", "ends"], ["new_ended"]),
        make("Cast", ["new_ended"], ["ended_as_number"], to=types.INT32),
        make("ReduceMin", ["ended_as_number"], ["all_ended"], keepdims=0),
        make("Equal", ["all_ended", "padding"], ["go_on"]),
    ]
    constants = {
        "last_axis": np.array([1], "int64"),
        "no_log_p": np.array(0, "float32"),
        "padding": np.array(0, "int32"),
        "end_id": np.array(end_id, "int32"),
    }
    token_ids = f"{STEP}token_ids"
    inputs = [
        value_info("iteration", types.INT64, []),
        value_info("goes_on", types.BOOL, []),
        value_info(token_ids, types.INT32, ["batch"]),
        value_info("ended", types.BOOL, ["batch"]),
        value_info("score", types.FLOAT, ["batch"]),
        *(x for name in states for x in step.graph.input if x.name == name),
    ]
    outputs = [
        value_info("go_on", types.BOOL, []),
        value_info("token_out", types.INT32, ["batch"]),
        value_info("new_ended", types.BOOL, ["batch"]),
        value_info("new_score", types.FLOAT, ["batch"]),
        *(x for name in new_states for x in step.graph.output if x.name == name),
        value_info("token_scanned", types.INT32, ["batch"]),
    ]
    if attends:
        constants["no_look"] = np.array(0, "float32")
        nodes += [
            make("Unsqueeze", ["ended", "last_axis"], ["ended_column"]),
            make("Where", ["ended_column", "no_look", f"{STEP}alignments"], ["looked"]),
        ]
        outputs.append(value_info("looked", types.FLOAT, ["batch", "places"]))
    return onnx.helper.make_graph(
        nodes, "step", inputs, outputs, initializers(onnx, constants)
    )
