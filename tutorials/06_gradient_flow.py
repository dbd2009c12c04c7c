# %% [markdown]
# # 6. How gradients flow
#
# To learn from what happened long ago, an error has to travel back through every step in
# between. On its way it is multiplied by a matrix at each of them, and a product of many
# factors does one of two things: it dies out, or it blows up. This page shows
#
# 1. the equations of back-propagation through time (BPTT), worked by hand,
# 2. the product of Jacobians, and what it does to a gradient,
# 3. the largest singular value below, at and above 1,
# 4. exploding gradients, the cliff that they come from, and clipping,
# 5. vanishing gradients, and why they are the worse of the two,
# 6. why the cell state of an LSTM helps, and what its forget bias is for,
# 7. the whole story in one figure: SimpleRNN, LSTM and GRU,
# 8. truncated back-propagation (truncated BPTT): what is lost at the end of a chunk.
#
# The shape letters are those of the whole library: **B** batch, **T** steps, **D**
# features, **U** units. You should know what [tutorial 1](01_recurrent_layers.ipynb) says
# of layers, states and gates.
#
# To run it: in a clone of the repository `pip install '.[plot,train]'`, then this notebook,
# or the `.py` file beside it. The drawings come from `drawing.py` and
# `drawing_gradients.py`; you need not read them.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib
import tempfile

import drawing
import drawing_gradients
import keras
import numpy as np
import tensorflow as tf

from kerasrnn import layers
from kerasrnn.inspection import gradient_flow, set_largest_singular_value

SMALL = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"  # for a quick look
tf.get_logger().setLevel("ERROR")
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp())  # for what this page writes

# %% [markdown]
# ## 1. Back-propagation through time
#
# Lay a recurrent layer out over its steps: it is *unrolled*, and its computational graph is
# that of an ordinary deep network, whose layers happen to share their weights. So ordinary
# back-propagation works on it, and is called **back-propagation through time**. Forward:
#
# $$a_t = x_t W + h_{t-1} U + b, \qquad h_t = \tanh(a_t)$$
#
# Take a loss $L$ of the last state alone, and write $\delta_t = \partial L / \partial h_t$
# for what arrives at the state of step $t$. Backward, from the last step to the first:
#
# $$\begin{aligned}
# \partial L / \partial a_t &= \delta_t \odot (1 - h_t^2) \\
# \delta_{t-1} &= (\partial L / \partial a_t)\, U^\top
# \end{aligned}$$
#
# (A loss at every step would add its own part to $\delta_t$, and change nothing else.) The
# weights are used at every step, so their gradients are sums over all steps:
#
# $$\frac{\partial L}{\partial W} = \sum_t x_t^\top \frac{\partial L}{\partial a_t}, \qquad
# \frac{\partial L}{\partial U} = \sum_t h_{t-1}^\top \frac{\partial L}{\partial a_t}, \qquad
# \frac{\partial L}{\partial b} = \sum_t \frac{\partial L}{\partial a_t}$$

# %%
drawing_gradients.back_through_time()


# %% [markdown]
# The same in NumPy, for a batch. The loss is half the squared distance between the last
# state and a target:


# %%
def forward(x, W, U, b):
    """The states h_0 ... h_T of x (B, T, D): (T + 1, B, U)."""
    h = [np.zeros((len(x), len(U)))]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ W + h[-1] @ U + b))
    return np.stack(h)


def backward(x, h, U, target):
    """What arrives at each state, (T, B, U), and the gradients of W, U and b."""
    steps = x.shape[1]
    delta = h[-1] - target  # ∂L/∂h_T of L = ½‖h_T − target‖²
    arrived, dW, dU, db = [], 0, 0, 0
    for t in range(steps, 0, -1):
        arrived.append(delta)
        da = delta * (1 - h[t] ** 2)
        dW = dW + x[:, t - 1].T @ da
        dU = dU + h[t - 1].T @ da
        db = db + da.sum(axis=0)
        delta = da @ U.T
    return np.stack(arrived[::-1]), (dW, dU, db)


BATCH, STEPS, FEATURES, UNITS = 8, 40, 8, 32
x = 0.1 * rng.normal(size=(BATCH, STEPS, FEATURES)).astype("float32")
target = rng.normal(size=(BATCH, UNITS)).astype("float32")

