"""Labels of models that tell classes apart: numbers or names, and their losses."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from kerasrnn.zoo.arguments import loss_of_logits

# From the names that Keras has for a cross-entropy to one of logits.
LOSSES = {
    "sparse_categorical_crossentropy": partial(
        keras.losses.SparseCategoricalCrossentropy, from_logits=True
    ),
    "categorical_crossentropy": partial(
        keras.losses.CategoricalCrossentropy, from_logits=True
    ),
}


def checked_names(labels: Sequence[str]) -> tuple[str, ...]:
    """The names of classes, two or more."""
    if isinstance(labels, str) or len(labels) < 2:
        raise ValueError(f"`labels` must name two or more classes; got {labels!r}.")
    return tuple(labels)


def numbered_labels(y: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Labels (B,) as numbers, where they are names.

    Example:

    >>> numbered_labels(np.array(["b", "a"]), ["a", "b"])
    array([1, 0], dtype=int32)
    """
    if y.ndim != 1 or y.dtype.kind not in "OUS":
        return y
    names = [v.decode() if isinstance(v, bytes) else v for v in y.tolist()]
    numbers = {label: number for number, label in enumerate(labels)}
    for name in names:
        if name not in numbers:
            raise ValueError(
                f"`y` must hold integer labels 0 to {len(labels) - 1} or their names "
                f"({', '.join(labels)}); got {name!r}."
            )
    return np.array([numbers[name] for name in names], "int32")


def check_labels(y: np.ndarray, labels: Sequence[str]) -> None:
    """Raise a ValueError where `y` are no labels (B,), nor probabilities (B, C)."""
    if y.ndim == 2 and y.shape[1] == len(labels):
        return  # Probabilities of the classes, for another loss than the default.
    if y.dtype.kind not in "iub":
        raise ValueError(
            f"`y` must hold integer labels 0 to {len(labels) - 1} "
            f"({', '.join(labels)}); got {y.dtype} values."
        )
    if y.min() < 0 or y.max() >= len(labels):
        raise ValueError(
            f"`y` must hold labels 0 to {len(labels) - 1} ({', '.join(labels)}); got "
            f"values {y.min()} to {y.max()}."
        )


def compile_arguments(optimizer: Any, loss: Any, metrics: Any) -> dict[str, Any]:
    """What a classifier's `compile` makes of `"auto"` and of the names of losses."""
    if isinstance(optimizer, str) and optimizer == "auto":
        optimizer = keras.optimizers.Adam(1e-3)
    if isinstance(loss, str) and loss == "auto":
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if isinstance(metrics, str) and metrics == "auto":
        metrics = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    loss = loss_of_logits(loss, LOSSES)
    return {"optimizer": optimizer, "loss": loss, "metrics": metrics}


def served_classes(probabilities: Any, labels: Sequence[str]) -> dict[str, Any]:
    """What an exported classifier answers: label, probabilities and all labels.

    Args:
        probabilities: (B, C), of TensorFlow.
        labels: Names of the C classes.
    """
    import tensorflow as tf

    names = tf.constant([labels])  # (1, C)
    return {
        "label": tf.gather(names[0], tf.argmax(probabilities, axis=-1)),
        "probabilities": probabilities,
        # In each row, since TensorFlow Serving asks for outputs of one batch size.
        "labels": tf.tile(names, [tf.shape(probabilities)[0], 1]),
    }
