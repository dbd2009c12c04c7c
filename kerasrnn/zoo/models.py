"""The classes that a recipe or a preset may name."""

from kerasrnn.text import (
    CharacterTokenizer,
    PairTokenizer,
    SubwordTokenizer,
    TargetTokenizer,
    WordTokenizer,
)
from kerasrnn.zoo.captioning.attention_captioner import AttentionCaptioner
from kerasrnn.zoo.captioning.image_captioner import ImageCaptioner
from kerasrnn.zoo.language_model.char_language_model import CharLanguageModel
from kerasrnn.zoo.sentiment.sentiment_classifier import SentimentClassifier
from kerasrnn.zoo.translation.seq2seq import Seq2Seq
from kerasrnn.zoo.translation.seq2seq_attention import Seq2SeqAttention

MODELS = {
    "SentimentClassifier": SentimentClassifier,
    "Seq2Seq": Seq2Seq,
    "Seq2SeqAttention": Seq2SeqAttention,
    "ImageCaptioner": ImageCaptioner,
    "AttentionCaptioner": AttentionCaptioner,
    "CharLanguageModel": CharLanguageModel,
}
PREPROCESSORS = {
    "CharacterTokenizer": CharacterTokenizer,
    "PairTokenizer": PairTokenizer,
    "SubwordTokenizer": SubwordTokenizer,
    "TargetTokenizer": TargetTokenizer,
    "WordTokenizer": WordTokenizer,
}
