# %% [markdown]
# # 7. 노트북에서 서비스와 휴대전화와 브라우저와 스트림으로
#
# 학습된 모델은 아직 다른 누구에게도 쓸모가 없다. 이 쪽은 학습된 모델들을 Keras 밖으로
# 꺼내면서, 가는 길에 무엇이 남는지 본다. 수는 그대로인지, 얼마나 큰지, 얼마나 빠른지.
# 다음을 본다.
#
# 1. SavedModel이 가져가는 것과 두고 가는 것
# 2. ONNX의 LSTM, 연산자 하나, 그리고 게이트가 놓이는 순서
# 3. 패딩: 어떤 마스크가 따라오며, 나머지는 어떻게 되는가
# 4. TensorFlow 없이 읽는 글: 작은 파일 둘에 담긴 토크나이저
# 5. 서른두 비트 대신 여덟 비트: int8에는 무엇이 드는가
# 6. 휴대전화: LiteRT의 LSTM
# 7. 스트림: 상태를 직접 쥐고 한 스텝씩
# 8. 글을 쓰는 모델: 인코더, 스텝, 반복
# 9. 브라우저
# 10. 부하가 걸린 서비스
# 11. 모두를 한 표에
#
# 모양을 나타내는 글자는 라이브러리 전체에서 같다. **B**는 배치, **T**는 스텝, **D**는
# 특징, **U**는 유닛이다. [1쪽](01_recurrent_layers.ko.ipynb)에 나오는 게이트와 마스크,
# [2쪽](02_translation_with_attention.ko.ipynb)에 나오는 인코더와 디코더는 안다고 본다.
#
# 실행하려면 복제한 저장소에서 `pip install '.[plot,train,onnx,litert]'`을 실행한 다음, 이
# 노트북이나 그 옆의 `.py` 파일을 돌린다.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import drawing
import keras
import matplotlib.pyplot as plt
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tensorflow_datasets as tfds
from ai_edge_litert.interpreter import Interpreter

import kerasrnn.data  # noqa: F401  It makes its data sets known.
from kerasrnn import layers
from kerasrnn.catalogue import load_recipe
from kerasrnn.export import streaming, to_onnx
from kerasrnn.zoo import CharLanguageModel, SentimentClassifier, Seq2SeqAttention

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tf.get_logger().setLevel("ERROR")
onnxruntime.set_default_logger_severity(4)  # Errors are raised all the same.
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes


def milliseconds(*calls, rounds=10 if SMALL else 60):
    """The median of each call's time; they take turns, to see the same machine."""
    times = [[] for _ in calls]
    for _ in range(rounds):
        for call, found in zip(calls, times, strict=True):
            begin = time.perf_counter()
            call()
            found.append(1e3 * (time.perf_counter() - begin))
    return [statistics.median(found) for found in times]


# %% [markdown]
# ## 1. SavedModel 만들기
#
# 모델은 모음에 있는 것으로, 영화평의 문장이 칭찬인지 아닌지 말해 준다.

# %%
NAME = "sentiment-movies"
classifier = SentimentClassifier.from_preset(NAME)
print(f"the preset {NAME}: {classifier.count_params():,} parameters,", end=" ")
print(load_recipe(NAME).score)

saved = classifier.export(folder / "saved_model")
serve = tf.saved_model.load(saved).signatures["serving_default"]
answer = serve(text=tf.constant(["a gripping, funny film"]))
print({name: value.numpy().tolist() for name, value in answer.items()})

