# %% [markdown]
# # 0. From the slides to the code
#
# You have seen the slides of a lecture on recurrent networks, and want to find them in the
# code. Letters differ, orders differ, and slides leave things out. This page shows
#
# 1. the notation: of the slides, and of this library,
# 2. what slides simplify,
# 3. where each topic is, by page and section,
# 4. that the order of a sequence carries meaning,
# 5. why not a feed-forward network, or a convolutional one,
# 6. what each kind of network takes for granted: the table of inductive biases,
# 7. an LSTM in four steps, gate by gate, with the numbers of a trained one,
# 8. a GRU in four steps.
#
# The shape letters are those of the whole library: **B** batch, **T** steps, **D**
# features, **U** units, **V** vocabulary. Slides write $n$ for the units, and often have as
# many features as units.
#
# To run it: in a clone of the repository `pip install '.[plot,train]'`, then this notebook,
# or the `.py` file beside it. It takes a minute or two. The drawings come from `drawing.py`
# and `drawing_gates.py`; you need not read them.

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
# ## 1. Notation
#
# | slides | here | what it is |
# |---|---|---|
# | $x_t$, $h_t$: columns | `x[:, t]`, `h`: rows, one a sequence | input and hidden state |
# | $W_{xh}$ (n × D) | `W`, `kernel` (D × U), its transpose | looks at the input |
# | $W_{hh}$ (n × n) | `U`, `recurrent_kernel` (U × U), its transpose | looks back |
# | $W_{hy}$ | the kernel of a `Dense` layer after it | makes the output $y_t$ |
# | $b_h$, mostly left out | `b`, `bias` (U,) | shifts |
#
# Code has rows, because a batch is a matrix with one sequence in each row, and
# $(W h)^\top = h^\top W^\top$. So the two below are the same:
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
# ### Stacked: (h; x), and [4n × 2n]
#
# Two products and a sum are one product: put $h_{t-1}$ and $x_t$ on top of each other, and
# $W_{hh}$ and $W_{xh}$ side by side. For the LSTM slides go on, and put its four products on
# top of each other as well. With as many features as units the matrix has $4n$ rows and
# $2n$ columns:
#
# $$\begin{pmatrix} i \\ f \\ o \\ g \end{pmatrix} =
# \begin{pmatrix} \sigma \\ \sigma \\ \sigma \\ \tanh \end{pmatrix}
# W \begin{pmatrix} h_{t-1} \\ x_t \end{pmatrix}, \qquad
# c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh(c_t)$$
#
# Three differences to the weights of a layer: the layer has two matrices, for $x$ and for
# $h$; they are turned; and the order of the blocks is **i, f, c, o** and not **i, f, o, g**.
# Keras calls the candidate $c$, as it goes into the cell state, and papers write
# $\tilde c$; it is the slide's $g$.

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
# ### Both conventions of z
#
# In a GRU one gate, $z$, divides between old and new, and books do not agree which is which:
#
# | | $h_t$ | $z$ is the share that is |
# |---|---|---|
# | Cho et al. 2014, Keras, PyTorch, cuDNN, this library | $z \odot h_{t-1} + (1 - z) \odot \tilde h$ | kept |
# | Chung et al. 2014, many slides and books | $(1 - z) \odot h_{t-1} + z \odot \tilde h$ | new |
#
# As $1 - \sigma(a) = \sigma(-a)$, one becomes the other by turning the sign of what makes
# $z$. The same numbers, by the slide's equation:

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
# (The biases of a new layer are zero, and left out. `reset_after=False` is the order of the
# papers; the default puts $r$ behind the product, as GPU libraries do:
# [tutorial 1](01_recurrent_layers.ipynb).)
#
# ## 2. What slides simplify
#
# **"Above 1 it explodes, below 1 it vanishes."** The number is the largest singular value
# $\sigma_1$ of $W_{hh}$, and it is a bound. Below 1 gradients do vanish. Above 1 they *may*
# explode, and may vanish all the same:

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
# What decides in the long run is the largest *eigenvalue*, and with tanh and inputs the
# matrix is another one at every step ([tutorial 6](06_gradient_flow.ipynb), sections 2 and 3).
#
# **One path of a sum.** Slides write the gradient of a late loss as one product,
#
# $$\frac{\partial L_T}{\partial W} = \frac{\partial L_T}{\partial h_T}
# \Bigl(\prod_{t=2}^{T} \frac{\partial h_t}{\partial h_{t-1}}\Bigr)
# \frac{\partial h_1}{\partial W},$$
#
# which is the way back to the *first* step. $W$ is used at every step, and the gradient is a
# sum of such products, one for each:

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
# So a vanishing product does not make the gradient zero. It makes it blind to what is far
# away. The same holds for the LSTM. "From $c_{t-1}$ to $c_t$ the gradient is just $f$" is
# one path, along the conveyor belt. There are others, through $h_{t-1}$ and the gates:

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
# **"An LSTM remembers."** It can. A new one forgets soon, and whether it learns better
# depends on the bias of its forget gate ([tutorial 6](06_gradient_flow.ipynb), section 6).
#
# **The samples "of Shakespeare".** Lectures show what a character model writes early and late
# in its training, under the heading of Shakespeare's sonnets. The samples speak of
# Natasha, of Pierre and of Princess Mary. They are Karpathy's (2015), and their model had
# read Tolstoy's *War and Peace*. Do the names occur in Shakespeare?

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
# What a model writes that did read the plays is in
# [tutorial 4](04_character_language_model.ipynb), section 5.
#
# ## 3. Where to find it
#
# | on the slides | page and section |
# |---|---|
# | one to one, a network without a sequence | [10, 2. One to one](10_glimpses.ipynb#2-one-to-one) |
# | one to many, many to one, many to many | [1, 2. Five shapes](01_recurrent_layers.ipynb#2-five-shapes) |
# | the recurrence, the unrolled graph, shared weights | [1, 1. The recurrence](01_recurrent_layers.ipynb#1-the-recurrence) |
# | a sequence out of what is none, glimpses | [10, 5. The recurrent cell, step by step](10_glimpses.ipynb#5-the-recurrent-cell-step-by-step) |
# | many to one: a review and its sentiment | [1, 7. Many to one: is this review positive?](01_recurrent_layers.ipynb#7-many-to-one-is-this-review-positive) |
# | many to many, in step: a label for every word or frame | [8, 2. What a step may know](08_labels_for_every_step.ipynb#2-what-a-step-may-know) |
# | many to many: encoder and decoder | [2, 3. The bottleneck](02_translation_with_attention.ipynb#3-the-bottleneck) |
# | numbers in, numbers out: time series | [9, 5. Many to one, many to many](09_forecasting.ipynb#5-many-to-one-many-to-many) |
# | the character model of "hello" | [4, 1. hello](04_character_language_model.ipynb#1-hello) |
# | samples at first, and after more training | [4, 5. Training](04_character_language_model.ipynb#5-training) |
# | sampling, temperature | [4, 7. Temperature and top-k](04_character_language_model.ipynb#7-temperature-and-top-k) |
# | perplexity, bits per character | [4, 6. Bits per character](04_character_language_model.ipynb#6-bits-per-character) |
# | cells that can be read: lines, quotes | [5, 5. Shakespeare](05_inside_the_cells.ipynb#5-shakespeare) |
# | cells that can be read: comments, and how well each unit tells them | [5, 4. A score](05_inside_the_cells.ipynb#4-a-score) |
# | C, coloured by its cells: strings, comments, conditions | [5, 6. C](05_inside_the_cells.ipynb#6-c) |
# | image captioning | [3, 4. One look](03_image_captioning.ipynb#4-one-look) |
# | captions, good and bad | [3, 10. A gallery, with the failures](03_image_captioning.ipynb#10-a-gallery-with-the-failures) |
# | captioning with attention | [3, 7. A look for every word](03_image_captioning.ipynb#7-a-look-for-every-word) |
# | captioning with attention, step by step: $a_1$, $z_1$, $y_1$, $a_2$ | [3, Step by step](03_image_captioning.ipynb#step-by-step) |
# | where a captioner looked | [3, 8. Where it looked](03_image_captioning.ipynb#8-where-it-looked) |
# | attention: scores, weights, context | [2, 4. Attention](02_translation_with_attention.ipynb#4-attention) |
# | attention, step by step: $d_1$, scores, weights, context, $y_1$, $d_2$ | [2, Step by step](02_translation_with_attention.ipynb#step-by-step) |
# | attention maps | [2, 7. Attention maps](02_translation_with_attention.ipynb#7-attention-maps) |
# | beam search | [2, 6. Writing](02_translation_with_attention.ipynb#6-writing) |
# | back-propagation through time | [6, 1. Back-propagation through time](06_gradient_flow.ipynb#1-back-propagation-through-time) |
# | truncated back-propagation | [4, 4. Truncated back-propagation](04_character_language_model.ipynb#4-truncated-back-propagation) |
# | what truncation loses | [6, 8. Truncated back-propagation](06_gradient_flow.ipynb#8-truncated-back-propagation) |
# | the product of Jacobians, singular values | [6, 2. A product of Jacobians](06_gradient_flow.ipynb#2-a-product-of-jacobians) |
# | vanishing gradients | [6, 5. Vanishing](06_gradient_flow.ipynb#5-vanishing) |
# | exploding gradients, clipping | [6, 4. Exploding, the cliff, and clipping](06_gradient_flow.ipynb#4-exploding-the-cliff-and-clipping) |
# | LSTM and GRU, the equations | [1, 4. Forgetting, and gates](01_recurrent_layers.ipynb#4-forgetting-and-gates) |
# | LSTM, gate by gate | [0, 7. An LSTM in four steps](00_from_the_slides_to_the_code.ipynb#7-an-lstm-in-four-steps) |
# | GRU, gate by gate | [0, 8. A GRU in four steps](00_from_the_slides_to_the_code.ipynb#8-a-gru-in-four-steps) |
# | why the cell state helps, forget bias | [6, 6. Why the cell state helps](06_gradient_flow.ipynb#6-why-the-cell-state-helps) |
# | SimpleRNN, LSTM and GRU side by side | [6, 7. The story in one figure](06_gradient_flow.ipynb#7-the-story-in-one-figure) |
# | from attention to Transformers: queries, keys, values | [11, 1. Queries, keys, values](11_from_attention_to_transformers.ipynb#1-queries-keys-values) |
# | self-attention, all steps at once | [11, 2. Self-attention](11_from_attention_to_transformers.ipynb#2-self-attention) |
# | masks: padding, and the future | [11, 3. Masks](11_from_attention_to_transformers.ipynb#3-masks) |
# | several heads | [11, 4. Several heads](11_from_attention_to_transformers.ipynb#4-several-heads) |
# | positions | [11, 5. Positions](11_from_attention_to_transformers.ipynb#5-positions) |
# | residual connections, degradation, identity | [11, 6. Residual connections](11_from_attention_to_transformers.ipynb#6-residual-connections) |
# | the Transformer's blocks | [11, 7. A Transformer](11_from_attention_to_transformers.ipynb#7-a-transformer) |
# | Transformer and recurrent network side by side | [11, 8. Beside the recurrent translator](11_from_attention_to_transformers.ipynb#8-beside-the-recurrent-translator) |
# | SimpleRNN, GRU and LSTM at equal parameters and time | [12, 1. Three cells](12_depth_and_distance.ipynb#1-three-cells) |
# | multi-layer networks | [12, 2. How deep](12_depth_and_distance.ipynb#2-how-deep) |
# | "print her tickets": long-term dependence | [12, 3. How far back: a grammar](12_depth_and_distance.ipynb#3-how-far-back-a-grammar) |
# | long-term dependence in real text | [12, 4. How far back: real text](12_depth_and_distance.ipynb#4-how-far-back-real-text) |
#
# What is on the slides and in no cell: C that a model wrote. It is among the
# [samples of the recipe](../zoo/chars-kernel-c/samples.md).
#
# ## 4. Order carries meaning
#
# A sequence is more than the set of what is in it. Here are two sentences of the same words,
# and what the zoo's judge of film reviews makes of them:

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
# How much does order matter on the whole? The control is to take it away, with all else as
# it is: shuffle. A character model of Shakespeare reads a play that it has not learned from,
# as it is and shuffled in four ways:

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
# The characters are the same each time, so that a model which only counts them would have the
# same bits in all five rows. And the reviews? Their test split, with the words as they are
# and shuffled:

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
# What is lost depends on the task, and on what is asked. A review is mostly told by which
# words are in it. The next letter of a text is not.
#
# ## 5. Why not another network?
#
# A **feed-forward** network wants all steps at once, as one long vector. It has weights of
# its own for every place: the number of steps is fixed, and what it learns of place 3 it
# does not know of place 13. A **convolutional** network has one small set of weights for all
# places, and can see a few neighbours at a time. Three networks, one question: a sequence
# has one A and one B, at any distance, and nothing else. Which of them came last? They learn
# from sequences whose marks are at *even* places, and are asked about others, too.


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
# The feed-forward network learns the places that it is shown, and guesses in others, whose
# weights never got a gradient. The convolution sees three steps at a time, and where the
# marks are further apart it has little to go by. More layers see further, and never further
# than they are built for. The recurrent network has the same weights at every step, and a
# state: it has learned what to do with an A and a B, and does it at other places and in
# longer sequences as well.
#
# The price: it cannot work at all steps at the same time, as the others can.
#
# ## 6. Inductive biases
#
# What a network takes for granted before it has seen any data is its **inductive bias**
# (after Battaglia et al. 2018, table 1):
#
# | layer | what it relates | takes for granted | does not change by |
# |---|---|---|---|
# | fully connected | every input with every other | nothing | — |
# | convolutional | neighbours in space or time | that what is near belongs together | a shift in space |
# | recurrent | a step and what was before | an order, and that all steps follow one rule | a shift in time |
# | attention | every place with every other, by what is there | that places are found by content | another order of the places |
#
# The last column is where data is saved: what needs not be learned needs no examples. And
# the last row is why a network of attention alone must be told the positions.
#
# ## 7. An LSTM in four steps
#
# The slides' example is a sentence with two subjects, and verbs that agree with them:
#
# > the **singers** from Seoul **sing** again but the **singer** from Busan **smiles** .
#
# To write *sing* and not *sings* one has to remember, over the words in between, that the
# subject was in the plural. And when a new subject comes, to forget it. Four things are
# decided at each step, one by each gate:
#
# | gate | slides say | it decides |
# |---|---|---|
# | $f = \sigma(\cdot)$, forget | **erase** | what of the old cell state is erased ($f$ near 0), and what stays |
# | $i = \sigma(\cdot)$, input | **write** | whether anything is written |
# | $g = \tanh(\cdot)$, candidate | **how much** | what is written, up or down |
# | $o = \sigma(\cdot)$, output | **reveal** | whether the rest of the network sees it now |
#
# We train a small LSTM to guess the next word of such sentences. They are made by a grammar:
# two clauses, each with a subject and a verb that agree, and up to four words between.

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
# All gates by hand, and the unit that remembers the number: the one whose cell state goes with
# it most, at all words from the subject up to the verb, in new sentences.


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
# Its step at the new subject, *singer*. What is dark has its turn, what is pale waits. The
# **conveyor belt** runs along the top: the cell state, which is only multiplied and added to.

