import numpy as np
import pytest

from kerasrnn.metrics import forecast_scores, seasonal_naive, smape

NAN = np.nan


def test_smape_by_hand():
    found = smape([[100, 0, -50, NAN]], [[50, 0, 50, 3]])
    np.testing.assert_allclose(found, [[200 / 3, 0, 200, NAN]])


def test_scores_leave_missing_values_out():
    true = [[10, NAN], [20, 40]]
    told = [[10, 99], [20, 20]]
    low, high = np.array([[9, 0], [25, 30]]), np.array([[11, 200], [30, 50]])
    past = [np.array([1.0, 2.0, NAN, 4.0]), np.array([5.0, 5.0])]
    scores = forecast_scores(true, told, low, high, past=past)
    assert scores["smape"] == pytest.approx(200 / 9)
    np.testing.assert_allclose(scores["smape_by_horizon"], [0, 200 / 3])
    assert scores["coverage"] == pytest.approx(2 / 3)
    # Of a series that never changes it cannot be said.
    assert scores["mase"] == 0
    with pytest.raises(ValueError, match=r"one shape .*\(1, 2\) and \(1, 1\)"):
        forecast_scores([[1, 2]], [[1]])
    with pytest.raises(ValueError, match="`true` must hold one value or more"):
        forecast_scores([[NAN]], [[1]])


def test_the_last_season_again():
    past = [
        np.array([1.0, 2, 3, 4, 5, 6, 7]),
        np.array([1.0, 2, 3, 4, NAN, 6, NAN]),
        np.array([8.0]),
        np.array([NAN]),
    ]
    expected = [[5, 6, 7, 5], [2, 6, 4, 2], [8] * 4, [0] * 4]
    np.testing.assert_array_equal(seasonal_naive(past, 4, 3), expected)
