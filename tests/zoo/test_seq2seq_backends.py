"""One translator learns and answers alike on TensorFlow, JAX and PyTorch."""

import numpy as np
import pytest
from other_backend import other_backends, run_on

# Run on one backend: begins with the weights of the file, or writes them.
CODE = """
import json, sys
from pathlib import Path
import keras, numpy as np, tensorflow as tf
from keras import ops
from translators import make, pairs

on_jax = keras.backend.backend() == "jax"  # which else compiles every loop anew
folder, first = Path(sys.argv[1]), sys.argv[2] == "first"
model = make(dropout=0.0)
if first:
    model.save_weights(folder / "first.weights.h5")
model.load_weights(folder / "first.weights.h5")
# Not Adam, which makes as much of a gradient of 1e-9 as of any other.
model.compile(keras.optimizers.SGD(0.3, momentum=0.9), jit_compile=on_jax)
x, y = pairs(320)
tokenizer = model.preprocessor
ids = model.preprocess(tf.constant(x)).numpy(), tokenizer.target_ids(y).numpy()
losses = []
for step in range(30):
    rows = slice(step * 10 % 320, step * 10 % 320 + 10)
    loss = model.train_on_batch(
        (ids[0][rows], ids[1][rows, :-1]), ids[1][rows, 1:]
    )
    losses.append(float(loss[0] if isinstance(loss, list) else loss))
if first:
    model.save_weights(folder / "last.weights.h5")
# The same weights again, as the losses agree to so many digits only.
model.load_weights(folder / "last.weights.h5")
texts = pairs(12, longest=9, seed=1)[0] + ["", "one " * 40]
answers = {
    "greedy": model.generate(texts, max_length=12),
    "again": model.generate(texts, max_length=12, batch_size=3),
    "beam": model.generate(texts, max_length=12, search="beam", n_best=2),
}
short = np.asarray(model.preprocess(tf.constant(texts[:5])))
answers["ids"] = ops.convert_to_numpy(model.generate_ids(short).token_ids).tolist()
print("RESULT" + json.dumps({"losses": losses, "answers": answers}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def expected(folder):
    return run_on("tensorflow", CODE, folder, "first", helpers="zoo")


@pytest.mark.slow
@other_backends
def test_the_same_curve_and_the_same_answers(backend, folder, expected):
    found = run_on(backend, CODE, folder, "second", helpers="zoo")
    losses = np.array(expected["losses"])
    assert losses[-1] < 0.95 * losses[0]
    difference = np.abs(np.array(found["losses"]) - losses)
    print(f"{backend}: largest difference of a loss {difference.max():.2e}")
    np.testing.assert_allclose(found["losses"], losses, rtol=1e-3)
    assert found["answers"] == expected["answers"]
    assert found["answers"]["again"] == found["answers"]["greedy"]
    assert len({*found["answers"]["greedy"]}) > 3
