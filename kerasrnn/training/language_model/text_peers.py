"""How many bits a character cost without a network: n-grams, and a compressor."""

import lzma

import numpy as np

from kerasrnn.text import CharacterText
from kerasrnn.training.language_model.kneser_ney import KneserNey

# Characters of the training text that are read, the last ones: it takes seconds, and
# some hundred MB.
MOST = 2_000_000
ORDER = 6


def text_peers(train: CharacterText, test: CharacterText, tokenizer) -> dict:
    """Bits a character of the test text, by the name of what knows the training text.

    Args:
        train: What may be learned.
        test: What is measured.
        tokenizer: The `CharacterTokenizer` that numbered them.

    Example:

    >>> from kerasrnn.text import CharacterTokenizer
    >>> tokenizer = CharacterTokenizer("helo ")
    >>> texts = [["hello hello " * 40], ["hello hello "]]
    >>> train, test = (CharacterText.of_documents(t, tokenizer) for t in texts)
    >>> [name for name in text_peers(train, test, tokenizer)]
    ['n-grams of 6 characters', 'xz']
    """
    of_the_last = ""
    if len(train) > MOST:
        cut = len(train) - MOST
        train = CharacterText(train.ids[cut:], train.ends[train.ends > cut] - cut)
        of_the_last = f", of the last {MOST:,}"
    size = tokenizer.vocabulary_size - 1  # without padding
    order = min(ORDER, 64 // size.bit_length())
    model = KneserNey(train.ids, train.ends, size, order)
    documents = ([tokenizer.decode(np.asarray(text.ids))] for text in (train, test))
    return {
        f"n-grams of {order} characters{of_the_last}": model.bits_per_id(
            test.ids, test.ends
        ),
        f"xz{of_the_last and of_the_last + ' characters'}": xz_bits(*documents),
    }


def xz_bits(train: list[str], test: list[str]) -> float:
    """Bits a character by which a compressed text grows when another comes after it.

    Args:
        train: Documents of the first.
        test: Documents of the second, whose characters are counted.
    """
    text = "".join(train)
    size = len(lzma.compress(text.encode(), preset=9))
    both = len(lzma.compress("".join([text, *test]).encode(), preset=9))
    return 8 * (both - size) / sum(map(len, test))
