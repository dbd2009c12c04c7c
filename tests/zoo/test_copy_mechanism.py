import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.fetching import FetchError
from kerasrnn.text import TargetTokenizer, WordTokenizer
from kerasrnn.zoo import AttentionCaptioner, ImageCaptioner
from kerasrnn.zoo.captioning import copy_mechanism
from kerasrnn.zoo.captioning.copy_mechanism import CopyMechanism

WORDS = ["a", "red", "cat", "sumatran", "zebra"]
NAMES = ["sumatran cat", "zebra", "[nothing known]"]


def captioner(model_class=ImageCaptioner, names=NAMES, **options):
    keras.utils.set_random_seed(2)
    tokenizer = TargetTokenizer(WordTokenizer(WORDS))
    model = model_class(
        tokenizer.target_vocabulary_size,
        start_id=tokenizer.start_id,
        end_id=tokenizer.end_id,
        preprocessor=tokenizer,
        **{
            "encoder": None,
            "feature_dim": None if "encoder" in options else 3,
            "units": 8,
            "embedding_dim": 8,
            "dropout": 0.0,
            "named_classes": 3,
            **options,
        },
    )
    if names:
        model.name_classes(names, 20 * np.eye(3), np.zeros(3))
    return model


def sees(*classes):
    """Features (B, 2, 3), whose mean says one class each."""
    features = np.zeros((len(classes), 2, 3), "float32")
    for row, c in enumerate(classes):
        features[row, 0, c] = 2.0
    return features


def by_hand(layer, logits, outputs, before, features):
    """The same distribution, class by class."""
    found = []
    for of_row, d, said, f in zip(logits, outputs, before, features, strict=True):
        z = f.mean(0) @ np.asarray(layer.kernel) + np.asarray(layer.bias)
        p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        q = np.zeros_like(of_row)
        for c, words in enumerate(np.asarray(layer.words).tolist()):
            name = [word for word in words if word]
            if said in name:
                name = name[name.index(said) + 1 :]
            if name:
                q[name[0]] += p[c]
        u = np.concatenate([d, np.sort(p)[::-1][:2]]) @ np.asarray(layer.gate_kernel)
        gate = 1 / (1 + np.exp(-u - np.asarray(layer.gate_bias)))
        own = np.exp(of_row - of_row.max())
        found.append((1 - gate * q.sum()) * own / own.sum() + gate * q)
    return np.stack(found)


def test_the_mixture_is_that_of_the_equations():
    generator = np.random.default_rng(0)
    layer = CopyMechanism(4, name_length=3)
    layer.build((None, None, 6), units=5)
    words = np.array([[3, 4, 0], [5, 0, 0], [0, 0, 0], [3, 6, 7]])
    layer.set_classes(words, generator.normal(0, 1, (6, 4)), generator.normal(0, 1, 4))
    logits = generator.normal(0, 2, (6, 9)).astype("float32")
    outputs = generator.normal(0, 1, (6, 5)).astype("float32")
    features = generator.normal(0, 1, (6, 7, 6)).astype("float32")
    before = np.array([1, 3, 4, 5, 6, 0])
    evidence = layer.evidence(features)
    found = np.exp(layer(logits, outputs, before, evidence))
    np.testing.assert_allclose(
        found, by_hand(layer, logits, outputs, before, features), atol=1e-6
    )
    np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-5)
    # The same of sequences, at each step.
    again = [x[:, None].repeat(3, 1) for x in (logits, outputs, before)]
    steps = layer(*again, evidence)
    np.testing.assert_allclose(np.exp(steps), found[:, None].repeat(3, 1), atol=1e-6)


@pytest.mark.parametrize(
    "model_class",
    [ImageCaptioner, pytest.param(AttentionCaptioner, marks=pytest.mark.slow)],
)
def test_a_caption_may_hold_a_word_that_no_caption_did(model_class):
    model = captioner(model_class)
    model.compile(keras.optimizers.Adam(0.03))
    # "zebra" is in no caption to learn from.
    features = np.repeat(sees(0, 2), 200, axis=0)
    captions = ["a sumatran cat"] * 200 + ["a red"] * 200
    model.fit(features, captions, batch_size=8, verbose=0)
    captions = model.generate(sees(0, 1, 2), verbose=0)
    assert captions[0] == "a sumatran cat"
    assert "zebra" in captions[1]
    assert captions[2] == "a red"
    model.name_classes(["", "", ""], 20 * np.eye(3), np.zeros(3))
    assert "zebra" not in model.generate(sees(1), verbose=0)[0]


