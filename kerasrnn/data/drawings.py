"""TFDS builder `drawings`: emoji as seven hands have drawn them."""

import collections
import dataclasses
import hashlib
import io
import itertools
import json
import re
import tarfile
import unicodedata
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn.data.caption_groups import caption_key, join_groups
from kerasrnn.data.drawn_svg import draw_svg
from kerasrnn.data.icon_sets import ICONS, icon_svg
from kerasrnn.data.splits import split_of
from kerasrnn.data.stamps_and_emoji import (
    LABELS,
    SKIN_TONES,
    base_code,
    distinct,
    plain_code,
)
from kerasrnn.fetching import fetch_npm, read_member

LANGUAGES = {"en": "English", "ko": "Korean", "de": "German", "es": "Spanish"}
# Those that say what belongs together, in every config.
GROUPED_BY = ("en", "ko")
SHORTCODES = ("github", "iamcal", "joypixels", "emojibase")

# The longer side of a picture, in pixels.
SIZE = 128
# The side of what two hands' drawings are compared at.
COMPARED_SIZE = 64
# Two drawings are copies if their pixels differ by less, as root mean square of 0 to
# 255. Of the 41,500 pairs of hands that drew the same emoji, 28 differ by 2 at most,
# nearly all letters of Noto and of the first Noto; none by 3 to 6; 16 by 7 to 10, such
# as squares, exclamation marks and a tooth. Half of the pairs differ by over 60.
COPY = 10.0

# Groups that the data set `stamps_and_emoji` knows by another emoji, since a stamp
# joins the two, or Noto draws both alike, or it lacks the former. So a thing that is
# new here is new there.
SAME_GROUP = {
    "1f1ea-1f1f8": "1f1ea-1f1e6",
    "1f1eb-1f1f7": "1f1e8-1f1f5",
    "1f1ed-1f1f2": "1f1e6-1f1fa",
    "1f1ee-1f1f4": "1f1e9-1f1ec",
    "1f1f2-1f1eb": "1f1e8-1f1f5",
    "1f1f3-1f1f4": "1f1e7-1f1fb",
    "1f1f8-1f1e6": "1f1e8-1f1f6",
    "1f1f8-1f1ef": "1f1e7-1f1fb",
    "1f1fa-1f1f8": "1f1fa-1f1f2",
    "1f3f5": "1f339",
    "1f401": "1f400",
    "1f404": "1f402",
    "1f411": "1f40f",
    "1f468-1f3fb-200d-1f430-200d-1f468-1f3fc": "1f46f",
    "1f468-1f3fb-200d-1faef-200d-1f468-1f3fc": "1f93c",
    "1f46a": "1f468-200d-1f468-200d-1f466",
    "1f4f7": "1f4ac",
    "1f604": "1f601",
    "1fad6": "1f3aa",
}

_CITATION = """\
@misc{iconify2025,
  title  = {Iconify icon sets noto, noto-v1, twemoji, openmoji, fluent-emoji-flat,
            emojione and fxemoji},
  author = {Google and Twitter and OpenMoji and Microsoft and JoyPixels and Mozilla},
  note   = {Apache-2.0, CC BY 4.0, CC BY-SA 4.0 and MIT; with names of the Unicode CLDR
            from emojibase, MIT},
  year   = {2025},
}
"""


