# %% [markdown]
# # 0. 슬라이드에서 코드로
#
# 순환 신경망 강의의 슬라이드를 보았고, 이제 그 내용을 코드에서 찾고 싶다. 그런데 글자가
# 다르고 순서가 다르며, 슬라이드에는 빠진 것도 있다. 이 쪽에서는 다음을 본다.
#
# 1. 표기법: 슬라이드의 것과 이 라이브러리의 것
# 2. 슬라이드가 단순하게 줄인 것
# 3. 주제마다 그것이 있는 쪽과 절
# 4. 시퀀스의 순서에는 뜻이 있다는 것
# 5. 왜 순방향 신경망이나 합성곱 신경망이 아닌가
# 6. 신경망의 종류마다 당연하게 여기는 것: 귀납 편향의 표
# 7. LSTM의 네 단계: 학습된 LSTM의 수를 가지고 게이트를 하나씩
# 8. GRU의 네 단계
#
# 모양을 나타내는 글자는 라이브러리 전체에서 같다. **B**는 배치, **T**는 스텝, **D**는
# 특징, **U**는 유닛, **V**는 어휘의 크기다. 슬라이드는 유닛의 수를 $n$으로 쓰고, 특징의
# 수와 유닛의 수를 같게 두는 일이 많다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,train]'`을 실행한 다음, 이 노트북이나
# 그 옆의 `.py` 파일을 돌린다. 일이 분쯤 걸린다. 그림은 `drawing.py`와
# `drawing_gates.py`가 그리며, 읽지 않아도 된다. 이 쪽들에서 쓰는 용어는 맨 끝에 영어와
# 나란히 모아 두었다.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import drawing_gates
import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn import layers
from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_documents
from kerasrnn.zoo import CharLanguageModel, SentimentClassifier

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)

# %% [markdown]
# ## 1. 표기법
#
# | 슬라이드 | 여기 | 무엇인가 |
# |---|---|---|
# | $x_t$, $h_t$: 열벡터 | `x[:, t]`, `h`: 행벡터, 시퀀스마다 한 행 | 입력과 은닉 상태 |
# | $W_{xh}$ (n × D) | `W`, `kernel` (D × U), 그 전치 | 입력을 본다 |
# | $W_{hh}$ (n × n) | `U`, `recurrent_kernel` (U × U), 그 전치 | 지난 상태를 본다 |
# | $W_{hy}$ | 뒤에 붙는 `Dense` 계층의 커널 | 출력 $y_t$를 만든다 |
# | $b_h$, 대개 생략 | `b`, `bias` (U,) | 값을 옮긴다 |
#
# 코드는 행벡터를 쓴다. 배치는 행마다 시퀀스가 하나씩 들어 있는 행렬이고,
# $(W h)^\top = h^\top W^\top$이기 때문이다. 그래서 아래의 두 식은 같다.
#
# $$h_t = \tanh(W_{hh} h_{t-1} + W_{xh} x_t + b) \qquad\qquad
# h_t = \tanh(x_t W + h_{t-1} U + b)$$


# %%
def compare(name, ours, theirs):
    """Print the largest difference, and stop if there is a real one."""
    difference = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-4, name


n, steps = 4, 6
x = rng.normal(size=(1, steps, n)).astype("float32")  # (B, T, D), and D = n

layer = layers.SimpleRNN(n)
layer.build(x.shape)
W, U, b = layer.get_weights()
W_xh, W_hh = W.T, U.T
h = np.zeros((n, 1))  # a column
for t in range(steps):
    h = np.tanh(W_hh @ h + W_xh @ x[0, t][:, None] + b[:, None])
compare("the slide's columns and the layer's rows", h[:, 0], layer(x)[0])

# %% [markdown]
# ### 쌓은 꼴: (h; x)와 [4n × 2n]
#
# 두 곱의 합은 곱 하나로 쓸 수 있다. $h_{t-1}$과 $x_t$를 위아래로 쌓고, $W_{hh}$와
# $W_{xh}$를 옆으로 나란히 놓으면 된다. LSTM에서 슬라이드는 한 걸음 더 나아가 네 개의 곱도
# 위아래로 쌓는다. 특징의 수와 유닛의 수가 같으면 이 행렬은 $4n$개의 행과 $2n$개의 열을
# 가진다.
#
# $$\begin{pmatrix} i \\ f \\ o \\ g \end{pmatrix} =
# \begin{pmatrix} \sigma \\ \sigma \\ \sigma \\ \tanh \end{pmatrix}
# W \begin{pmatrix} h_{t-1} \\ x_t \end{pmatrix}, \qquad
# c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh(c_t)$$
#
# 계층의 가중치와 다른 점이 셋 있다. 계층에는 $x$의 행렬과 $h$의 행렬이 따로 있고, 그
# 행렬들은 전치되어 있으며, 블록의 순서는 **i, f, o, g**가 아니라 **i, f, c, o**다.
# Keras는 후보를 셀 상태로 들어간다고 해서 $c$라 부르고, 논문은 $\tilde c$라 쓴다.
# 슬라이드의 $g$가 바로 이것이다.

# %%
layer = layers.LSTM(n, return_state=True)
_, h_of_layer, c_of_layer = layer(x)
kernel, recurrent_kernel, bias = layer.get_weights()
print("the layer:", kernel.shape, recurrent_kernel.shape, bias.shape, "in i, f, c, o")


def in_slide_order(blocks):
    """The four blocks of the last axis, from i, f, c, o to i, f, o, g."""
    i, f, g, o = np.split(blocks, 4, axis=-1)
    return np.concatenate([i, f, o, g], axis=-1)


W = np.concatenate(
    [in_slide_order(recurrent_kernel), in_slide_order(kernel)]
).T  # h on top of x
b = in_slide_order(bias)[:, None]
print("the slide:", W.shape, "in i, f, o, g, and a bias", b.shape)
assert W.shape == (4 * n, 2 * n)


def sigmoid(a):
    """σ(a)."""
    return 1 / (1 + np.exp(-a))


