"""The kinds of task that the commands know: a line for each."""

from kerasrnn.catalogue import unknown_name
from kerasrnn.training.captioning.captioning import Captioning
from kerasrnn.training.forecasting.forecasting import Forecasting
from kerasrnn.training.glimpses.image_classification import ImageClassification
from kerasrnn.training.language_model.language_modelling import LanguageModelling
from kerasrnn.training.sentiment.text_classification import TextClassification
from kerasrnn.training.tagging.tagging import Tagging
from kerasrnn.training.task_kind import TaskKind
from kerasrnn.training.translation.translation import Translation

KINDS: list[type[TaskKind]] = [
    TextClassification,
    Translation,
    Captioning,
    LanguageModelling,
    Forecasting,
    Tagging,
    ImageClassification,
]


def kind_of(task: str) -> type[TaskKind]:
    """The kind that models of this class's name are of.

    Raises:
        ValueError: There is none.
    """
    kinds = {model.__name__: kind for kind in KINDS for model in kind.models}
    if task not in kinds:
        raise ValueError(unknown_name("task", task, [*kinds]))
    return kinds[task]
