"""Is it worth it to look at a large image through a few windows?

    python benchmarks/glimpses.py peers|variants [--keep runs/glimpses] [--write README]

Two tables. `peers`: networks that take about as many multiplications an image as the
recipe `glimpse-digits`. `variants`: the recipe with one glimpse, and with places that
are drawn and learned by REINFORCE. All are trained as the recipe is: the same fresh
canvases in every epoch, the same optimizer, schedule, batches and epochs, three seeds,
the weights of the last epoch. The recipe itself, a row of both, is read from its
`results.json`. What was trained is kept in a folder, where another call goes on.

Multiplications are counted in the graph that TensorFlow makes of a model: those of
matrix products and convolutions, and of what is multiplied, divided or averaged element
by element.
"""

import argparse
import json
import math
import pathlib
import statistics

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from timing import Report

from kerasrnn.catalogue import load_recipe
from kerasrnn.training.glimpses.image_classification import ImageClassification
from kerasrnn.training.recipe_optimizer import recipe_optimizer
from kerasrnn.zoo import GlimpseClassifier

RECIPE = "glimpse-digits"
SIDE = 100
# Standard deviation of a place that is drawn, and the weight of its reward.
SPREAD, REWARD = 0.1, 0.03


def convolution(filters, size, stride=2):
    return layers.Conv2D(
        filters, size, strides=stride, padding="same", activation="relu"
    )


def network(*between):
    """A network of layers between pixels, 0 to 255, and ten classes."""
    ends = [keras.Input((SIDE, SIDE, 1)), layers.Rescaling(1 / 255)]
    return keras.Sequential([*ends, *between, layers.Dense(10)])


def one_to_one():
    """Pixels in, classes out: the fixed-size network of the lectures."""
    return network(layers.Flatten(), layers.Dense(48, activation="relu"))


def one_to_one_small_image():
    return network(
        layers.AveragePooling2D(4),
        layers.Flatten(),
        layers.Dense(448, activation="relu"),
        layers.Dense(448, activation="relu"),
    )


def convolutional():
    return network(
        layers.AveragePooling2D(2),
        convolution(8, 5),
        convolution(12, 3),
        convolution(16, 5),
        layers.GlobalMaxPooling2D(),
    )


def convolutional_flat():
    return network(
        layers.AveragePooling2D(2),
        convolution(10, 5),
        convolution(18, 3),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
    )


def variant(**changes):
    """The recipe's model with other arguments."""
    return lambda: GlimpseClassifier(
        (SIDE, SIDE, 1), **{**load_recipe(RECIPE).config["model"], **changes}
    )


class Reinforced(GlimpseClassifier):
    """Draws where to look, and learns it by REINFORCE with a baseline.

    l_t ~ N(m_t, σ²),   loss = −ln p(y) − λ Σ_t (R − b_t) ln N(l_t; m_t, σ²)
          + Σ_t (R − b_t)² / T

    m_t is where the recipe's model would look, and nothing is learned through the
    interpolation between pixels. R is 1 for a right answer.

    Reference: Mnih et al. 2014, "Recurrent Models of Visual Attention", section 3.2.
    """

    def build(self, input_shape=None):
        self.baseline = layers.Dense(1, name="baseline")
        self.baseline.build((None, self.units))
        super().build(input_shape)

    def call(self, images, training=False):
        means = []

        def draw(mean):
            means.append(mean)
            noise = SPREAD * keras.random.normal(ops.shape(mean)) if training else 0.0
            return ops.stop_gradient(mean + noise)

        locations, _, outputs, _ = self._glimpse(images, training, draw)
        away = ops.stack(locations, axis=1) - ops.stack(means, axis=1)  # (B, T, 2)
        self.log_density = -ops.sum(away**2, axis=-1) / (2 * SPREAD**2)  # (B, T)
        seen = ops.stop_gradient(ops.stack(outputs, axis=1))
        self.expected = self.baseline(seen)[..., 0]  # (B, T)
        return self._class(outputs[-1], training)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        best = ops.cast(ops.argmax(y_pred, axis=-1), y.dtype)
        reward = ops.cast(ops.equal(best, y), "float32")[:, None]
        surprise = reward - self.expected
        told = ops.sum(ops.stop_gradient(surprise) * self.log_density, axis=-1)
        return loss - REWARD * ops.mean(told) + ops.mean(surprise**2)


