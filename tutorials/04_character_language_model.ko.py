# %% [markdown]
# # 4. 글자 언어 모델
#
# 글을 글자 하나씩 읽으며 글자마다 다음에 올 글자를 맞히는 신경망이다. *글자 단위 언어
# 모델(character-level language model)* 또는 char-RNN이라고 한다. 낱말이 무엇인지, 줄이
# 무엇인지, 희곡이 무엇인지 아무도 알려 주지 않는다. 이 쪽에서는 다음을 본다.
#
# 1. "hello"의 모든 수, 그리고 직접 계산한 같은 수
# 2. 셰익스피어: 배울 것은 무엇이며, 맞히는 것은 비트로 얼마의 값이 있는가
# 3. 스트림과 토막: 몇백만 글자의 글이 어떻게 배치가 되는가
# 4. 시간 절단 역전파(truncated BPTT): 무엇이 이어지고, 기울기는 어디서 끝나는가
# 5. 학습, 그리고 모델이 처음에, 나중에, 더 나중에 쓰는 글
# 6. 글자당 비트와 퍼플렉시티를 압축 프로그램과 세기 옆에 놓고
# 7. 온도와 top-k
# 8. 모델을 놀라게 하는 것, 글자 하나하나
# 9. 스트림으로 읽고 쓰는 글
# 10. 여러분의 글 파일
#
# 모양을 나타내는 글자는 라이브러리 전체에서 같다. **B**는 배치, **T**는 스텝, **U**는
# 유닛, **V**는 어휘의 크기다. [1쪽](01_recurrent_layers.ko.ipynb)에 나오는 계층과 상태는
# 안다고 본다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,train]'`을 실행한 다음, 이 노트북이나
# 그 옆의 `.py` 파일을 돌린다. 희곡을 내려받고 몇 분 동안 학습한다. 그림은 `drawing.py`와
# `drawing_language.py`가 그리며, 읽지 않아도 된다.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import itertools
import lzma
import pathlib
import re
import tempfile

import drawing
import drawing_language
import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn.catalogue import load_recipe
from kerasrnn.text import CharacterStreams, CharacterText, CharacterTokenizer
from kerasrnn.training import TextSamples
from kerasrnn.training.language_model.every_number import every_number
from kerasrnn.zoo import CharLanguageModel

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes

# %% [markdown]
# ## 1. hello라는 낱말
#
# 이 언어는 낱말 하나가 전부이고, 그 글자는 [h, e, l, o]다. 모델은 "h"를 읽으면 "e"라고,
# "e"를 읽으면 "l"이라고, "l"을 읽으면 다시 "l"이라고, "l"을 읽으면 "o"라고 해야 한다.
# 마지막 둘에 주의하자. 글자는 같은데 답이 다르다. 글자의 표로는 그렇게 할 수 없다. 기억이
# 있어야 한다.
#
# 글자는 **원-핫** 벡터로 들어간다. 제자리만 1이고 나머지는 모두 0이다.

# %%
tokenizer = CharacterTokenizer("helo")
ids = tokenizer.encode("hello")
print("vocabulary:", tokenizer.get_vocabulary())
print("ids of 'hello':", ids)
for letter, number in zip("helo", tokenizer.encode("helo"), strict=True):
    print(f"{letter!r} is", np.eye(tokenizer.vocabulary_size)[number].astype(int))

# %% [markdown]
# 특별한 자리가 둘 있다. 0은 패딩이고, 글의 첫 글자 앞에 놓이는 것이기도 하다. 1은 어휘에
# 없는 모든 글자다. 그러면 유닛이 셋일 때 다음과 같다.
#
# $$\begin{aligned}
# x_t &= \text{one-hot}(c_t) && (V) \\
# h_t &= \tanh(x_t W + h_{t-1} U + b) && (U = 3) \\
# y_t &= h_t W_o + b_o && (V)\text{, 로짓} \\
# p(c_{t+1} = v) &= \frac{e^{y_{tv}}}{\sum_w e^{y_{tw}}} && \text{추측} \\
# L &= -\frac{1}{T} \sum_t \ln p(c_{t+1}) && \text{손실}
# \end{aligned}$$
#
# $x_t$가 원-핫이면 $x_t W$는 $W$의 한 행이다. 글자마다 상태에 더하는 제 벡터가 있는
# 셈이다. `every_number`는 작은 모델이 계산하는 것을 슬라이드에서처럼 모두 찍어 낸다.

