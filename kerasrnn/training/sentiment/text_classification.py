"""How recipes of `SentimentClassifier` are trained and judged."""

import dataclasses
import functools
import itertools
import sys
import warnings

import keras
import numpy as np

from kerasrnn.catalogue import list_presets
from kerasrnn.inspection import confusion_matrix_figure
from kerasrnn.text.tokenizer import UNKNOWN_ID
from kerasrnn.training.batch_order import batch_order
from kerasrnn.training.recipe_optimizer import recipe_optimizer
from kerasrnn.training.search_results import spread
from kerasrnn.training.sentiment.linear_peer import has_linear_peer, linear_peer
from kerasrnn.training.starting_point import StartingPoint
from kerasrnn.training.task_kind import PARTS, TaskKind, metric_names
from kerasrnn.training.told_classes import (
    accuracy_text,
    confusion_block,
    confusion_text,
    counts_text,
    judged,
    tell_scores,
)
from kerasrnn.training.word_vectors import word_vectors
from kerasrnn.zoo import SentimentClassifier
from kerasrnn.zoo.preset import preprocessor_class

# Words of the user's own texts that are read, at most.
LONGEST = 1000
# Of the user's own texts an epoch has so many steps, where batches of 8 allow it; and
# fewer than SMALL are for a smaller network.
STEPS, SMALL = 30, 500
# The recipe's preset is begun with where it knows such a share of the words of so many
# of the user's own texts.
KNOWN, LOOKED_AT = 0.85, 2000
# Letters from here on are of other scripts than the Latin one.
FIRST_NOT_LATIN = "\u0250"


