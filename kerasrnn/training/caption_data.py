import numpy as np

from kerasrnn.data import batches_by_length


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
    ):
        self.features, (self.ids, self.rows) = features, captions
        self.validation, self.scores = validation, scores
        self.variant_share, self.batch_size = variant_share, batch_size
        lengths = self.ids.row_lengths().numpy()
        fits = lengths <= max_tokens
        self.lengths = lengths - 1  # steps of the decoder
        is_variant = np.asarray(variants, bool)[self.rows]
        self.originals = np.flatnonzero(fits & ~is_variant)
        self.variants = np.flatnonzero(fits & is_variant)

    def order(self, seed, epoch):
        generator = np.random.default_rng([seed, epoch, 0])
        count = round(self.variant_share * len(self.variants))
        drawn = generator.choice(self.variants, count, replace=False)
        examples = np.sort(np.concatenate([self.originals, drawn]))
        batches = batches_by_length(
            self.lengths[examples],
            max_tokens=self.batch_size * int(self.lengths[examples].max(initial=1)),
            max_size=self.batch_size,
            seed=seed,
            epoch=epoch,
        )
        return [examples[batch] for batch in batches]

    def dataset(self, order):
        return caption_batches(self.features, (self.ids, self.rows), order)

    def validate(self, model):
        scores = self.evaluate(model, *self.validation)
        scores = {f"val_{name}": value for name, value in scores.items()}
        return scores | self.scores.measure(model)

    @staticmethod
    def evaluate(model, features, captions) -> dict[str, float]:
        """Loss and metrics of a model that is told the right words up to each step."""
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
    """
    import tensorflow as tf

    ids = tokenizer.target_ids([text for texts in captions for text in texts])
    rows = np.repeat(np.arange(len(captions)), [len(texts) for texts in captions])
    return tf.RaggedTensor.from_tensor(ids, padding=0), rows


def caption_batches(features, captions, order):
    """Batches of (features (B, L, D), token ids (B, T)), in this order."""
    import tensorflow as tf

    ids, rows = captions
    batches = tf.RaggedTensor.from_row_lengths(
        np.concatenate(order), [len(batch) for batch in order]
    )
    shape = features.shape[1:]

    def read(batch):
        return np.asarray(features[rows[batch]], "float32")

    def of_batch(batch):
        found = tf.numpy_function(read, [batch], tf.float32, stateful=False)
        return tf.ensure_shape(found, (None, *shape)), tf.gather(ids, batch).to_tensor()

    options = tf.data.Options()
    options.autotune.enabled = False  # there is nothing to tune
    return (
        tf.data.Dataset.from_tensor_slices(batches)
        .map(of_batch)
        .prefetch(2)
        .with_options(options)
    )
