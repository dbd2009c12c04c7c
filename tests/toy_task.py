"""A kind of task that the package does not know: how many words a text has."""

import pathlib

import keras
import numpy as np
import yaml

from kerasrnn.text import WordTokenizer
from kerasrnn.training.task_kind import TaskKind, metric_names
from kerasrnn.zoo import Task


@keras.saving.register_keras_serializable(package="toys")
class WordCounter(Task):
    """n = Σ_t w · e_t, over the words of a text."""

    def __init__(self, *, preprocessor=None, embedding_dim: int = 4, **kwargs):
        super().__init__(preprocessor=preprocessor, **kwargs)
        self.embedding_dim = embedding_dim
        size = len(preprocessor.get_vocabulary())
        self.embedding = keras.layers.Embedding(size, embedding_dim)
        self.number = keras.layers.Dense(1, use_bias=False)
        self(np.ones((1, 2), "int32"))
        self.compile(keras.optimizers.Adam(0.05), "mse")

    def token_weights(self):
        return [(self.embedding.embeddings, 0, "text")]

    def call(self, token_ids):
        words = keras.ops.cast(token_ids != 0, "float32")[..., None]  # (B, T, 1)
        return self.number(keras.ops.sum(words * self.embedding(token_ids), axis=1))

    def serving_signatures(self):
        import tensorflow as tf

        def count(text):
            return {"words": self(self.preprocessor(text))}

        return {"serving_default": (count, [tf.TensorSpec((None,), tf.string, "text")])}

    def get_config(self):
        return {**super().get_config(), "embedding_dim": self.embedding_dim}


class Counting(TaskKind):
    """Counting words."""

    models = (WordCounter,)
    plural = "counters"
    data_format = "a file with number<tab>text on each line"
    unit = "texts"
    served_example = 'print(answer(text=tf.constant(["one two"]))["words"].numpy())'

    def __init__(self, config, path=None, log=print, source=None):
        super().__init__(config, path, log, source)
        rows = read_rows(path)
        self.splits = {
            "train": [row for number, row in enumerate(rows) if number % 10 > 1],
            "validation": rows[1::10],
            "test": rows[::10],
        }

    def build_model(self, seed):
        keras.utils.set_random_seed(seed)
        texts = [text for _, text in self.splits["train"]]
        if self.source is not None:
            model = self.started_model(self.grown_tokenizer(texts))
        else:
            tokenizer = WordTokenizer()
            tokenizer.adapt(texts)
            model = WordCounter(preprocessor=tokenizer, **self.config["model"])
        model.compile(self.optimizer(-(-len(texts) // 8)), "mse")
        return model

    def fit_data(self, model):
        return CountingData(model, self.splits)

    def judge(self, model, fitted, folder):
        found = model.evaluate(*columns(self.splits["test"]), verbose=0)
        metrics = {"test_loss": found, "validation_loss": fitted.metrics["val_loss"]}
        return {"metrics": metrics}

    def judge_peers(self):
        """How far off one is who always says the mean."""
        numbers = {name: columns(rows)[1] for name, rows in self.splits.items()}
        errors = numbers["test"] - numbers["train"].mean()
        return {"the mean": (errors**2).mean()}

    @classmethod
    def evaluate(cls, model, data, path, settings, log, *, part=None):
        rows = read_rows(path)[:: 1 if part is None else 10]
        loss = model.evaluate(*columns(rows), verbose=0)
        log(f"  off by {loss**0.5:.2f} words")
        return {"loss": loss}

    @classmethod
    def predict(cls, model, batches, *, alone):
        for texts in batches:
            for (number,) in model.predict(texts, verbose=0):
                yield f"{number:.0f} words\n"

    @classmethod
    def told_of_results(cls, recipe, run, table_of):
        return [table_of(metric_names(recipe)), "Words are counted by adding."]


class CountingData:
    """What a counter learns from, as `resumable_fit` takes it."""

    def __init__(self, model, splits):
        self.model, self.splits = model, splits

    def order(self, seed, epoch):
        rows = np.random.default_rng([seed, epoch]).permutation(
            len(self.splits["train"])
        )
        return [rows[start : start + 8] for start in range(0, len(rows), 8)]

    def dataset(self, order):
        import tensorflow as tf

        rows = [self.splits["train"][row] for row in np.concatenate(order)]
        texts, numbers = columns(rows)
        ids = self.model.preprocess(texts)
        return tf.data.Dataset.from_tensor_slices((ids, numbers)).batch(8)

    def validate(self, model):
        loss = model.evaluate(*columns(self.splits["validation"]), verbose=0)
        return {"val_loss": loss}


def write_recipe(folder, **training):
    """The folder, as text, of a recipe of the task with these settings of training."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "task": "WordCounter",
        "summary": "Counts words.",
        "model": {"embedding_dim": 3},
        "preprocessor": {"class": "WordTokenizer"},
        "data": {"name": "none", "description": "Texts of a few words."},
        "training": {"epochs": 1, "patience": None, **training},
        "seed": 3,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return str(folder)


def read_rows(path):
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    return [(float(number), text) for number, text in (li.split("\t") for li in lines)]


def columns(rows):
    numbers, texts = zip(*rows, strict=True)
    return list(texts), np.array(numbers, "float32")[:, None]
