# %% [markdown]
# # 12. Which cell, how deep, how far back
#
# Three questions that every reader of the lectures asks, and answers that are measured:
#
# 1. SimpleRNN, GRU or LSTM: the same parameters, the same text, each until it learns no more,
# 2. one layer, or two, three, four: the same parameters again,
# 3. "she printed her tickets … her ____": over how many words does each cell still know?
# 4. the same in real text: is a word that was read long ago easier to spell?
#
# You should know what [tutorial 4](04_character_language_model.ipynb) says of character models
# and bits, and what [tutorial 6](06_gradient_flow.ipynb) says of gradients that vanish.
#
# To run it: in a clone of the repository `pip install '.[plot,train]'`, then this notebook,
# or the `.py` file beside it. It fetches the C files of Linux and trains many small networks,
# for about 25 minutes. The drawings come from `drawing_distance.py`; you need not read them.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import re
import time

import drawing_distance
import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn import layers
from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_documents
from kerasrnn.text import CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)

# %% [markdown]
# ## 1. Three cells
#
# An LSTM has four matrices where a SimpleRNN has one and a GRU three, so that networks of the
# same number of *units* are of different sizes. A fair race is one at the same number of
# **parameters**: what is saved on gates goes into units.
#
# The text is C, in its true order: the network reads on where it stopped, and its state goes
# along. A part of it is small enough for these networks to be **trained out** in minutes:
# until the text that is held back gets no better. All have the same optimizer, rate, batches
# and chunks.

# %%
PART, PARTS, HELD_OUT = (4_000, 2, 4_000) if SMALL else (100_000, 4, 60_000)
PARAMETERS, EMBEDDING, BATCH, CHUNK = 20_000 if SMALL else 100_000, 32, 16, 100
PATIENCE, MOST = (1, 2) if SMALL else (4, 120)  # parts without a gain, and in all
MATRICES = {"simple_rnn": 1, "gru": 3, "lstm": 4}
NAMES = {"simple_rnn": "SimpleRNN", "gru": "GRU", "lstm": "LSTM"}


