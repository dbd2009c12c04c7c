# %% [markdown]
# # 3. Image captioning
#
# One picture goes in, a sentence of any length comes out. This page shows
#
# 1. the data: small pictures, and what people say of them,
# 2. a split without leaks, and what other splits are worth,
# 3. the encoder: a picture becomes a grid of features,
# 4. a model that looks at the picture once, before its first word,
# 5. the disease of captioners, the same caption for everything, and its control,
# 6. CIDEr-D, the number that is made of captions, worked by hand; and a peer that has
#    learned nothing,
# 7. a model that looks at a part of the picture for every word: Show, Attend and Tell,
# 8. where it looked, and the first two steps in slow motion,
# 9. greedy search against beam search,
# 10. a gallery, with the failures,
# 11. a picture of your own,
# 12. a SavedModel: the bytes of a picture in, a caption out.
#
# The shape letters are those of the whole library: **B** batch, **T** steps, **L** places
# of a picture, **D** features of a place, **U** units, **V** vocabulary. You should know
# what [tutorial 2](02_translation_with_attention.ipynb) says of attention and of beams.
#
# To run it: in a clone of the repository `pip install '.[plot,translate,caption,train]'`,
# then this notebook, or the `.py` file beside it. It fetches the pictures and a small
# encoder, looks at all pictures once, and trains two models, some minutes each.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import hashlib
import inspect
import pathlib
import re
import subprocess
import sys
import tempfile

import drawing
import drawing_attention
import keras
import matplotlib
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes

# %% [markdown]
# Of the five shapes of recurrent networks this is **one to many**: there is one input,
# and it comes before everything else. From then on the network reads what it wrote.

# %%
drawing.five_shapes(marked="one to many")

# %% [markdown]
# ## 1. The data
#
# `stamps_and_emoji` has the stamps of the drawing program Tux Paint, drawings and
# photographs, and Google's emoji. People named them all. `load_captions` also takes
# `coco_captions`, the photographs that the literature reports on, where there is network
# for its many gigabytes; `read_captions` takes a folder of your own.

# %%
from kerasrnn.data import load_captions
from kerasrnn.vision import read_images

SPLITS = ("train", "validation", "test")
splits = {name: load_captions("stamps_and_emoji", name) for name in SPLITS}
for name, images in splits.items():
    print(f"{name:12}{images}", *collections.Counter(images.kinds).most_common())

everything = splits["train"]
some = [
    row
    for kind in ("photograph", "drawing", "emoji")
    for row in rng.permutation(np.flatnonzero(np.array(everything.kinds) == kind))[:4]
]
drawing.pictures(
    read_images(everything.pictures(some), 224),
    [everything.captions[row][0] for row in some],
)

# %% [markdown]
# A picture may have several captions. Few have two here, all have five in COCO. There are
# many ways to be right, and section 6 has to deal with that.

# %%
for row in [row for row in some if len(everything.captions[row]) > 1][:3]:
    print(" / ".join(everything.captions[row]))

# %% [markdown]
# ## 2. A split without leaks
#
# A test picture that is nearly a training picture tests memory only. Emoji come in five
# skin tones, in two genders, with four kinds of hair; stamps repeat captions. Put every
# picture into a split by chance, and see how often a test picture's caption, without the
# words for skin tones, is a training caption too:

# %%
from kerasrnn.metrics import caption_tokens


def name_of(caption):
    """A caption as its words, without skin tones."""
    return " ".join(caption_tokens(re.sub(r":(?=.*skin tone).*", "", caption)))


names, of_test = [], []
for split, images in splits.items():
    names += [{name_of(text) for text in texts} for texts in images.captions]
    of_test += [split == "test"] * len(images)


def share_known(of_test):
    """The share of test pictures whose caption is one of the others'."""
    known = set().union(
        *(n for n, tests in zip(names, of_test, strict=True) if not tests)
    )
    tested = [n for n, tests in zip(names, of_test, strict=True) if tests]
    return sum(bool(known & n) for n in tested) / len(tested)


print(f"split by chance: {share_known(rng.random(len(names)) < 0.1):.1%} known before")
print(f"split by group:  {share_known(of_test):.1%} known before")

# %% [markdown]
# So each picture has a **group**: those that share a caption, or differ only in skin tone,
# hair or gender, are in one. The group's name decides the split, by a hash, so that it is
# the same on every machine and for ever. One group:

# %%
rows = tfds.load(
    "stamps_and_emoji",
    split="all",
    decoders=tfds.decode.PartialDecoding({"captions": True, "group": True}),
).as_numpy_iterator()
groups = collections.defaultdict(list)
for row in rows:
    groups[row["group"].decode()].append(row["captions"][0].decode())

group = next(name for name, texts in groups.items() if "woman astronaut" in texts)
print(f"{len(groups[group])} pictures in the group {group}:")
print(*sorted(groups[group])[:6], "…", sep="\n  ")
digit = int(hashlib.sha1(group.encode()).hexdigest(), 16) % 10
print(f"SHA-1 modulo 10 is {digit}:", {0: "test", 1: "validation"}.get(digit, "train"))

# %% [markdown]
# ## 3. The encoder
#
# To learn to see takes about a million pictures. So we take a network that can see already
# (*transfer learning*): EfficientNet-Lite0, a small convolutional network that was trained on
# ImageNet, to tell 1000 kinds of things apart. The weights come from a package of the Python
# index, and their hash is checked. Does it know what it should? It has seen no stamp before.

