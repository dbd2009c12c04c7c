"""What a tagger learns from, and what it is judged on."""

from typing import Any

import numpy as np

from kerasrnn.training.batch_order import batch_order
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
    """

    def __init__(self, model: Any, train: Any, validation: Any, *, batch_size: int):
        self.batch_size = batch_size
        self.rows, self.tags = ragged(model, train)
        self.lengths = self.tags.row_lengths().numpy()
        self.padding = np.nan if model.frame_dim is not None else 0
        self.validation = ragged(model, validation)

    def order(self, seed: int, epoch: int) -> list:
        """Which sequences are in each batch of an epoch."""
        return batch_order(
            self.lengths, batch_size=self.batch_size, seed=seed, epoch=epoch
        )

    def dataset(self, order: list) -> Any:
        """The batches of an order."""
        return self._batches(self.rows, self.tags, order)

    def validate(self, model: Any) -> dict[str, float]:
        """Loss and accuracy on the validation part."""
        rows, tags = self.validation
        by_length = np.argsort(tags.row_lengths().numpy(), kind="stable")
        order = [by_length[at : at + 128] for at in range(0, len(by_length), 128)]
        dataset = self._batches(rows, tags, order)
        scores = model.evaluate(dataset, verbose=0, return_dict=True)
        return {f"val_{name}": float(value) for name, value in scores.items()}

    def _batches(self, rows, tags, order):
        import tensorflow as tf

        def batch(places):
            steps = tf.gather(rows, places)
            labels = tf.gather(tags, places)
            return steps.to_tensor(self.padding), labels.to_tensor(NO_LABEL)

        places = tf.RaggedTensor.from_row_lengths(
            np.concatenate(order).astype("int64"), [len(part) for part in order]
        )
        options = tf.data.Options()
        # Nothing here is to be tuned, and the end of an epoch would wait for the tuner.
        options.autotune.enabled = False
        dataset = tf.data.Dataset.from_tensor_slices(places)
        return dataset.map(batch).prefetch(2).with_options(options)


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
