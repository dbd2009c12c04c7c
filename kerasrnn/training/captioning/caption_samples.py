from typing import Any

import keras


class CaptionSamples(keras.callbacks.Callback):
    """Prints, as training goes, what the model says of a few pictures.

    Args:
        pictures: What `model.generate` takes.
        references: For each a list of true captions.
        every: How many epochs it is from one time to the next.
        log: Called with every line.
        **search: Options of `model.generate`; by default it is greedy.

    Example:

    >>> from kerasrnn.training import CaptionSamples
    >>> samples = CaptionSamples(["photo.png"], [["a red cat"]], every=5)
    >>> callbacks = [samples]  # for `model.fit(..., callbacks=callbacks)`
    """

    def __init__(
        self,
        pictures: Any,
        references: Any,
        *,
        every: int = 1,
        log: Any = print,
        **search,
    ) -> None:
        super().__init__()
        self.pictures, self.references = pictures, list(references)
        self.every, self.log, self.search = every, log, search

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if (epoch + 1) % self.every:
            return
        found = self.model.generate(self.pictures, verbose=0, **self.search)
        for line in caption_lines(self.references, found):
            self.log(line)


def caption_lines(references, hypotheses) -> list[str]:
    """True captions and those of the model, as lines.

    Example:

    >>> print("|".join(caption_lines([["a cat", "a pet"]], ["a dog"])))
      reference  a cat / a pet|      model  a dog|
    """
    lines = []
    for texts, found in zip(references, hypotheses, strict=True):
        lines += [
            f"  {'reference':>9}  {' / '.join(texts)}",
            f"  {'model':>9}  {found}",
        ]
        lines.append("")
    return lines
