"""What a run ends with, on a model of one weight."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrnn.training.checkpoints import Checkpoints
from kerasrnn.training.resumable_fit import resumable_fit


class Data:
    """Every epoch takes the weight to the next of `path`; `score` judges it."""

    def __init__(self, path, score):
        self.path, self.score = path, score

    def order(self, seed, epoch):
        return [np.array([epoch])]

    def dataset(self, order):
        return tf.data.Dataset.from_tensors(
            (np.ones((1, 1), "float32"), np.array([[self.path[order[0][0]]]]))
        )

    def validate(self, model):
        return {"val_bleu": self.score(float(model.get_weights()[0][0, 0]))}


def fit(folder, path, score, *, data=Data, log=lambda line: None, **options):
    weight = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), weight])
    # One step of this takes the weight to its target.
    model.compile(keras.optimizers.SGD(0.5), "mse")
    fitted = resumable_fit(
        model,
        data(path, score),
        checkpoints=Checkpoints(folder),
        epochs=len(path),
        seed=0,
        log=log,
        **{"patience": len(path), "monitor": "val_bleu"} | options,
    )
    return float(model.get_weights()[0][0, 0]), fitted


PATH = [1.0, 6.0, 2.0, 4.0, 9.0]


def near(best):
    return lambda weight: 10 - abs(weight - best)


def test_without_averaging_the_best_epoch_is_kept(tmp_path):
    weight, fitted = fit(tmp_path, PATH, near(4.5))
    assert (weight, fitted.kept_epochs) == (pytest.approx(4), [3])
    assert [m["val_bleu"] for m in fitted.history] == pytest.approx(
        [6.5, 8.5, 7.5, 9.5, 5.5]
    )
    assert fitted.metrics == fitted.history[3]
    assert fitted.averages_tried is None


def test_the_mean_of_the_best_epochs_is_kept_where_it_is_better(tmp_path):
    weight, fitted = fit(tmp_path, PATH, near(4.9), average_checkpoints=2)
    assert fitted.kept_epochs == [3, 1]
    assert weight == pytest.approx(5)
    assert fitted.metrics["val_bleu"] == pytest.approx(9.9)


def test_the_best_epoch_is_kept_where_the_mean_is_worse(tmp_path):
    weight, fitted = fit(tmp_path, PATH, near(3.6), average_checkpoints=2)
    assert (weight, fitted.kept_epochs) == (pytest.approx(4), [3])
    assert fitted.averages_tried["val_bleu"] == pytest.approx(9.4)  # of weight 3
    assert fitted.metrics["val_bleu"] == pytest.approx(9.6)


def test_the_mean_is_the_same_after_a_stop(tmp_path):
    weight, whole = fit(tmp_path / "a", PATH, near(4.9), average_checkpoints=3)
    fit(tmp_path / "b", PATH[:3], near(4.9), average_checkpoints=3)
    resumed, parts = fit(tmp_path / "b", PATH, near(4.9), average_checkpoints=3)
    assert (resumed, parts.kept_epochs) == (weight, whole.kept_epochs)
    assert parts.history == whole.history


def test_the_mean_of_all_epochs_from_one_on(tmp_path):
    options = {"patience": None, "average_from": 3}
    weight, whole = fit(tmp_path / "a", PATH, near(1.0), **options)
    assert weight == pytest.approx(5)  # of 2, 4 and 9
    assert whole.kept_epochs == [2, 3, 4]
    assert whole.metrics["val_bleu"] == pytest.approx(6)
    fit(tmp_path / "b", PATH[:4], near(1.0), **options)
    resumed, parts = fit(tmp_path / "b", PATH, near(1.0), **options)
    assert (resumed, parts.kept_epochs) == (weight, whole.kept_epochs)


def test_patience_ends_it_and_none_keeps_the_last(tmp_path):
    _, fitted = fit(tmp_path / "a", PATH, near(6.0), patience=2)
    assert len(fitted.history) == 4
    weight, fitted = fit(tmp_path / "b", PATH, near(6.0), patience=None)
    assert (weight, fitted.kept_epochs) == (pytest.approx(9), [4])


def test_mistakes(tmp_path):
    with pytest.raises(ValueError, match="must be a positive integer; got 0"):
        fit(tmp_path, PATH, near(1.0), average_checkpoints=0)
    with pytest.raises(ValueError, match="`monitor` must be one of loss, val_bleu"):
        fit(tmp_path, PATH, near(1.0), monitor="val_rouge")
    with pytest.raises(ValueError, match="`average_from` must be an epoch from 1 to 5"):
        fit(tmp_path, PATH, near(1.0), average_from=6, patience=None)
    with pytest.raises(ValueError, match=r"`patience` must be None .*got 5 and 1"):
        fit(tmp_path, PATH, near(1.0), average_from=2)


def test_epochs_far_from_the_best_are_in_no_mean(tmp_path):
    # The best two are the first and the last, of weights 4.8 and 4.9.
    path = [4.8, 9.0, 8.0, 7.0, 6.0, 4.9]
    weight, fitted = fit(tmp_path, path, near(5.0), average_checkpoints=2)
    assert (weight, fitted.kept_epochs) == (pytest.approx(4.9), [5])
    assert fitted.averages_tried is None


def test_what_the_metric_does_not_tell_apart_is_judged_by_its_loss(tmp_path):
    class Losses(Data):
        def validate(self, model):
            weight = float(model.get_weights()[0][0, 0])
            return {"val_bleu": self.score(weight), "val_loss": abs(weight - 2.5)}

    # Of the first three BLEU says nothing, and the loss that the third is best; of the
    # last two it does.
    for epochs, kept in ((3, 2), (5, 4)):
        fitted = fit(
            tmp_path / str(epochs),
            [1.0, 5.0, 3.0, 8.0, 9.0][:epochs],
            lambda weight: weight,
            data=Losses,
            told_apart=lambda metrics: metrics["val_bleu"] > 7,
        )[1]
        assert fitted.kept_epochs == [kept]


def test_it_says_why_it_ended(tmp_path):
    lines = []
    fit(tmp_path / "a", [1.0, 2.0, 3.0], near(5.0), log=lines.append)
    assert lines == [
        "The last epoch was the best by val_bleu: more of them may be better still "
        "(--from this run, with --epochs 1)."
    ]
    lines = []
    path = [1.0, 5.0, 3.0, 2.0, 1.0]
    fit(tmp_path / "b", path, near(5.0), log=lines.append, patience=2)
    assert lines == [
        "Stopped after epoch 4 of 5: for 2 epochs, none was better than epoch 2, with "
        "val_bleu 10."
    ]
