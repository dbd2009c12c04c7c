import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasrnn.vision import decode_image, fit_to_square, image_decoding, read_images
from kerasrnn.vision.bmp import BmpHeader
from kerasrnn.vision.gif import gif_first_frame, gif_header
from kerasrnn.vision.jpeg import jpeg_header
from kerasrnn.vision.png import png_header
from kerasrnn.vision.webp import webp_header

RANDOM = np.random.default_rng(0)
RGBA = RANDOM.integers(0, 256, (5, 8, 4), dtype="uint8")
RGB = np.ascontiguousarray(RGBA[..., :3])
GREY = np.ascontiguousarray(RGBA[..., 0])


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(file, kind, **options)
    return file.getvalue()


GRAPH = tf.function(decode_image, input_signature=[tf.TensorSpec((), tf.string)])


def decoded(contents):
    """The pixels, once eagerly and once in a graph, as an exported model has it."""
    eager = decode_image(tf.constant(contents)).numpy()
    np.testing.assert_allclose(GRAPH(contents), eager, rtol=1e-6)
    assert eager.dtype == np.float32
    return eager


def on_white(rgba):
    opacity = rgba[..., 3:] / 255
    return rgba[..., :3] * opacity + 255 * (1 - opacity)


def chunk(name, data):
    length, check = struct.pack(">I", len(data)), zlib.crc32(name + data)
    return length + name + data + struct.pack(">I", check)


def png(width, height, lines):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pieces = (b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*piece) for piece in pieces)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_pictures_without_loss_come_back_exactly(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decoded(encoded(RGB, kind, **options)), RGB)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_transparent_is_white(kind):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    rgba = RGBA.copy()
    rgba[0, 0, 3], rgba[0, 1, 3] = 0, 255
    pixels = decoded(encoded(rgba, kind, **options))
    np.testing.assert_allclose(pixels, on_white(rgba), rtol=0, atol=1e-3)
    np.testing.assert_array_equal(pixels[0, 0], [255, 255, 255])
    np.testing.assert_array_equal(pixels[0, 1], rgba[0, 1, :3])


def test_a_palette_with_a_transparent_colour():
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 200, 100, 50, 7, 8, 9])
    image.putdata([0, 1, 2])
    pixels = decoded(encoded(image, transparency=1))
    np.testing.assert_array_equal(pixels, [[[10, 20, 30], [255] * 3, [7, 8, 9]]])


def test_grey_with_and_without_opacity():
    expected = np.repeat(GREY[..., None], 3, -1)
    for kind in ("PNG", "BMP", "GIF"):
        np.testing.assert_array_equal(decoded(encoded(GREY, kind)), expected)
    with_opacity = np.stack([GREY, RGBA[..., 3]], -1)
    pixels = decoded(encoded(Image.fromarray(with_opacity, "LA")))
    grey = on_white(RGBA[..., [0, 0, 0, 3]])
    np.testing.assert_allclose(pixels, grey, rtol=0, atol=1e-3)


def test_16_bits_become_8_and_a_fraction():
    deep = np.array([[0, 257, 300, 65535]], "uint16")
    pixels = decoded(encoded(deep))
    np.testing.assert_allclose(pixels[0, :, 0], [0, 1, 300 / 257, 255], rtol=1e-6)


def test_a_cmyk_jpeg_has_its_colours():
    patches = np.zeros((16, 48, 4), "uint8")
    patches[:, :16] = [255, 0, 0, 0]  # cyan ink
    patches[:, 16:32] = [0, 0, 255, 0]  # yellow ink
    patches[:, 32:] = [0, 0, 0, 255]  # black ink
    contents = encoded(Image.fromarray(patches, "CMYK"), "JPEG", quality=95)
    pixels = decoded(contents)[8, [8, 24, 40]]
    expected = [[0, 255, 255], [255, 255, 0], [0, 0, 0]]
    np.testing.assert_allclose(pixels, expected, atol=4)


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (6, 4), (shade, 0, 0)) for shade in (200, 100, 50)]
    contents = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decoded(contents), np.full((4, 6, 3), [200, 0, 0]))


