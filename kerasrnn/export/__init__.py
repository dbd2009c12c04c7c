from kerasrnn.export import saved_model
from kerasrnn.export.onnx import OnnxWriter, to_onnx, write_greedy_loop

__all__ = ["OnnxWriter", "saved_model", "to_onnx", "write_greedy_loop"]