# %%
hello = CharLanguageModel(
    preprocessor=tokenizer, cell="simple_rnn", num_layers=1, units=3
)
print(*every_number(hello, "hello"), sep="\n")

# %% [markdown]
# 가중치가 무작위이니 추측도 무작위다. (한 스텝의 네 $p$를 더해도 1이 되지 않는다.
# 나머지는 특별한 두 자리의 것이며, 모델은 그 둘을 결코 기대하지 않도록 배워야 한다.) 이제
# 모델은 제 낱말을 거듭해서 배운다. 콜백이 정해진 스텝에서 글을 쓰게 한다. 온도 0은 언제나
# 가장 나은 추측을 고른다는 뜻이다.

# %%
page = folder / "hello.md"
hello.compile(keras.optimizers.Adam(0.05))
history = hello.fit(
    "hello",
    batch_size=1,
    chunk=5,
    epochs=100,
    verbose=0,
    callbacks=[
        TextSamples(
            page, steps=[0, 3, 10, 30, 100], prompt="h", length=4, temperature=0
        )
    ],
)
for step, text in drawing_language.samples_of(page):
    print(f"{step:16}{text}")
losses = history.history["loss"]
print(f"loss at first {losses[0]:.3f}, at the end {losses[-1]:.3f}")
assert hello.generate("h", 4, temperature=0.0) == "ello"

# %%
print(*every_number(hello, "hello"), sep="\n")

# %% [markdown]
# "l"을 읽는 두 줄의 수를 보라. 입력은 같은데 은닉 상태는 다르다. 은닉 상태는 앞에 "l"이
# 있었는지 안다. 이 모두를 NumPy로 직접 계산해 보자.


# %%
def softmax(logits):
    """exp / Σ exp over the last axis."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def compare(name, ours, theirs):
    """Print the largest difference, and stop if there is a real one."""
    difference = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-4, name


W, U, b = hello.recurrent_layers[0].get_weights()
W_o, b_o = hello.output_layer.get_weights()
read = np.array([0, *ids[:-1]])  # what stands before each letter
x = np.eye(tokenizer.vocabulary_size)[read]  # (T, V)
h, hidden = np.zeros(3), []
for t in range(5):
    h = np.tanh(x[t] @ W + h @ U + b)
    hidden.append(h)
logits = np.array(hidden) @ W_o + b_o  # (T, V)
p = softmax(logits)
log_p = np.log(p[np.arange(5), ids])

compare("logits", logits, hello(read[None])[0])
compare("log-probabilities", log_p, hello.score("hello"))
compare("loss", -log_p.mean(), hello.evaluate("hello")["loss"])

# %%
drawing_language.hello("hello", "ehlo", x[1:, [2, 3, 4, 5]], hidden[1:], logits[1:, 2:])

# %% [markdown]
# ## 2. 셰익스피어
#
# 같은 모델을 더 크게 하고, 글을 바꾼다. `shakespeare_plays`에는 모든 희곡과 시가 파일
# 하나에 하나씩 들어 있다. 학습, 검증, 테스트는 위치로 자른다. 마지막 십분의 일이
# 테스트다.

# %%
from kerasrnn.data import load_documents

splits = {
    name: load_documents("shakespeare_plays", name)
    for name in ("train", "validation", "test")
}
for name, documents in splits.items():
    size = sum(map(len, documents))
    print(f"{name:12}{len(documents):3} documents {size:10,} characters")
start = splits["train"][1].find("\n\n", 20_000) + 2
print()
print(splits["train"][1][start : start + 400])

# %% [markdown]
# 알아낼 것이 얼마나 있는가? 아무것도 모르는 사람은 글자마다 $\log_2 V$비트가 필요하다.
# 글자마다 얼마나 자주 나오는지만 아는 사람에게는 **엔트로피**
# $-\sum_v p_v \log_2 p_v$만큼이 필요하다. 앞의 글자들을 보는 사람은 덜 필요하다.

# %%
tokenizer = CharacterTokenizer()
tokenizer.adapt(splits["train"])
V = tokenizer.vocabulary_size
train_text = "".join(splits["train"])[: 400_000 if SMALL else 2_000_000]
test_text = splits["test"][-1][: 30_000 if SMALL else 100_000]


counts = [collections.defaultdict(collections.Counter) for _ in range(5)]
for k, table in enumerate(counts):  # by the k letters before
    for at in range(k, len(train_text)):
        table[train_text[at - k : at]][train_text[at]] += 1


def bits_by_counting(order):
    """Bits per character of the test text, by the counts of the training text.

    p(c | context) = (count + N · p(c | shorter context)) / (sum of counts + N)

    N is how many different letters came after the context (Witten and Bell 1991).
    """
    bits = 0.0
    for at in range(4, len(test_text)):
        p = 1 / V
        for k in range(order + 1):
            found = counts[k].get(test_text[at - k : at])
            if found is None:
                break
            p = (found[test_text[at]] + len(found) * p) / (found.total() + len(found))
        bits -= np.log2(p)
    return bits / (len(test_text) - 4)


peers = {"nothing is known": np.log2(V)}
for order in (0, 1, 2, 4):
    name = f"counted, {order} letter{'s' * (order > 1)} before"
    peers[name if order else "frequencies alone"] = bits_by_counting(order)
for name, bits in peers.items():
    print(f"{name:26}{bits:6.2f} bits per character")

# %% [markdown]
# 압축 프로그램도 언어 모델이다. 확률이 $p$인 글자는 $-\log_2 p$비트로 적을 수 있기
# 때문이다. 학습 글을 이미 본 `xz`는 테스트 글을 몇 바이트로 줄일까?


# %%
def compressed(text):
    """The size of a text in bits, packed by xz."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
    return 8 * len(lzma.compress(text.encode(), lzma.FORMAT_RAW, filters=filters))


