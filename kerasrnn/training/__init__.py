from kerasrnn.training.batch_order import batch_order
from kerasrnn.training.checkpoints import Checkpoints
from kerasrnn.training.confusion_text import confusion_text
from kerasrnn.training.examples import (
    Examples,
    evaluation_examples,
    load_examples,
    read_tsv,
)
from kerasrnn.training.progress import ProgressLine
from kerasrnn.training.provenance import provenance
from kerasrnn.training.resumable_fit import resumable_fit
from kerasrnn.training.train import train

__all__ = [
    "Checkpoints",
    "Examples",
    "ProgressLine",
    "batch_order",
    "confusion_text",
    "evaluation_examples",
    "load_examples",
    "provenance",
    "read_tsv",
    "resumable_fit",
    "train",
]
