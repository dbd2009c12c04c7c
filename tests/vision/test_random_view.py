import numpy as np
import pytest

from kerasrnn.vision import random_view

SIZE = 32


def discs():
    """Two black discs on white, the same picture twice."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    image = np.where((x**2 + y**2 < 36)[..., None], 0.0, 255.0) * np.ones(3)
    return np.stack([image, image]).astype("float32")


def test_a_view_is_a_function_of_number_and_view():
    images = discs()
    first = random_view(images, [3, 4], view=1)
    np.testing.assert_array_equal(random_view(images, [3, 4], view=1), first)
    # Wherever in a batch a picture comes.
    np.testing.assert_array_equal(random_view(images[:1], [4], view=1)[0], first[1])
    assert np.abs(first[0] - first[1]).max() > 50
    assert np.abs(random_view(images, [3, 4], view=2) - first).max() > 50
    np.testing.assert_array_equal(random_view(images, [3, 4], view=0), images)


def test_a_view_shows_the_same_thing():
    images = discs()
    for view in range(1, 20):
        for seen in random_view(images, [7, 8], view=view):
            dark = seen[..., 0] < 128
            # A disc stays one, at most 1.3 times as wide, near where it was.
            assert 0.5 < dark.sum() / (images[0, ..., 0] < 128).sum() < 1.9
            centre = np.argwhere(dark).mean(0) - (SIZE - 1) / 2
            assert np.abs(centre).max() < 0.13 * SIZE
            assert seen.min() >= 0 and seen.max() <= 255
            # What came into the picture is as light as its white.
            assert np.ptp(seen[[0, 0, -1, -1], [0, -1, 0, -1]]) < 1


def test_as_many_numbers_as_images():
    with pytest.raises(ValueError, match="`numbers` must hold one for each of the 2"):
        random_view(discs(), [1], view=1)
