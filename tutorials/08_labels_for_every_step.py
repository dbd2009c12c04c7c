# %% [markdown]
# # 8. A label for every step
#
# Many to many, in step: as many labels as inputs, each in its place. The part of speech of
# every word, the exercise at every moment of a sensor's recording. Nothing is written and
# nothing is summed up, so the model is the simplest of all recurrent ones, and the
# questions lie elsewhere: what a step may know, and whether labels know each other. This
# page
#
# 1. tags words by counting, and looks at what counting cannot know,
# 2. reads sentences forwards, then from both ends,
# 3. reads the letters of words that were never seen,
# 4. judges whole sequences of labels: a CRF, all of it by hand,
# 5. looks at the trained model: what it is sure of, and what it confuses,
# 6. does the same with frames of numbers,
# 7. has exercises that check themselves.
#
# The shape letters are those of the whole library: **B** batch, **T** steps, **D**
# features, **U** units; here also **C** labels. You should know what
# [tutorial 1](01_recurrent_layers.ipynb) says of gates and masks.
#
# To run it: in a clone of the repository `pip install '.[plot,train]'`, then this notebook,
# or the `.py` file beside it.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import itertools
import pathlib
import tempfile
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops

from kerasrnn import layers
from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_tagging
from kerasrnn.inspection import tagged_frames_figure, tagged_words_figure
from kerasrnn.text import SpelledWordTokenizer
from kerasrnn.zoo import SequenceTagger

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page draws


def show(path, width=10):
    """A picture that the library drew."""
    image = plt.imread(path)
    height = width * image.shape[0] / image.shape[1]
    figure = plt.figure(figsize=(width, height), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image)
    axes.axis("off")
    plt.show()


# %% [markdown]
# ## 1. Counting
#
# The Brown corpus has a million words of American English of 1961, tagged by hand. Its
# split is by document, so that no story is in two parts. We learn from a small part of it,
# to be quick; the preset of section 5 learned from all.

# %%
part = "train[:1%]" if SMALL else "train[:8%]"
train = load_tagging("brown_tagged", part)
validation = load_tagging("brown_tagged", "validation[:5%]" if SMALL else "validation")
print(f"{len(train):,} sentences, {train.steps:,} words to learn from")
first = [len(tags) > 8 for tags in train.tags].index(True)
for word, tag in zip(train.inputs[first], train.tags[first], strict=True):
    print(f"{word}/{tag}", end=" ")

# %% [markdown]
# `nn` is a noun, `vbd` a verb in the past, `at` an article, `in` a preposition; `-tl` marks
# a word of a title. The first model counts: each word gets the tag that it has most often,
# and a new word the commonest tag of all.

# %%
counts = collections.defaultdict(collections.Counter)
for words, tags in zip(train.inputs, train.tags, strict=True):
    for word, tag in zip(words, tags, strict=True):
        counts[word][tag] += 1
counts = dict(counts)
total = sum(counts.values(), collections.Counter())
commonest = total.most_common(1)[0][0]
best = {word: of_word.most_common(1)[0][0] for word, of_word in counts.items()}


def accuracies(predicted, sequences=validation):
    """The share of right tags: of all words, of new ones, of ambiguous ones."""
    right = collections.defaultdict(list)
    for words, tags, found in zip(
        sequences.inputs, sequences.tags, predicted, strict=True
    ):
        for word, tag, answer in zip(words, tags, found, strict=True):
            right["all"].append(tag == answer)
            if word not in counts:
                right["new"].append(tag == answer)
            elif len(counts[word]) > 1:
                right["ambiguous"].append(tag == answer)
    return {name: float(np.mean(of)) for name, of in right.items()}


table = {
    "counting": accuracies(
        [[best.get(w, commonest) for w in ws] for ws in validation.inputs]
    )
}


