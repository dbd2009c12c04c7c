import numpy as np
import pytest

from kerasrnn.metrics import classification_scores, confusion_matrix


def test_scores_by_hand():
    labels = [0, 0, 0, 1]
    probabilities = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]]
    scores = classification_scores(labels, probabilities)
    assert scores["accuracy"] == 0.75
    assert scores["confusion_matrix"] == [[2, 1], [0, 1]]
    # Class 0: precision 1, recall 2/3, F1 4/5. Class 1: 1/2, 1, 2/3.
    assert scores["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert scores["loss"] == pytest.approx(-np.log([0.9, 0.6, 0.2, 0.7]).mean())


def test_a_class_without_examples_counts_nothing():
    scores = classification_scores([0, 0], [[1.0, 0, 0], [0.5, 0.5, 0]])
    assert scores["confusion_matrix"] == [[2, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert scores["macro_f1"] == pytest.approx(1 / 3)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"\(batch,\); got \(2,\) and \(3,\)"):
        confusion_matrix([0, 1], [0, 1, 1], classes=2)
    with pytest.raises(ValueError, match=r"\(batch, classes\)=\(2, …\); got \(3, 2\)"):
        classification_scores([0, 1], np.ones((3, 2)))