# %%
from kerasrnn.vision import load_efficientnet_lite0

KNOWN = {  # pictures, with the number that ImageNet gives to what they show
    "stamps/animals/mammals/equines/zebra": (340, "zebra"),
    "stamps/animals/birds/ostrich": (9, "ostrich"),
    "stamps/food/fruit/banana": (954, "banana"),
    "stamps/food/fruit/pineapple": (953, "pineapple"),
    "stamps/animals/insects/bee": (309, "bee"),
    "stamps/vehicles/emergency/firetruck": (555, "fire engine"),
}
found = {}
for images in splits.values():
    at = [row for row, key in enumerate(images.keys) if key in KNOWN]
    keys = [images.keys[row] for row in at]
    found |= dict(zip(keys, images.pictures(at), strict=True))

pixels = read_images(list(found.values()), 224)
classifier = load_efficientnet_lite0(include_top=True)
probabilities = keras.ops.softmax(classifier.predict(pixels, verbose=0)).numpy()
names_of_classes = dict(KNOWN.values())
for key, p in zip(found, probabilities, strict=True):
    best = p.argmax()
    print(
        f"{KNOWN[key][1]:12} best guess: class {best:3}, "
        f"{names_of_classes.get(best, 'something else'):14} p = {p[best]:.2f}"
    )
right = sum(
    KNOWN[key][0] == p.argmax() for key, p in zip(found, probabilities, strict=True)
)
print(f"{right} of {len(found)} right")
assert right > len(found) / 2

# %% [markdown]
# A captioner needs more than one word out of a thousand. It takes what is below the
# classes: after the last convolution a picture is a grid of 7 × 7 places with 1280
# features each, (L, D). Each place has seen its surroundings, most of all its own.

# %%
from kerasrnn.vision import ImageEncoder, cached_features, features_of

encoder = ImageEncoder("efficientnet_lite0")
print("a picture:", (encoder.image_size, encoder.image_size, 3), end="")
print("  its features:", (encoder.locations, encoder.dim))

zebra = list(found).index("stamps/animals/mammals/equines/zebra")
grid = features_of(encoder, list(found.values()))[zebra]  # (L, D)
directions = grid / np.linalg.norm(grid, axis=-1, keepdims=True)
place = (3, 3)
similarity = (directions @ directions[7 * place[0] + place[1]]).reshape(7, 7)
drawing.alike(pixels[zebra], similarity, place)

# %% [markdown]
# Nobody told the encoder where the animal is. Places on it have similar features, and places
# beside it have others. So there is something that attention can choose by.
#
# The encoder stays as it is, so its features need to be computed only once.
# `cached_features` keeps them on the disk, where the recipes find them as well. Emoji in
# other skin tones, the same pictures again, are left out after that.

# %%
MOST = {"train": 200, "validation": 40, "test": 80}


def with_features(images, most):
    """Pictures, without those in other skin tones, and their features (N, L, D)."""
    if SMALL:
        images = images.select(np.flatnonzero(~np.array(images.variants))[:most])
    features = cached_features(
        encoder, images, log=lambda line: print(line.split(":")[0])
    )
    rows = np.flatnonzero(~np.array(images.variants))
    return images.select(rows), features[rows]


train, train_features = with_features(splits["train"], MOST["train"])
validation, validation_features = with_features(
    splits["validation"], MOST["validation"]
)
test, test_features = with_features(splits["test"], MOST["test"])
for name, features in (
    ("train", train_features),
    ("validation", validation_features),
    ("test", test_features),
):
    print(f"{name:12}{features.shape}  {features.nbytes / 1e6:.0f} MB")
if SMALL:
    print("Small size: far too few pictures to learn from. The captions will be bad.")

# %% [markdown]
# ## 4. One look
#
# Vinyals et al. (2015, "Show and Tell") took a translator and put a picture in the place of
# the source. They give the picture to the decoder as its first *input*, before the start
# token. We let it set the decoder's first *state*, as the source does in tutorial 2 and the
# picture in Xu et al. (2015). Either way the decoder sees the picture once. What was the
# encoder's last state is now the mean of the features:
#
# $$\begin{aligned}
# v &= \Bigl(\tfrac{1}{L} \textstyle\sum_l f_l - \mu\Bigr) / \sigma \\
# d_0 &= \tanh(W_d\, v + b_d) \\
# d_t &= \mathrm{cell}(E\,y_{t-1},\; d_{t-1}) \\
# p(y_t) &= \mathrm{softmax}(E \tanh(W_o\, d_t + b_o) + b)
# \end{aligned}$$
#
# Some features vary a lot and some hardly; $\mu$ and $\sigma$, mean and deviation over the
# training pictures, bring all to one scale. They are not learned by gradients but counted,
# by `adapt`. All that the decoder will ever know of the picture is in $d_0$. The upper one:

# %%
drawing.captioners()

# %% [markdown]
# `ImageCaptioner` is this. A tiny one, and the equations by hand:

# %%
from kerasrnn.zoo import AttentionCaptioner, ImageCaptioner


def compare(name, ours, theirs):
    """Print the largest difference, and stop if there is a real one."""
    difference = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-5, name


