"""Translators, on a language in which every word is another one, in reverse order."""

import keras
import numpy as np
import pytest
from keras import ops
from translators import make, pairs

from kerasrnn.text import PairTokenizer, SubwordTokenizer
from kerasrnn.zoo import Seq2Seq, Seq2SeqAttention

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


@pytest.fixture(scope="module")
def trained():
    model = make()
    model.compile(keras.optimizers.Adam(0.01))
    x, y = pairs(800)
    history = model.fit(x, y, batch_size=50, epochs=8, verbose=0).history
    assert history["perplexity"][-1] < 1.3 < history["perplexity"][0]
    return model


@pytest.mark.long
def test_it_learns_to_translate_and_to_look(trained):
    x, y = pairs(60, seed=1)
    found = trained.generate(x, max_length=8)
    right = np.mean([a == b for a, b in zip(found, y, strict=True)])
    assert right > 0.9
    assert trained.generate(x[0], max_length=8) == found[0]
    beam = trained.generate(x, max_length=8, search="beam", beam_width=3, n_best=2)
    assert np.mean([a[0] == b for a, b in zip(beam, y, strict=True)]) >= right - 0.05
    assert all(len(two) == 2 and two[0] != two[1] for two in beam)
    # The last word first: it looks where that word came from, or beside it.
    ids = trained.preprocessor(["one two three four"]).numpy()
    decoded = trained.generate_ids(ids, max_length=8, source_length=ids.shape[1])
    alignments = ops.convert_to_numpy(decoded.alignments)[0]
    lengths = int(decoded.lengths[0])
    np.testing.assert_allclose(alignments[:lengths].sum(-1), 1, atol=1e-5)
    assert not alignments[lengths:].any()


@pytest.mark.parametrize("tied", [True, False])
def test_what_is_read_counts_from_the_first_step(tied):
    # Of Keras's vectors, thirty times smaller, states differ by hundredths.
    model = Seq2SeqAttention(
        50, 50, start_id=1, end_id=2, units=32, embedding_dim=64, tie_embeddings=tied
    )
    source, target = np.arange(3, 43).reshape(4, 10), np.full((4, 2), 1)
    logits = ops.convert_to_numpy(model((source, target)))
    memory = ops.convert_to_numpy(model.encoder(source).memory)
    assert memory.std(axis=(0, 1)).mean() > 0.2
    read, written = (
        np.std(ops.convert_to_numpy(weight))
        for weight, axis, _ in model.token_weights()
        if axis == 0 and len(weight.shape) == 2
    )
    assert 0.9 < read < 1.1
    assert written == pytest.approx(0.1 if tied else 1.0, rel=0.1)
    # It knows nothing yet: all tokens are nearly as likely.
    assert logits.std() < 1


@pytest.mark.long
def test_it_reads_its_input(trained):
    x, y = pairs(60, seed=1)
    shuffled = trained.generate(x[7:] + x[:7], max_length=8)
    assert np.mean([a == b for a, b in zip(shuffled, y, strict=True)]) < 0.2
    # Whom it shares a batch with changes nothing.
    alone = [trained.generate(text, max_length=8) for text in x[:3]]
    assert alone == trained.generate(x, max_length=8)[:3]


def test_decoding_is_the_forward_pass(trained):
    x, _ = pairs(5, seed=2)
    ids = trained.preprocessor(x).numpy()
    found = trained.generate_ids(ids, max_length=8)
    tokens = ops.convert_to_numpy(found.token_ids)
    start = np.full((5, 1), trained.start_id)
    logits = trained((ids, np.concatenate([start, tokens[:, :-1]], 1)))
    log_p = ops.convert_to_numpy(ops.log_softmax(logits))
    lengths = ops.convert_to_numpy(found.lengths)
    for row, length in enumerate(lengths):
        picked = log_p[row, np.arange(length), tokens[row, :length]]
        np.testing.assert_allclose(
            ops.convert_to_numpy(found.scores)[row], picked.sum(), atol=1e-4
        )


