# %% [markdown]
# # 6. 기울기의 흐름
#
# 오래전에 일어난 일에서 배우려면, 오차가 그 사이의 모든 스텝을 거슬러 가야 한다. 가는
# 길에 스텝마다 행렬이 하나씩 곱해지고, 많은 인수의 곱은 둘 중 하나가 된다. 사라지거나
# 폭발한다. 이 쪽에서는 다음을 본다.
#
# 1. 시간 역전파(BPTT)의 수식을 직접 계산하기
# 2. 야코비 행렬의 곱, 그리고 그것이 기울기에 하는 일
# 3. 가장 큰 특이값을 1보다 작게, 같게, 크게
# 4. 기울기 폭발, 그것이 생기는 절벽, 그리고 클리핑
# 5. 기울기 소실, 그리고 왜 이것이 둘 가운데 더 나쁜가
# 6. LSTM의 셀 상태가 왜 도움이 되는가, 망각 게이트의 편향은 무엇을 위한 것인가
# 7. 모든 이야기를 한 그림에: SimpleRNN, LSTM, GRU
# 8. 시간 절단 역전파(truncated BPTT): 토막의 끝에서 무엇을 잃는가
#
# 모양을 나타내는 글자는 라이브러리 전체에서 같다. **B**는 배치, **T**는 스텝, **D**는
# 특징, **U**는 유닛이다. [1쪽](01_recurrent_layers.ko.ipynb)에 나오는 계층과 상태와
# 게이트는 안다고 본다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,train]'`을 실행한 다음, 이 노트북이나
# 그 옆의 `.py` 파일을 돌린다. 그림은 `drawing.py`와 `drawing_gradients.py`가 그리며, 읽지
# 않아도 된다.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib
import tempfile

import drawing
import drawing_gradients
import keras
import numpy as np
import tensorflow as tf

from kerasrnn import layers
from kerasrnn.inspection import gradient_flow, set_largest_singular_value

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes

# %% [markdown]
# ## 1. 시간 역전파
#
# 순환 계층을 스텝을 따라 늘어놓으면 *펼친* 것이 되고, 그 계산 그래프는 보통의 깊은
# 신경망과 같다. 다만 층들이 가중치를 공유할 뿐이다. 그래서 보통의 역전파가 그대로 통하고,
# 그것을 **시간 역전파**라고 한다. 순방향은 이렇다.
#
# $$a_t = x_t W + h_{t-1} U + b, \qquad h_t = \tanh(a_t)$$
#
# 마지막 상태에만 달린 손실 $L$을 놓고, 스텝 $t$의 상태에 도착하는 것을
# $\delta_t = \partial L / \partial h_t$라고 쓰자. 역방향은 마지막 스텝에서 첫 스텝으로
# 간다.
#
# $$\begin{aligned}
# \partial L / \partial a_t &= \delta_t \odot (1 - h_t^2) \\
# \delta_{t-1} &= (\partial L / \partial a_t)\, U^\top
# \end{aligned}$$
#
# (스텝마다 손실이 있다면 그 몫이 $\delta_t$에 더해질 뿐, 다른 것은 달라지지 않는다.)
# 가중치는 모든 스텝에서 쓰이므로, 그 기울기는 모든 스텝에 걸친 합이다.
#
# $$\frac{\partial L}{\partial W} = \sum_t x_t^\top \frac{\partial L}{\partial a_t}, \qquad
# \frac{\partial L}{\partial U} = \sum_t h_{t-1}^\top \frac{\partial L}{\partial a_t}, \qquad
# \frac{\partial L}{\partial b} = \sum_t \frac{\partial L}{\partial a_t}$$

# %%
drawing_gradients.back_through_time()


# %% [markdown]
# 같은 것을 NumPy로, 배치에 대해서 쓴다. 손실은 마지막 상태와 목표 사이의 거리의 제곱의
# 절반이다.


# %%
def forward(x, W, U, b):
    """The states h_0 ... h_T of x (B, T, D): (T + 1, B, U)."""
    h = [np.zeros((len(x), len(U)))]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ W + h[-1] @ U + b))
    return np.stack(h)


def backward(x, h, U, target):
    """What arrives at each state, (T, B, U), and the gradients of W, U and b."""
    steps = x.shape[1]
    delta = h[-1] - target  # ∂L/∂h_T of L = ½‖h_T − target‖²
    arrived, dW, dU, db = [], 0, 0, 0
    for t in range(steps, 0, -1):
        arrived.append(delta)
        da = delta * (1 - h[t] ** 2)
        dW = dW + x[:, t - 1].T @ da
        dU = dU + h[t - 1].T @ da
        db = db + da.sum(axis=0)
        delta = da @ U.T
    return np.stack(arrived[::-1]), (dW, dU, db)


BATCH, STEPS, FEATURES, UNITS = 8, 40, 8, 32
x = 0.1 * rng.normal(size=(BATCH, STEPS, FEATURES)).astype("float32")
target = rng.normal(size=(BATCH, UNITS)).astype("float32")

