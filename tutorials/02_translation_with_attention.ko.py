# %% [markdown]
# # 2. 어텐션을 쓰는 번역
#
# 번역기는 시퀀스를 하나 읽고, 길이도 순서도 다른 시퀀스를 하나 쓴다. 이 쪽에서는 다음을
# 본다.
#
# 1. 자료: 영어와 스페인어로 된 성서의 절
# 2. 모르는 낱말이 없도록 나눈 낱말의 조각
# 3. 단순한 인코더-디코더와 그 병목: 문장 전체를 담은 상태 하나
# 4. 어텐션: Bahdanau와 Luong의 수식을 코드 옆에
# 5. `model.fit`으로 하는 학습, 모델이 배우면서 하는 말을 지켜보며
# 6. 번역문 쓰기: 탐욕적 탐색, 표본 추출, 빔 탐색
# 7. 어텐션 지도: 어느 낱말이 어디를 보았나, 그리고 처음 두 스텝을 천천히
# 8. 그런 번역에서 나오는 수 BLEU, 그리고 그것이 말하지 않는 것
# 9. 글을 받아 글을 내놓는 SavedModel, TensorFlow만 있으면 된다
#
# 모양을 나타내는 글자는 라이브러리 전체에서 같다. **B**는 배치, **S**는 원문의 스텝,
# **T**는 번역문의 스텝, **U**는 유닛, **M**은 메모리의 크기, **V**는 어휘의 크기다.
# [1쪽](01_recurrent_layers.ko.ipynb)에 나오는 순환 계층은 안다고 본다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,translate,train]'`을 실행한 다음, 이
# 노트북이나 그 옆의 `.py` 파일을 돌린다. 모델 다섯을 학습시키고, 그 가운데 둘은 번역기다. 십
# 분쯤 걸린다.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import inspect
import pathlib
import subprocess
import sys
import tempfile

import drawing
import drawing_attention
import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn import layers

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes

# %% [markdown]
# ## 1. 자료
#
# `bible_en_es`에는 World English Bible과 1909년의 Reina-Valera의 절들이 있고, 둘 다
# 저작권이 없다. 한 장이 두 자료에 나뉘어 들어가는 일은 없다. 같은 장의 절들은 서로
# 되풀이되므로, 학습 자료의 절과 거의 같은 테스트 절로는 암기만 시험하게 된다. 다른 문장
# 쌍도 쓸 수 있다. `load_translation`은 TFDS 자료의 이름도, 줄마다 글과 탭과 번역이 있는
# 여러분의 `.tsv` 파일도 받는다.

# %%
from kerasrnn.data import load_translation

MAX_WORDS = 12 if SMALL else 20
train = load_translation(
    "bible_en_es", "train[:30%]" if SMALL else "train", max_words=MAX_WORDS
)
validation = load_translation(
    "bible_en_es", "validation[:40%]" if SMALL else "validation", max_words=MAX_WORDS
)
test = load_translation("bible_en_es", "test", max_words=MAX_WORDS)
for name, pairs in (("train", train), ("validation", validation), ("test", test)):
    print(f"{name:12}{pairs}")
for source, target in zip(validation.sources[:3], validation.targets[:3], strict=True):
    print(f"\n  {source}\n  {target}")

# %% [markdown]
# 모든 쌍이 번역인 것은 아니다. 두 성서가 절에 번호를 다르게 매긴 곳이 군데군데 있고, 그런
# 쌍은 서로 다른 이야기를 한다. 실제 자료가 그렇고, 학습은 그쯤은 견딘다.
#
# ## 2. 낱말의 조각
#
# 스페인어에는 *hablo, hablas, habló, hablaron, hablándoles*가 있다. 온전한 낱말로 어휘를
# 만들면 장마다 새 낱말을 만날 것이다. **바이트 쌍 인코딩**(byte-pair encoding, Sennrich
# et al. 2016)은 낱낱의 바이트에서 시작해, 가장 자주 나오는 이웃한 쌍을 거듭해서 하나로
# 합친다. 잦은 낱말은 조각 하나가 되고, 드문 낱말은 조각 여러 개로 적히며, 모르는 것은
# 없다.

# %%
from kerasrnn.text import PairTokenizer, SubwordTokenizer

PIECES = 600 if SMALL else 3000
english, spanish = (SubwordTokenizer(max_tokens=PIECES) for _ in range(2))
english.adapt(list(train.sources))
spanish.adapt(list(train.targets))


def pieces_of(tokenizer, text):
    """The pieces of a text, as the tokenizer's vocabulary shows them."""
    vocabulary = tokenizer.get_vocabulary()
    return [vocabulary[i] for i in tokenizer([text]).numpy()[0]]


for tokenizer, text in (
    (english, "He spoke unbelievably softly."),
    (spanish, "Hablándoles, ¿qué dijo?"),
    (spanish, "한국어"),
):
    print(*pieces_of(tokenizer, text))
    assert tokenizer.detokenize(tokenizer([text])).numpy()[0].decode() == text

# %% [markdown]
# ▁는 빈칸을, `<0xED>`는 어느 조각에도 들지 않는 바이트를 나타낸다. 한국어는 성서의 절에
# 나오지 않지만, 그래도 글은 번호에서 글자 하나 틀리지 않고 되돌아온다.
#
# `PairTokenizer`는 둘을 함께 담고 번역기에 필요한 것을 더한다. 원문마다 끝에 종료 토큰을,
# 번역문마다 앞뒤에 시작 토큰과 종료 토큰을 붙인다.

# %%
tokenizer = PairTokenizer(english, spanish)
print("source", tokenizer(["In the beginning"]).numpy())
print("target", tokenizer.target_ids(["En el principio"]).numpy())
print("start", tokenizer.start_id, " end", tokenizer.end_id)

