# %% [markdown]
# # 9. 시계열 예측
#
# 지금까지 신경망은 낱말이나 부류 가운데서 골랐다. 여기서는 수가 나온다. 시계열이 어떻게
# 이어지는지, 그리고 그것이 얼마나 확실한지다. 이 쪽에서는 다음을 본다.
#
# 1. 시계열 하나, 그 계절성과 추세, 그리고 어느 때에 무엇을 알아도 되는가
# 2. 평활: 배울 것이 하나도 없는 순환, 그리고 이겨야 할 상대
# 3. 윈도: 시계열 하나에서 나오는 많은 예
# 4. 어떻게 평활할지 말해 주는 순환 신경망
# 5. 여럿에서 하나로, 여럿에서 여럿으로: 제 예측을 다시 입력받는 디코더
# 6. 예측 구간: 핀볼 손실
# 7. 테스트 자료에서 본 프리셋, 그리고 여러 곳에서 시작하는 사후 검증
# 8. 시계열의 구멍, 그리고 0보다 작은 수
#
# 모양을 나타내는 글자는 라이브러리 전체에서 같다. **B**는 배치, **T**는 스텝이다. 여기서
# **L**은 윈도의 길이이고, **J**는 앞으로 몇 스텝을 예측하는가다.
# [1쪽](01_recurrent_layers.ko.ipynb)에 나오는 계층과 상태,
# [2쪽](02_translation_with_attention.ko.ipynb)에 나오는 교사 강요는 안다고 본다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,train]'`을 실행한 다음, 이 노트북이나
# 그 옆의 `.py` 파일을 돌린다.

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
# ## 1. 시계열
#
# Makridakis와 Hibon의 셋째 예측 대회(2000)는 참가자에게 기업과 나라의 월별 시계열
# 1,428개를 주고, 저마다 마지막 18개월을 감추었다. 우리도 그것을 **테스트** 자료로 감추고,
# 그 앞의 18개월은 **검증**에 쓴다.

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
# 크기가 열 배씩 다르므로 오차는 퍼센트로 견준다. **sMAPE**, 곧 200 |y − ŷ| / (|y| + |ŷ|)다.
# 신경망은 1에 가까운 수를 좋아한다. 그래서 시계열마다 제 척도에 맞춘다. $s$가 과거의
# 평균일 때 $u = \log(x / s)$다. *과거의* 평균이다. 시계열 전체의 평균이라면 앞날이
# 어떤지를 신경망에 알려 주게 되는데, 정작 필요한 때에는 아무도 그것을 모른다. 그것이
# **누출**이고, 쓰기 전까지는 모델이 좋아 보이게 만든다. 누출을 찾는 한 방법은 앞날을
# 바꾸고 예측이 움직이는지 보는 것이다.

# %%
model = Forecaster(J, period=P, length=L, units=4 if SMALL else 32)
one = series[0]
changed = np.concatenate([one[:-J], 1000 * one[-J:]])
before, after = (model.forecast([s[:-J]]) for s in (one, changed))
assert (before == after).all()

# %% [markdown]
# 바닥은 **계절성 단순(seasonal naive)** 예측이다. 지난해의 같은 달과 같다고 본다.

# %%
naive = seasonal_naive(past, J, P)
floor = smape(validation, naive).mean()
print(f"seasonal naive: sMAPE {floor:.2f}")

# %% [markdown]
# ## 2. 평활도 순환이다
#
# 지수 평활은 수 하나, 곧 **수준**을 지니고, 들어오는 것 쪽으로 그것을 옮긴다.
#
# $$\ell_t = \alpha\, u_t + (1 - \alpha)\, \ell_{t-1}$$
#
# 이것은 유닛 하나와 가중치 하나로 된 순환 셀이다. 펼치면 오래된 것일수록 덜 세는
# 평균이고, 가중치의 합으로 나누면 초깃값이 필요 없다.
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
# 어느 α를 쓸까? 그리고 추세는 얼마나 이어지고, 계절성은 얼마나 우연일 뿐인가? 고전적인
# 방법은 시계열마다 따로, 쉰 개쯤의 수에서 답을 구한다. `Forecaster`는 그런 답을 가지고
# 시작한다. 수준 여덟 개 가운데 그 윈도를 가장 잘 예측하는 것들, 기울기의 *절반*(대회에서
# 우승한 **Theta**의 생각), 그리고 잡음 위로 드러나는 만큼의 계절성이다. 이 모두가 윈도에
# 걸친 행렬 곱이고, `kerasrnn/zoo/forecasting/seasonal_levels.py`에 있다. 아무것도 배우기
# 전에는 이렇다.

