"""Animated WebPs in processes of their own: one that ends the process is seen."""

import io
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasrnn.vision import decode_image

# Reads each file of a folder several times over, by a SavedModel and by the function,
# and uses the heap in between.
READ = """
import pathlib, sys
import numpy as np, tensorflow as tf

model, folder, output = sys.argv[1:]
pictures = {f.name: f.read_bytes() for f in pathlib.Path(folder).iterdir()}
loaded = tf.saved_model.load(model)
found = {f"served/{n}": loaded(tf.constant(p)).numpy() for n, p in pictures.items()}
for p in [*pictures.values()] * 5:
    loaded(tf.constant(p))

from kerasrnn.vision import read_images

found |= {f"read/{n}": read_images([p], 40)[0] for n, p in pictures.items()}
read_images([*pictures.values()] * 5, 40)
garbage = [np.ones(n % 5000) for n in range(2000)]
del garbage
np.savez(output, **found)
"""

KINDS = {
    "RGB, lossy": ("RGB", {}),
    "RGB, lossless": ("RGB", {"lossless": True}),
    "RGBA, lossy": ("RGBA", {}),
    "RGBA, lossless": ("RGBA", {"lossless": True}),
    "RGB, mixed": ("RGB", {"allow_mixed": True}),
    "RGB, EXIF": ("RGB", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}),
    "RGBA, ICC": ("RGBA", {"icc_profile": b"colours"}),
}


def animation(mode, count, options):
    images = []
    for number in range(count):
        pixels = np.full((31, 40, 4), [200, 40 + 60 * number, 90, 255], "uint8")
        pixels[:9, :, 3] = 0 if number == 0 else 120
        images.append(Image.fromarray(pixels).convert(mode))
    file = io.BytesIO()
    images[0].save(file, "WEBP", save_all=True, append_images=images[1:], **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name, (mode, options) in KINDS.items():
        for count in (2, 5):
            path = folder / f"{name}, {count}"
            path.write_bytes(animation(mode, count, options))
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The decoding alone, as an exported captioner has it."""
    module = tf.Module()
    module.__call__ = tf.function(
        decode_image, input_signature=[tf.TensorSpec((), tf.string)]
    )
    path = str(tmp_path_factory.mktemp("saved"))
    tf.saved_model.save(module, path)
    return path


@pytest.mark.slow
def test_an_animation_is_its_first_frame_and_harms_nothing(pictures, saved, tmp_path):
    arguments = [saved, str(pictures), str(tmp_path / "found.npz")]
    process = subprocess.run(
        [sys.executable, "-c", READ, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=pathlib.Path(__file__).parents[2],
    )
    assert process.returncode == 0, process.stderr[-2000:]
    with np.load(tmp_path / "found.npz") as found:
        assert len(found.files) == 2 * 2 * len(KINDS)
        for name in found.files:
            by, kind = name.split("/")
            # `read_images` has a square, with white above and below.
            pixels = found[name][4:35] if by == "read" else found[name]
            first = np.full((31, 40, 3), [200.0, 40, 90])
            if kind.startswith("RGBA"):
                first[:9] = 255
            # With loss, the edge of what is transparent is not sharp.
            for rows in (slice(0, 7), slice(11, 31)):
                np.testing.assert_allclose(
                    pixels[rows], first[rows], atol=4, err_msg=name
                )
