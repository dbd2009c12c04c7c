"""The classes that a recipe or a preset may name."""

from kerasrnn.text import WordTokenizer
from kerasrnn.zoo.sentiment_classifier import SentimentClassifier

MODELS = {"SentimentClassifier": SentimentClassifier}
PREPROCESSORS = {"WordTokenizer": WordTokenizer}