class TextClassification(TaskKind):
    """Telling classes of texts apart.

    Args:
        config: The recipe.
        path: A file of label<tab>text in place of the recipe's data, or None.
        log: Called with every line for the user.
        source: What to begin with, a trained classifier, or None: anew.
    """

    models = (SentimentClassifier,)
    monitor = "val_accuracy"
    selected_by = "validation_accuracy"
    headline = "test_accuracy"
    few = 1000
    of_few = (
        "a classifier learns single words of them, and TF-IDF may be as good. One that "
        "is trained already is a better beginning (--from)."
    )
    plural = "classifiers"
    data_format = "a file with label<tab>text on each line"
    printed = "a line of label, probability and text, with tabs between"
    exported = "texts in, labels and probabilities out"
    figures = {
        "confusion_matrix.png": "Confusion matrix",
        "learning_curve.png": "Learning curve",
    }

    def __init__(self, config, path=None, log=print, source=None):
        super().__init__(config, path, log, source)
        self.splits = load_splits(config["data"], path)
        self.labels = list(self.splits["train"].label_names)
        if path is not None:
            log(counts_text(self.splits))
            self._fit_length()
            self._check_word_vectors()
            if not has_linear_peer():
                log(
                    "No linear model will be judged beside the network: it needs "
                    "scikit-learn (pip install 'kerasrnn[peers]')."
                )
            self._fit_sizes()

    @property
    def data_results(self) -> dict:
        """What `results.json` says of the data, beside name and number."""
        return {"labels": self.labels, "cut": self.cut}

    @functools.cached_property
    def tokenizer(self):
        """The source's tokenizer or the recipe's, which the training texts taught."""
        texts = list(self.splits["train"].texts)
        if self.source is not None:
            most = self.config["preprocessor"].get("max_tokens")
            return self.grown_tokenizer(texts, most=most)
        options = dict(self.config["preprocessor"])
        tokenizer_class = preprocessor_class(options.pop("class", "WordTokenizer"))
        tokenizer = tokenizer_class(**options)
        tokenizer.adapt(texts)
        return tokenizer

    @functools.cached_property
    def words_cut(self) -> dict[str, np.ndarray]:
        """How many words of each text the tokenizer's `max_length` cuts off."""
        return {
            name: _words_cut(self.tokenizer, part.texts)
            for name, part in self.splits.items()
        }

    @property
    def cut(self) -> dict[str, int]:
        """How many texts of each split are longer than the tokenizer's `max_length`."""
        counts = self.words_cut.items()
        return {name: int(np.count_nonzero(of_split)) for name, of_split in counts}

    def _fit_length(self):
        """Let the tokenizer read the user's own texts whole, up to `LONGEST` words."""
        most = self.tokenizer.max_length
        if most is None:
            return
        over = max(int(part.max(initial=0)) for part in self.words_cut.values())
        if over and most < LONGEST:
            fitted = min(most + over, LONGEST)
            why = f"the longest text has {most + over} words"
            self.derive("preprocessor", "max_length", fitted, why)
            self.tokenizer.max_length = fitted
            self.words_cut = {
                name: np.maximum(part - (fitted - most), 0)
                for name, part in self.words_cut.items()
            }

    def _check_word_vectors(self):
        """Leave out the word vectors, which are English, for other scripts."""
        has_none = self.config["training"].get("word_vectors") is None
        if has_none or self.source is not None:
            return
        words = self.tokenizer.get_vocabulary()[2:]
        latin = sum(max(word) < FIRST_NOT_LATIN for word in words if word)
        if latin < len(words) / 2:
            why = f"{len(words) - latin} of {len(words)} words are in other scripts"
            self.derive("training", "word_vectors", None, why)

    def _fit_sizes(self):
        """Smaller batches, and a smaller network, for few texts of the user's own."""
        size = len(self.splits["train"])
        why = f"{size:,} texts to learn from"
        most = max(8, size // STEPS)
        self.derive_at_most("training", "batch_size", most, why)
        if self.source is None and size < SMALL:
            self.derive_at_most("model", "units", 32, why)
            self.derive_at_most("model", "num_layers", 1, why)
            self.derive_at_most("model", "members", 1, why)

    def expect(self):
        super().expect()
        # Half the width of a 95 % interval round one half.
        error = 0.98 / np.sqrt(len(self.splits["test"]))
        self.log(
            f"The accuracy on {len(self.splits['test']):,} test texts will be known to "
            f"within {error:.0%} or so"
        )

    def build_model(self, seed: int):
        """The untrained model."""
        if cut := {name: count for name, count in self.cut.items() if count}:
            listed = ", ".join(f"{n:,} {name}" for name, n in cut.items())
            self.log(f"Cut to {self.tokenizer.max_length} words: {listed} texts")
        keras.utils.set_random_seed(seed)
        examples = self.splits["train"]
        if self.source is None:
            model = new_model(self.config, examples, self.tokenizer, seed)
        else:
            model = self._started_model()
        steps_an_epoch = -(-len(examples) // _batch_size(self.config["training"]))
        compile_model(model, self.config["training"], self.optimizer(steps_an_epoch))
        return model

    def _started_model(self):
        known = self.source.config["model"]["labels"]
        if new := [label for label in self.labels if label not in known]:
            self.log(
                f"New classes: {', '.join(new)}; {self.source.name} knows "
                f"{', '.join(known)}"
            )
        return self.started_model(self.tokenizer, labels=self.labels)

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
        return judged(test.labels, _predicted(model, test.texts, 0), fitted)

    def judge_peers(self) -> dict[str, float]:
        """Test accuracy of a linear model of words, where scikit-learn is there."""
        return linear_peer(self.splits) if has_linear_peer() else {}

    def draw(self, model, run, folder):
        """The figures of the run that is kept."""
        super().draw(model, run, folder)
        confusion_matrix_figure(
            run["confusion_matrix"], self.labels, folder / "confusion_matrix.png"
        )

    def report(self, model, results, run):
        """Tell the user how good the model is."""
        labels, log = self.labels, self.log
        test = self.splits["test"]
        log(accuracy_text(results, len(test), "examples"))
        log(confusion_text(run["confusion_matrix"], labels))
        texts = self.config.get("examples") or [str(text) for text in test.texts[:3]]
        log("\nThree texts, and what the model makes of them:")
        scores = model.predict(texts[:3], verbose=0)
        for text, row in zip(texts[:3], scores, strict=True):
            best = int(row.argmax())
            log(f"  {labels[best]:>{max(map(len, labels))}} {row[best]:6.1%}  {text}")

    @classmethod
    def evaluate(cls, model, data, path, settings, log, *, part=None):
        examples = evaluation_examples(model.labels, data, path, part)
        if path is not None and part is None:
            read_whole(model)
        if cut := np.count_nonzero(_words_cut(model.preprocessor, examples.texts)):
            log(f"Cut to {model.preprocessor.max_length} words: {cut:,} texts")
        verbose = 1 if sys.stdout.isatty() else 0
        probabilities = _predicted(model, examples.texts, verbose)
        return tell_scores(
            examples.labels, probabilities, model.labels, "examples", log
        )

    @classmethod
    def suggested_start(cls, recipe, path, log):
        """The recipe's preset, where it has read more texts, and knows their words."""
        if recipe.results is None or recipe.name not in list_presets():
            return None
        most = recipe.results["data"]["examples"]["train"]
        texts = _first_training_texts(path, most)
        if len(texts) >= most:
            return None
        looked_at = [texts[row] for row in spread(len(texts), LOOKED_AT)]
        ids = np.asarray(StartingPoint.read(recipe.name).preprocessor(looked_at))
        known = np.count_nonzero(ids > UNKNOWN_ID) / max(np.count_nonzero(ids), 1)
        if known < KNOWN:
            return None
        log(
            f"Begins with the preset {recipe.name}, which has read more texts, and "
            f"knows {known:.0%} of their words (--from scratch: with nothing)"
        )
        return recipe.name

    @classmethod
    def predict(cls, model, batches, *, alone):
        read_whole(model)
        for texts in batches:
            rows = model.predict(texts, batch_size=256, verbose=0)
            for text, row in zip(texts, rows, strict=True):
                if isinstance(text, bytes):
                    text = text.decode("utf-8", errors="replace")
                best = int(row.argmax())
                yield f"{model.labels[best]}\t{row[best]:.3f}\t{text}\n"

    @classmethod
    def told_of_results(cls, recipe, run, table_of):
        return [table_of(metric_names(recipe)), confusion_block(recipe, run)]


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


def read_whole(model):
    """Let a classifier read texts up to `LONGEST` words, whatever it was taught with.

    The words after those that it was taught with may decide.
    """
    tokenizer = model.preprocessor
    most = getattr(tokenizer, "max_length", None)
    if most is not None and most < LONGEST:
        config = {**tokenizer.get_config(), "max_length": LONGEST}
        model.preprocessor = type(tokenizer).from_config(config)


def _predicted(model, texts, verbose):
    """Probabilities of texts, of which it was told how many are cut."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return model.predict(list(texts), batch_size=256, verbose=verbose)


def _words_cut(tokenizer, texts):
    """How many words of each text the tokenizer cuts off, (N,)."""
    if not hasattr(tokenizer, "count_cut"):
        return np.zeros(len(texts), int)
    starts = range(0, len(texts), 1024)
    parts = [tokenizer.count_cut(list(texts[at : at + 1024])) for at in starts]
    return np.concatenate([np.zeros(0, int), *map(np.asarray, parts)])


def build_model(config, train_examples, preprocessor, seed):
    """The untrained model of a recipe, with a tokenizer that was taught, compiled."""
    keras.utils.set_random_seed(seed)
    model = new_model(config, train_examples, preprocessor, seed)
    training = config["training"]
    steps_an_epoch = -(-len(train_examples) // _batch_size(training))
    compile_model(model, training, recipe_optimizer(training, steps_an_epoch))
    return model


def new_model(config, train_examples, preprocessor, seed):
    """The untrained model of a recipe, with a tokenizer that was taught."""
    return TextClassification.model_class(config["task"])(
        preprocessor=preprocessor,
        labels=train_examples.label_names,
        embedding_matrix=word_vectors(
            config["training"].get("word_vectors"), preprocessor, seed
        ),
        **config["model"],
    )


def compile_model(model, training, optimizer):
    """Compile a classifier for the probabilities of a recipe's examples."""
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True,
            label_smoothing=training.get("label_smoothing", 0.0),
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )


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


def _first_training_texts(path, most):
    """The longest cell of each line to learn from, at most so many, unchecked.

    Whoever trains reads the file, checks it and tells what is wrong: not twice.
    """
    from kerasrnn.data.splits import split_of
    from kerasrnn.data.user_file import read_lines

    texts = (max(line.split("\t"), key=len) for _, line in read_lines(path) if line)
    learned = (text for text in texts if split_of(text) == "train")
    return list(itertools.islice(learned, most))


def load_splits(data: dict, path=None) -> dict:
    """Training, validation and test examples.

    Args:
        data: The `data` section of a recipe: `name` of a TFDS data set; `splits`, what
            it calls `train`, `validation` and `test`; `rating_sharpness`, how ratings
            become probabilities to learn; `extra`, a list of `split` and `weight`, to
            be learned from as well.
        path: A file of label<tab>text in place of all that.
    """
    from kerasrnn.data import load_text_classification, read_tsv

    if path is not None:
        return read_tsv(path)
    names = {part: data.get("splits", {}).get(part, part) for part in PARTS}
    splits = {
        part: load_text_classification(data["name"], split)
        for part, split in names.items()
        if part != "train"
    }
    sharpness = data.get("rating_sharpness")
    train = load_text_classification(
        data["name"], names["train"], rating_sharpness=sharpness
    )
    for extra in data.get("extra", []):
        train += load_text_classification(
            data["name"],
            extra["split"],
            rating_sharpness=sharpness,
            weight=extra.get("weight", 1.0),
        )
    return {"train": train, **splits}


def evaluation_examples(labels, data: dict | None, path=None, part=None):
    """What to judge a trained model on.

    Args:
        labels: Names of the model's classes.
        data: The `data` section that it was trained on, whose test split is taken; or
            None.
        path: A file of label<tab>text; its labels are names or numbers of the model's
            classes. None: `data` says it.
        part: Which part of that file is used, "test"; None: all of it.
    """
    from kerasrnn.data import load_text_classification, read_tsv

    if path is None:
        data = data or {}
        return load_text_classification(
            data["name"], data.get("splits", {}).get("test", "test")
        )
    parts = read_tsv(path)
    examples = parts["train"] + parts["validation"] + parts["test"]
    if part is not None:
        examples = parts[part]
    numbers = {name: number for number, name in enumerate(labels)}
    if all(name.isdecimal() for name in examples.label_names):
        numbers = {str(number): number for number in range(len(labels))} | numbers
    unknown = [name for name in examples.label_names if name not in numbers]
    if unknown:
        raise ValueError(
            f"{path} has the label {unknown[0]!r}, which the model does not know. It "
            f"knows {', '.join(labels)}."
        )
    of_model = np.array([numbers[name] for name in examples.label_names], "int32")
    return dataclasses.replace(
        examples,
        labels=of_model[examples.labels],
        label_names=tuple(labels),
        targets=None,
    )