both, alone = compressed(train_text + test_text), compressed(train_text)
peers["xz"] = (both - alone) / len(test_text)
print(f"{'xz':26}{peers['xz']:6.2f} bits per character")

# %% [markdown]
# ## 3. 스트림과 토막
#
# 배치에는 행이 여럿 있어야 하는데, 글은 긴 행 하나다. 그래서 글을 **B**곳에서 한꺼번에
# 읽는다. 행마다 독자가 하나 있어서, 배치마다 앞 배치에서 멈춘 곳부터 이어서 읽는다.
# 그리고 배치는 행마다 글자를 **T**개씩 담는다. 이것을 **토막**이라고 한다.
# `CharacterStreams`가 토막을 나누어 준다. 여기서는 문서 둘로 된 짧은 글을 독자 셋이 한
# 번에 열두 글자씩 읽는다.

# %%
first = "To be, or not to be, that is the question:\nWhether 'tis nobler in the mind"
second = "O Romeo, Romeo! wherefore art thou Romeo?"
small_text = CharacterText.of_documents([first, second], tokenizer)
streams = CharacterStreams(small_text, batch_size=3, chunk=12)
batches = [streams.batch(step) for step in range(len(streams))]
print(small_text, "in", len(streams), "batches")
drawing_language.streams(batches, tokenizer.decode)

# %% [markdown]
# 배치에는 글자 말고도 든 것이 있다.

# %%
(inputs, fresh), targets, weights = batches[0]
print("inputs  (B, T)", inputs.shape, "row 0:", repr(tokenizer.decode(inputs[0])))
print("targets (B, T)", targets.shape, "row 0:", repr(tokenizer.decode(targets[0])))
print("weights (B, T)", weights.shape, "row 0:", weights[0].astype(int))
print("fresh   (B,)  ", fresh.shape, "       ", *fresh)

# %% [markdown]
# *targets*는 맞혀야 할 글자이고, *inputs*는 그보다 하나 앞선 글자다. *weights*는 글자가
# 없는 곳, 곧 문서의 끝에서 0이다. *fresh*는 어느 행이 새 문서를 시작하는지, 그래서 0인
# 상태에서 시작하는지 알려 준다. *햄릿*에서 읽은 것을 *로미오와 줄리엣*에서 기억해서는 안
# 된다.
#
# ## 4. 시간 절단 역전파
#
# 토막이 끝날 때마다 옵티마이저가 한 걸음 나아간다. **상태**는 이어지고, 다음 토막은 그
# 상태에서 시작한다. 모델은 제 행의 처음부터 모든 것을 읽은 셈이다. **기울기**는 토막의
# 처음까지 거슬러 가서 거기서 끝난다.

# %%
drawing.truncated()

