# %% [markdown]
# # 4. A character language model
#
# A network that reads a text letter by letter and guesses, at every letter, which one comes
# next: a *character-level language model*, or char-RNN. Nobody tells it what a word is, or a
# line, or a play. This page shows
#
# 1. "hello", with every number, and the same numbers by hand,
# 2. Shakespeare: what there is to learn, and what a guess is worth, in bits,
# 3. streams and chunks: how a text of millions of letters becomes batches,
# 4. truncated back-propagation through time (truncated BPTT): what is carried on, and where
#    the gradient ends,
# 5. training, and what the model writes at first, and later, and later still,
# 6. bits per character and perplexity, beside compressors and counting,
# 7. temperature and top-k,
# 8. what surprises the model, letter by letter,
# 9. text as a stream,
# 10. a text file of your own.
#
# The shape letters are those of the whole library: **B** batch, **T** steps, **U** units,
# **V** vocabulary. You should know what [tutorial 1](01_recurrent_layers.ipynb) says of
# layers and states.
#
# To run it: in a clone of the repository `pip install '.[plot,train]'`, then this notebook,
# or the `.py` file beside it. It fetches the plays and trains for some minutes. The drawings
# come from `drawing.py` and `drawing_language.py`; you need not read them.

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
# ## 1. hello
#
# The whole language is one word, and its alphabet [h, e, l, o]. The model reads "h" and
# should say "e", reads "e" and should say "l", reads "l" and should say "l" again, reads
# "l" and should say "o". Mind the last two: the same letter, and two different answers. No
# table of letters can do that. It takes a memory.
#
# A letter goes in as a **one-hot** vector, all zeros but for a one in its own place:

# %%
tokenizer = CharacterTokenizer("helo")
ids = tokenizer.encode("hello")
print("vocabulary:", tokenizer.get_vocabulary())
print("ids of 'hello':", ids)
for letter, number in zip("helo", tokenizer.encode("helo"), strict=True):
    print(f"{letter!r} is", np.eye(tokenizer.vocabulary_size)[number].astype(int))

# %% [markdown]
# Two places are special: 0 is padding, and also what stands before a text's first letter;
# 1 is any letter that is not in the vocabulary. Then, with three units,
#
# $$\begin{aligned}
# x_t &= \text{one-hot}(c_t) && (V) \\
# h_t &= \tanh(x_t W + h_{t-1} U + b) && (U = 3) \\
# y_t &= h_t W_o + b_o && (V)\text{, the logits} \\
# p(c_{t+1} = v) &= \frac{e^{y_{tv}}}{\sum_w e^{y_{tw}}} && \text{the guess} \\
# L &= -\frac{1}{T} \sum_t \ln p(c_{t+1}) && \text{the loss}
# \end{aligned}$$
#
# $x_t W$ with a one-hot $x_t$ is a row of $W$: each letter has a vector of its own that it
# adds to the state. `every_number` prints what a small model computes, as on the slides:

# %%
hello = CharLanguageModel(
    preprocessor=tokenizer, cell="simple_rnn", num_layers=1, units=3
)
print(*every_number(hello, "hello"), sep="\n")

# %% [markdown]
# Random weights, random guesses. (The four $p$ of a step do not sum to 1: the rest is that of
# the two special places, which the model has to learn never to expect.) Now it learns its
# word, over and over. A callback lets it write at chosen steps; temperature 0 means that it
# always takes its best guess.

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
# Look at the two rows of numbers that both read "l". The input is the same and the hidden
# state is not: it knows whether an "l" went before. All of it by hand, in NumPy:


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
# ## 2. Shakespeare
#
# The same model, larger, and another text. `shakespeare_plays` has all plays and poems, one
# file each. The cut into training, validation and test text is by position: the last tenth
# is the test.

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
# How much is there to know? Someone who knows nothing needs $\log_2 V$ bits for each
# character. Someone who knows how often each letter occurs, and no more, needs the
# **entropy** $-\sum_v p_v \log_2 p_v$. Who looks at the letters before needs less:

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
# A compressor is a language model too, since a letter of probability $p$ can be written in
# $-\log_2 p$ bits. How many bytes does `xz` need for the test text, once it has seen the
# training text?


