"""What stood in a text before where the same characters stood as now."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from kerasrnn.text import CharacterText

ORDERS = (3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32)
# Lower ends of the groups of how often a context stood before, and of how many
# different characters came after it.
SEEN = (1, 2, 3, 5, 9, 17, 65)
FOLLOWERS = (1, 2, 3, 5)
KINDS = len(SEEN) * len(FOLLOWERS) * 2
# Weights before anything is known of them, and as how many characters that counts.
PRIOR, PRIOR_COUNT = np.array([0.8, 0.15, 0.05]), 20.0
# Rounds of expectation maximisation.
ROUNDS = 20


class Evidence(NamedTuple):
    """What is known of the places whose last k characters stood somewhere before.

    Args:
        order: k.
        places: (n,), the places in the text.
        shares: (n,), how often the character at the place came after these k
            characters, of all times that they stood before.
        repeats: (n,), whether it is the one that came after them the last time.
        kinds: (n,), which weights count: a number that follows from how often the k
            characters stood before, what came after them, and whether the last time was
            in the same document.
    """

    order: int
    places: np.ndarray
    shares: np.ndarray
    repeats: np.ndarray
    kinds: np.ndarray


class TextMemory:
    """Finds what stood long before, in a training text or in the text as it is read.

    p_k(c) = w_0 p_{k'}(c) + w_1 n(h_k c) / n(h_k) + w_2 [c came after h_k last]

    h_k are the last k characters, n says how often something has stood before, in the
    training text or in the text up to here, k' is the order before k, and the first of
    all is a network's own p. So a network, which forgets, learns what came after just
    the same identifier, clause or licence. Where h_k never stood before, p_k = p_k'.
    The weights w are those of the order and of the kind of place: how often h_k stood,
    how many different characters came after it, and whether it was in this document.
    `fit` finds those with which a validation text is likeliest. Every character is
    judged by what stands before it alone.

    It is a context-mixing model of long n-grams above a network: what makes PPM strong
    on texts that repeat themselves. A second for each million characters of both texts
    and each order, and some 60 bytes for each character.

    Args:
        known: The training text, a `kerasrnn.text.CharacterText`; None: only the text
            itself is remembered.
        orders: Each k, rising.

    Raises:
        TypeError: `known` is no `CharacterText`.
        ValueError: `orders` do not rise from 1 on.

    Example:

    >>> from kerasrnn.text import CharacterTokenizer
    >>> tokenizer = CharacterTokenizer("abcdefgh ")
    >>> draw = np.random.default_rng(1)
    >>> word = "".join(draw.choice([*"abcdefgh"], 60))
    >>> train, validation, test = (
    ...     CharacterText.of_documents([f"{word} {c * 9} {word}"], tokenizer)
    ...     for c in "abc"
    ... )
    >>> guess = np.full(len(test), np.log(1 / 9))  # what a network knows of it
    >>> memory = TextMemory(train, orders=(4, 8)).fit(validation, guess)
    >>> found = memory.mix(test, guess)
    >>> bool(found[:60].mean() > guess[:60].mean() / 2)  # the word was known
    True

    Reference: Khandelwal et al. 2020 (a network interpolated with what followed like
    contexts of its training text); Cleary and Witten 1984 (PPM); Jelinek and Mercer
    1980 (weights by kind, by expectation maximisation).
    """

    def __init__(
        self, known: CharacterText | None = None, *, orders: Sequence[int] = ORDERS
    ) -> None:
        if known is not None and not isinstance(known, CharacterText):
            raise TypeError(
                f"`known` must be a CharacterText or None; got {type(known).__name__}."
            )
        orders = tuple(orders) if isinstance(orders, Sequence) else (orders,)
        whole = orders and all(isinstance(k, int) for k in orders)
        if not whole or any(a >= b for a, b in itertools.pairwise((0, *orders))):
            raise ValueError(
                f"`orders` must be integers that rise, from 1 on; got {orders}."
            )
        self.known, self.orders = known, orders
        self.weights: dict[int, np.ndarray] | None = None

    def fit(self, text: CharacterText, log_probabilities: Any) -> "TextMemory":
        """Find the weights with which a text, of which nothing is known, is likeliest.

        Args:
            text: A validation text.
            log_probabilities: ln p of each of its characters, (N,), by the network.

        Returns:
            The memory itself.
        """
        p = probabilities_of(text, log_probabilities)
        self.weights = {}
        for found in evidence(self.known, text, self.orders):
            mixed = columns(p[found.places], found)
            weights = likeliest_weights(mixed, found.kinds)
            self.weights[found.order] = weights
            p[found.places] = np.sum(weights[found.kinds] * mixed, axis=1)
        return self

    def mix(self, text: CharacterText, log_probabilities: Any) -> np.ndarray:
        """ln p of each character with what is remembered, (N,).

        Args:
            text: A text.
            log_probabilities: ln p of each of its characters, (N,), by the network.

        Raises:
            ValueError: The memory was not fitted, or `log_probabilities` has not one
                number for each character.
        """
        if self.weights is None:
            raise ValueError(
                "This TextMemory has no weights yet: `fit` finds them on a validation "
                "text."
            )
        p = probabilities_of(text, log_probabilities)
        for found in evidence(self.known, text, self.orders):
            weights = self.weights[found.order][found.kinds]
            p[found.places] = np.sum(weights * columns(p[found.places], found), axis=1)
        return np.log(p)


def probabilities_of(text, log_probabilities):
    """p (N,) of a text's characters, which its `ln p` must have."""
    p = np.exp(np.asarray(log_probabilities, "float64"))
    if p.shape != (len(text),):
        raise ValueError(
            "`log_probabilities` must have one number for each of the text's "
            f"{len(text):,} characters; got shape {p.shape}."
        )
    return p


def columns(p, found):
    """What the three sides of a mixture say of the characters, (n, 3)."""
    return np.stack([p, found.shares, found.repeats], axis=1)


def likeliest_weights(mixed: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """The weights of a mixture for each kind of place, (kinds, sides).

    Args:
        mixed: (n, sides), what each side says of what came.
        kinds: (n,), from 0 to below `KINDS`.
    """
    weights = np.tile(PRIOR, (KINDS, 1))
    for _ in range(ROUNDS):
        shares = weights[kinds] * mixed
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)
        counts = np.stack(
            [np.bincount(kinds, column, minlength=KINDS) for column in shares.T], axis=1
        )
        counts += PRIOR_COUNT * PRIOR
        weights = counts / counts.sum(axis=1, keepdims=True)
    return weights


def evidence(
    known: CharacterText | None, text: CharacterText, orders: Sequence[int]
) -> Iterator[Evidence]:
    """What stood before where the same k characters stood, for each k.

    Places are grouped by their last k characters: those of k + 1 by their group of k,
    and by the character before. A group without two places, or without one of the
    text, says nothing and is left out, with all that it would become.

    Args:
        known: A text that stands before, or None.
        text: The text.
        orders: Each k, rising.
    """
    ids, nth, first = joined(known, text)
    size = int(ids.max()) + 1
    alive = np.arange(len(ids))  # the places that are in a group
    groups = np.zeros(len(ids), "int64")
    for order in range(1, orders[-1] + 1):
        before = np.where(nth[alive] >= order, ids[alive - order], 0)
        keys = groups * size + before
        alive, groups, sorted_places = regrouped(keys, alive, first)
        if not len(alive):
            return
        if order in orders:
            yield evidence_of(order, ids, nth, first, alive, groups, sorted_places)


def joined(known, text):
    """ids of both texts, the place of each in its document, and where `text` begins."""
    parts = [text] if known is None else [known, text]
    ids = np.concatenate([np.asarray(part.ids) for part in parts]).astype("int64")
    nth = [
        np.arange(len(part)) - np.repeat(np.r_[0, part.ends[:-1]], lengths_of(part))
        for part in parts
    ]
    return ids, np.concatenate(nth), len(ids) - len(text)


def lengths_of(text):
    """Of its documents."""
    return np.diff(text.ends, prepend=0)


def sorted_by(keys):
    """Places sorted by their keys, and among equal ones by place; and the keys."""
    bits = max(len(keys) - 1, 1).bit_length()
    if int(keys.max()).bit_length() + bits > 63:
        raise ValueError(
            f"`text` must be shorter, to be remembered; it and what is known have "
            f"{len(keys):,} characters."
        )
    # A sort of numbers that hold both is many times as quick as `argsort`.
    packed = keys << bits
    packed |= np.arange(len(keys))
    packed.sort()
    return packed & ((1 << bits) - 1), packed >> bits


def begins_of(keys):
    """Where a new key begins, (n,) booleans, of sorted keys."""
    begins = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=begins[1:])
    return begins


