import dataclasses
import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent import futures

import numpy as np
import pytest
from keras import ops
from PIL import Image

from kerasrnn.vision import ImageEncoder, cached_features, feature_cache, features_of
from kerasrnn.vision.image_decoding import read_images


@dataclasses.dataclass
class Pictures:
    keys: tuple[str, ...]
    read: Callable[[], Iterator[bytes]]


def picture(number):
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype="uint8")
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


CONTENTS = [picture(number) for number in range(9)]


def pictures(contents):
    keys = tuple(f"picture {i}" for i in range(len(contents)))
    return Pictures(keys, lambda: iter(contents))


class TinyEncoder(ImageEncoder):
    """Another network, with four places and two features."""

    image_size, locations, dim = 16, 4, 2

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(3, 2), name="kernel")

    def call(self, images, training=False):
        grid = ops.mean(ops.reshape(images, (-1, 2, 8, 2, 8, 3)), axis=(2, 4))
        return ops.reshape(ops.matmul(grid, self.kernel), (-1, 4, 2))


@pytest.fixture(scope="module")
def encoder():
    encoder = TinyEncoder()
    encoder.build((None, 16, 16, 3))
    encoder.kernel.assign([[1, 0], [0, 1], [0.5, -1]])
    return encoder


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(feature_cache, "BATCH_SIZE", 4)


@pytest.fixture(scope="module")
def expected(encoder):
    return ops.convert_to_numpy(encoder(read_images(CONTENTS, 16)))


def test_features_of_pictures_are_the_encoders(encoder, expected):
    features = features_of(encoder, CONTENTS, batch_size=4)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-3)
    # Pictures differ, or the test above would not see an order that is wrong.
    assert np.abs(expected[0] - expected[1]).max() > 5
    one = features_of(encoder, CONTENTS[3], verbose=0)
    np.testing.assert_allclose(one, expected[3:4], rtol=1e-5, atol=1e-3)
    with pytest.raises(ValueError, match=r"`images\[5\]` must be a picture"):
        features_of(encoder, [*CONTENTS[:5], b"text"], batch_size=4)
    assert features_of(encoder, []).shape == (0, 4, 2)


def test_who_comes_second_waits_and_computes_nothing(encoder, expected, tmp_path):
    begun, go_on = threading.Event(), threading.Event()
    told = []

    def slowly():
        begun.set()
        assert go_on.wait(60)
        yield from CONTENTS

    keys = pictures(CONTENTS).keys
    # The second reading is the one that computes; the first tells what to compute.
    readings = iter([iter(CONTENTS), slowly()])
    first = Pictures(keys, lambda: next(readings))
    with futures.ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(cached_features, encoder, first, tmp_path, log=told.append)
        ]
        assert begun.wait(60)
        second = pictures(CONTENTS)
        calls.append(
            pool.submit(cached_features, encoder, second, tmp_path, log=told.append)
        )
        with pytest.raises(futures.TimeoutError):
            calls[1].result(timeout=0.5)
        go_on.set()
        for call in calls:
            np.testing.assert_allclose(call.result(60), expected, rtol=1e-2, atol=0.5)
    assert len(told) == 1


def test_a_cache_is_computed_once(encoder, expected, tmp_path):
    lines = []
    cached = cached_features(encoder, pictures(CONTENTS), tmp_path, log=lines.append)
    assert cached.dtype == np.float16
    np.testing.assert_allclose(cached, expected, rtol=1e-3, atol=0.1)
    assert len(lines) == 1
    assert "9 pictures, efficientnet_lite0, 0 of them done" in lines[0]
    again = cached_features(encoder, pictures(CONTENTS), tmp_path, log=lines.append)
    assert len(lines) == 1
    np.testing.assert_array_equal(again, cached)


class KilledError(BaseException):
    """As a kill: nothing on the way handles it."""


