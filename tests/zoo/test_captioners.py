"""Captioners: what they compute, learn and say, and how they are kept."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny_captioner import (
    BLUE,
    DIM,
    LOCATIONS,
    RED,
    WORDS,
    captioner,
    features,
    picture,
    see_with_tiny_encoder,
    trained_captioner,
)

from kerasrnn.vision import features_of
from kerasrnn.zoo import AttentionCaptioner, ImageCaptioner, Task

BOTH = pytest.mark.parametrize("model_class", [ImageCaptioner, AttentionCaptioner])
# Of the two, the one whose graphs are made in a moment; the other in the second stage.
EACH_IN_TURN = pytest.mark.parametrize(
    "model_class",
    [ImageCaptioner, pytest.param(AttentionCaptioner, marks=pytest.mark.slow)],
)
FEATURES, CAPTIONS = features(9, seed=1)
# Of an encoder with random weights, which needs no network.
LAST_BLOCK = {
    "encoder": "efficientnet_lite0",
    "encoder_weights": None,
    "fine_tune": 1,
    "tuned_weights": None,
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(ImageCaptioner, marks=pytest.mark.slow), AttentionCaptioner],
)
def trained(request):
    # The quickest to trace; tests of their own have the other cells.
    return trained_captioner(request.param, cell="simple_rnn")


@pytest.fixture(scope="module")
def seeing():
    """One that says what it sees in pictures, not what they show."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        see_with_tiny_encoder(monkeypatch)
        yield captioner(encoder="efficientnet_lite0", seed=3)


def array(x):
    return ops.convert_to_numpy(x)


# What they compute.


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dense(layer, x):
    kernel, bias = map(array, layer.weights)
    return np.tanh(x @ kernel + bias)


def step_by_hand(cell, x, d):
    kernel, recurrent_kernel, bias = map(array, cell.weights)
    return np.tanh(x @ kernel + d @ recurrent_kernel + bias)


def scaled(model, x):
    return (x - array(model.encoder.feature_mean)) / array(
        model.encoder.feature_deviation
    )


def by_hand(model, source, ids):
    """Logits (B, T, V) and alignments (B, T, L), as the docstrings have them."""
    vectors = array(model.decoder.embedding.embeddings)
    d = dense(model.decoder.bridge[0], scaled(model, source.mean(1)))
    cell, logits, maps = model.decoder.recurrent.cell, [], []
    if model.attends:
        m = dense(model.encoder.feature_layer, scaled(model, source))
        w_1, w_2, v = map(array, cell.attention.weights)
    for t in range(ids.shape[1]):
        x = vectors[ids[:, t]]
        if model.attends:
            scores = np.tanh((d @ w_1)[:, None] + m @ w_2) @ v  # (B, L, 1)
            alpha = softmax(scores[..., 0])
            c = (alpha[:, None] @ m)[:, 0]
            if cell.gated:
                gate = sigmoid(d @ array(cell.gate_kernel) + array(cell.gate_bias))
                c = gate * c
            d = step_by_hand(cell.cell, np.concatenate([x, c], 1), d)
            o = np.tanh(np.concatenate([c, d], 1) @ array(cell.kernel))
            maps.append(alpha)
        else:
            d = step_by_hand(cell, x, d)
            o = dense(model.decoder.output_layer, d)
        logits.append(o @ vectors.T + array(model.decoder.output_bias))
    return np.stack(logits, 1), np.stack(maps, 1) if maps else None


@pytest.mark.parametrize(
    ("model_class", "options"),
    [
        (ImageCaptioner, {}),
        (AttentionCaptioner, {"gated": True}),
        (AttentionCaptioner, {"gated": False}),
    ],
)
def test_they_are_their_equations(model_class, options):
    model = captioner(model_class, cell="simple_rnn", **options)
    ids = model.preprocessor.target_ids(CAPTIONS).numpy()
    expected, alignments = by_hand(model, FEATURES, ids)
    np.testing.assert_allclose(array(model((FEATURES, ids))), expected, atol=1e-5)
    # And step by step, as the searches run it.
    step, state = model.decoding(ops.convert_to_tensor(FEATURES))
    for t in range(ids.shape[1]):
        logits, state, *maps = step(ops.convert_to_tensor(ids[:, t]), state)
        np.testing.assert_allclose(array(logits), expected[:, t], atol=1e-5)
        if model.attends:
            np.testing.assert_allclose(array(maps[0]), alignments[:, t], atol=1e-6)


