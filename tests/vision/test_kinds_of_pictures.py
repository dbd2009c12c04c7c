"""All kinds of each format, against Pillow and the numbers that were written."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasrnn.vision import decode_image, read_images

RANDOM = np.random.default_rng(5)
HEIGHT, WIDTH = 9, 13
RGBA = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 4), dtype="uint8")
RGB = np.ascontiguousarray(RGBA[..., :3])
GREY = np.ascontiguousarray(RGBA[..., 0])
GRAPH = tf.function(decode_image, input_signature=[tf.TensorSpec((), tf.string)])


def decoded(contents):
    return GRAPH(contents).numpy()


def encoded(image, kind, **options):
    file = io.BytesIO()
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(file, kind, **options)
    return file.getvalue()


def on_white(rgba):
    opacity = np.asarray(rgba, "float64")[..., 3:] / 255
    return rgba[..., :3] * opacity + 255 * (1 - opacity)


def by_pillow(contents):
    image = Image.open(io.BytesIO(contents))
    return on_white(np.asarray(image.convert("RGBA"), "float64"))


# PNG, bit by bit: Pillow writes neither all depths nor interlaced.

ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2))
ADAM7 += ((0, 1, 2, 2), (1, 0, 2, 1))


def png(samples, depth, colour_type, *, interlaced=False, chunks=()):
    """Samples (H, W) or (H, W, C), each of so many bits."""
    samples = np.atleast_3d(samples)

    def rows(part):
        flat = part.reshape(len(part), -1)
        bits = (flat[..., None] >> np.arange(depth)[::-1]) & 1
        packed = np.packbits(bits.reshape(len(part), -1).astype("uint8"), axis=1)
        return b"".join(b"\0" + row.tobytes() for row in packed)

    parts = [samples]
    if interlaced:
        parts = [samples[top::down, left::right] for top, left, down, right in ADAM7]
    data = b"".join(rows(part) for part in parts if part.size)
    height, width = samples.shape[:2]
    header = (width, height, depth, colour_type, 0, 0, int(interlaced))
    pieces = [(b"IHDR", struct.pack(">IIBBBBB", *header)), *chunks]
    pieces += [(b"IDAT", zlib.compress(data)), (b"IEND", b"")]

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*piece) for piece in pieces)


def samples_of(depth, channels=1):
    return RANDOM.integers(0, 2**depth, (HEIGHT, WIDTH, channels), dtype="int64")


@pytest.mark.long
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_png_of_grey(depth, transparent, interlaced):
    samples = samples_of(depth)
    rgba = np.repeat(samples * 255.0 / (2**depth - 1), 4, -1)
    rgba[..., 3] = 255
    chunks = []
    if transparent:
        colour = samples[0, 0, 0]
        chunks = [(b"tRNS", struct.pack(">H", colour))]
        rgba[(samples == colour)[..., 0], 3] = 0
    contents = png(samples, depth, 0, interlaced=interlaced, chunks=chunks)
    np.testing.assert_allclose(decoded(contents), on_white(rgba), atol=1e-3)
    # Pillow makes 8 bits of 16 otherwise, and compares 2 and 4 bits with 8.
    if depth in ((1, 8) if transparent else (1, 2, 4, 8)):
        np.testing.assert_allclose(by_pillow(contents), on_white(rgba), atol=1e-3)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_png_of_a_palette(depth, transparent, interlaced):
    samples = samples_of(depth)
    palette = RANDOM.integers(0, 256, (2**depth, 4), dtype="uint8")
    chunks = [(b"PLTE", palette[:, :3].tobytes())]
    if transparent:
        # Of the last colours there is none said: they are opaque.
        palette[len(palette) * 3 // 4 :, 3] = 255
        chunks.append((b"tRNS", palette[: len(palette) * 3 // 4, 3].tobytes()))
    else:
        palette[:, 3] = 255
    contents = png(samples, depth, 3, interlaced=interlaced, chunks=chunks)
    expected = on_white(palette[samples[..., 0]])
    np.testing.assert_allclose(decoded(contents), expected, atol=1e-3)
    np.testing.assert_allclose(by_pillow(contents), expected, atol=1e-3)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", ["RGB", "RGB and tRNS", "grey, opacity", "RGBA"])
def test_png_of_colours_and_opacity(kind, depth, interlaced):
    channels = {"grey, opacity": 2, "RGBA": 4}.get(kind, 3)
    samples = samples_of(depth, channels)
    values = samples * 255.0 / (2**depth - 1)
    opaque = np.full((HEIGHT, WIDTH, 1), 255.0)
    chunks = []
    if channels == 3:
        rgba = np.concatenate([values, opaque], -1)
    else:
        rgba = values[..., [0, 0, 0, 1] if channels == 2 else [0, 1, 2, 3]]
    if kind == "RGB and tRNS":
        chunks = [(b"tRNS", struct.pack(">HHH", *samples[1, 2]))]
        rgba[1, 2, 3] = 0
    colour_type = {2: 4, 3: 2, 4: 6}[channels]
    contents = png(samples, depth, colour_type, interlaced=interlaced, chunks=chunks)
    np.testing.assert_allclose(decoded(contents), on_white(rgba), atol=2e-3)
    if depth == 8:
        np.testing.assert_allclose(by_pillow(contents), on_white(rgba), atol=1e-3)


def test_png_with_another_chunk_than_its_header_first():
    contents = png(GREY, 8, 0)
    before = b"\0\0\0\x0dabCd" + bytes(13)
    before += struct.pack(">I", zlib.crc32(before[4:]))
    hidden = contents[:8] + before + contents[8:]
    with pytest.raises(ValueError, match="a PNG must begin with its header IHDR"):
        read_images([hidden], 8)


def test_png_with_thousands_of_chunks():
    contents = png(GREY, 8, 0, chunks=[(b"teSt", b"")] * 1001)
    with pytest.raises(ValueError, match="at most 1000 chunks before its pixels"):
        read_images([contents], 8)
    contents = png(GREY, 8, 0, chunks=[(b"teSt", b"")] * 900)
    np.testing.assert_array_equal(decoded(contents)[..., 0], GREY)


# BMP, of which Pillow writes a few kinds.


def bmp(
    rows, bits, *, palette=b"", compression=0, masks=b"", length=40, top_down=False
):
    """Rows of packed pixels (H, bytes), the first one at the top."""
    height, width = len(rows), WIDTH
    padded = np.pad(rows, [(0, 0), (0, -rows.shape[1] % 4)])
    data = (padded if top_down else padded[::-1]).tobytes()
    if length == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        signed = -height if top_down else height
        sizes = (len(data), 2835, 2835, 0, 0)
        header = struct.pack(
            "<IiiHHIIiiII", length, width, signed, 1, bits, compression, *sizes
        )
        header = (header + masks).ljust(length, b"\0")
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start) + (
        header + palette + data
    )


def packed(indices, bits):
    split = (indices[..., None] >> np.arange(bits)[::-1]) & 1
    return np.packbits(split.reshape(HEIGHT, -1).astype("uint8"), axis=1)


@pytest.mark.parametrize("length", [12, 40, 124])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_bmp_of_a_palette(bits, length):
    indices = RANDOM.integers(0, 2**bits, (HEIGHT, WIDTH))
    colours = RANDOM.integers(0, 256, (2**bits, 4), dtype="uint8")
    size = 3 if length == 12 else 4
    palette = np.ascontiguousarray(colours[:, :size]).tobytes()
    expected = colours[indices][..., 2::-1]
    for top_down in [False] if length == 12 else [False, True]:
        contents = bmp(
            packed(indices, bits),
            bits,
            palette=palette,
            length=length,
            top_down=top_down,
        )
        np.testing.assert_array_equal(decoded(contents), expected)
        if bits != 2:  # which Pillow does not read
            np.testing.assert_array_equal(by_pillow(contents), expected)


def test_bmp_whose_palette_is_shorter_than_its_indices():
    contents = bytearray(
        bmp(packed(np.full((HEIGHT, WIDTH), 7), 4), 4, palette=b"abc\0")
    )
    contents[46:50] = struct.pack("<I", 1)
    assert not decoded(bytes(contents)).any()


MASKS = {
    "565": (16, (0xF800, 0x07E0, 0x001F)),
    "555": (16, (0x7C00, 0x03E0, 0x001F)),
    "BGRX": (32, (0xFF0000, 0xFF00, 0xFF)),
    "RGBX": (32, (0xFF, 0xFF00, 0xFF0000)),
    "XBGR": (32, (0xFF000000, 0xFF0000, 0xFF00)),
    "BGRA": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "RGBA": (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
}


@pytest.mark.parametrize("length", [40, 56, 108, 124])
@pytest.mark.parametrize("kind", MASKS)
def test_bmp_with_masks(kind, length):
    bits, masks = MASKS[kind]
    if length == 40 and len(masks) == 4:
        length = 56
    numbers = RANDOM.integers(0, 2**bits, (HEIGHT, WIDTH), dtype="int64")
    lows = [mask & -mask for mask in masks]
    values = [
        (numbers & mask) // low * 255 / (mask // low)
        for mask, low in zip(masks, lows, strict=True)
    ]
    if len(values) == 3:
        values.append(np.full((HEIGHT, WIDTH), 255.0))
    expected = on_white(np.stack(values, -1))
    rows = numbers.astype(f"<u{bits // 8}").view("uint8")
    of_masks = struct.pack(f"<{len(masks)}I", *masks)
    after = b""
    if length == 40:  # they follow the header
        of_masks, after = b"", of_masks
    for top_down in (False, True):
        contents = bmp(
            rows,
            bits,
            compression=3,
            masks=of_masks,
            palette=after,
            length=length,
            top_down=top_down,
        )
        np.testing.assert_allclose(decoded(contents), expected, atol=1e-3)
        if kind != "RGBX":  # which Pillow does not read
            # It makes 8 bits of 5 without fractions.
            np.testing.assert_allclose(by_pillow(contents), expected, atol=1)


def test_bmp_of_16_24_and_32_bits_without_masks():
    numbers = RANDOM.integers(0, 2**15, (HEIGHT, WIDTH), dtype="int64")
    contents = bmp(numbers.astype("<u2").view("uint8"), 16)
    expected = np.stack([numbers >> 10, numbers >> 5 & 31, numbers & 31], -1) * 255 / 31
    np.testing.assert_allclose(decoded(contents), expected, atol=1e-3)
    np.testing.assert_allclose(by_pillow(contents), expected, atol=1)
    # The fourth byte means nothing.
    for bits, order in ((24, [2, 1, 0]), (32, [2, 1, 0, 3])):
        rows = np.ascontiguousarray(RGBA[..., order]).reshape(HEIGHT, -1)
        for top_down in (False, True):
            contents = bmp(rows, bits, top_down=top_down)
            np.testing.assert_array_equal(decoded(contents), RGB)
            np.testing.assert_array_equal(by_pillow(contents), RGB)


@pytest.mark.parametrize("image", [RGB, GREY, RGBA, Image.fromarray(GREY > 99)])
def test_bmp_that_pillow_writes(image):
    contents = encoded(image, "BMP")
    np.testing.assert_allclose(decoded(contents), by_pillow(contents), atol=1e-3)


@pytest.mark.parametrize(("bits", "compression"), [(8, 1), (4, 2), (24, 4), (24, 5)])
def test_bmp_that_is_compressed_is_refused_by_name(bits, compression):
    contents = bmp(
        packed(np.zeros((HEIGHT, WIDTH), int), bits),
        bits,
        palette=bytes(4 << min(bits, 8)),
        compression=compression,
    )
    match = f"a BMP must not be compressed .*its compression is {compression}"
    with pytest.raises(ValueError, match=match):
        read_images([contents], 8)
    with pytest.raises(tf.errors.InvalidArgumentError, match=match):
        GRAPH(contents)


def test_bmp_that_is_unknown_or_cut_off():
    rows = RGB.reshape(HEIGHT, -1)
    with pytest.raises(ValueError, match="a BMP must hold its pixels to the end"):
        read_images([bmp(rows, 24)[:-1]], 8)
    for bits in (0, 7, 64):
        match = f"a BMP must have 1 to 32 bits a pixel; it has {bits}"
        with pytest.raises(ValueError, match=match):
            read_images([bmp(rows, bits)], 8)
    with pytest.raises(ValueError, match="a BMP with a header of 48 bytes cannot be"):
        read_images([bmp(rows, 24, length=48)], 8)


# GIF.


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("transparency", [None, 0, 3])
@pytest.mark.parametrize("colours", [2, 8, 256])
def test_gif_of_a_palette(colours, transparency, interlace):
    options = {"interlace": interlace}
    if transparency is not None:
        options["transparency"] = min(transparency, colours - 1)
    indices = RANDOM.integers(0, colours, (HEIGHT, WIDTH), dtype="uint8")
    indices[0, :2] = 0, min(3, colours - 1)
    image = Image.fromarray(indices, "P")
    image.putpalette(RANDOM.integers(0, 255, 3 * colours, dtype="uint8").tobytes())
    contents = encoded(image, "GIF", **options)
    expected = by_pillow(contents)
    assert (expected == 255).all(-1).any() == (transparency is not None)
    np.testing.assert_array_equal(decoded(contents), expected)


def lzw(indices):
    """Codes of 9 bits, cleared before they would need more."""
    codes = []
    for start in range(0, indices.size, 100):
        codes += [256, *indices.ravel()[start : start + 100].tolist()]
    bits = np.array([*codes, 257])[:, None] >> np.arange(9) & 1
    data = np.packbits(bits.astype("uint8"), bitorder="little").tobytes()
    pieces = (data[start : start + 99] for start in range(0, len(data), 99))
    return b"\x08" + b"".join(bytes([len(p)]) + p for p in pieces) + b"\0;"


def gif(canvas, place, indices, *, shared=b"", own=b"", transparent=None, before=b""):
    """A frame at its place on a canvas, both (left, top, width, height)."""

    def flags(colours):
        return 0x80 | int(np.log2(len(colours) // 3)) - 1 if colours else 0

    file = b"GIF89a" + struct.pack("<HHBBB", *canvas, flags(shared), 0, 0)
    file += shared + before
    if transparent is not None:
        file += b"!\xf9\x04" + bytes([1, 0, 0, transparent, 0])
    file += b"," + struct.pack("<HHHHB", *place, flags(own))
    return file + own + lzw(indices)


@pytest.mark.parametrize("table", ["shared", "own"])
def test_gif_whose_frame_is_smaller_than_the_canvas(table):
    colours = RANDOM.integers(0, 255, (256, 3), dtype="uint8")
    other = RANDOM.integers(0, 255, (256, 3), dtype="uint8")
    tables = {"shared": colours.tobytes()}
    if table == "own":
        tables = {"shared": other.tobytes(), "own": colours.tobytes()}
    indices = RANDOM.integers(0, 256, (HEIGHT, WIDTH), dtype="uint8")
    place = (3, 2, WIDTH, HEIGHT)
    contents = gif((20, 15), place, indices, transparent=indices[1, 1], **tables)
    expected = np.full((15, 20, 3), 255)
    inside = colours[indices].copy()
    inside[indices == indices[1, 1]] = 255
    expected[2 : 2 + HEIGHT, 3 : 3 + WIDTH] = inside
    np.testing.assert_array_equal(decoded(contents), expected)
    np.testing.assert_array_equal(by_pillow(contents), expected)


def test_gif_with_extensions_before_its_frame():
    colours = RANDOM.integers(0, 255, (256, 3), dtype="uint8")
    indices = RANDOM.integers(0, 256, (HEIGHT, WIDTH), dtype="uint8")
    place = (0, 0, WIDTH, HEIGHT)
    comment = b"!\xfe" + (b"\xff" + bytes(255)) * 200 + b"\0"
    before = comment * 3 + b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    contents = gif(place[2:], place, indices, shared=colours.tobytes(), before=before)
    np.testing.assert_array_equal(decoded(contents), colours[indices])
    contents = gif(
        place[2:], place, indices, shared=colours.tobytes(), before=b"!\xfe\0" * 257
    )
    with pytest.raises(ValueError, match="at most 256 extensions before its first"):
        read_images([contents], 8)


def test_gif_with_a_frame_beside_its_canvas():
    place = (60_000, 0, WIDTH, HEIGHT)
    contents = gif((WIDTH, HEIGHT), place, GREY, shared=bytes(768))
    with pytest.raises(ValueError, match="a frame of a GIF must lie on its canvas"):
        read_images([contents], 8)


def test_gif_of_pieces_of_one_byte_is_as_quick_as_another():
    # To go from piece to piece took 19 s a megabyte.
    before = b"!\xfe" + b"\x01a" * 2_000_000 + b"\0"
    place = (0, 0, WIDTH, HEIGHT)
    contents = gif(place[2:], place, GREY, shared=bytes(range(256)) * 3, before=before)
    begin = time.process_time()
    read_images([contents], 8)
    # It takes a second, where a time for each piece took more than a minute.
    assert time.process_time() - begin < 20


# JPEG.


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg(mode, progressive, subsampling):
    ramp = np.linspace(0, 255, 48)
    pixels = np.stack(np.meshgrid(ramp, ramp[:32]), -1)
    pixels = np.concatenate([pixels, 255 - pixels[..., :1]], -1).astype("uint8")
    image = Image.fromarray(pixels).convert(mode)
    options = {"quality": 92, "progressive": progressive, "subsampling": subsampling}
    contents = encoded(image, "JPEG", **options)
    # Both round, and Pillow's library interpolates colours otherwise.
    tolerance = 12 if subsampling else 3
    np.testing.assert_allclose(decoded(contents), by_pillow(contents), atol=tolerance)


def test_jpeg_with_thousands_of_scans():
    contents = encoded(np.repeat(np.repeat(RGB, 8, 0), 8, 1), "JPEG", progressive=True)
    at = contents.rindex(b"\xff\xda")
    many = contents[:at] + contents[at:-2] * 200 + contents[-2:]
    with pytest.raises(ValueError, match="a JPEG must have at most 100 scans"):
        read_images([many], 8)


# WebP, still and animated.

WEBP_OPTIONS = {
    "lossy": {},
    "lossless": {"lossless": True},
    "EXIF": {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"},
    "ICC": {"icc_profile": b"colours"},
    "XMP, lossless": {"xmp": b"<x/>", "lossless": True},
}


def webp_frames(channels, count=3):
    """Plain colours, which are the same with loss, and random opacity."""
    frames = []
    for number in range(count):
        frame = np.empty((HEIGHT, WIDTH, 4), "uint8")
        frame[..., :3] = [60 * number, 200, 30]
        frame[..., 3] = np.arange(HEIGHT)[:, None] * 255 // (HEIGHT - 1)
        frames.append(Image.fromarray(np.ascontiguousarray(frame[..., :channels])))
    return frames


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("options", WEBP_OPTIONS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_webp(channels, options, count):
    options = WEBP_OPTIONS[options]
    frames = webp_frames(channels, count)
    if count > 1:
        options = options | {"save_all": True, "append_images": frames[1:]}
    contents = encoded(frames[0], "WEBP", **options)
    assert (b"ANMF" in contents) == (count > 1)
    expected = by_pillow(contents)
    assert len(np.unique(expected)) > 20 or channels == 3
    # Both versions of the library turn luminance into colours, and round.
    np.testing.assert_allclose(decoded(contents), expected, atol=3)
    first = contents.index(b"VP8", 30) if b"VP8X" in contents else 12
    for cut in (13, 25, first + 6, first + 12):
        with pytest.raises(ValueError, match=r"`inputs\[0\]` must be a picture"):
            read_images([contents[:cut]], 8)


def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def animation(canvas, frames, *, flags=2, before=b""):
    """Frames (x, y, WebP of a still picture) on a canvas (width, height)."""
    sides = struct.pack("<IHBHB", flags, canvas[0] - 1, 0, canvas[1] - 1, 0)
    body = b"WEBP" + chunk(b"VP8X", sides) + before + chunk(b"ANIM", bytes(6))
    for x, y, still in frames:
        width, height = Image.open(io.BytesIO(still)).size
        place = [x // 2, y // 2, width - 1, height - 1, 40]
        head = b"".join(value.to_bytes(3, "little") for value in place) + b"\0"
        body += chunk(b"ANMF", head + still[12:])
    return b"RIFF" + struct.pack("<I", len(body)) + body


STILLS = [encoded(f, "WEBP", lossless=True) for f in webp_frames(3, 2)]


@pytest.mark.parametrize("count", [1, 2])
def test_webp_whose_frame_is_smaller_than_the_canvas(count):
    frames = [(4, 2, STILLS[0]), (0, 0, STILLS[1])][:count]
    contents = animation((20, 16), frames, flags=0x12)
    expected = np.full((16, 20, 3), 255)
    expected[2 : 2 + HEIGHT, 4 : 4 + WIDTH] = webp_frames(3, 1)[0]
    np.testing.assert_array_equal(decoded(contents), expected)
    np.testing.assert_array_equal(by_pillow(contents), expected)


@pytest.mark.parametrize("flags", [0, 2])
def test_webp_with_a_frame_of_an_animation_though_it_says_there_is_none(flags):
    contents = animation((WIDTH, HEIGHT), [(0, 0, s) for s in STILLS], flags=flags)
    np.testing.assert_array_equal(decoded(contents), webp_frames(3, 1)[0])


def test_webp_with_a_frame_beside_its_canvas():
    contents = animation((WIDTH, HEIGHT), [(2, 0, STILLS[0])])
    with pytest.raises(ValueError, match="a frame of a WebP must lie on its canvas"):
        read_images([contents], 8)


def test_webp_with_thousands_of_chunks():
    contents = animation(
        (WIDTH, HEIGHT), [(0, 0, STILLS[0])], before=b"teSt\0\0\0\0" * 300
    )
    with pytest.raises(ValueError, match="at most 256 chunks before its first frame"):
        read_images([contents], 8)


def test_no_format_is_unknown_and_none_else_is_tried():
    for contents in (b"\xff\x0a" + bytes(50), b"II*\0" + bytes(50), b"", b"GI"):
        with pytest.raises(
            ValueError, match="a picture must be PNG, JPEG, GIF, BMP or"
        ):
            read_images([contents], 8)
