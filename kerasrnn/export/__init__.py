from kerasrnn.export import saved_model
from kerasrnn.export.litert import to_litert
from kerasrnn.export.report import ExportReport
from kerasrnn.export.streaming import streaming

__all__ = ["ExportReport", "saved_model", "streaming", "to_litert"]
