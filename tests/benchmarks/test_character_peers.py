import functools
import json
import lzma
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasrnn.text import CharacterText
from kerasrnn.zoo import CharLanguageModel

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


def test_xz_sees_all_of_the_training_text(peers, monkeypatch):
    # A window that is shorter than the training text does not reach its beginning.
    train, test = [random_text(60_000)], random_text(300)
    monkeypatch.setattr("kerasrnn.training.language_model.text_peers.WINDOW", 1 << 13)
    assert peers.xz_bits(train, [test]) < 0.8


def test_ppmd_counts_what_the_test_text_adds(peers):
    pytest.importorskip("pyppmd")
    train, test = [random_text(4000), LINE], random_text(2000, seed=1)
    bits = functools.partial(peers.ppmd_bits, memory=1 << 22)
    assert 3 < bits(train, [test], 3) < 3.6
    known = train[0][500:2500]
    assert bits(train, [known[:900], known[900:]], 16) < 0.3
    # It learns from the test text as well, as it goes.
    assert bits(train, [test, test], 16) < 0.6 * bits(train, [test], 16)


def test_ppmd_has_the_order_that_is_best_on_the_validation_text(peers, monkeypatch):
    asked = []

    def ppmd_bits(train, test, order, memory):
        asked.append((test, order))
        return {"v": 9 - order, "t": order / 100}[test]

    monkeypatch.setattr(peers, "ppmd_bits", ppmd_bits)
    monkeypatch.setattr(peers, "PPMD_ORDERS", (2, 5, 3))
    (found,) = peers.ppmd_peer({"train": "n", "validation": "v", "test": "t"})
    assert found == ("PPMd, order 5", peers.ALL_ALONG, 0.05)
    assert [order for test, order in asked if test == "t"] == [5]


def test_simple_peers_in_the_order_of_what_they_know(peers, monkeypatch):
    pytest.importorskip("pyppmd")
    monkeypatch.setattr(peers, "PPMD_MEMORY", 1 << 22)
    documents = {
        "train": [LINE * 20, LINE * 20],
        "validation": [LINE * 3, "no fox"],
        "test": [LINE + "x!", LINE],
    }
    texts, size = peers.encode(documents)
    assert size == len(set(LINE)) + 1  # "!" is unknown
    assert texts["test"].ids.min() == 1
    found = list(peers.simple_peers(documents, texts, size, 4))
    names = [name for name, *_ in found]
    alike = f"all {size} characters alike"
    assert names[:3] == [alike, "as often as in training", "xz -9e"]
    assert names[3].startswith("PPMd, order ")
    assert names[4:] == [
        "4-grams, modified Kneser-Ney",
        "4-grams, modified Kneser-Ney, with our memory",
    ]
    bits = [value for *_, value in found]
    assert bits[0] == pytest.approx(np.log2(size))
    assert bits[1] < bits[0]
    assert bits[4] < 1 < bits[1] and bits[5] < 1
    adapts = [learns == peers.ALL_ALONG for _, learns, _ in found]
    assert adapts == [False, False, True, True, False, True]


def test_rows_of_what_was_learned_elsewhere(peers, tmp_path):
    file = tmp_path / "gpt.json"
    found = {"name": "GPT", "data": "kernel_c", "minutes": 1.5, "steps": 1234}
    file.write_text(json.dumps(found | {"parameters": 98765, "test_bits": 2.5}))
    assert peers.learned_peer(file) == (
        "kernel_c",
        ("GPT, 98,765 parameters, 1,234 steps", peers.BEFORE, 2.5, 90.0),
    )


@pytest.mark.long
def test_rows_of_a_model_of_ours(peers, tmp_path):
    tokenizer = peers.CharacterTokenizer(sorted(set(LINE)))
    keras.utils.set_random_seed(1)
    model = CharLanguageModel(
        preprocessor=tokenizer, units=8, num_layers=1, cache_size=40
    )
    model.save_to_preset(tmp_path / "mine")
    documents = {"train": [LINE * 9], "validation": [LINE * 2], "test": [LINE * 2]}
    found = list(peers.our_rows(str(tmp_path / "mine"), documents, adapt=True))
    names = ["`mine`", "`mine`, with its cache", "`mine`, adapted"]
    assert [name for name, *_ in found] == names
    shipped = CharLanguageModel.from_preset(tmp_path / "mine")
    with_cache = shipped.evaluate(documents["test"])["bits_per_character"]
    assert found[1][2] == pytest.approx(with_cache)
    # It repeats itself, which no random weights know.
    assert found[2][2] < min(with_cache, found[0][2]) / 2


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
