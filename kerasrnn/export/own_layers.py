"""A model with our recurrent layers in place of Keras's, and the same weights."""

import functools
from typing import Any

import keras

from kerasrnn import layers

# By exact class: of a subclass nobody knows what it computes.
OWN = {
    getattr(keras.layers, name): getattr(layers, name)
    for name in ("SimpleRNN", "LSTM", "GRU")
}
FOREIGN = (*OWN, keras.layers.RNN, keras.layers.Bidirectional)
OWN_CELLS = {
    getattr(keras.layers, name): getattr(layers, name)
    for name in ("SimpleRNNCell", "LSTMCell", "GRUCell")
}


def with_own_layers(model: keras.Model) -> keras.Model:
    """`model`, or where it has recurrent layers of Keras's a model of its own for it.

    Args:
        model: A functional or `Sequential` model; of any other it is returned itself.

    Returns:
        A model of the same layers and weights in which our classes stand for
        `keras.layers.SimpleRNN`, `LSTM`, `GRU`, `RNN` and `Bidirectional`, inside
        nested models and `TimeDistributed` too. `model` stays as it is.

    Example:

    >>> import keras
    >>> from kerasrnn.export.own_layers import with_own_layers
    >>> model = keras.Sequential([keras.Input((None, 3)), keras.layers.LSTM(4)])
    >>> type(with_own_layers(model).layers[0])
    <class 'kerasrnn.layers.lstm.LSTM'>
    """
    if not is_graph(model) or not has_foreign(model):
        return model
    own = own_model(model)
    give_weights(model, own)
    return own


def give_weights(model, own):
    """Give `own` the weights of `model`, layer by layer, in whatever order they are."""
    for layer in model.layers:
        if is_graph(layer):
            give_weights(layer, own.get_layer(layer.name))
        elif layer.weights:  # An input without a name has another one in the copy.
            own.get_layer(layer.name).set_weights(layer.get_weights())


def own_model(model):
    """A new model that computes what `model` does, with other weights."""
    of_keras = set()

    def own_layer_or_model(layer):
        own = own_layer(layer)
        if type(layer) in FOREIGN:
            of_keras.add(id(own))
        return own

    def call(layer, sequences, *args, **kwargs):
        given = keras.tree.flatten((args, kwargs))
        if (
            id(layer) in of_keras
            and kwargs.get("mask") is None
            and any(isinstance(argument, keras.KerasTensor) for argument in given)
        ):
            # Keras's layers do not see the mask of sequences beside given states.
            sequences = keras.ops.copy(sequences)
        return layer(sequences, *args, **kwargs)

    if isinstance(model, keras.Sequential):
        return keras.models.clone_model(model, clone_function=own_layer_or_model)
    return keras.models.clone_model(
        model, clone_function=own_layer_or_model, call_function=call
    )


def is_graph(model) -> bool:
    """Whether `model` is a functional or a `Sequential` model, and no subclass."""
    functional: Any = functional_class()
    calls = (keras.Sequential.call, functional.call)
    return isinstance(model, keras.Model) and type(model).call in calls


@functools.cache
def functional_class() -> type:
    """The class of functional models, which has no public name."""
    x = keras.Input(())
    return type(keras.Model(x, x))


def inner_layers(layer) -> list:
    """The layers directly inside a layer or a model."""
    if isinstance(layer, keras.Model):
        return layer.layers
    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer, layer.backward_layer]
    if isinstance(layer, keras.layers.Wrapper):
        return [layer.layer]
    return []


def has_foreign(layer) -> bool:
    """Whether a recurrent layer of Keras's is `layer` or inside it."""
    if type(layer) in FOREIGN:
        return True
    return any(has_foreign(inner) for inner in inner_layers(layer))


def own_layer(layer):
    """A new layer that computes what `layer` does, of our class if there is one."""
    config = layer.get_config()
    if type(layer) in OWN:
        return OWN[type(layer)].from_config(config)
    if isinstance(layer, keras.layers.Bidirectional):
        return layers.Bidirectional(
            own_layer(layer.forward_layer),
            merge_mode=layer.merge_mode,
            backward_layer=own_layer(layer.backward_layer),
            name=layer.name,
            dtype=layer.dtype_policy,
        )
    if type(layer) is keras.layers.TimeDistributed:
        return keras.layers.TimeDistributed(
            own_layer(layer.layer), name=layer.name, dtype=layer.dtype_policy
        )
    if type(layer) is keras.layers.RNN:
        del config["cell"]
        return layers.RNN(own_cell(layer.cell), **config)
    if isinstance(layer, keras.Model) and is_graph(layer):
        return own_model(layer)
    return type(layer).from_config(config)


def own_cell(cell):
    """A new cell that computes what `cell` does."""
    if type(cell) is keras.layers.StackedRNNCells:
        return layers.StackedRNNCells([own_cell(inner) for inner in cell.cells])
    return OWN_CELLS.get(type(cell), type(cell)).from_config(cell.get_config())
