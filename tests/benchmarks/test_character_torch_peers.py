import itertools
from pathlib import Path

import numpy as np
import pytest

from kerasrnn.text import CharacterText

torch = pytest.importorskip("torch")
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SIZE = 7


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import character_torch_peers

    torch.manual_seed(1)
    return character_torch_peers


def text_of(*lengths):
    """Documents in which each character follows from the one before."""
    return CharacterText(np.arange(sum(lengths)) % 5 + 2, np.cumsum(lengths))


def by_hand(logits, ids):
    return -torch.log_softmax(logits.float(), -1)[torch.arange(len(ids)), ids]


def test_the_lstm_is_judged_with_its_state_carried(peers):
    text = text_of(23, 9)
    peer = peers.AWDLSTM(text, SIZE, units=6, width=4, batch=2, chunk=5)
    expected, model = 0.0, peer.model.eval()
    with torch.no_grad():
        for ids in peers.documents_of(text):
            before = torch.cat([torch.zeros(1).long(), ids[:-1]])
            logits, _ = model(before[None], model.initial_states(1))
            expected += by_hand(logits[0], ids).sum().item()
        assert peer.nats(text, width=4) == pytest.approx(expected, rel=1e-4)
    found = peers.bits(peer, text, bfloat16=False)
    assert found == pytest.approx(expected / 32 / np.log(2), rel=1e-4)


def test_the_gpt_sees_half_a_window_before_each_character(peers):
    text = text_of(23, 3, 40)
    options = {"width": 8, "heads": 2, "layers": 1, "window": 8}
    peer = peers.GPT(text, SIZE, **options)
    model, expected, judged = peer.model.eval(), 0.0, 0
    with torch.no_grad():
        for ids in peers.documents_of(text):
            padded = torch.cat([torch.zeros(1).long(), ids])
            for at in range(len(ids)):
                # The window that judges it begins at a multiple of half of it.
                start = max(0, at // 4 * 4 - 4)
                logits = model(padded[None, start : at + 1])[0, -1:]
                expected += by_hand(logits, ids[at : at + 1]).sum().item()
                judged += 1
        assert judged == len(text)
        assert peer.nats(text, rows=3) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["AWDLSTM", "GPT"])
def test_they_learn(peers, name, monkeypatch):
    # A clock by which each step takes a hundredth of the time, however fast it is.
    clock = itertools.count()
    monkeypatch.setattr(peers.time, "perf_counter", lambda: next(clock) / 100)
    text = text_of(300, 200)
    options = {
        "AWDLSTM": {"units": 16, "width": 8, "batch": 4, "chunk": 20, "rate": 0.02},
        "GPT": {"width": 16, "heads": 2, "layers": 1, "window": 16, "rate": 0.01},
    }[name]
    peer, lines = getattr(peers, name)(text, SIZE, **options), []
    before = peers.bits(peer, text, bfloat16=False)
    assert before == pytest.approx(np.log2(SIZE), abs=0.5)
    steps = peers.learn(peer, text, 1.0, bfloat16=False, log=lines.append)
    assert steps == pytest.approx(100, abs=1) and len(lines) == peers.LOOKS
    assert peers.bits(peer, text, bfloat16=False) < before / 2
