import numpy as np


class TranslationData:
    """What a translator learns from, as `resumable_fit` takes it.

    Args:
        train: Token ids of sources and targets, two ragged (N, None).
        validation: The same, for teacher-forced loss, accuracy and perplexity.
        max_tokens: The most tokens of a batch on either side, padding included.
        scores: A `TranslationScores`, which gives BLEU and chrF.
        cut: From a seed and the number of an epoch to what that epoch has in place of
            `train`, as texts that are cut anew each time. None: the same in all.
    """

    def __init__(self, train, validation, *, max_tokens: int, scores, cut=None):
        self.train, self.validation = train, validation
        self.max_tokens, self.scores = max_tokens, scores
        self.lengths = _lengths(train)
        self.cut = cut

    def order(self, seed, epoch):
        from kerasrnn.data import batches_by_length

        if self.cut is not None:
            self.train = self.cut(seed, epoch)
            self.lengths = _lengths(self.train)
        return batches_by_length(
            self.lengths, max_tokens=self.max_tokens, seed=seed, epoch=epoch
        )

    def dataset(self, order):
        return _dataset(self.train, order)

    def validate(self, model):
        scores = self.evaluate(model, self.validation)
        scores = {f"val_{name}": value for name, value in scores.items()}
        return scores | self.scores.measure(model)

    @staticmethod
    def evaluate(model, pairs) -> dict[str, float]:
        """Loss and metrics of a model that is told the right words up to each step."""
        from kerasrnn.data import batches_by_length

        order = batches_by_length(_lengths(pairs), max_tokens=4096, seed=0, epoch=0)
        scores = model.evaluate(_dataset(pairs, order), verbose=0, return_dict=True)
        return {name: float(value) for name, value in scores.items()}


def pair_ids(tokenizer, pairs):
    """Numbers of sources and targets, cut into tokens once: ragged, (N, None) each."""
    import tensorflow as tf

    def ragged(function, texts):
        return tf.concat(
            [
                tf.RaggedTensor.from_tensor(
                    function(tf.constant(texts[start : start + 1024])), padding=0
                )
                for start in range(0, len(texts), 1024)
            ],
            axis=0,
        )

    return (
        ragged(tokenizer.call, pairs.sources),
        ragged(tokenizer.target_ids, pairs.targets),
    )


def _lengths(pairs):
    """How many steps encoder and decoder take for each pair, (N, 2)."""
    sources, targets = (ids.row_lengths().numpy() for ids in pairs)
    return np.stack([sources, targets - 1], 1)


def _dataset(pairs, order):
    """Batches of (source ids, target ids), each (B, None)."""
    import tensorflow as tf

    sources, targets = pairs
    rows = tf.RaggedTensor.from_row_lengths(
        np.concatenate(order), [len(batch) for batch in order]
    )
    # Nothing here is to be tuned, and the end of an epoch would wait, for seconds,
    # for the tuner to wake.
    options = tf.data.Options()
    options.autotune.enabled = False
    return (
        tf.data.Dataset.from_tensor_slices(rows)
        .map(
            lambda batch: (
                tf.gather(sources, batch).to_tensor(0),
                tf.gather(targets, batch).to_tensor(0),
            )
        )
        .prefetch(2)
        .with_options(options)
    )
