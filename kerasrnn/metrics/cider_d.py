from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kerasrnn.metrics.caption_tokens import caption_tokens

ORDERS = 4
SIGMA = 6.0


class CiderD(NamedTuple):
    """CIDEr-D of captions: `mean` over all, and `scores`, one a caption."""

    mean: float
    scores: np.ndarray


class DocumentFrequencies(NamedTuple):
    """In how many of `documents` pictures' captions each n-gram, a tuple, is."""

    counts: dict
    documents: int


def cider_d(
    hypotheses: Sequence[str],
    references: Sequence[str] | Sequence[Sequence[str]],
    *,
    document_frequencies: Any = None,
) -> CiderD:
    """How near captions are to what people say of a picture, rare words first.

    With g_n(c) the TF-IDF vector of a caption's n-grams, and |c| its words:

        CIDEr-D_n(c, s) = 10 · exp(−(|c| − |s|)² / 2σ²)
                             · min(g_n(c), g_n(s)) · g_n(s) / (‖g_n(c)‖ ‖g_n(s)‖)

    with σ = 6. A caption's score is the mean over n = 1 to 4 and over its references.
    It is 10 for a caption of four words or more that is its only reference. An n for
    which a caption has no n-gram counts as 0: a caption of one word that is right to
    the letter scores 2.5, of two 5, and of three 7.5. That is the standard, and is
    kept.

    An n-gram that is in the references of every picture weighs nothing, so that a
    single picture scores 0 without `document_frequencies` of more.

    Args:
        hypotheses: A caption for each picture, strings.
        references: For each picture the captions that people gave it, one or more.
        document_frequencies: What tells rare n-grams from common ones, as
            `count_documents` counts it; by default of `references`, as the COCO
            evaluation does it.

    Returns:
        `CiderD`, with `mean` and `scores`.

    Raises:
        ValueError: There are no captions, one list is longer, or a picture has no
            reference.

    Example:

    >>> from kerasrnn.metrics import cider_d
    >>> references = [["a red apple on a tree"], ["smiling cat"], ["fox"]]
    >>> mean, scores = cider_d(["a red apple", "smiling cat", "fox"], references)
    >>> scores.round(2)
    array([4.3, 5. , 2.5])

    Reference: Vedantam et al. 2015, "CIDEr: Consensus-based Image Description
    Evaluation", eq. 4 and 5.
    """
    hypotheses, references = check_captions(hypotheses, references)
    if document_frequencies is None:
        document_frequencies = count_documents(references)
    scores = []
    for hypothesis, of_picture in zip(hypotheses, references, strict=True):
        caption = WeightedCaption(hypothesis, document_frequencies)
        scores.append(
            np.mean(
                [
                    similarity(caption, WeightedCaption(text, document_frequencies))
                    for text in of_picture
                ]
            )
        )
    return CiderD(float(np.mean(scores)), np.array(scores))


def count_documents(
    references: Sequence[str] | Sequence[Sequence[str]],
) -> DocumentFrequencies:
    """In the captions of how many pictures each n-gram is, for `cider_d`.

    Args:
        references: For each picture its captions.

    Example:

    >>> from kerasrnn.metrics import count_documents
    >>> counts, documents = count_documents([["a cat", "a big cat"], ["a dog"]])
    >>> counts["a",], counts["cat",], counts["a", "dog"], documents
    (2, 1, 1, 2)
    """
    counts: Counter = Counter()
    documents = 0
    for of_picture in references:
        counts.update({gram for text in of_picture for gram in ngrams(text)})
        documents += 1
    return DocumentFrequencies(counts, documents)


def ngrams(text: str) -> Counter:
    """How often a caption has each n-gram, a tuple of 1 to 4 words."""
    words = caption_tokens(text)
    return Counter(
        tuple(words[i : i + n])
        for n in range(1, ORDERS + 1)
        for i in range(len(words) - n + 1)
    )


class WeightedCaption:
    """TF-IDF of a caption: a vector, as a dict, and its norm for each n."""

    def __init__(self, text, frequencies):
        self.vectors = [{} for _ in range(ORDERS)]
        self.length = 0
        for gram, count in ngrams(text).items():
            # An n-gram that is in no reference is as rare as one that is in one.
            documents = max(1, frequencies.counts.get(gram, 0))
            weight = count * np.log(frequencies.documents / documents)
            self.vectors[len(gram) - 1][gram] = weight
            self.length += count if len(gram) == 1 else 0
        self.norms = [np.sqrt(sum(w * w for w in v.values())) for v in self.vectors]


def similarity(caption, reference) -> float:
    """CIDEr-D of a caption and one reference."""
    total = 0.0
    for n in range(ORDERS):
        of_reference = reference.vectors[n]
        # Repeating a word that is right gains nothing.
        product = sum(
            min(weight, of_reference[gram]) * of_reference[gram]
            for gram, weight in caption.vectors[n].items()
            if gram in of_reference
        )
        norms = caption.norms[n] * reference.norms[n]
        total += product / norms if norms else 0.0
    difference = caption.length - reference.length
    return 10 * total / ORDERS * np.exp(-(difference**2) / (2 * SIGMA**2))


def check_captions(hypotheses, references):
    """Both as lists, or a ValueError."""
    hypotheses, references = list(hypotheses), list(references)
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(
            "`references` must hold a list of captions for each hypothesis, of which "
            f"there must be one or more; got {len(hypotheses)} hypotheses and "
            f"{len(references)} lists."
        )
    for number, (text, of_picture) in enumerate(
        zip(hypotheses, references, strict=True)
    ):
        if not isinstance(text, str):
            raise ValueError(f"`hypotheses[{number}]` must be a string; got {text!r}.")
        if isinstance(of_picture, (str, bytes)) or not all(
            isinstance(reference, str) for reference in of_picture
        ):
            raise ValueError(
                f"`references[{number}]` must be a list of strings; got {of_picture!r}."
            )
        if not len(of_picture):
            raise ValueError(
                f"`references[{number}]` must hold one caption or more; got none."
            )
    return hypotheses, [list(of_picture) for of_picture in references]
