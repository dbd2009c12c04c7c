"""A model that knows more tokens than another, with its weights."""

from typing import Any

import keras
import numpy as np

from kerasrnn.text.target_tokenizer import size_with_marks

# Arguments of the models that a preprocessor says.
OF_PREPROCESSOR = (
    *("vocabulary_size", "source_vocabulary_size", "target_vocabulary_size"),
    *("start_id", "end_id"),
)
# How far new rows lie from the mean, in standard deviations of the known ones.
NOISE = 0.1


def grown_model(model: Any, preprocessor: Any, **kwargs: Any) -> Any:
    """A model of the same class and sizes, with the weights of another one.

    Rows of weights that belong to a token go to where the new preprocessor has it. Rows
    of new tokens are the mean of the known ones, and a little noise:

        w_new = μ + 0.1 σ ε,    ε ~ N(0, 1), from Keras's global seed

    where μ and σ are mean and standard deviation of each component over all tokens but
    padding. Rows of new labels are as in a new model.

    Args:
        model: What to go on from: a `Task` that names its `token_weights`.
        preprocessor: One that knows at least the model's own tokens.
        **kwargs: Arguments of the class that replace those of the model.

    Raises:
        ValueError: The weights of the model do not fit the new one's.
    """
    config = model.get_config()
    for name in (*OF_PREPROCESSOR, "preprocessor"):
        config.pop(name, None)
    grown = type(model).from_config({**config, "preprocessor": preprocessor, **kwargs})
    rows: dict[int, list[tuple[int, str]]] = {}
    for weight, axis, role in model.token_weights():
        rows.setdefault(id(weight), []).append((axis, role))
    roles = {role for axes in rows.values() for _, role in axes}
    known = {role: tokens_of(model, role) for role in roles}
    places = {role: _places(of, tokens_of(grown, role)) for role, of in known.items()}
    if len(model.weights) != len(grown.weights):
        raise ValueError(_misfit(grown, len(model.weights), len(grown.weights)))
    for old, new in zip(model.weights, grown.weights, strict=True):
        value = keras.ops.convert_to_numpy(old)
        if id(old) in rows:
            fresh = keras.ops.convert_to_numpy(new)
            axes = [(axis, places[role], role) for axis, role in rows[id(old)]]
            value = _moved(value, fresh, axes)
        if value.shape != tuple(new.shape):
            raise ValueError(
                _misfit(grown, f"{old.path} {value.shape}", tuple(new.shape))
            )
        new.assign(value)
    return grown


def tokens_of(model: Any, role: str) -> list:
    """What the rows of a role stand for, in their order.

    Args:
        model: A `Task`.
        role: "label", "source", "target", or "text" where there is but one language.
    """
    if role == "label":
        return list(model.labels)
    tokenizer = model.preprocessor
    if role == "text":
        return list(tokenizer.get_vocabulary())
    tokenizer = getattr(tokenizer, role)
    tokens = list(tokenizer.get_vocabulary())
    # No word can be taken for the marks after the last one.
    marks = range(size_with_marks(tokenizer) - len(tokens))
    return [*tokens, *marks]


def _places(known, tokens):
    """Where among `tokens` each known one is; -1: nowhere."""
    place = {token: number for number, token in enumerate(tokens)}
    return np.array([place.get(token, -1) for token in known], int)


def _moved(old, fresh, axes):
    """`fresh`, with the rows of `old` in their places and noise round their mean.

    Args:
        old: The known weight.
        fresh: The new one.
        axes: Of each axis that has a row for each token: its number, the new places of
            the known rows, and what they stand for.
    """
    new = fresh.copy()
    old_at, new_at = ([np.arange(n) for n in x.shape] for x in (old, new))
    for axis, places, role in axes:
        if old.shape[axis] != len(places):
            raise ValueError(
                f"A weight has {old.shape[axis]} rows for the {len(places)} tokens "
                "that the preprocessor knows. Its vocabulary has changed since the "
                "model was made."
            )
        if role != "label" and len(places) > 1:
            rows = np.moveaxis(old, axis, 0)[1:]
            noise = keras.ops.convert_to_numpy(keras.random.normal(new.shape))
            drawn = rows.mean(axis=0) + NOISE * rows.std(axis=0) * np.moveaxis(
                noise, axis, 0
            )
            new = np.moveaxis(drawn, 0, axis).astype(new.dtype)
        kept = places >= 0
        old_at[axis], new_at[axis] = np.flatnonzero(kept), places[kept]
    new[np.ix_(*new_at)] = old[np.ix_(*old_at)]
    return new


def _misfit(model, old, new):
    return (
        f"The weights must be those of the same {type(model).__name__}; got {old} "
        f"where the new one has {new}. `token_weights` must name all whose size "
        "follows from the vocabulary."
    )