# %% [markdown]
# 두 가지가 한꺼번에 일어나는데, 따로 떼어 볼 수 있다. 앞으로 갈 때는, 상태가 이어지기만
# 하면 글을 잘라도 모델의 답이 달라지지 않는다.

# %%
small = CharLanguageModel(preprocessor=tokenizer, num_layers=1, units=16)
ids = np.concatenate([[0], tokenizer.encode(first)])[None].astype("int32")  # (1, T)
whole, _ = small.run(ids, small.initial_states(1))
states, parts = small.initial_states(1), []
for at in range(0, ids.shape[1], 12):
    logits, states = small.run(ids[:, at : at + 12], states)
    parts.append(logits)
compare("whole and in chunks", whole, np.concatenate(parts, axis=1))

without, _ = small.run(ids[:, 12:24], small.initial_states(1))
difference = np.abs(np.asarray(whole[:, 12:24]) - without)[0].max(axis=-1)
print("without the state:", *difference[[0, 3, 11]].round(3), "after 1, 4, 12 letters")

# %% [markdown]
# 뒤로 갈 때는 달라진다. 둘째 토막의 손실은 그 앞의 모든 글자에서 기울기를 가지지만,
# 학습은 첫째 토막에 있는 것을 결코 보지 못한다. 아래에서는 임베딩된 글자들을 지켜보고,
# 둘째 토막에 있는 글자 하나의 손실을 쓴다.

# %%
at, chunk = 20, 12


def gradient_at_letters(cut):
    """The size of ∂(loss of letter 20)/∂x_t for every letter t up to it."""
    with tf.GradientTape() as tape:
        x = small.embed(ids[:, : at + 1])  # (1, T, V)
        tape.watch(x)
        states, outputs = small.initial_states(1)[0], None
        layer = small.recurrent_layers[0]
        for start in range(0, at + 1, chunk):
            outputs, *states = layer(x[:, start : start + chunk], initial_state=states)
            if cut:
                states = [tf.stop_gradient(state) for state in states]
        logits = small.output_layer(outputs[:, -1])
        loss = keras.losses.sparse_categorical_crossentropy(
            ids[:, at + 1], logits, from_logits=True
        )
    return np.linalg.norm(tape.gradient(loss, x)[0], axis=-1)


drawing_language.gradient_ends(
    first[:at],
    gradient_at_letters(cut=False)[1:],
    gradient_at_letters(cut=True)[1:],
    chunk,
)

# %% [markdown]
# 더 뒤에 있는 것은 *쓰이지만*, 거기서 *배우지는* 않는다. 그래서 얼마나 잃는지는
# [6쪽](06_gradient_flow.ko.ipynb)에서 잰다.
#
# ## 5. 학습
#
# `fit`은 이 모두를 스스로 한다. 글만 주면 된다. Adam을 쓰고, 기울기를 클리핑한다.

# %%
model = CharLanguageModel(
    preprocessor=tokenizer, cell="lstm", num_layers=1, units=128 if SMALL else 256
)
model.compile(keras.optimizers.Adam(5e-3 if SMALL else 3e-3, global_clipnorm=1.0))
print(f"{model.count_params():,} weights")

page = folder / "samples.md"
steps = [0, 10, 30, 100, 300, 700] if SMALL else [0, 10, 100, 300, 1000, 1800]
samples = TextSamples(page, steps=steps, length=220, temperature=0.8)
validation = splits["validation"][0][:20_000]
history = model.fit(
    train_text,
    batch_size=16 if SMALL else 32,
    epochs=3,
    validation_data=[validation[at : at + 2000] for at in range(0, 20_000, 2000)],
    callbacks=[samples],
    verbose=2,
)

# %% [markdown]
# 그리고 모델이 쓴 글이다. 매번 같은 난수에서 나왔다. 처음에는 글자마다 얼마나 자주
# 나오는지를, 다음에는 낱말과 줄의 길이를, 다음에는 대문자로 쓴 이름을, 다음에는 짧은
# 낱말을 배운다.

# %%
drawing_language.samples_page(page)

# %% [markdown]
# 이 모델은 몇 분 동안 배웠다. 모델 모음에는 가중치가 아홉 배쯤 많고 거의 한 시간 동안
# 배운 모델이 있다. 첫 스텝 전부터 마지막까지 그 학습의 표본이 프리셋 옆에 있다. 마지막
# 것조차 뜻이 통하지 않는다.

