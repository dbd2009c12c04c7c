"""What models that write by a beam search have in common: options, lines, files."""

import numpy as np


def beam_options(beam: int | None = None, n_best: int | None = None, **_) -> dict:
    """The beam search that the options of a command ask for.

    Raises:
        ValueError: More texts than beams.
    """
    n_best = n_best or 1
    beam_width = beam or max(5, n_best)
    if n_best > beam_width:
        raise ValueError(
            f"--n-best must be at most --beam, {beam_width}; got {n_best}."
        )
    return {
        "search": "beam",
        "beam_width": beam_width,
        "n_best": n_best,
        "length_penalty": 1.0,
    }


def best_lines(best, scores, with_scores: bool, before: str = ""):
    """The best texts of one input, a line each."""
    for text, score in zip(best, scores, strict=True):
        # A translation is one line, whatever the model writes.
        text = " ".join(text.splitlines())
        line = f"{score:.3f}\t{text}" if with_scores else text
        yield f"{before}{line}\n"


def count_cut(tokenizer, texts, ids):
    """How many of the texts do not fit into the tokenizer's `max_length`.

    Args:
        tokenizer: Of words or pieces.
        texts: (N,) array of strings.
        ids: What the tokenizer made of them, ragged (N, None).
    """
    if getattr(tokenizer, "max_length", None) is None:
        return 0
    # The others are not full; to cut all texts into tokens again takes long.
    full = texts[ids.row_lengths().numpy() > tokenizer.max_length]
    return int(np.count_nonzero(tokenizer.count_cut(list(full)))) if len(full) else 0


def spread(count: int, wanted: int) -> np.ndarray:
    """At most so many of the numbers below `count`, evenly spread.

    Example:

    >>> spread(100, 4).tolist()
    [0, 33, 66, 99]
    """
    return np.linspace(0, count - 1, min(count, wanted)).astype(int)


def write_tsv(path, rows, header=("source", "reference", "hypothesis")):
    """Write rows of texts, tabs between and no line breaks within them."""
    lines = [
        "\t".join(" ".join(str(cell).split()) for cell in row)
        for row in [header, *rows]
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
