"""Layers that stand beside recurrent ones, and operations of keras.ops, in ONNX."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasrnn.export import to_onnx
from kerasrnn.layers import CRF, BahdanauAttention, LuongAttention

onnxruntime = pytest.importorskip("onnxruntime")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 6, 4)).astype("float32")
Y = RNG.standard_normal((3, 6, 4)).astype("float32")


def run(path, *inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options)
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


def check(model, path, *inputs, tolerance=1e-6):
    """ONNX Runtime gives the model's numbers, also for sizes of another export."""
    report = to_onnx(model, path)
    found = run(report.path, *inputs)
    flat = keras.Model(list(model.inputs), list(model.outputs))
    expected = flat(list(inputs), training=False)
    for a, b in zip(found, keras.tree.flatten(expected), strict=True):
        b = ops.convert_to_numpy(b)
        assert a.shape == b.shape
        # torch counts in int64 where Keras says int32.
        assert a.dtype == b.dtype or (a.dtype, b.dtype) == ("int32", "int64")
        np.testing.assert_allclose(a, b, atol=tolerance, rtol=1e-6)
    return report


def with_weights(layer):
    """The layer, built, with weights that hide no wrong one."""
    for w in layer.weights:
        if "moving_variance" in w.path:
            w.assign(np.abs(RNG.standard_normal(w.shape)) + 0.5)
        else:
            w.assign(0.5 * RNG.standard_normal(w.shape))
    return layer


ONE_INPUT = {
    "dense": lambda: layers.Dense(3, activation="gelu"),
    "dense without bias": lambda: layers.Dense(3, use_bias=False),
    "dropout": lambda: layers.Dropout(0.5),
    "spatial dropout": lambda: layers.SpatialDropout1D(0.5),
    "noise": lambda: layers.GaussianNoise(0.5),
    "layer norm": lambda: layers.LayerNormalization(),
    "layer norm plain": lambda: layers.LayerNormalization(center=False, scale=False),
    "batch norm": lambda: layers.BatchNormalization(),
    "batch norm plain": lambda: layers.BatchNormalization(center=False, scale=False),
    "conv": lambda: layers.Conv1D(5, 3, activation="relu"),
    "conv same": lambda: layers.Conv1D(5, 3, padding="same", dilation_rate=2),
    "conv strides": lambda: layers.Conv1D(5, 3, padding="same", strides=2),
    "conv causal": lambda: layers.Conv1D(5, 3, padding="causal", use_bias=False),
    "conv groups": lambda: layers.Conv1D(6, 2, groups=2),
    "conv depthwise": lambda: layers.DepthwiseConv1D(3, depth_multiplier=2),
    "conv depthwise same": lambda: layers.DepthwiseConv1D(3, padding="same", strides=2),
    "max pool": lambda: layers.MaxPooling1D(2),
    "max pool same": lambda: layers.MaxPooling1D(4, strides=2, padding="same"),
    "average pool": lambda: layers.AveragePooling1D(3, strides=1),
    "average pool same": lambda: layers.AveragePooling1D(4, padding="same"),
    "global max": lambda: layers.GlobalMaxPooling1D(),
    "global average": lambda: layers.GlobalAveragePooling1D(keepdims=True),
    "time distributed": lambda: layers.TimeDistributed(layers.Dense(3)),
    "permute": lambda: layers.Permute((2, 1)),
    "reshape": lambda: layers.Reshape((-1, 2)),
    "flatten": lambda: layers.Flatten(),
    "softmax": lambda: layers.Softmax(),
    "relu": lambda: layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2),
    "leaky relu": lambda: layers.LeakyReLU(0.3),
    "elu": lambda: layers.ELU(),
    "prelu": lambda: layers.PReLU(shared_axes=[1]),
    "rescaling": lambda: layers.Rescaling(2.0, offset=-1.0),
    "normalization": lambda: layers.Normalization(
        mean=[1.0, 2, 3, 4], variance=[2.0] * 4
    ),
    "zero padding": lambda: layers.ZeroPadding1D(2),
    "cropping": lambda: layers.Cropping1D((1, 2)),
    "upsampling": lambda: layers.UpSampling1D(2),
    "masking": lambda: layers.Masking(0.0),
    "identity": lambda: layers.Identity(),
    "einsum dense": lambda: layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d"),
    **{
        f"activation {name}": lambda name=name: layers.Activation(name)
        for name in (
            *("tanh", "sigmoid", "relu", "relu6", "elu", "selu", "gelu", "silu"),
            *("softplus", "softsign", "hard_sigmoid", "hard_silu", "leaky_relu"),
            *("exponential", "linear", "softmax", "log_softmax", "mish", "hard_tanh"),
            *("log_sigmoid",),
        )
    },
}


