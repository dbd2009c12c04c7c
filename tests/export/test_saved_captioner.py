"""A captioner as a SavedModel: the bytes of pictures in, captions out."""

import io

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from PIL import Image
from tiny_captioner import (
    LOCATIONS,
    captioner,
    features,
    picture,
    see_with_tiny_encoder,
)
from without_keras import run_without_keras

from kerasrnn.vision import features_of
from kerasrnn.zoo import ImageCaptioner

pytestmark = pytest.mark.long


def animated_webp():
    frames = [Image.new("RGB", (40, 30), (shade, 20, 200)) for shade in (10, 200)]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    return file.getvalue()


PICTURES = [
    picture((1, 0, 0)),
    picture((0, 0, 1), (300, 5), "JPEG"),
    picture((0, 1, 0), (1, 1), "BMP"),
    picture((1, 1, 0), (7, 90), "GIF"),
    animated_webp(),
]

# It captions the files of a folder, alone and together, and is shown a broken one.
SERVE = """
import pathlib
import numpy as np, tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
pictures = [f.read_bytes() for f in sorted(pathlib.Path(sys.argv[2]).iterdir())]
answers = {}
for name, signature in signatures.items():
    for batch, some in (("all", pictures), ("first", pictures[:1]), ("none", [])):
        for key, x in signature(image_bytes=tf.constant(some, tf.string)).items():
            x = x.numpy()
            answers[f"{name}/{batch}/{key}"] = x.astype("S") if x.dtype == object else x
    for broken in (b"no picture", b"", pictures[0][:-30]):
        try:
            signature(image_bytes=tf.constant([pictures[0], broken]))
        except tf.errors.InvalidArgumentError:
            continue
        raise SystemExit(f"{broken[:20]} was captioned")
np.savez(sys.argv[3], **answers)
"""


@pytest.fixture(scope="module")
def model():
    with pytest.MonkeyPatch.context() as monkeypatch:
        see_with_tiny_encoder(monkeypatch)
        yield captioner(encoder="efficientnet_lite0", seed=3)


@pytest.fixture(scope="module")
def answers(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "pictures").mkdir()
    for number, contents in enumerate(PICTURES):
        (folder / "pictures" / str(number)).write_bytes(contents)
    exported = model.export(folder / "captioner", version=2)
    run_without_keras(SERVE, exported, folder / "pictures", folder / "answers.npz")
    with np.load(folder / "answers.npz") as found:
        return dict(found)


def texts(array):
    return np.char.decode(array, "utf-8").tolist()


@pytest.mark.slow
def test_captions_and_scores_are_those_of_generate(model, answers):
    captions, scores = model.generate(PICTURES, return_scores=True)
    assert len({*captions}) > 1
    assert texts(answers["serving_default/all/caption"]) == captions
    np.testing.assert_allclose(answers["serving_default/all/scores"], scores, atol=1e-4)
    assert texts(answers["serving_default/first/caption"]) == captions[:1]
    best, scores = model.generate(
        PICTURES, search="beam", n_best=5, length_penalty=1.0, return_scores=True
    )
    assert texts(answers["beam/all/caption"]) == best
    np.testing.assert_allclose(answers["beam/all/scores"], scores, atol=1e-4)


def test_attention_is_served_with_its_tokens(model, answers):
    attention = answers["serving_default/all/attention"]  # (B, T, L)
    tokens = texts(answers["serving_default/all/tokens"])
    assert attention.shape == (len(PICTURES), len(tokens[0]), LOCATIONS)
    np.testing.assert_allclose(attention.sum(2), np.array(tokens) != "", atol=1e-5)
    seen = features_of(model.build_encoder(), PICTURES)
    found = model.generate_ids(seen, source_length=LOCATIONS)
    np.testing.assert_allclose(
        attention, ops.convert_to_numpy(found.alignments), atol=1e-5
    )
    assert np.ptp(attention[0, 0]) > 1e-4
    vocabulary = model.preprocessor.target.get_vocabulary()
    vocabulary = np.array([*vocabulary, "[START]", "[END]"])
    ids = answers["serving_default/all/token_ids"]
    np.testing.assert_array_equal(vocabulary[ids], tokens)


@pytest.mark.long
def test_no_pictures_are_no_error(answers):
    assert answers["serving_default/none/caption"].shape == (0,)
    assert answers["beam/none/scores"].shape == (0, 5)


def test_features_in_where_there_is_no_encoder(tmp_path):
    model = captioner(ImageCaptioner, seed=1)
    x, _ = features(3)
    signatures = tf.saved_model.load(model.export(tmp_path)).signatures
    assert set(signatures) == {"serving_default"}
    found = signatures["serving_default"](tf.constant(x))
    assert [text.decode() for text in found["caption"].numpy()] == model.generate(x)
    assert set(found) == {"caption", "scores", "token_ids", "tokens"}