# %%
NAME = "chars-shakespeare"
samples_of_preset = load_recipe(NAME).folder / "samples.md"
if samples_of_preset.exists():
    drawing_language.samples_page(samples_of_preset, most_lines=5)

# %% [markdown]
# ## 6. 글자당 비트
#
# 손실은 자연로그의 평균이고 단위는 *nat*이다. 그것을 $\ln 2$로 나누면 **글자당 비트**가
# 되고, 압축 프로그램을 재는 단위가 이것이다. 그리고 $e^L$은 **퍼플렉시티**다. 평균해서,
# 똑같이 그럴듯한 글자 몇 개를 놓고 망설이는 셈인지를 나타낸다.
#
# $$\mathrm{bits} = \frac{L}{\ln 2}, \qquad \mathrm{perplexity} = e^L = 2^{\mathrm{bits}}$$
#
# 테스트 글 전체를 처음부터 끝까지, 상태를 내내 이어 가며 읽는다. 그 옆에 백 글자보다 오랜
# 기억이 없는 같은 모델을 둔다. 백 글자가 지날 때마다 아무것도 없는 데서 다시 시작한다.

# %%
found = model.evaluate(test_text, verbose=0)
compare("2^bits", 2 ** found["bits_per_character"], found["perplexity"])
pieces = [test_text[at : at + 100] for at in range(0, len(test_text), 100)]
in_pieces = model.evaluate(pieces, verbose=0)
peers["this model, a hundred letters at a time"] = in_pieces["bits_per_character"]
peers["this model, state carried"] = found["bits_per_character"]
assert peers["this model, state carried"] < in_pieces["bits_per_character"]

writer, caches = model, {}
if NAME in CharLanguageModel.presets:
    writer = CharLanguageModel.from_preset(NAME)
    print(f"the preset {NAME}: {writer.count_params():,} parameters,", end=" ")
    print(load_recipe(NAME).score)
    forgetful = CharLanguageModel.from_preset(NAME, cache_size=0)
    caches = {"without": forgetful, "with": writer}
    for name, one in caches.items():
        found = one.evaluate(test_text, verbose=0)
        peers[f"the preset {name} its cache"] = found["bits_per_character"]
    assert peers["the preset with its cache"] < peers["the preset without its cache"]
peers = dict(sorted(peers.items(), key=lambda item: -item[1]))
for name, bits in peers.items():
    print(f"{name:42}{bits:6.2f} bits per character, perplexity {2**bits:6.2f}")
if SMALL:
    print("Small size: it has learned for seconds, in which counting is hard to beat.")
else:
    assert list(peers)[-3] == "this model, state carried"  # better than all that count
drawing_language.bits(peers)

# %% [markdown]
# 상태를 이어 가면 우리 모델은 글자 넷을 세는 것보다도, 같은 글에서 배운 `xz`보다도 조금
# 낫다. 한 번에 백 글자씩이면 둘보다 못하다. 토막마다 처음에는 무엇을 읽고 있는지 모르고,
# 거기에 비트가 든다. (프리셋은 학습 글 전체에서 더 오래 배웠다. 그것이 패키지에 들어
# 있으면 아래에서는 그 모델을, 없으면 우리 모델을 쓴다.
# `kerasrnn train chars-shakespeare`가 그것을 학습시킨다.)
#
# 프리셋에는 **캐시**도 있다(`cache_size=2000`). 지난 상태 2,000개와 그때마다 뒤에 온
# 글자를 지니고 있다가, 지금과 가장 비슷한 상태들에게 무엇을 보았는지 묻는다(Grave et al.
# 2017, "Improving Neural Language Models with a Continuous Cache"). 모델이 스스로 쓴 것은
# 담지 않는다. 그러지 않으면 곧 같은 말만 되풀이할 것이다.
#
# 캐시는 이름에 도움이 된다. 학습 자료의 어느 희곡에도 Malvolio는 나오지 않는다. 그가 말할
# 때마다 그 이름에는 몇 비트가 드는가?

# %%
NAMED = "MALVOLIO."
assert not any(NAMED in play for play in splits["train"])
play = next(play for play in splits["test"] if NAMED in play)
spoken = [found.start() for found in re.finditer(r"(?<=\n)MALVOLIO\.", play)][:11]
start = max(0, spoken[0] - 2000)  # so much is read before
costs = {}
for name, one in caches.items():
    bits = -one.score(play[start : spoken[-1] + len(NAMED)]) / np.log(2)
    costs[name] = [bits[at - start :][: len(NAMED)].sum() for at in spoken]
    print(f"{name:8} cache:", *(f"{cost:4.0f}" for cost in costs[name]), "bits")