# %%
untrained = smape(validation, model.forecast(past)).mean()
print(f"smoothing alone: sMAPE {untrained:.2f}")
assert untrained < floor

# %% [markdown]
# ## 3. 윈도
#
# 60개월짜리 시계열은 여러 곳에서 자를 수 있고, 그때마다 예가 하나씩 나온다. 이만큼의
# 과거와, 그 뒤에 온 것이다. `origins_of`는 자를 곳을 늘어놓고, `series_windows`는 그
# 예들의 `tf.data.Dataset`이다. 과거가 없는 곳은 "없음"을 나타내는 NaN으로 채운다.

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
# ## 4. 어떻게 평활할지 말해 주는 신경망
#
# 신경망 하나가 모든 시계열을 읽으므로, 시계열마다 몇 개뿐인 윈도가 몇천 개가 된다.
# 신경망은 수를 말하지 않는다. 2절의 수들로 무엇을 할지 말한다.
#
# $$h = \mathrm{LSTM}(u - \ell), \qquad
# \hat y_j = \sum_k w_k(h)\, \ell_k + d(h)\, j\, \beta + g(h)\, s_j$$
#
# $w$는 합이 1인 수준들의 가중치이고, $d$는 기울기 $\beta$가 얼마나 이어지는지, $g$는
# 계절성 $s$가 얼마나 이어지는지다. 엉뚱한 답은 낼 수가 없고, 배울 것이 이렇게 적은
# 곳에서는 그 점이 중요하다. 손실은 $u$의 척도에서 잰 절대 오차다.

# %%
model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0))
history = model.fit(windows, epochs=2, verbose=2)
learned = smape(validation, model.forecast(past)).mean()
print(f"smoothing alone {untrained:.2f}, the network {learned:.2f}")

# %% [markdown]
# ## 5. 여럿에서 하나로, 여럿에서 여럿으로
#
# 보정을 자유롭게 둘 수도 있다. `decoder="direct"`이면 완전 연결 계층이 앞으로의 스텝마다
# 수를 하나씩 더한다. 윈도를 읽은 뒤의 상태가 있는 것의 전부다. **여럿에서 하나로**다.
# `decoder="recurrent"`이면 둘째 LSTM이 그 상태에서 시작해 보정을 한 스텝씩, 앞의 것을
# 입력받고 나서 다음 것을 말한다. 번역에서처럼 **여럿에서 여럿으로**다. 학습할 때는 정답을
# 입력받고(**교사 강요**), 예측할 때는 제 것을 입력받는다.

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
# 셋은 서로 비슷하다. 자기 예측을 다시 받는 디코더가 13.89, 혼합이 13.98, direct가 14.13이다.
# 시드 하나와 이 몇 안 되는 윈도로는 어느 것이 가장 좋은지 알 수 없다. 모음에 있는 레시피는
# 혼합을 쓴다. 더 많이 배울 자유는, 그 윈도들의 해에는 공통이지만 뒤의 해에는 없는 것까지 배울
# 자유이기도 하다.
#
# ## 6. 예측 구간
#
# 불확실성을 말하지 않는 예측은 반쪽이다. **분위수** $q_\tau$는 앞으로 올 것의
# $\tau$만큼이 그 아래에 있는 수다. 이것은 **핀볼 손실**로 배운다.
#
# $$\max(\tau (y - q), (\tau - 1)(y - q)),$$
#
# 한쪽으로 틀리면 비싸고 다른 쪽으로 틀리면 싼 손실이다. 많은 $y$에 걸쳐 이것을 최소로
# 만드는 것이 분위수다.


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
# 모델은 예측 옆에 0.1과 0.9의 분위수를 말한다. 정답 열 개 가운데 여덟 개가 그 사이에
# 있어야 한다.

# %%
told = model.predict(past, verbose=0)  # (N, J, 3)
result = forecast_scores(validation, *np.moveaxis(told, -1, 0))
print(f"{result['coverage']:.0%} of the true values are in the 80 % interval")

