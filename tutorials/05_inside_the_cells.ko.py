# %% [markdown]
# # 5. 셀 들여다보기
#
# 글자 언어 모델은 읽은 모든 것을 수 몇백 개로 기억한다. 그 안에 무엇을 지니고 있을까?
# Karpathy, Johnson and Fei-Fei(2016)는 들여다보고 누구나 읽을 수 있는 셀들을 찾아냈다.
# 따옴표 안에서 켜지는 셀, 줄의 길이를 세는 셀, C 코드의 들여쓰기를 따라가는 셀이 있었다.
# 그들은 눈으로 찾았다. 이 쪽은 탐색으로 찾는다. 다음을 본다.
#
# 1. 글을 읽는 동안 유닛마다 한 일을 기록하는 방법
# 2. 그 가운데 하나를 살펴보는 방법
# 3. 셀이 따라갈 만한 것을 글의 특징으로 적어 두기
# 4. 유닛이 특징을 얼마나 잘 말해 주는가: 곡선 아래 넓이
# 5. 셰익스피어와 성경을 읽은 모델들의 셀
# 6. C 코드를 읽은 모델의 셀
# 7. 대조군: 무작위 가중치는 얼마나 아는가
# 8. 게이트: LSTM과 GRU에서 늘 열려 있는 것과 늘 닫혀 있는 것
#
# 모양을 나타내는 글자는 라이브러리 전체에서 같다. **T**는 스텝, **U**는 유닛이다.
# [1쪽](01_recurrent_layers.ko.ipynb)에 나오는 게이트와
# [4쪽](04_character_language_model.ko.ipynb)에 나오는 글자 언어 모델은 안다고 본다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,train]'`을 실행한 다음, 이 노트북이나
# 그 옆의 `.py` 파일을 돌린다. 셰익스피어의 희곡, 리눅스 일부의 C 파일, 영어 성경을
# 내려받는다.
# 그림은 `drawing.py`와 `drawing_language.py`가 그리며, 읽지 않아도 된다.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import pathlib
import tempfile

import drawing
import drawing_language
import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_documents
from kerasrnn.text import CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes

# %% [markdown]
# 모델은 둘이다. 하나는 희곡을, 하나는 C 코드를 읽었다. 성경을 읽은 셋째 모델은 5절에
# 나온다. 모델 모음의 프리셋이 패키지에 들어 있으면 그것을 쓰고, 없으면 작은 모델을 몇 분
# 동안 학습시킨다.


# %%
def trained(documents, cell="lstm"):
    """A small model of some documents."""
    keras.utils.set_random_seed(1)
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(documents)
    model = CharLanguageModel(
        preprocessor=tokenizer, cell=cell, num_layers=1, units=128 if SMALL else 256
    )
    rate = 8e-3 if SMALL else 4e-3
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0))
    model.fit(documents, batch_size=16, epochs=4 if SMALL else 2, verbose=0)
    return model


