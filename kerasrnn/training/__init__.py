"""Training and judging of recipes, and callbacks that watch a training."""

from kerasrnn.training.captioning.caption_samples import CaptionSamples
from kerasrnn.training.captioning.caption_scores import CaptionScores
from kerasrnn.training.evaluate import evaluate
from kerasrnn.training.language_model.text_samples import TextSamples
from kerasrnn.training.train import train
from kerasrnn.training.translation.translation_samples import TranslationSamples
from kerasrnn.training.translation.translation_scores import TranslationScores
from kerasrnn.training.warm_up import WarmUp

__all__ = [
    "CaptionSamples",
    "CaptionScores",
    "TextSamples",
    "TranslationSamples",
    "TranslationScores",
    "WarmUp",
    "evaluate",
    "train",
]
