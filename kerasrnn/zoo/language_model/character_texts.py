"""What `CharLanguageModel` does with texts: learn, judge, score, go on, and serve."""

import functools
import math
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.decoding import KerasHubSearch, sample
from kerasrnn.decoding.checks import MOST_NUMBERS, check_integer, check_restrictions
from kerasrnn.text import CharacterStreams, CharacterText
from kerasrnn.zoo.compiled_function import compile_function
from kerasrnn.zoo.language_model.dynamic_evaluation import (
    DynamicEvaluation,
    learned_log_probabilities,
)
from kerasrnn.zoo.language_model.text_memory import TextMemory

# The first ids are padding and unknown, which are never written.
FIRST = 2
# Texts that are read side by side, and the most numbers that a cache then keeps of all.
ROWS = 64
REMEMBERED = 1 << 24
# Characters that are read at once, of all texts together.
AT_ONCE = 16384
# Characters that a stream writes at once.
BLOCK = 16
# How the names of files end that somebody may have meant to be read.
SUFFIXES = (".txt", ".text", ".md", ".csv", ".tsv", ".json", ".jsonl", ".gz", ".zip")


class Validation(keras.callbacks.Callback):
    """Judges a text after every epoch, as `CharLanguageModel.evaluate` does."""

    def __init__(self, text: Any):
        super().__init__()
        self.text = text

    def on_epoch_end(self, epoch, logs=None):
        found = self.model.evaluate(self.text, verbose=0)
        logs.update({f"val_{name}": value for name, value in found.items()})


def callbacks_of(callbacks, validation_data):
    """The callbacks of `fit`, with one that judges the validation text first."""
    if validation_data is None:
        return callbacks
    callbacks = callbacks or []
    others = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    return [Validation(validation_data), *others]


def as_streams(model, x, y, batch_size, chunk):
    """What `fit` learns from, as a dataset."""
    if y is not None:
        raise ValueError(
            "`y` must be None: of a text, every character is the target of those "
            f"before it; got {type(y).__name__}."
        )
    if not hasattr(x, "element_spec") or is_of_texts(x):
        check_no_file("x", x)
        text = as_text(model, x, "x")
        streams = CharacterStreams(text, batch_size or ROWS, chunk)
        return streams.dataset(range(len(streams)))
    if batch_size is not None:
        raise ValueError(
            "`x` is a dataset, which holds its batches; `batch_size` must be None."
        )
    check_streams(x)
    return x


def check_streams(x):
    """How many rows the batches of a dataset have, after a check of its elements."""
    spec = x.element_spec
    pair = spec[0] if isinstance(spec, tuple) else None
    if (
        not isinstance(pair, tuple)
        or len(pair) != 2
        or pair[1].shape.rank != 1
        or pair[1].shape[0] is None
    ):
        raise ValueError(
            "`x` must be a dataset of ((ids (B, T), fresh (B,)), targets, weights), "
            "B known, as `CharacterStreams.dataset` makes it; its elements are "
            f"{spec}."
        )
    return pair[1].shape[0]


def check_no_file(name, x):
    """Raises where texts to learn or to judge are names of files instead."""
    texts = [x] if isinstance(x, (str, os.PathLike)) else x
    if not isinstance(texts, (list, tuple)) or not texts:
        return
    if not all(is_file_name(text) for text in texts):
        return
    raise (TypeError if isinstance(texts[0], os.PathLike) else ValueError)(
        f"`{name}` must be the text itself, not the name of a file; got {texts[0]!r}. "
        'Read the file: `pathlib.Path("book.txt").read_text(encoding="utf-8")`. If '
        "the name is the text, pass `CharacterText.of_documents([text], tokenizer)`."
    )


def is_file_name(text):
    """Whether a text is a path, the name of a file that exists, or looks like one."""
    if isinstance(text, os.PathLike):
        return True
    if not isinstance(text, str) or len(text.splitlines()) != 1:
        return False
    exists = os.path.isfile(text) or (os.sep in text and os.path.isdir(text))
    return exists or text.lower().endswith(SUFFIXES)