h = c = np.zeros((n, 1))
for t in range(steps):
    i, f, o, g = np.split(W @ np.concatenate([h, x[0, t][:, None]]) + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
compare("h, the slide's and the layer's", h[:, 0], h_of_layer[0])
compare("c, the slide's and the layer's", c[:, 0], c_of_layer[0])
print(f"weights: {W.size} + {b.size} of the slide, {layer.count_params()} of the layer")

# %% [markdown]
# ### z의 두 가지 약속
#
# GRU에서는 게이트 $z$ 하나가 옛것과 새것의 몫을 나누는데, 어느 쪽이 어느 쪽인지는 책마다
# 다르다.
#
# | | $h_t$ | $z$는 어떤 몫인가 |
# |---|---|---|
# | Cho et al. 2014, Keras, PyTorch, cuDNN, 이 라이브러리 | $z \odot h_{t-1} + (1 - z) \odot \tilde h$ | 남기는 몫 |
# | Chung et al. 2014, 많은 슬라이드와 책 | $(1 - z) \odot h_{t-1} + z \odot \tilde h$ | 새로운 몫 |
#
# $1 - \sigma(a) = \sigma(-a)$이므로, $z$를 만드는 것의 부호를 뒤집으면 하나가 다른 하나가
# 된다. 슬라이드의 식으로 같은 수를 얻어 보자.

# %%
layer = layers.GRU(n, reset_after=False)
layer.build(x.shape)
W, U, b = layer.get_weights()  # in z, r, h
W_z, W_r, W_h = np.split(W, 3, axis=1)
U_z, U_r, U_h = np.split(U, 3, axis=1)
h = np.zeros((1, n))
for t in range(steps):
    z = sigmoid(x[:, t] @ -W_z + h @ -U_z)  # the share that is new
    r = sigmoid(x[:, t] @ W_r + h @ U_r)
    candidate = np.tanh(x[:, t] @ W_h + (r * h) @ U_h)
    h = (1 - z) * h + z * candidate
compare("the other z, and the layer", h, layer(x))

# %% [markdown]
# (새 계층의 편향은 모두 0이라서 생략했다. `reset_after=False`는 논문의 순서다. 기본값은
# GPU 라이브러리처럼 $r$을 곱한 뒤에 적용한다: [1쪽](01_recurrent_layers.ko.ipynb).)
#
# ## 2. 슬라이드가 줄인 것
#
# **"1보다 크면 폭발하고, 1보다 작으면 소실된다."** 여기서 말하는 수는 $W_{hh}$의 가장 큰
# 특이값 $\sigma_1$이고, 이것은 상한일 뿐이다. 1보다 작으면 기울기는 정말로 소실된다.
# 1보다 크면 폭발할 *수도* 있고, 그래도 소실될 수 있다.

# %%
one_way = np.array([[0.5, 4.0], [0.0, 0.5]])
random = rng.normal(size=(32, 32))
random *= 1.25 / np.linalg.norm(random, 2)
for name, matrix in (("2 × 2", one_way), ("32 × 32, random numbers", random)):
    print(f"{name}: largest singular value {np.linalg.norm(matrix, 2):.2f}", end="")
    for k in (1, 10, 50):
        size = np.linalg.norm(np.linalg.matrix_power(matrix, k), 2)
        print(f", after {k} steps {size:.0e}", end="")
    print()
    assert size < 1e-3

# %% [markdown]
# 길게 보아 결과를 정하는 것은 가장 큰 *고윳값*이다. 그리고 tanh와 입력이 있으면 행렬은
# 스텝마다 달라진다([6쪽](06_gradient_flow.ko.ipynb), 2절과 3절).
#
# **합 가운데 경로 하나.** 슬라이드는 늦은 스텝의 손실의 기울기를 곱 하나로 쓴다.
#
# $$\frac{\partial L_T}{\partial W} = \frac{\partial L_T}{\partial h_T}
# \Bigl(\prod_{t=2}^{T} \frac{\partial h_t}{\partial h_{t-1}}\Bigr)
# \frac{\partial h_1}{\partial W},$$
#
# 이것은 *첫째* 스텝까지 거슬러 가는 경로다. 그러나 $W$는 모든 스텝에서 쓰이므로, 기울기는
# 스텝마다 하나씩 있는 이런 곱들의 합이다.

# %%
x = rng.normal(size=(1, 12, 8)).astype("float32")
layer = layers.SimpleRNN(8)
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(layer(x))
whole = tape.gradient(loss, layer.trainable_weights[0])
W, U, b = layer.get_weights()
h = [np.zeros(8)]
for step in x[0]:
    h.append(np.tanh(step @ W + h[-1] @ U + b))
delta, terms = np.ones(8), []  # ∂L/∂h_T, as L is the sum of h_T
for t in range(12, 0, -1):
    da = delta * (1 - h[t] ** 2)
    terms.append(np.outer(x[0, t - 1], da))
    delta = U @ da
compare("the sum of twelve terms, and TensorFlow", sum(terms), whole)
sizes = np.array([np.linalg.norm(term) for term in terms])
print("sizes, from the last step to the first:", *sizes.round(2))
print(f"the product on the slide is {sizes[-1] / sizes.sum():.1%} of all of them")

# %% [markdown]
# 그러니 곱이 소실된다고 해서 기울기가 0이 되는 것은 아니다. 먼 곳을 보지 못하게 될
# 뿐이다. LSTM도 마찬가지다. "$c_{t-1}$에서 $c_t$로 가는 기울기는 $f$뿐이다"라는 말은
# 컨베이어 벨트를 따라가는 경로 하나를 두고 한 것이다. $h_{t-1}$과 게이트를 거치는 다른
# 경로도 있다.

# %%
layer = layers.LSTM(8, return_state=True)
layer(x)
kernel, recurrent_kernel, bias = layer.get_weights()
before = tf.constant(rng.normal(size=(1, 8)), "float32")  # c of the step before
with tf.GradientTape(persistent=True) as tape:
    tape.watch(before)
    h_before = 0.5 * tf.tanh(before)  # an output gate of a half
    _, _, after = layer(x[:, :1], initial_state=[h_before, before])
jacobian = tape.jacobian(after, before, experimental_use_pfor=False)[0, :, 0].numpy()
a = x[0, 0] @ kernel + h_before[0].numpy() @ recurrent_kernel + bias
along_the_belt = np.diag(sigmoid(np.split(a, 4)[1]))
other_ways = jacobian - along_the_belt
print(f"size of ∂c/∂c before: all ways {np.linalg.norm(jacobian):.2f}", end=", ")
print(f"along the belt {np.linalg.norm(along_the_belt):.2f}", end=", ")
print(f"the other ways {np.linalg.norm(other_ways):.2f}")
assert np.linalg.norm(other_ways) > 0.01

# %% [markdown]
# **"LSTM은 기억한다."** 그럴 수 있다. 그러나 새로 만든 LSTM은 금방 잊고, 더 잘 배우는지는
# 망각 게이트의 편향에 달려 있다([6쪽](06_gradient_flow.ko.ipynb), 6절).
#
# **"셰익스피어"의 표본.** 강의에서는 글자 언어 모델이 학습 초기와 후기에 쓴 글을
# 셰익스피어의 소네트라는 제목 아래 보여 준다. 그런데 그 표본에는 Natasha와 Pierre와
# Princess Mary가 나온다. 그것은 Karpathy(2015)의 표본이고, 그 모델이 읽은 것은 톨스토이의
# *전쟁과 평화*였다. 이 이름들이 셰익스피어에도 나올까?

# %%
plays = {
    name: load_documents("shakespeare_plays", name)
    for name in ("train", "validation", "test")
}
everything = "\n".join(text for documents in plays.values() for text in documents)
print(f"{len(everything):,} characters of Shakespeare")
for name in ("Natasha", "Pierre", "Princess Mary", "Romeo", "Hamlet"):
    print(f"{name:14}{everything.count(name):6} times")
assert "Natasha" not in everything and "Princess Mary" not in everything

# %% [markdown]
# 희곡을 정말로 읽은 모델이 무엇을 쓰는지는 [4쪽](04_character_language_model.ko.ipynb)의
# 5절에 있다.
#
# ## 3. 어디에 있는가
#
# | 슬라이드의 내용 | 쪽과 절 |
# |---|---|
# | 하나에서 하나로, 시퀀스가 없는 신경망 | [10, 2. 하나에서 하나로](10_glimpses.ko.ipynb#2-하나에서-하나로) |
# | 하나에서 여럿으로, 여럿에서 하나로, 여럿에서 여럿으로 | [1, 2. 다섯 가지 모양](01_recurrent_layers.ko.ipynb#2-다섯-가지-모양) |
# | 순환식, 펼친 그래프, 공유되는 가중치 | [1, 1. 순환식](01_recurrent_layers.ko.ipynb#1-순환식) |
# | 시퀀스가 아닌 것에서 시퀀스로, 글림프스 | [10, 5. 순환 셀을 한 스텝씩](10_glimpses.ko.ipynb#5-순환-셀을-한-스텝씩) |
# | 여럿에서 하나로: 영화평과 감성 | [1, 7. 여럿에서 하나로: 이 영화평은 긍정적인가?](01_recurrent_layers.ko.ipynb#7-여럿에서-하나로-이-영화평은-긍정적인가) |
# | 여럿에서 여럿으로, 스텝마다: 낱말이나 프레임마다 레이블 | [8, 2. 한 스텝은 무엇을 알아도 되는가](08_labels_for_every_step.ko.ipynb#2-한-스텝은-무엇을-알아도-되는가) |
# | 여럿에서 여럿으로: 인코더와 디코더 | [2, 3. 병목](02_translation_with_attention.ko.ipynb#3-병목) |
# | 수를 읽고 수를 낸다: 시계열 | [9, 5. 여럿에서 하나로, 여럿에서 여럿으로](09_forecasting.ko.ipynb#5-여럿에서-하나로-여럿에서-여럿으로) |
# | "hello"의 글자 언어 모델 | [4, 1. hello라는 낱말](04_character_language_model.ko.ipynb#1-hello라는-낱말) |
# | 처음의 표본, 더 학습한 뒤의 표본 | [4, 5. 학습](04_character_language_model.ko.ipynb#5-학습) |
# | 표본 추출, 온도 | [4, 7. 온도와 top-k](04_character_language_model.ko.ipynb#7-온도와-top-k) |
# | 퍼플렉시티, 글자당 비트 | [4, 6. 글자당 비트](04_character_language_model.ko.ipynb#6-글자당-비트) |
# | 해석할 수 있는 셀: 줄, 따옴표 | [5, 5. 셰익스피어](05_inside_the_cells.ko.ipynb#5-셰익스피어) |
# | 해석할 수 있는 셀: 주석, 그리고 유닛마다 그것을 얼마나 잘 말해 주는가 | [5, 4. 점수](05_inside_the_cells.ko.ipynb#4-점수) |
# | 셀로 칠한 C 코드: 문자열, 주석, 조건 | [5, 6. C 코드](05_inside_the_cells.ko.ipynb#6-c-코드) |
# | 이미지 캡셔닝 | [3, 4. 한 번 보기](03_image_captioning.ko.ipynb#4-한-번-보기) |
# | 좋은 캡션과 나쁜 캡션 | [3, 10. 전시, 실패한 것까지](03_image_captioning.ko.ipynb#10-전시-실패한-것까지) |
# | 어텐션을 쓰는 캡셔닝 | [3, 7. 낱말마다 보기](03_image_captioning.ko.ipynb#7-낱말마다-보기) |
# | 어텐션을 쓰는 캡셔닝을 한 스텝씩: $a_1$, $z_1$, $y_1$, $a_2$ | [3, 한 스텝씩](03_image_captioning.ko.ipynb#한-스텝씩) |
# | 캡션 모델이 바라본 곳 | [3, 8. 어디를 보았나](03_image_captioning.ko.ipynb#8-어디를-보았나) |
# | 어텐션: 점수, 가중치, 문맥 | [2, 4. 어텐션](02_translation_with_attention.ko.ipynb#4-어텐션) |
# | 어텐션을 한 스텝씩: $d_1$, 점수, 가중치, 문맥, $y_1$, $d_2$ | [2, 한 스텝씩](02_translation_with_attention.ko.ipynb#한-스텝씩) |
# | 어텐션 지도 | [2, 7. 어텐션 지도](02_translation_with_attention.ko.ipynb#7-어텐션-지도) |
# | 빔 탐색 | [2, 6. 번역문 쓰기](02_translation_with_attention.ko.ipynb#6-번역문-쓰기) |
# | 시간 역전파 | [6, 1. 시간 역전파](06_gradient_flow.ko.ipynb#1-시간-역전파) |
# | 시간 절단 역전파 | [4, 4. 시간 절단 역전파](04_character_language_model.ko.ipynb#4-시간-절단-역전파) |
# | 절단으로 잃는 것 | [6, 8. 시간 절단 역전파](06_gradient_flow.ko.ipynb#8-시간-절단-역전파) |
# | 야코비 행렬의 곱, 특이값 | [6, 2. 야코비 행렬의 곱](06_gradient_flow.ko.ipynb#2-야코비-행렬의-곱) |
# | 기울기 소실 | [6, 5. 기울기 소실](06_gradient_flow.ko.ipynb#5-기울기-소실) |
# | 기울기 폭발, 클리핑 | [6, 4. 기울기 폭발, 절벽, 클리핑](06_gradient_flow.ko.ipynb#4-기울기-폭발-절벽-클리핑) |
# | LSTM과 GRU의 수식 | [1, 4. 망각과 게이트](01_recurrent_layers.ko.ipynb#4-망각과-게이트) |
# | LSTM, 게이트 하나씩 | [0, 7. LSTM의 네 단계](00_from_the_slides_to_the_code.ko.ipynb#7-lstm의-네-단계) |
# | GRU, 게이트 하나씩 | [0, 8. GRU의 네 단계](00_from_the_slides_to_the_code.ko.ipynb#8-gru의-네-단계) |
# | 셀 상태가 왜 도움이 되는가, 망각 게이트의 편향 | [6, 6. 셀 상태가 왜 도움이 되는가](06_gradient_flow.ko.ipynb#6-셀-상태가-왜-도움이-되는가) |
# | SimpleRNN, LSTM, GRU를 나란히 | [6, 7. 한 그림에 담은 이야기](06_gradient_flow.ko.ipynb#7-한-그림에-담은-이야기) |
# | 어텐션에서 트랜스포머로: 질의, 키, 값 | [11, 1. Queries, keys, values](11_from_attention_to_transformers.ipynb#1-queries-keys-values) |
# | 자기 어텐션, 모든 스텝을 한꺼번에 | [11, 2. Self-attention](11_from_attention_to_transformers.ipynb#2-self-attention) |
# | 마스크: 패딩과 미래 | [11, 3. Masks](11_from_attention_to_transformers.ipynb#3-masks) |
# | 여러 개의 헤드 | [11, 4. Several heads](11_from_attention_to_transformers.ipynb#4-several-heads) |
# | 위치 | [11, 5. Positions](11_from_attention_to_transformers.ipynb#5-positions) |
# | 잔차 연결, 성능 저하, 항등 사상 | [11, 6. Residual connections](11_from_attention_to_transformers.ipynb#6-residual-connections) |
# | 트랜스포머의 블록 | [11, 7. A Transformer](11_from_attention_to_transformers.ipynb#7-a-transformer) |
# | 트랜스포머와 순환 신경망을 나란히 | [11, 8. Beside the recurrent translator](11_from_attention_to_transformers.ipynb#8-beside-the-recurrent-translator) |
# | 매개변수와 시간이 같은 SimpleRNN, GRU, LSTM | [12, 1. Three cells](12_depth_and_distance.ipynb#1-three-cells) |
# | 다층 순환 신경망 | [12, 2. How deep](12_depth_and_distance.ipynb#2-how-deep) |
# | "print her tickets": 장기 의존성 | [12, 3. How far back: a grammar](12_depth_and_distance.ipynb#3-how-far-back-a-grammar) |
# | 실제 글의 장기 의존성 | [12, 4. How far back: real text](12_depth_and_distance.ipynb#4-how-far-back-real-text) |
#
# 슬라이드에는 있고 어느 코드 셀에도 없는 것은 모델이 쓴 C 코드다.
# [레시피의 표본](../zoo/chars-kernel-c/samples.md)에 있다.
#
# ## 4. 순서에는 뜻이 있다
#
# 시퀀스는 그 안에 든 것들의 집합보다 많은 것을 담는다. 여기 같은 낱말들로 된 두 문장이
# 있다. 모델 모음(zoo)의 영화평 분류기는 이것을 어떻게 볼까?

# %%
NAME = "sentiment-movies"
judge = SentimentClassifier.from_preset(NAME)
print(f"the preset {NAME}: {judge.count_params():,} parameters,", end=" ")
print(load_recipe(NAME).score)
twins = ["it is not bad , it is good", "it is not good , it is bad"]
assert sorted(twins[0].split()) == sorted(twins[1].split())
of_twins = judge.predict(twins, verbose=0)[:, 1]
for text, positive in zip(twins, of_twins, strict=True):
    print(f"{positive:6.1%} positive: {text}")

# %% [markdown]
# 전체로 보아 순서는 얼마나 중요할까? 대조군은 다른 것은 모두 그대로 두고 순서만 없앤 것,
# 곧 뒤섞은 것이다. 셰익스피어의 글자 언어 모델에게 배운 적 없는 희곡을 읽힌다. 한 번은
# 원래대로, 그다음에는 네 가지로 뒤섞어서 읽힌다.

# %%
NAME = "chars-shakespeare"
reader = CharLanguageModel.from_preset(NAME, cache_size=0)
print(f"the preset {NAME}: {reader.count_params():,} parameters,", end=" ")
print(load_recipe(NAME).score)
LENGTH = 2_000 if SMALL else 20_000
play = plays["test"][-1][:LENGTH]


def shuffled(parts):
    """The parts in another order."""
    return [parts[number] for number in rng.permutation(len(parts))]


def words_shuffled(text):
    """The words of each line in another order."""
    return "\n".join(" ".join(shuffled(line.split(" "))) for line in text.split("\n"))


def letters_shuffled(text):
    """The letters of each word in another order."""
    return "\n".join(
        " ".join("".join(shuffled(word)) for word in line.split(" "))
        for line in text.split("\n")
    )


ways = {
    "as Shakespeare wrote it": play,
    "lines shuffled": "\n".join(shuffled(play.split("\n"))),
    "words of each line shuffled": words_shuffled(play),
    "letters of each word shuffled": letters_shuffled(play),
    "all characters shuffled": "".join(shuffled(play)),
}
bits = {}
for name, text in ways.items():
    pieces = [text[at : at + 500] for at in range(0, LENGTH, 500)]
    bits[name] = reader.evaluate(pieces, verbose=0)["bits_per_character"]
    start = text.replace("\n", " / ")[1000:1048]
    print(f"{name:30}{bits[name]:5.2f} bits per character   … {start} …")
assert list(bits.values()) == sorted(bits.values())

# %% [markdown]
# 글자는 매번 똑같다. 그래서 글자의 수만 세는 모델이라면 다섯 행에서 모두 같은 비트가 나올
# 것이다. 그러면 영화평은 어떨까? 테스트 자료를 낱말이 놓인 그대로, 또 뒤섞어서 읽혀 보자.

# %%
texts, labels = tfds.load(
    "movie_snippets", split="test", as_supervised=True, batch_size=-1
)
some = slice(0, 100 if SMALL else None)
texts = [text.decode() for text in texts.numpy()[some]]
labels = labels.numpy()[some]
share = {}
for name, shown in (
    ("as they are", texts),
    ("words shuffled", [" ".join(shuffled(text.split())) for text in texts]),
):
    found = judge.predict(shown, verbose=0).argmax(axis=1)
    share[name] = (found == labels).mean()
    print(f"{name:16}{share[name]:6.1%} of {len(texts)} right")

# %% [markdown]
# 무엇을 잃는지는 과제에 따라, 그리고 무엇을 묻는지에 따라 다르다. 영화평은 대개 어떤
# 낱말이 들어 있는지로 알 수 있다. 글의 다음 글자는 그렇지 않다.
#
# ## 5. 왜 다른 신경망이 아닌가?
#
# **순방향 신경망**은 모든 스텝을 긴 벡터 하나로 한꺼번에 받는다. 자리마다 가중치가 따로
# 있어서, 스텝의 수가 고정되고, 자리 3에서 배운 것을 자리 13에서는 알지 못한다. **합성곱
# 신경망**은 모든 자리에서 같은 작은 가중치 한 벌을 쓰고, 한 번에 이웃 몇 개를 볼 수 있다.
# 세 신경망에 같은 문제를 낸다. 시퀀스에 A 하나와 B 하나가 아무 거리로나 떨어져 있고 다른
# 것은 없다. 어느 것이 나중에 나왔는가? 표시가 *짝수* 자리에 있는 시퀀스로 배우고, 다른
# 자리에 있는 시퀀스도 풀게 한다.


# %%
def marks(count, places, steps):
    """Sequences (N, T, 3), one-hot of nothing, A or B, and whether B came last (N,).

    Both marks are at two of the `places`.
    """
    drawn = rng.random((count, len(places))).argsort(axis=1)[:, :2]
    first, last = np.sort(np.asarray(places)[drawn]).T
    b_last = rng.integers(0, 2, count)
    kinds = np.zeros((count, steps), int)
    kinds[np.arange(count), first] = 2 - b_last
    kinds[np.arange(count), last] = 1 + b_last
    return np.eye(3, dtype="float32")[kinds], b_last


# Neither is ever at the last step, behind which nothing comes.
EVEN, ODD = range(0, 19, 2), range(1, 19, 2)
asked = {
    "at even places": marks(500, EVEN, 20),
    "at odd places": marks(500, ODD, 20),
    "twice as long": marks(500, range(39), 40),
}
keras.utils.set_random_seed(1)
networks = {
    "feed-forward": [
        keras.layers.Flatten(),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(1),
    ],
    "convolutional": [
        keras.layers.Conv1D(32, 3, padding="same", activation="relu"),
        keras.layers.GlobalMaxPooling1D(),
        keras.layers.Dense(1),
    ],
    "recurrent": [layers.GRU(16), keras.layers.Dense(1)],
}
inputs, answers = marks(4000, EVEN, 20)  # what they learn from
right = {}
print(f"{'':16}{'weights':>8}" + "".join(f"{name:>15}" for name in asked))
for name, stack in networks.items():
    fixed = name == "feed-forward"
    network = keras.Sequential([keras.Input((20 if fixed else None, 3)), *stack])
    network.compile(
        keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True)
    )
    network.fit(inputs, answers, batch_size=64, epochs=4 if SMALL else 6, verbose=0)
    for title, (questions, truth) in asked.items():
        if fixed and questions.shape[1] != 20:
            continue  # there is no place to put the other steps
        logits = np.asarray(network(questions))[:, 0]
        right[name, title] = ((logits > 0) == truth).mean()
    cells = (
        f"{right[name, title]:14.1%} " if (name, title) in right else f"{'cannot':>15}"
        for title in asked
    )
    print(f"{name:16}{network.count_params():8,}" + "".join(cells))
