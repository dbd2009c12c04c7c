"""Models with members: what they say together, and how each of them learns."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny_captioner import LOCATIONS, captioner, features

from kerasrnn.training import CaptionScores
from kerasrnn.training.captioning.caption_data import CaptionData, caption_ids
from kerasrnn.training.checkpoints import Checkpoints
from kerasrnn.training.resumable_fit import resumable_fit
from kerasrnn.zoo import AttentionCaptioner, ImageCaptioner, Seq2SeqAttention, Task

BOTH = pytest.mark.parametrize("model_class", [ImageCaptioner, AttentionCaptioner])
# Of the two, the one whose graphs are made in a moment; the other in the second stage.
EACH_IN_TURN = pytest.mark.parametrize(
    "model_class",
    [ImageCaptioner, pytest.param(AttentionCaptioner, marks=pytest.mark.slow)],
)
FEATURES, CAPTIONS = features(9, seed=1)


def array(x):
    return ops.convert_to_numpy(x)


def softmax(x):
    return array(ops.softmax(x))


def translator(**options):
    keras.utils.set_random_seed(3)
    options = {"start_id": 1, "end_id": 2, "units": 6, "embedding_dim": 5, **options}
    return Seq2SeqAttention(12, 14, dropout=0.0, **options)


@pytest.mark.long
@BOTH
def test_their_probability_is_the_mean_of_the_members(model_class):
    model = captioner(model_class, members=3)
    ids = array(model.preprocessor.target_ids(CAPTIONS))
    biases = [decoder.output_bias for _, decoder in model.encoders_and_decoders()]
    assert len({float(array(bias)[0]) for bias in biases}) == 3
    of_each = []
    alone = captioner(model_class)
    for member in weights_of_members(model):
        set_own_weights(alone, member)
        of_each.append(softmax(alone((FEATURES, ids))))
    expected = np.mean(of_each, axis=0)
    assert np.abs(of_each[0] - of_each[1]).max() > 0.05
    found = array(model((FEATURES, ids)))
    np.testing.assert_allclose(np.exp(found), expected, atol=1e-6)
    # And step by step, as the searches run it.
    step, state = model.decoding(ops.convert_to_tensor(FEATURES))
    for t in range(ids.shape[1]):
        logits, state, *maps = step(ops.convert_to_tensor(ids[:, t]), state)
        np.testing.assert_allclose(np.exp(array(logits)), expected[:, t], atol=1e-6)
        for looked in maps:
            assert looked.shape == (len(ids), LOCATIONS)
            np.testing.assert_allclose(array(looked).sum(-1), 1.0, atol=1e-5)


def weights_of_members(model):
    """The weights of each member's encoder and decoder."""
    return [
        [array(w) for w in (*encoder.weights, *decoder.weights)]
        for encoder, decoder in model.encoders_and_decoders()
    ]


def set_own_weights(alone, values):
    weights = (*alone.encoder.weights, *alone.decoder.weights)
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)


@pytest.mark.slow
def test_translators_have_members_too():
    model = translator(members=2)
    source, target = np.array([[3, 4, 5, 2, 0]] * 2), np.array([[1, 6, 7]] * 2)
    alone = translator()
    of_each = []
    for member in weights_of_members(model):
        set_own_weights(alone, member)
        of_each.append(softmax(alone((source, target))))
    together = np.exp(array(model((source, target))))
    np.testing.assert_allclose(together, np.mean(of_each, axis=0), atol=1e-6)
    history = model.fit(source, np.array([[1, 6, 7, 2]] * 2), epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]
    # What the search says of its words is what the members say together.
    found = model.generate_ids(source, max_length=3)
    ids = np.concatenate([np.full((2, 1), model.start_id), found.token_ids], axis=1)
    log_p = array(model((source, ids[:, :-1])))
    for row, length in enumerate(array(found.lengths)):
        chosen = log_p[row, np.arange(length), ids[row, 1 : 1 + length]]
        assert chosen.sum() == pytest.approx(float(found.scores[row]), abs=1e-5)


