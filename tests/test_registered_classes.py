"""Saved models are read where only `kerasrnn` and `keras` were imported."""

import importlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import kerasrnn
from kerasrnn import layers, text, zoo
from kerasrnn.registered_classes import CLASSES, placeholder

LOAD = """
import sys
{imports}
assert "kerasrnn.layers" not in sys.modules
import numpy as np
for name in ("layers", "model"):
    model = keras.models.load_model(f"{{name}}.keras")
    x = np.load(f"{{name}}_x.npy", allow_pickle=True)
    np.testing.assert_allclose(
        model.predict(list(x) if name == "model" else x, verbose=0),
        np.load(f"{{name}}_y.npy"),
        rtol=1e-5,
    )
print("read", type(model).__name__)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model of layers, and a classifier of texts, with what they say."""
    folder = tmp_path_factory.mktemp("saved")
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    inner = layers.Bidirectional(layers.GRU(4, return_sequences=True))
    stack = layers.RNN(layers.StackedRNNCells([layers.LSTMCell(3)] * 1))
    model = keras.Sequential([keras.Input((5, 2)), inner, stack])
    tokenizer = text.WordTokenizer(max_length=8)
    texts = np.array(["a fine film", "a dull film", "fine"], object)
    tokenizer.adapt(list(texts))
    classifier = zoo.SentimentClassifier(preprocessor=tokenizer, units=3)
    given = {"layers": (model, x), "model": (classifier, list(texts))}
    for name, (one, inputs) in given.items():
        one.save(folder / f"{name}.keras")
        np.save(folder / f"{name}_x.npy", np.array(inputs))
        np.save(folder / f"{name}_y.npy", one.predict(inputs, verbose=0))
    return folder


@pytest.mark.long
@pytest.mark.parametrize(
    "imports", ["import kerasrnn, keras", "import keras, kerasrnn"]
)
def test_keras_finds_the_classes(saved, imports):
    done = subprocess.run(
        [sys.executable, "-c", LOAD.format(imports=imports)],
        cwd=saved,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "read SentimentClassifier\n"


def test_every_registered_class_is_listed_once():
    for module in (*CLASSES, *(f"kerasrnn.{name}" for name in kerasrnn.__all__[1:])):
        importlib.import_module(module)
    listed = [name for names in CLASSES.values() for name in names]
    registered = {
        name.removeprefix("kerasrnn>"): found
        for name, found in keras.saving.get_custom_objects().items()
        if name.startswith("kerasrnn>")
    }
    assert sorted(listed) == sorted(registered)
    for module, names in CLASSES.items():
        for name in names:
            # The class itself, which took its placeholder's place.
            assert registered[name] is getattr(importlib.import_module(module), name)


def test_a_placeholder_makes_what_it_stands_for():
    found = placeholder("kerasrnn.layers", "LSTM")
    assert found.__name__ == "LSTM"
    made = found.from_config(layers.LSTM(4, go_backwards=True).get_config())
    assert type(made) is layers.LSTM and made.go_backwards


def test_a_name_of_keras_is_told_where_it_is():
    with pytest.raises(
        AttributeError, match=r"'Dense'\. Keras has it: keras\.layers\."
    ):
        layers.Dense  # noqa: B018
    with pytest.raises(AttributeError) as error:
        layers.LSTN  # noqa: B018
    assert str(error.value) == "module 'kerasrnn.layers' has no attribute 'LSTN'."
