"""How `generate` goes through strings: sorted by length, in batches, traced once."""

import warnings

import keras
import numpy as np
from keras import ops

from kerasrnn.zoo.seq2seq_checks import (
    NOT_FOR_TEXTS,
    check_integer,
    check_preprocessor,
    check_search,
)

WIDTHS = (16, 32, 64, 128, 256)
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


def width_of_batch(length: int) -> int:
    """`length` rounded up: to 16, 32, 64, ..."""
    return max(WIDTHS[0], 1 << (length - 1).bit_length())


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
    options, uniforms = dict(options), None
    if search == "sample":
        # For each text its own numbers, whatever batch it comes into.
        most = max_length or max(
            (default_max_length(length) for length in lengths.tolist()), default=1
        )
        uniforms = draw_uniforms((len(texts), most), options.pop("seed", None))
    run = compiled_search(model, search, options)
    batches = [*batches_by_length(lengths, batch_size, alike=max_length is None)]
    if verbose == "auto":
        verbose = int(len(batches) > 10)
    bar = keras.utils.Progbar(len(texts), verbose=1, unit_name="text")
    results, scores = [None] * len(texts), [None] * len(texts)
    for batch in batches:
        width = int(lengths[batch[0]])
        ids = np.zeros((len(batch), width), "int32")
        for i, index in enumerate(batch):
            ids[i, : lengths[index]] = rows[index]
        limit = max_length or default_max_length(width)
        of_batch = None if uniforms is None else uniforms[batch]
        token_ids, batch_scores = run(ids, limit, of_batch)
        if search == "beam" and "n_best" not in options:
            token_ids, batch_scores = token_ids[:, 0], batch_scores[:, 0]
        found = model.preprocessor.detokenize(
            token_ids.reshape(-1, token_ids.shape[-1])  # (B or B · N, T)
        ).numpy()
        found = np.array([text.decode() for text in found], object)
        found = found.reshape(token_ids.shape[:-1]).tolist()
        for index, text, score in zip(batch, found, batch_scores, strict=True):
            results[index], scores[index] = text, score
        if verbose:
            bar.add(len(batch))
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


def draw_uniforms(shape, seed):
    """Numbers to draw tokens with, from 0 to below 1."""
    return ops.convert_to_numpy(keras.random.uniform(shape, seed=seed, dtype="float32"))


def compiled_search(model, search, options):
    """`run(ids, max_length, uniforms) -> (token_ids, scores)` of NumPy arrays.

    Compiled where the backend has a compiler, once for a search and its options, and
    kept with the model.
    """
    key = (search, tuple(sorted(options.items())))
    compiled = model.compiled_searches.value
    if key not in compiled:
        compiled[key] = COMPILERS[keras.backend.backend()](model, search, options)
    return compiled[key]


def searcher(model, search, options):
    """`generate_ids` with these options, its results as tensors."""

    def run(ids, max_length, uniforms=None):
        more = {} if uniforms is None else {"uniforms": uniforms}
        found = model.generate_ids(
            ids, max_length=max_length, search=search, **options, **more
        )
        return found.token_ids, found.scores

    return run


def compile_with_tensorflow(model, search, options):
    """One graph for batches of all sizes and for every `max_length`."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((), tf.int32)]
    if search == "sample":
        signature.append(tf.TensorSpec((None, None), tf.float32))
    compiled = tf.function(
        searcher(model, search, options), input_signature=signature, autograph=False
    )

    def run(ids, max_length, uniforms):
        more = [] if uniforms is None else [uniforms]
        return [x.numpy() for x in compiled(ids, max_length, *more)]

    return run


def compile_with_jax(model, search, options):
    """One program for each size, of which there are few: they are rounded up."""
    import jax

    search_of = searcher(model, search, options)
    if not isinstance(search, str):
        # A sampler of KerasHub keeps its own state, which a program would freeze.
        def run_sampler(ids, max_length, uniforms):
            return [ops.convert_to_numpy(x) for x in search_of(ids, max_length)]

        return run_sampler

    def stateless(variables, ids, max_length, uniforms):
        mapping = zip(model.variables, variables, strict=True)
        with keras.StatelessScope(state_mapping=mapping):
            return search_of(ids, max_length, uniforms)

    compiled = jax.jit(stateless, static_argnums=2)

    def run(ids, max_length, uniforms):
        rows, width = ids.shape
        more = (1 << (rows - 1).bit_length()) - rows
        ids = np.pad(ids, ((0, 0), (0, width_of_batch(width) - width)))
        # More of the last text, which end when it ends.
        ids = np.pad(ids, ((0, more), (0, 0)), mode="edge")
        if uniforms is not None:
            uniforms = np.pad(uniforms, ((0, more), (0, 0)), mode="edge")
        variables = [variable.value for variable in model.variables]
        found = compiled(variables, ids, max_length, uniforms)
        return [np.asarray(x)[:rows] for x in found]

    return run


def compile_with_torch(model, search, options):
    """Nothing is compiled, but no gradients are kept."""
    import torch

    search_of = searcher(model, search, options)

    def run(ids, max_length, uniforms):
        with torch.no_grad():
            found = search_of(ids, max_length, uniforms)
        return [ops.convert_to_numpy(x) for x in found]

    return run


COMPILERS = {
    "tensorflow": compile_with_tensorflow,
    "jax": compile_with_jax,
    "torch": compile_with_torch,
}
