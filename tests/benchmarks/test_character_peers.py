import lzma
from pathlib import Path

import numpy as np
import pytest

from kerasrnn.text import CharacterText

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LINE = "the quick brown fox jumps over the lazy dog\n"


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import character_peers

    return character_peers


def random_text(length, letters="abcdefgh", seed=0):
    return "".join(np.random.default_rng(seed).choice(list(letters), length))


def test_xz_counts_what_the_test_text_adds(peers):
    train, test = [random_text(4000), LINE], random_text(2000, seed=1)
    # Three bits a character, and nothing in the training text helps.
    assert 3 < peers.xz_bits(train, [test]) < 3.6
    # What the training text holds is hardly anything, wherever it is cut.
    known = train[0][500:2500]
    assert peers.xz_bits(train, [known[:900], known[900:]]) < 0.2
    alone = 8 * len(lzma.compress(known.encode(), preset=9)) / len(known)
    assert alone > 3
    # Characters, not bytes, are counted.
    wide = random_text(2000, "абвгдежз", seed=1)
    assert 3 < peers.xz_bits(train, [wide]) < 6


def test_simple_peers_in_the_order_of_what_they_know(peers):
    documents = {"train": [LINE * 20, LINE * 20], "test": [LINE + "x!", LINE]}
    texts, size = peers.encode(documents)
    assert size == len(set(LINE)) + 1  # "!" is unknown
    assert texts["test"].ids.min() == 1
    found = dict(peers.simple_peers(documents, texts, size, 4))
    bits = list(found.values())
    assert bits[0] == pytest.approx(np.log2(size))
    assert bits[1] < bits[0]
    assert bits[3] < 1 < bits[1]
    assert list(found)[3] == "4-grams, modified Kneser-Ney"


@pytest.mark.slow
def test_the_gru_learns_and_is_judged_in_both_ways(peers, monkeypatch):
    monkeypatch.setattr(peers, "SEQUENCE", 10)
    monkeypatch.setattr(peers, "BATCH", 4)
    documents = {"train": [LINE * 40], "test": [LINE * 2 + "xy", LINE]}
    texts, size = peers.encode(documents)
    model, steps = peers.train_gru(texts["train"], size + 1, 1.0, units=16)
    assert steps > 1
    carried, chunked = (
        peers.gru_bits(model, texts["test"], carried) for carried in (True, False)
    )
    assert carried < np.log2(size + 1)

    def by_hand(ids, at_once):
        total = 0.0
        before = np.concatenate([[0], ids[:-1]])
        for at in range(0, len(ids), at_once):
            logits = np.asarray(model(before[None, at : at + at_once]))[0]
            p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
            part = ids[at : at + at_once]
            total -= np.log2(p[np.arange(len(part)), part]).sum()
        return total

    test = texts["test"]
    parts = [p.astype(int) for p in np.split(test.ids, test.ends[:-1])]
    for found, at_once in ((carried, 1000), (chunked, 10)):
        expected = sum(by_hand(part, at_once) for part in parts) / len(test)
        assert found == pytest.approx(expected, rel=1e-4)
    # Where it is read in several windows, nothing changes.
    monkeypatch.setattr(peers, "WINDOW", 7)
    assert peers.gru_bits(model, test, True) == pytest.approx(carried, rel=1e-5)


def test_characters_of_one_text_stay_together(peers):
    text = CharacterText(np.array([1, 2, 3, 1, 2], "uint8"), [3, 5])
    model = peers.KneserNey(text.ids, text.ends, 3, 3)
    grams = model.grams(text.ids, text.ends)
    # Two bits each: what stood before, the last one lowest.
    assert grams.tolist() == [0b01, 0b0110, 0b011011, 0b01, 0b0110]
