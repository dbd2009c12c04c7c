"""What a translator may be made of and called with: one clear error each."""

import inspect
import numbers

import numpy as np
from keras import ops

from kerasrnn.decoding import KerasHubSearch, beam_search, greedy_search, sample
from kerasrnn.decoding.beam_search import check_penalties
from kerasrnn.decoding.sampling import check_restrictions
from kerasrnn.zoo.task import _as_array

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


def check_model(model):
    """Raises where the arguments of a `Seq2Seq` cannot be meant."""
    # Of a target: padding, start and end.
    for name, least in (
        ("source_vocabulary_size", 2),
        ("target_vocabulary_size", 3),
        ("num_layers", 1),
        ("units", 1),
        ("embedding_dim", 1),
    ):
        check_integer(name, getattr(model, name), least)
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
        own, given = getattr(model, name), getattr(model.preprocessor, name, None)
        # A source may have fewer numbers than the model knows.
        if given is None or given == own or (name.startswith("source") and given < own):
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


def check_source(model, source_ids):
    """`source_ids` as a tensor (B, S) of integers that the model knows, S above 0."""
    size = model.source_vocabulary_size
    return at_least_one_place(check_ids("source_ids", source_ids, size))


def check_call(inputs):
    """The two tensors that a translator is called with."""
    if not isinstance(inputs, (tuple, list)) or len(inputs) != 2:
        raise ValueError(
            "`inputs` must be (source_ids, target_ids); got "
            f"{describe(inputs)}. To translate, use `generate`."
        )
    for name, ids in zip(("source_ids", "target_ids"), inputs, strict=True):
        dtype = ops.dtype(ids)
        if "int" not in dtype:
            raise TypeError(f"`{name}` must be integer token ids; got {dtype}.")
        if len(ids.shape) != 2:
            raise ValueError(
                f"`{name}` must be (batch, steps); got the shape {tuple(ids.shape)}."
            )
    return inputs


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


def check_pairs(model, x, y):
    """What `fit` and `evaluate` are given, as arrays where it was lists.

    Raises:
        TypeError: Neither strings nor integers.
        ValueError: Ids that the model does not know, or strings beside ids.
    """
    if model.preprocessor is not None:
        check_preprocessor(model)
    if hasattr(x, "element_spec"):
        specification = x.element_spec
        if isinstance(specification, tuple) and len(specification) > 1:
            first, second = (getattr(s, "dtype", None) for s in specification[:2])
            check_alike(first == "string", second == "string")
        return x, y
    x = _as_array(x, "x")
    if x.ndim == 2:
        check_ids("x", x, model.source_vocabulary_size)
    if y is None:
        return x, None
    y = _as_array(y, "y")
    check_alike(x.ndim == 1, y.ndim == 1)
    if y.ndim == 2:
        check_ids("y", y, model.target_vocabulary_size)
        if y.shape[1] < 2:
            raise ValueError(
                "`y` must be (batch, steps) with at least the start token and one "
                f"more; got the shape {y.shape}."
            )
    return x, y


def check_alike(sources_are_text, targets_are_text):
    """Raises where only one of sources and targets is text."""
    kinds = {True: "strings", False: "token ids"}
    if sources_are_text != targets_are_text:
        raise ValueError(
            f"`x` and `y` must both hold strings or both token ids; got "
            f"{kinds[sources_are_text]} and {kinds[targets_are_text]}."
        )


def at_least_one_place(source_ids):
    """`source_ids` (B, S), or one place of padding where S is 0."""
    source_ids = ops.convert_to_tensor(source_ids)
    batch, width = ops.shape(source_ids)
    if isinstance(width, int) and width > 0:
        return source_ids
    lacking = 1 - ops.minimum(width, 1)
    padding = ops.zeros((batch, 1), source_ids.dtype)[:, :lacking]
    return ops.concatenate([source_ids, padding], axis=1)
