"""Tokenizers made of core TensorFlow operations."""

from kerasrnn.text.normalize_nfc import normalize_nfc
from kerasrnn.text.word_tokenizer import WordTokenizer

__all__ = ["WordTokenizer", "normalize_nfc"]
