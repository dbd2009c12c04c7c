"""Pictures and their classes, from TFDS or from the user's own folder."""

import collections
import dataclasses
import hashlib
import os
import pathlib

import numpy as np

from kerasrnn.data.splits import SPLITS, splits_of
from kerasrnn.data.tfds_builder import prepared_builder, read_columns
from kerasrnn.data.user_file import open_file

# What files of pictures are called.
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")


@dataclasses.dataclass(frozen=True, repr=False)
class ImageClasses:
    """Images and their classes, in memory.

    Args:
        images: (N, H, W, C), uint8; or N paths of files.
        labels: (N,) int32, the class of each.
        label_names: names of the classes by number.
        digits: (N, 28, 28), uint8, what can be placed on a canvas anew; or None.

    Example:

    >>> images = np.zeros((2, 4, 4, 1), "uint8")
    >>> len(ImageClasses(images, np.array([1, 0]), ("no", "yes")))
    2
    """

    images: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    digits: np.ndarray | None = None

    def __post_init__(self):
        if len(self.labels) != len(self.images):
            raise ValueError(
                f"`labels` must have one entry for each of the {len(self.images)} "
                f"images; got {len(self.labels)}."
            )

    def __len__(self):
        return len(self.images)


def load_image_classes(
    name: str, split: str = "train", *, data_dir: str | os.PathLike | None = None
) -> ImageClasses:
    """Images and their classes, of a TFDS data set.

    Args:
        name: of a data set with images of one size and classes, such as
            `cluttered_digits` or `mnist`.
        split: what TFDS calls it.
        data_dir: TFDS's data directory; None: its default.

    Raises:
        ValueError: there is no such data set or split.
        FetchError: the data set is not on this machine and cannot be fetched.
    """
    expected = "`name` must be a data set that TFDS knows"
    builder = prepared_builder(name, data_dir, expected=expected)
    features = builder.info.features
    keys = builder.info.supervised_keys
    shape = getattr(features[keys[0]], "shape", ()) if keys else ()
    is_meant = keys and hasattr(features[keys[1]], "names")
    if not is_meant or len(shape) != 3 or None in shape:
        raise ValueError(
            "`name` must be a data set of images of one size and their classes; got "
            f"{name!r}."
        )
    columns = read_columns(builder, split)
    digits = columns["digit"].numpy()[..., 0] if "digit" in features else None
    return ImageClasses(
        columns[keys[0]].numpy(),
        columns[keys[1]].numpy().astype("int32"),
        tuple(features[keys[1]].names),
        digits,
    )


def read_image_classes(folder: str | os.PathLike) -> dict[str, ImageClasses]:
    """Pictures of the user's own: a folder with a folder of files for each class.

    Files that are not called as pictures are left out. A picture's split follows from
    its bytes alone (SHA-1 modulo 10: 0 test, 1 validation, else train; none stays empty
    where there are ten pictures), so that a picture that is there twice is in one split
    only. Classes are numbered in the order of their names.

    Args:
        folder: holds a folder for each class, called as the class.

    Returns:
        Of `"train"`, `"validation"` and `"test"` the paths of the pictures, as strings,
        and their classes.

    Raises:
        ValueError: the folder is not like this, a picture lies in the folders of two
            classes, or a split came out empty.
    """
    folder = pathlib.Path(folder)
    expected = "a folder with a folder of pictures for each class"
    if not folder.is_dir():
        raise ValueError(f"`folder` must be {expected}; got {str(folder)!r}.")
    files = {
        path.name: sorted(
            file
            for file in path.rglob("*")
            if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
        )
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".")
    }
    names = tuple(name for name, some in files.items() if some)
    if not 2 <= len(names) <= 100:
        raise ValueError(
            f"{folder} must be {expected}, of 2 to 100 classes; {len(names)} of its "
            f"{len(files)} folders hold pictures ({', '.join(SUFFIXES)})."
        )
    by_content: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
    for name in names:
        for file in files[name]:
            by_content[_content_key(file)].append((name, str(file)))
    for some in by_content.values():
        if len({name for name, _ in some}) > 1:
            (_, first), *_, (_, last) = some
            raise ValueError(
                f"{folder} must have a picture in the folder of one class only; "
                f"{first} and {last} are the same picture."
            )
    splits = splits_of(by_content)
    rows: dict[str, list[tuple[str, str]]] = {split: [] for split in SPLITS}
    for key, some in by_content.items():
        rows[splits[key]] += some
    if empty := [split for split in SPLITS if not rows[split]]:
        raise ValueError(
            f"{folder} holds {sum(map(len, rows.values()))} pictures, too few: none "
            f"fell into {' and '.join(empty)}. A hundred is a fair minimum."
        )
    return {
        split: ImageClasses(
            np.array([file for _, file in some], object),
            np.array([names.index(name) for name, _ in some], "int32"),
            names,
        )
        for split, some in ((split, sorted(some)) for split, some in rows.items())
    }


def _content_key(path):
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha1").hexdigest()