if not SMALL:
    assert right["feed-forward", "at even places"] > 0.95
    assert right["feed-forward", "at odd places"] < 0.75
    assert right["convolutional", "at even places"] < 0.8
    assert min(right["recurrent", title] for title in asked) > 0.85

# %% [markdown]
# 순방향 신경망은 보여 준 자리에서는 배우지만, 기울기를 한 번도 받지 못한 가중치가 맡은
# 다른 자리에서는 찍는다. 합성곱은 한 번에 스텝 셋을 보므로, 표시가 그보다 멀리 떨어져
# 있으면 기댈 것이 거의 없다. 계층을 더 쌓으면 더 멀리 보지만, 만들 때 정해진 것보다
# 멀리는 결코 보지 못한다. 순환 신경망은 모든 스텝에서 같은 가중치를 쓰고 상태를 가진다.
# A와 B를 보면 무엇을 해야 하는지 배웠기에, 다른 자리에서도 더 긴 시퀀스에서도 그만큼
# 잘한다.
#
# 그 대가는, 다른 신경망처럼 모든 스텝을 동시에 계산하지 못한다는 것이다.
#
# ## 6. 귀납 편향
#
# 신경망이 자료를 보기도 전에 당연하게 여기는 것을 **귀납 편향**이라고 한다(Battaglia et
# al. 2018, 표 1을 따름).
#
# | 계층 | 무엇을 관련짓는가 | 당연하게 여기는 것 | 무엇에도 변하지 않는가 |
# |---|---|---|---|
# | 완전 연결 | 모든 입력을 다른 모든 입력과 | 없음 | — |
# | 합성곱 | 공간이나 시간의 이웃 | 가까이 있는 것은 서로 관련이 있다 | 공간에서 옮기기 |
# | 순환 | 한 스텝과 그 앞에 있던 것 | 순서가 있고, 모든 스텝이 한 규칙을 따른다 | 시간에서 옮기기 |
# | 어텐션 | 모든 자리를 다른 모든 자리와, 거기 있는 내용에 따라 | 자리는 내용으로 찾는다 | 자리의 순서 바꾸기 |
#
# 마지막 열이 자료를 아끼는 곳이다. 배울 필요가 없는 것에는 예가 필요 없다. 그리고 마지막
# 행은, 어텐션만으로 된 신경망에 왜 위치를 따로 알려 주어야 하는지를 말해 준다.
#
# ## 7. LSTM의 네 단계
#
# 슬라이드의 예는 주어가 둘 있고 동사가 저마다 제 주어와 수를 일치시키는 문장이다.
#
# > the **singers** from Seoul **sing** again but the **singer** from Busan **smiles** .
#
# *sings*가 아니라 *sing*을 쓰려면, 주어가 복수였다는 것을 사이에 낀 낱말들을 지나는 동안
# 기억해야 한다. 그리고 새 주어가 오면 그것을 잊어야 한다. 스텝마다 네 가지를 정하고,
# 하나씩 게이트가 맡는다.
#
# | 게이트 | 슬라이드의 말 | 무엇을 정하는가 |
# |---|---|---|
# | $f = \sigma(\cdot)$, 망각 | **지운다(erase)** | 옛 셀 상태에서 무엇을 지우고($f$가 0에 가까울 때) 무엇을 남길지 |
# | $i = \sigma(\cdot)$, 입력 | **쓴다(write)** | 무언가를 쓸지 말지 |
# | $g = \tanh(\cdot)$, 후보 | **얼마나(how much)** | 무엇을 쓸지, 위로 또는 아래로 |
# | $o = \sigma(\cdot)$, 출력 | **드러낸다(reveal)** | 신경망의 나머지가 지금 그것을 볼지 |
#
# 이런 문장의 다음 낱말을 맞히도록 작은 LSTM을 학습시킨다. 문장은 문법으로 만든다. 절이
# 둘이고, 절마다 수가 일치하는 주어와 동사가 있으며, 그 사이에 낱말이 많게는 넷 들어간다.

