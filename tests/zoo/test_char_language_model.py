import itertools
import json
import string
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.text import (
    CharacterStreams,
    CharacterText,
    CharacterTokenizer,
    WordTokenizer,
)
from kerasrnn.zoo import CharLanguageModel
from kerasrnn.zoo.language_model import character_texts

TEXT = "the cat sat on the mat, the dog lay in the fog. " * 6


def new_model(cell="lstm", text=TEXT, **options):
    keras.utils.set_random_seed(3)
    tokenizer = CharacterTokenizer(vocabulary=sorted(set(text)))
    options = {"units": 12, "num_layers": 2, **options}
    return CharLanguageModel(preprocessor=tokenizer, cell=cell, **options)


@pytest.fixture(scope="module")
def trained():
    model = new_model(units=48, num_layers=1)
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(TEXT, batch_size=4, chunk=12, epochs=40, verbose=0)
    return model


def naive_log_probabilities(model, text):
    """One character after the other, with `step`."""
    states, before, found = model.initial_states(1), 0, []
    for c in model.preprocessor.encode(text):
        logits, states = model.step(np.array([before]), states)
        found.append(float(ops.log_softmax(logits)[0, int(c)]))
        before = int(c)
    return np.array(found)


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
@pytest.mark.parametrize("embedding_dim", [None, 5])
def test_score_is_the_log_probability_of_every_character(cell, embedding_dim):
    model = new_model(cell, embedding_dim=embedding_dim)
    texts = ["the dog", "", "a", TEXT[:70]]
    for text, found in zip(texts, model.score(texts), strict=True):
        assert found.shape == (len(text),)
        expected = naive_log_probabilities(model, text)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(model.score(texts[3]), model.score(texts)[3])
    assert model.score([]) == [] and model.score("").shape == (0,)
    with pytest.raises(TypeError, match="`text` must be a string"):
        model.score(["a", 3])