layer = layers.SimpleRNN(UNITS, return_sequences=True)
layer.build(x.shape)
W, U, b = layer.get_weights()
h = forward(x, W, U, b)
arrived, by_hand = backward(x, h, U, target)


def compare(name, ours, theirs):
    """Print the largest difference, and stop if there is a real one."""
    difference = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    print(f"{name}: largest difference {difference:.1e}")
    assert difference < 1e-4, name


with tf.GradientTape() as tape:
    last = layer(x)[:, -1]
    loss = 0.5 * tf.reduce_sum((last - target) ** 2)
for name, ours, tapes in zip(
    ("∂L/∂W", "∂L/∂U", "∂L/∂b"),
    by_hand,
    tape.gradient(loss, layer.trainable_weights),
    strict=True,
):
    compare(f"{name}, by hand and by TensorFlow", ours, tapes)

# %% [markdown]
# `gradient_flow` of `kerasrnn.inspection` measures $\lVert \delta_t \rVert$ for us, of any
# recurrent layer, and of whole models:

# %%
flow = gradient_flow(layer, (x, target))
compare(
    "‖∂L/∂h_t‖, by hand and by gradient_flow",
    np.linalg.norm(arrived, axis=-1).T,
    flow.hidden[0],
)
print("rows and steps:", flow.hidden[0].shape)

# %% [markdown]
# ## 2. A product of Jacobians
#
# From one step to the one before it, $\delta$ is multiplied by a matrix, the Jacobian of
# the step. Over many steps by the product of them:
#
# $$\delta_t = \delta_T \, J_T\, J_{T-1} \cdots J_{t+1}, \qquad
# J_k = \mathrm{diag}(1 - h_k^2)\, U^\top$$
#
# How much can such a matrix stretch a vector? By its largest singular value $\sigma_1$ at
# most, and by its smallest at least. The derivative of tanh is never above 1, so
#
# $$\lVert \delta_t \rVert \;\le\; \sigma_1(U)^{T-t}\; \lVert \delta_T \rVert$$
#
# which is the heart of it (Pascanu et al. 2013): **an exponential**. To see it, take two
# units and no tanh. Each arrow below is a gradient that starts at the last step with
# length 1, one for each direction. The matrix turns a bit and stretches one axis by
# $\sigma_1$, the other by $0.8\,\sigma_1$:

# %%
angle = np.deg2rad(25)
turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
matrices = {value: value * turn @ np.diag([1, 0.8]) for value in (0.8, 1.0, 1.25)}
for matrix in matrices.values():
    print(f"singular values {np.linalg.svd(matrix)[1].round(2)}", end="   ")
    print(
        f"100 steps stretch to {np.linalg.norm(np.linalg.matrix_power(matrix, 100), 2):.1e}"
    )
drawing_gradients.stretched(matrices)

# %% [markdown]
# Look at the row in the middle. Its $\sigma_1$ is 1 and it shrinks all the same: as the
# matrix turns, every direction comes to the short axis in time. So $\sigma_1 < 1$ is
# *enough* for gradients to vanish, and $\sigma_1 > 1$ is *needed* for them to explode, but
# not enough. What a power of one matrix does in the long run is up to its largest
# eigenvalue, which is never above $\sigma_1$. With tanh and inputs, the matrix is another
# one at every step, and the singular values of the product are what counts.
#
# Here they are, for the layer above with $\sigma_1(U) = 1.25$: all 32 singular values of
# the product over $1, 2, 3 …$ steps. A new SimpleRNN has an *orthogonal* recurrent kernel,
# whose singular values are all equal, and inputs that are small leave tanh nearly straight.
# A kernel of normal random numbers is different from the first step on:

# %%
print("new:", np.linalg.svd(layer.get_weights()[1])[1].round(3)[:4], "…")


def spectrum_of_product(U, h):
    """Singular values of J_T ⋯ J_{t+1} for t = T−1 ... 0, of one row: (T, U)."""
    product, found = np.eye(len(U)), []
    for state in h[:0:-1]:  # h_T ... h_1
        product = product @ (np.diag(1 - state**2) @ U.T)
        found.append(np.linalg.svd(product)[1])
    return np.stack(found)