class Drawings(tfds.core.GeneratorBasedBuilder):
    """Some 19,400 drawings of 1,957 things by up to seven hands each.

    One config a language: `en` (the default), `ko`, `de` and `es`. A picture's first
    caption is the emoji's name in the Unicode CLDR; further ones are its keywords.

    A group is what `stamps_and_emoji` puts together: emoji that differ only in skin
    tone, hair, gender or the side that they face, or share their name. Splits are the
    same in all languages, and follow from SHA-1, modulo 10:

    - `test_things` (0) and `validation_things` (1), of the group: new things, of which
      no hand's drawing is in `train`. They are those of `stamps_and_emoji`.
    - `test_drawings` and `validation_drawings`: new drawings of known things. For a
      tenth of the other groups (0, of `"drawing "` and the group), all that one hand
      has drawn of it is to test, and what another has drawn to validate; which hands,
      says the least SHA-1 of group and hand. Drawings by hands that copied one
      another go together, and one hand at least is left to learn from.
    - `train`: all others.

    Pictures to learn from that have the very pixels of one to test or validate are
    left out, and so are new drawings of what no picture to learn from shows.
    `info.metadata["left_out"]` counts both, and of each hand the icons that are no
    emoji of emojibase, or that it has withdrawn.
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
                "Emoji as drawn by Google (Noto, and the first Noto), Twitter, "
                "OpenMoji, Microsoft (Fluent), EmojiOne and Mozilla, 128 pixels wide, "
                "from the npm packages @iconify-json/*, named by the npm package "
                "emojibase-data. `thing` is the emoji without a skin tone, `hand` who "
                "drew it; `kind` is 'new thing' in `validation_things` and "
                "`test_things` and else 'known thing'."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "image": tfds.features.Image(
                        shape=(None, None, 4), encoding_format="png"
                    ),
                    "captions": tfds.features.Sequence(tfds.features.Text()),
                    "thing": tfds.features.Text(),
                    "hand": tfds.features.Text(),
                    "group": tfds.features.Text(),
                    "kind": tfds.features.Text(),
                    "skin_tone": tfds.features.Scalar(dtype=tf.bool),
                }
            ),
            supervised_keys=("image", "captions"),
            citation=_CITATION,
            license=(
                "Apache-2.0 (noto, noto-v1, fxemoji), CC BY 4.0 (twemoji, emojione), "
                "CC BY-SA 4.0 (openmoji), MIT (fluent-emoji-flat, names)"
            ),
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager):
        folder = dl_manager.download_dir
        names = read_names(fetch_npm(LABELS, folder))
        sets = {
            hand: IconSet.read(fetch_npm(file, folder)) for hand, file in ICONS.items()
        }
        codes = {names.key(label): code for code, label in names.labels("en").items()}
        codes = known_names(codes, names, sets.values())
        drawings, left_out = [], {}
        for hand, icons in sets.items():
            of_hand = icons.by_code(codes, names)
            left_out[hand] = len(icons.icons) - len(of_hand)
            drawings += [
                Drawing(hand, code, icons.draw(name))
                for code, name in sorted(of_hand.items())
            ]
        parts, dropped = split_drawings(drawings, groups_of(names))
        self.info.metadata["left_out"] = {**left_out, **dropped}
        captions = names.captions(self.builder_config.name)
        return {
            name: self._generate_examples(rows, captions, name.endswith("_things"))
            for name, rows in parts.items()
        }

    def _generate_examples(self, rows, captions, new):
        for drawing, group in rows:
            yield (
                drawing.id,
                {
                    "id": drawing.id,
                    # Its bytes as they are: nothing is decoded and encoded anew.
                    "image": io.BytesIO(drawing.png),
                    "captions": captions[drawing.code],
                    "thing": drawing.thing,
                    "hand": drawing.hand,
                    "group": group,
                    "kind": "new thing" if new else "known thing",
                    "skin_tone": drawing.skin_tone,
                },
            )


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A picture, and who drew what.

    Args:
        hand: one of `ICONS`.
        code: of the emoji, as `plain_code` gives it.
        png: the picture.
    """

    hand: str
    code: str
    png: bytes

    @property
    def id(self) -> str:
        """Hand and code."""
        return f"{self.hand}/{self.code}"

    @property
    def thing(self) -> str:
        """The code without skin tones, but for a skin tone alone."""
        points = self.code.split("-")
        return "-".join(p for p in points if p not in SKIN_TONES) or self.code

    @property
    def skin_tone(self) -> bool:
        """Whether it is another emoji in another skin tone."""
        return bool(SKIN_TONES & set(self.code.split("-")[1:]))


