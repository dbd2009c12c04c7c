# %% [markdown]
# # 10. 글림프스: 시퀀스가 아닌 것에서 시퀀스로
#
# 이미지는 시퀀스가 아니다. 그러나 거리의 표지판을 읽는 사람은 그 뒤에 있는 집의 벽돌을
# 하나하나 보지 않는다. 눈은 이곳에서 저곳으로 뛰고, 뇌는 본 것을 한데 모은다. 순환
# 신경망도 그렇게 할 수 있고, 그러면 이미지가 얼마나 큰지가 아니라 얼마나 보는지에 값을
# 치른다. 이 쪽에서는 다음을 본다.
#
# 1. 자료: 큰 화폭 어딘가에 있는 숫자 하나
# 2. *하나에서 하나로*, 강의가 처음에 다루는 시퀀스 없는 신경망
# 3. 창, 그리고 그것을 통해 위치를 배우는 방법
# 4. 어디서 시작할지 말해 주는 첫 보기
# 5. 순환 셀을 한 스텝씩
# 6. 학습된 모델이 보는 곳
# 7. 글림프스마다 무엇에 쓸모가 있는가
# 8. 하지 못하는 것
#
# 모양을 나타내는 글자는 라이브러리 전체에서 같다. **B**는 배치, **T**는 스텝, 여기서는
# 글림프스, **D**는 특징, **U**는 유닛, **L**은 이미지의 자리다.
# [1쪽](01_recurrent_layers.ko.ipynb)에 나오는 게이트는 안다고 본다.
# [3쪽](03_image_captioning.ko.ipynb)도 그림의 자리들을 본다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,train]'`을 실행한 다음, 이 노트북이나
# 그 옆의 `.py` 파일을 돌린다. MNIST의 숫자 5,000개를 내려받는다.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib
import tempfile

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_image_classes
from kerasrnn.inspection import glimpses_figure
from kerasrnn.zoo import GlimpseClassifier

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes


def compare(name, ours, theirs):
    """Print the largest difference, relative to the values; stop if it is a real one."""
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-4, name


# %% [markdown]
# ## 1. 어딘가에 있는 숫자
#
# 화폭은 저마다 100 × 100화소다. 그 위 어딘가에 28 × 28의 숫자가 있고, 그 옆에는 헷갈리게
# 하려고 다른 숫자의 조각이 여덟 개 놓여 있다. 무엇이 어디에 놓이는지는 이미지 이름의
# 해시가 정하므로, 모든 기계가 같은 화폭을 본다.

# %%
train = load_image_classes("cluttered_digits", "train")
test = load_image_classes("cluttered_digits", "test")
print(f"{len(train):,} canvases to train, {len(test):,} to test")
rows = tfds.load("cluttered_digits", split="test", shuffle_files=False)
corners = np.array([[row["top"], row["left"]] for row in tfds.as_numpy(rows)])
middles = corners + 14  # (B, 2) of the digits, in pixels; no model is told


def show(images, titles, columns=6):
    """Draw images side by side."""
    figure, axes = plt.subplots(1, columns, figsize=(1.6 * columns, 1.9))
    for axis, image, title in zip(axes, images, titles, strict=False):
        axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=255)
        axis.set_title(str(title), fontsize=9)
        axis.set_axis_off()
    figure.tight_layout()
    plt.show()


show(test.images, [f"a {test.label_names[n]}" for n in test.labels[:6]])

# %% [markdown]
# ## 2. 하나에서 하나로
#
# 강의는 들어오는 시퀀스도 나가는 시퀀스도 없는 신경망으로 시작한다. 크기가 정해진 벡터,
# 은닉층 하나, 부류 하나다.
#
# $$h = \mathrm{relu}(W_1 x + b_1), \qquad p = \mathrm{softmax}(W_2 h + b_2)$$
#
# $W_1$에는 화소마다 가중치의 행이 따로 있다. 왼쪽에 있는 칠에서 배운 것은 오른쪽에 있는
# 칠에 대해 아무것도 말해 주지 않는다.

