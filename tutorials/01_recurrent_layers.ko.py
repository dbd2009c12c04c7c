# %% [markdown]
# # 1. 순환 계층
#
# 순환 계층은 시퀀스를 한 번에 한 스텝씩 읽으며 상태를 지닌다. 상태는 지금까지 읽은 모든
# 것을 대신하는 몇 개의 수다. 이 쪽에서는 다음을 본다.
#
# 1. 순환식 자체, 그리고 계층이 한 줄짜리 계산을 도는 반복이라는 것
# 2. 그것으로 만들 수 있는 다섯 가지 모양의 신경망
# 3. `return_sequences`와 `return_state`가 돌려주는 것
# 4. 단순한 순환은 왜 잊는가, 그리고 LSTM과 GRU의 수식
# 5. 마스크: 길이가 다른 시퀀스를 한 배치에 담기
# 6. 이 계층들을 `keras.layers`와 견주기
# 7. `model.fit`으로 학습하는 영화평의 감성
#
# 수식마다 옆에 그것을 NumPy로 계산하는 코드가 있고, 모두 계층과 맞춰 본다. 모양을
# 나타내는 글자는 라이브러리 전체에서 같다. **B**는 배치, **T**는 스텝, **D**는 들어오는
# 특징, **U**는 상태의 유닛이다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,train]'`을 실행한 다음, 이 노트북이나
# 그 옆의 `.py` 파일을 돌린다. 그림은 `drawing.py`가 그리며, 읽지 않아도 된다.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import inspect
import time

import drawing
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from kerasrnn import layers

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)

# %% [markdown]
# ## 1. 순환식
#
# 스텝 $t$에서 계층은 상태 $h_{t-1}$을 가지고 있고 $x_t$를 읽는다. 새 상태는 둘을 섞은
# 것이며, 둘은 저마다 제 행렬을 거친다.
#
# $$h_t = \tanh(x_t W + h_{t-1} U + b), \qquad h_0 = 0$$
#
# 이것이 전부다. $W$ (D × U)는 입력을 보고, $U$ (U × U)는 지난 상태를 보며, $b$는 값을
# 옮기고, tanh는 모든 수를 −1과 1 사이에 둔다.

# %%
drawing.unrolled()

# %% [markdown]
# 왼쪽은 반복이고, 오른쪽은 같은 반복을 네 스텝에 걸쳐 늘어놓은 것이다. 이것을 **펼친**
# 신경망 또는 계산 그래프라고 한다. 모든 스텝이 가중치를 공유하므로, 가중치의 수는 열
# 스텝이든 만 스텝이든 같고, 계층은 어떤 길이의 시퀀스든 읽는다. NumPy로는 이렇다.


# %%
def simple_rnn(x, W, U, b):
    """Run h_t = tanh(x_t W + h_{t-1} U + b) over every step of x: (B, T, D)."""
    h = np.zeros((x.shape[0], U.shape[0]))  # (B, U)
    outputs = []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ W + h @ U + b)
        outputs.append(h)
    return np.stack(outputs, axis=1)  # (B, T, U)


# %% [markdown]
# 그리고 계층이다. 특징이 8개인 10스텝짜리 시퀀스 32개와 유닛 4개를 쓴다.

# %%
x = rng.normal(size=(32, 10, 8)).astype("float32")  # (B, T, D)

layer = layers.SimpleRNN(4, return_sequences=True)
outputs = layer(x)  # (B, T, U)
W, U, b = layer.get_weights()
print("W", W.shape, " U", U.shape, " b", b.shape, " outputs", outputs.shape)


def compare(name, ours, theirs):
    """Print the largest difference, and stop if there is a real one."""
    difference = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-5, name


compare("SimpleRNN and NumPy", outputs, simple_rnn(x, W, U, b))

# %% [markdown]
# 계층에서 반복이 아닌 부분을 **셀**이라고 한다. 한 스텝, 곧
# `(input, state) -> (output, new state)`다. 계층은 셀과 반복이고, `RNN(cell)`은 어떤
# 셀로든 계층을 만든다. 다음은 라이브러리에 있는 셀의 코드 그대로다.

# %%
print(inspect.getsource(layers.SimpleRNNCell.call))

# %%
step, state = layer.cell(x[:, 0], layer.get_initial_state(batch_size=32))
compare("the cell and step 1 of the layer", step, outputs[:, 0])

