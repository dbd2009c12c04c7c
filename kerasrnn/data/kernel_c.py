"""TFDS builder `kernel_c`: the C of the Linux kernel's core and memory management."""

import hashlib
import pathlib
import tarfile

import tensorflow_datasets as tfds

from kerasrnn.data.splits import split_of
from kerasrnn.fetching import PackageFile, fetch_debian, open_debian

SOURCE = PackageFile(
    package="linux-source-6.1",
    version="6.1.176-1",
    filename="linux-source-6.1_6.1.176-1_all.deb",
    sha256="9305d1a151b8e83dcb88aa11361e7b9513f0c252bdf7f5647e4542762d99c094",
    source="linux",
)
# Of what is read, as `digest` gives it: another version of the package may have it too.
TEXT_SHA256 = "7dba5576639bc77b4ccff1daacbb9e1dacf75ac45b5ed0e3c5472efbf1fc3021"
INNER_ARCHIVE = "linux-source-6.1.tar.xz"
FOLDERS = ("kernel", "mm")

_CITATION = """\
@misc{linux61,
  title  = {The Linux Kernel, version 6.1},
  author = {Torvalds, Linus and others},
  note   = {GPL-2.0},
  year   = {2022},
}
"""


class KernelC(tfds.core.GeneratorBasedBuilder):
    """The `.c` files of the Linux kernel's folders `kernel` and `mm`.

    Split by SHA-1 of a file's path (`kernel/sched/core.c`), modulo 10: 0 test, 1
    validation, else train.

    The version of Debian 12.15 is read, or another in which these files are the same.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "C source of the Linux kernel 6.1, scheduling, tracing, memory "
                "management and the like, from the Debian package linux-source-6.1. "
                "GPL-2.0, as each file says."
            ),
            features=tfds.features.FeaturesDict(
                {"id": tfds.features.Text(), "text": tfds.features.Text()}
            ),
            citation=_CITATION,
            license="GPL-2.0",
        )

    def _split_generators(self, dl_manager):
        splits = {"train": {}, "validation": {}, "test": {}}
        package = fetch_debian(
            SOURCE,
            dl_manager.download_dir,
            same_content=lambda other: digest(read_source(other)) == TEXT_SHA256,
        )
        for path, text in read_source(package):
            splits[split_of(path)][path] = text
        return {name: self._generate_examples(texts) for name, texts in splits.items()}

    def _generate_examples(self, texts):
        for path, text in texts.items():
            yield path, {"id": path, "text": text}


def read_source(package):
    """Path and text of the C files in `FOLDERS` of the kernel's Debian package, sorted.

    The kernel's own archive inside the package is read as a stream: nothing of it is
    written to disk, and nothing is kept but these files.
    """
    found = []
    with open_debian(package) as outer:
        for member in outer:
            if pathlib.PurePosixPath(member.name).name == INNER_ARCHIVE:
                stream = outer.extractfile(member)
                with tarfile.open(fileobj=stream, mode="r|xz") as inner:
                    found += c_files(inner)
    return sorted(found)


def digest(source) -> str:
    """SHA-256 of paths and texts, as `read_source` gives them."""
    found = hashlib.sha256()
    for path, text in source:
        found.update(f"{path}\0{text}\0".encode())
    return found.hexdigest()


def c_files(archive):
    """Path below the kernel's folder, and text, of its C files in `FOLDERS`."""
    for member in archive:
        _, _, path = member.name.partition("/")
        if member.isfile() and path.endswith(".c") and path.split("/")[0] in FOLDERS:
            # All of them are UTF-8; one that were not would be told here.
            yield path, archive.extractfile(member).read().decode("utf-8")
