"""One character model learns, judges, writes and is looked into alike everywhere."""

import numpy as np
import pytest
from other_backend import other_backends, run_on

# Run on one backend: begins with the model of the file, or writes it.
CODE = """
import json, sys
from pathlib import Path
import keras, numpy as np
from keras import ops
from kerasrnn.inspection import find_cells, record, text_features
from kerasrnn.text import CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel

on_jax = keras.backend.backend() == "jax"  # which else compiles every loop anew
folder, first, cell = Path(sys.argv[1]), sys.argv[2] == "first", sys.argv[3]
text = 'the cat (a "big" cat) sat; the dog (fat) lay. ' * 12
load = keras.saving.load_model
if first:
    keras.utils.set_random_seed(1)
    CharLanguageModel(
        preprocessor=CharacterTokenizer(sorted(set(text))), cell=cell, units=16
    ).save(folder / f"{cell}.keras")
model = load(folder / f"{cell}.keras")
model.compile(keras.optimizers.SGD(0.5, momentum=0.9), jit_compile=on_jax)
history = model.fit(
    [text, text[:300]], batch_size=4, chunk=20, epochs=4, verbose=0,
    validation_data=text[:200],
)
losses = history.history["loss"] + history.history["val_loss"]
if first:
    model.save(folder / f"{cell}.last.keras")
# The same weights again, as the losses agree to so many digits only.
model = load(folder / f"{cell}.last.keras")
recording = record(model, text[:200], streams=2, warm_up=20)
found = find_cells(model, text, text_features(text))
states, outputs = model.initial_states(1), []
for c in model.preprocessor.encode(text[:6]):
    logits, states = model.step(np.array([c]), states)
    outputs.append(ops.convert_to_numpy(logits)[0].tolist())
cached = CharLanguageModel(
    preprocessor=model.preprocessor, cell=cell, units=16, cache_size=40
)
cached.set_weights(model.get_weights())
print("RESULT" + json.dumps({
    "cached": [s.tolist() for s in cached.score([text, text[:150]])],
    "losses": losses,
    "carried": [ops.convert_to_numpy(v).tolist() for v in model.carried],
    "scores": [s.tolist() for s in model.score([text[:70], "", "cat"])],
    "evaluated": list(model.evaluate([text[:100], "the dog"]).values()),
    "step": outputs,
    "texts": [
        model.generate(["the ", "", "a"], length=30, temperature=0),
        model.generate("the", length=30, seed=1),
        cached.generate(["the", "a fat dog"], length=30, temperature=0),
        "".join(model.stream("the", length=30, seed=1)),
    ],
    "recorded": [
        {name: a.tolist() for name, a in of.items()} for of in recording.layers
    ],
    "features": [cell.feature for cell in found.best()],
    "cells": [[cell.score, cell.chosen_score] for cell in found.best()],
}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def expected(folder):
    return {
        cell: run_on("tensorflow", CODE, folder, "first", cell)
        for cell in ("lstm", "gru")
    }


@pytest.mark.slow
@other_backends
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_same_losses_scores_texts_and_activations(backend, cell, folder, expected):
    found, expected = run_on(backend, CODE, folder, "second", cell), expected[cell]
    assert expected["losses"][3] < 0.95 * expected["losses"][0]
    for name in ("losses", "carried"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-3, atol=1e-4)
    for name in ("scores", "cached"):
        for mine, theirs in zip(found[name], expected[name], strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-4)
    for name in ("evaluated", "step"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4)
    assert found["texts"] == expected["texts"]
    assert len({*found["texts"][0]}) > 1
    for mine, theirs in zip(found["recorded"], expected["recorded"], strict=True):
        assert list(mine) == list(theirs)
        for name, values in theirs.items():
            np.testing.assert_allclose(mine[name], values, atol=1e-4)
    assert found["features"] and {*found["features"]} == {*expected["features"]}
    for mine, theirs in zip(
        sorted(found["cells"]), sorted(expected["cells"]), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=0.02)
