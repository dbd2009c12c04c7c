# %% [markdown]
# # 3. 이미지 캡셔닝
#
# 그림 하나가 들어가고, 길이가 정해지지 않은 문장 하나가 나온다. 이 쪽에서는 다음을 본다.
#
# 1. 자료: 작은 그림들과 사람들이 붙인 말
# 2. 새는 데가 없는 분할, 그리고 다른 분할은 얼마나 믿을 만한가
# 3. 인코더: 그림이 특징의 격자가 된다
# 4. 첫 낱말을 쓰기 전에 그림을 한 번 보는 모델
# 5. 캡션 모델의 병, 곧 모든 것에 똑같은 캡션을 다는 것, 그리고 그 대조군
# 6. 캡션에서 나오는 수 CIDEr-D를 직접 계산하기, 그리고 아무것도 배우지 않은 상대
# 7. 낱말마다 그림의 한 부분을 보는 모델: Show, Attend and Tell
# 8. 어디를 보았나, 그리고 처음 두 스텝을 천천히
# 9. 탐욕적 탐색과 빔 탐색
# 10. 전시, 실패한 것까지
# 11. 여러분의 그림
# 12. SavedModel: 그림의 바이트가 들어가고 캡션이 나온다
#
# 모양을 나타내는 글자는 라이브러리 전체에서 같다. **B**는 배치, **T**는 스텝, **L**은
# 그림의 자리, **D**는 한 자리의 특징, **U**는 유닛, **V**는 어휘의 크기다.
# [2쪽](02_translation_with_attention.ko.ipynb)에 나오는 어텐션과 빔은 안다고 본다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,translate,caption,train]'`을 실행한
# 다음, 이 노트북이나 그 옆의 `.py` 파일을 돌린다. 그림과 작은 인코더를 내려받고, 모든
# 그림을 한 번씩 보고, 모델 둘을 학습시키며, 하나에 몇 분씩 걸린다.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import hashlib
import inspect
import pathlib
import re
import subprocess
import sys
import tempfile

import drawing
import drawing_attention
import keras
import matplotlib
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes

# %% [markdown]
# 순환 신경망의 다섯 가지 모양 가운데 이것은 **하나에서 여럿으로**다. 입력이 하나 있고,
# 그것이 다른 모든 것보다 앞선다. 그다음부터 신경망은 제가 쓴 것을 읽는다.

# %%
drawing.five_shapes(marked="one to many")

# %% [markdown]
# ## 1. 자료
#
# `stamps_and_emoji`에는 그리기 프로그램 Tux Paint의 도장, 곧 그림과 사진, 그리고 Google의
# 이모지가 있다. 이름은 모두 사람이 붙였다. `load_captions`는 논문들이 쓰는 사진 자료인
# `coco_captions`도 받지만, 그 여러 기가바이트를 내려받을 네트워크가 있어야 한다.
# `read_captions`는 여러분의 폴더를 읽는다.

# %%
from kerasrnn.data import load_captions
from kerasrnn.vision import read_images

SPLITS = ("train", "validation", "test")
splits = {name: load_captions("stamps_and_emoji", name) for name in SPLITS}
for name, images in splits.items():
    print(f"{name:12}{images}", *collections.Counter(images.kinds).most_common())

everything = splits["train"]
some = [
    row
    for kind in ("photograph", "drawing", "emoji")
    for row in rng.permutation(np.flatnonzero(np.array(everything.kinds) == kind))[:4]
]
drawing.pictures(
    read_images(everything.pictures(some), 224),
    [everything.captions[row][0] for row in some],
)

# %% [markdown]
# 그림 하나에 캡션이 여러 개 있을 수 있다. 여기서는 둘인 그림이 조금 있고, COCO에서는 모두
# 다섯이다. 맞는 말은 여러 가지이고, 6절은 그 점을 다루어야 한다.

# %%
for row in [row for row in some if len(everything.captions[row]) > 1][:3]:
    print(" / ".join(everything.captions[row]))

# %% [markdown]
# ## 2. 새는 데가 없는 분할
#
# 학습 자료의 그림과 거의 같은 테스트 그림은 암기만 시험한다. 이모지는 피부색이 다섯 가지,
# 성별이 두 가지, 머리가 네 가지씩 나오고, 도장은 캡션이 되풀이된다. 그림마다 제비를 뽑아
# 나누어 놓고, 테스트 그림의 캡션이 피부색을 나타내는 말을 빼면 학습 자료의 캡션이기도 한
# 일이 얼마나 잦은지 보자.

# %%
from kerasrnn.metrics import caption_tokens


def name_of(caption):
    """A caption as its words, without skin tones."""
    return " ".join(caption_tokens(re.sub(r":(?=.*skin tone).*", "", caption)))


names, of_test = [], []
for split, images in splits.items():
    names += [{name_of(text) for text in texts} for texts in images.captions]
    of_test += [split == "test"] * len(images)


def share_known(of_test):
    """The share of test pictures whose caption is one of the others'."""
    known = set().union(
        *(n for n, tests in zip(names, of_test, strict=True) if not tests)
    )
    tested = [n for n, tests in zip(names, of_test, strict=True) if tests]
    return sum(bool(known & n) for n in tested) / len(tested)


print(f"split by chance: {share_known(rng.random(len(names)) < 0.1):.1%} known before")
print(f"split by group:  {share_known(of_test):.1%} known before")

# %% [markdown]
# 그래서 그림마다 **그룹**이 있다. 캡션이 같거나 피부색, 머리, 성별만 다른 것들은 한
# 그룹이다. 어디로 나뉠지는 그룹의 이름이 해시로 정하므로, 어느 기계에서나 언제까지나
# 같다. 그룹 하나를 보자.

# %%
rows = tfds.load(
    "stamps_and_emoji",
    split="all",
    decoders=tfds.decode.PartialDecoding({"captions": True, "group": True}),
).as_numpy_iterator()
groups = collections.defaultdict(list)
for row in rows:
    groups[row["group"].decode()].append(row["captions"][0].decode())

group = next(name for name, texts in groups.items() if "woman astronaut" in texts)
print(f"{len(groups[group])} pictures in the group {group}:")
print(*sorted(groups[group])[:6], "…", sep="\n  ")
digit = int(hashlib.sha1(group.encode()).hexdigest(), 16) % 10
print(f"SHA-1 modulo 10 is {digit}:", {0: "test", 1: "validation"}.get(digit, "train"))

