"""Checks of arguments that several models have: each names what is wrong."""

import numbers

import keras

from kerasrnn.decoding.checks import check_integer


def check_size(name, value, least):
    """Raises where `value` is no size, with a hint where it is a tokenizer."""
    if callable(value):
        raise TypeError(
            f"`{name}` must be an integer; got a {type(value).__name__}. Pass a "
            "tokenizer by its name: `preprocessor=tokenizer`."
        )
    check_integer(name, value, least)


def of_preprocessor(name, preprocessor):
    """What the preprocessor says of an argument that was not given."""
    value = getattr(preprocessor, name, None)
    if value is None:
        raise ValueError(
            f"`{name}` must be given where the `preprocessor` does not know it; got "
            f"a preprocessor {preprocessor!r}."
        )
    return value


def check_choice(name, value, choices):
    """Raises where `value` is none of the choices."""
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}; got {value!r}."
        )


def check_real(name, value):
    """Raises where `value` is no real number; NumPy's are."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"`{name}` must be a number; got {value!r}.")


def check_fraction(name, value):
    """Raises where `value` is not from 0 to below 1."""
    check_real(name, value)
    if not 0 <= value < 1:
        raise ValueError(f"`{name}` must be from 0 to below 1; got {value!r}.")


def check_probability(name, value):
    """Raises where `value` is not from 0 to 1."""
    check_real(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be from 0 to 1; got {value!r}.")


def loss_of_logits(loss, by_name):
    """`loss` as a model that puts out logits can learn by it.

    Args:
        loss: What `compile` was given.
        by_name: From the names that Keras has for a cross-entropy to one of logits.

    Raises:
        ValueError: It is a loss of probabilities.
    """
    if isinstance(loss, str):
        return by_name[loss]() if loss in by_name else loss
    if isinstance(loss, keras.losses.Loss) and not loss.get_config().get(
        "from_logits", True
    ):
        raise ValueError(
            "`loss` must be one of logits, which the model puts out: make it with "
            f"from_logits=True; got {type(loss).__name__} of probabilities."
        )
    return loss
