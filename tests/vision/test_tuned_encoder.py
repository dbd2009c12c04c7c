import numpy as np
import pytest

from kerasrnn.vision import (
    EfficientNetLite0,
    ImageEncoder,
    TunedBlocks,
    TunedEncoder,
    tuned_features,
)


def with_weights_of(whole, part):
    """Gives a part of the network the weights of the whole's layers."""
    layers = {layer.name: layer for layer in whole.layers}
    for layer in part.layers:
        if layer.weights:
            layer.set_weights(layers[layer.name].get_weights())


@pytest.mark.parametrize("blocks", [1, 5])
def test_first_blocks_and_last_ones_are_the_whole(blocks):
    whole = EfficientNetLite0()
    rng = np.random.default_rng(0)
    for layer in whole.layers:  # random statistics too, which are 0 and 1 at first
        layer.set_weights([w + 0.02 * rng.random(w.shape) for w in layer.get_weights()])
    encoder = TunedEncoder(None, TunedBlocks(blocks, weights=None))
    encoder.build((None, 224, 224, 3))
    with_weights_of(whole, encoder.first_blocks.backbone)
    with_weights_of(whole, encoder.tuned.network)
    images = rng.uniform(0, 255, (2, 224, 224, 3)).astype("float32")
    expected = np.asarray(whole(images)).reshape(2, 49, 1280)
    np.testing.assert_allclose(encoder(images), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        encoder.predict_on_batch(images), expected, rtol=1e-4, atol=1e-4
    )
    lower = np.asarray(encoder.first_blocks(images))
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
