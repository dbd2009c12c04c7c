"""A recipe that learns to say which shape of which colour a picture shows.

Run as a program, this file is `kerasrnn` with an encoder that is quick and needs no
weights.
"""

import itertools
import os
import pathlib
import sys

import numpy as np
import yaml
from keras import ops

from kerasrnn.vision import ImageEncoder

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 170, 60),
    "blue": (40, 60, 220),
    "yellow": (230, 220, 40),
    "pink": (250, 130, 200),
    "brown": (120, 70, 20),
}
GROUNDS = {"white": (255, 255, 255), "grey": (140, 140, 140), "black": (0, 0, 0)}
PALETTE = np.array([*COLOURS.values(), *GROUNDS.values()], "float32")
SHAPES = {
    "square": lambda y, x: np.maximum(abs(y), abs(x)) <= 10,
    "frame": lambda y, x: abs(np.maximum(abs(y), abs(x)) - 10) <= 1,
    "cross": lambda y, x: (
        (np.minimum(abs(y), abs(x)) <= 2) & (np.maximum(abs(y), abs(x)) <= 10)
    ),
}
SIDE = 32

PROGRAM = (__file__,)

CONFIG = {
    "task": "AttentionCaptioner",
    "summary": "Says which shape it sees.",
    "model": {
        "cell": "gru",
        "units": 48,
        "embedding_dim": 32,
        "dropout": 0.05,
        "label_smoothing": 0.0,
    },
    "preprocessor": {
        "class": "TargetTokenizer",
        "tokenizer": "WordTokenizer",
        "max_tokens": 40,
        "max_length": 12,
    },
    "data": {"name": "shapes"},
    "training": {
        "learning_rate": 0.01,
        "schedule": "linear",
        "warmup_steps": 10,
        "global_clipnorm": 1.0,
        "batch_size": 16,
        "max_tokens": 12,
        "epochs": 18,
        "patience": None,
        "average_checkpoints": 2,
        "samples_every": 5,
        "checkpoint_every": 4,
    },
    "evaluation": {
        "search": "beam",
        "beam_width": 2,
        "length_penalty": 1.0,
        "max_length": 12,
    },
    "seed": 3,
}


class GridEncoder(ImageEncoder):
    """Of each of 16 parts of a picture: how much of it has which colour, and edges."""

    image_size, locations, dim = SIDE, 16, len(PALETTE) + 1

    def build(self, input_shape):
        """Nothing to make."""

    def call(self, images, training=False):
        parts = ops.reshape(ops.cast(images, "float32"), (-1, 4, 8, 4, 8, 3))
        distances = ops.mean(ops.abs(parts[..., None, :] - PALETTE), axis=-1)
        shares = ops.mean(ops.relu(1 - distances / 20), axis=(2, 4))
        edges = ops.mean(ops.std(parts, axis=(2, 4)), axis=-1, keepdims=True) / 128
        found = ops.concatenate([shares, edges], axis=-1)
        return 4 * ops.reshape(found, (-1, 16, self.dim))


def captions_and_pictures(repeats=4):
    """Every shape, of every colour on every ground."""
    import tensorflow as tf

    draw = np.random.default_rng(1)
    for colour, shape, ground in itertools.product(COLOURS, SHAPES, GROUNDS):
        for _ in range(repeats):
            pixels = np.full((SIDE, SIDE, 3), GROUNDS[ground], "uint8")
            y, x = np.mgrid[:SIDE, :SIDE] - draw.integers(13, 19, (2, 1, 1))
            pixels[SHAPES[shape](y, x)] = COLOURS[colour]
            yield (
                f"a {colour} {shape} on {ground} ground",
                tf.io.encode_png(pixels).numpy(),
            )


def write_pictures(folder):
    """A folder of pictures; every third of them has a second caption."""
    folder.mkdir(parents=True)
    lines = []
    for number, (caption, picture) in enumerate(captions_and_pictures()):
        file = f"{number}.png"
        (folder / file).write_bytes(picture)
        lines.append(f"{file}\t{caption}\n")
        if number % 3 == 0:
            lines.append(f"{file}\t{caption.replace(' on ', ' before ')}\n")
    (folder / "captions.tsv").write_text("".join(lines))
    return folder


def write_caption_recipe(folder, **changes):
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | changes))
    return folder


def see_with_grid_encoder(monkeypatch=None):
    """From now on, pictures are looked at by a `GridEncoder`."""
    from kerasrnn.training.captioning import captioning
    from kerasrnn.zoo.captioning import image_captioner

    for module in (captioning, image_captioner):
        if monkeypatch is None:
            module.ImageEncoder = GridEncoder
        else:
            monkeypatch.setattr(module, "ImageEncoder", GridEncoder)


if __name__ == "__main__":
    from kerasrnn.cli import main

    # Its own features for each run: two at once must not write the same file.
    output = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
    os.environ["KERASRNN_CACHE_DIR"] = str(output.with_suffix(".cache"))
    see_with_grid_encoder()
    sys.exit(main())
