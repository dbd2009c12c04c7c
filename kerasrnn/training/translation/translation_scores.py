from typing import Any

import keras
import numpy as np

from kerasrnn.metrics import require_sacrebleu, translation_scores
from kerasrnn.training.progress import CountLine

# How many texts are translated between two steps of the progress line.
PIECE = 512


class TranslationScores(keras.callbacks.Callback):
    """BLEU and chrF of what the model itself writes, at the end of every epoch.

    They are in the epoch's logs as `val_bleu` and `val_chrf`, so that `EarlyStopping`
    and `ModelCheckpoint` can go by them; list it before those. They are better when
    higher: `mode="max"`. With them is `val_bleu_of_others`: the BLEU of each
    translation against the next sentence's reference. A `val_bleu` that is not well
    above it says nothing of a translator.

    Args:
        sources: Texts to translate.
        references: Their right translations.
        max_length: The most tokens of a translation.
        tokenize: How BLEU tells words apart, as `translation_scores` takes it.
        **search: More options of `model.generate`; by default it is greedy.

    Example:

    >>> from kerasrnn.training import TranslationScores
    >>> scores = TranslationScores(["two words"], ["dos palabras"])
    >>> stop = keras.callbacks.EarlyStopping("val_bleu", mode="max", patience=3)
    >>> callbacks = [scores, stop]  # for `model.fit(..., callbacks=callbacks)`
    """

    def __init__(
        self,
        sources: Any,
        references: Any,
        *,
        max_length: int = 100,
        tokenize: str = "13a",
        **search,
    ) -> None:
        super().__init__()
        require_sacrebleu(tokenize)
        self.tokenize = tokenize
        self.sources, self.references = list(sources), list(references)
        self.search = {"max_length": max_length, **search}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs is not None:
            logs |= self.measure(self.model)

    def measure(self, model: Any) -> dict[str, float]:
        """`val_bleu`, `val_chrf` and `val_bleu_of_others` of a model."""
        found = translate_texts(model, self.sources, **self.search)
        others = [*self.references[1:], *self.references[:1]]
        scores, of_others = (
            translation_scores(found, references, tokenize=self.tokenize)
            for references in (self.references, others)
        )
        return {
            "val_bleu": scores["bleu"],
            "val_chrf": scores["chrf"],
            "val_bleu_of_others": of_others["bleu"],
        }


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
