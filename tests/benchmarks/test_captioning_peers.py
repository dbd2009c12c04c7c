from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sacrebleu")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import captioning_peers

    return captioning_peers


def test_the_table(peers, capsys):
    captions = (
        ("a red house on a hill",),
        ("a big grey cat", "a cat sits there"),
        ("waving hand", "hand"),
    )
    groups = {"stamps": [0, 1], "emoji": [2]}
    right, wrong = [some[-1] for some in captions], ["x"] * 3
    from timing import Report

    sides = {"right": right, "wrong": wrong}
    found = peers.print_table(Report("peers", None), captions, groups, sides)
    assert found["stamps", "right"]["bleu_4"] == pytest.approx(100)
    assert found["emoji", "right"]["exact_match"] == 1
    assert found["stamps", "wrong"]["cider_d"] == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| test pictures | captions | BLEU-1 |")
    assert lines[2].startswith("| stamps (2) | right | 100 | 100 | 100 | 100 | ")
    assert lines[2].endswith(" | 100.0% |")
    assert lines[5] == "| emoji (1) | wrong | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 | 0.0% |"
    assert "sigma 6" in lines[-1]


def test_shuffled_captions_are_the_same_ones(peers):
    captions = [str(n) for n in range(50)]
    found = peers.shuffled(captions)
    assert sorted(found) == sorted(captions)
    assert sum(a == b for a, b in zip(found, captions, strict=True)) < 10


def test_a_softmax_over_captions_learns_and_is_chosen_on_validation(peers, monkeypatch):
    monkeypatch.setattr(peers, "DROPOUTS", (0.0, 0.999))
    monkeypatch.setattr(peers, "EPOCHS", (5,))
    rng = np.random.default_rng(0)
    features = np.repeat(np.eye(3), 40, axis=0) + 0.1 * rng.normal(size=(120, 3))
    captions = np.repeat(["a cat", "a dog", "the sun"], 40).tolist()
    train, validation, test = (slice(start, None, 3) for start in range(3))

    def judge(found):
        return np.mean(
            [a == b for a, b in zip(found, captions[validation], strict=True)]
        )

    asked = [features[validation], features[test]]
    found, (dropout, epochs) = peers.softmax_captions(
        features[train], captions[train], asked, judge
    )
    assert found == captions[test]
    assert (dropout, epochs) == (0.0, 5)
