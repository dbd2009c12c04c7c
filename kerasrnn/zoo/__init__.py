from kerasrnn.zoo.attention_captioner import AttentionCaptioner
from kerasrnn.zoo.catalogue import Recipe, list_recipes, load_recipe
from kerasrnn.zoo.char_language_model import CharLanguageModel
from kerasrnn.zoo.image_captioner import ImageCaptioner
from kerasrnn.zoo.masked_crossentropy import MaskedCrossentropy
from kerasrnn.zoo.masked_pooling import MaskedPooling
from kerasrnn.zoo.models import MODELS, PREPROCESSORS
from kerasrnn.zoo.scheduled_sampling import ScheduledSampling
from kerasrnn.zoo.sentiment_classifier import SentimentClassifier
from kerasrnn.zoo.seq2seq import Seq2Seq
from kerasrnn.zoo.seq2seq_attention import Seq2SeqAttention
from kerasrnn.zoo.task import Task
from kerasrnn.zoo.word_dropout import WordDropout

__all__ = [
    "MODELS",
    "PREPROCESSORS",
    "AttentionCaptioner",
    "CharLanguageModel",
    "ImageCaptioner",
    "MaskedCrossentropy",
    "MaskedPooling",
    "Recipe",
    "ScheduledSampling",
    "SentimentClassifier",
    "Seq2Seq",
    "Seq2SeqAttention",
    "Task",
    "WordDropout",
    "list_recipes",
    "load_recipe",
]