# %% [markdown]
# 다듬지 않은 문자열이 들어가고 레이블과 확률이 나오며, TensorFlow 말고는 아무것도 필요
# 없다. TensorFlow의 연산으로 된 토크나이저가 그 안에 들어 있다. 두고 가는 것은 컴파일된
# 커널이다. 커널은 TensorFlow의 것이 아니므로, SavedModel에는 그 자리에 시간을 따라 도는
# 반복이 있다. 시퀀스가 길고 배치가 큰 곳에서는 이것이 속도를 떨어뜨릴 수 있다. 영화평을
# 하나씩 읽을 때는 그렇지 않다. 모델과 그 SavedModel 가운데 뒤의 것이 더 빠르다(11절).
# 그리고 디스크를 1~2기가바이트 차지하는 TensorFlow가 있어야 한다.
#
# ## 2. ONNX의 LSTM
#
# ONNX는 연산자 그래프의 형식이고, 순환 계층 전체를 모든 스텝에 걸쳐 두 방향으로 계산하는
# 연산자가 있다. 런타임은 파일을 읽을 때 가중치와 모양을 알게 되고, 반복이 필요 없다.
#
# $$\begin{aligned}
# i_t &= \sigma(W_i x_t + R_i h_{t-1} + b_i + r_i) &
# o_t &= \sigma(W_o x_t + R_o h_{t-1} + b_o + r_o) \\
# f_t &= \sigma(W_f x_t + R_f h_{t-1} + b_f + r_f) &
# g_t &= \tanh(W_c x_t + R_c h_{t-1} + b_c + r_c) \\
# c_t &= f_t \odot c_{t-1} + i_t \odot g_t &
# h_t &= o_t \odot \tanh(c_t)
# \end{aligned}$$
#
# 수식은 강의의 것 그대로다. 다른 점은 네 블록이 한 행렬 안에 놓이는 방식이다. Keras는 **i
# f g o**를 옆으로 나란히 $(D, 4U)$로 쌓고, ONNX는 **i o f g**를 위아래로 $(4U, D)$로
# 쌓는다. 여기 계층 하나와 그것이 된 파일이 있다.

# %%
x = keras.Input((None, 3), name="x")
layer = layers.LSTM(5, return_sequences=True, name="reader")
small = keras.Model(x, layer(x))
report = to_onnx(small, folder / "small.onnx")
print(report)
assert report.operators["LSTM"] == 1 and report.largest_difference < 1e-5

# %% [markdown]
# 연산자는 `LSTM` 하나이고, ONNX는 시간을 첫 축에 두므로 그 둘레에서 축을 돌린다. 가중치는
# 파일 안에 있고, 순서만 다를 뿐 계층의 것 그대로다.

# %%
graph = onnx.load(folder / "small.onnx").graph
node = next(node for node in graph.node if node.op_type == "LSTM")
weights = {w.name: onnx.numpy_helper.to_array(w) for w in graph.initializer}
W, R, B = (weights[name] for name in node.input[1:4])
print("W", W.shape, "R", R.shape, "B", B.shape)
i, f, g, o = np.split(np.asarray(layer.cell.kernel), 4, axis=1)  # (D, U) each
np.testing.assert_array_equal(W[0], np.concatenate([i, o, f, g], axis=1).T)

# %% [markdown]
# 이것을 ONNX Runtime이 돌린다. 모델에서처럼 배치와 스텝은 정해져 있지 않다.

# %%
session = onnxruntime.InferenceSession(folder / "small.onnx")
for batch, steps in [(1, 1), (2, 7), (9, 50)]:
    inputs = rng.normal(size=(batch, steps, 3)).astype("float32")
    (found,) = session.run(None, {"x": inputs})
    difference = np.abs(found - np.asarray(small(inputs))).max()
    print(f"B={batch}, T={steps}: differs by {difference:.1e}")
    assert difference < 1e-5

# %% [markdown]
# ## 3. 어떤 마스크가 따라오는가
#
# 이 연산자에는 행마다 몇 스텝을 셀지 알려 주는 입력 `sequence_lens`가 있다. 그래서
# **오른쪽** 패딩은 알지만 다른 것은 모른다. 파일은 마스크에서 이 길이를 계산한다.
# 마스크에 구멍이 있거나 왼쪽에 패딩이 있는 행은 길이가 -1이 되고, ONNX Runtime은 거기서
# 멈춘다. 틀린 수보다는 오류가 낫다.

# %%
ids = keras.Input((None,), dtype="int32", name="ids")
sequences = keras.layers.Embedding(20, 4, mask_zero=True)(ids)
masked = keras.Model(ids, layers.LSTM(5, name="reader")(sequences))
to_onnx(masked, folder / "masked.onnx")
session = onnxruntime.InferenceSession(folder / "masked.onnx")
right, left = [[3, 7, 7, 0, 0]], [[0, 0, 3, 7, 7]]
(found,) = session.run(None, {"ids": np.array(right, "int32")})
(alone,) = session.run(None, {"ids": np.array([[3, 7, 7]], "int32")})
print("padded on the right, and alone:", np.abs(found - alone).max())
try:
    session.run(None, {"ids": np.array(left, "int32")})
