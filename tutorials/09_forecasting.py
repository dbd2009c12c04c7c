# %% [markdown]
# # 9. Forecasting
#
# So far a network chose among words and classes. Here numbers come out: how a series goes
# on, and how sure that is. This page shows
#
# 1. a series, its season and its trend, and what may be known at which time,
# 2. smoothing: a recurrence without anything to learn, and the rival to beat,
# 3. windows: many examples out of one series,
# 4. a recurrent network that says how to smooth,
# 5. many to one and many to many: a decoder that is fed its own forecasts,
# 6. intervals: the pinball loss,
# 7. the preset on the test part, and back-testing from several places,
# 8. holes in a series, and numbers below zero.
#
# The shape letters are those of the whole library: **B** batch, **T** steps; **L** is here
# the length of a window, and **J** the horizon, steps ahead. You should know what
# [tutorial 1](01_recurrent_layers.ipynb) says of layers and states, and what
# [tutorial 2](02_translation_with_attention.ipynb) says of teacher forcing.
#
# To run it: in a clone of the repository `pip install '.[plot,train]'`, then this notebook,
# or the `.py` file beside it.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import drawing
import keras
import matplotlib.pyplot as plt
import numpy as np

from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_series, origins_of, series_windows
from kerasrnn.metrics import forecast_scores, seasonal_naive, smape
from kerasrnn.zoo import Forecaster

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
keras.utils.set_random_seed(1)
J, P, L = 18, 12, 48  # months ahead, months of a season, months that are read

# %% [markdown]
# ## 1. Series
#
# The third forecasting competition of Makridakis and Hibon (2000) gave its competitors
# 1,428 monthly series of firms and countries, and kept the last 18 months of each. We keep
# them too, as the **test** part, and the 18 months before to **validate**.

# %%
series = load_series("m3_competition", "monthly").values
if SMALL:
    series = series[::12]
past = [one[: -2 * J] for one in series]
validation = np.stack([one[-2 * J : -J] for one in series])  # (N, J)
print(len(series), "series,", sum(map(len, series)), "months")

figure, panels = plt.subplots(1, 3, figsize=(11, 2.6), layout="constrained")
for axes, one in zip(panels, past[3 :: len(past) // 3], strict=False):
    axes.plot(one, color=drawing.INK)
    axes.set_xlabel("month")
plt.show()

# %% [markdown]
# Sizes differ by a factor of ten, so errors are compared in per cent: **sMAPE**, 200 |y −
# ŷ| / (|y| + |ŷ|). A network wants numbers near 1. Each series is therefore put on its own
# scale, $u = \log(x / s)$ with $s$ the mean of its past. *Of its past*: a mean over the
# whole series would tell the network how the future is, which nobody knows when it counts.
# That is a **leak**, and makes a model look good until it is used. One way to find a leak is
# to change the future and look whether a forecast moves:

# %%
model = Forecaster(J, period=P, length=L, units=4 if SMALL else 32)
one = series[0]
changed = np.concatenate([one[:-J], 1000 * one[-J:]])
before, after = (model.forecast([s[:-J]]) for s in (one, changed))
assert (before == after).all()

# %% [markdown]
# The floor is the **seasonal naive** forecast: as in the same month of the last year.

# %%
naive = seasonal_naive(past, J, P)
floor = smape(validation, naive).mean()
print(f"seasonal naive: sMAPE {floor:.2f}")

# %% [markdown]
# ## 2. Smoothing is a recurrence
#
# Exponential smoothing keeps one number, a **level**, and moves it towards what comes:
#
# $$\ell_t = \alpha\, u_t + (1 - \alpha)\, \ell_{t-1}$$
#
# It is a recurrent cell with one unit and one weight. Laid out, it is a mean in which what
# is older counts less, and divided by the sum of the weights it needs no start value:
#
# $$\ell_T = \frac{\sum_t (1-\alpha)^{T-t} u_t}{\sum_t (1-\alpha)^{T-t}}$$


# %%
def level(u, alpha):
    """The level at the end of u: (T,)."""
    weights = (1 - alpha) ** np.arange(len(u))[::-1]
    return (weights * u).sum() / weights.sum()


def recurrent_level(u, alpha):
    """The same, one step at a time; the second state is the sum of the weights."""
    total, weight = 0.0, 0.0
    for value in u:
        total, weight = value + (1 - alpha) * total, 1 + (1 - alpha) * weight
    return total / weight


u = np.log(past[0])
for alpha in (0.1, 0.5, 0.9):
    assert np.isclose(level(u, alpha), recurrent_level(u, alpha))
    print(f"α = {alpha}: the level {np.exp(level(u, alpha)):.0f}")

# %% [markdown]
# Which α? And how much of the trend goes on, how much of the season is but chance? Classical
# methods answer for each series by itself, from some fifty numbers. `Forecaster` has such an
# answer to begin with: of eight levels the ones that forecast the window best, *half* of the
# slope (the idea of **Theta**, which won the competition), and as much of the season as
# stands out of the noise. All of it is matrix products over the window, in
# `kerasrnn/zoo/forecasting/seasonal_levels.py`. Before it learned anything:

# %%
untrained = smape(validation, model.forecast(past)).mean()
print(f"smoothing alone: sMAPE {untrained:.2f}")
assert untrained < floor

# %% [markdown]
# ## 3. Windows
#
# A series of 60 months can be cut at many places, and each is an example: so much past, and
# what came. `origins_of` lists the places, `series_windows` is a `tf.data.Dataset` of them.
# Where there is no past, it is filled up with NaN, which stands for "missing".

# %%
rows, origins = origins_of(past, horizon=J, first=24)
print(f"{len(rows):,} windows; the first:", rows[0], origins[0])
rng = np.random.default_rng(1)
# A long series has many windows, and would count for more: draw each as often.
chances = 1 / np.bincount(rows)[rows]
count = 512 if SMALL else 20_000
drawn = rng.choice(len(rows), count, p=chances / chances.sum())
windows = series_windows(
    past, length=L, horizon=J, rows=rows[drawn], origins=origins[drawn]
).batch(128)
x, y = next(iter(windows))
print("past", x.shape, " future", y.shape)

# %% [markdown]
# ## 4. A network that says how to smooth
#
# One network reads all series, and has thousands of windows where each series has but a few.
# It does not say numbers; it says what to do with those of section 2:
#
# $$h = \mathrm{LSTM}(u - \ell), \qquad
# \hat y_j = \sum_k w_k(h)\, \ell_k + d(h)\, j\, \beta + g(h)\, s_j$$
#
# $w$ are weights of the levels, which sum to one, $d$ how much of the slope $\beta$ goes on,
# and $g$ how much of the season $s$. It cannot say anything mad, which matters where
# there is so little to learn from. The loss is the absolute error on the scale of $u$.

# %%
model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0))
history = model.fit(windows, epochs=2, verbose=2)
learned = smape(validation, model.forecast(past)).mean()
print(f"smoothing alone {untrained:.2f}, the network {learned:.2f}")

