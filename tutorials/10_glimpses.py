# %% [markdown]
# # 10. Glimpses: a sequence out of what is none
#
# An image is no sequence. But whoever reads a street sign does not look at every brick of
# the house behind it: the eye jumps from place to place, and the brain puts together what
# it saw. A recurrent network can do the same, and then it pays for what it looks at, not
# for how large the image is. This page shows
#
# 1. the data: a digit somewhere on a large canvas,
# 2. *one to one*, the network without a sequence that the lectures begin with,
# 3. a window, and how a place is learned through it,
# 4. the first look, which says where to begin,
# 5. the recurrent cell, step by step,
# 6. where a trained model looks,
# 7. what each glimpse is good for,
# 8. what it cannot do.
#
# The shape letters are those of the whole library: **B** batch, **T** steps, here glimpses,
# **D** features, **U** units, **L** image locations. You should know what
# [tutorial 1](01_recurrent_layers.ipynb) says of gates; [tutorial
# 3](03_image_captioning.ipynb) looks at places of a picture as well.
#
# To run it: in a clone of the repository `pip install '.[plot,train]'`, then this notebook,
# or the `.py` file beside it. It fetches 5,000 digits of MNIST.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib
import tempfile

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_image_classes
from kerasrnn.inspection import glimpses_figure
from kerasrnn.zoo import GlimpseClassifier

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tfds.disable_progress_bar()
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes


def compare(name, ours, theirs):
    """Print the largest difference, relative to the values; stop if it is a real one."""
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-4, name


# %% [markdown]
# ## 1. A digit somewhere
#
# Each canvas has 100 × 100 pixels. Somewhere on it is a digit of 28 × 28, and beside it lie
# eight pieces of other digits, to mislead. Where everything lies follows from a hash of the
# image's name, so that all machines see the same canvases.

# %%
train = load_image_classes("cluttered_digits", "train")
test = load_image_classes("cluttered_digits", "test")
print(f"{len(train):,} canvases to train, {len(test):,} to test")
rows = tfds.load("cluttered_digits", split="test", shuffle_files=False)
corners = np.array([[row["top"], row["left"]] for row in tfds.as_numpy(rows)])
middles = corners + 14  # (B, 2) of the digits, in pixels; no model is told


def show(images, titles, columns=6):
    """Draw images side by side."""
    figure, axes = plt.subplots(1, columns, figsize=(1.6 * columns, 1.9))
    for axis, image, title in zip(axes, images, titles, strict=False):
        axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=255)
        axis.set_title(str(title), fontsize=9)
        axis.set_axis_off()
    figure.tight_layout()
    plt.show()


show(test.images, [f"a {test.label_names[n]}" for n in test.labels[:6]])

# %% [markdown]
# ## 2. One to one
#
# The lectures begin with a network that has neither a sequence in nor a sequence out: a
# vector of a fixed size, a hidden layer, a class.
#
# $$h = \mathrm{relu}(W_1 x + b_1), \qquad p = \mathrm{softmax}(W_2 h + b_2)$$
#
# $W_1$ has a row of weights of its own for every pixel. What it learns of a seven on the
# left says nothing of a seven on the right.

