"""A page of models small enough to make in seconds; nothing is fetched for it."""

import json

import keras
import numpy as np
from tiny_captioner import captioner, see_with_tiny_encoder
from tiny_translator import translator
from written_packages import npm_archive

from kerasrnn.data.icon_sets import ICONS
from kerasrnn.demo import npm_files, write_demo
from kerasrnn.text import CharacterTokenizer, WordTokenizer
from kerasrnn.zoo import CharLanguageModel, SentimentClassifier


def with_large_weights(model):
    """Weights that tell inputs apart, exact in half precision."""
    draw = np.random.default_rng(5)
    for weight in model.weights:
        if "float" in str(weight.dtype):
            weight.assign((draw.normal(size=weight.shape) * 0.7).astype("float16"))
    return model


def letters():
    """A model that writes four letters."""
    tokenizer = CharacterTokenizer("abc \n")
    model = CharLanguageModel(preprocessor=tokenizer, units=6, num_layers=2)
    return with_large_weights(model)


def tiny_models():
    """One for each part of the page, by name."""
    keras.utils.set_random_seed(0)
    words = WordTokenizer(["a", "fine", "film", "not"], max_length=6)
    options = {"units": 4, "embedding_dim": 4, "members": 2}
    review = SentimentClassifier(preprocessor=words, **options)
    return {
        "letters": letters(),
        "reviews": with_large_weights(review),
        "verses": translator(units=12, embedding_dim=8),
        "pictures": captioner(encoder="efficientnet_lite0", encoder_weights=None),
    }


def fetch_tiny_packages(folder, monkeypatch):
    """From now on npm has what the page takes from it, with next to nothing inside."""
    icons = {name: {"body": f"<g id='{name}'/>"} for name in npm_files.PICTURES}
    found = {"icons": icons, "width": 9, "height": 8}
    contents = {
        npm_files.RUNTIME: {
            f"dist/{name}": b"word" for name in npm_files.RUNTIME_FILES
        },
        ICONS["noto"]: {"icons.json": json.dumps(found).encode()},
    }

    def fetch(file):
        path = folder / file.filename
        path.write_bytes(npm_archive(contents[file]))
        return path

    monkeypatch.setattr(npm_files, "fetch_npm", fetch)


def write_tiny_page(folder, monkeypatch):
    """The page of `tiny_models()` in `folder / "page"`, and the models by their names.

    Their presets are in `folder`.
    """
    see_with_tiny_encoder(monkeypatch)
    fetch_tiny_packages(folder, monkeypatch)
    models = tiny_models()
    for name, model in models.items():
        model.save_to_preset(folder / name)
    write_demo(folder / "page", [folder / name for name in models])
    return models
