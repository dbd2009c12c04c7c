"""A recipe that learns to say digits in another language, in reverse order."""

import random

import yaml

ENGLISH = "zero one two three four five six seven eight nine".split()
SPANISH = "cero uno dos tres cuatro cinco seis siete ocho nueve".split()

CONFIG = {
    "task": "Seq2SeqAttention",
    "summary": "Says digits in reverse.",
    "model": {
        "cell": "gru",
        "units": 48,
        "embedding_dim": 32,
        "dropout": 0.05,
        "label_smoothing": 0.0,
    },
    "preprocessor": {
        "class": "PairTokenizer",
        "tokenizer": "WordTokenizer",
        "max_tokens": 20,
        "max_length": 12,
    },
    "data": {"name": "digits"},
    "training": {
        "learning_rate": 0.01,
        "schedule": "linear",
        "warmup_steps": 10,
        "global_clipnorm": 1.0,
        "max_tokens": 120,
        "epochs": 12,
        "patience": 5,
        "validation_sentences": 30,
        "average_checkpoints": 2,
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


def write_translation_recipe(folder, **changes):
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | changes))
    return folder


def pairs(count=900, longest=5):
    draw = random.Random(1)
    for _ in range(count):
        digits = [draw.randrange(10) for _ in range(draw.randint(4, longest))]
        source = " ".join(ENGLISH[digit] for digit in digits)
        yield source, " ".join(SPANISH[digit] for digit in reversed(digits))


def write_pairs(path):
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs()))
    return path
