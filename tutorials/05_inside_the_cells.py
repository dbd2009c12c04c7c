# %% [markdown]
# # 5. Inside the cells
#
# A character model has a few hundred numbers to remember everything that it has read. What
# does it keep in them? Karpathy, Johnson and Fei-Fei (2016) looked, and found cells that
# anyone can read: one that is on inside quotes, one that counts the length of a line, one
# that follows the indentation of C. They found them by eye. This page searches. It shows
#
# 1. how to record what every unit does over a text,
# 2. how to look at one of them,
# 3. what a cell may keep track of, written down as features of the text,
# 4. how well a unit tells a feature: the area under the curve,
# 5. the cells of models of Shakespeare and of the Bible,
# 6. the cells of a model of C,
# 7. the control: how much random weights know,
# 8. gates: which are always open, which always shut, in LSTM and GRU.
#
# The shape letters are those of the whole library: **T** steps, **U** units. You should know
# what [tutorial 1](01_recurrent_layers.ipynb) says of gates and
# [tutorial 4](04_character_language_model.ipynb) of character models.
#
# To run it: in a clone of the repository `pip install '.[plot,train]'`, then this notebook,
# or the `.py` file beside it. It fetches Shakespeare's plays, the C files of a part of
# Linux, and an English Bible. The drawings come from `drawing.py` and
# `drawing_language.py`; you need not read them.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import pathlib
import tempfile

import drawing
import drawing_language
import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_documents
from kerasrnn.text import CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes

# %% [markdown]
# Two models, one of plays and one of C; a third, of the Bible, comes in section 5. Where the
# zoo's presets came with the package we take them. Else we train small ones, for some minutes.


# %%
def trained(documents, cell="lstm"):
    """A small model of some documents."""
    keras.utils.set_random_seed(1)
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(documents)
    model = CharLanguageModel(
        preprocessor=tokenizer, cell=cell, num_layers=1, units=128 if SMALL else 256
    )
    rate = 8e-3 if SMALL else 4e-3
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0))
    model.fit(documents, batch_size=16, epochs=4 if SMALL else 2, verbose=0)
    return model


