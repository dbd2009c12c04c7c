"""What a tagger learns from, and what it is judged on."""

from typing import Any

import numpy as np

from kerasrnn.training.batch_order import batch_order, rows_of_epoch
from kerasrnn.zoo.tagging.tagged_inputs import NO_LABEL

# Sequences that are made into numbers at once.
BLOCK = 1024


class TaggingData:
    """What a tagger learns from, as `resumable_fit` takes it.

    Args:
        model: A `SequenceTagger`.
        train: `kerasrnn.data.TaggedSequences`.
        validation: The same, to decide which epoch is best.
        batch_size: Sequences in a step.
        rotation: In degrees: each epoch turns every sequence of frames by a random
            angle of this standard deviation round a random axis, since no two people
            wear a sensor alike. Each three numbers of a frame are the axes of one
            sensor, and all sensors are turned together; where one of three is missing,
            all are. A pure function of seed and epoch.

    Raises:
        ValueError: `rotation` of words, or of frames that are not made of threes.
    """

    def __init__(
        self,
        model: Any,
        train: Any,
        validation: Any,
        *,
        batch_size: int,
        rotation: float = 0.0,
    ):
        if rotation and (model.frame_dim is None or model.frame_dim % 3):
            found = "words" if model.frame_dim is None else f"{model.frame_dim} numbers"
            raise ValueError(
                "`rotation` must be 0 where frames are not made of threes, the axes of "
                f"sensors; got {rotation} with {found}."
            )
        self.batch_size, self.rotation = batch_size, rotation
        self.rows, self.tags = ragged(model, train)
        self.lengths = self.tags.row_lengths().numpy()
        self.padding = np.nan if model.frame_dim is not None else 0
        self.validation = ragged(model, validation)

    def order(self, seed: int, epoch: int) -> list:
        """Of each batch the rows (B, 3) of seed, epoch and number of a sequence."""
        batches = batch_order(
            self.lengths, batch_size=self.batch_size, seed=seed, epoch=epoch
        )
        return [rows_of_epoch(batch, seed, epoch) for batch in batches]

    def dataset(self, order: list) -> Any:
        """The batches of an order."""
        seed, epoch, _ = order[0][0].tolist()
        turned = None
        if self.rotation:
            generator = np.random.default_rng([seed, epoch, 1])
            turned = rotations(len(self.lengths), self.rotation, generator)
        return self._batches(self.rows, self.tags, [b[:, 2] for b in order], turned)

    def validate(self, model: Any) -> dict[str, float]:
        """Loss and accuracy on the validation part."""
        rows, tags = self.validation
        by_length = np.argsort(tags.row_lengths().numpy(), kind="stable")
        order = [by_length[at : at + 128] for at in range(0, len(by_length), 128)]
        dataset = self._batches(rows, tags, order)
        scores = model.evaluate(dataset, verbose=0, return_dict=True)
        return {f"val_{name}": float(value) for name, value in scores.items()}

    def _batches(self, rows, tags, order, turned=None):
        import tensorflow as tf

        def batch(places):
            steps = tf.gather(rows, places).to_tensor(self.padding)  # (B, T, D)
            labels = tf.gather(tags, places).to_tensor(NO_LABEL)
            if turned is not None:
                size = tf.shape(steps)
                sensors = tf.reshape(steps, (size[0], size[1], -1, 3))
                matrices = tf.gather(turned, places)
                sensors = tf.einsum("bij,btsj->btsi", matrices, sensors)
                steps = tf.reshape(sensors, size)
            return steps, labels

        places = tf.RaggedTensor.from_row_lengths(
            np.concatenate(order).astype("int64"), [len(part) for part in order]
        )
        options = tf.data.Options()
        # Nothing here is to be tuned, and the end of an epoch would wait for the tuner.
        options.autotune.enabled = False
        dataset = tf.data.Dataset.from_tensor_slices(places)
        return dataset.map(batch).prefetch(2).with_options(options)


def rotations(count: int, spread: float, generator: np.random.Generator) -> np.ndarray:
    """Random rotations, (count, 3, 3).

    R = I + sin(a) K + (1 - cos(a)) K²,  K v = k × v,  a ~ N(0, spread²)

    Args:
        count: How many.
        spread: Standard deviation of the angle a, in degrees.
        generator: Where the angles and the axes k are drawn from.

    Example:

    >>> r = rotations(2, 20.0, np.random.default_rng(0))
    >>> bool(np.allclose(r @ r.transpose(0, 2, 1), np.eye(3), atol=1e-6))
    True
    """
    axes = generator.normal(size=(count, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = np.radians(generator.normal(0.0, spread, (count, 1, 1)))
    cross = np.cross(axes[:, None], np.eye(3)).transpose(0, 2, 1)  # K
    turned = np.eye(3) + np.sin(angles) * cross + (1 - np.cos(angles)) * cross @ cross
    return turned.astype("float32")


def ragged(model: Any, sequences: Any) -> tuple[Any, Any]:
    """The steps of sequences and the numbers of their labels, as ragged tensors.

    Args:
        model: A `SequenceTagger`; a label that it does not know is -1.
        sequences: `kerasrnn.data.TaggedSequences`.
    """
    import tensorflow as tf

    numbers = {label: number for number, label in enumerate(model.labels)}
    lengths = [len(tags) for tags in sequences.tags]
    known = [numbers.get(tag, NO_LABEL) for tags in sequences.tags for tag in tags]
    labels = tf.RaggedTensor.from_row_lengths(np.array(known, "int32"), lengths)
    if model.frame_dim is not None:
        frames = np.concatenate(sequences.inputs).astype("float32")
        return tf.RaggedTensor.from_row_lengths(frames, lengths), labels
    flat = []
    for at in range(0, len(sequences), BLOCK):
        texts = [" ".join(words) for words in sequences.inputs[at : at + BLOCK]]
        rows = np.asarray(model.preprocess(texts))
        flat.append(rows[rows[:, :, 0] != 0])
    return tf.RaggedTensor.from_row_lengths(np.concatenate(flat), lengths), labels
