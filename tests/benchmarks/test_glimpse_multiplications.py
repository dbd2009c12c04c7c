from pathlib import Path

import keras
import pytest
from keras import layers, ops

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def glimpses(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import glimpses

    return glimpses


def model_of(*between):
    return keras.Sequential([keras.Input((100, 100, 1)), *between])


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ([layers.Flatten(), layers.Dense(7)], 10_000 * 7),
        ([layers.Conv2D(3, 5, strides=2, padding="same")], 50 * 50 * 3 * 25),
        # One for each mean, whatever it is the mean of.
        ([layers.AveragePooling2D(4)], 25 * 25),
        ([layers.Rescaling(1 / 255)], 10_000),
        ([layers.ReLU(), layers.MaxPooling2D(2)], 0),
    ],
)
def test_what_layers_take(glimpses, between, expected):
    assert glimpses.multiplications(model_of(*between)) == expected


def test_products_of_matrices_in_a_batch_count(glimpses):
    image = keras.Input((100, 100, 1))
    rows = ops.squeeze(image, axis=-1)
    model = keras.Model(image, ops.matmul(rows, rows))
    assert glimpses.multiplications(model) == 100**3


@pytest.mark.long
def test_the_networks_take_as_many_as_the_recipe(glimpses):
    peers, variants = glimpses.TABLES["peers"], glimpses.TABLES["variants"]
    of_recipe = glimpses.multiplications(peers[glimpses.GLIMPSES]())
    for build in (*peers.values(), variants["three glimpses, places by REINFORCE"]):
        assert glimpses.multiplications(build()) == pytest.approx(of_recipe, rel=0.05)