@pytest.mark.parametrize("name", ONE_INPUT)
def test_a_layer(tmp_path, name):
    # Keras flattens steps that are not fixed into a size that no layer can read.
    x = keras.Input((6 if name == "flatten" else None, 4))
    layer = ONE_INPUT[name]()
    model = keras.Model(x, layer(x))
    with_weights(layer)
    check(model, tmp_path / "model.onnx", X)


def test_a_network_of_pictures(tmp_path):
    images = keras.Input((9, 8, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(images)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(max_value=6)(x)
    x = layers.DepthwiseConv2D(5, padding="same", depth_multiplier=2)(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)
    model = keras.Model(images, layers.Reshape((-1, 8))(x))
    for layer in model.layers:
        with_weights(layer)
    pictures = RNG.uniform(0, 3, (2, 9, 8, 3)).astype("float32")
    check(model, tmp_path / "model.onnx", pictures)


TWO_INPUTS = {
    "add": lambda x, y: layers.Add()([x, y]),
    "subtract": lambda x, y: layers.Subtract()([x, y]),
    "multiply": lambda x, y: layers.Multiply()([x, y]),
    "average": lambda x, y: layers.Average()([x, y]),
    "maximum": lambda x, y: layers.Maximum()([x, y]),
    "minimum": lambda x, y: layers.Minimum()([x, y]),
    "concatenate": lambda x, y: layers.Concatenate()([x, y]),
    "concatenate steps": lambda x, y: layers.Concatenate(axis=1)([x, y]),
    "dot": lambda x, y: layers.Dot(axes=2)([x, y]),
    "attention": lambda x, y: layers.Attention(use_scale=True)([x, y]),
    "additive": lambda x, y: layers.AdditiveAttention()([x, y]),
    "additive, keys": lambda x, y: layers.AdditiveAttention(use_scale=False)([x, y, y]),
    "bahdanau": lambda x, y: BahdanauAttention(5)(x, y),
    "bahdanau bias": lambda x, y: BahdanauAttention(5, use_bias=True)(x, y),
    "luong": lambda x, y: LuongAttention("general")(x, y),
    "luong dot": lambda x, y: LuongAttention("dot")(x, y),
    "luong concat": lambda x, y: LuongAttention("concat", units=3)(x, y),
}


@pytest.mark.parametrize("name", TWO_INPUTS)
def test_a_layer_of_two_inputs(tmp_path, name):
    x, y = keras.Input((None, 4)), keras.Input((None, 4))
    model = keras.Model([x, y], TWO_INPUTS[name](x, y))
    for layer in model.layers:
        with_weights(layer)
    check(model, tmp_path / "model.onnx", X, Y)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Attention(use_scale=True),
        layers.AdditiveAttention(),
        BahdanauAttention(5),
        LuongAttention("general"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_attention_looks_where_masks_show(tmp_path, layer):
    ids, others = keras.Input((None,), dtype="int32"), keras.Input((None, 4))
    memory = layers.Embedding(10, 4, mask_zero=True)(ids)
    query = layers.Masking()(others)
    given = (query, memory) if hasattr(layer, "query_size") else ([query, memory],)
    model = keras.Model([ids, others], layer(*given))
    for each in model.layers:
        with_weights(each)
    some = np.array([[1, 2, 0], [3, 0, 0], [4, 5, 6]], "int32")
    masked = X * (np.arange(6) < 4)[:, None]
    check(model, tmp_path / "model.onnx", some, masked.astype("float32"))


OPERATIONS = {
    "arithmetic": lambda x: (2 * x - 1) / (x * x + 1) + x**2,
    "scalars": lambda x: ops.maximum(0.1, ops.minimum(x, 3)) - (-x),
    "comparisons": lambda x: ops.where(x > 0, x, ops.where(x <= -1, 7.0, -x)),
    "equal": lambda x: ops.cast(ops.equal(ops.floor(x), 0), "int32"),
    "logical": lambda x: ops.logical_or(
        ops.logical_and(x > 0, x != 1), ops.logical_not(ops.cast(x, "bool"))
    ),
    "sums": lambda x: ops.sum(x, axis=(0, 2)) + ops.mean(x, axis=-1, keepdims=True),
    "sum of booleans": lambda x: ops.sum(x > 0, axis=1),
    "all": lambda x: ops.all(x > -2, axis=1),
    "any": lambda x: ops.any(x > 1, axis=-1, keepdims=True),
    "extremes": lambda x: ops.max(x, axis=1) - ops.min(x, axis=1),
    "product": lambda x: ops.prod(x, axis=2),
    "deviation": lambda x: ops.std(x, axis=1) + ops.var(x, axis=1),
    "argmax": lambda x: ops.argmax(x, axis=-1),
    "argmax of flags": lambda x: ops.argmax(ops.cast(x > 0, "int32"), axis=1),
    "logsumexp": lambda x: ops.logsumexp(x, axis=-1, keepdims=True),
    "indices": lambda x: x[:, -1] + x[:, 1, :],
    "slices": lambda x: x[:, 1:-1, ::2],
    "backwards": lambda x: x[:, ::-1],
    "ellipsis": lambda x: x[..., None, 1:3],
    "new axes": lambda x: x[:, None, :, None],
    "flip": lambda x: ops.flip(x, axis=1),
    "stack": lambda x: ops.stack([x, x + 1], axis=-1),
    "unstack": lambda x: sum(ops.unstack(x, axis=2)),
    "split": lambda x: ops.split(x, 2, axis=-1)[1],
    "split at": lambda x: ops.split(x, [1, 3], axis=-1)[1],
    "transpose": lambda x: ops.transpose(x, (2, 0, 1)),
    "swap": lambda x: ops.swapaxes(x, 1, 2),
    "move": lambda x: ops.moveaxis(x, -1, 1),
    "reshape": lambda x: ops.reshape(x, (-1, 2, 2)),
    "repeat": lambda x: ops.repeat(x, 3, axis=0) + ops.repeat(x, 3, axis=0),
    "repeat steps": lambda x: ops.repeat(x, 2, axis=1),
    "tile": lambda x: ops.tile(x, (1, 2, 1)),
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 0)), constant_values=2.0),
    "cumsum": lambda x: ops.cumsum(x, axis=1),
    "clip": lambda x: ops.clip(x, -1, 1),
    "take": lambda x: ops.take(x, [3, 0], axis=-1),
    "take rows": lambda x: ops.take(
        np.eye(7, dtype="float32"), ops.argmax(x, axis=-1), axis=0
    ),
    "take along": lambda x: ops.take_along_axis(
        x, ops.argmax(x, axis=1, keepdims=True), axis=1
    ),
    "take along, broadcast": lambda x: ops.take_along_axis(
        x, ops.argmax(ops.sum(x, axis=2, keepdims=True), axis=1, keepdims=True), axis=1
    ),
    "one hot": lambda x: ops.one_hot(ops.argmax(x, axis=-1) - 1, 4),
    "top k": lambda x: ops.top_k(x, 2),
    "zeros": lambda x: ops.zeros_like(x[:, :1]) + ops.ones_like(x) * 2,
    "full": lambda x: ops.full_like(x, 3.0),
    "matmul": lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))),
    "dot": lambda x: ops.dot(x, np.ones((4, 2), "float32")),
    "einsum": lambda x: ops.einsum("bsd,btd->bst", x, x),
    "integers": lambda x: (
        ops.floor_divide(ops.cast(x * 5, "int32"), 2)
        + ops.mod(ops.cast(x * 5, "int32"), 3)
    ),
    "floats": lambda x: ops.floor_divide(x, 0.3) + ops.mod(x, 0.3),
    "curves": lambda x: ops.exp(x) + ops.log1p(ops.abs(x)) + ops.sqrt(ops.square(x)),
    "more curves": lambda x: ops.rsqrt(x * x + 1) + ops.expm1(x) + ops.erf(x),
    "not a number": lambda x: ops.where(ops.isnan(x / (x * 0)), 1.0, 0.0),
    "broadcast": lambda x: ops.broadcast_to(x[:, :1, :1], (3, 6, 4)),
}


