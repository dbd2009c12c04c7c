"""A task as files of another runtime: its parts, its tokenizer, and what they are."""

import dataclasses
import json
import os
import pathlib
from typing import Any

from kerasrnn.export import to_litert, to_onnx, write_greedy_loop
from kerasrnn.export.report import ExportReport, size_of
from kerasrnn.export.written_beside import check_folder, written_beside
from kerasrnn.text import write_portable

WRITERS = {"onnx": (to_onnx, ".onnx"), "litert": (to_litert, ".tflite")}


def export_parts(
    task: Any,
    path: str | os.PathLike,
    *,
    format: str,
    version: int | None = None,
    **options: Any,
) -> ExportReport:
    """Write the parts of a task to a folder, with all that is needed to use them.

    - a file for each of `task.parts()`; of one that writes texts, in ONNX, also
      `greedy.onnx`, the whole greedy search in one graph;
    - `model.json`: the files with their inputs and outputs, and the labels of a
      classifier;
    - the files of `kerasrnn.text.write_portable`, where there is a tokenizer.

    Args:
        task: A `Task`.
        path: The folder to write; it is there when it is whole.
        format: "onnx" or "litert".
        version: Writes to `path/version`.
        **options: Those of `to_onnx` or `to_litert`.

    Returns:
        What was written, with a report of each part.
    """
    write, suffix = WRITERS[format]
    folder = check_folder(path)
    if version is not None:
        folder = check_folder(folder / str(version))
    reports = []
    described: dict[str, Any] = {"task": type(task).__name__, "format": format}
    described["parts"] = files = {}
    with written_beside(folder) as partial:
        partial.mkdir()
        for name, model in task.parts().items():
            report = write(model, partial / f"{name}{suffix}", **options)
            reports.append(report)
            files[name] = signature(report, model)
        if format == "onnx" and "step" in files:
            limits = task.greedy_limits()
            report = write_greedy_loop(partial, **limits)
            reports.append(report)
            files["greedy"] = {"file": "greedy.onnx", **limits}
        if task.class_names() is not None:
            described["labels"] = list(task.class_names())
        if task.preprocessor is not None:
            write_portable(task.preprocessor, partial)
        text = json.dumps(described, indent=2, ensure_ascii=False)
        (partial / "model.json").write_text(text + "\n", encoding="utf-8")
    parts = tuple(
        dataclasses.replace(report, path=folder / report.path.name)
        for report in reports
    )
    return ExportReport(folder, format, size_of(folder), parts=parts)


def signature(report: ExportReport, model: Any) -> dict:
    """A part's file, and the names, dtypes and shapes of what goes in and comes out."""

    def tensors(names, values):
        return {
            name: {"dtype": str(value.dtype), "shape": list(value.shape)}
            for name, value in zip(names, values, strict=True)
        }

    return {
        "file": report.path.name,
        "inputs": tensors([x.name for x in model.inputs], model.inputs),
        "outputs": tensors(sorted(model.output), model.outputs),
    }
