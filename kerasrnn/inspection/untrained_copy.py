import keras
import numpy as np

from kerasrnn.inspection.recurrent_model import recurrent_layers_of


def untrained_copy(model: keras.Model, *, seed: int = 0) -> keras.Model:
    """The same model with recurrent weights as before training: a control.

    Args:
        model: A Keras model with `recurrent_layers`.
        seed: Of the initializers.

    Returns:
        A new model; `model` stays as it is.

    Raises:
        ValueError: The model has no recurrent layers, or no configuration.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.inspection import untrained_copy
    >>> from kerasrnn.zoo import CharLanguageModel
    >>> model = CharLanguageModel(9, cell="gru", units=3, num_layers=1)
    >>> control = untrained_copy(model, seed=1)
    >>> kernels = [m.recurrent_layers[0].cell.kernel for m in (model, control)]
    >>> np.array_equal(*kernels)
    False
    """
    recurrent_layers_of(model)
    if not isinstance(model, keras.Model):
        raise ValueError(
            "`model` must be a Keras model, to be copied; got a "
            f"{type(model).__name__}."
        )
    copy = type(model).from_config(model.get_config())
    if not copy.built:
        raise ValueError(
            f"`model` must be built by its constructor, to be copied; a "
            f"{type(model).__name__} is not."
        )
    copy.set_weights(model.get_weights())
    seeds = np.random.default_rng(seed)
    for layer in copy.recurrent_layers:
        cell = layer.cell
        for name in ("kernel", "recurrent"):
            initializer = getattr(cell, f"{name}_initializer")
            config = initializer.get_config()
            if "seed" in config:
                config["seed"] = int(seeds.integers(2**31))
            weight = cell.kernel if name == "kernel" else cell.recurrent_kernel
            weight.assign(type(initializer).from_config(config)(weight.shape))
        if cell.use_bias:
            bias = np.zeros(cell.bias.shape)
            if getattr(cell, "unit_forget_bias", False):
                bias[cell.units : 2 * cell.units] = 1
            cell.bias.assign(bias)
    return copy
