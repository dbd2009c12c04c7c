import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.text import CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel
from kerasrnn.zoo.language_model import character_texts, neural_cache
from kerasrnn.zoo.language_model.neural_cache import NeuralCache

TEXT = "ANN. who is there? BOB. it is the cat. ANN. then let it in. " * 4


def new_model(cell="lstm", **options):
    keras.utils.set_random_seed(3)
    tokenizer = CharacterTokenizer(vocabulary=sorted({*TEXT, "X", "Y", "Z"}))
    options = {"units": 12, "num_layers": 2, "cache_size": 30, **options}
    return CharLanguageModel(preprocessor=tokenizer, cell=cell, **options)


def array(x):
    return ops.convert_to_numpy(x)


def by_hand(logits, outputs, ids, size, sharpness):
    """p (T, V) of one text, moment by moment."""
    keys = outputs / np.linalg.norm(outputs, axis=-1, keepdims=True)
    found = np.exp(logits - logits.max(-1, keepdims=True))
    found /= found.sum(-1, keepdims=True)
    for t in range(len(ids)):
        total = 1.0
        for i in range(max(0, t - size), t):
            if ids[i] and ids[i + 1]:
                weight = np.exp(sharpness * (keys[t] @ keys[i] - 1))
                found[t, ids[i + 1]] += weight
                total += weight
        found[t] /= total
    return found


def state_of(cache):
    return cache.initial_state(2, 3)