# %% [markdown]
# ## 3. 인코더
#
# 보는 법을 배우려면 그림이 백만 장쯤 필요하다. 그래서 이미 볼 줄 아는 신경망을
# 가져온다(*전이 학습*). EfficientNet-Lite0은 작은 합성곱 신경망으로, 사물 1000가지를
# 구별하도록 ImageNet으로 학습되었다. 가중치는 파이썬 패키지 색인에 있는 패키지에서 오고,
# 해시를 확인한다. 이 신경망은 알아야 할 것을 알까? 도장은 한 번도 본 적이 없다.

# %%
from kerasrnn.vision import load_efficientnet_lite0

KNOWN = {  # pictures, with the number that ImageNet gives to what they show
    "stamps/animals/mammals/equines/zebra": (340, "zebra"),
    "stamps/animals/birds/ostrich": (9, "ostrich"),
    "stamps/food/fruit/banana": (954, "banana"),
    "stamps/food/fruit/pineapple": (953, "pineapple"),
    "stamps/animals/insects/bee": (309, "bee"),
    "stamps/vehicles/emergency/firetruck": (555, "fire engine"),
}
found = {}
for images in splits.values():
    at = [row for row, key in enumerate(images.keys) if key in KNOWN]
    keys = [images.keys[row] for row in at]
    found |= dict(zip(keys, images.pictures(at), strict=True))

pixels = read_images(list(found.values()), 224)
classifier = load_efficientnet_lite0(include_top=True)
probabilities = keras.ops.softmax(classifier.predict(pixels, verbose=0)).numpy()
names_of_classes = dict(KNOWN.values())
for key, p in zip(found, probabilities, strict=True):
    best = p.argmax()
    print(
        f"{KNOWN[key][1]:12} best guess: class {best:3}, "
        f"{names_of_classes.get(best, 'something else'):14} p = {p[best]:.2f}"
    )
right = sum(
    KNOWN[key][0] == p.argmax() for key, p in zip(found, probabilities, strict=True)
)
print(f"{right} of {len(found)} right")
assert right > len(found) / 2

# %% [markdown]
# 캡션 모델에는 천 개 가운데 낱말 하나보다 많은 것이 필요하다. 그래서 분류 층의 아래에
# 있는 것을 쓴다. 마지막 합성곱을 지나면 그림은 자리 7 × 7개의 격자가 되고, 자리마다
# 특징이 1280개 있다. 곧 (L, D)다. 자리마다 제 둘레를 보았고, 제자리를 가장 많이 보았다.

# %%
from kerasrnn.vision import ImageEncoder, cached_features, features_of

encoder = ImageEncoder("efficientnet_lite0")
print("a picture:", (encoder.image_size, encoder.image_size, 3), end="")
print("  its features:", (encoder.locations, encoder.dim))

zebra = list(found).index("stamps/animals/mammals/equines/zebra")
grid = features_of(encoder, list(found.values()))[zebra]  # (L, D)
directions = grid / np.linalg.norm(grid, axis=-1, keepdims=True)
place = (3, 3)
similarity = (directions @ directions[7 * place[0] + place[1]]).reshape(7, 7)
drawing.alike(pixels[zebra], similarity, place)

# %% [markdown]
# 동물이 어디 있는지 아무도 인코더에게 알려 주지 않았다. 동물 위의 자리들은 특징이
# 비슷하고, 그 옆의 자리들은 특징이 다르다. 그러니 어텐션이 고를 때 기댈 것이 있다.
#
# 인코더는 바뀌지 않으므로 특징은 한 번만 계산하면 된다. `cached_features`가 특징을
# 디스크에 두며, 레시피들도 그것을 찾아 쓴다. 피부색만 다른 이모지는 같은 그림이나
# 다름없으므로 그다음에 뺀다.

# %%
MOST = {"train": 200, "validation": 40, "test": 80}


def with_features(images, most):
    """Pictures, without those in other skin tones, and their features (N, L, D)."""
    if SMALL:
        images = images.select(np.flatnonzero(~np.array(images.variants))[:most])
    features = cached_features(
        encoder, images, log=lambda line: print(line.split(":")[0])
    )
    rows = np.flatnonzero(~np.array(images.variants))
    return images.select(rows), features[rows]


train, train_features = with_features(splits["train"], MOST["train"])
validation, validation_features = with_features(
    splits["validation"], MOST["validation"]
)
test, test_features = with_features(splits["test"], MOST["test"])
for name, features in (
    ("train", train_features),
    ("validation", validation_features),
    ("test", test_features),
):
    print(f"{name:12}{features.shape}  {features.nbytes / 1e6:.0f} MB")
if SMALL:
    print("Small size: far too few pictures to learn from. The captions will be bad.")

# %% [markdown]
# ## 4. 한 번 보기
#
# Vinyals et al.(2015, "Show and Tell")은 번역기를 가져다가 원문의 자리에 그림을 놓았다.
# 그들은 그림을 시작 토큰보다 앞선 첫 *입력*으로 디코더에 넣는다. 우리는 2쪽에서 원문이
# 그랬듯이, 그리고 Xu et al.(2015)에서 그림이 그렇듯이, 그림이 디코더의 첫 *상태*를 정하게
# 한다. 어느 쪽이든 디코더는 그림을 한 번 본다. 인코더의 마지막 상태였던 것이 이제는
# 특징의 평균이다.
#
# $$\begin{aligned}
# v &= \Bigl(\tfrac{1}{L} \textstyle\sum_l f_l - \mu\Bigr) / \sigma \\
# d_0 &= \tanh(W_d\, v + b_d) \\
# d_t &= \mathrm{cell}(E\,y_{t-1},\; d_{t-1}) \\
# p(y_t) &= \mathrm{softmax}(E \tanh(W_o\, d_t + b_o) + b)
# \end{aligned}$$
#
# 어떤 특징은 크게 변하고 어떤 특징은 거의 변하지 않는다. 학습 그림 전체의 평균과 표준
# 편차인 $\mu$와 $\sigma$가 모두를 같은 척도로 맞춘다. 이것은 기울기로 배우지 않고
# `adapt`로 세어서 얻는다. 디코더가 그림에 대해 알게 될 모든 것은 $d_0$에 있다. 위쪽
# 그림이 이것이다.

# %%
drawing.captioners()

