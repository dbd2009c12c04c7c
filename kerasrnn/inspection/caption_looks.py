"""Where a captioner looked while it wrote a caption."""

import os
from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kerasrnn.inspection.alignments import END, has_pieces, merged, tokens_of
from kerasrnn.vision import read_images


class Looks(NamedTuple):
    """What `caption_attention_figure` draws.

    Args:
        image: (size, size, 3), the picture as the encoder sees it.
        words: The T words of the caption.
        alignments: (T, L), for each word its attention to each location.
    """

    image: np.ndarray
    words: list[str]
    alignments: np.ndarray


def caption_attention(
    model: keras.Model,
    picture: str | os.PathLike | bytes | ArrayLike,
    *,
    max_length: int = 40,
) -> Looks:
    """A picture's caption, by greedy search, and where the model looked for each word.

    Args:
        model: An `AttentionCaptioner` with a preprocessor and an encoder.
        picture: What `model.generate` takes: a path, bytes or an array.
        max_length: The most tokens of the caption.

    Raises:
        ValueError: The model does not attend, or the picture is none.

    Example:

    >>> from kerasrnn.inspection import caption_attention, caption_attention_figure
    >>> # model = AttentionCaptioner.from_preset("caption-stamps-attention")
    >>> # caption_attention_figure(*caption_attention(model, "cat.png"), "looks.png")
    """
    if not getattr(model, "attends", False):
        raise ValueError(
            "`model` must be one that attends, such as an AttentionCaptioner; got a "
            f"{type(model).__name__}."
        )
    encoder = model.build_encoder()
    image = read_images(picture, encoder.image_size)  # (1, size, size, 3)
    found = model.generate_ids(
        encoder(image), max_length=max_length, source_length=encoder.locations
    )
    ids, lengths, seen = (
        ops.convert_to_numpy(x)[0]
        for x in (found.token_ids, found.lengths, found.alignments)
    )
    tokenizer = model.preprocessor.target
    words, seen = tokens_of(tokenizer, ids[:lengths]), seen[:lengths]  # (T, L)
    places = [str(place) for place in range(seen.shape[1])]
    pieces = [False, has_pieces(tokenizer)]
    seen, _, words = merged(seen, places, words, in_pieces=pieces)
    if words[-1] == END and len(words) > 1:
        words, seen = words[:-1], seen[:-1]
    return Looks(image[0], words, seen)
