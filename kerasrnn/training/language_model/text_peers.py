"""How many bits a character cost without a network: n-grams, and compressors."""

import importlib.util
import lzma

import numpy as np

from kerasrnn.text import CharacterText
from kerasrnn.training.language_model.kneser_ney import KneserNey

# Characters of the training text that n-grams are made of, the last ones: it takes
# seconds, and some hundred MB.
MOST = 2_000_000
ORDER = 6
# Of PPMd, and the bytes that it may take for what it remembers.
PPMD_ORDER, PPMD_MEMORY = 8, 1 << 28
# Of xz, whose window must hold all of the training text.
WINDOW = 1 << 26
NO_PPMD = (
    "PPMd will not be judged beside the network: it needs pyppmd "
    "(pip install 'kerasrnn[peers]')."
)


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
    >>> [name for name in text_peers(train, test, tokenizer)][:2]
    ['n-grams of 6 characters', 'xz']
    """
    before, after = ([tokenizer.decode(np.asarray(text.ids))] for text in (train, test))
    of_the_last = ""
    if len(train) > MOST:
        cut = len(train) - MOST
        train = CharacterText(train.ids[cut:], train.ends[train.ends > cut] - cut)
        of_the_last = f", of the last {MOST:,}"
    size = tokenizer.vocabulary_size - 1  # without padding
    order = min(ORDER, 64 // size.bit_length())
    model = KneserNey(train.ids, train.ends, size, order)
    bits = model.bits_per_id(test.ids, test.ends)
    found = {
        f"n-grams of {order} characters{of_the_last}": bits,
        "xz": xz_bits(before, after),
    }
    if has_ppmd():
        found["PPMd"] = ppmd_bits(before, after)
    return found


def has_ppmd() -> bool:
    """Whether pyppmd is installed."""
    return importlib.util.find_spec("pyppmd") is not None


def xz_bits(train: list[str], test: list[str]) -> float:
    """Bits a character that `xz -9e` takes for a text that comes after another.

    Args:
        train: Documents of the text that comes before.
        test: Documents of the second, whose characters are counted.
    """

    def compressed(text):
        settings = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}
        settings["dict_size"] = max(WINDOW, len(text))
        return lzma.compress(text, format=lzma.FORMAT_XZ, filters=[settings])

    return growth(compressed, train, test)


def ppmd_bits(
    train: list[str],
    test: list[str],
    order: int = PPMD_ORDER,
    memory: int = PPMD_MEMORY,
) -> float:
    """Bits a character that PPMd, variant H, takes for a text that comes after another.

    Args:
        train: Documents of the text that comes before.
        test: Documents of the second, whose characters are counted.
        order: How many bytes before each are looked at, at most.
        memory: Bytes for what is remembered; when they are full, all is forgotten.

    Reference: Shkarin 2002, "PPM: One Step to Practicality".
    """
    import pyppmd

    def compressed(text):
        encoder = pyppmd.Ppmd7Encoder(order, memory)
        return encoder.encode(text) + encoder.flush()

    return growth(compressed, train, test)


def growth(compressed, train, test):
    """Bits a character by which a compressed text grows when another comes after it.

    So both learn from the second as well, as they go.
    """
    text = "".join(train).encode()
    both = text + "".join(test).encode()
    return 8 * (len(compressed(both)) - len(compressed(text))) / sum(map(len, test))
