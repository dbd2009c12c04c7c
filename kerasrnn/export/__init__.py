from kerasrnn.export import saved_model

__all__ = ["saved_model"]