# %% [markdown]
# ## 2. 다섯 가지 모양
#
# 이 반복에는 무엇을 읽고 언제 답할지를 정해 줄 수 있다. 다섯 가지 조합에는 이름이 있다.

# %%
drawing.five_shapes()

# %% [markdown]
# | 모양 | 예 | kerasrnn에서 |
# |---|---|---|
# | 하나에서 하나로 | 보통의 신경망 | `keras.layers.Dense` |
# | 하나에서 여럿으로 | 그림을 보고 캡션을 쓴다 | 그림이 `initial_state`가 된다 |
# | 여럿에서 하나로 | 영화평을 읽고 감성을 맞힌다 | `LSTM(units)`, 이 쪽의 7절 |
# | 여럿에서 여럿으로 | 문장을 읽고 번역을 쓴다 | 한 계층의 상태에서 다른 계층이 시작한다 |
# | 여럿에서 여럿으로, 스텝마다 | 낱말마다 품사를 단다 | `return_sequences=True` |
#
# "여럿에서 여럿으로"에서는 모두 읽은 다음에 답이 시작된다. 앞의 절반을 인코더, 뒤의
# 절반을 디코더라고 하며(*encoder-decoder* 또는 *sequence to sequence*), 디코더가 아는
# 것은 모두 상태 하나를 거쳐 온 것이다.
#
# ## 3. 무엇을 돌려주는가
#
# 계층은 모든 스텝의 상태를 계산한다. 그 가운데 무엇을 돌려줄지는 인자 두 개가 정한다.
#
# | `return_sequences` | `return_state` | 결과 |
# |---|---|---|
# | False | False | 마지막 출력: (B, U) |
# | True | False | 모든 출력: (B, T, U) |
# | False | True | 마지막 출력과 최종 상태 |
# | True | True | 모든 출력과 최종 상태 |

# %%
for return_sequences in (False, True):
    for return_state in (False, True):
        layer = layers.SimpleRNN(
            4, return_sequences=return_sequences, return_state=return_state
        )
        layer.build(x.shape)
        layer.set_weights([W, U, b])
        result = layer(x)
        shapes = [tuple(r.shape) for r in result] if return_state else result.shape
        print(f"{return_sequences!s:5}  {return_state!s:5}  {shapes}")
        if return_sequences and return_state:
            outputs, state = result

# %% [markdown]
# 그 배치의 한 행을 그림으로 본다. 빨강은 양수, 파랑은 음수이고, 시간은 왼쪽에서
# 오른쪽으로 흐른다. 검은 테두리는 돌려주는 출력을, 파란 테두리는 상태를 두른다. 흐린 것은
# 도중에 계산했지만 돌려주지 않는다.

# %%
drawing.returned_tensors(x[0], np.asarray(outputs[0]), np.asarray(state[0]))

# %% [markdown]
# `SimpleRNN`과 `GRU`에서는 최종 상태가 마지막 출력과 같으니 `return_state`가 쓸모없어
# 보인다. `LSTM`에서는 그렇지 않다. 상태가 쌍 $(h, c)$이고, 출력되는 것은 $h$뿐이기
# 때문이다. 쓰임새는 이렇다.
#
# - 여럿에서 하나로라면 아무것도 쓰지 않는다. 마지막 출력은 이미 모두 읽었다.
# - 그 위에 순환 계층을 하나 더 쌓거나 스텝마다 답하려면 `return_sequences`를 쓴다.
# - 읽은 것을 다른 계층에 `initial_state`로 넘기거나, 시퀀스가 멈춘 곳에서 나중에 이어
#   가려면 `return_state`를 쓴다.
#
# 나중에 이어 가는 일은 아주 흔해서(글은 치는 대로 들어오고, 센서는 20 ms마다 값을 보낸다)
# 한 스텝을 위한 메서드가 따로 있다. 시퀀스 전체와 같은 수가 나온다.

# %%
layer = layers.GRU(4, return_sequences=True)
whole = np.asarray(layer(x))
state = layer.get_initial_state(batch_size=32)
for t in range(10):
    y, state = layer.step(x[:, t], state)
    compare(f"step {t + 1}", y, whole[:, t])

