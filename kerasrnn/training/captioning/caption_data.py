import numpy as np

from kerasrnn.training.captioning.shifts import draw_shifts, moved

# Percentile of the lengths above which captions come in batches of their own.
LONG_ABOVE = 97


class CaptionData:
    """What a captioner learns from, as `resumable_fit` takes it.

    A picture is an example as often as it has captions.

    Args:
        features: (N, L, D), in memory or on disk.
        captions: Token ids of all captions, ragged (M, None), and the row of
            `features` that each belongs to, (M,).
        validation: The same two of the validation split, for teacher-forced loss,
            accuracy and perplexity.
        variants: (N,), whether a picture is another one in another skin tone.
        variant_share: How large a part of them, drawn anew, each epoch learns from.
        max_tokens: Longer captions are not learned from, start and end included.
        batch_size: The most captions of a batch.
        scores: A `CaptionScores`.
        grid: (H, W, D) of features of H · W places, to move pictures in it.
        shift: By how many places at most; 0: not at all, and there need be no grid.
    """

    def __init__(
        self,
        features,
        captions,
        validation,
        *,
        variants,
        variant_share: float,
        max_tokens: int,
        batch_size: int,
        scores,
        grid=None,
        shift: int = 0,
    ):
        self.features = features
        self.ids, self.rows = captions
        self.validation, self.scores = validation, scores
        self.variant_share, self.batch_size = variant_share, batch_size
        self.grid, self.shift = grid, shift
        lengths = self.ids.row_lengths().numpy()
        fits = lengths <= max_tokens
        self.lengths = lengths - 1  # steps of the decoder
        is_variant = np.asarray(variants, bool)[self.rows]
        self.originals = np.flatnonzero(fits & ~is_variant)
        self.variants = np.flatnonzero(fits & is_variant)
        # So that a few long captions do not make every batch a long one. Batches of
        # equal length throughout were tried: the captions of new pictures get worse.
        self.is_long = self.lengths > np.percentile(self.lengths, LONG_ABOVE)

    def order(self, seed, epoch):
        generator = np.random.default_rng([seed, epoch, 0])
        count = round(self.variant_share * len(self.variants))
        drawn = generator.choice(self.variants, count, replace=False)
        examples = generator.permutation(np.concatenate([self.originals, drawn]))
        is_long = self.is_long[examples]
        if self.shift:
            shifts = draw_shifts(generator, len(examples), self.shift)
            examples = np.column_stack([examples, shifts])
        batches = [
            part[start : start + self.batch_size]
            for part in (examples[~is_long], examples[is_long])
            for start in range(0, len(part), self.batch_size)
        ]
        return [batches[at] for at in generator.permutation(len(batches))]

    def dataset(self, order):
        captions = self.ids, self.rows
        return caption_batches(self.features, captions, order, grid=self.grid)

    def validate(self, model):
        scores = self.evaluate(model, *self.validation)
        scores = {f"val_{name}": value for name, value in scores.items()}
        return scores | self.scores.measure(model)

    @staticmethod
    def evaluate(model, features, captions) -> dict[str, float]:
        """Loss and metrics of a model that is told the right words up to each step."""
        from kerasrnn.data import batches_by_length

        lengths = captions[0].row_lengths().numpy() - 1
        order = batches_by_length(lengths, max_tokens=2048, seed=0, epoch=0)
        scores = model.evaluate(
            caption_batches(features, captions, order), verbose=0, return_dict=True
        )
        return {name: float(value) for name, value in scores.items()}


def caption_ids(tokenizer, captions):
    """Token ids of all captions, ragged (M, None), and which picture each is of, (M,).

    Args:
        tokenizer: A `TargetTokenizer`.
        captions: For each picture a list of captions.

    Example:

    >>> from kerasrnn.text import TargetTokenizer, WordTokenizer
    >>> tokenizer = TargetTokenizer(WordTokenizer(["a", "cat", "pet"]))
    >>> ids, rows = caption_ids(tokenizer, [["a cat", "pet"], ["a pet"]])
    >>> ids.to_list(), rows.tolist()
    ([[5, 2, 3, 6], [5, 4, 6], [5, 2, 4, 6]], [0, 0, 1])
    """
    import tensorflow as tf

    ids = tokenizer.target_ids([text for texts in captions for text in texts])
    rows = np.repeat(np.arange(len(captions)), [len(texts) for texts in captions])
    return tf.RaggedTensor.from_tensor(ids, padding=0), rows


def caption_batches(features, captions, order, *, grid=None):
    """Batches of (features (B, L, D), token ids (B, T)), in this order.

    Args:
        features: (N, L, D), in memory or on disk.
        captions: What `caption_ids` gave, of M captions.
        order: A list of batches, each the numbers of its captions; or (B, 3), those
            and by how many places each picture is moved, down and to the right.
        grid: (H, W, D) of features of H · W places that are moved.

    Example:

    >>> import tensorflow as tf
    >>> features = np.array([[[1.5]], [[2.5]]], "float16")
    >>> captions = tf.ragged.constant([[5, 2, 3, 6], [5, 4, 6], [5, 2, 6]]), [0, 0, 1]
    >>> order = [np.array([2, 0]), np.array([1])]
    >>> batches = caption_batches(features, captions, order)
    >>> for features, ids in batches.as_numpy_iterator():
    ...     print(features.ravel(), ids.tolist())
    [2.5 1.5] [[5, 2, 6, 0], [5, 2, 3, 6]]
    [1.5] [[5, 4, 6]]
    """
    import tensorflow as tf

    ids, rows = captions
    batches = tf.RaggedTensor.from_row_lengths(
        np.concatenate(order), [len(batch) for batch in order]
    )
    shape, columns = features.shape[1:], np.ndim(order[0]) * 2 - 1

    def read(batch):
        found = np.empty((len(batch), *shape), "float32")
        for place, (number, *shift) in enumerate(batch):
            of_picture = features[rows[number]]
            found[place] = moved(of_picture, grid, *shift) if shift else of_picture
        return found

    def of_batch(batch):
        batch = tf.reshape(batch, (tf.shape(batch)[0], columns))
        found = tf.numpy_function(read, [batch], tf.float32, stateful=False)
        of_batch = tf.gather(ids, batch[:, 0]).to_tensor()
        return tf.ensure_shape(found, (None, *shape)), of_batch

    options = tf.data.Options()
    options.autotune.enabled = False  # there is nothing to tune
    return (
        tf.data.Dataset.from_tensor_slices(batches)
        .map(of_batch)
        .prefetch(2)
        .with_options(options)
    )