def as_text(model: Any, x: Any, name: str) -> CharacterText:
    """A text, or documents, as ids."""
    if isinstance(x, CharacterText):
        return x
    if isinstance(x, str):
        x = [x]
    elif is_of_texts(x):
        x = [text.decode("utf-8", "replace") for text in texts_of(x)]
    if not isinstance(x, (list, tuple)) or not all(isinstance(d, str) for d in x):
        raise TypeError(
            f"`{name}` must be a string, a list of strings, a dataset of strings or a "
            f"CharacterText; got {type(x).__name__}."
        )
    if not any(x):
        raise ValueError(f"`{name}` must hold at least one character; got none.")
    return CharacterText.of_documents(x, tokenizer_of(model))


def is_of_texts(x: Any) -> bool:
    """Whether it is a dataset of documents: strings, or batches of them."""
    specification = getattr(x, "element_spec", None)
    return getattr(getattr(specification, "dtype", None), "name", "") == "string"


def texts_of(dataset: Any) -> Iterator[bytes]:
    """The documents of a dataset of strings, or of batches of them."""
    for element in dataset.as_numpy_iterator():
        yield from np.ravel(element).tolist()


def tokenizer_of(model):
    """The model's tokenizer, which it must have to read text."""
    if model.preprocessor is None:
        raise ValueError(
            f"This {type(model).__name__} has `preprocessor=None` and reads no text. "
            "Attach a tokenizer: `model.preprocessor = tokenizer`."
        )
    return model.preprocessor


def evaluate(model, x, y, *, verbose, dynamic=None, memory=None, **kwargs):
    """Loss, perplexity and bits a character of a text or of documents, as a dict.

    Args:
        model: A `CharLanguageModel`.
        x: A text, documents or a `CharacterText`.
        y: Must be None.
        verbose: 1 shows a progress bar, 0 none, "auto" one for long texts.
        dynamic: A `DynamicEvaluation`, or None.
        memory: A `TextMemory`, or None.
        **kwargs: Must be left out.
    """
    if y is not None or kwargs:
        raise ValueError(
            "`x` is a text, which is its own target; `evaluate` takes `verbose` beside "
            f"it, got {', '.join(['y'] * (y is not None) + list(kwargs))}."
        )
    check_no_file("x", x)
    text = as_text(model, x, "x")
    if verbose == "auto":
        verbose = int(len(text) > 100_000)
    if dynamic is memory is None:
        parts = (part for _, part in log_probabilities(model, text, verbose))
    else:
        parts = [adapted_log_probabilities(model, text, dynamic, memory, verbose)]
    loss = -sum(float(np.sum(part, dtype="float64")) for part in parts) / len(text)
    return {
        "loss": loss,
        "perplexity": math.exp(min(loss, 700.0)),
        "bits_per_character": loss / math.log(2),
    }


def score(model, text, *, verbose, dynamic=None, memory=None):
    """ln p of each character of a text, (T,); of a list of texts, a list of them."""
    if not isinstance(text, (str, list, tuple)):
        raise TypeError(
            f"`text` must be a string or a list of strings; got {type(text).__name__}."
        )
    documents = [text] if isinstance(text, str) else text
    found = np.zeros(0, "float32")
    if any(documents):
        characters = as_text(model, documents, "text")
        found = adapted_log_probabilities(model, characters, dynamic, memory, verbose)
    lengths = np.array([len(d) for d in documents], "int64")
    pieces = zip(lengths, np.cumsum(lengths), strict=True)
    scores = [found[end - length : end] for length, end in pieces]
    return scores[0] if isinstance(text, str) else scores


def adapted_log_probabilities(
    model: Any,
    text: CharacterText,
    dynamic: DynamicEvaluation | None = None,
    memory: TextMemory | None = None,
    verbose: int = 0,
) -> np.ndarray:
    """ln p of each character, (N,), by a model that learns and remembers as it reads.

    Args:
        model: A `CharLanguageModel`.
        text: A `CharacterText`.
        dynamic: How a copy of it learns; None: it does not.
        memory: What else remembers; None: nothing.
        verbose: 1 shows a progress bar.
    """
    if dynamic is None:
        found = in_order(log_probabilities(model, text, verbose), len(text))
    else:
        known = as_text(model, dynamic.training_text, "training_text")
        found = learned_log_probabilities(model, text, dynamic, known, verbose)
        if model.cache is not None:
            # As `NeuralCache` mixes the model's own with what it counts.
            parts = log_probabilities(model, text, verbose, make_counter)
            counts = in_order(parts, len(text))
            found = np.log(np.exp(found) + counts[:, 0]) - np.log1p(counts[:, 1])
    return found if memory is None else memory.mix(text, found)