# %%
SUBJECTS = {
    "singular": ["singer", "pianist", "drummer"],
    "plural": ["singers", "pianists", "drummers"],
}
VERBS = {
    "singular": ["sings", "smiles", "dances"],
    "plural": ["sing", "smile", "dance"],
}
BETWEEN = ["from Seoul", "from Busan", "in red", "on stage"]
AFTER = ["again", "tonight", "softly"]
WORDS = ["", "the", *SUBJECTS["singular"], *SUBJECTS["plural"]]
WORDS += [*VERBS["singular"], *VERBS["plural"]]
WORDS += [*dict.fromkeys(" ".join(BETWEEN).split()), *AFTER, "but", "."]
V = len(WORDS)


def clause(number):
    """The words of one clause."""
    phrases = rng.choice(BETWEEN, rng.integers(0, 3), replace=False)
    after = rng.choice(AFTER, rng.integers(0, 2))
    subject, verb = rng.choice(SUBJECTS[number]), rng.choice(VERBS[number])
    return ["the", subject, *" ".join(phrases).split(), verb, *after]


def sentence():
    """The words of a sentence: two clauses, each of a number of its own."""
    numbers = rng.choice(["singular", "plural"], 2)
    return [*clause(numbers[0]), "but", *clause(numbers[1]), "."]


