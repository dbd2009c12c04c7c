# %% [markdown]
# # 2. Translation with attention
#
# A translator reads a sequence and writes another one, of another length and in another
# order. This page shows
#
# 1. the data: verses in English and in Spanish,
# 2. pieces of words, so that no word is unknown,
# 3. the plain encoder-decoder, and its bottleneck: one state for a whole sentence,
# 4. attention: the equations of Bahdanau and of Luong beside the code,
# 5. training with `model.fit`, watching what the model says as it learns,
# 6. writing: greedy, sampling, and beam search,
# 7. attention maps: which word looked where, and the first two steps in slow motion,
# 8. BLEU, the number that is made of such translations, and what it does not say,
# 9. a SavedModel, text in and text out, that needs TensorFlow alone.
#
# Shapes are written with the letters of the whole library: **B** batch, **S** steps of
# the source, **T** steps of the target, **U** units, **M** size of the memory, **V**
# vocabulary. You should know what [tutorial 1](01_recurrent_layers.ipynb) says of
# recurrent layers.
#
# To run it: in a clone of the repository `pip install '.[plot,translate,train]'`, then this
# notebook, or the `.py` file beside it. It trains five models, two of them
# translators, in about ten minutes.

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
# ## 1. The data
#
# `bible_en_es` has the verses of the World English Bible and of the Reina-Valera of 1909,
# both in the public domain. No chapter is in two splits: verses of one chapter repeat each
# other, and a test verse that is nearly a training verse would test memory only. Any other
# pairs do as well: `load_translation` also takes the name of a TFDS data set, or a `.tsv`
# file of your own with a text, a tab and its translation on every line.

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
# Not every pair is a translation: here and there the two Bibles number their verses
# differently, and a pair tells two things. Real data is like that, and training bears it.
#
# ## 2. Pieces of words
#
# Spanish has *hablo, hablas, habló, hablaron, hablándoles*. A vocabulary of whole words
# would meet new ones in every chapter. **Byte-pair encoding** (Sennrich et al. 2016) starts
# from single bytes and joins the most frequent pair of neighbours, over and over. Frequent
# words become one piece; rare ones are spelled in several, and nothing is ever unknown.

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
# ▁ stands for a space, `<0xED>` for a byte that belongs to no piece. Korean does not occur
# in the verses, and still the text comes back from its numbers, letter for letter.
#
# A `PairTokenizer` holds both, and adds what a translator needs: an end token after every
# source, a start and an end token around every target.

# %%
tokenizer = PairTokenizer(english, spanish)
print("source", tokenizer(["In the beginning"]).numpy())
print("target", tokenizer.target_ids(["En el principio"]).numpy())
print("start", tokenizer.start_id, " end", tokenizer.end_id)

# %% [markdown]
# ## 3. The bottleneck
#
# The first neural translators (Sutskever et al. 2014; Cho et al. 2014) have two recurrent
# networks. The **encoder** reads the source; here it reads from both sides, so that each
# state has seen the words before and after:
#
# $$h_s = [\overrightarrow{h}_s; \overleftarrow{h}_s]$$
#
# The **decoder** starts from what the encoder remembers at the end, and writes one token
# after another, each from its state and the token before:
#
# $$\begin{aligned}
# d_0 &= \tanh(W_d\,[\overrightarrow{h}_S; \overleftarrow{h}_1]) \\
# d_t &= \mathrm{cell}(E\,y_{t-1},\; d_{t-1}) \\
# p(y_t) &= \mathrm{softmax}(E \tanh(W_o\, d_t) + b)
# \end{aligned}$$
#
# In training $y_{t-1}$ is the true token ("teacher forcing"), in use the one that the model
# wrote itself.

# %%
drawing.translators()