layer = layers.SimpleRNN(UNITS, return_sequences=True)
layer.build(x.shape)
W, U, b = layer.get_weights()
h = forward(x, W, U, b)
arrived, by_hand = backward(x, h, U, target)


def compare(name, ours, theirs):
    """Print the largest difference, and stop if there is a real one."""
    difference = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-4, name


with tf.GradientTape() as tape:
    last = layer(x)[:, -1]
    loss = 0.5 * tf.reduce_sum((last - target) ** 2)
for name, ours, tapes in zip(
    ("∂L/∂W", "∂L/∂U", "∂L/∂b"),
    by_hand,
    tape.gradient(loss, layer.trainable_weights),
    strict=True,
):
    compare(f"{name}, by hand and by TensorFlow", ours, tapes)

# %% [markdown]
# `kerasrnn.inspection`의 `gradient_flow`는 어떤 순환 계층에서도, 모델 전체에서도
# $\lVert \delta_t \rVert$를 대신 재어 준다.

# %%
flow = gradient_flow(layer, (x, target))
compare(
    "‖∂L/∂h_t‖, by hand and by gradient_flow",
    np.linalg.norm(arrived, axis=-1).T,
    flow.hidden[0],
)
print("rows and steps:", flow.hidden[0].shape)

# %% [markdown]
# ## 2. 야코비 행렬의 곱
#
# 한 스텝에서 그 앞 스텝으로 갈 때마다 $\delta$에는 행렬 하나, 곧 그 스텝의 야코비 행렬이
# 곱해진다. 여러 스텝을 가면 그 행렬들의 곱이 곱해진다.
#
# $$\delta_t = \delta_T \, J_T\, J_{T-1} \cdots J_{t+1}, \qquad
# J_k = \mathrm{diag}(1 - h_k^2)\, U^\top$$
#
# 이런 행렬은 벡터를 얼마나 늘일 수 있는가? 많아야 가장 큰 특이값 $\sigma_1$배, 적어도
# 가장 작은 특이값 배다. tanh의 도함수는 결코 1을 넘지 않으므로 다음이 성립한다.
#
# $$\lVert \delta_t \rVert \;\le\; \sigma_1(U)^{T-t}\; \lVert \delta_T \rVert$$
#
# 이것이 핵심이다(Pascanu et al. 2013). 곧 **지수 함수**다. 눈으로 보기 위해 유닛을 둘로
# 하고 tanh를 뺀다. 아래의 화살표는 저마다 마지막 스텝에서 길이 1로 출발하는 기울기이고,
# 방향마다 하나씩 있다. 행렬은 조금 돌리면서, 한 축은 $\sigma_1$배로, 다른 축은
# $0.8\,\sigma_1$배로 늘인다.

# %%
angle = np.deg2rad(25)
turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
matrices = {value: value * turn @ np.diag([1, 0.8]) for value in (0.8, 1.0, 1.25)}
for matrix in matrices.values():
    print(f"singular values {np.linalg.svd(matrix)[1].round(2)}", end="   ")
    print(
        f"100 steps stretch to {np.linalg.norm(np.linalg.matrix_power(matrix, 100), 2):.1e}"
    )
drawing_gradients.stretched(matrices)

# %% [markdown]
# 가운데 행을 보라. $\sigma_1$이 1인데도 줄어든다. 행렬이 돌리므로 어느 방향이든 언젠가는
# 짧은 축에 오기 때문이다. 그러니 $\sigma_1 < 1$은 기울기가 소실되는 *충분*조건이고,
# $\sigma_1 > 1$은 기울기가 폭발하는 *필요*조건이지만 충분조건은 아니다. 한 행렬의
# 거듭제곱이 길게 보아 어떻게 되는지는 가장 큰 고윳값에 달려 있고, 그것은 결코
# $\sigma_1$보다 크지 않다. tanh와 입력이 있으면 행렬은 스텝마다 달라지고, 곱의 특이값들이
# 중요해진다.
#
# 여기 $\sigma_1(U) = 1.25$인 위의 계층에서, $1, 2, 3 …$스텝에 걸친 곱의 특이값 32개를
# 모두 그렸다. 새 SimpleRNN의 순환 커널은 특이값이 모두 같은 *직교* 행렬이고, 입력이
# 작으면 tanh는 거의 직선이다. 정규 난수로 된 커널은 첫 스텝부터 다르다.

# %%
print("new:", np.linalg.svd(layer.get_weights()[1])[1].round(3)[:4], "…")


def spectrum_of_product(U, h):
    """Singular values of J_T ⋯ J_{t+1} for t = T−1 ... 0, of one row: (T, U)."""
    product, found = np.eye(len(U)), []
    for state in h[:0:-1]:  # h_T ... h_1
        product = product @ (np.diag(1 - state**2) @ U.T)
        found.append(np.linalg.svd(product)[1])
    return np.stack(found)