def one_hot(sentences):
    """Words as vectors (B, T, V), and their numbers (B, T); 0 is padding."""
    width = max(map(len, sentences))
    ids = np.array([[*map(WORDS.index, s), *[0] * (width - len(s))] for s in sentences])
    return np.eye(V, dtype="float32")[ids], ids


rng = np.random.default_rng(1)
corpus = [sentence() for _ in range(2000)]
print(f"{V} words;", " ".join(corpus[0]))


# %%
def learn(layer):
    """A model that guesses the next word, with a given recurrent layer."""
    vectors, ids = one_hot(corpus)
    model = keras.Sequential([keras.Input((None, V)), layer, keras.layers.Dense(V)])
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(
        vectors[:, :-1],
        ids[:, 1:],
        sample_weight=(ids[:, 1:] > 0).astype("float32"),
        batch_size=32,
        epochs=8 if SMALL else 20,
        verbose=0,
    )
    return model


def plural(model, words):
    """After each word: of the probability of any verb, the share of those in the plural."""
    logits = np.asarray(model(one_hot([words])[0]))[0]  # (T, V)
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    one, many = (p[:, [WORDS.index(v) for v in VERBS[n]]].sum(axis=1) for n in VERBS)
    return many / (one + many)


def spans_of(words):
    """For each clause: the places from its subject up to the verb, and whether plural."""
    found = []
    for number, verbs in VERBS.items():
        for at, word in enumerate(words):
            if word in verbs:
                start = max(n for n in range(at) if words[n] in SUBJECTS[number])
                found.append((range(start, at), number == "plural"))
    return found