# %% [markdown]
# ## 5. Many to one, many to many
#
# The correction could also be free. With `decoder="direct"` a dense layer adds a number to
# each step ahead: the state after the window is all that there is, **many to one**. With
# `decoder="recurrent"` a second LSTM begins with that state and tells the corrections step by
# step, each after it was fed the one before: **many to many**, as in translation. In
# training it is fed the true values, **teacher forcing**; when it forecasts, its own.

# %%
scores = {"mixture": learned}
for decoder in ("direct", "recurrent"):
    keras.utils.set_random_seed(1)
    freer = Forecaster(J, period=P, length=L, units=4 if SMALL else 32, decoder=decoder)
    freer.fit(windows, epochs=1 if SMALL else 2, verbose=0)
    scores[decoder] = smape(validation, freer.forecast(past)).mean()
for name, score in scores.items():
    print(f"{name:10} validation sMAPE {score:.2f}")

# %% [markdown]
# The three are near one another: the decoder that is fed its own forecasts has 13.89, the
# mixture 13.98 and the direct one 14.13. One seed and these few windows do not say which is
# best. The catalogue's recipe takes the mixture: freedom to learn more is also freedom to learn
# what the years of the windows have in common, and later years have not.
#
# ## 6. Intervals
#
# A forecast without its uncertainty is half of one. A **quantile** $q_\tau$ is a number
# that a share $\tau$ of what comes is below. It is learned by the **pinball loss**,
#
# $$\max(\tau (y - q), (\tau - 1)(y - q)),$$
#
# which is dear to be wrong on one side, and cheap on the other. Its minimum over many $y$ is
# the quantile:


# %%
def pinball(y, q, tau):
    """Mean pinball loss of one number q."""
    return np.maximum(tau * (y - q), (tau - 1) * (y - q)).mean()


sample = rng.gamma(2.0, size=20_000)
candidates = np.linspace(0, 8, 801)
for tau in (0.1, 0.5, 0.9):
    best = candidates[np.argmin([pinball(sample, q, tau) for q in candidates])]
    print(
        f"τ = {tau}: least at {best:.2f}, the quantile {np.quantile(sample, tau):.2f}"
    )
    assert abs(best - np.quantile(sample, tau)) < 0.02

# %% [markdown]
# The model tells the quantiles 0.1 and 0.9 beside the forecast. Eight of ten true values
# should lie between:

# %%
told = model.predict(past, verbose=0)  # (N, J, 3)
result = forecast_scores(validation, *np.moveaxis(told, -1, 0))
print(f"{result['coverage']:.0%} of the true values are in the 80 % interval")