except Exception as error:
    print(str(error).split("node. ")[-1])
else:
    raise AssertionError("a mask on the left went through")

# %% [markdown]
# ## 4. TensorFlow 없이 읽는 글
#
# 모음의 모델 하나도 통째로, 토큰 번호부터 시작해서 같은 길을 간다. 글에서 번호를 만드는
# 것은 그 옆에 놓인다.

# %%
onnx_folder = classifier.export(folder / "onnx", format="onnx", verbose=True)
print(sorted(path.name for path in onnx_folder.iterdir()))

# %% [markdown]
# `tokenizer.json`은 글을 어떻게 자를지(정규 표현식으로) 말해 주고, `vocabulary.txt`에는
# 줄마다 낱말이 하나씩 있으며, `text_reader.py`와 `text_reader.mjs`가 파이썬과
# 자바스크립트에서 그 일을 한다. 다른 것은 필요 없다. 아래의 프로세스에는 TensorFlow도
# Keras도 없다.

# %%
program = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, onnxruntime
from text_reader import TextReader

reader = TextReader(sys.argv[1])
session = onnxruntime.InferenceSession(sys.argv[1] + "/model.onnx")
for text in sys.argv[2:]:
    ids = np.array([reader.encode(text)], "int32")
    [found] = session.run(["probabilities"], {"token_ids": ids})
    print(f"{found[0, 1]:.4f} {text}")
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
sentences = ["a gripping, funny film", "dull and far too long", "영화가 정말 좋아요!"]
command = [sys.executable, "-X", "utf8", "-c", program, str(onnx_folder), *sentences]
print(subprocess.run(command, capture_output=True, check=True).stdout.decode())
print("The model itself:")
for text, scores in zip(
    sentences, classifier.predict(sentences, verbose=0), strict=True
):
    print(f"{scores[1]:.4f} {text}")

# %% [markdown]
# ## 5. 여덟 비트
#
# 32비트짜리 가중치를 8비트에 담을 수 있다. -128부터 127까지의 정수에 행렬 전체의 수
# 하나를 곱하는 식이다. `quantize="dynamic"`이면 그것으로 끝이다. 연산자를 지나는 값은
# 부를 때마다 8비트로 바뀌었다가 되돌아온다. 정확도를 잃을 수 있고, 얼마나 잃는지는 재어
# 보아야만 안다. 여기서는 고르는 일을 하므로 검증 자료에서 잰다. 테스트 자료는 고른 다음의
# 것을 위한 것이다.

# %%
texts, labels = tfds.load(
    "movie_snippets", split="validation", as_supervised=True, batch_size=-1
)
texts = [text.decode() for text in texts.numpy()]
labels = labels.numpy()
if SMALL:
    texts, labels = texts[:100], labels[:100]
int8_folder = classifier.export(
    folder / "int8", format="onnx", quantize="dynamic", verbose=True
)

sys.path.insert(0, str(onnx_folder))
from text_reader import TextReader  # It came with the export.

reader = TextReader(onnx_folder)
rows = [np.array([reader.encode(text)], "int32") for text in texts]


def answers_of_onnx(path):
    session = onnxruntime.InferenceSession(path / "model.onnx")
    return np.concatenate([session.run(None, {"token_ids": ids})[0] for ids in rows])


expected = classifier.predict(texts, verbose=0)
found = {
    "ONNX": answers_of_onnx(onnx_folder),
    "ONNX, int8": answers_of_onnx(int8_folder),
}
accuracy = {name: np.mean(p.argmax(1) == labels) for name, p in found.items()}
accuracy["Keras"] = np.mean(expected.argmax(1) == labels)
for name, value in accuracy.items():
    print(f"{name:10} {value:.1%} of {len(labels):,} sentences")
assert np.abs(found["ONNX"] - expected).max() < 1e-5

