from collections.abc import Sequence

from kerasrnn.metrics.caption_tokens import caption_tokens
from kerasrnn.metrics.cider_d import ORDERS, SIGMA, check_captions, cider_d
from kerasrnn.metrics.translation_scores import require_sacrebleu


def caption_scores(
    hypotheses: Sequence[str], references: Sequence[str] | Sequence[Sequence[str]]
) -> dict:
    """BLEU-1 to 4, CIDEr-D and exact match of captions.

    What is compared are the words that `caption_tokens` finds. BLEU is of all
    captions together, with the length of the closest reference, and is not smoothed,
    as in the COCO evaluation: BLEU-4 is 0 where no four words in a row are right.

    Args:
        hypotheses: A caption for each picture, strings.
        references: For each picture the captions that people gave it, one or more,
            and not of the same number for all.

    Returns:
        `bleu_1` to `bleu_4`, from 0 to 100; `cider_d`, the mean of `cider_d`, which
        is 10 at most; `exact_match`, the share, from 0 to 1, of captions that are
        word for word one of their references; and `signature`, which says how they
        were counted.

    Raises:
        ImportError: sacreBLEU is not installed.
        ValueError: There are no captions, one list is longer, or a picture has no
            reference.

    Example:

    >>> from kerasrnn.metrics import caption_scores
    >>> scores = caption_scores(
    ...     ["A red apple", "a dog in the snow"],
    ...     [["red apple", "an apple"], ["A dog in the snow."]],
    ... )
    >>> round(scores["bleu_1"], 1), round(scores["bleu_4"], 1), scores["exact_match"]
    (87.5, 86.0, 0.5)

    Reference: Papineni et al. 2002 (BLEU); Vedantam et al. 2015 (CIDEr-D); Chen et al.
    2015, "Microsoft COCO Captions", section 4.
    """
    require_sacrebleu()
    from sacrebleu.metrics import BLEU

    hypotheses, references = check_captions(hypotheses, references)
    tokens = [" ".join(caption_tokens(text)) for text in hypotheses]
    known = [[" ".join(caption_tokens(t)) for t in texts] for texts in references]
    # sacreBLEU takes the first reference of all pictures, then the second of all.
    most = max(map(len, known))
    columns = [[r[n] if n < len(r) else None for r in known] for n in range(most)]
    scores = {}
    for n in range(1, ORDERS + 1):
        bleu = BLEU(
            tokenize="none",
            smooth_method="none",
            max_ngram_order=n,
            effective_order=False,
            force=True,
        )
        scores[f"bleu_{n}"] = bleu.corpus_score(tokens, columns).score
    matches = [
        text in of_picture for text, of_picture in zip(tokens, known, strict=True)
    ]
    return scores | {
        "cider_d": cider_d(hypotheses, references).mean,
        "exact_match": sum(matches) / len(matches),
        "signature": (
            f"{bleu.get_signature()}, on lower-case words without punctuation; "
            f"CIDEr-D: n 1-{ORDERS}, sigma {SIGMA:g}, document frequencies of the "
            "references"
        ),
    }
