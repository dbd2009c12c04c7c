"""Features of many pictures: computed in batches, and once for all."""

import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from typing import Any

import keras
import numpy as np

from kerasrnn.fetching import cache_directory
from kerasrnn.vision.image_decoding import Picture, read_images
from kerasrnn.vision.image_encoder import ImageEncoder

BATCH_SIZE = 32
# To be raised when pictures become other pixels than before: caches are then made anew.
CACHE_VERSION = 2
FEATURES = "features.npy"
STATE = "state.json"
# More than it ever has; what a damaged one holds is not read to the end.
STATE_BYTES = 1000


def features_of(
    encoder: ImageEncoder,
    images: Picture | Iterable[Picture],
    *,
    batch_size: int = BATCH_SIZE,
    names: Sequence[str] | None = None,
    verbose: str | int = "auto",
) -> np.ndarray:
    """The encoder's features of pictures.

    Args:
        encoder: gives (B, L, D) of a batch.
        images: one picture or a list of them, as `read_images` takes them.
        batch_size: pictures that the encoder sees at once.
        names: what errors call the pictures, in place of `images[0]` and so on.
        verbose: 0 for no progress bar. There is none either where standard error is
            no terminal.

    Returns:
        (N, L, D) float32.

    Raises:
        ValueError: a picture is broken; it says which.

    Example:

    >>> encoder = ImageEncoder("efficientnet_lite0", weights=None)
    >>> features_of(encoder, [np.zeros((9, 5), "uint8")], verbose=0).shape
    (1, 49, 1280)
    """
    several: Any = images
    if not isinstance(images, list | tuple) and getattr(images, "ndim", 0) != 4:
        several = [images]
    images = list(several)
    if names is None:
        names = [f"`images[{i}]`" for i in range(len(images))]
    batch_size = max(1, min(batch_size, len(images)))
    features = np.empty((len(images), encoder.locations, encoder.dim), "float32")
    batches = _encoded_batches(encoder, images, names, batch_size)
    with _progress(len(images), 0, verbose) as bar:
        for row, batch in zip(itertools.count(0, batch_size), batches, strict=False):
            features[row : row + len(batch)] = batch
            bar.update(len(batch))
    return features


class EncodedPictures(typing.Protocol):
    """Pictures with a key each, such as `kerasrnn.data.CaptionedImages`."""

    @property
    def keys(self) -> Sequence[str]:
        """What each picture is called."""

    @property
    def read(self) -> Callable[[], Iterator[bytes]]:
        """Gives the bytes of all pictures in the order of `keys`."""


def cached_features(
    encoder: ImageEncoder,
    examples: EncodedPictures,
    folder: str | os.PathLike | None = None,
    *,
    log: Callable[[str], object] = print,
) -> np.memmap:
    """The encoder's features of all examples, computed once and kept on disk.

    A run that was killed is taken up where it stopped, whenever that was, and a second
    one beside it waits. Other pictures, keys or weights of the encoder have a cache of
    their own in `folder`.

    Args:
        encoder: gives (B, L, D) of a batch.
        examples: has `keys`, and `read()`, which gives the encoded pictures in their
            order, as `kerasrnn.data.CaptionedImages` has.
        folder: for all caches; None: one beside the packages that were fetched.
        log: is told what is computed, and where it is.

    Returns:
        (N, L, D) float16, on disk, read-only.

    Raises:
        ValueError: a picture is broken; it says which. What was computed before stays.
    """
    shape = (len(examples.keys), encoder.locations, encoder.dim)
    if not shape[0]:
        raise ValueError("`examples` must have pictures; got none.")
    folder = folder or cache_directory() / "features"
    cache = pathlib.Path(folder) / _digest(encoder, examples)
    file, state = cache / FEATURES, cache / STATE
    if _rows_done(state, file, shape) < shape[0]:
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache):
            _complete(cache, shape, encoder, examples, log)
    return np.lib.format.open_memmap(file, mode="r")