def show_table():
    print(f"{'':24}" + "".join(f"{name:>12}" for name in ("all", "ambiguous", "new")))
    for name, row in table.items():
        print(
            f"{name:24}"
            + "".join(f"{row[k]:12.1%}" for k in ("all", "ambiguous", "new"))
        )


show_table()

# %% [markdown]
# It goes far, as most words have one tag nearly always. What it cannot do: tell the *can*
# that is able from the *can* that is made of tin, and say anything of a word that it has
# not seen. The first needs the words round it, the second its letters.
#
# ## 2. What a step may know
#
# The model of this page, for a step $t$ of $T$:
#
# $$\begin{aligned}
# x_t &= [E_{word_t},\ s_t] && \text{the word, and its spelling (section 3)}\\
# \overrightarrow{h}_t &= \mathrm{LSTM}(x_t, \overrightarrow{h}_{t-1}) &
# \overleftarrow{h}_t &= \mathrm{LSTM}(x_t, \overleftarrow{h}_{t+1})\\
# e_t &= W\,[\overrightarrow{h}_t, \overleftarrow{h}_t] + b && \text{a score of each label}\\
# p(y_t \mid x) &= \mathrm{softmax}(e_t)_{y_t}
# \end{aligned}$$
#
# No state is thrown away, and none is handed on but to the next step: $e_t$ sees all words
# before $t$ through $\overrightarrow{h}_t$, and all after it through $\overleftarrow{h}_t$.
# Sentences differ in length; what is padded is masked, in the layers and in the loss.
#
# `SequenceTagger` takes sentences as lists of words, or as strings with spaces between the
# words, and as many labels. First it reads forwards alone:

# %%
labels = [tag for tag, _ in total.most_common()]
tokenizer = SpelledWordTokenizer(least_count=2, max_letters=12)
tokenizer.adapt([" ".join(words) for words in train.inputs])
print(
    f"{tokenizer.vocabulary_size:,} words, {tokenizer.letter_count} letters, {len(labels)} tags"
)
print(tokenizer(["The cans"]).numpy())  # of each word its number, then its letters


def trained(name, epochs=1 if SMALL else 3, **options):
    """A tagger that learned from the training part."""
    keras.utils.set_random_seed(1)
    units = 16 if SMALL else 64
    settings = {"units": units, "num_layers": 1, "dropout": 0.3, "letter_units": 24}
    model = SequenceTagger(
        preprocessor=tokenizer, labels=labels, **{**settings, **options}
    )
    model.compile(keras.optimizers.Adam(0.005))
    known = [i for i, tags in enumerate(train.tags) if tags]
    begin = time.perf_counter()
    model.fit(
        [train.inputs[i] for i in known],
        [train.tags[i] for i in known],
        epochs=epochs,
        verbose=0,
    )
    print(f"{name}: {time.perf_counter() - begin:.0f} s")
    table[name] = accuracies(model.tag(validation.inputs))
    return model


forwards = trained("forwards", bidirectional=False)
both = trained("from both ends")
show_table()

# %% [markdown]
# A language model may never look ahead; a tagger may, where the whole sentence is there,
# and the words after a word tell as much as those before it. Where labels are needed while
# the words still come, `bidirectional=False` is the model: without a CRF,
# `kerasrnn.export.streaming(model.parts()["model"])` makes a model of one step of it.
#
# ## 3. Words that were never seen
#
# A word that is not in the vocabulary has number 1, as all such words. It is not blank all
# the same: beside the number stand its letters, and a small recurrent layer reads them from
# both ends,
#
# $$ s_t = [\,\overrightarrow{r}_L,\ \overleftarrow{r}_1\,], \qquad
# \overrightarrow{r}_l = \mathrm{LSTM}(E_{letter_l}, \overrightarrow{r}_{l-1}), $$
#
# so that *-ly*, *-ness*, *un-* and a capital letter are seen. Two things let the rest of the
# model learn to trust it: words that occur once are left out of the vocabulary
# (`least_count=2`), and `word_dropout` hides some of the others. Here is what made-up words
# are taken for that differ in their ends, each between an article and a full stop:

