import collections
import io

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn.data import CaptionedImages, FetchError, load_captions, read_captions
from kerasrnn.data.splits import split_of


def png(number):
    return tf.io.encode_png(tf.constant([[[number, 0, 0, 255]]], "uint8")).numpy()


def jpeg(number):
    return tf.io.encode_jpeg(tf.constant([[[number, 0, 0]] * 8] * 8, "uint8")).numpy()


class TinyPictures(tfds.core.GeneratorBasedBuilder):
    """As `stamps_and_emoji`, in two configs."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="en"),
        tfds.core.BuilderConfig(name="ko"),
    ]

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "image": tfds.features.Image(
                        shape=(None, None, 4), encoding_format="png"
                    ),
                    "captions": tfds.features.Sequence(tfds.features.Text()),
                    "kind": tfds.features.Text(),
                    "skin_tone": tfds.features.Scalar(tf.bool),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(), "test": self._generate_examples()}

    def _generate_examples(self):
        for number in range(12):
            captions = [f"{self.builder_config.name} {number}", "once  more "]
            yield (
                number,
                {
                    "id": f"picture {number}",
                    "image": io.BytesIO(png(number)),
                    "captions": captions[: 1 + number % 2] if number != 4 else [" "],
                    "kind": "emoji" if number % 3 else "drawing",
                    "skin_tone": number == 7,
                },
            )


class TinyCoco(tfds.core.GeneratorBasedBuilder):
    """The features that TFDS's `coco_captions` is documented with."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        theirs = tfds.builder("coco_captions").info.features
        return tfds.core.DatasetInfo(builder=self, features=theirs)

    def _split_generators(self, dl_manager):
        return {"val": self._generate_examples()}

    def _generate_examples(self):
        for number in range(3):
            yield (
                number,
                {
                    "image": io.BytesIO(jpeg(number)),
                    "image/filename": f"COCO_{number}.jpg",
                    "image/id": 1000 + number,
                    "captions": [
                        {"id": place, "text": f"a {number} and {place}"}
                        for place in range(5)
                    ],
                    "objects": [],
                },
            )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    for name in ("tiny_pictures/en", "tiny_pictures/ko", "tiny_coco"):
        tfds.builder(name, data_dir=folder).download_and_prepare()
    return folder


def number_of(key):
    return int(key.split()[-1])


@pytest.mark.long
def test_a_data_set_of_ours(data_dir):
    images = load_captions("tiny_pictures", "train", data_dir=data_dir)
    assert sorted(map(number_of, images.keys)) == [*range(4), *range(5, 12)]
    assert images.left_out == 1 and len(images) == 11
    assert repr(images) == "CaptionedImages(11 pictures, 17 captions, 1 left out)"
    pictures = list(images.read())
    for row, key in enumerate(images.keys):
        number = number_of(key)
        assert pictures[row] == png(number)
        more = ("once more",) if number % 2 else ()
        assert images.captions[row] == (f"en {number}", *more)
        assert images.kinds[row] == ("emoji" if number % 3 else "drawing")
        assert images.variants[row] == (number == 7)
    # The same again, and the same bytes.
    assert list(images.read()) == pictures
    part = load_captions("tiny_pictures", "train[:6]", data_dir=data_dir)
    assert part.keys == images.keys[: 6 - part.left_out]


def test_config_and_kinds(data_dir):
    images = load_captions(
        "tiny_pictures", "test", config="ko", kinds=["drawing"], data_dir=data_dir
    )
    assert sorted(map(number_of, images.keys)) == [0, 3, 6, 9]
    assert images.kinds == ("drawing",) * 4 and not any(images.variants)
    for key, captions, picture in zip(
        images.keys, images.captions, images.read(), strict=True
    ):
        assert captions[0] == f"ko {number_of(key)}"
        assert picture == png(number_of(key))


def test_only_the_first_captions(data_dir):
    for most in (1, 2):
        images = load_captions(
            "tiny_coco", "val", most_captions=most, data_dir=data_dir
        )
        for key, captions in zip(images.keys, images.captions, strict=True):
            number = int(key) - 1000
            assert captions == tuple(f"a {number} and {n}" for n in range(most))
    images = load_captions("tiny_pictures", "train", most_captions=1, data_dir=data_dir)
    assert len(images) == 11 and images.left_out == 1
    assert {len(captions) for captions in images.captions} == {1}
    with pytest.raises(ValueError, match="`most_captions` must be None or at least 1"):
        load_captions("tiny_coco", "val", most_captions=0, data_dir=data_dir)


def test_pictures_of_two_data_sets(data_dir):
    one = load_captions("tiny_pictures", "train", data_dir=data_dir)
    other = load_captions("tiny_coco", "val", data_dir=data_dir)
    both = one + other
    assert both.keys == one.keys + other.keys and both.left_out == 1
    assert both.captions == one.captions + other.captions
    assert both.kinds == one.kinds + ("",) * 3
    assert both.variants == one.variants + (False,) * 3 and any(both.variants)
    assert list(both.read()) == [*one.read(), *other.read()]
    row = len(one)
    assert both.pictures([row, 0]) == [*other.pictures([0]), *one.pictures([0])]


def test_coco(data_dir):
    images = load_captions("tiny_coco", "val", data_dir=data_dir)
    assert sorted(images.keys) == ["1000", "1001", "1002"]
    assert images.kinds == ("", "", "") and images.variants == (False,) * 3
    for key, captions, picture in zip(
        images.keys, images.captions, images.read(), strict=True
    ):
        number = int(key) - 1000
        assert captions == tuple(f"a {number} and {place}" for place in range(5))
        assert picture == jpeg(number)


