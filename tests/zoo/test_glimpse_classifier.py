"""A classifier that looks at an image through a few windows."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from other_backend import other_backends, run_on

from kerasrnn.vision import PictureReader
from kerasrnn.zoo import GlimpseClassifier, Task
from kerasrnn.zoo.glimpses.first_look import FirstLook, middles_of
from kerasrnn.zoo.glimpses.glimpse_sensor import GlimpseSensor, means_of_blocks

SMALL = {
    "units": 6,
    "glimpse_units": 5,
    "glimpse_size": 5,
    "look_reduction": 2,
    "look_filters": 4,
    "window_filters": 3,
}
rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (6, 15, 20, 1)).astype("uint8")
LABELS = ["up", "down"]


def classifier(shape=(15, 20, 1), *, reader=True, seed=1, **kwargs):
    keras.utils.set_random_seed(seed)
    reader = PictureReader(*shape) if reader else None
    model = GlimpseClassifier(
        None if reader else shape,
        preprocessor=reader,
        **{"labels": LABELS, **SMALL, **kwargs},
    )
    # Moves begin at zero, where a wrong one would not be seen.
    if model.move is not None:
        model.move.kernel.assign(rng.normal(size=model.move.kernel.shape))
    model.first_look.score.kernel.assign(rng.normal(size=(SMALL["look_filters"], 1)))
    return model


@pytest.fixture(scope="module")
def model():
    return classifier()


def window_by_hand(image, location, size, k):
    """ρ_k(image, l) in NumPy, pixel by pixel."""
    height, width, channels = image.shape
    rows, columns = -(-height // k), -(-width // k)
    full = np.zeros((rows * k, columns * k, channels))
    full[:height, :width] = image
    small = full.reshape(rows, k, columns, k, channels).mean(axis=(1, 3))

    def pixel(y, x):
        inside = 0 <= y < rows and 0 <= x < columns
        return small[y, x] if inside else np.zeros(channels)

    found = np.zeros((size, size, channels))
    middle = (np.asarray(location) + 1) / 2 * [height, width] / k
    for i, j in np.ndindex(size, size):
        y, x = middle[0] + i - size / 2, middle[1] + j - size / 2
        top, left = int(np.floor(y)), int(np.floor(x))
        down, right = y - top, x - left
        found[i, j] = (
            (1 - down) * (1 - right) * pixel(top, left)
            + (1 - down) * right * pixel(top, left + 1)
            + down * (1 - right) * pixel(top + 1, left)
            + down * right * pixel(top + 1, left + 1)
        )
    return found


@pytest.mark.parametrize("size", [4, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_windows_are_the_image_at_their_places(size, channels):
    images = rng.uniform(size=(6, 11, 14, channels)).astype("float32")
    locations = np.array(
        [[-1, -1], [1, 1], [-1, 1], [0, 0], [0.3, -0.71], [0.05, 0.99]], "float32"
    )
    windows = GlimpseSensor(size, (1, 3))(images, locations).numpy()
    for row, location in enumerate(locations):
        for place, k in enumerate((1, 3)):
            found = windows[row, ..., place * channels : (place + 1) * channels]
            expected = window_by_hand(images[row], location, size, k)
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_place_learns_through_the_interpolation():
    images = np.zeros((1, 9, 9, 1), "float32")
    images[0, :, 5:] = 1
    sensor = GlimpseSensor(1)
    location = tf.constant([[0.0, 0.1]])  # at 4.95 of 9 pixels: half dark, half light
    with tf.GradientTape() as tape:
        tape.watch(location)
        seen = tf.reduce_sum(sensor(images, location))
    (gradient,) = tape.gradient(seen, [location])
    # A step of one pixel to the right, of 9 / 2 to a unit, is as much lighter.
    np.testing.assert_allclose(gradient, [[0.0, 4.5]], atol=1e-5)


def test_means_of_blocks_fill_up_with_zeros():
    image = np.ones((1, 3, 5, 1), "float32")
    found = means_of_blocks(image, 2)[0, ..., 0].numpy()
    np.testing.assert_allclose(found, [[1, 1, 0.5], [0.5, 0.5, 0.25]])


def test_the_first_look_goes_to_what_its_features_like():
    look = FirstLook(2, 1)
    images = np.zeros((1, 40, 60, 1), "float32")
    images[0, 29:32, 13:16] = 1
    look.build(images.shape)
    look.features.kernel.assign(np.ones((5, 5, 1, 1)) / 25)
    look.score.kernel.assign([[100.0]])
    location, content, attention = look(images)
    assert attention.shape == (1, 10 * 15)
    np.testing.assert_allclose(attention.numpy().sum(), 1, rtol=1e-5)
    # Places are 4 pixels apart, and each sees 10 × 10 of them.
    middle = (location.numpy()[0] + 1) / 2 * [40, 60]
    np.testing.assert_allclose(middle, [30.5, 14.5], atol=2.5)
    assert content.numpy()[0, 0] > 0


def test_the_middles_of_places_are_where_the_convolution_puts_them():
    for blocks in (7, 8, 25):
        image = np.zeros((blocks, 1, blocks, 1), "float32")
        image[np.arange(blocks), 0, np.arange(blocks)] = 1  # a row for each block
        weights = np.zeros((1, 5, 1, 1))
        weights[0, 2] = 1  # the middle of the kernel
        found = tf.nn.conv2d(image, weights, (1, 2), "SAME").numpy()[:, 0, :, 0]
        middles = (middles_of(blocks, 3, 3 * blocks) + 1) / 2 * blocks - 0.5
        np.testing.assert_allclose(found.argmax(axis=0), middles, atol=1e-9)


def test_what_is_computed_is_what_the_equations_say():
    model = classifier(cell="gru", dropout=0.0, max_move=0.4)
    images = IMAGES.astype("float32") / 255
    location, content, _ = (x.numpy() for x in model.first_look(images))

    def dense(layer, x):
        bias = layer.bias.numpy() if layer.use_bias else 0
        return x @ layer.kernel.numpy() + bias

    h = np.tanh(dense(model.bridges[0], content))
    for step in range(3):
        if step:
            location = location + 0.4 * np.tanh(dense(model.move, h))
            location = np.clip(location, -1, 1)
        strokes = model.strokes(model.sensor(images, location)).numpy()
        seen = dense(model.what, strokes.reshape(len(images), -1))
        x = np.maximum(seen + dense(model.where, location), 0)
        h = model.cells[0](x, [h])[0].numpy()
    expected = dense(model.classes, h)
    np.testing.assert_allclose(model(IMAGES).numpy(), expected, atol=1e-4)
    looks = model.look(IMAGES)
    np.testing.assert_allclose(looks.locations[:, 2], location, atol=1e-5)
    of_last = keras.ops.softmax(expected).numpy()
    np.testing.assert_allclose(looks.probabilities[:, 2], of_last, atol=1e-4)
    for scale in range(2):
        k = model.scales[scale]
        by_hand = window_by_hand(images[0], location[0], 5, k)
        np.testing.assert_allclose(looks.windows[0, 2, scale], by_hand, atol=1e-4)


@pytest.mark.long
def test_it_learns_where_to_look():
    """A square or a cross, anywhere on a canvas too large for its windows."""
    keras.utils.set_random_seed(3)
    draw = np.random.default_rng(1)
    marks = np.zeros((2, 5, 5), "uint8")
    marks[0, :, [0, 4]] = marks[0, [0, 4]] = 255
    marks[1, :, 2] = marks[1, 2] = 255
    labels = draw.integers(0, 2, 600)
    images = np.zeros((600, 30, 30), "uint8")
    places = draw.integers(0, 26, (600, 2))
    for row, (y, x) in enumerate(places):
        images[row, y : y + 5, x : x + 5] = marks[labels[row]]
    sizes = {"units": 16, "glimpse_units": 16, "glimpse_size": 6}
    model = GlimpseClassifier(
        (30, 30, 1), labels=LABELS, glimpses=2, scales=[1], **{**SMALL, **sizes}
    )
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(images[:500], labels[:500], epochs=15, verbose=0)
    scores = model.evaluate(images[500:], labels[500:], verbose=0, return_dict=True)
    assert scores["accuracy"] > 0.9
    found = (model.look(images[500:]).locations[:, 0] + 1) / 2 * 30
    assert np.median(np.abs(found - places[500:] - 2.5)) < 3


@pytest.mark.long
def test_what_it_takes(model, tmp_path):
    files = []
    for row, image in enumerate(IMAGES):
        files.append(str(tmp_path / f"{row}.png"))
        (tmp_path / f"{row}.png").write_bytes(tf.io.encode_png(image).numpy())
    expected = model.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-5)
    contents = [(tmp_path / f"{row}.png").read_bytes() for row in range(len(IMAGES))]
    of_files = tf.data.Dataset.from_tensor_slices(contents)
    for given in (
        IMAGES[..., 0],
        [*IMAGES],
        [image[..., 0] for image in IMAGES],
        IMAGES.astype("float32"),
        IMAGES / 255,  # floats from 0 to 1
        np.repeat(IMAGES, 3, axis=-1),
        files,
        np.array(files),
        contents,
        tf.constant(IMAGES),
        tf.data.Dataset.from_tensor_slices(IMAGES).batch(4),
        of_files.batch(4),
        of_files,
    ):
        np.testing.assert_allclose(model.predict(given, verbose=0), expected, atol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(files), expected, atol=1e-5)
    np.testing.assert_allclose(
        model.look(files).probabilities[:, -1], expected, atol=1e-5
    )
    labels = ["up", "down"] * 3
    first = model.evaluate(files, labels, verbose=0)
    assert model.evaluate(IMAGES, [0, 1] * 3, verbose=0) == pytest.approx(first)
    assert model.test_on_batch(files, np.array([0, 1] * 3)) == pytest.approx(first)


def test_pictures_of_another_size_are_resized_and_it_is_told(model):
    larger = np.repeat(np.repeat(IMAGES, 2, axis=1), 2, axis=2)
    with pytest.warns(
        UserWarning, match="6 of 6 pictures of another size than 15 x 20"
    ):
        found = model.predict(larger, verbose=0)
    # Shrunk by its half, a picture of squares of 2 × 2 is almost what it was.
    np.testing.assert_allclose(found, model.predict(IMAGES, verbose=0), atol=0.05)


def test_a_colour_picture_is_read_as_grey(model):
    colour = np.zeros((1, 15, 20, 3), "uint8")
    colour[..., 0] = 200  # 0.299 of it is 60
    grey = np.full((1, 15, 20), 60, "uint8")
    np.testing.assert_allclose(
        model.predict(colour, verbose=0), model.predict(grey, verbose=0), rtol=1e-5
    )


NAN = np.where(np.arange(300).reshape(1, 15, 20) == 7, np.nan, 1.0)
WRONG = {
    "empty batch": (IMAGES[:0], "`x` must hold at least one picture; got none"),
    "empty list": ([], "`x` must hold at least one picture; got none"),
    "NaN": (NAN, r"`x\[0\]` must be finite; it holds NaN"),
    "one picture": (IMAGES[0, ..., 0], "One picture is a batch of one: picture"),
    "one file": ("photo.png", "`x` must be a list of pictures; got one"),
    "out of range": (IMAGES + 300.0, r"`x\[0\]` must lie in 0 to 255; got"),
    "five channels": (np.zeros((1, 15, 20, 5)), r"or \(height, width, 1, 3 or 4\)"),
    "no picture": ([b"GIF89a, but no more"], r"`x\[0\]` must be a picture \(PNG"),
    "words": (np.array([["a"]]), "must be"),
    "nothing": (None, "`x` must be a list of pictures, an array or a tf.data.Dataset"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_refused(model, name):
    given, message = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=message):
        model.predict(given, verbose=0)


def test_a_file_that_is_not_there(model):
    with pytest.raises(FileNotFoundError, match=r"`x\[0\]` must be a picture's file"):
        model.predict(["nowhere.png"], verbose=0)


@pytest.mark.long
def test_without_a_reader_it_takes_arrays_of_its_shape():
    model = classifier(reader=False)
    expected = model(IMAGES).numpy()
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), expected, atol=1e-5)
    found = model.predict(IMAGES[..., 0], verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"`x` must be images \(batch, 15, 20, 1\)"):
        model.predict(IMAGES[:, 1:], verbose=0)
    with pytest.raises(ValueError, match=r"`images` must be \(batch, 15, 20, 1\)"):
        model(IMAGES[:, 1:])
    with pytest.raises(ValueError, match="`x` holds files, but this GlimpseClassifier"):
        model.predict(["a.png"], verbose=0)
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    with pytest.raises(
        ValueError, match=r"`x` must be a dataset of \(images, labels\)"
    ):
        model.predict(dataset, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "rnn"}, "`cell` must be one of simple_rnn, lstm, gru; got 'rnn'"),
        ({"glimpses": 0}, "`glimpses` must be"),
        ({"glimpse_size": 2}, "`glimpse_size` must be"),
        ({"scales": []}, "`scales` must be one or more different integers"),
        ({"scales": [1, 1]}, "`scales` must be one or more different integers"),
        ({"max_move": 0.0}, "`max_move` must be above 0, at most 2; got 0.0"),
        ({"dropout": 1.0}, "`dropout` must be from 0 to below 1; got 1.0"),
        ({"labels": ["one"]}, "`labels` must name two or more classes"),
        ({"image_shape": (4, 4)}, r"`image_shape` must be \(height, width, channels\)"),
        ({"image_shape": (4, 4, 2)}, "`image_shape` must have 1 or 3 channels; got 2"),
        ({"image_shape": None}, "`image_shape` must be given"),
        (
            {"preprocessor": PictureReader(4, 5)},
            r"shape \(15, 20, 1\); got one that makes \(4, 5, 1\)",
        ),
        ({"preprocessor": len}, "`preprocessor` must be a kerasrnn.vision.PictureR"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        GlimpseClassifier(**{"image_shape": (15, 20, 1), **SMALL, **arguments})


def test_labels_that_cannot_be_meant(model):
    with pytest.raises(ValueError, match="`y` must hold labels 0 to 1"):
        model.fit(IMAGES, [0, 1, 2, 0, 1, 0], verbose=0)
    with pytest.raises(ValueError, match=r"or their names.*got 'left'"):
        model.fit(IMAGES, ["left"] * 6, verbose=0)


@pytest.mark.long
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"cell": "gru", "num_layers": 2, "glimpses": 1, "scales": [3]},
        {"shape": (15, 20, 3), "cell": "simple_rnn"},
    ],
)
def test_saved_and_read_again(tmp_path, kwargs):
    model = classifier(**kwargs)
    images = np.repeat(IMAGES, model.image_shape[2], axis=-1)
    model.fit(images, LABELS * 3, verbose=0)
    expected = model.predict(images, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(images, verbose=0), expected, atol=1e-6)
    model.save_to_preset(tmp_path / "preset")
    preset = Task.from_preset(tmp_path / "preset")
    assert isinstance(preset, GlimpseClassifier)
    assert preset.preprocessor.image_shape == model.image_shape
    np.testing.assert_allclose(preset.predict(images, verbose=0), expected, atol=0.01)


def test_explain_says_that_its_cells_step_by_themselves(model):
    (cell,) = model.cells
    lines = cell.explain().splitlines()
    assert lines[0] == "kernel: none" and "one step a call" in lines[1]
    assert any(line.startswith("not tensorflow: it runs the loop") for line in lines)


@pytest.mark.long
def test_the_saved_model_takes_files_and_pixels(model, tmp_path):
    model.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served").signatures
    files = tf.constant([tf.io.encode_png(image).numpy() for image in IMAGES])
    expected = model.predict(IMAGES, verbose=0)
    answers = [
        served["serving_default"](image_bytes=files),
        served["pixels"](images=tf.constant(IMAGES, tf.float32)),
    ]
    looks = model.look(IMAGES)
    for answer in answers:
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
        np.testing.assert_allclose(answer["locations"], looks.locations, atol=1e-5)
        best = [LABELS[row.argmax()] for row in expected]
        assert [label.decode() for label in answer["label"].numpy()] == best


def run_onnx():
    """What runs an exported file by ONNX Runtime, and the file's format."""
    onnxruntime = pytest.importorskip("onnxruntime")

    def run(folder, images):
        session = onnxruntime.InferenceSession(folder / "model.onnx")
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, {"images": images}), strict=True))

    return run, "onnx"


