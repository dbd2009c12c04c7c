"""Layers that are written otherwise than by what their `call` does."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.export.layer_graph import symbolic_leaves
from kerasrnn.export.onnx.operations import as_axes, convolved, normalized
from kerasrnn.export.onnx.writer import Value, as_array
from kerasrnn.layers import CRF
from kerasrnn.layers.call_checks import standardize_mask
from kerasrnn.layers.linear_chain import log_marginals
from kerasrnn.layers.time_distributed import TimeDistributed


def same(conversion: Any, layer: Any, outputs: Any, inputs: Value, **_: Any) -> str:
    """A layer that does nothing but in training."""
    return inputs.name


def additive_attention(
    conversion: Any,
    layer: Any,
    outputs: Any,
    inputs: list,
    mask: list | None = None,
    **options: Any,
) -> str:
    """Keras's `AdditiveAttention`, which multiplies a weight by no symbol."""
    if options.get("use_causal_mask") or options.get("return_attention_scores"):
        raise conversion.error(
            "it goes to ONNX without `use_causal_mask` and `return_attention_scores` "
            "only."
        )
    scale = as_array(layer.scale) if layer.use_scale else np.float32(1)

    def look(given):
        (query, value, *key), (query_mask, value_mask, *_) = given
        query, key = ops.expand_dims(query, 2), ops.expand_dims((key or [value])[0], 1)
        scores = ops.sum(ops.tanh(query + key) * scale, axis=-1)  # (B, T, S)
        if value_mask is not None:
            hidden = ops.logical_not(ops.expand_dims(value_mask, 1))
            scores = scores - 1e9 * ops.cast(hidden, scores.dtype)  # as Keras does
        result = ops.matmul(ops.softmax(scores, axis=-1), value)
        if query_mask is not None:
            shown = ops.expand_dims(query_mask, -1)
            result = result * ops.cast(shown, result.dtype)
        return result

    return conversion.run(look, [list(inputs), mask or [None, None]]).name


def crf(
    conversion: Any,
    layer: Any,
    outputs: Any,
    emissions: Value,
    tags: Any = None,
    mask: Value | None = None,
    decode: bool = False,
    emissions_mask: Value | None = None,
) -> str:
    """Loops over the steps: forwards and backwards at once, or there and back."""

    def judged(given):
        scores, shown = given
        chain = layer.chain_of(scores, standardize_mask(shown, scores))
        return layer.decode_in(chain)[0] if decode else log_marginals(chain)

    conversion.became[conversion.layer_name] = "Scan"
    return conversion.run(judged, [emissions, mask or emissions_mask]).name


def embedding(conversion: Any, layer: Any, outputs: Any, inputs: Value) -> str:
    """Rows of a table. ONNX Runtime refuses ids that are outside of it."""
    dtype = "int64" if inputs.dtype == "int64" else "int32"
    conversion.id_counts[inputs.name] = layer.input_dim
    rows = conversion.writer.weight(layer.embeddings, f"{layer.name}_embeddings")
    return conversion.writer.op("Gather", rows, conversion.name(inputs, dtype))


def dense(conversion: Any, layer: Any, outputs: Any, inputs: Value, **_: Any) -> Any:
    """A product, a bias, an activation."""
    writer = conversion.writer
    kernel = writer.weight(layer.kernel, f"{layer.name}_kernel")
    result = writer.op("MatMul", writer.as_float(inputs), kernel)
    if layer.use_bias:
        bias = writer.weight(layer.bias, f"{layer.name}_bias")
        result = writer.op("Add", result, bias)
    value = Value(result, (*inputs.shape[:-1], layer.units), "float32")
    return conversion.activated(layer.activation, value)


def activation(
    conversion: Any, layer: Any, outputs: Any, inputs: Value, **_: Any
) -> str:
    """An activation function alone."""
    return conversion.activated(layer.activation, inputs)


def convolution(
    conversion: Any, layer: Any, outputs: Any, inputs: Value, **_: Any
) -> str:
    """A convolution, which Keras's own symbols do not know in groups."""
    writer = conversion.writer
    result = convolved(conversion, layer, inputs, layer.kernel, layer.padding)
    if layer.use_bias:
        shape = [1] * len(inputs.shape)
        shape[1 if layer.data_format == "channels_first" else -1] = -1
        bias = as_array(layer.bias).reshape(shape)
        result = writer.op("Add", result, writer.floats(bias, f"{layer.name}_bias"))
    (spec,) = symbolic_leaves(outputs)
    value = Value(result, tuple(spec.shape), "float32")
    return conversion.activated(layer.activation, value)


