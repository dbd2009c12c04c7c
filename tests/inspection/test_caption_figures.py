import base64
import html.parser

import numpy as np
import pytest

pytest.importorskip("matplotlib")
import matplotlib.image

from kerasrnn.inspection import (
    caption_attention_figure,
    caption_gallery_figure,
    write_gallery,
)
from kerasrnn.inspection.caption_attention import smooth
from kerasrnn.inspection.figure_style import BLUE, INK

WHITE = np.full((64, 64, 3), 255, "uint8")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)


def one_place(place, locations=49, rest=0.0):
    attention = np.full(locations, rest)
    attention[place] = 1 - rest * (locations - 1)
    return attention


def boxes_of(texts):
    return [text.get_window_extent() for text in texts]


def inside(box, outer):
    return (
        box.x0 >= outer.x0
        and box.y0 >= outer.y0
        and box.x1 <= outer.x1
        and box.y1 <= outer.y1
    )


def pixels(axes, drawn):
    """What a PNG shows of axes, as (rows, columns, 3)."""
    box = axes.get_position()
    rows, columns = drawn.shape[:2]
    top, bottom = round((1 - box.y1) * rows), round((1 - box.y0) * rows)
    left, right = round(box.x0 * columns), round(box.x1 * columns)
    return drawn[top:bottom, left:right, :3]


# Attention, word by word.


@pytest.mark.parametrize(
    ("place", "row", "column"), [(0, 0, 0), (10, 1, 3), (45, 6, 3), (48, 6, 6)]
)
def test_the_picture_is_bright_where_the_attention_is(tmp_path, place, row, column):
    path = caption_attention_figure(
        WHITE, ["word"], [one_place(place, rest=0.002)], tmp_path / "new" / "a.png"
    )
    figure = caption_attention_figure(WHITE, ["word"], [one_place(place)])
    drawn = matplotlib.image.imread(path)
    plain, mapped = (pixels(axes, drawn) for axes in figure.axes)
    # The picture itself is not covered: its middle is white all over.
    assert plain[5:-5, 5:-5].min() > 0.99
    side = np.array(mapped.shape[:2]) / 7
    light = mapped.mean(-1)

    def cell(r, c):
        y, x = (np.array([r, c]) * side).astype(int)
        height, width = (side / 3).astype(int)
        return light[y + height : y + 2 * height, x + width : x + 2 * width].mean()

    cells = np.array([[cell(r, c) for c in range(7)] for r in range(7)])
    assert np.unravel_index(cells.argmax(), (7, 7)) == (row, column)
    assert cells[row, column] > 0.87
    assert np.median(cells) < 0.62


def test_a_map_is_smooth_and_its_top_is_at_its_place():
    values = np.zeros((7, 7))
    values[2, 5] = 0.3
    fine = smooth(values)
    assert fine.max() == pytest.approx(1)
    middle = (np.array(np.unravel_index(fine.argmax(), fine.shape)) + 0.5) / len(fine)
    np.testing.assert_allclose(middle, [2.5 / 7, 5.5 / 7], atol=0.02)
    assert abs(np.diff(fine, axis=0)).max() < 0.1
    np.testing.assert_allclose(smooth(np.full((7, 7), 1 / 49)), 1)
    assert not smooth(np.zeros((7, 7))).any()


def test_a_grid_that_is_no_square():
    values = one_place(5, locations=6)  # the lower right of 2 × 3
    figure = caption_attention_figure(WHITE, ["x"], [values], grid=(2, 3))
    alpha = np.asarray(figure.axes[1].images[1].get_array())[..., 3]
    row, column = np.unravel_index(alpha.argmin(), alpha.shape) / np.array(alpha.shape)
    assert row > 0.6
    assert column > 0.75


def test_even_attention_covers_nothing():
    figure = caption_attention_figure(WHITE, ["x"], [np.full(49, 1 / 49)])
    overlay = np.asarray(figure.axes[1].images[1].get_array())
    np.testing.assert_allclose(overlay[..., 3], 0, atol=1e-5)
    assert not figure.axes[1].collections  # no line