# %%
def compressed(text):
    """The size of a text in bits, packed by xz."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
    return 8 * len(lzma.compress(text.encode(), lzma.FORMAT_RAW, filters=filters))


both, alone = compressed(train_text + test_text), compressed(train_text)
peers["xz"] = (both - alone) / len(test_text)
print(f"{'xz':26}{peers['xz']:6.2f} bits per character")

# %% [markdown]
# ## 3. Streams and chunks
#
# A batch wants many rows; a text is one long row. So it is read at **B** places at once:
# each row is a reader that goes on, in every batch, where it stopped in the one before. And
# a batch takes **T** letters of each row, a **chunk**. `CharacterStreams` deals the chunks
# out. Here, a small text of two documents, three readers, twelve letters at a time:

# %%
first = "To be, or not to be, that is the question:\nWhether 'tis nobler in the mind"
second = "O Romeo, Romeo! wherefore art thou Romeo?"
small_text = CharacterText.of_documents([first, second], tokenizer)
streams = CharacterStreams(small_text, batch_size=3, chunk=12)
batches = [streams.batch(step) for step in range(len(streams))]
print(small_text, "in", len(streams), "batches")
drawing_language.streams(batches, tokenizer.decode)

# %% [markdown]
# A batch holds more than letters:

# %%
(inputs, fresh), targets, weights = batches[0]
print("inputs  (B, T)", inputs.shape, "row 0:", repr(tokenizer.decode(inputs[0])))
print("targets (B, T)", targets.shape, "row 0:", repr(tokenizer.decode(targets[0])))
print("weights (B, T)", weights.shape, "row 0:", weights[0].astype(int))
print("fresh   (B,)  ", fresh.shape, "       ", *fresh)

# %% [markdown]
# *Targets* are the letters to guess, *inputs* those before them, by one. *Weights* are 0
# where there is no letter, at the end of a document. *Fresh* says which rows begin a new
# document and so start from a zero state: what was read in *Hamlet* must not be remembered in
# *Romeo and Juliet*.
#
# ## 4. Truncated back-propagation
#
# At the end of a chunk the optimizer makes a step. The **state** is kept, and is where the
# next chunk starts: the model has read everything from its row's beginning. The
# **gradient** goes back to the start of the chunk, and ends there:

# %%
drawing.truncated()

# %% [markdown]
# That is two things at once, and they can be seen apart. Forward, cutting a text makes no
# difference to what the model says, as long as the state is carried:

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
# Backward it does make a difference: the loss of the second chunk has a gradient at all
# letters before it, and training never sees those of the first chunk. Below, the embedded
# letters are watched, and the loss is that of one letter in the second chunk:

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
# What lies further back is *used* and not *learned from*. How much is lost by it,
# [tutorial 6](06_gradient_flow.ipynb) measures.
#
# ## 5. Training
#
# `fit` does all of this by itself: give it texts. It uses Adam, and clips the gradients.

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
# And what it wrote, each time from the same random numbers. First it learns how often each
# letter comes, then how long words and lines are, then names in capitals, then short words:

# %%
drawing_language.samples_page(page)

# %% [markdown]
# This model learned for some minutes. The zoo has one with about nine times as many weights,
# which learned for nearly an hour. The samples of its training are beside its preset, from
# before the first step to the last. Even the last one makes no sense:

# %%
NAME = "chars-shakespeare"
samples_of_preset = load_recipe(NAME).folder / "samples.md"
if samples_of_preset.exists():
    drawing_language.samples_page(samples_of_preset, most_lines=5)

# %% [markdown]
# ## 6. Bits per character
#
# The loss is a mean of natural logarithms, in *nats*. Divided by $\ln 2$ it is in **bits per
# character**, which is what compressors are measured in. And $e^L$ is the **perplexity**:
# between how many equally likely letters the model is in doubt, on average.
#
# $$\mathrm{bits} = \frac{L}{\ln 2}, \qquad \mathrm{perplexity} = e^L = 2^{\mathrm{bits}}$$
#
# The whole test text is read from beginning to end, the state carried all along. Beside it
# the same model, without a memory of more than a hundred letters: it starts from nothing
# after each hundred.

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
# With the state carried, our model is a little better than counting four letters and than
# `xz`, which learned from the same text. A hundred letters at a time it is worse than both:
# at the beginning of each piece it does not know what it is in, and that costs bits. (The preset has learned for longer, from all of the training text. Where it
# comes with the package, what follows uses it, else our own model.
# `kerasrnn train chars-shakespeare` trains it.)
#
# The preset also has a **cache** (`cache_size=2000`): it keeps its last 2,000 states and the
# letter that came after each, and asks those most like the present one what they saw (Grave
# et al. 2017, "Improving Neural Language Models with a Continuous Cache"). What the model
# writes itself it does not keep, or it would soon say the same again and again.
#
# It helps with names. No play of the training has a Malvolio. How many bits does his name
# cost, each time that he speaks?

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
# Without the cache the name is as dear the eleventh time as the first. With it the name is
# cheap while he goes on speaking, and dear again when he has been away for longer than the
# cache remembers.
#
# ## 7. Temperature and top-k
#
# To write, draw a letter from $p$, feed it back in, and go on. How boldly?
#
# $$p_\tau(v) \propto e^{y_v / \tau}$$
#
# At $\tau = 1$ that is what was learned. Below, what is likely becomes likelier; at 0 only
# the best guess is left. Above, the letters become more alike. **Top-k** leaves only the $k$
# likeliest letters. One place in one line, three temperatures, by hand:

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
# At temperature 0 the model repeats itself. Low temperatures are spelled right and dull, high
# ones are lively and misspelled; 0.7 is a good place to start. None of these texts makes
# sense: the model has learned the form of a play, and nothing of what a play is about.
#
# ## 8. What surprises it
#
# `score` gives the logarithm of the probability of each letter of a text. In bits, that is
# how surprised the model was. Blue letters were expected (0 bits), white ones cost 4 bits,
# and red ones 8 or more:

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
# Many red letters are where words begin: after a space there is a choice, and each letter of
# a word leaves less of it. But it is no rule without exceptions. How much more does a first
# letter cost than a later one?

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
# There are more later letters, so that all of them together cost no less. The bits of a word
# are the sum over its letters. A model that has learned enough to spell finds a typing
# mistake like that:

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
# And its five best guesses at every letter, the darker the surer. What came is framed:

# %%
line = "\nHAMLET.\nTo be, or not to be, that is the question"
ids = np.concatenate([[0], writer.preprocessor.encode(line)])[None].astype("int32")
p = softmax(np.asarray(writer(ids))[0, :-1, 2:])  # (T, V - 2)
drawing_language.guesses(line[1:], letters, p[1:])

# %% [markdown]
# ## 9. A stream
#
# `generate` runs in the graph and gives the text when it is finished. `stream` is a Python
# iterator that gives letters as they come, for as long as you like. It draws the same ones:

# %%
stream = writer.stream("KING", length=None, temperature=0.7, seed=3)
text = "".join(itertools.islice(stream, 200))
print("KING" + text)
assert text == writer.generate("KING", 200, temperature=0.7, seed=3)

# %% [markdown]
# Under both lies `step`, one letter in, one guess out, the states in your own hands. It
# gives the numbers of the sequence:

# %%
ids = writer.preprocessor.encode("KING").astype("int32")
states = writer.initial_states(1)
for number in [0, *ids]:
    step, states = writer.step(np.array([number]), states)
whole = writer(np.array([[0, *ids]]))[:, -1]
compare("the last step and the whole sequence", step, whole)

# %% [markdown]
# ## 10. A text of your own
#
# Any text file in UTF-8, in any script, from two hundred characters to gigabytes, which are
# read in blocks and never held in memory as a whole:
#
# ```sh
# kerasrnn train char-lm --data book.txt
# ```
#
# writes the model, its scores, and the page of samples. The same from Python, with a file
# that we write ourselves:

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
# That is a bad model, worse than the 4.69 bits of the frequencies alone in section 2, which are of
# another part of the plays: one reading of so short a text is 53 steps, 8 times 100 letters each,
# and the network has hardly begun. The command reads such a text again until it has learned for
# 600 steps at least.
#
# A letter that it does not know, or a file that is no text, gets a warning or an error that
# says what is wrong:

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
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/04_character_language_model.py`.
#
# 1. What the model of "hello" does with one letter: from its number and the state before, the
#    new state and the probabilities of the next letter.

# %%
from exercises import check


def read_letter(number, h, W, U, b, W_o, b_o):
    h = ...  # (U,)
    p = ...  # (V,)
    return h, p


check("04_character_language_model", read_letter=read_letter)

# %% [markdown]
# 2. Bits per character, and perplexity, of a text whose letters got the probabilities `p`.


# %%
def bits_of(p):
    return ...


def perplexity_of(p):
    return ...


check("04_character_language_model", bits_of=bits_of, perplexity_of=perplexity_of)

# %% [markdown]
# 3. What to draw from: the probabilities at temperature `tau`, with all but the `k` likeliest
#    letters left out.


# %%
def top_k(logits, tau, k):
    return ...


check("04_character_language_model", top_k=top_k)

# %% [markdown]
# 4. Streams: one document of `ids` (N,) is read by `rows` readers, who each have as many
#    letters, one after another. Inputs and targets (B, T) of the batch of number `step`, with
#    `chunk` letters a row. What does not fit at the end of a reader's part is left out.


# %%
def batch_of(ids, rows, chunk, step):
    return ...


check("04_character_language_model", batch_of=batch_of)

# %% [markdown]
# Without a check:
#
# 5. In section 1, give the model one unit instead of three. Can it learn "hello"? Which pair
#    of letters does it get wrong, and why is one number too little (or is it)?
# 6. Teach it "hellohello" in chunks of 5 and then of 3. What changes, with the state carried?
#    And "hello hello" and "yellow": which letter is in doubt for ever?
# 7. In section 3, let `batch_size` be 1, and 20. How many steps has an epoch then? What is
#    wrong with one reader, and what with a thousand?
# 8. Train the model of section 5 with `chunk=10` and ten times as many rows, the same number
#    of letters in a batch. Which is faster, and which is better after the same time?
# 9. Compare SimpleRNN, GRU and LSTM at the same number of weights (`cell=`, `units=`), and
#    two layers of fewer units with one.
# 10. In section 7, which temperature gives text of about the same bits per character as the
#    test text, judged by the model itself? (*Hint: `score` what `generate` writes.*)
# 11. A beam search would find the likeliest text of 200 letters. Why would you not want to
#    read it?
# 12. In section 8, score a page of a modern novel, and of Chaucer. How many bits is a century?
# 13. Which of your own chat messages are the most predictable? `kerasrnn train char-lm` on a
#    log of them, and do not show anyone the samples.
#
# ## References
#
# Karpathy, A. (2015), The unreasonable effectiveness of recurrent neural networks. Williams,
# R. and Peng, J. (1990), An efficient gradient-based algorithm for on-line training of
# recurrent network trajectories. Graves, A. (2013), Generating sequences with recurrent
# neural networks. Shannon, C. (1951), Prediction and entropy of printed English.
