import collections
import hashlib
import io
import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from written_packages import deb, npm_archive

from kerasrnn.data import stamps_and_emoji
from kerasrnn.data.caption_groups import caption_key, join_groups
from kerasrnn.data.stamps_and_emoji import (
    base_code,
    is_photograph,
    render_svg,
    rgba_of,
    with_opacity,
)
from kerasrnn.data.tfds_builder import prepared_builder

SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="40pt" height="20pt">
<rect width="50" height="25" fill="#ff0000"/></svg>"""


def png(number, size=4):
    """A picture of one colour, another for every number."""
    pixel = [number % 256, number // 256, 7, 255]
    return tf.io.encode_png(tf.constant([[pixel] * size] * size, "uint8")).numpy()


def noise():
    """A picture in which no pixel equals its neighbour."""
    pixels = tf.random.stateless_uniform((8, 8, 3), (1, 2), 0, 256, "int32")
    return tf.io.encode_png(tf.cast(pixels, "uint8")).numpy()


STAMPS = {
    "animals/cartoon/cat.png": png(1),
    "animals/cartoon/cat.txt": "A cat.\nfr.utf8=Un chat.\nko.utf8=고양이\n".encode(),
    "animals/cat.png": noise(),
    "animals/cat.txt": "A  cat.\nen_GB.utf8=A moggy.\nko.utf8=집고양이\n".encode(),
    "animals/cat_mirror.png": png(2),
    "animals/puss.png": png(3),
    "animals/puss.txt": "A puss.\nko.utf8=집고양이.\n".encode(),
    "town/box.svg": SVG,
    "town/box.txt": b"A box.\n",
}
# Code points, label in English and in Korean, name.
EMOJI = [
    ("1F431", "cat", "고양이 얼굴", "CAT FACE"),
    ("1F3C3", "person running", "뛰는 사람", "RUNNER"),
    ("1F3C3-200D-2640-FE0F", "woman running", "뛰는 여자", "WOMAN RUNNING"),
    ("1F469", "woman", "여자", "WOMAN"),
    ("1F468-200D-1F9B0", "man: red hair", "남자: 빨간 머리", "RED HAIRED MAN"),
    ("1F468-200D-1F680", "man astronaut", "남자 우주비행사", "MAN ASTRONAUT"),
    ("1F469-200D-1F680", "woman astronaut", "여자 우주비행사", "WOMAN ASTRONAUT"),
    ("1F46B", "woman and man holding hands", "손 잡은 남녀", "HOLDING HANDS"),
]
SKINS = {
    "1F3C3": [("1F3C3-1F3FD", "person running: medium skin tone", "뛰는 사람: 갈색")],
    "1F46B": [
        ("1F469-1F3FB-200D-1F91D-200D-1F468-1F3FD", "woman and man: two tones", "두 색")
    ],
}
# More of them, so that there is one in each split.
EMOJI += [(f"{0x2600 + i:X}", f"sign {i}", f"표시 {i}", f"SIGN {i}") for i in range(40)]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    root = "./usr/share/tuxpaint/stamps/"
    contents = {
        stamps_and_emoji.STAMPS: deb({root + name: c for name, c in STAMPS.items()})
    }
    pictures, sheet, labels = {}, [], {"en": [], "ko": []}
    for number, (code, english, korean, name) in enumerate(EMOJI):
        sheet.append({"unified": code, "name": name})
        skins = SKINS.get(code, [])
        for place, one in enumerate([code, *(skin[0] for skin in skins)]):
            path = f"img/google/64/{one.lower()}.png"
            pictures[path] = png(100 + number + 300 * place)
        for place, language in enumerate(("en", "ko"), 1):
            labels[language].append(
                {
                    "hexcode": code,
                    "label": (english, korean)[place - 1],
                    "skins": [{"hexcode": s[0], "label": s[place]} for s in skins],
                }
            )
    pictures["img/apple/64/1f431.png"] = b"of another maker"
    contents[stamps_and_emoji.EMOJI] = npm_archive(
        {"emoji.json": json.dumps(sheet).encode(), **pictures}
    )
    contents[stamps_and_emoji.LABELS] = npm_archive(
        {f"{k}/data.json": json.dumps(v).encode() for k, v in labels.items()}
    )
    paths = {}
    for file, content in contents.items():
        paths[file] = folder / file.filename
        paths[file].write_bytes(content)
    return folder, paths


@pytest.fixture(scope="module")
def prepared(packages):
    """Examples by language and id, and what TFDS says of the two data sets."""
    pytest.importorskip("resvg_py")
    folder, paths = packages
    rows, infos = {}, {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fetch_debian", "fetch_npm"):
            patch.setattr(stamps_and_emoji, name, lambda file, _: paths[file])
        for language in ("en", "ko"):
            splits, infos[language] = tfds.load(
                f"stamps_and_emoji/{language}", data_dir=folder, with_info=True
            )
            rows[language] = {
                row["id"].decode(): {**row, "split": split}
                for split, dataset in splits.items()
                for row in tfds.as_numpy(dataset)
            }
    return rows, infos


def captions_of(row):
    return [caption.decode() for caption in row["captions"]]


def test_captions_kinds_and_pictures(prepared):
    rows, infos = prepared
    english = rows["en"]
    assert len(english) == 4 + len(EMOJI) + 2
    assert infos["en"].metadata["left_out"] == {"stamps": 1, "emoji": 0}
    assert captions_of(english["stamps/animals/cat"]) == ["A cat.", "A moggy."]
    assert captions_of(english["emoji/1f431"]) == ["cat", "cat face"]
    assert captions_of(english["emoji/1f3c3-200d-2640"]) == ["woman running"]
    kinds = {key: row["kind"].decode() for key, row in english.items()}
    assert kinds["stamps/animals/cat"] == "photograph"
    assert kinds["stamps/animals/puss"] == "drawing"
    assert kinds["stamps/animals/cartoon/cat"] == "drawing"
    assert kinds["emoji/1f431"] == "emoji"
    assert [key for key, row in english.items() if row["skin_tone"]] == [
        key for key in english if "1f3fb" in key or "1f3fd" in key
    ]
    assert english["emoji/1f431"]["image"][0, 0].tolist() == [100, 0, 7, 255]
    box = english["stamps/town/box"]["image"]
    assert box.shape == (256, 512, 4) and box[100, 100].tolist() == [255, 0, 0, 255]


def test_korean(prepared):
    rows, infos = prepared
    assert infos["ko"].metadata["left_out"] == {"stamps": 2, "emoji": 0}
    assert set(rows["en"]) - set(rows["ko"]) == {"stamps/town/box"}
    assert captions_of(rows["ko"]["emoji/1f431"]) == ["고양이 얼굴"]
    for key, row in rows["ko"].items():
        for what in ("split", "group", "kind"):
            assert row[what] == rows["en"][key][what]


def test_groups_follow_captions_in_all_languages_and_variants(prepared):
    groups = collections.defaultdict(set)
    for key, row in prepared[0]["en"].items():
        groups[row["group"].decode()].add(key)
    several = [group for group in groups.values() if len(group) > 1]
    assert sorted(map(sorted, several)) == [
        ["emoji/1f3c3", "emoji/1f3c3-1f3fd", "emoji/1f3c3-200d-2640"],
        [  # the two cats by their English, the puss by its Korean
            "emoji/1f431",
            "stamps/animals/cartoon/cat",
            "stamps/animals/cat",
            "stamps/animals/puss",
        ],
        ["emoji/1f468-200d-1f680", "emoji/1f469-200d-1f680"],
        ["emoji/1f468-200d-1f9b0", "emoji/1f469"],
        ["emoji/1f469-1f3fb-200d-1f91d-200d-1f468-1f3fd", "emoji/1f46b"],
    ]
    assert all(min(group) == name for name, group in groups.items())


def check_splits(rows):
    """No caption, and no group, is in two splits; these follow from the group."""
    splits = collections.defaultdict(set)
    for language, examples in rows.items():
        for row in examples.values():
            group = row["group"].decode()
            digit = int(hashlib.sha1(group.encode()).hexdigest(), 16) % 10
            assert row["split"] == {0: "test", 1: "validation"}.get(digit, "train")
            for caption in captions_of(row):
                splits[language, " ".join(caption.lower().split())].add(row["split"])
    assert len(splits) > 90
    assert not [caption for caption, found in splits.items() if len(found) > 1]
    assert {split for found in splits.values() for split in found} == {
        "train",
        "validation",
        "test",
    }


def test_no_caption_is_in_two_splits(prepared):
    check_splits(prepared[0])


@pytest.mark.parametrize(
    "code, other",
    [
        ("1f44d-1f3ff", "1f44d"),
        ("1f575-1f3fb-200d-2640", "1f575-200d-2642"),
        ("1f469-1f3fb-200d-1f9b1", "1f471"),
        ("1f9d4-200d-2642", "1f468"),
        ("1f6b6-200d-27a1", "1f6b6-1f3fd-200d-2640-200d-27a1"),
        ("1f468-200d-2764-200d-1f468", "1f491"),
        ("1f469-200d-2764-200d-1f48b-200d-1f468", "1f48f"),
        ("1f936-1f3fb", "1f9d1-200d-1f384"),
        ("1f469-200d-1f466", "1f468-200d-1f467"),
        ("1f3fb", "1f3ff"),
    ],
)
def test_variants_share_a_base(code, other):
    assert base_code(code) == base_code(other)


@pytest.mark.parametrize(
    "code, other",
    [
        ("2640", "2642"),
        ("1f468-200d-1f680", "1f468-200d-1f692"),
        ("1f44d", "1f44e"),
        ("1f415-200d-1f9ba", "1f415"),
    ],
)
def test_other_emoji_do_not(code, other):
    assert base_code(code) != base_code(other)


def test_what_captions_have_in_common():
    assert caption_key("  The  SUN! ") == caption_key("sun")
    assert caption_key("A") == "a" and caption_key("!") != caption_key("?")
    assert caption_key("고양이.") == caption_key("고양이")
    assert caption_key("a sun") != caption_key("a son")


def test_groups_join_over_any_chain():
    reasons = {name: [i, i + 1] for i, name in enumerate("gfedcba")}
    assert set(join_groups(reasons | {"z": []}).values()) == {"a", "z"}


def test_a_photograph_has_no_plane_of_one_colour():
    assert is_photograph(noise()) and not is_photograph(png(5))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_picture_of_few_bits_is_as_opaque_as_it_says(bits, transparent):
    # The operation that decodes gives 4 bits without opacity one of 15 in 255.
    palette = np.random.default_rng(bits).integers(0, 256, (2**bits, 3), dtype="uint8")
    indices = (np.arange(48).reshape(6, 8) % 2**bits).astype("uint8")
    image = Image.fromarray(indices, "P")
    image.putpalette(palette.tobytes())
    options = {"transparency": 1} if transparent else {}
    file = io.BytesIO()
    image.save(file, "PNG", bits=bits, **options)
    contents = file.getvalue()
    assert contents[24] == bits
    opacity = np.where(transparent & (indices == 1), 0, 255)[..., None]
    expected = np.concatenate([palette[indices], opacity], -1)
    np.testing.assert_array_equal(rgba_of(contents), expected)
    # As the data set is decoded, and its users do.
    found = tf.io.decode_png(with_opacity(contents), channels=4)
    np.testing.assert_array_equal(found, expected)
    assert (with_opacity(contents) == contents) == (transparent or bits == 8)


def test_without_resvg_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    with pytest.raises(ImportError, match=r"pip install 'kerasrnn\[caption\]'"):
        render_svg(SVG)


@pytest.mark.slow
def test_the_real_packages():
    rows = {}
    for language in ("en", "ko"):
        builder = prepared_builder(f"stamps_and_emoji/{language}")
        rows[language] = {}
        told = {"id": True, "captions": True, "group": True}
        splits = builder.as_dataset(decoders=tfds.decode.PartialDecoding(told))
        for split, dataset in splits.items():
            for row in tfds.as_numpy(dataset):
                rows[language][row["id"].decode()] = {**row, "split": split}
    assert len(rows["en"]) == 950 + 3786 and len(rows["ko"]) == 945 + 3786
    assert {k: rows["en"][k]["split"] for k in rows["ko"]} == {
        k: row["split"] for k, row in rows["ko"].items()
    }
    check_splits(rows)
