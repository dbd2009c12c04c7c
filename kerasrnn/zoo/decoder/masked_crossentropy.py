import keras
from keras import ops

from kerasrnn.layers.arguments import Tensor
from kerasrnn.zoo.arguments import check_fraction


@keras.saving.register_keras_serializable(package="kerasrnn")
class MaskedCrossentropy(keras.losses.Loss):
    """Cross-entropy of token logits, its mean over the tokens that are not padding.

    -(1 - ε) log p(y) - ε / V Σ_v log p(v)

    Args:
        label_smoothing: ε, how much of the target goes to all tokens alike.
        pad_id: The label that is padding.
        name: Of the loss.

    Call arguments:
        y_true: (B, T) integers.
        y_pred: (B, T, V) logits.
        sample_weight: (B,) or (B, T), what each counts.

    Raises:
        ValueError: `label_smoothing` is not from 0 to below 1.

    Example:

    >>> import numpy as np
    >>> loss = MaskedCrossentropy()
    >>> round(float(loss(np.array([[1, 2, 0]]), np.zeros((1, 3, 4)))), 4)  # log 4
    1.3863

    Reference: Szegedy et al. 2016, section 7 (label smoothing).
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        *,
        pad_id: int = 0,
        name: str = "masked_crossentropy",
    ) -> None:
        super().__init__(name=name, reduction="sum")
        check_fraction("label_smoothing", label_smoothing)
        self.label_smoothing = label_smoothing
        self.pad_id = pad_id

    def __call__(self, y_true, y_pred, sample_weight=None):
        # Not the sum over (B, T) divided by their number, as Keras reduces: padding
        # must not count.
        y_true = ops.cast(ops.convert_to_tensor(y_true), "int32")
        weight = ops.cast(y_true != self.pad_id, "float32")
        if sample_weight is not None:
            sample_weight = ops.cast(ops.convert_to_tensor(sample_weight), "float32")
            if len(sample_weight.shape) == 1:
                sample_weight = sample_weight[:, None]
            weight = weight * sample_weight
        # Padding counts as nothing, even where the model gives infinities.
        losses = ops.where(weight != 0, self.call(y_true, y_pred), 0.0) * weight
        return ops.divide_no_nan(ops.sum(losses), ops.sum(weight))

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each token, (B, T), padding included."""
        logits = ops.cast(y_pred, "float32")
        # One operation for softmax, logarithm and sum, forward and backward.
        if not self.label_smoothing:
            return ops.sparse_categorical_crossentropy(y_true, logits, from_logits=True)
        size = logits.shape[-1]
        labels = ops.one_hot(y_true, size, dtype="float32")
        labels = labels * (1 - self.label_smoothing) + self.label_smoothing / size
        return ops.categorical_crossentropy(labels, logits, from_logits=True)

    def get_config(self) -> dict:
        return {
            "name": self.name,
            "label_smoothing": self.label_smoothing,
            "pad_id": self.pad_id,
        }