@pytest.mark.parametrize("when", ["before the rows", "before the state", "after it"])
def test_a_run_that_is_killed_is_taken_up(encoder, tmp_path, monkeypatch, when):
    whole = cached_features(
        encoder, pictures(CONTENTS), tmp_path / "whole", log=lambda line: None
    )
    calls = []

    def killed_at_the_second(function, *, after=False):
        def wrapper(*arguments):
            calls.append(arguments)
            if len(calls) == 2 and not after:
                raise KilledError
            result = function(*arguments)
            if len(calls) == 2:
                raise KilledError
            return result

        return wrapper

    with monkeypatch.context() as patch:
        if when == "before the rows":
            read = killed_at_the_second(feature_cache.read_images)
            patch.setattr(feature_cache, "read_images", lambda *a, names: read(*a))
        else:
            write = feature_cache._write_state
            patched = killed_at_the_second(write, after=when == "after it")
            patch.setattr(feature_cache, "_write_state", patched)
        with pytest.raises(KilledError):
            cached_features(encoder, pictures(CONTENTS), tmp_path, log=str)
    (state,) = tmp_path.glob("????????????????/state.json")
    done = json.loads(state.read_text())["done"]
    assert done == {"after it": 8}.get(when, 4)
    # What was not counted may be anything.
    damaged = np.load(state.with_name("features.npy"), mmap_mode="r+")
    damaged[done:] = np.nan
    damaged.flush()

    encoded = []
    encode = feature_cache.read_images

    def counted(batch, size, *, names):
        encoded.extend(names)
        return encode(batch, size, names=names)

    monkeypatch.setattr(feature_cache, "read_images", counted)
    lines = []
    cached = cached_features(encoder, pictures(CONTENTS), tmp_path, log=lines.append)
    assert f"{done} of them done" in lines[0]
    assert encoded == [f"the picture 'picture {i}'" for i in range(done, 9)]
    np.testing.assert_array_equal(cached, whole)


def test_a_state_or_a_file_that_is_damaged_is_computed_anew(encoder, tmp_path):
    whole = np.array(
        cached_features(encoder, pictures(CONTENTS[:3]), tmp_path, log=str)
    )
    (state,) = tmp_path.glob("*/state.json")
    for path, content in ((state, b"{"), (state.with_name("features.npy"), b"x")):
        path.write_bytes(content)
        lines = []
        cached = cached_features(
            encoder, pictures(CONTENTS[:3]), tmp_path, log=lines.append
        )
        assert "0 of them done" in lines[0]
        np.testing.assert_array_equal(cached, whole)


SHAPE = [3, 4, 2]


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def npz(array):
    file = io.BytesIO()
    np.savez(file, x=array)
    return file.getvalue()


def state_of(**entries):
    return json.dumps({"shape": SHAPE, "done": 3} | entries).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("state.json", state_of(done=done)) for done in (-1, 4, 1e9, "3", None, [3])),
        ("state.json", state_of(done=True)),
        ("state.json", state_of(shape=[3, 4])),
        ("state.json", b"[3]"),
        ("state.json", b"[" * 900),
        ("state.json", state_of(x="a" * 2000)),
        ("state.json", b"\xff\xfe"),
        ("features.npy", b""),
        ("features.npy", npy(np.zeros(SHAPE, "float16"))[:-1]),
        ("features.npy", npy(np.zeros(SHAPE, "float16"))[:40]),
        ("features.npy", npy(np.zeros(SHAPE, "float32"))),
        ("features.npy", npy(np.asfortranarray(np.zeros(SHAPE, "float16")))),
        ("features.npy", npy(np.full(SHAPE, None))),
        ("features.npy", npz(np.zeros(SHAPE, "float16"))),
        ("features.npy", npy(np.zeros(SHAPE, "float16")).replace(b"(3,", b"(9,")),
    ],
)
def test_a_cache_that_something_else_wrote_is_computed_anew(
    encoder, tmp_path, whole_of_three, name, content
):
    examples = pictures(CONTENTS[:3])
    cached_features(encoder, examples, tmp_path, log=str)
    (state,) = tmp_path.glob("*/state.json")
    state.with_name(name).write_bytes(content)
    lines = []
    cached = cached_features(encoder, examples, tmp_path, log=lines.append)
    assert "0 of them done" in lines[0]
    np.testing.assert_array_equal(cached, whole_of_three)


