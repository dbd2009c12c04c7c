# %% [markdown]
# # 11. From attention to Transformers
#
# On [page 2](02_translation_with_attention.ipynb) a recurrent translator looks back at its
# source by attention. In 2017 Vaswani and others left the recurrence out and kept the
# attention: "Attention is all you need". All that is missing are a few small parts. This
# page makes each of them, and shows
#
# 1. the attention that you know, with another score: the scaled dot product,
# 2. self-attention: a sequence that asks itself,
# 3. masks, so that nobody looks into the future or at padding,
# 4. several heads,
# 5. positions, because attention does not know what stands where,
# 6. residual connections: why deeper networks got worse, and how adding the input helped,
# 7. a block, and a Transformer made of such,
# 8. a small one trained beside the recurrent translator, for the same time,
# 9. what each of its heads looks at.
#
# The shape letters are those of the whole library: **B** batch, **S** steps of the source,
# **T** steps of the target, **D** features, **U** units, **V** vocabulary. You should know
# attention from page 2, and from [page 6](06_gradient_flow.ipynb) how gradients flow.
#
# To run it: in a clone of the repository `pip install '.[plot,translate,train]'`, then this
# notebook, or the `.py` file beside it. It trains two translators, a few minutes each. The
# drawings come from `drawing_transformers.py`; you need not read them.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import time

import drawing_transformers as drawing
import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from keras import ops

from kerasrnn import layers

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)

# %% [markdown]
# ## 1. Queries, keys, values
#
# Attention is a look into a table. There is a **query** $q$, and each place $s$ has a
# **key** $k_s$ and a **value** $v_s$. Query and key are scored, softmax makes weights of the
# scores, and the answer is the mean of the values by these weights:
#
# $$\alpha_s = \mathrm{softmax}_s\, \mathrm{score}(q, k_s), \qquad c = \sum_s \alpha_s v_s$$
#
# On page 2 the query is the decoder's state $d_t$, and key and value are both the encoder's
# state $h_s$. Bahdanau's score is a small network. A dot product costs less, and all scores
# of all queries are one product of matrices, the kind of work that processors do best. With
# queries $Q$ (T, d), keys $K$ (S, d) and values $V$ (S, D):
#
# $$\mathrm{attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt d}\right) V$$
#
# It is Luong's "dot", but for $\sqrt d$:


