from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("sacrebleu")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import captioning_peers

    return captioning_peers


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