def first_of(documents, each, characters):
    """The beginnings of documents, so many characters in all."""
    return [document[:each] for document in documents[: max(1, characters // each)]]


sources = load_documents("kernel_c", "train")
order = rng.permutation(len(sources))
each = PART // 10
beginnings = [sources[row][:each] for row in order if len(sources[row]) >= each]
parts = [beginnings[10 * part : 10 * part + 10] for part in range(PARTS)]
held_out = first_of(load_documents("kernel_c", "validation"), each, HELD_OUT)
tokenizer = CharacterTokenizer()
tokenizer.adapt([text for part in parts for text in part])
print(f"{PARTS} parts of {PART:,} characters, {sum(map(len, held_out)):,} held back")


def model_of(cell, depth):
    """A character model of so many layers and about `PARAMETERS` parameters."""

    def size(units):
        widths = [EMBEDDING] + [units] * (depth - 1)
        of_layers = sum(MATRICES[cell] * units * (w + units + 1) for w in widths)
        letters = tokenizer.vocabulary_size
        return of_layers + letters * (EMBEDDING + units + 1)

    units = min(range(8, 600), key=lambda units: abs(size(units) - PARAMETERS))
    keras.utils.set_random_seed(1)
    model = CharLanguageModel(
        preprocessor=tokenizer,
        cell=cell,
        num_layers=depth,
        units=units,
        embedding_dim=EMBEDDING,
    )
    model.compile(keras.optimizers.Adam(4e-3, global_clipnorm=1.0))
    return model


# %% [markdown]
# Time on a computer that does other things, too, is noisy. So the networks take turns, part by
# part, and each has a clock of its own. Keras lays out its steps in the first of them: this is
# done before the clock runs, and what was learned by it taken back.


# %%
def read(model, part):
    """One part is learned; returns the seconds that it took."""
    begin = time.perf_counter()
    model.fit(part, batch_size=BATCH, chunk=CHUNK, epochs=1, verbose=0)
    return time.perf_counter() - begin


def race(models):
    """Train by turns until each learns no more: {name: [(seconds, parts, bits)]}."""
    for model in models.values():
        weights = model.get_weights()
        read(model, parts[0])
        model.set_weights(weights)
        for variable in model.optimizer.variables:
            if variable.path.rpartition("/")[2] != "learning_rate":
                variable.assign(keras.ops.zeros_like(variable))
    clocks = dict.fromkeys(models, 0.0)
    history = {name: [] for name in models}
    running = list(models)
    for count in range(1, MOST + 1):
        for name in list(running):
            clocks[name] += read(models[name], parts[(count - 1) % PARTS])
            bits = models[name].evaluate(held_out, verbose=0)["bits_per_character"]
            history[name].append((clocks[name], count, bits))
            best = min(history[name], key=lambda row: row[2])
            if count - best[1] >= PATIENCE:
                running.remove(name)
    return history


def table(models, history):
    """Sizes, speed, and the best bits: at equal time, and when trained out."""
    best = {n: min(rows, key=lambda row: row[2]) for n, rows in history.items()}
    # When the first has its best, and all have read a part.
    first = max(
        min(row[0] for row in best.values()),
        *(rows[0][0] for rows in history.values()),
    )
    print(f"{'':12}units parameters  characters/s  after {first:.0f} s   best   after")
    for name, model in models.items():
        by_then = min(row[2] for row in history[name] if row[0] <= first)
        seconds, count, bits = best[name]
        speed = count * PART / seconds
        print(
            f"{name:12}{model.units:5}{model.count_params():11,}{speed:14,.0f}"
            f"{by_then:11.3f}{bits:9.3f}{seconds:6.0f} s"
        )


cells = {NAMES[cell]: model_of(cell, 1) for cell in MATRICES}
of_cells = race(cells)
table(cells, of_cells)
drawing_distance.races(of_cells, PART)

# %% [markdown]
# The column "after … s" is the race at equal time: what each had reached when the first of them
# was at its best. It is the GRU, which is ahead nearly all the time. The LSTM comes as far in
# the end, with more than twice the time and reading. The SimpleRNN reads a little faster than
# both, is ahead of the LSTM for about the first 55 seconds, and behind it in the end. So "the
# GRU is faster and as good" holds here, on a little C with few parameters; on other tasks it
# need not, and the zoo has presets of both.
#
# The lines have teeth, since the parts are of different files: after some of them the
# held-back text is easier to read than after others.

# %% [markdown]
# ## 2. How deep
#
# The lectures draw recurrent layers on top of each other: the states of one are the inputs of
# the next. Two layers of the same size are twice the parameters, and of course they can do
# more. Are they better at the *same* parameters, where deep means narrow?

# %%
depths = {
    f"{depth} layer{'s' * (depth > 1)}": model_of("lstm", depth)
    for depth in (1, 2, 3, 4)
}
of_depths = race(depths)
table(depths, of_depths)
drawing_distance.races(of_depths, PART)

# %% [markdown]
# One layer is the best, at each time and in the end. Two come near. Three and four were
# stopped before they had learned all that they could, after thirty readings of the text, and were
# far behind: at equal parameters, deep is narrow, and slow to learn. This does not say that depth is
# useless. Where a second layer may be added without taking from the first, it can pay: the
# preset has two of 512 units. And very deep networks want shortcuts ([tutorial
# 11](11_from_attention_to_transformers.ipynb), section 6).
#
# ## 3. How far back: a grammar
#
# The example of the lectures is a sentence about a printer: "When she tried to print her
# tickets, … she finally printed her ____". To know the last word, the network has to carry
# one noun over all that lies between. We make such sentences: one of 20 nouns, then some
# words that do not matter, then "her", and the noun is asked for. Chance is 1 in 20.
#
# Each network learns from sentences of one length, without shorter ones that would be a
# ladder, from as many batches. All have about as many parameters. SimpleRNN comes twice: as
# Keras makes it, with a recurrent kernel $U$ that is **orthogonal**, and with a kernel of 0.8
# times that, so that each step back takes a fifth of the gradient ([tutorial
# 6](06_gradient_flow.ipynb), section 3).

# %%
NOUNS, FILLERS = 20, 50
HER = NOUNS + FILLERS + 1
DISTANCES, STEPS = ((2, 4), 20) if SMALL else ((5, 10, 20, 40, 60), 600)
smaller = keras.initializers.Orthogonal(gain=0.8)
READERS = {
    "SimpleRNN": lambda: layers.SimpleRNN(72),
    "with 0.8 U": lambda: layers.SimpleRNN(72, recurrent_initializer=smaller),
    "GRU": lambda: layers.GRU(38),
    "LSTM": lambda: layers.LSTM(32),
}


def sentences(count, distance, chance):
    """Words (count, T), and the nouns that are asked for, (count,)."""
    nouns = chance.integers(0, NOUNS, count)
    between = chance.integers(NOUNS, HER, (count, distance))
    words = np.column_stack([nouns, between, np.full(count, HER)])
    return words.astype("int32"), nouns


def batches(distance):
    """Batches without end."""
    chance = np.random.default_rng(1)
    while True:
        yield sentences(64, distance, chance)


def reader_of(layer):
    """Says which noun is missing."""
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(HER + 1, 16),
            layer,
            keras.layers.Dense(NOUNS),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3, global_clipnorm=1.0), loss)
    return model


known = {name: [] for name in READERS}
print(f"{'words between':14}{'parameters':>11}", *(f"{n:5}" for n in DISTANCES))
for name, layer in READERS.items():
    for distance in DISTANCES:
        keras.utils.set_random_seed(1)
        reader = reader_of(layer())
        reader.fit(batches(distance), steps_per_epoch=STEPS, verbose=0)
        words, nouns = sentences(500, distance, np.random.default_rng(2))
        guesses = reader.predict(words, verbose=0).argmax(axis=1)
        known[name].append(np.mean(guesses == nouns))
    shares = (f"{share:5.0%}" for share in known[name])
    print(f"{name:14}{reader.count_params():11,}", *shares)
drawing_distance.known(DISTANCES, known, 1 / NOUNS)

# %% [markdown]
# The lectures say that a SimpleRNN forgets and that gates remember, and here it is the other way
# round. What counts is how far a gradient gets *before* anything is learned. An orthogonal $U$
# neither stretches nor shrinks, so that the first word's share arrives whole. With 0.8 of it,
# $0.8^{40} ≈ 0.0001$ of it is left after 40 words, and after 60 the network is lost: the
# vanishing gradient of the lectures. A new LSTM lets its forget gate stand at
# $\mathrm{sigmoid}(1) ≈ 0.73$, of which $0.73^{20} ≈ 0.002$ remains; the update gate of a new
# GRU stands at one half, and $0.5^{20}$ is a millionth.
#
# So a gate *can* be open for as long as it takes, and has to learn it first, from distances over
# which it still hears something. Real text has them: every long distance comes with many short
# ones. Whether short sentences help with long ones is not shown here; exercise 6 tries it.

# %% [markdown]
# ## 4. How far back: real text
#
# Does that help with text that people wrote? Programs have a fair test of it: names. A file
# of C makes up names of its own, and repeats them. A name that is **in no file of the training
# text** can only be known from having been read before in the same file. So: when it comes
# again, how many bits less do its letters take, from the fourth on, than where it came first?
# It is compared with itself, since some names are easier to spell than others.
#
# Beside the three networks of section 1 the preset of the zoo, which is larger and has read
# all of the training text; and the preset with a **cache** (Grave et al. 2017), which looks
# up what followed the last 2,000 states that are like the present one.

# %%
NAME = "chars-kernel-c"
preset = CharLanguageModel.from_preset(NAME, cache_size=0)
print(f"the preset {NAME}: {preset.count_params():,} parameters,", end=" ")
print(load_recipe(NAME).score)

learned = {word for text in sources for word in re.findall(r"\w{6,}", text)}
tested = first_of(
    load_documents("kernel_c", "test"), 20_000, 40_000 if SMALL else 600_000
)
EDGES = (0, 50, 100, 200, 400, 800, 1600, 20_000)
RANGES = [f"to {edge:,}" for edge in EDGES[1:-1]] + [f"over {EDGES[-2]:,}"]


def gains(model):
    """Bits a letter that new names take less than at first, by how far back they were."""
    found = collections.defaultdict(list)
    for text, scores in zip(tested, model.score(tested), strict=True):
        bits, first, last = -scores / np.log(2), {}, {}
        for name in re.finditer(r"\w{6,}", text):
            if name.group() in learned:
                continue
            of_letters = bits[name.start() + 3 : name.end()]
            if name.group() in first:
                back = name.start() - last[name.group()]
                place = RANGES[np.searchsorted(EDGES, back, side="left") - 1]
                found[place].extend(first[name.group()] - of_letters)
            first.setdefault(name.group(), of_letters)
            last[name.group()] = name.end()
    return [np.mean(found[place]) for place in RANGES], [len(found[p]) for p in RANGES]


remembering = CharLanguageModel.from_preset(NAME, cache_size=2000)
gained = {}
for name, model in [*cells.items(), ("preset", preset), ("with cache", remembering)]:
    gained[name], letters = gains(model)
print(f"{'characters':12}", *(f"{place:>11}" for place in RANGES))
print(f"{'letters':12}", *(f"{count:11,}" for count in letters))
for name, bits in gained.items():
    print(f"{name:12}", *(f"{gain:11.2f}" for gain in bits))
drawing_distance.gained(gained, RANGES)
assert np.mean(gained["with cache"]) > np.mean(gained["preset"])
print("What the network forgets, the cache finds")

# %% [markdown]
# Nobody gains: to the networks of this page a name that they read 50 characters ago is as new as
# it was at first, and to the preset, which is thirty times as large, nearly so. They have learned
# how C goes on, and not to copy what they have just read: a state of a few hundred numbers has
# other things to carry. The cache saves about a bit of each letter, as far back as it reaches, and
# hardly any beyond. It does not carry, it looks up. That is the idea of attention ([tutorial
# 2](02_translation_with_attention.ipynb)), and of the memory that makes the preset better than
# compressors (`CharLanguageModel.remember`).
#
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/12_depth_and_distance.py`.
#
# 1. How many parameters has a recurrent layer with so many `matrices` (an LSTM has 4, a GRU 3,
#    a SimpleRNN 1) of so many `units`, for `inputs` features? Each matrix has a bias, too.

# %%
from exercises import check


def parameters_of(matrices, inputs, units):
    return ...


check("12_depth_and_distance", parameters_of=parameters_of)

# %% [markdown]
# 2. And the other way round: how many units may a layer have so that its parameters are at
#    most `most`? (*Hint: a quadratic equation, or a loop.*)


# %%
def units_within(most, matrices, inputs):
    return ...


check("12_depth_and_distance", units_within=units_within)

# %% [markdown]
# 3. When is a network trained out? `bits` are those of the held-back text after each part.
#    Return how many parts had been read when `patience` parts in a row were no better than the
#    best before them, or None if that never happened.


# %%
def stopped_after(bits, patience):
    return ...


check("12_depth_and_distance", stopped_after=stopped_after)

# %% [markdown]
# Without a check:
#
# 4. Give the layers of section 2 `dropout=0.2`. Does depth pay now?
# 5. In section 3, put a second noun somewhere between, and ask for the first. Which network
#    still knows?
# 6. In section 3, let the lengths of the sentences be mixed, from 1 word to the longest. Who
#    knows now? What are short sentences for a network that learns?
# 7. In section 4, ask only for names that came in *another* file of the test text. What does
#    `CharLanguageModel.remember` say to that?