# %%
new_subject = SENTENCE.index("singer")
drawing_gates.lstm_steps(
    {name: values[new_subject, unit] for name, values in by_hand.items()}, "singer"
)

# %% [markdown]
# And the same unit over the whole sentence. The last row is what the network says: of the
# probability of all verbs, how much is on those in the plural. (After *from* or *the* no verb
# can come, and what it says of verbs there means nothing.)

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
# Read the belt from left to right. The old is erased one word *before* the subject: at the second
# *the* the forget gate is shut, 0.00, and what the first clause left, −1.51, is gone. What *the*
# writes is nearly the same in both clauses, 0.96 and 0.98. At the subject the gate is shut again,
# and the number is written: up for many, 0.36, and down for one, −0.92.
#
# In between the belt does not show the number by its sign alone. *from* adds and the town takes
# away, so that after *from* it is above 0 in both clauses: 1.11 and 0.15. What stays is the
# distance, which is about as large after *singers* and *singer* as after *Seoul* and *Busan*:
# there it is 0.51 and −0.80, and the sign is the subject's again when the verb is asked for. The
# output gate is open all the time. After the verb the number is not needed any more, and the
# belt sinks below 0 in both clauses. Do not expect one clean switch in a trained network: it has
# whatever worked, and other units share the work.
#
# ## 8. A GRU in four steps
#
# The GRU has no belt of its own and two gates. $r$ says how much of the past the candidate
# may look at. $z$ does the work of $f$ and $i$ at once: what is not kept is written. And
# nothing is hidden: the state is what the rest of the network sees.

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
# One would expect a $z$ near 1 between subject and verb: keep. This network found another way.
# The $z$ of this unit is at most 0.12, so that it keeps hardly anything by it; it lets the
# candidate look back, $r$ near 1 at the words between, and writes its state anew at each of
# them. The number is not in it at each of them: after *from* the state is 1.00 in both clauses,
# and after the towns it is there again, 0.49 and −0.69. In between other units have it, from
# which the candidate takes it back. Both ways work over a few words. Over many, what is written
# anew at each step is what a SimpleRNN does, with its troubles.
#
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/00_from_the_slides_to_the_code.py`.
#
# 1. A layer's weights as the slide has them: from `kernel` (D, 4U), `recurrent_kernel`
#    (U, 4U) and `bias` (4U,), in the order i, f, c, o, make the matrix (4U, U + D) that is
#    multiplied with (h; x), and the column (4U, 1), in the order i, f, o, g.

# %%
from exercises import check


def slide_matrix(kernel, recurrent_kernel, bias):
    matrix = ...
    column = ...
    return matrix, column


check("00_from_the_slides_to_the_code", slide_matrix=slide_matrix)

# %% [markdown]
# 2. How many numbers does a GRU of the papers (`reset_after=False`) have to learn, with $n$
#    units and $D$ features? And with how many units has an LSTM of 64 features and 64 units
#    a GRU beside it that is as large, or hardly smaller? The largest number that does not
#    exceed the LSTM's size.


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
# 3. From one convention of $z$ to the other: weights of a GRU layer with `reset_after=False`,
#    in the order z, r, h, for which the equation with $z$ as the *new* share gives what the
#    layer gives.


# %%
def other_z(W, U, b):
    return ...


check("00_from_the_slides_to_the_code", other_z=other_z)

# %% [markdown]
# Without a check:
#
# 4. In section 4, shuffle the *speeches* of the play. How many bits does it cost, beside the
#    lines? What does that say of how far back the model looks?
# 5. In section 5, give the convolution three layers, and then a kernel of 10. What does it
#    know now, and what of sequences that are twice as long?
# 6. In section 7, train with two units, and with one. When does the verb stop to agree? Put
#    "the singers from Seoul in red on stage in red on stage" in front: how long does the
#    belt hold?
#
# ## References
#
# Battaglia, P. et al. (2018), Relational inductive biases, deep learning, and graph networks.
# Cho, K. et al. (2014), Learning phrase representations using RNN encoder-decoder. Chung, J.
# et al. (2014), Empirical evaluation of gated recurrent neural networks on sequence modeling.
# Karpathy, A. (2015), The unreasonable effectiveness of recurrent neural networks. Olah, C.
# (2015), Understanding LSTM networks (the conveyor belt, and the drawing in four steps).
