from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import Shape, Tensor

MODES = ("max", "mean", "last", "attention")


@keras.saving.register_keras_serializable(package="kerasrnn")
class MaskedPooling(keras.layers.Layer):
    """Summarise a sequence of vectors in one, whatever its padding.

    max         y_d = max_t x_td                            over the valid steps t
    mean        y = Σ_t x_t / T                             T valid steps
    last        y = x_T                                     the last valid step
    attention   y = Σ_t α_t x_t,  α = softmax_t(vᵀ tanh(W x_t + b))

    Several modes are computed side by side and concatenated. A row without any
    valid step gives zeros. What masked steps hold, also NaN, never counts. In half
    precision the sums over the steps are float32: a float16 that has counted to 2,048
    grows no more.

    Args:
        modes: One of `"max"`, `"mean"`, `"last"`, `"attention"`, or several.
        bidirectional: The two halves of the features come from a forward and a
            backward layer. `"last"` then takes the backward half from the first
            valid step, which is where the backward layer ends.

    Call arguments:
        sequences: (B, T, D) tensor.
        mask: (B, T) boolean tensor, True at valid steps. None: all are valid.

    Output shape: (B, D · number of modes)

    Masking: uses the mask, and gives none on.

    Example:

    >>> import numpy as np
    >>> x = np.array([[[1.0], [3.0], [9.0]]])
    >>> mask = np.array([[True, True, False]])
    >>> print(np.array(MaskedPooling(["max", "mean", "last"])(x, mask=mask)))
    [[3. 2. 3.]]

    Reference: attention as in Yang et al. 2016, "Hierarchical Attention Networks
    for Document Classification", eq. 5–7.
    """

    def __init__(
        self,
        modes: str | Sequence[str] = "max",
        *,
        bidirectional: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.modes = (modes,) if isinstance(modes, str) else tuple(modes)
        unknown = [mode for mode in self.modes if mode not in MODES]
        if unknown or not self.modes:
            raise ValueError(
                f"`pooling` must be one or several of {', '.join(MODES)}; "
                f"got {modes!r}."
            )
        self.bidirectional = bidirectional

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        if "attention" in self.modes:
            self.attention_kernel = self.add_weight(
                name="attention_kernel", shape=(features, features)
            )
            self.attention_bias = self.add_weight(
                name="attention_bias", shape=(features,), initializer="zeros"
            )
            self.attention_vector = self.add_weight(
                name="attention_vector", shape=(features, 1)
            )

    def call(self, sequences: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            mask = ops.ones(ops.shape(sequences)[:2], dtype="bool")
        mask = ops.cast(mask, "bool")
        # Not a product with the mask: 0 · NaN is NaN.
        sequences = ops.where(mask[..., None], sequences, 0)  # (B, T, D)
        pools = {
            "max": self._max,
            "mean": self._mean,
            "last": self._last,
            "attention": self._attention,
        }
        pooled = [pools[mode](sequences, mask) for mode in self.modes]
        return ops.concatenate(pooled, axis=-1)  # (B, D · modes)

    def _max(self, sequences, mask):
        highest = ops.max(ops.where(mask[..., None], sequences, -np.inf), axis=1)
        return ops.where(ops.any(mask, axis=1, keepdims=True), highest, 0)  # (B, D)

    def _mean(self, sequences, mask):
        steps = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)  # (B, 1)
        total = ops.sum(for_sums(sequences), axis=1)  # (B, D)
        mean = total / ops.cast(ops.maximum(steps, 1), total.dtype)
        return ops.cast(mean, sequences.dtype)

    def _last(self, sequences, mask):
        index = ops.cumsum(ops.ones_like(mask, dtype="int32"), axis=1) - 1  # (B, T)
        index = ops.where(mask, index, -1)
        last = ops.max(index, axis=1, keepdims=True)  # (B, 1), -1: no valid step
        forward = _one_step(sequences, last)  # (B, D)
        if not self.bidirectional:
            return forward
        first = ops.argmax(ops.cast(mask, "int32"), axis=1)  # (B,)
        first = ops.where(last < 0, -1, ops.cast(first, "int32")[:, None])  # (B, 1)
        units = sequences.shape[-1] // 2
        backward = _one_step(sequences[..., units:], first)
        return ops.concatenate([forward[:, :units], backward], axis=-1)

    def _attention(self, sequences, mask):
        hidden = ops.tanh(
            ops.matmul(sequences, self.attention_kernel) + self.attention_bias
        )  # (B, T, D)
        scores = for_sums(ops.matmul(hidden, self.attention_vector))  # (B, T, 1)
        mask = mask[..., None]  # (B, T, 1)
        scores = ops.where(mask, scores, -1e30)
        # Not ops.softmax, which warns of sequences of one step.
        weights = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        weights = ops.where(mask, weights, 0)
        total = ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1e-6)  # (B, 1, 1)
        pooled = ops.sum(weights / total * for_sums(sequences), axis=1)  # (B, D)
        return ops.cast(pooled, sequences.dtype)

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None = None) -> None:
        return None  # Nothing is left of the steps.

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], input_shape[-1] * len(self.modes))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "modes": list(self.modes),
            "bidirectional": self.bidirectional,
        }


def for_sums(values):
    """`values` in float32, or in float64 if they are."""
    return ops.cast(values, keras.backend.result_type(values.dtype, "float32"))


def _one_step(sequences, index):
    """(B, D): each row's step `index` (B, 1); zeros where it is -1."""
    chosen = ops.take_along_axis(
        sequences, ops.maximum(index, 0)[..., None], axis=1
    )  # (B, 1, D)
    return chosen[:, 0] * ops.cast(index >= 0, sequences.dtype)
