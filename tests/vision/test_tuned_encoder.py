import keras
import numpy as np
import pytest

from kerasrnn.vision import (
    EfficientNetLite0,
    ImageEncoder,
    TunedBlocks,
    TunedEncoder,
    tuned_features,
)

array = keras.ops.convert_to_numpy


def with_weights_of(whole, part):
    """Gives a part of the network the weights of the whole's layers."""
    layers = {layer.name: layer for layer in whole.layers}
    for layer in part.layers:
        if layer.weights:
            layer.set_weights(layers[layer.name].get_weights())


def lively_network(rng):
    """A network with random weights and statistics whose numbers stay apart."""
    whole = EfficientNetLite0()
    for layer in whole.layers:
        values = [rng.normal(size=w.shape) for w in layer.get_weights()]
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = values
            values = [1 + 0.1 * gamma, 0.1 * beta, 0.1 * mean, 1 + 0.1 * variance**2]
        else:
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            axes = (0, 1) if depthwise else (0, 1, 2)
            # As He et al. 2015 have it: activations stay as large as they are.
            values = [w * np.sqrt(2 / np.prod(np.take(w.shape, axes))) for w in values]
        layer.set_weights(values)
    return whole


@pytest.mark.parametrize("blocks", [1, 5])
def test_first_blocks_and_last_ones_are_the_whole(blocks):
    rng = np.random.default_rng(0)
    whole = lively_network(rng)
    encoder = TunedEncoder(None, TunedBlocks(blocks, weights=None))
    encoder.build((None, 224, 224, 3))
    with_weights_of(whole, encoder.first_blocks.backbone)
    with_weights_of(whole, encoder.tuned.network)
    images = rng.uniform(0, 255, (2, 224, 224, 3)).astype("float32")
    expected = array(whole(images)).reshape(2, 49, 1280)
    # They tell of the pictures: neither all 0 nor all 6.
    assert np.abs(expected[0] - expected[1]).mean() > 0.1
    np.testing.assert_allclose(array(encoder(images)), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        encoder.predict_on_batch(images), expected, rtol=1e-4, atol=1e-4
    )
    lower = array(encoder.first_blocks(images))
    assert lower.shape[1:] == (encoder.tuned.locations, encoder.tuned.dim)
    parts = [*tuned_features(encoder.tuned, lower, batch_size=1)]
    assert len(parts) == 2
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=1e-4, atol=1e-4)


def test_only_the_last_blocks_are_trained():
    encoder = TunedEncoder(None, TunedBlocks(1, weights=None))
    encoder.build((None, 224, 224, 3))
    # Three convolutions of a block and the one after it, and no batch normalization.
    assert len(encoder.trainable_variables) == 4
    again = TunedBlocks.from_config(encoder.tuned.get_config())
    assert (again.blocks, again.grid) == (1, (7, 7, 192))


@pytest.mark.parametrize("count", [0, 16, True, 2.0, "2"])
def test_a_wrong_number_of_blocks_is_told(count):
    with pytest.raises(ValueError, match="`blocks` must be from 1 to 15 blocks; got"):
        TunedBlocks(count, weights=None)


def test_other_networks_are_not_parted():
    with pytest.raises(ValueError, match="`without_blocks` may be a number with the"):
        ImageEncoder("MobileNetV2", weights=None, without_blocks=2)
