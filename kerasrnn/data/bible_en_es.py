"""TFDS builder `bible_en_es`: verses of the Bible in English and in Spanish."""

import pathlib
import re
import struct
import tempfile
import zlib

import tensorflow_datasets as tfds

from kerasrnn.data.splits import split_of
from kerasrnn.fetching import PackageFile, fetch_debian, open_debian

ENGLISH = PackageFile(
    package="sword-text-web",
    version="426.0-1",
    filename="sword-text-web_426.0-1_all.deb",
    sha256="930b23670b352f0829a306501de4bebb5e654a2df02cde2cbe86b802177868e1",
)
SPANISH = PackageFile(
    package="sword-text-sparv",
    version="2.60-1",
    filename="sword-text-sparv_2.60-1_all.deb",
    sha256="5c87f9b2bc97457e8a872f5bae7ea7ce59cb3de1dcee73e4d4740451863694cf",
)

_CITATION = """\
@misc{web2020,
  title = {World English Bible},
  note  = {Public domain},
  year  = {2020},
}
@misc{reinavalera1909,
  title = {Santa Biblia, Reina-Valera},
  note  = {Public domain},
  year  = {1909},
}
"""


class BibleEnEs(tfds.core.GeneratorBasedBuilder):
    """Some 31,000 verses of the Bible, in English and in Spanish.

    Split by SHA-1 of book and chapter (`Gen.1`), modulo 10: 0 test, 1 validation,
    else train, so that no chapter is in two splits. Verses that one of the two lacks
    are left out; `info.metadata["left_out"]` counts them.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "Verses of the World English Bible and of the Reina-Valera of 1909, "
                "from the Debian packages sword-text-web and sword-text-sparv. Notes, "
                "references and mark-up are taken out. Public domain."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "en": tfds.features.Text(),
                    "es": tfds.features.Text(),
                }
            ),
            supervised_keys=("en", "es"),
            citation=_CITATION,
            license="Public domain",
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager):
        english, spanish = (
            read_package(fetch_debian(file, dl_manager.download_dir))
            for file in (ENGLISH, SPANISH)
        )
        shared = [verse for verse in english if verse in spanish]
        self.info.metadata["left_out"] = {
            "only_english": len(english) - len(shared),
            "only_spanish": len(spanish) - len(shared),
        }
        splits = {"train": [], "validation": [], "test": []}
        for book, chapter, verse in shared:
            example = {
                "id": f"{book}.{chapter}.{verse}",
                "en": english[book, chapter, verse],
                "es": spanish[book, chapter, verse],
            }
            splits[split_of(f"{book}.{chapter}")].append(example)
        return {name: self._generate_examples(rows) for name, rows in splits.items()}

    def _generate_examples(self, examples):
        for example in examples:
            yield example["id"], example


def read_package(path) -> dict[tuple[str, int, int], str]:
    """Verses of the one Bible in a Debian package: (book, chapter, verse) to text.

    Books have their OSIS names, as `1Sam`. Verses without text are left out.

    Raises:
        ImportError: pysword is not installed.
    """
    try:
        from pysword.modules import SwordModules
    except ImportError as error:
        raise ImportError(
            "bible_en_es is read with pysword, which is not installed: "
            "pip install 'kerasrnn[translate]'."
        ) from error

    with tempfile.TemporaryDirectory() as folder, open_debian(path) as files:
        files.extractall(folder, filter="data")
        modules = SwordModules(f"{folder}/usr/share/sword")
        ((name, settings),) = modules.parse_modules().items()
        structure = modules.get_bible_from_module(name).get_structure()
        data = pathlib.Path(folder, "usr/share/sword", settings["datapath"])
        raw = {name: read_testament(data, name) for name in structure.get_books()}
    verses = {}
    for books in structure.get_books().values():
        for book in books:
            for chapter in range(1, book.num_chapters + 1):
                ((testament, indices),) = structure.ref_to_indicies(
                    books=[book.name], chapters=[chapter]
                ).items()
                for verse, index in enumerate(indices, start=1):
                    text = plain_text(raw[testament](index))
                    if text:
                        verses[book.osis_name, chapter, verse] = text
    return verses


def read_testament(folder, name):
    """A function from a verse's index in a testament to its marked-up text.

    pysword finds the index, but unpacks a whole book for every verse, which takes
    minutes. In `.bzv` each verse has its block, start and length; in `.bzs` each
    block has its start and length in `.bzz`.
    """
    blocks, verses, packed = (
        pathlib.Path(folder, f"{name}.{kind}").read_bytes()
        for kind in ("bzs", "bzv", "bzz")
    )
    unpacked = [
        zlib.decompress(packed[start : start + size])
        for start, size, _ in struct.iter_unpack("<III", blocks)
    ]

    def text(index):
        if 10 * (index + 1) > len(verses):
            return ""
        block, start, size = struct.unpack_from("<IIH", verses, 10 * index)
        return unpacked[block][start : start + size].decode("utf-8") if size else ""

    return text


def plain_text(osis: str) -> str:
    """A verse without its mark-up.

    Notes become spaces, since words on both sides of one have none; so do words that
    the translators added, and tags that stand for the start of a line or of a block.
    What follows the end of a chapter, such as a glossary, is no verse.

    Example:

    >>> plain_text('<w>God</w><note>Elohim</note><w>said</w>, “<q>Yes</q><note/>.”')
    'God said, “Yes.”'
    """
    text, *_ = re.split(r"<chapter eID", osis, maxsplit=1)
    text = re.sub(r"<note\b[^>]*/>|<note\b.*?</note>", " ", text, flags=re.DOTALL)
    apart = "transChange|l|lb|lg|div|item|list|title|chapter|speaker"
    text = re.sub(rf"</?({apart})\b[^>]*>", " ", text)
    text = re.sub(r"<[^>]*>", "", text)
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, char)
    text = " ".join(text.split())
    text = re.sub(r" ([,.;:!?)\]’”])", r"\1", text)
    return re.sub(r"([¿¡(\[‘“]) ", r"\1", text)