@pytest.mark.parametrize(
    "name, split, options, message",
    [
        ("tiny_pictures", "dev", {}, "`split` must be made of .*; got 'dev'"),
        ("tiny_pictures", "train", {"config": "fr"}, "`name` and `config` must be of"),
        ("no_such_pictures", "train", {}, "`name` and `config` must be .*no_such_pic"),
        (
            "tiny_pictures",
            "train",
            {"kinds": ["emoji", "poem"]},
            r"`kinds` must be among \['drawing', 'emoji'\] for tiny_pictures; got",
        ),
        ("tiny_coco", "val", {"kinds": ["emoji"]}, "`kinds` must be None for tiny_c"),
    ],
)
def test_what_there_is_not(data_dir, name, split, options, message):
    with pytest.raises(ValueError, match=message):
        load_captions(name, split, data_dir=data_dir, **options)


def test_no_network_is_told_at_once(tmp_path, monkeypatch):
    import requests

    def no_network(*_, **__):
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", no_network)
    with pytest.raises(FetchError, match="coco_captions is not on this machine"):
        load_captions("coco_captions", data_dir=tmp_path)


def images_of(count, read=None):
    return CaptionedImages(
        tuple(f"key {i}" for i in range(count)),
        tuple((f"caption {i}",) for i in range(count)),
        ("",) * count,
        read or (lambda: iter([bytes([i]) for i in range(count)])),
    )


def test_rows_in_any_order_and_more_than_once():
    images = images_of(6)
    assert images.pictures([5, 0, 5, 3]) == [b"\5", b"\0", b"\5", b"\3"]
    some = images.select([4, 1, 2])
    assert some.keys == ("key 4", "key 1", "key 2")
    assert some.captions[1] == ("caption 1",)
    assert some.select([2, 0]).pictures([1, 0]) == [b"\4", b"\2"]
    assert list(images.select([]).read()) == []
    with pytest.raises(ValueError, match="`rows` must be from 0 to 5; got 6"):
        images.select([0, 6])


def test_pictures_are_read_one_at_a_time():
    given = []

    def read():
        for i in range(100):
            given.append(i)
            yield bytes([i])

    some = images_of(100, read).select([3, 5, 90])
    assert given == []
    pictures = some.read()
    assert next(pictures) == b"\3" and given == [0, 1, 2, 3]
    assert next(pictures) == b"\5" and len(given) == 6


def test_columns_of_another_length_are_refused():
    with pytest.raises(
        ValueError, match=r"`kinds` must have one entry .* 1 keys; got 0"
    ):
        CaptionedImages(("a",), (("x",),), (), lambda: iter([]))
    with pytest.raises(ValueError, match=r"`captions` must have some .* none for 'a'"):
        CaptionedImages(("a",), ((),), ("",), lambda: iter([]))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "more").mkdir()
    lines = ["File\tCaption", ""]
    for number in range(60):
        file = f"more/{number}.png" if number % 2 else f"{number}.png"
        (tmp_path / file).write_bytes(bytes([number]))
        lines.append(f"{file}\ta picture of number {number // 2}\r")
        if number % 10 == 0:
            lines.append(f"{file}\tA ROUND number!")
    text = "\n".join(lines)
    (tmp_path / "captions.tsv").write_text("\ufeff" + text, encoding="utf-8")
    return tmp_path


def test_a_folder_of_ones_own(folder):
    splits = read_captions(folder)
    assert [*splits] == ["train", "validation", "test"]
    assert sum(map(len, splits.values())) == 60
    found = collections.defaultdict(set)
    for split, images in splits.items():
        for key, captions, picture in zip(
            images.keys, images.captions, images.read(), strict=True
        ):
            number = int(key.removeprefix("more/").removesuffix(".png"))
            assert picture == bytes([number])
            assert captions[0] == f"a picture of number {number // 2}"
            assert captions[1:] == (("A ROUND number!",) if number % 10 == 0 else ())
            for caption in captions:
                found[caption].add(split)
            if number % 10 > 1:
                assert split == split_of(f"picture of number {number // 2}")
            else:  # all round numbers, and their neighbours, share captions
                assert split == split_of("picture of number 0")
    assert len(found) == 31 and all(len(some) == 1 for some in found.values())


@pytest.mark.parametrize(
    "text, message",
    [
        ("1.png a cat\n", r"captions.tsv, line 1: must be file<tab>caption, .* 1 col"),
        ("\n1.png\ta cat\tb\n", r"line 2: must be file<tab>caption.* got 3 columns"),
        ("1.png\t\n", r"line 1: must be file<tab>caption, both filled"),
        ("1.png\tx\nno.png\ty", r"line 2: there is no picture 'no.png' in "),
        ("1.png\tx\n1.png\t\udce9", r"line 2: must be UTF-8; byte 6 is 0xe9"),
        ("1.png\tx\n", r"holds 1 pictures, too few: none fell into "),
        ("\n", r"must have a line file<tab>caption; it has none"),
    ],
)
def test_a_bad_captions_file(tmp_path, text, message):
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "captions.tsv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=message):
        read_captions(tmp_path)


def test_what_is_missing_is_named(folder, tmp_path):
    with pytest.raises(ValueError, match=r"`folder` must be a folder .*; got '.*gone'"):
        read_captions(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"Cannot read .*other.tsv: No such file"):
        read_captions(folder, folder / "other.tsv")
    images = read_captions(folder)["train"]
    (folder / images.keys[0]).unlink()
    with pytest.raises(ValueError, match=f"Cannot read .*{images.keys[0]}: No such"):
        images.pictures([0])