def agreement(model):
    """The share of verbs, in new sentences, whose number the model knows before."""
    hits = []
    for words in fresh:
        p = plural(model, words)
        hits += [(p[span[-1]] > 0.5) == many for span, many in spans_of(words)]
    return np.mean(hits)


keras.utils.set_random_seed(1)
units = 6 if SMALL else 4
lstm = layers.LSTM(units, return_sequences=True)
model = learn(lstm)
fresh = [sentence() for _ in range(200)]
print(f"the verb agrees in {agreement(model):.1%} of new clauses; {units} units")
if not SMALL:
    assert agreement(model) > 0.95

# %% [markdown]
# 모든 게이트를 직접 계산하고, 수를 기억하는 유닛을 찾는다. 새 문장들에서 주어부터 동사
# 앞까지의 모든 낱말에 걸쳐 셀 상태가 주어의 수와 가장 강하게 상관된 유닛이 그것이다.


# %%
def lstm_by_hand(words):
    """f, i, g, c, o and h of each unit after each word: (T, U)."""
    W, U, b = lstm.get_weights()
    h = c = np.zeros(units)
    kept = {name: [] for name in ("c_before", "f", "i", "g", "c", "o", "h")}
    for x in one_hot([words])[0][0]:
        i, f, g, o = np.split(x @ W + h @ U + b, 4)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        kept["c_before"].append(c)
        c = f * c + i * g
        h = o * np.tanh(c)
        for name, value in zip(kept, (None, f, i, g, c, o, h), strict=True):
            if name != "c_before":
                kept[name].append(value)
    return {name: np.array(values) for name, values in kept.items()}


def unit_of_number(by_hand, name):
    """The unit whose state goes with the subject's number until the verb, and how well."""
    states, numbers = [], []
    for words in fresh:
        found = by_hand(words)[name]
        for span, many in spans_of(words):
            states += [found[at] for at in span]
            numbers += [many] * len(span)
    together = np.corrcoef(np.array(states).T, numbers)[-1, :-1]
    best = int(np.abs(together).argmax())
    return best, together[best]


SENTENCE = (
    "the singers from Seoul sing again but the singer from Busan smiles .".split()
)
by_hand = lstm_by_hand(SENTENCE)
compare("h by hand and the layer's", by_hand["h"], lstm(one_hot([SENTENCE])[0])[0])
unit, together = unit_of_number(lstm_by_hand, "c")
side = "above" if together > 0 else "below"
print(f"unit {unit} goes with the plural by a correlation of {together:.2f}:", end=" ")
print(f"{side} 0 stands for many")
if not SMALL:
    assert abs(together) > 0.5

