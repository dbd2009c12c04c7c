"""A recipe and data of its shape, small enough to train in seconds."""

import random

import yaml

GOOD = "fine gripping funny warm sharp lovely bright moving".split()
BAD = "dull empty long noisy flat tired weak silly".split()

CONFIG = {
    "task": "SentimentClassifier",
    "summary": "A tiny one.",
    "model": {
        "cell": "simple_rnn",
        "units": 6,
        "embedding_dim": 8,
        "bidirectional": False,
        "recurrent_dropout": 0.1,
        "dropout": 0.2,
        "embedding_dropout": 0.1,
        "word_dropout": 0.1,
    },
    "preprocessor": {"max_tokens": 500, "max_length": 12},
    "data": {"name": "movie_snippets", "labels": ["negative", "positive"]},
    "training": {
        "batch_size": 16,
        "epochs": 6,
        "patience": 5,
        "learning_rate": 0.02,
        "checkpoint_every": 3,
    },
    "seed": 3,
    "examples": ["a fine film", "a dull film", "a film"],
}


def texts_and_labels(count=400):
    draw = random.Random(1)
    for number in range(count):
        label = draw.random() < 0.5
        words = [
            draw.choice(GOOD if (draw.random() < 0.9) == label else BAD)
            for _ in range(draw.randint(1, 4))
        ]
        yield f"film number {number} is {' and '.join(words)}", int(label)


def write_recipe(folder, **changes):
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | changes))
    return folder


def write_tsv(path):
    lines = [f"{('bad', 'good')[y]}\t{text}" for text, y in texts_and_labels()]
    path.write_text("\n".join(lines) + "\n")
    return path