random = rng.normal(size=(UNITS, UNITS))
kernels = {
    "orthogonal": 1.25 * U,
    "normal random numbers": 1.25 * random / np.linalg.norm(random, 2),
}
drawing_gradients.spectra(
    {
        name: spectrum_of_product(kernel, forward(x, W, kernel, b)[:, 0])
        for name, kernel in kernels.items()
    },
    bound=1.25,
)

# %% [markdown]
# The dotted line is the bound, $\sigma_1^k$, and both kernels end far below it. (Blue is
# every fourth of the other singular values.) The way back starts at the right end of the
# sequence. On the left, the last states are large, as $\sigma_1 > 1$ made them grow: tanh is
# flat for some of the units, and the singular values spread at once. Further back the states
# are small, tanh is nearly straight, and all directions grow together, as fast as the bound.
# On the right the gradient shrinks in every direction although $\sigma_1$ is the same. Some
# directions shrink much faster than others, so that few of the 32 are left in the end.
#
# ## 3. Below, at and above 1
#
# `set_largest_singular_value` scales a layer's recurrent kernel. We give the same layer
# $\sigma_1$ of 0.8, 1 and 1.25, with small inputs and with large ones, and measure:

# %%
VALUES = (0.8, 1.0, 1.25)


def mean_norm(norms):
    """The geometric mean of the rows (B, T)."""
    return np.exp(np.log(norms).mean(axis=0))


flows = {}
for size, inputs in (("small inputs", x), ("inputs ten times as large", 10 * x)):
    flows[size] = {}
    for value in VALUES:
        set_largest_singular_value(layer, value)
        norms = mean_norm(gradient_flow(layer, (inputs, target)).hidden[0])
        flows[size][value] = norms / norms[-1]
        print(
            f"{size}, σ₁ = {value}: ‖∂L/∂h_1‖ / ‖∂L/∂h_T‖ = {flows[size][value][0]:.1e}"
        )
drawing_gradients.below_at_above(flows)
assert flows["small inputs"][0.8][0] < 1e-3 < 1 < flows["small inputs"][1.25][0]
assert max(norms[0] for norms in flows["inputs ten times as large"].values()) < 0.01

# %% [markdown]
# The bound is dotted. Below 1 and with small inputs the measurement nearly follows it. At
# 1.25 the gradient does not vanish with small inputs; it would grow as fast as the bound if
# tanh were straight. With large inputs tanh is flat, $1 - h_t^2$ is well below 1, and all
# three gradients shrink, each below its bound. So nothing that one does to $U$ alone is safe:
# a value that is right for one input is wrong for another, and learning moves it anyway.
#
# ## 4. Exploding, the cliff, and clipping
#
# What is bad about a large gradient? One unit is enough to see it. Let it read nothing but
# start at ½, let it run for 50 steps, and ask for 0.7 at the end:
#
# $$h_t = \sigma(w\, h_{t-1} + b), \qquad h_0 = ½, \qquad L = (h_{50} - 0.7)^2$$


# %%
def sigmoid(a):
    """σ(a)."""
    return 1 / (1 + np.exp(-a))


def loss_and_gradient(w, b, steps=50):
    """L, ∂L/∂w and ∂L/∂b, by the chain rule along the way."""
    h, dw, db = 0.5 + 0 * w, 0 * w, 0 * w
    for _ in range(steps):
        new = sigmoid(w * h + b)
        slope = new * (1 - new)
        # Both derivatives of the new state hold those of the state before.
        h, dw, db = new, slope * (h + w * dw), slope * (1 + w * db)
    return (h - 0.7) ** 2, 2 * (h - 0.7) * dw, 2 * (h - 0.7) * db


def descend(w, b, rate, clipnorm, steps):
    """Gradient descent: the way that (w, b) takes, and the norms of the gradients."""
    way, norms = [(w, b)], []
    for _ in range(steps):
        _, dw, db = loss_and_gradient(w, b)
        norm = np.hypot(dw, db)
        scale = 1 if clipnorm is None else min(1, clipnorm / norm)
        w, b = w - rate * scale * dw, b - rate * scale * db
        way.append((w, b))
        norms.append(norm)
    return np.array(way), np.array(norms)