@pytest.fixture(scope="module")
def whole_of_three(encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return cached_features(encoder, pictures(CONTENTS[:3]), folder, log=str)


def test_what_is_compiled_is_kept_and_sees_new_weights(monkeypatch):
    calls, call = [], TinyEncoder.call

    def counted(self, images, training=False):
        calls.append(images)
        return call(self, images)

    monkeypatch.setattr(TinyEncoder, "call", counted)
    encoder = TinyEncoder()
    before = features_of(encoder, CONTENTS[:2], verbose=0)
    traced = len(calls)
    assert features_of(encoder, CONTENTS[2:4], verbose=0).shape == (2, 4, 2)
    assert len(calls) == traced
    encoder.kernel.assign(2 * encoder.kernel)
    after = features_of(encoder, CONTENTS[:2], verbose=0)
    assert len(calls) == traced
    np.testing.assert_allclose(after, 2 * before, rtol=1e-5, atol=1e-3)
    # The layer is none the larger.
    assert len(encoder.weights) == 1


def test_other_decoding_has_a_cache_of_its_own(encoder, tmp_path, monkeypatch):
    cached_features(encoder, pictures(CONTENTS[:2]), tmp_path, log=str)
    monkeypatch.setattr(feature_cache, "CACHE_VERSION", 0)
    cached_features(encoder, pictures(CONTENTS[:2]), tmp_path, log=str)
    assert len(list(tmp_path.glob("*/state.json"))) == 2


def test_other_pictures_keys_or_weights_have_a_cache_of_their_own(encoder, tmp_path):
    def caches(encoder, examples):
        cached_features(encoder, examples, tmp_path, log=str)
        return len(list(tmp_path.glob("*/state.json")))

    two = CONTENTS[:2]
    assert caches(encoder, pictures(two)) == 1
    assert caches(encoder, pictures([two[0], picture(99)])) == 2
    assert caches(encoder, Pictures(("a", "b"), lambda: iter(two))) == 3
    assert caches(TinyEncoder(), pictures(two)) == 4
    assert caches(encoder, pictures(two)) == 4


def test_a_damaged_picture_is_named_by_its_key(encoder, tmp_path):
    contents = [*CONTENTS[:5], CONTENTS[5][:-40], *CONTENTS[6:]]
    with pytest.raises(ValueError, match="the picture 'picture 5' must be a picture"):
        cached_features(encoder, pictures(contents), tmp_path, log=str)
    (state,) = tmp_path.glob("*/state.json")
    assert json.loads(state.read_text())["done"] == 4
    with pytest.raises(ValueError, match="`examples` must have pictures; got none"):
        cached_features(encoder, pictures([]), tmp_path)


def test_features_too_large_for_float16_are_refused(tmp_path):
    encoder = TinyEncoder()
    encoder.build((None, 16, 16, 3))
    encoder.kernel.assign([[1e6, 0]] * 3)
    with pytest.raises(ValueError, match="features that float16 holds"):
        cached_features(encoder, pictures(CONTENTS[:2]), tmp_path, log=str)


@pytest.mark.long
def test_an_image_encoder_does():
    encoder = ImageEncoder(weights=None)
    features = features_of(encoder, CONTENTS[:2], verbose=0)
    expected = ops.convert_to_numpy(encoder(read_images(CONTENTS[:2], 224)))
    # Through random weights, little of a picture is left.
    scale = np.abs(expected).max()
    np.testing.assert_allclose(features / scale, expected / scale, atol=1e-4)
