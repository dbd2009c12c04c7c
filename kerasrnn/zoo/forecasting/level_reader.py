import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import Tensor
from kerasrnn.zoo.forecasting.seasonal_levels import ALPHAS, Levels
from kerasrnn.zoo.recurrent_layers import LAYERS

DECODERS = ("mixture", "direct", "recurrent")
CHANNELS = 6
# How sharply a level that forecast the window well is preferred, before training.
SHARPNESS = 10.0


class LevelReader(keras.layers.Layer):
    """A recurrent network that reads a window and says how to go on from its end.

    h        = RNN(v_t, …)                          over the window
    w        = softmax(W_w h − 10 e)                which level to believe
    ŷ_j      = Σ_k w_k ℓ_k + d j β + g s_j          d, g from h: trend and season
    q_j(τ)   = ŷ_j ± softplus(W_τ h) σ √j           spreads round it

    With `decoder="direct"` a correction W_j h is added to ŷ_j; with "recurrent" one
    that a second network tells step by step, and which it is fed at the next step.
    Before training all of it is a forecast by exponential smoothing with half the
    slope.

    Args:
        horizon: J, steps ahead.
        quantiles: τ, increasing, without the median.
        cell: `"simple_rnn"`, `"lstm"` or `"gru"`.
        num_layers: Recurrent layers on top of each other.
        units: Size of the state of each.
        dropout: Rate on the state that all is read off.
        decoder: `"mixture"`, `"direct"` or `"recurrent"`.
    """

    def __init__(
        self, horizon, quantiles, cell, num_layers, units, dropout, decoder, **kwargs
    ):
        super().__init__(**kwargs)
        self.horizon, self.quantiles, self.units = horizon, tuple(quantiles), units
        self.decoder, dtype = decoder, self.dtype_policy
        self.recurrent_layers = [
            LAYERS[cell](
                units,
                return_sequences=index < num_layers - 1,
                dtype=dtype,
                name=f"recurrent_{index}",
            )
            for index in range(num_layers)
        ]
        self.drop = keras.layers.Dropout(dropout, dtype=dtype, name="drop")
        sizes = {"mixture": len(ALPHAS), "trend": 1, "season": 1}
        if self.quantiles:
            sizes["spread"] = horizon * len(self.quantiles)
        if decoder == "direct":
            sizes["correction"] = horizon
        self.heads = {name: _small_dense(size, name) for name, size in sizes.items()}
        self.decoder_layer = self.start = self.step_head = None
        if decoder == "recurrent":
            self.decoder_layer = LAYERS[cell](units, dtype=dtype, name="decoder")
            self.start = keras.layers.Dense(
                units, activation="tanh", dtype=dtype, name="start"
            )
            self.step_head = _small_dense(1, "step")
        ahead = np.arange(1, horizon + 1, dtype="float32")[None]
        self.ahead, self.widening = ahead, np.sqrt(ahead)

    def build(self, input_shape):
        """Build for windows whose seasons have `input_shape[-1]` steps."""
        features = CHANNELS
        for layer in self.recurrent_layers:
            layer.build((None, None, features))
            features = self.units
        features = self.units + 2 * len(ALPHAS) + 5 + self.horizon
        for head in self.heads.values():
            head.build((None, features))
        if self.decoder_layer is not None:
            self.start.build((None, features))
            self.decoder_layer.build((None, None, 4))
            self.step_head.build((None, self.units))
        self.built = True

    def call(
        self,
        found: Levels,
        present: Tensor,
        future: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """Forecasts (B, J, 1 + quantiles), counted from the window's level.

        Args:
            found: Of windows (B, L).
            present: (B, L), 1 where there is a value.
            future: (B, J) true values, counted from the level, to feed the recurrent
                decoder in training; NaN where there is none. None: its own.
            training: Whether dropout is on.
        """
        season = repeated(found.seasonal, self.horizon)  # (B, J)
        summary = self._read(found, present, season, training)  # (B, F)
        preference = self.heads["mixture"](summary) - found.errors
        weights = ops.softmax(SHARPNESS * preference, axis=-1)  # (B, K)
        level = ops.sum(weights * found.levels, axis=1, keepdims=True)
        reach = float(self.horizon)
        slope = ops.clip(found.slope * reach, -1.0, 1.0) / reach
        trend = (0.5 + self.heads["trend"](summary)) * slope
        share = 1.0 + self.heads["season"](summary)
        ahead = ops.convert_to_tensor(self.ahead)  # (1, J)
        point = level + trend * ahead + share * season  # (B, J)
        if self.decoder == "direct":
            point = point + 0.3 * self.heads["correction"](summary)
        elif self.decoder == "recurrent":
            point = self._decode(summary, point, season, future)
        return self._with_spread(point, summary, found.noise)

    def _read(self, found, present, season, training):
        """What is known of each window after reading it, (B, F)."""
        length = present.shape[1]
        noise = 0.3 * ops.log(found.noise) + 0.8
        slope = ops.clip(found.slope / found.noise, -1.0, 1.0)
        sequences = ops.stack(
            [
                ops.clip(found.deviations, -3.0, 3.0),
                0.3 * ops.clip(found.deviations / found.noise, -8.0, 8.0),
                present,
                3.0 * repeated(found.seasonal, length) * present,
                present * found.strength,
                present * noise,
            ],
            axis=-1,
        )  # (B, L, 6)
        # A step without a value is all zeros, also in its channel that says so: unlike
        # a mask with holes, the recurrent operators of every runtime can read that.
        state = ops.cast(sequences, self.compute_dtype)
        for layer in self.recurrent_layers:
            state = layer(state, training=training)
        reach = found.slope * float(self.horizon)
        summary = ops.concatenate(
            [
                ops.cast(state, "float32"),
                0.3 * ops.clip(found.levels / found.noise, -5.0, 5.0),
                ops.clip(found.errors, 0.0, 3.0),
                ops.clip(reach, -1.0, 1.0),
                3.0 * slope,
                found.strength,
                noise,
                ops.mean(present, axis=1, keepdims=True),
                season,
            ],
            axis=-1,
        )
        return ops.cast(self.drop(summary, training=training), "float32")

    def _decode(self, summary, base, season, future):
        """The base and a correction that is told step by step, (B, J)."""
        state = self.decoder_layer.get_initial_state(ops.shape(summary)[0])
        state = [ops.cast(self.start(summary), state[0].dtype), *state[1:]]
        before = ops.zeros_like(base[:, :1])
        forecasts = []
        for step in range(self.horizon):
            now = slice(step, step + 1)
            place = ops.ones_like(before) * ((step + 1) / self.horizon)
            inputs = ops.concatenate([before, base[:, now], season[:, now], place], -1)
            inputs = ops.cast(inputs, self.compute_dtype)
            outputs, state = self.decoder_layer.step(inputs, state)
            told = base[:, now] + 0.3 * self.step_head(ops.cast(outputs, "float32"))
            forecasts.append(told)
            before = told - base[:, now]
            if future is not None:
                true = future[:, now]
                before = ops.where(ops.isnan(true), before, true - base[:, now])
                before = ops.clip(before, -1.0, 1.0)
        return ops.concatenate(forecasts, axis=1)

    def _with_spread(self, point, summary, noise):
        """Point and quantiles side by side; those further out lie further out."""
        count = len(self.quantiles)
        if not count:
            return point[..., None]
        raw = ops.softplus(self.heads["spread"](summary) + 0.5)
        raw = ops.reshape(raw, (-1, self.horizon, count))
        unit = 0.8 * noise * ops.convert_to_tensor(self.widening)  # (B, J)
        lower = sum(q < 0.5 for q in self.quantiles)
        columns: list = [None] * count
        edge = point
        for index in reversed(range(lower)):
            edge = columns[index] = edge - raw[..., index] * unit
        edge = point
        for index in range(lower, count):
            edge = columns[index] = edge + raw[..., index] * unit
        return ops.stack([point, *columns], axis=-1)


def repeated(season: Tensor, steps: int) -> Tensor:
    """A season (B, P), again and again, for so many steps."""
    period = season.shape[1]
    return ops.concatenate([season] * -(-steps // period), axis=1)[:, :steps]


def _small_dense(units, name):
    """A layer that begins next to zero: what classical forecasting says comes first."""
    start = keras.initializers.RandomNormal(stddev=1e-3)
    return keras.layers.Dense(
        units, kernel_initializer=start, dtype="float32", name=name
    )
