# %% [markdown]
# # 7. From the notebook to a service, a phone, a browser and a stream
#
# A model that is trained is not yet of use to anybody else. This page takes trained ones
# out of Keras, and looks at what is left of them on the way: the same numbers, how large,
# how fast. It shows
#
# 1. what a SavedModel takes along, and what it leaves behind,
# 2. the LSTM of ONNX, one operator, and how its gates are ordered,
# 3. padding: which masks come along, and what happens to the others,
# 4. texts without TensorFlow: the tokenizer in two small files,
# 5. eight bits for thirty-two: what int8 costs,
# 6. a phone: the LSTM of LiteRT,
# 7. a stream: one step, with its states in your hands,
# 8. a model that writes: the encoder, the step, and the loop,
# 9. a browser,
# 10. a service under load,
# 11. all of it in one table.
#
# The shape letters are those of the whole library: **B** batch, **T** steps, **D**
# features, **U** units. You should know what [tutorial 1](01_recurrent_layers.ipynb) says
# of gates and masks, and what [tutorial 2](02_translation_with_attention.ipynb) says of
# encoder and decoder.
#
# To run it: in a clone of the repository `pip install '.[plot,train,onnx,litert]'`, then
# this notebook, or the `.py` file beside it.

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
# ## 1. A SavedModel
#
# The model is the catalogue's: it says whether a sentence of a film review is praise.

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
# Raw strings in, labels and probabilities out, and nothing but TensorFlow needed: the
# tokenizer travels inside, made of TensorFlow's operations. What stays behind is the compiled
# kernel, which is no part of TensorFlow: a SavedModel has a loop over time in its place. This
# may cost speed where sequences are long and batches large. With one review at a time it does
# not: of the model and its SavedModel the latter is the quicker (section 11). And it needs
# TensorFlow, which takes one to two gigabytes of disk.
#
# ## 2. The LSTM of ONNX
#
# ONNX is a format for graphs of operators, and has an operator for a whole recurrent
# layer, over all steps, in both directions. A runtime knows its weights and shapes when it
# loads the file, and needs no loop:
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
# The equations are the lecture's. What differs is how the four blocks lie in one matrix:
# Keras stacks **i f g o** side by side, $(D, 4U)$, and ONNX **i o f g** one below the
# other, $(4U, D)$. Here is a layer, and the file that it becomes:

# %%
x = keras.Input((None, 3), name="x")
layer = layers.LSTM(5, return_sequences=True, name="reader")
small = keras.Model(x, layer(x))
report = to_onnx(small, folder / "small.onnx")
print(report)
assert report.operators["LSTM"] == 1 and report.largest_difference < 1e-5

# %% [markdown]
# One operator, `LSTM`, and around it the turning of axes, since ONNX puts time first. Its
# weights are in the file, and they are the layer's own, in another order:

# %%
graph = onnx.load(folder / "small.onnx").graph
node = next(node for node in graph.node if node.op_type == "LSTM")
weights = {w.name: onnx.numpy_helper.to_array(w) for w in graph.initializer}
W, R, B = (weights[name] for name in node.input[1:4])
print("W", W.shape, "R", R.shape, "B", B.shape)
i, f, g, o = np.split(np.asarray(layer.cell.kernel), 4, axis=1)  # (D, U) each
np.testing.assert_array_equal(W[0], np.concatenate([i, o, f, g], axis=1).T)

# %% [markdown]
# ONNX Runtime runs it. Batch and steps are free, as they are in the model:

# %%
session = onnxruntime.InferenceSession(folder / "small.onnx")
for batch, steps in [(1, 1), (2, 7), (9, 50)]:
    inputs = rng.normal(size=(batch, steps, 3)).astype("float32")
    (found,) = session.run(None, {"x": inputs})
    difference = np.abs(found - np.asarray(small(inputs))).max()
    print(f"B={batch}, T={steps}: differs by {difference:.1e}")
    assert difference < 1e-5

# %% [markdown]
# ## 3. Which masks come along
#
# The operator has an input `sequence_lens`: how many steps of each row count. So it knows
# padding on the **right**, and no other. From a mask the file computes these lengths; a
# row whose mask has a hole, or that is padded on the left, gets the length -1, at which
# ONNX Runtime stops. An error is worth more than a wrong number.

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
# ## 4. Texts without TensorFlow
#
# A whole model of the catalogue goes the same way, from token ids on. What makes ids of
# texts lies beside it:

# %%
onnx_folder = classifier.export(folder / "onnx", format="onnx", verbose=True)
print(sorted(path.name for path in onnx_folder.iterdir()))

