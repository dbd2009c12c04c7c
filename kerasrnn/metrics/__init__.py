"""Scores of classes, labels, texts, captions and forecasts."""

from kerasrnn.metrics.bleu_interval import bleu_interval
from kerasrnn.metrics.caption_scores import caption_scores
from kerasrnn.metrics.caption_tokens import caption_tokens
from kerasrnn.metrics.cider_d import (
    CiderD,
    DocumentFrequencies,
    cider_d,
    count_documents,
)
from kerasrnn.metrics.classification import classification_scores, confusion_matrix
from kerasrnn.metrics.forecast_scores import (
    forecast_scores,
    seasonal_naive,
    smape,
)
from kerasrnn.metrics.spans import marks_spans, span_scores, spans_of
from kerasrnn.metrics.token_metrics import (
    BitsPerCharacter,
    MaskedAccuracy,
    Perplexity,
)
from kerasrnn.metrics.translation_scores import require_sacrebleu, translation_scores

__all__ = [
    "BitsPerCharacter",
    "CiderD",
    "DocumentFrequencies",
    "MaskedAccuracy",
    "Perplexity",
    "bleu_interval",
    "caption_scores",
    "caption_tokens",
    "cider_d",
    "classification_scores",
    "confusion_matrix",
    "count_documents",
    "forecast_scores",
    "marks_spans",
    "require_sacrebleu",
    "seasonal_naive",
    "smape",
    "span_scores",
    "spans_of",
    "translation_scores",
]
