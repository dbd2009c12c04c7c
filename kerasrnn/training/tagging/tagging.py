"""How recipes of `SequenceTagger` are trained and judged."""

import collections
import csv
import functools
import itertools
from typing import Any

import keras
import numpy as np

from kerasrnn.metrics import marks_spans, span_scores
from kerasrnn.training.tagging.tagging_data import TaggingData
from kerasrnn.training.task_kind import PARTS, TaskKind, metric_names, quoted
from kerasrnn.training.word_vectors import word_vectors
from kerasrnn.zoo import SequenceTagger
from kerasrnn.zoo.preset import preprocessor_class

# Of the user's own sequences an epoch has so many steps, where batches of 8 allow it;
# and fewer than SMALL are for a smaller network.
STEPS, SMALL = 30, 500
# How many of the confusions are kept and drawn.
CONFUSED = 12


class Tagging(TaskKind):
    """Giving every word, or every frame, its label.

    Args:
        config: The recipe; without a `preprocessor` it is one of frames. Sequences are
            cut into windows of `training.window` steps, one every `training.hop`, to
            learn from, and of `evaluation.window` to be judged on.
        path: A file of the user's own in place of the recipe's data, or None.
        log: Called with every line for the user.
        source: What to begin with, a trained tagger, or None: anew.
    """

    models = (SequenceTagger,)
    monitor = "val_accuracy"
    selected_by = "validation_accuracy"
    headline = "test_accuracy"
    unit = "sequences"
    plural = "taggers"
    data_format = (
        "a file with word<tab>tag on each line, a blank line after each sentence; or "
        "for frames of numbers a .csv file with the columns sequence and label, the "
        "others being numbers"
    )
    printed = (
        "the words, each with a slash and its tag; of frames the texts are names of "
        ".csv files: first and last frame, label and probability of each stretch, with "
        "tabs between"
    )
    exported = "sentences or frames in, a label and its probability for each step out"
    few = 1000
    of_few = (
        "a tagger learns single words of them. One that is trained already is a better "
        "beginning (--from)."
    )
    input_example = '"The words of a sentence , with spaces between ."'
    served_example = (
        'for tags in answer(text=tf.constant(["The cat sleeps ."]))["labels"]:\n'
        "    print(tags.numpy())"
    )
    figures = {
        "tagged.png": "A test sequence with its labels",
        "confusions.png": "The labels that are confused most",
        "learning_curve.png": "Learning curve",
    }

    def __init__(self, config, path=None, log=print, source=None):
        super().__init__(config, path, log, source)
        training, evaluation = config["training"], config.get("evaluation", {})
        self.splits = {
            part: of_part.windows(training.get("window"), training.get("hop"))
            if part == "train"
            else of_part.windows(evaluation.get("window"))
            for part, of_part in load_splits(config["data"], path).items()
        }
        counts = collections.Counter(
            tag for tags in self.splits["train"].tags for tag in tags
        )
        # The most frequent one first.
        self.labels = sorted(counts, key=lambda tag: (-counts[tag], tag))
        if len(self.labels) < 2:
            raise ValueError(
                f"The data must have two labels or more to learn; got {self.labels}."
            )
        self._check_kind_of_data()
        if self.splits["train"].channels:
            self.input_example = "frames.csv"
        if path is not None:
            listed = ", ".join(f"{tag} {counts[tag]:,}" for tag in self.labels[:20])
            more = len(self.labels) - 20
            log(f"Labels: {listed}" + (f" and {more} more" if more > 0 else ""))
            self._fit_sizes()

    def _check_kind_of_data(self):
        has_words = self.config["preprocessor"] is not None
        channels = self.splits["train"].channels
        if has_words == bool(channels):
            wanted = "words" if has_words else "frames, a .csv file"
            raise ValueError(
                f"The recipe reads {wanted}; the data hold "
                f"{'frames' if channels else 'words'}."
            )

    def _fit_sizes(self):
        """Smaller batches, and a smaller network, for few sequences of the user's."""
        size = len(self.splits["train"])
        why = f"{size:,} sequences to learn from"
        self.derive_at_most("training", "batch_size", max(8, size // STEPS), why)
        if self.source is None and size < SMALL:
            self.derive_at_most("model", "units", 64, why)

    @property
    def data_results(self) -> dict:
        """What `results.json` says of the data, beside name and number."""
        return {"labels": self.labels, "steps": self.steps}

    @property
    def steps(self) -> dict[str, int]:
        """How many words or frames each split has."""
        return {name: part.steps for name, part in self.splits.items()}

    @functools.cached_property
    def tokenizer(self) -> Any:
        """The source's tokenizer or the recipe's, taught; None for frames."""
        if self.config["preprocessor"] is None:
            return None
        texts = [" ".join(words) for words in self.splits["train"].inputs]
        options = dict(self.config["preprocessor"])
        found = preprocessor_class(options.pop("class", "SpelledWordTokenizer"))
        if self.source is not None:
            return self.grown_tokenizer(texts, most=options.get("max_tokens"))
        tokenizer = found(**options)
        tokenizer.adapt(texts)
        return tokenizer

    def build_model(self, seed: int):
        """The untrained model."""
        keras.utils.set_random_seed(seed)
        if self.source is None:
            model = self._new_model(seed)
        else:
            model = self.started_model(self.tokenizer, labels=self.labels)
        steps_an_epoch = -(-len(self.splits["train"]) // self._batch_size)
        model.compile(self.optimizer(steps_an_epoch))
        return model

    def _new_model(self, seed):
        train, options = self.splits["train"], self.config["model"]
        if self.tokenizer is None:
            dim = len(train.channels)
            model = SequenceTagger(frame_dim=dim, labels=self.labels, **options)
            model.adapt(train.inputs)
            return model
        return SequenceTagger(
            preprocessor=self.tokenizer,
            labels=self.labels,
            embedding_matrix=word_vectors(
                self.config["training"].get("word_vectors"), self.tokenizer, seed
            ),
            **options,
        )

    @property
    def _batch_size(self):
        return int(self.config["training"].get("batch_size", 32))

    def fit_data(self, model):
        """What `resumable_fit` learns from."""
        return TaggingData(
            model,
            self.splits["train"],
            self.splits["validation"],
            batch_size=self._batch_size,
            rotation=float(self.config["training"].get("rotation", 0.0)),
        )

    def judge(self, model, fitted, folder) -> dict:
        """What the results say of a trained model, as it ships."""
        test = self.splits["test"]
        predicted = model.tag(test.inputs)
        seen = None
        if self.tokenizer is not None:
            seen = {word for words in self.splits["train"].inputs for word in words}
        scores = tagging_scores(test, predicted, seen)
        return {
            "metrics": {
                **{f"test_{name}": value for name, value in scores.items()},
                "validation_accuracy": fitted.metrics["val_accuracy"],
                "validation_loss": fitted.metrics["val_loss"],
            },
            "confusions": confusions(test.tags, predicted),
            "evaluation": self.config.get("evaluation", {}),
        }

    def judge_peers(self) -> dict[str, float]:
        """How many labels the most frequent one of each word gets right."""
        train, test = self.splits["train"], self.splits["test"]
        if train.channels:
            return {"the most frequent label": most_frequent(train, test)}
        return {"the most frequent tag of each word": most_frequent(train, test)}

    def draw(self, model, run, folder):
        """The figures of the run that is kept."""
        from kerasrnn.inspection import (
            confusions_figure,
            tagged_frames_figure,
            tagged_words_figure,
        )

        super().draw(model, run, folder)
        test = self.splits["test"]
        confusions_figure(run["confusions"], folder / "confusions.png")
        if test.channels:
            figure, shown = tagged_frames_figure, test.inputs[:: len(test) // 6 + 1]
            true = test.tags[:: len(test) // 6 + 1]
        else:
            figure, shown = tagged_words_figure, self._shown_sentences()
            true = None
        figure(model, shown, folder / "tagged.png", true=true)

    def _shown_sentences(self):
        words = self.splits["test"].inputs[:3]
        return (self.config.get("examples") or [" ".join(row) for row in words])[:3]

    def report(self, model, results, run):
        """Tell the user how good the model is."""
        super().report(model, results, run)
        self.log("\nTaken for each other most often:")
        for true, predicted, count in run["confusions"]["pairs"][:5]:
            self.log(f"  {count:5,} times {true} for {predicted}")
        if self.tokenizer is not None:
            self.log("")
            for sentence in self._shown_sentences():
                self.log(told(sentence, *model.tag([sentence])))

    @classmethod
    def evaluate(cls, model, data, path, settings, log, *, part=None):
        splits = load_splits(data or {}, path)
        test = splits["test"] if path is None or part is not None else whole(splits)
        test = test.windows(settings.get("window"))
        if bool(test.channels) != (model.frame_dim is not None):
            raise ValueError(
                "The model reads "
                f"{'words' if model.frame_dim is None else 'frames'}; the data hold "
                f"{'frames' if test.channels else 'words'}."
            )
        predicted = model.tag(test.inputs)
        seen = None
        if path is None and not test.channels:
            seen = {word for words in splits["train"].inputs for word in words}
        scores = tagging_scores(test, predicted, seen)
        log(f"{len(test):,} sequences, {test.steps:,} steps")
        for name, value in scores.items():
            log(f"  {name.replace('_', ' '):28} {value:.4f}")
        unknown = sorted({t for tags in test.tags for t in tags} - {*model.labels})
        if unknown:
            log(f"The model has never seen {', '.join(unknown[:10])}: counted as wrong")
        return scores

    @classmethod
    def predict(cls, model, batches, *, alone):
        for texts in batches:
            if model.frame_dim is not None:
                for path in texts:
                    yield from told_frames(model, path)
                continue
            for text, tags in zip(texts, model.tag(texts), strict=True):
                if isinstance(text, bytes):
                    text = text.decode("utf-8", errors="replace")
                yield told(text, tags) + "\n"

    @classmethod
    def served_example_of(cls, model):
        if model.frame_dim is None:
            return cls.served_example
        return (
            f"frames = tf.random.normal((1, 50, {model.frame_dim}))\n"
            'print(answer(frames=frames)["labels"].numpy())'
        )

    @classmethod
    def usage(cls, recipe):
        if recipe.config["preprocessor"] is None:
            return "model.tag([frames])  # an array (steps, numbers of a frame)"
        example = (recipe.config.get("examples") or ["The words of a sentence ."])[0]
        return f"model.tag([{quoted(example)}])"

    @classmethod
    def told_of_data(cls, data):
        return told_sizes(**data)

    @classmethod
    def told_of_results(cls, recipe, run, table_of):
        pairs = run["confusions"]["pairs"][:8]
        listed = ", ".join(f"{true} taken for {p} ({n:,})" for true, p, n in pairs)
        return [table_of(metric_names(recipe)), f"Confused most: {listed}."]


def told_sizes(steps: dict[str, int], labels: list[str], **_: Any) -> str:
    """What a card says of the sizes of the data.

    Example:

    >>> told_sizes({"train": 1200, "test": 90}, ["nn", "vb"])
    'Steps: 1,200 for train, 90 for test. Labels: 2.'
    """
    listed = ", ".join(f"{count:,} for {name}" for name, count in steps.items())
    return f"Steps: {listed}. Labels: {len(labels)}."


def told(sentence: str, tags: list[str]) -> str:
    """A sentence with a slash and its tag after each word.

    Example:

    >>> told("The cat sleeps", ["at", "nn", "vbz"])
    'The/at cat/nn sleeps/vbz'
    """
    words = sentence.encode().split()
    pairs = zip(words, tags, strict=True)
    return " ".join(f"{word.decode()}/{tag}" for word, tag in pairs)


def told_frames(model: Any, path: Any) -> Any:
    """Lines of a file of frames: first step, last step, label and its probability.

    Args:
        model: A `SequenceTagger` of frames.
        path: A comma-separated file with a frame on each line; a first line with the
            names of the columns may come before.
    """
    from kerasrnn.data import read_lines

    path = path.decode("utf-8", "replace") if isinstance(path, bytes) else path
    rows = list(csv.reader(line for _, line in read_lines(path)))
    rows = [cells for cells in rows if cells]
    try:
        frames = [[float(cell or "nan") for cell in cells] for cells in rows[1:]]
        try:
            frames = [[float(cell or "nan") for cell in rows[0]], *frames]
        except ValueError:
            pass  # The names of the columns.
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path} must hold numbers with commas between.") from error
    (tags,), (sure,) = model.tag([np.array(frames)], return_probabilities=True)
    begin = 0
    for tag, group in itertools.groupby(tags):
        end = begin + len([*group])
        mean = float(np.mean(sure[begin:end]))
        yield f"{begin}\t{end - 1}\t{tag}\t{mean:.3f}\n"
        begin = end


def load_splits(data: dict, path: Any = None) -> dict:
    """Training, validation and test sequences.

    Args:
        data: The `data` section of a recipe: `name` of a TFDS data set; `splits`, what
            it calls `train`, `validation` and `test`.
        path: A file of the user's own in place of that.
    """
    from kerasrnn.data import load_tagging, read_tagged

    if path is not None:
        return read_tagged(path)
    names = {part: data.get("splits", {}).get(part, part) for part in PARTS}
    return {part: load_tagging(data["name"], name) for part, name in names.items()}


def whole(splits: dict) -> Any:
    """The sequences of all splits."""
    first, *others = splits.values()
    inputs, tags = list(first.inputs), list(first.tags)
    for part in others:
        inputs += part.inputs
        tags += part.tags
    return type(first)(inputs, tags, first.channels)


def most_frequent(train: Any, test: Any) -> float:
    """Accuracy of the label that a word has most often; of a new word, of all.

    Of frames, which are no words, it is always the most frequent one of all.
    """
    return tagging_scores(test, frequent_tags(train, test))["accuracy"]


def frequent_tags(train: Any, test: Any) -> list[list[str]]:
    """The label that each word has most often in `train`; of a new word, of all.

    Of frames, which are no words, it is always the most frequent one of all.
    """
    of_words: dict = collections.defaultdict(collections.Counter)
    total: collections.Counter = collections.Counter()
    for steps, tags in zip(train.inputs, train.tags, strict=True):
        total.update(tags)
        if not train.channels:
            for word, tag in zip(steps, tags, strict=True):
                of_words[word][tag] += 1
    best = {word: of.most_common(1)[0][0] for word, of in of_words.items()}
    of_all = total.most_common(1)[0][0]
    return [
        [of_all if test.channels else best.get(step, of_all) for step in steps]
        for steps in test.inputs
    ]


def tagging_scores(test: Any, predicted: Any, seen: Any = None) -> dict[str, float]:
    """How many labels are right, and more.

    Args:
        test: `kerasrnn.data.TaggedSequences`.
        predicted: The labels of each sequence.
        seen: The words of the training data, or None.

    Returns:
        `accuracy`; with `seen` also `accuracy_unseen_words`; `exact_match`, of whole
        sequences; for frames, `accuracy_windows`: of the commonest label of a window;
        for tags of BIO precision, recall and F1 of the spans.
    """
    pairs = list(zip(test.tags, predicted, strict=True))
    right = [
        [a == b for a, b in zip(true, found, strict=True)] for true, found in pairs
    ]
    flat = list(itertools.chain.from_iterable(right))
    scores = {"accuracy": sum(flat) / max(len(flat), 1)}
    if seen is not None:
        words = itertools.chain.from_iterable(test.inputs)
        unseen = [ok for word, ok in zip(words, flat, strict=True) if word not in seen]
        if unseen:
            scores["accuracy_unseen_words"] = sum(unseen) / len(unseen)
    if test.channels:
        scores["accuracy_windows"] = float(
            np.mean([commonest(true) == commonest(found) for true, found in pairs])
        )
    else:
        scores["exact_match"] = sum(map(all, right)) / max(len(right), 1)
    if marks_spans([tag for tags in test.tags for tag in tags]):
        scores |= span_scores(test.tags, predicted)
    return scores


def commonest(tags: Any) -> Any:
    """The label that most of the steps have, the first of several; None: no step."""
    return collections.Counter(tags).most_common(1)[0][0] if len(tags) else None


def confusions(true: Any, predicted: Any) -> dict:
    """What labels are taken for each other, the commonest pairs first.

    Returns:
        `pairs`, a list of (true label, predicted label, count); and the `labels` that
        occur in them, with their `counts`, (true, predicted).
    """
    counts: collections.Counter = collections.Counter()
    for tags, found in zip(true, predicted, strict=True):
        counts.update(zip(tags, found, strict=True))
    pairs = sorted(
        ((a, b, n) for (a, b), n in counts.items() if a != b),
        key=lambda pair: (-pair[2], pair[0], pair[1]),
    )
    labels: list[str] = []
    for a, b, _ in pairs:
        for label in (a, b):
            if label not in labels and len(labels) < CONFUSED:
                labels.append(label)
    return {
        "pairs": pairs[:30],
        "labels": labels,
        "counts": [[counts[a, b] for b in labels] for a in labels],
    }
