from kerasrnn.export import saved_model
from kerasrnn.export.onnx import to_onnx

__all__ = ["saved_model", "to_onnx"]
