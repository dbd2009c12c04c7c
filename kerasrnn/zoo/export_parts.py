"""A task as files of another runtime: its parts, its tokenizer, and what they are."""

import dataclasses
import inspect
import json
import os
import shutil
from typing import Any

import numpy as np
from keras import ops

from kerasrnn.export import to_litert, to_onnx, write_greedy_loop
from kerasrnn.export.model_inputs import output_names
from kerasrnn.export.report import ExportReport, size_of
from kerasrnn.export.written_beside import check_folder, written_beside
from kerasrnn.text import write_portable
from kerasrnn.text.portable import READERS

STEPS = 8  # of random sources, where the files leave them free
TEXT_WRITER = "text_writer.mjs"  # beam search for browsers
# "saved_model" is a task's own, from raw strings on.
FORMATS = ("saved_model", "onnx", "litert")
WRITERS: dict[str, tuple[Any, str]] = {
    "onnx": (to_onnx, ".onnx"),
    "litert": (to_litert, ".tflite"),
}


def export_parts(
    task: Any,
    path: str | os.PathLike,
    *,
    format: str,
    version: int | None = None,
    calibration: Any = None,
    **options: Any,
) -> ExportReport:
    """Write the parts of a task to a folder, with all that is needed to use them.

    - a file for each of `task.parts()`; of one that writes texts, in ONNX, also
      `greedy.onnx`, the whole greedy search in one graph;
    - `model.json`: the files with their inputs and outputs, and the labels of a
      classifier;
    - the files of `kerasrnn.text.write_portable`, where there is a tokenizer;
    - `text_writer.mjs`, beam search in JavaScript, for what writes texts in ONNX.

    Args:
        task: A `Task`.
        path: The folder to write; it is there when it is whole.
        format: "onnx" or "litert".
        version: Writes to `path/version`.
        calibration: With `quantize="full"`: what the model reads, strings where it has
            a preprocessor, from which the ranges of activations are learned.
        **options: Those of `to_onnx` or `to_litert`.

    Returns:
        What was written, with a report of each part.

    Raises:
        ValueError: An argument is wrong, or an option is not one of the format.
    """
    write, suffix = WRITERS[format]
    known = {*inspect.signature(write).parameters} - {"model", "path", "sample"}
    unknown = sorted({*options} - known)
    if unknown:
        raise ValueError(
            f"`options` must be among {', '.join(sorted(known))} for the format "
            f"{format!r}; got {', '.join(unknown)}."
        )
    folder = check_folder(path, version)
    reports = []
    described: dict[str, Any] = {"task": type(task).__name__, "format": format}
    described["parts"] = files = {}
    with written_beside(folder) as partial:
        partial.mkdir()
        parts = task.parts()
        steps = options.get("steps")
        samples = inputs_of(parts, task.random_source(steps or STEPS))
        calibrations = dict.fromkeys(parts)
        if calibration is not None:
            source = with_steps(task.source_of(calibration), steps)
            calibrations = inputs_of(parts, source)
        for name, model in parts.items():
            report = write(
                model,
                partial / f"{name}{suffix}",
                sample=samples[name],
                calibration=calibrations[name],
                **options,
            )
            reports.append(report)
            rows = options.get("batch_size", 1) if format == "litert" else None
            files[name] = signature(report, model, rows, steps)
        if format == "onnx" and "step" in files:
            limits = {"start_id": task.start_id, "end_id": task.end_id}
            report = write_greedy_loop(partial, **limits)
            reports.append(report)
            files["greedy"] = {"file": "greedy.onnx", **limits}
        if task.class_names() is not None:
            described["labels"] = list(task.class_names())
        if hasattr(task.preprocessor, "portable"):  # A tokenizer of kerasrnn.text.
            write_portable(task.preprocessor, partial)
        if "greedy" in files:
            shutil.copyfile(READERS / TEXT_WRITER, partial / TEXT_WRITER)
        text = json.dumps(described, indent=2, ensure_ascii=False)
        (partial / "model.json").write_text(text + "\n", encoding="utf-8")
    parts = tuple(
        dataclasses.replace(report, path=folder / report.path.name)
        for report in reports
    )
    return ExportReport(folder, format, size_of(folder), parts=parts)


def with_steps(source: np.ndarray, steps: int | None) -> np.ndarray:
    """A source (B, T, ...) of so many steps, with zeros at the ends of rows."""
    if steps is None:
        return source
    if source.shape[1] > steps:
        raise ValueError(
            f"`calibration` must have {steps} steps at most, as many as the file is to "
            f"have; got {source.shape[1]}."
        )
    lacking = [(0, 0), (0, steps - source.shape[1])]
    return np.pad(source, lacking + [(0, 0)] * (source.ndim - 2))


def inputs_of(parts: dict, source: np.ndarray) -> dict:
    """What each part reads of a source (B, ...): the whole, or an encoder and a step.

    States begin at zeros, and tokens with number 1.
    """
    first, *others = parts
    rows = len(source)

    def inputs(model, given):
        # As many rows as the source has, where none is given.
        return {
            x.name: given[x.name] if x.name in given else start(rows, x)
            for x in model.inputs
        }

    found = {first: inputs(parts[first], {parts[first].inputs[0].name: source})}
    if others:
        told = parts[first](ops.convert_to_tensor(source))
        told = {name: ops.convert_to_numpy(x) for name, x in told.items()}
        found["step"] = inputs(parts["step"], told)
    return found


def start(rows, tensor):
    """Token 1, or a state of zeros, for so many rows."""
    value = 1 if "int" in tensor.dtype else 0
    return np.full((rows, *tensor.shape[1:]), value, tensor.dtype)


def signature(
    report: ExportReport, model: Any, rows: int | None, steps: int | None
) -> dict:
    """A part's file, and the names, dtypes and shapes of what goes in and comes out.

    Args:
        report: Of the file.
        model: What was written.
        rows: How many the file has room for; None: for any number.
        steps: The same of steps.
    """
    found = {"size": report.size, "operators": report.operators}
    if report.largest_difference is not None:
        found["largest_difference"] = report.largest_difference

    def tensors(names, values):
        return {
            name: {"dtype": str(value.dtype), "shape": sizes(value.shape)}
            for name, value in zip(names, values, strict=True)
        }

    def sizes(shape):
        free = (rows, steps, *(None for _ in shape))
        return [
            of_file if size is None else size
            for size, of_file in zip(shape, free, strict=False)
        ]

    return {
        "file": report.path.name,
        "inputs": tensors([x.name for x in model.inputs], model.inputs),
        "outputs": tensors(output_names(model), model.outputs),
        **found,
    }
