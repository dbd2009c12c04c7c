"""Whether pairs of texts are the wrong way round for a translator."""

import numpy as np

from kerasrnn.text.tokenizer import UNKNOWN_ID
from kerasrnn.training.search_results import spread

LOOKED_AT = 200  # pairs
COST = 10  # of what is unknown, in tokens
# What is the wrong way round costs less the other way by so much.
CHEAPER = 0.8


def columns_are_swapped(tokenizer, pairs) -> bool:
    """Whether the sources read like what a translator writes, and the targets like
    what it reads.

    Texts of its language cost a tokenizer fewer pieces, or have fewer unknown words.

    Args:
        tokenizer: A `kerasrnn.text.PairTokenizer`.
        pairs: `kerasrnn.data.TextPairs`.

    Example:

    >>> from kerasrnn.data.translation import TextPairs
    >>> from kerasrnn.text import PairTokenizer, WordTokenizer
    >>> tokenizer = PairTokenizer(WordTokenizer(["a", "cat"]), WordTokenizer(["un"]))
    >>> sides = np.array(["a cat"]), np.array(["un gato"])
    >>> columns_are_swapped(tokenizer, TextPairs(*sides, ("en", "es")))
    False
    >>> columns_are_swapped(tokenizer, TextPairs(*sides[::-1], ("es", "en")))
    True
    """
    rows = spread(len(pairs), LOOKED_AT)
    sources, targets = (
        [str(text) for text in side[rows]] for side in (pairs.sources, pairs.targets)
    )

    def cost(source_texts, target_texts):
        ids = (tokenizer(source_texts), tokenizer.target_ids(target_texts))
        return sum(
            np.count_nonzero(part) + COST * np.count_nonzero(part == UNKNOWN_ID)
            for part in map(np.asarray, ids)
        )

    return bool(cost(targets, sources) < CHEAPER * cost(sources, targets))
