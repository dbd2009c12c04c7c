# %% [markdown]
# # 8. 스텝마다 레이블
#
# 여럿에서 여럿으로, 스텝마다. 입력이 있는 만큼 레이블이 있고, 저마다 제자리에 있다.
# 낱말마다의 품사, 센서 기록의 순간마다의 운동이 그렇다. 무언가를 쓰지도 않고 하나로
# 모으지도 않으므로, 모델은 순환 모델 가운데 가장 단순하고, 물음은 다른 데 있다. 한 스텝은
# 무엇을 알아도 되는가, 그리고 레이블들은 서로를 아는가. 이 쪽에서는 다음을 한다.
#
# 1. 세어서 낱말에 품사를 달고, 세기만 해서는 알 수 없는 것을 본다.
# 2. 문장을 앞에서 뒤로, 그다음에는 양쪽에서 읽는다.
# 3. 한 번도 본 적 없는 낱말의 글자를 읽는다.
# 4. 레이블의 시퀀스를 통째로 평가한다: CRF, 모두 직접 계산해서.
# 5. 학습된 모델을 살펴본다: 무엇을 확신하고 무엇을 혼동하는가.
# 6. 수로 된 프레임으로 같은 일을 한다.
# 7. 스스로 검사하는 연습 문제를 푼다.
#
# 모양을 나타내는 글자는 라이브러리 전체에서 같다. **B**는 배치, **T**는 스텝, **D**는
# 특징, **U**는 유닛이고, 여기서는 **C**도 쓴다. 레이블의 수다.
# [1쪽](01_recurrent_layers.ko.ipynb)에 나오는 게이트와 마스크는 안다고 본다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,train]'`을 실행한 다음, 이 노트북이나
# 그 옆의 `.py` 파일을 돌린다.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import itertools
import pathlib
import tempfile
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops

from kerasrnn import layers
from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_tagging
from kerasrnn.inspection import tagged_frames_figure, tagged_words_figure
from kerasrnn.text import SpelledWordTokenizer
from kerasrnn.zoo import SequenceTagger

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page draws


def show(path, width=10):
    """A picture that the library drew."""
    image = plt.imread(path)
    height = width * image.shape[0] / image.shape[1]
    figure = plt.figure(figsize=(width, height), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image)
    axes.axis("off")
    plt.show()


# %% [markdown]
# ## 1. 세기
#
# 브라운 말뭉치는 1961년의 미국 영어 낱말 백만 개에 사람이 품사를 단 것이다. 문서를 단위로
# 나누었으므로, 한 이야기가 두 부분에 들어가는 일은 없다. 빨리 끝내기 위해 그 작은
# 일부에서 배운다. 5절의 프리셋은 전부에서 배웠다.

# %%
part = "train[:1%]" if SMALL else "train[:8%]"
train = load_tagging("brown_tagged", part)
validation = load_tagging("brown_tagged", "validation[:5%]" if SMALL else "validation")
print(f"{len(train):,} sentences, {train.steps:,} words to learn from")
first = [len(tags) > 8 for tags in train.tags].index(True)
for word, tag in zip(train.inputs[first], train.tags[first], strict=True):
    print(f"{word}/{tag}", end=" ")

# %% [markdown]
# `nn`은 명사, `vbd`는 동사의 과거형, `at`은 관사, `in`은 전치사다. `-tl`은 제목에 나온
# 낱말이라는 표시다. 첫째 모델은 센다. 낱말마다 가장 자주 가진 품사를 달고, 새 낱말에는
# 전체에서 가장 흔한 품사를 단다.

# %%
counts = collections.defaultdict(collections.Counter)
for words, tags in zip(train.inputs, train.tags, strict=True):
    for word, tag in zip(words, tags, strict=True):
        counts[word][tag] += 1
counts = dict(counts)
total = sum(counts.values(), collections.Counter())
commonest = total.most_common(1)[0][0]
best = {word: of_word.most_common(1)[0][0] for word, of_word in counts.items()}