@pytest.mark.parametrize("palettes", ["one", "each"])
def test_frames_after_the_first_are_not_decoded(palettes):
    frames = [Image.fromarray(np.roll(GREY, i)) for i in range(5)]
    if palettes == "each":
        frames = [Image.fromarray(np.roll(RGB, i)).quantize(200) for i in range(5)]
    options = {"save_all": True, "append_images": frames[1:], "loop": 0}
    contents = encoded(frames[0], "GIF", comment=b"a" * 600, **options)
    alone = np.asarray(frames[0].convert("RGB"))
    header = gif_header(tf.constant(contents))
    cut = gif_first_frame(tf.constant(contents), header).numpy()
    assert len(cut) < len(contents) / 2
    image = Image.open(io.BytesIO(cut))
    assert image.n_frames == 1
    np.testing.assert_array_equal(image.convert("RGB"), alone)
    np.testing.assert_array_equal(decoded(contents), alone)
    # Whatever stands in place of the others.
    np.testing.assert_array_equal(decoded(cut[:-1] + b",broken"), alone)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_turned_camera_makes_an_upright_picture(orientation, order):
    upright = np.zeros((16, 32, 3), "uint8")
    upright[:8, :16], upright[:8, 16:], upright[8:, :16] = (
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
    )
    turns = Image.Transpose
    taken = {
        1: None,
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_90,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_270,
    }[orientation]
    image = Image.fromarray(upright)
    image = image.transpose(taken) if taken is not None else image
    # Two entries: the maker's name, which nobody asks for, and the orientation.
    tiff = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, 2)
    tiff += struct.pack(f"{order}HHI4s", 271, 2, 3, b"me\0\0")
    tiff += struct.pack(f"{order}HHIHH", 274, 3, 1, orientation, 0) + bytes(4)
    options = {"quality": 95, "subsampling": 0}
    contents = encoded(image, "JPEG", exif=b"Exif\0\0" + tiff, **options)
    np.testing.assert_allclose(decoded(contents), upright, atol=9)


def test_a_broken_exif_header_turns_nothing():
    tiff = b"II*\0" + struct.pack("<I", 2**31)
    contents = encoded(RGB, "JPEG", exif=b"Exif\0\0" + tiff)
    plain = encoded(RGB, "JPEG")
    np.testing.assert_array_equal(decoded(contents), decoded(plain))


# fit_to_square.


def test_the_whole_picture_is_in_the_middle_of_white():
    image = tf.fill((50, 100, 3), 20.0)
    square = fit_to_square(image, 8).numpy()
    assert square.shape == (8, 8, 3)
    assert (square[:2] == 255).all()
    assert (square[6:] == 255).all()
    np.testing.assert_allclose(square[2:6], 20, rtol=1e-5)
    upright = fit_to_square(tf.transpose(image, (1, 0, 2)), 8).numpy()
    np.testing.assert_allclose(upright, square.transpose(1, 0, 2), rtol=1e-6)


def test_reduction_takes_the_mean_of_what_it_covers():
    stripes = np.zeros((64, 64, 3), "float32")
    stripes[:, ::2] = 200
    square = fit_to_square(stripes, 8).numpy()
    np.testing.assert_allclose(square[:, 1:-1], 100, atol=1)


@pytest.mark.parametrize("shape", [(1, 1), (3, 10000), (10000, 1), (224, 223)])
def test_any_shape_fits(shape):
    square = read_images(np.full((*shape, 3), 9, "uint8"), 32)[0]
    assert square.shape == (32, 32, 3)
    assert np.isclose(square, 9).any()
    assert set(np.unique(np.round(square))) <= {9, 255}


# read_images.


def test_paths_bytes_and_arrays_are_the_same_pixels(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(RGBA))
    expected = fit_to_square(decode_image(path.read_bytes()), 16).numpy()
    images = read_images([str(path), path, path.read_bytes(), RGBA], 16)
    assert images.shape == (4, 16, 16, 3)
    assert images.dtype == np.float32
    for image in images:
        np.testing.assert_allclose(image, expected, rtol=1e-6)
    np.testing.assert_array_equal(read_images(path, 16), images[:1])
    assert read_images([], 16).shape == (0, 16, 16, 3)


@pytest.mark.parametrize(
    "array",
    [
        GREY,
        GREY[..., None],
        GREY.astype("int64"),
        GREY.astype("float32"),
        GREY / 255,
        (GREY / 255).astype("float16"),
    ],
)
def test_arrays_of_any_kind(array):
    expected = read_images(np.repeat(GREY[..., None], 3, -1), 8)
    atol = 0.1 if array.dtype == np.float16 else 1e-3
    np.testing.assert_allclose(read_images(array, 8), expected, rtol=0, atol=atol)


def test_an_array_of_four_axes_is_a_list():
    images = read_images(np.stack([RGB, 255 - RGB]), 8)
    np.testing.assert_array_equal(images[1], read_images(255 - RGB, 8)[0])


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros((4, 4, 2)), r"inputs\[0\]` must be \(height.*got \(4, 4, 2\)"),
        (np.zeros((0, 4, 3)), r"must be \(height.*got \(0, 4, 3\)"),
        (np.zeros(4), r"must be \(height.*got \(4,\)"),
        (np.full((4, 4, 3), 256), "must lie in 0 to 255; got 256.0 to 256.0"),
        (np.full((4, 4, 3), -1.0), "must lie in 0 to 255; got -1.0"),
        (np.full((4, 4, 3), np.nan), "must lie in 0 to 255; got nan"),
        (np.full((4, 4, 3), "a"), "must hold numbers; got <U1"),
        (np.broadcast_to(np.uint8(0), (9000, 9000, 3)), "at most 67108864 pixels"),
    ],
)
def test_an_array_that_is_no_picture_is_refused(array, match):
    with pytest.raises(ValueError, match=match):
        read_images(array, 8)


