"""Training on one's own predictions: what enters the second pass, and its gradients."""

import keras
import numpy as np
import pytest
from keras import ops
from translators import make, pairs

from kerasrnn.zoo import ScheduledSampling, Seq2Seq, Seq2SeqAttention
from kerasrnn.zoo.decoder.scheduled_sampling import mix_in_predictions

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
SOURCE = np.array([[2, 3, 4, 5], [6, 7, 0, 0], [3, 0, 0, 0]])
TARGET = np.array([[8, 2, 3, 4, 5], [8, 6, 7, 0, 0], [8, 3, 0, 0, 0]])


def logits_that_say(token_ids, size=10):
    return ops.one_hot(ops.convert_to_tensor(token_ids), size)


def mix(probability, predict, seed=0):
    mixed = mix_in_predictions(
        TARGET,
        predict,
        ops.convert_to_tensor(probability, "float32"),
        keras.random.SeedGenerator(seed),
    )
    return ops.convert_to_numpy(mixed)


def test_at_one_no_true_token_but_the_start_is_left():
    said = np.arange(15).reshape(3, 5) % 4 + 20
    mixed = mix(1.0, lambda: logits_that_say(said, 30))
    np.testing.assert_array_equal(mixed[:, 0], TARGET[:, 0])
    padding = TARGET == 0
    np.testing.assert_array_equal(mixed[padding], 0)
    # What was said at a step is the input of the next one.
    shifted = np.concatenate([TARGET[:, :1], said[:, :-1]], axis=1)
    np.testing.assert_array_equal(mixed, np.where(padding, 0, shifted))


def test_between_it_replaces_so_many():
    target = np.full((200, 51), 3)
    for probability in (0.1, 0.6):
        mixed = ops.convert_to_numpy(
            mix_in_predictions(
                target,
                lambda: logits_that_say(np.full((200, 51), 5)),
                ops.convert_to_tensor(probability, "float32"),
                keras.random.SeedGenerator(1),
            )
        )
        assert np.mean(mixed[:, 1:] == 5) == pytest.approx(probability, abs=0.02)
        assert (mixed[:, 0] == 3).all()


def test_at_zero_there_is_no_first_pass():
    calls = []

    def predict():
        calls.append(1)
        return logits_that_say(TARGET)

    np.testing.assert_array_equal(mix(0.0, predict), TARGET)
    assert not calls
    mix(0.5, predict)
    assert calls


@pytest.mark.long
@pytest.mark.parametrize("model_class", [Seq2Seq, Seq2SeqAttention])
def test_zero_is_plain_teacher_forcing_bit_for_bit(model_class):
    def trained(scheduled_sampling):
        model = make(
            model_class,
            units=6,
            embedding_dim=6,
            dropout=0.3,
            scheduled_sampling=scheduled_sampling,
        )
        model.compile(run_eagerly=True)
        losses = model.fit(SOURCE, TARGET, epochs=3, verbose=0).history["loss"]
        return losses, [v.numpy() for v in model.trainable_variables]

    plain, plain_weights = trained(None)
    zero, zero_weights = trained(0.0)
    assert plain == zero
    for a, b in zip(plain_weights, zero_weights, strict=True):
        np.testing.assert_array_equal(a, b)
    other, _ = trained(1.0)
    assert other != plain


def test_the_second_pass_reads_what_the_first_one_said():
    model = make(units=6, embedding_dim=6, scheduled_sampling=1.0)
    said = ops.convert_to_numpy(ops.argmax(model((SOURCE, TARGET)), axis=-1))
    shifted = np.concatenate([TARGET[:, :1], said[:, :-1]], axis=1)
    inputs = np.where(TARGET == 0, 0, shifted)
    assert (inputs != TARGET).any()
    expected = ops.convert_to_numpy(model((SOURCE, inputs)))
    found = ops.convert_to_numpy(model((SOURCE, TARGET), training=True))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    # When it is used nothing is mixed in.
    used = ops.convert_to_numpy(model((SOURCE, TARGET)))
    assert np.abs(used - found).max() > 1e-4