# %%
one_to_one = keras.Sequential(
    [
        keras.Input((100, 100, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(48, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
one_to_one.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
one_to_one.fit(
    train.images, train.labels, batch_size=64, epochs=3 if SMALL else 10, verbose=0
)
for name, part in (("training", train), ("test", test)):
    _, accuracy = one_to_one.evaluate(part.images, part.labels, verbose=0)
    print(f"one to one, {name} canvases: {accuracy:.1%}")

# %% [markdown]
# It knows the training canvases by heart, and guesses on others. (The recipe's training
# moves every digit to another place in every epoch. That helps it less than one may hope:
# the table of `benchmarks/glimpses.py` has it.)
#
# ## 3. A window, and how a place is learned through it
#
# The network of this page sees a few small windows of $G \times G$ pixels. Their middle is a
# *location* $l = (y, x)$, from $-1$ to $1$ on each axis, any real numbers. Between pixels
# the image is interpolated: with $d$ and $r$ the parts of a pixel by which the window lies
# further down and further right,
#
# $$\rho[i, j] = (1-d)(1-r)\, I_{y,x} + (1-d)\,r\, I_{y,x+1} + d(1-r)\, I_{y+1,x}
# + d\,r\, I_{y+1,x+1}$$
#
# So the window changes smoothly with the location, and the loss has a gradient by it.
# `GlimpseSensor` does it for many images, at several *scales*: of scale $k$ are the means of
# $k \times k$ pixels, so that a window shows $kG \times kG$ pixels, less sharply.

# %%
from kerasrnn.zoo.glimpses.glimpse_sensor import GlimpseSensor

G = 14
sensor = GlimpseSensor(G, scales=(1, 2))
image = test.images[:1].astype("float32")
place = (middles[0] / 50 - 0.97).astype("float32")  # near the digit


def window_at(image, location, size):
    """ρ for one image (H, W), by the equation."""
    y, x = (location + 1) / 2 * image.shape - size / 2
    top, left = int(np.floor(y)), int(np.floor(x))
    d, r = y - top, x - left
    P = np.pad(image, size)[top + size :, left + size :][: size + 1, : size + 1]
    return (
        (1 - d) * (1 - r) * P[:-1, :-1]
        + (1 - d) * r * P[:-1, 1:]
        + d * (1 - r) * P[1:, :-1]
        + d * r * P[1:, 1:]
    )


mean_of_4 = image[0].reshape(50, 2, 50, 2).mean(axis=(1, 3))  # scale 2
seen = sensor(image, place[None]).numpy()[0]  # (G, G, scales)
compare("scale 1", seen[..., 0], window_at(image[0, ..., 0], place, G))
compare("scale 2", seen[..., 1], window_at(mean_of_4, place, G))

# %% [markdown]
# How far does such a gradient see? Not beyond the window: if a window shows only black, then
# it shows only black a little further on too, and the gradient is exactly zero. This is the
# difficulty of all models of this kind, and why Mnih and others (2014) did not use the
# gradient but drew places at random, and kept what was rewarded (REINFORCE).

# %%
black = tf.zeros((1, 100, 100, 1))
of_digit = tf.constant(image)
for name, pixels in (("black canvas", black), ("a canvas with a digit", of_digit)):
    with tf.GradientTape() as tape:
        at = tf.constant(place[None])
        tape.watch(at)
        brightness = tf.reduce_mean(sensor(pixels, at))
    print(
        f"{name}: gradient by the location {tape.gradient(brightness, at).numpy()[0]}"
    )

# %% [markdown]
# ## 4. The first look
#
# So something must say where to begin. The model looks at the whole image once, small: the
# means of 5 × 5 pixels. A convolution makes features $f_p$ of its places, and attention
# weighs the places, as a translator weighs words:
#
# $$\alpha = \mathrm{softmax}(\beta\, w \cdot f), \qquad
# l_1 = \sum_p \alpha_p\, (y_p, x_p), \qquad c = \sum_p \alpha_p f_p$$
#
# $w$ begins at zero: all places count alike, and $l_1$ is the middle. Both $l_1$ and $c$
# learn: what the eye is drawn to is what helps. The constant $\beta = 30$ lets the attention
# become sharp within a few hundred steps; with $\beta = 1$ it stays so flat that $l_1$ never
# leaves the middle.
#
# Here is the trained model, and the attention of its first look.

# %%
if "glimpse-digits" in GlimpseClassifier.presets:
    model = GlimpseClassifier.from_preset("glimpse-digits")
    print(f"the preset glimpse-digits: {model.count_params():,} parameters,", end=" ")
    print(load_recipe("glimpse-digits").score)
else:
    model = GlimpseClassifier((100, 100, 1), look_reduction=5, window_filters=16)
    model.compile(keras.optimizers.Adam(5e-3, global_clipnorm=1.0))
    model.fit(
        train.images,
        train.labels,
        batch_size=64,
        epochs=2 if SMALL else 20,
        verbose=0,
    )

looks = model.look(test.images)
side = int(np.sqrt(looks.attention.shape[1]))
figure, axes = plt.subplots(2, 6, figsize=(9.6, 3.5))
for number in range(6):
    axes[0, number].imshow(test.images[number, ..., 0], cmap="gray")
    axes[1, number].imshow(looks.attention[number].reshape(side, side), cmap="Blues")
for axis in axes.flat:
    axis.set_axis_off()
axes[0, 0].set_title("images", fontsize=9)
axes[1, 0].set_title("α of the first look", fontsize=9)
figure.tight_layout()
plt.show()

# %% [markdown]
# ## 5. The recurrent cell, step by step
#
# Each glimpse makes a vector $x_t$ of what the windows show and of where they were; the
# LSTM's state $h_t$ keeps what was seen; and from the state follows where to go next:
#
# $$x_t = \mathrm{relu}\big(W_x \,\mathrm{relu}(\mathrm{conv}(\rho(I, l_t))) + W_l\, l_t + b\big),
# \qquad h_t = \mathrm{LSTM}(x_t, h_{t-1})$$
# $$l_{t+1} = l_t + \delta \tanh(W_m h_t + b_m), \qquad p = \mathrm{softmax}(W h_T + b)$$
#
# The same weights at every glimpse, as in every recurrent network. Let us do it by hand.


# %%
def by_hand(images):
    """Locations and probabilities, by the equations."""
    images = images.astype("float32") / 255
    location, content, _ = model.first_look(images)
    states = [bridge(content) for bridge in model.bridges]  # h_0 and c_0
    h, locations = None, []
    for _ in range(model.glimpses):
        if h is not None:
            location = location + model.max_move * tf.tanh(model.move(h))
            location = tf.clip_by_value(location, -1, 1)
        strokes = model.strokes(model.sensor(images, location))
        strokes = tf.reshape(strokes, (len(images), -1))
        x = tf.nn.relu(model.what(strokes) + model.where(location))  # (B, D)
        h, states = model.cells[0](x, states)  # (B, U)
        locations.append(location)
    return np.stack(locations, axis=1), tf.nn.softmax(model.classes(h)).numpy()


few = test.images[:50]
locations, probabilities = by_hand(few)
compare("locations", locations, model.look(few).locations)
compare("probabilities", probabilities, model.look(few).probabilities[:, -1])

# %% [markdown]
# ## 6. Where it looks
#
# The frames are the windows, blue the first and orange the last; beside each image is what
# the windows show, and above them what the model would say after that glimpse.

# %%
found = looks.probabilities[:, -1].argmax(axis=1)
wrong = np.flatnonzero(found != test.labels)[:2]
rows = [*np.flatnonzero(found == test.labels)[:4], *wrong]
names = [test.label_names[n] for n in test.labels[rows]]
path = glimpses_figure(model, test.images[rows], names, folder / "glimpses.png")
figure, axis = plt.subplots(figsize=(8.5, 7))
axis.imshow(plt.imread(path))
axis.set_axis_off()
figure.tight_layout()
plt.show()

# %% [markdown]
# The place was never told. Is it right? The data set knows where the digit is, so we can
# measure how far from its middle each glimpse is.

# %%
pixels = (looks.locations + 1) / 2 * 100  # (B, T, 2)
away = np.hypot(*np.moveaxis(pixels - middles[:, None], -1, 0))  # (B, T)
for step in range(model.glimpses):
    right = (looks.probabilities[:, step].argmax(axis=1) == test.labels).mean()
    print(
        f"glimpse {step + 1}: {np.median(away[:, step]):4.1f} pixels from the digit's "
        f"middle, {right:.1%} right if it stopped here"
    )

# %% [markdown]
# ## 7. What each glimpse is good for
#
# The last line is what the model was trained to say. After the first glimpse it has no
# practice in answering, so its answers there are worse than those of a model that has
# learned to stop there: `benchmarks/glimpses.py` trains such a one, too.
#
# What of the places? The control is to look somewhere else: the same weights, and the
# windows of another image's places.

# %%
somewhere = np.roll(looks.locations, 1, axis=0)
images = test.images / np.float32(255)
_, content, _ = model.first_look(images)
states = [bridge(content) for bridge in model.bridges]
for step in range(model.glimpses):
    at = somewhere[:, step]
    strokes = tf.reshape(model.strokes(model.sensor(images, at)), (len(test), -1))
    x = tf.nn.relu(model.what(strokes) + model.where(at))
    h, states = model.cells[0](x, states)
lost = (model.classes(h).numpy().argmax(axis=1) == test.labels).mean()
kept = (found == test.labels).mean()
print(f"The places make the difference: {kept:.1%} right, {lost:.1%} at other places")

# %% [markdown]
# ## 8. What it cannot do
#
# It always names a digit, and of two it names one.

# %%
empty = np.zeros((1, 100, 100, 1), "uint8")
two = np.maximum(test.images[:1], test.images[1:2])
for name, canvas in (("empty canvas", empty), ("two digits", two)):
    probability = model.look(canvas).probabilities[0, -1]
    print(f"{name}: {probability.argmax()}, sure to {probability.max():.0%}")

# %% [markdown]
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/10_glimpses.py`.
#
# 1. The row and column of the pixel at the middle of a glimpse, whole numbers, for a location
#    from −1 to 1, (row, column), of an image so high and so wide.

# %%
from exercises import check


def pixel_of(location, height, width):
    return ...


check("10_glimpses", pixel_of=pixel_of)

# %% [markdown]
# 2. How many multiplications does a hidden layer of 48 units take for a canvas of side `n`,
#    and how many the convolution on a window of side `n`, with 3 × 3 pixels, every other
#    place, two scales and 16 filters, without padding? Fill in both.


# %%
def of_hidden_layer(n):
    return ...


def of_window(n):
    return ...


check("10_glimpses", of_hidden_layer=of_hidden_layer, of_window=of_window)

# %% [markdown]
# 3. Why does the model begin with a first look? The share of digits, 28 × 28, at `corners`
#    (N, 2) of a canvas of 100 × 100 that do not touch a window of `side` pixels in its
#    middle.


# %%
def sees_nothing(corners, side):
    return ...


check("10_glimpses", sees_nothing=sees_nothing)

# %% [markdown]
# ## Where to go from here
#
# `kerasrnn train glimpse-digits` trains the model of this page; `--data my_pictures`, with a
# folder of files for each class, one of your own. `benchmarks/glimpses.py` trains
# networks that cost as much, and places that are learned by REINFORCE.
#
# **References.** Mnih, Heess, Graves and Kavukcuoglu 2014, *Recurrent Models of Visual
# Attention*. Ba, Mnih and Kavukcuoglu 2015, *Multiple Object Recognition with Visual
# Attention* (the small image that says where to look first). Gregor and others 2015, *DRAW*
# (windows that are learned by the gradient). Jaderberg and others 2015, *Spatial Transformer
# Networks* (the gradient of the interpolation).
