from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import Tensor

# How fast each level forgets: α of exponential smoothing.
ALPHAS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.98)
TINY = 1e-8


class Levels(NamedTuple):
    """What `SeasonalLevels` finds in windows: B windows, L steps, P of a season.

    Args:
        level: (B, 1) where the window ends, which all else is counted from.
        deviations: (B, L) of the steps from it, without the season.
        seasonal: (B, P) the season's shape, as much of it as is to be believed; the
            first of it is the step after the window.
        strength: (B, 1) how much that is, 0 to 1.
        noise: (B, 1) standard deviation of the change from a step to the next.
        slope: (B, 1) of a straight line through the window, for a step.
        levels: (B, K) smoothed levels at the end, for each α.
        errors: (B, K) logarithm of how badly each α forecast the window's own steps,
            0 for the best of them.
    """

    level: Tensor
    deviations: Tensor
    seasonal: Tensor
    strength: Tensor
    noise: Tensor
    slope: Tensor
    levels: Tensor
    errors: Tensor


class SeasonalLevels(keras.layers.Layer):
    """What classical forecasting reads off a window, in a few matrix products.

    trend_t = Σ_j w_j u_{t+j}                      moving average over a season
    s_p     = mean over the years of u − trend     p = 1 … P, step of the season
    v_t     = u_t − ρ s_t                          ρ: 0 where s is but noise
    ℓ_k     = Σ_t (1 − α_k)^{L−t} v_t / Σ_t (1 − α_k)^{L−t}
    e_k     = mean_t (v_{t+1} − ℓ_k(t) − β/2)²      β: slope of a line through v

    Each sum is over the steps that are there. There are no weights.

    Args:
        length: L, a multiple of the period.
        period: P, steps of a season; 1: there is none.

    Call arguments:
        values: (B, L) float32, any number where a step is missing.
        present: (B, L) float32, 1 where there is a value and 0 where none is.

    Reference: Hyndman and Athanasopoulos 2021, "Forecasting: Principles and Practice",
    sections 3.4 (decomposition) and 8.1 (smoothing); half the slope as in
    Assimakopoulos and Nikolopoulos 2000, "The theta model".
    """

    def __init__(self, length: int, period: int, **kwargs) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.length, self.period = length, period
        self.seasons = length // period
        steps = np.arange(length)
        apart = np.abs(steps[:, None] - steps[None])
        half, even = period // 2, period % 2 == 0
        window = np.where(apart <= half, 1.0, 0.0)
        if even:  # The ends of an even window weigh half.
            window[apart == half] = 0.5
        self.window = window.astype("float32")
        # (K, L, L): the weight of a step in the level at another one.
        back = steps[None] - steps[:, None]
        self.smoothers = [
            np.where(back >= 0, (1 - a) ** np.maximum(back, 0), 0).astype("float32")
            for a in ALPHAS
        ]
        self.steps = (steps - (length - 1)).astype("float32")[None]

    def call(self, values: Tensor, present: Tensor) -> Levels:
        mean, values = self._centred(values, present)
        shape, strength = self._season(values, present)
        seasonal = strength * shape
        # (B, L)
        plain = values - ops.concatenate([seasonal] * self.seasons, axis=1)
        plain = plain * present
        both = present[:, 1:] * present[:, :-1]  # (B, L - 1)
        pairs = ops.maximum(_sum(both), 1.0)
        slope = self._slope(plain, present)
        changes = (plain[:, 1:] - plain[:, :-1]) * both
        noise = ops.sqrt(_sum(changes * changes) / pairs) + 1e-3
        levels, errors = [], []
        for smoother in self.smoothers:
            weights = ops.maximum(ops.matmul(present, smoother), 1e-9)
            smooth = ops.matmul(plain, smoother) / weights  # (B, L)
            error = (plain[:, 1:] - smooth[:, :-1] - 0.5 * slope) * both
            levels.append(smooth[:, -1:])
            errors.append(_sum(error * error) / pairs)
        levels = ops.concatenate(levels, axis=1)  # (B, K)
        errors = ops.log(ops.concatenate(errors, axis=1) + TINY)
        errors = errors - ops.min(errors, axis=1, keepdims=True)
        end = levels[:, 3:4]  # that of α = 0.3
        return Levels(
            mean + end,
            (plain - end) * present,
            seasonal,
            strength,
            noise,
            slope,
            levels - end,
            errors,
        )

    def _centred(self, values, present):
        """The mean of the values that are there, and how far each is from it."""
        values = ops.where(present > 0, values, 0.0)
        mean = _sum(values) / ops.maximum(_sum(present), 1.0)
        return mean, (values - mean) * present

    def _season(self, values, present):
        """The season's shape (B, P), and how far it is to be believed (B, 1)."""
        if self.period == 1:
            none = ops.zeros_like(values[:, :1])
            return none, none
        weights = ops.matmul(present, self.window)
        trend = ops.matmul(values, self.window) / ops.maximum(weights, 1.0)
        whole = ops.cast(weights >= 0.9 * self.period, "float32") * present
        rest = (values - trend) * whole
        by_season = (-1, self.seasons, self.period)
        counts = ops.sum(ops.reshape(whole, by_season), axis=1)  # (B, P)
        shape = ops.sum(ops.reshape(rest, by_season), axis=1)
        shape = shape / ops.maximum(counts, 1.0)
        shape = shape - ops.mean(shape, axis=1, keepdims=True)
        left = (rest - ops.concatenate([shape] * self.seasons, axis=1)) * whole
        noise = _sum(left * left) / ops.maximum(_sum(whole), 1.0)
        # Of pure noise a mean over n years keeps the n-th part of the variance.
        years = ops.maximum(ops.mean(counts, axis=1, keepdims=True), 1.0)
        signal = ops.mean(shape * shape, axis=1, keepdims=True)
        strength = 1.0 - noise / years / ops.maximum(signal, TINY)
        known = ops.cast(ops.min(counts, axis=1, keepdims=True) > 0, "float32")
        return shape, ops.maximum(strength, 0.0) * known

    def _slope(self, values, present):
        count = ops.maximum(_sum(present), 1.0)
        middle = _sum(present * self.steps) / count
        time = ops.subtract(self.steps, middle) * present
        spread = ops.maximum(_sum(time * time), 1e-6)
        return _sum(time * (values - _sum(values) / count)) / spread


def _sum(values):
    """The sum over the steps, (B, 1)."""
    return ops.sum(values, axis=1, keepdims=True)