if costs:
    assert np.mean(costs["with"][5:]) < np.mean(costs["without"][5:]) / 2

# %% [markdown]
# 캐시가 없으면 이름은 열한 번째에도 첫 번째만큼 비싸다. 캐시가 있으면 그가 계속 말하는
# 동안에는 이름이 싸고, 캐시가 기억하는 것보다 오래 자리를 비우면 다시 비싸진다.
#
# ## 7. 온도와 top-k
#
# 글을 쓰려면 $p$에서 글자를 하나 뽑아 다시 넣고, 그렇게 이어 간다. 얼마나 대담하게
# 뽑을까?
#
# $$p_\tau(v) \propto e^{y_v / \tau}$$
#
# $\tau = 1$이면 배운 그대로다. 그보다 작으면 그럴듯한 것이 더 그럴듯해지고, 0에서는 가장
# 나은 추측만 남는다. 그보다 크면 글자들이 서로 비슷해진다. **Top-k**는 가장 그럴듯한 글자
# $k$개만 남긴다. 한 줄의 한 자리에서 세 가지 온도를 직접 계산해 보자.

# %%
prompt = "ROMEO.\nO, that I w"
ids = np.concatenate([[0], writer.preprocessor.encode(prompt)])[None].astype("int32")
logits = np.asarray(writer(ids))[0, -1, 2:]  # without the two special ones
letters = writer.preprocessor.get_vocabulary()[2:]
drawing_language.temperatures(
    letters, {tau: softmax(logits / tau) for tau in (0.3, 1.0, 2.0)}, prompt
)

# %%
for options in (
    {"temperature": 0.0},
    {"temperature": 0.3},
    {"temperature": 0.7},
    {"temperature": 1.0},
    {"temperature": 1.5},
    {"temperature": 1.5, "top_k": 5},
):
    print("———", ", ".join(f"{name} {value:g}" for name, value in options.items()))
    print(prompt + writer.generate(prompt, 180, seed=1, **options), end="\n\n")

# %% [markdown]
# 온도가 0이면 모델은 같은 말을 되풀이한다. 온도가 낮으면 철자는 맞지만 따분하고, 높으면
# 생기가 있지만 철자가 틀린다. 0.7이 무난한 출발점이다. 뜻이 통하는 글은 하나도 없다.
# 모델은 희곡의 꼴을 배웠을 뿐, 희곡이 무엇에 대한 것인지는 아무것도 배우지 못했다.
#
# ## 8. 무엇이 모델을 놀라게 하는가
#
# `score`는 글의 글자마다 확률의 로그를 준다. 비트로 나타내면 모델이 얼마나 놀랐는지가
# 된다. 파란 글자는 예상한 것이고(0비트), 흰 글자는 4비트, 붉은 글자는 8비트 이상이
# 들었다.

# %%
from kerasrnn.inspection import colored_text_figure

start = test_text.find("\n\n", 12_000) + 2
passage = test_text[start : start + 700]
bits = -writer.score(test_text[: start + 700])[start:] / np.log(2)
path = colored_text_figure(
    passage,
    bits / 4 - 1,
    folder / "surprise.png",
    title="how surprising each letter is",
    ends=("0 bits", "8 bits and more"),
)
drawing.page(path, photographs=False)

# %% [markdown]
# 붉은 글자는 낱말이 시작하는 곳에 많다. 빈칸 뒤에는 고를 것이 많고, 낱말의 글자가 하나씩
# 나올 때마다 고를 것이 줄어든다. 그러나 예외 없는 규칙은 아니다. 첫 글자에는 뒤의
# 글자보다 얼마나 더 드는가?

# %%
words = list(re.finditer(r"[A-Za-z']+", passage))
firsts = np.array([bits[word.start()] for word in words])
laters = np.concatenate([bits[word.start() + 1 : word.end()] for word in words])
print(
    f"first letters of words: {firsts.mean():.1f} bits each, in all {firsts.sum():.0f}"
)
print(
    f"later letters of words: {laters.mean():.1f} bits each, in all {laters.sum():.0f}"
)
print(f"a first letter costs {firsts.mean() / laters.mean():.1f} times a later one")
assert firsts.mean() > laters.mean()