JPEG = encoded(np.repeat(np.repeat(RGB, 20, 0), 20, 1), "JPEG")


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"GIF",
        b"once upon a time",
        JPEG[: len(JPEG) // 2],
        encoded(RGBA)[:-30],
        encoded(RGB, "BMP")[:-30],
        encoded(RGB, "WEBP")[:-30],
        encoded(GREY, "GIF")[:-30],
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"\xff\xd8\xff\xe1" + bytes(100),
        encoded(RGBA)[:50] + bytes(20) + encoded(RGBA)[70:],
    ],
)
def test_what_is_no_picture_or_a_damaged_one_is_named(tmp_path, contents):
    path = tmp_path / "picture.png"
    path.write_bytes(contents)
    match = rf"`inputs\[1\]` .*picture.png\) must be a picture .*got {len(contents)} b"
    with pytest.raises(ValueError, match=match):
        read_images([RGB, path], 8)


def test_no_file_and_no_picture_at_all(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`inputs\[0\]` must be a.*none\.png"):
        read_images(tmp_path / "none.png", 8)
    with pytest.raises(FileNotFoundError, match="must be a picture's file"):
        read_images(tmp_path, 8)
    with pytest.raises(TypeError, match=r"inputs\[1\]` must be a path.*got int"):
        read_images([RGB, 3], 8)


def side(number, length, order):
    return number.to_bytes(length, order)


BOMBS = {
    "png": png(50_000, 50_000, b"\0" * 1000),
    "jpeg": JPEG.replace(
        side(100, 2, "big") + side(160, 2, "big"), side(50_000, 2, "big") * 2, 1
    ),
    "gif": b"GIF89a" + side(50_000, 2, "little") * 2 + encoded(GREY, "GIF")[10:],
    "gif_frame": (lambda b: b[: b.index(b",") + 5] + side(50_000, 2, "little") * 2)(
        encoded(GREY, "GIF")
    ),
    "bmp": (lambda b: b[:18] + side(50_000, 4, "little") * 2 + b[26:])(
        encoded(RGB, "BMP")
    ),
    "bmp_from_the_top": (
        lambda b: (
            b[:18]
            + side(50_000, 4, "little")
            + side(2**32 - 50_000, 4, "little")
            + b[26:]
        )
    )(encoded(RGB, "BMP")),
    "webp": b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
    + side(49_999, 3, "little") * 2
    + encoded(RGB, "WEBP")[12:],
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_by_its_header(monkeypatch, kind):
    decoders = ("decode_png", "decode_jpeg", "decode_image")
    contents = BOMBS[kind]
    with pytest.raises(ValueError, match="at most 67108864 pixels; got 50000 x 50000"):
        read_images([contents], 8)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 67108864 pixels"):
        decode_image(contents)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 67108864 pixels"):
        GRAPH(contents)
    # Eagerly, nothing that decodes is reached.
    for name in decoders:
        monkeypatch.setattr(tf.io, name, lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 67108864 pixels"):
        decode_image(contents)


def test_a_picture_that_really_is_that_large_is_refused(monkeypatch):
    # 200 bytes that hold 40,000 pixels, where at most 10,000 are allowed.
    bomb = png(200, 200, b"\0" * 201 * 200)
    assert len(bomb) < 200
    assert decoded(bomb).shape == (200, 200, 3)
    monkeypatch.setattr(image_decoding, "MAX_PIXELS", 10_000)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 10000 pixels"):
        decode_image(bomb)


@pytest.mark.parametrize(
    ("kind", "header_of", "options"),
    [
        ("PNG", png_header, {}),
        ("JPEG", jpeg_header, {}),
        ("GIF", gif_header, {}),
        ("BMP", BmpHeader, {}),
        ("WEBP", webp_header, {"lossless": True}),
        ("WEBP", webp_header, {"lossless": False}),
        ("WEBP", webp_header, {"lossless": False, "icc_profile": b"colours"}),
    ],
)
def test_the_header_has_the_header_of_the_picture(kind, header_of, options):
    image = Image.fromarray(np.repeat(np.repeat(RGB, 61, 0), 40, 1))  # 305 x 320
    header = header_of(tf.constant(encoded(image, kind, **options)))
    assert (int(header.height), int(header.width)) == (305, 320)
