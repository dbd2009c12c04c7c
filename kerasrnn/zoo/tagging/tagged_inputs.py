"""Sentences, frames and their labels, as the arrays that a tagger reads."""

from typing import Any

import numpy as np

# The label of a step that does not count.
NO_LABEL = -1


def as_sentences(x: Any, name: str) -> np.ndarray:
    """Sentences as an array of UTF-8, (N,), with a space between words.

    Args:
        x: Sentences, each a list of words or a string of words with spaces between.
        name: Of the argument, for errors.

    Raises:
        TypeError: A sentence or a word is something else.
        ValueError: A word of a list is empty or holds a space; or there is no sentence.
    """
    x = as_list(x, name)
    sentences = np.empty(len(x), object)
    for index, sentence in enumerate(x):
        if isinstance(sentence, np.ndarray):
            sentence = sentence.tolist()
        if isinstance(sentence, (list, tuple)):
            words = [_as_bytes(word, f"`{name}[{index}]`") for word in sentence]
            for word in words:
                if len(word.split()) != 1:
                    raise ValueError(
                        f"`{name}[{index}]` must hold words, none of them empty or "
                        f"with a space in it; got {word.decode('utf-8', 'replace')!r}."
                    )
            sentences[index] = b" ".join(words)
        else:
            sentences[index] = _as_bytes(sentence, f"`{name}[{index}]`")
    return sentences


def _as_bytes(text, name):
    # A lone surrogate has no UTF-8 form.
    text = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if not isinstance(text, bytes):
        raise TypeError(
            f"{name} must be a list of words, or a string of words with spaces "
            f"between; got {text!r} ({type(text).__name__})."
        )
    return text


def as_list(x: Any, name: str) -> list:
    """What a caller gives as a list of one at least."""
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    if isinstance(x, (str, bytes)):
        raise ValueError(
            f"`{name}` must be a list of sentences; got one string. Put it in a list: "
            "[sentence]."
        )
    if not isinstance(x, (list, tuple, np.ndarray)):
        raise TypeError(f"`{name}` must be a list or an array; got {type(x).__name__}.")
    if len(x) == 0:
        raise ValueError(f"`{name}` must hold at least one example; got none.")
    return list(x)


def as_frames(x: Any, frame_dim: int, name: str) -> np.ndarray:
    """Sequences of frames as one array (N, T, D), with NaN after the shorter ones.

    Args:
        x: An array (N, T, D), or a list of arrays (T, D).
        frame_dim: D.
        name: Of the argument, for errors.

    Raises:
        ValueError: The numbers of a frame are not D, or there is no sequence.
    """
    if hasattr(x, "shape") and len(x.shape) == 3:
        sequences = list(np.asarray(x))
    else:
        sequences = as_list(x, name)
    arrays = []
    for index, sequence in enumerate(sequences):
        try:
            array = np.asarray(sequence, "float32")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`{name}[{index}]` must hold numbers, (steps, {frame_dim}): {error}."
            ) from error
        if array.shape == (0,):
            array = array.reshape(0, frame_dim)
        if array.ndim != 2 or array.shape[1] != frame_dim:
            raise ValueError(
                f"`{name}[{index}]` must be frames of shape (steps, {frame_dim}); got "
                f"{array.shape}."
            )
        if np.isinf(array).any():
            raise ValueError(f"`{name}[{index}]` must be finite or NaN; got infinity.")
        arrays.append(array)
    if not arrays:
        raise ValueError(f"`{name}` must hold at least one example; got none.")
    steps = max(1, *(len(array) for array in arrays))
    padded = np.full((len(arrays), steps, frame_dim), np.nan, "float32")
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded


def as_tags(
    y: Any, lengths: np.ndarray, labels: tuple[str, ...], name: str = "y"
) -> np.ndarray:
    """Labels as numbers (N, T), -1 after the last one of each row.

    Args:
        y: For each example its labels, names or numbers, in a list or an array; names
            may stand in one string with spaces between. Or an array (N, T) of numbers,
            -1 where a step does not count.
        lengths: How many steps each example has.
        labels: The names, in the order of the numbers.
        name: Of the argument, for errors.

    Raises:
        ValueError: There are more or fewer labels than steps, or one is not known.
    """
    if hasattr(y, "to_numpy"):
        y = y.to_numpy()
    if not isinstance(y, (list, tuple, np.ndarray)):
        y = np.asarray(y)
    if len(y) != len(lengths):
        raise ValueError(
            f"`{name}` must hold the labels of each of the {len(lengths)} examples of "
            f"`x`; got {len(y)}."
        )
    numbers = {label: number for number, label in enumerate(labels)}
    width = max(1, int(lengths.max()))
    if isinstance(y, np.ndarray) and y.ndim == 2:
        width = max(width, y.shape[1])
    found = np.full((len(y), width), NO_LABEL, "int32")
    for index, (row, length) in enumerate(zip(y, lengths, strict=True)):
        row = _numbered(row, numbers, f"{name}[{index}]")
        beyond = row[length:]
        if len(row) < length or (beyond != NO_LABEL).any():
            raise ValueError(
                f"`{name}[{index}]` must have a label for each of the {length} steps "
                f"of `x[{index}]`; got {len(row)}."
            )
        found[index, :length] = row[:length]
    if found.max() >= len(labels) or found.min() < NO_LABEL:
        raise ValueError(
            f"`{name}` must hold labels 0 to {len(labels) - 1}, or -1 for a step that "
            f"does not count; got {found.min()} to {found.max()}."
        )
    return found


def _numbered(row, numbers, name):
    if isinstance(row, bytes):
        row = row.decode("utf-8", "replace")
    if isinstance(row, str):
        row = row.split()
    row = row.tolist() if isinstance(row, np.ndarray) else list(row)
    if any(isinstance(label, (str, bytes)) for label in row):
        row = [x.decode("utf-8", "replace") if isinstance(x, bytes) else x for x in row]
        for label in row:
            if label not in numbers:
                known = ", ".join([*numbers][:20]) + (", …" * (len(numbers) > 20))
                raise ValueError(
                    f"`{name}` must hold labels that the model knows ({known}); got "
                    f"{label!r}."
                )
        row = [numbers[label] for label in row]
    array = np.asarray(row)
    if len(row) and array.dtype.kind not in "iub":
        raise ValueError(
            f"`{name}` must hold names of labels or integers; got {array.dtype} values."
        )
    return array.astype("int32").reshape(-1)