# Sums as products, and as they are written.
@pytest.mark.parametrize(("scale", "masked"), [(1, True), (1, False), (50, True)])
def test_a_crf_with_any_mask(tmp_path, scale, masked):
    crf = CRF(4, name="crf")
    for w in crf.weights:
        w.assign(scale * RNG.standard_normal(w.shape))
    x, mask = keras.Input((None, 4)), keras.Input((None,), dtype="bool")
    options = {"mask": mask} if masked else {}
    outputs = [crf(x, **options), crf(x, decode=True, **options)]
    model = keras.Model([x, mask] if masked else [x], outputs)
    shown = RNG.random((3, 6)) > 0.4
    shown[1] = False
    given = [X, shown] if masked else [X]
    report = check(model, tmp_path / "crf.onnx", *given, tolerance=1e-5)
    assert report.layers == {"crf": "Scan"}
    for steps in (1, 4):  # It has no size of its own.
        part = [array[:2, :steps] for array in given]
        found, expected = run(report.path, *part), model(part)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, ops.convert_to_numpy(b), atol=1e-5)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation(tmp_path, name):
    if name == "backwards" and keras.backend.backend() == "torch":
        pytest.skip("torch has no such slices")
    x = keras.Input((None, 4))
    model = keras.Model(x, OPERATIONS[name](x))
    check(model, tmp_path / "model.onnx", X)
