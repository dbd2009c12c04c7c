"""How many steps a second does a whole model train, in `model.fit`?

    python benchmarks/sentiment_fit.py [--epochs 5]

The model, optimizer and batches of the recipe `sentiment-movies`; beside it the same
model with the recurrent layers of keras.layers, from the same weights. The two train an
epoch each in turn; the first epoch, in which they are traced, is not counted.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from timing import Report, judged, medians, milliseconds, number, parser, take_turns

from kerasrnn.text import WordTokenizer
from kerasrnn.training.batch_order import batch_order
from kerasrnn.training.sentiment.text_classification import build_model, load_splits
from kerasrnn.zoo import SentimentClassifier, load_recipe

RECIPE = "sentiment-movies"
LEAST = 1.8  # times the steps a second


class OfKerasLayers(SentimentClassifier):
    """The same model with the recurrent layers of keras.layers."""

    def build(self, input_shape=None):
        options = {"return_sequences": True, "dtype": self.dtype_policy}
        for reader in self.readers:
            reader.recurrent_layers = [
                keras.layers.Bidirectional(
                    keras.layers.LSTM(self.units, **options), dtype=self.dtype_policy
                )
                for _ in range(self.num_layers)
            ]
        super().build(input_shape)

    def take_weights(self, other):
        """Those of a `SentimentClassifier` of the same sizes, layer by layer."""
        names = ("embedding", "pool", "classes")
        for reader, of_other in zip(self.readers, other.readers, strict=True):
            pairs = [(getattr(reader, name), getattr(of_other, name)) for name in names]
            pairs += zip(
                reader.recurrent_layers, of_other.recurrent_layers, strict=True
            )
            for layer, peer in pairs:
                layer.set_weights(peer.get_weights())


def both_models(config, examples):
    tokenizer = WordTokenizer(**config["preprocessor"])
    tokenizer.adapt(list(examples.texts))
    ours = build_model(config, examples, tokenizer, seed=1)
    theirs = OfKerasLayers.from_config(ours.get_config())
    theirs.take_weights(ours)
    ids = tokenizer(examples.texts[:32])
    np.testing.assert_allclose(theirs(ids), ours(ids), atol=1e-5)
    optimizer = keras.optimizers.serialize(ours.optimizer)
    theirs.compile(
        optimizer=keras.optimizers.deserialize(optimizer),
        loss=ours.loss,
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return {"ours": ours, "keras": theirs}


def batches(model, examples, batch_size):
    """One epoch's token ids, targets and weights, in the recipe's order."""
    ids = np.asarray(model.preprocess(list(examples.texts)))
    order = np.concatenate(
        batch_order(
            np.count_nonzero(ids, axis=1), batch_size=batch_size, seed=1, epoch=0
        )
    )

    def trim(ids, targets, weights):
        steps = tf.reduce_max(tf.math.count_nonzero(ids, axis=1))
        return ids[:, : tf.maximum(steps, 1)], targets, weights

    columns = (ids[order], examples.targets[order], examples.weights[order])
    data = tf.data.Dataset.from_tensor_slices(columns).batch(batch_size).map(trim)
    # Where tf.data tunes itself, an epoch may end only when its tuner next wakes, up to
    # seconds later.
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.prefetch(2).with_options(options)


def main():
    options = parser(__doc__, runs=5)
    arguments = options.parse_args()
    config = load_recipe(RECIPE).config
    examples = load_splits(config["data"])["train"]
    models = both_models(config, examples)
    data = batches(models["ours"], examples, config["training"]["batch_size"])
    steps = len(data)

    def fit(model):
        def epochs(repeats):
            return milliseconds(lambda: model.fit(data, verbose=0), repeats)

        return epochs

    sides = {name: fit(model) for name, model in models.items()}
    times = medians(take_turns(sides, arguments.runs, seconds=600.0))
    report = Report("sentiment_fit", arguments.write)
    report.machine()
    report.line(
        f"`{RECIPE}`: {steps} steps an epoch, "
        f"{config['training']['batch_size']} texts a step; medians of "
        f"{arguments.runs} epochs."
    )
    report.line()
    report.head(["steps a second, ours", "keras", "ours / keras"])
    rates = {name: 1e3 * steps / value for name, value in times.items()}
    ratio = judged(rates["ours"] / rates["keras"], least=LEAST)
    report.row([number(rates["ours"]), number(rates["keras"]), ratio])
    report.close()


if __name__ == "__main__":
    main()