# %% [markdown]
# `ImageCaptioner`가 바로 이것이다. 아주 작은 것 하나와, 직접 계산한 수식을 견주어 보자.

# %%
from kerasrnn.zoo import AttentionCaptioner, ImageCaptioner


def compare(name, ours, theirs):
    """Print the largest difference, and stop if there is a real one."""
    difference = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-5, name


SIZES = {"encoder": None, "feature_dim": 6, "units": 8, "embedding_dim": 5}
TINY = {"start_id": 1, "end_id": 2, "dropout": 0.0, **SIZES}
f = rng.normal(size=(2, 9, 6)).astype("float32")  # (B, L, D)
y = rng.integers(3, 30, size=(2, 4))  # (B, T)

tiny = ImageCaptioner(30, **TINY)
tiny.adapt(f)
logits = tiny((f, y))  # (B, T, V)

decoder = tiny.decoder
E, b = np.array(decoder.embedding.embeddings), np.array(decoder.output_bias)
W_d, b_d = decoder.bridge[0].get_weights()
W_o, b_o = decoder.output_layer.get_weights()
mu = np.array(tiny.encoder.feature_mean)  # (D,)
sigma = np.array(tiny.encoder.feature_deviation)  # (D,)
d = np.tanh((f.mean(axis=1) - mu) / sigma @ W_d + b_d)  # (B, U)
for t in range(4):
    d = np.array(decoder.recurrent.cell(E[y[:, t]], [d])[0])
    compare(f"word {t + 1}", logits[:, t], np.tanh(d @ W_o + b_o) @ E.T + b)

# %% [markdown]
# 캡션은 짧고 낱말의 가짓수도 적어서, 여기서는 토큰이 곧 낱말이다. 배우지 않은 낱말은
# `[UNK]`가 된다. 쓰기만 하는 모델의 토크나이저는 `TargetTokenizer`이고, 시작과 끝을
# 붙인다.

# %%
from kerasrnn.text import TargetTokenizer, WordTokenizer

words = WordTokenizer(max_tokens=4000, max_length=40)
words.adapt([text for texts in train.captions for text in texts])
tokenizer = TargetTokenizer(words)
print(tokenizer.target_vocabulary_size, "tokens")
for ids in tokenizer([train.captions[0][0]]).numpy():
    print(ids, *tokenizer.target_tokens(ids[None]).numpy()[0])

# %% [markdown]
# 캡션이 둘인 그림은 예가 두 개다. 긴 캡션 몇 개는 학습에서 뺀다. 하누카가 무엇인지처럼,
# 어떤 그림에도 보이지 않는 것을 설명하기 때문이다.

# %%
UNITS, EMBEDDING = (96, 64) if SMALL else (256, 128)
EPOCHS, BATCH = (12, 32) if SMALL else (24, 64)


def dataset_of(images, features, shuffle=False):
    """Batches of (features (B, L, D), captions (B,))."""
    examples = [
        (row, text)
        for row, texts in enumerate(images.captions)
        for text in texts
        if len(text.split()) <= 12
    ]
    rows, texts = map(list, zip(*examples, strict=True))
    dataset = tf.data.Dataset.from_tensor_slices((rows, texts))
    if shuffle:
        dataset = dataset.shuffle(len(rows), seed=1)
    features = tf.constant(features)
    return dataset.batch(BATCH).map(
        lambda rows, texts: (tf.cast(tf.gather(features, rows), "float32"), texts)
    )


for of_pictures, captions in dataset_of(train, train_features).take(1):
    print(of_pictures.shape, captions.shape, captions.numpy()[0].decode())

# %% [markdown]
# 배우는 동안 콜백이 검증 그림 몇 장, 곧 도장 하나와 이모지 하나에 대해 모델에게 글을 쓰게
# 한다.

# %%
from kerasrnn.training import CaptionSamples, CaptionScores

KINDS = {"stamps": ("drawing", "photograph"), "emoji": ("emoji",)}


def rows_by_kind(images):
    """The rows of stamps and those of emoji."""
    return {
        name: np.flatnonzero(np.isin(images.kinds, kinds))
        for name, kinds in KINDS.items()
    }


def new_model(model_class):
    """A model of this page's size."""
    return model_class(
        tokenizer.target_vocabulary_size,
        start_id=tokenizer.start_id,
        end_id=tokenizer.end_id,
        units=UNITS,
        embedding_dim=EMBEDDING,
        dropout=0.4,
        label_smoothing=0.0,
        preprocessor=tokenizer,
    )


def fit(model):
    """Train a model, and return its history."""
    model.adapt(train_features)
    model.compile(keras.optimizers.Adam(2e-3, global_clipnorm=1.0))
    seen, captions = validation_features.astype("float32"), validation.captions
    shown = [rows[0] for rows in rows_by_kind(validation).values()]
    return model.fit(
        dataset_of(train, train_features, shuffle=True),
        epochs=EPOCHS,
        callbacks=[
            CaptionScores(seen, captions, groups=rows_by_kind(validation)),
            CaptionSamples(
                seen[shown], [captions[row] for row in shown], every=EPOCHS // 4
            ),
        ],
        verbose=0,
    ).history


one_look = new_model(ImageCaptioner)
history = fit(one_look)

# %% [markdown]
# `generate`는 콜백이 그랬듯이 특징을 받고, 11절에서처럼 그림도 받는다.
#
# ## 5. 모든 것에 똑같은 캡션
#
# 디코더는 언어 모델이다. 그림이 해 주는 말이 거의 없으면, 디코더는 사람들이 가장 많이
# 쓰는 것을 쓰고, 그래도 손실은 줄어든다. 그러니 세어 보자. 서로 다른 캡션은 몇 개이고,
# 가장 흔한 것은 무엇인가?

# %%
written = {"one look": one_look.generate(test_features.astype("float32"), verbose=0)}
counts = collections.Counter(written["one look"])
print(f"{len(counts)} different captions of {len(test)} pictures; the commonest:")
for caption, count in counts.most_common(3):
    print(f"  {count:3} × {caption}")

# %% [markdown]
# 우리 모델은 그 병이 심하지 않다. 서로 다른 말을 많이 한다. 그런데 맞는 말인가? 대조군은
# 캡션마다 *다른* 그림의 참조 캡션과 견주는 것이다. 그림을 보지 않는 모델이라면 거기서도
# 점수가 같다. 뒤섞은 대조군보다 높은 만큼이 모델이 본 것이다.

