"""Pictures and what people say of them, from TFDS or from the user's own folder."""

import collections
import dataclasses
import itertools
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

from kerasrnn.data.caption_groups import caption_key, join_groups
from kerasrnn.data.splits import SPLITS, splits_of
from kerasrnn.data.tfds_builder import prepared_builder, unknown_split
from kerasrnn.data.train_extra import tensorflow_datasets
from kerasrnn.data.user_file import open_file, read_lines

# What a data set calls the key of a picture, the first of them that it has.
KEY_FEATURES = ("id", "image/id", "image_id", "image/filename")


@dataclasses.dataclass(frozen=True, repr=False)
class CaptionedImages:
    """Pictures with captions: these in memory, those read when asked for.

    Args:
        keys: what each picture is called.
        captions: of each picture one or more, the main one first.
        kinds: of each picture, such as "drawing"; "" where the data set has none.
        read: gives the encoded pictures in the order of `keys`, one at a time.
        left_out: how many pictures there were besides, without a caption.
        variants: whether a picture is another one in another skin tone; by default
            none is.

    Example:

    >>> read = lambda: iter([b"one", b"two", b"three"])
    >>> captions = (("A cat.",), ("A dog.", "A puppy."), ("A sun.",))
    >>> images = CaptionedImages(("x", "y", "z"), captions, ("", "", ""), read)
    >>> images.pictures([2, 0])
    [b'three', b'one']
    >>> images.select([1, 2]).keys
    ('y', 'z')
    >>> (images.select([2]) + images).keys
    ('z', 'x', 'y', 'z')
    """

    keys: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    kinds: tuple[str, ...]
    read: Callable[[], Iterator[bytes]]
    left_out: int = 0
    variants: tuple[bool, ...] | None = None

    def __post_init__(self):
        if self.variants is None:
            object.__setattr__(self, "variants", (False,) * len(self.keys))
        for name in ("captions", "kinds", "variants"):
            if len(getattr(self, name)) != len(self):
                raise ValueError(
                    f"`{name}` must have one entry for each of the {len(self)} keys; "
                    f"got {len(getattr(self, name))}."
                )
        for key, captions in zip(self.keys, self.captions, strict=True):
            if not captions:
                raise ValueError(
                    f"`captions` must have some for every key; got none for {key!r}."
                )

    def __len__(self):
        return len(self.keys)

    def __repr__(self):
        captions = sum(map(len, self.captions))
        return (
            f"CaptionedImages({len(self)} pictures, {captions} captions, "
            f"{self.left_out} left out)"
        )

    def __add__(self, other: "CaptionedImages") -> "CaptionedImages":
        def read():
            return itertools.chain(self.read(), other.read())

        return CaptionedImages(
            self.keys + other.keys,
            self.captions + other.captions,
            self.kinds + other.kinds,
            read,
            self.left_out + other.left_out,
            (self.variants or ()) + (other.variants or ()),
        )

    def pictures(self, rows: Sequence[int]) -> list[bytes]:
        """The encoded pictures of these rows, in this order."""
        return list(self.select(rows).read())

    def select(self, rows: Sequence[int]) -> "CaptionedImages":
        """These rows in this order; while it is ascending, none waits in memory."""
        rows = [int(row) for row in rows]
        if wrong := [row for row in rows if not 0 <= row < len(self)]:
            raise ValueError(
                f"`rows` must be from 0 to {len(self) - 1}; got {wrong[0]}."
            )

        def read():
            left = collections.Counter(rows)
            waiting, turn = {}, 0
            for row, picture in enumerate(self.read() if rows else ()):
                if row in left:
                    waiting[row] = picture
                while turn < len(rows) and rows[turn] in waiting:
                    row = rows[turn]
                    yield waiting[row]
                    turn += 1
                    left[row] -= 1
                    if not left[row]:
                        del waiting[row]
                if turn == len(rows):
                    return

        def taken(column):
            return tuple(column[row] for row in rows)

        return CaptionedImages(
            taken(self.keys),
            taken(self.captions),
            taken(self.kinds),
            read,
            self.left_out,
            taken(self.variants),
        )