# %% [markdown]
# 뒤의 글자가 더 많으므로, 모두 합하면 뒤의 글자라고 덜 들지는 않는다. 낱말의 비트는 그
# 글자들의 비트를 더한 것이다. 철자를 알 만큼 배운 모델은 그렇게 해서 오타를 찾아낸다.

# %%
for sentence in (
    "What is the matter with the king?",
    "What is the mattre with teh king?",
):
    bits = -writer.score(sentence) / np.log(2)
    places = np.cumsum([len(word) + 1 for word in sentence.split()])[:-1]
    for word, of_word in zip(sentence.split(), np.split(bits, places), strict=True):
        print(f"{word} {of_word.sum():.0f}", end="   ")
    print(f"   in all {bits.sum():.0f} bits")

# %% [markdown]
# 그리고 글자마다 가장 나은 추측 다섯 개다. 확신할수록 진하다. 실제로 나온 글자에는
# 테두리를 둘렀다.

# %%
line = "\nHAMLET.\nTo be, or not to be, that is the question"
ids = np.concatenate([[0], writer.preprocessor.encode(line)])[None].astype("int32")
p = softmax(np.asarray(writer(ids))[0, :-1, 2:])  # (T, V - 2)
drawing_language.guesses(line[1:], letters, p[1:])

# %% [markdown]
# ## 9. 스트림
#
# `generate`는 그래프 안에서 돌고, 글이 다 되면 돌려준다. `stream`은 파이썬 반복자로,
# 글자를 나오는 대로 원하는 만큼 내준다. 뽑는 글자는 같다.

# %%
stream = writer.stream("KING", length=None, temperature=0.7, seed=3)
text = "".join(itertools.islice(stream, 200))
print("KING" + text)
assert text == writer.generate("KING", 200, temperature=0.7, seed=3)

# %% [markdown]
# 둘의 밑에는 `step`이 있다. 글자 하나가 들어가고 추측 하나가 나오며, 상태는 여러분이 직접
# 쥔다. 시퀀스 전체와 같은 수가 나온다.

# %%
ids = writer.preprocessor.encode("KING").astype("int32")
states = writer.initial_states(1)
for number in [0, *ids]:
    step, states = writer.step(np.array([number]), states)
whole = writer(np.array([[0, *ids]]))[:, -1]
compare("the last step and the whole sequence", step, whole)

# %% [markdown]
# ## 10. 여러분의 글
#
# UTF-8로 된 글 파일이면 어느 문자로 쓴 것이든 된다. 이백 글자부터 여러 기가바이트까지
# 되며, 큰 파일은 블록씩 읽고 결코 통째로 메모리에 올리지 않는다.
#
# ```sh
# kerasrnn train char-lm --data book.txt
# ```
#
# 이 명령은 모델과 그 점수와 표본을 모은 쪽을 쓴다. 파이썬에서도, 우리가 직접 쓴 파일로
# 같은 일을 해 보자.

# %%
from kerasrnn.data import open_text_file

book = folder / "book.txt"
book.write_text(splits["train"][0][:50_000], encoding="utf-8")
own_tokenizer, parts = open_text_file(book, folder / "book")
print(own_tokenizer.vocabulary_size, "ids")
for name, part in parts.items():
    print(f"{name:12}{part}")
own = CharLanguageModel(preprocessor=own_tokenizer, num_layers=1, units=32)
own.fit(parts["train"], batch_size=8, verbose=0)
found = own.evaluate(parts["validation"], verbose=0)
print(f"{found['bits_per_character']:.2f} bits per character")

# %% [markdown]
# 이것은 나쁜 모델이다. 2절의 빈도만 세는 것이 희곡의 다른 부분에서 낸 4.69비트보다도 못하다. 이렇게
# 짧은 글을 한 번 읽는 것은 글자가 8 곱하기 100개씩인 53스텝이고, 신경망은 이제 겨우 시작했다.
# 앞의 명령은 이런 글을 적어도 600스텝을 배울 때까지 다시 읽는다.
#
# 모르는 글자나 글이 아닌 파일에는 무엇이 잘못되었는지 말하는 경고나 오류가 나온다.

# %%
(folder / "empty.txt").write_text("")
try:
    open_text_file(folder / "empty.txt", folder / "empty")
except ValueError as error:
    print(str(error).replace(str(folder), "…"))