@pytest.mark.skipif(not ON_TENSORFLOW, reason="takes gradients with TensorFlow")
def test_no_gradient_flows_through_the_first_pass():
    import tensorflow as tf

    model = make(units=6, embedding_dim=6, scheduled_sampling=1.0)

    def gradients(inputs, training):
        with tf.GradientTape() as tape:
            logits = model((SOURCE, inputs), training=training)
            loss = model.loss(TARGET, logits)
        found = tape.gradient(loss, [v.value for v in model.trainable_variables])
        return [tf.convert_to_tensor(g).numpy() for g in found]

    said = ops.convert_to_numpy(ops.argmax(model((SOURCE, TARGET)), axis=-1))
    shifted = np.concatenate([TARGET[:, :1], said[:, :-1]], axis=1)
    inputs = np.where(TARGET == 0, 0, shifted)
    both = zip(gradients(TARGET, True), gradients(inputs, False), strict=True)
    for one, two in both:
        np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.slow
def test_the_schedule_in_fit_and_its_resumption():
    x, y = pairs(8)

    def make_one():
        model = make(Seq2Seq, units=6, embedding_dim=6, scheduled_sampling=0.0)
        model.compile(run_eagerly=True)
        return model

    def fit(model, first, last):
        seen = []
        note = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: seen.append(
                float(ops.convert_to_numpy(model.sampling_probability))
            )
        )
        model.fit(
            x,
            y,
            initial_epoch=first,
            epochs=last,
            shuffle=False,
            verbose=0,
            callbacks=[ScheduledSampling(0.8, epochs=2), note],
        )
        return seen

    whole = make_one()
    np.testing.assert_allclose(fit(whole, 0, 4), [0.0, 0.4, 0.8, 0.8])
    begun = make_one()
    fit(begun, 0, 2)
    resumed = make_one()
    for model in (resumed, begun):
        model.optimizer.build(model.trainable_variables)
    # All that a checkpoint holds: weights, the seed's state, the optimizer's.
    for name in ("variables", "optimizer"):
        a, b = (
            model.optimizer.variables if name == "optimizer" else model.variables
            for model in (resumed, begun)
        )
        for new, old in zip(a, b, strict=True):
            new.assign(old)
    fit(resumed, 2, 4)
    for a, b in zip(resumed.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (a, b)))
    assert any(v is resumed.sampling_seed.state for v in resumed.variables)


@pytest.mark.slow  # It traces a graph of both passes.
def test_it_learns_in_a_graph(tmp_path):
    x, y = pairs(64)
    model = make(dropout=0.1, scheduled_sampling=0.25)
    model.compile(keras.optimizers.Adam(0.01))
    losses = model.fit(x, y, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.generate(x[:5]) == model.generate(x[:5])


def test_mistakes():
    with pytest.raises(ValueError, match="`last` must be from 0 to 1; got 2"):
        ScheduledSampling(2, epochs=3)
    with pytest.raises(ValueError, match="`first` must be from 0 to 1; got -1"):
        ScheduledSampling(0.5, epochs=3, first=-1)
    with pytest.raises(ValueError, match="`epochs` must be an integer of at l"):
        ScheduledSampling(0.5, epochs=0)
    with pytest.raises(TypeError, match="`last` must be a number; got 'often'"):
        ScheduledSampling("often", epochs=3)
    plain = make(Seq2Seq, units=4, embedding_dim=4)
    plain.compile(run_eagerly=True)
    with pytest.raises(
        ValueError, match=r"made with `scheduled_sampling`.*got a Seq2Seq"
    ):
        plain.fit(SOURCE, TARGET, verbose=0, callbacks=[ScheduledSampling(1, epochs=1)])
