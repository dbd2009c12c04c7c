"""TFDS builder `stamps_and_emoji`: drawings, photographs and emoji with captions."""

import dataclasses
import hashlib
import io
import json
import pathlib
import re
import tarfile
from collections.abc import Hashable

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn.data.caption_groups import caption_key, join_groups
from kerasrnn.data.drawn_svg import draw_svg
from kerasrnn.data.splits import split_of
from kerasrnn.fetching import (
    PackageFile,
    fetch_debian,
    fetch_npm,
    open_debian,
    read_member,
)

STAMPS = PackageFile(
    package="tuxpaint-stamps-default",
    version="2022.06.04-1",
    filename="tuxpaint-stamps-default_2022.06.04-1_all.deb",
    sha256="6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
    source="tuxpaint-stamps",
)
EMOJI = PackageFile(
    package="emoji-datasource-google",
    version="16.0.0",
    filename="emoji-datasource-google-16.0.0.tgz",
    sha256="fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
)
LABELS = PackageFile(
    package="emojibase-data",
    version="17.0.0",
    filename="emojibase-data-17.0.0.tgz",
    sha256="d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
)
LANGUAGES = {"en": "English", "ko": "Korean"}

# The longer side of a drawing that is made of lines and not of pixels.
SVG_SIZE = 512

_PERSON, _CHILD, _ZWJ = "1f9d1", "1f9d2", "200d"
SKIN_TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}
# What follows a joiner and makes no other picture: hair, gender, facing right.
VARIANTS = {"1f9b0", "1f9b1", "1f9b2", "1f9b3", "2640", "2642", "27a1"}
# A man, a woman, a boy and so on, and the same without a gender.
NEUTRAL = {
    "1f468": _PERSON,
    "1f469": _PERSON,
    "1f471": _PERSON,  # blond hair
    "1f9d4": _PERSON,  # beard
    "1f466": _CHILD,
    "1f467": _CHILD,
    "1f474": "1f9d3",
    "1f475": "1f9d3",
    "1f934": "1fac5",
    "1f478": "1fac5",
    "1f930": "1fac4",
    "1fac3": "1fac4",
    "1f57a": "1f483",
    "1f385": f"{_PERSON}-1f384",
    "1f936": f"{_PERSON}-1f384",
    "1f46b": f"{_PERSON}-1f91d-{_PERSON}",
    "1f46c": f"{_PERSON}-1f91d-{_PERSON}",
    "1f46d": f"{_PERSON}-1f91d-{_PERSON}",
    "1f491": f"{_PERSON}-2764-{_PERSON}",
    "1f48f": f"{_PERSON}-2764-1f48b-{_PERSON}",
}

_CITATION = """\
@misc{tuxpaintstamps2022,
  title = {Tux Paint Stamps},
  note  = {GPL-2},
  year  = {2022},
}
@misc{notoemoji2024,
  title  = {Noto Emoji},
  author = {Google},
  note   = {Apache-2.0; with names of the Unicode CLDR from emojibase, MIT},
  year   = {2024},
}
"""