# %%
for word in ("blorped", "blorping", "blorpish", "blorply", "blorps", "Blorpton"):
    (tags,), (sure,) = both.tag([["The", word, "."]], return_probabilities=True)
    print(f"The {word:9} .   {tags[1]:8} {sure[1]:.2f}")

# %% [markdown]
# The place speaks as loud as the letters. Behind an article, and with nothing after it, stands
# a noun, and *blorply* and *blorpish* are taken for one, as sure as 0.88 and 0.93, though they
# end as an adverb and an adjective do. The letters decide where they do not fight the place:
# *-s* makes a plural (`nns`), a capital letter a name (`np`). At *-ed* and *-ing* the two are
# at odds, and no label gets more than 0.46.
#
# Without letters there is nothing to go by but the words round it. A tokenizer that knows
# no letter gives every word the same spelling:

# %%
blind = SpelledWordTokenizer(tokenizer.get_vocabulary(), letters="", max_letters=2)
spelled, tokenizer = tokenizer, blind
no_letters = trained("without letters", letter_units=1, letter_dim=1)
tokenizer = spelled
show_table()
if not SMALL:
    assert table["from both ends"]["new"] > table["without letters"]["new"]

# %% [markdown]
# ## 4. Labels that know each other
#
# So far each label is chosen by itself. But labels follow rules of their own: after an
# article no verb, an `I-PERSON` only after a `B-PERSON` or an `I-PERSON`. A **conditional
# random field** scores the whole sequence $y$, with a matrix $A$ of what may follow what:
#
# $$ s(x, y) = \mathrm{start}_{y_1} + \sum_{t=1}^{T} e_t(y_t)
# + \sum_{t=2}^{T} A_{y_{t-1} y_t} + \mathrm{end}_{y_T}, \qquad
# p(y \mid x) = \frac{e^{s(x, y)}}{\sum_{y'} e^{s(x, y')}} $$
#
# The sum below has $C^T$ terms. Of three labels and five steps that is 243, which can be
# written down:

# %%
crf = layers.CRF(3)
for weight in crf.weights:
    weight.assign(rng.normal(size=weight.shape))
A, start, end = (np.asarray(w, "float64") for w in crf.weights)
e = rng.normal(size=(5, 3)) * 2  # (T, C)


def score(y):
    """s(x, y) of one sequence of labels."""
    inside = sum(e[t, y[t]] for t in range(5)) + sum(
        A[a, b] for a, b in itertools.pairwise(y)
    )
    return start[y[0]] + inside + end[y[-1]]


everything = list(itertools.product(range(3), repeat=5))
scores = np.array([score(y) for y in everything])
log_z = np.log(np.exp(scores).sum())
print(
    f"{len(everything)} sequences, log Z = {log_z:.4f}, the best is {everything[scores.argmax()]}"
)

# %% [markdown]
# The **forward algorithm** has the same sum in $T \cdot C^2$ operations. $\alpha_t(j)$ is the
# logarithm of the sum over all beginnings that end with label $j$ at step $t$; each is an
# older beginning and one step more:
#
# $$ \alpha_1 = \mathrm{start} + e_1, \qquad
# \alpha_t(j) = e_t(j) + \log \sum_i \exp\big(\alpha_{t-1}(i) + A_{ij}\big), \qquad
# \log Z = \log \sum_j \exp\big(\alpha_T(j) + \mathrm{end}_j\big) $$

# %%
alpha = start + e[0]  # (C,)
for t in range(1, 5):
    alpha = e[t] + np.log(np.exp(alpha[:, None] + A).sum(axis=0))
forward_log_z = np.log(np.exp(alpha + end).sum())
print(f"forward algorithm: log Z = {forward_log_z:.4f}")
assert abs(forward_log_z - log_z) < 1e-9