START = {"w": 6.0, "b": -2.6}
ways = {}
for clipnorm in (None, 0.5):
    ways[clipnorm], norms = descend(**START, rate=0.5, clipnorm=clipnorm, steps=150)
    losses = loss_and_gradient(*ways[clipnorm].T)[0]
    name = "as it is" if clipnorm is None else f"clipped to {clipnorm}"
    print(
        f"{name:15} largest gradient {norms.max():6.1f}, "
        f"loss at first {losses[0]:.3f}, at the end {losses[-1]:.3f}"
    )
drawing_gradients.cliff(loss_and_gradient, ways)

# %% [markdown]
# Most of the plane is nearly flat. Then there is a wall, where a small change of the weights
# decides which of two values the unit goes to in 50 steps. Both ways go down along the edge and
# meet the wall where its gradient is enormous. One step along it throws the weights to a
# place from which they do not come back; the clipped step only bounces off. The *direction*
# of the gradient is good, and its length is absurd. So shorten it (Pascanu et al. 2013,
# algorithm 1):
#
# $$g \leftarrow g \cdot \min\Bigl(1, \frac{c}{\lVert g \rVert}\Bigr)$$
#
# $\lVert g \rVert$ is over the gradients of *all* weights together, which is Keras's
# `global_clipnorm`. (Its `clipnorm` clips the gradient of each weight matrix by itself, and
# `clipvalue` clips each number: both change the direction.)

# %%
gradients = [
    rng.normal(size=shape).astype("float32") for shape in ((3, 4), (4, 4), (4,))
]
norm = np.sqrt(sum((g**2).sum() for g in gradients))
ours = [g * min(1, 1.0 / norm) for g in gradients]
weights = [keras.Variable(np.zeros_like(g)) for g in gradients]
keras.optimizers.SGD(1.0, global_clipnorm=1.0).apply(gradients, weights)
print(f"the norm was {norm:.2f}")
for number, (clipped, weight) in enumerate(zip(ours, weights, strict=True)):
    compare(f"weight {number}, by hand and by Keras", -clipped, weight)

# %% [markdown]
# And with a real layer. The task: the first input is −1 or 1, then comes noise, and after
# the last step the network has to say what the first input was. Nothing but memory is
# asked for.


# %%
def remember(rng, steps, count, noise):
    """Sequences (N, T, 2): what to remember, and noise; and the answers (N, 1)."""
    answers = rng.choice([-1.0, 1.0], (count, 1)).astype("float32")
    inputs = np.zeros((count, steps, 2), "float32")
    inputs[:, 0, 0] = answers[:, 0]
    inputs[:, :, 1] = noise * rng.normal(size=(count, steps))
    return inputs, answers