def global_average_pooling(
    conversion: Any,
    layer: Any,
    outputs: Any,
    inputs: Value,
    mask: Value | None = None,
    **_: Any,
) -> str:
    """The mean of the steps that the mask shows."""
    axis = 2 if layer.data_format == "channels_first" else 1

    def mean(given):
        x, shown = given
        if shown is None:
            return ops.mean(x, axis=axis, keepdims=layer.keepdims)
        shown = ops.expand_dims(ops.cast(shown, x.dtype), 3 - axis)
        total = ops.sum(x * shown, axis=axis, keepdims=layer.keepdims)
        return total / ops.sum(shown, axis=axis, keepdims=layer.keepdims)

    return conversion.run(mean, [inputs, mask]).name


def masking(conversion: Any, layer: Any, outputs: Any, inputs: Value, **_: Any) -> str:
    """Zeros where a step is the value to mask, which Keras makes without symbols."""

    def hidden(x):
        shown = ops.any(ops.not_equal(x, layer.mask_value), axis=-1, keepdims=True)
        return x * ops.cast(shown, x.dtype)

    return conversion.run(hidden, inputs).name


def normalization(
    conversion: Any, layer: Any, outputs: Any, inputs: Value, **_: Any
) -> str:
    """(x − mean) / √variance, or back."""
    writer = conversion.writer
    spread = np.maximum(np.sqrt(as_array(layer.variance)), keras.config.epsilon())
    mean, spread = writer.floats(as_array(layer.mean)), writer.floats(spread)
    x = writer.as_float(inputs)
    if layer.invert:
        return writer.op("Add", writer.op("Mul", x, spread), mean)
    return writer.op("Div", writer.op("Sub", x, mean), spread)


def rescaling(
    conversion: Any, layer: Any, outputs: Any, inputs: Value, **_: Any
) -> str:
    """x · scale + offset."""
    writer = conversion.writer
    scaled = writer.op("Mul", writer.as_float(inputs), writer.floats(layer.scale))
    return writer.op("Add", scaled, writer.floats(layer.offset))


def layer_normalization(
    conversion: Any, layer: Any, outputs: Any, inputs: Value, **_: Any
) -> str:
    """One operator, where the last axes are normalized."""
    axes = as_axes(layer.axis, len(inputs.shape))
    rms = getattr(layer, "rms_scaling", False)
    gamma = layer.gamma if layer.scale else None
    beta = layer.beta if layer.center else None
    return normalized(conversion, inputs, axes, gamma, beta, layer.epsilon, rms)


def time_distributed(
    conversion: Any, layer: Any, outputs: Any, inputs: Value, **_: Any
) -> str:
    """The inner layer on all steps of all rows at once."""
    writer = conversion.writer
    rest = tuple(inputs.shape[2:])
    if None in rest:
        raise conversion.error("the inputs' sizes after the steps must be fixed.")
    flat = writer.op("Reshape", inputs.name, writer.integers([-1, *rest]))
    steps = Value(flat, (None, *rest), inputs.dtype)
    result = conversion.run(lambda x: layer.layer(x, training=False), steps)
    sizes = writer.op("Shape", inputs.name, start=0, end=2)
    sizes = writer.op("Concat", sizes, writer.integers(result.shape[1:]), axis=0)
    return writer.op("Reshape", result.name, sizes)


LAYERS = {
    CRF: crf,
    keras.layers.Activation: activation,
    keras.layers.ActivityRegularization: same,
    keras.layers.AdditiveAttention: additive_attention,
    keras.layers.AlphaDropout: same,
    keras.layers.Conv1D: convolution,
    keras.layers.Conv2D: convolution,
    keras.layers.Dense: dense,
    keras.layers.Dropout: same,
    keras.layers.Embedding: embedding,
    keras.layers.GaussianDropout: same,
    keras.layers.GaussianNoise: same,
    keras.layers.GlobalAveragePooling1D: global_average_pooling,
    keras.layers.Identity: same,
    keras.layers.LayerNormalization: layer_normalization,
    keras.layers.Masking: masking,
    keras.layers.Normalization: normalization,
    keras.layers.Rescaling: rescaling,
    keras.layers.SpatialDropout1D: same,
    keras.layers.SpatialDropout2D: same,
    keras.layers.SpatialDropout3D: same,
    keras.layers.TimeDistributed: time_distributed,
    TimeDistributed: time_distributed,
}
