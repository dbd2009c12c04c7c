"""What all tokenizers do alike."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrnn.text import (
    CharacterTokenizer,
    PairTokenizer,
    SubwordTokenizer,
    TargetTokenizer,
    WordTokenizer,
)

TEXTS = ["a cat saw", "a dog saw the cat", ""]
MAKERS = {
    "word": WordTokenizer,
    "character": CharacterTokenizer,
    "subword": lambda: SubwordTokenizer(max_tokens=266),
    "pair": lambda: PairTokenizer(WordTokenizer(), SubwordTokenizer(max_tokens=262)),
    "one for both": lambda: PairTokenizer(SubwordTokenizer(max_tokens=262)),
    "target": lambda: TargetTokenizer(WordTokenizer()),
}
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow has strings"
)


def adapted(make, texts=TEXTS):
    tokenizer = make()
    more = [texts[::-1]] if isinstance(tokenizer, PairTokenizer) else []
    tokenizer.adapt(texts, *more)
    return tokenizer


@pytest.fixture(params=MAKERS)
def tokenizer(request):
    return adapted(MAKERS[request.param])


@pytest.mark.long
@on_tensorflow
def test_in_a_functional_model(tokenizer, tmp_path):
    inputs = keras.Input((), dtype="string")
    ids = tokenizer(inputs)
    assert ids.shape == (None, None) and ids.dtype == "int32"
    outputs = keras.layers.Embedding(300, 3)(ids)
    outputs = keras.layers.GlobalAveragePooling1D()(outputs)
    model = keras.Model(inputs, [ids, outputs])
    expected = np.asarray(tokenizer(TEXTS))
    np.testing.assert_array_equal(model(tf.constant(TEXTS))[0], expected)
    found = model.predict(tf.constant(TEXTS), verbose=0)
    np.testing.assert_array_equal(found[0], expected)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    again = loaded.predict(tf.constant(TEXTS), verbose=0)
    for one, two in zip(found, again, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.long
@on_tensorflow
def test_in_a_sequential_model(tokenizer, tmp_path):
    parts = [
        keras.layers.Embedding(300, 3),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(1),
    ]
    model = keras.Sequential([keras.Input((), dtype="string"), tokenizer, *parts])
    assert model.output_shape == (None, 1)
    model.compile("sgd", "mse")
    dataset = tf.data.Dataset.from_tensor_slices((TEXTS, [0.0, 1.0, 2.0])).batch(2)
    losses = model.fit(dataset, epochs=2, verbose=0, shuffle=False).history["loss"]
    assert losses[1] < losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found, again = (m.predict(tf.constant(TEXTS), verbose=0) for m in (model, loaded))
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize(
    "shape, dtype, message",
    [
        ((), "float32", "tensor of strings; got float32"),
        ((1,), "string", r"of shape \(batch,\).*; got shape \(None, 1\)"),
    ],
)
def test_inputs_of_another_kind(tokenizer, shape, dtype, message):
    with pytest.raises(ValueError, match=message):
        tokenizer(keras.Input(shape, dtype=dtype))


def test_the_key_differs_once_the_tokenizer_does(tokenizer):
    seen = [tokenizer.trace_key]
    assert tokenizer.trace_key == seen[0]
    inner = getattr(tokenizer, "target", tokenizer)
    inner.adapt(["another text"])
    seen.append(tokenizer.trace_key)
    inner.set_vocabulary(inner.get_vocabulary())
    seen.append(tokenizer.trace_key)
    for option in inner.OPTIONS:
        setattr(inner, option, 7 if option == "max_length" else True)
        seen.append(tokenizer.trace_key)
        setattr(inner, option, 9 if option == "max_length" else False)
        seen.append(tokenizer.trace_key)
    if hasattr(tokenizer, "source"):
        tokenizer.source.adapt(["one more"])
        seen.append(tokenizer.trace_key)
    changes = [one != two for one, two in itertools.pairwise(seen)]
    # Setting what was there before is no change.
    assert sum(changes) >= len(changes) - len(inner.OPTIONS)
    assert len({*seen}) > 2 and changes[0] and changes[1]


def test_no_two_tokenizers_share_a_key():
    keys = [WordTokenizer(["a"]).trace_key for _ in range(3)]
    assert len(set(keys)) == 3


def test_one_call_trains_a_pair():
    sources, targets = ["a cat", "a dog"], ["eine Katze", "ein Hund"]
    pair = PairTokenizer(WordTokenizer(), WordTokenizer())
    pair.adapt(sources, targets)
    assert pair.source.get_vocabulary()[2:] == ["a", "cat", "dog"]
    assert pair.target.get_vocabulary()[2:] == ["ein", "eine", "hund", "katze"]
    dataset = tf.data.Dataset.from_tensor_slices
    for data in (dataset(sources), dataset(sources).batch(2)):
        both = PairTokenizer(WordTokenizer())
        both.adapt(data, np.array(targets))
        words = ["a", "cat", "dog", "ein", "eine", "hund", "katze"]
        assert both.target.get_vocabulary()[2:] == words
        assert both.source_vocabulary_size == both.target_vocabulary_size == 11
    writer = TargetTokenizer(WordTokenizer())
    writer.adapt(targets)
    assert writer.detokenize(writer(["ein Hund"])).numpy().tolist() == [b"ein hund"]


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda t: t(None), ValueError, "strings; got None"),
        (lambda t: t([1]), ValueError, r"strings; got \[1\]"),
        (lambda t: t([["a"]]), ValueError, r"\(batch,\); got shape \(1, 1\)"),
        (lambda t: t.detokenize([[2, 999]]), ValueError, "`ids` .*; got 2 to 999"),
        (lambda t: t.detokenize([[-1]]), ValueError, "`ids` .*; got -1 to -1"),
        (lambda t: t.detokenize([[1.0]]), TypeError, "`ids` must be integers; got fl"),
        (lambda t: t.detokenize([[1], [1, 2]]), ValueError, "`ids` .* of one shape"),
    ],
)
def test_what_is_wrong_is_told(tokenizer, call, error, message):
    with pytest.raises(error, match=message):
        call(tokenizer)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: WordTokenizer(max_tokens=5.0), TypeError, "or None; got 5.0"),
        (lambda: WordTokenizer(max_length="9"), TypeError, "or None; got '9'"),
        (lambda: CharacterTokenizer(max_tokens=True), TypeError, "got True"),
        (lambda: SubwordTokenizer(max_tokens=None), TypeError, "260; got None"),
        (lambda: SubwordTokenizer(max_length=2.5), TypeError, "or None; got 2.5"),
        (lambda: PairTokenizer("a"), TypeError, "`source` must be .*; got str"),
        (
            lambda: PairTokenizer(TargetTokenizer(WordTokenizer()), None),
            TypeError,
            "`source` must be .*; got TargetTokenizer",
        ),
        (
            lambda: TargetTokenizer(PairTokenizer(WordTokenizer())),
            TypeError,
            "`target` must be .*; got PairTokenizer",
        ),
        (
            lambda: PairTokenizer(WordTokenizer()).adapt(["a", "b"], ["c"]),
            ValueError,
            "`targets` must be the translations of the 2 `sources`; got 1",
        ),
        (
            lambda: PairTokenizer(WordTokenizer()).adapt("ab", ["c"]),
            ValueError,
            "`data` must be a list of strings or a dataset; got one string",
        ),
        (lambda: WordTokenizer().adapt(["a", None]), ValueError, "item 1 is None"),
        (
            lambda: SubwordTokenizer().adapt(tf.data.Dataset.range(3)),
            ValueError,
            "dataset of strings; its elements are",
        ),
        (lambda: CharacterTokenizer().adapt([3]), ValueError, "strings; got 3"),
    ],
)
def test_what_is_wrong_at_construction(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_integers_of_numpy():
    config = WordTokenizer(["a"], max_length=np.int64(3)).get_config()
    assert type(config["max_length"]) is int
    tokenizer = SubwordTokenizer(max_tokens=np.int32(261), max_length=np.uint8(4))
    tokenizer.adapt(np.array(["low low"]))
    assert tokenizer.vocabulary_size == 261


def test_odd_texts(tokenizer):
    odd = ["", " ", "\x00", "\ufeff", "e\u0301" * 3, "🏳️‍🌈", "a\nb\r\n", b"\xff\xfe\xc3"]
    ids = np.asarray(tokenizer(odd))
    assert ids.dtype == np.int32 and len(ids) == len(odd) and ids.shape[1] >= 1
    # Each alone is what it is among others.
    for text, row in zip(odd, ids, strict=True):
        alone = np.asarray(tokenizer([text]))[0]
        np.testing.assert_array_equal(row[: len(alone)], alone)
        assert not row[len(alone) :].any()
        np.testing.assert_array_equal(np.asarray(tokenizer(text)), alone)
    assert tokenizer(np.array([], object)).shape == (0, 1) or not len(
        tokenizer(np.array([], object))
    )
    empty = tokenizer.detokenize(np.zeros((0, 3), "int32"))
    assert empty.shape == (0,)
