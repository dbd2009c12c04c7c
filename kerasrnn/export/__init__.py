"""Models as files that run elsewhere: SavedModel, ONNX, LiteRT, and streams."""

from kerasrnn.export import saved_model
from kerasrnn.export.litert import to_litert
from kerasrnn.export.onnx import OnnxWriter, to_onnx, write_greedy_loop
from kerasrnn.export.report import ExportReport
from kerasrnn.export.saved_model import to_saved_model
from kerasrnn.export.streaming import streaming

__all__ = [
    "ExportReport",
    "OnnxWriter",
    "saved_model",
    "streaming",
    "to_litert",
    "to_onnx",
    "to_saved_model",
    "write_greedy_loop",
]
