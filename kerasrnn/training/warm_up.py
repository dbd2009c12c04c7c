import numbers
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasrnn")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises in a straight line, and then goes as it would.

    rate(s) = (s + 1) / steps · after(0)      for s < steps
    rate(s) = after(s - steps)                from there on

    Args:
        after: The schedule that follows.
        steps: How many steps it rises.

    Example:

    >>> halved = keras.optimizers.schedules.PolynomialDecay(0.1, 10, 0.0)
    >>> rate = WarmUp(halved, 4)
    >>> [round(float(rate(step)), 3) for step in (0, 1, 3, 4, 9, 14)]
    [0.025, 0.05, 0.1, 0.1, 0.05, 0.0]
    """

    def __init__(self, after: Any, steps: int) -> None:
        super().__init__()
        if isinstance(steps, bool) or not isinstance(steps, numbers.Integral):
            raise TypeError(f"`steps` must be an integer; got {steps!r}.")
        if steps < 1:
            raise ValueError(f"`steps` must be at least 1; got {steps!r}.")
        self.after: Any = after
        self.steps: int = int(steps)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = (step + 1) / self.steps * self.after(0)
        return ops.where(
            step < self.steps, rising, self.after(ops.maximum(step - self.steps, 0))
        )

    def get_config(self) -> dict:
        after = keras.optimizers.schedules.serialize(self.after)
        return {"after": after, "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict) -> "WarmUp":
        after = keras.optimizers.schedules.deserialize(config["after"])
        return cls(after, config["steps"])
