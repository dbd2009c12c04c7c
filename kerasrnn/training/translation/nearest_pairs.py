"""The translation of the most similar source that is known: nothing is learned."""

import numpy as np

from kerasrnn.training.search_results import spread

# Pairs that are searched: a sentence then takes milliseconds.
MOST = 50_000
LETTERS = 3
# Bits of a letter: Unicode has no more than 0x10FFFF.
BITS = np.uint64(21)


class NearestTexts:
    """Finds the most similar one of known texts.

    A text is the vector v_g = (1 + log n_g) (1 + log((1 + N) / (1 + d_g))) of its
    runs g of three letters: n_g is how often the text has g, and d_g how many of the N
    known texts have it. The most similar text has the largest cosine; of equal ones it
    is the first.

    Args:
        texts: N strings.

    Example:

    >>> known = NearestTexts(["the red house", "a green tree"])
    >>> known.find("some green trees")
    1
    """

    def __init__(self, texts):
        self.size = len(texts)
        runs = [_runs(text) for text in texts]
        rows = np.repeat(np.arange(self.size), [len(grams) for grams, _ in runs])
        grams = np.concatenate([np.zeros(0, "uint64"), *(g for g, _ in runs)])
        counts = np.concatenate([np.zeros(0), *(n for _, n in runs)])
        order = np.argsort(grams, kind="stable")
        self.rows = rows[order]
        self.grams, self.starts = np.unique(grams[order], return_index=True)
        self.ends = np.append(self.starts[1:], len(grams)).astype(int)
        known_by = self.ends - self.starts
        self.rarities = np.log((1 + self.size) / (1 + known_by)) + 1
        weights = (1 + np.log(counts[order])) * np.repeat(self.rarities, known_by)
        squares = np.bincount(self.rows, weights**2, minlength=self.size)
        self.weights = weights / np.sqrt(np.maximum(squares, 1e-12))[self.rows]

    def find(self, text: str) -> int:
        """The number of the known text that is most similar."""
        grams, counts = _runs(text)
        places = np.searchsorted(self.grams, grams)
        scores = np.zeros(self.size)
        for place, gram, count in zip(places, grams, counts, strict=True):
            if place < len(self.grams) and self.grams[place] == gram:
                found = slice(self.starts[place], self.ends[place])
                weight = (1 + np.log(count)) * self.rarities[place]
                scores[self.rows[found]] += weight * self.weights[found]
        return int(np.argmax(scores))


def nearest_pairs(train, sources) -> tuple[str, list[str]]:
    """What the most similar known sources are translated by, and the method's name.

    Args:
        train: `kerasrnn.data.TextPairs`. Of more than 50,000, so many are searched,
            evenly spread, which the name says.
        sources: (M,) strings to translate.
    """
    rows = spread(len(train), MOST)
    known = NearestTexts(train.sources[rows])
    of_how_many = f", of {len(rows):,} pairs" if len(rows) < len(train) else ""
    found = [str(train.targets[rows[known.find(source)]]) for source in sources]
    return f"nearest pair{of_how_many}", found


def _runs(text):
    """The different runs of three letters of a text, as integers, and their counts."""
    letters = f" {' '.join(str(text).lower().split())} "
    codes = np.frombuffer(letters.encode("utf-32-le", "replace"), "<u4").astype(
        "uint64"
    )
    runs = np.zeros(max(len(codes) - LETTERS + 1, 0), "uint64")
    for place in range(LETTERS):
        runs = (runs << BITS) | codes[place : place + len(runs)]
    return np.unique(runs, return_counts=True)