SIZES = {"encoder": None, "feature_dim": 6, "units": 8, "embedding_dim": 5}
TINY = {"start_id": 1, "end_id": 2, "dropout": 0.0, **SIZES}
f = rng.normal(size=(2, 9, 6)).astype("float32")  # (B, L, D)
y = rng.integers(3, 30, size=(2, 4))  # (B, T)

tiny = ImageCaptioner(30, **TINY)
tiny.adapt(f)
logits = tiny((f, y))  # (B, T, V)

decoder = tiny.decoder
E, b = np.array(decoder.embedding.embeddings), np.array(decoder.output_bias)
W_d, b_d = decoder.bridge[0].get_weights()
W_o, b_o = decoder.output_layer.get_weights()
mu = np.array(tiny.encoder.feature_mean)  # (D,)
sigma = np.array(tiny.encoder.feature_deviation)  # (D,)
d = np.tanh((f.mean(axis=1) - mu) / sigma @ W_d + b_d)  # (B, U)
for t in range(4):
    d = np.array(decoder.recurrent.cell(E[y[:, t]], [d])[0])
    compare(f"word {t + 1}", logits[:, t], np.tanh(d @ W_o + b_o) @ E.T + b)

# %% [markdown]
# Captions are short and their words few, so a token is a word here; a word that was not
# learned becomes `[UNK]`. The tokenizer of a model that only writes is a
# `TargetTokenizer`: it adds the start and the end.

# %%
from kerasrnn.text import TargetTokenizer, WordTokenizer

words = WordTokenizer(max_tokens=4000, max_length=40)
words.adapt([text for texts in train.captions for text in texts])
tokenizer = TargetTokenizer(words)
print(tokenizer.target_vocabulary_size, "tokens")
for ids in tokenizer([train.captions[0][0]]).numpy():
    print(ids, *tokenizer.target_tokens(ids[None]).numpy()[0])

# %% [markdown]
# A picture with two captions is two examples. The few long captions are left out of
# training: they tell what no picture shows, such as what Hanukkah is.

# %%
UNITS, EMBEDDING = (96, 64) if SMALL else (256, 128)
EPOCHS, BATCH = (12, 32) if SMALL else (24, 64)


def dataset_of(images, features, shuffle=False):
    """Batches of (features (B, L, D), captions (B,))."""
    examples = [
        (row, text)
        for row, texts in enumerate(images.captions)
        for text in texts
        if len(text.split()) <= 12
    ]
    rows, texts = map(list, zip(*examples, strict=True))
    dataset = tf.data.Dataset.from_tensor_slices((rows, texts))
    if shuffle:
        dataset = dataset.shuffle(len(rows), seed=1)
    features = tf.constant(features)
    return dataset.batch(BATCH).map(
        lambda rows, texts: (tf.cast(tf.gather(features, rows), "float32"), texts)
    )


for of_pictures, captions in dataset_of(train, train_features).take(1):
    print(of_pictures.shape, captions.shape, captions.numpy()[0].decode())

# %% [markdown]
# While it learns, a callback lets the model write about a few validation pictures, a stamp
# and an emoji:

# %%
from kerasrnn.training import CaptionSamples, CaptionScores

KINDS = {"stamps": ("drawing", "photograph"), "emoji": ("emoji",)}


def rows_by_kind(images):
    """The rows of stamps and those of emoji."""
    return {
        name: np.flatnonzero(np.isin(images.kinds, kinds))
        for name, kinds in KINDS.items()
    }


def new_model(model_class):
    """A model of this page's size."""
    return model_class(
        tokenizer.target_vocabulary_size,
        start_id=tokenizer.start_id,
        end_id=tokenizer.end_id,
        units=UNITS,
        embedding_dim=EMBEDDING,
        dropout=0.4,
        label_smoothing=0.0,
        preprocessor=tokenizer,
    )


def fit(model):
    """Train a model, and return its history."""
    model.adapt(train_features)
    model.compile(keras.optimizers.Adam(2e-3, global_clipnorm=1.0))
    seen, captions = validation_features.astype("float32"), validation.captions
    shown = [rows[0] for rows in rows_by_kind(validation).values()]
    return model.fit(
        dataset_of(train, train_features, shuffle=True),
        epochs=EPOCHS,
        callbacks=[
            CaptionScores(seen, captions, groups=rows_by_kind(validation)),
            CaptionSamples(
                seen[shown], [captions[row] for row in shown], every=EPOCHS // 4
            ),
        ],
        verbose=0,
    ).history


one_look = new_model(ImageCaptioner)
history = fit(one_look)

# %% [markdown]
# `generate` takes features, as the callback did, and pictures, as section 11 does.
#
# ## 5. The same caption for everything
#
# A decoder is a language model. When the picture says little to it, it writes what people
# write most, and the loss goes down all the same. So count: how many different captions
# are there, and what is the commonest?

# %%
written = {"one look": one_look.generate(test_features.astype("float32"), verbose=0)}
counts = collections.Counter(written["one look"])
print(f"{len(counts)} different captions of {len(test)} pictures; the commonest:")
for caption, count in counts.most_common(3):
    print(f"  {count:3} × {caption}")

# %% [markdown]
# Our model does not have the disease badly: it says many different things. But are they
# right? The control is to compare each caption with the references of *another* picture. A model
# that does not look scores the same there; what a model has above its shuffled control, it
# has seen.

