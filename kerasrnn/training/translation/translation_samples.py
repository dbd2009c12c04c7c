from typing import Any

import keras

from kerasrnn.training.translation.translation_scores import translate_texts


class TranslationSamples(keras.callbacks.Callback):
    """Prints, after every epoch, what the model makes of a few texts.

    Args:
        sources: Texts to translate.
        references: Their right translations.
        max_length: The most tokens of a translation.
        log: Called with every line.
        **search: More options of `model.generate`; by default it is greedy.

    Example:

    >>> from kerasrnn.training import TranslationSamples
    >>> samples = TranslationSamples(["two words"], ["dos palabras"])
    >>> callbacks = [samples]  # for `model.fit(..., callbacks=callbacks)`
    """

    def __init__(
        self,
        sources: Any,
        references: Any,
        *,
        max_length: int = 100,
        log: Any = print,
        **search,
    ) -> None:
        super().__init__()
        self.sources, self.references = list(sources), list(references)
        self.search = {"max_length": max_length, **search}
        self.log = log

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        found = translate_texts(self.model, self.sources, **self.search)
        for line in sample_lines(self.sources, self.references, found):
            self.log(line)


def sample_lines(sources, references, hypotheses) -> list[str]:
    """Sources, what they should become and what the model made of them, as lines."""
    lines = []
    for texts in zip(sources, references, hypotheses, strict=True):
        for name, text in zip(("source", "reference", "model"), texts, strict=True):
            lines.append(f"  {name:>9}  {text}")
        lines.append("")
    return lines