# %% [markdown]
# ## 3. 병목
#
# 초기의 신경망 번역기(Sutskever et al. 2014; Cho et al. 2014)는 순환 신경망 둘로 되어
# 있다. **인코더**는 원문을 읽는다. 여기서는 양쪽에서 읽으므로, 상태마다 앞뒤의 낱말을
# 모두 본다.
#
# $$h_s = [\overrightarrow{h}_s; \overleftarrow{h}_s]$$
#
# **디코더**는 인코더가 끝에 기억하는 것에서 시작해 토큰을 하나씩 쓴다. 토큰마다 제 상태와
# 앞 토큰을 보고 정한다.
#
# $$\begin{aligned}
# d_0 &= \tanh(W_d\,[\overrightarrow{h}_S; \overleftarrow{h}_1]) \\
# d_t &= \mathrm{cell}(E\,y_{t-1},\; d_{t-1}) \\
# p(y_t) &= \mathrm{softmax}(E \tanh(W_o\, d_t) + b)
# \end{aligned}$$
#
# 학습할 때 $y_{t-1}$은 정답 토큰이고("교사 강요"), 쓸 때는 모델이 스스로 쓴 토큰이다.

# %%
drawing.translators()

# %% [markdown]
# 위의 그림에서는 화살표 하나가 모든 것을 나른다. 문장이 아무리 길어도 디코더가 받는 것은
# 크기가 정해진 벡터 $d_0$이다. 이것이 **병목**이다.

# %%
from kerasrnn.zoo import Seq2Seq, Seq2SeqAttention

UNITS = 64 if SMALL else 192


def new_model(model_class, **options):
    """A model of this page's size."""
    return model_class(
        tokenizer.source_vocabulary_size,
        tokenizer.target_vocabulary_size,
        start_id=tokenizer.start_id,
        end_id=tokenizer.end_id,
        units=UNITS,
        embedding_dim=UNITS,
        preprocessor=tokenizer,
        **options,
    )


plain = new_model(Seq2Seq)
for text in ("Jesus wept.", max(test.sources, key=len)):
    ids = tokenizer([text])
    encoding = plain.encoder(ids.numpy())
    memory, state = encoding.memory, plain.decoder.initial_state(encoding.vectors)
    print(f"{ids.shape[1]:3} tokens: all states {tuple(memory.shape)}", end="")
    print(f" -> the decoder gets {tuple(state[0].shape)}: {text[:40]}")

# %% [markdown]
# ## 4. 어텐션
#
# 아래의 그림은 인코더의 모든 상태를 **메모리** $m_1 … m_S$로 남겨 두고, 디코더가 낱말마다
# 그것을 새로 보게 한다. 디코더의 상태인 **쿼리** $q$로 자리마다 점수를 매기고,
# 소프트맥스가 점수를 합이 1인 가중치로 바꾼다. 그 가중치로 낸 평균이 **문맥 벡터**다.
#
# $$\alpha_{s} = \frac{\exp \mathrm{score}(q, m_s)}{\sum_{s'} \exp \mathrm{score}(q, m_{s'})},
# \qquad c = \sum_s \alpha_{s}\, m_s$$
#
# $\alpha$들이 **어텐션 가중치**이고, 정렬(alignment)이라고도 한다. 0과 1 사이의 수이고
# 기울기가 있으므로, 어느 낱말이 어느 낱말에 대응하는지 아무도 모델에게 알려 줄 필요가
# 없다. 모델은 그것을 다른 모든 것과 함께 배운다.
#
# ### Bahdanau 어텐션
#
# Bahdanau et al.(2015)은 작은 신경망으로 점수를 매긴다. $W_1$과 $W_2$가 공통의 공간으로
# 보내고, $v$가 거기서 수 하나를 꺼낸다.
#
# $$\mathrm{score}(q, m_s) = v^\top \tanh(W_1 q + W_2 m_s)$$