# %% [markdown]
# 새 주어 *singer*에서 그 유닛의 스텝이다. 진한 것이 지금 일하는 차례이고, 흐린 것은
# 기다린다. 맨 위를 따라 **컨베이어 벨트**가 지나간다. 곱하고 더하는 일만 일어나는 셀
# 상태다.

# %%
new_subject = SENTENCE.index("singer")
drawing_gates.lstm_steps(
    {name: values[new_subject, unit] for name, values in by_hand.items()}, "singer"
)

# %% [markdown]
# 그리고 같은 유닛을 문장 전체에 걸쳐 본다. 마지막 행은 신경망의 답으로, 모든 동사의 확률
# 가운데 복수 동사가 차지하는 몫이다. (*from*이나 *the* 뒤에는 동사가 올 수 없으므로,
# 거기서 동사를 두고 하는 말에는 뜻이 없다.)

# %%
rows = {
    f"{name} {what}": by_hand[name][:, unit]
    for name, what in (
        ("f", "(erase)"),
        ("i", "(write)"),
        ("g", "(how much)"),
        ("c", "(the belt)"),
        ("o", "(reveal)"),
        ("h", "(what is seen)"),
    )
}
rows["p(plural verb)"] = plural(model, SENTENCE)
marked = [at for at, word in enumerate(SENTENCE) if word.startswith("sing")]
marked.append(SENTENCE.index("smiles"))
drawing_gates.over_words(SENTENCE, rows, marked)
before = SENTENCE.index("singers")
for at in (before, before + 2, new_subject, new_subject + 2):
    print(
        f"after {SENTENCE[at]:8} c = {by_hand['c'][at, unit]:5.2f}, "
        f"plural verb {rows['p(plural verb)'][at]:6.1%}"
    )
says = rows["p(plural verb)"]
print(
    "The verb agrees with each subject:", says[before + 2] > 0.5 > says[new_subject + 2]
)
if not SMALL:
    assert says[before + 2] > 0.5 > says[new_subject + 2]

# %% [markdown]
# 벨트를 왼쪽에서 오른쪽으로 읽어 보자. 옛것은 주어보다 한 낱말 *먼저* 지워진다. 둘째
# *the*에서 망각 게이트가 0.00으로 닫히고, 첫 절의 −1.51이 사라진다. *the*가 쓰는 것은 두
# 절에서 거의 같다. 0.96과 0.98이다. 주어에서 게이트가 다시 닫히고 수가 쓰인다. 여럿이면 위로
# 0.36, 하나면 아래로 −0.92다.
#
# 그 사이에서 벨트는 부호만으로 수를 보여 주지는 않는다. *from*은 더하고 도시 이름은 뺀다.
# 그래서 *from* 다음에는 두 절에서 모두 0보다 위인 1.11과 0.15다. 남는 것은 둘 사이의
# 거리다. 그 거리는 *Seoul*과 *Busan* 다음에도 *singers*와 *singer* 다음만큼 크다. 거기서는
# 0.51과 −0.80이고, 동사를 묻는 때에 부호는 다시 주어의 것이다. 출력 게이트는 내내 열려
# 있다. 동사가 지나가면 수는 더 필요하지 않고, 벨트는 두 절에서 모두 0 아래로 가라앉는다.
# 학습된 신경망에서 깔끔한 스위치 하나를 기대하지는 말자. 신경망은 무엇이든 통한 것을
# 가지고 있을 뿐이고, 다른 유닛들도 일을 나누어 맡는다.
#
# ## 8. GRU의 네 단계
#
# GRU에는 따로 벨트가 없고 게이트는 둘이다. $r$은 후보가 과거를 얼마나 볼 수 있는지를
# 정한다. $z$는 $f$와 $i$의 일을 한꺼번에 한다. 남기지 않는 만큼 새로 쓴다. 그리고 숨기는
# 것이 없다. 상태가 곧 신경망의 나머지가 보는 것이다.

# %%
keras.utils.set_random_seed(1)
gru = layers.GRU(units, return_sequences=True)
model = learn(gru)
print(f"the verb agrees in {agreement(model):.1%} of new clauses; {units} units")


def gru_by_hand(words):
    """r, the candidate, z and h of each unit after each word: (T, U)."""
    W, U, (b, b_recurrent) = gru.get_weights()  # in z, r, h
    h = np.zeros(units)
    kept = {name: [] for name in ("h_before", "r", "looked_at", "candidate", "z", "h")}
    for x in one_hot([words])[0][0]:
        x_z, x_r, x_h = np.split(x @ W + b, 3)
        h_z, h_r, h_h = np.split(h @ U + b_recurrent, 3)
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        candidate = np.tanh(x_h + r * h_h)
        new = z * h + (1 - z) * candidate
        for name, value in zip(kept, (h, r, r * h_h, candidate, z, new), strict=True):
            kept[name].append(value)
        h = new
    return {name: np.array(values) for name, values in kept.items()}


by_hand = gru_by_hand(SENTENCE)
compare("h by hand and the layer's", by_hand["h"], gru(one_hot([SENTENCE])[0])[0])
unit, together = unit_of_number(gru_by_hand, "h")
print(f"unit {unit} goes with the plural by a correlation of {together:.2f}")
drawing_gates.gru_steps(
    {name: values[new_subject, unit] for name, values in by_hand.items()}, "singer"
)

# %%
rows = {
    f"{name} {what}": by_hand[name][:, unit]
    for name, what in (("r", "(look back)"), ("z", "(keep)"))
}
rows["candidate"] = by_hand["candidate"][:, unit]
rows["h (state)"] = by_hand["h"][:, unit]
rows["p(plural verb)"] = plural(model, SENTENCE)
drawing_gates.over_words(SENTENCE, rows, marked)

# %% [markdown]
# 주어와 동사 사이에서 $z$가 1에 가까우리라고, 곧 남기리라고 기대할 만하다. 이 신경망은
# 다른 길을 찾았다. 이 유닛의 $z$는 커야 0.12여서, 그것으로는 거의 아무것도 남기지 않는다.
# 그 대신 사이의 낱말들에서 $r$이 1에 가까워 후보가 지난 상태를 보게 하고, 낱말마다 상태를
# 새로 쓴다. 수가 낱말마다 거기 있는 것은 아니다. *from* 다음에 상태는 두 절에서 모두
# 1.00이고, 도시 이름 다음에는 0.49와 −0.69로 다시 나타난다. 그 사이에는 다른 유닛들이 수를
# 가지고 있고, 후보가 그것을 도로 가져온다. 낱말 몇 개를 건너는 데는 두 길이 다 통한다. 낱말이
# 많으면, 스텝마다 새로 쓰는 것은 SimpleRNN이 하는 일이고 그 어려움도 함께 따라온다.
#
# ## 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/00_from_the_slides_to_the_code.py`에 있다.
#
# 1. 슬라이드 꼴로 나타낸 계층의 가중치: i, f, c, o 순서로 된 `kernel` (D, 4U),
#    `recurrent_kernel` (U, 4U), `bias` (4U,)에서, (h; x)에 곱해지는 행렬 (4U, U + D)와
#    열벡터 (4U, 1)을 i, f, o, g 순서로 만들라.