random = rng.normal(size=(UNITS, UNITS))
kernels = {
    "orthogonal": 1.25 * U,
    "normal random numbers": 1.25 * random / np.linalg.norm(random, 2),
}
drawing_gradients.spectra(
    {
        name: spectrum_of_product(kernel, forward(x, W, kernel, b)[:, 0])
        for name, kernel in kernels.items()
    },
    bound=1.25,
)

# %% [markdown]
# 점선은 상한 $\sigma_1^k$이고, 두 커널 모두 그보다 훨씬 아래에서 끝난다. (파란 것은
# 나머지 특이값을 넷에 하나씩 그린 것이다.) 거슬러 가는 길은 시퀀스의 오른쪽 끝에서
# 시작한다. 왼쪽 그림에서는 $\sigma_1 > 1$이 상태를 키워 놓아서 마지막 상태들이 크다. 유닛
# 몇 개에서는 tanh가 납작하고, 특이값들이 단번에 벌어진다. 더 거슬러 가면 상태가 작고
# tanh는 거의 직선이어서, 모든 방향이 함께, 상한만큼 빨리 자란다. 오른쪽 그림에서는
# $\sigma_1$이 같은데도 기울기가 모든 방향에서 줄어든다. 어떤 방향은 다른 방향보다 훨씬
# 빨리 줄어서, 끝에 가면 32개 가운데 몇 개만 남는다.
#
# ## 3. 1보다 작게, 같게, 크게
#
# `set_largest_singular_value`는 계층의 순환 커널에 배율을 곱한다. 같은 계층에 0.8, 1,
# 1.25의 $\sigma_1$을 주고, 작은 입력과 큰 입력으로 잰다.

# %%
VALUES = (0.8, 1.0, 1.25)


def mean_norm(norms):
    """The geometric mean of the rows (B, T)."""
    return np.exp(np.log(norms).mean(axis=0))


flows = {}
for size, inputs in (("small inputs", x), ("inputs ten times as large", 10 * x)):
    flows[size] = {}
    for value in VALUES:
        set_largest_singular_value(layer, value)
        norms = mean_norm(gradient_flow(layer, (inputs, target)).hidden[0])
        flows[size][value] = norms / norms[-1]
        print(
            f"{size}, σ₁ = {value}: ‖∂L/∂h_1‖ / ‖∂L/∂h_T‖ = {flows[size][value][0]:.1e}"
        )
drawing_gradients.below_at_above(flows)
assert flows["small inputs"][0.8][0] < 1e-3 < 1 < flows["small inputs"][1.25][0]
assert max(norms[0] for norms in flows["inputs ten times as large"].values()) < 0.01

# %% [markdown]
# 상한은 점선이다. 1보다 작고 입력이 작으면 측정값은 상한을 거의 따라간다. 1.25에서는
# 입력이 작으면 기울기가 소실되지 않는다. tanh가 직선이라면 상한만큼 빨리 자랄 것이다.
# 입력이 크면 tanh가 납작하고 $1 - h_t^2$이 1보다 훨씬 작아서, 세 기울기가 모두 저마다의
# 상한 아래에서 줄어든다. 그러니 $U$만 가지고는 무엇을 해도 안전하지 않다. 한 입력에 맞는
# 값은 다른 입력에 틀리고, 학습하면 어차피 바뀐다.
#
# ## 4. 기울기 폭발, 절벽, 클리핑
#
# 기울기가 크면 무엇이 나쁜가? 유닛 하나로 충분히 볼 수 있다. 아무것도 읽지 않고 ½에서
# 시작하게 하고, 50스텝을 돌려서 끝에 0.7이 되라고 하자.
#
# $$h_t = \sigma(w\, h_{t-1} + b), \qquad h_0 = ½, \qquad L = (h_{50} - 0.7)^2$$


# %%
def sigmoid(a):
    """σ(a)."""
    return 1 / (1 + np.exp(-a))


def loss_and_gradient(w, b, steps=50):
    """L, ∂L/∂w and ∂L/∂b, by the chain rule along the way."""
    h, dw, db = 0.5 + 0 * w, 0 * w, 0 * w
    for _ in range(steps):
        new = sigmoid(w * h + b)
        slope = new * (1 - new)
        # Both derivatives of the new state hold those of the state before.
        h, dw, db = new, slope * (h + w * dw), slope * (1 + w * db)
    return (h - 0.7) ** 2, 2 * (h - 0.7) * dw, 2 * (h - 0.7) * db


def descend(w, b, rate, clipnorm, steps):
    """Gradient descent: the way that (w, b) takes, and the norms of the gradients."""
    way, norms = [(w, b)], []
    for _ in range(steps):
        _, dw, db = loss_and_gradient(w, b)
        norm = np.hypot(dw, db)
        scale = 1 if clipnorm is None else min(1, clipnorm / norm)
        w, b = w - rate * scale * dw, b - rate * scale * db
        way.append((w, b))
        norms.append(norm)
    return np.array(way), np.array(norms)