def accuracies(predicted, sequences=validation):
    """The share of right tags: of all words, of new ones, of ambiguous ones."""
    right = collections.defaultdict(list)
    for words, tags, found in zip(
        sequences.inputs, sequences.tags, predicted, strict=True
    ):
        for word, tag, answer in zip(words, tags, found, strict=True):
            right["all"].append(tag == answer)
            if word not in counts:
                right["new"].append(tag == answer)
            elif len(counts[word]) > 1:
                right["ambiguous"].append(tag == answer)
    return {name: float(np.mean(of)) for name, of in right.items()}


table = {
    "counting": accuracies(
        [[best.get(w, commonest) for w in ws] for ws in validation.inputs]
    )
}


def show_table():
    print(f"{'':24}" + "".join(f"{name:>12}" for name in ("all", "ambiguous", "new")))
    for name, row in table.items():
        print(
            f"{name:24}"
            + "".join(f"{row[k]:12.1%}" for k in ("all", "ambiguous", "new"))
        )


show_table()

# %% [markdown]
# 낱말은 대부분 거의 언제나 한 품사를 가지므로, 이것만으로도 꽤 멀리 간다. 하지 못하는
# 것은, 할 수 있다는 *can*과 깡통인 *can*을 구별하는 일, 그리고 본 적 없는 낱말에 대해
# 무엇이든 말하는 일이다. 앞의 일에는 둘레의 낱말이, 뒤의 일에는 그 낱말의 글자가
# 필요하다.
#
# ## 2. 한 스텝은 무엇을 알아도 되는가
#
# 스텝 $T$개 가운데 스텝 $t$에서 이 쪽의 모델은 다음과 같다.
#
# $$\begin{aligned}
# x_t &= [E_{word_t},\ s_t] && \text{낱말과 그 철자(3절)}\\
# \overrightarrow{h}_t &= \mathrm{LSTM}(x_t, \overrightarrow{h}_{t-1}) &
# \overleftarrow{h}_t &= \mathrm{LSTM}(x_t, \overleftarrow{h}_{t+1})\\
# e_t &= W\,[\overrightarrow{h}_t, \overleftarrow{h}_t] + b && \text{레이블마다의 점수}\\
# p(y_t \mid x) &= \mathrm{softmax}(e_t)_{y_t}
# \end{aligned}$$
#
# 어느 상태도 버리지 않고, 다음 스텝 말고는 어디에도 넘기지 않는다. $e_t$는 $t$ 앞의 모든
# 낱말을 $\overrightarrow{h}_t$를 통해서, 뒤의 모든 낱말을 $\overleftarrow{h}_t$를 통해서
# 본다. 문장은 길이가 다르므로, 패딩은 계층에서도 손실에서도 마스크로 가린다.
#
# `SequenceTagger`는 문장을 낱말의 목록이나 낱말 사이에 빈칸이 있는 문자열로, 그리고
# 그만큼의 레이블을 받는다. 먼저 앞에서 뒤로만 읽는다.

# %%
labels = [tag for tag, _ in total.most_common()]
tokenizer = SpelledWordTokenizer(least_count=2, max_letters=12)
tokenizer.adapt([" ".join(words) for words in train.inputs])
print(
    f"{tokenizer.vocabulary_size:,} words, {tokenizer.letter_count} letters, {len(labels)} tags"
)
print(tokenizer(["The cans"]).numpy())  # of each word its number, then its letters


def trained(name, epochs=1 if SMALL else 3, **options):
    """A tagger that learned from the training part."""
    keras.utils.set_random_seed(1)
    units = 16 if SMALL else 64
    settings = {"units": units, "num_layers": 1, "dropout": 0.3, "letter_units": 24}
    model = SequenceTagger(
        preprocessor=tokenizer, labels=labels, **{**settings, **options}
    )
    model.compile(keras.optimizers.Adam(0.005))
    known = [i for i, tags in enumerate(train.tags) if tags]
    begin = time.perf_counter()
    model.fit(
        [train.inputs[i] for i in known],
        [train.tags[i] for i in known],
        epochs=epochs,
        verbose=0,
    )
    print(f"{name}: {time.perf_counter() - begin:.0f} s")
    table[name] = accuracies(model.tag(validation.inputs))
    return model