def first_of(documents, each, characters):
    """The beginnings of documents, so many characters in all."""
    parts = [document[:each] for document in documents]
    return parts[: max(1, characters // each)]


def model_and_text(name, data):
    """A model, and documents that it has not learned from."""
    if name in CharLanguageModel.presets:
        model, kind = CharLanguageModel.from_preset(name), "a preset"
        print(f"the preset {name}: {model.count_params():,} parameters,", end=" ")
        print(load_recipe(name).score)
    else:
        documents = load_documents(data, "train")
        size = 250_000 if SMALL else 1_000_000
        model = trained(first_of(documents, 25_000, size))
        kind = "trained here"
    # There are few plays, and chapters are short.
    each = {"shakespeare_plays": 30_000, "kernel_c": 12_000}.get(data, 4_000)
    each = min(each, 12_000 if SMALL else each)
    documents = load_documents(data, "test")
    if data == "world_english_bible":  # whose books differ, so by chance
        order = np.random.default_rng(0).permutation(len(documents))
        documents = [documents[place] for place in order]
    text = first_of(documents, each, 24_000 if SMALL else 240_000)
    bits = model.evaluate([document[:2000] for document in text], verbose=0)
    print(
        f"{data}: {kind}, {model.num_layers} × {model.units} units, "
        f"{sum(map(len, text)):,} characters to look at, "
        f"{bits['bits_per_character']:.2f} bits per character on their beginnings\n"
    )
    return model, text


bard, plays = model_and_text("chars-shakespeare", "shakespeare_plays")
hacker, sources = model_and_text("chars-kernel-c", "kernel_c")

# %% [markdown]
# ## 1. 기록
#
# `record`는 글을 읽으며 글자마다 모든 유닛이 한 일을 남긴다. 상태와, 그것을 만든
# 게이트들이다.

# %%
from kerasrnn.inspection import record

passage = sources[0][:2000]
recording = record(hacker, passage)
print(recording)


def compare(name, ours, theirs):
    """Print the largest difference, relative to the values; stop if it is a real one."""
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-4, name


# %% [markdown]
# 행 $t$는 글자 $t$를 읽은 뒤의 값이다. LSTM의 수식은 한 행에서 다음 행으로 성립한다.
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot \tilde c_t, \qquad h_t = o_t \odot \tanh(c_t)$$

# %%
of_layer = recording.layers[0]
i, f, o = (of_layer[f"{name}_gate"] for name in ("input", "forget", "output"))
c, h = of_layer["cell"], of_layer["hidden"]  # (T, U)
compare("c_t", c[1:], f[1:] * c[:-1] + i[1:] * of_layer["candidate"][1:])
compare("h_t", h, o * np.tanh(c))

# %% [markdown]
# 유닛 몇 개를 나란히 놓았다. 빨강은 양수, 파랑은 음수다. 글자마다 바뀌는 것도 있고, 여러
# 글자 동안 그대로인 것도 있다. 우리가 찾는 것은 뒤의 것이다. (거의 움직이지 않는 유닛은
# 뺐다.)

# %%
out = np.tanh(c)  # what a cell can let out
lively = np.flatnonzero(out.std(axis=0) >= np.median(out.std(axis=0)))
change = np.abs(np.diff(out, axis=0)).mean(axis=0) / (out.std(axis=0) + 1e-6)
order = lively[np.argsort(change[lively])]
span = slice(300, 390)
drawing_language.activations(
    passage[span], out[span][:, np.concatenate([order[:8], order[-8:]])], 8
)

# %% [markdown]
# ## 2. 글 위에 놓고 본 유닛 하나
#
# 글자마다 배경색은 그 글자를 읽었을 때 유닛이 한 일이다. 그림으로 그리는 것, HTML
# 페이지로 쓰는 것, 터미널에 색으로 찍는 것이 있다. 위의 유닛들 가운데 가장 느린 것을
# 본다.

# %%
from kerasrnn.inspection import colored_text_figure, colored_text_html

slow = int(order[0])
out_of_it = np.tanh(recording.unit("cell", layer=0, unit=slow))  # (T,)
drawing.page(
    colored_text_figure(
        passage[:900],
        out_of_it[:900],
        folder / "slow.png",
        title=f"layer 0, cell {slow}",
    ),
    photographs=False,
)
page = folder / "slow.html"
colored_text_html(passage, out_of_it, page, title=f"cell {slow}")
print(page.name, f"{page.stat().st_size / 1000:.0f} kB, open it in a browser")

# %% [markdown]
# 무엇을 하는 유닛인지 알겠는가? 한 번 보고 나면 알 것 같은 기분이 들기 쉽다. 유닛은 수백
# 개이고, 수백 개 가운데는 언제나 무언가를 뜻하는 듯한 것이 있다. 그러니 보기 *전에*
# 무엇을 찾는지 적어 두자.
#
# ## 3. 특징
#
# `text_features`는 글자마다 그것이 무엇의 안에 있는지 말해 준다. 대문자처럼 마지막 한두
# 글자만 보면 알 수 있는 것은 뺐다. 어떤 특징들은 거의 같다. 희곡에서 대괄호는 무대
# 지시이고 한 겹보다 깊어지지 않는다. 하나를 두고 이름이 둘이면 발견을 두 번 세게 되므로,
# 상관 계수가 0.9를 넘는 것들 가운데서는 첫째만 남긴다.

# %%
from kerasrnn.inspection import text_features


def different_features(documents):
    """The features of a text, without those that are nearly another one."""
    everything, kept = text_features(documents), {}
    # True or false comes first, numbers after.
    for name in sorted(everything, key=lambda name: everything[name].dtype != bool):
        values, same = everything[name], None
        kind = f"true of {values.mean():.1%}"
        if values.dtype != bool:
            kind = f"from {values.min():.0f} to {values.max():.0f}"
        if values.std() == 0:
            same = "left out: always the same"
        for other, others in kept.items():
            if not same and np.corrcoef(values, others)[0, 1] > 0.9:
                same = f"left out: nearly “{other}”"
        if not same:
            kept[name] = values
        print(f"  {name:25}{kind:18}{same or ''}".rstrip())
    return kept


print("Shakespeare:")
of_plays = different_features(plays)
print("C:")
of_sources = different_features(sources)

start = passage.find("\n", 700) + 1
drawing_language.features(
    passage[start : start + 95],
    {
        name: values[start : start + 95]
        for name, values in text_features(passage, kind="c").items()
        if values.dtype == bool
    },
)

# %% [markdown]
# ## 4. 점수
#
# 유닛은 수를 가지고, 특징은 참이거나 거짓이다. 하나가 다른 하나를 얼마나 잘 말해 주는가?
# 특징이 참인 글자 하나와 거짓인 글자 하나를 고른다. 앞의 글자에서 유닛의 값이 더 클
# 확률이 **ROC 곡선 아래 넓이**다.
#
# $$\mathrm{AUC} = P(a_t > a_s \mid t \text{에서 참}, s \text{에서 거짓})$$
#
# 0.5는 우연이고, 1은 완벽한 스위치이며, 0은 부호가 뒤집힌 스위치다. 문턱값을 고를 필요가
# 없다. 그런데 함정이 있다. 고를 수 있는 유닛이 $U$개나 되므로, 가장 좋은 것은 운만으로도
# 0.5를 넘는다. 그래서 **글의 한 부분에서 유닛과 그 부호를 고르고, 다른 부분에서
# 평가한다**. `find_cells`는 이것을 모든 유닛과 모든 특징에 대해 한꺼번에 한다.

# %%
from kerasrnn.inspection import find_cells

in_c = find_cells(hacker, sources, of_sources)
print(in_c)

# %% [markdown]
# 첫 줄의 수를 직접 구해 보자. 평가하는 부분에서 글자의 쌍을 무작위로 뽑는다.

# %%
cell = next(found for found in in_c.best() if found.score_name == "AUC")
joined, cut = "".join(sources), in_c.sizes[0]
if cell.feature in of_sources:
    feature = of_sources[cell.feature]
else:  # a number, above its median
    number = of_sources[cell.feature.rpartition(" > ")[0]]
    feature = number > np.median(number[:cut])
unit = record(hacker, sources, names=[cell.name], streams=16).unit(
    cell.name, layer=cell.layer, unit=cell.unit
)
there = rng.choice(np.flatnonzero(feature[cut:]), 20_000) + cut
elsewhere = rng.choice(np.flatnonzero(~feature[cut:]), 20_000) + cut
difference = cell.sign * (unit[there] - unit[elsewhere])
by_hand = np.mean(difference > 0) + np.mean(difference == 0) / 2
print(
    f"{cell.feature}: {by_hand:.3f} of 20,000 pairs, find_cells says {cell.score:.3f}"
)
assert abs(by_hand - cell.score) < 0.02

# %% [markdown]
# ## 5. 셰익스피어

# %%
in_plays = find_cells(bard, plays, of_plays)
print(in_plays)

# %%
from kerasrnn.inspection import found_cells_figure


def draw_best(model, text, found, features, most, of=None):
    """A picture for each of the best cells: AUC above 0.9, and no unit twice.

    `of` asks for the best cell of one feature in their place.
    """
    names = {}
    for cell in found.best():
        if cell.score_name == "AUC" and (cell.score > 0.9 or SMALL):
            names.setdefault((cell.layer, cell.name, cell.unit), cell.feature)
    for name in [of] if of else list(names.values())[:most]:
        path = found_cells_figure(
            model,
            text,
            found,
            folder / "cell.png",
            features=features,
            most=[name],
            characters=300,
        )
        drawing.page(path, photographs=False)


draw_best(bard, plays, in_plays, of_plays, 3)

# %% [markdown]
# 희곡과 C에서는 AUC가 0.9를 넘는 셀만 그렸고, 글은 평가하는 부분에서 가져왔다. 셀마다
# 척도가 따로 있어서, 거기서 유닛이 가장 낮았던 값부터 가장 높았던 값까지다. 특징이 참인
# 곳에는 밑줄을 그었다. 줄 안의 위치를 따라가는 셀은 비탈처럼 보인다. 줄이 언제 끝나야
# 하는지 알면 도움이 된다. 줄 바꿈도 여느 글자와 같은 글자이고, 뜻밖에 나오면 비트가 들기
# 때문이다.
#
# 수로 된 특징은 두 번 평가한다. 한 번은 피어슨 상관 계수 $|r|$로, 한 번은 중앙값에서 둘로
# 나누어 AUC로 한다. 좀처럼 참이 아닌 특징은 평가할 글자가 얼마 없으니, 점수를 믿기 전에
# 3절에서 그 비율을 보라. 그리고 표에는 실패도 있다. 끝에 있는 줄들은 *어느* 유닛도 잘
# 말해 주지 못하는 특징이다.
#
# **따옴표 셀.** 희곡은 말하는 사람의 이름을 적으므로 따옴표가 필요 없다. 영어 산문에는
# 따옴표가 있고, Karpathy, Johnson, Fei-Fei가 맨 먼저 보여 준 셀이 그 안에서 켜지는 셀이다.
# World English Bible의 따옴표는 둥글어서 여는 것인지 닫는 것인지 말해 준다. 그래서 무엇이
# 따옴표 안에 있는지 글만 보고도 확실히 안다. 고른 유닛 152는 앞의 유닛들만큼 잘 말해 주지
# 못해서 AUC가 0.730이고, 그래도 그려 본다.

# %%
scribe, chapters = model_and_text("chars-bible", "world_english_bible")
of_chapters = different_features(chapters)
in_chapters = find_cells(scribe, chapters, of_chapters)
print(in_chapters)

# %%
draw_best(scribe, chapters, in_chapters, of_chapters, 1, of="inside double quotes")

# %% [markdown]
# 첫 따옴표에서 바뀌고, 되돌아오는 것은 느리다. 두 말 사이에 있는 것도 푸르다. 성경의 말은
# 길고, 말 안에 다른 말이 들어 있다. 그래서 가장 잘 말해 준 유닛 다섯에게, 말이 시작한 지 몇
# 글자가 지났는지에 따라 같은 물음을 다시 던진다.


# %%
def auc(true, false):
    """How often a number of the first kind is above one of the second."""
    above = np.searchsorted(np.sort(false), true).sum()
    return above / max(len(true) * len(false), 1)


candidates = in_chapters.cells["inside double quotes"]
inside, cut = of_chapters["inside double quotes"], in_chapters.sizes[0]
since = np.zeros(len(inside), int)  # characters since the mark, 0 outside
for place in np.flatnonzero(inside):
    since[place] = since[place - 1] + 1
kinds = sorted({cell.name for cell in candidates})
states = record(scribe, chapters, names=kinds, streams=16)
ends = [0, 20, 60, 120, 250, 600, 10_000]
judged = np.digitize(since[cut:], ends, right=True)  # 0 outside, then by distance
print(f"{'AUC, characters after the mark':34}", *(f"to {end:<5}" for end in ends[1:]))
for cell in candidates:
    unit = cell.sign * states.unit(cell.name, layer=cell.layer, unit=cell.unit)[cut:]
    scores = [auc(unit[judged == n], unit[judged == 0]) for n in range(1, len(ends))]
    name = f"layer {cell.layer} {cell.name} {cell.unit}"
    print(f"{name:34}", *(f"{score:<8.3f}" for score in scores))
lengths = since[:-1][(since[:-1] > 0) & (since[1:] == 0)]
print(
    f"half of the speeches are longer than {np.median(lengths):.0f} characters, ",
    end="",
)
print(f"a tenth than {np.quantile(lengths, 0.9):.0f}")

# %% [markdown]
# 유닛 132가 따옴표 셀이다. 따옴표 뒤 120글자까지 0.96을 넘는다. 표에는 152가 있다. 유닛을
# 고르는 부분에서 앞섰기 때문이다. 평가하는 부분인 여기서는 거의 모든 거리에서 132가 앞선다.
# 이제 와서 그것을 고른다면, 평가하는 글을 보고 고르는 것이 된다.
#
# 뒤로 갈수록 모든 유닛이 점점 모른다. 하나님이 한 장 내내 말하는 곳의 한가운데에서는, 앞의
# 글자 몇백 개 가운데 어느 것도 그렇다고 말해 주지 않는다. 셀은 그것을 한두 문장 동안 나를
# 수 있고, 이 모델은 그만큼을 배웠다. 줄의 글자를 세는 유닛은 없다. 그래서 이 모델이 쓰는
# 줄은 길이가 제각각이다.
#
# ## 6. C 코드
#
# C에는 시보다 따라갈 구조가 많고, 그 구조는 정확하다. 표는 4절에 있다. 여기서는 가장 좋은
# 셀들이 일하는 모습을 본다.

# %%
draw_best(hacker, sources, in_c, of_sources, 3)

# %% [markdown]
# 주석은 `*/`로 끝나고, 그때까지는 모두 영어다. 주석 안에 있는지 아닌지 모르는 모델은
# 글자마다 비트를 잃는다.
#
# 이것들은 서로 다른 셀 몇 개인가? 유닛 하나가 여러 특징에서 가장 좋을 수 있고, 그렇다면
# 그것은 여러 발견이 아니라 한 발견이다.

# %%
for name, found in (
    ("Shakespeare", in_plays),
    ("the Bible", in_chapters),
    ("C", in_c),
):
    units = collections.defaultdict(list)
    for cell in found.best():
        if cell.score_name == "AUC":
            units[f"layer {cell.layer} {cell.name} {cell.unit}"].append(cell.feature)
    print(f"{name}: {sum(map(len, units.values()))} features, {len(units)} units")
    for unit, features in units.items():
        print(f"  {unit:18}{', '.join(features)}")

# %% [markdown]
# 중괄호의 깊이를 말해 주는 유닛은 들여쓰기도 말해 준다. C에서는 중괄호에 따라 들여쓰기
# 때문이다. "우리가 얼마나 깊이 있는가"를 나타내는 한 셀이다.
#
# ## 7. 대조군
#
# 무작위 가중치를 가진 신경망은 텅 빈 것이 아니다. 그 상태는 마지막 글자들이 섞인 것이고,
# 마지막 글자들에서 많은 것을 알 수 있다. 탭 다음이면 줄의 처음이고, 소문자 다섯 개
# 다음이면 매크로 안일 리가 거의 없다. `untrained_copy`는 배우기 전의 같은 모델이다. 고를
# 수 있는 유닛의 수를 똑같이 하고 같은 탐색을 한다.

# %%
from kerasrnn.inspection import untrained_copy

panels = {}
for name, model, text, features, found in (
    ("Shakespeare", bard, plays, of_plays, in_plays),
    ("the Bible", scribe, chapters, of_chapters, in_chapters),
    ("C", hacker, sources, of_sources, in_c),
):
    control = find_cells(untrained_copy(model, seed=1), text, features)
    panels[name] = {
        feature: (cells[0].score, control.cells[feature][0].score)
        for feature, cells in found.cells.items()
        if cells[0].score_name == "AUC"
    }
    print(f"{name:28}trained  random")
    for feature, (score, by_chance) in panels[name].items():
        print(f"  {feature:25}{score:8.3f}{by_chance:8.3f}")
drawing_language.control(panels)

# %%
pairs = [pair for panel in panels.values() for pair in panel.values()]
above = [sum(score > 0.9 for score in scores) for scores in zip(*pairs, strict=True)]
print(f"{len(pairs)} features, of which the trained units tell {above[0]} above 0.9.")
print(f"The random weights know {above[1]} above 0.9")
if not SMALL:
    assert above[0] > above[1]
    assert panels["C"]["inside a comment"][0] > 0.9
    assert panels["Shakespeare"]["inside brackets"][0] > 0.9

# %% [markdown]
# 제 대조군보다 훨씬 오른쪽에 있는 것이 배운 것이다. 둘이 비슷하면 그 특징은 쉬운 것이거나
# 아무도 말해 주지 못하는 것이고, "그것을 따라가는 셀"이라는 말에는 뜻이 없다. 대조군이
# 오른쪽에 있으면, 학습된 유닛은 운으로 뽑힌 것이고, 저를 뽑은 글에서 한 만큼을 다른
# 글에서는 하지 못한 것이다. 탐색의 표도 그렇게 말한다. 두 열을 견주어 보라. 희곡의
# 들여쓰기가 그렇다. 글의 앞 절반에서 가장 좋았던 유닛이 뒤 절반에서는 틀리고, 거기서는
# 무작위 가중치조차 더 잘 말해 준다.
#
# ## 8. 게이트
#
# 게이트는 0.1 아래로 거의 닫혀 있거나(왼쪽) 0.9 위로 거의 열려 있을 때(오른쪽)
# **포화되었다**고 한다. 유닛마다, 게이트가 열려 있는 글자의 비율과 닫혀 있는 글자의
# 비율을 좌표로 하여 그린다.

# %%
from kerasrnn.inspection import gate_saturation, gate_saturation_figure

documents = load_documents("shakespeare_plays", "train")
gated = trained(first_of(documents, 25_000, 150_000 if SMALL else 600_000), cell="gru")
some = [document[:2000] for document in plays]
recordings = {
    "LSTM": record(bard, some, streams=16),
    "GRU": record(gated, some, streams=16),
}
drawing.page(
    gate_saturation_figure(recordings, folder / "gates.png"), photographs=False
)

# %%
for name, recording in recordings.items():
    for number, gates in enumerate(gate_saturation(recording)):
        for gate, (left, right) in gates.items():
            print(
                f"{name:4} layer {number}, {gate:12} "
                f"shut {left.mean():5.1%}, open {right.mean():5.1%} of the time; "
                f"{np.sum(right > 0.9):3} units nearly always open, "
                f"{np.sum(left > 0.9):3} nearly always shut"
            )

# %% [markdown]
# 읽는 법은 이렇다.
#
# - 훨씬 오른쪽에 있는 **망각 게이트**는 가진 것을 남기는 유닛, 곧 긴 구간에 걸친 적분기의
#   것이다. 위층에 몇 개 있다. 축을 따라 훨씬 위쪽에 있는 것은 곧바로 잊는 유닛의 것이고,
#   그런 유닛은 순환이 없는 계층처럼 일한다.
# - 원점 가까이에 있는 유닛은 게이트가 완전히 열리거나 닫히는 일이 거의 없다. LSTM의
#   아래층이 그렇다. 대각선 위에 있는 유닛은 게이트가 언제나 둘 중 하나다. 스위치가
#   그렇다.
# - GRU에서는 $h_t = z \odot h_{t-1} + (1 - z) \odot \tilde h$이므로, **갱신 게이트**
#   $z$가 LSTM의 망각 게이트에 해당한다. 남기는 일과 쓰는 일을 게이트 하나로 하므로,
#   남기는 유닛은 쓸 수 없다. GRU의 갱신 게이트는 대부분 닫혀 있는 때가 많다. 이런 유닛은
#   한두 글자 동안만 살고, 오래 남기는 유닛은 몇 개뿐이다.
# - Karpathy et al.은 가장 아래층의 게이트가 위층보다 덜 포화되어 있음을 보았다. 여기서도
#   그렇다. 그들은 또 거의 언제나 열려 있는 망각 게이트를 많이 보았다. 여기서는 두 층
#   모두에서 *열려 있을 때보다 닫혀 있을 때가 많다.*

# %%
forget_gates = [gates["forget_gate"] for gates in gate_saturation(recordings["LSTM"])]
for number, (shut, opened) in enumerate(forget_gates):
    print(f"layer {number}: shut {shut.mean():5.1%}, open {opened.mean():5.1%}")
if not SMALL:
    assert all(shut.mean() > opened.mean() for shut, opened in forget_gates)
    assert np.mean(forget_gates[0]) < np.mean(forget_gates[1])

# %% [markdown]
# 어느 것에서도 너무 많은 것을 읽어 내지는 말자. 유닛은 대부분 이름 붙일 만한 것을 뜻하지
# 않고, 모델이 아는 것은 여러 유닛에 흩어져 있을 수 있으며, 특징을 *말해 주는* 유닛이 그
# 일에 *쓰이지는* 않을 수도 있다. 연습 문제 8을 보라.
#
# ## 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/05_inside_the_cells.py`에 있다.
#
# 1. 참거짓 값의 특징 `truth` (T,)에 대한, 유닛이 한 일 `values` (T,)의 곡선 아래 넓이.
#    값이 같은 쌍은 절반으로 센다.

# %%
from exercises import check


def auc(values, truth):
    return ...


check("05_inside_the_cells", auc=auc)

# %% [markdown]
# 2. 정직한 탐색: `units` (T, U)에서 글의 앞 절반으로 유닛과 그 부호를 고르고, 뒤 절반으로
#    평가하라. 유닛, 부호(1 또는 −1), 점수를 돌려주라.


# %%
def search(units, truth):
    return ...


check("05_inside_the_cells", search=search)

# %% [markdown]
# 3. 유닛마다 게이트가 0.1 아래로 거의 닫혀 있는 때와 0.9 위로 거의 열려 있는 때는 얼마나
#    되는가? `gate`는 (T, U)다.


# %%
def saturated(gate):
    shut = ...  # (U,)
    opened = ...  # (U,)
    return shut, opened


check("05_inside_the_cells", saturated=saturated)

# %% [markdown]
# 검사 없이:
#
# 4. 2절에서 셀 상태 대신 망각 게이트로 글을 칠해 보라. 느린 유닛은 어느 글자에서 잊는가?
#    (게이트는 0에서 1까지이므로 `2 * gate - 1`을 쓰라.)
# 5. 4절에서 두 부분을 바꾸어 보라: `choose_on=0.1`과 `0.9`. "held-out score"와 "when
#    chosen"은 얼마나 벌어지며, 왜 그런가?
# 6. 참거짓 값의 배열 (T,)로 특징을 직접 쓰고 찾아보라:
#    `find_cells(bard, plays, {"a name is speaking": ...})`. 시에서는 "이 줄은 운이 맞을
#    것이다"를 해 보라.
# 7. 상태가 아니라 *게이트*가 말해 주는 특징은 어느 것인가? `names=["input_gate"]`.
# 8. 셀 하나를 없애 보라. 순환 커널에서, 그리고 그 계층을 읽는 것에서 그 셀의 행을 0으로
#    두면 된다. 주석 안에서는 글자당 몇 비트가 더 들고, 밖에서는 몇 비트가 더 드는가?
#    무작위로 뽑은 유닛으로도 같은 것을 해 보라.
# 9. GRU에도 따옴표 셀과 줄 셀이 있는가? SimpleRNN, 곧
#    `trained(..., cell="simple_rnn")`에는 있는가?
# 10. 7절에서 시드 셋을 써 보라. 대조군들은 서로 얼마나 다른가? 학습된 것과 무작위인 것의
#     차이 가운데 어느 것을 그래도 보고하겠는가?
# 11. 두 특징이 사실은 하나일 수 있다. C의 주석은 줄의 처음에서 시작한다. 줄 안의 위치가
#     같은 글자들에서만 "inside a comment"를 평가해 보라. 무엇이 남는가?
# 12. 모델에 글을 쳐 넣어 보라. 따옴표가 끝내 닫히지 않는 글을 쓰고,
#     `colored_text_terminal`로 그 셀을 지켜보라. 얼마나 오래 기다리는가?
#
# ## 참고 문헌
#
# Karpathy, A., Johnson, J. and Fei-Fei, L. (2016), Visualizing and understanding
# recurrent networks. Hanley, J. and McNeil, B. (1982), The meaning and use of the area
# under a receiver operating characteristic (ROC) curve.