# %% [markdown]
# In the upper picture one arrow carries everything. However long the sentence, the decoder
# gets $d_0$, a vector of fixed size. This is the **bottleneck**:

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
# ## 4. Attention
#
# The lower picture keeps all states of the encoder, the **memory** $m_1 … m_S$, and lets
# the decoder look at them anew for every word. A **query** $q$, the decoder's state, is
# scored against each place; softmax turns the scores into weights that sum to one; the
# **context vector** is the weighted mean:
#
# $$\alpha_{s} = \frac{\exp \mathrm{score}(q, m_s)}{\sum_{s'} \exp \mathrm{score}(q, m_{s'})},
# \qquad c = \sum_s \alpha_{s}\, m_s$$
#
# The $\alpha$ are the **attention weights**, also called alignments. They are numbers
# between 0 and 1 and have a gradient, so nobody has to tell the model which word belongs to
# which: it learns that with everything else.
#
# ### Bahdanau
#
# Bahdanau et al. (2015) score with a small network, $W_1$ and $W_2$ into a common space and
# $v$ out of it:
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
# Query and memory may differ in size. $W_2 m_s$ does not depend on the query: a decoder
# computes it once a sentence (`project_memory`, "keys") and not once a word.
#
# ### Luong
#
# Luong et al. (2015) compared three scores:
#
# $$\mathrm{score}(q, m_s) = \begin{cases}
# q^\top m_s & \text{dot} \\
# q^\top W m_s & \text{general} \\
# v^\top \tanh(W [q; m_s]) & \text{concat}
# \end{cases}$$
#
# Products cost less than the small network; "dot" wants query and memory of one size.


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
# Sentences of a batch are padded to one length, and padding must not be looked at. With a
# `memory_mask` the masked places get exactly 0, whatever stands there:

# %%
mask = np.array([[True, True, True, False, False], [True] * 5])  # (B, S)
attention = layers.LuongAttention("general")
spoiled = np.where(mask[..., None], memory, 1e3).astype("float32")
_, clean = attention(query, memory, memory_mask=mask)
_, same = attention(query, spoiled, memory_mask=mask)
compare("with rubbish in the padding", clean, same)
print(np.asarray(same).round(3))

# %% [markdown]
# ### Inside a decoder
#
# Where does the query come from, and where does the context go? `AttentionCell` puts an
# attention round any recurrent cell. As Luong et al. do it, the cell steps first and then
# looks; both results are mixed:
#
# $$\begin{aligned}
# d_t &= \mathrm{cell}(x_t, d_{t-1}) \\
# c_t &= \textstyle\sum_s \alpha_{ts} m_s, \qquad \alpha_t = \mathrm{attention}(d_t, m) \\
# a_t &= \tanh(W_c [c_t; d_t])
# \end{aligned}$$
#
# With `input_feeding=True` the cell also reads $a_{t-1}$, so it knows where it looked
# before. With `attend="before"`, Bahdanau's order, $d_{t-1}$ asks and the cell reads
# $c_t$. The loop by hand, and the layer:

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
# ## 5. Training
#
# Both models of the zoo are `keras.Model`s. `Seq2SeqAttention` is `Seq2Seq` with such a
# cell in its decoder. Sizes, data and training are the same, so the comparison is fair.
#
# What they learn from is a `tf.data.Dataset` of batches of (source, target) strings; the
# tokenizer is inside the model. A batch is as wide as its longest sentence, so sentences
# of like length go together, many short ones or few long ones:

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
# The loss is the mean of $-\log p(y_t)$ over the tokens that are not padding, with
# `label_smoothing`: the right token shall get 0.9 and not 1, the others share the rest.
# Perplexity is the exponential of the loss without that: among so many equally likely tokens
# the model would be as unsure. The learning rate rises at first (*warm-up*) and falls
# afterwards. A loss is hard to imagine, so a callback translates a few validation verses
# after every epoch. Watch what comes first: frequent words, then phrases of Bible Spanish,
# then words that belong to the source.

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
# Now the one with the bottleneck, on the same batches:

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
# Perplexity is lower with attention, on the same batches:

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
# A model that learned for minutes is a beginner. The zoo has a larger one that learned for
# longer; where it comes with the package, the sections that follow show it, else ours.

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
# ## 6. Writing
#
# The model gives $p(y_t \mid y_1 … y_{t-1}, \text{source})$, one token at a time. What to
# do with it is another matter.
#
# **Greedy**: always the likeliest token.