forwards = trained("forwards", bidirectional=False)
both = trained("from both ends")
show_table()

# %% [markdown]
# 언어 모델은 결코 앞날을 보아서는 안 되지만, 문장 전체가 이미 있는 곳에서 품사를 다는
# 모델은 보아도 된다. 뒤에 오는 낱말도 앞에 온 낱말만큼 많은 것을 말해 준다. 낱말이 아직
# 들어오는 동안에 레이블이 필요하다면, `bidirectional=False`가 그 모델이다. CRF가 없으면
# `kerasrnn.export.streaming(model.parts()["model"])`이 그것으로 한 스텝짜리 모델을 만든다.
#
# ## 3. 한 번도 본 적 없는 낱말
#
# 어휘에 없는 낱말은 모두 번호가 1이다. 그래도 백지는 아니다. 번호 옆에 그 글자들이 있고,
# 작은 순환 계층이 글자를 양쪽에서 읽는다.
#
# $$ s_t = [\,\overrightarrow{r}_L,\ \overleftarrow{r}_1\,], \qquad
# \overrightarrow{r}_l = \mathrm{LSTM}(E_{letter_l}, \overrightarrow{r}_{l-1}), $$
#
# 그래서 *-ly*, *-ness*, *un-*, 그리고 대문자가 보인다. 모델의 나머지가 이것을 믿도록
# 배우게 하는 것이 둘 있다. 한 번 나오는 낱말은 어휘에서 빼고(`least_count=2`),
# `word_dropout`은 나머지 가운데 몇 개를 가린다. 끝이 서로 다른 지어낸 낱말들을 저마다
# 관사와 마침표 사이에 두고, 무엇으로 여기는지 보자.

# %%
for word in ("blorped", "blorping", "blorpish", "blorply", "blorps", "Blorpton"):
    (tags,), (sure,) = both.tag([["The", word, "."]], return_probabilities=True)
    print(f"The {word:9} .   {tags[1]:8} {sure[1]:.2f}")

# %% [markdown]
# 자리도 글자만큼 크게 말한다. 관사 뒤에 있고 그 뒤에 아무것도 없는 것은 명사다. 그래서
# *blorply*와 *blorpish*는 부사와 형용사처럼 끝나는데도 0.88과 0.93으로 명사라고 여긴다.
# 글자는 자리와 다투지 않는 곳에서 정한다. *-s*는 복수형(`nns`)을, 대문자는 이름(`np`)을
# 만든다. *-ed*와 *-ing*에서는 둘이 어긋나고, 어느 레이블도 0.46을 넘지 못한다.
#
# 글자가 없으면 둘레의 낱말 말고는 기댈 것이 없다. 글자를 하나도 모르는 토크나이저는 모든
# 낱말에 같은 철자를 준다.

# %%
blind = SpelledWordTokenizer(tokenizer.get_vocabulary(), letters="", max_letters=2)
spelled, tokenizer = tokenizer, blind
no_letters = trained("without letters", letter_units=1, letter_dim=1)
tokenizer = spelled
show_table()
if not SMALL:
    assert table["from both ends"]["new"] > table["without letters"]["new"]

# %% [markdown]
# ## 4. 서로를 아는 레이블
#
# 지금까지는 레이블을 저마다 따로 골랐다. 그러나 레이블에는 그 나름의 규칙이 있다. 관사
# 다음에 동사는 오지 않고, `I-PERSON`은 `B-PERSON`이나 `I-PERSON` 다음에만 온다. **조건부
# 무작위장**(conditional random field, CRF)은 무엇 다음에 무엇이 올 수 있는지를 담은 행렬
# $A$로, 시퀀스 $y$ 전체에 점수를 매긴다.
#
# $$ s(x, y) = \mathrm{start}_{y_1} + \sum_{t=1}^{T} e_t(y_t)
# + \sum_{t=2}^{T} A_{y_{t-1} y_t} + \mathrm{end}_{y_T}, \qquad
# p(y \mid x) = \frac{e^{s(x, y)}}{\sum_{y'} e^{s(x, y')}} $$
#
# 아래쪽의 합에는 항이 $C^T$개 있다. 레이블 셋과 스텝 다섯이면 243개이고, 모두 적어 볼 수
# 있다.