# %%
one_to_one = keras.Sequential(
    [
        keras.Input((100, 100, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(48, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
one_to_one.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
one_to_one.fit(
    train.images, train.labels, batch_size=64, epochs=3 if SMALL else 10, verbose=0
)
for name, part in (("training", train), ("test", test)):
    _, accuracy = one_to_one.evaluate(part.images, part.labels, verbose=0)
    print(f"one to one, {name} canvases: {accuracy:.1%}")

# %% [markdown]
# 학습 화폭은 외우고, 다른 화폭에서는 찍는다. (레시피의 학습은 에폭마다 모든 숫자를 다른
# 곳으로 옮긴다. 그것은 바라는 것만큼 도움이 되지 않는다. `benchmarks/glimpses.py`의 표에
# 나와 있다.)
#
# ## 3. 창, 그리고 그것을 통해 위치를 배우는 방법
#
# 이 쪽의 신경망은 $G \times G$화소의 작은 창 몇 개를 본다. 창의 한가운데가 *위치*
# $l = (y, x)$이고, 축마다 $-1$에서 $1$까지의 아무 실수다. 화소 사이에서는 이미지를
# 보간한다. 창이 더 아래로, 더 오른쪽으로 놓인 한 화소 미만의 몫을 $d$와 $r$이라고 하면
# 다음과 같다.
#
# $$\rho[i, j] = (1-d)(1-r)\, I_{y,x} + (1-d)\,r\, I_{y,x+1} + d(1-r)\, I_{y+1,x}
# + d\,r\, I_{y+1,x+1}$$
#
# 그래서 창은 위치에 따라 매끄럽게 변하고, 손실에는 위치에 대한 기울기가 있다.
# `GlimpseSensor`는 이 일을 많은 이미지에 대해 여러 *배율*로 한다. 배율 $k$는
# $k \times k$화소의 평균이어서, 창 하나가 $kG \times kG$화소를 덜 또렷하게 보여 준다.

# %%
from kerasrnn.zoo.glimpses.glimpse_sensor import GlimpseSensor

G = 14
sensor = GlimpseSensor(G, scales=(1, 2))
image = test.images[:1].astype("float32")
place = (middles[0] / 50 - 0.97).astype("float32")  # near the digit


def window_at(image, location, size):
    """ρ for one image (H, W), by the equation."""
    y, x = (location + 1) / 2 * image.shape - size / 2
    top, left = int(np.floor(y)), int(np.floor(x))
    d, r = y - top, x - left
    P = np.pad(image, size)[top + size :, left + size :][: size + 1, : size + 1]
    return (
        (1 - d) * (1 - r) * P[:-1, :-1]
        + (1 - d) * r * P[:-1, 1:]
        + d * (1 - r) * P[1:, :-1]
        + d * r * P[1:, 1:]
    )


mean_of_4 = image[0].reshape(50, 2, 50, 2).mean(axis=(1, 3))  # scale 2
seen = sensor(image, place[None]).numpy()[0]  # (G, G, scales)
compare("scale 1", seen[..., 0], window_at(image[0, ..., 0], place, G))
compare("scale 2", seen[..., 1], window_at(mean_of_4, place, G))

# %% [markdown]
# 이런 기울기는 얼마나 멀리 보는가? 창 너머는 보지 못한다. 창에 검은 것만 보이면 조금
# 옮겨도 검은 것만 보이고, 기울기는 정확히 0이다. 이것이 이런 모델 모두의 어려움이고, Mnih
# 등(2014)이 기울기를 쓰지 않고 위치를 무작위로 뽑아서 보상받은 것을 남긴(REINFORCE)
# 까닭이다.

# %%
black = tf.zeros((1, 100, 100, 1))
of_digit = tf.constant(image)
for name, pixels in (("black canvas", black), ("a canvas with a digit", of_digit)):
    with tf.GradientTape() as tape:
        at = tf.constant(place[None])
        tape.watch(at)
        brightness = tf.reduce_mean(sensor(pixels, at))
    print(
        f"{name}: gradient by the location {tape.gradient(brightness, at).numpy()[0]}"
    )

# %% [markdown]
# ## 4. 첫 보기
#
# 그러니 무언가가 어디서 시작할지 말해 주어야 한다. 모델은 이미지 전체를 한 번 작게 본다.
# 5 × 5화소의 평균이다. 합성곱이 그 자리들의 특징 $f_p$를 만들고, 번역기가 낱말에 가중치를
# 주듯이 어텐션이 자리들에 가중치를 준다.
#
# $$\alpha = \mathrm{softmax}(\beta\, w \cdot f), \qquad
# l_1 = \sum_p \alpha_p\, (y_p, x_p), \qquad c = \sum_p \alpha_p f_p$$
#
# $w$는 0에서 시작한다. 모든 자리를 똑같이 세고, $l_1$은 한가운데다. $l_1$도 $c$도 배운다.
# 눈을 끄는 것은 도움이 되는 것이다. 상수 $\beta = 30$은 어텐션이 몇백 스텝 안에
# 날카로워지게 한다. $\beta = 1$이면 너무 납작해서 $l_1$이 한가운데를 영영 떠나지 못한다.
#
# 학습된 모델과, 그 첫 보기의 어텐션이다.

# %%
if "glimpse-digits" in GlimpseClassifier.presets:
    model = GlimpseClassifier.from_preset("glimpse-digits")
    print(f"the preset glimpse-digits: {model.count_params():,} parameters,", end=" ")
    print(load_recipe("glimpse-digits").score)
else:
    model = GlimpseClassifier((100, 100, 1), look_reduction=5, window_filters=16)
    model.compile(keras.optimizers.Adam(5e-3, global_clipnorm=1.0))
    model.fit(
        train.images,
        train.labels,
        batch_size=64,
        epochs=2 if SMALL else 20,
        verbose=0,
    )

looks = model.look(test.images)
side = int(np.sqrt(looks.attention.shape[1]))
figure, axes = plt.subplots(2, 6, figsize=(9.6, 3.5))
for number in range(6):
    axes[0, number].imshow(test.images[number, ..., 0], cmap="gray")
    axes[1, number].imshow(looks.attention[number].reshape(side, side), cmap="Blues")
for axis in axes.flat:
    axis.set_axis_off()
axes[0, 0].set_title("images", fontsize=9)
axes[1, 0].set_title("α of the first look", fontsize=9)
figure.tight_layout()
plt.show()

# %% [markdown]
# ## 5. 순환 셀을 한 스텝씩
#
# 글림프스마다 창에 보이는 것과 창이 있던 곳에서 벡터 $x_t$가 나온다. LSTM의 상태 $h_t$는
# 본 것을 지니고, 그 상태에서 다음에 갈 곳이 나온다.
#
# $$x_t = \mathrm{relu}\big(W_x \,\mathrm{relu}(\mathrm{conv}(\rho(I, l_t))) + W_l\, l_t + b\big),
# \qquad h_t = \mathrm{LSTM}(x_t, h_{t-1})$$
# $$l_{t+1} = l_t + \delta \tanh(W_m h_t + b_m), \qquad p = \mathrm{softmax}(W h_T + b)$$
#
# 어느 순환 신경망이나 그렇듯이, 글림프스마다 같은 가중치를 쓴다. 직접 계산해 보자.


# %%
def by_hand(images):
    """Locations and probabilities, by the equations."""
    images = images.astype("float32") / 255
    location, content, _ = model.first_look(images)
    states = [bridge(content) for bridge in model.bridges]  # h_0 and c_0
    h, locations = None, []
    for _ in range(model.glimpses):
        if h is not None:
            location = location + model.max_move * tf.tanh(model.move(h))
            location = tf.clip_by_value(location, -1, 1)
        strokes = model.strokes(model.sensor(images, location))
        strokes = tf.reshape(strokes, (len(images), -1))
        x = tf.nn.relu(model.what(strokes) + model.where(location))  # (B, D)
        h, states = model.cells[0](x, states)  # (B, U)
        locations.append(location)
    return np.stack(locations, axis=1), tf.nn.softmax(model.classes(h)).numpy()


few = test.images[:50]
locations, probabilities = by_hand(few)
compare("locations", locations, model.look(few).locations)
compare("probabilities", probabilities, model.look(few).probabilities[:, -1])

# %% [markdown]
# ## 6. 어디를 보는가
#
# 테두리가 창이다. 파란 것이 처음, 주황색이 마지막이다. 이미지마다 옆에는 창에 보이는 것이
# 있고, 그 위에는 그 글림프스 뒤에 모델이 뭐라고 할지가 있다.

# %%
found = looks.probabilities[:, -1].argmax(axis=1)
wrong = np.flatnonzero(found != test.labels)[:2]
rows = [*np.flatnonzero(found == test.labels)[:4], *wrong]
names = [test.label_names[n] for n in test.labels[rows]]
path = glimpses_figure(model, test.images[rows], names, folder / "glimpses.png")
figure, axis = plt.subplots(figsize=(8.5, 7))
axis.imshow(plt.imread(path))
axis.set_axis_off()
figure.tight_layout()
plt.show()

# %% [markdown]
# 위치는 한 번도 알려 준 적이 없다. 그것이 맞는가? 자료는 숫자가 어디 있는지 알므로,
# 글림프스마다 숫자의 한가운데에서 얼마나 떨어져 있는지 잴 수 있다.

# %%
pixels = (looks.locations + 1) / 2 * 100  # (B, T, 2)
away = np.hypot(*np.moveaxis(pixels - middles[:, None], -1, 0))  # (B, T)
for step in range(model.glimpses):
    right = (looks.probabilities[:, step].argmax(axis=1) == test.labels).mean()
    print(
        f"glimpse {step + 1}: {np.median(away[:, step]):4.1f} pixels from the digit's "
        f"middle, {right:.1%} right if it stopped here"
    )

# %% [markdown]
# ## 7. 글림프스마다 무엇에 쓸모가 있는가
#
# 마지막 줄이 모델이 말하도록 학습된 것이다. 첫 글림프스 뒤에는 답하는 연습을 해 본 적이
# 없으므로, 거기서는 답이 거기서 멈추도록 배운 모델의 답보다 못하다.
# `benchmarks/glimpses.py`는 그런 모델도 학습시킨다.
#
# 위치는 어떤가? 대조군은 다른 곳을 보는 것이다. 가중치는 같고, 창은 다른 이미지의 위치에
# 놓는다.

# %%
somewhere = np.roll(looks.locations, 1, axis=0)
images = test.images / np.float32(255)
_, content, _ = model.first_look(images)
states = [bridge(content) for bridge in model.bridges]
for step in range(model.glimpses):
    at = somewhere[:, step]
    strokes = tf.reshape(model.strokes(model.sensor(images, at)), (len(test), -1))
    x = tf.nn.relu(model.what(strokes) + model.where(at))
    h, states = model.cells[0](x, states)
lost = (model.classes(h).numpy().argmax(axis=1) == test.labels).mean()
kept = (found == test.labels).mean()
print(f"The places make the difference: {kept:.1%} right, {lost:.1%} at other places")

# %% [markdown]
# ## 8. 하지 못하는 것
#
# 이 모델은 언제나 숫자 하나를 대고, 둘이 있으면 하나를 댄다.

# %%
empty = np.zeros((1, 100, 100, 1), "uint8")
two = np.maximum(test.images[:1], test.images[1:2])
for name, canvas in (("empty canvas", empty), ("two digits", two)):
    probability = model.look(canvas).probabilities[0, -1]
    print(f"{name}: {probability.argmax()}, sure to {probability.max():.0%}")

# %% [markdown]
# ## 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/10_glimpses.py`에 있다.
#
# 1. −1에서 1까지의 위치 (행, 열)과 이미지의 높이와 너비가 주어질 때, 글림프스 한가운데에
#    있는 화소의 행과 열을 정수로 구하라.

# %%
from exercises import check


def pixel_of(location, height, width):
    return ...


check("10_glimpses", pixel_of=pixel_of)

# %% [markdown]
# 2. 한 변이 `n`인 화폭에서 유닛 48개의 은닉층에는 곱셈이 몇 번 드는가? 그리고 한 변이
#    `n`인 창에서 3 × 3화소로, 자리를 하나씩 건너뛰며, 두 배율과 필터 16개로, 패딩 없이
#    하는 합성곱에는 몇 번 드는가? 둘 다 채우라.


# %%
def of_hidden_layer(n):
    return ...


def of_window(n):
    return ...


check("10_glimpses", of_hidden_layer=of_hidden_layer, of_window=of_window)

# %% [markdown]
# 3. 모델은 왜 첫 보기로 시작하는가? 100 × 100의 화폭에서 `corners` (N, 2)에 있는 28 ×
#    28의 숫자들 가운데, 한가운데에 놓인 한 변 `side`화소의 창에 닿지 않는 것의 비율을
#    구하라.


# %%
def sees_nothing(corners, side):
    return ...


check("10_glimpses", sees_nothing=sees_nothing)

# %% [markdown]
# ## 더 나아가려면
#
# `kerasrnn train glimpse-digits`는 이 쪽의 모델을 학습시키고, 부류마다 파일의 폴더가
# 하나씩 있는 `--data my_pictures`를 주면 여러분의 것을 학습시킨다.
# `benchmarks/glimpses.py`는 값이 그만큼 드는 신경망들과, REINFORCE로 배우는 위치를
# 학습시킨다.
#
# **참고 문헌.** Mnih, Heess, Graves and Kavukcuoglu 2014, *Recurrent Models of Visual
# Attention*. Ba, Mnih and Kavukcuoglu 2015, *Multiple Object Recognition with Visual
# Attention* (어디를 먼저 볼지 말해 주는 작은 이미지). Gregor and others 2015, *DRAW*
# (기울기로 배우는 창). Jaderberg and others 2015, *Spatial Transformer Networks* (보간의
# 기울기).