def load_captions(
    name: str,
    split: str = "train",
    *,
    config: str | None = None,
    kinds: Sequence[str] | None = None,
    most_captions: int | None = None,
    data_dir: str | os.PathLike | None = None,
) -> CaptionedImages:
    """Pictures with captions of a TFDS data set.

    Args:
        name: of a TFDS data set with a feature `image`, and one `captions` that is a
            sequence of texts, or of dictionaries with a `text`: `stamps_and_emoji`,
            `drawings`, `coco_captions`.
        split: what TFDS calls it; `"train[:90%]"` works too.
        config: which of the data set's configs; None: its default.
        kinds: only pictures of these kinds, of a data set that has kinds; None: all.
        most_captions: of each picture only so many, the first; None: all.
        data_dir: TFDS's data directory; None: its default.

    Raises:
        ValueError: there is no such data set, config, split or kind, or
            `most_captions` is less than one.
        FetchError: the data set is not on this machine and cannot be fetched.
    """
    tfds = tensorflow_datasets()

    if most_captions is not None and most_captions < 1:
        raise ValueError(
            f"`most_captions` must be None or at least 1; got {most_captions}."
        )
    builder = prepared_builder(
        f"{name}/{config}" if config else name,
        data_dir,
        expected="`name` and `config` must be of a data set that TFDS knows",
    )
    features = builder.info.features
    if not {"image", "captions"} <= set(features):
        raise ValueError(
            "`name` must be a data set with `image` and `captions`; "
            f"{name} has {', '.join(sorted(features))}."
        )
    # One file after the other, so that the order is always the same.
    order = tfds.ReadConfig(interleave_cycle_length=1)

    def rows(wanted, decoders=None):
        dataset = builder.as_dataset(
            split=split,
            shuffle_files=False,
            read_config=order,
            decoders=tfds.decode.PartialDecoding(wanted, decoders=decoders),
        )
        return dataset.as_numpy_iterator()

    def read():
        encoded = {"image": tfds.decode.SkipDecoding()}
        return (row["image"] for row in rows({"image": True}, encoded))

    nested = isinstance(features["captions"].feature, tfds.features.FeaturesDict)
    wanted = {"captions": {"text"} if nested else True}
    key = next((name for name in KEY_FEATURES if name in features), None)
    wanted |= {n: True for n in (key, "kind", "skin_tone") if n and n in features}
    try:
        table = list(rows(wanted))
    except ValueError as error:
        raise unknown_split(builder, split) from error
    captions = [
        clean_captions(row["captions"]["text"] if nested else row["captions"])[
            :most_captions
        ]
        for row in table
    ]
    kept = [number for number, some in enumerate(captions) if some]
    everything = CaptionedImages(
        tuple(text_of(row[key]) if key else str(n) for n, row in enumerate(table)),
        # Those without a caption are not selected below.
        tuple(some or ("",) for some in captions),
        tuple(text_of(row.get("kind", b"")) for row in table),
        read,
        len(table) - len(kept),
        tuple(bool(row.get("skin_tone", False)) for row in table),
    )
    if kinds is not None:
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        known = sorted(set(everything.kinds) - {""})
        if not known or not set(kinds) <= set(known):
            raise ValueError(
                f"`kinds` must be among {known} for {name}; got {kinds}."
                if known
                else f"`kinds` must be None for {name}, which has none; got {kinds}."
            )
        kept = [number for number in kept if everything.kinds[number] in kinds]
    return everything.select(kept)


def clean_captions(captions) -> tuple[str, ...]:
    """Decoded, without spaces too many, and without those that are empty."""
    texts = (" ".join(text_of(caption).split()) for caption in captions)
    return tuple(text for text in texts if text)


