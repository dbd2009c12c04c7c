"""The builders of data sets, registered with TFDS where it is installed."""

from importlib.util import find_spec
from typing import Any

from kerasrnn.data.train_extra import tensorflow_datasets

if find_spec("tensorflow_datasets"):
    from kerasrnn.data.bible_en_es import BibleEnEs
    from kerasrnn.data.brown_tagged import BrownTagged
    from kerasrnn.data.cluttered_digits import ClutteredDigits
    from kerasrnn.data.drawings import Drawings
    from kerasrnn.data.kernel_c import KernelC
    from kerasrnn.data.libreoffice_help import LibreofficeHelp
    from kerasrnn.data.m3_competition import M3Competition
    from kerasrnn.data.movie_snippets import MovieSnippets
    from kerasrnn.data.shakespeare_plays import ShakespearePlays
    from kerasrnn.data.smartwatch_exercises import SmartwatchExercises
    from kerasrnn.data.stamps_and_emoji import StampsAndEmoji
    from kerasrnn.data.world_english_bible import WorldEnglishBible
else:

    class Builder:
        """In place of a builder: says what to install when one is made."""

        def __init__(self, *arguments, **options):
            tensorflow_datasets()

    # The names stand for other classes above.
    BibleEnEs: Any = Builder  # type: ignore[no-redef]
    BrownTagged: Any = Builder  # type: ignore[no-redef]
    ClutteredDigits: Any = Builder  # type: ignore[no-redef]
    Drawings: Any = Builder  # type: ignore[no-redef]
    KernelC: Any = Builder  # type: ignore[no-redef]
    LibreofficeHelp: Any = Builder  # type: ignore[no-redef]
    M3Competition: Any = Builder  # type: ignore[no-redef]
    MovieSnippets: Any = Builder  # type: ignore[no-redef]
    ShakespearePlays: Any = Builder  # type: ignore[no-redef]
    SmartwatchExercises: Any = Builder  # type: ignore[no-redef]
    StampsAndEmoji: Any = Builder  # type: ignore[no-redef]
    WorldEnglishBible: Any = Builder  # type: ignore[no-redef]

__all__ = [
    "BibleEnEs",
    "BrownTagged",
    "ClutteredDigits",
    "Drawings",
    "KernelC",
    "LibreofficeHelp",
    "M3Competition",
    "MovieSnippets",
    "ShakespearePlays",
    "SmartwatchExercises",
    "StampsAndEmoji",
    "WorldEnglishBible",
]