truth = everything[17]
by_hand = score(truth) - log_z
by_layer = float(crf.log_likelihood(e[None], [truth])[0])
print(f"log p of {truth}: by hand {by_hand:.4f}, the layer {by_layer:.4f}")
assert abs(by_hand - by_layer) < 1e-4

# %% [markdown]
# With the maximum in the place of the sum, and a note of where it came from, the same loop
# is the **Viterbi algorithm**, which finds the best sequence (exercise 2). And the
# probability of *one* label at one step is the share of the sequences that have it there,
# which a loop from the other end gives:

# %%
found, best_score = crf.decode(e[None])
assert tuple(np.asarray(found)[0]) == everything[scores.argmax()]
assert abs(float(best_score[0]) - scores.max()) < 1e-4
shares = np.exp(scores - log_z)
by_counting = np.array(
    [
        [
            sum(p for y, p in zip(everything, shares, strict=True) if y[t] == c)
            for c in range(3)
        ]
        for t in range(5)
    ]
)
np.testing.assert_allclose(crf.marginals(e[None])[0], by_counting, atol=1e-5)
print("the layer's marginals are those shares")

# %% [markdown]
# In the model it is one argument. What `fit` then lowers is $-\log p(y \mid x)$ of whole
# sentences:

# %%
with_crf = trained("with a CRF", crf=True)
show_table()

# %% [markdown]
# What has it learned of the rules? The rows below are labels, the columns what may follow;
# only the commonest ones are drawn. Blue is welcome, red is not:

# %%
shown = [labels.index(t) for t in labels[:14]]
matrix = np.asarray(ops.convert_to_numpy(with_crf.crf.transitions))[
    np.ix_(shown, shown)
]
limit = np.abs(matrix).max()
figure, axes = plt.subplots(figsize=(5.6, 5))
image = axes.imshow(matrix, cmap="RdBu", vmin=-limit, vmax=limit)
names = [labels[n] for n in shown]
axes.set_xticks(range(len(names)), names, rotation=90)
axes.set_yticks(range(len(names)), names)
axes.set_xlabel("the next label")
axes.set_ylabel("a label")
axes.set_title("transitions A")
figure.colorbar(image, shrink=0.8)
plt.show()

# %% [markdown]
# ## 5. The trained model
#
# The catalogue's tagger has learned from all of the training part. Its recipe says how, and
# its card, what came of it.

# %%
NAME = "tag-brown"
tagger = SequenceTagger.from_preset(NAME)
print(f"the preset {NAME}: {tagger.count_params():,} parameters,", end=" ")
print(load_recipe(NAME).score)
sentences = [
    "The old man the boats while the young can can the fish .",
    "Time flies like an arrow , but fruit flies like a banana .",
    "The blorpish snerfs galumphed unhappily past Fooville .",
]
show(tagged_words_figure(tagger, sentences, folder / "tagged.png"))

# %% [markdown]
# Under each word its label, and how probable the model holds it, in per cent. Look at what it
# is unsure of: the second *can* (75), the second *flies* (65), *blorpish* (81), which nobody
# has ever seen. The first two are wrong: they are a main verb and a noun. But it can be wrong
# and sure: *man*, at which a reader stumbles too, is the verb of its sentence, and is called a
# noun, `nn`, with 100.
#
# Is a probability of 0.9 right nine times in ten? Here are the words of the validation part,
# in seven groups by their probability, and how many of each are right:

# %%
some = slice(0, 200 if SMALL else 1500)
tags, sure = tagger.tag(validation.inputs[some], return_probabilities=True)
right = np.concatenate(
    [
        np.array(a) == np.array(b)
        for a, b in zip(tags, validation.tags[some], strict=True)
    ]
)
sure = np.concatenate(sure)
edges = [0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0001]
for low, high in itertools.pairwise(edges):
    inside = (sure >= low) & (sure < high)
    if inside.any():
        print(
            f"probability {low:4.2f} to {min(high, 1):4.2f}: {inside.sum():6,} words, "
            f"{right[inside].mean():6.1%} right"
        )