# %%
train_captions = collections.Counter(texts[0] for texts in train.captions)
commonest = train_captions.most_common(1)[0][0]
written["the commonest caption"] = [commonest] * len(test)
# Shuffled among stamps and among emoji, which are scored apart.
shuffled = np.arange(len(test))
for rows in rows_by_kind(test).values():
    shuffled[rows] = np.roll(rows, 1)
written["one look, shuffled"] = [written["one look"][row] for row in shuffled]

# %% [markdown]
# ## 6. CIDEr-D 점수
#
# BLEU는 모든 낱말을 똑같이 세는데, 가장 맞히기 쉬운 것은 "a"다. CIDEr-D(Vedantam et al.
# 2015)는 이어진 낱말들이 얼마나 *많은 것을 말해 주는지* 묻는다. 캡션 $c$의 $n$-그램
# $g$마다, 낱말 넷짜리까지, 나온 횟수에 드문 정도를 곱한다. 그림 $N$장 가운데 몇 장의 참조
# 캡션에 $g$가 나오는가?
#
# $$w_g(c) = \mathrm{count}_g(c) \cdot \log \frac{N}{\mathrm{pictures\ with\ } g}$$
#
# 그리고 두 벡터를 그 사이의 각으로 견주고, 길이가 다르면 벌점을 준다.
#
# $$\mathrm{CIDErD}_n(c, s) = 10 \; e^{-(|c| - |s|)^2 / 2\sigma^2} \;
# \frac{\sum_g \min(w_g(c), w_g(s))\, w_g(s)}{\lVert w(c)\rVert\, \lVert w(s)\rVert},
# \qquad \sigma = 6$$
#
# 점수는 $n = 1 … 4$에 걸친, 그리고 참조 캡션들에 걸친 평균이다. 그림 네 장으로 해 보자.

# %%
from kerasrnn.metrics import caption_scores, cider_d

REFERENCES = ["a red apple", "a red car on a road", "a green car", "a dog"]


def grams(caption, n):
    """How often a caption has each run of n words."""
    words = caption.split()
    return collections.Counter(zip(*(words[i:] for i in range(n)), strict=False))


def weights(caption, n):
    """TF-IDF of each run of n words."""
    in_pictures = collections.Counter(
        g for text in REFERENCES for g in set(grams(text, n))
    )
    return {
        g: count * np.log(len(REFERENCES) / max(1, in_pictures[g]))
        for g, count in grams(caption, n).items()
    }


def by_hand(caption, reference):
    """CIDEr-D of a caption and one reference."""
    total = 0.0
    for n in (1, 2, 3, 4):
        c, s = weights(caption, n), weights(reference, n)
        product = sum(min(w, s[g]) * s[g] for g, w in c.items() if g in s)
        lengths = np.sqrt(sum(w**2 for w in c.values()) * sum(w**2 for w in s.values()))
        total += product / lengths if lengths else 0.0
    longer = len(caption.split()) - len(reference.split())
    return 10 * total / 4 * np.exp(-(longer**2) / (2 * 6**2))


for gram, weight in weights(REFERENCES[1], 1).items():
    print(f"{gram[0]:6} weighs {weight:.2f}")
print("\nOf the picture with the reference", repr(REFERENCES[1]))
tried = [REFERENCES[1], "a car on a road", "a red car", "a car", "a a a a a a", "a dog"]
for caption in tried:
    written_of_all = [REFERENCES[0], caption, *REFERENCES[2:]]
    score = cider_d(written_of_all, [[text] for text in REFERENCES]).scores[1]
    print(f"{score:6.2f}  {caption}")
    assert abs(score - by_hand(caption, REFERENCES[1])) < 1e-6

# %% [markdown]
# "a"는 어디에나 나오고 무게가 없다. "car"는 "road"보다 값이 덜하다. 글자까지 똑같은
# 캡션은 낱말이 넷 이상이면 10점을 받지만, 더 짧으면 맞힐 4-그램이 없어서 덜 받는다.
# 여기의 캡션은 대부분 짧으므로, 점수는 보기보다 낮게 나온다.
#
# ### 아무것도 배우지 않은 상대
#
# *가장 가까운*, 곧 특징이 가장 비슷한 학습 그림에 사람들이 붙인 말을 그대로 하면 점수가
# 얼마나 나올까? 만만치 않은 상대다. 그 캡션은 모두 사람이 쓴 것이기 때문이다. 이것을
# 이기지 못하는 모델이라면 차라리 캡션을 찾아다 쓰는 편이 나았을 것이다. 표가 그것을 말해
# 준다.

# %%
from kerasrnn.training.captioning.nearest_captions import (
    nearest_neighbour_captions,
    pooled,
)

PEER = f"nearest of {len(train)} pictures"
written[PEER] = nearest_neighbour_captions(
    pooled(train_features), train.captions, pooled(test_features)
)


def scores_of(captions):
    """The scores of captions of the test pictures, of stamps and of emoji."""
    return [
        caption_scores(
            [captions[row] for row in rows], [test.captions[row] for row in rows]
        )
        for rows in rows_by_kind(test).values()
    ]


def print_scores(written):
    """A line for each list of captions of the test pictures; returns the means."""
    print(
        f"{len(test)} test pictures{'':9}CIDEr-D stamps  emoji   mean  BLEU-1  different"
    )
    peers = [scores["cider_d"] for scores in scores_of(written_by_peer)]
    means = {}
    for name, captions in written.items():
        by_kind = scores_of(captions)
        cider = [scores["cider_d"] for scores in by_kind]
        means[name] = np.mean(cider)
        bleu = np.mean([scores["bleu_1"] for scores in by_kind])
        print(f"{name:25}{cider[0]:13.2f}{cider[1]:7.2f}{means[name]:7.2f}", end="")
        print(f"{bleu:8.1f}{len(set(captions)):11}", end="")
        beaten = [kind for kind, a, b in zip(KINDS, cider, peers, strict=True) if a < b]
        print(f"  below the peer: {', '.join(beaten)}" if beaten else "")
    return means


written_by_peer = written[PEER]
means = print_scores(written)
if not SMALL:
    assert means["one look"] > 5 * means["one look, shuffled"]
    assert means[PEER] > means["the commonest caption"]

