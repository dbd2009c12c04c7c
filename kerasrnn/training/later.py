from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasrnn")
class Later(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that begins when so many steps are done.

    rate(s) = schedule(max(s - first_step, 0))

    Args:
        schedule: The rate from there on.
        first_step: How many steps are done.

    Example:

    >>> halved = keras.optimizers.schedules.PolynomialDecay(0.1, 10, 0.0)
    >>> rate = Later(halved, 400)
    >>> [round(float(rate(step)), 3) for step in (400, 405, 410)]
    [0.1, 0.05, 0.0]
    """

    def __init__(self, schedule: Any, first_step: int) -> None:
        super().__init__()
        self.schedule: Any = schedule
        self.first_step: int = first_step

    def __call__(self, step):
        return self.schedule(
            ops.maximum(ops.cast(step, "float32") - self.first_step, 0)
        )

    def get_config(self) -> dict:
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "first_step": self.first_step}

    @classmethod
    def from_config(cls, config: dict) -> "Later":
        schedule = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(schedule, config["first_step"])
