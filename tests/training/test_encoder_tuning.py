"""Blocks that learn to tell captions apart before a captioner learns."""

import types

import keras
import numpy as np
import pytest

from kerasrnn.training.captioning.captioning import Captioning
from kerasrnn.training.captioning.encoder_tuning import (
    EncoderTuning,
    NamedFeatures,
    best_sharpness,
)
from kerasrnn.training.workers import Workers
from kerasrnn.zoo import Task

pytest.importorskip("sacrebleu")
NAMES = ("a cat", "a dog", "the sun", "two suns")
WORDS = "<pad> <unk> <s> </s> a cat dog sun suns the two".split()


@keras.saving.register_keras_serializable(package="tests")
class Blocks(keras.layers.Layer):
    """Stands in for `TunedBlocks`: one convolution of a grid of 4 by 4."""

    blocks, grid, locations, dim = 1, (4, 4, 6), 16, 6

    def __init__(self):
        super().__init__()
        self.convolution = keras.layers.Conv2D(8, 3, activation="relu", padding="same")
        self.convolution.build((None, *self.grid))
        self.built = True

    def call(self, features):
        found = self.convolution(keras.ops.reshape(features, (-1, *self.grid)))
        return keras.ops.reshape(found, (-1, 16, 8))


def target_ids(texts):
    """`WORDS` by their number, between a start and an end."""
    rows = [[2, *map(WORDS.index, text.split()), 3] for text in texts]
    width = max(map(len, rows))
    return np.array([row + [0] * (width - len(row)) for row in rows])


def pictures(count=80, seed=0, noise=0.5):
    """Features of four things in turn, each with a pattern of its own, and captions."""
    things = np.random.default_rng(7).normal(size=(4, 16, 6))
    noises = np.random.default_rng(seed).normal(0, noise, (count, 16, 6))
    features = (things[np.arange(count) % 4] + noises).astype("float16")
    return features, [[NAMES[n % 4], "a thing"] for n in range(count)]


def named(rows, seed=0):
    return NamedFeatures(*_with(rows, *pictures(seed=seed)), target_ids, (0, 1, 2, 3))


def _with(rows, features, captions):
    return features, rows, captions


def tuned(folder, log=lambda line: None, **options):
    """Blocks that have learned, with the seed of their first weights."""
    keras.utils.set_random_seed(3)
    blocks = Blocks()
    tuning = EncoderTuning(
        **{"epochs": 4, "batch_size": 16, "learning_rate": 0.01, "shift": 1} | options
    )
    tuning.run(
        blocks,
        named(range(80)),
        named(range(40), seed=1),
        folder=folder,
        seed=1,
        log=log,
    )
    return blocks


def told_apart(blocks):
    """The share of new pictures whose nearest one in mean features is of its thing."""
    known, new = (
        keras.ops.convert_to_numpy(
            blocks(pictures(seed=seed, noise=1.0)[0].astype("float32"))
        )
        for seed in (0, 2)
    )
    known, new = (
        (x - known.mean((0, 1))).mean(axis=1) / known.std((0, 1)) for x in (known, new)
    )
    nearest = np.square(new[:, None] - known).sum(axis=-1).argmin(axis=1)
    return np.mean(nearest % 4 == np.arange(len(new)) % 4)


def test_names_and_their_words():
    part = named([3, 1, 7])
    assert part.names.tolist() == ["a dog", "two suns"]
    assert part.labels.tolist() == [1, 0, 1]
    expected = np.zeros((2, 11))
    expected[0, [4, 6]] = expected[1, [8, 10]] = 0.5
    np.testing.assert_array_equal(part.words, expected)


def test_blocks_learn_to_tell_captions_apart(tmp_path, capsys):
    lines = []
    blocks = tuned(tmp_path, lines.append, epochs=12, dropout=0.1)
    assert lines == ["The encoder's last 1 blocks learn to tell 4 captions apart"]
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 12
    scores = [float(line.split("CIDEr-D ")[1].split()[0]) for line in printed]
    assert scores[-1] > scores[0] and scores[-1] > 1.5
    keras.utils.set_random_seed(3)
    assert told_apart(blocks) > told_apart(Blocks()) + 0.1


def test_the_softmax_is_that_of_the_classifier(tmp_path):
    keras.utils.set_random_seed(3)
    blocks, known, new = Blocks(), named(range(80)), named(range(60), seed=1)
    tuning = EncoderTuning(epochs=6, batch_size=16, learning_rate=0.02, shift=1)
    kernel, bias = tuning.run(
        blocks, known, new, folder=tmp_path, seed=1, log=lambda line: None
    )
    mean = keras.ops.convert_to_numpy(blocks(new.features.astype("float32"))).mean(1)
    right = (mean[:60] @ kernel + bias).argmax(axis=1) == new.labels
    assert right.mean() > 0.5


def test_logits_are_made_as_sure_as_they_are_right():
    train, validation = named(range(80)), named([0, 1, 2, 3, 5])
    validation.names = validation.names.copy()
    validation.names[-1] = "a thing that nobody knows"
    logits = np.eye(4)[[0, 1, 2, 3, 1]]
    # Right wherever it can be: the surer, the better.
    assert best_sharpness(logits, train, validation) == 4.0
    half = logits.copy()
    half[:2] = half[1::-1]
    assert best_sharpness(3 * half, train, validation) == 0.5
    validation.names[:] = "a thing that nobody knows"
    assert best_sharpness(logits, train, validation) == 1.0