@pytest.mark.long
@EACH_IN_TURN
def test_each_member_learns_on_its_own_loss(model_class):
    attends = model_class is AttentionCaptioner
    options = {"attention_regularization": 0.5} if attends else {}
    model = captioner(model_class, members=2, **options)
    alone = captioner(model_class, **options)
    ids = array(model.preprocessor.target_ids(CAPTIONS))
    losses, updated = [], []
    for member in weights_of_members(model):
        set_own_weights(alone, member)
        alone.compile(keras.optimizers.SGD(0.2))
        history = alone.fit(FEATURES, ids, batch_size=9, verbose=0)
        losses.append(history.history["loss"][0])
        updated.extend(weights_of_members(alone))
    # The mean of the two losses, of which each member has the half.
    model.compile(keras.optimizers.SGD(0.4))
    history = model.fit(FEATURES, ids, batch_size=9, verbose=0)
    assert history.history["loss"][0] == pytest.approx(np.mean(losses), rel=1e-5)
    for member, expected in zip(weights_of_members(model), updated, strict=True):
        for found, wanted in zip(member, expected, strict=True):
            np.testing.assert_allclose(found, wanted, atol=2e-5)


@pytest.mark.slow
@EACH_IN_TURN
def test_they_learn_and_are_saved(model_class, tmp_path):
    model = captioner(model_class, members=2, named_classes=3)
    names = ["red", "zebra", "dog"]
    model.name_classes(names, np.eye(6, 3), np.zeros(3))
    assert model.copy_mechanism.gate_kernel.shape[1] == 2
    # What all members share is there once.
    large = sum(w.name == "feature_mean" for w in model.weights)
    assert (large, sum(w.name == "words" for w in model.weights)) == (2, 1)
    model.adapt(FEATURES)
    means = [array(e.feature_mean) for e, _ in model.encoders_and_decoders()]
    np.testing.assert_array_equal(*means)
    model.compile(keras.optimizers.Adam(0.02))
    gates = array(model.copy_mechanism.gate_kernel).copy()
    model.fit(*features(64), epochs=12, batch_size=16, verbose=0)
    assert (np.abs(array(model.copy_mechanism.gate_kernel) - gates).max(0) > 0).all()
    assert model.generate(FEATURES) == CAPTIONS
    model.set_weights([w.astype("float16") for w in model.get_weights()])
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    expected = model.generate(FEATURES, search="beam", return_scores=True)
    for loaded in (
        keras.models.load_model(tmp_path / "model.keras"),
        Task.from_preset(tmp_path / "preset"),
    ):
        assert loaded.members == 2
        captions, scores = loaded.generate(FEATURES, search="beam", return_scores=True)
        assert captions == expected[0]
        np.testing.assert_allclose(scores, expected[1], atol=1e-5)
    # And learn on from there.
    again = keras.models.load_model(tmp_path / "model.keras")
    again.fit(*features(16), verbose=0)


@pytest.mark.slow
@EACH_IN_TURN
def test_a_run_that_was_stopped_ends_in_the_same_weights(model_class, tmp_path):
    class StoppedError(Exception):
        pass

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 5:
                raise StoppedError

    def run(folder, callbacks=()):
        keras.utils.set_random_seed(5)
        model = captioner(model_class, members=2, dropout=0.3)
        model.compile(keras.optimizers.Adam(0.01))
        x, texts = features(24)
        token_ids = caption_ids(model.preprocessor, [[text] for text in texts])
        data = CaptionData(
            x,
            token_ids,
            (x, token_ids),
            variants=np.zeros(24),
            variant_share=1.0,
            max_tokens=10,
            batch_size=8,
            scores=CaptionScores(x, [[text] for text in texts], groups=None),
        )
        options = {"patience": None, "monitor": "val_loss", "checkpoint_every": 2}
        resumable_fit(
            model,
            data,
            checkpoints=Checkpoints(tmp_path / folder),
            epochs=3,
            seed=1,
            log=lambda _: None,
            callbacks=callbacks,
            **options,
        )
        return model.get_weights()

    whole = run("whole")
    with pytest.raises(StoppedError):
        run("stopped", [Stop()])
    for found, expected in zip(run("stopped"), whole, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_wrong_numbers_of_members():
    with pytest.raises(ValueError, match="`members` must be an integer of at least 1"):
        captioner(members=0)
    with pytest.raises(TypeError, match="`members` must be an integer"):
        captioner(members=2.0)