# %% [markdown]
# ## 6. 휴대전화
#
# 한때 TensorFlow Lite라고 불린 LiteRT는 휴대전화와 작은 보드가 돌리는 것이다. 여기에도
# 융합된 연산자 `UNIDIRECTIONAL_SEQUENCE_LSTM`이 있다. Keras 3은 이제 그것을 찾지 못하고
# 반복을 쓴다. 여기서는 계층의 방향마다 다시 연산자 하나가 된다. 배치는, 원한다면 스텝도,
# 파일에 정해져 있고, 더 짧은 글에는 패딩을 붙인다.

# %%
STEPS = classifier.preprocessor.max_length
phone_folder = classifier.export(
    folder / "litert", format="litert", steps=STEPS, verbose=True
)
run_on_phone = Interpreter(str(phone_folder / "model.tflite")).get_signature_runner()
padded = [np.pad(ids, [(0, 0), (0, STEPS - ids.shape[1])]) for ids in rows]
found["LiteRT"] = np.concatenate(
    [run_on_phone(token_ids=ids)["probabilities"] for ids in padded]
)
accuracy["LiteRT"] = np.mean(found["LiteRT"].argmax(1) == labels)
difference = np.abs(found["LiteRT"] - expected).max()
print(f"{accuracy['LiteRT']:.1%}, differs by {difference:.1e}")
assert difference < 1e-5

# %% [markdown]
# GRU나 SimpleRNN에는 그런 연산자가 없다. 짧은 시퀀스는 스텝마다 펼치고, 긴 것은 반복이
# 되며, 어느 쪽인지는 보고서가 말해 준다. 작은 장치에는 더 나은 방법이 있고, 다음이
# 그것이다.
#
# ## 7. 스트림
#
# 마이크는 시퀀스의 배치를 내주지 않는다. 프레임을 하나, 그리고 또 하나 내주고, 그때마다
# 답을 바란다. 한 스텝을 위한 `model.predict`는 계산보다 파이썬에 훨씬 많은 시간을 쓰고,
# 상태를 잊는다. `streaming`은 학습된 모델에서, 한 스텝을 하고 상태를 여러분에게 넘겨주는
# 다른 모델을 만든다.
#
# $$y_t, s_t = \text{step}(x_t, s_{t-1})$$

# %%
frames = keras.Input((None, 8), name="frames")
y = keras.layers.GRU(64, return_sequences=True, name="reader")(frames)
y = keras.layers.Dense(3, activation="softmax", name="classes")(y)
listener = keras.Model(frames, y)  # of keras.layers, as you may have one
step = streaming(listener)
step_report = to_onnx(step, folder / "step.onnx")
print(step_report)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # A step is too small to be shared out.
session = onnxruntime.InferenceSession(folder / "step.onnx", options)
LENGTH = 200 if SMALL else 2000
signal = rng.normal(size=(1, LENGTH, 8)).astype("float32")
whole = np.asarray(listener(signal))[0]
states = {"reader_h": np.zeros((1, 64), "float32")}
outputs = [x.name for x in session.get_outputs()]
largest = 0.0
for t in range(LENGTH):
    results = session.run(None, {"frames": signal[:, t : t + 1], **states})
    results = dict(zip(outputs, results, strict=True))
    states = {"reader_h": results["next_reader_h"]}
    largest = max(largest, np.abs(results["classes"].reshape(-1) - whole[t]).max())
print(f"{LENGTH} steps one by one differ from the sequence by {largest:.1e}")
assert largest < 1e-5

one = signal[:, :1]
feeds = {"frames": one, **states}
compiled = tf.function(step, reduce_retracing=True)
tensors = {name: tf.constant(value) for name, value in feeds.items()}
times = milliseconds(
    lambda: session.run(None, feeds),
    lambda: compiled(tensors),
    lambda: step.predict_on_batch(feeds),
    lambda: step.predict(feeds, verbose=0),
    rounds=5 if SMALL else 30,
)
names = ("ONNX Runtime", "a compiled TensorFlow call", "predict_on_batch", "predict")
for name, value in zip(names, times, strict=True):
    print(f"{name:27} {value:7.3f} ms a step")
assert times[0] < times[-1]

# %% [markdown]
# 시퀀스 전체를 보는 것은 그렇게 할 수 없고, 그렇다고 말한다.

