"""What `fit`, `evaluate` and `predict` are given, made into arrays or refused."""

import contextlib
import re

import numpy as np


def as_array(x, name):
    """Strings as an array of bytes (N,), or token ids (N, T)."""
    if x is None:
        raise ValueError(f"`{name}` must hold texts or token ids; got None.")
    if isinstance(x, (str, bytes)):
        raise ValueError(
            f"`{name}` must be a list of strings; got one string. "
            "Put it in a list: [text]."
        )
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    elif hasattr(x, "numpy"):
        x = x.numpy()
    if not isinstance(x, np.ndarray):
        if not isinstance(x, (list, tuple)):
            raise TypeError(
                f"`{name}` must be a list, an array or a tf.data.Dataset of strings; "
                f"got {type(x).__name__}."
            )
        holds_text = any(item is None or isinstance(item, (str, bytes)) for item in x)
        try:
            x = np.array(x, dtype=object if holds_text else None)
        except ValueError as error:
            raise ValueError(
                f"`{name}` must hold strings, or rows of token ids of one length; got "
                "rows of different lengths."
            ) from error
    if x.ndim and len(x) == 0:
        raise ValueError(f"`{name}` must hold at least one example; got none.")
    if x.dtype.kind in "OSU":
        return as_bytes(x, name)
    if x.dtype.kind not in "iu":
        raise TypeError(
            f"`{name}` must hold strings or integer token ids; got {x.dtype} values."
        )
    if x.ndim != 2:
        raise ValueError(
            f"`{name}` must hold token ids of shape (batch, steps); "
            f"got shape {x.shape}."
        )
    return x


def as_bytes(x, name):
    """Strings (B,) as an array of UTF-8."""
    if x.ndim != 1:
        raise ValueError(
            f"`{name}` must be a flat list of strings, shape (batch,); got shape "
            f"{x.shape}."
        )
    texts = np.empty(len(x), dtype=object)
    for index, text in enumerate(x):
        if isinstance(text, str):
            # A lone surrogate has no UTF-8 form.
            text = text.encode("utf-8", errors="replace")
        if not isinstance(text, bytes):
            raise TypeError(
                f"`{name}` must hold strings; item {index} is {text!r} "
                f"({type(text).__name__})."
            )
        texts[index] = text
    return texts


def as_column(values, length, name):
    """Labels or weights as an array, one for each example."""
    column = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)
    if column.ndim == 0 or len(column) != length:
        raise ValueError(
            f"`{name}` must hold one value for each of the {length} examples of `x`; "
            f"got shape {column.shape}."
        )
    return column


def inputs_of(element_spec):
    """The specification of a dataset's inputs, without targets and weights."""
    return element_spec[0] if isinstance(element_spec, tuple) else element_spec


def has_targets(dataset):
    """Whether a dataset gives targets too."""
    return isinstance(dataset.element_spec, tuple) and len(dataset.element_spec) > 1


def is_of_lines(dataset):
    """Whether each element of a dataset is a single string, with or without a label."""
    inputs = inputs_of(dataset.element_spec)
    dtype = getattr(getattr(inputs, "dtype", None), "name", "")
    return dtype == "string" and inputs.shape.rank == 0


def check_element(element_spec, name):
    """Raises where a dataset does not hold batches of strings or of token ids."""
    inputs = inputs_of(element_spec)
    if not hasattr(inputs, "dtype") or isinstance(inputs, dict):
        raise ValueError(
            f"`{name}` must be a dataset of (strings, labels) batches; its elements "
            f"are {element_spec}. With tfds.load, pass as_supervised=True."
        )
    rank = 1 if inputs.dtype.name == "string" else 2
    if inputs.shape.rank is not None and inputs.shape.rank != rank:
        hint = " Batch it: dataset.batch(32)." if inputs.shape.rank < rank else ""
        raise ValueError(
            f"`{name}` must be a dataset whose inputs have rank {rank}, the first axis "
            f"the batch; got shape {inputs.shape}.{hint}"
        )


def holds_strings(x):
    """Whether a batch is of strings, and not of numbers."""
    if isinstance(x, (list, tuple)):
        return bool(x) and isinstance(x[0], (str, bytes))
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    name = getattr(getattr(x, "dtype", None), "name", "")
    return name in ("string", "object") or name.startswith(("str", "bytes"))


