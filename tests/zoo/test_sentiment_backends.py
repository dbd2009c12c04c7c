"""Classifiers learn, are saved and answer alike on all backends."""

import numpy as np
import pytest
from other_backend import other_backends, run_on

# Run on one backend: begins with the model of the file, or writes it.
CODE = """
import json, sys
from pathlib import Path
import keras, numpy as np
from kerasrnn.text import WordTokenizer
from kerasrnn.zoo import SentimentClassifier
from tiny_run import texts_and_labels

backend = keras.backend.backend()
on_jax = backend == "jax"  # which else compiles every loop anew
folder, first, cell = Path(sys.argv[1]), sys.argv[2] == "first", sys.argv[3]
load = keras.saving.load_model
rate = 0.1 if cell == "simple_rnn" else 0.5
texts, labels = map(list, zip(*texts_and_labels(), strict=True))
if first:
    tokenizer = WordTokenizer(max_tokens=40, max_length=20)
    tokenizer.adapt(texts)
    keras.utils.set_random_seed(1)
    model = SentimentClassifier(
        preprocessor=tokenizer, cell=cell, num_layers=2, units=8, embedding_dim=8,
        dropout=0.0, embedding_dropout=0.0, word_dropout=0.0, recurrent_dropout=0.0,
        members=2,
    )
    model.save(folder / f"{cell}.keras")
model = load(folder / f"{cell}.keras")
model.compile(
    keras.optimizers.SGD(rate, momentum=0.9), weighted_metrics=["accuracy"],
    jit_compile=on_jax,
)
history = model.fit(
    texts[:320], labels[:320], batch_size=16, epochs=3, shuffle=False, verbose=0,
    validation_data=(texts[320:], labels[320:]),
).history
evaluated = model.evaluate(texts[320:], labels[320:], verbose=0, return_dict=True)
if first:
    model.save(folder / f"{cell}.last.keras")
# The same weights again, as the losses agree to so many digits only.
model = load(folder / f"{cell}.last.keras")
answers = model.predict([*texts[:30], "", "never seen"], verbose=0)
model.save_to_preset(folder / backend / cell)
kept = SentimentClassifier.from_preset(folder / backend / cell, dtype="float32")
print("RESULT" + json.dumps({
    "history": history, "evaluated": evaluated, "answers": answers.tolist(),
    "kept": kept.predict(texts[:30], verbose=0).tolist(),
}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module", params=["lstm"])
def expected(request, folder):
    return request.param, run_on("tensorflow", CODE, folder, "first", request.param)


@pytest.mark.slow
@other_backends
def test_the_same_curve_and_the_same_answers(backend, folder, expected):
    cell, expected = expected
    found = run_on(backend, CODE, folder, "second", cell)
    assert expected["evaluated"]["accuracy"] > 0.8
    for part in ("history", "evaluated"):
        assert found[part].keys() == expected[part].keys()
        for metric, values in expected[part].items():
            np.testing.assert_allclose(
                found[part][metric], values, rtol=2e-3, atol=1e-4, err_msg=metric
            )
    np.testing.assert_allclose(found["answers"], expected["answers"], atol=1e-4)
    # Of weights in half precision, as presets have them.
    np.testing.assert_allclose(found["kept"], expected["kept"], atol=1e-4)