# %%
both_ways = keras.Model(
    frames, layers.Bidirectional(layers.GRU(4), name="both")(frames)
)
try:
    streaming(both_ways)
except ValueError as error:
    print(error)
else:
    raise AssertionError("half of a Bidirectional needs what is to come")

# %% [markdown]
# 모음의 글자 언어 모델은 본래 스트림이다. 내보낸 부분은 번호와 상태를 받아 둘 다 내준다.
# 그래서 ONNX Runtime이 글의 글자마다 얼마나 그럴듯했는지 말해 준다.

# %%
writer = CharLanguageModel.from_preset("chars-shakespeare")
chars_folder = writer.export(folder / "chars", format="onnx")
session = onnxruntime.InferenceSession(chars_folder / "model.onnx")
chars = TextReader(chars_folder)
outputs = [x.name for x in session.get_outputs()]
states = {
    x.name: np.zeros((1, writer.units), "float32")
    for x in session.get_inputs()
    if x.name != "ids"
}
text, before, logs = "Enter HAMLET, reading", 0, []
for number in chars.encode(text):
    results = session.run(None, {"ids": np.array([[before]], "int32"), **states})
    results = dict(zip(outputs, results, strict=True))
    logs.append(results["log_probabilities"][0, 0, number])
    states = {name: results[f"new_{name}"] for name in states}
    before = number
expected_logs = writer.score(text)
if writer.cache is None:
    np.testing.assert_allclose(logs, expected_logs, atol=1e-4)

plt.rcParams.update(drawing.STYLE)
figure, axes = plt.subplots(figsize=(9, 2.6))
axes.bar(range(len(text)), np.exp(logs), color=drawing.BLUE)
axes.set_xticks(range(len(text)), ["␣" if c == " " else c for c in text])
axes.set_ylabel("p(character)")
axes.set_title("Read in ONNX Runtime, a character at a time")
plt.show()

# %% [markdown]
# 줄이 무엇으로 시작할지는 말하기 어렵지만, 시작된 낱말의 끝은 거의 확실하다.
#
# ## 8. 글을 쓰는 모델
#
# 번역기는 입력에서 출력으로 가는 그래프 하나가 아니다. 한 번 읽고, 그다음에는 다 됐다
# 싶을 때까지 토큰을 하나씩 쓴다. 그래서 파일 둘, 곧 **인코더**와 디코더의 **스텝** 하나가
# 되고, 셋째 파일에는 반복이 들어 있다. ONNX에서는 연산자 `Loop`다. 셋째 파일은
# [2쪽](02_translation_with_attention.ko.ipynb)의 탐욕적 탐색을 호출 한 번에 담은 것이다.

# %%
translator = Seq2SeqAttention.from_preset("translate-en-es")
spanish = translator.export(folder / "translator", format="onnx")
described = json.loads((spanish / "model.json").read_text())
for name, part in described["parts"].items():
    print(name, *part.get("inputs", []), "→", *part.get("outputs", []))
reader = TextReader(spanish)
session = onnxruntime.InferenceSession(spanish / "greedy.onnx")
verses = [
    "In the beginning God created the heavens and the earth.",
    "Don't be afraid, for I am with you.",
    "They went out of the city and came to him.",
]
for verse in verses:
    source = np.array([reader.encode(verse)], "int32")
    most = np.array(2 * source.shape[1] + 10, "int64")
    token_ids, scores, alignments = session.run(
        ["token_ids", "scores", "alignments"], {"source": source, "max_length": most}
    )
    written = reader.decode(token_ids[0])
    print(f"{verse}\n    {written}")
    assert written == translator.generate(verse)

# %% [markdown]
# 디코더가 어디를 보았는지도 같은 호출에서 나온다. 행마다 쓴 낱말 하나, 열마다 읽은 조각
# 하나다.

# %%
read = [reader.token(n, "source").replace("▁", " ").strip() for n in source[0]]
said = [reader.token(n).replace("▁", " ").strip() for n in token_ids[0]]
figure, axes = plt.subplots(figsize=(6, 5))
axes.imshow(alignments[0], cmap="Blues", vmin=0, vmax=1)
axes.set_xticks(range(len(read)), read, rotation=90)
axes.set_yticks(range(len(said)), said)
axes.set_title("Attention, out of ONNX Runtime")
plt.show()