print(f"all: {right.mean():.1%} right")

# %% [markdown]
# Elsewhere it says the same: `tagger.export(folder, format="onnx")`, or `"litert"`, writes a
# file that gives `tags`, the best sequence of the CRF, and `probabilities`
# ([page 7](07_serving.ipynb)).
#
# ## 6. Frames
#
# A sensor gives numbers, and a label is asked for at every moment. All stays as it is but
# for the encoder: $x_t$ is the frame itself, each number brought to the scale of the others,
# $(x_{td} - \mu_d) / \sigma_d$, and $\mu$ and $\sigma$ stay in the model. Ten people wore a
# watch while they did one of seven exercises; the model has seen six of them.

# %%
SENSORS = "tag-smartwatch"
watch = SequenceTagger.from_preset(SENSORS)
print(f"the preset {SENSORS}: {watch.count_params():,} parameters,", end=" ")
print(load_recipe(SENSORS).score)
strangers = load_tagging("smartwatch_exercises", "test")
print(
    f"{len(strangers)} recordings of two other people, {len(strangers.channels)} numbers a frame"
)
pieces = [x[400:600] for x in strangers.inputs[:8]]
truth = [tags[400:600] for tags in strangers.tags[:8]]
show(tagged_frames_figure(watch, pieces, folder / "watch.png", true=truth))

# %% [markdown]
# The label of a window is the one that most of its frames have. How long must a window be?

# %%
for seconds in (0.5, 1, 2, 4):
    cut = strangers.windows(int(50 * seconds))
    some = range(0, len(cut), 8 if SMALL else 1)
    found = watch.tag([cut.inputs[n] for n in some])
    hits = [
        collections.Counter(tags).most_common(1)[0][0] == cut.tags[n][0]
        for n, tags in zip(some, found, strict=True)
    ]
    print(f"{seconds:3} s: {np.mean(hits):.1%} of {len(hits):,} windows right")

# %% [markdown]
# ## 7. Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/08_labels_for_every_step.py`.
#
# 1. How many words could *any* model get right that looks at the word alone and has seen the
#    training part? `counts` says of each word of the training part how often it had each
#    tag, `commonest` is the guess for all others; `words` and `tags` are those to judge by.

# %%
from exercises import check


def ceiling(counts, commonest, words, tags):
    return ...


check("08_labels_for_every_step", ceiling=ceiling)

# %% [markdown]
# 2. The Viterbi algorithm: the best sequence of labels of `e` (T, C), `A` (C, C), `start` and
#    `end` (C,), as a list of T numbers.


# %%
def viterbi(e, A, start, end):
    return ...


check("08_labels_for_every_step", viterbi=viterbi)

# %% [markdown]
# 3. Which transitions must be forbidden, so that a CRF gives sound BIO labels: `I-X` comes
#    after `B-X` or `I-X` only? Say it as a matrix of booleans, True where the label of the
#    column may follow that of the row. A label may stand at the beginning or not: a second
#    array.

# %%
bio = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
may_follow = ...  # (5, 5)
may_begin = ...  # (5,)

check("08_labels_for_every_step", may_follow=may_follow, may_begin=may_begin)
print("Every label in its place")

# %% [markdown]
# Without a check:
#
# 4. Does a CRF help a model that reads forwards only more than one that reads from both
#    ends? Train both, and say why.
# 5. In section 6, mix two recordings, two seconds of one and two of the other. How long
#    does the model need to see the change? Does it see it before it comes, and how could it?
#
# ## References
#
# Francis, W. N. and Kučera, H. (1979), Brown corpus manual. Lafferty, J., McCallum, A. and
# Pereira, F. (2001), Conditional random fields. Lample, G. et al. (2016), Neural
# architectures for named entity recognition (spelling and CRF). Ling, W. et al. (2015),
# Finding function in form. Burns, D. M. et al. (2018), Shoulder physiotherapy exercise
# recognition.
