import numpy as np
import pytest
import tensorflow as tf

from kerasrnn.data import ImageClasses, read_image_classes


def picture(path, value, size=(4, 5, 1)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full(size, value, "uint8")
    path.write_bytes(tf.io.encode_png(pixels).numpy())


def folder_of(folder, count=40):
    for number in range(count):
        name = ("cat", "dog")[number % 2]
        picture(folder / name / f"{number}.png", number)
    return folder


def test_a_folder_for_each_class(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "cat" / "notes.txt").write_text("no picture")
    (folder / "cat" / ".hidden.png").write_bytes(b"")
    (folder / "empty").mkdir()
    (folder / ".git").mkdir()
    parts = read_image_classes(folder)
    assert {name: part.label_names for name, part in parts.items()} == dict.fromkeys(
        ("train", "validation", "test"), ("cat", "dog")
    )
    files = [file for part in parts.values() for file in part.images]
    assert len(files) == len({*files}) == 40
    for part in parts.values():
        for file, label in zip(part.images, part.labels, strict=True):
            assert part.label_names[label] in file


def test_the_split_follows_from_the_bytes_alone(tmp_path):
    first = read_image_classes(folder_of(tmp_path / "one"))
    folder = folder_of(tmp_path / "two")
    for number in range(0, 40, 2):
        (folder / "cat" / f"{number}.png").rename(folder / "cat" / f"new{number}.png")
        picture(folder / "cat" / f"again{number}.png", number)
    second = read_image_classes(folder)
    for name, part in first.items():
        cats = (np.array(part.labels) == 0).sum()
        assert (np.array(second[name].labels) == 0).sum() == 2 * cats


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "must be a folder with a folder of pictures for each cl"),
        (
            lambda folder: picture(folder / "a.png", 1),
            "of 2 to 100 classes; 0 of its 0 folders hold pictures",
        ),
        (
            lambda folder: picture(folder / "one" / "a.png", 1),
            "of 2 to 100 classes; 1 of its 1 folders hold pictures",
        ),
        (lambda folder: folder_of(folder, 4), "holds 4 pictures, too few: none fell"),
        (
            lambda folder: picture(folder_of(folder) / "dog" / "x.png", 2),
            "are the same picture",
        ),
    ],
)
def test_what_is_no_such_folder(tmp_path, make, message):
    make(tmp_path / "data")
    with pytest.raises(ValueError, match=message):
        read_image_classes(tmp_path / "data")


def test_a_label_for_each_image():
    with pytest.raises(ValueError, match="`labels` must have one entry for each of"):
        ImageClasses(np.zeros((2, 4, 4, 1), "uint8"), np.array([0]), ("a", "b"))
