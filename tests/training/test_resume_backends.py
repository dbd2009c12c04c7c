"""Runs that were stopped end in the same weights on JAX and torch, too."""

import pytest
from other_backend import other_backends, run_on

# Run on one backend: trains in one go, and with stops.
CODE = """
import json, re, sys
from pathlib import Path
import keras
import test_train_forecaster, test_train_tagger
from killed_run import assert_same_run, stopped_after
from kerasrnn.training import train

kind, folder = sys.argv[1], Path(sys.argv[2]) / keras.backend.backend() / sys.argv[1]
folder.mkdir(parents=True)
if kind == "forecaster":
    recipe = test_train_forecaster.write_recipe(folder / "recipe")
    data = test_train_forecaster.write_series(folder / "series.csv")
else:
    # 39 of 48 sentences are to be learned from: 5 steps an epoch.
    training = {"epochs": 2, "patience": None, "batch_size": 8, "checkpoint_every": 4}
    recipe = test_train_tagger.write_recipe(folder / "recipe", training=training)
    data = test_train_tagger.write_names(folder / "data.conll", count=48)

def trained(output):
    log = []
    train(str(recipe), data=str(data), output=output, log=log.append)
    return "\\n".join(log)

trained(folder / "whole")
steps = []
for step in map(int, sys.argv[3:]):
    broken = folder / f"after-{step}"
    with stopped_after(step=step):
        trained(broken)
    told = re.search(r"Going on from epoch \\d+, step (\\d+)", trained(broken))
    steps.append(int(told[1]))
    assert_same_run(folder / "whole", broken)
print("RESULT" + json.dumps(steps))
"""


@pytest.mark.slow
@other_backends
def test_a_stop_changes_no_bit_on_another_backend(backend, tmp_path):
    # Between two epochs, and within one.
    steps = run_on(backend, CODE, "forecaster", tmp_path, 8, 9, helpers="training")
    assert 0 in steps and max(steps) > 0


@pytest.mark.slow
def test_a_stop_changes_no_dropped_word_on_torch(tmp_path):
    """Which draws them from a generator of its own; JAX would take minutes."""
    pytest.importorskip("torch")
    steps = run_on("torch", CODE, "names", tmp_path, 2, 4, helpers="training")
    assert 0 in steps and max(steps) > 0
