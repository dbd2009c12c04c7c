"""TFDS builders and what they give; importing it registers the builders with TFDS.

Files of the user's own are read without TFDS, which comes with the extra `train`.
"""

from kerasrnn.data.builders import (
    BibleEnEs,
    BrownTagged,
    KernelC,
    MovieSnippets,
    ShakespearePlays,
    SmartwatchExercises,
    StampsAndEmoji,
)
from kerasrnn.data.captioned_images import (
    CaptionedImages,
    load_captions,
    read_captions,
)
from kerasrnn.data.documents import load_documents
from kerasrnn.data.glove import load_glove
from kerasrnn.data.length_bucketing import batches_by_length
from kerasrnn.data.tagging import TaggedSequences, load_tagging, read_tagged
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
    "BrownTagged",
    "CaptionedImages",
    "Examples",
    "FetchError",
    "KernelC",
    "MovieSnippets",
    "ShakespearePlays",
    "SmartwatchExercises",
    "StampsAndEmoji",
    "TaggedSequences",
    "TextPairs",
    "batches_by_length",
    "fingerprint",
    "load_captions",
    "load_documents",
    "load_glove",
    "load_tagging",
    "load_text_classification",
    "load_translation",
    "open_text_file",
    "read_captions",
    "read_lines",
    "read_pairs",
    "read_tagged",
    "read_tsv",
]