def test_long_texts_are_scored_in_pieces_with_the_state_carried(monkeypatch):
    model = new_model(num_layers=1)
    texts = [TEXT, TEXT[5:40], TEXT[:130]]
    whole = model.score(texts)
    monkeypatch.setattr(character_texts, "AT_ONCE", 64)
    for expected, found in zip(whole, model.score(texts), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_evaluate_is_the_mean_of_the_scores():
    model = new_model()
    texts = ["the dog lay", "the cat"]
    mean = -np.mean(np.concatenate(model.score(texts)))
    found = model.evaluate(texts)
    assert found["loss"] == pytest.approx(mean, rel=1e-6)
    assert found["bits_per_character"] == pytest.approx(mean / np.log(2), rel=1e-6)
    assert found["perplexity"] == pytest.approx(np.exp(mean), rel=1e-6)


def test_fit_carries_the_state_and_ends_the_gradient_at_chunks():
    """One step of `fit` against the same step by hand."""
    model, other = new_model("gru", num_layers=1), new_model("gru", num_layers=1)
    other.set_weights(model.get_weights())
    model.compile(keras.optimizers.SGD(0.5))
    streams = CharacterStreams(
        CharacterText.of_documents([TEXT[:40], TEXT[40:50]], model.preprocessor), 2, 10
    )
    assert len(streams) == 3
    model.fit(streams.dataset(range(len(streams))), verbose=0)

    import tensorflow as tf

    states = other.initial_states(2)
    for step in range(len(streams)):
        (ids, fresh), targets, _ = streams.batch(step)
        states = [[s * ~fresh[:, None] for s in of_layer] for of_layer in states]
        with tf.GradientTape() as tape:
            logits, states = other.run(ids, states)
            p = tf.nn.log_softmax(logits)
            chosen = tf.gather(p, targets, batch_dims=2)
            loss = -tf.reduce_sum(chosen * (targets > 0)) / np.sum(targets > 0)
        gradients = tape.gradient(loss, other.trainable_variables)
        for v, g in zip(other.trainable_variables, gradients, strict=True):
            v.assign_sub(0.5 * tf.convert_to_tensor(g))
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    for mine, theirs in zip(model.carried, states[0], strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(mine), theirs, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_dropped_weights_are_gone_for_a_chunk_and_learn_nothing(cell, monkeypatch):
    options = {"num_layers": 1, "units": 8}
    model = new_model(cell, **options, weight_dropout=0.5)
    other = new_model(cell, **options)
    weights = [v.numpy() for v in model.trainable_variables]
    other.set_weights(model.get_weights())
    kept = np.random.default_rng(0).random(weights[1].shape) < 0.5
    ids = model.preprocessor.encode(TEXT[:40])[None].astype("int32")
    plain = ops.convert_to_numpy(other(ids))
    np.testing.assert_allclose(model(ids), plain, atol=1e-6)
    drawn = [ops.convert_to_numpy(model(ids, training=True)) for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3 < np.abs(drawn[0] - plain).max()
    # With known ones in place of those that are drawn.
    monkeypatch.setattr(model, "weight_drop", lambda x, training: x * kept)
    found = ops.convert_to_numpy(model(ids, training=True))
    other.recurrent_layers[0].cell.recurrent_kernel.assign(weights[1] * kept)
    np.testing.assert_allclose(found, other(ids), atol=1e-5)
    model.compile(keras.optimizers.SGD(0.5))
    model.fit(TEXT[:200], batch_size=2, chunk=10, verbose=0)
    after = [v.numpy() for v in model.trainable_variables]
    np.testing.assert_array_equal(after[1][~kept], weights[1][~kept])
    assert np.abs(after[1] - weights[1])[kept].max() > 1e-4
    # And all others learn.
    assert all(np.any(a != w) for a, w in zip(after, weights, strict=True))


def test_weights_are_dropped_in_the_shipped_kind_of_training(tmp_path):
    model = new_model(num_layers=2, weight_dropout=0.4, dtype="mixed_bfloat16")
    model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(TEXT, batch_size=4, chunk=20, epochs=4, verbose=0)
    assert history.history["loss"][-1] < 0.95 * history.history["loss"][0]
    model.save_to_preset(tmp_path)
    loaded = CharLanguageModel.from_preset(tmp_path, dtype="float32")
    assert loaded.weight_dropout == 0.4
    # It is for training only.
    without = new_model(num_layers=2)
    without.set_weights(loaded.get_weights())
    np.testing.assert_array_equal(loaded.score("the cat"), without.score("the cat"))
    with pytest.raises(ValueError, match="`weight_dropout` must be"):
        new_model(weight_dropout=1.0)


@pytest.mark.long
def test_what_is_carried_is_neither_weights_nor_part_of_files(tmp_path):
    model = new_model()
    weights = model.count_params()
    model.fit(TEXT, batch_size=3, verbose=0)
    assert model.count_params() == weights
    assert len(model.carried) == 4
    assert all(v.shape == (3, 12) for v in model.carried)
    assert np.abs(ops.convert_to_numpy(model.carried[0])).max() > 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.carried == []
    np.testing.assert_array_equal(loaded.score("the cat"), model.score("the cat"))
    loaded.fit(TEXT, batch_size=5, verbose=0)
    assert loaded.carried[0].shape == (5, 12)


@pytest.mark.slow
def test_another_batch_size_makes_other_room(trained):
    model = new_model(num_layers=1)
    for batch_size in (2, 4, 2):
        history = model.fit(TEXT, batch_size=batch_size, verbose=0)
        assert np.isfinite(history.history["loss"][0])


def test_evaluating_a_dataset_leaves_what_training_carries():
    model = new_model(num_layers=1)
    text = CharacterText.of_documents([TEXT], model.preprocessor)
    data = CharacterStreams(text, 2, 10).dataset(range(3))
    model.fit(data, verbose=0)
    before = [ops.convert_to_numpy(v) for v in model.carried]
    model.evaluate(data, verbose=0)
    for variable, value in zip(model.carried, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), value)


def dataset_of(model, text, batch_size):
    characters = CharacterText.of_documents([text], model.preprocessor)
    streams = CharacterStreams(characters, batch_size, 10)
    return streams.dataset(range(len(streams)))


@pytest.mark.long
def test_a_dataset_is_evaluated_by_a_model_that_is_new_or_had_other_rows(tmp_path):
    model = new_model("gru", num_layers=1)
    one, two = (dataset_of(model, TEXT[:100], rows) for rows in (1, 2))
    # Two streams: each begins with a state of zeros.
    ids = model.preprocessor.encode(TEXT[:100]).astype("int32")
    before = np.concatenate([[0], ids[:-1]]).reshape(2, 50)
    p = ops.convert_to_numpy(ops.log_softmax(model(before)))
    chosen = np.take_along_axis(p, ids.reshape(2, 50, 1), axis=2)
    expected = [model.evaluate(TEXT[:100])["loss"], -np.mean(chosen)]
    for data, value in zip((one, two), expected, strict=True):
        found = model.evaluate(data, verbose=0)
        assert found["loss"] == pytest.approx(value, rel=1e-5)
        assert found["bits_per_character"] == pytest.approx(value / np.log(2), rel=1e-5)
        assert model.carried == []
    model.fit(TEXT, batch_size=4, verbose=0)
    carried = [ops.convert_to_numpy(v) for v in model.carried]
    value = model.evaluate(TEXT[:100])["loss"]
    assert model.evaluate(one, verbose=0)["loss"] == pytest.approx(value, rel=1e-5)
    for variable, before in zip(model.carried, carried, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), before)
    history = model.fit(TEXT, batch_size=4, validation_data=one, epochs=2, verbose=0)
    value = model.evaluate(TEXT[:100])["loss"]
    assert history.history["val_loss"][-1] == pytest.approx(value, rel=1e-5)
    model.save_to_preset(tmp_path)
    loaded = CharLanguageModel.from_preset(tmp_path)
    value = loaded.evaluate(TEXT[:100])["loss"]
    assert loaded.evaluate(one, verbose=0)["loss"] == pytest.approx(value, rel=1e-5)


def test_rows_that_no_state_is_carried_for_are_named():
    model = new_model(num_layers=1)
    ids, fresh = np.ones((2, 5), "int32"), np.ones(2, bool)
    with pytest.raises(ValueError, match=r"the 0 rows .*; got 2.*`model.carry\(2\)`"):
        model((ids, fresh))
    model.carry(2)
    np.testing.assert_allclose(model((ids, fresh)), model(ids), atol=1e-6)


def test_validation_text_is_judged_after_every_epoch():
    model = new_model(num_layers=1)
    history = model.fit(TEXT, epochs=2, validation_data="the cat sat", verbose=0)
    values = history.history["val_bits_per_character"]
    assert len(values) == 2
    found = model.evaluate("the cat sat")["bits_per_character"]
    assert values[-1] == pytest.approx(found, rel=1e-6)


@pytest.mark.long
def test_it_learns(trained):
    assert trained.evaluate(TEXT)["bits_per_character"] < 0.5
    assert (
        trained.generate("the cat", length=20, temperature=0) == " sat on the mat, the"
    )


def naive_text(model, prompt, length, temperature, draws):
    states, text = model.initial_states(1), prompt
    ids = [0, *model.preprocessor.encode(prompt)]
    for c in ids[:-1]:
        _, states = model.step(np.array([c]), states)
    last = ids[-1]
    for u in draws.random(length, "float32"):
        logits, states = model.step(np.array([last]), states)
        logits = ops.convert_to_numpy(logits)[0, 2:]
        if temperature:
            p = np.exp((logits - logits.max()) / temperature)
            last = 2 + int(np.searchsorted(np.cumsum(p), u * p.sum(), side="right"))
        else:
            last = 2 + int(np.argmax(logits))
        text += model.preprocessor.decode([last])
    return text[len(prompt) :]


@pytest.mark.long
@pytest.mark.parametrize("temperature", [1.0, 0.5, 0])
@pytest.mark.parametrize("prompt", ["", "the d"])
def test_generate_draws_from_the_model(trained, temperature, prompt):
    draws = np.random.default_rng([7, 0])
    expected = naive_text(trained, prompt, 40, temperature, draws)
    found = trained.generate(prompt, length=40, temperature=temperature, seed=7)
    assert found == expected


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.3}, {"top_k": 2}, {"top_p": 0.4}]
)
def test_a_stream_writes_what_generate_does(trained, options):
    whole = trained.generate("the", length=45, seed=5, **options)
    stream = trained.stream("the", length=45, seed=5, **options)
    assert next(stream) == whole[0]
    assert "".join(stream) == whole[1:]
    endless = trained.stream("the", seed=5, **options)
    assert "".join(itertools.islice(endless, 45)) == whole


