from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import Tensor

POINTS = ("median", "mean")


@keras.saving.register_keras_serializable(package="kerasrnn")
class ForecastLoss(keras.losses.Loss):
    """How wrong a point forecast and the quantiles beside it are.

    L = |y − ŷ|                          or (y − ŷ)², for point="mean"
        + Σ_τ 2 max(τ (y − q_τ), (τ − 1) (y − q_τ))        pinball loss

    The mean over the steps ahead that are there: one whose true value is NaN teaches
    nothing.

    Args:
        quantiles: τ of each quantile.
        point: `"median"`, for the absolute error, or `"mean"`, for the squared one.

    Call arguments:
        y_true: (B, J); NaN where there is no value.
        y_pred: (B, J, 1 + quantiles), or (B, J, 1 + quantiles, M) of M members, the
            mean of whose losses is taken.

    Example:

    >>> loss = ForecastLoss((0.1, 0.9))
    >>> told = np.array([[[2.0, 1.0, 3.0]]])
    >>> round(float(loss(np.array([[1.0]]), told)), 3)  # 1 + 0 + 2 · 0.1 · 2
    1.4

    Reference: Koenker and Bassett 1978, "Regression Quantiles".
    """

    def __init__(
        self,
        quantiles: Sequence[float] = (0.1, 0.9),
        point: str = "median",
        name: str = "forecast_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if point not in POINTS:
            raise ValueError(
                f"`point` must be one of {', '.join(POINTS)}; got {point!r}."
            )
        self.quantiles = tuple(quantiles)
        self.point = point

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        while len(y_pred.shape) > len(y_true.shape):
            y_true = y_true[..., None]  # (B, J, 1) or (B, J, 1, 1)
        there = ops.logical_not(ops.isnan(y_true))
        # Not a product: 0 · NaN is NaN.
        error = ops.where(there, y_true, 0.0) - y_pred
        point = error[:, :, :1]
        point = ops.square(point) if self.point == "mean" else ops.abs(point)
        losses = point
        if self.quantiles:
            shape = (-1, *(1,) * (len(y_pred.shape) - 3))
            tau = np.reshape(np.asarray(self.quantiles, "float32"), shape)
            tau = ops.convert_to_tensor(tau)
            of = error[:, :, 1:]
            pinball = 2.0 * ops.maximum(tau * of, (tau - 1.0) * of)
            losses = losses + ops.sum(pinball, axis=2, keepdims=True)
        losses = ops.where(there, losses, 0.0)
        while len(losses.shape) > 2:
            losses = ops.mean(losses, axis=-1)  # (B, J)
        count = ops.sum(ops.cast(there, "float32"), axis=1)
        count = ops.reshape(count, (-1,))
        return ops.sum(losses, axis=1) / ops.maximum(count, 1.0)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "quantiles": list(self.quantiles),
            "point": self.point,
        }