@BOTH
def test_adapt_brings_features_to_one_scale(model_class):
    model, x = captioner(model_class), 3 * FEATURES + 7
    model.adapt(x)
    found = array(model.encoder.scaled(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(found.mean(axis=(0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=(0, 1)), 1, atol=0.02)
    model.adapt(np.ones_like(x))  # and none is divided by zero
    assert np.isfinite(array(model.encoder.scaled(ops.convert_to_tensor(x)))).all()


def test_adapt_scales_the_mean_over_places_by_itself_before_tuned_blocks():
    model, generator = captioner(**LAST_BLOCK), np.random.default_rng(0)
    # What hardly varies, as some features do before the blocks have learned.
    x = generator.normal(size=(12, 49, 1280)) * generator.uniform(0, 2, 1280)
    x = (x + generator.normal(size=(12, 1, 1280))).astype("float32")
    model.adapt(x)
    means = x.mean(axis=1)
    deviation = np.maximum(means.std(axis=0), means.std(axis=0).mean())
    expected = (means - means.mean(axis=0)) / deviation
    ((found,),) = model.encoder(ops.convert_to_tensor(x)).vectors
    np.testing.assert_allclose(array(found), expected, atol=0.02)


@pytest.mark.parametrize("weight", [0.25, pytest.param(1.0, marks=pytest.mark.slow)])
def test_doubly_stochastic_attention(weight):
    model = captioner(cell="simple_rnn", attention_regularization=weight)
    model.compile(run_eagerly=True)
    targets = model.preprocessor.target_ids([RED, BLUE]).numpy()
    ids, x = targets[:, :-1], FEATURES[:2]
    # What comes after the last word predicts nothing: its end token, and padding.
    words = np.array([4, 6])  # that the decoder is to say, the end token included

    def entropy(logits):
        p = np.take_along_axis(softmax(logits), targets[:, 1:, None], 2)[..., 0]
        return np.concatenate([-np.log(p[b, :n]) for b, n in enumerate(words)]).mean()

    # In training it is a part of the loss, and else not.
    found = model.evaluate(x, targets, verbose=0, return_dict=True)["loss"]
    assert found == pytest.approx(entropy(by_hand(model, x, ids)[0]), rel=1e-4)
    logits, alignments = by_hand(model, x, ids)
    looked = [alignments[b, :n].sum(0) for b, n in enumerate(words)]
    expected = weight * np.mean([(1 - of_row) ** 2 for of_row in looked])
    model((x, ids), training=True)
    np.testing.assert_allclose(float(sum(model.losses)), expected, rtol=1e-4)
    loss = model.train_on_batch((x, ids), targets[:, 1:])[0]
    assert float(loss) == pytest.approx(entropy(logits) + expected, rel=1e-4)


@BOTH
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_cells_layers_and_precision(model_class, cell):
    model = captioner(model_class, cell=cell, num_layers=2, dtype="mixed_float16")
    ids = model.preprocessor.target_ids(CAPTIONS).numpy()
    logits = array(model((FEATURES, ids)))
    # The picture counts, for every word.
    others = array(model((-FEATURES, ids)))
    assert (np.abs(logits - others).max(-1)[ids != 0] > 1e-2).all()
    single = captioner(model_class, cell=cell, num_layers=2)
    single.set_weights(model.get_weights())
    np.testing.assert_allclose(logits, array(single((FEATURES, ids))), atol=0.03)


# What they learn and say.


@pytest.mark.long
def test_they_read_their_picture(trained):
    assert trained.generate(FEATURES) == CAPTIONS
    scores = trained.evaluate(FEATURES, CAPTIONS, verbose=0, return_dict=True)
    assert scores["accuracy"] == 1.0
    assert scores["perplexity"] < 1.2
    # Of the other kind of picture it says the other thing.
    swapped = {RED: BLUE, BLUE: RED}
    assert trained.generate(-FEATURES) == [swapped[caption] for caption in CAPTIONS]
    wrong = trained.evaluate(-FEATURES, CAPTIONS, verbose=0, return_dict=True)
    assert wrong["loss"] > 10 * scores["loss"]


@pytest.mark.long
@EACH_IN_TURN
def test_fit_takes_datasets_and_token_ids(model_class):
    model = captioner(model_class)
    model.compile(run_eagerly=True)
    ids = model.preprocessor.target_ids(CAPTIONS).numpy()
    pairs = tf.data.Dataset.from_tensor_slices((FEATURES, CAPTIONS)).batch(3)
    losses, weights = [], model.get_weights()
    for arguments in ((FEATURES, CAPTIONS), (FEATURES, ids), (pairs,)):
        model.set_weights(weights)
        model.compile(run_eagerly=True)  # Adam begins anew, too.
        options = {} if len(arguments) == 1 else {"batch_size": 3}
        history = model.fit(
            *arguments,
            validation_data=(FEATURES, CAPTIONS),
            shuffle=False,
            verbose=0,
            **options,
        ).history
        losses.append(history["loss"][0])
        assert np.isfinite(history["val_loss"]).all()
    np.testing.assert_allclose(losses[1:], losses[0], rtol=1e-4)
    history = model.fit(FEATURES, CAPTIONS, validation_split=0.4, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.long
@BOTH
def test_order_and_batches_change_nothing(model_class):
    model = captioner(model_class, seed=3)
    x, _ = features(20, seed=2)
    captions, scores = model.generate(x, return_scores=True)
    assert len({*captions}) > 5
    for batch_size in (1, 3, 100):
        again, of_again = model.generate(
            x, batch_size=batch_size, return_scores=True, verbose=0
        )
        assert again == captions
        np.testing.assert_allclose(of_again, scores, atol=1e-4)
    assert model.generate(x[::-1]) == captions[::-1]
    beams = model.generate(x, search="beam", batch_size=3)
    assert beams == model.generate(x, search="beam", batch_size=20)
    drawn = model.generate(x, search="sample", seed=1, batch_size=3)
    assert drawn == model.generate(x, search="sample", seed=1, batch_size=20)
    assert drawn != model.generate(x, search="sample", seed=2)


def log_probability(model, x, caption):
    ids = model.preprocessor.target_ids([caption]).numpy()
    log_p = array(ops.log_softmax(model((x[None], ids[:, :-1]))))
    return np.take_along_axis(log_p, ids[:, 1:, None], 2).sum()


@pytest.mark.long
def test_scores_are_log_probabilities(trained):
    for search in ("greedy", "beam"):
        captions, scores = trained.generate(FEATURES, search=search, return_scores=True)
        assert scores.dtype == np.float32
        expected = [
            log_probability(trained, x, caption)
            for x, caption in zip(FEATURES, captions, strict=True)
        ]
        np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_the_best_of_a_beam(trained):
    best, scores = trained.generate(
        FEATURES[:3], search="beam", n_best=3, return_scores=True
    )
    assert [captions[0] for captions in best] == CAPTIONS[:3]
    assert all(len({*captions}) == 3 for captions in best)
    assert scores.shape == (3, 3)
    assert (np.diff(scores) < 0).all()


@pytest.mark.long
def test_the_longest_caption():
    model = captioner(seed=1)
    longest = [model.generate_ids(FEATURES).token_ids.shape[1]]
    longest.append(model.generate_ids(FEATURES, max_length=3).token_ids.shape[1])
    assert longest == [40, 3]
    assert max(len(c.split()) for c in model.generate(FEATURES, max_length=3)) == 3
    assert model.generate(FEATURES[:0]) == []


# Pictures.


RED_PICTURE, BLUE_PICTURE = picture((1, 0, 0)), picture((0, 0, 1), kind="JPEG")


def test_pictures_of_all_kinds(seeing, tmp_path):
    encoder = seeing.build_encoder()
    expected = seeing.generate(features_of(encoder, [RED_PICTURE, BLUE_PICTURE]))
    assert expected[0] != expected[1]
    assert seeing.generate([RED_PICTURE, BLUE_PICTURE]) == expected
    path = tmp_path / "blue.jpg"
    path.write_bytes(BLUE_PICTURE)
    assert seeing.generate([path, RED_PICTURE, str(path)]) == [
        expected[1],
        expected[0],
        expected[1],
    ]
    pixels = tf.io.decode_png(RED_PICTURE).numpy()
    assert seeing.generate([pixels]) == expected[:1]
    assert seeing.generate(np.stack([pixels, pixels])) == expected[:1] * 2
    # One alone is no list.
    for one in (pixels, RED_PICTURE):
        assert seeing.generate(one) == expected[0]
    caption, score = seeing.generate(str(path), return_scores=True)
    assert (caption, type(score)) == (expected[1], float)


def test_a_broken_picture_is_told_by_its_place_in_the_list(seeing):
    pictures = [RED_PICTURE] * 4 + [b"no picture"]
    with pytest.raises(ValueError, match=r"`inputs\[4\]` must be a picture"):
        seeing.generate(pictures, batch_size=2)
    with pytest.raises(ValueError, match="`inputs` must be a picture"):
        seeing.generate(b"no picture")
    with pytest.raises(ValueError, match=r"`x\[4\]` must be a picture"):
        seeing.fit(pictures, [RED] * 5, verbose=0)


@pytest.mark.long
@EACH_IN_TURN
def test_a_frozen_encoder_is_no_part_of_the_model(model_class, seeing):
    bare = captioner(model_class)
    shapes = [weight.shape for weight in bare.weights]
    model = captioner(model_class, encoder="efficientnet_lite0")
    assert [weight.shape for weight in model.weights] == shapes
    before = array(model.build_encoder().kernel)
    pictures = [RED_PICTURE, BLUE_PICTURE] * 4
    model.fit(pictures, [RED, BLUE] * 4, epochs=2, verbose=0)
    np.testing.assert_array_equal(array(model.build_encoder().kernel), before)
    assert [weight.shape for weight in model.weights] == shapes


@pytest.mark.long
@EACH_IN_TURN
def test_fine_tuning_trains_the_encoder_and_keeps_it(model_class, seeing, tmp_path):
    model = captioner(model_class, encoder="efficientnet_lite0", fine_tune=True)
    kernel = model.build_encoder().kernel
    assert any(kernel is weight for weight in model.trainable_weights)
    before = array(kernel)
    pictures = [RED_PICTURE, BLUE_PICTURE] * 4
    captions = model.generate(pictures)  # compiled with the weights as they are
    model.compile(keras.optimizers.Adam(0.05))
    model.fit(pictures, [RED, BLUE] * 4, epochs=8, batch_size=4, verbose=0)
    assert np.abs(array(kernel) - before).max() > 1e-2
    assert model.generate(pictures) != captions
    assert model.get_config()["encoder_weights"] is None
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(loaded.build_encoder().kernel), array(kernel))
    assert loaded.generate(pictures) == model.generate(pictures)


@pytest.mark.slow
def test_fine_tuning_a_real_encoder():
    model = captioner(
        encoder="efficientnet_lite0", encoder_weights=None, fine_tune=True
    )
    frozen = captioner(encoder="efficientnet_lite0", encoder_weights=None)
    encoder = model.build_encoder()
    assert len(model.weights) == len(frozen.weights) + len(encoder.weights)
    before = [array(weight) for weight in encoder.trainable_weights]
    model.fit([RED_PICTURE, BLUE_PICTURE], [RED, BLUE], verbose=0)
    after = [array(weight) for weight in encoder.trainable_weights]
    changed = [(a != b).any() for a, b in zip(before, after, strict=True)]
    assert np.mean(changed) > 0.9


@pytest.mark.long
@EACH_IN_TURN
def test_last_blocks_are_tuned_and_kept(model_class, tmp_path):
    model = captioner(model_class, **LAST_BLOCK)
    pictures, captions = [RED_PICTURE, BLUE_PICTURE], [RED, BLUE]
    lower = model.lower_features(pictures)
    assert lower.shape == (2, 49, 192)
    before = [array(weight) for weight in model.tuned_blocks.trainable_weights]
    model.adapt(lower)
    model.fit(lower, captions, epochs=2, verbose=0)
    model.fit(pictures, captions, verbose=0)
    after = [array(weight) for weight in model.tuned_blocks.trainable_weights]
    assert len(after) == 4
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    # Pictures, what the first blocks make of them, and what the last ones do.
    features = features_of(model.build_encoder(), pictures)
    assert features.shape == (2, 49, 1280)
    expected, scores = model.generate(lower, return_scores=True)
    for inputs in (pictures, features):
        found, of_found = model.generate(inputs, return_scores=True)
        assert found == expected
        np.testing.assert_allclose(of_found, scores, rtol=1e-4)
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    for loaded in (
        keras.models.load_model(tmp_path / "model.keras"),
        Task.from_preset(tmp_path / "preset"),
    ):
        assert loaded.generate(lower) == expected


def test_what_no_lower_features_are_is_told():
    model = captioner(**LAST_BLOCK)
    message = r"lower features \(batch, 49, 192\)"
    for wrong in (np.zeros((1, 48, 192)), "no features", [1, 2]):
        with pytest.raises(ValueError, match=message):
            model.generate_ids(wrong)
    with pytest.raises(ValueError, match="`lower_features` is for a model whose"):
        captioner().lower_features([RED_PICTURE])


# How they are kept.


def config_of(model):
    config = model.get_config()
    del config["preprocessor"]
    return config, model.preprocessor.target.get_vocabulary()


@pytest.mark.long
def test_they_are_saved_and_loaded(trained, tmp_path):
    trained.save(tmp_path / "model.keras")
    trained.save_to_preset(tmp_path / "preset")
    expected = trained.generate(FEATURES, return_scores=True)
    for model in (
        keras.models.load_model(tmp_path / "model.keras"),
        Task.from_preset(tmp_path / "preset"),
        type(trained).from_preset(tmp_path / "preset"),
    ):
        assert type(model) is type(trained)
        assert config_of(model) == config_of(trained)
        captions, scores = model.generate(FEATURES, return_scores=True)
        assert captions == expected[0]
        np.testing.assert_allclose(scores, expected[1], atol=1e-5)


def test_presets_are_for_pictures(seeing, tmp_path):
    seeing.save_to_preset(tmp_path)
    model = AttentionCaptioner.from_preset(tmp_path)
    pictures = [RED_PICTURE, BLUE_PICTURE]
    assert model.generate(pictures) == seeing.generate(pictures)
    with pytest.raises(ValueError, match="holds a AttentionCaptioner, not a Seq2Seq"):
        from kerasrnn.zoo import Seq2Seq

        Seq2Seq.from_preset(tmp_path)


# What cannot be meant.


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"feature_dim": None},
            ValueError,
            "`feature_dim` must be given for a model without `encoder`; got None",
        ),
        ({"feature_dim": 0}, ValueError, "`feature_dim` must be .* at least 1; got 0"),
        ({"feature_dim": 6.0}, TypeError, "`feature_dim` must be an integer"),
        (
            {"fine_tune": True},
            ValueError,
            "`fine_tune` needs an `encoder`",
        ),
        (
            {"encoder": "efficientnet_lite0", "feature_dim": 7},
            ValueError,
            "`feature_dim` of the encoder 'efficientnet_lite0' is .*; got 7",
        ),
        (
            {**LAST_BLOCK, "fine_tune": 16},
            ValueError,
            "`fine_tune` must be from 1 to 15 blocks; got 16",
        ),
        (
            {**LAST_BLOCK, "encoder": "MobileNetV2"},
            ValueError,
            '`fine_tune` may be a number with the encoder "efficientnet_lite0" only',
        ),
        (
            {**LAST_BLOCK, "named_classes": 7},
            ValueError,
            "`named_classes` must be 0 where `fine_tune` is a number, .*; got 7",
        ),
        ({"encoder": "EyeNet"}, ValueError, "`model` must be .*; got 'EyeNet'"),
        (
            {"encoder": "efficientnet_lite0", "encoder_weights": "mine"},
            ValueError,
            "`weights` must be \"imagenet\" or None; got 'mine'",
        ),
        ({"cell": "rnn"}, ValueError, "`cell` must be one of simple_rnn, lstm, gru"),
        (
            {"start_id": 3},
            ValueError,
            "`preprocessor` must have the model's `start_id`",
        ),
    ],
)
def test_models_that_cannot_be(options, error, message):
    with pytest.raises(error, match=message):
        captioner(**options)


