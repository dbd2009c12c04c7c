"""Models of every kind learn, are saved, and answer alike on all backends."""

import numpy as np
import pytest
from other_backend import other_backends, run_on

# Run on one backend: begins with the models of the folder, or writes them.
CODE = """
import json, sys
from pathlib import Path
import keras, numpy as np
from kerasrnn.text import CharacterTokenizer
from kerasrnn.zoo import (
    CharLanguageModel, Forecaster, GlimpseClassifier, SequenceTagger, Task
)
from kerasrnn.vision import PictureReader
from test_sequence_tagger import make, sentences

folder, first = Path(sys.argv[1]), sys.argv[2] == "first"
rng = np.random.default_rng(0)
text = "the cat sat; the dog (fat) lay. " * 4
words, frames = sentences(8), rng.normal(size=(4, 6, 3)).astype("float32")
series = list(np.exp(np.sin(np.arange(40.0) / 3 + np.arange(4)[:, None])))
images = rng.integers(0, 256, (4, 13, 17, 1)).astype("uint8")
forecaster = {"horizon": 4, "length": 24, "units": 3, "members": 2}
# Of each kind: how it is made, what it learns from, and what it is asked.
KINDS = {
    "characters": (
        lambda: CharLanguageModel(
            preprocessor=CharacterTokenizer(sorted(set(text))), units=6),
        lambda model: model.fit(text, batch_size=2, chunk=20, verbose=0),
        lambda model: model.score([text[:40]])[0],
    ),
    "crf": (
        lambda: make(crf=True),
        lambda model: model.fit(*words, shuffle=False, verbose=0),
        lambda model: model.tag(words[0], return_probabilities=True)[1][0],
    ),
    "frames": (
        lambda: SequenceTagger(
            frame_dim=3, labels=["a", "b"], units=4, dropout=0.0, input_dropout=0.0),
        lambda model: model.fit(
            frames, np.zeros((4, 6), int), shuffle=False, verbose=0),
        lambda model: model.predict(frames, verbose=0),
    ),
    **{
        f"forecaster-{decoder}": (
            lambda decoder=decoder: Forecaster(decoder=decoder, **forecaster),
            lambda model: model.fit(
                series, np.ones((4, 4)), shuffle=False, verbose=0),
            lambda model: model.predict(series, verbose=0),
        )
        for decoder in ("mixture", "direct", "recurrent")
    },
    "glimpses": (
        lambda: GlimpseClassifier(
            preprocessor=PictureReader(13, 17, 1), labels=["a", "b"], units=4,
            glimpse_size=5, glimpse_units=4, look_reduction=2, look_filters=3,
            window_filters=3),
        lambda model: model.fit(
            images, np.arange(4) % 2, shuffle=False, verbose=0),
        lambda model: model.predict(images, verbose=0),
    ),
}
found = {}
for kind, (build, fit, ask) in KINDS.items():
    if first:
        keras.utils.set_random_seed(1)
        build().save(folder / f"{kind}.keras")
    model = keras.saving.load_model(folder / f"{kind}.keras")
    began = np.asarray(ask(model))
    model.compile(keras.optimizers.SGD(0.01))
    loss = fit(model).history["loss"][-1]
    learned = np.asarray(ask(model))
    assert np.abs(learned - began).max() > 1e-6, kind  # it changes
    mine = folder / keras.backend.backend() / kind
    mine.mkdir(parents=True)
    model.save(mine / "model.keras")
    again = np.asarray(ask(keras.saving.load_model(mine / "model.keras")))
    np.testing.assert_allclose(again, learned, atol=1e-6, err_msg=kind)
    model.save_to_preset(mine)  # in half precision
    again = np.asarray(ask(Task.from_preset(mine)))
    np.testing.assert_allclose(again, learned, rtol=1e-2, atol=1e-2, err_msg=kind)
    found[kind] = [began.tolist(), loss, learned.tolist()]
print("RESULT" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return folder, run_on("tensorflow", CODE, folder, "first", helpers="zoo")


@pytest.mark.slow
@other_backends
def test_all_kinds_learn_and_are_kept_on_another_backend(backend, on_tensorflow):
    folder, expected = on_tensorflow
    found = run_on(backend, CODE, folder, "second", helpers="zoo")
    assert found.keys() == expected.keys()
    for kind, parts in expected.items():
        for mine, theirs in zip(found[kind], parts, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4, err_msg=kind)
