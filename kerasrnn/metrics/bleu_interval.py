from collections.abc import Sequence

import numpy as np

from kerasrnn.metrics.translation_scores import require_sacrebleu


def bleu_interval(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 1,
    tokenize: str = "13a",
) -> tuple[float, float]:
    """The confidence interval of a BLEU, by bootstrap resampling of the sentences.

    As many sentences as there are, drawn with replacement, have a BLEU of their own.
    Of many such draws the middle part is the interval: so far BLEU may move with other
    sentences of the same kind.

    Args:
        hypotheses: What the model made of each source.
        references: The right translation of each.
        level: The part of the draws inside the interval.
        resamples: How many draws.
        seed: The seed of the draws.
        tokenize: How words are told apart, as `translation_scores` takes it.

    Returns:
        The lower and the upper end, from 0 to 100.

    Raises:
        ImportError: sacreBLEU is not installed, or what `tokenize` needs.
        ValueError: There are none, or one list is longer; or an unknown `tokenize`.

    Example:

    >>> low, high = bleu_interval(["the cat sat there"] * 9, ["the cat sat there"] * 9)
    >>> round(low, 1), round(high, 1)
    (100.0, 100.0)

    Reference: Koehn 2004, "Statistical Significance Tests for Machine Translation
    Evaluation".
    """
    require_sacrebleu(tokenize)
    from sacrebleu.metrics import BLEU

    if not len(hypotheses) or len(hypotheses) != len(references):
        raise ValueError(
            "`references` must hold one text for each hypothesis, of which there must "
            f"be one or more; got {len(hypotheses)} hypotheses and {len(references)} "
            "references."
        )
    # The effective order leaves the counts as they are, and is not used for the score.
    metric = BLEU(effective_order=True, tokenize=tokenize)
    of_sentences = [
        metric.sentence_score(hypothesis, [reference])
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    counts = np.array(
        [[*s.counts, *s.totals, s.sys_len, s.ref_len] for s in of_sentences]
    )  # (sentences, 10)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        drawn = counts[rng.integers(len(counts), size=len(counts))].sum(axis=0).tolist()
        score = BLEU.compute_bleu(
            drawn[:4], drawn[4:8], drawn[8], drawn[9], smooth_method="exp"
        )
        found.append(score.score)
    outside = (1 - level) / 2
    low, high = np.quantile(found, [outside, 1 - outside])
    return float(low), float(high)
