"""What `CharLanguageModel` says of arguments that cannot be meant."""

from kerasrnn.zoo.decoder.decoder_checks import check_fraction, check_integer

# Padding, which is also what stands before the first character, and unknown.
SPECIAL = 2


def size_of_vocabulary(vocabulary_size, preprocessor):
    """As many as a model is told, or else its preprocessor knows."""
    if callable(vocabulary_size):
        raise TypeError(
            "`vocabulary_size` must be an integer; got a "
            f"{type(vocabulary_size).__name__}. Pass a tokenizer by its name: "
            "`preprocessor=tokenizer`."
        )
    if vocabulary_size is None and preprocessor is None:
        raise ValueError(
            "`vocabulary_size` must be given where `preprocessor` is None."
        )
    if vocabulary_size is None:
        vocabulary_size = preprocessor.vocabulary_size
    check_integer("vocabulary_size", vocabulary_size, SPECIAL + 1)
    return int(vocabulary_size)


def check_model(model, cells):
    """Raises where an argument of a new model is out of its range."""
    if model.cell not in cells:
        raise ValueError(
            f"`cell` must be one of {', '.join(cells)}; got {model.cell!r}."
        )
    check_integer("num_layers", model.num_layers, 1)
    check_integer("units", model.units, 1)
    if model.embedding_dim is not None:
        check_integer("embedding_dim", model.embedding_dim, 1)
    check_fraction("dropout", model.dropout)
    check_integer("cache_size", model.cache_size, 0)
    sharpness = model.cache_sharpness
    if isinstance(sharpness, bool) or not isinstance(sharpness, (int, float)):
        raise TypeError(f"`cache_sharpness` must be a number; got {sharpness!r}.")
    if not sharpness >= 0:
        raise ValueError(f"`cache_sharpness` must be at least 0; got {sharpness!r}.")
