"""Searches, compiled once for a model, and run over batches of what it reads."""

import keras
import numpy as np
from keras import ops

WIDTHS = (16, 32, 64, 128, 256)


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
        search: As in `generate_ids`.
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
        compiled[key] = COMPILERS[keras.backend.backend()](model, search, options)
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


def compile_with_tensorflow(model, search, options):
    """One graph for batches of all sizes and for every `max_length`."""
    import tensorflow as tf

    signature = [model.source_spec(), tf.TensorSpec((), tf.int32)]
    if search == "sample":
        signature.append(tf.TensorSpec((None, None), tf.float32))
    compiled = tf.function(
        searcher(model, search, options), input_signature=signature, autograph=False
    )

    def run(source, max_length, uniforms):
        more = [] if uniforms is None else [uniforms]
        return [x.numpy() for x in compiled(source, max_length, *more)]

    return run


def compile_with_jax(model, search, options):
    """One program for each size, of which there are few: they are rounded up."""
    import jax

    search_of = searcher(model, search, options)
    if not isinstance(search, str):
        # A sampler of KerasHub keeps its own state, which a program would freeze.
        def run_sampler(source, max_length, uniforms):
            return [ops.convert_to_numpy(x) for x in search_of(source, max_length)]

        return run_sampler

    def stateless(variables, source, max_length, uniforms):
        mapping = zip(model.variables, variables, strict=True)
        with keras.StatelessScope(state_mapping=mapping):
            return search_of(source, max_length, uniforms)

    compiled = jax.jit(stateless, static_argnums=2)

    def run(source, max_length, uniforms):
        rows = len(source)
        more = (1 << (rows - 1).bit_length()) - rows
        if source.ndim == 2:  # token ids
            width = source.shape[1]
            source = np.pad(source, ((0, 0), (0, width_of_batch(width) - width)))
        # More of the last one, which end when it ends.
        source = np.concatenate([source, *[source[-1:]] * more])
        if uniforms is not None:
            uniforms = np.pad(uniforms, ((0, more), (0, 0)), mode="edge")
        variables = [variable.value for variable in model.variables]
        found = compiled(variables, source, max_length, uniforms)
        return [np.asarray(x)[:rows] for x in found]

    return run


def compile_with_torch(model, search, options):
    """Nothing is compiled, but no gradients are kept."""
    import torch

    search_of = searcher(model, search, options)

    def run(source, max_length, uniforms):
        with torch.no_grad():
            found = search_of(source, max_length, uniforms)
        return [ops.convert_to_numpy(x) for x in found]

    return run


COMPILERS = {
    "tensorflow": compile_with_tensorflow,
    "jax": compile_with_jax,
    "torch": compile_with_torch,
}