def moments(length, rows=2, seed=0):
    generator = np.random.default_rng(seed)
    ids = generator.integers(1, 9, (rows, length))
    ids[:, 0] = 0
    ids[0, length // 2] = 0
    logits = generator.normal(0, 2, (rows, length, 9)).astype("float32")
    outputs = generator.normal(0, 1, (rows, length, 3)).astype("float32")
    return logits, outputs, ids


@pytest.mark.parametrize("block", [4, 128])
def test_the_mixture_is_that_of_the_equations(block, monkeypatch):
    monkeypatch.setattr(neural_cache, "BLOCK", block)
    logits, outputs, ids = moments(30)
    cache = NeuralCache(11, 4.0)
    p, (keys, said) = cache(logits, outputs, ids, state_of(cache))
    for row in range(2):
        expected = by_hand(logits[row], outputs[row], ids[row], 11, 4.0)
        np.testing.assert_allclose(np.exp(array(p)[row]), expected, atol=1e-6)
    np.testing.assert_array_equal(array(said), ids[:, -11:])
    assert array(keys).shape == (2, 11, 3)


@pytest.mark.parametrize("pieces", [[1] * 30, [7, 1, 22], [29, 1]])
def test_pieces_remember_what_the_whole_does(pieces):
    cache = NeuralCache(11, 4.0)
    text = moments(30)
    whole, expected = cache(*text, state_of(cache))
    state, found, at = state_of(cache), [], 0
    for length in pieces:
        p, state = cache(*(x[:, at : at + length] for x in text), state)
        found.append(array(p))
        at += length
    np.testing.assert_allclose(np.concatenate(found, 1), whole, atol=1e-5)
    for mine, theirs in zip(state, expected, strict=True):
        np.testing.assert_allclose(array(mine), array(theirs), atol=1e-6)


def test_what_is_read_without_probabilities_is_remembered_too():
    cache = NeuralCache(11, 4.0)
    logits, outputs, ids = moments(30)
    for mask in (None, np.arange(30)[None] < np.array([[30], [17]])):
        _, expected = cache(logits, outputs, ids, state_of(cache), mask=mask)
        found = cache.read(outputs, ids, state_of(cache), mask)
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(array(mine), array(theirs))


def test_it_reserves_no_more_than_is_read():
    cache = NeuralCache(2000, 4.0)
    text = moments(30)
    state = cache.initial_state(2, 3, length=30)
    assert [tuple(x.shape) for x in state] == [(2, 30, 3), (2, 30)]
    found, _ = cache(*text, state)
    np.testing.assert_allclose(found, cache(*text, state_of(cache))[0], atol=1e-6)
    assert cache.initial_state(2, 3, length=9000)[1].shape == (2, 2000)


@pytest.mark.slow
def test_many_prompts_are_read_in_groups(monkeypatch):
    model = new_model(cache_size=64)
    prompts = [TEXT[k : k + 1 + 13 * k % 90] for k in range(20)]
    expected = [model.generate(p, length=9, temperature=0) for p in prompts]
    scores = [model.score(p) for p in prompts]
    reserved, own = [], model.initial_states

    def initial_states(*arguments):
        states = own(*arguments)
        reserved.append(tuple(states[-1][0].shape))
        return states

    monkeypatch.setattr(model, "initial_states", initial_states, raising=False)
    assert model.generate(prompts, length=9, temperature=0) == expected
    assert reserved == [(20, 64, 12)]
    model.generate("ANN.", length=3)
    assert reserved.pop() == (1, 4, 12)
    reserved.clear()
    monkeypatch.setattr(character_texts, "REMEMBERED", 5 * 64 * 12)
    monkeypatch.setattr(character_texts, "AT_ONCE", 64)
    assert model.generate(prompts, length=9, temperature=0) == expected
    assert reserved == [(4, 64, 12)] * 5
    for mine, theirs in zip(model.score(prompts), scores, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)
    assert max(np.prod(shape) for shape in reserved) <= 5 * 64 * 12


@pytest.mark.parametrize("floatx", ["float64", "float16"])
def test_it_counts_in_float32_whatever_keras_computes_in(floatx):
    cache, text = NeuralCache(11, 4.0), moments(30)
    expected, _ = cache(*text, state_of(cache))
    keras.config.set_floatx(floatx)
    try:
        found, _ = cache(*text, state_of(cache))
    finally:
        keras.config.set_floatx("float32")
    assert array(found).dtype == "float32"
    np.testing.assert_allclose(array(found), array(expected), atol=1e-6)


def test_what_a_mask_hides_is_not_remembered():
    cache = NeuralCache(11, 4.0)
    logits, outputs, ids = moments(30)
    mask = np.arange(30)[None] < np.array([[30], [17]])
    state = state_of(cache)
    _, (keys, said) = cache(logits, outputs, ids, state, mask=mask)
    alone = [x[1:, :17] for x in (logits, outputs, ids)]
    _, expected = cache(*alone, cache.initial_state(1, 3))
    np.testing.assert_allclose(array(keys)[1:], array(expected[0]), atol=1e-6)
    np.testing.assert_array_equal(array(said)[1:], array(expected[1]))
    np.testing.assert_array_equal(array(said)[0], ids[0, -11:])


def test_what_it_writes_is_not_remembered():
    cache = NeuralCache(11, 4.0)
    logits, outputs, ids = moments(31)
    _, state = cache(*(x[:, :30] for x in (logits, outputs, ids)), state_of(cache))
    last = [x[:, 30:] for x in (logits, outputs, ids)]
    p, after = cache(*last, state, remember=False)
    for part, before in zip(after, state, strict=True):
        np.testing.assert_array_equal(array(part)[:, :-1], array(before)[:, :-1])
    keys, said = (array(x)[1] for x in state)
    # Of the last remembered moment nobody knows what came next.
    expected = by_hand(
        np.concatenate([np.zeros((11, 9), "float32"), logits[1, 30:]]),
        np.concatenate([keys, outputs[1, 30:]]),
        np.append(said, 0),
        11,
        4.0,
    )
    np.testing.assert_allclose(np.exp(array(p)[1, 0]), expected[-1], atol=1e-6)


@pytest.mark.parametrize("remember", [False, np.array([False, False])])
def test_what_is_remembered_later_did_not_follow_what_was_before(remember):
    cache = NeuralCache(30, 4.0)
    text = moments(21, seed=3)
    pieces = [[x[:, a:b] for x in text] for a, b in ((0, 10), (10, 11), (11, 21))]
    _, state = cache(*pieces[0], state_of(cache))
    _, state = cache(*pieces[1], state, remember=remember)
    found, _ = cache(*pieces[2], state)
    # As if nothing were known of the moment between.
    logits, outputs, ids = (np.copy(x) for x in text)
    ids[:, 10] = 0
    for row in range(2):
        expected = by_hand(logits[row], outputs[row], ids[row], 30, 4.0)
        np.testing.assert_allclose(np.exp(array(found)[row]), expected[11:], atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_a_model_reads_alike_in_one_piece_and_step_by_step(cell):
    model = new_model(cell)
    states, before, found = model.initial_states(1), 0, []
    for c in model.preprocessor.encode(TEXT[:90]):
        logits, states = model.step(np.array([before]), states)
        assert float(ops.sum(ops.exp(logits))) == pytest.approx(1.0, abs=1e-4)
        found.append(float(logits[0, int(c)]))
        before = int(c)
    np.testing.assert_allclose(model.score(TEXT[:90]), found, atol=1e-4)
    # Beside other texts, and in pieces.
    both = model.score([TEXT[:90], TEXT[20:60]])
    np.testing.assert_allclose(both[0], found, atol=1e-4)
    np.testing.assert_allclose(both[1], model.score(TEXT[20:60]), atol=1e-4)


@pytest.mark.slow
def test_names_that_no_training_had_become_likely():
    model, plain = new_model(units=32), new_model(units=32, cache_size=0)
    plain.compile(keras.optimizers.Adam(0.01))
    plain.fit(TEXT, batch_size=4, chunk=20, epochs=30, verbose=0)
    model.set_weights(plain.get_weights())
    model.compile(keras.optimizers.Adam(0.01))
    text = TEXT.replace("ANN", "XYZ").replace("BOB", "ZXY")[:120]
    second = slice(text.index("XYZ", 3), text.index("XYZ", 3) + 3)
    told, untold = model.score(text)[second], plain.score(text)[second]
    assert told.sum() > untold.sum() + 2
    assert model.evaluate(text)["loss"] < plain.evaluate(text)["loss"]
    # Learning goes without it.
    before = plain.get_weights()
    for one in (model, plain):
        one.set_weights(before)
        one.compile(keras.optimizers.SGD(0.1))
        one.fit(TEXT, batch_size=4, chunk=20, verbose=0)
    for mine, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.long
def test_it_writes_as_a_stream_does_and_is_kept_by_presets(tmp_path):
    model = new_model()
    text = model.generate("ANN.", length=40, seed=1)
    assert text == "".join(model.stream("ANN.", length=40, seed=1))
    texts = model.generate(["ANN. who", "B"], length=20, temperature=0)
    assert texts == [
        model.generate(prompt, length=20, temperature=0) for prompt in ("ANN. who", "B")
    ]
    plain = new_model(cache_size=0)
    assert model.generate("", length=40, seed=1) == plain.generate("", 40, seed=1)
    assert model.generate(TEXT, 40, seed=1) != plain.generate(TEXT, 40, seed=1)
    model.save_to_preset(tmp_path / "preset")
    loaded = CharLanguageModel.from_preset(tmp_path / "preset")
    assert (loaded.cache_size, loaded.cache_sharpness) == (30, 15.0)
    np.testing.assert_allclose(loaded.score(TEXT), model.score(TEXT), atol=0.01)
    assert loaded.count_params() == new_model(cache_size=0).count_params()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    import tensorflow as tf

    model = new_model(num_layers=1)
    folder = model.export(tmp_path_factory.mktemp("export"))
    return model, tf.saved_model.load(str(folder))


def stepped(step, text, states, **options):
    """Probabilities (V - 2,) before each character, and what came last."""
    import tensorflow as tf

    found = []
    for c in text:
        states = step(character=tf.constant([c]), **states, **options)
        states = dict(states)
        states.pop("characters")
        found.append(np.exp(states.pop("log_probabilities")[0]))
    return np.array(found), states


def of_model(model, text, states, **options):
    found = []
    for c in text:
        ids = model.preprocessor.encode(c) if c else [0]
        logits, states = model.step(np.array(ids), states, **options)
        found.append(array(ops.softmax(logits))[0, 2:])
    return np.array(found), states


@pytest.mark.slow
def test_an_exported_step_is_small_and_its_cache_asks_what_to_remember(served):
    import tensorflow as tf

    model, module = served
    signatures, text = module.signatures, ["", *TEXT[:40]]
    names = {"state_0_0", "state_0_1"}
    _, inputs = signatures["step"].structured_input_signature
    assert {*inputs} == {"character", *names}
    assert {*signatures["step"].structured_outputs} == {
        "log_probabilities",
        "characters",
        *names,
    }
    zeros = {name: tf.zeros((1, 12)) for name in names}
    plain, after = stepped(signatures["step"], text, zeros)
    expected, _ = of_model(model, text, model.initial_states(1)[:1])
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(plain / plain.sum(-1, keepdims=True), expected, 1e-4)

    room = {
        "cache_keys": tf.zeros((1, 30, 12)),
        "cache_characters": tf.zeros((1, 30), tf.int32),
    }
    step = signatures["step_with_cache"]
    told, after_told = stepped(step, text, zeros | room, remember=tf.constant([True]))
    expected, states = of_model(model, text, model.initial_states(1))
    np.testing.assert_allclose(told, expected, atol=1e-5)
    assert np.abs(told - plain).max() > 0.05
    untold, after = stepped(step, text, zeros | room, remember=tf.constant([False]))
    np.testing.assert_allclose(untold, plain, atol=1e-5)
    assert not np.any(after["cache_keys"]) and not np.any(after["cache_characters"])
    # What the model writes after a text is no evidence.
    found, _ = stepped(step, "ANN. it", after_told, remember=tf.constant([False]))
    expected, _ = of_model(model, "ANN. it", states, remember=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # In less room it remembers less.
    room = {name: value[:, :5] for name, value in room.items()}
    _, after = stepped(step, text, zeros | room, remember=tf.constant([True]))
    ids = model.preprocessor.encode(TEXT[35:40])
    assert after["cache_characters"].numpy()[0].tolist() == ids.tolist()


@pytest.mark.long
def test_an_exported_model_remembers_what_it_is_asked_to_go_on_with(served):
    import tensorflow as tf

    model, module = served
    signatures = module.signatures
    texts = tf.constant([TEXT, "ANN.", ""])
    score = signatures["score"](text=texts)["log_probabilities"]
    np.testing.assert_allclose(score[0], model.score(TEXT), atol=1e-4)
    np.testing.assert_allclose(score[1, :4], model.score("ANN."), atol=1e-4)
    options = {"length": 9, "temperature": 0.0, "seed": 1}
    options = {name: tf.constant(value) for name, value in options.items()}
    found = signatures["generate"](text=texts, **options)["text"].numpy()
    expected = model.generate([TEXT, "ANN.", ""], length=9, temperature=0)
    assert [text.decode() for text in found] == expected
    # No row at all.
    none = tf.zeros((0,), tf.string)
    assert signatures["generate"](text=none, **options)["text"].shape == (0,)
    assert signatures["score"](text=none)["lengths"].shape == (0,)
    states = {name: tf.zeros((0, 12)) for name in ("state_0_0", "state_0_1")}
    found = signatures["step"](character=none, **states)["log_probabilities"]
    assert found.shape == (0, model.vocabulary_size - 2)


@pytest.mark.parametrize(
    ("option", "error", "message"),
    [
        ({"cache_size": -1}, ValueError, "`cache_size` must be an integer"),
        ({"cache_sharpness": -1.0}, ValueError, "`cache_sharpness` must be at least 0"),
        ({"cache_sharpness": "x"}, TypeError, "`cache_sharpness` must be a number"),
    ],
)
def test_wrong_options(option, error, message):
    with pytest.raises(error, match=message):
        new_model(**option)
