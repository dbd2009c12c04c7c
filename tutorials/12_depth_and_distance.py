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
# or the `.py` file beside it. It fetches the C files of Linux and trains small networks for
# some minutes. The drawings come from `drawing_distance.py`; you need not read them.

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
    return best


cells = {NAMES[cell]: model_of(cell, 1) for cell in MATRICES}
of_cells = race(cells)
best_cells = table(cells, of_cells)
drawing_distance.races(of_cells, PART)

# %% [markdown]
# (The column "after … s" is the race at equal time: what each had reached when the quickest
# was at its best.)

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
best_depths = table(depths, of_depths)
drawing_distance.races(of_depths, PART)

# %% [markdown]
# ## 3. How far back: a grammar
#
# The example of the lectures is a sentence about a printer: "When she tried to print her
# tickets, … she finally printed her ____". To know the last word, the network has to carry
# one noun over all that lies between. We make such sentences: one of 20 nouns, then some
# words that do not matter, then "her", and the noun is asked for. Chance is 1 in 20.
#
# The networks are small, of equal parameters again. They learn from sentences of 1 to 40 words
# between, and are asked over up to 80, twice as many as they have seen.

# %%
NOUNS, FILLERS, LONGEST = 20, 50, 10 if SMALL else 40
HER = NOUNS + FILLERS + 1  # the last number; 0 is padding
STEPS, WIDTH = (40, 16) if SMALL else (3000, 32)


def sentences(count, distances):
    """Words (count, T), padded on the right, and the nouns that are asked for, (count,)."""
    distances = np.broadcast_to(distances, (count,))
    nouns = rng.integers(1, NOUNS + 1, count)
    words = rng.integers(NOUNS + 1, HER, (count, 2 * LONGEST + 2))
    words[:, 0] = nouns
    places = np.arange(words.shape[1])
    words[places == distances[:, None] + 1] = HER
    words[places > distances[:, None] + 1] = 0
    return words[:, : distances.max() + 2].astype("int32"), nouns - 1


def reader_of(layer, units):
    """Says which noun is missing."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(HER + 1, 16, mask_zero=True),
            layer(units),
            keras.layers.Dense(NOUNS),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3, global_clipnorm=1.0), loss)
    return model


def examples():
    """Batches without end."""
    while True:
        words, nouns = sentences(64, rng.integers(1, LONGEST + 1, 64))
        padded = np.zeros((64, LONGEST + 2), "int32")
        padded[:, : words.shape[1]] = words
        yield padded, nouns


UNITS = {"SimpleRNN": 2.25 * WIDTH, "GRU": 1.18 * WIDTH, "LSTM": WIDTH}
readers, known = {}, {}
asked = [
    n for n in (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 80) if n <= 2 * LONGEST
]
for name, units in UNITS.items():
    readers[name] = reader_of(getattr(layers, name), round(units))
    readers[name].fit(examples(), steps_per_epoch=STEPS, verbose=0)
    known[name] = []
    for distance in asked:
        words, nouns = sentences(500, distance)
        guesses = readers[name].predict(words, verbose=0).argmax(axis=1)
        known[name].append(np.mean(guesses == nouns))
    far = [n for n, share in zip(asked, known[name], strict=True) if share > 0.9]
    print(
        f"{name:10}{readers[name].count_params():6,} parameters; right at nine in ten up to "
        f"{max(far, default=0)} words"
    )
drawing_distance.known(asked, known, 1 / NOUNS, LONGEST)

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
# TEXT
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
# 5. In section 3, put another noun somewhere between. Whom does "her" ask for, and which
#    network still knows?
# 6. Give the LSTM of section 3 `unit_forget_bias=False`. How far back does it know now, after
#    as many steps? (*Hint: tutorial 6, section 6.*)
# 7. In section 4, ask only for names that came in *another* file of the test text. What does
#    `CharLanguageModel.remember` say to that?
