"""The optimizer that the `training` section of a recipe describes."""

import keras

from kerasrnn.training.later import Later
from kerasrnn.training.warm_up import WarmUp

OPTIONS = ("weight_decay", "clipnorm", "global_clipnorm", "beta_2")


def recipe_optimizer(training: dict, steps_an_epoch: int, *, first_step: int = 0):
    """The optimizer with its learning rate, which changes over the steps of a run.

    Args:
        training: `optimizer`, the name of one of Keras's; its `learning_rate`,
            `weight_decay`, `clipnorm`, `global_clipnorm` and `beta_2`; `schedule`,
            `"constant"`, or `"linear"` or `"cosine"` to zero at the last step;
            `schedule_epochs`, to make it zero later than after its `epochs`; and
            `warmup_steps`, in which the rate first rises in a straight line.
        steps_an_epoch: How many steps an epoch has.
        first_step: Where the schedule begins: so many steps were done under another.
    """
    epochs = training.get("epochs", 1)
    if training.get("schedule_epochs", epochs) < epochs:
        raise ValueError(
            f"`schedule_epochs` must be at least epochs={epochs}; got "
            f"{training['schedule_epochs']}."
        )
    steps = training.get("schedule_epochs", epochs) * steps_an_epoch
    rate = training.get("learning_rate", 1e-3)
    warmup = int(training.get("warmup_steps", 0))
    if not 0 <= warmup < steps:
        raise ValueError(
            f"`warmup_steps` must be less than the {steps} steps of the run; got "
            f"{warmup}."
        )
    optimizer = keras.optimizers.get(training.get("optimizer", "adam"))
    return type(optimizer)(
        learning_rate=_schedule(
            training.get("schedule", "constant"),
            rate,
            steps - warmup,
            warmup,
            first_step,
        ),
        **{key: training[key] for key in OPTIONS if key in training},
    )


def _schedule(name, rate, steps, warmup, first_step):
    schedules = keras.optimizers.schedules
    if name == "linear":
        schedule = schedules.PolynomialDecay(rate, steps, 0.0)
    elif name == "cosine":
        schedule = schedules.CosineDecay(rate, steps)
    elif name != "constant":
        raise ValueError(
            "`schedule` must be 'constant', or 'linear' or 'cosine' (to zero at the "
            f"last step); got {name!r}."
        )
    elif not warmup:
        return rate
    else:
        # It goes on as it was.
        return WarmUp(schedules.PolynomialDecay(rate, steps, rate), warmup)
    schedule = WarmUp(schedule, warmup) if warmup else schedule
    return Later(schedule, first_step) if first_step else schedule