# %% [markdown]
# 한 번 보기는 무언가를 본다. 뒤섞은 대조군보다 점수가 훨씬 높다. 그러나 도장에서도
# 이모지에서도 상대에게 진다.
#
# ## 7. 낱말마다 보기
#
# 모든 자리의 평균은 무엇이 어디에 있는지 말해 주지 않는다. Xu et al.(2015, "Show, Attend
# and Tell")은 자리 L개를 그대로 두고, 2쪽에서 원문의 낱말을 보듯이 낱말마다 자리들에
# 어텐션을 준다. 자리들이 메모리이고, 스텝 *전의* 상태가 쿼리이며, 셀은 문맥 벡터 $c_t$를
# 읽는다.
#
# $$\begin{aligned}
# m_l &= \tanh(W_m x_l + b_m), \qquad x_l = (f_l - \mu) / \sigma \\
# \alpha_{tl} &= \mathrm{softmax}_l\; v^\top \tanh(W_1 d_{t-1} + W_2 m_l) \\
# c_t &= \sigma(w_g\, d_{t-1} + b_g) \textstyle\sum_l \alpha_{tl}\, m_l \\
# d_t &= \mathrm{cell}([E\,y_{t-1};\, c_t],\; d_{t-1}) \\
# p(y_t) &= \mathrm{softmax}(E \tanh(W_c [c_t; d_t]) + b)
# \end{aligned}$$
#
# 이것은 *부드러운(soft)* 어텐션이다. 모든 자리의 가중 평균이고 기울기가 있다. **게이트**
# $\sigma(\cdot)$는 이 스텝이 그림을 얼마나 받을지 정하는 수 하나다. $d_0$은 위와 같이
# 모든 $x_l$의 평균에서 나온다.


