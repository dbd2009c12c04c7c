import keras

from kerasrnn.metrics import require_sacrebleu, translation_scores
from kerasrnn.training.translation.translate_texts import translate_texts


class TranslationScores(keras.callbacks.Callback):
    """BLEU and chrF of what the model itself writes, at the end of every epoch.

    They are in the epoch's logs as `val_bleu` and `val_chrf`, so that `EarlyStopping`
    and `ModelCheckpoint` can go by them; list it before those. They are better when
    higher: `mode="max"`.

    Args:
        sources: Texts to translate.
        references: Their right translations.
        max_length: The most tokens of a translation.
        **search: More options of `model.generate`; by default it is greedy.

    Example:

    >>> from kerasrnn.training import TranslationScores
    >>> scores = TranslationScores(["two words"], ["dos palabras"])
    >>> stop = keras.callbacks.EarlyStopping("val_bleu", mode="max", patience=3)
    >>> callbacks = [scores, stop]  # for `model.fit(..., callbacks=callbacks)`
    """

    def __init__(self, sources, references, *, max_length: int = 100, **search):
        super().__init__()
        require_sacrebleu()
        self.sources, self.references = list(sources), list(references)
        self.search = {"max_length": max_length, **search}

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs |= self.measure(self.model)

    def measure(self, model) -> dict[str, float]:
        """`val_bleu` and `val_chrf` of a model."""
        found = translate_texts(model, self.sources, **self.search)
        scores = translation_scores(found, self.references)
        return {"val_bleu": scores["bleu"], "val_chrf": scores["chrf"]}
