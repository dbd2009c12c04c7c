from kerasrnn.metrics.classification import classification_scores, confusion_matrix
from kerasrnn.metrics.token_metrics import MaskedAccuracy, Perplexity
from kerasrnn.metrics.translation_scores import require_sacrebleu, translation_scores

__all__ = [
    "MaskedAccuracy",
    "Perplexity",
    "classification_scores",
    "confusion_matrix",
    "require_sacrebleu",
    "translation_scores",
]
