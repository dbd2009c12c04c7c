"""The parts of a model, functional models of tensors, compute what it computes."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.zoo import (
    AttentionCaptioner,
    CharLanguageModel,
    ImageCaptioner,
    SentimentClassifier,
    Seq2Seq,
    Seq2SeqAttention,
    Task,
)

SMALL = {"start_id": 1, "end_id": 2, "units": 6, "embedding_dim": 5}
rng = np.random.default_rng(0)
IDS = rng.integers(1, 12, (3, 7)).astype("int32")
IDS[1, 4:] = 0
FEATURES = rng.normal(size=(3, 4, 5)).astype("float32")
FEATURE_READER = {"encoder": None, "feature_dim": 5}
CAPTIONERS = {**FEATURE_READER, "named_classes": 3}

WRITERS = {
    "translator": lambda: Seq2Seq(12, 13, **SMALL),
    "two layers": lambda: Seq2Seq(12, 13, **SMALL, cell="lstm", num_layers=2),
    "attention": lambda: Seq2SeqAttention(12, 13, **SMALL),
    "members": lambda: Seq2SeqAttention(12, 13, **SMALL, members=2, num_layers=2),
    "captioner": lambda: ImageCaptioner(13, **SMALL, **CAPTIONERS),
    "looks": lambda: AttentionCaptioner(13, **SMALL, **CAPTIONERS, members=2),
    "knows": lambda: AttentionCaptioner(
        13, **SMALL, **FEATURE_READER, members=2, known_captions=4
    ),
}


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name == "members"))
        for name in WRITERS
    ],
)
def test_step_by_step_parts_say_what_the_whole_says(name):
    keras.utils.set_random_seed(1)
    model = WRITERS[name]()
    target_ids = rng.integers(3, 13, (3, 5)).astype("int32")
    if name == "knows":  # and two of the three rows say what it knows
        words = [*target_ids[:2, 1:], target_ids[0, [1, 2, 4, 4]], target_ids[2, :4]]
        words = np.pad(words, [(0, 0), (0, 8)])
        shapes = (5, 4), (4,)
        values = [rng.normal(size=shape) for shape in shapes]
        model.copy_mechanism.set_captions(words, *values)
    elif model.copy_mechanism is not None:
        words = rng.integers(3, 13, model.copy_mechanism.words.shape)
        kernel, bias = rng.normal(size=(5, 3)), np.zeros(3)
        model.copy_mechanism.set_classes(words, kernel, bias)
    source = FEATURES if "captioner" in type(model).__name__.lower() else IDS
    expected = numbers(ops.log_softmax(model((source, target_ids))))
    encoder, step = model.parts().values()
    carried = dict(encoder(ops.convert_to_tensor(source)))
    for t in range(5):
        token_ids = ops.convert_to_tensor(target_ids[:, t])
        found = dict(step({"token_ids": token_ids, **carried}))
        said = numbers(found.pop("log_probabilities"))
        np.testing.assert_allclose(said, expected[:, t], atol=2e-6)
        seen = found.pop("alignments", None)
        if seen is not None:
            np.testing.assert_allclose(numbers(seen).sum(1), 1, atol=1e-6)
        carried |= {key.removeprefix("new_"): value for key, value in found.items()}
    assert (seen is not None) == model.attends


@pytest.mark.parametrize(
    ("pooling", "members"), [("max", 2), (("mean", "last", "attention"), 1)]
)
def test_a_classifier_gives_probabilities(pooling, members):
    options = {"units": 4, "embedding_dim": 4}
    model = SentimentClassifier(12, pooling=pooling, members=members, **options)
    ids = np.concatenate([IDS, np.zeros((1, 7), "int32")])  # and an empty text
    found = model.parts()["model"](ops.convert_to_tensor(ids))["probabilities"]
    np.testing.assert_allclose(
        numbers(found), numbers(ops.softmax(model(ids))), atol=1e-6
    )


def test_a_character_model_reads_on_from_its_states():
    model = CharLanguageModel(12, units=6, num_layers=2, cache_size=4)
    part = model.parts()["model"]
    states = model.initial_states(3)[:2]
    expected = numbers(ops.log_softmax(model.run(IDS, states)[0]))
    carried = {x.name: ops.zeros((3, 6)) for x in part.inputs if x.name != "ids"}
    for places in (slice(0, 3), slice(3, 4), slice(4, 7)):
        found = dict(part({"ids": ops.convert_to_tensor(IDS[:, places]), **carried}))
        said = numbers(found.pop("log_probabilities"))
        np.testing.assert_allclose(said, expected[:, places], atol=2e-6)
        carried = {key.removeprefix("new_"): value for key, value in found.items()}


def test_a_task_of_no_parts_says_so():
    with pytest.raises(NotImplementedError, match="Task has no parts"):
        Task().parts()