# %% [markdown]
# `tokenizer.json` says how a text is cut (as regular expressions), `vocabulary.txt` has a
# word on each line, and `text_reader.py` and `text_reader.mjs` do it, in Python and in
# JavaScript. Nothing else is needed. The process below has neither TensorFlow nor Keras:

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
# ## 5. Eight bits
#
# A weight of 32 bits can be kept in 8: as an integer from -128 to 127, times one number
# for the whole matrix. With `quantize="dynamic"` that is all. What goes through the
# operators is made of 8 bits at each call and back again. It may cost accuracy, and how
# much can only be measured: on the validation split, since a choice is made here, and the
# test split is for what was chosen.

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
# ## 6. A phone
#
# LiteRT, once called TensorFlow Lite, is what phones and small boards run. It has a fused
# operator too, `UNIDIRECTIONAL_SEQUENCE_LSTM`. Keras 3 no longer finds it: what it writes
# is a loop. Here each direction of each layer is one operator again. Batch and, where one
# likes, steps are fixed in the file; shorter texts are padded.

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
# There is no such operator for a GRU or a SimpleRNN. A short sequence is laid out step by
# step, a long one becomes a loop, and the report says which. For a device that is small
# there is a better way, which comes next.
#
# ## 7. A stream
#
# A microphone does not deliver a batch of sequences. It delivers one frame, then the next,
# and wants an answer to each. `model.predict` on one step costs far more Python than
# arithmetic, and forgets the state. `streaming` makes of a trained model another one,
# which does one step and hands its states to you:
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
# What looks at the whole sequence cannot do that, and says so:

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
# The catalogue's character models are streams by nature: their exported part takes ids and
# states, and gives both. So ONNX Runtime says how likely each character of a text was:

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
# How a line begins is hard to say; the end of a word that has begun is nearly sure.
#
# ## 8. A model that writes
#
# A translator is not one graph from input to output: it reads once, and then writes token
# by token until it has had enough. So it becomes two files, the **encoder** and one
# **step** of the decoder, and a third that has the loop inside: in ONNX, the operator
# `Loop`. The third is the greedy search of [tutorial 2](02_translation_with_attention.ipynb)
# in one call.

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
# Where the decoder looked comes out of the same call. Each row is a word that was written,
# each column a piece that was read:

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
# Beam search has no graph of its own. The searches of `kerasrnn.decoding` take any step,
# and this one runs in ONNX Runtime:

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
# ## 9. A browser
#
# ONNX Runtime Web runs the same files in a page, with no server behind it. The text reader
# in JavaScript gives the same ids as the one in Python, and `text_writer.mjs` is the same
# beam search. Where Node and the npm package are on this machine, the next cell runs it;
# in a page the two `read` functions are left out, and `fetch` takes their place.

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
# ## 10. A service
#
# A service is a process that waits for requests, and there are servers that do nothing
# else, well. Behind one of them a translator is forty lines: read the text, run the graph,
# decode.

# %%
served = (
    pathlib.Path(drawing.__file__).parents[1] / "benchmarks" / "served_translator.py"
)
code = served.read_text()
print(code[code.index("    async def predict") :])

# %% [markdown]
# `python benchmarks/serving.py` installs the server (MLServer, which speaks the protocol
# KServe V2) into an environment of its own, starts it with this model, and lets eight
# clients ask it, each answer compared with the model's own. What it measured stands in
# [benchmarks/README.md](../benchmarks/README.md).
#
# ## 11. All of it in one table
#
# One review at a time, the sentiment model in each form; the tokenizer is in the first two
# and not in the others, where it takes a tenth of a millisecond.

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
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/07_serving.py`.
#
# 1. Fill in `one_step`: an LSTM's step from the weights **as ONNX has them**, `W` (4U, D),
#    `R` (4U, U) and `B` (8U,), whose two halves are added.

# %%
from exercises import check


def one_step(x, h, c, W, R, B):
    gates = ...  # (4U,)
    c = ...
    h = ...
    return h, c


check("07_serving", one_step=one_step)

# %% [markdown]
# 2. Which `sequence_lens` belong to ids (B, T) that are padded with zeros on the right?


# %%
def lengths(ids):
    return ...


check("07_serving", lengths=lengths)

# %% [markdown]
# 3. Which of these can be streamed? A set of the names.

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
# ## References
#
# The operators LSTM-14 and Loop-16 of ONNX, https://onnx.ai/onnx/operators. Jacob, B. et
# al. (2018), Quantization and training of neural networks for efficient integer-arithmetic-
# only inference. Wu, Y. et al. (2016), Google's neural machine translation system
# (section 6, on eight bits).
