"""The classes that a recipe or a preset may name."""

from kerasrnn.text import (
    CharacterTokenizer,
    PairTokenizer,
    SubwordTokenizer,
    TargetTokenizer,
    WordTokenizer,
)
from kerasrnn.zoo.attention_captioner import AttentionCaptioner
from kerasrnn.zoo.char_language_model import CharLanguageModel
from kerasrnn.zoo.image_captioner import ImageCaptioner
from kerasrnn.zoo.sentiment_classifier import SentimentClassifier
from kerasrnn.zoo.seq2seq import Seq2Seq
from kerasrnn.zoo.seq2seq_attention import Seq2SeqAttention

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
