from kerasrnn.export.onnx.greedy import write_greedy_loop
from kerasrnn.export.onnx.onnx_writer import OnnxWriter
from kerasrnn.export.onnx.to_onnx import to_onnx

__all__ = ["OnnxWriter", "to_onnx", "write_greedy_loop"]
