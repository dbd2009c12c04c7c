"""Random models of recurrent layers, of kerasrnn or of Keras, with inputs for them."""

import dataclasses
from typing import Any

import keras
import numpy as np

FAMILIES = ("SimpleRNN", "LSTM", "GRU")
STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}
ACTIVATIONS = (
    *("tanh", "sigmoid", "relu", "linear", "hard_sigmoid", "softsign", "softplus"),
    *("elu", "leaky_relu"),
)
# A gate that is not bounded lets the state grow from step to step without end, and with
# it the rounding of float32.
GATES = ("tanh", "sigmoid", "hard_sigmoid", "softsign")
MASKS = (None, "ids", "zeros", "argument")


@dataclasses.dataclass(frozen=True)
class RandomModel:
    """A model, with inputs for it.

    Args:
        model: Functional, of one to three recurrent layers.
        inputs: An array for each of its inputs.
        families: Of each recurrent layer.
        mask: Where its mask comes from: token ids, steps of zeros, an argument.
    """

    model: keras.Model
    inputs: list[np.ndarray]
    families: list[str]
    mask: str | None


def random_model(namespace: Any, seed: int) -> RandomModel:
    """A model that is a function of its seed.

    Args:
        namespace: `keras.layers` or `kerasrnn.layers`.
        seed: Of all that is drawn: layers, options, weights, inputs.
    """
    rng = np.random.default_rng(seed)
    batch, steps, features = rng.integers([1, 1, 1], [10, 9, 7])
    mask = MASKS[rng.integers(len(MASKS))]
    lengths = rng.integers(0, steps + 1, batch)  # 0: a row without any step
    shown = np.arange(steps) < lengths[:, None]
    inputs, arguments = {}, {}
    if mask == "ids":
        x = keras.Input((None,), dtype="int32", name="ids")
        inputs[x] = np.where(shown, rng.integers(1, 11, (batch, steps)), 0)
        sequences = keras.layers.Embedding(11, int(features), mask_zero=True)(x)
    else:
        sequences = x = keras.Input((None, int(features)), name="x")
        inputs[x] = rng.normal(size=(batch, steps, features))
    if mask == "zeros":
        inputs[x] = np.where(shown[..., None], inputs[x], 0)
        sequences = keras.layers.Masking()(sequences)
    if mask == "argument":
        arguments["mask"] = keras.Input((None,), dtype="bool", name="mask")
        inputs[arguments["mask"]] = shown
    count, families, outputs = rng.integers(1, 4), [], []
    for place in range(count):
        family, layer, states = _random_layer(
            namespace, rng, f"layer_{place}", is_last=place == count - 1
        )
        families.append(family)
        given = {}
        if rng.random() < 0.3:
            units = (
                layer.units if hasattr(layer, "units") else layer.forward_layer.units
            )
            first = [
                keras.Input((units,), name=f"state_{place}_{k}") for k in range(states)
            ]
            inputs |= {s: rng.normal(size=(batch, units)) for s in first}
            given["initial_state"] = first
        sequences = layer(sequences, **arguments, **given)
        if layer.return_state:
            sequences, *final = sequences
            outputs += final
    model = keras.Model(list(inputs), [*outputs, sequences])
    model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.weights])
    arrays = [array.astype(tensor.dtype) for tensor, array in inputs.items()]
    return RandomModel(model, arrays, families, mask)


def _random_layer(namespace, rng, name, is_last):
    """A family, a layer of it, and how many states the layer has."""

    def chance(share):
        return bool(rng.random() < share)

    family = FAMILIES[rng.integers(len(FAMILIES))]
    both = chance(0.35)
    options = {
        "return_sequences": not is_last or chance(0.5),
        "return_state": chance(0.4),
        "go_backwards": chance(0.2) and not both,
        "use_bias": chance(0.8),
    }
    if chance(0.4):
        options["activation"] = ACTIVATIONS[rng.integers(len(ACTIVATIONS))]
    if family != "SimpleRNN" and chance(0.4):
        options["recurrent_activation"] = GATES[rng.integers(len(GATES))]
    if family == "GRU":
        options["reset_after"] = chance(0.5)
    if chance(0.2):
        options["zero_output_for_mask"] = True
    # Its weights are set afterwards; an orthogonal matrix takes long to draw.
    options["recurrent_initializer"] = "zeros"
    options["kernel_initializer"] = "zeros"
    units = int(rng.integers(1, 8))
    layer = getattr(namespace, family)(units, name=name, **options)
    if both:
        mode = ("concat", "sum", "mul", "ave", None)[rng.integers(4)]
        layer = namespace.Bidirectional(layer, merge_mode=mode, name=name)
    return family, layer, STATES[family] * (1 + both)
