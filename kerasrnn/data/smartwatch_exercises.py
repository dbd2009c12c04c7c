"""TFDS builder `smartwatch_exercises`: what a watch felt while its wearer exercised."""

import hashlib
import zipfile

import numpy as np
import tensorflow_datasets as tfds

from kerasrnn.data.array_pickle import read_pickled
from kerasrnn.fetching import FetchError, PackageFile, fetch

WHEEL = PackageFile(
    package="seglearn",
    version="1.2.5",
    filename="seglearn-1.2.5-py3-none-any.whl",
    sha256="ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
)
SERIES = "seglearn/data/watch_dataset.npy"
SERIES_SHA256 = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
CHANNELS = ("ax", "ay", "az", "wx", "wy", "wz")
EXERCISES = ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
# How many of the subjects are to test and to validate.
HELD_BACK = {"test": 2, "validation": 2}

_CITATION = """\
@article{burns2018shoulder,
  title   = {Shoulder Physiotherapy Exercise Recognition: Machine Learning the Inertial
             Signals from a Smartwatch},
  author  = {Burns, David M. and Leung, Nathan and Hardisty, Michael and Whyne, Cari M.
             and Henry, Patrick and McLachlin, Stewart},
  journal = {Physiological Measurement},
  volume  = {39},
  year    = {2018},
}
"""


class SmartwatchExercises(tfds.core.GeneratorBasedBuilder):
    """140 recordings of shoulder exercises by a watch, of ten people.

    Each has acceleration (ax, ay, az) and turning (wx, wy, wz) at 50 steps a second,
    while one of seven exercises was done about twenty times. Split by subject: of the
    ten, in the order of the SHA-1 of their numbers, the first two are to test, the next
    two to validate, the others to train.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "Recordings of a smartwatch during seven shoulder exercises of "
                "physiotherapy, from the Python package seglearn. The pickled file is "
                "read without executing it. BSD licence."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "subject": tfds.features.Text(),
                    "side": tfds.features.Text(),
                    "frames": tfds.features.Tensor(
                        shape=(None, len(CHANNELS)), dtype=np.float32
                    ),
                    "label": tfds.features.ClassLabel(names=EXERCISES),
                }
            ),
            supervised_keys=("frames", "label"),
            citation=_CITATION,
            license="BSD-3-Clause",
        )

    def _split_generators(self, dl_manager):
        with zipfile.ZipFile(fetch(WHEEL, dl_manager.download_dir)) as archive:
            content = archive.read(SERIES)
        if hashlib.sha256(content).hexdigest() != SERIES_SHA256:
            raise FetchError(f"{SERIES} in {WHEEL.filename} is another file.")
        examples = read_series(content)
        found = splits_of_subjects({row["subject"] for row in examples})
        splits = {"train": [], "validation": [], "test": []}
        for row in examples:
            splits[found[row["subject"]]].append(row)
        return {name: self._generate_examples(rows) for name, rows in splits.items()}

    def _generate_examples(self, examples):
        for example in examples:
            yield example["id"], example


def splits_of_subjects(subjects: set[str]) -> dict[str, str]:
    """The split of each subject, by the order of the SHA-1 of their names.

    Example:

    >>> found = splits_of_subjects({str(number) for number in range(1, 11)})
    >>> sorted(name for name, split in found.items() if split == "test")
    ['4', '9']
    """
    ordered = sorted(subjects, key=lambda name: hashlib.sha1(name.encode()).digest())
    names = [split for split, count in HELD_BACK.items() for _ in range(count)]
    return {
        subject: names[place] if place < len(names) else "train"
        for place, subject in enumerate(ordered)
    }


def read_series(content: bytes) -> list[dict]:
    """The recordings of `watch_dataset.npy`, in their order there."""
    data = read_pickled(content)
    if tuple(data["X_labels"]) != CHANNELS or tuple(data["y_labels"]) != EXERCISES:
        raise ValueError(f"{SERIES} must have the channels {', '.join(CHANNELS)}.")
    columns = ("X", "y", "subject", "side")
    rows = zip(*(data[column] for column in columns), strict=True)
    return [
        {
            "id": f"{number:03d}",
            "subject": str(int(subject)),
            "side": "right" if side else "left",
            "frames": np.asarray(frames, "float32"),
            "label": int(label),
        }
        for number, (frames, label, subject, side) in enumerate(rows)
    ]
