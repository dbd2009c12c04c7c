from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sacrebleu")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import captioning_peers

    return captioning_peers


def test_the_nearest_is_by_angle_and_not_by_length(peers, monkeypatch):
    monkeypatch.setattr(peers, "BLOCK", 2)  # three test pictures are two blocks
    train = np.array([[10.0, 0], [0, 0.1], [3, 3], [0, 0]])
    captions = [["east", "right"], ["north"], ["north east"], ["nowhere"]]
    test = [[0.1, 0.001], [0, 50], [1, 1.2]]
    found = peers.nearest_neighbour_captions(train, captions, test)
    assert found == ["east", "north", "north east"]


def test_nearest_neighbours_are_those_of_a_plain_search(peers):
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(500, 8)), rng.normal(size=(300, 8))
    captions = [[str(n)] for n in range(500)]
    cosine = [
        [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in train] for a in test
    ]
    expected = [str(n) for n in np.argmax(cosine, axis=1)]
    assert peers.nearest_neighbour_captions(train, captions, test) == expected


def test_several_neighbours_agree_on_a_caption(peers):
    train = [[1, 0], [1, 0.1], [1, 0.2], [0, 1]]
    captions = [["a boat"], ["a red fox runs"], ["a red fox sits"], ["a tree"]]
    found = peers.nearest_neighbour_captions(train, captions, [[1, 0]], k=3)
    assert found == ["a red fox runs"]
    with pytest.raises(ValueError, match="at least k=5; got 4"):
        peers.nearest_neighbour_captions(train, captions, [[1, 0]], k=5)


def test_features_are_pooled_over_the_locations(peers):
    features = np.arange(600 * 4 * 3, dtype="float16").reshape(600, 4, 3) % 7
    expected = features.astype("float64").mean(axis=1)
    np.testing.assert_allclose(peers.pooled(features), expected, rtol=1e-6)


def test_the_table(peers, capsys):
    test = SimpleNamespace(
        keys=("stamps/a", "stamps/b", "emoji/1f44b", "emoji/1f44b-1f3fd"),
        kinds=("drawing", "photograph", "emoji", "emoji"),
        variants=(False, False, False, True),
        captions=(
            ("a red house on a hill",),
            ("a big grey cat", "a cat sits there"),
            ("waving hand", "hand"),
            ("waving hand: medium skin tone",),
        ),
    )
    assert peers.subsets(test) == {
        "stamps": [0, 1],
        "emoji without skin tones": [2],
        "emoji": [2, 3],
    }
    right = [captions[-1] for captions in test.captions]
    wrong = ["x"] * 4
    from timing import Report

    found = peers.print_table(
        Report("peers", None), test, {"right": right, "wrong": wrong}
    )
    assert found["stamps", "right"]["bleu_4"] == pytest.approx(100)
    assert found["emoji", "right"]["exact_match"] == 1
    assert found["stamps", "wrong"]["cider_d"] == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| test pictures | captions | BLEU-1 |")
    assert lines[2].startswith("| stamps (2) | right | 100 | 100 | 100 | 100 | ")
    assert lines[2].endswith(" | 100.0% |")
    assert lines[7] == "| emoji (2) | wrong | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 | 0.0% |"
    assert "sigma 6" in lines[-1]


def test_shuffled_captions_are_the_same_ones(peers):
    captions = [str(n) for n in range(50)]
    found = peers.shuffled(captions)
    assert sorted(found) == sorted(captions)
    assert sum(a == b for a, b in zip(found, captions, strict=True)) < 10
