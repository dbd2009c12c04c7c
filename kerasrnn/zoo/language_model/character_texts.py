"""What `CharLanguageModel` does with texts: learn, judge, score and go on with them."""

import functools
import math
import os
import warnings

import keras
import numpy as np
from keras import ops

from kerasrnn.decoding.checks import MOST_NUMBERS, check_restrictions
from kerasrnn.text import CharacterStreams, CharacterText
from kerasrnn.zoo.compiled_function import compile_function
from kerasrnn.zoo.decoder.decoder_checks import check_integer
from kerasrnn.zoo.language_model.character_loop import (
    write_characters,
    write_with_sampler,
)

# Texts that are read side by side.
ROWS = 64
# Characters that are read at once, of all texts together.
AT_ONCE = 16384
# Characters that a stream writes at once.
BLOCK = 16


class Validation(keras.callbacks.Callback):
    """Judges a text after every epoch, as `CharLanguageModel.evaluate` does."""

    def __init__(self, text):
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
    others = callbacks if isinstance(callbacks, list) else [callbacks]
    return [Validation(validation_data), *others]


def as_streams(model, x, y, batch_size, chunk):
    """What `fit` learns from, as a dataset."""
    if y is not None:
        raise ValueError(
            "`y` must be None: of a text, every character is the target of those "
            f"before it; got {type(y).__name__}."
        )
    if not hasattr(x, "element_spec"):
        text = as_text(model, x, "x")
        streams = CharacterStreams(text, batch_size or ROWS, chunk)
        return streams.dataset(range(len(streams)))
    if batch_size is not None:
        raise ValueError(
            "`x` is a dataset, which holds its batches; `batch_size` must be None."
        )
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
    return x


def as_text(model, x, name) -> CharacterText:
    """A text, or documents, as ids."""
    if isinstance(x, CharacterText):
        return x
    if isinstance(x, os.PathLike) or (isinstance(x, str) and names_a_file(x)):
        raise ValueError(
            f"`{name}` must be a text, not the name of a file; got {str(x)!r}. Read "
            "the file: `pathlib.Path(...).read_text()`."
        )
    if isinstance(x, str):
        x = [x]
    if not isinstance(x, (list, tuple)) or not all(isinstance(d, str) for d in x):
        raise TypeError(
            f"`{name}` must be a string, a list of strings or a CharacterText; got "
            f"{type(x).__name__}."
        )
    if not any(x):
        raise ValueError(f"`{name}` must hold at least one character; got none.")
    return CharacterText.of_documents(x, tokenizer_of(model))


def names_a_file(text):
    """Whether a text is the name of a file that exists, with an ending."""
    # No longer than a path may be on Linux.
    return (
        len(text) < 4096
        and "\0" not in text
        and os.path.splitext(text)[1] != ""
        and os.path.isfile(text)
    )


def tokenizer_of(model):
    """The model's tokenizer, which it must have to read text."""
    if model.preprocessor is None:
        raise ValueError(
            f"This {type(model).__name__} has `preprocessor=None` and reads no text. "
            "Attach a tokenizer: `model.preprocessor = tokenizer`."
        )
    return model.preprocessor


def evaluate(model, x, y, *, verbose, **kwargs):
    """`CharLanguageModel.evaluate`, which see."""
    if hasattr(x, "element_spec"):
        # Training goes on with the states that it had.
        before = [v.value for v in model.carried]
        before = [ops.copy(value) for value in before]
        try:
            return keras.Model.evaluate(model, x, y, verbose=verbose, **kwargs)
        finally:
            for variable, value in zip(model.carried, before, strict=True):
                variable.assign(value)
    if y is not None or kwargs:
        raise ValueError(
            "`x` is a text, which is its own target; `evaluate` takes `verbose` beside "
            f"it, got {', '.join(['y'] * (y is not None) + list(kwargs))}."
        )
    text = as_text(model, x, "x")
    if verbose == "auto":
        verbose = int(len(text) > 100_000)
    total = sum(
        float(np.sum(part, dtype="float64"))
        for _, part in log_probabilities(model, text, verbose)
    )
    loss = -total / len(text)
    return {
        "loss": loss,
        "perplexity": math.exp(min(loss, 700.0)),
        "bits_per_character": loss / math.log(2),
    }


