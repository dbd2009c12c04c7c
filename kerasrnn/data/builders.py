"""The builders of data sets, registered with TFDS where it is installed."""

from importlib.util import find_spec
from typing import Any

from kerasrnn.data.train_extra import tensorflow_datasets

if find_spec("tensorflow_datasets"):
    from kerasrnn.data.bible_en_es import BibleEnEs
    from kerasrnn.data.cluttered_digits import ClutteredDigits
    from kerasrnn.data.kernel_c import KernelC
    from kerasrnn.data.movie_snippets import MovieSnippets
    from kerasrnn.data.shakespeare_plays import ShakespearePlays
    from kerasrnn.data.stamps_and_emoji import StampsAndEmoji
else:

    class Builder:
        """In place of a builder: says what to install when one is made."""

        def __init__(self, *arguments, **options):
            tensorflow_datasets()

    # The names stand for other classes above.
    BibleEnEs: Any = Builder  # type: ignore[no-redef]
    ClutteredDigits: Any = Builder  # type: ignore[no-redef]
    KernelC: Any = Builder  # type: ignore[no-redef]
    MovieSnippets: Any = Builder  # type: ignore[no-redef]
    ShakespearePlays: Any = Builder  # type: ignore[no-redef]
    StampsAndEmoji: Any = Builder  # type: ignore[no-redef]

__all__ = [
    "BibleEnEs",
    "ClutteredDigits",
    "KernelC",
    "MovieSnippets",
    "ShakespearePlays",
    "StampsAndEmoji",
]
