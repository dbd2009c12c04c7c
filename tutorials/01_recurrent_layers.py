# %% [markdown]
# # 1. Recurrent layers
#
# A recurrent layer reads a sequence one step at a time and keeps a state: a few numbers
# that stand for everything it has read so far. This page shows
#
# 1. the recurrence itself, and how a layer is a loop around one line of arithmetic,
# 2. the five shapes of networks that one can make of it,
# 3. what `return_sequences` and `return_state` give back,
# 4. why plain recurrence forgets, and the equations of LSTM and GRU,
# 5. masks: sequences of different lengths in one batch,
# 6. how these layers compare with `keras.layers`,
# 7. sentiment of film reviews, trained with `model.fit`.
#
# Each equation stands beside code that computes it with NumPy, and each is checked
# against the layer. The shape letters are those of the whole library: **B** batch,
# **T** steps, **D** features that come in, **U** units of the state.
#
# To run it: in a clone of the repository `pip install '.[plot,train]'`, then this notebook,
# or the `.py` file beside it. The drawings come from `drawing.py`; you need not read it.

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
# ## 1. The recurrence
#
# At step $t$ the layer has the state $h_{t-1}$ and reads $x_t$. The new state mixes both,
# each through a matrix of its own:
#
# $$h_t = \tanh(x_t W + h_{t-1} U + b), \qquad h_0 = 0$$
#
# That is all. $W$ (D × U) looks at the input, $U$ (U × U) looks back, $b$ shifts, and
# tanh keeps every number between −1 and 1.

# %%
drawing.unrolled()

# %% [markdown]
# On the left the loop, on the right the same loop laid out over four steps: the **unrolled**
# network, or computational graph. The weights are shared by all steps, so a layer has as
# many of them for ten steps as for ten thousand, and reads sequences of any length. In NumPy:


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
# And the layer. 32 sequences of 10 steps with 8 features, 4 units:

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
# The part of the layer that is not the loop is called a **cell**: one step, `(input,
# state) -> (output, new state)`. A layer is a cell and a loop; `RNN(cell)` is how to make
# one from any cell. Here is the cell's own code, from the library:

# %%
print(inspect.getsource(layers.SimpleRNNCell.call))

# %%
step, state = layer.cell(x[:, 0], layer.get_initial_state(batch_size=32))
compare("the cell and step 1 of the layer", step, outputs[:, 0])

# %% [markdown]
# ## 2. Five shapes
#
# The loop can be told what to read and when to answer. Five combinations have names:

# %%
drawing.five_shapes()

# %% [markdown]
# | shape | example | in kerasrnn |
# |---|---|---|
# | one to one | an ordinary network | `keras.layers.Dense` |
# | one to many | a picture, then its caption | the picture is the `initial_state` |
# | many to one | a review, then its sentiment | `LSTM(units)`, this page's section 7 |
# | many to many | a sentence, then its translation | one layer's state starts another |
# | many to many, synced | a word, its part of speech | `return_sequences=True` |
#
# In "many to many" the answer starts when everything is read. The first half is called
# encoder, the second decoder (*encoder-decoder* or *sequence to sequence*), and all that the
# decoder knows went through one state.
#
# ## 3. What comes back
#
# A layer computes the state of every step. What it returns is up to two arguments:
#
# | `return_sequences` | `return_state` | result |
# |---|---|---|
# | False | False | the last output: (B, U) |
# | True | False | all outputs: (B, T, U) |
# | False | True | the last output and the final state |
# | True | True | all outputs and the final state |

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
# One row of that batch as a picture, red for positive and blue for negative numbers, time
# from left to right. A black frame is round the output that is returned, a blue one round
# the state. What is pale was computed on the way and is not returned.

# %%
drawing.returned_tensors(x[0], np.asarray(outputs[0]), np.asarray(state[0]))

# %% [markdown]
# For `SimpleRNN` and `GRU` the final state equals the last output, so `return_state` seems
# useless. For `LSTM` it is not: its state is a pair, $(h, c)$, and only $h$ is output.
# Use
#
# - nothing, for many to one: the last output has read everything;
# - `return_sequences` to stack a second recurrent layer on top, or to answer every step;
# - `return_state` to hand what was read to another layer, as `initial_state`, or to go on
#   later where the sequence stopped.
#
# Going on later is so common (text arrives as it is typed, a sensor sends a sample every
# 20 ms) that there is a method for one step. It gives the numbers of the whole sequence:

# %%
layer = layers.GRU(4, return_sequences=True)
whole = np.asarray(layer(x))
state = layer.get_initial_state(batch_size=32)
for t in range(10):
    y, state = layer.step(x[:, t], state)
    compare(f"step {t + 1}", y, whole[:, t])