def test_prompts_of_a_list_are_gone_on_with_alone(trained):
    prompts = ["the cat", "", "the"]
    texts = trained.generate(prompts, length=30, temperature=0)
    assert texts == [trained.generate(p, length=30, temperature=0) for p in prompts]


def test_restricted_to_one_character_it_takes_the_likeliest(trained):
    best = trained.generate("the", length=30, temperature=0)
    assert trained.generate("the", length=30, top_p=1e-6, seed=1) == best
    assert trained.generate("the", length=30, top_k=1, seed=1) == best
    assert trained.generate("the", length=30, temperature=9, top_p=0.99) != best


def likeliest(next, prompt, cache, index, mask, stop_token_ids):
    assert stop_token_ids is None
    for t in range(index, prompt.shape[1]):
        logits, _, cache = next(prompt, cache, t)
        ids = ops.cast(ops.argmax(logits, axis=-1), "int32")
        prompt = ops.slice_update(prompt, (0, t), ids[:, None])
    return prompt


def test_a_sampler_of_keras_hub_chooses(trained):
    prompts = ["the cat", ""]
    found = trained.generate(prompts, length=12, sampler=likeliest)
    assert found == trained.generate(prompts, length=12, temperature=0)
    with pytest.raises(ValueError, match="`top_k` must be left out"):
        trained.generate("the", length=3, top_k=2, sampler=likeliest)
    with pytest.raises(TypeError, match=r"`sampler` must be callable.*; got str"):
        trained.generate("the", length=3, sampler="greedy")


