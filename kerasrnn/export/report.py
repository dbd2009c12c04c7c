"""What became of a model that was exported."""

import dataclasses
import pathlib

from kerasrnn.printable import in_bytes

MOST_KINDS = 12  # of operators that are printed


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What an export wrote, and how near to the model it is.

    Args:
        path: The file or the folder that was written.
        format: "saved_model", "onnx" or "litert".
        size: Of all that was written, in bytes.
        operators: How often each kind of operator occurs, by name.
        layers: What each recurrent layer became, by the layer's name.
        largest_difference: Largest absolute difference of any output from the model's
            own, on the sample inputs; of integers, such as tags, the share that differ.
            None: not computed.
        notes: What else to know, a sentence each.
        parts: The reports of several files, where `path` is their folder.

    Example:

    >>> report = ExportReport(
    ...     pathlib.Path("tagger.onnx"), "onnx", 52_000, {"LSTM": 1, "MatMul": 2},
    ...     {"reader": "LSTM"}, 2.4e-7,
    ... )
    >>> print(report)
    tagger.onnx: onnx, 52.0 kB
    operators: 2 MatMul, 1 LSTM
    reader: LSTM
    largest difference from the model: 2.4e-07
    """

    path: pathlib.Path
    format: str
    size: int
    operators: dict[str, int] = dataclasses.field(default_factory=dict)
    layers: dict[str, str] = dataclasses.field(default_factory=dict)
    largest_difference: float | None = None
    notes: tuple[str, ...] = ()
    parts: tuple["ExportReport", ...] = ()

    def __str__(self) -> str:
        def by_count(item):
            return -item[1], item[0]

        operators = sorted(self.operators.items(), key=by_count)
        lines = [f"{self.path}: {self.format}, {in_bytes(self.size)}"]
        if operators:
            counts = [f"{n:,} {name}" for name, n in operators[:MOST_KINDS]]
            if len(operators) > MOST_KINDS:
                counts.append(f"and {len(operators) - MOST_KINDS} more kinds")
            lines.append(f"operators: {', '.join(counts)}")
        lines += [f"{layer}: {became}" for layer, became in self.layers.items()]
        if self.largest_difference is not None:
            difference = f"{self.largest_difference:.2g}"
            lines.append(f"largest difference from the model: {difference}")
        return "\n".join([*lines, *self.notes, *map(str, self.parts)])


def size_of(path: pathlib.Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