# %% [markdown]
# ## 4. 망각과 게이트
#
# 마지막 상태는 $k$스텝 전의 입력에 얼마나 달려 있는가? 그 답은 미분이고, 학습에도 같은
# 미분이 필요하다. **시간 역전파**(back-propagation through time, BPTT)는 펼친 신경망을
# 따라가는 연쇄 법칙이다. 결과는 다음과 같다.
#
# $$\frac{\partial h_T}{\partial h_{T-k}} = \prod_{t=T-k+1}^{T} \mathrm{diag}(1 - h_t^2)\, U^\top$$
#
# (첨자의 순서는 접어 두자.) 행렬 $k$개의 곱이다. 행렬들이 벡터를 줄이면, 대개 그런데, 이
# 곱은 지수적으로 사라지고, 오래전에 읽은 것에서는 거의 배울 수 없다. 이것이 **기울기
# 소실**이다(Hochreiter 1991; Bengio et al. 1994).
#
# **LSTM**(Hochreiter and Schmidhuber 1997)은 *덧셈*으로 바뀌는 둘째 상태 $c$를 더한다.
# 게이트는 0과 1 사이의 수로, 무엇을 쓰고 무엇을 보일지 정한다. 무엇을 잊을지 정하는 셋째
# 게이트는 나중에 나왔고(Gers et al. 2000), 오늘날의 LSTM에는 빠지지 않는다.
#
# $$\begin{aligned}
# i &= \sigma(x_t W_i + h_{t-1} U_i + b_i) && \text{입력 게이트}\\
# f &= \sigma(x_t W_f + h_{t-1} U_f + b_f) && \text{망각 게이트}\\
# \tilde c &= \tanh(x_t W_c + h_{t-1} U_c + b_c) && \text{후보}\\
# o &= \sigma(x_t W_o + h_{t-1} U_o + b_o) && \text{출력 게이트}\\
# c_t &= f \odot c_{t-1} + i \odot \tilde c \\
# h_t &= o \odot \tanh(c_t)
# \end{aligned}$$
#
# $c_{t-1}$에서 $c_t$로 곧장 가는 미분은 $f$뿐이다. 신경망이 망각 게이트를 열어 두도록, 곧
# $f \approx 1$로 배우면 아무것도 사라지지 않는다. (망각 게이트가 *열려* 있으면 남긴다.
# 이름과는 반대다.) 네 행렬은 i, f, c, o의 순서로 나란히 저장되어 있어서, 곱 하나로 넷을
# 모두 계산한다.


# %%
def sigmoid(a):
    """σ(a)."""
    return 1 / (1 + np.exp(-a))


