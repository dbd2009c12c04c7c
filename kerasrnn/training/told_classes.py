"""How models that tell classes apart are judged, and what users are told of it."""

import numpy as np

from kerasrnn.metrics import classification_scores


def counts_text(splits: dict) -> str:
    """How many examples of each class there are, in all splits together.

    Args:
        splits: Examples with `labels` and `label_names`, by name.
    """
    names = list(splits["train"].label_names)
    counts = sum(
        np.bincount(part.labels, minlength=len(names)) for part in splits.values()
    )
    listed = zip(names, counts, strict=True)
    return "Classes: " + ", ".join(f"{name} {n:,}" for name, n in listed)


def judged(labels, probabilities, fitted) -> dict:
    """What the results say of a trained model.

    Args:
        labels: (N,) true classes of the test examples.
        probabilities: (N, classes) of the model.
        fitted: What `resumable_fit` gave.
    """
    scores = classification_scores(labels, probabilities)
    return {
        "metrics": {
            "test_accuracy": scores["accuracy"],
            "test_loss": scores["loss"],
            "test_macro_f1": scores["macro_f1"],
            "validation_accuracy": fitted.metrics["val_accuracy"],
            "validation_loss": fitted.metrics["val_loss"],
        },
        "confusion_matrix": scores["confusion_matrix"],
    }


def accuracy_text(results: dict, count: int, unit: str) -> str:
    """The accuracy on so many test examples, and over how many seeds it is a mean."""
    metrics, seeds = results["metrics"], len(results["runs"])
    spread = ""
    if seeds > 1:
        spread = f" ± {metrics['test_accuracy_std']:.1%}, mean of {seeds} seeds"
    return (
        f"\nTest accuracy {metrics['test_accuracy']:.1%}{spread}, on {count:,} {unit} "
        "that the model has not seen\n"
    )


def tell_scores(labels, probabilities, names, unit: str, log) -> dict:
    """The scores of a model, which are told.

    Args:
        labels: (N,) true classes.
        probabilities: (N, classes) of the model.
        names: Of the classes.
        unit: What examples are called, such as "images".
        log: Called with every line.
    """
    scores = classification_scores(labels, probabilities)
    log(f"{len(labels):,} {unit}")
    for name in ("accuracy", "macro_f1", "loss"):
        log(f"  {name.replace('_', ' '):10} {scores[name]:.4f}")
    log("")
    log(confusion_text(scores["confusion_matrix"], names))
    return scores


def confusion_text(counts, labels) -> str:
    """A confusion matrix as lines of text.

    Example:

    >>> print(confusion_text([[12, 3], [4, 11]], ["no", "yes"]))
    true / predicted   no  yes
                  no   12    3
                 yes    4   11
    """
    corner = "true / predicted"
    width = max([len(corner), *map(len, labels)])
    cell = max([len(str(n)) for row in counts for n in row] + [len(x) for x in labels])
    rows = [
        [corner, *labels],
        *([name, *row] for name, row in zip(labels, counts, strict=True)),
    ]
    return "\n".join(
        f"{row[0]:>{width}}" + "".join(f"  {value:>{cell}}" for value in row[1:])
        for row in rows
    )


def confusion_block(recipe, run: dict) -> str:
    """The confusion matrix of a run, as a card shows it."""
    counts = confusion_text(run["confusion_matrix"], recipe.results["data"]["labels"])
    return f"```text\n{counts}\n```"
