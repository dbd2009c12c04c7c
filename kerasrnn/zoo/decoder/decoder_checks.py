"""What a model that writes may be made of and called with: one clear error each."""

import inspect
import numbers

import numpy as np
from keras import ops

from kerasrnn.decoding import KerasHubSearch, beam_search, greedy_search, sample
from kerasrnn.decoding.checks import check_penalties, check_restrictions

# Options that `generate` sets itself, or whose results it has no place for.
NOT_FOR_TEXTS = ("pad_id", "source_length", "source_mask", "uniforms")
SEARCHES = {"greedy": greedy_search, "sample": sample, "beam": beam_search}


def check_integer(name, value, least, most=None):
    """Raises where `value` is no integer from `least` to `most`."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if is_integer and value >= least and (most is None or value <= most):
        return
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise (ValueError if is_integer else TypeError)(
        f"`{name}` must be an integer {limits}; got {value!r}."
    )


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


def check_fraction(name, value):
    """Raises where `value` is not from 0 to below 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"`{name}` must be a number; got {value!r}.")
    if not 0 <= value < 1:
        raise ValueError(f"`{name}` must be from 0 to below 1; got {value!r}.")


def check_probability(name, value):
    """Raises where `value` is not from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"`{name}` must be a number; got {value!r}.")
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be from 0 to 1; got {value!r}.")


def check_decoder(model):
    """Raises where the arguments of a `DecoderTask` cannot be meant."""
    # Of a target: padding, start and end.
    for name, least in (
        ("target_vocabulary_size", 3),
        ("num_layers", 1),
        ("units", 1),
        ("embedding_dim", 1),
        ("members", 1),
    ):
        check_size(name, getattr(model, name), least)
    for name in ("start_id", "end_id"):
        # 0 is padding.
        check_integer(name, getattr(model, name), 1, model.target_vocabulary_size - 1)
    if model.start_id == model.end_id:
        raise ValueError(
            f"`start_id` and `end_id` must differ; both are {model.end_id}."
        )
    for name in ("dropout", "word_dropout", "label_smoothing"):
        check_fraction(name, getattr(model, name))
    if model.scheduled_sampling is not None:
        check_probability("scheduled_sampling", model.scheduled_sampling)
    check_preprocessor(model)


def check_preprocessor(model):
    """Raises where the preprocessor gives other numbers than the model takes."""
    for name in (
        "source_vocabulary_size",
        "target_vocabulary_size",
        "start_id",
        "end_id",
    ):
        own, given = (getattr(x, name, None) for x in (model, model.preprocessor))
        # A source may have fewer numbers than the model knows.
        if (
            None in (own, given)
            or given == own
            or (name.startswith("source") and given < own)
        ):
            continue
        raise ValueError(
            f"`preprocessor` must have the model's `{name}`, {own}; got one with "
            f"{given}."
        )


def check_ids(name, ids, vocabulary_size):
    """`ids` as a tensor (B, S) of integers, in range where that can be seen."""
    if isinstance(ids, (list, tuple)):
        try:
            ids = np.array(ids)
        except ValueError as error:
            raise ValueError(
                f"`{name}` must be (batch, steps); got rows of different lengths."
            ) from error
    tensor = ops.convert_to_tensor(ids)
    dtype = ops.dtype(tensor)
    if "int" not in dtype:
        raise TypeError(f"`{name}` must be integer token ids; got {dtype}.")
    if len(tensor.shape) != 2:
        raise ValueError(
            f"`{name}` must be (batch, steps); got the shape {tuple(tensor.shape)}."
        )
    try:
        values = ops.convert_to_numpy(tensor)
    except (NotImplementedError, TypeError):  # inside a graph
        return tensor
    if values.size and not 0 <= values.min() <= values.max() < vocabulary_size:
        raise ValueError(
            f"`{name}` must be token ids from 0 to {vocabulary_size - 1}; got "
            f"{values.min()} to {values.max()}."
        )
    return tensor


def describe(value):
    """A short account of a value that is not what was expected."""
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"one of the shape {shape}"


def check_search(model, search, max_length, options, *, own=()):
    """The search of this name or object, after a check of all that it is given.

    Args:
        model: The translator.
        search: "greedy", "sample" or "beam", or a sampler of KerasHub.
        max_length: A positive integer, a tensor, or None.
        options: What the user passed beside them.
        own: The options that the caller sets itself.
    """
    if max_length is not None and not ops.is_tensor(max_length):
        check_integer("max_length", max_length, 1)
    if isinstance(search, str) or not callable(search):
        if search not in SEARCHES:
            raise ValueError(
                f"`search` must be one of {', '.join(SEARCHES)}, or a sampler of "
                f"KerasHub; got {search!r}."
            )
        function, name = SEARCHES[search], repr(search)
    else:
        function, name = KerasHubSearch(search), type(search).__name__
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
        and key not in ("max_length", "end_id", *own)
    }
    unknown = [key for key in options if key not in defaults]
    if unknown:
        raise ValueError(
            f"`{unknown[0]}` is no option of search={name}, which has "
            f"{', '.join(defaults) or 'none'}; got {options[unknown[0]]!r}."
        )
    given = {**defaults, **options}
    if search == "sample":
        check_restrictions(given["temperature"], given["top_k"], given["top_p"])
    if search == "beam":
        keys = ("beam_width", "n_best", "length_penalty", "coverage_penalty")
        # The mask of the source is the model's to know.
        check_penalties(*(given[key] for key in keys), source_mask=True)
    for key in ("source_length", "coverage_penalty"):
        if not model.attends and given.get(key):
            raise ValueError(
                f"`{key}` needs a model that attends, such as Seq2SeqAttention; got a "
                f"{type(model).__name__} and {given[key]!r}."
            )
    return function


def check_targets(name, ids, vocabulary_size):
    """Raises where targets (B, T) are unknown, or leave nothing to learn."""
    check_ids(name, ids, vocabulary_size)
    if ids.shape[1] < 2:
        raise ValueError(
            f"`{name}` must be (batch, steps) with at least the start token and one "
            f"more; got the shape {ids.shape}."
        )
