import numpy as np
import pytest

from kerasrnn.training.captioning.nearest_captions import (
    nearest_neighbour_captions,
    pooled,
)

pytest.importorskip("sacrebleu")


def test_the_nearest_is_by_angle_and_not_by_length(monkeypatch):
    monkeypatch.setattr(
        "kerasrnn.training.captioning.nearest_captions.BLOCK", 2
    )  # three test pictures are two blocks
    train = np.array([[10.0, 0], [0, 0.1], [3, 3], [0, 0]])
    captions = [["east", "right"], ["north"], ["north east"], ["nowhere"]]
    test = [[0.1, 0.001], [0, 50], [1, 1.2]]
    found = nearest_neighbour_captions(train, captions, test)
    assert found == ["east", "north", "north east"]


def test_nearest_neighbours_are_those_of_a_plain_search():
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(500, 8)), rng.normal(size=(300, 8))
    captions = [[str(n)] for n in range(500)]
    cosine = [
        [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in train] for a in test
    ]
    expected = [str(n) for n in np.argmax(cosine, axis=1)]
    assert nearest_neighbour_captions(train, captions, test) == expected


def test_several_neighbours_agree_on_a_caption():
    train = [[1, 0], [1, 0.1], [1, 0.2], [0, 1]]
    captions = [["a boat"], ["a red fox runs"], ["a red fox sits"], ["a tree"]]
    found = nearest_neighbour_captions(train, captions, [[1, 0]], k=3)
    assert found == ["a red fox runs"]
    with pytest.raises(ValueError, match="at least k=5; got 4"):
        nearest_neighbour_captions(train, captions, [[1, 0]], k=5)


def test_features_are_pooled_over_the_locations():
    features = np.arange(600 * 4 * 3, dtype="float16").reshape(600, 4, 3) % 7
    expected = features.astype("float64").mean(axis=1)
    np.testing.assert_allclose(pooled(features), expected, rtol=1e-6)