SHAPES = [
    (Seq2SeqAttention, {"cell": "lstm", "num_layers": 2, "attention": "luong"}),
    (Seq2SeqAttention, {"input_feeding": False, "tie_embeddings": False}),
    (Seq2Seq, {"cell": "gru", "num_layers": 2, "dropout": 0.3}),
    (Seq2Seq, {"cell": "simple_rnn"}),
]


# Each traces five graphs, which takes TensorFlow half a minute.
@pytest.mark.slow
@pytest.mark.parametrize("model_class, options", SHAPES)
def test_all_shapes_train_and_are_saved(model_class, options, tmp_path):
    x, y = pairs(64)
    model = make(model_class, **options)
    losses = model.fit(x, y, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    expected = model.generate(x[:4], max_length=5, search="beam")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.generate(x[:4], max_length=5, search="beam") == expected
    assert again.get_config() == model.get_config()


@pytest.mark.parametrize("model_class, options", SHAPES)
def test_all_shapes_give_finite_logits_and_come_from_their_config(model_class, options):
    model = make(model_class, **options)
    source, target = np.array([[2, 3, 0], [4, 5, 6]]), np.array([[8, 2, 3], [8, 4, 0]])
    logits = ops.convert_to_numpy(model((source, target)))
    assert logits.shape == (2, 3, model.target_vocabulary_size)
    again = model_class.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(
        ops.convert_to_numpy(again((source, target))), logits, atol=1e-6
    )
    # No step knows what comes after it.
    target[:, 2] = 5
    later = ops.convert_to_numpy(model((source, target)))
    np.testing.assert_allclose(later[:, :2], logits[:, :2], atol=1e-6)
    assert np.abs(later[:, 2] - logits[:, 2]).max() > 1e-4


@pytest.mark.long
def test_ids_and_strings_give_the_same_loss():
    model, (x, y) = make(), pairs(40)
    model.compile(run_eagerly=True)  # Quicker than tracing a model this small.
    tokenizer = model.preprocessor
    strings = model.evaluate(x, y, batch_size=40, verbose=0)
    ids = tokenizer(x).numpy(), tokenizer.target_ids(y).numpy()
    np.testing.assert_allclose(model.evaluate(*ids, batch_size=40, verbose=0), strings)
    # Padding counts neither in the source nor in the target.
    wide = [np.pad(a, ((0, 0), (0, 4))) for a in ids]
    padded = model.evaluate(*wide, batch_size=40, verbose=0)
    np.testing.assert_allclose(padded, strings, rtol=1e-5)


def test_subwords():
    tokenizer = SubwordTokenizer(max_tokens=290)
    x, y = pairs(30)
    tokenizer.adapt(x + y)
    model = make(tokenizer=PairTokenizer(tokenizer))
    assert (model.start_id, model.end_id, model.target_vocabulary_size) == (
        2,
        3,
        tokenizer.vocabulary_size,
    )
    ids = model.preprocessor.target_ids(["uno DOS", ""]).numpy()
    assert ids[0, 0] == 2 and ids[0].tolist().count(3) == 1
    assert ids[1].tolist() == [2, 3] + [0] * (ids.shape[1] - 2)
    texts = [t.decode() for t in model.preprocessor.detokenize(ids).numpy()]
    assert texts == ["uno DOS", ""]
    assert isinstance(model.generate(x[0], max_length=4), str)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="SavedModels are TensorFlow's")
@pytest.mark.slow  # tests/export does it for a smaller one.
def test_exported_answers_are_the_same(trained, tmp_path):
    import tensorflow as tf

    served = tf.saved_model.load(trained.export(tmp_path)).signatures
    x, _ = pairs(9, seed=3)
    found = served["serving_default"](text=tf.constant(x))
    texts = [t.decode() for t in found["text"].numpy()]
    assert texts == trained.generate(x)
    beam = served["beam"](text=tf.constant(x))
    expected = trained.generate(x, search="beam", n_best=5, length_penalty=1.0)
    assert [[t.decode() for t in row] for row in beam["text"].numpy()] == expected
    aligned = served["alignments"](text=tf.constant(x))
    assert aligned["alignments"].shape[:2] == (9, 42)
    np.testing.assert_array_equal(aligned["text"], found["text"])