def checked_labels(dataset, class_names, name):
    """The dataset, whose labels, integers or names, are checked as they come.

    Names of classes become their numbers.
    """
    if class_names is None or not has_targets(dataset):
        return dataset
    labels = dataset.element_spec[1]
    if getattr(getattr(labels, "shape", None), "rank", None) != 1:
        return dataset  # Not one label an example.
    expected = (
        f"`{name}` must give integer labels 0 to {len(class_names) - 1} "
        f"({', '.join(map(str, class_names))})"
    )
    if labels.dtype.name == "string":
        return _numbered(dataset, class_names, f"{expected} or their names")
    if not labels.dtype.is_integer and not labels.dtype.is_bool:
        raise ValueError(f"{expected}; got {labels.dtype.name} values.")
    return _checked(dataset, 1, len(class_names), expected)


def checked_ids(dataset, vocabulary_sizes, name):
    """The dataset, whose token ids are checked as they come.

    Args:
        dataset: Of inputs, or of tuples that begin with inputs and targets.
        vocabulary_sizes: Of inputs and of targets; None where they are no token ids.
        name: Of the argument.
    """
    for place, (size, what) in enumerate(
        zip(vocabulary_sizes, ("inputs", "targets"), strict=True)
    ):
        if size is None or (place and not has_targets(dataset)):
            continue
        specification = dataset.element_spec
        values = specification[place] if place else inputs_of(specification)
        if values.dtype.is_integer:
            expected = f"`{name}` must give {what} that are token ids 0 to {size - 1}"
            dataset = _checked(dataset, place, size, expected)
    return dataset


def _checked(dataset, place, limit, expected):
    """The dataset, of which one part must be integers from 0 to below `limit`."""
    import tensorflow as tf

    def check(*element):
        numbers = tf.cast(element[place], tf.int64)
        fits = tf.reduce_all((numbers >= 0) & (numbers < limit))
        least, most = tf.reduce_min(numbers), tf.reduce_max(numbers)
        told = tf.debugging.Assert(fits, [expected, least, most], summarize=1)
        with tf.control_dependencies([told] if told is not None else []):
            element = [*element]
            element[place] = tf.identity(element[place])
            return tuple(element) if len(element) > 1 else element[0]

    return dataset.map(check)


def _numbered(dataset, class_names, expected):
    """The dataset, with numbers in place of the names of classes."""
    import tensorflow as tf

    numbers = tf.lookup.KeyValueTensorInitializer(
        tf.constant(class_names), tf.range(len(class_names))
    )
    table = tf.lookup.StaticHashTable(numbers, default_value=-1)

    def number(inputs, names, *weights):
        labels = table.lookup(names)
        unknown = tf.boolean_mask(names, labels < 0)
        told = tf.debugging.Assert(tf.size(unknown) == 0, [expected, unknown[:1]])
        with tf.control_dependencies([told] if told is not None else []):
            return inputs, tf.identity(labels), *weights

    return dataset.map(number)


# How TensorFlow tells what `_checked` and `_numbered` found.
FOUND = r"assertion failed: \[(`[^`]*` must give .*?)\] "
OUT_OF_RANGE = re.compile(FOUND + r"\[(-?\d+)\] \[(-?\d+)\]", re.DOTALL)
UNKNOWN_NAME = re.compile(FOUND + r"\[([^\n]*)\]$", re.DOTALL | re.MULTILINE)


@contextlib.contextmanager
def in_own_words():
    """Raises a ValueError for what `checked_labels` or `checked_ids` found."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        message = str(error.message)
        if found := OUT_OF_RANGE.search(message):
            got = f"values {found[2]} to {found[3]}"
        elif found := UNKNOWN_NAME.search(message):
            got = repr(found[2])
        else:
            raise
        raise ValueError(f"{found[1]}; got {got}.") from None


def split_off(x, y, sample_weight, fraction, as_inputs=as_array):
    """The last `fraction` of the arrays becomes the validation data, as in Keras."""
    if not 0 < fraction < 1:
        raise ValueError(
            f"`validation_split` must be between 0 and 1; got {fraction!r}."
        )
    if hasattr(x, "element_spec"):
        raise ValueError(
            "`validation_split` needs arrays or lists; `x` is a dataset. Pass "
            "`validation_data` instead."
        )
    x = as_inputs(x, "x")
    at = int(len(x) * (1 - fraction))
    if at in (0, len(x)):
        raise ValueError(
            f"`validation_split`={fraction} leaves one part of the {len(x)} examples "
            "empty."
        )
    columns = [
        None if column is None else as_column(column, len(x), name)
        for column, name in ((y, "y"), (sample_weight, "sample_weight"))
    ]
    first = [None if c is None else c[:at] for c in columns]
    last = [None if c is None else c[at:] for c in columns]
    return x[:at], *first, (x[at:], *last)
