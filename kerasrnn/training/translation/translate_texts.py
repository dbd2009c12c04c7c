import numpy as np

from kerasrnn.training.progress import CountLine

# How many texts are translated between two steps of the progress line.
PIECE = 512


def translate_texts(model, texts, *, label=None, batch_size: int = 64, **search):
    """Translations of many texts, those of like length together; in their own order.

    Args:
        model: A `Seq2Seq` with a preprocessor.
        texts: (N,) strings.
        label: What a progress line says; None: there is none.
        batch_size: How many are translated at a time.
        **search: Options of `model.generate`.

    Returns:
        List of N strings.
    """
    texts = [str(text) for text in texts]
    order = np.argsort([len(text) for text in texts], kind="stable")
    progress = None if label is None else CountLine(label, len(texts))
    found = [""] * len(texts)
    for start in range(0, len(texts), PIECE):
        rows = order[start : start + PIECE]
        piece = [texts[row] for row in rows]
        for row, text in zip(
            rows, model.generate(piece, batch_size=batch_size, **search), strict=True
        ):
            found[row] = text
        if progress is not None:
            progress.update(start + len(rows))
    return found