# %% [markdown]
# 빔 탐색에는 따로 그래프가 없다. `kerasrnn.decoding`의 탐색들은 어떤 스텝이든 받고, 이
# 스텝은 ONNX Runtime에서 돈다.

# %%
from kerasrnn.decoding import beam_search
from kerasrnn.export import OnnxWriter

take_step, state = OnnxWriter(spanish).decoding(source)
beams = beam_search(
    take_step,
    state,
    [reader.start_id],
    max_length=int(most),
    end_id=reader.end_id,
    beam_width=4,
    n_best=3,
    length_penalty=1.0,
)
for ids, score in zip(np.asarray(beams.token_ids[0]), beams.scores[0], strict=True):
    print(f"{float(score):6.2f}  {reader.decode(ids)}")

# %% [markdown]
# ## 9. 브라우저
#
# ONNX Runtime Web은 같은 파일을 웹 페이지 안에서, 뒤에 서버 없이 돌린다. 자바스크립트로
# 된 글 읽개는 파이썬의 것과 같은 번호를 주고, `text_writer.mjs`는 같은 빔 탐색이다. 이
# 기계에 Node와 npm 패키지가 있으면 다음 셀이 그것을 돌린다. 웹 페이지에서는 두 `read`
# 함수를 빼고 `fetch`를 그 자리에 쓴다.

# %%
script = """
import fs from "node:fs/promises";
import * as ort from "onnxruntime-web";
import { TextReader } from "./text_reader.mjs";
import { TextWriter } from "./text_writer.mjs";

ort.env.wasm.numThreads = 1;
const reader = await TextReader.load("./", (name) => fs.readFile(name, "utf-8"));
const writer = await TextWriter.load(ort, "./", (name) => fs.readFile(name));
const source = writer.sourceOf([reader.encode(process.argv[2])]);
const { startId, endId } = reader;
const [best] = await writer.beam(source, { startId, endId, beamWidth: 1 });
console.log(reader.decode(best.ids));
"""
(spanish / "translate.mjs").write_text(script)
web = os.environ.get("ONNXRUNTIME_WEB")  # a folder with the package
if web and shutil.which("node"):
    (spanish / "node_modules").symlink_to(pathlib.Path(web) / "node_modules")
    command = ["node", "translate.mjs", verses[-1]]
    output = subprocess.run(command, cwd=spanish, capture_output=True, check=True)
    in_browser = output.stdout.decode().strip()
    print("ONNX Runtime Web:", in_browser)
    assert in_browser == written
else:
    print("no Node, or no onnxruntime-web here: npm install onnxruntime-web")

# %% [markdown]
# ## 10. 서비스
#
# 서비스는 요청을 기다리는 프로세스이고, 그 일만을 잘하는 서버들이 있다. 그런 서버 뒤에
# 놓는 번역기는 마흔 줄이면 된다. 글을 읽고, 그래프를 돌리고, 디코딩한다.

# %%
served = (
    pathlib.Path(drawing.__file__).parents[1] / "benchmarks" / "served_translator.py"
)
code = served.read_text()
print(code[code.index("    async def predict") :])

# %% [markdown]
# `python benchmarks/serving.py`는 서버(KServe V2 프로토콜을 쓰는 MLServer)를 따로 만든
# 환경에 설치하고, 이 모델로 시작하고, 클라이언트 여덟이 물어보게 하며, 답을 하나하나
# 모델의 답과 맞춰 본다. 거기서 잰 것은 [benchmarks/README.md](../benchmarks/README.md)에
# 있다.
#
# ## 11. 모두를 한 표에
#
# 한 번에 영화평 하나씩, 감성 모델을 형식마다 돌린다. 토크나이저는 앞의 둘에는 들어 있고
# 나머지에는 들어 있지 않은데, 거기서 토크나이저에 드는 시간은 십분의 일 밀리초다.