# %%
crf = layers.CRF(3)
for weight in crf.weights:
    weight.assign(rng.normal(size=weight.shape))
A, start, end = (np.asarray(w, "float64") for w in crf.weights)
e = rng.normal(size=(5, 3)) * 2  # (T, C)


def score(y):
    """s(x, y) of one sequence of labels."""
    inside = sum(e[t, y[t]] for t in range(5)) + sum(
        A[a, b] for a, b in itertools.pairwise(y)
    )
    return start[y[0]] + inside + end[y[-1]]


everything = list(itertools.product(range(3), repeat=5))
scores = np.array([score(y) for y in everything])
log_z = np.log(np.exp(scores).sum())
print(
    f"{len(everything)} sequences, log Z = {log_z:.4f}, the best is {everything[scores.argmax()]}"
)

# %% [markdown]
# **전방 알고리즘**(forward algorithm)은 같은 합을 연산 $T \cdot C^2$번에 구한다.
# $\alpha_t(j)$는 스텝 $t$에서 레이블 $j$로 끝나는 모든 첫머리에 걸친 합의 로그다.
# 첫머리마다 더 짧은 첫머리에 한 스텝을 더한 것이다.
#
# $$ \alpha_1 = \mathrm{start} + e_1, \qquad
# \alpha_t(j) = e_t(j) + \log \sum_i \exp\big(\alpha_{t-1}(i) + A_{ij}\big), \qquad
# \log Z = \log \sum_j \exp\big(\alpha_T(j) + \mathrm{end}_j\big) $$

# %%
alpha = start + e[0]  # (C,)
for t in range(1, 5):
    alpha = e[t] + np.log(np.exp(alpha[:, None] + A).sum(axis=0))
forward_log_z = np.log(np.exp(alpha + end).sum())
print(f"forward algorithm: log Z = {forward_log_z:.4f}")
assert abs(forward_log_z - log_z) < 1e-9

truth = everything[17]
by_hand = score(truth) - log_z
by_layer = float(crf.log_likelihood(e[None], [truth])[0])
print(f"log p of {truth}: by hand {by_hand:.4f}, the layer {by_layer:.4f}")
assert abs(by_hand - by_layer) < 1e-4

# %% [markdown]
# 합의 자리에 최댓값을 놓고 그것이 어디서 왔는지를 적어 두면, 같은 반복이 가장 좋은
# 시퀀스를 찾는 **비터비 알고리즘**이 된다(연습 문제 2). 그리고 한 스텝에서 레이블
# *하나*의 확률은 거기에 그 레이블이 있는 시퀀스들의 몫이고, 반대쪽 끝에서 오는 반복이
# 그것을 준다.

# %%
found, best_score = crf.decode(e[None])
assert tuple(np.asarray(found)[0]) == everything[scores.argmax()]
assert abs(float(best_score[0]) - scores.max()) < 1e-4
shares = np.exp(scores - log_z)
by_counting = np.array(
    [
        [
            sum(p for y, p in zip(everything, shares, strict=True) if y[t] == c)
            for c in range(3)
        ]
        for t in range(5)
    ]
)
np.testing.assert_allclose(crf.marginals(e[None])[0], by_counting, atol=1e-5)
print("the layer's marginals are those shares")

# %% [markdown]
# 모델에서는 인자 하나면 된다. 그러면 `fit`이 줄이는 것은 문장 전체의
# $-\log p(y \mid x)$다.

# %%
with_crf = trained("with a CRF", crf=True)
show_table()

