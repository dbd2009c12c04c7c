"""TensorFlow SavedModel, in the layout that TensorFlow Serving reads."""

import pathlib

import keras


def write(model, path, *, version: int | None = None) -> pathlib.Path:
    """Write `model` as a SavedModel that needs nothing but TensorFlow.

    Args:
        model: A Keras model that offers `serving_signatures()`: a dict from the
            signature's name to a function of tensors and the `tf.TensorSpec`s of its
            inputs. The function may use `model.preprocessor`.
        path: The folder to write.
        version: Writes to `path/version`, so that TensorFlow Serving can be pointed
            at `path` and picks the highest version.

    Returns:
        The folder that was written; `tf.saved_model.load` takes it.

    Raises:
        ValueError: Another backend than TensorFlow is in use, `version` is not a
            positive integer, or `path` is a file.
    """
    if keras.config.backend() != "tensorflow":
        raise ValueError(
            "A SavedModel can only be written on the TensorFlow backend; this process "
            f"runs on {keras.config.backend()!r}. Set KERAS_BACKEND=tensorflow."
        )
    if version is not None and (not isinstance(version, int) or version < 1):
        raise ValueError(f"`version` must be a positive integer; got {version!r}.")
    folder = pathlib.Path(path)
    if folder.is_file():
        raise ValueError(f"`path` must be a folder; {folder} is a file.")
    if version is not None:
        folder = folder / str(version)

    import tensorflow as tf

    served = tf.Module()
    # Only what the signatures use is tracked: the model itself would bring along its
    # training functions, and Keras with them.
    served.model_variables = [v.value for v in model.serving_variables()]
    served.preprocessor = model.preprocessor
    signatures = {}
    for name, (function, specifications) in model.serving_signatures().items():
        # Without AutoGraph, for which any `if` on a tensor's shape would be one more
        # branch of the graph: models are made of Keras's operations.
        signatures[name] = tf.function(
            function, input_signature=specifications, autograph=False
        )
    tf.saved_model.save(served, str(folder), signatures=signatures)
    return folder
