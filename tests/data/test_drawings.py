import collections
import json

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from written_packages import npm_archive

from kerasrnn.data import drawings, load_captions
from kerasrnn.data.drawings import (
    COMPARED_SIZE,
    ICONS,
    Drawing,
    compared,
    difference,
    held_out_hands,
    split_drawings,
)
from kerasrnn.data.splits import split_of

COLOURS = ("red", "green", "blue", "yellow", "orange", "purple", "teal")
# These do not say which emoji they draw, only what they call it.
BY_NAME = ("noto-v1", "emojione", "fxemoji")
LABELS = {
    "en": lambda number: f"sign {number}",
    "ko": lambda number: f"표시 {number}",
    "de": lambda number: f"Zeichen {number}",
    "es": lambda number: f"señal {number}",
}
# Enough of them that there are some in each split.
CODES = [f"{0x2600 + number:x}" for number in range(40)]
COPIED = {CODES.index(code) for code in CODES if int(code, 16) % 3 == 0}


def body(hand, number):
    """A drawing that differs from all others, but for copies in the noto sets."""
    hands = list(ICONS)
    colour = COLOURS[hands.index(hand)]
    if hand == "noto-v1" and number in COPIED:
        colour = COLOURS[hands.index("noto")]
    points = f"0,0 20,{number % 20} {number // 20},20"
    return f'<rect width="36" height="36" fill="{colour}"/><polygon points="{points}"/>'


def icons(hand, count):
    named = {f"sign-{n}": {"body": body(hand, n)} for n in range(count)}
    named["gone"] = {"body": "<g/>", "hidden": True}
    chars = {code: f"sign-{n}" for n, code in enumerate(CODES[:count])}
    if hand == "emojione":
        named["flag-for-peru"] = {"body": body(hand, 30), "width": 18, "height": 36}
    return npm_archive(
        {
            "icons.json": json.dumps(
                {"icons": named, "width": 36, "height": 36, "aliases": {}}
            ).encode(),
            "chars.json": json.dumps({} if hand in BY_NAME else chars).encode(),
        }
    )


