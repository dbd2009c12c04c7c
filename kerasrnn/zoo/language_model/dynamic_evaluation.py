"""Dynamic evaluation: a copy of a model learns a text while it is judged on it."""

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.decoding.checks import check_integer
from kerasrnn.text import CharacterStreams, CharacterText
from kerasrnn.zoo.task import Untracked

# Places of the training text that gradients are measured at, and so many segments long.
PLACES, STEPS = 64, 100


@dataclasses.dataclass(frozen=True, eq=False)
class DynamicEvaluation:
    """How a model goes on learning while `CharLanguageModel.evaluate` judges it.

    θ ← θ − η g / (s + ε s̄) + min(λ s / s̄, 1) ⊙ (θ_0 − θ)

    After each segment of the text, which is scored before, with g the gradient of its
    mean loss; θ_0 are the weights as they were trained, s the root mean square of each
    one's gradients on the training text, and s̄ the mean of s over all weights. So a
    weight that mattered in training soon goes back to where it was, and one that did
    not keeps what this text has taught it. A copy of the model learns; the model stays
    as it is.

    Args:
        training_text: What the model was trained on, or a part of it of some 100,000
            characters or more: a text, a list of documents, or a
            `kerasrnn.text.CharacterText`.
        learning_rate: η; 0: nothing is learned.
        decay: λ, at least 0.
        segment: Characters after which the weights change, and the gradient ends.
        rows: How many places of the text are read at once. More are quicker; each but
            the first may begin in the middle of a document, and does not know what
            stands before it.
        epsilon: ε, by which weights with the smallest gradients are held back.

    Raises:
        TypeError: An argument is of another type.
        ValueError: An argument is out of its range.

    Example:

    >>> from kerasrnn.text import CharacterTokenizer
    >>> from kerasrnn.zoo import CharLanguageModel, DynamicEvaluation
    >>> tokenizer = CharacterTokenizer("abc ")
    >>> model = CharLanguageModel(preprocessor=tokenizer, units=8, num_layers=1)
    >>> dynamic = DynamicEvaluation("cab bac " * 50, learning_rate=0.005)
    >>> text = "abc " * 100
    >>> plain, adapted = (
    ...     model.evaluate(text, **options)["bits_per_character"]
    ...     for options in ({}, {"dynamic": dynamic})
    ... )
    >>> adapted < plain
    True

    Reference: Krause et al. 2018, "Dynamic Evaluation of Neural Sequence Models", eq.
    5 to 7; there ε is added to s as it is.
    """

    training_text: Any
    learning_rate: float = 0.002
    decay: float = 0.01
    segment: int = 20
    rows: int = 1
    epsilon: float = 0.2

    def __post_init__(self):
        check_integer("segment", self.segment, 1)
        check_integer("rows", self.rows, 1)
        for name in ("learning_rate", "decay", "epsilon"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"`{name}` must be a number; got {value!r}.")
            if not 0 <= value < float("inf"):
                raise ValueError(f"`{name}` must be at least 0; got {value!r}.")


def learned_log_probabilities(
    model: Any,
    text: CharacterText,
    dynamic: DynamicEvaluation,
    known: CharacterText,
    verbose: int = 0,
) -> np.ndarray:
    """ln p of each character (N,), by a copy of a model that learns as it reads.

    Args:
        model: A `CharLanguageModel`, which stays as it is.
        text: What is read.
        dynamic: How it is learned.
        known: The training text of `dynamic`.
        verbose: 1 shows a progress bar.
    """
    options = {"dropout": 0.0, "weight_dropout": 0.0, "cache_size": 0}
    copy = type(model).from_config({**model.get_config(), **options})
    copy.set_weights(model.get_weights())
    scales = gradient_scales(copy, known, dynamic.segment)
    shape = (dynamic.rows, dynamic.segment)
    reader = LogProbabilities(shape)
    learner = PulledBack(copy.get_weights(), scales, dynamic)
    learner.build(copy.trainable_variables)
    copy.compile(learner, metrics=[reader])
    copy.carry(dynamic.rows)
    streams = CharacterStreams(text, *shape)
    found = np.empty((dynamic.rows, len(streams), dynamic.segment), "float32")
    there = np.empty(found.shape, bool)
    bar = keras.utils.Progbar(len(streams), verbose=1, unit_name="segment")
    for step in range(len(streams)):
        inputs, targets, weights = streams.batch(step)
        # Its outputs are those before the weights change.
        keras.Model.train_on_batch(copy, inputs, targets)
        found[:, step] = ops.convert_to_numpy(reader.found)
        there[:, step] = weights > 0
        if verbose:
            bar.update(step + 1)
    return found[there]


