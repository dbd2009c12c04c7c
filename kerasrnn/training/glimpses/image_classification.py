"""How recipes of `GlimpseClassifier` are trained and judged."""

import dataclasses
import functools
import itertools
import os
import pathlib
import warnings

import keras
import numpy as np

from kerasrnn.inspection import (
    confusion_matrix_figure,
    glimpse_animation,
    glimpses_figure,
)
from kerasrnn.training.glimpses.glimpse_data import GlimpseData
from kerasrnn.training.search_results import spread
from kerasrnn.training.task_kind import (
    PARTS,
    TaskKind,
    Unreadable,
    metric_names,
    quoted,
)
from kerasrnn.training.told_classes import (
    accuracy_text,
    confusion_block,
    confusion_text,
    counts_text,
    judged,
    tell_scores,
)
from kerasrnn.vision import PictureReader
from kerasrnn.vision.image_decoding import read_pixels
from kerasrnn.zoo import GlimpseClassifier

# Of the user's own pictures an epoch has so many steps, where batches of 8 allow it.
STEPS = 30
LONGEST_SIDE = 256  # in pixels, of pictures of the user's own
SHOWN = 8  # test images of a figure
PICTURES = 64  # that are looked at at a time
# Side of the squares into which a picture is cut for its nearest neighbours.
BLOCKS = 16