@dataclasses.dataclass(frozen=True)
class Names:
    """What emojibase calls the emoji.

    Args:
        entries: by language, its list of emoji, each with `skins`.
        unicode: by code, the Unicode name.
        shortcodes: by code, what programs for chats call it.
    """

    entries: dict[str, list[dict]]
    unicode: dict[str, str]
    shortcodes: dict[str, list[str]]

    def variants(self, language: str) -> Iterable[tuple[str, dict, dict]]:
        """Code, entry and entry of the emoji without skin tone, of all emoji."""
        for entry in self.entries[language]:
            for variant in (entry, *entry.get("skins", ())):
                yield plain_code(variant["hexcode"]), variant, entry

    def labels(self, language: str) -> dict[str, str]:
        """The name of each emoji, by code."""
        return {code: entry["label"] for code, entry, _ in self.variants(language)}

    def captions(self, language: str) -> dict[str, tuple[str, ...]]:
        """The name of each emoji, and its keywords, by code."""
        return {
            code: distinct([entry["label"], *base.get("tags", ())])
            for code, entry, base in self.variants(language)
        }

    @staticmethod
    def key(name: str) -> str:
        """What a name has in common with others of the same emoji.

        Example:

        >>> Names.key("flag: St. Barthélemy") == Names.key("flag-st-barthelemy")
        True
        """
        for sign, word in (("&", "and"), ("#", "hash"), ("*", "asterisk")):
            name = name.replace(sign, word)
        name = unicodedata.normalize("NFKD", name.lower())
        return re.sub("[^a-z0-9]", "", name)


def read_names(path) -> Names:
    """The names in emojibase's package."""
    with tarfile.open(path) as archive:

        def read(name):
            return json.loads(read_member(archive, f"package/{name}.json"))

        entries = {language: read(f"{language}/data") for language in LANGUAGES}
        unicode = read("meta/unicode-names")
        shortcodes: dict[str, list[str]] = collections.defaultdict(list)
        for kind in SHORTCODES:
            for code, some in read(f"en/shortcodes/{kind}").items():
                some = [some] if isinstance(some, str) else some
                shortcodes[plain_code(code)] += some
    unicode = {plain_code(code): name for code, name in unicode.items()}
    return Names(entries, unicode, shortcodes)


@dataclasses.dataclass(frozen=True)
class IconSet:
    """A hand's drawings.

    Args:
        icons: by name, the `body` of an SVG file, and its size where it has its own.
        size: width and height of the others.
        aliases: other names, by name.
        chars: by code, the name; empty where the package does not say.
    """

    icons: dict[str, dict]
    size: tuple[float, float]
    aliases: dict[str, str]
    chars: dict[str, str]

    @staticmethod
    def read(path) -> "IconSet":
        """The drawings in a package."""
        with tarfile.open(path) as archive:
            found = json.loads(read_member(archive, "package/icons.json"))
            chars = json.loads(read_member(archive, "package/chars.json"))
        # An alias that is turned is another picture.
        aliases = {
            name: alias["parent"]
            for name, alias in found.get("aliases", {}).items()
            if set(alias) == {"parent"}
        }
        return IconSet(
            found["icons"],
            (found["width"], found["height"]),
            aliases,
            {plain_code(code): name for code, name in dict(chars).items()},
        )

    def by_code(self, codes: dict[str, str], names: Names) -> dict[str, str]:
        """The name of the icon of each emoji that is drawn, by code.

        Args:
            codes: of all emoji, by `Names.key` of a name.
            names: of all emoji.
        """
        known = set(names.labels("en"))
        if self.chars:
            return {code: name for code, name in self.chars.items() if code in known}
        found: dict[str, str] = {}
        for name in self.icons:
            # As `flag-for-peru`, and `flag-for-flag-japan`.
            for way in (name, re.sub("^flag-for-(flag-)?", "flag-", name)):
                if code := codes.get(names.key(way)):
                    found.setdefault(code, name)
        return found

    def draw(self, name: str) -> bytes:
        """The icon as PNG, its longer side `SIZE` pixels."""
        svg, (width, height) = icon_svg(self.icons[name], self.size)
        return draw_svg(svg, **{"width" if width >= height else "height": SIZE})


def known_names(
    codes: dict[str, str], names: Names, sets: Iterable[IconSet]
) -> dict[str, str]:
    """Further names of the emoji, by `Names.key`; earlier ones count more.

    They are what those call them who say which emoji they draw, then the Unicode names,
    and last what programs for chats call one emoji alone.
    """
    codes, known = dict(codes), set(codes.values())
    sets = list(sets)
    for icons in sets:
        for code, name in icons.chars.items():
            if code in known:
                codes.setdefault(names.key(name), code)
    for icons in sets:
        for alias, name in icons.aliases.items():
            if names.key(name) in codes:
                codes.setdefault(names.key(alias), codes[names.key(name)])
    for code, name in names.unicode.items():
        if code in known:
            codes.setdefault(names.key(name), code)
    called = collections.defaultdict(set)
    for code in known:
        for name in names.shortcodes.get(code, ()):
            called[names.key(name)].add(code)
    for name, some in called.items():
        if len(some) == 1:
            codes.setdefault(name, *some)
    return codes


