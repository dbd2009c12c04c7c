from kerasrnn.export import saved_model
from kerasrnn.export.litert import to_litert
from kerasrnn.export.report import ExportReport

__all__ = ["ExportReport", "saved_model", "to_litert"]