def run_litert():
    """What runs an exported file by LiteRT, and the file's format."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")

    def run(folder, images):
        loaded = interpreter.Interpreter(str(folder / "model.tflite"))
        ask = loaded.get_signature_runner()
        # The file has room for one image.
        each = [ask(images=images[row : row + 1]) for row in range(len(images))]
        return {name: np.concatenate([one[name] for one in each]) for name in each[0]}

    return run, "litert"


@pytest.mark.long
@pytest.mark.parametrize("runtime", [run_onnx, run_litert])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_onnx_and_litert_say_the_same(tmp_path, runtime, cell):
    run, format = runtime()
    model = classifier(cell=cell, shape=(15, 20, 3))
    model.export(tmp_path / "files", format=format)
    images = rng.integers(0, 256, (6, 15, 20, 3)).astype("float32")
    expected = model.predict(images, verbose=0)
    assert np.ptp(expected, axis=0).min() > 1e-3  # they are told apart
    locations = model.look(images).locations
    for rows in (slice(0, 1), slice(0, 6)):  # whatever the size of the batch
        found = run(tmp_path / "files", images[rows])
        np.testing.assert_allclose(found["probabilities"], expected[rows], atol=1e-4)
        np.testing.assert_allclose(found["locations"], locations[rows], atol=1e-4)
    described = json.loads((tmp_path / "files" / "model.json").read_text())
    assert described["labels"] == LABELS
    part = described["parts"]["model"]
    assert part["largest_difference"] < 1e-4
    room = {"onnx": None, "litert": 1}[format]
    assert part["inputs"]["images"]["shape"] == [room, 15, 20, 3]
    assert part["outputs"]["probabilities"]["shape"] == [room, 2]
    assert {*part["outputs"]} == {"probabilities", "locations"}


CODE = """
import json, sys
import keras, numpy as np
from kerasrnn.zoo import GlimpseClassifier

