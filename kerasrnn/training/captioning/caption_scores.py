from typing import Any

import keras
import numpy as np

from kerasrnn.metrics import caption_scores, require_sacrebleu


class CaptionScores(keras.callbacks.Callback):
    """CIDEr-D and BLEU-4 of what the model itself writes, at the end of every epoch.

    They are in the epoch's logs as `val_cider_d` and `val_bleu_4`, so that
    `EarlyStopping` and `ModelCheckpoint` can go by them; list it before those. They
    are better when higher: `mode="max"`. `val_cider_d` is the mean of the CIDEr-D of
    the groups, each counted alike.

    Args:
        pictures: What `model.generate` takes: features (N, L, D), or pictures.
        references: For each a list of captions.
        groups: Names of groups of pictures to the rows of each; None: one of all.
        **search: More options of `model.generate`; by default it is greedy.

    Raises:
        ImportError: sacreBLEU is not installed.

    Example:

    >>> from kerasrnn.training import CaptionScores
    >>> features = np.zeros((2, 49, 1280), "float16")
    >>> scores = CaptionScores(features, [["a red cat"], ["two dogs", "dogs"]])
    >>> stop = keras.callbacks.EarlyStopping("val_cider_d", mode="max", patience=3)
    >>> callbacks = [scores, stop]  # for `model.fit(..., callbacks=callbacks)`
    """

    def __init__(
        self, pictures: Any, references: Any, *, groups: Any = None, **search
    ) -> None:
        super().__init__()
        require_sacrebleu()
        self.pictures, self.references = pictures, list(references)
        self.groups = groups or {"all": np.arange(len(self.references))}
        self.search = search

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs is not None:
            logs |= self.measure(self.model)

    def measure(self, model: Any) -> dict[str, float]:
        """`val_cider_d`, `val_bleu_4` and the CIDEr-D of each group."""
        found = model.generate(self.pictures, verbose=0, **self.search)
        scores = scores_of_groups(found, self.references, self.groups)
        values = {f"val_cider_d_{name}": s["cider_d"] for name, s in scores.items()}
        mean = float(np.mean([s["cider_d"] for s in scores.values()]))
        bleu = float(np.mean([s["bleu_4"] for s in scores.values()]))
        return {"val_cider_d": mean, "val_bleu_4": bleu, **values}


def scores_of_groups(captions, references, groups) -> dict[str, dict]:
    """The scores of each group of pictures, by its name.

    Args:
        captions: What a model says of each picture.
        references: For each a list of captions.
        groups: Names to rows.

    Example:

    >>> captions, references = ["a cat", "a dog"], [["a cat"], ["the sun"]]
    >>> scores = scores_of_groups(captions, references, {"pets": [0], "sky": [1]})
    >>> scores["pets"]["exact_match"], scores["sky"]["exact_match"]
    (1.0, 0.0)
    """
    return {
        name: caption_scores(
            [captions[row] for row in rows], [references[row] for row in rows]
        )
        for name, rows in groups.items()
    }
