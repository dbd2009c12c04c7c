"""How `generate` goes through sources: searches over batches, compiled once."""

import inspect
import warnings

import keras
import numpy as np
from keras import ops

from kerasrnn.decoding import KerasHubSearch, beam_search, greedy_search, sample
from kerasrnn.decoding.checks import (
    check_integer,
    check_penalties,
    check_restrictions,
)
from kerasrnn.zoo.compiled_function import compile_function

LONGEST = 512
WIDTHS = (16, 32, 64, 128, 256)
SEARCHES = {"greedy": greedy_search, "sample": sample, "beam": beam_search}
# Options that `generate` sets itself, or whose results it has no place for.
NOT_FOR_TEXTS = ("pad_id", "source_length", "source_mask", "uniforms")


def check_search(model, search, max_length, options, *, own=()):
    """The search of this name or object, after a check of all that it is given.

    Args:
        model: A `DecoderTask`.
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


def check_generate(model, search, max_length, options, batch_size):
    """Raises where `generate` cannot mean its arguments."""
    if model.preprocessor is None:
        raise ValueError(
            f"This {type(model).__name__} has `preprocessor=None`; `generate_ids` "
            "needs none."
        )
    model.check_preprocessor()
    check_search(model, search, max_length, options, own=NOT_FOR_TEXTS)
    check_integer("batch_size", batch_size, 1)


def length_limit(width):
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
    """What a model of token ids writes about strings, as `Seq2Seq.generate` says."""
    check_generate(model, search, max_length, options, batch_size)
    texts, single = as_texts(inputs)
    rows = source_rows(model.preprocessor, texts, model.preprocess)
    lengths = np.array([len(row) for row in rows], int)

    def source_of(batch):
        ids = np.zeros((len(batch), int(lengths[batch[0]])), "int32")
        for i, index in enumerate(batch):
            ids[i, : lengths[index]] = rows[index]
        return ids

    def limit_of(batch):
        return max_length or length_limit(int(lengths[batch[0]]))

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
    return as_asked(results, scores, single=single, return_scores=return_scores)


def as_asked(results, scores, *, single, return_scores):
    """What `generate` returns of all results: of one alone it is no list."""
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
        alike: Whether texts of different `length_limit` are kept apart, so
            that no text's limit depends on the others.
    """
    batch = []
    for index in np.argsort(-lengths, kind="stable").tolist():
        full = len(batch) == batch_size
        if batch and alike:
            first, this = int(lengths[batch[0]]), int(lengths[index])
            full = full or length_limit(first) != length_limit(this)
        if full:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def width_of_batch(length: int) -> int:
    """`length` rounded up: to 16, 32, 64, ..."""
    return max(WIDTHS[0], 1 << (length - 1).bit_length())


def search_batches(
    model, batches, source_of, limit_of, *, search, options, verbose, unit, most
):
    """What the model writes, one batch after the other.

    Args:
        model: A `DecoderTask` with a preprocessor that has `detokenize`.
        batches: Lists of indices, which together are 0 … N - 1.
        source_of: From such a list to what the model reads, a NumPy array.
        limit_of: From such a list to the most tokens of a text.
        search: "greedy", "sample" or "beam", or a sampler of KerasHub.
        options: Those of the search.
        verbose: 1 shows a progress bar, 0 none, "auto" one for more than 10 batches.
        unit: What the bar counts.
        most: The most tokens of any text.

    Returns:
        Lists of N texts, or of `n_best` for each, and of their scores.
    """
    batches, options, uniforms = list(batches), dict(options), None
    count = sum(map(len, batches))
    if search == "sample":
        # For each text its own numbers, whatever batch it comes into.
        uniforms = draw_uniforms((count, most), options.pop("seed", None))
    run = compiled_search(model, search, options)
    if verbose == "auto":
        verbose = int(len(batches) > 10)
    bar = keras.utils.Progbar(count, verbose=1, unit_name=unit)
    results, scores = [None] * count, [None] * count
    for batch in batches:
        of_batch = None if uniforms is None else uniforms[batch]
        token_ids, batch_scores = run(source_of(batch), limit_of(batch), of_batch)
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
    return results, scores


def draw_uniforms(shape, seed):
    """Numbers to draw tokens with, from 0 to below 1."""
    return ops.convert_to_numpy(keras.random.uniform(shape, seed=seed, dtype="float32"))


def compiled_search(model, search, options):
    """`run(source, max_length, uniforms) -> (token_ids, scores)` of NumPy arrays.

    Compiled where the backend has a compiler, once for a search and its options, and
    kept with the model.
    """
    key = (search, tuple(sorted(options.items())))
    compiled = model.compiled_searches.value
    if key not in compiled:
        compiled[key] = compile_search(model, search, options)
    return compiled[key]


def searcher(model, search, options):
    """`generate_ids` with these options, its results as tensors."""

    def run(source, max_length, uniforms=None):
        more = {} if uniforms is None else {"uniforms": uniforms}
        found = model.generate_ids(
            source, max_length=max_length, search=search, **options, **more
        )
        return found.token_ids, found.scores

    return run


def compile_search(model, search, options):
    """`compiled_search`, made anew.

    One graph for batches of all sizes and for every `max_length` on TensorFlow; on JAX
    a program for each, of which there are few, since sizes are rounded up.
    """
    backend = keras.config.backend()
    function, signature = searcher(model, search, options), None
    if backend == "tensorflow":
        import tensorflow as tf

        signature = [model.source_spec(), tf.TensorSpec((), tf.int32)]
        if search == "sample":
            signature.append(tf.TensorSpec((None, None), tf.float32))
    # A sampler of KerasHub keeps its own state, which a program of JAX would freeze.
    if backend != "jax" or isinstance(search, str):
        function = compile_function(model, function, signature=signature, static=(1,))

    def run(source, max_length, uniforms):
        rows = len(source)
        if backend == "jax" and isinstance(search, str):
            source, uniforms = rounded_up(source, uniforms)
        more = [] if uniforms is None else [uniforms]
        found = function(source, max_length, *more)
        return [ops.convert_to_numpy(x)[:rows] for x in found]

    return run


def rounded_up(source, uniforms):
    """A batch with more rows and places, so that there are few sizes."""
    more = (1 << (len(source) - 1).bit_length()) - len(source)
    if source.ndim == 2:  # token ids
        width = source.shape[1]
        source = np.pad(source, ((0, 0), (0, width_of_batch(width) - width)))
    # More of the last one, which end when it ends.
    source = np.concatenate([source, *[source[-1:]] * more])
    if uniforms is not None:
        uniforms = np.pad(uniforms, ((0, more), (0, 0)), mode="edge")
    return source, uniforms