START = {"w": 6.0, "b": -2.6}
ways = {}
for clipnorm in (None, 0.5):
    ways[clipnorm], norms = descend(**START, rate=0.5, clipnorm=clipnorm, steps=150)
    losses = loss_and_gradient(*ways[clipnorm].T)[0]
    name = "as it is" if clipnorm is None else f"clipped to {clipnorm}"
    print(
        f"{name:15} largest gradient {norms.max():6.1f}, "
        f"loss at first {losses[0]:.3f}, at the end {losses[-1]:.3f}"
    )
drawing_gradients.cliff(loss_and_gradient, ways)

# %% [markdown]
# 평면은 대부분 거의 평평하다. 그러다가 벽이 있고, 거기서는 가중치가 조금만 바뀌어도
# 50스텝 뒤에 유닛이 두 값 가운데 어디로 갈지가 달라진다. 두 길은 모두 가장자리를 따라
# 내려가다가 기울기가 엄청나게 큰 곳에서 벽을 만난다. 그 기울기를 따라 한 걸음 가면
# 가중치는 돌아올 수 없는 곳으로 튕겨 나간다. 클리핑한 걸음은 벽에서 살짝 튀고 만다.
# 기울기의 *방향*은 좋은데 길이가 터무니없는 것이다. 그러니 줄이자(Pascanu et al. 2013,
# 알고리즘 1).
#
# $$g \leftarrow g \cdot \min\Bigl(1, \frac{c}{\lVert g \rVert}\Bigr)$$
#
# $\lVert g \rVert$는 *모든* 가중치의 기울기를 합쳐서 구한 노름이고, Keras의
# `global_clipnorm`이 이것이다. (`clipnorm`은 가중치 행렬마다 따로, `clipvalue`는 수마다
# 따로 자른다. 둘 다 방향을 바꾼다.)

# %%
gradients = [
    rng.normal(size=shape).astype("float32") for shape in ((3, 4), (4, 4), (4,))
]
norm = np.sqrt(sum((g**2).sum() for g in gradients))
ours = [g * min(1, 1.0 / norm) for g in gradients]
weights = [keras.Variable(np.zeros_like(g)) for g in gradients]
keras.optimizers.SGD(1.0, global_clipnorm=1.0).apply(gradients, weights)
print(f"the norm was {norm:.2f}")
for number, (clipped, weight) in enumerate(zip(ours, weights, strict=True)):
    compare(f"weight {number}, by hand and by Keras", -clipped, weight)

# %% [markdown]
# 이제 진짜 계층으로 해 보자. 과제는 이렇다. 첫 입력은 −1이나 1이고, 그다음에는 잡음이
# 오며, 마지막 스텝이 지나면 신경망은 첫 입력이 무엇이었는지 말해야 한다. 기억 말고는
# 아무것도 필요하지 않다.


# %%
def remember(rng, steps, count, noise):
    """Sequences (N, T, 2): what to remember, and noise; and the answers (N, 1)."""
    answers = rng.choice([-1.0, 1.0], (count, 1)).astype("float32")
    inputs = np.zeros((count, steps, 2), "float32")
    inputs[:, 0, 0] = answers[:, 0]
    inputs[:, :, 1] = noise * rng.normal(size=(count, steps))
    return inputs, answers