model.save_to_preset(folder / "my-model")
again = CharLanguageModel.from_preset(str(folder / "my-model"))
assert again.generate("KING", 50, seed=1, temperature=0.0)
print("The model is kept, and reads and writes after it is loaded")

# %% [markdown]
# ## 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/04_character_language_model.py`에 있다.
#
# 1. "hello"의 모델이 글자 하나로 하는 일: 글자의 번호와 앞 상태에서, 새 상태와 다음
#    글자의 확률을 구하라.

# %%
from exercises import check


def read_letter(number, h, W, U, b, W_o, b_o):
    h = ...  # (U,)
    p = ...  # (V,)
    return h, p


check("04_character_language_model", read_letter=read_letter)

# %% [markdown]
# 2. 글자들이 확률 `p`를 받은 글의 글자당 비트와 퍼플렉시티.


# %%
def bits_of(p):
    return ...


def perplexity_of(p):
    return ...


check("04_character_language_model", bits_of=bits_of, perplexity_of=perplexity_of)

# %% [markdown]
# 3. 무엇에서 뽑는가: 온도 `tau`에서, 가장 그럴듯한 글자 `k`개만 남긴 확률.


# %%
def top_k(logits, tau, k):
    return ...


check("04_character_language_model", top_k=top_k)

# %% [markdown]
# 4. 스트림: `ids` (N,)인 문서 하나를 독자 `rows`명이 읽는다. 독자들은 똑같은 수의 글자를
#    차례로 이어서 맡는다. 행마다 글자가 `chunk`개일 때, 번호가 `step`인 배치의 inputs와
#    targets (B, T)를 구하라. 독자의 몫 끝에서 남는 글자는 버린다.


# %%
def batch_of(ids, rows, chunk, step):
    return ...


check("04_character_language_model", batch_of=batch_of)

# %% [markdown]
# 검사 없이:
#
# 5. 1절에서 모델에 유닛을 셋이 아니라 하나만 주어 보라. "hello"를 배울 수 있는가? 어느 두
#    글자를 틀리며, 수 하나로는 왜 모자란가(정말 모자란가)?
# 6. "hellohello"를 길이가 5인 토막으로, 다음에는 3인 토막으로 가르쳐 보라. 상태를 이어 갈
#    때 무엇이 달라지는가? 그리고 "hello hello"와 "yellow"에서는 어느 글자가 언제까지나
#    확실하지 않은가?
# 7. 3절에서 `batch_size`를 1로, 그리고 20으로 두어 보라. 그러면 한 에폭은 몇 스텝인가?
#    독자가 하나이면 무엇이 나쁘고, 천 명이면 무엇이 나쁜가?
# 8. 5절의 모델을 `chunk=10`과 열 배 많은 행으로, 곧 배치에 든 글자의 수가 같게 하여
#    학습시켜 보라. 어느 쪽이 더 빠르며, 같은 시간 뒤에는 어느 쪽이 더 나은가?
# 9. 가중치의 수를 같게 하고(`cell=`, `units=`) SimpleRNN, GRU, LSTM을 견주어 보라. 유닛이
#    더 적은 두 계층과 한 계층도 견주어 보라.
# 10. 7절에서 어떤 온도가, 모델 스스로 판단할 때 테스트 글과 글자당 비트가 비슷한 글을
#     내는가? (*힌트: `generate`가 쓴 것을 `score`하라.*)
# 11. 빔 탐색을 하면 글자 200개로 된 가장 그럴듯한 글을 찾을 것이다. 왜 그것을 읽고 싶지
#     않을까?
# 12. 8절에서 현대 소설 한 쪽과 초서의 글 한 쪽에 점수를 매겨 보라. 한 세기는 몇 비트인가?
# 13. 여러분이 보낸 채팅 가운데 가장 예측하기 쉬운 것은 무엇인가? 그 기록으로
#     `kerasrnn train char-lm`을 돌려 보고, 표본은 아무에게도 보여 주지 말라.
#
# ## 참고 문헌
#
# Karpathy, A. (2015), The unreasonable effectiveness of recurrent neural networks.
# Williams, R. and Peng, J. (1990), An efficient gradient-based algorithm for on-line
# training of recurrent network trajectories. Graves, A. (2013), Generating sequences with
# recurrent neural networks. Shannon, C. (1951), Prediction and entropy of printed
# English.
