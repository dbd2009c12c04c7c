"""Tokenizers made of core TensorFlow operations, and streams of characters."""

from kerasrnn.text.character_streams import CharacterStreams, CharacterText
from kerasrnn.text.character_tokenizer import CharacterTokenizer
from kerasrnn.text.normalize_nfc import normalize_nfc
from kerasrnn.text.pair_tokenizer import PairTokenizer
from kerasrnn.text.portable import write_portable
from kerasrnn.text.spelled_word_tokenizer import SpelledWordTokenizer
from kerasrnn.text.subword_tokenizer import SubwordTokenizer
from kerasrnn.text.target_tokenizer import TargetTokenizer
from kerasrnn.text.word_tokenizer import WordTokenizer

__all__ = [
    "CharacterStreams",
    "CharacterText",
    "CharacterTokenizer",
    "PairTokenizer",
    "SpelledWordTokenizer",
    "SubwordTokenizer",
    "TargetTokenizer",
    "WordTokenizer",
    "normalize_nfc",
    "write_portable",
]
