"""How good a character model is that learns and remembers what it is judged on."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kerasrnn.text import CharacterText
from kerasrnn.zoo import DynamicEvaluation, TextMemory
from kerasrnn.zoo.language_model.text_memory import ORDERS

# Characters of the validation text, the first ones, on which a memory is weighed.
MOST = 500_000


def adapted_scores(
    model: Any,
    text_of: Callable[[str], CharacterText],
    settings: dict,
    verbose: str | int = 0,
) -> dict[str, float]:
    """Scores of the test text by a model that learns and remembers as it reads.

    Args:
        model: A `CharLanguageModel`, which stays as it is.
        text_of: From "train", "validation" or "test" to its `CharacterText`.
        settings: The section `adaptation` of a recipe: `orders` of a `TextMemory`, or
            None for no memory; all others are of a `DynamicEvaluation`, of which there
            is none where the `learning_rate` is 0.
        verbose: 1 shows a progress bar, "auto" one for a long text.
    """
    known = text_of("train")
    dynamic, memory = adaptation(model, known, text_of("validation"), **settings)
    options = {"dynamic": dynamic, "memory": memory, "verbose": verbose}
    return model.evaluate(text_of("test"), **options)


def adaptation(
    model: Any, known: CharacterText, validation: CharacterText, **settings: Any
) -> tuple[DynamicEvaluation | None, TextMemory | None]:
    """A `DynamicEvaluation` and a fitted `TextMemory`; None: without it.

    Args:
        model: A `CharLanguageModel`.
        known: The training text.
        validation: The validation text.
        **settings: As in `adapted_scores`.
    """
    orders = settings.pop("orders", ORDERS)
    dynamic = None
    if settings.get("learning_rate") != 0:
        dynamic = DynamicEvaluation(known, **settings)
    if orders is None:
        return dynamic, None
    validation = beginning_of(validation, MOST)
    return dynamic, model.remember(known, validation, dynamic=dynamic, orders=orders)


def beginning_of(text: CharacterText, most: int) -> CharacterText:
    """The first characters of a text."""
    if len(text) <= most:
        return text
    ends = np.append(text.ends[text.ends < most], most)
    return CharacterText(text.ids[:most], ends)