def text_of(value) -> str:
    """A string, from the bytes or the number that TFDS gives."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_captions(
    folder: str | os.PathLike, captions_file: str | os.PathLike | None = None
) -> dict[str, CaptionedImages]:
    """Pictures of the user's own, and a file with a caption a line.

    A line is the picture's path within the folder, a tab, a caption. A picture may
    have several lines; its first one is its main caption. Blank lines are left out,
    and so is a first line `file<tab>caption`. Pictures that share a caption, up to
    case and punctuation, are in one group, and the split follows from the group's
    first caption in alphabetical order (SHA-1 modulo 10: 0 test, 1 validation, else
    train; none stays empty where there are ten groups).

    Args:
        folder: of the pictures.
        captions_file: UTF-8; None: `captions.tsv` in the folder.

    Returns:
        Pictures of `"train"`, `"validation"` and `"test"`.

    Raises:
        ValueError: the file is not like this (it says in which line), a picture is
            not there or not in the folder, or a split came out empty.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise ValueError(f"`folder` must be a folder of pictures; got {str(folder)!r}.")
    path = pathlib.Path(captions_file or folder / "captions.tsv")
    if not path.exists():
        raise ValueError(
            f"Cannot read {path}: No such file or directory. It must have a line "
            "file<tab>caption for every picture."
        )
    captions = read_caption_lines(path, folder)
    leaders = join_groups(
        {file: list(map(caption_key, some)) for file, some in captions.items()}
    )
    names: dict[str, str] = {}
    for file, some in captions.items():
        first = min(map(caption_key, some))
        names[leaders[file]] = min(first, names.get(leaders[file], first))
    files: dict[str, list[str]] = {split: [] for split in SPLITS}
    splits = splits_of(names.values())
    for file in captions:
        files[splits[names[leaders[file]]]].append(file)
    if empty := [split for split in SPLITS if not files[split]]:
        raise ValueError(
            f"{path} holds {len(captions)} pictures, too few: none fell into "
            f"{' and '.join(empty)}. A hundred is a fair minimum."
        )

    def reader(some):
        return lambda: (read_picture(folder / file) for file in some)

    return {
        split: CaptionedImages(
            tuple(some),
            tuple(tuple(captions[file]) for file in some),
            ("",) * len(some),
            reader(some),
        )
        for split, some in files.items()
    }


def read_caption_lines(path, folder) -> dict[str, list[str]]:
    """Captions of a file's pictures, which must all be in the folder."""
    captions: dict[str, list[str]] = {}
    inside = pathlib.Path(os.path.realpath(folder))
    for number, line in read_lines(path):
        cells = [cell.strip() for cell in line.split("\t")]
        header = not captions and [cell.lower() for cell in cells] == [
            "file",
            "caption",
        ]
        if header or not any(cells):
            continue
        if len(cells) != 2 or not all(cells):
            raise ValueError(
                f"{path}, line {number}: must be file<tab>caption, both filled; got "
                f"{len(cells)} column{'s' * (len(cells) > 1)}: {line[:60]!r}."
            )
        file, caption = cells
        # Symbolic links are followed: what they point at is what would be read.
        if inside not in pathlib.Path(os.path.realpath(folder / file)).parents:
            raise ValueError(
                f"{path}, line {number}: the picture must be in {folder}; {file!r} "
                "leads out of it."
            )
        if not os.path.isfile(folder / file):
            hint = ""
            if os.path.isfile(folder / caption):
                hint = " The columns seem to be swapped: it must be file<tab>caption."
            raise ValueError(
                f"{path}, line {number}: there is no picture {file!r} in {folder}."
                f"{hint}"
            )
        captions.setdefault(file, []).append(caption)
    if not captions:
        raise ValueError(f"{path} must have a line file<tab>caption; it has none.")
    return captions


def read_picture(path: pathlib.Path) -> bytes:
    """The file's bytes."""
    with open_file(path) as file:
        return file.read()