@pytest.fixture(scope="module")
def bare():
    return captioner(ImageCaptioner)


IDS = np.array([[10, 2, 3]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda m: m.generate(np.zeros((2, LOCATIONS, 5))),
            ValueError,
            r"`inputs` must hold features \(batch, places, 6\); got one of the shape "
            r"\(2, 4, 5\)",
        ),
        (lambda m: m.generate(np.zeros(3)), ValueError, r"got one of the shape \(3,\)"),
        (lambda m: m.generate(None), TypeError, "`inputs` must be a picture, a list"),
        (
            lambda m: m.generate(["photo.png"]),
            ValueError,
            "has `encoder=None`: it takes features .*, not pictures",
        ),
        (
            lambda m: m.build_encoder(),
            ValueError,
            "This ImageCaptioner has `encoder=No",
        ),
        (
            lambda m: m.generate(FEATURES, batch_size=0),
            ValueError,
            "`batch_size` must be an integer of at least 1; got 0",
        ),
        (
            lambda m: m.generate(FEATURES, max_length=0),
            ValueError,
            "`max_length` must be an integer of at least 1; got 0",
        ),
        (
            lambda m: m.generate(FEATURES, search="dream"),
            ValueError,
            "`search` must be one of greedy, sample, beam",
        ),
        (
            lambda m: m.generate(FEATURES, beam_width=3),
            ValueError,
            "`beam_width` is no option of search='greedy'",
        ),
        (
            lambda m: m.generate(FEATURES, search="beam", coverage_penalty=0.2),
            ValueError,
            "`coverage_penalty` needs a model that attends.*; got a ImageCaptioner",
        ),
        (
            lambda m: m(FEATURES),
            ValueError,
            r"`inputs` must be \(features, target_ids\); got .*use `generate`",
        ),
        (
            lambda m: m((FEATURES[:1], IDS.astype("float32"))),
            TypeError,
            "`target_ids` must be integer token ids; got float32",
        ),
        (
            lambda m: m((FEATURES[:1], IDS[0])),
            ValueError,
            r"`target_ids` must be \(batch, steps\); got the shape \(3,\)",
        ),
        (
            lambda m: m((FEATURES[0], IDS)),
            ValueError,
            r"`inputs` must hold features .*; got one of the shape \(4, 6\)",
        ),
        (
            lambda m: m.fit("photo.png", [RED]),
            ValueError,
            "`x` must be a list of pictures; got one. Put it in a list",
        ),
        (
            lambda m: m.fit(None, [RED]),
            TypeError,
            "`x` must be a list of .*; got NoneT",
        ),
        (lambda m: m.fit(["photo.png"], [RED]), ValueError, "has `encoder=None`"),
        (
            lambda m: m.fit(FEATURES[:, 0], CAPTIONS),
            ValueError,
            r"`x` must hold features .*; got one of the shape \(9, 6\)",
        ),
        (
            lambda m: m.fit(FEATURES[:0], []),
            ValueError,
            "`y` must hold at least one example; got none",
        ),
        (
            lambda m: m.evaluate(FEATURES[:0], IDS),
            ValueError,
            "`x` must hold at least one example; got none",
        ),
        (lambda m: m.fit(FEATURES, CAPTIONS[:2]), ValueError, "each of the 9 examples"),
        (lambda m: m.fit(FEATURES), ValueError, "`y` must hold the labels to learn"),
        (
            lambda m: m.fit(FEATURES, IDS + 9),
            ValueError,
            "`y` must be token ids from 0 to 11; got 11 to 19",
        ),
        (
            lambda m: m.fit(FEATURES[:1], IDS[:, :1]),
            ValueError,
            "`y` must be .* with at least the start token and one more",
        ),
        (
            lambda m: m.fit(tf.data.Dataset.from_tensors((FEATURES[0], CAPTIONS[0]))),
            ValueError,
            r"`x` must hold features .*; got one of the shape \(4, 6\)",
        ),
    ],
)
def test_mistakes_are_told(bare, call, error, message):
    with pytest.raises(error, match=message):
        call(bare)


