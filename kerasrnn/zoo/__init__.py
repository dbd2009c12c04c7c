from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasrnn.zoo.catalogue import Recipe, list_recipes, load_recipe
    from kerasrnn.zoo.masked_pooling import MaskedPooling
    from kerasrnn.zoo.sentiment_classifier import SentimentClassifier
    from kerasrnn.zoo.task import Task

__all__ = [
    "MaskedPooling",
    "Recipe",
    "SentimentClassifier",
    "Task",
    "list_recipes",
    "load_recipe",
]

# Names are imported on first use: `kerasrnn list` and `kerasrnn --help` read the
# catalogue, which lies inside this package, and must not wait for TensorFlow.
_MODULE_OF = {
    "MaskedPooling": "masked_pooling",
    "Recipe": "catalogue",
    "SentimentClassifier": "sentiment_classifier",
    "Task": "task",
    "list_recipes": "catalogue",
    "load_recipe": "catalogue",
}


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__():
    return sorted(__all__)