# %%
def softmax(scores):
    """exp / Σ exp over the last axis."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def bahdanau(query, memory, W1, W2, v):
    """Context (B, M) and alignments (B, S) of query (B, Q) and memory (B, S, M)."""
    z = np.tanh((query @ W1)[:, None] + memory @ W2)  # (B, S, U)
    alignments = softmax((z @ v)[..., 0])  # (B, S)
    return np.einsum("bs,bsm->bm", alignments, memory), alignments


def compare(name, ours, theirs):
    """Print the largest difference, and stop if there is a real one."""
    difference = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-5, name


query = rng.normal(size=(2, 6)).astype("float32")  # (B, Q)
memory = rng.normal(size=(2, 5, 8)).astype("float32")  # (B, S, M)

attention = layers.BahdanauAttention(4)
context, alignments = attention(query, memory)
by_hand = bahdanau(query, memory, *attention.get_weights())
compare("context", context, by_hand[0])
compare("alignments", alignments, by_hand[1])
print("\n", np.asarray(alignments).round(3), "\n")
print(inspect.getsource(layers.BahdanauAttention.score))

# %% [markdown]
# 쿼리와 메모리는 크기가 달라도 된다. $W_2 m_s$는 쿼리와 상관이 없다. 그래서 디코더는
# 그것을 낱말마다가 아니라 문장마다 한 번만 계산한다(`project_memory`, "키").
#
# ### Luong 어텐션
#
# Luong et al.(2015)은 세 가지 점수를 견주었다.
#
# $$\mathrm{score}(q, m_s) = \begin{cases}
# q^\top m_s & \text{dot} \\
# q^\top W m_s & \text{general} \\
# v^\top \tanh(W [q; m_s]) & \text{concat}
# \end{cases}$$
#
# 곱은 작은 신경망보다 싸다. "dot"은 쿼리와 메모리의 크기가 같아야 한다.


# %%
def luong_scores(query, memory, score, weights):
    """Scores (B, S) of query (B, Q) and memory (B, S, M)."""
    if score == "dot":
        return np.einsum("bq,bsq->bs", query, memory)
    if score == "general":
        return np.einsum("bq,qm,bsm->bs", query, weights[0], memory)
    W, v = weights
    repeated = np.repeat(query[:, None], memory.shape[1], axis=1)  # (B, S, Q)
    return (np.tanh(np.concatenate([repeated, memory], axis=-1) @ W) @ v)[..., 0]


for score in ("dot", "general", "concat"):
    asked = rng.normal(size=(2, 8)).astype("float32") if score == "dot" else query
    attention = layers.LuongAttention(score)
    _, alignments = attention(asked, memory)
    scores = luong_scores(asked, memory, score, attention.get_weights())
    compare(f"{score} and NumPy", alignments, softmax(scores))

# %% [markdown]
# 한 배치의 문장들은 길이가 같아지도록 패딩을 붙이는데, 패딩을 보아서는 안 된다.
# `memory_mask`가 있으면 가려진 자리는 거기 무엇이 있든 정확히 0을 받는다.

# %%
mask = np.array([[True, True, True, False, False], [True] * 5])  # (B, S)
attention = layers.LuongAttention("general")
spoiled = np.where(mask[..., None], memory, 1e3).astype("float32")
_, clean = attention(query, memory, memory_mask=mask)
_, same = attention(query, spoiled, memory_mask=mask)
compare("with rubbish in the padding", clean, same)
print(np.asarray(same).round(3))

# %% [markdown]
# ### 디코더 안에서
#
# 쿼리는 어디서 오고 문맥은 어디로 가는가? `AttentionCell`은 어떤 순환 셀이든 어텐션으로
# 감싼다. Luong et al.의 방식에서는 셀이 먼저 한 스텝 나아간 다음에 보고, 두 결과를
# 섞는다.
#
# $$\begin{aligned}
# d_t &= \mathrm{cell}(x_t, d_{t-1}) \\
# c_t &= \textstyle\sum_s \alpha_{ts} m_s, \qquad \alpha_t = \mathrm{attention}(d_t, m) \\
# a_t &= \tanh(W_c [c_t; d_t])
# \end{aligned}$$
#
# `input_feeding=True`이면 셀이 $a_{t-1}$도 읽으므로, 앞서 어디를 보았는지 안다.
# `attend="before"`이면 Bahdanau의 순서대로 $d_{t-1}$이 묻고 셀이 $c_t$를 읽는다. 직접 짠
# 반복과 계층을 견주어 보자.

# %%
cell = layers.AttentionCell(
    layers.GRUCell(6),
    layers.BahdanauAttention(4),
    attention_layer_size=5,
    return_alignments=True,
)
decoder = layers.RNN(cell, return_sequences=True)
x = rng.normal(size=(2, 3, 4)).astype("float32")  # (B, T, D)
outputs, alignments = decoder(x, memory=memory)  # (B, T, 5), (B, T, S)

d = np.zeros((2, 6), "float32")  # (B, U)
for t in range(3):
    d, _ = cell.cell(x[:, t], [d])
    c, a = bahdanau(np.asarray(d), memory, *cell.attention.get_weights())
    by_hand = np.tanh(np.concatenate([c, d], axis=-1) @ np.asarray(cell.kernel))
    compare(f"step {t + 1}, output", outputs[:, t], by_hand)
    compare(f"step {t + 1}, alignments", alignments[:, t], a)

# %% [markdown]
# ## 5. 학습
#
# 모델 모음의 두 모델은 모두 `keras.Model`이다. `Seq2SeqAttention`은 디코더에 이런 셀이 든
# `Seq2Seq`다. 크기와 자료와 학습이 모두 같으므로 공정한 비교다.
#
# 모델은 (원문, 번역문) 문자열의 배치가 든 `tf.data.Dataset`에서 배운다. 토크나이저는 모델
# 안에 있다. 배치의 폭은 그 안의 가장 긴 문장이 정하므로, 길이가 비슷한 문장끼리 모은다.
# 짧은 것은 많이, 긴 것은 적게 담는다.

# %%
from kerasrnn.data import batches_by_length

EPOCHS = 2 if SMALL else 5


def dataset_of(pairs, words, shuffle=False):
    """Batches of (source, target) strings of like length, of so many words a side."""
    lengths = [
        (len(source.split()), len(target.split()))
        for source, target in zip(pairs.sources, pairs.targets, strict=True)
    ]
    order = batches_by_length(lengths, max_tokens=words, seed=1, epoch=0)
    dataset = pairs.batches(order)
    return dataset.shuffle(len(order), seed=1) if shuffle else dataset


batches = dataset_of(train, words=350, shuffle=True)
for sources, targets in batches.take(1):
    print(sources.shape, sources.numpy()[0].decode(), "|", targets.numpy()[0].decode())

# %% [markdown]
# 손실은 패딩이 아닌 토큰들에 대한 $-\log p(y_t)$의 평균이고, `label_smoothing`을 쓴다. 곧
# 정답 토큰의 목표를 1이 아니라 0.9로 하고, 나머지를 다른 토큰들이 나누어 가진다.
# 퍼플렉시티는 그것을 뺀 손실의 지수다. 그만큼의 토큰이 똑같이 그럴듯할 때 모델은 꼭
# 그만큼 확신이 없을 것이다. 학습률은 처음에 올라가고(*warm-up*) 그 뒤에 내려간다. 손실은
# 실감하기 어려우므로, 콜백이 에폭마다 검증 자료의 절 몇 개를 번역한다. 무엇이 먼저
# 나타나는지 지켜보라. 처음에는 잦은 낱말, 다음에는 성서 스페인어의 어구, 그다음에 원문에
# 맞는 낱말이 나온다.

# %%
from kerasrnn.training import TranslationSamples

shown = np.argsort([abs(len(s.split()) - 9) for s in validation.sources])[:3]


def fit(model):
    """Train a model, and return its history."""
    steps = EPOCHS * int(batches.cardinality())
    warmup = min(300, steps // 4)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-5, decay_steps=steps - warmup, warmup_target=2e-3, warmup_steps=warmup
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate, global_clipnorm=1.0),
        loss="auto",
        metrics="auto",
    )
    samples = TranslationSamples(
        validation.sources[shown], validation.targets[shown], max_length=40
    )
    return model.fit(
        batches,
        validation_data=dataset_of(validation, words=1400),
        epochs=EPOCHS,
        callbacks=[samples],
        verbose=2,
    ).history


attending = new_model(Seq2SeqAttention, input_feeding=False)
history = fit(attending)

# %% [markdown]
# 이제 병목이 있는 모델을 같은 배치로 학습시킨다.

# %%
plain_history = fit(plain)

# %%
drawing.curves(
    {
        name: {"without attention": plain_history[key], "with": history[key]}
        for name, key in (
            ("training loss", "loss"),
            ("validation perplexity", "val_perplexity"),
        )
    }
)

# %% [markdown]
# 같은 배치에서 어텐션이 있는 쪽의 퍼플렉시티가 더 낮다.

# %%
lowest = {
    name: min(values["val_perplexity"])
    for name, values in (("without attention", plain_history), ("with", history))
}
for name, perplexity in lowest.items():
    print(f"validation perplexity {name:18}{perplexity:7.1f}")
if not SMALL:
    assert lowest["with"] < lowest["without attention"]

# %% [markdown]
# 몇 분 배운 모델은 초보자다. 모델 모음에는 더 오래 배운 더 큰 모델이 있다. 그것이
# 패키지에 들어 있으면 아래의 절들은 그 모델을, 없으면 우리 모델을 보여 준다.

# %%
from kerasrnn.catalogue import load_recipe

NAME = "translate-en-es"
if NAME in Seq2SeqAttention.presets:
    translator = Seq2SeqAttention.from_preset(NAME)
    print(f"the preset {NAME}: {translator.count_params():,} parameters,", end=" ")
    print(load_recipe(NAME).score)
else:
    translator = attending
    print("the model trained above, with", translator.count_params(), "parameters")

# %% [markdown]
# ## 6. 번역문 쓰기
#
# 모델은 $p(y_t \mid y_1 … y_{t-1}, \text{원문})$을 한 번에 토큰 하나씩 내놓는다. 그것으로
# 무엇을 할지는 다른 문제다.
#
# **탐욕적 탐색**은 언제나 가장 그럴듯한 토큰을 고른다.

# %%
verses = [
    "In the beginning, God created the heavens and the earth.",
    "The people went out of the city.",
    "Don't be afraid, for I am with you.",
]
for verse, translation in zip(verses, translator.generate(verses), strict=True):
    print(f"{verse}\n  {translation}\n")

# %% [markdown]
# **표본 추출**은 $p$에서 뽑는다. 온도 $\tau$로 로짓을 나눈다. 0에 다가가면 탐욕적 탐색이
# 되고, 1이면 모델의 분포 그대로이며, 1보다 크면 모든 것이 서로 가까워진다. `top_k`와
# `top_p`는 꼬리를 잘라 낸다.

# %%
for temperature in (0.3, 0.7, 1.2):
    translation = translator.generate(
        verses[1], search="sample", temperature=temperature, seed=1
    )
    print(f"temperature {temperature}: {translation}")

# %% [markdown]
# **빔 탐색**은 가장 나은 첫머리 `beam_width`개를 나란히 지닌다. 가장 그럴듯한 문장이 꼭
# 가장 그럴듯한 낱말로 시작하는 것은 아니기 때문이다. 토큰이 하나 늘 때마다 확률의 곱이
# 작아지므로, 그냥 두면 짧은 문장이 이긴다. 길이 벌점 $\alpha$는 $\log p(y)$를
# $((5 + |y|)/6)^\alpha$로 나눈다(Wu et al. 2016). `n_best`는 여러 개를 돌려준다.

# %%
translations, scores = translator.generate(
    verses[:1],
    search="beam",
    beam_width=5,
    n_best=3,
    length_penalty=1.0,
    return_scores=True,
)
for translation, score in zip(translations[0], np.ravel(scores), strict=True):
    print(f"{score:7.3f}  {translation}")

# %% [markdown]
# 셋 모두 그래프 안에서 도는 반복이고, `kerasrnn.decoding`에 한 번만 쓰여 있으며, 번역에
# 대해서는 아무것도 모른다. 필요한 것은 함수
# `step(token_ids, state) -> (logits, state)`이고, 여러분의 것이어도 된다.

# %%
from kerasrnn.decoding import greedy_search


def count_up(token_ids, state):
    """A model that is sure that n + 1 follows n."""
    return 9.0 * keras.ops.one_hot(token_ids + 1, 6), state


print(np.asarray(greedy_search(count_up, [], [1, 3], max_length=5, end_id=5).token_ids))

# %% [markdown]
# ## 7. 어텐션 지도
#
# 모델은 어디를 보았나? `translation_attention`은 번역하면서 어텐션 가중치를 남긴다.
# 그림의 위쪽이 원문이고 왼쪽이 번역문이다. 행마다 합이 1이다.

# %%
from kerasrnn.inspection import (
    attention_maps_figure,
    distance_from_diagonal,
    translation_attention,
)

maps = translation_attention(translator, verses[:2], max_length=40)
drawing.page(attention_maps_figure(*maps, folder / "pieces.png"))

# %% [markdown]
# 조각 앞의 점은 빈칸이다. 점이 없는 조각은 앞 낱말에 이어진다. `merge_pieces=True`이면
# 조각들이 낱말이 된다. 원문 낱말의 어텐션은 그 조각들의 *합*이고, 번역문 낱말의 어텐션은
# 그 조각들의 *평균*이므로, 행의 합은 그대로 1이다.

# %%
maps = translation_attention(translator, verses[:2], max_length=40, merge_pieces=True)
drawing.page(attention_maps_figure(*maps, folder / "words.png"))

# %% [markdown]
# 영어와 스페인어는 낱말의 순서가 거의 같다. 그래서 어텐션을 배운 모델은 대각선 가까이를
# 보는데, 아무도 그러라고 일러 주지 않았다. 얼마나 가까운지는 수 하나로 나타낼 수 있다.
# 모든 가중치에 걸친 $|s/S - t/T|$의 평균이다. 꼭 대각선 위라면 0이고, 모델이 어디나
# 똑같이 보면 ⅓쯤 된다.

# %%
for values in maps.alignments:
    everywhere = np.full(values.shape, 1 / values.shape[1])
    print(
        f"distance from the diagonal {distance_from_diagonal(values):.3f}; "
        f"looking everywhere alike: {distance_from_diagonal(everywhere):.3f}"
    )

# %% [markdown]
# 이런 지도에서 무엇을 읽어 낼지는 조심해야 한다. 지도는 가중치가 어디로 갔는지를 말할 뿐,
# 낱말이 왜 골라졌는지를 말하지 않는다. $h_s$마다 문장 전체를 보았고, 여러분이 짚었을
# 낱말의 바로 옆자리에서 일이 많이 이루어졌을 수도 있다.
#
# ### 한 스텝씩
#
# 그런 지도의 처음 두 줄을, 테스트 자료의 성서 한 절을 두고 천천히 본다. 수식은 이 쪽
# 4절의 것이다. 번역기의 점수는 Bahdanau의 것이고, 셀은 GRU다(1쪽의 4절).
#
# $$\begin{aligned}
# d_t &= \mathrm{cell}(E\,y_{t-1},\; d_{t-1}) \\
# e_{ts} &= v^\top \tanh(W_1 d_t + W_2 m_s), \qquad \alpha_t = \mathrm{softmax}(e_t) \\
# c_t &= \textstyle\sum_s \alpha_{ts} m_s \\
# a_t &= \tanh(W_c [c_t; d_t]) \\
# p(y_t) &= \mathrm{softmax}(E\, a_t + b)
# \end{aligned}$$
#
# $y_0$은 시작 토큰이다. 모두 번역기의 가중치로 직접 계산한다. 라이브러리에서 가져오는
# 것은 인코더의 상태 $m_s$, 그리고 끝에 가서 견주어 볼 수들이다.


# %%
def gru(x, h, W, U, b):
    """One step of a GRU: the state (U,) after an input x (D,) and a state h (U,)."""
    x_z, x_r, x_g = np.split(x @ W + b[0], 3)
    h_z, h_r, h_g = np.split(h @ U + b[1], 3)
    z, r = (1 / (1 + np.exp(-a)) for a in (x_z + h_z, x_r + h_r))
    return z * h + (1 - z) * np.tanh(x_g + r * h_g)


def dotted(tokens):
    """Pieces as the maps show them, with a dot for a space."""
    return [token.decode().replace("▁", "·") for token in tokens.numpy()[0]]


verse = "God spoke to Noah, saying,"
assert verse in test.sources
pair, decoder = translator.preprocessor, translator.decoder
ids = pair([verse])  # (1, S)
encoding = translator.encoder(ids.numpy())
source, m = dotted(pair.source_tokens(ids)), np.array(encoding.memory)[0]  # (S, M)

cell = decoder.recurrent.cell  # an AttentionCell
E, b = decoder.embedding.embeddings.numpy(), decoder.output_bias.numpy()
W_d, b_d = decoder.bridge[0].get_weights()
W_1, W_2, v = cell.attention.get_weights()
W_c = cell.kernel.numpy()

d = np.tanh(np.array(encoding.vectors[0][0])[0] @ W_d + b_d)  # d_0, (U,)
y, steps = translator.start_id, []
for t in (1, 2):
    step = {"y": y, "read": dotted(pair.target_tokens([[y]]))[0], "before": d}
    d = gru(E[y], d, *cell.cell.get_weights())  # (U,)
    scores = (np.tanh(d @ W_1 + m @ W_2) @ v)[:, 0]  # (S,)
    alpha = softmax(scores)  # (S,)
    c = alpha @ m  # (M,)
    a = np.tanh(np.concatenate([c, d]) @ W_c)
    p = softmax(a @ E.T + b)  # (V,)
    five = np.argsort(-p)[:5]
    pieces, y = dotted(pair.target_tokens(five[None])), five[0]
    words = list(zip(pieces, p[five], strict=True))
    step |= {"state": d, "scores": scores, "weights": alpha, "context": c, "p": p}
    steps.append(step | {"words": words, "chosen": pieces[0]})

drawing_attention.translation_steps(source, m, steps)

# %% [markdown]
# 셀은 $y_{t-1}$을 읽고 상태 $d_t$를 만들며, 이 상태가 묻는다. 원문의 조각마다 그 아래에
# 점수와 가중치와 상태 $m_s$가 있고, 그 사이의 선은 가중치가 클수록 굵다. 모든 점수가
# 똑같이 커져도 소프트맥스는 변하지 않으므로, 파란 막대는 가장 낮은 점수에서 시작한다.
# $c_t$는 상태들의 가중 평균이고, $c_t$와 $d_t$에서 가장 그럴듯한 조각들이 나온다.
# 초록색인 것이 쓰이고, 스텝 2가 그것을 읽는다. 벡터마다 유닛 여덟 개를 보이는데, 0보다
# 크면 빨갛고 작으면 파랗다. $d_t$는 처음 여덟 개이고, $m_s$와 $c_t$는 자리에 따라 가장
# 많이 달라지는 것들이다.
#
# 이제 같은 두 스텝에서 라이브러리가 내는 값과 견준다.

# %%
prepared = decoder.prepare(encoding.memory, encoding.memory_mask)
state = decoder.initial_state(encoding.vectors)
for t, step in enumerate(steps, 1):
    told, state = decoder.step(np.array([step["y"]]), state, prepared)
    query = step["state"][None, None]  # (B, T, U)
    scores = cell.attention.score(query, prepared["memory"]["keys"])[0, 0]
    context, _ = cell.attention(query[0], encoding.memory)
    compare(f"d_{t}", step["state"], state[0][0])
    compare("  scores", step["scores"], scores)
    compare("  weights", step["weights"], told.alignments[0])
    compare("  context", step["context"], context[0])
    compare("  p(y)", step["p"], keras.ops.softmax(told.logits)[0])

written_by_hand = "".join(step["chosen"] for step in steps).replace("·", " ").strip()
translation = translator.generate(verse)
print(f"\nby hand:  {written_by_hand}\ngenerate: {translation}\n")
assert translation.startswith(written_by_hand)
most = [source[step["weights"].argmax()] for step in steps]
for step, piece in zip(steps, most, strict=True):
    print(f"{step['chosen']:8} looks most at {piece}")
if translator is not attending:
    assert most == ["·God", "·spoke"]

# %% [markdown]
# *Y*는 "그리고"이고 원문에는 없다. 거기서는 첫 낱말이 가중치를 가장 많이 받는다. *habló*는
# "말하였다"이다. 스페인어에서는 동사가 주어 앞에 올 수 있어서, 스텝 2는 원문에서 먼저
# 나오는 *God*을 지나친다. 아무도 그러라고 일러 주지 않았다.
#
# ## 8. BLEU 점수
#
# 번역을 잘하는가? 퍼플렉시티는 낱말마다 *정답인* 앞부분이 주어졌을 때를 평가한다. 중요한
# 것은 모델이 스스로 쓰는 글이다. BLEU(Papineni et al. 2002)는 번역문에서 이어진 낱말
# $n$개씩(*n-그램*)을 모아, 그 가운데 맞는 것의 비율 $p_n$을 구한다. n-그램 $g$는 많아야
# 참조 번역에 나온 횟수만큼만 센다(*클리핑*). 참조 번역에 "the"가 한 번 나온다면, "the the
# the"가 세 번 맞는 것은 아니다.
#
# $$p_n = \frac{\sum_g \min\bigl(\mathrm{count}_{\mathrm{translation}}(g),\;
# \mathrm{count}_{\mathrm{reference}}(g)\bigr)}
# {\sum_g \mathrm{count}_{\mathrm{translation}}(g)}$$
#
# 두 합은 모두 전체 문장에 걸친 것이다. BLEU는 $p_1$에서 $p_4$까지의 기하 평균에, 번역문이
# 너무 짧을 때의 벌점을 곱한 것이다. $c$는 모든 번역문의 길이, $r$은 모든 참조 번역의
# 길이다.
#
# $$\mathrm{BLEU} = 100 \cdot \min\!\left(1, e^{1 - r/c}\right) \cdot
# \left(p_1\, p_2\, p_3\, p_4\right)^{1/4}$$
#
# 직접 계산한 것과 라이브러리의 것을 견준다. 무엇이 낱말인지는 토크나이저가 정하므로, 같은
# 프로그램이 낸 수끼리만 견줄 수 있다. 그래서 sacreBLEU는 서명을 찍어 낸다.

# %%
from kerasrnn.metrics import translation_scores


def bleu_by_hand(translation, reference):
    """BLEU of one translation, from 0 to 100, of words between spaces."""
    c, r = translation.split(), reference.split()
    shares = []
    for n in (1, 2, 3, 4):
        of_translation, of_reference = (
            collections.Counter(zip(*(words[i:] for i in range(n)), strict=False))
            for words in (c, r)
        )
        clipped = of_translation & of_reference  # of each run the smaller count
        shares.append(clipped.total() / of_translation.total())
    shortness = min(1, np.exp(1 - len(r) / len(c)))
    return 100 * shortness * np.prod(shares) ** (1 / 4)


right = "en el principio crió Dios los cielos y la tierra"
for text in (right, "en el principio hizo Dios los cielos y la tierra"):
    print(f"{bleu_by_hand(text, right):6.2f}  {text}")
    bleu = translation_scores([text], [right])["bleu"]
    compare("sacreBLEU and by hand", bleu / 100, bleu_by_hand(text, right) / 100)

# %% [markdown]
# 점수는 옆에 다른 점수가 없으면 별 뜻이 없다. 거저 얻을 수 있는 대조군이 둘 있다. 원문을
# *그대로 베낀 것*, 그리고 원문을 *뒤섞은 것*, 곧 참조 번역을 다른 절의 번역과 견준
# 것이다. 스페인어는 배웠지만 입력을 읽지 않는 모델은 뒤섞은 것보다 나을 것이 없다.

# %%
chosen = rng.permutation(len(test))[: 60 if SMALL else 600]
sources, references = test.sources[chosen].tolist(), test.targets[chosen].tolist()

written = {
    "with attention": attending.generate(sources, max_length=60, verbose=0),
    "without attention": plain.generate(sources, max_length=60, verbose=0),
}
if translator is not attending:
    written["the preset"] = translator.generate(sources, max_length=60, verbose=0)
best = list(written)[-1] if translator is not attending else "with attention"
written["shuffled sources"] = np.roll(written[best], 1).tolist()
written["copied sources"] = sources

print(f"{len(sources)} test verses, greedy{'':9}BLEU   chrF  length")
bleu = {}
for name, texts in written.items():
    found = translation_scores(texts, references)
    bleu[name] = found["bleu"]
    print(
        f"{name:34}{found['bleu']:6.1f}{found['chrf']:7.1f}{found['length_ratio']:8.2f}"
    )
print(found["bleu_signature"])
if not SMALL:
    assert bleu["with attention"] > bleu["without attention"]
    assert bleu[best] > bleu["shuffled sources"]

# %% [markdown]
# 이제 병목 자체를 본다. 상태 하나는 낱말 5개도 40개도 담아야 하지만, 어텐션은 문장이
# 아무리 길어도 필요한 것을 찾아본다. Bahdanau et al.(2015, 그림 2)의 논문에서는 문장이
# 길어질수록 둘이 벌어진다. 여기서도 그럴까? 모델 모음에 두 모델이 다 프리셋으로 있으면 더
# 긴 절들에서 그 둘을 견주고, 없으면 위의 둘을 견준다. 막대는 95 % 신뢰 구간으로, 범위마다
# 그 안의 문장들을 거듭 다시 뽑아서(*부트스트랩*) 구했다.

# %%
from kerasrnn.inspection import bleu_by_length_figure
from kerasrnn.metrics import bleu_interval

BLIND = "translate-en-es-no-attention"
rivals, longest = {"with attention": attending, "without": plain}, MAX_WORDS
if translator is not attending and BLIND in Seq2Seq.presets:
    rivals = {"with attention": translator, "without": Seq2Seq.from_preset(BLIND)}
    longest = 40

verses_of_test = load_translation("bible_en_es", "test", max_words=longest)
some = rng.permutation(len(verses_of_test))[: 60 if SMALL else 1000]
asked, right = verses_of_test.sources[some], verses_of_test.targets[some]
lengths = np.array([len(source.split()) for source in asked])


def by_length(texts, step):
    """BLEU of the translations of 1 to `step` words, of the next, and so on."""
    rows = []
    for low in range(1, longest + 1, step):
        places = np.flatnonzero((low <= lengths) & (lengths < low + step))
        if len(places):
            both = [texts[i] for i in places], right[places]
            row = {"low": low, "high": low + step - 1, "sentences": len(places)}
            row["bleu"] = translation_scores(*both)["bleu"]
            rows.append(row | {"interval": bleu_interval(*both)})
    return rows


of_rivals = {
    name: by_length(model.generate(asked.tolist(), verbose=0), longest // 4)
    for name, model in rivals.items()
}
drawing.page(bleu_by_length_figure(of_rivals, folder / "bleu_by_length.png"))

# %%
print("words   sentences  with attention        without     lead")
leads = []
for with_it, without in zip(*of_rivals.values(), strict=True):
    leads.append(with_it["bleu"] - without["bleu"])
    print(f"{with_it['low']:2} to {with_it['high']:2}{with_it['sentences']:9}", end="")
    for row in (with_it, without):
        low, high = row["interval"]
        print(f"{row['bleu']:6.1f} ({low:4.1f}–{high:4.1f})", end="")
    print(f"{leads[-1]:8.1f}")
if not SMALL:
    assert min(leads) > 5  # at every length

# %% [markdown]
# 어텐션이 크게 이기고, *모든* 길이에서 이긴다. 여기서는 길이가 늘어도 차이가 거의
# 커지지 않는다. 낱말 열 개만 되어도 상태가 하나인 모델에는 이미 벅차기 때문이다. 그러니 이
# 곡선들은 상태 하나로는 모자란다는 것을 보여 주지만, 긴 문장이라서 모자란다는 것을 보여
# 주지는 않는다. 번역에서 곡선이 벌어지는 것을 보려면 짧은 문장을 잘하는 어텐션 없는 모델이
# 있어야 하고, 그러려면 절 23,000개보다 많은 자료가 필요하다.

# %% [markdown]
# 병목만 따로 보려면, 입력의 모든 부분이 필요하고 언어는 필요 없는 과제를 고르면 된다. 글자들을
# *거꾸로* 말하는 것이다. 배울 자료는 얼마든지 있고, 한 글자 더 긴 줄은 기억할 것이 한 글자
# 더 많다. 세 모델은 같은 수의 줄에서 배우며, 줄은 1~24글자다.

# %%
LONGEST, STEPS = (6, 40) if SMALL else (24, 600)
START, END, FIRST, LETTERS = 1, 2, 3, 26


def reversals(count, length=None):
    """Rows of letters, and the same from behind with start and end; 0 is padding."""
    lengths = (
        rng.integers(1, LONGEST + 1, count) if length is None else [length] * count
    )
    forward = np.zeros((count, LONGEST), "int32")
    backward = np.zeros((count, LONGEST + 2), "int32")
    for row, length in enumerate(lengths):
        letters = rng.integers(FIRST, FIRST + LETTERS, length)
        forward[row, :length] = letters
        backward[row, : length + 2] = [START, *letters[::-1], END]
    return forward, backward


def share_right(model, length, count=200):
    """How many of a hundred rows of a length come out without a mistake."""
    forward, backward = reversals(count, length)
    found = np.asarray(model.generate_ids(forward, max_length=length).token_ids)
    return 100 * np.mean((found == backward[:, 1 : length + 1]).all(axis=1))


def reverser(model_class, units):
    """A model that has learned to say letters from behind."""
    ids = {"start_id": START, "end_id": END, "embedding_dim": 64, "dropout": 0.0}
    size = FIRST + LETTERS
    model = model_class(size, size, units=units, label_smoothing=0.0, **ids)
    falling = keras.optimizers.schedules.CosineDecay(5e-3, STEPS)
    model.compile(keras.optimizers.Adam(falling, global_clipnorm=1.0))
    model.fit(*reversals(64 * STEPS), batch_size=64, verbose=0)
    return model


reversers = {
    "with attention, 64 units": reverser(Seq2SeqAttention, 64),
    "without, 64 units": reverser(Seq2Seq, 64),
    "without, 256 units": reverser(Seq2Seq, 64 if SMALL else 256),
}
tried = range(2, LONGEST + 1, 2)
right_of = {
    name: [share_right(model, length) for length in tried]
    for name, model in reversers.items()
}
drawing_attention.shares(tried, right_of, "letters", "rows without a mistake, %")

# %%
print("letters" + "".join(f"{length:5}" for length in tried))
for name, shares in right_of.items():
    print(f"{reversers[name].count_params():,} parameters, {name}")
    print(" " * 7 + "".join(f"{share:5.0f}" for share in shares))
if not SMALL:
    attention_64, without_64, without_256 = right_of.values()
    assert min(attention_64) > 80
    assert without_64[0] > 80 and without_256[0] > 80  # both can do short ones,
    assert max(without_64[-6:]) < 20 and max(without_256[-6:]) < 20  # none long ones.

# %% [markdown]
# 이것이 그 논문의 그림이다. 어텐션이 있으면 24글자 줄도 두 글자 줄만큼 쉽다. 글자마다 그
# 자리에서 찾아보기 때문이다. 어텐션이 없으면 모두 상태 하나를 거쳐야 하고, 어떤 길이를
# 넘으면 그러지 못한다. 유닛이 네 배이고 가중치가 어텐션 있는 것의 일곱 배인 모델은 그 경계를
# 몇 글자 옮길 뿐 없애지 못한다.
#
# 이제 절을 몇 개 읽어 보라. 수는 무엇이 잘못되는지를 가린다. 지어낸 이름, 사라진 "not",
# 빠뜨린 반 절, 두 번 말한 어구 같은 것들이다.

# %%
for i in rng.permutation(len(sources))[:4]:
    print(f"source     {sources[i]}")
    print(f"reference  {references[i]}")
    print(f"model      {written[best][i]}\n")

# %% [markdown]
# ## 9. 서비스
#
# `export`는 서명이 셋인 SavedModel을 쓴다. `serving_default`(글을 받아 탐욕적 탐색의
# 번역을 낸다), `beam`(번역 다섯과 그 점수), `alignments`다. 토크나이저와 반복이 모두 그
# 안에 있고, 모두 TensorFlow의 연산으로만 되어 있다. 아래의 프로세스는 keras도 kerasrnn도
# 가져올 수 없는데, 같은 번역을 낸다.

# %%
exported = translator.export(folder / "translator", version=1)

program = """
import sys