# %% [markdown]
# ## 7. The preset, on the test part
#
# The test part has not been looked at until now. The catalogue's model was trained on all
# windows that end before the validation part:

# %%
NAME = "forecast-m3-monthly"
preset = Forecaster.from_preset(NAME)
print(f"the preset {NAME}: {preset.count_params():,} parameters,", end=" ")
print(load_recipe(NAME).score)
known = [one[:-J] for one in series]
test = np.stack([one[-J:] for one in series])
told = preset.predict(known, verbose=0)
result = forecast_scores(test, *np.moveaxis(told, -1, 0), past=known, period=P)
print({name: round(result[name], 3) for name in ("smape", "mase", "coverage")})
assert result["smape"] < smape(test, seasonal_naive(known, J, P)).mean()

# %%
figure, panels = plt.subplots(2, 3, figsize=(11, 5), layout="constrained")
for axes, row in zip(
    panels.flat, range(2, len(series), len(series) // 6), strict=False
):
    steps = np.arange(1, J + 1)
    shown = known[row][-60:]
    axes.plot(np.arange(1 - len(shown), 1), shown, color=drawing.INK, linewidth=1.2)
    axes.fill_between(steps, told[row, :, 1], told[row, :, 2], color=drawing.STATE)
    axes.plot(steps, told[row, :, 0], color=drawing.BLUE)
    axes.plot(steps, test[row], ".", color=drawing.ORANGE, markersize=4)
    axes.set_xlabel("months ahead")
plt.show()

# %% [markdown]
# Black is the past, blue the forecast with its interval, orange what came. The interval is
# wide where the series was noisy and grows with the distance; where a series turns, no model
# that reads nothing but its past can know.
#
# One origin is one sample of luck. **Back-testing** forecasts from several places, each time
# knowing no more than what came before. Of places that were learned from, the error says
# little; here are the two that were not:

# %%
for back in (2, 1):
    known_then = [one[: len(one) - back * J] for one in series]
    true = np.stack([one[len(one) - back * J :][:J] for one in series])
    error = smape(true, preset.forecast(known_then)).mean()
    floor = smape(true, seasonal_naive(known_then, J, P)).mean()
    print(f"{back * J} months before the end: {error:.2f}, seasonal naive {floor:.2f}")

# %% [markdown]
# ## 8. Holes, and numbers below zero
#
# A missing value is NaN, or None. All sums of section 2 leave it out, and the network reads
# zeros and a flag that says so:

# %%
holes = known[0].copy()
holes[-7:-4] = np.nan
whole, without = preset.forecast([known[0]])[0], preset.forecast([holes])[0]
print("whole  ", whole[:4].round(), "\nwithout", without[:4].round())
assert np.isfinite(without).all()

# %% [markdown]
# The logarithm needs numbers above zero, and says so. A model for others divides by the
# mean size instead:

# %%
degrees = 8 * np.sin(2 * np.pi * np.arange(60) / 12) - 2
try:
    preset.predict([degrees], verbose=0)
except ValueError as error:
    print(error)
thermometer = Forecaster(6, period=12, length=48, log=False, units=4)
print(thermometer.forecast([degrees])[0].round(1))

# %% [markdown]
# With a file of lines `series,time,value` the command does all of this page:
# `kerasrnn train forecast-m3-monthly --data sales.csv`.
#
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/09_forecasting.py`.
#
# 1. Holt's method: a level and a slope, both smoothed, with weights `alpha` and `beta`. Begin
#    with $\ell = u_1$ and slope $u_2 - u_1$, go on from $u_2$, and return level and slope.

# %%
from exercises import check


def double_smoothing(u, alpha, beta):
    return ...


check("09_forecasting", double_smoothing=double_smoothing)

# %% [markdown]
# 2. Which number has the least mean *squared* error over a sample, and which the least mean
#    *absolute* error? Give both without a search.


# %%
def least_squared(sample):
    return ...


def least_absolute(sample):
    return ...


check("09_forecasting", least_squared=least_squared, least_absolute=least_absolute)

# %% [markdown]
# 3. Make a leak: divide a series by its mean over past *and* future, forecast 1, which is
#    the mean of what is divided so, and multiply again. As a function of past and future that
#    returns a forecast of as many numbers as the future has. It beats every honest one on a
#    series that jumps where its past ends.


# %%
def leaky(past, future):
    return ...


check("09_forecasting", leaky=leaky)

# %% [markdown]
# 4. By which factor must intervals from `low` to `high` round a forecast `point` be widened,
#    each on its own widths, to hold 80 % of the true values `y`? All are (N, J). And why must
#    the factor not be chosen on the test part?


# %%
def widening(y, point, low, high):
    return ...


check("09_forecasting", widening=widening)
print("The forecasts of this page are made.")