# %%
verses = [
    "In the beginning, God created the heavens and the earth.",
    "The people went out of the city.",
    "Don't be afraid, for I am with you.",
]
for verse, translation in zip(verses, translator.generate(verses), strict=True):
    print(f"{verse}\n  {translation}\n")

# %% [markdown]
# **Sampling** draws from $p$. The temperature $\tau$ divides the logits: towards 0 it is
# greedy, 1 is the model's own distribution, above 1 everything comes closer together.
# `top_k` and `top_p` leave out the tail.

# %%
for temperature in (0.3, 0.7, 1.2):
    translation = translator.generate(
        verses[1], search="sample", temperature=temperature, seed=1
    )
    print(f"temperature {temperature}: {translation}")

# %% [markdown]
# **Beam search** keeps the `beam_width` best beginnings side by side. The likeliest
# sentence need not begin with the likeliest word. Since every token makes a product of
# probabilities smaller, short sentences would win; the length penalty $\alpha$ divides
# $\log p(y)$ by $((5 + |y|)/6)^\alpha$ (Wu et al. 2016). `n_best` returns several:

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
# All three are loops inside the graph, written once in `kerasrnn.decoding`; they know
# nothing of translation. They want a function `step(token_ids, state) -> (logits, state)`,
# and yours will do as well:

# %%
from kerasrnn.decoding import greedy_search


def count_up(token_ids, state):
    """A model that is sure that n + 1 follows n."""
    return 9.0 * keras.ops.one_hot(token_ids + 1, 6), state


print(np.asarray(greedy_search(count_up, [], [1, 3], max_length=5, end_id=5).token_ids))

# %% [markdown]
# ## 7. Attention maps
#
# Where did it look? `translation_attention` translates and keeps the alignments; the
# figure has the source at the top and the translation on the left. Each row sums to 1.

# %%
from kerasrnn.inspection import (
    attention_maps_figure,
    distance_from_diagonal,
    translation_attention,
)

maps = translation_attention(translator, verses[:2], max_length=40)
drawing.page(attention_maps_figure(*maps, folder / "pieces.png"))

# %% [markdown]
# The dot before a piece is a space: a piece without one goes on with the word before. With
# `merge_pieces=True` pieces become words: the attention of a source word is the *sum* over
# its pieces, that of a target word the *mean* over its pieces, so rows still sum to 1.

# %%
maps = translation_attention(translator, verses[:2], max_length=40, merge_pieces=True)
drawing.page(attention_maps_figure(*maps, folder / "words.png"))

# %% [markdown]
# English and Spanish have nearly the same order of words, so a model that has learned to
# attend looks near the diagonal; nobody told it to. How near is a number: the mean of
# $|s/S - t/T|$ over all weights. It is 0 on the diagonal itself, and about ⅓ where the
# model looks everywhere alike.

# %%
for values in maps.alignments:
    everywhere = np.full(values.shape, 1 / values.shape[1])
    print(
        f"distance from the diagonal {distance_from_diagonal(values):.3f}; "
        f"looking everywhere alike: {distance_from_diagonal(everywhere):.3f}"
    )