# %%
from exercises import check


def slide_matrix(kernel, recurrent_kernel, bias):
    matrix = ...
    column = ...
    return matrix, column


check("00_from_the_slides_to_the_code", slide_matrix=slide_matrix)

# %% [markdown]
# 2. 논문의 GRU(`reset_after=False`)가 유닛 $n$개와 특징 $D$개를 가질 때, 배워야 할 수는
#    모두 몇 개인가? 그리고 특징 64개와 유닛 64개인 LSTM 옆에, 그만큼 크거나 거의 그만큼
#    큰 GRU를 놓으려면 유닛이 몇 개여야 하는가? LSTM의 크기를 넘지 않는 가장 큰 수를
#    구하라.


# %%
def gru_weights(n, D):
    return ...


units_of_gru = ...

check(
    "00_from_the_slides_to_the_code",
    gru_weights=gru_weights,
    units_of_gru=units_of_gru,
)

# %% [markdown]
# 3. $z$의 한 약속에서 다른 약속으로: `reset_after=False`이고 순서가 z, r, h인 GRU 계층의
#    가중치를 바꾸어, $z$를 *새로운* 몫으로 보는 식이 계층과 같은 값을 내게 하라.


# %%
def other_z(W, U, b):
    return ...


check("00_from_the_slides_to_the_code", other_z=other_z)

# %% [markdown]
# 검사 없이:
#
# 4. 4절에서 희곡의 *대사*를 단위로 뒤섞어 보라. 줄을 뒤섞을 때와 견주어 몇 비트가 더
#    드는가? 그것은 모델이 얼마나 멀리까지 돌아본다는 뜻인가?
# 5. 5절에서 합성곱에 계층을 셋 주고, 다음에는 크기가 10인 커널을 주어 보라. 이제 무엇을
#    알며, 두 배로 긴 시퀀스는 어떻게 되는가?
# 6. 7절에서 유닛 둘로, 그리고 하나로 학습시켜 보라. 동사의 수는 언제부터 일치하지 않는가?
#    "the singers from Seoul in red on stage in red on stage"를 앞에 붙여 보라. 벨트는
#    얼마나 오래 버티는가?
#
# ## 참고 문헌
#
# Battaglia, P. et al. (2018), Relational inductive biases, deep learning, and graph
# networks. Cho, K. et al. (2014), Learning phrase representations using RNN
# encoder-decoder. Chung, J. et al. (2014), Empirical evaluation of gated recurrent neural
# networks on sequence modeling. Karpathy, A. (2015), The unreasonable effectiveness of
# recurrent neural networks. Olah, C. (2015), Understanding LSTM networks (컨베이어 벨트,
# 그리고 네 단계로 그린 그림).
#
# ## 용어
#
# 출력에 나오는 말은 영어다. 이 표는 그 말들이 이 쪽들에서 어떻게 불리는지 보여 준다.
# 0, 1, 6, 7쪽의 그림은 한국어다. 직접 돌릴 때는 환경 변수 `KERASRNN_LANGUAGE`를 `ko`로
# 두면 7쪽까지 그림과 연습 문제의 힌트가 모두 한국어가 되고, 그림에는 한글 글꼴이 있어야
# 한다. 데비안과 우분투에서는 패키지 `fonts-nanum`에 있다.
#
# | 영어 | 한국어 |
# |---|---|
# | recurrent neural network, recurrent layer | 순환 신경망, 순환 계층 |
# | step, sequence, batch | 스텝, 시퀀스, 배치 |
# | unit, feature | 유닛, 특징 |
# | weights, bias, parameters | 가중치, 편향, 매개변수 |
# | hidden state, cell state, cell | 은닉 상태, 셀 상태, 셀 |
# | gate: forget, input, output | 게이트: 망각, 입력, 출력 |
# | gate: update, reset | 게이트: 갱신, 리셋 |
# | candidate | 후보 |
# | conveyor belt | 컨베이어 벨트 |
# | mask, padding | 마스크, 패딩 |
# | gradient: vanishing, exploding, clipping | 기울기: 소실, 폭발, 클리핑 |
# | back-propagation through time, truncated | 시간 역전파, 시간 절단 역전파 |
# | Jacobian, singular value, eigenvalue | 야코비 행렬, 특이값, 고윳값 |
# | encoder, decoder, bottleneck | 인코더, 디코더, 병목 |
# | attention: score, weight, context | 어텐션: 점수, 가중치, 문맥 |
# | query, memory, alignments | 쿼리, 메모리, 어텐션 가중치 |
# | teacher forcing | 교사 강요 |
# | stream, chunk | 스트림, 토막 |
# | greedy search, beam search, sampling | 탐욕적 탐색, 빔 탐색, 표본 추출 |
# | temperature | 온도 |
# | language model, character model | 언어 모델, 글자 언어 모델 |
# | perplexity, bits per character | 퍼플렉시티, 글자당 비트 |
# | image captioning, caption | 이미지 캡셔닝, 캡션 |
# | sentiment, review | 감성, 영화평 |
# | tag, label, conditional random field | 품사, 레이블, 조건부 무작위장 |
# | time series: season, trend, level, window | 시계열: 계절성, 추세, 수준, 윈도 |
# | prediction interval, quantile | 예측 구간, 분위수 |
# | vocabulary, token, tokenizer, embedding | 어휘, 토큰, 토크나이저, 임베딩 |
# | loss, cross-entropy, logits | 손실, 교차 엔트로피, 로짓 |
# | training, validation, test | 학습, 검증, 테스트 |
# | overfitting, early stopping | 과적합, 조기 종료 |
# | inductive bias | 귀납 편향 |
# | feed-forward, convolutional, fully connected | 순방향, 합성곱, 완전 연결 |
# | preset, recipe | 프리셋, 레시피 |
# | glimpse, location | 글림프스, 위치 |
# | split, leak | 분할, 누출 |
# | control, peer | 대조군, 상대 |