@contextlib.contextmanager
def _alone(cache):
    """Waits until no other process fills the cache."""
    try:
        import fcntl
    except ImportError:  # Windows, where two must not fill one cache at a time.
        yield
        return
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _complete(cache, shape, encoder, examples, log):
    """Computes what is missing of a cache."""
    file, state = cache / FEATURES, cache / STATE
    done = _rows_done(state, file, shape)
    if done < shape[0]:
        gigabytes = np.prod(shape, dtype=float) * 2 / 1e9
        log(
            f"Features of {shape[0]} pictures, {encoder.model}, {done} of them done: "
            f"{cache} ({gigabytes:.1f} GB)"
        )
        mode = "r+" if done else "w+"
        features = np.lib.format.open_memmap(file, mode, "float16", shape)
        _fill(features, state, done, encoder, examples)


def _fill(features, state, done, encoder, examples):
    pictures = itertools.islice(examples.read(), done, None)
    names = [f"the picture {key!r}" for key in examples.keys[done:]]
    batches = _encoded_batches(encoder, pictures, names, BATCH_SIZE)
    with _progress(len(features), done, "auto") as bar:
        for batch in batches:
            rows = slice(done, done + len(batch))
            with np.errstate(over="ignore"):  # the next line says more
                features[rows] = batch
            if not np.isfinite(features[rows]).all():
                raise ValueError(
                    f"`encoder` must give features that float16 holds; those of "
                    f"{names[0]} and the {len(batch) - 1} after it reach "
                    f"{np.abs(batch).max()}."
                )
            features.flush()
            done += len(batch)
            # Only now, and at one blow: what the state counts is on the disk.
            _write_state(state, features.shape, done)
            bar.update(len(batch))
    if done != len(features):
        raise ValueError(
            f"`examples.read` must give {len(features)} pictures, one for each key; "
            f"it gave {done}."
        )


def _encoded_batches(encoder, pictures, names, batch_size):
    """Features batch by batch; the next pictures are decoded meanwhile."""
    size = encoder.image_size
    names, pictures = iter(names), iter(pictures)

    def read(batch):
        of_batch = list(itertools.islice(names, len(batch)))
        return read_images(batch, size, names=of_batch)

    def next_batch(reader):
        batch = list(itertools.islice(pictures, batch_size))
        return reader.submit(read, batch) if batch else None

    with futures.ThreadPoolExecutor(1) as reader:
        waiting = next_batch(reader)
        while waiting is not None:
            pixels = waiting.result()
            waiting = next_batch(reader)
            count = len(pixels)
            # Always the same shape: another one is compiled anew on JAX.
            missing = [(0, batch_size - count), (0, 0), (0, 0), (0, 0)]
            yield encoder.predict_on_batch(np.pad(pixels, missing))[:count]


def _digest(encoder, examples):
    """What features depend on: decoding, architecture, weights, keys, pictures."""
    if not encoder.built:
        encoder.build((None, encoder.image_size, encoder.image_size, 3))
    made_by = f"{CACHE_VERSION} {encoder.model} {len(examples.keys)}"
    digest = hashlib.sha256(made_by.encode())
    for weight in encoder.weights:
        digest.update(keras.ops.convert_to_numpy(weight).tobytes())
    for key, picture in zip(examples.keys, examples.read(), strict=True):
        digest.update(json.dumps([key, len(picture)]).encode())
        digest.update(picture)
    return digest.hexdigest()[:16]


def _rows_done(state, file, shape):
    """How many rows a run before this one has finished."""
    try:
        if not (state.is_file() and file.is_file()):
            return 0
        with open(state, "rb") as opened:
            found = json.loads(opened.read(STATE_BYTES))
        features = np.lib.format.open_memmap(file, mode="r")
    except (OSError, ValueError, EOFError, RecursionError):
        return 0
    if not isinstance(found, dict) or found.get("shape") != list(shape):
        return 0
    is_ours = features.shape == shape and features.dtype == np.float16
    if not is_ours or not features.flags.c_contiguous:
        return 0
    done = found.get("done")
    return done if type(done) is int and 0 <= done <= shape[0] else 0


def _write_state(state, shape, done):
    part = state.with_suffix(".part")
    text = json.dumps({"shape": list(shape), "done": done})
    part.write_text(text, encoding="utf-8")
    os.replace(part, state)


def _progress(total, done, verbose):
    from tqdm import tqdm

    # `disable=None`: no bar where standard error is not a terminal.
    return tqdm(
        total=total,
        initial=done,
        desc="features",
        unit="pictures",
        disable=None if verbose else True,
    )