def reinforced():
    return Reinforced((SIDE, SIDE, 1), **load_recipe(RECIPE).config["model"])


# The label of the recipe's own row.
GLIMPSES = "three glimpses, the recipe"
TABLES = {
    "peers": {
        "feed-forward, every pixel": one_to_one,
        "feed-forward, means of 4 × 4 pixels": one_to_one_small_image,
        "convolutional, then flat": convolutional_flat,
        "convolutional, maximum over places": convolutional,
        GLIMPSES: variant(),
    },
    "variants": {
        "one glimpse": variant(glimpses=1),
        "three glimpses, places by REINFORCE": reinforced,
        GLIMPSES: variant(),
    },
}


def multiplications(model) -> int:
    """How many a model takes for one image."""
    function = tf.function(lambda images: model(images, training=False))
    shape = (1, SIDE, SIDE, 1)
    graph = function.get_concrete_function(tf.TensorSpec(shape)).graph
    return sum(map(multiplications_of, graph.get_operations()))


def multiplications_of(operation) -> int:
    """Of one operation of a graph whose shapes are all known."""
    kind = operation.type
    assert kind not in ("Einsum", "While", "PartitionedCall", "Conv3D"), kind
    size = math.prod(operation.outputs[0].shape) if operation.outputs else 0
    if kind == "MatMul":
        turned = operation.get_attr("transpose_a")
        return size * operation.inputs[0].shape[0 if turned else 1]
    if kind == "BatchMatMulV2":
        turned = operation.get_attr("adj_x")
        return size * operation.inputs[0].shape[-2 if turned else -1]
    if kind == "Conv2D":
        return size * math.prod(operation.inputs[1].shape[:3])
    each = ("Mul", "RealDiv", "Mean", "AvgPool", "Square", "Softmax")
    return size if kind in each else 0


def trained(build, task, seed, epochs):
    """Test accuracy of a model that was trained as the recipe's."""
    keras.utils.set_random_seed(seed)
    model = build()
    data = task.fit_data(model)
    training = {**task.config["training"], "epochs": epochs}
    steps = len(data.order(seed, 0))
    model.compile(
        recipe_optimizer(training, steps),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    for epoch in range(epochs):
        model.fit(data.dataset(data.order(seed, epoch)), verbose=0, shuffle=False)
    test = task.splits["test"]
    logits = model.predict(test.images, batch_size=256, verbose=0)
    return float(np.mean(logits.argmax(axis=1) == test.labels))


def of_recipe():
    """Test accuracies of the recipe's seeds."""
    runs = load_recipe(RECIPE).results["runs"]
    return {str(run["seed"]): run["metrics"]["test_accuracy"] for run in runs}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=[*TABLES])
    parser.add_argument("--keep", default="runs/glimpses", help="folder of results")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, help="in place of the recipe's")
    parser.add_argument("--write", help="README to put the table into")
    options = parser.parse_args()
    models = TABLES[options.table]
    config = load_recipe(RECIPE).config
    epochs = options.epochs or config["training"]["epochs"]
    kept = pathlib.Path(options.keep, f"{epochs}-epochs.json")
    kept.parent.mkdir(parents=True, exist_ok=True)
    found = json.loads(kept.read_text()) if kept.exists() else {}
    if epochs == config["training"]["epochs"]:
        found[GLIMPSES] = of_recipe()
    task = None
    for seed in options.seeds:
        for name, build in models.items():
            if str(seed) in found.setdefault(name, {}):
                continue
            task = task or ImageClassification(config)
            found[name][str(seed)] = trained(build, task, seed, epochs)
            print(f"{name}, seed {seed}: {found[name][str(seed)]:.1%}", flush=True)
            kept.write_text(json.dumps(found, indent=2) + "\n")
    report = Report(f"glimpses_{options.table}", options.write)
    report.machine()
    print_table(report, models, found)
    report.close()


def print_table(report, models, found):
    """A row for each model: what it costs, and how good it is."""
    heads = ["model", "multiplications", "parameters", "test accuracy", "seeds"]
    report.head(heads)
    for name, build in models.items():
        model = build()
        values = [*found[name].values()]
        text = f"{statistics.fmean(values):.1%}"
        if len(values) > 1:
            text += f" ± {statistics.stdev(values):.1%}"
        cost = f"{multiplications(model):,}"
        report.row([name, cost, f"{model.count_params():,}", text, str(len(values))])


if __name__ == "__main__":
    main()