def test_teacher_forcing_and_search_see_the_same():
    model = captioner(AttentionCaptioner)
    features = sees(0, 1)
    found = model.generate_ids(features, max_length=4)
    ids = np.concatenate([np.full((2, 1), model.start_id), found.token_ids], 1)
    logits = model((features, ids[:, :-1]))
    p = ops.convert_to_numpy(ops.log_softmax(logits))
    for row, length in enumerate(np.asarray(found.lengths)):
        chosen = p[row, np.arange(length), ids[row, 1 : 1 + length]]
        assert chosen.sum() == pytest.approx(float(found.scores[row]), abs=1e-5)
    beams = model.generate_ids(features, max_length=4, search="beam", beam_width=3)
    assert np.asarray(beams.token_ids).shape[:1] == (2,)


def test_unknown_words_are_never_borrowed():
    model = captioner()
    words = np.asarray(model.copy_mechanism.words)
    tokenizer = model.preprocessor.target
    assert words[1].tolist() == [tokenizer.get_vocabulary().index("zebra"), 0, 0, 0]
    assert words[2].tolist() == [0, 0, 0, 0]


def test_classes_are_kept_by_files_and_presets(tmp_path):
    model = captioner()
    features = sees(0, 1, 2)
    ids = np.full((3, 2), model.start_id)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded((features, ids)), model((features, ids)))
    model.save_to_preset(tmp_path / "preset")
    loaded = ImageCaptioner.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(
        loaded.copy_mechanism.words, model.copy_mechanism.words
    )
    np.testing.assert_allclose(
        loaded((features, ids)), model((features, ids)), atol=0.02
    )


@pytest.mark.long
def test_classes_of_the_encoder_are_fetched_and_not_saved(monkeypatch, tmp_path):
    kernel = np.zeros((1280, 1000), "float32")
    kernel[:3, :3] = 20 * np.eye(3)
    features = np.pad(sees(0, 1, 2), [(0, 0), (0, 0), (0, 1277)])
    names = [*NAMES, *[""] * 997]

    def cannot_fetch():
        raise FetchError("no network")

    def own(classes, *classifier):
        model = captioner(
            names=None, encoder="efficientnet_lite0", named_classes=classes
        )
        model.name_classes(names, *classifier)
        model.compile(keras.optimizers.SGD(0.1))
        model.optimizer.build(model.trainable_variables)
        return model

    monkeypatch.setattr(copy_mechanism, "efficientnet_lite0_classifier", cannot_fetch)
    model = own("imagenet")
    told = own(1000, kernel, np.zeros(1000))
    model.set_weights([w for w in told.get_weights() if w.shape[-1:] != (1000,)])
    assert told.count_params() - model.count_params() == 1281 * 1000
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    preset = ImageCaptioner.from_preset(tmp_path / "preset")
    with pytest.raises(FetchError, match="no network"):
        loaded.generate(features)
    monkeypatch.setattr(
        copy_mechanism,
        "efficientnet_lite0_classifier",
        lambda: (kernel, np.zeros(1000, "float32")),
    )
    ids = np.full((3, 2), model.start_id)
    copy_mechanism.fetched_classifier.cache_clear()
    for one, tolerance in ((model, 1e-6), (loaded, 1e-6), (preset, 0.02)):
        np.testing.assert_allclose(
            one((features, ids)), told((features, ids)), atol=tolerance
        )
        assert one.generate(features) == told.generate(features)
    copy_mechanism.fetched_classifier.cache_clear()
    with pytest.raises(ValueError, match="`kernel` and `bias` must not be given"):
        model.name_classes(names, kernel)
    with pytest.raises(ValueError, match="'efficientnet_lite0' only; got encoder=None"):
        captioner(named_classes="imagenet")


def test_wrong_classes():
    model = captioner()
    kernel, bias = np.eye(3), np.zeros(3)
    with pytest.raises(ValueError, match=r"`kernel` must have the shape \(3, 3\); got"):
        model.name_classes(NAMES, np.eye(4), bias)
    with pytest.raises(ValueError, match=r"`bias` must have the shape \(3,\); got"):
        model.name_classes(NAMES, kernel, np.zeros(2))
    with pytest.raises(ValueError, match=r"`names` must have the shape \(3,\); got"):
        model.name_classes(NAMES[:2], kernel, bias)
    with pytest.raises(ValueError, match="`named_classes` must be an integer"):
        captioner(named_classes=-1)
    with pytest.raises(ValueError, match="has `named_classes=0` and borrows no names"):
        captioner(named_classes=0)