def test_seeds_decide(trained):
    one, two = (trained.generate("t", length=60, seed=1, temperature=2) for _ in "ab")
    assert one == two
    other = trained.generate("t", length=60, seed=2, temperature=2)
    assert one != other
    keras.utils.set_random_seed(1)
    first = trained.generate("t", length=60, temperature=2)
    assert trained.generate("t", length=60, temperature=2) != first
    keras.utils.set_random_seed(1)
    assert trained.generate("t", length=60, temperature=2) == first


def test_padding_and_unknown_are_never_written():
    model = new_model(num_layers=1)
    kernel, bias = model.output_layer.get_weights()
    bias[:2] = 50.0
    model.output_layer.set_weights([kernel, bias])
    text = model.generate("", length=200, seed=1)
    assert len(text) == 200
    assert set(text) <= set(TEXT)


def test_unknown_characters_of_a_prompt_are_told(trained):
    with pytest.warns(UserWarning, match="does not know the characters 'Ä', '✓'"):
        assert len(trained.generate("Ä✓ the", length=5, seed=1)) == 5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"temperature": -1}, ValueError, "`temperature` must be at least 0.*got -1"),
        ({"temperature": float("nan")}, ValueError, "`temperature`.*got nan"),
        (
            {"temperature": "hot"},
            TypeError,
            "`temperature` must be a number; got 'hot'",
        ),
        ({"length": 0}, ValueError, "`length` must be an integer of at least 1; got 0"),
        ({"length": 10**12}, ValueError, "`length` must leave at most .*; got 10000"),
        ({"top_p": 0}, ValueError, "`top_p` must be above 0 .*; got 0"),
        ({"top_k": 0}, ValueError, "`top_k` must be an integer of at least 1 or None"),
        ({"seed": -3}, ValueError, "`seed` must be an integer of at least 0; got -3"),
        ({"prompt": [3]}, TypeError, "`prompt` must be a string.*item 0 is 3"),
        ({"prompt": []}, ValueError, "`prompt` must hold at least one text"),
    ],
)
def test_wrong_options_of_generate(trained, arguments, error, message):
    with pytest.raises(error, match=message):
        trained.generate(**arguments)
    # A stream may be of any length.
    if "prompt" not in arguments and arguments.get("length", 0) < 10**9:
        with pytest.raises(error, match=message):
            trained.stream(**arguments)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ("", ValueError, "`x` must hold at least one character; got none"),
        (["", ""], ValueError, "`x` must hold at least one character; got none"),
        (None, TypeError, "`x` must be a string, a list of strings.*got NoneType"),
        ([b"abc"], TypeError, "`x` must be a string, a list of strings.*got list"),
    ],
)
def test_wrong_texts(x, error, message):
    with pytest.raises(error, match=message):
        new_model().fit(x)


