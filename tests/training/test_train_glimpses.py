"""Classifiers of images, from a folder of pictures to their use by commands."""

import json
import shutil
import textwrap

import numpy as np
import pytest
import tensorflow as tf
import yaml

from kerasrnn import catalogue
from kerasrnn.cli import main
from kerasrnn.data import ImageClasses
from kerasrnn.training import train
from kerasrnn.training.glimpses.glimpse_data import GlimpseData
from kerasrnn.training.glimpses.image_classification import (
    ImageClassification,
    blocks_of,
    nearest,
)
from kerasrnn.zoo import GlimpseClassifier

draw = np.random.default_rng(0)
DIGITS = draw.integers(1, 256, (20, 28, 28)).astype("uint8")
CANVASES = draw.integers(0, 256, (20, 100, 100, 1)).astype("uint8")
LABELS = np.arange(20, dtype="int32") % 10
NAMES = tuple("0123456789")
MODEL = {
    "units": 6,
    "glimpse_units": 6,
    "glimpses": 2,
    "glimpse_size": 6,
    "look_reduction": 2,
    "look_filters": 4,
    "window_filters": 4,
}


def picture(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(pixels).numpy())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Bright and dark pictures of 24 × 32 pixels, and one of another size."""
    folder = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(1)
    for number in range(60):
        name = ("bright", "dark")[number % 2]
        size = (12, 16) if number == 7 else (24, 32)
        low, high = ((150, 256), (0, 100))[number % 2]
        pixels = noise.integers(low, high, (*size, 1)).astype("uint8")
        picture(folder / name / f"{number}.png", pixels)
    return folder


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    config = json.loads(json.dumps(catalogue.load_recipe("glimpse-digits").config))
    config["model"] |= MODEL
    config["training"] |= {"epochs": 2, "checkpoint_every": 3}
    config["own_data"] = {}
    folder = tmp_path_factory.mktemp("recipes") / "tiny-glimpses"
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return str(folder)


@pytest.fixture(scope="module")
def trained(folder, recipe, tmp_path_factory):
    output, log = tmp_path_factory.mktemp("runs") / "run", []
    results = train(recipe, data=folder, output=output, log=log.append)
    return output, results, log


@pytest.mark.long
def test_a_folder_of_ones_own(trained):
    output, results, log = trained
    assert "Classes: bright 30, dark 30" in log
    told = "the most frequent of 2 sizes; others are resized"
    assert f"preprocessor.height 24 ({told}; the recipe has 100)" in log
    assert results["data"]["labels"] == ["bright", "dark"]
    derived = results["runs"][0]["derived"]
    assert derived["preprocessor.width"] == 32
    assert derived["training.fresh_places"] is False
    assert {*results["peers"]} == {"nearest image"}
    assert results["headline"] == "test_accuracy"
    for name in ("glimpses.png", "glimpses.gif", "confusion_matrix.png"):
        assert (output / "figures" / name).stat().st_size > 1000
    model = GlimpseClassifier.from_preset(output)
    assert model.image_shape == (24, 32, 1) and model.labels == ("bright", "dark")


@pytest.mark.long
def test_the_commands(trained, folder, capsys, tmp_path, monkeypatch):
    output, _, _ = trained
    known = str(folder / "dark" / "1.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert main(["predict", str(output), known, str(tmp_path / "broken.png")]) == 1
    told = capsys.readouterr()
    label, probability, name = told.out.strip().split("\t")
    row = GlimpseClassifier.from_preset(output).predict([known], verbose=0)[0]
    assert label == ("bright", "dark")[row.argmax()] and name == known
    assert float(probability) == pytest.approx(row.max(), abs=1e-3)
    assert "broken.png" in told.err and "must be a picture" in told.err
    assert main(["export", str(output), "--output", str(tmp_path / "served")]) == 0
    example = textwrap.dedent(capsys.readouterr().out.split("\n\n", 1)[1])
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(known, "photo.png")
    exec(example, {})
    assert capsys.readouterr().out.strip() == label
    assert main(["evaluate", str(output), "--data", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "The test part of" in told and "4 images" in told
    other = tmp_path / "other"
    for number in range(20):
        pixels = np.full((24, 32, 1), number, "uint8")
        picture(other / ("dark", "dim")[number % 2] / f"{number}.png", pixels)
    assert main(["evaluate", str(output), "--data", str(other)]) == 1
    assert "has the class 'dim', which the model does not" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_that_begins_with_a_model_of_another_size(trained, recipe, tmp_path):
    output, _, _ = trained
    data = tmp_path / "data"
    for number in range(40):
        pixels = draw.integers(0, 256, (16, 16, 3)).astype("uint8")
        picture(data / ("bright", "new")[number % 2] / f"{number}.png", pixels)
    log = []
    train(
        recipe,
        data=data,
        start_from=output,
        epochs=1,
        output=tmp_path / "run",
        log=log.append,
    )
    model = GlimpseClassifier.from_preset(tmp_path / "run")
    # Its weights read one channel, of images of any size.
    assert model.image_shape == (16, 16, 1) and model.labels == ("bright", "new")


def data_of(**options):
    part = ImageClasses(CANVASES, LABELS, NAMES, DIGITS)
    options = {"batch_size": 6, "fresh_places": True, **options}
    return GlimpseData(part, part, **options)


def test_fresh_places_follow_from_seed_and_epoch_alone():
    data = data_of()
    first, again = data.order(3, 1), data_of().order(3, 1)
    whole = list(data.dataset(first).as_numpy_iterator())
    # A run that was killed goes on in the middle of an epoch.
    rest = list(data_of().dataset(again[2:]).as_numpy_iterator())
    assert [len(labels) for _, labels in whole] == [6, 6, 6, 2]
    for (images, labels), (of_rest, labels_of_rest) in zip(
        whole[2:], rest, strict=True
    ):
        np.testing.assert_array_equal(images, of_rest)
        np.testing.assert_array_equal(labels, labels_of_rest)
    assert (data.images(3, 1) == data.images(3, 1)).all()
    for other in (data.images(3, 2), data.images(4, 1)):
        assert (data.images(3, 1) != other).any(axis=(1, 2, 3)).all()
    seen = np.concatenate([labels for _, labels in whole])
    assert sorted(seen.tolist()) == sorted(LABELS.tolist())


def test_canvases_stay_where_they_are_asked_to():
    data = data_of(fresh_places=False)
    ((images, labels), *_) = data.dataset(data.order(1, 0)).as_numpy_iterator()
    for image, label in zip(images, labels, strict=True):
        (row,) = np.flatnonzero((CANVASES == image).all(axis=(1, 2, 3)))
        assert LABELS[row] == label
    part = ImageClasses(CANVASES, LABELS, NAMES)
    with pytest.raises(ValueError, match="`fresh_places` must be false for images wi"):
        GlimpseData(part, part, batch_size=4, fresh_places=True)


@pytest.mark.slow
def test_a_run_of_fresh_places_ends_the_same_however_it_is_cut(tmp_path):
    """Trained in one go, and stopped in the middle of an epoch and begun again."""
    import keras

    from kerasrnn.training.checkpoints import Checkpoints
    from kerasrnn.training.resumable_fit import resumable_fit

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 6:
                raise KeyboardInterrupt

    def fitted(folder, callbacks=()):
        keras.utils.set_random_seed(1)
        model = GlimpseClassifier((100, 100, 1), **MODEL)
        resumable_fit(
            model,
            data_of(),
            checkpoints=Checkpoints(folder),
            epochs=2,
            seed=3,
            patience=None,
            checkpoint_every=1,
            log=lambda line: None,
            callbacks=callbacks,
        )
        return model.get_weights()

    whole = fitted(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "cut", [Stop()])
    for one, other in zip(whole, fitted(tmp_path / "cut"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_nearest_image_is_a_peer():
    train_rows = blocks_of(CANVASES)
    assert nearest(train_rows, train_rows[::-1]).tolist() == [*range(19, -1, -1)]
    small = draw.integers(0, 256, (2, 5, 9, 3)).astype("uint8")
    assert blocks_of(small).shape == (2, 16 * 16 * 3)


def test_a_recipe_whose_reader_makes_other_images_is_refused(monkeypatch):
    module = "kerasrnn.training.glimpses.image_classification"
    part = ImageClasses(CANVASES, LABELS, NAMES, DIGITS)
    parts = dict.fromkeys(("train", "validation", "test"), part)
    monkeypatch.setattr(f"{module}.load_splits", lambda data, path: parts)
    config = json.loads(json.dumps(catalogue.load_recipe("glimpse-digits").config))
    config["preprocessor"]["height"] = 50
    with pytest.raises(ValueError, match=r"shape \(100, 100, 1\); got one that makes"):
        ImageClassification(config)
