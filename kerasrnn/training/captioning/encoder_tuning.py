"""How the last blocks of an encoder learn before a captioner does."""

import dataclasses

import keras
import numpy as np
from keras import ops

from kerasrnn.text.tokenizer import check_integer
from kerasrnn.training.captioning.caption_scores import scores_of_groups
from kerasrnn.training.captioning.shifts import draw_shifts, moved
from kerasrnn.training.checkpoints import Checkpoints
from kerasrnn.training.progress import ProgressLine
from kerasrnn.training.recipe_optimizer import recipe_optimizer
from kerasrnn.training.resumable_fit import resumable_fit

SHARPNESS = np.arange(0.5, 4.01, 0.25)  # that are tried


@dataclasses.dataclass(frozen=True)
class EncoderTuning:
    """The last blocks of an encoder learn to tell captions apart.

    p(caption) = softmax(W_c BN(1/L Σ_l f_l) + b_c)
    p(word) = softmax(W_w BN(1/L Σ_l f_l) + b_w)

    f are the features of the L places of a picture; the loss is the cross-entropy of
    the picture's main caption, and of each of its words, which are equally likely. The
    blocks remain, and a captioner learns from what they make; with `known_captions` it
    keeps the softmax over captions too. From a decoder that knows nothing yet, the
    blocks would forget what they knew.

    Args:
        epochs: how many; 0: the blocks stay as they are.
        batch_size: pictures of a step.
        learning_rate: the highest, of AdamW; it falls to zero as a cosine.
        weight_decay: of AdamW.
        warmup_steps: in which the rate first rises in a straight line.
        dropout: rate on the mean features.
        label_smoothing: share of the probability that the loss gives to all captions.
        word_weight: weight of the loss of the words.
        shift: seven of ten pictures are moved by up to so many places of the grid
            that the blocks read, in both directions, for the captioner too; what is at
            an edge is repeated.
    """

    epochs: int = 8
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup_steps: int = 100
    dropout: float = 0.5
    label_smoothing: float = 0.1
    word_weight: float = 0.5
    shift: int = 2

    def __post_init__(self) -> None:
        for name, least in (("epochs", 0), ("batch_size", 1), ("shift", 0)):
            check_integer(name, getattr(self, name), least)

    def run(self, blocks, train, validation, *, folder, seed, log):
        """Train `TunedBlocks`, and give the softmax over captions.

        A run that was killed goes on.

        Args:
            blocks: the `TunedBlocks`; if they are not `trainable`, the softmaxes alone
                learn.
            train: a `NamedFeatures` to learn from.
            validation: those whose captions are compared after each epoch.
            folder: for checkpoints.
            seed: of the order of the pictures, of shifts and of dropout.
            log: called with the lines for the user.

        Returns:
            Of the captions `train.names`, W (D, C) and b (C,) of a softmax of the mean
            over places, 1/L Σ_l f_l, as sure as validation allows.
        """
        who = f"The encoder's last {blocks.blocks} blocks learn"
        if not blocks.trainable:
            who = "A softmax learns"
        log(f"{who} to tell {len(train.names):,} captions apart")
        keras.utils.set_random_seed(seed)
        model = self.classifier(blocks, len(train.names), train.words.shape[1])
        data = _Shifted(train, validation, blocks.grid, self)
        steps = len(data.order(seed, 0))
        options = {
            "optimizer": "adamw",
            "schedule": "cosine",
            "global_clipnorm": 1.0,
            "epochs": self.epochs,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "warmup_steps": min(self.warmup_steps, steps * self.epochs // 10),
        }
        model.compile(
            recipe_optimizer(options, steps),
            [
                keras.losses.CategoricalCrossentropy(
                    from_logits=True, label_smoothing=smoothing
                )
                for smoothing in (self.label_smoothing, 0.0)
            ],
            loss_weights=[1.0, self.word_weight],
        )
        resumable_fit(
            model,
            data,
            checkpoints=Checkpoints(folder),
            epochs=self.epochs,
            seed=seed,
            patience=None,
            monitor="val_cider_d",
            progress=ProgressLine(self.epochs, shown={"val_cider_d": "CIDEr-D {:.3f}"}),
            log=log,
            hints=False,
        )
        gamma, beta, mean, variance, kernel, bias = (
            ops.convert_to_numpy(weight).astype("float64")
            for name in ("scaled", "caption")
            for weight in model.get_layer(name).weights
        )
        scale = gamma / np.sqrt(variance + model.get_layer("scaled").epsilon)
        softmax = scale[:, None] * kernel, bias + (beta - mean * scale) @ kernel
        sharpness = best_sharpness(data.logits(model), train, validation)
        return tuple(sharpness * part for part in softmax)

    def classifier(self, blocks, captions: int, words: int):
        """The blocks, and two softmaxes over captions and words, as logits."""
        inputs = keras.Input((blocks.locations, blocks.dim))
        mean = keras.layers.GlobalAveragePooling1D()(blocks(inputs))
        scaled = keras.layers.BatchNormalization(name="scaled")(mean)
        dropped = keras.layers.Dropout(self.dropout)(scaled)
        logits = [
            keras.layers.Dense(count, kernel_initializer="zeros", name=name)(dropped)
            for name, count in (("caption", captions), ("word", words))
        ]
        return keras.Model(inputs, logits)


class NamedFeatures:
    """Features of pictures, and which of all main captions is that of each.

    Args:
        features: (N, L, D), in memory or on disk.
        rows: those of the pictures that count.
        captions: of all N the captions, the main one first.
        target_ids: gives the token ids of texts, (N, T).
        no_words: token ids that are no words, such as that of the start.

    Attributes:
        names: the main captions, each once.
        labels: of each of the rows, which of them is its own.
        words: of each name, the probability of each token: all of its own are equal.
    """

    def __init__(self, features, rows, captions, target_ids, no_words):
        self.features, self.rows = features, np.asarray(rows)
        self.captions = [captions[row] for row in self.rows]
        main = [texts[0] for texts in self.captions]
        self.names, self.labels = np.unique(main, return_inverse=True)
        ids = ops.convert_to_numpy(target_ids(self.names.tolist()))
        held = np.zeros((len(ids), ids.max() + 1), "float32")
        held[np.arange(len(ids))[:, None], ids] = 1
        held[:, [number for number in no_words if number < held.shape[1]]] = 0
        self.words = held / np.maximum(held.sum(axis=1, keepdims=True), 1)


def best_sharpness(logits, train, validation) -> float:
    """By what to multiply logits, so that known captions are the likeliest.

    Args:
        logits: (N, C) of the validation pictures.
        train: The `NamedFeatures` that the captions are of.
        validation: Those of the pictures, of which some have other captions.

    Reference: Guo et al. 2017, "On Calibration of Modern Neural Networks", 4.2.
    """
    of_train = {name: number for number, name in enumerate(train.names)}
    own = [of_train.get(validation.names[label], -1) for label in validation.labels]
    rows = np.flatnonzero(np.array(own) >= 0)
    if not len(rows):
        return 1.0
    logits, own = np.asarray(logits, "float64")[rows], np.array(own)[rows]

    def loss(sharpness):
        sharp = sharpness * (logits - logits.max(axis=1, keepdims=True))
        own_logits = sharp[np.arange(len(own)), own]
        return np.mean(np.log(np.exp(sharp).sum(axis=1)) - own_logits)

    return float(min(SHARPNESS, key=loss))


class _Shifted:
    """Pictures whose features are moved, as `resumable_fit` takes them."""

    def __init__(self, train, validation, grid, options):
        self.train, self.validation, self.grid = train, validation, grid
        self.options = options

    def order(self, seed, epoch):
        """Of each step the row, the label and the shift of each picture, (B, 4)."""
        generator = np.random.default_rng([seed, epoch, 1])
        count, size = len(self.train.rows), self.options.batch_size
        shifts = draw_shifts(generator, count, self.options.shift)
        examples = np.column_stack([self.train.rows, self.train.labels, shifts])
        examples = generator.permutation(examples)
        return [examples[at : at + size] for at in range(0, count, size)]

    def dataset(self, order):
        import tensorflow as tf

        train, grid = self.train, self.grid

        def read(step):
            step = order[step]
            features = [
                moved(train.features[row], grid, *shift) for row, _, *shift in step
            ]
            labels = step[:, 1]
            of_captions = labels[:, None] == np.arange(len(train.names))
            targets = of_captions.astype("float32"), train.words[labels]
            return np.stack(features).astype("float32"), *targets

        shapes = [(None, grid[0] * grid[1], grid[2])]
        shapes += [(None, len(train.names)), (None, train.words.shape[1])]

        def of_step(step):
            found = tf.numpy_function(read, [step], [tf.float32] * 3, stateful=False)
            found = map(tf.ensure_shape, found, shapes)
            features, captions, words = found
            return features, (captions, words)

        options = tf.data.Options()
        options.autotune.enabled = False  # there is nothing to tune
        return (
            tf.data.Dataset.range(len(order)).map(of_step).prefetch(2)
        ).with_options(options)

    def logits(self, model):
        """Of the captions of all validation pictures, (N, C)."""
        found, validation = [], self.validation
        for at in range(0, len(validation.rows), 128):
            rows = validation.rows[at : at + 128]
            features = np.stack([validation.features[row] for row in rows])
            found.append(model.predict_on_batch(features.astype("float32"))[0])
        return np.concatenate(found)

    def validate(self, model):
        validation = self.validation
        found = self.train.names[self.logits(model).argmax(axis=1)].tolist()
        everything = {"all": range(len(found))}
        scores = scores_of_groups(found, validation.captions, everything)["all"]
        return {"val_cider_d": scores["cider_d"], "val_exact": scores["exact_match"]}
