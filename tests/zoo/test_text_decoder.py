"""The part that writes, alone: a call and its steps, and how a model shows it."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.zoo import AttentionCaptioner, Seq2Seq, Seq2SeqAttention
from kerasrnn.zoo.decoder.text_decoder import TextDecoder

IDS = np.array([[1, 4, 5], [1, 6, 0]])
rng = np.random.default_rng(4)
MEMORY = rng.normal(size=(2, 5, 7)).astype("float32")
MASK = np.array([[True] * 5, [True, True, True, False, False]])


def array(x):
    return ops.convert_to_numpy(x)


def decoder(**options):
    keras.utils.set_random_seed(2)
    made = TextDecoder(9, units=6, embedding_dim=6, dropout=0.3, **options)
    states = 2 if made.cell == "lstm" else 1
    vectors = [[MEMORY[:, k] for _ in range(states)] for k in range(made.num_layers)]
    return made, vectors


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "lstm", "num_layers": 2, "tie_embeddings": False},
        {"attention": "bahdanau", "input_feeding": True, "num_layers": 2},
        {"attention": "luong", "cell": "simple_rnn"},
        {"attention": "bahdanau", "attend": "before", "gated": True, "cell": "lstm"},
    ],
)
def test_steps_say_what_a_call_says(options):
    made, vectors = decoder(**options)
    memory = {"memory": MEMORY, "memory_mask": MASK} if made.attends else {}
    whole = made(IDS, vectors, **memory)
    assert whole.logits.shape == (2, 3, 9)
    state, prepared = made.initial_state(vectors), made.prepare(*memory.values())
    for t in range(3):
        decoded, state = made.step(ops.convert_to_tensor(IDS[:, t]), state, prepared)
        for found, expected in zip(decoded, whole, strict=True):
            if expected is None:
                assert found is None and not made.attends
                continue
            np.testing.assert_allclose(array(found), array(expected[:, t]), atol=1e-5)
    if made.attends:
        seen = array(whole.alignments)
        np.testing.assert_allclose(seen.sum(-1), 1.0, atol=1e-5)
        assert (seen[1, :, 3:] == 0).all()


def test_it_is_made_again_from_its_configuration():
    made, vectors = decoder(attention="bahdanau", attend="before", gated=True)
    again = TextDecoder.from_config(made.get_config())
    assert again.get_config() == made.get_config()
    expected = made(IDS, vectors, memory=MEMORY).logits
    again(IDS, vectors, memory=MEMORY)
    again.set_weights(made.get_weights())
    found = again(IDS, vectors, memory=MEMORY).logits
    np.testing.assert_array_equal(array(found), array(expected))


@pytest.mark.long
def test_a_model_of_ones_own_has_one(tmp_path):
    class Describer(keras.Model):
        """Says of a vector which of its three numbers is largest."""

        def __init__(self):
            super().__init__()
            self.decoder = TextDecoder(9, units=12, embedding_dim=12)

        def call(self, inputs, training=False):
            vector, ids = inputs
            return self.decoder(ids, [[vector]], training=training).logits

    keras.utils.set_random_seed(1)
    model = Describer()
    model.compile(
        keras.optimizers.Adam(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    vectors = np.eye(3, dtype="float32").repeat(8, axis=0)
    said = np.array([[1, 3, 2], [1, 4, 2], [1, 5, 2]]).repeat(8, axis=0)
    model.fit((vectors, said[:, :-1]), said[:, 1:], epochs=30, verbose=0)
    logits = array(model((vectors, said[:, :-1])))
    np.testing.assert_array_equal(logits.argmax(-1), said[:, 1:])
    model.save_weights(tmp_path / "model.weights.h5")
    other = Describer()
    other((vectors, said[:, :-1]))
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(array(other((vectors, said[:, :-1]))), logits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "rnn"}, "`cell` must be one of simple_rnn, lstm, gru; got 'rnn'"),
        ({"attention": "dot"}, "`attention` must be one of bahdanau, luong, or None"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TextDecoder(9, **options)


def test_attention_is_for_models_that_attend():
    with pytest.raises(TypeError, match="`attention` is an argument of models that a"):
        Seq2Seq(9, 9, start_id=1, end_id=2, attention="luong")


def summary_of(model):
    lines = []
    model.summary(200, print_fn=lambda line, **_: lines.append(line))
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("make", "rows"),
    [
        (
            lambda: Seq2Seq(
                20, 30, start_id=1, end_id=2, units=8, embedding_dim=8, members=2
            ),
            {
                "encoder (SourceEncoder)": "(None, None, 16)",
                "source_embedding (Embedding)": "(None, None, 8)",
                "decoder (TextDecoder)": "(None, None, 30)",
                "target_embedding (Embedding)": "(None, None, 8)",
                "output (Dense)": "(None, None, 8)",
                "ensemble (Ensemble)": "(None, None, 30)",
            },
        ),
        (
            lambda: Seq2SeqAttention(
                20, 30, start_id=1, end_id=2, units=8, embedding_dim=8, num_layers=2
            ),
            {
                "recurrent_1 (Bidirectional)": "(None, None, 16)",
                "bridge_1_0 (Dense)": "(None, 8)",
                "recurrent (RNN)": "((None, None, 8), (None, None, None))",
            },
        ),
        (
            lambda: AttentionCaptioner(
                30,
                start_id=1,
                end_id=2,
                encoder=None,
                feature_dim=6,
                units=8,
                named_classes=3,
            ),
            {
                "encoder (FeatureEncoder)": "(None, None, 8)",
                "feature_layer (Dense)": "(None, None, 8)",
                "copy_mechanism (CopyMechanism)": "(None, None, None)",
            },
        ),
    ],
)
def test_a_summary_says_what_the_layers_are_for(make, rows, monkeypatch):
    monkeypatch.setenv("COLUMNS", "220")
    text = summary_of(make())
    assert "?" not in text and "embedding_1" not in text
    for name, shape in rows.items():
        (line,) = [line for line in text.split("\n") if f" {name} " in line][:1]
        assert shape in line, line