# %%
def softmax(scores):
    """exp / Σ exp over the last axis."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


tiny = AttentionCaptioner(30, **TINY)
tiny.adapt(f)
logits = tiny((f, y))  # (B, T, V)

decoder = tiny.decoder
E, b = np.array(decoder.embedding.embeddings), np.array(decoder.output_bias)
W_d, b_d = decoder.bridge[0].get_weights()
W_m, b_m = tiny.encoder.feature_layer.get_weights()
cell = decoder.recurrent.cell
W_1, W_2, v = cell.attention.get_weights()
w_g, b_g, W_c = (np.array(w) for w in (cell.gate_kernel, cell.gate_bias, cell.kernel))

mu, sigma = (
    np.array(w) for w in (tiny.encoder.feature_mean, tiny.encoder.feature_deviation)
)
x = (f - mu) / sigma  # (B, L, D)
m = np.tanh(x @ W_m + b_m)  # (B, L, U)
d = np.tanh(x.mean(axis=1) @ W_d + b_d)  # (B, U)
alignments = []
for t in range(4):
    alpha = softmax((np.tanh((d @ W_1)[:, None] + m @ W_2) @ v)[..., 0])  # (B, L)
    c = sigmoid(d @ w_g + b_g) * np.einsum("bl,blu->bu", alpha, m)  # (B, U)
    d = np.array(cell.cell(np.concatenate([E[y[:, t]], c], axis=-1), [d])[0])
    a = np.tanh(np.concatenate([c, d], axis=-1) @ W_c)
    compare(f"word {t + 1}", logits[:, t], a @ E.T + b)
    alignments.append(alpha)

# %% [markdown]
# $\alpha_t$는 저마다 *자리*에 걸친 합이 1이다. 그대로 두면 모델은 모든 낱말에서 가운데만
# 보고 다른 데는 결코 보지 않을 수도 있다. **이중 확률(doubly stochastic)** 어텐션은
# *낱말*에 걸쳐 합해도 자리마다 1쯤 받을 것을 요구하고, 손실에 다음을 더한다.
#
# $$\lambda\, \frac{1}{L} \sum_l \Bigl(1 - \sum_t \alpha_{tl}\Bigr)^2$$

# %%
tiny((f, y), training=True)
looked = np.sum(alignments, axis=0)  # (B, L)
compare("doubly stochastic", tiny.losses[0], np.mean((1 - looked) ** 2))
print("\n", inspect.getsource(AttentionCaptioner.alignment_penalty))

# %% [markdown]
# `AttentionCaptioner`는 그 밖에는 위의 모델과 같고, 같은 그림에서 같은 에폭 수만큼
# 배운다.

# %%
attending = new_model(AttentionCaptioner)
attending_history = fit(attending)

# %%
drawing.curves(
    {
        name: {"one look": history[key], "with attention": attending_history[key]}
        for name, key in (
            ("training loss", "loss"),
            ("validation CIDEr-D", "val_cider_d"),
        )
    }
)

# %% [markdown]
# 어텐션이 있는 쪽의 손실에는 이중 확률 항이 들어 있으므로, 두 손실은 견줄 수 없다. 모델이
# 스스로 쓴 캡션의 CIDEr-D는 검증 그림의 손실이 벌써 다시 올라간 뒤에도 계속 오를 수 있다.
# 그래서 레시피들은 CIDEr-D를 따른다.
#
# 그림 몇천 장은 적다. COCO에는 100,000장이 넘게 있다. 모델 모음에는 나란히 배우고 함께
# 말하는 세 구성원으로 된 모델이 있고, 이 모델은 ImageNet의 부류 이름을 빌려 쓸 수도 있다.
# 그것이 패키지에 들어 있으면 아래의 절들은 그 모델을, 없으면 우리 모델을 보여 준다.
# (`kerasrnn train caption-stamps-attention`이 십 분에 걸쳐 학습시킨다.)

# %%
from kerasrnn.catalogue import load_recipe

NAME = "caption-stamps-attention"
if NAME in AttentionCaptioner.presets:
    captioner = AttentionCaptioner.from_preset(NAME)
    print(f"the preset {NAME}: {captioner.count_params():,} parameters,", end=" ")
    print(load_recipe(NAME).score)
else:
    captioner = attending
    print("the model trained above, with", captioner.count_params(), "parameters")

# %%
seen = test_features.astype("float32")
written["with attention"] = attending.generate(seen, verbose=0)
best = "with attention"
if captioner is not attending:
    best = "the preset"
    written[best] = captioner.generate(seen, verbose=0)
written[f"{best}, shuffled"] = [written[best][row] for row in shuffled]
means = print_scores(written)
if not SMALL:
    assert means[best] > 5 * means[f"{best}, shuffled"]
    assert means[best] > means["with attention"]

# %% [markdown]
# 이 그림들에서 어텐션은 한 번 보기보다 별로 나을 것이 없고, 이 쪽의 두 모델은 모두
# 상대에게 진다. 프리셋은 도장에서 상대를 이기고, 이모지에서는 조금 뒤진다.
#
# ## 8. 어디를 보았나
#
# `caption_attention`은 캡션을 쓰면서 어텐션 가중치를 남긴다. 도표는 낱말마다 그림을 한
# 번씩 보여 주고, 회색인 곳은 보지 않은 곳이다. 글자까지 똑같이 맞힌 캡션이 있으면 그
# 가운데 가장 긴 것을 고른다.

# %%
from kerasrnn.inspection import caption_attention, caption_attention_figure

scores = cider_d(written[best], test.captions).scores
order = np.argsort(-scores, kind="stable")
right = [
    row
    for row in order
    if caption_tokens(written[best][row]) in map(caption_tokens, test.captions[row])
]
print(f"{len(right)} of {len(test)} captions are right to the letter\n")
right.sort(key=lambda row: -len(set(written[best][row].split())))
telling = list(dict.fromkeys([*right, *order]))[:2]
for row, picture in zip(telling, test.pictures(telling), strict=True):
    looks = caption_attention(captioner, picture)
    drawing.page(caption_attention_figure(*looks, folder / f"looks_{row}.png"))
    print(f"model: {written[best][row]}    people: {' / '.join(test.captions[row])}\n")

# %% [markdown]
# 이 그림들은 한가운데에 사물 하나씩을 보여 줄 뿐, 다음에 볼 둘째 사물은 거의 없다. 그래서
# 지도는 넓게 퍼진다. 그림마다 아래에 적힌 가장 큰 가중치는 십분의 일쯤이거나 그보다 작고,
# 어디나 똑같이 보았다면 $1/49 ≈ 0.02$였을 것이다. "a"에서는 가중치가 사물을 둘러싼 바탕에
# 놓이고, 사물의 이름에서는 사물이나 그 가장자리에 놓인다. 사람들이 무언가를 타고 들고 그
# 위에 앉아 있는 COCO의 사진이라면, 지도가 사물에서 사물로 옮겨 가기를 기대할 만하다.
#
# 낱말마다 그림을 얼마나 받는가? 게이트에게 물어보자. (구성원이 여럿인 모델이라면 첫째의
# 게이트다.)

# %%
row = telling[0]
ids = captioner.preprocessor([written[best][row]])  # (1, T)
encoding, decoder = captioner.encoder(seen[row : row + 1]), captioner.decoder
states, x = decoder.initial_state(encoding.vectors), decoder.embedding(ids[:, :-1])
cell = decoder.recurrent.cell
memory = cell.prepare_memory(encoding.memory)
for t, token in enumerate(captioner.preprocessor.target_tokens(ids[:, 1:]).numpy()[0]):
    query = np.array(states[0])
    gate = sigmoid(query @ np.array(cell.gate_kernel) + np.array(cell.gate_bias))
    print(f"{token.decode():12} gate {gate[0, 0]:.2f}")
    _, states = cell(x[:, t], states, memory=memory)

# %% [markdown]
# 눈에 보이는 것을 이르는 낱말에서는 게이트가 크고 "a"에서는 그보다 작으리라 기대할 만하다.
# 이 캡션에서는 그렇지 않다. 게이트는 모든 낱말에서, 마침표에서도 열려 있고, 끝에 가서 조금
# 덜 열린다. 다음 캡션에서는 그렇다. "a"에서 0.75, "clock"에서 0.98이다. 게이트가 무엇을 위한
# 것인지 말하기에 캡션 둘은 너무 적다.
#
# ### 한 스텝씩
#
# 낱말 둘을 7절의 수식대로 천천히 본다. 셀은 GRU다(1쪽의 4절). 여기서는 셀이 나아가기
# *전의* 상태가 묻는다. 그림 전체의 평균에서 나온 $d_0$이 첫 낱말에서 어디를 볼지 고른다.
# 슬라이드는 가중치를 $a_1$, 문맥 벡터를 $z_1$이라 부르고, 이 쪽은 $\alpha_1$과 $c_1$이라
# 쓴다.
#
# $$\begin{aligned}
# e_{tl} &= v^\top \tanh(W_1 d_{t-1} + W_2 m_l), \qquad \alpha_t = \mathrm{softmax}(e_t) \\
# c_t &= \sigma(w_g\, d_{t-1} + b_g) \textstyle\sum_l \alpha_{tl}\, m_l \\
# d_t &= \mathrm{cell}([E\,y_{t-1};\, c_t],\; d_{t-1})
# \end{aligned}$$
#
# 구성원이 여럿인 모델이라면 첫째이고, 이름을 빌려 쓰기 전이다. 그래서 캡션이 짧은 도장
# 가운데 첫째 구성원 혼자서도 처음 두 낱말을 똑같이 말했을 것을 찾고, 그중 점수가 가장
# 높은 것을 고른다.


# %%
def gru(x, h, W, U, b):
    """One step of a GRU: the state (U,) after an input x (D,) and a state h (U,)."""
    x_z, x_r, x_g = np.split(x @ W + b[0], 3)
    h_z, h_r, h_g = np.split(h @ U + b[1], 3)
    z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
    return z * h + (1 - z) * np.tanh(x_g + r * h_g)


target, decoder = captioner.preprocessor, captioner.decoder
stamps = rows_by_kind(test)["stamps"]
short = [r for r in order if r in stamps and len(written[best][r].split()) <= 4]
ids = target([written[best][r] for r in short]).numpy()  # (N, T)
encoding = captioner.encoder(seen[short])
told = decoder(ids[:, :2], encoding.vectors, memory=encoding.memory)
says_so = np.argmax(told.logits, axis=-1) == ids[:, 1:3]  # (N, 2)
place = says_so.all(axis=1).argmax()
row, y = short[place], ids[place]  # (T,)
print(f"model: {written[best][row]}    people: {' / '.join(test.captions[row])}")

cell = decoder.recurrent.cell
E, b = decoder.embedding.embeddings.numpy(), decoder.output_bias.numpy()
W_d, b_d = decoder.bridge[0].get_weights()
W_m, b_m = captioner.encoder.feature_layer.get_weights()
W_1, W_2, v = cell.attention.get_weights()
w_g, b_g, W_c = (w.numpy() for w in (cell.gate_kernel, cell.gate_bias, cell.kernel))
mu, sigma = (
    w.numpy()
    for w in (captioner.encoder.feature_mean, captioner.encoder.feature_deviation)
)


def words_of(ids):
    """The words of token ids (N,)."""
    return [word.decode() for word in target.target_tokens(ids[None]).numpy()[0]]


x = (seen[row] - mu) / sigma  # (L, D)
m = np.tanh(x @ W_m + b_m)  # (L, U)
d, steps = np.tanh(x.mean(axis=0) @ W_d + b_d), []  # d_0, (U,)
for t in (1, 2):
    read, chosen = words_of(y[t - 1 : t + 1])
    step = {"read": read, "before": d, "chosen": chosen}
    e = (np.tanh(d @ W_1 + m @ W_2) @ v)[:, 0]  # (L,)
    alpha, gate = softmax(e), sigmoid(d @ w_g + b_g)[0]  # (L,), a number
    c = gate * (alpha @ m)  # (U,)
    d = gru(np.concatenate([E[y[t - 1]], c]), d, *cell.cell.get_weights())
    p = softmax(np.tanh(np.concatenate([c, d]) @ W_c) @ E.T + b)  # (V,)
    five = np.argsort(-p)[:5]
    step |= {"words": list(zip(words_of(five), p[five], strict=True)), "p": p}
    step |= {"scores": e, "weights": alpha, "gate": gate, "context": c, "state": d}
    steps.append(step)

drawing_attention.caption_steps(read_images(test.pictures([row]), 224)[0], steps)

# %% [markdown]
# 자리마다 점수와 가중치가 있다. 어디나 똑같이 본다면 2 %다. 게이트에 $m_l$의 가중 평균을
# 곱한 것이 $c_t$이고, 셀은 그것을 $y_{t-1}$과 함께 읽는다. $c_t$와 $d_t$에서 가장 그럴듯한
# 낱말들이 나온다. 초록색인 것이 캡션에 있는 낱말이고, 스텝 2에서 읽는다. 그때는 $d_0$이
# 아니라 $d_1$이 묻는다. 두 지도를 견주어 보라. 벡터마다 유닛 여덟 개를 보이는데, 0보다
# 크면 빨갛고 작으면 파랗다. $d_t$는 처음 여덟 개이고, $c_t$는 두 스텝 사이에 가장 많이
# 달라지는 것들이다.
#
# 같은 두 스텝에서 라이브러리가 내는 값과 견주고, 가중치가 두 스텝에서 얼마나 같은 자리에
# 놓이는지 본다.

# %%
prepared = decoder.prepare(encoding.memory[place : place + 1])
vectors = [[one[place : place + 1] for one in encoding.vectors[0]]]
state = decoder.initial_state(vectors)
for t, step in enumerate(steps, 1):
    query = step["before"][None, None]  # (B, T, U)
    scores_of_places = cell.attention.score(query, prepared["memory"]["keys"])[0, 0]
    context, _ = cell.attention(query[0], prepared["memory"]["memory"])
    compare(f"d_{t - 1}", step["before"], state[0][0])
    told, state = decoder.step(y[t - 1 : t], state, prepared)
    compare("  scores", step["scores"], scores_of_places)
    compare("  weights", step["weights"], told.alignments[0])
    compare("  context", step["context"], step["gate"] * context[0])
    compare(f"  d_{t}", step["state"], state[0][0])
    compare("  p(y)", step["p"], keras.ops.softmax(told.logits)[0])
same = np.minimum(*(step["weights"] for step in steps)).sum()
print(f"\nweight on the same places at both steps: {same:.0%}")

# %% [markdown]
# ## 9. 탐욕적 탐색과 빔 탐색
#
# 탐욕적 탐색은 가장 그럴듯한 낱말을 고르고 나면 되돌릴 수 없다. 빔은 첫머리를 여러 개
# 지닌다. 캡션은 짧아서 넓은 빔이 번역에서만큼 결과를 바꾸지는 않지만, 모델이 그 밖에
# 무엇을 그럴듯하게 여겼는지 보여 준다.

# %%
some = [order[0], order[len(order) // 2]]
captions, beam_scores = captioner.generate(
    seen[some],
    search="beam",
    beam_width=5,
    n_best=3,
    length_penalty=1.0,
    return_scores=True,
)
for row, candidates, of_them in zip(some, captions, beam_scores, strict=True):
    print(f"people: {' / '.join(test.captions[row])}\ngreedy: {written[best][row]}")
    for caption, score in zip(candidates, np.ravel(of_them), strict=True):
        print(f"{score:8.2f}  {caption}")
    print()

# %%
beams = {f"{best}, greedy": written[best]}
for width in (3, 5):
    beams[f"{best}, beam of {width}"] = captioner.generate(
        seen, search="beam", beam_width=width, length_penalty=1.0, verbose=0
    )
means = print_scores(beams)

# %% [markdown]
# 빔은 모델이 더 그럴듯하게 여기는 캡션을 찾아내지만, 여기서는 그것이 더 나은 캡션은
# 아니다.
#
# ## 10. 전시, 실패한 것까지
#
# 평균은 모든 것을 가린다. 테스트 캡션을 점수 순서로 놓고, 가장 좋은 넷, 가운데의 넷,
# 마지막 넷을 본다.

# %%
from kerasrnn.inspection import caption_gallery_figure

middle = len(order) // 2
chosen = [*order[:4], *order[middle - 2 : middle + 2], *order[-4:]]
drawing.page(
    caption_gallery_figure(
        read_images(test.pictures(chosen), 160),
        [test.captions[row] for row in chosen],
        [written[best][row] for row in chosen],
        folder / "gallery.png",
        scores=scores[chosen],
    )
)
print(f"{np.mean(scores < 0.1):.0%} of the captions have a score below 0.1")

# %% [markdown]
# 캡션은 대부분 틀렸고, 목록의 가운데부터 이미 틀렸다. *어떻게* 틀리는지를 보라. 학습
# 그림에 한 번도 나오지 않는 것은 이름을 댈 수가 없다. 그룹은 통째로 나뉘므로, 하나뿐인
# 바다코끼리가 테스트 자료에 있으면 배운 캡션 어디에도 그 낱말이 없다. 어떤 실패는 실패가
# 아니다. 캡션은 그럴 만한데 참조 캡션이 다른 말을 하는 것이고, 어느 점수도 그것을 알지
# 못한다.
#
# `write_gallery`는 모든 테스트 그림을 넘겨 볼 수 있는 웹 페이지를 만든다.

# %%
from kerasrnn.inspection import write_gallery

gallery = write_gallery(
    folder / "gallery.html", test.read(), test.captions, written[best], scores
)
print(gallery.name, f"{gallery.stat().st_size / 1e6:.1f} MB, open it in a browser")

# %% [markdown]
# ## 11. 여러분의 그림
#
# 여기에 그림의 경로를 넣으라. 없으면 matplotlib에 함께 들어 있는 그레이스 호퍼 제독의
# 사진을 쓴다.

# %%
MINE = ""  # such as "holiday.jpg"

mine = pathlib.Path(
    MINE or f"{matplotlib.get_data_path()}/sample_data/grace_hopper.jpg"
)
print(captioner.generate(mine))
drawing.page(
    caption_attention_figure(*caption_attention(captioner, mine), folder / "mine.png")
)

# %% [markdown]
# 이 모델은 이모지와 도장을 알 뿐 다른 것은 모르니, 사람의 사진을 두고 하는 말은 믿지
# 말자. 그림이 아닌 것에는 캡션 대신 까닭을 말하는 오류가 나온다.

# %%
(folder / "not_a_picture.png").write_text("This is a text.")
try:
    captioner.generate(folder / "not_a_picture.png")
except ValueError as error:
    print(str(error).replace(str(folder), "…"))

# %% [markdown]
# ## 12. 서비스
#
# `export`는 SavedModel을 쓴다. 그림의 바이트가 들어가고, 캡션과 그 점수와 낱말마다 본
# 곳이 나온다. 파일을 풀고, 인코더의 크기에 맞추고, 인코더와 낱말을 따라 도는 반복을
# 돌리는 일을 모두 TensorFlow의 연산으로 한다. 아래의 프로세스는 keras도 kerasrnn도 가져올
# 수 없다.

# %%
exported = captioner.export(folder / "captioner", version=1)

program = """
import pathlib
import sys

