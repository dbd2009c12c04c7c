import keras
import numpy as np
import pytest

from kerasrnn.training import WarmUp
from kerasrnn.training.recipe_optimizer import recipe_optimizer


def rates(steps=100, **training):
    optimizer = recipe_optimizer({"learning_rate": 0.5, **training}, steps)
    found = []
    for step in range(steps + 1):
        optimizer.iterations.assign(step)
        found.append(float(optimizer.learning_rate))
    return np.array(found)


def test_schedules_without_warm_up():
    np.testing.assert_allclose(rates(), 0.5)
    step = np.arange(101)
    linear, cosine = rates(schedule="linear"), rates(schedule="cosine")
    np.testing.assert_allclose(linear, 0.5 * (1 - step / 100), atol=1e-6)
    expected = 0.25 * (1 + np.cos(np.pi * step / 100))
    np.testing.assert_allclose(cosine, expected, atol=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_a_warm_up_rises_to_the_schedule_that_follows(schedule):
    warm = rates(schedule=schedule, warmup_steps=20)
    np.testing.assert_allclose(warm[:20], 0.5 * np.arange(1, 21) / 20, atol=1e-6)
    np.testing.assert_allclose(warm[20:], rates(steps=80, schedule=schedule), atol=1e-6)
    assert warm[-1] == pytest.approx(0.5 if schedule == "constant" else 0, abs=1e-6)


def test_a_schedule_may_be_longer_than_the_run():
    options = {"schedule": "linear", "epochs": 2, "schedule_epochs": 4}
    np.testing.assert_allclose(
        rates(steps=10, **options), 0.5 * (1 - np.arange(11) / 40), atol=1e-6
    )


def test_a_warm_up_is_saved_with_its_optimizer():
    optimizer = recipe_optimizer({"schedule": "linear", "warmup_steps": 3}, 10)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    again.iterations.assign(5)
    optimizer.iterations.assign(5)
    assert float(again.learning_rate) == float(optimizer.learning_rate) > 0


def test_other_options_reach_the_optimizer():
    training = {"optimizer": "adamw", "weight_decay": 0.1, "global_clipnorm": 2.0}
    optimizer = recipe_optimizer(training, 10)
    assert isinstance(optimizer, keras.optimizers.AdamW)
    assert (optimizer.weight_decay, optimizer.global_clipnorm) == (0.1, 2.0)


def test_mistakes():
    with pytest.raises(ValueError, match=r"'linear' or 'cosine' .* got 'slow'"):
        recipe_optimizer({"schedule": "slow"}, 10)
    with pytest.raises(ValueError, match="less than the 10 steps of the run; got 10"):
        recipe_optimizer({"warmup_steps": 10}, 10)
    with pytest.raises(ValueError, match="at least epochs=3; got 2"):
        recipe_optimizer({"epochs": 3, "schedule_epochs": 2}, 10)
    with pytest.raises(ValueError, match="`steps` must be at least 1; got 0"):
        WarmUp(keras.optimizers.schedules.CosineDecay(0.1, 5), 0)
    with pytest.raises(TypeError, match="`steps` must be an integer; got"):
        WarmUp(keras.optimizers.schedules.CosineDecay(0.1, 5), 1.5)
