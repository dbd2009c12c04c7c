"""How good a classifier's answers are, from its probabilities."""

import numpy as np
from numpy.typing import ArrayLike


def confusion_matrix(
    labels: ArrayLike, predictions: ArrayLike, classes: int
) -> np.ndarray:
    """Counts of examples: row is the true class, column the predicted one.

    Args:
        labels: (B,) true classes.
        predictions: (B,) predicted classes.
        classes: Number of classes.

    Example:

    >>> print(confusion_matrix([0, 0, 1], [0, 1, 1], classes=2))
    [[1 1]
     [0 1]]
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise ValueError(
            "`labels` and `predictions` must have one shape (batch,); got "
            f"{labels.shape} and {predictions.shape}."
        )
    counts = np.zeros((classes, classes), dtype=int)
    np.add.at(counts, (labels, predictions), 1)
    return counts


def classification_scores(labels: ArrayLike, probabilities: ArrayLike) -> dict:
    """Accuracy, cross-entropy, macro F1 and the confusion matrix.

    Args:
        labels: (B,) true classes.
        probabilities: (B, classes).

    Returns:
        `accuracy` (the share of right answers), `loss` (mean of −ln p of the true
        class), `macro_f1` (mean over classes of 2·precision·recall / (precision +
        recall)), `confusion_matrix` (a list of rows).

    Example:

    >>> scores = classification_scores([0, 1], [[0.9, 0.1], [0.6, 0.4]])
    >>> scores["accuracy"], scores["confusion_matrix"]
    (0.5, [[1, 0], [1, 0]])
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if probabilities.ndim != 2 or len(labels) != len(probabilities):
        raise ValueError(
            f"`probabilities` must have shape (batch, classes)=({len(labels)}, …); got "
            f"{probabilities.shape}."
        )
    counts = confusion_matrix(
        labels, probabilities.argmax(axis=1), probabilities.shape[1]
    )
    hits = counts.diagonal()
    # 2·precision·recall / (precision + recall) = 2·hits / (true + predicted)
    f1 = 2 * hits / np.maximum(counts.sum(axis=0) + counts.sum(axis=1), 1)
    right = probabilities[np.arange(len(labels)), labels]
    return {
        "accuracy": float(hits.sum() / len(labels)),
        "loss": float(-np.log(np.maximum(right, 1e-7)).mean()),
        "macro_f1": float(f1.mean()),
        "confusion_matrix": counts.tolist(),
    }
