"""How `generate` goes through strings: sorted by length, in batches, traced once."""

import warnings

import numpy as np
from keras import ops

from kerasrnn.zoo.decoder.compiled_search import WIDTHS, search_batches
from kerasrnn.zoo.decoder.decoder_checks import (
    NOT_FOR_TEXTS,
    check_integer,
    check_preprocessor,
    check_search,
)

LONGEST = 512


def default_max_length(width):
    """2 w + 10, at most 512, with w `width` rounded up to 16, 32, 64, 128 or 256.

    Args:
        width: How many tokens the longest source of a batch has, an integer or a
            scalar tensor.
    """
    limits = [min(2 * w + 10, LONGEST) for w in (*WIDTHS, LONGEST)]
    if isinstance(width, int):
        return limits[sum(width > w for w in WIDTHS)]
    place = ops.sum(ops.cast(width > ops.convert_to_tensor(WIDTHS), "int32"))
    return ops.take(ops.convert_to_tensor(limits), place)


def generate_texts(
    model, inputs, *, max_length, search, batch_size, return_scores, verbose, options
):
    """`Seq2Seq.generate`, which see."""
    if model.preprocessor is None:
        raise ValueError(
            f"This {type(model).__name__} has `preprocessor=None`; `generate_ids` "
            "takes token ids."
        )
    check_preprocessor(model)
    check_search(model, search, max_length, options, own=NOT_FOR_TEXTS)
    check_integer("batch_size", batch_size, 1)
    texts, single = as_texts(inputs)
    rows = source_rows(model.preprocessor, texts, model.preprocess)
    lengths = np.array([len(row) for row in rows], int)

    def source_of(batch):
        ids = np.zeros((len(batch), int(lengths[batch[0]])), "int32")
        for i, index in enumerate(batch):
            ids[i, : lengths[index]] = rows[index]
        return ids

    def limit_of(batch):
        return max_length or default_max_length(int(lengths[batch[0]]))

    results, scores = search_batches(
        model,
        batches_by_length(lengths, batch_size, alike=max_length is None),
        source_of,
        limit_of,
        search=search,
        options=options,
        verbose=verbose,
        unit="text",
        most=max((limit_of([i]) for i in range(len(texts))), default=1),
    )
    if single:
        return (results[0], scores[0].tolist()) if return_scores else results[0]
    return (results, np.array(scores, "float32")) if return_scores else results


def as_texts(inputs):
    """The texts as a list of bytes, and whether it was one string alone."""
    if isinstance(inputs, (str, bytes)):
        return [as_bytes(inputs, 0)], True
    if hasattr(inputs, "as_numpy_iterator"):
        texts = texts_of_dataset(inputs)
    else:
        for method in ("to_numpy", "numpy"):
            if hasattr(inputs, method):
                inputs = getattr(inputs, method)()
                break
        if isinstance(inputs, (str, bytes)):  # it was a scalar tensor
            return [as_bytes(inputs, 0)], True
        if isinstance(inputs, np.ndarray):
            if inputs.ndim != 1:
                raise ValueError(
                    "`inputs` must be a string or a flat list of strings; got an "
                    f"array of the shape {inputs.shape}, dtype {inputs.dtype}."
                )
        elif not isinstance(inputs, (list, tuple)):
            raise TypeError(
                "`inputs` must be a string, a list or an array of strings, or a "
                f"tf.data.Dataset; got {type(inputs).__name__}."
            )
        texts = list(inputs)
    return [as_bytes(text, index) for index, text in enumerate(texts)], False


def texts_of_dataset(dataset):
    """The strings of a dataset, batched or not, with or without targets."""
    specification = dataset.element_spec
    with_targets = isinstance(specification, tuple)
    strings = specification[0] if with_targets else specification
    if getattr(strings, "dtype", None) != "string" or strings.shape.rank not in (0, 1):
        raise ValueError(
            "`inputs` must be a dataset of strings, or of (strings, targets); its "
            f"elements are {specification}."
        )
    if int(dataset.cardinality()) == -1:
        raise ValueError("`inputs` must be a finite dataset; got one without end.")
    if with_targets:
        dataset = dataset.map(lambda strings, *_: strings)
    return [t for batch in dataset.as_numpy_iterator() for t in np.ravel(batch)]


def as_bytes(text, index) -> bytes:
    """UTF-8, with a question mark for what has no such form."""
    if isinstance(text, str):
        return text.encode("utf-8", errors="replace")
    if not isinstance(text, bytes):
        raise TypeError(
            f"`inputs` must hold strings; item {index} is {text!r} "
            f"({type(text).__name__}). Token ids go to `generate_ids`."
        )
    return bytes(text)


def source_rows(preprocessor, texts, tokenize, chunk=1024):
    """The ids of each text without padding; warns of what was cut off."""
    import tensorflow as tf

    rows, cut, cut_texts = [], 0, 0
    most = getattr(getattr(preprocessor, "source", preprocessor), "max_length", None)
    for start in range(0, len(texts), chunk):
        part = texts[start : start + chunk]
        for ids in np.asarray(tokenize(tf.constant(part))):
            places = np.flatnonzero(ids)
            rows.append(ids[: places[-1] + 1 if len(places) else 1])
        if most is None or not hasattr(preprocessor, "count_cut"):
            continue
        full = [t for t, row in zip(part, rows[start:], strict=True) if len(row) > most]
        if full:
            counts = np.asarray(preprocessor.count_cut(full))
            cut, cut_texts = cut + counts.sum(), cut_texts + np.sum(counts > 0)
    if cut:
        warnings.warn(
            f"{cut} tokens at the ends of {cut_texts} of {len(texts)} texts were cut "
            f"off and are not translated: the tokenizer has max_length={most}.",
            stacklevel=4,
        )
    return rows


def batches_by_length(lengths, batch_size, *, alike):
    """Indices of the texts, longest first, at most `batch_size` together.

    Args:
        lengths: (N,) of the texts.
        batch_size: The most texts of a batch.
        alike: Whether texts of different `default_max_length` are kept apart, so
            that no text's limit depends on the others.
    """
    batch = []
    for index in np.argsort(-lengths, kind="stable").tolist():
        full = len(batch) == batch_size
        if batch and alike:
            first, this = int(lengths[batch[0]]), int(lengths[index])
            full = full or default_max_length(first) != default_max_length(this)
        if full:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