def gradient_scales(model: Any, text: CharacterText, segment: int) -> list[np.ndarray]:
    """The root mean square of each weight's gradients on a text.

    Args:
        model: A `CharLanguageModel` without dropout; it is compiled anew, and its
            weights stay.
        text: The text, or its beginning, where it is long, in many places.
        segment: Characters of a place that a gradient is of.
    """
    streams = CharacterStreams(text, PLACES, segment)
    steps = min(STEPS, len(streams))
    squares = SquaredGradients()
    squares.build(model.trainable_variables)
    model.compile(squares, metrics=[])
    model.carry(PLACES)
    for step in range(steps):
        inputs, targets, _ = streams.batch(step)
        keras.Model.train_on_batch(model, inputs, targets)
    return [np.sqrt(ops.convert_to_numpy(v) / steps) for v in squares.sums]


class SquaredGradients(keras.optimizers.Optimizer):
    """Adds up the squares of gradients, and changes no weight."""

    def __init__(self):
        super().__init__(learning_rate=0.0, name="squared_gradients")

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.sums = [
            self.add_variable_from_reference(variable, name="sum")
            for variable in variables
        ]

    def apply(self, grads, trainable_variables=None):
        for total, gradient in zip(self.sums, grads, strict=True):
            total.assign(total + ops.square(ops.convert_to_tensor(gradient)))


class PulledBack(keras.optimizers.Optimizer):
    """Gradient descent with a rate for each weight, and a pull to where it began.

    Args:
        trained: θ_0, arrays.
        scales: s, arrays.
        dynamic: A `DynamicEvaluation`.
    """

    def __init__(self, trained, scales, dynamic):
        super().__init__(learning_rate=float(dynamic.learning_rate), name="pulled_back")
        mean = np.concatenate([s.ravel() for s in scales]).mean(dtype="float64")
        # Where no gradient was anything, none is to be expected.
        mean = max(float(mean), 1e-12)
        rates = [
            dynamic.learning_rate / (s + dynamic.epsilon * mean + 1e-12) for s in scales
        ]
        pulls = [np.minimum(dynamic.decay * s / mean, 1.0) for s in scales]
        self.values = list(zip(trained, rates, pulls, strict=True))

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        # They are the model's, which JAX would be given twice.
        self.learned = Untracked(list(variables))
        self.parts = []
        for variable, values in zip(variables, self.values, strict=True):
            names = ("trained", "rate", "pull")
            own = [self.add_variable_from_reference(variable, name=n) for n in names]
            for kept, value in zip(own, values, strict=True):
                kept.assign(value)
            self.parts.append(own)

    def apply(self, grads, trainable_variables=None):
        for weight, (trained, rate, pull), gradient in zip(
            self.learned.value, self.parts, grads, strict=True
        ):
            step = pull * (trained - weight) - rate * ops.convert_to_tensor(gradient)
            weight.assign(weight + step)


class LogProbabilities(keras.metrics.Metric):
    """Keeps ln p of each character of the last batch, (B, T)."""

    def __init__(self, shape):
        super().__init__(name="log_probability")
        self.found = self.add_variable(shape, "zeros", name="found")

    def update_state(self, y_true, y_pred, sample_weight=None):
        logits = ops.cast(y_pred, "float32")
        targets = ops.cast(y_true, "int32")[:, :, None]
        chosen = ops.take_along_axis(logits, targets, axis=-1)[..., 0]
        self.found.assign(chosen - ops.logsumexp(logits, axis=-1))

    def result(self):
        return ops.mean(self.found)