def learn(layer, optimizer, steps, batches, noise):
    """The loss of each batch while the layer learns to remember for so many steps."""
    model = keras.Sequential([keras.Input((steps, 2)), layer, keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    kept, rng = [], np.random.default_rng(1)
    for _ in range(batches):
        model.reset_metrics()  # or the loss is a mean over all batches so far
        kept.append(float(model.train_on_batch(*remember(rng, steps, 32, noise))))
    return np.array(kept)


def exploding_layer():
    """A SimpleRNN with a largest singular value of 1.25."""
    keras.utils.set_random_seed(1)
    layer = layers.SimpleRNN(UNITS)
    layer.build((None, None, 2))
    return set_largest_singular_value(layer, 1.25)


curves = {}
for name, clipnorm in (("clipped to 1", 1.0), ("as it is", None)):
    layer = exploding_layer()
    optimizer = keras.optimizers.SGD(0.1, global_clipnorm=clipnorm)
    losses = learn(layer, optimizer, steps=30, batches=100 if SMALL else 300, noise=0.1)
    curves[name] = losses
    highest = losses[np.isfinite(losses)].max()
    print(f"{name:13} highest loss {highest:.1e}, the last {losses[-1]:.1e}")
drawing_gradients.learning({"SimpleRNN, σ₁ = 1.25 at first, 30 steps to wait": curves})
assert not np.isfinite(curves["as it is"][-1])
if not SMALL:
    assert curves["clipped to 1"][-20:].mean() < 0.01

# %% [markdown]
# 둘은 같은 가중치에서 시작하고, 자료도 학습률도 같다. 주황색 선은 손실이 $10^8$을 넘는
# 곳에서 끝난다. 그 뒤로도 계속 커져서 마침내 "수가 아님"(`nan`)이 되었고, 거기서 돌아오는
# 학습은 없다. 클리핑은 인자 하나면 되고, 이 라이브러리의 레시피들은 순환 신경망을
# 클리핑과 함께 학습시킨다.
#
# ## 5. 기울기 소실
#
# 폭발은 시끄럽고 소실은 조용하다. 아무것도 발산하지 않고 손실은 줄어들며, 신경망이 배우지
# 못하는 것은 멀리 떨어진 것이다. 1절처럼 가중치의 기울기를 시간에 걸쳐 더해 보면, 마지막
# 몇 스텝의 항이 합의 거의 전부다. 나머지는 0은 아니지만, 너무 작아서 아무 힘이 없다.
#
# 같은 과제에서 기다릴 스텝을 점점 늘리고, 잡음을 키워 tanh를 납작하게 한다. SimpleRNN은
# 갓 만든 그대로다. 매번 0이라고 답하면 손실은 1이다. Adam은 가중치마다 걸음의 크기를
# 스스로 맞추므로, 기울기 전체의 *크기*가 까닭은 아니다.

# %%
curves = {}
for steps in (10, 20, 100):
    keras.utils.set_random_seed(1)
    optimizer = keras.optimizers.Adam(3e-3, global_clipnorm=1.0)
    batches = 100 if SMALL else 300
    new = layers.SimpleRNN(UNITS)
    curves[f"{steps} steps"] = learn(new, optimizer, steps, batches, noise=1.0)
for name, losses in curves.items():
    print(f"{name:9} loss of the last 20 batches {losses[-20:].mean():.4f}")
drawing_gradients.learning({"how long can a SimpleRNN wait?": curves})
if not SMALL:
    assert max(curves[f"{steps} steps"][-20:].mean() for steps in (10, 20)) < 0.01
assert curves["100 steps"][-20:].mean() > 0.9

# %% [markdown]
# 그러니 SimpleRNN도 무언가를 지닐 수 *있다*. 20스텝은 문제가 되지 않는다. 그러나
# 100스텝은 20스텝보다 느리게 배우는 것이 아니라, 아예 배우지 못한다. 손실은 1에 머물고,
# 거기에는 찾을 것이 있다는 낌새조차 없다.
#
# ## 6. 셀 상태가 왜 도움이 되는가
#
# Hochreiter and Schmidhuber(1997)는 야코비 행렬이 1인 상태를 바랐고, *constant error
# carousel*(오차가 그대로 도는 회전목마)을 찾아냈다. 덧셈으로 바뀌는 상태다. 조금 뒤에
# 나온 망각 게이트까지 더하면 LSTM의 셀 상태는 다음과 같다.
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot \tilde c_t, \qquad
# \frac{\partial c_t}{\partial c_{t-1}} = \mathrm{diag}(f_t) + (h \text{를 지나는 경로})$$
#
# 행렬도 없고 tanh도 없다. $c$를 따라가면 유닛마다 기울기에 제 망각 게이트가 곱해질 뿐,
# 다른 것은 곱해지지 않는다. $k$스텝에 걸치면 $\prod f$다. $f$가 1이면 유닛은 기울기를
# 언제까지나 지닌다. 그리고 신경망은 유닛마다, 스텝마다 $f$가 얼마여야 하는지 배울 수
# 있다. $h$를 지나는 경로는 SimpleRNN의 경로와 같고, 그 어려움도 같다.
#
# 새 신경망은 아직 그것을 배우지 못했다. 게이트는 $f \approx \sigma(b_f)$에 있고, $b_f$는
# 망각 게이트의 편향이다.

# %%
print("forget bias   f = σ(b)   steps until 1 % is left")
for bias in (0.0, 1.0, 3.0, 6.0):
    f = sigmoid(bias)
    print(f"{bias:11.0f}{f:11.4f}{np.log(0.01) / np.log(f):16.0f}")

# %% [markdown]
# 편향이 0이면 새 LSTM은 몇 스텝 만에 잊고, 게이트를 열라고 가르쳐 줄 오차가 도착하지
# 않는다. 그래서 게이트를 연 채로, 곧 편향을 1이나 그보다 크게 하고 시작한다(Gers et al.
# 2000). Jozefowicz et al.(2015)의 대규모 비교에서는 편향 1이 LSTM을 GRU와 같은 수준으로
# 올려놓았다. `unit_forget_bias=True`가 이 일을 하며, 기본값이다. 셀 상태를 따라 잰 값을
# 예측 $\sigma(b)^k$의 점선과 함께 그린다.

# %%
KEEPING_GATE = {
    "LSTM": 1,
    "GRU": 0,
}  # the forget gate's place among i, f, c, o; z, r, h


def with_gate(name, bias, features=2):
    """An LSTM or GRU whose gate that keeps the state starts with the given bias."""
    layer = {"LSTM": layers.LSTM, "GRU": layers.GRU}[name](UNITS)
    layer.build((None, None, features))
    W, U, b = layer.get_weights()
    gate = slice(KEEPING_GATE[name] * UNITS, (KEEPING_GATE[name] + 1) * UNITS)
    np.atleast_2d(b)[0, gate] = bias
    layer.set_weights([W, U, b])
    return layer


kept = {}
for bias in (0.0, 1.0, 3.0, 6.0):
    lstm = with_gate("LSTM", bias, FEATURES)
    norms = mean_norm(gradient_flow(lstm, (x, target)).cell[0])
    kept[bias] = norms / norms[-1]
drawing_gradients.kept_by_gate(kept, {bias: sigmoid(bias) for bias in kept})

# %% [markdown]
# $h$를 지나는 경로가 더해 주는 곳에서는 측정값이 예측보다 위에 있다. 게이트가 열려 있으면
# 그 경로들이 기울기를 키우기까지 할 수 있으므로, 클리핑은 여전히 필요하다. GRU에는 셀
# 상태가 없지만, 갱신 게이트 $z$가 같은 일을 한다.
# $h_t = z \odot h_{t-1} + (1 - z) \odot \tilde h$이고, 그 편향은 0에서 시작한다.
#
# 이것이 학습에서 중요할까? 5절의 과제를 다시 해 보자.

# %%
MAKE = {
    "SimpleRNN": lambda: layers.SimpleRNN(UNITS),
    "LSTM, bias 0": lambda: with_gate("LSTM", 0.0),
    "LSTM, bias 1": lambda: with_gate("LSTM", 1.0),
    "LSTM, bias 5": lambda: with_gate("LSTM", 5.0),
}
panels = {}
for steps in (20, 100):
    panels[f"{steps} steps to wait"] = curves = {}
    for name, make in MAKE.items():
        keras.utils.set_random_seed(1)
        optimizer = keras.optimizers.Adam(3e-3, global_clipnorm=1.0)
        batches = 200 if SMALL else 400
        curves[name] = learn(make(), optimizer, steps, batches, noise=1.0)
        end = curves[name][-20:].mean()
        print(f"{steps:3} steps, {name:13} loss of the last 20 batches {end:.4f}")
drawing_gradients.learning(panels)
if not SMALL:
    ends = {
        title: {name: losses[-20:].mean() for name, losses in of_panel.items()}
        for title, of_panel in panels.items()
    }
    assert max(ends["20 steps to wait"].values()) < 0.01
    assert ends["100 steps to wait"].pop("LSTM, bias 5") < 0.01
    assert min(ends["100 steps to wait"].values()) > 0.9

# %% [markdown]
# 매번 가중치의 수가 같은 같은 LSTM이고, 망각 게이트 편향의 출발값만 다르다. 20스텝 뒤에는
# 넷 모두 답을 알고, 편향이 0인 LSTM이 가장 늦게 찾아낸다. 배치 200개가 넘도록 아무것도
# 배우지 못한다. 100스텝 뒤에는 편향이 5인 것만 안다. 기본값인 편향 1도 거기서는
# SimpleRNN처럼 실패한다는 데 주의하자. LSTM은 100스텝에 걸쳐 무언가를 지닐 *수* 있지만,
# 이렇게 적은 배치로는 출발이 좋아야만 그렇게 한다. 여러분의 자료에 긴 의존이 있고 그
# 길이를 대강 안다면, 편향으로 말해 주라. $f = \sigma(b)$의 기억은
# $1 / (1 - f)$스텝쯤이다.
#
# ## 7. 한 그림에 담은 이야기
#
# `gradient_flow_study`는 이 모두를 호출 한 번으로, 종류 말고는 아무것도 다르지 않은
# 계층들에서 잰다. 위에는 가장 큰 특이값이 1보다 작을 때, 1일 때, 1보다 클 때의 세 셀이
# 있다(LSTM과 GRU는 게이트마다 따로). 아래에는 열린 게이트가 남기는 것을 GRU까지 함께,
# 그리고 클리핑의 양쪽을 그렸다.

# %%
from kerasrnn.inspection import gradient_flow_figure, gradient_flow_study

study = gradient_flow_study(steps=40 if SMALL else 100, training_steps=100)
for cell, value in study.flows:
    first, last = study.flows[cell, value][[0, -1]]
    print(f"{cell:10} σ₁ = {value:<4g} ‖∂L/∂h_1‖ / ‖∂L/∂h_T‖ = {first / last:.0e}")
drawing.page(
    gradient_flow_figure(study, folder / "gradient_flow.png"), photographs=False
)

# %% [markdown]
# $10^{-12}$보다 작은 것은 뺐다. $\sigma_1$이 커도 LSTM과 GRU는 SimpleRNN처럼 폭발하지
# 않는다. 그러나 갓 만든 그대로는 약이 되지 못한다. 갱신 게이트가 반쯤 열린 새 GRU는
# $\sigma_1 = 1$인 SimpleRNN보다 빨리 잊고, 새 LSTM도 잊는다. 다른 점은 왼쪽 아래에 있다.
# 유닛마다 게이트가 있고, 게이트가 열린 곳에서는(편향 3이나 6) 기울기가 남는다.
#
# ## 8. 시간 절단 역전파
#
# 백만 글자의 글은 층이 백만 개인 신경망이다. 아무도 그것을 다 거슬러 가지 않는다. 글을
# 토막으로 자르고, *상태*는 토막에서 토막으로 이어지며, *기울기*는 제 토막이 시작하는
# 곳에서 끝난다([4쪽](04_character_language_model.ko.ipynb)). 기울기를 얼마나 잃는가?

# %%
drawing.truncated()

# %% [markdown]
# 그것은 기울기가 본래 얼마나 멀리서 왔을지에 달려 있다. 이미 배운 언어 모델에게 물어보자.
# 모델 모음의 프리셋이 패키지에 들어 있으면 그것에게, 없으면 여기서 학습시키는 작은
# 모델에게 묻는다.

# %%
from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_documents
from kerasrnn.text import CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel

NAME = "chars-shakespeare"
play = load_documents("shakespeare_plays", "test")[-1]
if NAME in CharLanguageModel.presets:
    model = CharLanguageModel.from_preset(NAME)
    print(f"the preset {NAME}: {model.count_params():,} parameters,", end=" ")
    print(load_recipe(NAME).score)
else:
    documents = load_documents("shakespeare_plays", "train")
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(documents)
    model = CharLanguageModel(preprocessor=tokenizer, num_layers=1, units=128)
    model.compile(keras.optimizers.Adam(8e-3, global_clipnorm=1.0))
    model.fit(
        [document[:20_000] for document in documents[: 12 if SMALL else 30]],
        batch_size=16,
        epochs=2 if SMALL else 4,
        verbose=0,
    )
    print("a small model, trained here")
bits = model.evaluate(play[:20_000], verbose=0)["bits_per_character"]
print(f"{model.num_layers} × {model.units} units, {bits:.2f} bits per character here")

# %% [markdown]
# 모델이 본 적 없는 200글자짜리 글 여덟 개를 쓴다. 손실은 마지막 글자의 것뿐이다. 얼마나
# 뒤까지 무엇이 도착하는가?

# %%
ROWS, LENGTH = 8, 200
starts = np.linspace(0, len(play) - LENGTH - 1, ROWS).astype(int)
ids = np.stack(
    [model.preprocessor.encode(play[s : s + LENGTH + 1]) for s in starts]
).astype("int32")  # (B, T + 1)
inputs, targets = ids[:, :-1], ids[:, 1:]

flow = gradient_flow(model, (inputs, targets))
back = {
    f"layer {number}, {name}": mean_norm(norms)[::-1]
    for number, layer_norms in enumerate(zip(flow.hidden, flow.cell, strict=True))
    for name, norms in zip(("h", "c"), layer_norms, strict=True)
    if norms is not None
}
for name, norms in back.items():
    shares = np.cumsum(norms) / norms.sum()
    print(
        f"{name}: half of all gradient in the last {np.argmax(shares >= 0.5) + 1} steps,",
        end=" ",
    )
    print(f"99 % in the last {np.argmax(shares >= 0.99) + 1}")
drawing_gradients.how_far_back(back, chunk=100)

# %% [markdown]
# 그러면 옵티마이저가 받는 기울기는 어떤가? 같은 글들을 5, 10 …글자의 토막으로 자르고,
# 상태를 이어 가면서 모든 토막의 기울기를 더한 다음, 전체의 기울기와 견준다. 같은 방향을
# 가리키면 둘 사이의 각의 코사인이 1이다.


# %%
def weight_gradient(chunk):
    """The gradient of all recurrent weights, cut after every so many characters."""
    weights = [v for layer in model.recurrent_layers for v in layer.trainable_weights]
    states, total = model.initial_states(ROWS), 0
    for start in range(0, LENGTH, chunk):
        part = slice(start, start + chunk)
        with tf.GradientTape() as tape:
            # States of the chunk before come from outside of this tape: constants.
            logits, states = model.run(inputs[:, part], states)
            losses = keras.losses.sparse_categorical_crossentropy(
                targets[:, part], logits, from_logits=True
            )
            loss = tf.reduce_sum(losses)
        gradients = tape.gradient(loss, weights)
        total = total + np.concatenate([np.ravel(g) for g in gradients])
    return total


whole = weight_gradient(LENGTH)
cosines = {}
for chunk in (1, 2, 5, 10, 20, 50, 100, 200):
    found = weight_gradient(chunk)
    cosines[chunk] = found @ whole / np.linalg.norm(found) / np.linalg.norm(whole)
    print(f"chunks of {chunk:3}: cosine {cosines[chunk]:.3f}")
assert cosines[1] < cosines[100] <= cosines[200] < 1.001
if not SMALL:
    assert cosines[100] > 0.95
print("Chunks of 100 characters point where the whole gradient points, nearly")

# %% [markdown]
# 길이가 100인 토막은 잃는 것이 적다. 더 뒤에서 오는 기울기가 적기 때문이다. 그러나 거기서
# 따라 나오는 것에 주의하자. 토막보다 더 뒤에 있는 것은 상태가 이어지므로 *쓰일* 수
# 있지만, 거기서 *배우지는* 못한다. 그보다 오래 무언가를 따라가는 셀은 더 짧은 경우에서
# 일반화한 것이다. [5쪽](05_inside_the_cells.ko.ipynb)에서 그런 셀을 찾는다.
#
# ## 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/06_gradient_flow.py`에 있다.
#
# 1. *모든* 스텝에 손실이 있는 역전파, $L = \sum_t ½ \lVert h_t - y \rVert^2$을 직접 하라:
#    `x` (B, T, D), $h_0$부터의 상태 `h` (T + 1, B, U), 목표 `y` (B, U)에서 W, U, b의
#    기울기를 구하라.

# %%
from exercises import check


def bptt(x, h, U, y):
    delta, dW, dU, db = 0, 0, 0, 0
    for t in range(x.shape[1], 0, -1):
        delta = ...  # what arrives from the step after, and the loss of this step
        da = ...
        dW = ...
        dU = ...
        db = ...
        delta = ...
    return dW, dU, db


check("06_gradient_flow", bptt=bptt)

# %% [markdown]
# 2. 가장 큰 특이값이 2 이상이면서 거듭제곱이 0으로 가는 2 × 2 행렬.

# %%
matrix = ...

check("06_gradient_flow", matrix=matrix)

# %% [markdown]
# 3. 배열의 목록인 모든 기울기를 합친 노름이 `c`를 넘지 않도록 클리핑하라.


# %%
def clip(gradients, c):
    return ...


check("06_gradient_flow", clip=clip)

# %% [markdown]
# 4. 게이트를 움직이는 것이 편향뿐이라면, 망각 게이트의 편향이 얼마일 때 `steps`스텝 뒤에
#    셀 상태의 백분의 일이 남는가?


# %%
def forget_bias(steps):
    return ...


check("06_gradient_flow", forget_bias=forget_bias)

# %% [markdown]
# 검사 없이:
#
# 5. 1절에서 `backward`에 모든 스텝의 손실 $L = \sum_t ½ \lVert h_t - y \rVert^2$을
#    더하고, `gradient_flow(layer, (x, y), loss_step=None)`과 맞춰 보라.
# 6. 2절에서 `turn`을 0도만큼 돌리는 것으로 하라. 어느 행의 운명이 바뀌며, 이제는 어느
#    특이값이 정하는가? $\sigma_1 = 2$이면서 거듭제곱이 0으로 가는 행렬을 찾으라. (*힌트:
#    두 고윳값은 ½이고, 대각선 밖에 큰 수가 있다.*)
# 7. 3절에서 계층에 `activation="relu"`를 주어 보라. 이제 무엇이 상한을 따라가며, 입력이
#    크고 1.25일 때는 어떻게 되는가?
# 8. 4절에서 0.1로, 그리고 5로 클리핑해 보라. 그다음에는 Keras의 `clipvalue`처럼 두
#    도함수를 따로따로 잘라 보라. 어떤 길로 가는가?
# 9. 5절에서 $U$를 항등 행렬로 시작하고 `activation="relu"`로 하여(Le et al. 2015)
#    100스텝을 기억하게 해 보라. 처음에 그 야코비 행렬은 무엇인가?
# 10. 6절의 경주에 갱신 게이트 편향이 5인 GRU를 넣어 보라. 그리고 망각 게이트 편향이 5이고
#     *입력* 게이트도 열려 있는(편향 5) LSTM을 넣어 보라. 왜 그것은 좋지 않은가?
# 11. 6절에서 "LSTM, bias 1"의 20스텝짜리 계층을 남겨 두고, 배우기 전과 배운 뒤의
#     `gradient_flow`를 재어 보라. 망각 게이트는 더 열렸는가, 덜 열렸는가?
#     (`layer.cell.bias`가 절반은 말해 준다.)
# 12. 8절에서 학습된 것 옆에 `gradient_flow(untrained_copy(model), (inputs, targets))`를
#     놓아 보라(`kerasrnn.inspection.untrained_copy`). 학습이 기울기를 더 멀리까지 닿게
#     했는가?
# 13. 8절의 작은 모델을 `chunk=5`와 `chunk=100`으로, *글자*의 수는 같게 하여 학습시켜
#     보라. 절단에는 몇 비트가 들며, 한쪽이 쓴 다섯 글자짜리 낱말은 다른 쪽의 것과 견주어
#     어떻게 생겼는가?
#
# ## 참고 문헌
#
# Hochreiter, S. and Schmidhuber, J. (1997), Long short-term memory. Gers, F.,
# Schmidhuber, J. and Cummins, F. (2000), Learning to forget. Pascanu, R., Mikolov, T. and
# Bengio, Y. (2013), On the difficulty of training recurrent neural networks. Jozefowicz,
# R., Zaremba, W. and Sutskever, I. (2015), An empirical exploration of recurrent network
# architectures. Le, Q., Jaitly, N. and Hinton, G. (2015), A simple way to initialize
# recurrent networks of rectified linear units.