# %% [markdown]
# ## 4. Forgetting, and gates
#
# How much does the last state depend on an input $k$ steps ago? The answer is a
# derivative, and training needs the same derivative: **back-propagation through time**
# (BPTT) is the chain rule along the unrolled network. It gives
#
# $$\frac{\partial h_T}{\partial h_{T-k}} = \prod_{t=T-k+1}^{T} \mathrm{diag}(1 - h_t^2)\, U^\top$$
#
# (up to the order of indices): $k$ matrices. Where they shrink vectors, as they mostly do,
# the product dies out exponentially, and what was read long ago can hardly be learned from.
# That is the **vanishing gradient** (Hochreiter 1991; Bengio et al. 1994).
#
# **LSTM** (Hochreiter and Schmidhuber 1997) adds a second state, $c$, that changes by
# *addition*. Gates, numbers between 0 and 1, say what to write and what to show. The third
# gate, which says what to forget, came later (Gers et al. 2000), and no LSTM of today is
# without it:
#
# $$\begin{aligned}
# i &= \sigma(x_t W_i + h_{t-1} U_i + b_i) && \text{input gate}\\
# f &= \sigma(x_t W_f + h_{t-1} U_f + b_f) && \text{forget gate}\\
# \tilde c &= \tanh(x_t W_c + h_{t-1} U_c + b_c) && \text{candidate}\\
# o &= \sigma(x_t W_o + h_{t-1} U_o + b_o) && \text{output gate}\\
# c_t &= f \odot c_{t-1} + i \odot \tilde c \\
# h_t &= o \odot \tanh(c_t)
# \end{aligned}$$
#
# From $c_{t-1}$ straight to $c_t$ the derivative is just $f$. Where the network learns to
# keep the forget gate open, $f \approx 1$, nothing dies out. (An *open* forget gate keeps;
# its name says the opposite.) The four matrices are stored side by side, in the order
# i, f, c, o, so one product computes all four:


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
# **GRU** (Cho et al. 2014) does it with one state and two gates: $z$, how much of the old
# state to keep, and $r$, how much of it to look at for the new candidate.
#
# $$\begin{aligned}
# z &= \sigma(x_t W_z + h_{t-1} U_z + b_z + b'_z) && \text{update gate}\\
# r &= \sigma(x_t W_r + h_{t-1} U_r + b_r + b'_r) && \text{reset gate}\\
# \tilde h &= \tanh(x_t W_h + b_h + r \odot (h_{t-1} U_h + b'_h)) && \text{candidate}\\
# h_t &= z \odot h_{t-1} + (1 - z) \odot \tilde h
# \end{aligned}$$
#
# Mind the convention. Here, as in Keras, PyTorch, cuDNN and Cho et al. (2014), $z$ is the
# share that is *kept*. Many textbooks and Chung et al. (2014) write it the other way round,
# $h_t = (1 - z) \odot h_{t-1} + z \odot \tilde h$: there $z$ is the share that is *new*. It
# is the same layer with the sign of $W_z$, $U_z$ and $b_z$ turned round, as
# $1 - \sigma(a) = \sigma(-a)$.
#
# This is the variant of fast GPU libraries, where $r$ is applied *after* the product with
# $U_h$ (`reset_after=True`, the default), and the recurrent side has biases $b'$ of its
# own. In the paper it comes before, $(r \odot h_{t-1}) U_h$: `reset_after=False`.


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
# Now the measurement: the size of $\partial h_T / \partial x_{T-k}$ for new layers, before
# any training. An LSTM starts with a forget bias of 1, that is $f \approx 0.73$; the last
# curve has it at 5, $f \approx 0.99$, a gate that the network could learn to open. Mind the
# logarithmic axis.


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
# A gate helps only if it is open. A new GRU has $z \approx ½$ and replaces half of its state
# at every step, so it forgets fastest of all; a new LSTM keeps about three quarters of $c$.
# The SimpleRNN is between them. Over the first steps it even keeps more than the LSTM: its
# recurrent kernel is orthogonal at first, which keeps lengths, and only tanh takes something
# away. It *can* learn to hold something over twenty steps or so, as
# [tutorial 6](06_gradient_flow.ipynb) shows. But it has nothing to open: one matrix, the same
# at every step, has to keep *and* to compute. A gate is set for each unit and each step, by
# what is read. (The last curve rises, because $h$ feeds back into $c$: an open gate does not
# rule out growth, which is why recurrent networks are trained with clipped gradients.)
#
# ## 5. Masks
#
# Sentences have different lengths; a batch is a rectangle. So short ones are padded, and
# a mask, (B, T) booleans, says which steps count. A masked step must change nothing: the
# state stays what it was, and the output is repeated.
#
# Below, one sequence of six steps is put into ten in three ways. The colours of the
# steps that count are the same in each row, and the final states are equal, to each other
# and to those of the sequence without padding.

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
# Mostly you do not make the mask. `Embedding(mask_zero=True)` makes it, from token
# number 0, and it travels with the tensor from layer to layer:

# %%
token_ids = np.array([[5, 3, 8, 0, 0], [7, 2, 4, 6, 1]])
embedded = keras.layers.Embedding(10, 8, mask_zero=True)(token_ids)
layer = layers.LSTM(4)
compare("padded and cut", layer(embedded)[0], layer(embedded[:1, :3])[0])

# %% [markdown]
# ## 6. Beside keras.layers
#
# The layers take Keras's arguments and hold Keras's weights, so weights move between both
# libraries as they are:

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
# What differs is what runs underneath. `explain()` says which kernel that is, for this
# configuration on this machine, and why not another one:

