from kerasrnn.metrics.classification import classification_scores, confusion_matrix

__all__ = ["classification_scores", "confusion_matrix"]