def regrouped(keys, alive, first):
    """The places that still say something, their groups, and them sorted by group.

    Args:
        keys: (n,), by which the places are grouped.
        alive: (n,), the places, rising.
        first: Where the text begins.

    Returns:
        (m,) places, rising; (m,) numbers of their groups; and (m,) indices into both,
        sorted by group and place.
    """
    by_key, keys = sorted_by(keys)
    begins = np.flatnonzero(begins_of(keys))
    sizes = np.diff(begins, append=len(keys))
    # The last place of a group is its highest.
    last = alive[by_key[begins + sizes - 1]]
    says = (sizes > 1) & (last >= first)
    kept = by_key[np.repeat(says, sizes)]
    numbers = np.repeat(np.arange(np.count_nonzero(says)), sizes[says])
    is_kept = np.zeros(len(alive), bool)
    is_kept[kept] = True
    new_index = np.cumsum(is_kept) - 1
    groups = np.empty(len(kept), "int64")
    groups[new_index[kept]] = numbers
    return alive[is_kept], groups, new_index[kept]


def evidence_of(order, ids, nth, first, alive, groups, by_group):
    """The `Evidence` of one order.

    Args:
        order: k.
        ids: (N,) of both texts.
        nth: (N,), the place of each in its document.
        first: Where the text begins.
        alive: (m,) places, rising.
        groups: (m,), the group of each by its last k characters.
        by_group: (m,), indices into both, sorted by group and place.
    """
    places = alive[by_group]
    symbols = ids[places]
    keys = groups[by_group]
    seen = rank(begins_of(keys))
    # How often the same character came before, by its own sort.
    by_symbol, sorted_keys = sorted_by(keys * (int(ids.max()) + 1) + symbols)
    times = np.empty(len(places), "int64")
    times[by_symbol] = rank(begins_of(sorted_keys))
    news = np.cumsum(times == 0) - (times == 0)  # of all groups so far
    followers = news - news[np.arange(len(places)) - seen]
    told = np.flatnonzero((places >= first) & (seen > 0))
    before = told - 1
    recent = places[told] - places[before] <= nth[places[told]]
    kinds = np.searchsorted(SEEN, seen[told], "right") - 1
    kinds = kinds * len(FOLLOWERS) + (
        np.searchsorted(FOLLOWERS, followers[told], "right") - 1
    )
    return Evidence(
        order,
        places[told] - first,
        times[told] / seen[told],
        (symbols[told] == symbols[before]).astype("float64"),
        kinds * 2 + recent,
    )


def rank(begins):
    """How many of its group stand before each, (n,), of booleans where groups begin."""
    index = np.arange(len(begins))
    return index - np.maximum.accumulate(np.where(begins, index, 0))
