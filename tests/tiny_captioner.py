"""Captioners small enough to make in a second, and pictures of one colour for them."""

import io

import keras
import numpy as np
from keras import ops
from PIL import Image

from kerasrnn.text import TargetTokenizer, WordTokenizer
from kerasrnn.vision import ImageEncoder
from kerasrnn.zoo import AttentionCaptioner

RED, BLUE = "a red cat", "the big blue dog sleeps"
WORDS = sorted({*RED.split(), *BLUE.split()})
LOCATIONS, DIM = 4, 6


class TinyEncoder(ImageEncoder):
    """The mean colours of the four quarters of a picture, three ways."""

    image_size, locations, dim = 16, LOCATIONS, DIM

    def build(self, input_shape):
        values = np.random.default_rng(0).normal(0, 1, (3, DIM))
        self.kernel = self.add_weight(
            shape=(3, DIM), name="kernel", initializer=lambda *_, **__: values
        )
        self.built = True

    def call(self, images, training=False):
        images = ops.cast(images, "float32") / 255
        quarters = ops.mean(ops.reshape(images, (-1, 2, 8, 2, 8, 3)), axis=(2, 4))
        grid = ops.matmul(2 * quarters - 1, self.kernel)
        return ops.reshape(grid, (-1, LOCATIONS, DIM))


def see_with_tiny_encoder(monkeypatch):
    """From now on captioners look at pictures with a `TinyEncoder`."""
    monkeypatch.setattr(
        "kerasrnn.zoo.captioning.image_captioner.ImageEncoder", TinyEncoder
    )


def picture(colour, size=(20, 12), kind="PNG", seed=0):
    """The bytes of a picture of a colour, with a little noise."""
    noise = np.random.default_rng(seed).integers(0, 25, (size[1], size[0], 3))
    pixels = np.clip(np.array(colour) * 230 + noise, 0, 255).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def features(count, seed=0):
    """Features (N, L, D) of two kinds in turn, the first with `RED`, and captions."""
    noise = np.random.default_rng(seed).normal(0, 0.3, (count, LOCATIONS, DIM))
    kinds = np.arange(count) % 2
    noise[..., 0] += np.where(kinds, 1.0, -1.0)[:, None]
    captions = [(RED, BLUE)[kind] for kind in kinds]
    return noise.astype("float32"), captions


def captioner(model_class=AttentionCaptioner, seed=0, **options):
    """One that knows nothing, its weights exact in half precision."""
    tokenizer = TargetTokenizer(WordTokenizer(WORDS))
    keras.utils.set_random_seed(seed)
    options = {"units": 12, "embedding_dim": 12, "dropout": 0.0, **options}
    if options.setdefault("encoder", None) is None:
        options.setdefault("feature_dim", DIM)
    model = model_class(
        tokenizer.target_vocabulary_size,
        **{
            "start_id": tokenizer.start_id,
            "end_id": tokenizer.end_id,
            "preprocessor": tokenizer,
            "label_smoothing": 0.0,
            **options,
        },
    )
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        values = generator.normal(0, 0.5, weight.shape)
        if weight.name in ("feature_deviation", "mean_deviation", "moving_variance"):
            values = 0.5 + np.abs(values)
        weight.assign(values.astype("float16"))
    return model


def trained_captioner(model_class=AttentionCaptioner, **options):
    """One that says `RED` or `BLUE`, as the first feature of a picture is."""
    model = captioner(model_class, **options)
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(*features(64), epochs=12, batch_size=16, verbose=0)
    model.set_weights([w.astype("float16") for w in model.get_weights()])
    return model