def test_twenty_words_overlap_nothing():
    words = ["a", "incomprehensibilities-of-Llanfairpwllgwyngyll", "$x$", "word"] * 5
    figure = caption_attention_figure(WHITE, words, np.tile(one_place(3), (20, 1)))
    assert len(figure.axes) == 21
    figure.canvas.draw()
    texts = [text for text in figure.texts if text.get_text()]
    titles = [t.get_text() for t in texts if t.get_fontweight() == "bold"]
    assert titles[0] == "a"
    assert titles[1].startswith("incompre")
    assert titles[1].endswith("…")
    assert titles[2:4] == ["$x$", "word"]
    boxes = boxes_of(texts) + [axes.get_window_extent() for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert inside(box, figure.bbox)
        assert not any(box.overlaps(other) for other in boxes[:number])
    # Rows of five, from the left.
    lefts = [round(axes.get_position().x0, 4) for axes in figure.axes]
    assert len(set(lefts)) == 5
    assert lefts[5] == lefts[0]
    shares = [t.get_text() for t in texts if t.get_text() == "1.00"]
    assert len(shares) == 20


def test_alignments_that_do_not_fit(tmp_path):
    path = tmp_path / "a.png"
    good = [one_place(0)] * 2
    words = ["a", "b"]
    with pytest.raises(ValueError, match=r"`image` .*\(height, width, 3\); got .*4\)"):
        caption_attention_figure(np.zeros((5, 5, 4)), words, good, path)
    with pytest.raises(ValueError, match=r"`image` .* 0 to 255; got 0 to 300"):
        caption_attention_figure(
            np.linspace(0, 300, 75).reshape(5, 5, 3), words, good, path
        )
    with pytest.raises(ValueError, match=r"`words` .* got the string 'ab'"):
        caption_attention_figure(WHITE, "ab", good, path)
    with pytest.raises(ValueError, match="`words` must hold 1 to 49 words; got 0"):
        caption_attention_figure(WHITE, [], np.zeros((0, 49)), path)
    with pytest.raises(ValueError, match=r"=\(2, …\); got \(1, 49\)"):
        caption_attention_figure(WHITE, words, good[:1], path)
    with pytest.raises(ValueError, match="locations as a square; got 48"):
        caption_attention_figure(WHITE, words, np.zeros((2, 48)), path)
    with pytest.raises(ValueError, match="the 6 × 8 of `grid`; got 49"):
        caption_attention_figure(WHITE, words, good, path, grid=(6, 8))
    for wrong in (3 * np.array(good), np.array(good) - 1, np.full((2, 49), np.nan)):
        with pytest.raises(ValueError, match="`alignments` must hold values from 0"):
            caption_attention_figure(WHITE, words, wrong, path)
    assert not path.exists()


# Pictures with their captions.


def test_a_page_of_captions():
    rng = np.random.default_rng(0)
    shapes = [(20, 30, 3), (700, 4, 3), (1, 10_000, 3), (1, 1, 3)] * 6
    images = [rng.integers(0, 256, shape) for shape in shapes]
    long = "a caption that goes on and on " * 9
    references = [[f"picture {n}", "not drawn"] for n in range(24)]
    hypotheses = ["sh\nort", long, "", "x" * 200] * 6
    figure = caption_gallery_figure(images, references, hypotheses)
    figure.canvas.draw()
    assert len(figure.axes) == 24
    boxes = boxes_of(figure.texts) + [axes.get_window_extent() for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert inside(box, figure.bbox)
        assert not any(box.overlaps(other) for other in boxes[:number])
    lines = [(text.get_text(), text.get_color()) for text in figure.texts[2:]]
    # Of the four pictures of a row: 1 and 1 lines, 1 and 3, 1 and 1, 1 and 3.
    assert len(lines) == 6 * (2 + 4 + 2 + 4)
    assert lines[:3] == [("picture 0", INK), ("sh ort", BLUE), ("picture 1", INK)]
    assert lines[3][0].startswith("a caption that goes on")
    assert not lines[3][0].endswith("…")
    assert lines[5][0].endswith("…")
    assert lines[7] == ("–", BLUE)
    assert set(lines[9][0]) == {"x"}
    assert not any("not drawn" in text for text, _ in lines)


def test_pictures_keep_their_shape_and_order(tmp_path):
    red, green = np.zeros((10, 20, 3)), np.zeros((30, 10, 3))
    red[..., 0] = green[..., 1] = 255
    figure = caption_gallery_figure([red, green], ["red", "green"], ["a", "b"])
    width, height = figure.get_size_inches()
    for axes, ratio in zip(figure.axes, (2, 1 / 3), strict=True):
        box = axes.get_position()
        assert box.width * width / (box.height * height) == pytest.approx(ratio)
    path = caption_gallery_figure(
        [red, green], ["red", "green"], ["a", "b"], tmp_path / "g.png"
    )
    drawn = matplotlib.image.imread(path)
    for axes, colour in zip(figure.axes, np.eye(3), strict=False):
        middle = pixels(axes, drawn)
        middle = middle[middle.shape[0] // 2, middle.shape[1] // 2]
        np.testing.assert_allclose(middle, colour, atol=0.01)


def test_scores_stand_below_the_captions():
    figure = caption_gallery_figure(
        [WHITE] * 3, ["a", "b", "c"], ["d", "", "f"], scores=[9.876, 0.0, 1]
    )
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.texts]
    assert texts[3:] == ["a", "d", "9.88", "b", "–", "0.00", "c", "f", "1.00"]
    boxes = boxes_of(figure.texts) + [axes.get_window_extent() for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert inside(box, figure.bbox)
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_captions_that_do_not_fit_the_pictures():
    with pytest.raises(ValueError, match="`images` must hold 1 to 24 pictures; got 25"):
        caption_gallery_figure([WHITE] * 25, ["a"] * 25, ["b"] * 25)
    with pytest.raises(ValueError, match=r"`hypotheses` .* 1 pictures; got 2"):
        caption_gallery_figure([WHITE], ["a"], ["b", "c"])
    with pytest.raises(ValueError, match=r"`references` .* 1 pictures; got 'a'"):
        caption_gallery_figure([WHITE], "a", ["b"])
    with pytest.raises(ValueError, match=r"`scores` .* the 2 pictures; got 1"):
        caption_gallery_figure([WHITE] * 2, ["a"] * 2, ["b"] * 2, scores=[1.0])
    with pytest.raises(ValueError, match=r"`references\[0\]` .* more; got none"):
        caption_gallery_figure([WHITE], [[]], ["b"])
    with pytest.raises(ValueError, match=r"`images\[1\]` .* got shape \(4, 4\)"):
        caption_gallery_figure([WHITE, np.zeros((4, 4))], ["a"] * 2, ["b"] * 2)


class Page(html.parser.HTMLParser):
    """What a browser would make of a page: its elements, and text by class."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.images, self.texts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in ("img", "meta", "br"):
            self.open.append((tag, dict(attrs).get("class")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "p" and data.strip():
            self.texts.append((self.open[-1][1], data.strip()))


def test_the_web_page_holds_everything_and_escapes_it(tmp_path):
    nasty = "<script>alert('x')</script> & \"quoted\""
    path = write_gallery(
        tmp_path / "new" / "page.html",
        iter([PNG, b"\xff\xd8\xff\xe0jpeg", b"RIFF....WEBPVP8 "]),
        [[nasty, "안녕 <b>", "third"], ["second"], "one string"],
        ["out </p><img src=x>", "b", ""],
        [7.125, 0, 1],
        title="A & <B>",
    )
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert not page.open
    assert "script" not in page.tags
    assert page.tags.count("img") == 3
    assert "b" not in page.tags
    assert "<title>A &amp; &lt;B&gt;</title>" in text
    first, second, third = page.images
    assert first["alt"] == nasty
    kind, _, data = first["src"].partition(";base64,")
    assert kind == "data:image/png"
    assert base64.b64decode(data) == PNG
    assert second["src"].startswith("data:image/jpeg;base64,")
    assert third["src"].startswith("data:image/webp;base64,")
    shown = page.texts[-11:]
    assert shown == [
        (None, nasty),
        ("also", "안녕 <b>"),
        ("also", "third"),
        ("model", "out </p><img src=x>"),
        ("score", "CIDEr-D 7.12"),
        (None, "second"),
        ("model", "b"),
        ("score", "CIDEr-D 0.00"),
        (None, "one string"),
        ("model", "–"),
        ("score", "CIDEr-D 1.00"),
    ]
    # Nothing is fetched, and a telephone shows it in its own width.
    assert "http:" not in text
    assert "https:" not in text
    assert "default-src 'none'; img-src data:;" in text
    assert 'name="viewport" content="width=device-width' in text


def test_a_folder_gets_a_file_of_its_own(tmp_path):
    path = write_gallery(tmp_path / "v1.5 pages" / "x", [PNG], ["a"], ["b"])
    assert path == tmp_path / "v1.5 pages" / "x" / "gallery.html"
    assert "score" not in {kind for kind, _ in Page(path.read_text()).texts}


def test_pages_that_cannot_be(tmp_path):
    with pytest.raises(ValueError, match=r"`references` .* 2 pictures; got 1"):
        write_gallery(tmp_path, [PNG, PNG], ["a"], ["b", "c"])
    with pytest.raises(ValueError, match=r"`scores` .* 1 pictures; got 2"):
        write_gallery(tmp_path, [PNG], ["a"], ["b"], [1, 2])
    with pytest.raises(ValueError, match=r"`pictures\[0\]` .* got b'just text'"):
        write_gallery(tmp_path, [b"just text"], ["a"], ["b"])
    assert not list(tmp_path.iterdir())