def test_names_of_files_are_no_texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book").write_text("the cat")
    (tmp_path / "books").mkdir()
    model = new_model(num_layers=1)
    names = ["book", "no such book.TXT", "books/", str(tmp_path / "book")]
    for name in [*names, names[:2]]:
        for wrong in (
            lambda name: model.fit(name, verbose=0),
            lambda name: model.evaluate(name),
            lambda name: model.fit(TEXT, validation_data=name, verbose=0),
        ):
            with pytest.raises(
                ValueError, match=r"not the name of a file; got '.*read"
            ):
                wrong(name)
    with pytest.raises(TypeError, match=r"`x` must be the text itself.*read_text\("):
        model.fit(tmp_path / "book", verbose=0)
    with pytest.raises(TypeError, match=r"`text` must be a string .* got PosixPath"):
        model.score(tmp_path / "book")
    # The text, two lines, or a name among documents are texts.
    text = CharacterText.of_documents(["book"], model.preprocessor)
    mean = -np.mean(model.score("book"))
    assert model.evaluate(text)["loss"] == pytest.approx(mean, rel=1e-6)
    for texts in ("the book\nbook.txt", ["book", "the cat"]):
        assert np.isfinite(model.evaluate(texts)["loss"])


def test_tokenizers_are_passed_by_name_and_fit():
    tokenizer = CharacterTokenizer("helo")
    with pytest.raises(TypeError, match=r"got a CharacterTokenizer.*`preprocessor="):
        CharLanguageModel(tokenizer)
    with pytest.raises(ValueError, match="must be the preprocessor's, 6; got 9"):
        CharLanguageModel(9, preprocessor=tokenizer)
    with pytest.raises(TypeError, match=r"be a CharacterTokenizer.*got WordTokenizer"):
        CharLanguageModel(preprocessor=WordTokenizer(["the", "cat"]))
    assert CharLanguageModel(6, preprocessor=tokenizer, units=4).vocabulary_size == 6


def test_callbacks_may_be_a_tuple():
    model, seen = new_model(num_layers=1), []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(logs["val_loss"])
    )
    options = {"validation_data": "the cat", "callbacks": (callback,), "verbose": 0}
    history = model.fit(TEXT, **options).history
    assert seen == history["val_loss"]


def test_prompts_of_any_number_and_length_are_read_in_pieces(trained, monkeypatch):
    prompts = [TEXT[k : 2 * k + 1] for k in range(0, 100, 9)] + ["", "t"]
    expected = [trained.generate(p, length=9, temperature=0) for p in prompts]
    drawn = trained.generate(prompts, length=9, seed=4)
    monkeypatch.setattr(character_texts, "ROWS", 4)
    monkeypatch.setattr(character_texts, "AT_ONCE", 32)
    assert trained.generate(prompts, length=9, temperature=0) == expected
    assert trained.generate(prompts, length=9, seed=4) == drawn
    found = trained.generate(prompts, length=9, sampler=likeliest)
    assert found == expected


def test_other_wrong_use():
    model = new_model()
    with pytest.raises(ValueError, match="`y` must be None"):
        model.fit("the cat", ["the dog"])
    with pytest.raises(ValueError, match="`score` gives the log-probability"):
        model.predict("the cat")
    with pytest.raises(ValueError, match=r"`cell` must be one of.*got 'elman'"):
        CharLanguageModel(9, cell="elman")
    with pytest.raises(ValueError, match="`vocabulary_size` must be given"):
        CharLanguageModel()
    with pytest.raises(ValueError, match="`preprocessor=None` and reads no text"):
        CharLanguageModel(9, units=4).score("text")
    import tensorflow as tf

    with pytest.raises(ValueError, match="`x` must be a dataset of"):
        model.fit(tf.data.Dataset.from_tensors(np.zeros((2, 3), "int32")))


def test_one_character_is_enough():
    model = new_model(text="a", num_layers=1)
    assert np.isfinite(model.fit("a", verbose=0).history["loss"][0])
    assert model.generate("a", length=3) == "aaa"


