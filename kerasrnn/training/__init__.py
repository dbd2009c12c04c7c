from kerasrnn.training.batch_order import batch_order
from kerasrnn.training.checkpoints import Checkpoints
from kerasrnn.training.confusion_text import confusion_text
from kerasrnn.training.progress import ProgressLine
from kerasrnn.training.provenance import provenance
from kerasrnn.training.recipe_data import evaluation_examples, load_splits
from kerasrnn.training.resumable_fit import resumable_fit
from kerasrnn.training.train import train

__all__ = [
    "Checkpoints",
    "ProgressLine",
    "batch_order",
    "confusion_text",
    "evaluation_examples",
    "load_splits",
    "provenance",
    "resumable_fit",
    "train",
]
