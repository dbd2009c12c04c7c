from kerasrnn.export import saved_model
from kerasrnn.export.onnx import OnnxWriter, to_onnx, write_greedy_loop
from kerasrnn.export.report import ExportReport

__all__ = ["ExportReport", "OnnxWriter", "saved_model", "to_onnx", "write_greedy_loop"]