def learn(layer, optimizer, steps, batches, noise):
    """The loss of each batch while the layer learns to remember for so many steps."""
    model = keras.Sequential([keras.Input((steps, 2)), layer, keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    kept, rng = [], np.random.default_rng(1)
    for _ in range(batches):
        model.reset_metrics()  # or the loss is a mean over all batches so far
        kept.append(float(model.train_on_batch(*remember(rng, steps, 32, noise))))
    return np.array(kept)


def exploding_layer():
    """A SimpleRNN with a largest singular value of 1.25."""
    keras.utils.set_random_seed(1)
    layer = layers.SimpleRNN(UNITS)
    layer.build((None, None, 2))
    return set_largest_singular_value(layer, 1.25)


curves = {}
for name, clipnorm in (("clipped to 1", 1.0), ("as it is", None)):
    layer = exploding_layer()
    optimizer = keras.optimizers.SGD(0.1, global_clipnorm=clipnorm)
    losses = learn(layer, optimizer, steps=30, batches=100 if SMALL else 300, noise=0.1)
    curves[name] = losses
    highest = losses[np.isfinite(losses)].max()
    print(f"{name:13} highest loss {highest:.1e}, the last {losses[-1]:.1e}")
drawing_gradients.learning({"SimpleRNN, σ₁ = 1.25 at first, 30 steps to wait": curves})
assert not np.isfinite(curves["as it is"][-1])
if not SMALL:
    assert curves["clipped to 1"][-20:].mean() < 0.01

# %% [markdown]
# The two begin with the same weights, and have the same data and the same learning rate. The
# orange line ends where the loss is above $10^8$. It went on to grow, and in the end it was
# "not a number" (`nan`), from which no training comes back. Clipping costs one argument, and
# the recipes of this library train their recurrent networks with it.
#
# ## 5. Vanishing
#
# Exploding is loud; vanishing is silent. Nothing diverges, the loss goes down, and what the
# network does not learn is what is far apart. Add up the gradient of a weight over time,
# as in section 1: the terms of the last few steps are nearly all of the sum. The others are
# not zero, but too small to matter.
#
# The same task, with more and more steps to wait, and with louder noise, which leaves tanh
# flat. The SimpleRNNs are new ones as they come. Whoever says 0 each time has a loss of 1.
# Adam scales the step of each weight by itself, so the *size* of the whole gradient is not
# the reason:

# %%
curves = {}
for steps in (10, 20, 100):
    keras.utils.set_random_seed(1)
    optimizer = keras.optimizers.Adam(3e-3, global_clipnorm=1.0)
    batches = 100 if SMALL else 300
    new = layers.SimpleRNN(UNITS)
    curves[f"{steps} steps"] = learn(new, optimizer, steps, batches, noise=1.0)
for name, losses in curves.items():
    print(f"{name:9} loss of the last 20 batches {losses[-20:].mean():.4f}")
drawing_gradients.learning({"how long can a SimpleRNN wait?": curves})
if not SMALL:
    assert max(curves[f"{steps} steps"][-20:].mean() for steps in (10, 20)) < 0.01
assert curves["100 steps"][-20:].mean() > 0.9

# %% [markdown]
# So a SimpleRNN *can* keep something: 20 steps are no trouble. But 100 steps are not learned
# more slowly than 20, they are not learned at all. The loss stays at 1, and nothing in it
# says that there is anything to find.
#
# ## 6. Why the cell state helps
#
# Hochreiter and Schmidhuber (1997) asked for a state whose Jacobian is 1, and found the
# *constant error carousel*: a state that changes by addition. With the forget gate, which
# came a little later, the cell state of an LSTM is
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot \tilde c_t, \qquad
# \frac{\partial c_t}{\partial c_{t-1}} = \mathrm{diag}(f_t) + (\text{ways through } h)$$
#
# No matrix, no tanh: along $c$ the gradient of each unit is multiplied by its own forget
# gate and by nothing else. Over $k$ steps that is $\prod f$. If $f$ is 1, a unit keeps the
# gradient for ever; and the network can learn, for each unit and each step, what $f$ should
# be. The ways through $h$ are those of a SimpleRNN, with its troubles.
#
# A new network has not learned that yet. Its gates are at $f \approx \sigma(b_f)$, where
# $b_f$ is the forget bias:

# %%
print("forget bias   f = σ(b)   steps until 1 % is left")
for bias in (0.0, 1.0, 3.0, 6.0):
    f = sigmoid(bias)
    print(f"{bias:11.0f}{f:11.4f}{np.log(0.01) / np.log(f):16.0f}")

# %% [markdown]
# With a bias of 0 a new LSTM forgets in a few steps, and the error that could teach it to
# open its gates does not arrive. So one starts with the gates open: a bias of 1 or more
# (Gers et al. 2000). In the large comparison of Jozefowicz et al. (2015) a bias of 1 brought
# the LSTM level with the GRU. `unit_forget_bias=True` does it, and is the default. Measured
# along the cell state, with the prediction $\sigma(b)^k$ dotted:

# %%
KEEPING_GATE = {
    "LSTM": 1,
    "GRU": 0,
}  # the forget gate's place among i, f, c, o; z, r, h


def with_gate(name, bias, features=2):
    """An LSTM or GRU whose gate that keeps the state starts with the given bias."""
    layer = {"LSTM": layers.LSTM, "GRU": layers.GRU}[name](UNITS)
    layer.build((None, None, features))
    W, U, b = layer.get_weights()
    gate = slice(KEEPING_GATE[name] * UNITS, (KEEPING_GATE[name] + 1) * UNITS)
    np.atleast_2d(b)[0, gate] = bias
    layer.set_weights([W, U, b])
    return layer


kept = {}
for bias in (0.0, 1.0, 3.0, 6.0):
    lstm = with_gate("LSTM", bias, FEATURES)
    norms = mean_norm(gradient_flow(lstm, (x, target)).cell[0])
    kept[bias] = norms / norms[-1]
drawing_gradients.kept_by_gate(kept, {bias: sigmoid(bias) for bias in kept})

# %% [markdown]
# The measurement is above the prediction where the ways through $h$ add to it; with open
# gates they may even make it grow, and clipping is still needed. A GRU has no cell state,
# but its update gate $z$ does the same: $h_t = z \odot h_{t-1} + (1 - z) \odot \tilde h$.
# Its bias starts at 0.
#
# Does it matter for learning? The task of section 5 again:

# %%
MAKE = {
    "SimpleRNN": lambda: layers.SimpleRNN(UNITS),
    "LSTM, bias 0": lambda: with_gate("LSTM", 0.0),
    "LSTM, bias 1": lambda: with_gate("LSTM", 1.0),
    "LSTM, bias 5": lambda: with_gate("LSTM", 5.0),
}
panels = {}
for steps in (20, 100):
    panels[f"{steps} steps to wait"] = curves = {}
    for name, make in MAKE.items():
        keras.utils.set_random_seed(1)
        optimizer = keras.optimizers.Adam(3e-3, global_clipnorm=1.0)
        batches = 200 if SMALL else 400
        curves[name] = learn(make(), optimizer, steps, batches, noise=1.0)
        end = curves[name][-20:].mean()
        print(f"{steps:3} steps, {name:13} loss of the last 20 batches {end:.4f}")
drawing_gradients.learning(panels)
if not SMALL:
    ends = {
        title: {name: losses[-20:].mean() for name, losses in of_panel.items()}
        for title, of_panel in panels.items()
    }
    assert max(ends["20 steps to wait"].values()) < 0.01
    assert ends["100 steps to wait"].pop("LSTM, bias 5") < 0.01
    assert min(ends["100 steps to wait"].values()) > 0.9

# %% [markdown]
# It is the same LSTM with the same number of weights each time, and only the start of the
# forget bias differs. After 20 steps all four know the answer, and the LSTM with a bias of 0
# finds it last: for more than 200 batches it learns nothing. After 100 steps only the one
# with a bias of 5 does. Mind that the default, a bias of 1, fails there as the SimpleRNN
# does: an LSTM *can* keep something over 100 steps, but in so few batches it does so only
# from a good start. If your data has long dependencies and you know about how long, say so
# in the bias: $f = \sigma(b)$ has a memory of about $1 / (1 - f)$ steps.
#
# ## 7. The story in one figure
#
# `gradient_flow_study` measures all of this with one call, on layers that differ in nothing
# but their kind: above, the three cells with their largest singular value below, at and
# above 1 (each gate's own, for LSTM and GRU); below, what an open gate keeps, of a GRU as
# well, and both sides of clipping.

# %%
from kerasrnn.inspection import gradient_flow_figure, gradient_flow_study

study = gradient_flow_study(steps=40 if SMALL else 100, training_steps=100)
for cell, value in study.flows:
    first, last = study.flows[cell, value][[0, -1]]
    print(f"{cell:10} σ₁ = {value:<4g} ‖∂L/∂h_1‖ / ‖∂L/∂h_T‖ = {first / last:.0e}")
drawing.page(
    gradient_flow_figure(study, folder / "gradient_flow.png"), photographs=False
)

# %% [markdown]
# What is below $10^{-12}$ is left out. With a large $\sigma_1$ the LSTM and the GRU do not
# explode as the SimpleRNN does. But they are no cure as they come: a new GRU, whose update
# gate is half open, forgets faster than a SimpleRNN with $\sigma_1 = 1$, and a new LSTM
# forgets too. What sets them apart is below on the left: each unit has a gate, and where the
# gate is open (bias 3 or 6) the gradient stays.
#
# ## 8. Truncated back-propagation
#
# A text of a million characters is a network of a million layers. Nobody goes back through
# all of it: the text is cut into chunks, the *state* goes on from chunk to chunk, the
# *gradient* ends where its chunk begins ([tutorial 4](04_character_language_model.ipynb)).
# How much of the gradient is lost?

# %%
drawing.truncated()

# %% [markdown]
# That depends on how far back it would have come. We ask a language model that has learned:
# the zoo's, where its preset came with the package, else a small one that we train here.

# %%
from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_documents
from kerasrnn.text import CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel

NAME = "chars-shakespeare"
play = load_documents("shakespeare_plays", "test")[-1]
if NAME in CharLanguageModel.presets:
    model = CharLanguageModel.from_preset(NAME)
    print(f"the preset {NAME}: {model.count_params():,} parameters,", end=" ")
    print(load_recipe(NAME).score)
else:
    documents = load_documents("shakespeare_plays", "train")
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(documents)
    model = CharLanguageModel(preprocessor=tokenizer, num_layers=1, units=128)
    model.compile(keras.optimizers.Adam(8e-3, global_clipnorm=1.0))
    model.fit(
        [document[:20_000] for document in documents[: 12 if SMALL else 30]],
        batch_size=16,
        epochs=2 if SMALL else 4,
        verbose=0,
    )
    print("a small model, trained here")
bits = model.evaluate(play[:20_000], verbose=0)["bits_per_character"]
print(f"{model.num_layers} × {model.units} units, {bits:.2f} bits per character here")

# %% [markdown]
# Eight passages of 200 characters that it has not seen. The loss is that of the last
# character alone; what arrives how far back?

# %%
ROWS, LENGTH = 8, 200
starts = np.linspace(0, len(play) - LENGTH - 1, ROWS).astype(int)
ids = np.stack(
    [model.preprocessor.encode(play[s : s + LENGTH + 1]) for s in starts]
).astype("int32")  # (B, T + 1)
inputs, targets = ids[:, :-1], ids[:, 1:]

flow = gradient_flow(model, (inputs, targets))
back = {
    f"layer {number}, {name}": mean_norm(norms)[::-1]
    for number, layer_norms in enumerate(zip(flow.hidden, flow.cell, strict=True))
    for name, norms in zip(("h", "c"), layer_norms, strict=True)
    if norms is not None
}
for name, norms in back.items():
    shares = np.cumsum(norms) / norms.sum()
    print(
        f"{name}: half of all gradient in the last {np.argmax(shares >= 0.5) + 1} steps,",
        end=" ",
    )
    print(f"99 % in the last {np.argmax(shares >= 0.99) + 1}")
drawing_gradients.how_far_back(back, chunk=100)

# %% [markdown]
# And the gradient that an optimizer gets? We cut the same passages into chunks of 5, 10 …
# characters, carry the state, add up the gradients of all chunks, and compare with the
# gradient of the whole: the cosine of the angle between them is 1 if they point the same
# way.


# %%
def weight_gradient(chunk):
    """The gradient of all recurrent weights, cut after every so many characters."""
    weights = [v for layer in model.recurrent_layers for v in layer.trainable_weights]
    states, total = model.initial_states(ROWS), 0
    for start in range(0, LENGTH, chunk):
        part = slice(start, start + chunk)
        with tf.GradientTape() as tape:
            # States of the chunk before come from outside of this tape: constants.
            logits, states = model.run(inputs[:, part], states)
            losses = keras.losses.sparse_categorical_crossentropy(
                targets[:, part], logits, from_logits=True
            )
            loss = tf.reduce_sum(losses)
        gradients = tape.gradient(loss, weights)
        total = total + np.concatenate([np.ravel(g) for g in gradients])
    return total


whole = weight_gradient(LENGTH)
cosines = {}
for chunk in (1, 2, 5, 10, 20, 50, 100, 200):
    found = weight_gradient(chunk)
    cosines[chunk] = found @ whole / np.linalg.norm(found) / np.linalg.norm(whole)
    print(f"chunks of {chunk:3}: cosine {cosines[chunk]:.3f}")
assert cosines[1] < cosines[100] <= cosines[200] < 1.001
if not SMALL:
    assert cosines[100] > 0.95
print("Chunks of 100 characters point where the whole gradient points, nearly")

# %% [markdown]
# Chunks of 100 lose little, because little of the gradient comes from further back. But mind
# what follows from it. What is further back than a chunk can be *used*, because the state is
# carried, and it is not *learned from*: a cell that tracks something for longer than that has
# generalised from shorter cases. [Tutorial 5](05_inside_the_cells.ipynb) looks for such cells.
#
# ## Exercises
#
# Each has a check, which says "right" or stops with a hint. Write your answer in the place of
# the dots; one of ours is in `solutions/06_gradient_flow.py`.
#
# 1. Back-propagation by hand, with a loss at *every* step,
#    $L = \sum_t ½ \lVert h_t - y \rVert^2$: for `x` (B, T, D), the states `h` (T + 1, B, U) from
#    $h_0$ on and a target `y` (B, U), the gradients of W, U and b.

# %%
from exercises import check


def bptt(x, h, U, y):
    delta, dW, dU, db = 0, 0, 0, 0
    for t in range(x.shape[1], 0, -1):
        delta = ...  # what arrives from the step after, and the loss of this step
        da = ...
        dW = ...
        dU = ...
        db = ...
        delta = ...
    return dW, dU, db


check("06_gradient_flow", bptt=bptt)

# %% [markdown]
# 2. A matrix, 2 × 2, whose largest singular value is 2 or more, and whose powers go to zero.

# %%
matrix = ...

check("06_gradient_flow", matrix=matrix)

# %% [markdown]
# 3. Clip by the norm of all gradients together, a list of arrays, to `c`.


# %%
def clip(gradients, c):
    return ...


check("06_gradient_flow", clip=clip)

# %% [markdown]
# 4. With which forget bias is one hundredth of the cell state left after `steps` steps, if
#    nothing but the bias moves the gate?


# %%
def forget_bias(steps):
    return ...


check("06_gradient_flow", forget_bias=forget_bias)

# %% [markdown]
# Without a check:
#
# 5. In section 1, add a loss at every step, $L = \sum_t ½ \lVert h_t - y \rVert^2$, to
#    `backward`, and check it against `gradient_flow(layer, (x, y), loss_step=None)`.
# 6. In section 2, make `turn` a turn by 0 degrees. Which row changes its fate, and which
#    singular value decides now? Find a matrix with $\sigma_1 = 2$ whose powers go to zero.
#    (*Hint: two eigenvalues of ½, and a large number off the diagonal.*)
# 7. In section 3, give the layer `activation="relu"`. What follows the bound now, and what
#    does it do at 1.25 with large inputs?
# 8. In section 4, clip to 0.1 and to 5. Then clip each of the two derivatives by itself, as
#    Keras's `clipvalue` does. Which way does it take?
# 9. In section 5, remember for 100 steps with $U$ started as the identity and
#    `activation="relu"` (Le et al. 2015). What is its Jacobian at the start?
# 10. In section 6, put a GRU with an update bias of 5 into the race. And an LSTM with a
#    forget bias of 5 whose *input* gate is open as well (bias 5): why is that no good?
# 11. In section 6, keep the layer of "LSTM, bias 1", 20 steps, and measure `gradient_flow`
#    of it before and after it has learned. Is the forget gate more open or less?
#    (`layer.cell.bias` says half of it.)
# 12. In section 8, put `gradient_flow(untrained_copy(model), (inputs, targets))` beside the
#    trained one (`kerasrnn.inspection.untrained_copy`). Has learning made the gradient reach
#    further back?
# 13. Train the small model of section 8 with `chunk=5` and with `chunk=100`, the same number
#    of *characters* each. How many bits does truncation cost, and what do the five-character
#    words of the one look like beside those of the other?
#
# ## References
#
# Hochreiter, S. and Schmidhuber, J. (1997), Long short-term memory. Gers, F., Schmidhuber,
# J. and Cummins, F. (2000), Learning to forget. Pascanu, R., Mikolov, T. and Bengio, Y.
# (2013), On the difficulty of training recurrent neural networks. Jozefowicz, R., Zaremba,
# W. and Sutskever, I. (2015), An empirical exploration of recurrent network architectures.
# Le, Q., Jaitly, N. and Hinton, G. (2015), A simple way to initialize recurrent networks of
# rectified linear units.
