"""Models for every shape that a recurrent network takes, and their recipes."""

from kerasrnn.catalogue import Recipe, list_recipes, load_recipe
from kerasrnn.zoo.captioning.attention_captioner import AttentionCaptioner
from kerasrnn.zoo.captioning.image_captioner import ImageCaptioner
from kerasrnn.zoo.decoder.masked_crossentropy import MaskedCrossentropy
from kerasrnn.zoo.decoder.scheduled_sampling import ScheduledSampling
from kerasrnn.zoo.decoder.word_dropout import WordDropout
from kerasrnn.zoo.forecasting.forecast_loss import ForecastLoss
from kerasrnn.zoo.forecasting.forecaster import Forecaster
from kerasrnn.zoo.glimpses.glimpse_classifier import GlimpseClassifier
from kerasrnn.zoo.language_model.char_language_model import CharLanguageModel
from kerasrnn.zoo.language_model.dynamic_evaluation import DynamicEvaluation
from kerasrnn.zoo.language_model.text_memory import TextMemory
from kerasrnn.zoo.preset_predictor import PresetPredictor
from kerasrnn.zoo.sentiment.masked_pooling import MaskedPooling
from kerasrnn.zoo.sentiment.sentiment_classifier import SentimentClassifier
from kerasrnn.zoo.tagging.sequence_tagger import SequenceTagger
from kerasrnn.zoo.task import Task
from kerasrnn.zoo.translation.seq2seq import Seq2Seq
from kerasrnn.zoo.translation.seq2seq_attention import Seq2SeqAttention

__all__ = [
    "AttentionCaptioner",
    "CharLanguageModel",
    "DynamicEvaluation",
    "ForecastLoss",
    "Forecaster",
    "GlimpseClassifier",
    "ImageCaptioner",
    "MaskedCrossentropy",
    "MaskedPooling",
    "PresetPredictor",
    "Recipe",
    "ScheduledSampling",
    "SentimentClassifier",
    "Seq2Seq",
    "Seq2SeqAttention",
    "SequenceTagger",
    "Task",
    "TextMemory",
    "WordDropout",
    "list_recipes",
    "load_recipe",
]
