from kerasrnn.metrics.classification import classification_scores, confusion_matrix
from kerasrnn.metrics.token_metrics import MaskedAccuracy, Perplexity

__all__ = ["MaskedAccuracy", "Perplexity", "classification_scores", "confusion_matrix"]
