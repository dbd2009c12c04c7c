import gzip
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kerasrnn.data import cluttered_digits, load_image_classes
from kerasrnn.data.cluttered_digits import (
    canvases_of,
    drawn_places,
    limits_of,
    places_of,
    read_digits,
)
from kerasrnn.data.splits import split_of

COUNT = 30
draw = np.random.default_rng(0)
PIXELS = draw.integers(1, 256, (COUNT, 28, 28)).astype("uint8")
CLASSES = np.arange(COUNT) % 10


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    lines = [
        ",".join(f"{value:.1f}" for value in [*image.ravel(), label])
        for image, label in zip(PIXELS, CLASSES, strict=True)
    ]
    wheel = tmp_path / "wheel.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        table = gzip.compress("\n".join(lines).encode())
        archive.writestr(cluttered_digits.DIGITS, table)
    monkeypatch.setattr(cluttered_digits, "fetch", lambda file, directory: wheel)
    return tmp_path / "data"


def test_tfds_loads_it_by_name(data_dir):
    found = tfds.load("cluttered_digits", data_dir=data_dir)
    seen = {}
    for split, rows in found.items():
        for row in tfds.as_numpy(rows):
            key = row["id"].decode()
            number = int(key.split("-")[2])
            assert split == split_of(f"mnist-5k-{number}")
            assert row["label"] == CLASSES[number]
            np.testing.assert_array_equal(row["digit"][..., 0], PIXELS[number])
            top, left = row["top"], row["left"]
            # The brighter pixel is seen.
            of_digit = row["image"][top : top + 28, left : left + 28, 0]
            assert (of_digit >= PIXELS[number]).all()
            assert (of_digit == PIXELS[number]).mean() > 0.3
            assert row["image"].shape == (100, 100, 1)
            outside = np.count_nonzero(row["image"]) - np.count_nonzero(of_digit)
            assert outside <= 8 * 64
            seen.setdefault((split, number), set()).add((top, left))
    assert len(seen) == COUNT
    for (split, _), places in seen.items():
        assert len(places) == (1 if split == "train" else 4)
    examples = load_image_classes("cluttered_digits", "test", data_dir=data_dir)
    assert examples.images.shape == (len(examples), 100, 100, 1)
    assert examples.digits.shape == (len(examples), 28, 28)
    assert examples.label_names == tuple("0123456789")


def test_the_digits_are_read_as_they_are():
    table = gzip.compress(b"\n".join([b",".join([b"3.0"] * 784 + [b"7.0"])] * 2))
    digits, labels = read_digits(table)
    assert digits.shape == (2, 28, 28) and (digits == 3).all()
    assert labels.tolist() == [7, 7]


def test_places_follow_from_the_key_alone():
    together = places_of(["a", "b", "c"], 50)
    alone = places_of(["b"], 50)
    for name in ("of_digit", "donor", "taken_from", "put_to"):
        both = getattr(together, name)[1:2], getattr(alone, name)
        np.testing.assert_array_equal(*both)
    assert (together.of_digit[0] != together.of_digit[1]).any()


def test_all_places_occur_and_none_leads_over_the_edge():
    places = drawn_places(20_000, 3, np.random.default_rng(1))
    assert places.of_digit.min() == 0 and places.of_digit.max() == 72
    assert places.put_to.min() == 0 and places.put_to.max() == 92
    assert places.taken_from.min() == 0 and places.taken_from.max() == 20
    assert sorted({*places.donor.ravel().tolist()}) == [0, 1]
    assert len(limits_of(3)) == 2 + 5 * 8


def test_no_digit_gives_a_piece_to_its_own_canvas():
    digits = np.stack([np.full((28, 28), value, "uint8") for value in (50, 200)])
    places = drawn_places(2, 2, np.random.default_rng(1))
    canvases = canvases_of(digits, places, digits)
    assert {*np.unique(canvases[0])} == {0, 50, 200}
    pieces = canvases[1] == 50
    assert pieces.any() and (canvases[1][pieces] == 50).all()
    # Beside its own digit there are only pieces of the other one.
    top, left = places.of_digit[1]
    canvases[1, top : top + 28, left : left + 28] = 0
    assert {*np.unique(canvases[1])} == {0, 50}