@pytest.mark.parametrize("rows", [1, 3])
def test_step_equals_the_sequence_bit_for_bit(rows):
    # So large that the order of sums differs between one row and many.
    model = new_model(units=448, text=string.printable)
    ids = np.random.default_rng(0).integers(2, model.vocabulary_size, (rows, 40))
    before = after = model.initial_states(rows)
    logits = []
    for t in range(40):
        of_step, after = model.step(ids[:, t], after)
        logits.append(ops.convert_to_numpy(of_step))
    of_sequence, at_once = model.run(ids, before)
    np.testing.assert_array_equal(np.stack(logits, axis=1), of_sequence)
    for mine, theirs in zip(after, at_once, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


EXPORTED = """
import json, sys
sys.modules["keras"] = sys.modules["kerasrnn"] = None  # not to be imported
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
f = model.signatures
def call(name, **kw):
    return {k: v.numpy() for k, v in f[name](**kw).items()}
text = call("generate", text=tf.constant(["the cat", ""]), length=tf.constant(20),
    temperature=tf.constant(0.0), seed=tf.constant(1))["text"]
score = call("score", text=tf.constant(["the cat", "sat"]))
states = {k: tf.zeros((1, v.shape[1])) for k, v in
    f["step"].structured_input_signature[1].items() if k.startswith("state")}
p = []
for before, c in zip(["", *"the ca"], "the cat"):
    out = call("step", character=tf.constant([before]), **states)
    place = out.pop("characters").tolist().index(c.encode())
    p.append(float(out.pop("log_probabilities")[0, place]))
    states = {k: tf.constant(v) for k, v in out.items()}
drawn = [call("generate", text=tf.constant(["t"]), length=tf.constant(30),
    temperature=tf.constant(2.0), seed=tf.constant(s))["text"][0].decode()
    for s in (1, 1, 2)]
print(json.dumps({"text": [t.decode() for t in text],
    "score": score["log_probabilities"].tolist(),
    "lengths": score["lengths"].tolist(), "step": p, "drawn": drawn}))
"""


@pytest.mark.long
def test_an_exported_model_writes_scores_and_steps(trained, tmp_path):
    folder = trained.export(tmp_path / "served", version=1)
    run = subprocess.run(
        [sys.executable, "-c", EXPORTED, str(folder)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout)
    assert found["text"] == trained.generate(["the cat", ""], length=20, temperature=0)
    assert found["lengths"] == [7, 3]
    expected = trained.score("the cat")
    np.testing.assert_allclose(found["score"][0], expected, atol=1e-5)
    np.testing.assert_allclose(found["step"], expected, atol=1e-5)
    assert found["score"][1][3:] == [0.0] * 4
    assert found["drawn"][0] == found["drawn"][1] != found["drawn"][2]


@pytest.mark.slow
def test_a_model_of_ids_is_exported(tmp_path):
    import tensorflow as tf

    model = CharLanguageModel(9, units=5, num_layers=1, cell="gru")
    served = tf.saved_model.load(str(model.export(tmp_path))).signatures
    ids = np.array([[2, 3, 4, 5], [6, 7, 0, 0]], "int32")
    found = served["score"](ids=tf.constant(ids))
    p = ops.convert_to_numpy(ops.log_softmax(model(np.pad(ids, [[0, 0], [1, 0]]))))
    expected = np.take_along_axis(p[:, :-1], ids[:, :, None], 2)[..., 0] * (ids > 0)
    np.testing.assert_allclose(found["log_probabilities"], expected, atol=1e-5)
    assert found["lengths"].numpy().tolist() == [4, 2]
    state, steps = tf.zeros((1, 5)), []
    for c in [0, 2, 3]:
        found = served["step"](ids=tf.constant([c], tf.int32), state_0_0=state)
        state = found["state_0_0"]
        steps.append(found["log_probabilities"].numpy()[0])
    np.testing.assert_allclose(steps, p[0, :3], atol=1e-5)
    options = {"length": 3, "temperature": 0.0, "seed": 1}
    options = {name: tf.constant(value) for name, value in options.items()}
    written = served["generate"](ids=tf.constant(ids), **options)["ids"].numpy()
    for row, text in zip(written, ([2, 3, 4, 5], [6, 7]), strict=True):
        for c in row:
            logits = ops.convert_to_numpy(model(np.array([[0, *text]])))[0, -1]
            assert c == 2 + np.argmax(logits[2:])
            text = [*text, c]
    # No row at all.
    none = tf.zeros((0, 3), tf.int32)
    assert served["generate"](ids=none, **options)["ids"].shape == (0, 3)
    assert served["score"](ids=none)["log_probabilities"].shape == (0, 3)


def test_a_preset_keeps_all_characters(tmp_path):
    text = 'He said: "A\tline\nand \\ another, für 안녕."'
    model = new_model(text=text, num_layers=1)
    model.save_to_preset(tmp_path)
    loaded = CharLanguageModel.from_preset(tmp_path)
    assert loaded.preprocessor.get_vocabulary() == model.preprocessor.get_vocabulary()
    np.testing.assert_allclose(loaded.score(text), model.score(text), atol=2e-2)