sys.modules["keras"] = sys.modules["kerasrnn"] = None  # neither can be imported
import tensorflow as tf

serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
answer = serve(tf.constant([pathlib.Path(sys.argv[2]).read_bytes()]))
print(answer["caption"].numpy()[0].decode())
print(tuple(answer["attention"].shape))
"""
answer = subprocess.run(
    [sys.executable, "-X", "utf8", "-c", program, str(exported), str(mine)],
    capture_output=True,
    encoding="utf-8",
    check=True,
).stdout
caption, shape = answer.splitlines()
print(f"{caption!r}, attention {shape}: (B, T, L)")
assert caption == captioner.generate(mine)
print("TensorFlow alone gives the same caption")

# %% [markdown]
# ## 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/03_image_captioning.py`에 있다.
#
# 1. CIDEr-D가 매기는 무게로 볼 때 낱말은 얼마나 드문가? `captions`에는 그림마다 캡션의
#    목록이 있다. 캡션 가운데 하나에라도 그 낱말이 나오는 *그림*을 세라. 어느 그림에도
#    없는 낱말은 그림 하나에 나오는 것으로 친다.

# %%
from exercises import check


def rareness(word, captions):
    return ...


check("03_image_captioning", rareness=rareness)

# %% [markdown]
# 2. 어디를 보았나? `weights`는 그림의 자리 7 × 7개의 어텐션 가중치를 한 행씩 이어 (49,)로
#    만든 것이고, 그림은 가로와 세로가 모두 224화소다. 가중치가 가장 큰 자리의 한가운데에
#    있는 화소의 행과 열을 돌려주라.


# %%
def looked_at(weights):
    return ...


check("03_image_captioning", looked_at=looked_at)

# %% [markdown]
# 3. 새는 곳: `groups`는 그림마다 어느 그룹에 속하는지, `of_test`는 그것이 테스트
#    그림인지를 말해 준다. 테스트 그림 가운데 같은 그룹의 그림이 나머지 쪽에도 있는 것의
#    비율은 얼마인가?


# %%
def leaked(groups, of_test):
    return ...


check("03_image_captioning", leaked=leaked)

# %% [markdown]
# 검사 없이:
#
# 4. 2절에서 `name_of`의 `re.sub`를 빼 보라. `share_known`은 이제 어떤 새는 곳을 보지
#    못하는가? 원래부터 보지 못하는 것은 무엇인가? (*힌트: 직업이 같은 남자와 여자.*)
# 5. 3절에서 `place`를 구석으로 옮기고, 다른 그림도 써 보라. 자리들은 어디서부터 비슷하지
#    않은가?
# 6. 6절에서 둘째 그림에 대해 "a red car"보다 점수가 높으면서 더 나쁜 캡션을 찾으라.
#    (*힌트: 문법은 아무도 묻지 않는다.*) 그리고 둘째 그림이 세상에 혼자 있다면 점수는
#    얼마인가? (*힌트: log 1.*)
# 7. 첫째 모델을 *뒤섞은* 그림의 특징으로 학습시켜 보라. 학습 손실은 얼마나 낮아지고,
#    모델은 무엇을 쓰는가? 그것이 병 그 자체다.
# 8. `AttentionCaptioner`에서 `attention_regularization=0.0`으로, 다음에는 10으로 두어
#    보라. 지도는 어떻게 되고, 점수는 어떻게 되는가? 캡션은 낱말이 넷쯤이고 그림은 자리가
#    49개다. 자리마다 모두 1을 받을 수 있는가?
# 9. `gated=False`로 두어 보라. 이렇게 짧은 캡션에서 잃는 것이 있는가?
# 10. `nearest_neighbour_captions`에 `k=5`를 주어 보라. 그러면 나머지 넷에 가장 가까운
#     캡션을 고른다. 더 나은가? 어느 종류에서 그런가? (*힌트: 어느 깃발의 이웃 다섯은
#     무엇이라고 하는가?*)
# 11. 한국어 캡션: `load_captions("stamps_and_emoji", name, config="ko")`. 분할은 같다. 그
#     밖에 무엇이 같으며, 두 언어의 CIDEr-D를 견주어도 되는가?
# 12. 여러분의 사진 백 장과, 줄마다 `file<tab>caption`이 적힌 `captions.tsv`로 폴더를
#     만들고, 1절의 자리에 `read_captions(folder)`를 놓으라. 모델은 여러분의 캡션 가운데
#     무엇을 가장 먼저 배우는가?
