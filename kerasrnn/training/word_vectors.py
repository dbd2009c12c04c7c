"""Word vectors that a recipe begins with."""

from typing import Any


def word_vectors(name: str | None, tokenizer: Any, seed: int) -> Any:
    """A matrix (words, D) to start an embedding from, or None.

    Args:
        name: Of the vectors, `word_vectors` of a recipe: "glove", or None.
        tokenizer: Whose words are looked up.
        seed: Of the numbers of words that have no vector.
    """
    from kerasrnn.data import load_glove

    if name is None:
        return None
    if name != "glove":
        raise ValueError(f"`word_vectors` must be 'glove' or absent; got {name!r}.")
    return load_glove(tokenizer.get_vocabulary(), seed=seed)