class StampsAndEmoji(tfds.core.GeneratorBasedBuilder):
    """Some 4,700 small pictures with captions that people wrote.

    One config a language: `en` (the default) and `ko`. An emoji's first caption is its
    name in the Unicode CLDR, a stamp's what Tux Paint says under it; in English a
    second one is the emoji's Unicode name, in lower case, or what an Australian or
    a Briton says, where that differs.

    Split by SHA-1 of the group, modulo 10: 0 test, 1 validation, else train; the same
    in all languages. In one group are pictures that share a caption, in any language
    and up to case, punctuation and a leading article; emoji that differ only in skin
    tone, hair, gender or the side that they face; and pictures of the same pixels.
    Pictures without a caption in the language are left out;
    `info.metadata["left_out"]` counts them.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name, description=f"Captions in {language}.")
        for name, language in LANGUAGES.items()
    ]

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "Stamps of the drawing program Tux Paint, drawings and photographs, "
                "from the Debian package tuxpaint-stamps-default, and the emoji of "
                "Noto Emoji, 64 pixels wide, from the npm package "
                "emoji-datasource-google, named by the npm package emojibase-data. "
                "`kind` tells a stamp that is a photograph from a drawing by a rule "
                "of thumb: in a photograph, neighbouring pixels are seldom the same."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "image": tfds.features.Image(
                        shape=(None, None, 4), encoding_format="png"
                    ),
                    "captions": tfds.features.Sequence(tfds.features.Text()),
                    "kind": tfds.features.Text(),
                    "group": tfds.features.Text(),
                    "skin_tone": tfds.features.Scalar(dtype=tf.bool),
                }
            ),
            supervised_keys=("image", "captions"),
            citation=_CITATION,
            license="GPL-2 (stamps), Apache-2.0 (emoji), MIT (names of emoji)",
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager):
        folder = dl_manager.download_dir
        pictures = {
            "stamps": read_stamps(fetch_debian(STAMPS, folder)),
            "emoji": read_emoji(fetch_npm(EMOJI, folder), fetch_npm(LABELS, folder)),
        }
        groups = groups_of([*pictures["stamps"], *pictures["emoji"]])
        language = self.builder_config.name
        self.info.metadata["left_out"] = {
            name: sum(language not in picture.captions for picture in some)
            for name, some in pictures.items()
        }
        splits = {"train": [], "validation": [], "test": []}
        for some in pictures.values():
            for picture in some:
                if language in picture.captions:
                    group = groups[picture.id]
                    splits[split_of(group)].append((picture, group))
        return {name: self._generate_examples(rows) for name, rows in splits.items()}

    def _generate_examples(self, rows):
        for picture, group in rows:
            yield (
                picture.id,
                {
                    "id": picture.id,
                    # Its bytes as they are: nothing is decoded and encoded anew.
                    "image": io.BytesIO(picture.png),
                    "captions": picture.captions[self.builder_config.name],
                    "kind": picture.kind,
                    "group": group,
                    "skin_tone": picture.skin_tone,
                },
            )


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture and what is said of it.

    Args:
        id: `stamps/` and the path of a stamp, or `emoji/` and its code points.
        png: the encoded picture.
        kind: "drawing", "photograph" or "emoji".
        captions: by language, the main one first; none where there is none.
        base: of an emoji, what it shares with its variants.
        skin_tone: whether it is another emoji in another skin tone.
    """

    id: str
    png: bytes
    kind: str
    captions: dict[str, tuple[str, ...]]
    base: str | None = None
    skin_tone: bool = False


def groups_of(pictures: list[Picture]) -> dict[str, str]:
    """The group of every picture, by id."""
    reasons: dict[str, list[tuple[str, Hashable]]] = {}
    for picture in pictures:
        whys: list[tuple[str, Hashable]] = [
            ("pixels", hashlib.sha256(pixels_of(picture.png)).digest())
        ]
        if picture.base is not None:
            whys.append(("base", picture.base))
        for captions in picture.captions.values():
            whys += [("caption", caption_key(caption)) for caption in captions]
        reasons[picture.id] = whys
    return join_groups(reasons)


def rgba_of(png: bytes) -> np.ndarray:
    """The pixels and their opacity, (H, W, 4), 0 to 255."""
    pixels = tf.io.decode_png(png, channels=4).numpy()
    if has_filled_opacity(png):
        pixels[..., 3] = 255
    return pixels


def with_opacity(png: bytes) -> bytes:
    """The picture; written anew where who decodes it with opacity gets a wrong one."""
    return tf.io.encode_png(rgba_of(png)).numpy() if has_filled_opacity(png) else png


def has_filled_opacity(png: bytes) -> bool:
    """Whether a PNG is opaque and of less than 8 bits.

    TensorFlow fills the opacity of such a one with the largest number of so many bits,
    15 for 4 bits, which means that it is hardly there.
    """
    header = png[: png.index(b"IDAT")]
    return png[24] < 8 and b"tRNS" not in header


def pixels_of(png: bytes) -> bytes:
    """Height and width, and the pixels."""
    image = rgba_of(png)
    return repr(image.shape).encode() + image.tobytes()


def distinct(captions) -> tuple[str, ...]:
    """The captions that say something, without those that only repeat another.

    Example:

    >>> distinct(["A star.", "", "The sun.", "a star"])
    ('A star.', 'The sun.')
    """
    kept: dict[str, str] = {}
    for caption in captions:
        if caption := " ".join(caption.split()).removeprefix("– "):
            kept.setdefault(caption_key(caption), caption)
    return tuple(kept.values())


def read_stamps(path) -> list[Picture]:
    """The stamps in Tux Paint's Debian package.

    Raises:
        ImportError: resvg is not installed.
    """
    root = "./usr/share/tuxpaint/stamps/"
    files = {}
    with open_debian(path) as archive:
        for member in archive:
            name = member.name.removeprefix(root)
            if member.isfile() and name.endswith((".png", ".svg", ".txt")):
                files[name] = read_member(archive, member)
    pictures = []
    for stem in sorted({name[:-4] for name in files if not name.endswith(".txt")}):
        captions = stamp_captions(files.get(f"{stem}.txt", b""))
        if f"{stem}.png" in files:
            png = with_opacity(files[f"{stem}.png"])
        else:
            png = render_svg(files[f"{stem}.svg"])
        drawn = f"{stem}.svg" in files or "cartoon" in pathlib.PurePath(stem).parts
        kind = "photograph" if not drawn and is_photograph(png) else "drawing"
        pictures.append(Picture(f"stamps/{stem}", png, kind, captions))
    return pictures