class ImageClassification(TaskKind):
    """Telling classes of images apart.

    Args:
        config: The recipe.
        path: A folder with a folder of pictures for each class, in place of the
            recipe's data, or None.
        log: Called with every line for the user.
        source: What to begin with, a trained classifier, or None: anew.
    """

    models = (GlimpseClassifier,)
    monitor = "val_accuracy"
    selected_by = "validation_accuracy"
    headline = "test_accuracy"
    unit = "images"
    few = 1000
    of_few = (
        "where to look is learned from thousands of steps, and of few pictures each "
        "is seen often. A model that is trained already is a better beginning (--from)."
    )
    plural = "classifiers of images"
    data_format = "a folder with a folder of pictures for each class"
    printed = (
        "the texts are names of picture files: a line of label, probability and file, "
        "with tabs between"
    )
    exported = (
        "the bytes of pictures in, labels, probabilities and places of glimpses out; "
        "under another signature the same of pixels (pixels)"
    )
    input_example = "photo.png"
    figures = {
        "glimpses.png": "Where it looks in test images, and what its windows show; "
        "those that it takes for another class come first",
        "glimpses.gif": "The same, glimpse by glimpse",
        "confusion_matrix.png": "Confusion matrix",
        "learning_curve.png": "Learning curve",
    }
    served_example = """\
picture = tf.io.read_file("photo.png")
print(answer(image_bytes=[picture])["label"].numpy()[0].decode())"""

    def __init__(self, config, path=None, log=print, source=None):
        super().__init__(config, path, log, source)
        self.splits = load_splits(config["data"], path)
        self.labels = list(self.splits["train"].label_names)
        if path is not None:
            log(counts_text(self.splits))
            self._read_files()
            size = len(self.splits["train"])
            why = f"{size:,} pictures to learn from"
            self.derive_at_most("training", "batch_size", max(8, size // STEPS), why)
            if config["training"].get("fresh_places"):
                self.derive("training", "fresh_places", False, "of a folder's pictures")
        shape = self.splits["train"].images.shape[1:]
        if shape != self.reader.image_shape:
            raise ValueError(
                "`preprocessor` of the recipe must make images of the data's shape "
                f"{shape}; got one that makes {self.reader.image_shape}."
            )

    def _read_files(self):
        """Pictures of the user's own, made into images of one size."""
        files = [file for part in self.splits.values() for file in part.images]
        sizes, colour = sizes_of(files)
        if self.source is not None:
            channels = self.source.preprocessor.channels
        else:
            channels = 3 if colour else 1
        height, width = max(sizes, key=sizes.get)
        if len(sizes) > 1:
            why = f"the most frequent of {len(sizes)} sizes; others are resized"
        else:
            why = "as all pictures are"
        longer = max(height, width)
        if longer > LONGEST_SIDE:
            why = f"of {height} x {width}: at most {LONGEST_SIDE} pixels"
            height, width = (
                max(1, round(side * LONGEST_SIDE / longer)) for side in (height, width)
            )
        for name, value, reason in (
            ("height", height, why),
            ("width", width, why),
            ("channels", channels, "as the pictures or the model are"),
        ):
            if value != self.config["preprocessor"].get(name):
                self.derive("preprocessor", name, value, reason)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # It was told.
            self.splits = {
                name: dataclasses.replace(
                    part, images=self.reader.read(list(part.images), name)
                )
                for name, part in self.splits.items()
            }

    @functools.cached_property
    def reader(self) -> PictureReader:
        """What makes images of pictures."""
        options = dict(self.config["preprocessor"])
        options.pop("class", None)
        return PictureReader(**options)

    @property
    def data_results(self) -> dict:
        """What `results.json` says of the data, beside name and number."""
        return {"labels": self.labels}

    def build_model(self, seed: int):
        """The untrained model."""
        keras.utils.set_random_seed(seed)
        given = {"image_shape": self.reader.image_shape, "labels": self.labels}
        if self.source is None:
            model = self.model_class(self.config["task"])(
                preprocessor=self.reader, **given, **self.config["model"]
            )
        else:
            # Its weights read images of any height and width.
            model = self.started_model(self.reader, **given)
        steps = len(self.fit_data(model).order(seed, 0))
        model.compile(self.optimizer(steps))
        return model

    def fit_data(self, model):
        """What `resumable_fit` learns from."""
        training = self.config["training"]
        return GlimpseData(
            self.splits["train"],
            self.splits["validation"],
            batch_size=int(training.get("batch_size", 64)),
            fresh_places=bool(training.get("fresh_places", False)),
        )

    def judge(self, model, fitted, folder) -> dict:
        """What the results say of a trained model, as it ships."""
        test = self.splits["test"]
        found = model.predict(test.images, batch_size=256, verbose=0)
        return judged(test.labels, found, fitted)

    def judge_peers(self) -> dict[str, float]:
        """Test accuracy of the class of the training image that looks most alike."""
        train, test = self.splits["train"], self.splits["test"]
        found = nearest(blocks_of(train.images), blocks_of(test.images))
        right = train.labels[found] == test.labels
        return {"nearest image": float(right.mean())}

    def draw(self, model, run, folder):
        """The figures of the run that is kept."""
        super().draw(model, run, folder)
        confusion_matrix_figure(
            run["confusion_matrix"], self.labels, folder / "confusion_matrix.png"
        )
        test = self.splits["test"]
        found = model.predict(test.images, batch_size=256, verbose=0).argmax(axis=1)
        wrong = np.flatnonzero(found != test.labels)
        right = np.flatnonzero(found == test.labels)
        wrong = wrong[spread(len(wrong), SHOWN // 4)]
        rows = [*wrong, *right[spread(len(right), SHOWN - len(wrong))]]
        labels = [self.labels[number] for number in test.labels[rows]]
        glimpses_figure(model, test.images[rows], labels, folder / "glimpses.png")
        glimpse_animation(model, test.images[rows], labels, folder / "glimpses.gif")

    def report(self, model, results, run):
        """Tell the user how good the model is."""
        self.log(accuracy_text(results, len(self.splits["test"]), self.unit))
        self.log(confusion_text(run["confusion_matrix"], self.labels))

    @classmethod
    def evaluate(cls, model, data, path, settings, log, *, part=None):
        examples = evaluation_examples(model, data, path, part)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            images = model.preprocessor.read(list(examples.images), "images")
        found = model.predict(images, batch_size=256, verbose=0)
        return tell_scores(examples.labels, found, model.labels, cls.unit, log)

    @classmethod
    def predict(cls, model, batches, *, alone):
        files = itertools.chain.from_iterable(batches)
        while names := [os.fsdecode(f) for f in itertools.islice(files, PICTURES)]:
            seen, images = [], []
            for name in names:
                image = _read(model.preprocessor, name)
                if isinstance(image, Unreadable):
                    yield image
                else:
                    seen.append(name)
                    images.append(image)
            if not seen:
                continue
            rows = model.predict_on_batch(np.concatenate(images))
            for name, row in zip(seen, rows, strict=True):
                best = int(row.argmax())
                yield f"{model.labels[best]}\t{row[best]:.3f}\t{name}\n"

    @classmethod
    def usage(cls, recipe):
        return f"model.predict([{quoted(cls.input_example)}])"

    @classmethod
    def told_of_results(cls, recipe, run, table_of):
        return [table_of(metric_names(recipe)), confusion_block(recipe, run)]


def _read(reader, name):
    """An image (1, H, W, C) of a file, or what says that it could not be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return reader.read([name], "picture")
    except (OSError, ValueError) as error:
        return Unreadable(str(error).replace("`picture[0]`", name))


def sizes_of(files) -> tuple[dict[tuple[int, int], int], bool]:
    """How many pictures are of each height and width, and whether any has colours."""
    sizes: dict[tuple[int, int], int] = {}
    colour = False
    for file in files:
        pixels = read_pixels(pathlib.Path(file), "picture")
        size = pixels.shape[:2]
        sizes[size] = sizes.get(size, 0) + 1
        colour = colour or bool((pixels.min(axis=-1) != pixels.max(axis=-1)).any())
    return sizes, colour


def blocks_of(images: np.ndarray) -> np.ndarray:
    """(N, 256 C): the pixels in the middle of 16 × 16 parts of images, 0 to 1."""
    height, width = images.shape[1:3]
    rows, columns = (
        ((np.arange(BLOCKS) + 0.5) * side / BLOCKS).astype(int)
        for side in (height, width)
    )
    chosen = images[:, rows[:, None], columns]
    return chosen.reshape(len(images), -1).astype("float32") / 255


def nearest(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The row of `train` (N, D) that is nearest to each row of `test` (M, D)."""
    squares = (train**2).sum(axis=1)
    parts = [
        (squares - 2 * test[at : at + 256] @ train.T).argmin(axis=1)
        for at in range(0, len(test), 256)
    ]
    return np.concatenate(parts)


def load_splits(data: dict, path=None) -> dict:
    """Training, validation and test examples.

    Args:
        data: The `data` section of a recipe: `name` of a TFDS data set; `splits`, what
            it calls `train`, `validation` and `test`.
        path: A folder of the user's own in place of all that; its images are paths.
    """
    from kerasrnn.data import load_image_classes, read_image_classes

    if path is not None:
        return read_image_classes(path)
    splits = data.get("splits", {})
    return {
        part: load_image_classes(data["name"], splits.get(part, part)) for part in PARTS
    }


def evaluation_examples(model, data: dict | None, path=None, part=None):
    """What to judge a trained model on.

    Args:
        model: The model, whose classes a folder's must be.
        data: The `data` section that it was trained on, whose test split is taken; or
            None.
        path: A folder with a folder of pictures for each class. None: `data` says it.
        part: Which part of that folder is used, "test"; None: all of it.
    """
    from kerasrnn.data import load_image_classes, read_image_classes

    if path is None:
        data = data or {}
        split = data.get("splits", {}).get("test", "test")
        return load_image_classes(data["name"], split)
    parts = read_image_classes(path)
    names = parts["train"].label_names
    if unknown := [name for name in names if name not in model.labels]:
        raise ValueError(
            f"{path} has the class {unknown[0]!r}, which the model does not know. It "
            f"knows {', '.join(model.labels)}."
        )
    chosen = [*parts.values()] if part is None else [parts[part]]
    of_model = np.array([model.labels.index(name) for name in names], "int32")
    labels = np.concatenate([some.labels for some in chosen])
    return dataclasses.replace(
        chosen[0],
        images=np.concatenate([some.images for some in chosen]),
        labels=of_model[labels],
        label_names=tuple(model.labels),
    )
