import keras
import numpy as np
import pytest

from kerasrnn.zoo import WordDropout

IDS = np.tile(np.array([5, 6, 7, 8, 0, 0], dtype="int32"), (500, 1))


def test_words_become_unknown_at_the_rate_and_padding_stays():
    y = keras.ops.convert_to_numpy(WordDropout(0.2, seed=1)(IDS, training=True))
    assert set(np.unique(y)) == {0, 1, 5, 6, 7, 8}
    np.testing.assert_array_equal(y == 0, IDS == 0)
    assert 0.17 < (y == 1).sum() / (IDS != 0).sum() < 0.23


def test_in_use_it_does_nothing():
    np.testing.assert_array_equal(WordDropout(0.9)(IDS), IDS)


def test_every_call_draws_anew_and_a_seed_repeats_it():
    first, second = WordDropout(0.5, seed=4), WordDropout(0.5, seed=4)
    a, b = first(IDS, training=True), first(IDS, training=True)
    assert (keras.ops.convert_to_numpy(a) != keras.ops.convert_to_numpy(b)).any()
    np.testing.assert_array_equal(a, second(IDS, training=True))


def test_a_rate_out_of_range_is_named():
    with pytest.raises(ValueError, match="`rate` must be from 0 to below 1; got 1"):
        WordDropout(1)
    with pytest.raises(TypeError, match="`rate` must be a number; got None"):
        WordDropout(None)


def test_symbolic_ids_stay_integers():
    token_ids = keras.Input((None,), dtype="int32")
    assert WordDropout(0.5)(token_ids).dtype == "int32"