def stamp_captions(text: bytes) -> dict[str, tuple[str, ...]]:
    r"""Captions by language: the first line is English, others say which they are.

    Example:

    >>> stamp_captions(b"A tire.\nen_GB.utf8=A tyre.\nfr.utf8=Un pneu.\n")
    {'en': ('A tire.', 'A tyre.')}
    """
    first, *others = text.decode("utf-8").split("\n")
    written: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    written["en"].append(first)
    for line in others:
        if found := re.match(r"([a-z]+)(_[A-Z]+)?\.utf8=(.*)", line):
            if found[1] in written:
                written[found[1]].append(found[3])
    captions = {language: distinct(some) for language, some in written.items()}
    return {language: some for language, some in captions.items() if some}


def render_svg(svg: bytes) -> bytes:
    """The drawing as PNG, its longer side `SVG_SIZE` pixels."""
    source = svg.decode("utf-8")
    dpi = 90  # what a point was to the program that these were drawn with
    height, width, _ = tf.io.decode_png(draw_svg(source, dpi=dpi)).shape
    side = "width" if width >= height else "height"
    return draw_svg(source, dpi=dpi, **{side: SVG_SIZE})


def is_photograph(png: bytes) -> bool:
    """Whether few of the pixels equal their neighbour: no plane of one colour."""
    image = rgba_of(png)
    left, right = image[:, :-1], image[:, 1:]
    opaque = (left[..., 3] > 250) & (right[..., 3] > 250)
    same = (left == right).all(-1) & opaque
    return bool(same.sum() <= 0.1 * opaque.sum())


def read_emoji(pictures_path, labels_path) -> list[Picture]:
    """The emoji of two npm packages: one has the pictures, the other their names."""
    with tarfile.open(pictures_path) as archive:
        png, names = {}, {}
        for member in archive:
            path = pathlib.PurePath(member.name)
            if path.match("img/google/64/*.png"):
                contents = read_member(archive, member)
                png[plain_code(path.stem)] = with_opacity(contents)
            elif path.match("package/emoji.json"):
                for entry in json.loads(read_member(archive, member)):
                    names[plain_code(entry["unified"])] = entry["name"].lower()
    captions: dict[str, dict[str, tuple[str, ...]]] = {code: {} for code in png}
    bases = {}
    with tarfile.open(labels_path) as archive:
        for language in LANGUAGES:
            data = read_member(archive, f"package/{language}/data.json")
            for entry in json.loads(data):
                code = plain_code(entry["hexcode"])
                for variant in (entry, *entry.get("skins", ())):
                    one = plain_code(variant["hexcode"])
                    bases[one] = base_code(code)
                    said = [variant["label"]]
                    if language == "en":
                        said.append(names.get(one, ""))
                    if one in captions and (kept := distinct(said)):
                        captions[one][language] = kept
    return [
        Picture(
            f"emoji/{code}",
            png[code],
            "emoji",
            captions[code],
            base=bases.get(code, base_code(code)),
            skin_tone=bool(SKIN_TONES & set(code.split("-")[1:])),
        )
        for code in sorted(png)
    ]


def plain_code(code: str) -> str:
    """Code points in lower case, without those that only ask for colours.

    Example:

    >>> plain_code("2764-FE0F")
    '2764'
    """
    return "-".join(point for point in code.lower().split("-") if point != "fe0f")


def base_code(code: str) -> str:
    """What an emoji shares with those that differ in skin tone, hair or gender.

    Args:
        code: as `plain_code` gives it.

    Example:

    >>> base_code("1f469-1f3fd-200d-1f680")  # a woman astronaut, medium skin tone
    '1f9d1-1f680'
    >>> base_code("1f468-200d-1f680")
    '1f9d1-1f680'
    """
    points = [point for point in code.split("-") if point not in SKIN_TONES]
    kept = [
        NEUTRAL.get(point, point)
        for before, point in zip([None, *points], points, strict=False)
        if point != _ZWJ and not (before == _ZWJ and point in VARIANTS)
    ]
    return "-".join(kept) or "skin tone"
