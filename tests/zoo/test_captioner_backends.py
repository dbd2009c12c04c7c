"""Captioners learn, are saved and say the same on all backends."""

import numpy as np
import pytest
from other_backend import other_backends, run_on

# Run on one backend: begins with the model of the file, or writes it.
CODE = """
import json, sys
from pathlib import Path
import keras, numpy as np
from tiny_captioner import captioner, features
from kerasrnn.zoo import AttentionCaptioner, ImageCaptioner

backend = keras.backend.backend()
on_jax = backend == "jax"  # which else compiles every loop anew
folder, first, name = Path(sys.argv[1]), sys.argv[2] == "first", sys.argv[3]
load = keras.saving.load_model
if first:
    kinds = {kind.__name__: kind for kind in (AttentionCaptioner, ImageCaptioner)}
    captioner(kinds[name]).save(folder / f"{name}.keras")
model = load(folder / f"{name}.keras")
model.compile(keras.optimizers.SGD(0.3, momentum=0.9), jit_compile=on_jax)
x, captions = features(40)
history = model.fit(
    x, captions, batch_size=8, epochs=2, shuffle=False, verbose=0
).history
evaluated = model.evaluate(x, captions, batch_size=8, verbose=0, return_dict=True)
if first:
    model.save(folder / f"{name}.last.keras")
# The same weights again, as the losses agree to so many digits only.
model = load(folder / f"{name}.last.keras")
x = features(5, seed=2)[0]
beam, scores = model.generate(
    x, max_length=8, search="beam", n_best=2, return_scores=True
)
model.save_to_preset(folder / backend / name)
kept = type(model).from_preset(folder / backend / name, dtype="float32")
print("RESULT" + json.dumps({
    "history": history,
    "evaluated": evaluated,
    "scores": np.asarray(scores).tolist(),
    "captions": [model.generate(x, max_length=8), beam, kept.generate(x, max_length=8)],
}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module", params=["ImageCaptioner", "AttentionCaptioner"])
def expected(request, folder):
    return request.param, run_on("tensorflow", CODE, folder, "first", request.param)


@pytest.mark.slow
@other_backends
def test_the_same_losses_captions_and_scores(backend, folder, expected):
    name, expected = expected
    found = run_on(backend, CODE, folder, "second", name)
    losses = expected["history"]["loss"]
    assert losses[-1] < 0.95 * losses[0]
    for part in ("history", "evaluated"):
        assert found[part].keys() == expected[part].keys()
        for metric, values in expected[part].items():
            np.testing.assert_allclose(
                found[part][metric], values, rtol=2e-3, err_msg=metric
            )
    assert found["captions"] == expected["captions"]
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-3)