# %%
train_captions = collections.Counter(texts[0] for texts in train.captions)
commonest = train_captions.most_common(1)[0][0]
written["the commonest caption"] = [commonest] * len(test)
# Shuffled among stamps and among emoji, which are scored apart.
shuffled = np.arange(len(test))
for rows in rows_by_kind(test).values():
    shuffled[rows] = np.roll(rows, 1)
written["one look, shuffled"] = [written["one look"][row] for row in shuffled]

# %% [markdown]
# ## 6. CIDEr-D
#
# BLEU counts all words alike, and "a" is the easiest to get right. CIDEr-D (Vedantam et
# al. 2015) asks how *telling* a run of words is. Of every $n$-gram $g$ of a caption $c$, up
# to four words, it takes the count times how rare it is: in the references of how many of
# the $N$ pictures does $g$ stand?
#
# $$w_g(c) = \mathrm{count}_g(c) \cdot \log \frac{N}{\mathrm{pictures\ with\ } g}$$
#
# and compares the two vectors by their angle, with a penalty for another length:
#
# $$\mathrm{CIDErD}_n(c, s) = 10 \; e^{-(|c| - |s|)^2 / 2\sigma^2} \;
# \frac{\sum_g \min(w_g(c), w_g(s))\, w_g(s)}{\lVert w(c)\rVert\, \lVert w(s)\rVert},
# \qquad \sigma = 6$$
#
# The score is the mean over $n = 1 … 4$, and over the references. Four pictures:

# %%
from kerasrnn.metrics import caption_scores, cider_d

REFERENCES = ["a red apple", "a red car on a road", "a green car", "a dog"]


def grams(caption, n):
    """How often a caption has each run of n words."""
    words = caption.split()
    return collections.Counter(zip(*(words[i:] for i in range(n)), strict=False))


def weights(caption, n):
    """TF-IDF of each run of n words."""
    in_pictures = collections.Counter(
        g for text in REFERENCES for g in set(grams(text, n))
    )
    return {
        g: count * np.log(len(REFERENCES) / max(1, in_pictures[g]))
        for g, count in grams(caption, n).items()
    }


def by_hand(caption, reference):
    """CIDEr-D of a caption and one reference."""
    total = 0.0
    for n in (1, 2, 3, 4):
        c, s = weights(caption, n), weights(reference, n)
        product = sum(min(w, s[g]) * s[g] for g, w in c.items() if g in s)
        lengths = np.sqrt(sum(w**2 for w in c.values()) * sum(w**2 for w in s.values()))
        total += product / lengths if lengths else 0.0
    longer = len(caption.split()) - len(reference.split())
    return 10 * total / 4 * np.exp(-(longer**2) / (2 * 6**2))


for gram, weight in weights(REFERENCES[1], 1).items():
    print(f"{gram[0]:6} weighs {weight:.2f}")
print("\nOf the picture with the reference", repr(REFERENCES[1]))
tried = [REFERENCES[1], "a car on a road", "a red car", "a car", "a a a a a a", "a dog"]
for caption in tried:
    written_of_all = [REFERENCES[0], caption, *REFERENCES[2:]]
    score = cider_d(written_of_all, [[text] for text in REFERENCES]).scores[1]
    print(f"{score:6.2f}  {caption}")
    assert abs(score - by_hand(caption, REFERENCES[1])) < 1e-6

# %% [markdown]
# "a" stands everywhere and weighs nothing; "car" is worth less than "road". A caption that
# is right to the letter gets 10 if it has four words or more, and less if it is shorter,
# because it has no 4-gram to be right with: most captions here are short, so scores are
# lower than they look.
#
# ### A peer that has learned nothing
#
# What would one get by saying what people said of the *nearest* training picture, the one
# with the most similar features? It is a hard peer: its captions are all human. A model that
# does not beat it would better have looked up its captions. The table says so:

# %%
from kerasrnn.training.captioning.nearest_captions import (
    nearest_neighbour_captions,
    pooled,
)

PEER = f"nearest of {len(train)} pictures"
written[PEER] = nearest_neighbour_captions(
    pooled(train_features), train.captions, pooled(test_features)
)


def scores_of(captions):
    """The scores of captions of the test pictures, of stamps and of emoji."""
    return [
        caption_scores(
            [captions[row] for row in rows], [test.captions[row] for row in rows]
        )
        for rows in rows_by_kind(test).values()
    ]


def print_scores(written):
    """A line for each list of captions of the test pictures; returns the means."""
    print(
        f"{len(test)} test pictures{'':9}CIDEr-D stamps  emoji   mean  BLEU-1  different"
    )
    peers = [scores["cider_d"] for scores in scores_of(written_by_peer)]
    means = {}
    for name, captions in written.items():
        by_kind = scores_of(captions)
        cider = [scores["cider_d"] for scores in by_kind]
        means[name] = np.mean(cider)
        bleu = np.mean([scores["bleu_1"] for scores in by_kind])
        print(f"{name:25}{cider[0]:13.2f}{cider[1]:7.2f}{means[name]:7.2f}", end="")
        print(f"{bleu:8.1f}{len(set(captions)):11}", end="")
        beaten = [kind for kind, a, b in zip(KINDS, cider, peers, strict=True) if a < b]
        print(f"  below the peer: {', '.join(beaten)}" if beaten else "")
    return means