def in_order(parts, size):
    """Parts of a text, each with its place, as one array."""
    found = None
    for begin, part in parts:
        if found is None:
            found = np.empty((size, *part.shape[1:]), "float32")
        found[begin : begin + len(part)] = part
    return found


def log_probabilities(
    model: Any, text: CharacterText, verbose: int = 0, make: Any = None
) -> Iterator[tuple[int, np.ndarray]]:
    """ln p of each character, the state carried all along, part by part.

    Args:
        model: A `CharLanguageModel`.
        text: A `CharacterText`.
        verbose: 1 shows a progress bar.
        make: What makes the reader that says something else of each character than
            ln p; None: `make_reader`.

    Yields:
        The place in `text.ids` of a part of a document, and its array of float32.
    """
    starts = np.concatenate([[0], text.ends[:-1]])
    lengths = text.ends - starts
    make = make or make_reader
    read = compiled(model, make.__name__, make)
    rows_at_once = rows_of(model, int(lengths.max()))
    bar = keras.utils.Progbar(len(text), verbose=1, unit_name="character")
    order = np.argsort(-lengths, kind="stable")
    for first in range(0, len(order), rows_at_once):
        # The longest first, so that those that go on are the first ones.
        group = order[first : first + rows_at_once]
        # Sizes are powers of 2, so that few programs are compiled.
        rows = power_of_2(len(group))
        longest = int(lengths[group[0]])
        length = power_of_2(longest)
        width = min(length, AT_ONCE // rows)
        states = model.initial_states(rows, length)
        for at in range(0, longest, width):
            running = int(np.sum(lengths[group] > at))
            while rows >= 2 * running:
                rows //= 2
                states = [[s[:rows] for s in of_layer] for of_layer in states]
            ids = np.zeros((rows, width + 1), "int32")
            for row, k in enumerate(group[:running]):
                # With the character before, where there is one.
                begin, end = starts[k] + at, min(starts[k] + at + width, text.ends[k])
                ids[row, 1 : 1 + end - begin] = text.ids[begin:end]
                if at:
                    ids[row, 0] = text.ids[begin - 1]
            found, states = read(ids[:, :-1], ids[:, 1:], states)
            found = ops.convert_to_numpy(found)
            for row, k in enumerate(group[:running]):
                yield starts[k] + at, found[row, : min(width, lengths[k] - at)]
            if verbose:
                bar.add(int(np.clip(lengths[group] - at, 0, width).sum()))


def rows_of(model, longest):
    """How many texts are read side by side, so that a cache has room for all."""
    if not model.cache_size:
        return ROWS
    of_one = min(model.cache_size, power_of_2(longest)) * model.units
    # A power of 2, since so many are read in any case.
    return max(1, min(ROWS, power_of_2(REMEMBERED // of_one + 1) // 2))


def power_of_2(number):
    """The first power of 2 that is no less, and at least 1."""
    return 1 << (max(number, 1) - 1).bit_length()


def make_reader(model):
    """From ids, targets and states to log-probabilities (B, T), and states."""

    def read(ids, targets, states):
        targets = ops.convert_to_tensor(targets)
        logits, states = model.run(ids, states)
        logits = ops.cast(logits, "float32")
        chosen = ops.take_along_axis(logits, targets[:, :, None], axis=-1)[..., 0]
        return chosen - ops.logsumexp(logits, axis=-1), states

    return compile_function(model, read)


def make_counter(model):
    """From ids, targets and states to what the cache counts, and states.

    (B, T, 2): of the target, and of all characters together.
    """

    def count(ids, targets, states):
        counts, states = model.count(ids, states)
        targets = ops.convert_to_tensor(targets)
        chosen = ops.take_along_axis(counts, targets[:, :, None], axis=-1)[..., 0]
        return ops.stack([chosen, ops.sum(counts, axis=-1)], axis=-1), states

    return compile_function(model, count)


def generate(model, prompt, length, *, temperature, top_k, top_p, seed, sampler):
    """Texts after prompts, a string for a string and a list for a list.

    Args:
        model: A `CharLanguageModel`.
        prompt: A string, or a list of them.
        length: How many characters to write.
        temperature: What logits are divided by; 0 takes the likeliest character.
        top_k: How many of the likeliest characters may be drawn, or None.
        top_p: What the likeliest that may be drawn together reach, or None.
        seed: An integer, or None.
        sampler: A sampler of KerasHub, which then chooses alone, or None.
    """
    check_integer("length", length, 1)
    check_restrictions(temperature, top_k, top_p)
    prompts = [prompt] if isinstance(prompt, str) else list(prompt)
    if length * len(prompts) > MOST_NUMBERS:
        raise ValueError(
            f"`length` must leave at most {MOST_NUMBERS} characters to write; got "
            f"{length} for {len(prompts)} prompts."
        )
    if sampler is not None:
        given = {"temperature": temperature != 1, "top_k": top_k is not None}
        given |= {"top_p": top_p is not None, "seed": seed is not None}
        if wrong := [name for name, is_given in given.items() if is_given]:
            raise ValueError(
                f"`sampler` chooses the characters by its own options; `{wrong[0]}` "
                "must be left out."
            )
        step = functools.partial(model.step, remember=False)

        def write(states, last, rows):
            return write_with_sampler(sampler, step, states, last, length)
    else:
        draws = [draws_of(seed, row) for row in range(len(prompts))]
        write_all = writer_of(model, top_k, top_p)

        def write(states, last, rows):
            numbers = [of_row.random(length, "float32") for of_row in draws[rows]]
            uniforms = np.stack(numbers)
            return write_all(states, last, uniforms, np.float32(temperature))[0]

    check_prompts(model, prompts)
    rows_at_once = rows_of(model, max(map(len, prompts)))
    texts = []
    for first in range(0, len(prompts), rows_at_once):
        rows = slice(first, first + rows_at_once)
        ids = write(*read_prompts(model, prompts[rows]), rows)
        ids = ops.convert_to_numpy(ids)
        texts += [model.preprocessor.decode(row) for row in ids]
    return texts[0] if isinstance(prompt, str) else texts


def stream(model, prompt, length, *, temperature, top_k, top_p, seed):
    """An iterator over the characters that `generate` gives of one prompt.

    Args:
        model: A `CharLanguageModel`.
        prompt: A string.
        length: How many characters to write; None: without end.
        temperature: What logits are divided by; 0 takes the likeliest character.
        top_k: How many of the likeliest characters may be drawn, or None.
        top_p: What the likeliest that may be drawn together reach, or None.
        seed: An integer, or None.
    """
    if length is not None:
        check_integer("length", length, 1)
    check_restrictions(temperature, top_k, top_p)
    if not isinstance(prompt, str):
        raise TypeError(f"`prompt` must be a string; got {type(prompt).__name__}.")
    draws = draws_of(seed, 0)
    check_prompts(model, [prompt])
    states, ids = read_prompts(model, [prompt])
    write = writer_of(model, top_k, top_p)
    return write_stream(model, write, states, ids, length, temperature, draws)


def write_stream(model, write, states, ids, length, temperature, draws):
    """Characters, one by one, until `length` of them are written."""
    written = 0
    while length is None or written < length:
        uniforms = draws.random(BLOCK, "float32")[None]
        ids, states = write(states, ids, uniforms, np.float32(temperature))
        block = model.preprocessor.decode(ops.convert_to_numpy(ids)[0])
        yield from block[: None if length is None else length - written]
        written += BLOCK
        ids = ids[:, -1]


def writer_of(model, top_k, top_p):
    """`write_characters` of a model, compiled once for each `top_k` and `top_p`."""

    def make(model):
        step = functools.partial(model.step, remember=False)

        def write(states, ids, uniforms, temperature):
            return write_characters(
                step, states, ids, uniforms, temperature, top_k, top_p
            )

        return compile_function(model, write)

    return compiled(model, ("write", top_k, top_p), make)


def check_prompts(model, prompts):
    """Raises where prompts are no texts, and warns of characters that are not known."""
    tokenizer = tokenizer_of(model)
    for number, prompt in enumerate(prompts):
        if not isinstance(prompt, str):
            raise TypeError(
                f"`prompt` must be a string or a list of them; item {number} is "
                f"{prompt!r}."
            )
    if not prompts:
        raise ValueError("`prompt` must hold at least one text; got an empty list.")
    if unknown := tokenizer.unknown("".join(prompts)):
        warnings.warn(
            f"The model does not know the characters {', '.join(map(repr, unknown))} "
            "of `prompt`, and reads them as unknown.",
            stacklevel=4,
        )


def read_prompts(model, prompts):
    """The states after all but the last character of prompts, and the last, (B,).

    A cache has room for what the prompts hold, or for its size where that is less.
    """
    lengths = np.array([len(prompt) for prompt in prompts])
    length = power_of_2(int(lengths.max()))
    before = np.zeros((len(prompts), length + 1), "int32")
    for row, prompt in zip(before, prompts, strict=True):
        row[1 : 1 + len(prompt)] = model.preprocessor.encode(prompt)
    # Powers of 2 both, so that the pieces are all of one size.
    width = min(length, AT_ONCE // power_of_2(len(prompts)))
    read = compiled(model, "prompts", make_prompt_reader)
    states = model.initial_states(len(prompts), length)
    for at in range(0, length, width):
        places = slice(at, at + width)
        there = np.arange(length)[None, places] < lengths[:, None]
        if there.any():
            states = read(before[:, places], there, states)
    return states, before[np.arange(len(prompts)), lengths]


def make_prompt_reader(model):
    """From ids, a mask and states to the states after them, compiled."""
    return compile_function(
        model, lambda ids, mask, states: model.read(ids, states, mask=mask)
    )


def draws_of(seed, row):
    """A generator of the numbers that a row draws its characters with."""
    if seed is None:
        seed = int(keras.random.randint((), 0, 2**31 - 1))
    check_integer("seed", seed, 0)
    return np.random.default_rng([seed, row])


def compiled(model, key, make):
    """What `make(model)` gives, made once for a model."""
    functions = model.compiled_functions
    if key not in functions:
        functions[key] = make(model)
    return functions[key]


def write_characters(
    step: Callable,
    state: Any,
    ids: Any,
    uniforms: Any,
    temperature: Any,
    top_k: int | None = None,
    top_p: float | None = None,
) -> tuple[Any, Any]:
    """Ids of the next characters, one for each number to draw with.

    y_t ~ softmax(logits_t / temperature)        restricted by `top_k` and `top_p`

    Args:
        step: `step(ids (B,), state) -> (logits (B, V), state)`.
        state: Nested lists of tensors, what the model knows of all that came before
            `ids`.
        ids: (B,), the character before the first that is written.
        uniforms: (B, n) numbers from 0 to below 1.
        temperature: A number or a scalar tensor; 0 takes the likeliest.
        top_k: How many of the likeliest may be drawn, or None for all.
        top_p: The likeliest may be drawn that together first have this probability;
            None for all.

    Returns:
        Their ids (B, n), and the state before the last one of them was read.
    """
    decoded, state = sample(
        step_of_characters(step),
        state,
        ops.cast(ids, "int32") - FIRST,
        max_length=ops.shape(uniforms)[1],
        end_id=None,
        pad_id=-FIRST,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        uniforms=uniforms,
        return_state=True,
    )
    return decoded.token_ids + FIRST, state


def write_with_sampler(
    sampler: Callable, step: Callable, state: Any, ids: Any, length: int
) -> Any:
    """Ids (B, length) of the next characters, as a sampler of KerasHub chooses them.

    Args:
        sampler: Such as `keras_hub.samplers.TopPSampler()`.
        step: `step(ids (B,), state) -> (logits (B, V), state)`.
        state: Nested lists of tensors, what the model knows of all that came before
            `ids`.
        ids: (B,), the character before the first that is written.
        length: How many characters to write.
    """
    found = KerasHubSearch(sampler)(
        step_of_characters(step),
        state,
        ops.cast(ids, "int32") - FIRST,
        max_length=length,
        end_id=None,
        pad_id=-FIRST,
    )
    token_ids = found.token_ids
    # Of several beams the first is the best.
    return (token_ids[:, 0] if len(token_ids.shape) == 3 else token_ids) + FIRST


def step_of_characters(step):
    """`step` with numbers from 0 for the characters, without padding and unknown."""

    def step_of(numbers, state):
        logits, state = step(numbers + FIRST, state)
        return logits[:, FIRST:], state

    return step_of


def serving_signatures(model):
    """The signatures of an exported `CharLanguageModel`, which its method describes."""
    import tensorflow as tf

    def spec(name, dtype=tf.string, shape=(None,)):
        return tf.TensorSpec(shape, dtype, name=name)

    tokenizer = model.preprocessor
    if tokenizer is None:
        texts = spec("ids", tf.int32, (None, None))
        character = spec("ids", tf.int32)
    else:
        texts, character = spec("text"), spec("character")
        # Padding and unknown are never written.
        shown = tf.constant(tokenizer.get_vocabulary()[2:])
    options = [
        spec("length", tf.int32, ()),
        spec("temperature", tf.float32, ()),
        spec("seed", tf.int32, ()),
    ]
    of_layers = [
        [
            spec(f"state_{i}_{j}", tf.as_dtype(state.dtype), (None, model.units))
            for j, state in enumerate(of_layer)
        ]
        for i, of_layer in enumerate(model.initial_states(1, 1)[: model.num_layers])
    ]
    of_cache = [
        spec("cache_keys", tf.float32, (None, None, model.units)),
        spec("cache_characters", tf.int32, (None, None)),
    ]

    def ids_of(texts):
        ids = texts if tokenizer is None else model.preprocess(texts)  # (B, T)
        steps = tf.range(1, tf.shape(ids)[1] + 1)
        return ids, tf.reduce_max(tf.where(ids != 0, steps, 0), axis=1)

    def generate(texts, length, temperature, seed):
        ids, lengths = ids_of(texts)
        rows, width = tf.shape(ids)[0], tf.shape(ids)[1]
        before = tf.pad(ids, [[0, 0], [1, 0]])  # (B, T + 1), what stands before each
        mask = tf.sequence_mask(lengths, width)
        states = model.initial_states(rows, width)
        states = model.read(before[:, :-1], states, mask=mask)
        last = tf.gather(before, lengths, batch_dims=1)
        uniforms = tf.random.stateless_uniform([rows, length], tf.stack([seed, 0]))
        written, _ = write_characters(
            functools.partial(model.step, remember=False),
            states,
            last,
            uniforms,
            temperature,
        )
        if tokenizer is None:
            return {"ids": written}
        return {"text": tokenizer.detokenize(written)}

    def score(texts):
        ids, lengths = ids_of(texts)
        before = tf.pad(ids, [[0, 0], [1, 0]])[:, :-1]
        logits, _ = model.run(before, model.initial_states(*ops.shape(ids)))
        found = tf.gather(tf.nn.log_softmax(logits), ids, batch_dims=2)
        there = tf.sequence_mask(lengths, tf.shape(ids)[1])
        return {
            "log_probabilities": tf.where(there, found, 0.0),
            "lengths": lengths,
        }

    def step_of(states):
        def step(character, *arguments):
            ids = character if tokenizer is None else ids_of(character)[0][:, 0]
            given = tf.nest.pack_sequence_as(states, arguments[: len(names)])
            # What stands after the states says whether a cache remembers the character.
            logits, after = model.step(ids, given, *arguments[len(names) :])
            answer = dict(zip(names, tf.nest.flatten(after), strict=True))
            if tokenizer is None:
                return {"log_probabilities": tf.nn.log_softmax(logits), **answer}
            found = tf.nn.log_softmax(logits)[:, 2:]
            return {"log_probabilities": found, "characters": shown, **answer}

        names = [state.name for state in tf.nest.flatten(states)]
        return step, [character, *tf.nest.flatten(states)]

    signatures = {
        "serving_default": (generate, [texts, *options]),
        "generate": (generate, [texts, *options]),
        "score": (score, [texts]),
        "step": step_of(of_layers),
    }
    if model.cache is not None:
        step, specifications = step_of([*of_layers, of_cache])
        specifications = [*specifications, spec("remember", tf.bool)]
        signatures["step_with_cache"] = step, specifications
    return signatures
