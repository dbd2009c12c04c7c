"""Translators learn, are saved and answer alike on all backends."""

import numpy as np
import pytest
from other_backend import other_backends, run_on

# Run on one backend: begins with the model of the file, or writes it.
CODE = """
import json, sys
from pathlib import Path
import keras, numpy as np, tensorflow as tf
from keras import ops
from translators import make, pairs

backend = keras.backend.backend()
on_jax = backend == "jax"  # which else compiles every loop anew
folder, first, name = Path(sys.argv[1]), sys.argv[2] == "first", sys.argv[3]
load = keras.saving.load_model
if first:
    kind = getattr(__import__("kerasrnn.zoo").zoo, name)
    make(kind, dropout=0.0).save(folder / f"{name}.keras")
model = load(folder / f"{name}.keras")
# Not Adam, which makes as much of a gradient of 1e-9 as of any other.
model.compile(keras.optimizers.SGD(0.3, momentum=0.9), jit_compile=on_jax)
x, y = pairs(160)
history = model.fit(
    x, y, batch_size=10, epochs=2, shuffle=False, verbose=0,
    validation_data=(x[:20], y[:20]),
).history
evaluated = model.evaluate(x[:20], y[:20], batch_size=10, verbose=0, return_dict=True)
if first:
    model.save(folder / f"{name}.last.keras")
# The same weights again, as the losses agree to so many digits only.
model = load(folder / f"{name}.last.keras")
texts = pairs(12, longest=9, seed=1)[0] + ["", "one " * 40]
answers = {
    "greedy": model.generate(texts, max_length=12),
    "again": model.generate(texts, max_length=12, batch_size=3),
    "beam": model.generate(texts, max_length=12, search="beam", n_best=2),
}
short = np.asarray(model.preprocess(tf.constant(texts[:5])))
answers["ids"] = ops.convert_to_numpy(model.generate_ids(short).token_ids).tolist()
model.save_to_preset(folder / backend / name)
kept = type(model).from_preset(folder / backend / name, dtype="float32")
print("RESULT" + json.dumps({
    "history": history, "evaluated": evaluated, "answers": answers,
    "kept": kept.generate(texts, max_length=12),
}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module", params=["Seq2SeqAttention", "Seq2Seq"])
def expected(request, folder):
    return request.param, run_on(
        "tensorflow", CODE, folder, "first", request.param, helpers="zoo"
    )


@pytest.mark.slow
@other_backends
def test_the_same_curve_and_the_same_answers(backend, folder, expected):
    name, expected = expected
    found = run_on(backend, CODE, folder, "second", name, helpers="zoo")
    losses = expected["history"]["loss"]
    assert losses[-1] < 0.95 * losses[0]
    for part in ("history", "evaluated"):
        assert found[part].keys() == expected[part].keys()
        for metric, values in expected[part].items():
            np.testing.assert_allclose(
                found[part][metric], values, rtol=2e-3, err_msg=metric
            )
    assert found["answers"] == expected["answers"]
    assert found["answers"]["again"] == found["answers"]["greedy"]
    assert len({*found["answers"]["greedy"]}) > 2
    # Of weights in half precision, as presets have them.
    assert found["kept"] == expected["kept"]
