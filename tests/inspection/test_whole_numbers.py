import numpy as np
import pytest

from kerasrnn.inspection.whole_numbers import check_integer


@pytest.mark.parametrize("value", [2, np.int64(3), 4.0])
def test_whole_numbers_pass(value):
    check_integer("best", value, 2)


@pytest.mark.parametrize("value", [1, True, 2.5, "3", None, float("nan"), np.inf])
def test_others_are_named(value):
    with pytest.raises(
        ValueError, match="`best` must be an integer of 2 or above; got"
    ):
        check_integer("best", value, 2)
