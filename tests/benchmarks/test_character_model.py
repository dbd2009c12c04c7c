import importlib.util
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from kerasrnn.zoo import CharLanguageModel

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ARGUMENTS = {
    "cells": ["gru"],
    "layers": 2,
    "units": 6,
    "batch_sizes": [2],
    "steps": 2,
    "characters": 40,
    "runs": 1,
    "torch_python": sys.executable,
    "write": None,
}


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import character_model

    return character_model


@pytest.fixture
def peers(bench):
    return bench.peers


@pytest.fixture
def no_torch(tmp_path):
    """A Python that has nothing."""
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    return str(path)


def rows_of(text):
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.slow
def test_training_is_measured_without_torch(bench, no_torch, tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text("<!-- character_model_train -->\n<!-- /character_model_train -->\n")
    options = {**ARGUMENTS, "torch_python": no_torch, "write": str(page)}
    bench.compare_training(Namespace(**options))
    assert capsys.readouterr().out.strip() in page.read_text()
    text = page.read_text()
    assert "Without torch, which python does not have (--torch-python)." in text
    head, _, row = rows_of(text)
    assert head == ["cell", "batch", "ours", "keras", "ours / keras"]
    assert row[:2] == ["gru", "2"]
    ours, keras_rate = (float(cell.replace(",", "")) for cell in row[2:4])
    ratio = float(row[4].split(" ")[0].strip("*"))
    assert ratio == pytest.approx(ours / keras_rate, rel=0.02)
    assert row[4].endswith("(≥ 1.5)")


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
def test_torch_computes_the_same(bench):
    worker = bench.start_torch(sys.executable)
    for cell in ("lstm", "gru"):
        sides, count = bench.training_sides(cell, 2, worker, Namespace(**ARGUMENTS))
        assert count == 2 * 2 * bench.CHUNK
        assert sides["torch"](2)[0] > 0
    worker.close()


@pytest.mark.long
def test_sides_that_compute_something_else_are_found(bench, monkeypatch):
    put_weights = bench.peers.put_weights

    def with_a_mistake(model, weights):
        weights[0][2][0, 3] += 0.5
        put_weights(model, weights)

    monkeypatch.setattr(bench.peers, "put_weights", with_a_mistake)
    with pytest.raises(ValueError, match="losses of keras are up to "):
        bench.training_sides("gru", 2, None, Namespace(**ARGUMENTS))
    with pytest.raises(ValueError, match="logits of keras are up to "):
        bench.generation_sides("gru", Namespace(**ARGUMENTS))


@pytest.mark.slow
def test_writing_and_streams_are_measured(bench, capsys):
    bench.compare_generation(Namespace(**ARGUMENTS))
    head, _, row = rows_of(capsys.readouterr().out)
    assert head[:5] == ["cell", "ours", "predict", bench.WINDOWS, "OneStep"]
    rates = [float(cell.replace(",", "")) for cell in row[1:5]]
    assert min(rates) > 0
    bench.measure_streams(Namespace(**ARGUMENTS))
    rows = rows_of(capsys.readouterr().out)[2:]
    assert [row[1] for row in rows] == ["1", "100", "1,000"]
    assert all(float(cell) > 0 for row in rows for cell in row[2:])


@pytest.mark.parametrize("cell", ["lstm", pytest.param("gru", marks=pytest.mark.slow)])
def test_all_loops_write_what_ours_writes(peers, cell):
    vocabulary = "abcdefgh"
    from kerasrnn.text import CharacterTokenizer

    ours = CharLanguageModel(
        preprocessor=CharacterTokenizer(vocabulary), cell=cell, num_layers=2, units=5
    )
    draw = np.random.default_rng(0)
    for layer in (*ours.recurrent_layers, ours.output_layer):
        layer.set_weights([draw.normal(size=w.shape) for w in layer.get_weights()])
    # The others read no symbol before the first character.
    kernel, recurrent_kernel, bias = ours.recurrent_layers[0].get_weights()
    kernel[0] = 0
    ours.recurrent_layers[0].set_weights([kernel, recurrent_kernel, 0 * bias])
    second = ours.recurrent_layers[1]
    second.set_weights([*second.get_weights()[:2], 0 * bias])
    expected = ours.generate("abc", 12, temperature=0)
    assert len(set(expected)) > 1

    sizes = (cell, 2, 5, ours.vocabulary_size)
    whole, one = peers.Characters(*sizes), peers.stateful_model(*sizes, 1, 1)
    ids = ours.preprocessor.encode("abc").astype("int32")
    whole(ids[None])
    for model in (whole, one):
        peers.put_weights(model, peers.weights_of(ours))
    cold = peers.Drawing(temperature=1e-6)
    decode = ours.preprocessor.decode
    assert decode(peers.loop_over_windows(whole, ids, 12, cold)) == expected
    for _ in range(2):  # It begins anew each time.
        assert decode(peers.loop_of_predict(one, ids, 12, cold)) == expected
    one_step = peers.OneStep(whole, list(vocabulary), temperature=1e-6)
    assert one_step.generate("abc", 12) == expected


def test_drawing_follows_the_probabilities(peers):
    p = np.array([0.5, 0.25, 0.125, 0.125])
    logits = np.concatenate([[50.0, 50.0], np.log(p)])  # the first two never
    draw = peers.Drawing(seed=3)
    found = np.bincount([draw(logits) for _ in range(4000)], minlength=6) / 4000
    np.testing.assert_allclose(found, [0, 0, *p], atol=0.03)
    # p ∝ p^(1 / temperature)
    draw = peers.Drawing(temperature=0.5, seed=3)
    found = np.bincount([draw(logits) for _ in range(4000)], minlength=6) / 4000
    np.testing.assert_allclose(found[2:], p**2 / (p**2).sum(), atol=0.03)