folder, first = sys.argv[1], sys.argv[2] == "first"
keras.utils.set_random_seed(1)
model = GlimpseClassifier((13, 17, 3), labels=["a", "b"], units=6, glimpse_size=5,
    glimpse_units=5, look_reduction=2, look_filters=4, window_filters=3)
if first:
    # Away from the middle of a pixel, where the gradient of a place has two values.
    model.first_look.score.kernel.assign([[0.1], [-0.2], [0.3], [0.05]])
    model.save_weights(f"{folder}/first.weights.h5")
model.load_weights(f"{folder}/first.weights.h5")
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (8, 13, 17, 3)).astype("uint8")
labels = rng.integers(0, 2, 8)
model.compile(keras.optimizers.SGD(0.02))
history = model.fit(images, labels, batch_size=8, epochs=4, shuffle=False, verbose=0)
looks = model.look(images)
model.evaluate(images, labels, verbose=0)
print("RESULT" + json.dumps({
    "losses": history.history["loss"],
    "locations": looks.locations.tolist(),
    "logits": np.asarray(model.predict(images, verbose=0)).tolist(),
}))
"""


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory):
    """A folder with the weights at the start, and what TensorFlow makes of them."""
    folder = tmp_path_factory.mktemp("weights")
    return folder, run_on("tensorflow", CODE, folder, "first")


@pytest.mark.slow
@other_backends
def test_the_same_on_each_backend(backend, on_tensorflow):
    folder, expected = on_tensorflow
    found = run_on(backend, CODE, folder, "second")
    assert expected["losses"][-1] < expected["losses"][0]
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=1e-4)
