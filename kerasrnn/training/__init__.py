from kerasrnn.training.batch_order import batch_order
from kerasrnn.training.captioning.caption_samples import CaptionSamples
from kerasrnn.training.captioning.caption_scores import CaptionScores
from kerasrnn.training.captioning.nearest_captions import (
    nearest_neighbour_captions,
    pooled,
)
from kerasrnn.training.checkpoints import Checkpoints
from kerasrnn.training.evaluate import evaluate
from kerasrnn.training.every_number import every_number
from kerasrnn.training.language_model.text_samples import TextSamples
from kerasrnn.training.progress import CountLine, ProgressLine
from kerasrnn.training.provenance import provenance
from kerasrnn.training.recipe_data import (
    evaluation_examples,
    evaluation_pairs,
    load_caption_splits,
    load_pair_splits,
    load_splits,
)
from kerasrnn.training.recipe_optimizer import recipe_optimizer
from kerasrnn.training.resumable_fit import Fitted, resumable_fit
from kerasrnn.training.sentiment.confusion_text import confusion_text
from kerasrnn.training.train import train
from kerasrnn.training.translation.translate_texts import translate_texts
from kerasrnn.training.translation.translation_samples import TranslationSamples
from kerasrnn.training.translation.translation_scores import TranslationScores
from kerasrnn.training.warm_up import WarmUp

__all__ = [
    "CaptionSamples",
    "CaptionScores",
    "Checkpoints",
    "CountLine",
    "Fitted",
    "ProgressLine",
    "TextSamples",
    "TranslationSamples",
    "TranslationScores",
    "WarmUp",
    "batch_order",
    "confusion_text",
    "evaluate",
    "evaluation_examples",
    "evaluation_pairs",
    "every_number",
    "load_caption_splits",
    "load_pair_splits",
    "load_splits",
    "nearest_neighbour_captions",
    "pooled",
    "provenance",
    "recipe_optimizer",
    "resumable_fit",
    "train",
    "translate_texts",
]