# %% [markdown]
# Be careful what you read from such a map. It says where the weights went, not why a word
# was chosen: each $h_s$ has seen the whole sentence, and a good part of the work may be
# done one place beside the word that you would point at.
#
# ### Step by step
#
# The first two rows of such a map in slow motion, of a test verse. The equations are those
# of section 4; the translator has Bahdanau's score, and a GRU for its cell (tutorial 1,
# section 4):
#
# $$\begin{aligned}
# d_t &= \mathrm{cell}(E\,y_{t-1},\; d_{t-1}) \\
# e_{ts} &= v^\top \tanh(W_1 d_t + W_2 m_s), \qquad \alpha_t = \mathrm{softmax}(e_t) \\
# c_t &= \textstyle\sum_s \alpha_{ts} m_s \\
# a_t &= \tanh(W_c [c_t; d_t]) \\
# p(y_t) &= \mathrm{softmax}(E\, a_t + b)
# \end{aligned}$$
#
# $y_0$ is the start token. All of it by hand, with the translator's weights; from the
# library come the states $m_s$ of the encoder, and at the end the numbers to compare with.


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
# The cell reads $y_{t-1}$ and makes the state $d_t$, which asks. Below each piece of the
# source are its score, its weight and its state $m_s$; the line between them is as thick as
# the weight is large. Softmax does not change when all scores grow alike, so the blue bars
# begin at the lowest score. $c_t$ is the weighted mean of the states, and of $c_t$ and
# $d_t$ come the likeliest pieces. The green one is written, and is what step 2 reads. Of
# each vector eight units are shown, red above 0 and blue below: of $d_t$ the first ones, of
# $m_s$ and $c_t$ those that differ most from place to place.
#
# Now what the library gives for the same two steps:

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
# *Y* is "and", which the source does not have; there its first word gets most of the weight.
# *habló* is "spoke": in Spanish the verb may stand before its subject, and step 2 passes
# over *God*, which comes first in the source, without being told.
#
# ## 8. BLEU
#
# Does it translate well? The perplexity judges each word after a *true* beginning. What
# counts is what the model writes by itself. BLEU (Papineni et al. 2002) takes the runs of
# $n$ words (*n-grams*) of the translations, and asks which share $p_n$ of them is right. A
# run $g$ counts at most as often as the reference has it (it is *clipped*): "the the the"
# is not three times right because the reference says "the" once.
#
# $$p_n = \frac{\sum_g \min\bigl(\mathrm{count}_{\mathrm{translation}}(g),\;
# \mathrm{count}_{\mathrm{reference}}(g)\bigr)}
# {\sum_g \mathrm{count}_{\mathrm{translation}}(g)}$$
#
# Both sums are over all sentences. BLEU is the geometric mean of $p_1$ to $p_4$, times a
# penalty where the translations are too short, with lengths $c$ of all translations and
# $r$ of all references:
#
# $$\mathrm{BLEU} = 100 \cdot \min\!\left(1, e^{1 - r/c}\right) \cdot
# \left(p_1\, p_2\, p_3\, p_4\right)^{1/4}$$
#
# By hand, and by the library. Words are what a tokenizer says they are, so numbers compare
# only when the same program made them: sacreBLEU prints a signature.

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
#
# A score means little without others beside it. Two controls cost nothing: *copying* the
# source, and *shuffled* sources, where each reference is compared with the translation of
# another verse. A model that has learned Spanish but does not read its input is no better
# than shuffled.

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
# Now the bottleneck itself. One state has to hold 5 words or 40, while attention looks up
# what it needs in a sentence of any length. In the paper of Bahdanau et al. (2015, figure 2)
# the two part as sentences grow. Do they here? Where the zoo has both as presets they are
# compared, on longer verses, else the two from above. The bars are 95 % intervals, by
# drawing the sentences of each range again and again (*bootstrap*):

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
# Attention wins by far, and it wins at *every* length. The lead hardly grows with the
# length here: already ten words are too many for the model with one state. So these curves
# show that one state is too little, and not that long sentences are what it is too little
# for. To see them part on translations, one would need a model without attention that is
# good at short sentences, which takes more data than 23,000 verses.