def entry(code, label, **more):
    return {"hexcode": code.upper(), "label": label, **more}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Examples by config and id, and what TFDS says of the data set."""
    pytest.importorskip("resvg_py")
    folder = tmp_path_factory.mktemp("packages")
    contents = {file: icons(hand, len(CODES)) for hand, file in ICONS.items()}
    files = {
        f"{language}/data.json": [
            *(entry(c, label(n), tags=["mark", label(n)]) for n, c in enumerate(CODES)),
            entry("1f1f5-1f1ea", "flag: Peru" if language == "en" else "x"),
        ]
        for language, label in LABELS.items()
    }
    files["meta/unicode-names.json"] = {}
    for kind in drawings.SHORTCODES:
        files[f"en/shortcodes/{kind}.json"] = {}
    contents[drawings.LABELS] = npm_archive(
        {name: json.dumps(data).encode() for name, data in files.items()}
    )
    paths = {}
    for file, content in contents.items():
        paths[file] = folder / file.filename
        paths[file].write_bytes(content)
    rows, infos = {}, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawings, "fetch_npm", lambda file, _: paths[file])
        for language in ("en", "ko"):
            splits, infos[language] = tfds.load(
                f"drawings/{language}", data_dir=folder, with_info=True
            )
            rows[language] = {
                row["id"].decode(): {**row, "split": split}
                for split, dataset in splits.items()
                for row in tfds.as_numpy(dataset)
            }
        images = load_captions(
            "drawings", "test_things", most_captions=1, data_dir=folder
        )
    return rows, infos, images


@pytest.mark.long
def test_what_an_example_is(prepared):
    rows, infos, _ = prepared
    row = rows["en"]["twemoji/2605"]
    assert row["image"].shape == (128, 128, 4)
    assert row["image"][20, 20].tolist() == [0, 0, 0, 255]
    assert row["image"][120, 120].tolist() == [0, 0, 255, 255]
    assert [c.decode() for c in row["captions"]] == ["sign 5", "mark"]
    assert [c.decode() for c in rows["ko"]["twemoji/2605"]["captions"]] == [
        "표시 5",
        "mark",
    ]
    for name, expected in {
        "thing": b"2605",
        "hand": b"twemoji",
        "group": b"emoji/2605",
        "skin_tone": False,
    }.items():
        assert row[name] == expected
    assert rows["en"]["emojione/1f1f5-1f1ea"]["image"].shape == (128, 64, 4)
    assert infos["en"].supervised_keys == ("image", "captions")
    # Read from the disk, it still knows.
    left_out = infos["en"].metadata["left_out"]
    assert left_out == dict.fromkeys(ICONS, 1) | {"copies": 0, "unknown": 0}


@pytest.mark.long
def test_splits(prepared):
    rows = prepared[0]["en"]
    assert len(rows) == 7 * len(CODES) + 1
    assert {key: row["split"] for key, row in rows.items()} == {
        key: row["split"] for key, row in prepared[0]["ko"].items()
    }
    of_code = collections.defaultdict(dict)
    for row in rows.values():
        of_code[row["thing"].decode()][row["hand"].decode()] = row["split"]
        new = row["split"].endswith("_things")
        assert row["kind"] == (b"new thing" if new else b"known thing")
    for code in CODES:
        splits, part = set(of_code[code].values()), split_of(f"emoji/{code}")
        if part != "train":
            assert splits == {f"{part}_things"}
        elif split_of(f"drawing emoji/{code}") == "test":
            assert splits == {"train", "test_drawings", "validation_drawings"}
            by_split = collections.Counter(of_code[code].values())
            if int(code, 16) % 3:
                assert by_split["test_drawings"] == 1
                assert by_split["validation_drawings"] == 1
            else:
                assert of_code[code]["noto"] == of_code[code]["noto-v1"]
        else:
            assert splits == {"train"}
    counts = collections.Counter(row["split"] for row in rows.values())
    assert set(counts) == {
        "train",
        "validation_drawings",
        "validation_things",
        "test_drawings",
        "test_things",
    }


def test_captions_are_read_as_others_are(prepared):
    rows, _, images = prepared
    assert set(images.kinds) == {"new thing"}
    for key, captions in zip(images.keys, images.captions, strict=True):
        assert captions == (rows["en"][key]["captions"][0].decode(),)


def picture(colour, size=(8, 8), opacity=255):
    pixel = [*colour, opacity]
    return tf.io.encode_png(tf.constant([[pixel] * size[1]] * size[0], "uint8")).numpy()


def test_pictures_are_compared_on_white():
    white, black = compared(picture((255, 255, 255))), compared(picture((0, 0, 0)))
    assert white.shape == (COMPARED_SIZE, COMPARED_SIZE, 3)
    assert difference(white, black) == 255 and difference(black, black) == 0
    # Nothing of it is seen.
    assert difference(white, compared(picture((0, 0, 0), opacity=0))) == 0
    # A half of it is.
    half = compared(picture((0, 0, 0), (8, 4)))
    assert difference(white, half) == pytest.approx(255 * 0.5**0.5)
    assert half[:, 0].tolist() == [[255.0] * 3] * COMPARED_SIZE


def test_hands_that_copied_go_together_and_one_is_left():
    group = next(
        name
        for name in (f"emoji/{n}" for n in range(1000))
        if split_of(f"drawing {name}") == "test"
    )
    colours = {
        "noto": (255, 0, 0),
        "noto-v1": (250, 4, 0),  # a copy
        "twemoji": (0, 0, 255),
        "openmoji": (0, 255, 0),
    }
    hands = {hand: [Drawing(hand, "1", picture(c))] for hand, c in colours.items()}
    found = held_out_hands(group, hands)
    assert found.get("noto") == found.get("noto-v1")
    assert sorted(set(found.values())) == ["test_drawings", "validation_drawings"]
    assert len(found) < len(hands)
    two = {hand: hands[hand] for hand in ("noto", "noto-v1", "openmoji")}
    assert set(held_out_hands(group, two).values()) == {"test_drawings"}
    assert held_out_hands(group, {"noto": hands["noto"]}) == {}
    copies = {hand: hands[hand] for hand in ("noto", "noto-v1")}
    assert held_out_hands(group, copies) == {}


def test_what_is_left_out():
    numbers = [str(n) for n in range(1000)]
    groups = {n: f"emoji/{n}" for n in numbers}
    new = next(n for n in numbers if split_of(groups[n]) == "test")
    tenth = next(
        n
        for n in numbers
        if split_of(groups[n]) == "train" and split_of(f"drawing {groups[n]}") == "test"
    )
    colours = {"noto": (255, 0, 0), "twemoji": (0, 0, 255), "openmoji": (0, 255, 0)}
    known = [Drawing(hand, tenth, picture(c)) for hand, c in colours.items()]
    held_out = held_out_hands(groups[tenth], {d.hand: [d] for d in known})
    (tester,) = (hand for hand, split in held_out.items() if split == "test_drawings")
    groups["alone"] = groups[tenth]
    alone = Drawing(tester, "alone", picture((9, 9, 9)))
    shown = Drawing("noto", new, picture((1, 2, 3)))
    other = next(
        n
        for n in numbers
        if split_of(groups[n]) == split_of(f"drawing {groups[n]}") == "train"
    )
    same = Drawing("twemoji", other, shown.png)
    parts, left_out = split_drawings([*known, alone, shown, same], groups)
    assert left_out == {"copies": 1, "unknown": 1}
    assert {name: len(rows) for name, rows in parts.items()} == {
        "train": 1,
        "validation_drawings": 1,
        "validation_things": 0,
        "test_drawings": 1,
        "test_things": 1,
    }
    assert parts["test_things"] == [(shown, f"emoji/{new}")]


@pytest.mark.parametrize(
    "code, thing, toned",
    [
        ("1f44d-1f3fd", "1f44d", True),
        ("1f468-1f3fb-200d-1f680", "1f468-200d-1f680", True),
        ("1f3fb", "1f3fb", False),
        ("1f44d", "1f44d", False),
    ],
)
def test_a_thing_has_no_skin_tone(code, thing, toned):
    drawing = Drawing("noto", code, b"")
    assert (drawing.thing, drawing.skin_tone) == (thing, toned)


def test_names_lead_to_emoji(prepared):
    names = drawings.Names(
        {
            language: [
                entry("1f1f5-1f1ea", "flag: Peru"),
                entry("1f620", "angry face"),
                entry("1f621", "enraged face"),
                entry("2a", "keycap: *"),
            ]
            for language in LABELS
        },
        {"1f620": "ANGRY FACE", "1f621": "POUTING FACE"},
        {"1f620": ["angry", "mad"], "1f621": ["rage", "mad"]},
    )
    says = drawings.IconSet({}, (1, 1), {"furious": "cross"}, {"1f620": "cross"})
    codes = {names.key(label): code for code, label in names.labels("en").items()}
    codes = drawings.known_names(codes, names, [says])
    asked = ["cross", "furious", "pouting-face", "angry", "rage", "keycap-asterisk"]
    assert [codes.get(names.key(name)) for name in asked] == [
        "1f620",
        "1f620",
        "1f621",
        "1f620",
        "1f621",
        "2a",
    ]
    assert "mad" not in codes  # which of the two?
    some = {name: {"body": ""} for name in ("angry", "cross", "flag-for-peru", "sun")}
    assert drawings.IconSet(some, (1, 1), {}, {}).by_code(codes, names) == {
        "1f620": "angry",
        "1f1f5-1f1ea": "flag-for-peru",
    }


@pytest.mark.slow
def test_the_real_packages():
    told = {"id": True, "group": True, "skin_tone": True, "thing": True}
    told = tfds.decode.PartialDecoding(told)
    builder = tfds.builder("drawings")
    builder.download_and_prepare()
    rows, scored = {}, collections.Counter()
    for split, dataset in builder.as_dataset(decoders=told).items():
        for row in tfds.as_numpy(dataset):
            rows[row["id"].decode()] = {**row, "split": split}
            scored[split] += not row["skin_tone"]
    assert scored == {
        "train": 8026,
        "validation_drawings": 160,
        "validation_things": 1092,
        "test_drawings": 154,
        "test_things": 1056,
    }
    # What is new is new in the other data set too.
    theirs = tfds.builder("stamps_and_emoji")
    theirs.download_and_prepare()
    told = tfds.decode.PartialDecoding({"id": True, "group": True})
    groups = {
        row["id"].decode(): row["group"]
        for dataset in theirs.as_dataset(decoders=told).values()
        for row in tfds.as_numpy(dataset)
    }
    for key, row in rows.items():
        emoji = f"emoji/{key.partition('/')[2]}"
        assert groups.get(emoji, row["group"]) == row["group"]
