"""TFDS builders and what they give; importing it registers the builders with TFDS.

Files of the user's own are read without TFDS, which comes with the extra `train`.
"""

from kerasrnn.data.builders import (
    BibleEnEs,
    ClutteredDigits,
    KernelC,
    MovieSnippets,
    ShakespearePlays,
    StampsAndEmoji,
)
from kerasrnn.data.captioned_images import (
    CaptionedImages,
    load_captions,
    read_captions,
)
from kerasrnn.data.documents import load_documents
from kerasrnn.data.glove import load_glove
from kerasrnn.data.image_classes import (
    ImageClasses,
    load_image_classes,
    read_image_classes,
)
from kerasrnn.data.length_bucketing import batches_by_length
from kerasrnn.data.text_classification import (
    Examples,
    load_text_classification,
    read_tsv,
)
from kerasrnn.data.text_file import open_text_file
from kerasrnn.data.translation import TextPairs, load_translation, read_pairs
from kerasrnn.data.user_file import fingerprint, read_lines
from kerasrnn.fetching import FetchError

__all__ = [
    "BibleEnEs",
    "CaptionedImages",
    "ClutteredDigits",
    "Examples",
    "FetchError",
    "ImageClasses",
    "KernelC",
    "MovieSnippets",
    "ShakespearePlays",
    "StampsAndEmoji",
    "TextPairs",
    "batches_by_length",
    "fingerprint",
    "load_captions",
    "load_documents",
    "load_glove",
    "load_image_classes",
    "load_text_classification",
    "load_translation",
    "open_text_file",
    "read_captions",
    "read_image_classes",
    "read_lines",
    "read_pairs",
    "read_tsv",
]