def lstm(x, W, U, b):
    """Run an LSTM over x: (B, T, D); W: (D, 4U), U: (U, 4U), b: (4U,)."""
    h = c = np.zeros((x.shape[0], U.shape[0]))  # (B, U)
    outputs = []
    for t in range(x.shape[1]):
        i, f, candidate, o = np.split(x[:, t] @ W + h @ U + b, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c


layer = layers.LSTM(4, return_sequences=True, return_state=True)
for name, ours, numpys in zip(
    ("outputs", "h", "c"), layer(x), lstm(x, *layer.get_weights()), strict=True
):
    compare(f"LSTM and NumPy, {name}", ours, numpys)
print(inspect.getsource(layers.LSTMCell.call))

# %% [markdown]
# **GRU**(Cho et al. 2014)는 상태 하나와 게이트 둘로 같은 일을 한다. $z$는 옛 상태를
# 얼마나 남길지, $r$은 새 후보를 만들 때 옛 상태를 얼마나 볼지를 정한다.
#
# $$\begin{aligned}
# z &= \sigma(x_t W_z + h_{t-1} U_z + b_z + b'_z) && \text{갱신 게이트}\\
# r &= \sigma(x_t W_r + h_{t-1} U_r + b_r + b'_r) && \text{리셋 게이트}\\
# \tilde h &= \tanh(x_t W_h + b_h + r \odot (h_{t-1} U_h + b'_h)) && \text{후보}\\
# h_t &= z \odot h_{t-1} + (1 - z) \odot \tilde h
# \end{aligned}$$
#
# 약속에 주의하자. 여기서는 Keras, PyTorch, cuDNN, Cho et al.(2014)처럼 $z$가 *남기는*
# 몫이다. 많은 교과서와 Chung et al.(2014)은 거꾸로
# $h_t = (1 - z) \odot h_{t-1} + z \odot \tilde h$라고 쓰고, 거기서는 $z$가 *새로운*
# 몫이다. $1 - \sigma(a) = \sigma(-a)$이므로, $W_z$와 $U_z$와 $b_z$의 부호만 뒤집은 같은
# 계층이다.
#
# 이것은 빠른 GPU 라이브러리들이 쓰는 변형으로, $r$을 $U_h$와 곱한 *뒤에*
# 적용하고(`reset_after=True`, 기본값), 순환하는 쪽에 따로 편향 $b'$이 있다. 논문에서는
# 곱하기 전에 적용한다. $(r \odot h_{t-1}) U_h$, 곧 `reset_after=False`다.


# %%
def gru(x, W, U, b, reset_after=True):
    """Run a GRU over x: (B, T, D); W: (D, 3U), U: (U, 3U), gates in the order z, r, h."""
    units = U.shape[0]
    b, b_recurrent = b if reset_after else (b, np.zeros(3 * units))
    h = np.zeros((x.shape[0], units))  # (B, U)
    outputs = []
    for t in range(x.shape[1]):
        x_z, x_r, x_h = np.split(x[:, t] @ W + b, 3, axis=-1)
        h_z, h_r, h_h = np.split(h @ U + b_recurrent, 3, axis=-1)
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        looked_at = r * h_h if reset_after else (r * h) @ U[:, 2 * units :]
        h = z * h + (1 - z) * np.tanh(x_h + looked_at)
        outputs.append(h)
    return np.stack(outputs, axis=1)


compare("σ(−a) and 1 − σ(a)", sigmoid(-x), 1 - sigmoid(x))
for reset_after in (True, False):
    layer = layers.GRU(4, return_sequences=True, reset_after=reset_after)
    ours = layer(x)
    compare(
        f"GRU and NumPy, reset_after={reset_after}",
        ours,
        gru(x, *layer.get_weights(), reset_after=reset_after),
    )
print(inspect.getsource(layers.GRUCell.call))

# %% [markdown]
# 이제 재어 보자. 아직 학습하지 않은 새 계층에서 $\partial h_T / \partial x_{T-k}$의
# 크기를 잰다. LSTM의 망각 게이트 편향은 1에서 시작하며, 이때 $f \approx 0.73$이다. 마지막
# 곡선은 편향이 5, 곧 $f \approx 0.99$인 것으로, 신경망이 배워서 열 수 있는 게이트다. 로그
# 축임에 주의하자.


# %%
def gradient_by_distance(layer, steps=60):
    """Size of ∂h_T/∂x_{T-k} for k = 0 … steps-1, mean over a batch."""
    inputs = tf.constant(rng.normal(size=(16, steps, 8)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        last = tf.reduce_sum(layer(inputs))
    gradient = tape.gradient(last, inputs)  # (B, T, D)
    return np.linalg.norm(gradient, axis=-1).mean(axis=0)[::-1]


def open_forget_gate(units, bias):
    """An LSTM whose forget gate starts with the given bias."""
    layer = layers.LSTM(units)
    layer.build((None, None, 8))
    W, U, b = layer.get_weights()
    b[units : 2 * units] = bias
    layer.set_weights([W, U, b])
    return layer


figure, axes = plt.subplots(figsize=(7.5, 3.6))
left = {}  # of the gradient, 59 steps back
for name, layer, colour in (
    ("SimpleRNN", layers.SimpleRNN(32), drawing.ORANGE),
    ("GRU", layers.GRU(32), drawing.GREEN),
    ("LSTM", layers.LSTM(32), drawing.QUIET),
    ("LSTM, forget gate open", open_forget_gate(32, bias=5.0), drawing.BLUE),
):
    sizes = gradient_by_distance(layer)
    left[name] = sizes[-1] / sizes[0]
    axes.semilogy(sizes, color=colour, linewidth=2)
    axes.annotate(
        name,
        (59, sizes[-1]),
        xytext=(6, 0),
        textcoords="offset points",
        color=colour,
        va="center",
    )
axes.set_title("what the last state still knows of an input")
axes.set_xlabel("steps ago, k")
axes.set_ylabel(r"size of $\partial h_T / \partial x_{T-k}$")
axes.set_xlim(0, 60)
figure.tight_layout()
plt.show()
for name, share in left.items():
    print(f"{name:24}{share:9.1e} of the gradient is left after 59 steps")
assert left["GRU"] < left["SimpleRNN"] < left["LSTM"] < left["LSTM, forget gate open"]

# %% [markdown]
# 게이트는 열려 있을 때만 도움이 된다. 새 GRU는 $z \approx ½$이어서 스텝마다 상태의 절반을
# 갈아 치우고, 그래서 가장 빨리 잊는다. 새 LSTM은 $c$의 사분의 삼쯤을 남긴다. SimpleRNN은
# 그 사이에 있다. 처음 몇 스텝에서는 LSTM보다도 많이 남긴다. 순환 커널이 처음에 직교
# 행렬이어서 길이를 보존하고, tanh만 조금씩 깎아 내기 때문이다. SimpleRNN도
# [6쪽](06_gradient_flow.ko.ipynb)에서 보듯이 스무 스텝쯤 무언가를 붙드는 법을 배울 *수*
# 있다. 그러나 열 수 있는 것이 없다. 스텝마다 똑같은 행렬 하나가 남기는 일과 계산하는 일을
# *모두* 해야 한다. 게이트는 읽은 것에 따라 유닛마다, 스텝마다 정해진다. (마지막 곡선이
# 올라가는 것은 $h$가 $c$로 되먹임되기 때문이다. 게이트가 열려 있다고 해서 커지지 않는다는
# 법은 없고, 그래서 순환 신경망은 기울기를 클리핑하며 학습한다.)
#
# ## 5. 마스크
#
# 문장은 길이가 다르고 배치는 직사각형이다. 그래서 짧은 것에는 패딩을 붙이고, (B, T)
# 모양의 참거짓 값인 마스크가 어느 스텝을 셀지 알려 준다. 마스크로 가린 스텝은 아무것도
# 바꾸지 않아야 한다. 상태는 그대로 있고, 출력은 되풀이된다.
#
# 아래에서는 여섯 스텝짜리 시퀀스 하나를 세 가지 방법으로 열 스텝에 넣는다. 세는 스텝의
# 색은 모든 행에서 같고, 최종 상태는 서로 같을 뿐 아니라 패딩이 없는 시퀀스의 것과도 같다.

# %%
sequence = rng.normal(size=(6, 8)).astype("float32")  # (T, D)
masks = {
    "padded on the right": [1, 1, 1, 1, 1, 1, 0, 0, 0, 0],
    "padded on the left": [0, 0, 0, 0, 1, 1, 1, 1, 1, 1],
    "with holes": [1, 1, 0, 0, 1, 1, 1, 0, 0, 1],
}
mask = np.array(list(masks.values()), dtype=bool)  # (B, T)
padded = np.full((3, 10, 8), 100.0, "float32")  # padding that would be noticed
for row in range(3):
    padded[row, mask[row]] = sequence

layer = layers.GRU(4, return_sequences=True, return_state=True)
outputs, state = layer(padded, mask=mask)
_, alone = layer(sequence[None])
compare("with padding and without", state, np.repeat(alone, 3, axis=0))
drawing.masked_outputs(list(masks), mask, np.asarray(outputs))

# %% [markdown]
# 마스크를 직접 만드는 일은 드물다. `Embedding(mask_zero=True)`가 토큰 번호 0에서 마스크를
# 만들고, 마스크는 텐서를 따라 계층에서 계층으로 간다.

# %%
token_ids = np.array([[5, 3, 8, 0, 0], [7, 2, 4, 6, 1]])
embedded = keras.layers.Embedding(10, 8, mask_zero=True)(token_ids)
layer = layers.LSTM(4)
compare("padded and cut", layer(embedded)[0], layer(embedded[:1, :3])[0])

# %% [markdown]
# ## 6. keras.layers와 나란히
#
# 이 계층들은 Keras와 같은 인자를 받고 Keras와 같은 가중치를 가진다. 그래서 두 라이브러리
# 사이에서 가중치를 그대로 옮길 수 있다.

# %%
for ours, theirs in (
    (layers.SimpleRNN, keras.layers.SimpleRNN),
    (layers.LSTM, keras.layers.LSTM),
    (layers.GRU, keras.layers.GRU),
):
    here, there = ours(16), theirs(16)
    here.build(padded.shape)
    there.build(padded.shape)
    here.set_weights(there.get_weights())
    compare(ours.__name__, here(padded, mask=mask), there(padded, mask=mask))

# %% [markdown]
# 다른 것은 밑에서 도는 것이다. 이 기계에서 이 설정으로 어느 커널이 도는지, 왜 다른 커널이
# 아닌지는 `explain()`이 말해 준다.

# %%
layer = layers.LSTM(128, return_sequences=True)
print(layer.explain())

# %% [markdown]
# 그리고 시간이다. 둘을 번갈아 돌려서, 기계가 바쁘면 둘 다 느려지게 하고, 그 중앙값을
# 쓴다. 어디까지나 한 예로 보자. 기계 한 대에서, 지금, 한 가지 크기로 잰 것이다. 꼼꼼히
# 재는 것은 `benchmarks/`의 스크립트들이다.


# %%
def milliseconds(functions, turns):
    """Median time of each function, called in turns."""
    times = {name: [] for name in functions}
    for function in functions.values():
        function()  # traces the graph
    for _ in range(turns):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: float(np.median(values)) for name, values in times.items()}


def forward(layer, inputs):
    """A compiled call of the layer."""
    call = tf.function(lambda: layer(inputs))
    return lambda: call().numpy()


def training(layer, inputs):
    """A compiled call of the layer, and the gradients of its weights."""

    @tf.function
    def call():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(inputs, training=True) ** 2)
        return tape.gradient(loss, layer.trainable_weights)

    return lambda: [gradient.numpy() for gradient in call()]


inputs = tf.constant(rng.normal(size=(32, 50 if SMALL else 100, 64)), "float32")
turns = 5 if SMALL else 21
print(f"(B, T, D) = {tuple(inputs.shape)}, 128 units, milliseconds")
print(f"{'':18}{'kerasrnn':>10}{'keras':>10}{'ratio':>8}")
for ours, theirs in (
    (layers.SimpleRNN, keras.layers.SimpleRNN),
    (layers.LSTM, keras.layers.LSTM),
    (layers.GRU, keras.layers.GRU),
):
    for what in (forward, training):
        took = milliseconds(
            {
                "kerasrnn": what(ours(128), inputs),
                "keras": what(theirs(128), inputs),
            },
            turns,
        )
        ratio = took["keras"] / took["kerasrnn"]
        name = f"{ours.__name__}, {what.__name__}"
        print(f"{name:20}{took['kerasrnn']:8.1f}{took['keras']:10.1f}{ratio:8.2f}")

# %% [markdown]
# ## 7. 여럿에서 하나로: 이 영화평은 긍정적인가?
#
# `movie_snippets`에는 사람들이 점수를 매긴 영화평의 문장들이 있다.
# `import kerasrnn.data`를 하고 나면 여느 TFDS 자료와 다름없고, 처음 쓸 때 내려받는다.

# %%
import tensorflow_datasets as tfds

import kerasrnn.data  # noqa: F401  Registers the data set with TFDS.
from kerasrnn.text import WordTokenizer

tfds.disable_progress_bar()


def load(split):
    """The texts and the labels, 0 or 1, of a split."""
    texts, labels = tfds.load(
        "movie_snippets", split=split, as_supervised=True, batch_size=-1
    )
    return texts.numpy(), labels.numpy().astype("float32")


train_texts, train_labels = load("train[:2000]" if SMALL else "train")
validation_texts, validation_labels = load("validation")
test_texts, test_labels = load("test")
for split, labels in (
    ("train", train_labels),
    ("validation", validation_labels),
    ("test", test_labels),
):
    print(f"{split:12}{len(labels):6} sentences, {labels.mean():.1%} positive")
for label in (1, 0):
    for text in train_texts[train_labels == label][:3]:
        print(f"  {'positive' if label else 'negative'}: {text.decode()}")

# %% [markdown]
# 신경망은 수를 받는다. 토크나이저는 글을 낱말로 자르고 낱말마다 번호를 붙인다. 0은
# 패딩이고, 1은 학습 자료에 없던 낱말이다.

# %%
tokenizer = WordTokenizer(max_tokens=10_000, max_length=48)
tokenizer.adapt(train_texts)
example = tokenizer(["A gripping, funny film.", "Dull."])
print(example.numpy())
print(len(tokenizer.get_vocabulary()), "words, the first:", end=" ")
print(*tokenizer.get_vocabulary()[2:12])

# %% [markdown]
# 모델은 이렇다. 임베딩이 번호를 벡터로 바꾸고, LSTM이 벡터를 읽고, 완전 연결 계층이
# LSTM의 마지막 상태를 읽는다. 마스크는 `Embedding`에서 `LSTM`으로 저절로 간다. 나머지는
# 모두 여러분이 아는 Keras다.

# %%
units = 64
model = keras.Sequential(
    [
        keras.Input((None,), dtype="int32"),
        keras.layers.Embedding(10_000, 64, mask_zero=True),
        keras.layers.SpatialDropout1D(0.4),
        layers.LSTM(units),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(2e-3),
    loss="binary_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(
    tokenizer(train_texts),
    train_labels,
    validation_data=(tokenizer(validation_texts), validation_labels),
    batch_size=64,
    epochs=2 if SMALL else 6,
    callbacks=[
        keras.callbacks.EarlyStopping(
            "val_accuracy", patience=3, restore_best_weights=True
        )
    ],
    verbose=2,
)

# %%
metrics = history.history
drawing.curves(
    {
        name: {"training": metrics[name], "validation": metrics[f"val_{name}"]}
        for name in ("loss", "accuracy")
    }
)

# %% [markdown]
# 학습 자료에서는 계속 나아지는데 검증 자료에서는 그렇지 않다면, 모델이 **과적합**하고
# 있는 것이다. 문장 몇천 개는 그 안에 나오는 낱말을 가르칠 뿐, 다른 낱말은 거의 가르치지
# 못한다. `restore_best_weights`는 가장 좋았던 에폭으로 돌아간다. 테스트 자료는 지금까지
# 한 번도 보지 않았다.

# %%
_, accuracy = model.evaluate(tokenizer(test_texts), test_labels, verbose=0)
majority = max(test_labels.mean(), 1 - test_labels.mean())
print(f"test accuracy {accuracy:.1%}; always the commoner label: {majority:.1%}")
if not SMALL:
    assert accuracy > majority + 0.15

# %% [markdown]
# 순환 신경망은 읽는 동안 들여다볼 수 있다. 가중치가 같고 `return_sequences=True`인 둘째
# LSTM이 낱말마다 그 뒤의 상태를 주면, 완전 연결 계층이 그것을 하나하나 판단한다.

# %%
embedding, _, trained, _, dense = model.layers
reader = layers.LSTM(units, return_sequences=True)
reader.build((None, None, 64))
reader.set_weights(trained.get_weights())


def read(text):
    """The words of a text, and the probability of "positive" after each."""
    ids = tokenizer([text])  # (1, T)
    scores = dense(reader(embedding(ids)))  # (1, T, 1)
    vocabulary = tokenizer.get_vocabulary()
    words = [vocabulary[i] if i > 1 else "?" for i in ids.numpy()[0]]
    return words, np.asarray(scores)[0, :, 0]


drawing.reading(
    [
        read("a warm and funny film with a great cast"),
        read("it starts well but it is too long and very dull"),
        read("not a bad film at all"),
    ]
)

# %% [markdown]
# 선은 감정이 실린 낱말에서 움직이고, 가끔은 아무 감정도 없는 낱말에서도 움직인다. 마지막
# 문장이 어렵다. "bad" 앞의 "not"이 선을 위로 돌려야 하는데, 그것을 가르쳐 주는 학습
# 문장은 몇 안 된다.
#
# 모델 모음의 `SentimentClassifier`는 같은 일을 더 공들여 한다. 두 방향으로 읽고, 다른
# 글에서 학습한 낱말 벡터를 쓰고, 사람들이 얼마나 확신했는지를 담은 목표값으로 배우며,
# 낱말 하나짜리 예를 그대로도 보고 부정어 뒤에 붙여서도 보며, 영화평 전체에서도 배우고,
# 망을 하나 더 나란히 둔다. 그 프리셋은 패키지에 함께 들어 있다.

# %%
from kerasrnn.catalogue import load_recipe
from kerasrnn.zoo import SentimentClassifier

NAME = "sentiment-movies"
classifier = SentimentClassifier.from_preset(NAME)
print(f"the preset {NAME}: {classifier.count_params():,} parameters,", end=" ")
print(load_recipe(NAME).score)
sentences = ["a gripping, funny film", "dull and far too long", "not bad at all"]
sentences.append("not a bad film at all")
positive = classifier.predict(sentences, verbose=0)[:, 1]
for text, probability in zip(sentences, positive, strict=True):
    print(f"{probability:6.1%} positive: {text}")
assert positive[2] > 0.7 and abs(positive[3] - 0.5) < 0.1

# %% [markdown]
# 이 모델은 테스트 자료에서 더 낫고, "not bad at all"을 칭찬으로 바로 알아듣는다. 낱말
# 단위의 예에서 "not"이 하는 일을 배웠기 때문이다. 사이에 "a"와 "film"이 끼면 어느 쪽인지
# 말하지 못한다. 이런 문장 예순 개 가운데 51개를 맞힌다.
#
# ## 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/01_recurrent_layers.py`에 있다.
#
# 1. LSTM의 한 스텝을 그 가중치로 계산하라: `x` (B, D)와 상태 `h`와 `c` (B, U)에서 새
#    `h`와 `c`를 구하라.

# %%
from exercises import check


def lstm_step(x, h, c, W, U, b):
    i, f, candidate, o = np.split(x @ W + h @ U + b, 4, axis=-1)
    c = ...
    h = ...
    return h, c


check("01_recurrent_layers", lstm_step=lstm_step)

# %% [markdown]
# 2. 특징이 5개인 30스텝짜리 시퀀스 16개의 배치가 두 계층을 지나고, 둘째 계층은 끝에 가서
#    답한다. 각 계층의 출력은 어떤 모양이며, 각 계층은 몇 개의 수를 배워야 하는가?
#
#    `LSTM(8, return_sequences=True)`, 그다음에 `GRU(4)`이고, 나머지는 기본값이다.

# %%
shapes = ...  # [(…), (…)]
numbers = ...  # […, …]

check("01_recurrent_layers", shapes=shapes, numbers=numbers)

# %% [markdown]
# 3. 마스크 (B, T)가 세는 스텝에 대해서만 구한 출력 (B, T, U)의 평균. 세는 스텝이 하나도
#    없는 행은 영벡터가 되게 하라.


# %%
def masked_mean(outputs, mask):
    return ...


check("01_recurrent_layers", masked_mean=masked_mean)

# %% [markdown]
# 검사 없이:
#
# 4. `simple_rnn`에 인자 `initial_state`를 넣고 계층의 것과 맞춰 보라. `x`의 앞 절반을
#    돌린 다음, 그 상태에서 뒤 절반을 돌려 보라. 출력은 전체를 돌린 것과 같아야 한다.
# 5. $h_t = \lambda h_{t-1} + (1-\lambda)\, x_t W$인 셀을 직접 짜라.
#    `call(inputs, states) -> (output, new_states)`와 `state_size`가 있으면 된다. 그것을
#    `layers.RNN`에서 돌려 보라. $\lambda$는 4절의 그림과 무슨 관계가 있는가?
# 6. 4절에서 망각 게이트의 편향이 0인 LSTM과 3인 LSTM의 곡선을 그려라. 기억은 저마다
#    얼마나 긴가? $f^k = \sigma(b_f)^k$와 견주어 보라.
# 7. 7절에서 `mask_zero=True`를 빼 보라. 정확도를 얼마나 잃는가? 가장 많이 잃는 글은 어떤
#    것이며, 왼쪽에 패딩을 붙이면 왜 덜 잃는가?
# 8. LSTM을 `layers.Bidirectional`로 감싸 보라. 그다음에는 LSTM 둘을 쌓아 보라.
#    `return_sequences`가 필요한 것은 어느 쪽이며, 그것이 없으면 무엇이 잘못되는가?
# 9. 마지막 상태 대신 모든 상태의 평균을, 다음에는 유닛마다 최댓값을 써 보라. 마스크에
#    주의하라. (모델 모음의 모델에서는 `pooling`이 이것이다.)
# 10. 모델이 가장 확신하면서 틀린 테스트 문장은 어떤 것인가? 열 개를 읽어 보라. 부정어가
#     있는 것은 몇 개인가? 여러분도 틀렸을 것은 몇 개인가?
