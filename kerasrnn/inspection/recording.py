"""What every unit of a character model did at every character of a text."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.inspection.gates import NAMES, activations_of
from kerasrnn.inspection.recurrent_model import (
    check_reads_text,
    family_of,
    recurrent_layers_of,
)
from kerasrnn.inspection.whole_numbers import check_integer

CHUNK = 256


class Recording:
    """Activations of a text's T characters, by layer, name and unit.

    Args:
        text: The text that was read; of several, all of them joined.
        layers: For each recurrent layer a dict of arrays (T, U) by name.
        families: For each recurrent layer "simple_rnn", "lstm" or "gru".

    Example:

    >>> import numpy as np
    >>> from kerasrnn.inspection import Recording
    >>> recording = Recording("abc", [{"hidden": np.eye(3)}], ["gru"])
    >>> recording.unit("hidden", layer=0, unit=1)
    array([0., 1., 0.])
    >>> recording
    Recording of 3 characters; layer 0, gru: hidden (3 units)
    """

    def __init__(self, text: Any, layers: Any, families: Any) -> None:
        self.text, self.layers, self.families = text, layers, families
        for number, arrays in enumerate(layers):
            for name, array in arrays.items():
                if array.ndim != 2 or len(array) != len(text):
                    raise ValueError(
                        f"`layers[{number}]` must hold arrays (characters, units)="
                        f"({len(text)}, ·); got {name!r} of shape {array.shape}."
                    )

    def unit(self, name: str, *, layer: int, unit: int) -> np.ndarray:
        """The activations (T,) of one unit; ValueError where there is none."""
        if not 0 <= layer < len(self.layers):
            raise ValueError(
                f"`layer` must be from 0 to {len(self.layers) - 1}; got {layer}."
            )
        arrays = self.layers[layer]
        if name not in arrays:
            raise ValueError(
                f"`name` must be one of {', '.join(arrays)} in layer {layer}; got "
                f"{name!r}."
            )
        units = arrays[name].shape[1]
        if not 0 <= unit < units:
            raise ValueError(f"`unit` must be from 0 to {units - 1}; got {unit}.")
        return arrays[name][:, unit]

    def __len__(self):
        return len(self.text)

    def __repr__(self):
        layers = [
            f"layer {number}, {family}: "
            + ", ".join(f"{name} ({a.shape[1]} units)" for name, a in arrays.items())
            for number, (family, arrays) in enumerate(
                zip(self.families, self.layers, strict=True)
            )
        ]
        return "; ".join([f"Recording of {len(self.text):,} characters", *layers])


def record(
    model: keras.Model,
    text: str | Sequence[str],
    *,
    names: Sequence[str] | None = None,
    dtype: str = "float32",
    streams: int = 1,
    warm_up: int = 1000,
) -> Recording:
    """Read a text, and keep what the units of all recurrent layers did.

    Row t is the state after the model has read character t, and the gates that made
    it so; the state is carried from the text's beginning to its end. Long texts are
    read in chunks: memory is needed for what is kept, not for what is computed.

    Args:
        model: A model with `recurrent_layers`, `embed(ids)` and a `preprocessor`
            with `encode(text)`, such as a `CharLanguageModel`.
        text: A string; or a list of documents, each read from the zero state.
        names: What to keep; None for all of it: "hidden" of every layer; of an LSTM
            "cell", "input_gate", "forget_gate", "output_gate", "candidate"; of a GRU
            "update_gate", "reset_gate", "candidate". A layer without one of them
            leaves it out.
        dtype: "float32", or "float16" for half the memory.
        streams: How many places of the text are read at once: the speed for long
            texts. Above 1 a text is cut into about so many pieces; a piece that is not
            a document's beginning is read from a zero state `warm_up` characters
            before it, so that its first states are those of a model that has read
            only so much.
        warm_up: How many characters before its place each of the `streams` begins to
            read.

    Returns:
        A `Recording`.

    Raises:
        ValueError: A model that reads no text, an empty text, a name that no layer
            has, another dtype.

    Example:

    >>> from kerasrnn.inspection import record
    >>> from kerasrnn.text import CharacterTokenizer
    >>> from kerasrnn.zoo import CharLanguageModel
    >>> tokenizer = CharacterTokenizer("helo")
    >>> model = CharLanguageModel(
    ...     preprocessor=tokenizer, cell="gru", units=3, num_layers=2
    ... )
    >>> recording = record(model, "hello", names=["hidden", "update_gate"])
    >>> recording.layers[1]["update_gate"].shape
    (5, 3)

    Reference: Karpathy et al. 2016, "Visualizing and Understanding Recurrent
    Networks", section 4.2.
    """
    check_reads_text(model)
    documents = check_text(text)
    layers = recurrent_layers_of(model)
    families = [family_of(layer) for layer in layers]
    wanted = check_names(names, families)
    if dtype not in ("float16", "float32"):
        raise ValueError(f"`dtype` must be 'float16' or 'float32'; got {dtype!r}.")
    for name, value, least in (("streams", streams, 1), ("warm_up", warm_up, 0)):
        check_integer(name, value, least)
    total = sum(len(document) for document in documents)
    kept = [
        {
            name: np.empty((total, layer.cell.units), dtype)
            for name in NAMES[family]
            if name in wanted
        }
        for layer, family in zip(layers, families, strict=True)
    ]
    pieces = pieces_of(documents, streams, warm_up)
    for start in range(0, len(pieces), streams):
        read(model, layers, pieces[start : start + streams], kept)
    return Recording("".join(documents), kept, families)


def read(model, layers, pieces, kept):
    """Read pieces side by side, and write what the layers did into `kept`.

    A piece is (text, skipped, place): all of it is read, what comes after the skipped
    characters is written from that place on.
    """
    rows, encode = len(pieces), model.preprocessor.encode
    lengths = np.array([len(text) for text, _, _ in pieces])
    # The first step reads what stands before the first character, id 0.
    ids = np.zeros((rows, lengths.max() + 1), "int32")
    for row, (text, _, _) in enumerate(pieces):
        ids[row, 1 : len(text) + 1] = encode(text)
    states = [None] * len(layers)
    for start in range(0, ids.shape[1], CHUNK):
        chunk = ids[:, start : start + CHUNK]
        # One shape of chunk, so that nothing is traced twice.
        padding = CHUNK - chunk.shape[1] if ids.shape[1] > CHUNK else 0
        sequences = model.embed(np.pad(chunk, ((0, 0), (0, padding))))
        for number, layer in enumerate(layers):
            before = states[number] or layer.get_initial_state(rows)
            inputs, (sequences, states[number]) = (
                sequences,
                run(layer, sequences, before),
            )
            wanted = kept[number]
            if set(wanted) <= {"hidden"}:
                found = {"hidden": sequences}
            else:
                found = activations_of(layer, inputs, sequences, before)
            for name, array in wanted.items():
                values = ops.convert_to_numpy(found[name])
                for row, (_, skipped, place) in enumerate(pieces):
                    # Step s of the text is character s − 1.
                    first = max(start, skipped + 1)
                    last = min(start + CHUNK, lengths[row] + 1)
                    if first < last:
                        to = place + first - 1 - skipped
                        array[to : to + last - first] = values[
                            row, first - start : last - start
                        ]


def run(layer, sequences, before):
    """Outputs (B, T, U) of a layer at all steps, and the states after the last."""
    flags = layer.return_sequences, layer.return_state
    layer.return_sequences = layer.return_state = True
    try:
        outputs, *states = layer(sequences, initial_state=before)
    finally:
        layer.return_sequences, layer.return_state = flags
    # No gradient is wanted, or on torch all chunks would be kept for it.
    return ops.stop_gradient(outputs), [ops.stop_gradient(s) for s in states]


def pieces_of(documents, streams, warm_up) -> list:
    """Texts to read, how many characters of each only warm up, and their places.

    Pieces of like lengths are next to each other.
    """
    total = sum(len(document) for document in documents)
    longest = -(-total // streams)
    pieces, place = [], 0
    for document in documents:
        parts = max(1, round(len(document) / longest))
        ends = [len(document) * (k + 1) // parts for k in range(parts)]
        for start, end in zip([0, *ends], ends, strict=False):
            if start < end:
                begin = max(0, start - warm_up)
                pieces.append((document[begin:end], start - begin, place + start))
        place += len(document)
    return sorted(pieces, key=lambda piece: -len(piece[0]))


def check_text(text) -> list[str]:
    """The documents, or a ValueError."""
    documents = [text] if isinstance(text, str) else text
    if not isinstance(documents, (list, tuple)) or not all(
        isinstance(document, str) for document in documents
    ):
        raise ValueError(
            "`text` must be a string or a list of strings; got a "
            f"{type(text).__name__}."
        )
    if not any(documents):
        raise ValueError("`text` must hold one character or more; got none.")
    return list(documents)


def check_names(names, families) -> set:
    """What to keep, or a ValueError."""
    there = [name for family in families for name in NAMES[family]]
    if names is None:
        return set(there)
    if isinstance(names, str) or not len(names):
        raise ValueError(f"`names` must be a list of names; got {names!r}.")
    for name in names:
        if name not in there:
            raise ValueError(
                f"`names` must be among {', '.join(dict.fromkeys(there))}; got "
                f"{name!r}."
            )
    return set(names)
