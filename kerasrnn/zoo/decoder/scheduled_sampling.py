import keras
from keras import ops

from kerasrnn.decoding.checks import check_integer
from kerasrnn.zoo.arguments import check_probability


class ScheduledSampling(keras.callbacks.Callback):
    """Raises, epoch by epoch, how often a translator is fed what it said itself.

    p_e = first + (last - first) · min(1, e / epochs)        from epoch e = 0 on

    For a `Seq2Seq` that was made with `scheduled_sampling`: at p_e its decoder learns
    from its own predictions instead of the true tokens, with this probability for
    each token but the start. The first pass, which predicts them, is left out while
    p_e is 0.

    Args:
        last: The probability of the epochs from `epochs` on.
        epochs: How many it takes to get there.
        first: The probability of the first epoch.

    Raises:
        ValueError: A probability is not from 0 to 1, or the model has no
            `scheduled_sampling`.

    Example:

    >>> from kerasrnn.zoo import ScheduledSampling
    >>> schedule = ScheduledSampling(0.25, epochs=10)
    >>> [schedule.probability(epoch) for epoch in (0, 4, 10, 20)]
    [0.0, 0.1, 0.25, 0.25]

    Reference: Bengio et al. 2015, "Scheduled Sampling for Sequence Prediction with
    Recurrent Neural Networks", section 2.4 (linear decay).
    """

    def __init__(self, last: float, *, epochs: int, first: float = 0.0) -> None:
        super().__init__()
        for name, value in (("last", last), ("first", first)):
            check_probability(name, value)
        check_integer("epochs", epochs, 1)
        self.last = last
        self.epochs = epochs
        self.first = first

    def probability(self, epoch: int) -> float:
        """The probability of an epoch, counted from 0."""
        return self.first + (self.last - self.first) * min(1.0, epoch / self.epochs)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        variable = getattr(self.model, "sampling_probability", None)
        if variable is None:
            raise ValueError(
                "ScheduledSampling needs a model made with `scheduled_sampling`, such "
                "as Seq2SeqAttention(..., scheduled_sampling=0.0); got a "
                f"{type(self.model).__name__} without."
            )
        variable.assign(self.probability(epoch))


def mix_in_predictions(target_ids, predict, probability, seed):
    """Decoder inputs (B, T), some of them predicted in place of the true ones.

    ŷ_t = argmax p(y_t | y_1 … y_{t-1}, x)      first pass, with the true tokens
    ỹ_t = ŷ_t with the probability p, else y_t

    The start token and padding stay.

    Args:
        target_ids: (B, T), the true tokens, the start token first.
        predict: Callable that gives logits (B, T, V) of the first pass; called
            only where the probability is above 0.
        probability: p, a scalar tensor.
        seed: A `keras.random.SeedGenerator`.

    Reference: Mihaylova and Martins 2019, "Scheduled Sampling for Transformers",
    section 3 (two passes); Duckworth et al. 2019, "Parallel Scheduled Sampling".
    """
    target_ids = ops.convert_to_tensor(target_ids)
    # Drawn on either way, so that the state of the seed counts the steps.
    drawn = keras.random.uniform(ops.shape(target_ids), dtype="float32", seed=seed)

    def mixed():
        likeliest = ops.argmax(ops.stop_gradient(predict()), axis=-1)  # (B, T)
        # Position t is fed what was predicted at t - 1.
        predicted = ops.concatenate(
            [target_ids[:, :1], ops.cast(likeliest[:, :-1], target_ids.dtype)], axis=1
        )
        chosen = ops.logical_and(drawn < probability, target_ids != 0)
        return ops.where(chosen, predicted, target_ids)

    return ops.cond(probability > 0, mixed, lambda: target_ids)
