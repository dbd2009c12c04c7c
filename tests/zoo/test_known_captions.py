"""A captioner that says captions as it read them, where it is sure."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.text import TargetTokenizer, WordTokenizer
from kerasrnn.zoo import AttentionCaptioner, ImageCaptioner
from kerasrnn.zoo.captioning.known_captions import END, KnownCaptions
from kerasrnn.zoo.grown_model import grown_model

CAPTIONS = ["a red cat", "a zebra sleeps", "nothing known"]
WORDS = ["a", "red", "cat", "zebra", "sleeps"]


def captioner(model_class=ImageCaptioner, **options):
    """One that knows two of `CAPTIONS`: the mean of features says which."""
    keras.utils.set_random_seed(2)
    tokenizer = TargetTokenizer(WordTokenizer(WORDS))
    options = {"known_captions": 3, **options}
    model = model_class(
        tokenizer.target_vocabulary_size,
        start_id=tokenizer.start_id,
        end_id=tokenizer.end_id,
        preprocessor=tokenizer,
        encoder=None,
        feature_dim=3,
        units=8,
        embedding_dim=8,
        dropout=0.0,
        **options,
    )
    if options["known_captions"]:
        model.copy_mechanism.weight = 0.99
        model.know_captions(CAPTIONS, 20 * np.eye(3), np.zeros(3))
    return model


def sees(*captions):
    """Features (B, 2, 3), whose mean says one caption each."""
    features = np.zeros((len(captions), 2, 3), "float32")
    features[np.arange(len(captions)), 0, captions] = 2.0
    return features


def layer_of(words, **options):
    layer = KnownCaptions(len(words), end_id=2, length=4, **options)
    layer.build((None, None, 6))
    generator = np.random.default_rng(1)
    shapes = (6, len(words)), (len(words),)
    layer.set_captions(words, *(generator.normal(size=shape) for shape in shapes))
    return layer


def by_hand(layer, logits, said, features):
    """p(y_t) of one row after the tokens `said`, caption by caption."""
    z = features.mean(0) @ ops.convert_to_numpy(layer.kernel) + ops.convert_to_numpy(
        layer.bias
    )
    p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
    q, left = np.zeros_like(logits), 0
    likeliest = [
        c for c in np.argsort(-p)[:5] if ops.convert_to_numpy(layer.words)[c, 0]
    ]
    for c in likeliest:
        words = [2 if w == END else w for w in ops.convert_to_numpy(layer.words)[c]] + [
            0,
            0,
        ]
        if words[: len(said) - 1] == list(said[1:]):
            left += p[c]
            if word := words[len(said) - 1]:
                q[word] += p[c]
    if left:
        q *= layer.weight * p[likeliest].sum() / left
    own = np.exp(logits - logits.max())
    return (1 - q.sum()) * own / own.sum() + q


def test_the_mixture_is_that_of_the_equations():
    words = [
        *([7, 6, END, 0], [7, 8, 6, END], [7, 7, END, 0], [END, 0, 0, 0]),
        *([6, 7, 8, 3], [0, 0, 0, 0], [6, END, 0, 0]),
    ]
    layer, generator = layer_of(words, weight=0.6), np.random.default_rng(0)
    features = generator.normal(0, 0.3, (6, 5, 6)).astype("float32")
    logits = generator.normal(size=(6, 6, 9)).astype("float32")
    ids = np.array(
        [
            *([1, 7, 6, 2, 0, 0], [1, 7, 8, 6, 2, 0], [1, 7, 7, 2, 0, 0]),
            *([1, 2, 0, 0, 0, 0], [1, 6, 7, 8, 3, 5], [1, 3, 7, 6, 2, 0]),
        ]
    )
    evidence = layer.evidence(features)
    found = np.exp(ops.convert_to_numpy(layer(logits, None, ids, evidence)))
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-4)
    for t in range(6):
        evidence = layer.after(evidence, ids[:, t])
        step = np.exp(
            ops.convert_to_numpy(layer(logits[:, t], None, ids[:, t], evidence))
        )
        np.testing.assert_allclose(step, found[:, t], atol=1e-6)
        for row in range(6):
            if 2 in ids[row, :t]:
                continue  # after the end, whatever comes is not looked at
            expected = by_hand(layer, logits[row, t], ids[row, : t + 1], features[row])
            np.testing.assert_allclose(step[row], expected, atol=1e-6)


@pytest.mark.parametrize("model_class", [ImageCaptioner, AttentionCaptioner])
@pytest.mark.parametrize("options", [{}, {"search": "beam", "beam_width": 3}])
def test_it_says_what_it_knows(model_class, options):
    model = captioner(model_class)
    found = model.generate(sees(1, 0, 1), verbose=0, **options)
    assert found == ["a zebra sleeps", "a red cat", "a zebra sleeps"]
    # One with a word that it does not know is never said: it speaks for itself.
    plain = captioner(model_class, known_captions=0)
    plain.encoder.set_weights(model.encoder.get_weights())
    plain.decoder.set_weights(model.decoder.get_weights())
    expected = plain.generate(sees(2), verbose=0, max_length=6, **options)
    assert model.generate(sees(2), verbose=0, max_length=6, **options) == expected


def test_teacher_forcing_and_search_see_the_same():
    model = captioner(AttentionCaptioner)
    features = sees(0, 2)
    found = model.generate_ids(features, max_length=4)
    ids = np.concatenate(
        [np.full((2, 1), model.start_id), ops.convert_to_numpy(found.token_ids)], 1
    )
    scores = ops.convert_to_numpy(found.scores)
    p = ops.convert_to_numpy(ops.log_softmax(model((features, ids[:, :-1]))))
    for row, length in enumerate(ops.convert_to_numpy(found.lengths)):
        chosen = p[row, np.arange(length), ids[row, 1 : 1 + length]]
        assert chosen.sum() == pytest.approx(float(scores[row]), abs=1e-4)


def test_in_training_the_decoder_learns_by_itself():
    model = captioner()
    ids = model.preprocessor.target_ids(["a zebra"]).numpy()
    inputs = (sees(0), ids[:, :-1])
    model.know_captions(CAPTIONS, 20 * np.eye(3), np.zeros(3))
    learning, speaking = (
        ops.convert_to_numpy(model(inputs, training=t)) for t in (True, False)
    )
    model.know_captions(CAPTIONS, -20 * np.eye(3), np.zeros(3))
    again = [ops.convert_to_numpy(model(inputs, training=t)) for t in (True, False)]
    np.testing.assert_array_equal(learning, again[0])
    assert np.abs(speaking - again[1]).max() > 0.1


def test_words_are_kept_with_their_end():
    layer = captioner().copy_mechanism
    cat, zebra, red = (WORDS.index(w) + 2 for w in ("cat", "zebra", "red"))
    words = ops.convert_to_numpy(layer.words)
    assert words[0].tolist() == [2, red, cat, END] + [0] * 8
    assert words[1, 1] == zebra
    assert not words[2].any()


def test_they_are_kept_by_files_presets_and_a_larger_vocabulary(tmp_path):
    model = captioner()
    expected = model.generate(sees(0, 1), verbose=0)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.generate(sees(0, 1), verbose=0) == expected
    model.save_to_preset(tmp_path / "preset")
    loaded = ImageCaptioner.from_preset(tmp_path / "preset")
    assert loaded.generate(sees(0, 1), verbose=0) == expected
    # Start and end have other numbers there.
    tokenizer = model.preprocessor.grown(["two blue elephants"] * 3)
    grown = grown_model(model, tokenizer)
    assert grown.end_id > model.end_id
    assert grown.generate(sees(0, 1), verbose=0) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], np.eye(3), np.zeros(3)), r"`captions` must .* \(3,\); got \(1,\)"),
        (
            (CAPTIONS, np.eye(2), np.zeros(3)),
            r"`kernel` must .* \(3, 3\); got \(2, 2\)",
        ),
        ((CAPTIONS, np.eye(3), np.zeros(2)), r"`bias` must .* \(3,\); got \(2,\)"),
    ],
)
def test_wrong_captions(arguments, message):
    with pytest.raises(ValueError, match=message):
        captioner().know_captions(*arguments)


def test_wrong_models():
    with pytest.raises(ValueError, match=r"`known_captions` must be .*; got -1"):
        captioner(known_captions=-1)
    with pytest.raises(
        ValueError, match=r"`known_captions` must be 0 with .* got 3 and 2"
    ):
        captioner(named_classes=2)
    with pytest.raises(ValueError, match="has `known_captions=0` and knows none"):
        captioner(known_captions=0).know_captions(CAPTIONS, np.eye(3), np.zeros(3))