written_by_peer = written[PEER]
means = print_scores(written)
if not SMALL:
    assert means["one look"] > 5 * means["one look, shuffled"]
    assert means[PEER] > means["the commonest caption"]

# %% [markdown]
# One look sees something: it scores far above its shuffled control. But it loses to the peer,
# on stamps and on emoji.
#
# ## 7. A look for every word
#
# The mean over all places does not say what is where. Xu et al. (2015, "Show, Attend and
# Tell") keep the L places, and at every word attend to them, as tutorial 2 attends to the
# words of a source. The places are the memory, the state *before* the step is the query, and
# the cell reads the context vector $c_t$:
#
# $$\begin{aligned}
# m_l &= \tanh(W_m x_l + b_m), \qquad x_l = (f_l - \mu) / \sigma \\
# \alpha_{tl} &= \mathrm{softmax}_l\; v^\top \tanh(W_1 d_{t-1} + W_2 m_l) \\
# c_t &= \sigma(w_g\, d_{t-1} + b_g) \textstyle\sum_l \alpha_{tl}\, m_l \\
# d_t &= \mathrm{cell}([E\,y_{t-1};\, c_t],\; d_{t-1}) \\
# p(y_t) &= \mathrm{softmax}(E \tanh(W_c [c_t; d_t]) + b)
# \end{aligned}$$
#
# This is *soft* attention: a weighted mean of all places, with a gradient. The **gate**
# $\sigma(\cdot)$ is one number that says how much of the picture this step gets. $d_0$ is as
# above, of the mean of all $x_l$.


