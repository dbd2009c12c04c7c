"""One captioner learns and says the same on TensorFlow, JAX and PyTorch."""

import numpy as np
import pytest
from other_backend import other_backends, run_on

# Run on one backend: begins with the weights of the file, or writes them.
CODE = """
import json, sys
from pathlib import Path
import keras, numpy as np
from tiny_captioner import captioner, features
from kerasrnn.zoo import AttentionCaptioner, ImageCaptioner

on_jax = keras.backend.backend() == "jax"  # which else compiles every loop anew
folder, first, name = Path(sys.argv[1]), sys.argv[2] == "first", sys.argv[3]
model = captioner({c.__name__: c for c in (AttentionCaptioner, ImageCaptioner)}[name])
if first:
    model.save_weights(folder / f"{name}.weights.h5")
model.load_weights(folder / f"{name}.weights.h5")
model.compile(keras.optimizers.SGD(0.3, momentum=0.9), jit_compile=on_jax)
x, captions = features(8)
ids = model.preprocessor.target_ids(captions).numpy()
losses = []
for _ in range(10):
    loss = model.train_on_batch((x, ids[:, :-1]), ids[:, 1:])
    losses.append(float(loss[0] if isinstance(loss, list) else loss))
if first:
    model.save_weights(folder / f"{name}.last.weights.h5")
# The same weights again, as the losses agree to so many digits only.
model.load_weights(folder / f"{name}.last.weights.h5")
x = features(5, seed=2)[0]
beam, scores = model.generate(
    x, max_length=8, search="beam", n_best=2, return_scores=True
)
print("RESULT" + json.dumps({
    "losses": losses,
    "scores": np.asarray(scores).tolist(),
    "captions": [model.generate(x, max_length=8), beam],
}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module", params=["ImageCaptioner", "AttentionCaptioner"])
def expected(request, folder):
    return request.param, run_on("tensorflow", CODE, folder, "first", request.param)


@pytest.mark.slow
@other_backends
def test_the_same_losses_captions_and_scores(backend, folder, expected):
    name, expected = expected
    found = run_on(backend, CODE, folder, "second", name)
    assert expected["losses"][-1] < 0.95 * expected["losses"][0]
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=1e-3)
    assert found["captions"] == expected["captions"]
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-3)