# %% [markdown]
# ## 7. 테스트 자료에서 본 프리셋
#
# 테스트 자료는 지금까지 한 번도 보지 않았다. 모음에 있는 모델은 검증 자료 앞에서 끝나는
# 모든 윈도로 학습했다.

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
# 검은 것은 과거, 파란 것은 예측과 예측 구간, 주황색은 실제로 온 것이다. 예측 구간은
# 시계열에 잡음이 많던 곳에서 넓고, 멀어질수록 넓어진다. 시계열이 방향을 트는 곳은, 과거만
# 읽는 모델이라면 어느 것도 알 수 없다.
#
# 출발점 하나는 운의 표본 하나일 뿐이다. **사후 검증**(back-testing)은 여러 곳에서,
# 그때마다 그 앞에 온 것만 알고 예측한다. 배우는 데 쓴 곳에서는 오차가 별로 말해 주는 것이
# 없다. 그렇지 않은 두 곳은 다음과 같다.

# %%
for back in (2, 1):
    known_then = [one[: len(one) - back * J] for one in series]
    true = np.stack([one[len(one) - back * J :][:J] for one in series])
    error = smape(true, preset.forecast(known_then)).mean()
    floor = smape(true, seasonal_naive(known_then, J, P)).mean()
    print(f"{back * J} months before the end: {error:.2f}, seasonal naive {floor:.2f}")

# %% [markdown]
# ## 8. 구멍, 그리고 0보다 작은 수
#
# 없는 값은 NaN이나 None이다. 2절의 합은 모두 그것을 빼고, 신경망은 0과 함께, 그것이 없는
# 값이라고 알려 주는 표시를 읽는다.

# %%
holes = known[0].copy()
holes[-7:-4] = np.nan
whole, without = preset.forecast([known[0]])[0], preset.forecast([holes])[0]
print("whole  ", whole[:4].round(), "\nwithout", without[:4].round())
assert np.isfinite(without).all()

# %% [markdown]
# 로그에는 0보다 큰 수가 필요하고, 아니면 그렇다고 말한다. 다른 수를 위한 모델은 그 대신
# 크기의 평균으로 나눈다.

# %%
degrees = 8 * np.sin(2 * np.pi * np.arange(60) / 12) - 2
try:
    preset.predict([degrees], verbose=0)
except ValueError as error:
    print(error)
thermometer = Forecaster(6, period=12, length=48, log=False, units=4)
print(thermometer.forecast([degrees])[0].round(1))

# %% [markdown]
# `series,time,value` 꼴의 줄로 된 파일이 있으면 명령 하나가 이 쪽의 모든 일을 한다:
# `kerasrnn train forecast-m3-monthly --data sales.csv`.
#
# ## 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/09_forecasting.py`에 있다.
#
# 1. 홀트의 방법: 수준과 기울기를 가중치 `alpha`와 `beta`로 저마다 평활한다.
#    $\ell = u_1$과 기울기 $u_2 - u_1$에서 시작해 $u_2$부터 이어 가고, 수준과 기울기를
#    돌려주라.

# %%
from exercises import check


def double_smoothing(u, alpha, beta):
    return ...


check("09_forecasting", double_smoothing=double_smoothing)

# %% [markdown]
# 2. 표본에 걸친 *제곱* 오차의 평균을 최소로 만드는 수는 무엇이고, *절대* 오차의 평균을
#    최소로 만드는 수는 무엇인가? 둘 다 탐색하지 말고 구하라.


# %%
def least_squared(sample):
    return ...


def least_absolute(sample):
    return ...


check("09_forecasting", least_squared=least_squared, least_absolute=least_absolute)

# %% [markdown]
# 3. 누출을 만들라. 시계열을 과거*와 앞날*에 걸친 평균으로 나누고, 그렇게 나눈 것의 평균인
#    1을 예측한 다음, 다시 곱한다. 과거와 앞날을 받아, 앞날에 있는 수만큼의 예측을
#    돌려주는 함수로 쓰라. 과거가 끝나는 곳에서 껑충 뛰는 시계열이라면, 이것이 정직한 모든
#    예측을 이긴다.


# %%
def leaky(past, future):
    return ...


check("09_forecasting", leaky=leaky)

# %% [markdown]
# 4. 예측 `point`를 두고 `low`에서 `high`까지인 구간이 정답 `y`의 80 %를 담으려면,
#    구간마다 제 폭을 몇 배로 넓혀야 하는가? 모두 (N, J)다. 그리고 왜 그 배수를 테스트
#    자료에서 고르면 안 되는가?


# %%
def widening(y, point, low, high):
    return ...


check("09_forecasting", widening=widening)
print("The forecasts of this page are made.")
