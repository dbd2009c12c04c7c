"""How recipes of `SentimentClassifier` are trained and judged."""

import sys

import keras
import numpy as np

from kerasrnn.data import load_glove
from kerasrnn.inspection import confusion_matrix_figure, learning_curve_figure
from kerasrnn.metrics import classification_scores
from kerasrnn.training.batch_order import batch_order
from kerasrnn.training.recipe_data import load_splits
from kerasrnn.training.recipe_optimizer import recipe_optimizer
from kerasrnn.training.recipe_training import RecipeTraining
from kerasrnn.training.sentiment.confusion_text import confusion_text
from kerasrnn.zoo import MODELS, PREPROCESSORS, Task


class TextClassification(RecipeTraining):
    """What `train` needs to know of a recipe that tells classes of texts apart.

    Args:
        config: The recipe.
        path: A file of label<tab>text in place of the recipe's data, or None.
        log: Called with every line for the user.
    """

    monitor = "val_accuracy"
    selected_by = "validation_accuracy"

    def __init__(self, config, path=None, log=print):
        super().__init__(config, log)
        self.splits = load_splits(config["data"], path)
        self.labels = list(self.splits["train"].label_names)

    @property
    def data_results(self) -> dict:
        """What `results.json` says of the data, beside name and number."""
        return {"labels": self.labels}

    def build_model(self, seed: int):
        """The untrained model."""
        return build_model(self.config, self.splits["train"], seed)

    def fit_data(self, model):
        """What `resumable_fit` learns from."""
        return ClassificationData(
            model,
            self.splits["train"],
            self.splits["validation"],
            batch_size=_batch_size(self.config["training"]),
        )

    def judge(self, model, fitted, folder) -> dict:
        """What the results say of a trained model, as it ships."""
        test = self.splits["test"]
        scores = classification_scores(
            test.labels, model.predict(list(test.texts), batch_size=256, verbose=0)
        )
        return {
            "metrics": {
                "test_accuracy": scores["accuracy"],
                "test_loss": scores["loss"],
                "test_macro_f1": scores["macro_f1"],
                "validation_accuracy": fitted.metrics["val_accuracy"],
                "validation_loss": fitted.metrics["val_loss"],
            },
            "confusion_matrix": scores["confusion_matrix"],
        }

    def draw(self, model, run, folder):
        """The figures of the run that is kept."""
        learning_curve_figure(
            run["history"],
            folder / "learning_curve.png",
            kept_epoch=run["kept_epochs"][0],
        )
        confusion_matrix_figure(
            run["confusion_matrix"], self.labels, folder / "confusion_matrix.png"
        )

    def report(self, model, results, run):
        """Tell the user how good the model is."""
        labels, log = self.labels, self.log
        metrics, test = results["metrics"], self.splits["test"]
        spread = ""
        if len(results["runs"]) > 1:
            spread = (
                f" ± {metrics['test_accuracy_std']:.1%}, mean of "
                f"{len(results['runs'])} seeds"
            )
        log(
            f"\nTest accuracy {metrics['test_accuracy']:.1%}{spread}, on "
            f"{len(test):,} examples that the model has not seen\n"
        )
        log(confusion_text(run["confusion_matrix"], labels))
        reviews = self.config.get("examples") or [str(text) for text in test.texts[:3]]
        log("\nThree reviews, and what the model makes of them:")
        scores = model.predict(reviews[:3], verbose=0)
        for text, row in zip(reviews[:3], scores, strict=True):
            best = int(row.argmax())
            log(f"  {labels[best]:>{max(map(len, labels))}} {row[best]:6.1%}  {text}")


class ClassificationData:
    """What a classifier learns from, as `resumable_fit` takes it.

    Args:
        model: A `kerasrnn.zoo.Task` with a preprocessor.
        train: `kerasrnn.data.Examples`; their targets and weights are learned from.
        validation: The same, to decide when to stop.
        batch_size: Examples in a step.
    """

    def __init__(self, model, train, validation, *, batch_size: int):
        self.train, self.batch_size = train, batch_size
        self.ids = _token_ids(model, train.texts)  # (N, T)
        self.lengths = np.count_nonzero(self.ids, axis=1)
        ids = _token_ids(model, validation.texts)
        everything = np.arange(len(validation))
        self.validation_set = _dataset(ids, validation, everything, 256)

    def order(self, seed, epoch):
        return batch_order(
            self.lengths, batch_size=self.batch_size, seed=seed, epoch=epoch
        )

    def dataset(self, order):
        rows = np.concatenate(order)
        return _dataset(self.ids, self.train, rows, self.batch_size)

    def validate(self, model):
        scores = model.evaluate(self.validation_set, verbose=0, return_dict=True)
        return {f"val_{name}": float(value) for name, value in scores.items()}


def build_model(config, train_examples, seed):
    """The untrained model of a recipe, its tokenizer fitted to the training texts."""
    keras.utils.set_random_seed(seed)
    options = dict(config["preprocessor"])
    preprocessor = PREPROCESSORS[options.pop("class", "WordTokenizer")](**options)
    preprocessor.adapt(list(train_examples.texts))
    model = MODELS[config["task"]](
        preprocessor=preprocessor,
        labels=train_examples.label_names,
        embedding_matrix=_word_vectors(config, preprocessor, seed),
        **config["model"],
    )
    training = config["training"]
    steps_an_epoch = -(-len(train_examples) // _batch_size(training))
    model.compile(
        optimizer=recipe_optimizer(training, steps_an_epoch),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True,
            label_smoothing=training.get("label_smoothing", 0.0),
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return model


def _word_vectors(config, preprocessor, seed):
    name = config["training"].get("word_vectors")
    if name is None:
        return None
    if name != "glove":
        raise ValueError(f"`word_vectors` must be 'glove' or absent; got {name!r}.")
    return load_glove(preprocessor.get_vocabulary(), seed=seed)


def _batch_size(training):
    return int(training.get("batch_size", 32))


def _token_ids(model, texts):
    """All texts as token ids, once: cutting them again in every epoch takes longer."""
    parts = [
        np.asarray(model.preprocess(list(texts[start : start + 1024])))
        for start in range(0, len(texts), 1024)
    ]
    width = max(part.shape[1] for part in parts)
    return np.concatenate(
        [np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in parts]
    )


def _dataset(ids, examples, order, batch_size):
    import tensorflow as tf

    def trim(ids, targets, weights):
        steps = tf.reduce_max(tf.math.count_nonzero(ids, axis=1))
        return ids[:, : tf.maximum(steps, 1)], targets, weights

    columns = (ids[order], examples.targets[order], examples.weights[order])
    dataset = tf.data.Dataset.from_tensor_slices(columns)
    # Nothing here is to be tuned, and the end of an epoch would wait, for seconds,
    # for the tuner to wake.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.batch(batch_size).map(trim).prefetch(2).with_options(options)


def report_classification(model: Task, examples, log=print) -> dict:
    """Judge a classifier on examples, and tell the user."""
    verbose = 1 if sys.stdout.isatty() else 0
    probabilities = model.predict(list(examples.texts), batch_size=256, verbose=verbose)
    scores = classification_scores(examples.labels, probabilities)
    log(f"{len(examples):,} examples")
    for name in ("accuracy", "macro_f1", "loss"):
        log(f"  {name.replace('_', ' '):10} {scores[name]:.4f}")
    log("")
    log(confusion_text(scores["confusion_matrix"], model.labels))
    return scores
