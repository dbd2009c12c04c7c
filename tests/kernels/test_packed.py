"""The kernels that call Keras's or torch's own loops, with masks that they pack."""

import keras
import numpy as np
import packed_agreement
import pytest
from packed_agreement import B, D, T, U, X, difference, half_of, layer_of

from kerasrnn.kernels import KERNELS, use_kernel
from kerasrnn.layers import GRU, LSTM, RNN, LSTMCell

BACKEND = keras.backend.backend()
KERNEL = "torch" if BACKEND == "torch" else "keras"
NAMES = list(packed_agreement.LAYERS) if BACKEND == "torch" else ["LSTM", "GRU"]
# The last output; all, backwards; all, with zeros.
FLAGS = [(False, True, False), (True, True, False), (True, False, True)]


def array(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("flags", FLAGS)
def test_with_a_mask_it_equals_the_definition(name, flags):
    assert difference(name, flags, True, KERNEL) <= 2e-5


@pytest.mark.parametrize("name", NAMES)
def test_without_a_mask_it_equals_the_definition(name):
    assert difference(name, (True, True, False), False, KERNEL) <= 2e-5


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_half_precision_is_near_float32(name):
    full = layer_of(name, (True, False, False))
    half = half_of(full, "mixed_bfloat16")
    with use_kernel(KERNEL):
        for a, b in zip(half(X), full(X), strict=True):
            assert keras.backend.standardize_dtype(a.dtype) == "bfloat16"
            np.testing.assert_allclose(array(a), array(b), atol=2e-2)


def test_padding_leaves_the_states_as_they_are():
    padded = np.concatenate([X, np.full((B, 9, D), 1e3, "float32")], 1)
    mask = np.arange(T + 9) < np.full((B, 1), T)
    layer = layer_of("LSTM", (True, False, True))
    with use_kernel(KERNEL):
        _, *found = layer(padded, mask=mask)
        _, *expected = layer(X)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(array(a), array(b), atol=1e-6)


@pytest.mark.parametrize(
    "layer, reason",
    [
        (lambda: LSTM(3, activation="relu"), "activation is not tanh"),
        (lambda: LSTM(3, recurrent_activation="tanh"), "recurrent_activation is not"),
        (lambda: GRU(3, reset_after=False), "reset_after is False"),
        (lambda: LSTM(3, unroll=True), "unroll=True"),
        (lambda: GRU(3, recurrent_dropout=0.5), "each gate has dropout masks"),
    ],
)
def test_what_it_cannot_run_it_declines_by_name(layer, reason):
    refused = f"kernel '{KERNEL}' cannot run this layer: {reason}"
    with use_kernel(KERNEL), pytest.raises(ValueError, match=refused):
        layer()(X, training=True)


@pytest.mark.long
def test_the_layer_of_keras_is_kept_and_belongs_to_nobody():
    if BACKEND == "torch":
        pytest.skip("torch's own loops are called without a layer")
    from kerasrnn.kernels import keras as keras_kernel

    keras_kernel.layer_of.cache_clear()
    layers = [LSTM(U, return_sequences=True), LSTM(D)]
    model = keras.Sequential([keras.Input((T, D)), *layers])
    with use_kernel("keras"):
        model.compile("sgd", "mse")
        model.fit(X, np.zeros((B, D)), epochs=2, verbose=0)
        model.predict(X, verbose=0)
    assert keras_kernel.layer_of.cache_info().misses == 2
    assert len(model.weights) == 6
    assert keras_kernel.layer_of("lstm", U, D, "float32").weights[0].shape == (D, 4 * U)


@pytest.fixture
def pretended_gpu(monkeypatch):
    """The kernels are told that there is a GPU."""
    monkeypatch.setattr(f"kerasrnn.kernels.{KERNEL}.on_gpu", lambda tensor: True)
    if BACKEND == "torch":
        monkeypatch.setattr("kerasrnn.kernels.native_torch.on_gpu", lambda tensor: True)
        monkeypatch.setattr("torch.backends.cudnn.is_available", lambda: True)


def test_on_a_cpu_use_cudnn_is_refused_with_the_reason():
    refused = "use_cudnn=True was specified.*: the tensors are not on a GPU"
    with pytest.raises(ValueError, match=refused):
        LSTM(3, use_cudnn=True)(X)


@pytest.mark.usefixtures("pretended_gpu")
def test_on_a_gpu_it_is_the_first_choice_or_on_jax_the_one_demanded():
    # JAX reaches cuDNN only by a slower way than its scan.
    first = LSTM(3, use_cudnn=True if BACKEND == "jax" else "auto")
    lines = first.explain().splitlines()
    assert lines[0] == f"kernel: {KERNEL}"
    assert "cuDNN" in lines[1]
    asked = LSTM(3, use_cudnn=True, return_sequences=True)
    with use_kernel("reference"):
        expected = asked(X)
    np.testing.assert_allclose(array(asked(X)), array(expected), atol=1e-6)
    if BACKEND == "tensorflow":  # cuDNN's operations are none of XLA's.
        assert not asked.supports_jit
        assert not RNN(LSTMCell(3)).supports_jit


@pytest.mark.usefixtures("pretended_gpu")
def test_on_a_gpu_cudnn_is_never_used_where_that_is_asked_for():
    layer = LSTM(3, use_cudnn=False)
    assert f"not {KERNEL}: use_cudnn is False" in layer.explain()
    assert layer.supports_jit


@pytest.mark.usefixtures("pretended_gpu")
def test_on_a_gpu_use_cudnn_is_refused_where_cudnn_has_no_such_layer():
    refused = "use_cudnn=True was specified.*: activation is not tanh"
    with pytest.raises(ValueError, match=refused):
        LSTM(3, activation="relu", use_cudnn=True)(X)
    if BACKEND == "jax":
        with pytest.raises(ValueError, match="JAX has no GRU of cuDNN's"):
            GRU(3, use_cudnn=True)(X)
    else:
        GRU(3, use_cudnn=True)(X)


def test_the_kernels_are_listed_from_the_fastest():
    expected = {
        "jax": ["keras", "native", "jax", "reference"],
        "torch": ["native", "torch", "reference"],
    }
    if BACKEND in expected:
        assert list(KERNELS) == expected[BACKEND]


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "torch", reason="torch.compile is torch's")
@pytest.mark.filterwarnings("ignore::UserWarning")  # of what is not compiled
def test_torch_compile_gives_the_same():
    import torch

    layer = layer_of("GRU", (True, False, False))
    x, mask = torch.as_tensor(X), torch.as_tensor(packed_agreement.MASK)
    compiled = torch.compile(lambda x: layer(x, mask=mask), backend="aot_eager")
    with use_kernel("torch"):
        found, expected = compiled(x), layer(x, mask=mask)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(array(a.detach()), array(b.detach()), atol=1e-6)