# %% [markdown]
# To see the bottleneck alone, take a task that needs every part of the source and no
# language: say letters *from behind*. There is as much of it to learn from as one likes,
# and a row that is a letter longer is a letter more to remember. The three learn from the
# same number of rows, of 1 to 24 letters:

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
# This is the figure of the paper. With attention a row of 24 letters is as easy as one of
# two, since each letter is looked up where it stands. Without it all have to go through one
# state, and past some length they do not. A network of four times the units, with seven
# times the weights of the one with attention, moves the edge by a few letters; it does not
# remove it.
#
# Now read some verses. Numbers hide what goes wrong: names that are invented, a "not" that is
# lost, half a verse left out, a phrase told twice.

# %%
for i in rng.permutation(len(sources))[:4]:
    print(f"source     {sources[i]}")
    print(f"reference  {references[i]}")
    print(f"model      {written[best][i]}\n")

# %% [markdown]
# ## 9. Serving
#
# `export` writes a SavedModel with three signatures: `serving_default` (text in, greedy
# translation out), `beam` (five translations and their scores) and `alignments`. The
# tokenizers and the loops are inside, all made of TensorFlow's own operations. The
# process below may not import keras or kerasrnn, and gives the same translation:

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
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/02_translation_with_attention.py`.
#
# 1. Attention in full: query (B, Q), memory (B, S, M), a mask (B, S) of booleans, and the
#    weights $W_1$, $W_2$ and $v$ (U, 1). Where the mask is False the weight is exactly 0; each
#    row has at least one place that counts. Return context and alignments.

# %%
from exercises import check


def attend(query, memory, mask, W1, W2, v):
    scores = ...  # (B, S)
    alignments = ...  # (B, S)
    context = ...  # (B, M)
    return context, alignments


check("02_translation_with_attention", attend=attend)

# %% [markdown]
# 2. The share $p_n$ of BLEU for one translation and one reference, with words between spaces
#    and each run of words clipped.


# %%
def share_of_runs(translation, reference, n):
    return ...


check("02_translation_with_attention", share_of_runs=share_of_runs)

# %% [markdown]
# 3. Beam search ended with `hypotheses`, a list of (text, log p, number of tokens). Which
#    text is best with the length penalty $\alpha$?


# %%
def best_of(hypotheses, alpha):
    return ...


check("02_translation_with_attention", best_of=best_of)

# %% [markdown]
# Without a check:
#
# 4. In section 4, set all but one place of `mask` to False. What are the alignments, and
#    what is the context? What would you want where *no* place is left, and what does the
#    layer give? (*Hint: softmax over nothing is 0/0; see `Masking` in the docstring.*)
# 5. Scale `query` by 10 in "dot" attention, then by 100. What becomes of the alignments,
#    and of their gradient? Why do Transformers divide by $\sqrt{U}$? (*Hint: the variance
#    of a sum of U products.*)
# 6. Train with `attention="luong"`, and with `input_feeding=True`. Which is slower, which
#    is better after the same time rather than after the same epochs? (*Hint: without
#    feeding, all steps can look at once.*)
# 7. The models of this page have GRU cells, which is the default. Train with `cell="lstm"`
#    and with `cell="simple_rnn"`, with attention and without. Which one needs attention
#    most? (*Hint: the figure of gradients in tutorial 1.*)
# 8. Draw the map of a verse with a name in it, and of one with "did not". Which English
#    word does *no* look at? Then translate a verse that is twice as long as any that was
#    learned from, and look for the place where the map loses its way.
# 9. Let `beam_width` go from 1 to 20 with `length_penalty=0`, and note BLEU and the length
#    ratio. Then find the best penalty on the *validation* verses. Why not on the test
#    verses?
# 10. Reverse the direction: `load_translation("bible_en_es", languages=("es", "en"))`. Is
#    English easier? May BLEU of two languages be compared? (*Hint: how many words does each
#    language use for one verse, and how many forms has a verb?*)
# 11. Write a `.tsv` with a hundred pairs of your own, in any languages, and run this page
#    on it. What is the first thing that it learns by heart?