sys.modules["keras"] = sys.modules["kerasrnn"] = None  # neither can be imported
import tensorflow as tf

serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
print(serve(tf.constant([sys.argv[2]]))["text"].numpy()[0].decode())
"""
answer = subprocess.run(
    [sys.executable, "-X", "utf8", "-c", program, str(exported), verses[1]],
    capture_output=True,
    encoding="utf-8",
    check=True,
).stdout.strip()
print(answer)
assert answer == translator.generate(verses[1])
print("TensorFlow alone gives the same translation")

# %% [markdown]
# ## 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/02_translation_with_attention.py`에 있다.
#
# 1. 어텐션 전체: 쿼리 (B, Q), 메모리 (B, S, M), 참거짓 값의 마스크 (B, S), 가중치 $W_1$,
#    $W_2$, $v$ (U, 1)이 주어진다. 마스크가 False인 곳의 가중치는 정확히 0이다. 행마다
#    세는 자리가 적어도 하나는 있다. 문맥과 어텐션 가중치를 돌려주라.

# %%
from exercises import check


def attend(query, memory, mask, W1, W2, v):
    scores = ...  # (B, S)
    alignments = ...  # (B, S)
    context = ...  # (B, M)
    return context, alignments


check("02_translation_with_attention", attend=attend)

# %% [markdown]
# 2. 번역문 하나와 참조 번역 하나에 대한 BLEU의 비율 $p_n$. 낱말은 빈칸으로 나누고,
#    n-그램마다 클리핑하라.


# %%
def share_of_runs(translation, reference, n):
    return ...


check("02_translation_with_attention", share_of_runs=share_of_runs)

# %% [markdown]
# 3. 빔 탐색이 (글, log p, 토큰의 수)의 목록인 `hypotheses`로 끝났다. 길이 벌점이
#    $\alpha$일 때 가장 좋은 글은 어느 것인가?


# %%
def best_of(hypotheses, alpha):
    return ...


check("02_translation_with_attention", best_of=best_of)

# %% [markdown]
# 검사 없이:
#
# 4. 4절에서 `mask`의 자리를 하나만 남기고 모두 False로 해 보라. 어텐션 가중치는 무엇이
#    되고, 문맥은 무엇이 되는가? 남은 자리가 *하나도* 없다면 무엇이 나와야 좋겠으며,
#    계층은 무엇을 내는가? (*힌트: 아무것도 없는 것의 소프트맥스는 0/0이다. docstring의
#    `Masking`을 보라.*)
# 5. "dot" 어텐션에서 `query`를 10배, 다음에는 100배로 키워 보라. 어텐션 가중치와 그
#    기울기는 어떻게 되는가? 트랜스포머는 왜 $\sqrt{U}$로 나누는가? (*힌트: 곱 U개의 합의
#    분산.*)
# 6. `attention="luong"`으로, 그리고 `input_feeding=True`로 학습시켜 보라. 어느 쪽이 더
#    느리며, 같은 에폭이 아니라 같은 시간 뒤에는 어느 쪽이 더 나은가? (*힌트: 되먹임이
#    없으면 모든 스텝이 한꺼번에 볼 수 있다.*)
# 7. 이 쪽의 모델들은 기본값인 GRU 셀을 쓴다. `cell="lstm"`과 `cell="simple_rnn"`으로,
#    어텐션이 있게도 없게도 학습시켜 보라. 어텐션이 가장 필요한 것은 어느 것인가? (*힌트:
#    1쪽의 기울기 그림.*)
# 8. 이름이 나오는 절과 "did not"이 나오는 절의 지도를 그려 보라. *no*는 영어의 어느
#    낱말을 보는가? 그다음에는 배운 어느 절보다도 두 배 긴 절을 번역하고, 지도가 길을 잃는
#    곳을 찾아보라.
# 9. `length_penalty=0`으로 두고 `beam_width`를 1에서 20까지 늘리면서 BLEU와 길이의 비를
#    적어 보라. 그다음 *검증* 자료의 절에서 가장 좋은 벌점을 찾으라. 왜 테스트 자료의
#    절에서 찾으면 안 되는가?
# 10. 방향을 뒤집어 보라: `load_translation("bible_en_es", languages=("es", "en"))`. 영어
#     쪽이 더 쉬운가? 서로 다른 두 언어의 BLEU를 견주어도 되는가? (*힌트: 두 언어는 절
#     하나에 낱말을 저마다 몇 개나 쓰며, 동사에는 꼴이 몇 가지나 있는가?*)
# 11. 아무 언어로나 직접 만든 쌍 백 개로 `.tsv`를 쓰고, 그것으로 이 쪽을 돌려 보라. 모델이
#     가장 먼저 외우는 것은 무엇인가?