def score(model, text, *, verbose):
    """`CharLanguageModel.score`, which see."""
    documents = [text] if isinstance(text, str) else text
    found = np.zeros(0, "float32")
    if any(documents):
        characters = as_text(model, documents, "text")
        found = np.empty(len(characters), "float32")
        for begin, part in log_probabilities(model, characters, verbose):
            found[begin : begin + len(part)] = part
    lengths = np.array([len(d) for d in documents], "int64")
    pieces = zip(lengths, np.cumsum(lengths), strict=True)
    scores = [found[end - length : end] for length, end in pieces]
    return scores[0] if isinstance(text, str) else scores


def log_probabilities(model, text, verbose=0):
    """ln p of each character, the state carried all along, part by part.

    Args:
        model: A `CharLanguageModel`.
        text: A `CharacterText`.
        verbose: 1 shows a progress bar.

    Yields:
        The place in `text.ids` of a part of a document, and its array of float32.
    """
    starts = np.concatenate([[0], text.ends[:-1]])
    lengths = text.ends - starts
    read = compiled(model, "read", make_reader)
    bar = keras.utils.Progbar(len(text), verbose=1, unit_name="character")
    order = np.argsort(-lengths, kind="stable")
    for first in range(0, len(order), ROWS):
        # The longest first, so that those that go on are the first ones.
        group = order[first : first + ROWS]
        # Sizes are powers of 2, so that few programs are compiled.
        rows = 1 << (len(group) - 1).bit_length()
        longest = int(lengths[group[0]])
        width = min(1 << (longest - 1).bit_length(), AT_ONCE // rows)
        states = model.initial_states(rows)
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


def make_reader(model):
    """From ids, targets and states to log-probabilities (B, T), and states."""

    def read(ids, targets, states):
        targets = ops.convert_to_tensor(targets)
        logits, states = model.run(ids, states)
        logits = ops.cast(logits, "float32")
        chosen = ops.take_along_axis(logits, targets[:, :, None], axis=-1)[..., 0]
        return chosen - ops.logsumexp(logits, axis=-1), states

    return compile_function(model, read)


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
        states, ids = read_prompts(model, prompts)
        step = functools.partial(model.step, remember=False)
        ids = write_with_sampler(sampler, step, states, ids, length)
    else:
        draws = [draws_of(seed, row) for row in range(len(prompts))]
        states, ids = read_prompts(model, prompts)
        uniforms = np.stack([of_row.random(length, "float32") for of_row in draws])
        write = writer_of(model, top_k, top_p)
        ids, _ = write(states, ids, uniforms, np.float32(temperature))
    texts = [model.preprocessor.decode(row) for row in ops.convert_to_numpy(ids)]
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


def read_prompts(model, prompts):
    """The states after all but the last character of prompts, and the last, (B,)."""
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
    lengths = np.array([len(prompt) for prompt in prompts], "int32")
    width = 1 << (max(int(lengths.max()), 1) - 1).bit_length()
    ids = np.zeros((len(prompts), width), "int32")
    for row, prompt in zip(ids, prompts, strict=True):
        row[: len(prompt)] = tokenizer.encode(prompt)
    return compiled(model, "start", make_starter)(ids, lengths)


def make_starter(model):
    """`start` of a model, compiled."""
    return compile_function(model, lambda ids, lengths: start(model, ids, lengths))


def start(model, ids, lengths):
    """States and last characters (B,) of prompts (B, T), of which so many count.

    The last character is left for the first step that writes. Of a cache no more is
    left than the prompts can fill: what is written is not added to it.
    """
    ids, lengths = ops.convert_to_tensor(ids), ops.convert_to_tensor(lengths)
    before = ops.pad(ids, [[0, 0], [1, 0]])  # (B, T + 1), what stands before each
    mask = ops.arange(ops.shape(ids)[1], dtype="int32")[None] < lengths[:, None]
    _, states = model.run(
        before[:, :-1], model.initial_states(ops.shape(ids)[0]), mask=mask
    )
    width = ops.shape(ids)[1]
    of_layers, of_cache = states[: model.num_layers], states[model.num_layers :]
    of_cache = [[part[:, -width:] for part in state] for state in of_cache]
    last = ops.take_along_axis(before, lengths[:, None], axis=1)[:, 0]
    return [*of_layers, *of_cache], last


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