def groups_of(names: Names) -> dict[str, str]:
    """The group of every emoji, by code, as `stamps_and_emoji` has it."""
    reasons = collections.defaultdict(list)
    for language in GROUPED_BY:
        for code, entry, base in names.variants(language):
            reasons[code].append(("base", base_code(plain_code(base["hexcode"]))))
            reasons[code].append(("caption", caption_key(entry["label"])))
    return {
        code: f"emoji/{SAME_GROUP.get(leader, leader)}"
        for code, leader in join_groups(reasons).items()
    }


def split_drawings(drawings: list[Drawing], groups: dict[str, str]):
    """Which drawings are in which split, each with its group.

    Args:
        drawings: all of them.
        groups: of each emoji, by code.

    Returns:
        A list of (drawing, group) pairs for each split; and how many are left out, as
        "copies" of others and as "unknown", since nobody else has drawn the thing.
    """
    parts: dict[str, list[tuple[Drawing, str]]] = {
        name: []
        for name in (
            "train",
            "validation_drawings",
            "validation_things",
            "test_drawings",
            "test_things",
        )
    }
    by_group: dict[str, dict[str, list[Drawing]]] = {}
    for drawing in drawings:
        hands = by_group.setdefault(groups[drawing.code], {})
        hands.setdefault(drawing.hand, []).append(drawing)
    for group, hands in by_group.items():
        part = split_of(group)
        held_out = held_out_hands(group, hands) if part == "train" else {}
        for hand, some in hands.items():
            name = held_out.get(hand, "train") if part == "train" else f"{part}_things"
            parts[name] += [(drawing, group) for drawing in some]
    scored = {
        drawing.png for name in parts if name != "train" for drawing, _ in parts[name]
    }
    before = {name: len(rows) for name, rows in parts.items()}
    parts["train"] = [row for row in parts["train"] if row[0].png not in scored]
    known = {drawing.code for drawing, _ in parts["train"]}
    for name in ("validation_drawings", "test_drawings"):
        parts[name] = [row for row in parts[name] if row[0].code in known]
    left_out = {name: before[name] - len(rows) for name, rows in parts.items()}
    copies = left_out.pop("train")
    return parts, {"copies": copies, "unknown": sum(left_out.values())}


def held_out_hands(group: str, hands: dict[str, list[Drawing]]) -> dict[str, str]:
    """The split of those hands whose drawings of a group are not to learn from."""
    if split_of(f"drawing {group}") != "test":
        return {}
    # Hands that copied one another are one.
    small = {
        hand: {drawing.code: compared(drawing.png) for drawing in some}
        for hand, some in hands.items()
    }
    reasons = {hand: [hand] for hand in hands}
    for one, other in itertools.combinations(hands, 2):
        if any(
            difference(small[one][code], small[other][code]) < COPY
            for code in small[one].keys() & small[other].keys()
        ):
            reasons[one].append(other)
    leaders = join_groups(reasons)
    order = sorted(hands, key=lambda hand: _sha1(f"{group} {hand}"))
    apart = list(dict.fromkeys(leaders[hand] for hand in order))
    # The last of them is to learn from.
    split = dict(
        zip(apart[:-1], ("test_drawings", "validation_drawings"), strict=False)
    )
    return {hand: split[leaders[hand]] for hand in hands if leaders[hand] in split}


def _sha1(text):
    return hashlib.sha1(text.encode()).hexdigest()


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square of what two pictures' pixels differ by."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


def compared(png: bytes) -> np.ndarray:
    """The picture in the middle of a small white square, (H, W, 3), 0 to 255."""
    rgba = tf.cast(tf.io.decode_png(png, channels=4), tf.float32)
    opacity = rgba[..., 3:] / 255
    ink = (255 - rgba[..., :3]) * opacity
    side = max(ink.shape[:2])
    square = 255 - tf.image.resize_with_crop_or_pad(ink, side, side)
    return tf.image.resize(square, (COMPARED_SIZE, COMPARED_SIZE), "area").numpy()
