from kerasrnn.zoo.catalogue import Recipe, list_recipes, load_recipe
from kerasrnn.zoo.masked_pooling import MaskedPooling
from kerasrnn.zoo.models import MODELS, PREPROCESSORS
from kerasrnn.zoo.sentiment_classifier import SentimentClassifier
from kerasrnn.zoo.task import Task
from kerasrnn.zoo.word_dropout import WordDropout

__all__ = [
    "MODELS",
    "PREPROCESSORS",
    "MaskedPooling",
    "Recipe",
    "SentimentClassifier",
    "Task",
    "WordDropout",
    "list_recipes",
    "load_recipe",
]