def test_a_run_that_was_killed_ends_alike(tmp_path, monkeypatch):
    whole = tuned(tmp_path / "whole", epochs=2)
    from kerasrnn.training.captioning import encoder_tuning

    validate = encoder_tuning._Shifted.validate

    def killed(data, model):
        raise KeyboardInterrupt

    monkeypatch.setattr(encoder_tuning._Shifted, "validate", killed)
    fit = encoder_tuning.resumable_fit
    often = {"checkpoint_every": 2}
    monkeypatch.setattr(
        encoder_tuning, "resumable_fit", lambda *a, **k: fit(*a, **k, **often)
    )
    with pytest.raises(KeyboardInterrupt):
        tuned(tmp_path / "broken", epochs=2)
    monkeypatch.setattr(encoder_tuning._Shifted, "validate", validate)
    lines = []
    broken = tuned(tmp_path / "broken", lines.append, epochs=2)
    assert lines[1] == "Going on from epoch 1, step 4."
    for one, other in zip(whole.get_weights(), broken.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_picture_comes_once_an_epoch_and_some_are_moved():
    from kerasrnn.training.captioning.encoder_tuning import _Shifted

    options = EncoderTuning(batch_size=16, shift=1)
    data = _Shifted(named(range(2, 80)), None, Blocks.grid, options)
    steps = data.order(1, 0)
    assert [len(step) for step in steps] == [16] * 4 + [14]
    again = np.concatenate(data.order(1, 0))
    seen = np.concatenate(steps)
    np.testing.assert_array_equal(seen, again)
    assert (np.concatenate(data.order(1, 1)) != seen).any()
    assert sorted(seen[:, 0]) == list(range(2, 80))
    assert set(seen[:, 2:].ravel()) == {-1, 0, 1}
    assert 0.25 < (seen[:, 2:] == 0).all(axis=1).mean() < 0.55
    features, (names, words) = next(iter(data.dataset(steps[1:])))
    for picture, (row, label, down, right) in zip(features, steps[1], strict=True):
        grid = data.train.features[row].reshape(4, 4, 6)
        edges = np.pad(grid, ((1, 1), (1, 1), (0, 0)), "edge")
        expected = edges[1 - down : 5 - down, 1 - right : 5 - right]
        np.testing.assert_array_equal(picture, expected.reshape(16, 6))
        assert data.train.names[label] == NAMES[row % 4]
    np.testing.assert_array_equal(names, np.eye(4)[steps[1][:, 1]])
    np.testing.assert_array_equal(words, data.train.words[steps[1][:, 1]])


def task_with(**changes):
    """A captioning task with nothing but a configuration."""
    task = object.__new__(Captioning)
    task.config = {"model": {"fine_tune": 2}, "training": {"encoder": {"epochs": 3}}}
    task.config |= changes
    task.path = task.source = None
    task.derived, task.log = {}, lambda line: None
    return task


def test_what_a_recipe_says_of_it():
    assert task_with()._encoder_tuning() == EncoderTuning(epochs=3)
    assert task_with(training={})._encoder_tuning() is None
    with pytest.raises(ValueError, match=r"needs `fine_tune` .*; got fine_tune=False"):
        task_with(model={})._encoder_tuning()
    for name, least in (("epochs", 0), ("batch_size", 1), ("shift", 0)):
        with pytest.raises(ValueError, match=f"`{name}` must be .* least {least}; got"):
            task_with(training={"encoder": {name: least - 1}})._encoder_tuning()
    knowing = task_with(model={"known_captions": True}, training={})
    with pytest.raises(ValueError, match="`known_captions` in `model` needs `encoder`"):
        knowing._encoder_tuning()
    # Pictures of one's own are few, and what is trained already has learned it.
    for own in ({"path": "here"}, {"source": "a preset"}):
        task = task_with()
        vars(task).update(own)
        assert task._encoder_tuning() == EncoderTuning(epochs=0)
        assert task.derived == {"training.encoder": {"epochs": 0}}


def test_blocks_may_be_those_of_another_captioner(monkeypatch):
    task = task_with(model={"fine_tune": 2, "tuned_weights": "a captioner"})
    blocks = types.SimpleNamespace(blocks=2)
    source = types.SimpleNamespace(tuned_blocks=blocks)
    monkeypatch.setattr(Task, "from_preset", lambda name: source)
    assert task.tuned_source is blocks
    assert task_with().tuned_source is None
    for of_source, found in ((None, "None"), (types.SimpleNamespace(blocks=3), "3")):
        source.tuned_blocks = of_source
        task = task_with(model={"fine_tune": 2, "tuned_weights": "a captioner"})
        with pytest.raises(ValueError, match=f"got 'a captioner', with {found}"):
            task.tuned_source  # noqa: B018


def test_softmaxes_may_learn_alone(tmp_path):
    blocks, lines = Blocks(), []
    blocks.trainable = False
    before, part = blocks.get_weights(), named(range(80))
    tuning = EncoderTuning(epochs=1, batch_size=16)
    tuning.run(blocks, part, part, folder=tmp_path, seed=1, log=lines.append)
    assert lines == ["A softmax learns to tell 4 captions apart"]
    for one, other in zip(before, blocks.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_blocks_stay_as_they_have_become(tmp_path):
    blocks, features = Blocks(), pictures()[0]
    scaled = []
    model = types.SimpleNamespace(
        tuned_blocks=blocks, adapt=scaled.append, known_captions=0
    )
    task = task_with()
    task.tuning = EncoderTuning(epochs=0)
    task.features = {"train": features}
    with pytest.raises(ValueError, match="is for one process; got 2 workers"):
        task.prepare(model, tmp_path, 1, types.SimpleNamespace(count=2))
    before = blocks.get_weights()
    task.prepare(model, tmp_path, 1, Workers())
    for one, other in zip(before, blocks.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # What they make has another scale than before they learned.
    assert scaled == [features]
    assert not blocks.trainable_variables
    assert task._shifts(model) == {"grid": (4, 4, 6), "shift": 2}
    task.tuning = None
    assert task._shifts(model) == {}