# %%
def softmax(scores):
    """exp / Σ exp over the last axis."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


tiny = AttentionCaptioner(30, **TINY)
tiny.adapt(f)
logits = tiny((f, y))  # (B, T, V)

decoder = tiny.decoder
E, b = np.array(decoder.embedding.embeddings), np.array(decoder.output_bias)
W_d, b_d = decoder.bridge[0].get_weights()
W_m, b_m = tiny.encoder.feature_layer.get_weights()
cell = decoder.recurrent.cell
W_1, W_2, v = cell.attention.get_weights()
w_g, b_g, W_c = (np.array(w) for w in (cell.gate_kernel, cell.gate_bias, cell.kernel))

mu, sigma = (
    np.array(w) for w in (tiny.encoder.feature_mean, tiny.encoder.feature_deviation)
)
x = (f - mu) / sigma  # (B, L, D)
m = np.tanh(x @ W_m + b_m)  # (B, L, U)
d = np.tanh(x.mean(axis=1) @ W_d + b_d)  # (B, U)
alignments = []
for t in range(4):
    alpha = softmax((np.tanh((d @ W_1)[:, None] + m @ W_2) @ v)[..., 0])  # (B, L)
    c = sigmoid(d @ w_g + b_g) * np.einsum("bl,blu->bu", alpha, m)  # (B, U)
    d = np.array(cell.cell(np.concatenate([E[y[:, t]], c], axis=-1), [d])[0])
    a = np.tanh(np.concatenate([c, d], axis=-1) @ W_c)
    compare(f"word {t + 1}", logits[:, t], a @ E.T + b)
    alignments.append(alpha)

# %% [markdown]
# Each $\alpha_t$ sums to one over the *places*. Left alone, a model may look at the middle
# for all words and never anywhere else. **Doubly stochastic** attention asks that each
# place also gets about one in all over the *words*, and adds to the loss
#
# $$\lambda\, \frac{1}{L} \sum_l \Bigl(1 - \sum_t \alpha_{tl}\Bigr)^2$$

# %%
tiny((f, y), training=True)
looked = np.sum(alignments, axis=0)  # (B, L)
compare("doubly stochastic", tiny.losses[0], np.mean((1 - looked) ** 2))
print("\n", inspect.getsource(AttentionCaptioner.alignment_penalty))

# %% [markdown]
# `AttentionCaptioner` is otherwise the model above, and it learns from the same pictures for
# as many epochs:

# %%
attending = new_model(AttentionCaptioner)
attending_history = fit(attending)

# %%
drawing.curves(
    {
        name: {"one look": history[key], "with attention": attending_history[key]}
        for name, key in (
            ("training loss", "loss"),
            ("validation CIDEr-D", "val_cider_d"),
        )
    }
)

# %% [markdown]
# The loss of the one with attention has the doubly stochastic part in it, so the two losses
# do not compare. CIDEr-D, of captions that the model wrote by itself, may still rise when the
# loss of the validation pictures has long turned, which is why the recipes go by it.
#
# A few thousand pictures are few: COCO has over 100,000. The zoo has a model of three members,
# which learned side by side and speak together, and which may borrow the names of ImageNet's
# classes. Where it comes with the package, the sections that follow show it, else ours.
# (`kerasrnn train caption-stamps-attention` trains it, in ten minutes.)

# %%
from kerasrnn.catalogue import load_recipe

NAME = "caption-stamps-attention"
if NAME in AttentionCaptioner.presets:
    captioner = AttentionCaptioner.from_preset(NAME)
    print(f"the preset {NAME}: {captioner.count_params():,} parameters,", end=" ")
    print(load_recipe(NAME).score)
else:
    captioner = attending
    print("the model trained above, with", captioner.count_params(), "parameters")

# %%
seen = test_features.astype("float32")
written["with attention"] = attending.generate(seen, verbose=0)
best = "with attention"
if captioner is not attending:
    best = "the preset"
    written[best] = captioner.generate(seen, verbose=0)
written[f"{best}, shuffled"] = [written[best][row] for row in shuffled]
means = print_scores(written)
if not SMALL:
    assert means[best] > 5 * means[f"{best}, shuffled"]
    assert means[best] > means["with attention"]

# %% [markdown]
# On these pictures attention is hardly better than one look, and both models of this page
# lose to the peer. The preset beats it on stamps, and is a little below it on emoji.
#
# ## 8. Where it looked
#
# `caption_attention` writes a caption and keeps the attention weights. The figure shows the
# picture once for every word; what is grey was not looked at. We take captions that are right
# to the letter, where there are any, and of these the longest:

# %%
from kerasrnn.inspection import caption_attention, caption_attention_figure

scores = cider_d(written[best], test.captions).scores
order = np.argsort(-scores, kind="stable")
right = [
    row
    for row in order
    if caption_tokens(written[best][row]) in map(caption_tokens, test.captions[row])
]
print(f"{len(right)} of {len(test)} captions are right to the letter\n")
right.sort(key=lambda row: -len(set(written[best][row].split())))
telling = list(dict.fromkeys([*right, *order]))[:2]
for row, picture in zip(telling, test.pictures(telling), strict=True):
    looks = caption_attention(captioner, picture)
    drawing.page(caption_attention_figure(*looks, folder / f"looks_{row}.png"))
    print(f"model: {written[best][row]}    people: {' / '.join(test.captions[row])}\n")

# %% [markdown]
# These pictures show one thing each, in the middle, and hardly ever have a second one to
# look at next. So the maps are wide: the largest weight, below each picture, is about a tenth
# or less, where looking everywhere alike would give $1/49 ≈ 0.02$. Under "a" they lie on the
# ground around the thing, and under its name on the thing or its edge. With photographs of
# COCO, where people ride, hold and sit on things, one can hope for maps that move from thing
# to thing.
#
# How much of the picture does each word get? Ask the gate. (Of a model with several members
# it is the first's.)

# %%
row = telling[0]
ids = captioner.preprocessor([written[best][row]])  # (1, T)
encoding, decoder = captioner.encoder(seen[row : row + 1]), captioner.decoder
states, x = decoder.initial_state(encoding.vectors), decoder.embedding(ids[:, :-1])
cell = decoder.recurrent.cell
memory = cell.prepare_memory(encoding.memory)
for t, token in enumerate(captioner.preprocessor.target_tokens(ids[:, 1:]).numpy()[0]):
    query = np.array(states[0])
    gate = sigmoid(query @ np.array(cell.gate_kernel) + np.array(cell.gate_bias))
    print(f"{token.decode():12} gate {gate[0, 0]:.2f}")
    _, states = cell(x[:, t], states, memory=memory)

# %% [markdown]
# One might expect a large gate at words that name what is seen, and a smaller one at "a". In
# this caption it is not so: the gate is open for every word and for the full stop as well, and a
# little less at the end. In the next one it is so: 0.75 at "a" and 0.98 at "clock". Two
# captions are too few to say what the gate is for.
#
# ### Step by step
#
# Two words in slow motion, by the equations of section 7; the cell is a GRU (tutorial 1,
# section 4). Here the state *before* the cell's step asks: $d_0$, which is made of the mean
# over the picture, chooses where to look for the first word. Slides call the weights $a_1$
# and the context vector $z_1$; this page writes $\alpha_1$ and $c_1$:
#
# $$\begin{aligned}
# e_{tl} &= v^\top \tanh(W_1 d_{t-1} + W_2 m_l), \qquad \alpha_t = \mathrm{softmax}(e_t) \\
# c_t &= \sigma(w_g\, d_{t-1} + b_g) \textstyle\sum_l \alpha_{tl}\, m_l \\
# d_t &= \mathrm{cell}([E\,y_{t-1};\, c_t],\; d_{t-1})
# \end{aligned}$$
#
# Of a model with several members it is the first, before it borrows names. So we take a
# stamp with a short caption whose first two words the first one alone would say too, and of
# these the one with the best score:


# %%
def gru(x, h, W, U, b):
    """One step of a GRU: the state (U,) after an input x (D,) and a state h (U,)."""
    x_z, x_r, x_g = np.split(x @ W + b[0], 3)
    h_z, h_r, h_g = np.split(h @ U + b[1], 3)
    z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
    return z * h + (1 - z) * np.tanh(x_g + r * h_g)


target, decoder = captioner.preprocessor, captioner.decoder
stamps = rows_by_kind(test)["stamps"]
short = [r for r in order if r in stamps and len(written[best][r].split()) <= 4]
ids = target([written[best][r] for r in short]).numpy()  # (N, T)
encoding = captioner.encoder(seen[short])
told = decoder(ids[:, :2], encoding.vectors, memory=encoding.memory)
says_so = np.argmax(told.logits, axis=-1) == ids[:, 1:3]  # (N, 2)
place = says_so.all(axis=1).argmax()
row, y = short[place], ids[place]  # (T,)
print(f"model: {written[best][row]}    people: {' / '.join(test.captions[row])}")

cell = decoder.recurrent.cell
E, b = decoder.embedding.embeddings.numpy(), decoder.output_bias.numpy()
W_d, b_d = decoder.bridge[0].get_weights()
W_m, b_m = captioner.encoder.feature_layer.get_weights()
W_1, W_2, v = cell.attention.get_weights()
w_g, b_g, W_c = (w.numpy() for w in (cell.gate_kernel, cell.gate_bias, cell.kernel))
mu, sigma = (
    w.numpy()
    for w in (captioner.encoder.feature_mean, captioner.encoder.feature_deviation)
)


def words_of(ids):
    """The words of token ids (N,)."""
    return [word.decode() for word in target.target_tokens(ids[None]).numpy()[0]]


x = (seen[row] - mu) / sigma  # (L, D)
m = np.tanh(x @ W_m + b_m)  # (L, U)
d, steps = np.tanh(x.mean(axis=0) @ W_d + b_d), []  # d_0, (U,)
for t in (1, 2):
    read, chosen = words_of(y[t - 1 : t + 1])
    step = {"read": read, "before": d, "chosen": chosen}
    e = (np.tanh(d @ W_1 + m @ W_2) @ v)[:, 0]  # (L,)
    alpha, gate = softmax(e), sigmoid(d @ w_g + b_g)[0]  # (L,), a number
    c = gate * (alpha @ m)  # (U,)
    d = gru(np.concatenate([E[y[t - 1]], c]), d, *cell.cell.get_weights())
    p = softmax(np.tanh(np.concatenate([c, d]) @ W_c) @ E.T + b)  # (V,)
    five = np.argsort(-p)[:5]
    step |= {"words": list(zip(words_of(five), p[five], strict=True)), "p": p}
    step |= {"scores": e, "weights": alpha, "gate": gate, "context": c, "state": d}
    steps.append(step)

drawing_attention.caption_steps(read_images(test.pictures([row]), 224)[0], steps)

# %% [markdown]
# Each place has its score and its weight; 2 % would be looking everywhere alike. The gate
# times the weighted mean of the $m_l$ is $c_t$, the cell reads it beside $y_{t-1}$, and of
# $c_t$ and $d_t$ come the likeliest words. The green one is in the caption, and is read at
# step 2. Then $d_1$ asks, and not $d_0$: compare the two maps. Of each vector eight units are
# shown, red above 0 and blue below: of $d_t$ the first ones, of $c_t$ those that differ most
# between the steps.
#
# What the library gives for the same two steps, and how much of the weight is on the same
# places at both:

# %%
prepared = decoder.prepare(encoding.memory[place : place + 1])
vectors = [[one[place : place + 1] for one in encoding.vectors[0]]]
state = decoder.initial_state(vectors)
for t, step in enumerate(steps, 1):
    query = step["before"][None, None]  # (B, T, U)
    scores_of_places = cell.attention.score(query, prepared["memory"]["keys"])[0, 0]
    context, _ = cell.attention(query[0], prepared["memory"]["memory"])
    compare(f"d_{t - 1}", step["before"], state[0][0])
    told, state = decoder.step(y[t - 1 : t], state, prepared)
    compare("  scores", step["scores"], scores_of_places)
    compare("  weights", step["weights"], told.alignments[0])
    compare("  context", step["context"], step["gate"] * context[0])
    compare(f"  d_{t}", step["state"], state[0][0])
    compare("  p(y)", step["p"], keras.ops.softmax(told.logits)[0])
same = np.minimum(*(step["weights"] for step in steps)).sum()
print(f"\nweight on the same places at both steps: {same:.0%}")

# %% [markdown]
# ## 9. Greedy against beam
#
# Greedy search takes the likeliest word and cannot take it back. A beam keeps several
# beginnings. Captions are short, so a wide beam changes less than in translation, but it
# shows what else the model thought likely:

# %%
some = [order[0], order[len(order) // 2]]
captions, beam_scores = captioner.generate(
    seen[some],
    search="beam",
    beam_width=5,
    n_best=3,
    length_penalty=1.0,
    return_scores=True,
)
for row, candidates, of_them in zip(some, captions, beam_scores, strict=True):
    print(f"people: {' / '.join(test.captions[row])}\ngreedy: {written[best][row]}")
    for caption, score in zip(candidates, np.ravel(of_them), strict=True):
        print(f"{score:8.2f}  {caption}")
    print()

# %%
beams = {f"{best}, greedy": written[best]}
for width in (3, 5):
    beams[f"{best}, beam of {width}"] = captioner.generate(
        seen, search="beam", beam_width=width, length_penalty=1.0, verbose=0
    )
means = print_scores(beams)

# %% [markdown]
# A beam finds captions that the model thinks likelier, and here they are not better.
#
# ## 10. A gallery, with the failures
#
# A mean hides everything. The test captions by their scores: the four best, four from the
# middle, and the last four:

# %%
from kerasrnn.inspection import caption_gallery_figure

middle = len(order) // 2
chosen = [*order[:4], *order[middle - 2 : middle + 2], *order[-4:]]
drawing.page(
    caption_gallery_figure(
        read_images(test.pictures(chosen), 160),
        [test.captions[row] for row in chosen],
        [written[best][row] for row in chosen],
        folder / "gallery.png",
        scores=scores[chosen],
    )
)
print(f"{np.mean(scores < 0.1):.0%} of the captions have a score below 0.1")

# %% [markdown]
# Most captions are wrong, and the middle of the list is already wrong. Look at *how* they
# fail. A thing that no training picture shows can hardly be named: groups are whole, so if
# the only walrus is in the test split, no caption that was learned from has the word. Some
# failures are no failures: the caption is fair and the reference says something else, and no
# score knows.
#
# `write_gallery` makes a web page of all test pictures that you can scroll through:

# %%
from kerasrnn.inspection import write_gallery

gallery = write_gallery(
    folder / "gallery.html", test.read(), test.captions, written[best], scores
)
print(gallery.name, f"{gallery.stat().st_size / 1e6:.1f} MB, open it in a browser")

# %% [markdown]
# ## 11. A picture of your own
#
# Put the path of one here. Without it we take a photograph that comes with matplotlib, of
# Rear Admiral Grace Hopper.

# %%
MINE = ""  # such as "holiday.jpg"

mine = pathlib.Path(
    MINE or f"{matplotlib.get_data_path()}/sample_data/grace_hopper.jpg"
)
print(captioner.generate(mine))
drawing.page(
    caption_attention_figure(*caption_attention(captioner, mine), folder / "mine.png")
)

# %% [markdown]
# It knows emoji and stamps and nothing else, so do not believe what it says of a photograph
# of a person. What is no picture gets no caption but an error that says why:

# %%
(folder / "not_a_picture.png").write_text("This is a text.")
try:
    captioner.generate(folder / "not_a_picture.png")
except ValueError as error:
    print(str(error).replace(str(folder), "…"))

# %% [markdown]
# ## 12. Serving
#
# `export` writes a SavedModel: the bytes of pictures in, and out come captions, their
# scores, and where each word looked. It decodes the file, fits it to the encoder's size and
# runs the encoder and the loop over words, all with TensorFlow's own operations. The
# process below may not import keras or kerasrnn:

# %%
exported = captioner.export(folder / "captioner", version=1)

program = """
import pathlib
import sys