# %%
short = sorted(range(len(texts)), key=lambda n: rows[n].shape[1])[len(texts) // 2]
text, ids = tf.constant([texts[short]]), rows[short]
sessions = {
    "ONNX": onnxruntime.InferenceSession(onnx_folder / "model.onnx"),
    "ONNX, int8": onnxruntime.InferenceSession(int8_folder / "model.onnx"),
}
calls = {
    "Keras": lambda: classifier.predict_on_batch([texts[short]]),
    "SavedModel": lambda: serve(text=text),
    "ONNX": lambda: sessions["ONNX"].run(None, {"token_ids": ids}),
    "ONNX, int8": lambda: sessions["ONNX, int8"].run(None, {"token_ids": ids}),
    "LiteRT": lambda: run_on_phone(token_ids=padded[short]),
}
found["SavedModel"] = np.concatenate(
    [
        serve(text=tf.constant(texts[at : at + 64]))["probabilities"]
        for at in range(0, len(texts), 64)
    ]
)
accuracy["SavedModel"] = np.mean(found["SavedModel"].argmax(1) == labels)
found["Keras"] = expected
sizes = {
    "Keras": load_recipe(NAME).preset / "model.weights.h5",
    "SavedModel": saved,
    "ONNX": onnx_folder / "model.onnx",
    "ONNX, int8": int8_folder / "model.onnx",
    "LiteRT": phone_folder / "model.tflite",
}


def megabytes(path):
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


latency = dict(zip(calls, milliseconds(*calls.values()), strict=True))
print(f"{'':12}{'MB':>7}{'ms':>8}{'accuracy':>10}{'differs by':>12}")
for name in calls:
    difference = np.abs(found[name] - expected).max()
    print(
        f"{name:12}{megabytes(sizes[name]):7.1f}{latency[name]:8.2f}"
        f"{accuracy[name]:10.1%}{difference:12.1e}"
    )

figure, axes = plt.subplots(figsize=(7, 2.8))
colours = [drawing.QUIET, drawing.QUIET, drawing.BLUE, drawing.BLUE, drawing.ORANGE]
axes.barh([*calls], [latency[name] for name in calls], color=colours)
for place, name in enumerate(calls):
    axes.text(latency[name], place, f" {latency[name]:.2f} ms", va="center")
axes.invert_yaxis()
axes.set_xlabel("milliseconds for one review")
axes.margins(x=0.15)
plt.show()
print("The same answers in five forms")
assert latency["ONNX"] < latency["SavedModel"]

# %% [markdown]
# ## 연습 문제
#
# 문제마다 검사가 있어서, "right"라고 말하거나 힌트를 주고 멈춘다. 점 세 개가 있는 자리에
# 답을 쓰라. 우리의 답은 `solutions/07_serving.py`에 있다.
#
# 1. `one_step`을 채우라: **ONNX가 가진 대로의** 가중치 `W` (4U, D), `R` (4U, U), 그리고
#    두 절반을 더해서 쓰는 `B` (8U,)로 LSTM의 한 스텝을 계산하라.

# %%
from exercises import check


def one_step(x, h, c, W, R, B):
    gates = ...  # (4U,)
    c = ...
    h = ...
    return h, c


check("07_serving", one_step=one_step)

# %% [markdown]
# 2. 오른쪽에 0으로 패딩을 붙인 번호 (B, T)에 맞는 `sequence_lens`는 무엇인가?


# %%
def lengths(ids):
    return ...


check("07_serving", lengths=lengths)

# %% [markdown]
# 3. 다음 가운데 스트림으로 돌릴 수 있는 것은 어느 것인가? 이름들의 집합으로 답하라.

# %%
candidates = {
    "a GRU, then Dense": "GRU(3, return_sequences=True), Dense(2)",
    "an LSTM that goes backwards": "LSTM(3, go_backwards=True)",
    "two LSTMs": "LSTM(3, return_sequences=True), LSTM(3)",
    "a convolution, then a GRU": "Conv1D(3, 3), GRU(3)",
}
can_stream = ...

check("07_serving", can_stream=can_stream)

# %% [markdown]
# ## 참고 문헌
#
# ONNX의 연산자 LSTM-14와 Loop-16, https://onnx.ai/onnx/operators. Jacob, B. et al.
# (2018), Quantization and training of neural networks for efficient
# integer-arithmetic-only inference. Wu, Y. et al. (2016), Google's neural machine
# translation system (6절, 여덟 비트에 대하여).
