from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import Shape, Tensor
from kerasrnn.zoo.arguments import check_choice, check_fraction, check_size
from kerasrnn.zoo.forecasting.forecast_loss import ForecastLoss
from kerasrnn.zoo.forecasting.level_reader import DECODERS, LevelReader
from kerasrnn.zoo.forecasting.seasonal_levels import SeasonalLevels
from kerasrnn.zoo.forecasting.series_inputs import (
    LARGEST,
    SMALLEST,
    as_windows,
    check_futures,
)
from kerasrnn.zoo.model_inputs import has_targets
from kerasrnn.zoo.recurrent_layers import LAYERS
from kerasrnn.zoo.task import Task

# On logarithms, no value is a smaller part of its series' scale; float32 ends there.
LEAST_PART = 1e-37


@keras.saving.register_keras_serializable(package="kerasrnn")
class Forecaster(Task):
    """Reads the past of a series, and says how it goes on: numbers in, numbers out.

    u   = log x, or x / mean |x|                  each series on its own scale
    ℓ, β, s = levels, slope and season of u       from the past alone
    h   = RNN(u − ℓ, …)                           one network for all series
    ŷ_j = Σ_k w_k(h) ℓ_k + d(h) j β + g(h) s_j    j = 1 … J steps ahead
    q_j = ŷ_j ± spread_j(h)                       quantiles beside it

    The scale, levels and season of a series follow from what is read of it, so that a
    forecast never knows more than its past. Values may be missing (NaN), anywhere, and
    are less than 1e30 in size; with `log=True` they are 1e-30 at least.

    Args:
        horizon: J, steps ahead.
        period: Steps of a season, 12 for months; 1: there is none.
        length: L, steps of the past that are read, a multiple of the period; a shorter
            past is filled up with missing values.
        cell: `"simple_rnn"`, `"lstm"` or `"gru"`.
        num_layers: Recurrent layers on top of each other.
        units: Size of the state of each.
        dropout: Rate on the state from which forecasts are made.
        decoder: `"mixture"`: the forecast above. `"direct"`: with a correction of each
            step, all at once (many to one). `"recurrent"`: with corrections by a second
            network, fed at each step with its own forecast before, and in training
            with the true value, teacher forcing (many to many).
        quantiles: Which quantiles to tell beside the point, increasing, between 0 and
            1 without 0.5; (): none.
        log: Whether to work on logarithms, for series that grow by percentages and
            are above zero; False: for numbers of any sign.
        members: So many networks learn side by side, each by its own loss; the
            forecast is their mean on the scale of u.

    Call arguments:
        past: (B, L) numbers, NaN where one is missing. In training also
            `(past, future)`, with the true values (B, J) to feed the recurrent decoder.
        training: Whether dropout is on, and true values are fed.

    Output shape: (B, J, 1 + quantiles), in the unit of the series: the point forecast
        and the quantiles. In training of several members (B, J, 1 + quantiles, M).

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> import numpy as np
    >>> months = np.arange(60)
    >>> series = 100 + months + 10 * np.sin(2 * np.pi * months / 12)
    >>> model = Forecaster(horizon=6, length=36, units=4)
    >>> model.predict([series[:48]], verbose=0).shape
    (1, 6, 3)
    >>> history = model.fit([series[:48]], [series[48:54]], verbose=0)

    Reference: Smyl 2020, "A hybrid method of exponential smoothing and recurrent neural
    networks for time series forecasting".
    """

    def __init__(
        self,
        horizon: int = 18,
        *,
        period: int = 12,
        length: int = 96,
        cell: str = "lstm",
        num_layers: int = 1,
        units: int = 32,
        dropout: float = 0.0,
        decoder: str = "mixture",
        quantiles: Sequence[float] = (0.1, 0.9),
        log: bool = True,
        members: int = 1,
        preprocessor: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(preprocessor=preprocessor, **kwargs)
        check_choice("cell", cell, LAYERS)
        check_choice("decoder", decoder, DECODERS)
        check_fraction("dropout", dropout)
        for name, value in (
            ("horizon", horizon),
            ("period", period),
            ("length", length),
            ("num_layers", num_layers),
            ("units", units),
            ("members", members),
        ):
            check_size(name, value, 1)
        if length % period or length < 2:
            raise ValueError(
                f"`length` must be a multiple of `period`={period}, and 2 at least; "
                f"got {length}."
            )
        if not isinstance(log, bool):
            raise TypeError(f"`log` must be True or False; got {log!r}.")
        self.horizon = horizon
        self.period = period
        self.length = length
        self.cell = cell
        self.num_layers = num_layers
        self.units = units
        self.dropout = dropout
        self.decoder = decoder
        self.quantiles = _checked_quantiles(quantiles)
        self.log = log
        self.members = members
        self.learns_quantiles = True
        self.find_levels = SeasonalLevels(length, period, name="levels")
        self.readers = [
            LevelReader(
                horizon,
                self.quantiles,
                cell,
                num_layers,
                units,
                dropout,
                decoder,
                dtype=self.dtype_policy,
                name=f"reader_{number}",
            )
            for number in range(members)
        ]
        self.build((None, length))
        self.compile()

    @property
    def needs_preprocessor(self) -> bool:
        """Whether what users give it has to be made into numbers: it is numbers."""
        return False

    def check_kind_of_preprocessor(self, preprocessor: Any) -> None:
        raise TypeError(
            "`preprocessor` must be None: a Forecaster reads numbers; got "
            f"{type(preprocessor).__name__}."
        )

    def build(self, input_shape: Shape | None = None) -> None:
        for reader in self.readers:
            reader.build((None, self.length, self.period))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        past, future = inputs if isinstance(inputs, (tuple, list)) else (inputs, None)
        past = ops.cast(past, "float32")
        scale = self.scale_of(past)
        present = ops.cast(self._is_there(past), "float32")
        found = self.find_levels(self.to_scale(past, scale), present)
        if future is not None:
            future = self.to_scale(ops.cast(future, "float32"), scale) - found.level
        told = [
            reader(
                found,
                present,
                future=future if training else None,
                training=training,
            )
            for reader in self.readers
        ]
        level = found.level[..., None]  # (B, 1, 1)
        if training and self.members > 1:
            told = ops.stack(told, axis=-1)  # (B, J, 1 + Q, M)
            return self.from_scale(level[..., None] + told, scale[..., None, None])
        mean = sum(told[1:], start=told[0]) / float(self.members)
        return self.from_scale(level + mean, scale[..., None])

    def _is_there(self, values):
        """Whether there is a value that can be read; false of NaN, too."""
        if self.log:
            return ops.logical_and(values >= SMALLEST, values < LARGEST)
        return ops.abs(values) < LARGEST

    def scale_of(self, past: Tensor) -> Tensor:
        """By what each series (B, L) is divided, (B, 1): the mean size of its values.

        It follows from the past alone. Of zeros, and where nothing is there, it is 1.
        """
        there = self._is_there(past)
        sizes = ops.where(there, ops.abs(past), 0.0)
        count = ops.sum(ops.cast(there, "float32"), axis=1, keepdims=True)
        mean = ops.sum(sizes / ops.maximum(count, 1.0), axis=1, keepdims=True)
        return ops.where(mean > 0.0, mean, 1.0)

    def to_scale(self, values: Tensor, scale: Tensor) -> Tensor:
        """Values (B, …) on the scale of a series; NaN stays."""
        if not self.log:
            return values / scale
        # Where there is nothing to take the logarithm of, NaN says so.
        there = values > 0.0
        part = ops.where(there, values, scale) / scale
        return ops.where(there, ops.log(ops.maximum(part, LEAST_PART)), np.nan)

    def from_scale(self, values: Tensor, scale: Tensor) -> Tensor:
        """What is on the scale of a series, in its unit."""
        if self.log:
            values = ops.exp(ops.clip(values, -60.0, 60.0))
        return values * scale

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The loss on the scale of each series, so that all of them count alike."""
        past = x[0] if isinstance(x, (tuple, list)) else x
        scale = self.scale_of(ops.cast(past, "float32"))
        y = self.to_scale(ops.cast(y, "float32"), scale)
        wide = ops.reshape(scale, (-1, *(1,) * (len(y_pred.shape) - 1)))
        y_pred = self.to_scale(ops.cast(y_pred, "float32"), wide)
        if not self.learns_quantiles:
            # A loss of Keras's: of the point alone, where missing values teach nothing.
            point = y_pred[:, :, 0]
            if len(point.shape) == 3:
                y = ops.broadcast_to(y[..., None], ops.shape(point))
            y, y_pred = ops.where(ops.isnan(y), ops.stop_gradient(point), y), point
        return super().compute_loss(x, y, y_pred, sample_weight, training=training)

    def compile(
        self, optimizer: Any = "auto", loss: Any = "auto", **kwargs: Any
    ) -> None:
        """Compile; `"auto"` is Adam, and the absolute error with the quantiles' loss.

        Another loss, such as "mse", is that of the point forecast alone.
        """
        if isinstance(optimizer, str) and optimizer == "auto":
            optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
        if isinstance(loss, str) and loss == "auto":
            loss = ForecastLoss(self.quantiles)
        self.learns_quantiles = isinstance(loss, ForecastLoss)
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.horizon, 1 + len(self.quantiles))

    def forecast(self, series: Any, **kwargs: Any) -> np.ndarray:
        """The point forecasts (B, J) of series, as `predict` takes them."""
        return self.predict(series, verbose=0, **kwargs)[..., 0]

    def _as_inputs(self, x, name):
        return as_windows(x, self.length, name=name, positive=self.log)

    def check_targets(self, y: Any) -> None:
        check_futures(y, self.horizon, positive=self.log)

    def numbered(self, y: Any) -> Any:
        return np.asarray(y, "float32") if y.dtype.kind in "iufb" else y

    def _check_element(self, element_spec, name):
        past = element_spec[0] if isinstance(element_spec, tuple) else element_spec
        shape = getattr(past, "shape", None)
        if shape is None or shape.rank != 2 or shape[1] != self.length:
            raise ValueError(
                f"`{name}` must be a dataset of batches of windows (batch, "
                f"{self.length}), with futures (batch, {self.horizon}) to learn from; "
                f"got {element_spec}."
            )

    def _as_dataset(self, x, y, sample_weight, batch_size, *, shuffle=False, name):
        dataset = super()._as_dataset(
            x, y, sample_weight, batch_size, shuffle=shuffle, name=name
        )
        if self.decoder != "recurrent" or not has_targets(dataset):
            return dataset
        # The true values go in as well: teacher forcing.
        return dataset.map(lambda past, future, *w: ((past, future), future, *w))

    def parts(self) -> dict[str, keras.Model]:
        """The whole, from a window (B, L) to its forecast (B, J) and quantiles."""
        past = keras.Input((self.length,), name="past")
        return {"model": keras.Model(past, self._named(self.call(past)), name="model")}

    def _named(self, outputs):
        named = {"forecast": outputs[..., 0]}
        if self.quantiles:
            named["quantiles"] = outputs[..., 1:]
        return named

    def random_source(self, steps: int) -> np.ndarray:
        """Windows (4, L) of series drawn at random; the last one is a short one.

        Args:
            steps: Of no account: a window has `length` steps.
        """
        changes = np.random.default_rng(0).normal(size=(4, self.length))
        windows = np.exp(0.1 * np.cumsum(changes, axis=1)).astype("float32")
        windows[-1, : self.length // 2] = np.nan
        return windows

    def source_of(self, x: Any) -> np.ndarray:
        """Windows of series, a list of them."""
        return self._as_inputs(x, "calibration")

    def serving_signatures(self) -> dict:
        """What an exported model offers: name to (function, input specifications)."""
        import tensorflow as tf

        specification = tf.TensorSpec((None, None), tf.float32, name="past")
        return {"serving_default": (self._serve, [specification])}

    def _serve(self, past):
        import tensorflow as tf

        past = past[:, -self.length :]
        lacking = self.length - tf.shape(past)[1]
        past = tf.pad(past, [[0, 0], [lacking, 0]], constant_values=np.nan)
        past = tf.ensure_shape(past, (None, self.length))
        return self._named(self(past, training=False))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "period": self.period,
            "length": self.length,
            "cell": self.cell,
            "num_layers": self.num_layers,
            "units": self.units,
            "dropout": self.dropout,
            "decoder": self.decoder,
            "quantiles": list(self.quantiles),
            "log": self.log,
            "members": self.members,
        }


def _checked_quantiles(quantiles):
    """The quantiles as numbers; raises where they are none."""
    try:
        found = tuple(float(q) for q in quantiles)
    except (TypeError, ValueError):
        found = (-1.0,)
    fits = all(0.0 < q < 1.0 and q != 0.5 for q in found)
    if not fits or list(found) != sorted(set(found)):
        raise ValueError(
            "`quantiles` must be increasing numbers between 0 and 1 without 0.5, which "
            f"the point forecast is; got {quantiles!r}."
        )
    return found