@pytest.mark.long
def test_images_of_another_size_are_told(seeing):
    expected = r"or images \(batch, 16, 16, 3\); got one of the shape \(1, 9, 9, 3\)"
    with pytest.raises(ValueError, match=expected):
        seeing.evaluate(np.zeros((1, 9, 9, 3)), [RED], verbose=0)
    seeing.evaluate(np.zeros((1, 16, 16, 3)), [RED], verbose=0)


def test_texts_need_a_tokenizer(bare):
    model = ImageCaptioner(**{**bare.get_config(), "preprocessor": None})
    pairs = tf.data.Dataset.from_tensor_slices((FEATURES, CAPTIONS)).batch(3)
    expected = "`y` holds strings, but this ImageCaptioner has `preprocessor=None`"
    for arguments in ((FEATURES, CAPTIONS), (pairs,)):
        with pytest.raises(ValueError, match=expected):
            model.fit(*arguments)
    expected = "has `preprocessor=None`; `generate_ids` needs none"
    with pytest.raises(ValueError, match=expected):
        model.generate(FEATURES)
    ids = bare.preprocessor.target_ids(CAPTIONS).numpy()
    expected = bare.evaluate(FEATURES, CAPTIONS, verbose=0)
    model.set_weights(bare.get_weights())
    np.testing.assert_allclose(model.evaluate(FEATURES, ids, verbose=0), expected)
    assert len(WORDS) + 4 == model.target_vocabulary_size
    assert model.feature_dim == DIM