def first_of(documents, each, characters):
    """The beginnings of documents, so many characters in all."""
    parts = [document[:each] for document in documents]
    return parts[: max(1, characters // each)]


def model_and_text(name, data):
    """A model, and documents that it has not learned from."""
    if name in CharLanguageModel.presets:
        model, kind = CharLanguageModel.from_preset(name), "a preset"
        print(f"the preset {name}: {model.count_params():,} parameters,", end=" ")
        print(load_recipe(name).score)
    else:
        documents = load_documents(data, "train")
        size = 250_000 if SMALL else 1_000_000
        model = trained(first_of(documents, 25_000, size))
        kind = "trained here"
    # There are few plays, and chapters are short.
    each = {"shakespeare_plays": 30_000, "kernel_c": 12_000}.get(data, 4_000)
    each = min(each, 12_000 if SMALL else each)
    documents = load_documents(data, "test")
    if data == "world_english_bible":  # whose books differ, so by chance
        order = np.random.default_rng(0).permutation(len(documents))
        documents = [documents[place] for place in order]
    text = first_of(documents, each, 24_000 if SMALL else 240_000)
    bits = model.evaluate([document[:2000] for document in text], verbose=0)
    print(
        f"{data}: {kind}, {model.num_layers} × {model.units} units, "
        f"{sum(map(len, text)):,} characters to look at, "
        f"{bits['bits_per_character']:.2f} bits per character on their beginnings\n"
    )
    return model, text


bard, plays = model_and_text("chars-shakespeare", "shakespeare_plays")
hacker, sources = model_and_text("chars-kernel-c", "kernel_c")

# %% [markdown]
# ## 1. Recording
#
# `record` reads a text and keeps what all units did at every character: the states, and the
# gates that made them.

# %%
from kerasrnn.inspection import record

passage = sources[0][:2000]
recording = record(hacker, passage)
print(recording)


def compare(name, ours, theirs):
    """Print the largest difference, relative to the values; stop if it is a real one."""
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-4, name


# %% [markdown]
# Row $t$ is what was there after character $t$. The equations of an LSTM hold from row to
# row:
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot \tilde c_t, \qquad h_t = o_t \odot \tanh(c_t)$$

# %%
of_layer = recording.layers[0]
i, f, o = (of_layer[f"{name}_gate"] for name in ("input", "forget", "output"))
c, h = of_layer["cell"], of_layer["hidden"]  # (T, U)
compare("c_t", c[1:], f[1:] * c[:-1] + i[1:] * of_layer["candidate"][1:])
compare("h_t", h, o * np.tanh(c))

# %% [markdown]
# Some units side by side. Red is positive and blue negative. Some change with every letter;
# others stay as they are over many letters. The latter are what we look for. (Units that
# hardly ever move are left out.)

# %%
out = np.tanh(c)  # what a cell can let out
lively = np.flatnonzero(out.std(axis=0) >= np.median(out.std(axis=0)))
change = np.abs(np.diff(out, axis=0)).mean(axis=0) / (out.std(axis=0) + 1e-6)
order = lively[np.argsort(change[lively])]
span = slice(300, 390)
drawing_language.activations(
    passage[span], out[span][:, np.concatenate([order[:8], order[-8:]])], 8
)

# %% [markdown]
# ## 2. One unit over a text
#
# The background of each character is what the unit did when it was read. There is a version
# for figures, one for HTML pages, and one that prints colours in a terminal. The slowest
# unit of those above:

# %%
from kerasrnn.inspection import colored_text_figure, colored_text_html

slow = int(order[0])
out_of_it = np.tanh(recording.unit("cell", layer=0, unit=slow))  # (T,)
drawing.page(
    colored_text_figure(
        passage[:900],
        out_of_it[:900],
        folder / "slow.png",
        title=f"layer 0, cell {slow}",
    ),
    photographs=False,
)
page = folder / "slow.html"
colored_text_html(passage, out_of_it, page, title=f"cell {slow}")
print(page.name, f"{page.stat().st_size / 1000:.0f} kB, open it in a browser")

# %% [markdown]
# Can you tell what it does? It is easy to believe so after one look. There are hundreds of
# units, and among hundreds there is always one that seems to mean something. So write down
# what you look for *before* you look.
#
# ## 3. Features
#
# `text_features` says of every character what it is inside of. What can be told from the
# last letter or two, such as capitals, is left out. Some of them are nearly the same: in
# plays, brackets are stage directions and never deeper than one. Two names for one thing
# would be counted as two findings, so we keep the first of those whose correlation is above
# 0.9:

# %%
from kerasrnn.inspection import text_features


def different_features(documents):
    """The features of a text, without those that are nearly another one."""
    everything, kept = text_features(documents), {}
    # True or false comes first, numbers after.
    for name in sorted(everything, key=lambda name: everything[name].dtype != bool):
        values, same = everything[name], None
        kind = f"true of {values.mean():.1%}"
        if values.dtype != bool:
            kind = f"from {values.min():.0f} to {values.max():.0f}"
        if values.std() == 0:
            same = "left out: always the same"
        for other, others in kept.items():
            if not same and np.corrcoef(values, others)[0, 1] > 0.9:
                same = f"left out: nearly “{other}”"
        if not same:
            kept[name] = values
        print(f"  {name:25}{kind:18}{same or ''}".rstrip())
    return kept


print("Shakespeare:")
of_plays = different_features(plays)
print("C:")
of_sources = different_features(sources)

start = passage.find("\n", 700) + 1
drawing_language.features(
    passage[start : start + 95],
    {
        name: values[start : start + 95]
        for name, values in text_features(passage, kind="c").items()
        if values.dtype == bool
    },
)

# %% [markdown]
# ## 4. A score
#
# A unit has numbers, a feature is true or false. How well does one tell the other? Take a
# character where the feature is true and one where it is false. The probability that the
# unit is higher at the first is the **area under the ROC curve**:
#
# $$\mathrm{AUC} = P(a_t > a_s \mid \text{true at } t, \text{false at } s)$$
#
# 0.5 is chance, 1 is a perfect switch, and 0 is one with the sign turned round. No threshold
# has to be chosen. And the trap: with $U$ units to choose from, the best is above 0.5 by
# luck. So **one part of the text chooses the unit and its sign, the other part judges**.
# `find_cells` does it for all units and all features at once:

# %%
from kerasrnn.inspection import find_cells

in_c = find_cells(hacker, sources, of_sources)
print(in_c)

# %% [markdown]
# The number of the first line by hand: pairs of characters from the judging part, drawn by
# chance.

# %%
cell = next(found for found in in_c.best() if found.score_name == "AUC")
joined, cut = "".join(sources), in_c.sizes[0]
if cell.feature in of_sources:
    feature = of_sources[cell.feature]
else:  # a number, above its median
    number = of_sources[cell.feature.rpartition(" > ")[0]]
    feature = number > np.median(number[:cut])
unit = record(hacker, sources, names=[cell.name], streams=16).unit(
    cell.name, layer=cell.layer, unit=cell.unit
)
there = rng.choice(np.flatnonzero(feature[cut:]), 20_000) + cut
elsewhere = rng.choice(np.flatnonzero(~feature[cut:]), 20_000) + cut
difference = cell.sign * (unit[there] - unit[elsewhere])
by_hand = np.mean(difference > 0) + np.mean(difference == 0) / 2
print(
    f"{cell.feature}: {by_hand:.3f} of 20,000 pairs, find_cells says {cell.score:.3f}"
)
assert abs(by_hand - cell.score) < 0.02

# %% [markdown]
# ## 5. Shakespeare

# %%
in_plays = find_cells(bard, plays, of_plays)
print(in_plays)

# %%
from kerasrnn.inspection import found_cells_figure


def draw_best(model, text, found, features, most, of=None):
    """A picture for each of the best cells: AUC above 0.9, and no unit twice.

    `of` asks for the best cell of one feature in their place.
    """
    names = {}
    for cell in found.best():
        if cell.score_name == "AUC" and (cell.score > 0.9 or SMALL):
            names.setdefault((cell.layer, cell.name, cell.unit), cell.feature)
    for name in [of] if of else list(names.values())[:most]:
        path = found_cells_figure(
            model,
            text,
            found,
            folder / "cell.png",
            features=features,
            most=[name],
            characters=300,
        )
        drawing.page(path, photographs=False)


draw_best(bard, plays, in_plays, of_plays, 3)

# %% [markdown]
# Of the plays and of C only cells with an AUC above 0.9 are drawn, and the passages are of the
# judging part. Each has a scale of its own, from the lowest to the highest that the unit went
# there. What a feature is true of is underlined. A cell that follows the position in a line is
# a ramp: it helps to know when the line should end, because the line feed is a character like
# any other, and costs bits if it comes as a surprise.
#
# A number is judged twice, by Pearson's correlation $|r|$ and, cut at its median, by the
# AUC. A feature that is hardly ever true has few characters to be judged by: look at its
# share in section 3 before you believe a score. And the table has failures: the lines at its
# end are features that *no* unit tells well.
#
# **The quote cell.** Plays name who speaks and need no quotation marks. English prose has
# them, and the cell that Karpathy, Johnson and Fei-Fei show first is on inside them. The
# World English Bible has curly ones, which say whether they open or close, so that a text
# tells for certain what is inside of what. The unit that is chosen, 152, tells it less well than
# those above tell theirs, with an AUC of 0.730, and is drawn all the same:

# %%
scribe, chapters = model_and_text("chars-bible", "world_english_bible")
of_chapters = different_features(chapters)
in_chapters = find_cells(scribe, chapters, of_chapters)
print(in_chapters)

# %%
draw_best(scribe, chapters, in_chapters, of_chapters, 1, of="inside double quotes")

# %% [markdown]
# It turns at the first mark, and is slow to turn back: what stands between two speeches is
# blue as well. The Bible's speeches are long, and hold other speeches. So the same question
# again, by how many characters ago the speech began, for the five units that told it best:


# %%
def auc(true, false):
    """How often a number of the first kind is above one of the second."""
    above = np.searchsorted(np.sort(false), true).sum()
    return above / max(len(true) * len(false), 1)


candidates = in_chapters.cells["inside double quotes"]
inside, cut = of_chapters["inside double quotes"], in_chapters.sizes[0]
since = np.zeros(len(inside), int)  # characters since the mark, 0 outside
for place in np.flatnonzero(inside):
    since[place] = since[place - 1] + 1
kinds = sorted({cell.name for cell in candidates})
states = record(scribe, chapters, names=kinds, streams=16)
ends = [0, 20, 60, 120, 250, 600, 10_000]
judged = np.digitize(since[cut:], ends, right=True)  # 0 outside, then by distance
print(f"{'AUC, characters after the mark':34}", *(f"to {end:<5}" for end in ends[1:]))
for cell in candidates:
    unit = cell.sign * states.unit(cell.name, layer=cell.layer, unit=cell.unit)[cut:]
    scores = [auc(unit[judged == n], unit[judged == 0]) for n in range(1, len(ends))]
    name = f"layer {cell.layer} {cell.name} {cell.unit}"
    print(f"{name:34}", *(f"{score:<8.3f}" for score in scores))
lengths = since[:-1][(since[:-1] > 0) & (since[1:] == 0)]
print(
    f"half of the speeches are longer than {np.median(lengths):.0f} characters, ",
    end="",
)
print(f"a tenth than {np.quantile(lengths, 0.9):.0f}")

# %% [markdown]
# Unit 132 is the quote cell: up to 120 characters after the mark it is above 0.96. The table
# has 152, which was ahead where units are chosen; where they are judged, which is here, 132 is
# ahead at nearly every distance. To choose it now would be to choose on the text that judges.
#
# Later all units know it less and less: in the middle of a chapter that God speaks, no letter of
# the last few hundred says so. A cell can carry it over a sentence or two, and this model learned
# that much. No unit counts the letters of a line: what it writes has lines of any length.
#
# ## 6. C
#
# C has more structure to keep track of than verse, and it is exact. The table is in section
# 4; the best cells at work:

# %%
draw_best(hacker, sources, in_c, of_sources, 3)

# %% [markdown]
# A comment ends with `*/`, and until then everything is English. A model that does not know
# whether it is in a comment loses bits at every letter.
#
# How many different cells are these? One unit may be the best for several features, and then
# it is one finding and not several:

# %%
for name, found in (
    ("Shakespeare", in_plays),
    ("the Bible", in_chapters),
    ("C", in_c),
):
    units = collections.defaultdict(list)
    for cell in found.best():
        if cell.score_name == "AUC":
            units[f"layer {cell.layer} {cell.name} {cell.unit}"].append(cell.feature)
    print(f"{name}: {sum(map(len, units.values()))} features, {len(units)} units")
    for unit, features in units.items():
        print(f"  {unit:18}{', '.join(features)}")

# %% [markdown]
# A unit that tells brace depth tells indentation as well, because C is indented by its
# braces. It is one cell for "how deep are we".
#
# ## 7. The control
#
# A network with random weights is not empty. Its states are a mixture of the last letters,
# and from the last letters much can be told: after a tab, we are at a line's beginning;
# after five letters of lower case, hardly in a macro. `untrained_copy` is the same model
# before learning. The same search, with as many units to choose from:

# %%
from kerasrnn.inspection import untrained_copy

panels = {}
for name, model, text, features, found in (
    ("Shakespeare", bard, plays, of_plays, in_plays),
    ("the Bible", scribe, chapters, of_chapters, in_chapters),
    ("C", hacker, sources, of_sources, in_c),
):
    control = find_cells(untrained_copy(model, seed=1), text, features)
    panels[name] = {
        feature: (cells[0].score, control.cells[feature][0].score)
        for feature, cells in found.cells.items()
        if cells[0].score_name == "AUC"
    }
    print(f"{name:28}trained  random")
    for feature, (score, by_chance) in panels[name].items():
        print(f"  {feature:25}{score:8.3f}{by_chance:8.3f}")
drawing_language.control(panels)

# %%
pairs = [pair for panel in panels.values() for pair in panel.values()]
above = [sum(score > 0.9 for score in scores) for scores in zip(*pairs, strict=True)]
print(f"{len(pairs)} features, of which the trained units tell {above[0]} above 0.9.")
print(f"The random weights know {above[1]} above 0.9")
if not SMALL:
    assert above[0] > above[1]
    assert panels["C"]["inside a comment"][0] > 0.9
    assert panels["Shakespeare"]["inside brackets"][0] > 0.9

# %% [markdown]
# What is far to the right of its control was learned. Where both are alike, the feature is
# easy or nobody tells it, and a "cell that tracks it" means nothing. Where the control is on
# the right, the trained unit was chosen by luck, and did not do on other text what it did on
# the text that chose it. The table of the search says so too: compare its two columns. So it
# is with the indentation of plays: the unit that was best on the first half of the text is
# wrong on the second, where even random weights tell it better.
#
# ## 8. Gates
#
# A gate is **saturated** where it is nearly shut, below 0.1 (left), or nearly open, above
# 0.9 (right). Draw each unit at the share of characters at which its gate is open, and the
# share at which it is shut:

# %%
from kerasrnn.inspection import gate_saturation, gate_saturation_figure

documents = load_documents("shakespeare_plays", "train")
gated = trained(first_of(documents, 25_000, 150_000 if SMALL else 600_000), cell="gru")
some = [document[:2000] for document in plays]
recordings = {
    "LSTM": record(bard, some, streams=16),
    "GRU": record(gated, some, streams=16),
}
drawing.page(
    gate_saturation_figure(recordings, folder / "gates.png"), photographs=False
)

# %%
for name, recording in recordings.items():
    for number, gates in enumerate(gate_saturation(recording)):
        for gate, (left, right) in gates.items():
            print(
                f"{name:4} layer {number}, {gate:12} "
                f"shut {left.mean():5.1%}, open {right.mean():5.1%} of the time; "
                f"{np.sum(right > 0.9):3} units nearly always open, "
                f"{np.sum(left > 0.9):3} nearly always shut"
            )

# %% [markdown]
# How to read it:
#
# - A **forget gate** far to the right belongs to a unit that keeps what it has, an integrator
#   over long spans. There are a few in the upper layer. One far up the axis belongs to a unit
#   that forgets at once, and works like a layer without recurrence.
# - Units near the origin have gates that are hardly ever fully open or shut: the lower layer
#   of the LSTM. Units on the diagonal have gates that are always one or the other, as
#   switches are.
# - In a GRU the **update gate** $z$ is what the forget gate is in an LSTM, as
#   $h_t = z \odot h_{t-1} + (1 - z) \odot \tilde h$. It keeps and writes with one gate, so
#   that a unit that keeps cannot write. Most of the GRU's update gates are shut most of the
#   time: these units live for a letter or two, and a few keep for long.
# - Karpathy et al. found that the lowest layer's gates are less saturated than those above.
#   So it is here. They also found many forget gates that are nearly always open. Here they
#   are *more often shut than open*, in both layers:

# %%
forget_gates = [gates["forget_gate"] for gates in gate_saturation(recordings["LSTM"])]
for number, (shut, opened) in enumerate(forget_gates):
    print(f"layer {number}: shut {shut.mean():5.1%}, open {opened.mean():5.1%}")
if not SMALL:
    assert all(shut.mean() > opened.mean() for shut, opened in forget_gates)
    assert np.mean(forget_gates[0]) < np.mean(forget_gates[1])

# %% [markdown]
# Do not read too much into any of it. Most units mean nothing that has a name, what a model
# knows may be spread over many units, and a unit that *tells* a feature may not be *used* for
# it: see exercise 8.
#
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/05_inside_the_cells.py`.
#
# 1. The area under the curve of what a unit did, `values` (T,), for a feature `truth` (T,) of
#    booleans. A pair of equal values counts as a half.

# %%
from exercises import check


def auc(values, truth):
    return ...


check("05_inside_the_cells", auc=auc)

# %% [markdown]
# 2. An honest search: of `units` (T, U), choose the unit and its sign by the first half of the
#    text, and judge them by the second. Return the unit, the sign (1 or −1) and the score.


# %%
def search(units, truth):
    return ...


check("05_inside_the_cells", search=search)

# %% [markdown]
# 3. How often is the gate of each unit nearly shut, below 0.1, and nearly open, above 0.9?
#    `gate` is (T, U).


# %%
def saturated(gate):
    shut = ...  # (U,)
    opened = ...  # (U,)
    return shut, opened


check("05_inside_the_cells", saturated=saturated)

# %% [markdown]
# Without a check:
#
# 4. In section 2, colour the text by a forget gate rather than a cell state. At which
#    characters does the slow unit forget? (Gates go from 0 to 1: use `2 * gate - 1`.)
# 5. In section 4, swap the parts: `choose_on=0.1` and `0.9`. How far are "held-out score" and
#    "when chosen" apart, and why?
# 6. Write a feature of your own, an array (T,) of booleans, and look for it:
#    `find_cells(bard, plays, {"a name is speaking": ...})`. In verse, try "the line will
#    rhyme".
# 7. Which features does a *gate* tell, rather than a state? `names=["input_gate"]`.
# 8. Take a cell away: set its row of the recurrent kernel and of what reads the layer
#    to zero. How many bits per character does it cost inside comments, and how many outside?
#    Do the same with a unit drawn by chance.
# 9. Does the GRU have quote and line cells? And a SimpleRNN, `trained(..., cell="simple_rnn")`?
# 10. In section 7, use three seeds. How far do the controls differ from each other? Which
#    differences between trained and random would you still report?
# 11. Two features may be one: comments in C begin at a line's beginning. Judge "inside a
#    comment" only at characters with the same position in line. What is left?
# 12. Type into the model: write a passage with a quote that is never closed, and watch the
#    cell with `colored_text_terminal`. How long does it wait?
#
# ## References
#
# Karpathy, A., Johnson, J. and Fei-Fei, L. (2016), Visualizing and understanding recurrent
# networks. Hanley, J. and McNeil, B. (1982), The meaning and use of the area under a
# receiver operating characteristic (ROC) curve.