# %%
layer = layers.LSTM(128, return_sequences=True)
print(layer.explain())

# %% [markdown]
# And the time. The two take turns, so that a busy machine slows both; the median of the
# turns counts. Take it as an illustration: it is one machine, now, and one size. The scripts
# in `benchmarks/` measure with care.


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
# ## 7. Many to one: is this review positive?
#
# `movie_snippets` holds sentences of film reviews, rated by people. After `import
# kerasrnn.data` it is a TFDS data set like any other; the first time, it is fetched.

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
# A network wants numbers. The tokenizer cuts a text into words and gives each a number:
# 0 is padding, 1 is a word that the training texts did not have.

# %%
tokenizer = WordTokenizer(max_tokens=10_000, max_length=48)
tokenizer.adapt(train_texts)
example = tokenizer(["A gripping, funny film.", "Dull."])
print(example.numpy())
print(len(tokenizer.get_vocabulary()), "words, the first:", end=" ")
print(*tokenizer.get_vocabulary()[2:12])

# %% [markdown]
# The model: an embedding turns each number into a vector, the LSTM reads the vectors, a
# dense layer reads the LSTM's last state. The mask goes from `Embedding` to `LSTM` by
# itself. Everything else is Keras as you know it.

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
# Where training goes on to improve and validation does not, the model is **overfitting**: a
# few thousand sentences teach the words that occur in them, and little about others.
# `restore_best_weights` goes back to the best epoch. The test split was not looked at until
# now:

# %%
_, accuracy = model.evaluate(tokenizer(test_texts), test_labels, verbose=0)
majority = max(test_labels.mean(), 1 - test_labels.mean())
print(f"test accuracy {accuracy:.1%}; always the commoner label: {majority:.1%}")
if not SMALL:
    assert accuracy > majority + 0.15

# %% [markdown]
# A recurrent network can be watched while it reads. A second LSTM with the same weights
# and `return_sequences=True` gives the state after every word, and the dense layer judges
# each of them:

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
# The line moves at words that carry feeling, and now and then at one that carries none. The
# last sentence is the hard one: "not" in front of "bad" should turn the line upwards, and
# few of the training sentences teach that.
#
# The zoo's `SentimentClassifier` does the same with more care: two directions, word
# vectors trained on other texts, targets that say how sure people were, single words to
# learn from, alone and after negations, whole reviews, and a second network beside the
# first. Its preset came with the package:

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
# It is better on the test split, and takes "not bad at all" for the praise that it is: by
# words it learned what a "not" does. Where "a" and "film" come between, it cannot say. Of
# sixty such sentences it gets 51 right.
#
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/01_recurrent_layers.py`.
#
# 1. One step of an LSTM, from its weights: for `x` (B, D) and the states `h` and `c` (B, U),
#    the new `h` and `c`.

# %%
from exercises import check


def lstm_step(x, h, c, W, U, b):
    i, f, candidate, o = np.split(x @ W + h @ U + b, 4, axis=-1)
    c = ...
    h = ...
    return h, c


check("01_recurrent_layers", lstm_step=lstm_step)

# %% [markdown]
# 2. A batch of 16 sequences of 30 steps and 5 features goes through two layers, the second
#    of which is to give its answer at the end: which shape has each output, and how many
#    numbers has each layer to learn?
#
#    `LSTM(8, return_sequences=True)`, then `GRU(4)`, as they come.

# %%
shapes = ...  # [(…), (…)]
numbers = ...  # […, …]

check("01_recurrent_layers", shapes=shapes, numbers=numbers)

# %% [markdown]
# 3. The mean of the outputs (B, T, U) over the steps that count, for a mask (B, T) of
#    booleans. A row in which no step counts gives zeros.


# %%
def masked_mean(outputs, mask):
    return ...


check("01_recurrent_layers", masked_mean=masked_mean)

# %% [markdown]
# Without a check:
#
# 4. Give `simple_rnn` an argument `initial_state`, and check it against the layer's. Run
#    the first half of `x`, then the second half from the state of the first: the outputs
#    must be those of the whole.
# 5. Write a cell of your own, `call(inputs, states) -> (output, new_states)` with a
#    `state_size`, in which $h_t = \lambda h_{t-1} + (1-\lambda)\, x_t W$, and run it in
#    `layers.RNN`. What does $\lambda$ have to do with the figure of section 4?
# 6. In section 4, draw the curve of an LSTM with a forget bias of 0 and of 3. How long a
#    memory does each have? Compare with $f^k = \sigma(b_f)^k$.
# 7. Take `mask_zero=True` away in section 7. How much accuracy is lost? Which texts lose
#    most, and why does padding on the left lose less?
# 8. Put `layers.Bidirectional` round the LSTM. Then stack two LSTMs: which one needs
#    `return_sequences`, and what goes wrong without it?
# 9. Replace the last state by the mean over all states, then by the maximum of each unit.
#    Mind the mask. (The zoo's model has this as `pooling`.)
# 10. Which test sentences is the model surest of and wrong? Read ten of them. How many
#    have a negation? How many would you have got wrong yourself?