sys.modules["keras"] = sys.modules["kerasrnn"] = None  # neither can be imported
import tensorflow as tf

serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
answer = serve(tf.constant([pathlib.Path(sys.argv[2]).read_bytes()]))
print(answer["caption"].numpy()[0].decode())
print(tuple(answer["attention"].shape))
"""
answer = subprocess.run(
    [sys.executable, "-X", "utf8", "-c", program, str(exported), str(mine)],
    capture_output=True,
    encoding="utf-8",
    check=True,
).stdout
caption, shape = answer.splitlines()
print(f"{caption!r}, attention {shape}: (B, T, L)")
assert caption == captioner.generate(mine)
print("TensorFlow alone gives the same caption")

# %% [markdown]
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/03_image_captioning.py`.
#
# 1. How rare is a word, as CIDEr-D weighs it? `captions` has a list of captions for each
#    picture; count the *pictures* one of whose captions has the word. A word of no picture
#    counts as one of one picture.

# %%
from exercises import check


def rareness(word, captions):
    return ...


check("03_image_captioning", rareness=rareness)

# %% [markdown]
# 2. Where did it look? `weights` are the attention weights of the places of a picture, 7 × 7
#    row by row as (49,), and the picture is 224 pixels wide and high. Return row and column of
#    the pixel in the middle of the place with the largest weight.


# %%
def looked_at(weights):
    return ...


check("03_image_captioning", looked_at=looked_at)

# %% [markdown]
# 3. A leak: `groups` says of each picture to which group it belongs, `of_test` whether it is
#    a test picture. Which share of the test pictures has a relative among the others?


# %%
def leaked(groups, of_test):
    return ...


check("03_image_captioning", leaked=leaked)

# %% [markdown]
# Without a check:
#
# 4. In section 2, leave `re.sub` out of `name_of`. Which leaks does `share_known` no longer
#    see? Which ones does it not see anyway? (*Hint: a man and a woman in one job.*)
# 5. In section 3, move `place` to a corner, and take another picture. Where do places stop
#    being alike?
# 6. In section 6, find a caption that scores more than "a red car" of the second picture
#    and is a worse caption. (*Hint: nobody asks for grammar.*) And what does the second
#    picture score if it is alone in the world? (*Hint: log 1.*)
# 7. Train the first model with the features of *shuffled* pictures. How low does its
#    training loss go, and what does it write? It is the disease, pure.
# 8. Set `attention_regularization=0.0` in `AttentionCaptioner`, and then 10. What becomes
#    of the maps, and what of the scores? Captions have some four words and pictures 49
#    places: can every place get one in all?
# 9. Set `gated=False`. Is anything lost on captions as short as these?
# 10. Give `nearest_neighbour_captions` `k=5`: it then takes the caption that is nearest to
#    the other four. Better? On which kind? (*Hint: what do five neighbours of a flag say?*)
# 11. Captions in Korean: `load_captions("stamps_and_emoji", name, config="ko")`. The
#    splits are the same. What else is, and may CIDEr-D of two languages be compared?
# 12. Make a folder with a hundred of your own photographs and a `captions.tsv`, a line
#    `file<tab>caption` for each, and put `read_captions(folder)` in the place of section 1.
#    Which of your captions does the model learn first?