# %%
def softmax(scores):
    """exp / Σ exp over the last axis."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def scaled_attention(Q, K, V):
    """What each query finds (T, D), and where it looked (T, S)."""
    weights = softmax(Q @ K.T / np.sqrt(K.shape[-1]))
    return weights @ V, weights


def compare(name, ours, theirs):
    """Print the largest difference, and stop if there is a real one."""
    difference = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-4, name


states, memory = (rng.normal(size=(n, 8)).astype("float32") for n in (3, 5))
found, weights = scaled_attention(states, memory, memory)
luong = layers.LuongAttention("dot")
theirs = luong((states / np.sqrt(8))[None], memory[None])
compare("what is found, by hand and by LuongAttention", found, theirs[0][0])
compare("where it looked", weights, theirs[1][0])

# %% [markdown]
# Why $\sqrt d$? Let the numbers of $q$ and $k$ have mean 0 and variance 1. Then $q \cdot k$
# is a sum of $d$ products, and its variance is $d$. Large scores make softmax nearly a
# choice of one place. Its gradient by the scores has the size $\alpha_s (1 - \alpha_s)$, and
# is then nearly zero: the vanishing of page 6, in another place. Ten keys, and queries at
# random:

# %%
print("          spread of scores   largest weight       Σ α(1 − α)")
print("   d      as is    scaled    as is   scaled    as is   scaled")
for d in (4, 64, 1024):
    scores = rng.normal(size=(200, d)) @ rng.normal(size=(d, 10))
    both = scores, scores / np.sqrt(d)
    alphas = [softmax(each) for each in both]
    line = [f"{each.std():8.1f}" for each in both]
    line += [f"{alpha.max(axis=-1).mean():8.2f}" for alpha in alphas]
    line += [f"{(alpha * (1 - alpha)).sum(axis=-1).mean():8.2f}" for alpha in alphas]
    print(f"{d:4}   " + " ".join(line))

# %% [markdown]
# Scaled, the three hardly depend on $d$. As they are, of 1,024 numbers nearly all
# weight is on one place before anything is learned, and little gradient is left to learn by.
#
# ## 2. Self-attention
#
# A recurrent layer brings the past to a step by carrying a state. The error goes back the
# same way, through a matrix at every step, and that was the trouble on page 6. But if a
# decoder may look at any place of the source, why not let every step of a sequence look at
# any step of the *same* sequence? Queries, keys and values are then all made of $X$ (T, U):
#
# $$Q = X W_Q, \qquad K = X W_K, \qquad V = X W_V, \qquad
# Y = \mathrm{attention}(Q, K, V)\, W_O$$

# %%
drawing.paths()

# %% [markdown]
# | of T steps of U units | SimpleRNN | self-attention |
# |---|---|---|
# | steps that must wait for each other | T | 1 |
# | steps from the first place to the last | T | 1 |
# | multiplications, about | $2TU^2$ | $4TU^2 + 2T^2U$ |
# | to write one more step it needs | the state, U | all steps before, TU |
#
# The last two rows are the price: the work grows with the square of the length.
#
# What the short way is good for is seen in the gradients, as on page 6: the loss is of the last
# step alone, and we measure what arrives at each input before it, of new layers:


# %%
def self_attention(units):
    """What the last step finds when it looks at all: a function of (B, T, D)."""
    query, key, value = (keras.layers.Dense(units, use_bias=False) for _ in range(3))

    def run(x):
        scores = query(x[:, -1:]) @ tf.transpose(key(x), (0, 2, 1)) / units**0.5
        return (tf.nn.softmax(scores) @ value(x))[:, 0]  # (B, U)

    return run


def arriving(run, steps):
    """‖∂L/∂x_t‖ of each step, relative to the largest; the geometric mean of rows."""
    x = tf.constant(rng.normal(size=(32, steps, 8)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(run(x) ** 2) / 2
    norms = tf.norm(tape.gradient(loss, x), axis=-1)  # (B, T)
    mean = np.exp(np.log(norms + 1e-30).mean(axis=0))
    return mean / mean.max()


keras.utils.set_random_seed(1)
asking = {"SimpleRNN": layers.SimpleRNN(32), "self-attention": self_attention(32)}
first = {}
for steps in (10, 30, 100):
    found = {name: arriving(run, steps) for name, run in asking.items()}
    first[steps] = {name: norms[0] for name, norms in found.items()}
    print(f"{steps:3} steps, at the first one: ", end="")
    print(", ".join(f"{name} {norm:.1e}" for name, norm in first[steps].items()))
drawing.curves(
    {
        "what arrives at each step, of a loss at the last": {
            name: (np.arange(1, 101), norms) for name, norms in found.items()
        }
    },
    "step",
    "relative to the largest",
    logarithmic=True,
)
assert first[100]["SimpleRNN"] < 1e-3 * first[100]["self-attention"]

# %% [markdown]
# Of the SimpleRNN it is the exponential of page 6: each step back costs the same factor. In
# self-attention the way to every step is equally short, and what arrives is the same at all
# steps but the last, which is the one that asks. With the length it gets less as well, for at
# first each of T steps has a share of about 1 / T; but from 10 to 100 steps that is a tenth,
# and not one part in many millions.
#
# A gradient that arrives is not yet something learned. One step in a hundred that matters has
# one hundredth of the weight at first, and has to be found among the others (exercise 12).
#
# ## 3. Masks
#
# Two kinds of places must not be looked at. **Padding** you know from page 2. And a decoder
# that is trained on whole sentences at once must not see the word that it shall guess: step
# $t$ may look at the steps up to $t$ and no further. That is the **causal mask**. Where a
# mask is False the score becomes a very negative number, and the weight 0.

# %%
T = 6
causal = np.arange(T)[:, None] >= np.arange(T)  # (T, T)
padding = np.broadcast_to(np.arange(T) < 4, (T, T))  # the last two places are padding
x = rng.normal(size=(T, 8)).astype("float32")


def masked_attention(Q, K, V, mask):
    """`scaled_attention` that looks only where the mask (T, S) is True."""
    scores = np.where(mask, Q @ K.T / np.sqrt(K.shape[-1]), -1e9)
    weights = softmax(scores)
    return weights @ V, weights


masks = {"padding": padding, "causal": causal, "both": padding & causal}
weights = {name: masked_attention(x, x, x, mask)[1] for name, mask in masks.items()}
names = [f"step {t + 1}" for t in range(T)]
drawing.matrices(weights, rows=names, columns=names)

spoiled = x.copy()
spoiled[4:] = 100.0  # another future
before, after = (masked_attention(v, v, v, causal)[0] for v in (x, spoiled))
compare("steps 1 to 4 with another future", before[:4], after[:4])

# %% [markdown]
# Each row is a step that looks, each column a place that is looked at, and each row sums to
# 1. Below the diagonal lies the past. So all steps of a sentence are trained at once, each
# as if the rest had not been written yet. A recurrent layer needs no such mask: it cannot
# look ahead.
#
# ## 4. Several heads
#
# One look gives one mean. Where a word has to find its verb *and* its adjective, the mean of
# both is neither. So one looks several times side by side, each **head** with queries, keys
# and values of its own, of $d = U / H$ numbers so that it costs the same:
#
# $$\mathrm{head}_j = \mathrm{attention}(X W_Q^j, M W_K^j, M W_V^j), \qquad
# Y = [\mathrm{head}_1; \dots; \mathrm{head}_H]\, W_O$$
#
# $M$ is what is looked at: $X$ itself in self-attention, the encoder's memory in a decoder.


# %%
class Heads(keras.layers.Layer):
    """softmax(Q Kᵀ / √d) V in several heads of d = U / H numbers."""

    def __init__(self, units, heads):
        super().__init__()
        self.units, self.heads = units, heads
        self.query, self.key, self.value, self.mix = (
            keras.layers.Dense(units, use_bias=False) for _ in range(4)
        )

    def split(self, x):
        """(B, T, U) to (B, H, T, d)."""
        batch, steps = ops.shape(x)[:2]
        x = ops.reshape(x, (batch, steps, self.heads, self.units // self.heads))
        return ops.transpose(x, (0, 2, 1, 3))

    def call(self, x, memory, mask):
        """What is found (B, T, U), and where each head looks (B, H, T, S).

        The mask (B or 1, T or 1, S) is False where nobody may look.
        """
        Q, K = self.split(self.query(x)), self.split(self.key(memory))
        scores = ops.matmul(Q, ops.transpose(K, (0, 1, 3, 2)))
        scores = scores / (self.units // self.heads) ** 0.5
        weights = ops.softmax(ops.where(mask[:, None], scores, -1e9))
        found = ops.matmul(weights, self.split(self.value(memory)))  # (B, H, T, d)
        batch, _, steps, _ = ops.shape(found)
        found = ops.reshape(
            ops.transpose(found, (0, 2, 1, 3)), (batch, steps, self.units)
        )
        return self.mix(found), weights


U, H = 8, 2
ours = Heads(U, H)
x = rng.normal(size=(2, T, U)).astype("float32")
y, _ = ours(x, x, causal[None])

W_Q, W_K, W_V, W_O = ours.get_weights()
by_hand = []
for j in range(H):
    columns = slice(j * U // H, (j + 1) * U // H)  # this head's share of each matrix
    Q, K, V = (x[0] @ W[:, columns] for W in (W_Q, W_K, W_V))
    by_hand.append(masked_attention(Q, K, V, causal)[0])
compare("two heads by hand", np.concatenate(by_hand, axis=-1) @ W_O, y[0])

keras_layer = keras.layers.MultiHeadAttention(H, U // H, use_bias=False)
keras_layer.build(x.shape, x.shape)
shapes = [weight.shape for weight in keras_layer.weights]
keras_layer.set_weights(
    [W.reshape(shape) for W, shape in zip((W_Q, W_K, W_V, W_O), shapes, strict=True)]
)
theirs = keras_layer(x, x, attention_mask=causal[None])
compare("Heads and keras.layers.MultiHeadAttention", y, theirs)

# %% [markdown]
# ## 5. Positions
#
# A weighted mean does not know what stood where. Shuffle the steps, and the same answers come
# out, shuffled:

# %%
everywhere = np.ones((1, T, T), bool)
order = rng.permutation(T)
straight = np.asarray(ours(x, x, everywhere)[0])
shuffled = ours(x[:, order], x[:, order], everywhere)[0]
compare("shuffled before, and after", shuffled, straight[:, order])

# %% [markdown]
# To it "dog bites man" is "man bites dog" (page 0, section 6). So the position is added to
# the input, as a vector. Vaswani et al. took waves of many lengths, like the hands of a clock
# that turn at different speeds:
#
# $$p_{t,2i} = \sin(\omega_i t), \qquad p_{t,2i+1} = \cos(\omega_i t), \qquad
# \omega_i = 10000^{-2i/U}$$
#
# The dot product of two of them depends on how far apart they are, and on nothing else:
# $p_t \cdot p_{t+k} = \sum_i \cos(\omega_i k)$. So a head *can* learn to look "one to the
# left" wherever it is.


# %%
def positions(steps, units):
    """The waves, (T, U)."""
    speeds = 1e4 ** (-np.arange(0, units, 2) / units)
    angles = np.arange(steps)[:, None] * speeds
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return waves.reshape(steps, units).astype("float32")


p = positions(40, 64)
products = p @ p.T / 32  # 1 on the diagonal
for k in (1, 5):
    along = np.diagonal(products, k)
    compare(f"all pairs {k} apart are alike", along, along.mean())
drawing.matrices({"positions p (t down)": p, "their products": products}, signed=True)

# %% [markdown]
# On the left each row is the vector of one position: fast waves first, slow ones last. On the
# right are the products of all pairs. Along each diagonal they are equal, and near pairs have
# larger ones than most that are far apart. A recurrent network needs nothing of the kind: it
# reads in order.
#
# ## 6. Residual connections
#
# One look is not enough: a word that has found its adjective should be asked by the verb
# next. So layers are stacked. How deep? In 2015 networks for images were 20 layers deep, and
# with more they got *worse*, He et al. found. Not on new images only, which would be
# overfitting: on the images that they learned from. They called it **degradation**.
#
# It should not be possible. Take the shallow network, and put layers between that do nothing,
# the **identity**. The deep network *can* do what the shallow one does. Gradient descent does
# not find it: with weights that start at random, doing nothing is a hard thing to learn. So
# they built it in. A block learns only what to *add*:
#
# $$x_{l+1} = F_l(x_l) \quad\text{plain} \qquad\qquad x_{l+1} = x_l + F_l(x_l) \quad
# \text{residual}$$

# %%
drawing.shortcut()

# %% [markdown]
# And you know the effect from page 6. Going back, each block multiplies by $I + \partial F_l
# / \partial x_l$ and not by $\partial F_l / \partial x_l$ alone, so that one part of the
# error goes all the way to the first block as it is. The cell state of an LSTM is the same
# idea along time, $c_t = f \odot c_{t-1} + i \odot g$, with a gate that may close.
#
# Let us see it, on the text of this page: the Spanish verses. A network gets 10 characters and
# guesses the next. It has blocks of two layers each, and differs in how many, and in whether
# a block adds:
#
# $$F(x) = \mathrm{relu}(\mathrm{norm}(x)\, W_1 + b_1)\, W_2 + b_2$$
#
# `norm` is layer normalization (Ba et al. 2016): each vector gets mean 0 and variance 1, so
# that its size stays the same however deep the network. Plain or not, all of them have it.

# %%
from kerasrnn.data import load_translation

MAX_WORDS = 10 if SMALL else 16
pairs = {
    name: load_translation("bible_en_es", name, max_words=MAX_WORDS)
    for name in ("train", "validation", "test")
}
for name, some in pairs.items():
    print(f"{name:12}{len(some):6} pairs")

LENGTH, WIDTH = 10, 64
text = {name: "\n".join(some.targets) for name, some in pairs.items()}
alphabet = sorted(set(text["train"]))
numbers = {character: number for number, character in enumerate(alphabet)}


def windows(name):
    """Ten characters (N, 10), and the next (N,)."""
    ids = np.array([numbers.get(c, 0) for c in text[name]])
    rows = np.lib.stride_tricks.sliding_window_view(ids, LENGTH + 1)
    return rows[:, :-1], rows[:, -1]


def network(blocks, adds):
    """A network of so many blocks; all numbers after each of them."""
    dense, norm = keras.layers.Dense, keras.layers.LayerNormalization
    inputs = keras.Input((LENGTH,), dtype="int32")
    x = keras.layers.Embedding(len(alphabet), 16)(inputs)
    x = dense(WIDTH)(keras.layers.Flatten()(x))
    after = [x]
    for number in range(blocks):
        y = dense(WIDTH, activation="relu", kernel_initializer="he_normal")(norm()(x))
        y = dense(WIDTH, name=f"adds_{number}")(y)
        x = x + y if adds else y
        after.append(x)
    return keras.Model(inputs, [dense(len(alphabet))(norm()(x)), after])


def bits(model, asked):
    """Bits per character."""
    logits = np.asarray(model.predict_on_batch(asked[0])[0], "float64")
    wrong = np.log(np.exp(logits).sum(axis=-1)) - logits[range(len(logits)), asked[1]]
    return wrong.mean() / np.log(2)


def gradients(model, asked):
    """The loss of a batch, and its gradients by the weights and by what is between."""
    with tf.GradientTape() as tape:
        logits, after = model(asked[0], training=True)
        losses = keras.losses.sparse_categorical_crossentropy(
            asked[1], logits, from_logits=True
        )
        loss = tf.reduce_mean(losses)
    return loss, *tape.gradient(loss, (model.trainable_variables, after))


def train(model, batches, size=256):
    """The bits of each batch while a network learns."""
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x, y):
        loss, by_weights, _ = gradients(model, (x, y))
        optimizer.apply(by_weights, model.trainable_variables)
        return loss

    draw = np.random.default_rng(1)
    x, y = windows("train")
    kept = []
    for _ in range(batches):
        some = draw.integers(0, len(x), size)
        kept.append(float(step(x[some], y[some])) / np.log(2))
    return np.array(kept)


DEPTHS, BATCHES = ((2, 4), 40) if SMALL else ((2, 12), 500)  # depths in blocks
of_validation = windows("validation")
some = rng.permutation(len(of_validation[0]))[:4000]
asked = tuple(part[some] for part in of_validation)
networks, learned, arrives, unseen = {}, {}, {}, {}
for adds in (False, True):
    for blocks in DEPTHS:
        keras.utils.set_random_seed(1)
        name = f"{2 * blocks} layers" + (", residual" if adds else "")
        networks[name] = network(blocks, adds)
        _, _, between = gradients(networks[name], asked)
        norms = np.array([np.linalg.norm(gradient) for gradient in between])
        arrives[name] = norms / norms[-1]
        learned[name] = train(networks[name], BATCHES)
        unseen[name] = bits(networks[name], asked)
        print(
            f"{name:20} bits per character: of the last 50 batches "
            f"{learned[name][-50:].mean():.2f}, of new verses {unseen[name]:.2f}"
        )

# %%
marks = np.arange(20, BATCHES + 1, 20)
drawing.curves(
    {
        "while they learn": {
            name: (marks, [values[at - 20 : at].mean() for at in marks])
            for name, values in learned.items()
        }
    },
    "batches",
    "bits per character",
)
drawing.at_start({n: norms for n, norms in arrives.items() if not n.startswith("4 ")})
if not SMALL:
    assert learned["24 layers"][-50:].mean() > learned["4 layers"][-50:].mean()

# %% [markdown]
# With six times as many layers the plain network is worse, and it is worse on the verses that
# it learns from: too little is learned, not too much. This is degradation. Vanishing is not the
# reason here: the blue line of the second figure is nearly level from the first block to the
# last, thanks to `norm` and to weights that start at the right size. (Before the first block
# vectors are small, and the same error is more for them.) With shortcuts the 24 layers are no
# worse than 4, and hardly better: this task does not need them. A shortcut does not make a
# deep network good. It makes depth harmless, so that it can help where it is needed.
#
# And the argument with the identity, with numbers. We take the residual network of 4 layers
# and put new blocks on top whose last layer is zero. They add nothing:

# %%
shallow, deep = networks["4 layers, residual"], network(DEPTHS[1], adds=True)
of_shallow, of_deep = shallow.get_weights(), deep.get_weights()
# 3 arrays below the blocks, 6 of each block, 4 above them.
of_deep[: 3 + 2 * 6], of_deep[-4:] = of_shallow[:-4], of_shallow[-4:]
for block in range(2, DEPTHS[1]):
    for last in (3 + 6 * block + 4, 3 + 6 * block + 5):  # W_2 and b_2
        of_deep[last] = 0 * of_deep[last]
deep.set_weights(of_deep)
compare(
    "the deep network and the shallow one in it",
    deep(asked[0])[0],
    shallow(asked[0])[0],
)

# %% [markdown]
# ## 7. A Transformer
#
# Now all parts are there. A block of the encoder looks once, and then has two layers that work
# at every step by itself (*feed-forward*). Each is a residual connection:
#
# $$y = x + \mathrm{heads}(\mathrm{norm}(x)), \qquad
# x' = y + \mathrm{relu}(\mathrm{norm}(y)\, W_1 + b_1)\, W_2 + b_2$$
#
# A block of the decoder has the causal mask, and between the two it looks at the encoder's
# memory, as Bahdanau's decoder does.

# %%
drawing.transformer()


# %%
class Block(keras.layers.Layer):
    """Looks at its own sequence, in a decoder at a memory, and thinks at every step."""

    def __init__(self, units, heads, decodes):
        super().__init__()
        self.looks = [Heads(units, heads) for _ in range(1 + decodes)]
        self.wide = keras.layers.Dense(2 * units, activation="relu")
        self.narrow = keras.layers.Dense(units)
        self.norms = [keras.layers.LayerNormalization() for _ in range(2 + decodes)]
        self.drop = keras.layers.Dropout(0.1)

    def call(self, x, mask, memory=None, memory_mask=None, training=False):
        y = self.norms[0](x)
        y, weights = self.looks[0](y, y, mask)
        x = x + self.drop(y, training=training)
        if memory is not None:
            y, weights = self.looks[1](self.norms[1](x), memory, memory_mask)
            x = x + self.drop(y, training=training)
        y = self.narrow(self.wide(self.norms[-1](x)))
        return x + self.drop(y, training=training), weights


class Transformer(keras.Model):
    """A translator without recurrence: source ids (B, S), target ids (B, T)."""

    def __init__(self, source_size, target_size, units, heads=4, blocks=2):
        super().__init__()
        self.units = units
        self.embeddings = [
            keras.layers.Embedding(
                size, units, keras.initializers.RandomNormal(stddev=units**-0.5)
            )
            for size in (source_size, target_size)
        ]
        self.encoders = [Block(units, heads, decodes=False) for _ in range(blocks)]
        self.decoders = [Block(units, heads, decodes=True) for _ in range(blocks)]
        self.norms = [keras.layers.LayerNormalization() for _ in range(2)]
        self.drop = keras.layers.Dropout(0.1)
        self.bias = self.add_weight(shape=(target_size,), initializer="zeros")

    def vectors(self, embedding, ids, training):
        """Tokens and positions, added: (B, T, U)."""
        where = ops.convert_to_tensor(positions(100, self.units))[: ops.shape(ids)[1]]
        return self.drop(embedding(ids) * self.units**0.5 + where, training=training)

    def encode(self, ids, training=False):
        """The memory (B, S, U), its mask (B, 1, S), and where the heads looked."""
        mask = (ids != 0)[:, None]
        x, looked = self.vectors(self.embeddings[0], ids, training), []
        for block in self.encoders:
            x, weights = block(x, mask, training=training)
            looked.append(weights)
        return self.norms[0](x), mask, looked

    def decode(self, ids, memory, memory_mask, training=False):
        """Logits (B, T, V) of what comes next, and where the heads looked."""
        steps = ops.arange(ops.shape(ids)[1])
        causal = (steps[:, None] >= steps)[None]  # (1, T, T)
        x, looked = self.vectors(self.embeddings[1], ids, training), []
        for block in self.decoders:
            x, weights = block(x, causal, memory, memory_mask, training=training)
            looked.append(weights)
        E = self.embeddings[1].embeddings  # the output's matrix too, as on page 2
        return ops.matmul(self.norms[1](x), ops.transpose(E)) + self.bias, looked

    def call(self, inputs, training=False):
        memory, mask, _ = self.encode(inputs[0], training)
        return self.decode(inputs[1], memory, mask, training)[0]


# %% [markdown]
# (The order "norm first" is the one of today; Vaswani et al. had it after the addition, where
# it is harder to train. `relu` layers of 2 U and not of 4 U, as everything here is small.)
#
# ## 8. Beside the recurrent translator
#
# The verses of page 2, shorter ones, and the same pieces of words for both. The recurrent one
# is `Seq2SeqAttention` of the zoo, with one GRU layer on each side. Both have the same units,
# the same loss, optimizer and batches.

# %%
from kerasrnn.text import PairTokenizer, SubwordTokenizer
from kerasrnn.zoo import Seq2SeqAttention

UNITS, PIECES = (32, 400) if SMALL else (128, 2000)
tokenizer = PairTokenizer(*(SubwordTokenizer(max_tokens=PIECES) for _ in range(2)))
tokenizer.adapt(list(pairs["train"].sources), list(pairs["train"].targets))
ids = {
    name: (
        tokenizer(list(some.sources)).numpy(),
        tokenizer.target_ids(list(some.targets)).numpy(),
    )
    for name, some in pairs.items()
}

keras.utils.set_random_seed(1)
translators = {
    "recurrent": Seq2SeqAttention(
        preprocessor=tokenizer,
        units=UNITS,
        embedding_dim=UNITS,
        input_feeding=False,
        dropout=0.1,
    ),
    "Transformer": Transformer(
        tokenizer.source_vocabulary_size, tokenizer.target_vocabulary_size, UNITS
    ),
}
for name, translator in translators.items():
    translator(tuple(part[:2] for part in ids["train"]))
    print(f"{name:12}{translator.count_params():10,} parameters")

# %% [markdown]
# First a check that all masks do their work. What a Transformer says of a word must not depend on
# the words that come after it, nor on how much padding there is:

# %%
source, target = (part[:2] for part in ids["validation"])
other = target.copy()
other[:, 5:] = 7  # another future
longer = np.pad(source, [(0, 0), (0, 9)])  # more padding
said = translators["Transformer"]((source, target))
compare(
    "another future", said[:, :5], translators["Transformer"]((source, other))[:, :5]
)
compare("more padding", said, translators["Transformer"]((longer, target)))

# %% [markdown]
# How does one compare them fairly? After the same number of batches, the one whose batches
# cost more would be favoured. So we count time: the **processor seconds** of each model's own
# steps, of all cores together. What else the machine has to do hardly changes them. Whoever has
# less on its clock is next, for ten batches, so that both meet the same conditions. The learning
# rate follows the clock too: it rises for the first tenth of the time, and falls to zero at the
# end.

# %%
from kerasrnn.data import batches_by_length

SECONDS, PEAK = (1.5, 5e-3) if SMALL else (300.0, 2e-3)


def batches_of(name, tokens, epoch=0):
    """Source and target ids of like length, of so many tokens a side."""
    source, target = ids[name]
    lengths = np.stack([(source > 0).sum(axis=1), (target > 0).sum(axis=1)], axis=1)
    for rows in batches_by_length(lengths, max_tokens=tokens, seed=1, epoch=epoch):
        S, T = lengths[rows].max(axis=0)
        yield source[rows, :S], target[rows, :T]


def crossentropy(logits, targets, smoothing=0.0):
    """−log p of the right tokens, summed over those that are no padding; their number."""
    log_p = ops.log_softmax(logits)
    right = ops.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
    losses = -(1 - smoothing) * right - smoothing * ops.mean(log_p, axis=-1)
    counts = ops.cast(targets != 0, "float32")
    return ops.sum(losses * counts), ops.sum(counts)


class Learner:
    """A translator that learns, with a clock of its own."""

    def __init__(self, model):
        self.model, self.seconds, self.steps, self.verses = model, 0.0, 0, 0
        self.curve = []  # (seconds, validation perplexity)
        self.batches = self.endless()
        optimizer = self.optimizer = keras.optimizers.Adam(0.0, global_clipnorm=1.0)
        optimizer.build(model.trainable_variables)
        signature = [tf.TensorSpec((None, None), tf.int32)] * 2

        @tf.function(input_signature=signature)
        def step(source, target):
            with tf.GradientTape() as tape:
                logits = model((source, target[:, :-1]), training=True)
                total, count = crossentropy(logits, target[:, 1:], smoothing=0.1)
                loss = total / count
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            return loss

        self.step = step
        step(*next(self.batches))  # makes the graph; the learning rate is still 0

    def endless(self):
        """The batches of one epoch after another."""
        epoch = 0
        while True:
            yield from batches_of("train", 300 if SMALL else 2000, epoch)
            epoch += 1

    def learn(self, count=10):
        """Learn from so many batches."""
        for _ in range(count):
            share = self.seconds / SECONDS
            self.optimizer.learning_rate = PEAK * min(10 * share, 1, max(0, 1 - share))
            source, target = next(self.batches)
            start = time.process_time()
            float(self.step(source, target))
            self.seconds += time.process_time() - start
            self.steps, self.verses = self.steps + 1, self.verses + len(source)

    def perplexity(self):
        """Of the validation verses."""
        sums = np.zeros(2)
        for source, target in batches_of("validation", 2000):
            logits = self.model((source, target[:, :-1]))
            sums += [float(n) for n in crossentropy(logits, target[:, 1:])]
        return np.exp(sums[0] / sums[1])


learners = {name: Learner(model) for name, model in translators.items()}
MARKS = 4 if SMALL else 8  # how often to look
while min(learner.seconds for learner in learners.values()) < SECONDS:
    learner = min(learners.values(), key=lambda each: each.seconds)
    learner.learn()
    if learner.seconds >= SECONDS * (len(learner.curve) + 1) / MARKS:
        learner.curve.append((learner.seconds, learner.perplexity()))

for name, learner in learners.items():
    epochs = learner.verses / len(pairs["train"])
    milliseconds = 1000 * learner.seconds / learner.steps
    print(
        f"{name:12}{learner.seconds:6.0f} s, {learner.steps:5} batches of "
        f"{milliseconds:3.0f} ms, {epochs:4.1f} epochs, "
        f"validation perplexity {learner.curve[-1][1]:6.1f}"
    )
drawing.curves(
    {
        "at equal time": {
            name: tuple(np.array(learner.curve).T) for name, learner in learners.items()
        }
    },
    "processor seconds of its own",
    "validation perplexity",
    logarithmic=True,
)

# %% [markdown]
# After the same time they are side by side, with perplexities of 23 and 23. Each batch of the
# Transformer costs half as much again, so that it has seen fewer of them, and they have taught
# it as much.
#
# Do not read more from this figure than there is. It shows the first minutes, with one learning
# rate for both, and nobody has searched for a better one for either (exercise 8). And it hangs
# on how one begins: from the token vectors of `keras.layers.Embedding`, which are thirty times
# smaller than those that kerasrnn's translators begin with, the recurrent one came to 84 in the
# same time, since its cells saw next to nothing of the words until these had grown. (The
# Transformer multiplies its vectors by $\sqrt d$.) Whoever compares two kinds of network
# compares all that was set beside them, too.
#
# Perplexity judges each word after a true beginning. Now both write by themselves, greedily,
# with the same loop of `kerasrnn.decoding`. The state of the recurrent one is a vector. The
# Transformer has to keep all that it has written. (Real ones also keep the keys and values of
# all steps, the *KV cache*, so as not to compute them again: a state that grows.)

# %%
from kerasrnn.decoding import greedy_search
from kerasrnn.metrics import translation_scores

LONGEST = 40


@tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)])
def write(source):
    """Greedy translations (B, LONGEST) by the Transformer."""
    model = translators["Transformer"]
    memory, mask, _ = model.encode(source)
    rows = ops.shape(source)[0]

    def step(token_ids, state):
        written, t = state
        written = ops.where(
            ops.arange(LONGEST) == t[:, None], token_ids[:, None], written
        )
        logits, _ = model.decode(written, memory, mask)  # all steps anew
        now = ops.one_hot(t, LONGEST)  # (B, LONGEST)
        return ops.einsum("bt,btv->bv", now, logits), [written, t + 1]

    state = [ops.zeros((rows, LONGEST), "int32"), ops.zeros((rows,), "int32")]
    start = ops.full((rows,), tokenizer.start_id, "int32")
    found = greedy_search(
        step, state, start, max_length=LONGEST, end_id=tokenizer.end_id
    )
    return found.token_ids


def translate(texts):
    """Translations by the Transformer, 50 at a time."""
    written = []
    for at in range(0, len(texts), 50):
        found = write(tokenizer(texts[at : at + 50]))
        written += [text.decode() for text in tokenizer.detokenize(found).numpy()]
    return written


chosen = rng.permutation(len(pairs["test"]))[: 20 if SMALL else 300]
sources = pairs["test"].sources[chosen].tolist()
references = pairs["test"].targets[chosen].tolist()
written = {
    "recurrent": translators["recurrent"].generate(
        sources, max_length=LONGEST, verbose=0
    ),
    "Transformer": translate(sources),
}
for name, texts in written.items():
    scores = translation_scores(texts, references)
    print(f"{name:12} BLEU {scores['bleu']:5.1f}   chrF {scores['chrf']:5.1f}")
for at in range(3):
    print(f"\nsource       {sources[at]}\nreference    {references[at]}")
    for name, texts in written.items():
        print(f"{name:13}{texts[at]}")

# %% [markdown]
# Both are beginners after so short a time. Beside them the zoo's recurrent translator, which
# is larger and learned for longer:

# %%
from kerasrnn.catalogue import load_recipe

NAME = "translate-en-es"
preset = Seq2SeqAttention.from_preset(NAME)
print(f"the preset {NAME}: {preset.count_params():,} parameters,", end=" ")
print(load_recipe(NAME).score)
of_preset = preset.generate(sources, max_length=LONGEST, verbose=0)
print(f"on these verses BLEU {translation_scores(of_preset, references)['bleu']:.1f}")

# %% [markdown]
# Both have words of the source in them, `caminos`, `pobres`, `Jehová`, and both invent and
# stutter: half of the way to a translation. The zoo's is recurrent, more than three times as
# large, and learned from longer verses too, for the better part of an hour of one core by its
# card. It is far better than both. How long and on what a model has learned matters more than
# of which kind it is; and Transformers became what they are on far more text and far larger
# machines than there are on this page, where all that works side by side pays.
#
# ## 9. Where the heads look
#
# The weights of the four heads of each block, for one verse and the true translation. First
# the self-attention of the encoder's first block, then the decoder's attention to the source,
# in its last block.

# %%
lengths = (ids["test"][0] > 0).sum(axis=1)
shown = np.abs(lengths - 12).argmin()
source = ids["test"][0][shown : shown + 1, : lengths[shown]]
target = ids["test"][1][shown : shown + 1]
target = target[:, : (target > 0).sum()]
transformer = translators["Transformer"]
memory, mask, of_encoder = transformer.encode(source)
_, of_decoder = transformer.decode(target[:, :-1], memory, mask)


def pieces(found):
    """The tokens of ids (1, T), as they are shown."""
    return [piece.decode() for piece in np.asarray(found).ravel()]


reads = pieces(tokenizer.source_tokens(source))
writes = pieces(tokenizer.target_tokens(target[:, 1:]))
heads = range(of_encoder[0].shape[1])
drawing.matrices(
    {f"encoder, head {j + 1}": np.asarray(of_encoder[0])[0, j] for j in heads},
    rows=reads,
    columns=reads,
)
drawing.matrices(
    {f"decoder, head {j + 1}": np.asarray(of_decoder[-1])[0, j] for j in heads},
    rows=writes,
    columns=reads,
)

# %% [markdown]
# The heads have gone different ways. In the decoder head 1 has found `God` for `Dios`, head 3
# `I` and the end of `thank` for the beginning of `Doy`, and `you` for `vosotros`. Others look
# where nobody can see why: in the encoder head 4 looks at `than` from half of all places. Attention weights are what a model does, and no explanation.
#
# Does each head do something of its own? Over all test verses: how much weight the encoder's
# heads have on the place itself, on the one before and on the one after, and what is left at
# all others.

# %%
shares = []
for source, _ in batches_of("test", 2000):
    looked = np.asarray(transformer.encode(source)[2][0])  # (B, H, S, S)
    places = np.arange(source.shape[1])
    inside = (source[:, 1:-1] > 0) & (source[:, 2:] > 0)  # with neighbours
    for offset in (0, -1, 1):
        at = places[1:-1]
        weights = looked[:, :, at, at + offset]  # (B, H, S − 2)
        shares.append(
            (offset, (weights * inside[:, None]).sum(axis=(0, 2)), inside.sum())
        )
print("encoder, block 1      itself    before     after")
for j in heads:
    line = [
        sum(found[j] for o, found, _ in shares if o == offset)
        / sum(count for o, _, count in shares if o == offset)
        for offset in (0, -1, 1)
    ]
    print(f"head {j + 1}          " + "".join(f"{share:10.1%}" for share in line))
print("Four heads, and each looks in its own way")

# %% [markdown]
# All four have more weight on a place itself than on its neighbours, the first twice as much.
# None has become one that looks to the left, or to the right, which the positions would allow.
#
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/11_from_attention_to_transformers.py`.
#
# 1. Scaled dot-product attention with a mask: queries (T, d), keys (S, d), values (S, D), and
#    a mask (T, S) of booleans. Where it is False the weight is exactly 0; each query has at
#    least one place to look at. Return what is found (T, D), and the weights (T, S).

# %%
from exercises import check


def masked_attention(Q, K, V, mask):
    scores = ...  # (T, S)
    weights = ...  # (T, S)
    found = ...  # (T, D)
    return found, weights


check("11_from_attention_to_transformers", masked_attention=masked_attention)

# %% [markdown]
# 2. The numbers of each head: from (B, T, U) to (B, H, T, U / H), by NumPy. Head 1 has the
#    first U / H units of every step.


# %%
def in_heads(x, H):
    return ...


check("11_from_attention_to_transformers", in_heads=in_heads)

# %% [markdown]
# 3. Doing nothing. Give $W_1$ and $W_2$, (U, U) each, so that the plain block $y =
#    \mathrm{relu}(x W_1)\, W_2$ gives back every $x$ without negative numbers. And others, so
#    that the residual block $y = x + \mathrm{relu}(x W_1)\, W_2$ gives back every $x$. Which
#    of the two would you sooner find by gradient descent from random numbers?


# %%
def plain_identity(U):
    return ...


def residual_identity(U):
    return ...


check(
    "11_from_attention_to_transformers",
    plain_identity=plain_identity,
    residual_identity=residual_identity,
)

# %% [markdown]
# 4. How many multiplications does self-attention take for $T$ steps of $U$ units: the four
#    matrices, all scores, and all means? And for which $T$ is that as many as an LSTM with 32
#    features and 32 units takes, which has four matrices for the input and four for the state?


# %%
def multiplications(T, U):
    return ...


same_work = ...

check(
    "11_from_attention_to_transformers",
    multiplications=multiplications,
    same_work=same_work,
)

# %% [markdown]
# Without a check:
#
# 5. In section 5, find the 2 × 2 matrix that makes $(\sin \omega t, \cos \omega t)$ to
#    $(\sin \omega (t + k), \cos \omega (t + k))$ for every $t$. So $p_{t+k}$ is a linear
#    function of $p_t$. (*Hint: a turn by $\omega k$.*)
# 6. In section 6, leave out `norm` in all blocks. What is the gradient at the first block now,
#    and do 24 plain layers learn at all?
# 7. In section 8, leave the positions out. How much worse does it get, and why is it not lost
#    altogether? (*Hint: what does the causal mask tell a step?*)
# 8. In section 8, give the recurrent translator a higher `PEAK`, and both more `SECONDS`. Which
#    rate is best for each? Who is ahead now? And with the shortcuts of `Block` left out?
# 9. Give the decoder no causal mask. How low does the *validation* perplexity get, and what
#    does the model write? Which number told you the truth?
# 10. Give both translators twice the verses' length (`MAX_WORDS`). Which one's batches get
#    dearer?
# 11. Write the Transformer's `step` with a KV cache: keep the keys and values of all steps
#    before in the state, and compute one step only. How much faster does it write?
# 12. Let a SimpleRNN and `self_attention` with a `Dense(1)` learn the task of page 6, section
#    5, over 100 steps and a thousand batches. Which one finds it first? (*Hint: what is the
#    weight of the first step at the start, and how loud is the mean of the noise?*)
#
# ## References
#
# Ba, J., Kiros, J. and Hinton, G. (2016), Layer normalization. Bahdanau, D., Cho, K. and
# Bengio, Y. (2015), Neural machine translation by jointly learning to align and translate.
# He, K., Zhang, X., Ren, S. and Sun, J. (2015), Deep residual learning for image recognition.
# Srivastava, R., Greff, K. and Schmidhuber, J. (2015), Highway networks (shortcuts with the
# gates of an LSTM). Vaswani, A. et al. (2017), Attention is all you need.