# %% [markdown]
# 규칙을 얼마나 배웠는가? 아래에서 행은 레이블이고 열은 그다음에 올 수 있는 것이다. 가장
# 흔한 것들만 그렸다. 파란 것은 환영받고, 붉은 것은 그렇지 않다.

# %%
shown = [labels.index(t) for t in labels[:14]]
matrix = np.asarray(ops.convert_to_numpy(with_crf.crf.transitions))[
    np.ix_(shown, shown)
]
limit = np.abs(matrix).max()
figure, axes = plt.subplots(figsize=(5.6, 5))
image = axes.imshow(matrix, cmap="RdBu", vmin=-limit, vmax=limit)
names = [labels[n] for n in shown]
axes.set_xticks(range(len(names)), names, rotation=90)
axes.set_yticks(range(len(names)), names)
axes.set_xlabel("the next label")
axes.set_ylabel("a label")
axes.set_title("transitions A")
figure.colorbar(image, shrink=0.8)
plt.show()

# %% [markdown]
# ## 5. 학습된 모델
#
# 모음에 있는 모델은 학습 자료 전부에서 배웠다. 어떻게 배웠는지는 레시피에, 무엇이
# 나왔는지는 카드에 있다.

# %%
NAME = "tag-brown"
tagger = SequenceTagger.from_preset(NAME)
print(f"the preset {NAME}: {tagger.count_params():,} parameters,", end=" ")
print(load_recipe(NAME).score)
sentences = [
    "The old man the boats while the young can can the fish .",
    "Time flies like an arrow , but fruit flies like a banana .",
    "The blorpish snerfs galumphed unhappily past Fooville .",
]
show(tagged_words_figure(tagger, sentences, folder / "tagged.png"))

# %% [markdown]
# 낱말마다 아래에 그 레이블과, 모델이 그것을 얼마나 그럴듯하게 여기는지가 퍼센트로 있다.
# 무엇을 확신하지 못하는지 보라. 둘째 *can*(75), 둘째 *flies*(65), 아무도 본 적 없는
# *blorpish*(81)다. 앞의 둘은 틀렸다. 하나는 본동사고 하나는 명사다. 그러나 틀리면서 확신할
# 수도 있다. *man*은 읽는 사람도 걸려 넘어지는 곳으로, 그 문장의 동사인데 100으로 명사(`nn`)라고
# 한다.
#
# 확률 0.9는 열에 아홉 번 맞는가? 검증 자료의 낱말을 확률에 따라 일곱 묶음으로 나누고,
# 묶음마다 몇이나 맞는지 본다.

# %%
some = slice(0, 200 if SMALL else 1500)
tags, sure = tagger.tag(validation.inputs[some], return_probabilities=True)
right = np.concatenate(
    [
        np.array(a) == np.array(b)
        for a, b in zip(tags, validation.tags[some], strict=True)
    ]
)
sure = np.concatenate(sure)
edges = [0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0001]
for low, high in itertools.pairwise(edges):
    inside = (sure >= low) & (sure < high)
    if inside.any():
        print(
            f"probability {low:4.2f} to {min(high, 1):4.2f}: {inside.sum():6,} words, "
            f"{right[inside].mean():6.1%} right"
        )
print(f"all: {right.mean():.1%} right")

# %% [markdown]
# 다른 곳에서도 같은 답을 한다. `tagger.export(folder, format="onnx")`나 `"litert"`가 쓰는
# 파일은 CRF의 가장 좋은 시퀀스인 `tags`와 `probabilities`를 내놓는다
# ([7쪽](07_serving.ko.ipynb)).
#
# ## 6. 프레임
#
# 센서는 수를 주고, 레이블은 순간마다 필요하다. 인코더 말고는 모두 그대로다. $x_t$는
# 프레임 자체이고, 수마다 $(x_{td} - \mu_d) / \sigma_d$로 다른 수들과 척도를 맞추며,
# $\mu$와 $\sigma$는 모델 안에 남는다. 열 사람이 시계를 차고 일곱 가지 운동 가운데 하나를
# 했다. 모델은 그 가운데 여섯 사람을 보았다.

