import numpy as np

from kerasrnn.metrics import translation_scores

# Sentences by the words of their source: at most so many.
LENGTHS = (10, 20, 30, 40, 60)


def bleu_by_length(sources, references, hypotheses) -> list[dict]:
    """BLEU of sentences of like length, by the words of their sources.

    Returns:
        For each range of lengths that there is: `low` and `high`, in words, `high`
        None where there is no limit; how many `sentences`; and their `bleu`.
    """
    lengths = np.array([len(str(source).split()) for source in sources])
    rows, low = [], 1
    for high in (*LENGTHS, None):
        places = np.flatnonzero((low <= lengths) & (lengths <= (high or np.inf)))
        if len(places):
            scores = translation_scores(
                [hypotheses[i] for i in places], [references[i] for i in places]
            )
            row = {"low": low, "high": high, "sentences": len(places)}
            rows.append(row | {"bleu": scores["bleu"]})
        low = (high or 0) + 1
    return rows


def length_table(rows) -> str:
    """`bleu_by_length` as lines of text.

    Example:

    >>> print(length_table([{"low": 1, "high": 10, "sentences": 1200, "bleu": 31.25}]))
    source words  sentences  BLEU
            1-10      1,200  31.2
    """
    lines = ["source words  sentences  BLEU"]
    for row in rows:
        words = f"{row['low']}-{row['high'] or ''}"
        lines.append(f"{words:>12}  {row['sentences']:9,}  {row['bleu']:4.1f}")
    return "\n".join(lines)