# %%
SENSORS = "tag-smartwatch"
watch = SequenceTagger.from_preset(SENSORS)
print(f"the preset {SENSORS}: {watch.count_params():,} parameters,", end=" ")
print(load_recipe(SENSORS).score)
strangers = load_tagging("smartwatch_exercises", "test")
print(
    f"{len(strangers)} recordings of two other people, {len(strangers.channels)} numbers a frame"
)
pieces = [x[400:600] for x in strangers.inputs[:8]]
truth = [tags[400:600] for tags in strangers.tags[:8]]
show(tagged_frames_figure(watch, pieces, folder / "watch.png", true=truth))

# %% [markdown]
# 윈도의 레이블은 그 프레임들이 가장 많이 가진 것이다. 윈도는 얼마나 길어야 하는가?

# %%
for seconds in (0.5, 1, 2, 4):
    cut = strangers.windows(int(50 * seconds))
    some = range(0, len(cut), 8 if SMALL else 1)
    found = watch.tag([cut.inputs[n] for n in some])
    hits = [
        collections.Counter(tags).most_common(1)[0][0] == cut.tags[n][0]
        for n, tags in zip(some, found, strict=True)
    ]
    print(f"{seconds:3} s: {np.mean(hits):.1%} of {len(hits):,} windows right")

# %% [markdown]
# ## 7. 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/08_labels_for_every_step.py`에 있다.
#
# 1. 낱말만 보고 학습 자료를 본 모델이라면, *어떤* 모델이든 많아야 낱말을 몇이나 맞힐 수
#    있는가? `counts`는 학습 자료의 낱말마다 품사를 저마다 몇 번 가졌는지 말해 주고,
#    `commonest`는 나머지 모두에 대한 추측이며, `words`와 `tags`는 평가에 쓸 것이다.

# %%
from exercises import check


def ceiling(counts, commonest, words, tags):
    return ...


check("08_labels_for_every_step", ceiling=ceiling)

# %% [markdown]
# 2. 비터비 알고리즘: `e` (T, C), `A` (C, C), `start`와 `end` (C,)에서 가장 좋은 레이블
#    시퀀스를 수 T개의 목록으로 구하라.


# %%
def viterbi(e, A, start, end):
    return ...


check("08_labels_for_every_step", viterbi=viterbi)

# %% [markdown]
# 3. CRF가 올바른 BIO 레이블을 내려면, 곧 `I-X`가 `B-X`나 `I-X` 다음에만 오려면 어떤
#    전이를 금해야 하는가? 참거짓 값의 행렬로 나타내라. 열의 레이블이 행의 레이블 다음에
#    올 수 있는 곳이 True다. 레이블이 맨 앞에 올 수 있는지 없는지는 둘째 배열로 나타내라.

# %%
bio = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
may_follow = ...  # (5, 5)
may_begin = ...  # (5,)

check("08_labels_for_every_step", may_follow=may_follow, may_begin=may_begin)
print("Every label in its place")

# %% [markdown]
# 검사 없이:
#
# 4. CRF는 양쪽에서 읽는 모델보다 앞에서 뒤로만 읽는 모델에 더 도움이 되는가? 둘을
#    학습시켜 보고, 왜 그런지 말하라.
# 5. 6절에서 두 기록을 섞어 보라. 하나에서 이 초, 다른 하나에서 이 초를 가져온다. 모델이
#    바뀐 것을 보는 데 얼마나 걸리는가? 오기 전에 미리 보는가, 그렇다면 어떻게 그럴 수
#    있는가?
#
# ## 참고 문헌
#
# Francis, W. N. and Kučera, H. (1979), Brown corpus manual. Lafferty, J., McCallum, A.
# and Pereira, F. (2001), Conditional random fields. Lample, G. et al. (2016), Neural
# architectures for named entity recognition (철자와 CRF). Ling, W. et al. (2015), Finding
# function in form. Burns, D. M. et al. (2018), Shoulder physiotherapy exercise
# recognition.
