import warnings

import numpy as np
import pytest

pytest.importorskip("matplotlib")
import matplotlib.image

from kerasrnn.inspection import (
    attention_map,
    attention_maps_figure,
    glyphs,
)
from kerasrnn.inspection.figure_style import DARK, PALE, sequential_colours

EN = ["▁In", "▁the", "▁be", "ginning", ".", "[END]"]
ES = ["▁En", "▁el", "▁principio", "[END]"]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def random_maps(*shapes):
    rng = np.random.default_rng(3)
    return [softmax(2 * rng.normal(size=shape)) for shape in shapes]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are written."""
    figures = []

    def save(figure, path):
        figure.canvas.draw()
        figures.append(figure)
        return path

    monkeypatch.setattr(attention_map, "save", save)
    return figures


def panels_of(figure):
    return [axes for axes in figure.axes if axes.images]


def labels(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


def cell_inches(axes):
    rows, columns = axes.images[0].get_array().shape
    box = axes.get_position()
    width, height = axes.figure.get_size_inches()
    return box.width * width / columns, box.height * height / rows


def test_panels_show_the_alignments_and_the_tokens(drawn):
    maps = random_maps((4, 6), (2, 3))
    attention_maps_figure(maps, [EN, ["a", "b", "c"]], [ES, ["x", "$y$"]], "a.png")
    first, second = panels_of(drawn[0])
    for axes, values in zip((first, second), maps, strict=True):
        np.testing.assert_allclose(axes.images[0].get_array(), values, atol=1e-7)
        assert axes.images[0].get_clim() == (0, 1)
    assert labels(first.xaxis) == ["·In", "·the", "·be", "ginning", ".", "[END]"]
    assert labels(first.yaxis) == ["·En", "·el", "·principio", "[END]"]
    assert labels(second.yaxis) == ["x", "$y$"]
    # The source at the top, the first target token above the second.
    assert first.xaxis.get_ticks_position() == "top"
    assert first.get_ylim()[0] > first.get_ylim()[1]


def test_all_cells_are_squares_of_one_size(drawn):
    shapes = (4, 6), (12, 3), (1, 1), (9, 20)
    maps = random_maps(*shapes)
    attention_maps_figure(
        maps, [["w"] * s for _, s in shapes], [["v"] * t for t, _ in shapes], "a.png"
    )
    sizes = np.array([cell_inches(axes) for axes in panels_of(drawn[0])])
    assert len(sizes) == 4
    np.testing.assert_allclose(sizes, sizes[0, 0], rtol=1e-6)


def test_the_figure_grows_with_the_tokens(drawn):
    for tokens in (10, 20, 40):
        names = ["w"] * tokens
        attention_maps_figure([np.eye(tokens)], [names], [names], "a.png")
    sizes = [figure.get_size_inches() for figure in drawn]
    assert sizes[0][1] < sizes[1][1] < sizes[2][1]
    # A label of 40 is still no higher than its cell.
    (axes,) = panels_of(drawn[2])
    label = axes.get_yticklabels()[0]
    assert label.get_fontsize() / 72 < cell_inches(axes)[1]


def test_labels_overlap_nothing_and_stay_in_the_figure(drawn):
    source = ["antidisestablishmentarianism", "▁of", *["▁word"] * 6, "incomprehensible"]
    target = ["▁Donaudampfschifffahrtsgesellschaftskapitän", "▁x", "y"]
    names = [source, source[:2]] * 3
    maps = random_maps(*[(3, len(s)) for s in names])
    attention_maps_figure(maps, names, [target] * 6, "a.png")
    figure = drawn[0]
    for axes in panels_of(figure):
        assert labels(axes.yaxis)[0] == "·Donaudampfschifffahrtsgese…"
        for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
            box = label.get_window_extent()
            assert box.x0 > 0
            assert box.y0 > 0
            assert box.x1 < figure.bbox.x1
            assert box.y1 < figure.bbox.y1
    boxes = [
        axes.get_tightbbox().transformed(figure.transFigure.inverted())
        for axes in figure.axes
    ]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_pixels_have_the_colours_of_the_alignments(tmp_path):
    values = np.array([[0.0, 1.0, 0.25], [0.5, 0.5, 0.75]])
    path = attention_maps_figure(
        [values], [["a", "b", "c"]], [["x", "y"]], tmp_path / "new" / "a.png"
    )
    image = matplotlib.image.imread(path)[..., :3]
    colours = sequential_colours()

    def pixels_like(value):
        return (abs(image - colours(value)[:3]).max(axis=-1) < 1 / 255).sum()

    # Cells of 45 pixels, but for the lines between them; the bar shows all colours.
    for value, cells in ((0.25, 1), (0.5, 2), (0.75, 1)):
        assert 0.8 * cells < pixels_like(value) / 45**2 < 1.2 * cells
    assert pixels_like(0.6) < 0.2 * 45**2


def test_colours_go_from_pale_to_dark_in_equal_steps():
    from matplotlib.colors import to_rgb

    colours = sequential_colours()(np.linspace(0, 1, 256))[:, :3]
    np.testing.assert_allclose(colours[0], to_rgb(PALE), atol=1e-6)
    np.testing.assert_allclose(colours[-1], to_rgb(DARK), atol=1e-6)
    # CIE lightness, computed in another way than the colours were.
    linear = np.where(colours > 0.04045, ((colours + 0.055) / 1.055) ** 2.4, 0)
    linear = np.where(colours > 0.04045, linear, colours / 12.92)
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16
    steps = np.diff(lightness)
    assert steps.max() < 0
    assert steps.min() / steps.max() < 1.5


@pytest.fixture
def korean_font(tmp_path):
    """A font of this machine that has one syllable, 한."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib import font_manager

    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    pen.lineTo((100, 800))
    pen.lineTo((900, 800))
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "han"])
    builder.setupCharacterMap({ord("한"): "han"})
    builder.setupGlyf({".notdef": pen.glyph(), "han": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "han": (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "AAA CJK Test", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "test.ttf")
    before = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.addfont(str(tmp_path / "test.ttf"))
    yield "AAA CJK Test"
    font_manager.fontManager.ttflist[:] = before


def test_a_font_with_the_characters_is_found(korean_font, drawn):
    families, lacking = glyphs.fonts_for(["God", "한한"])
    assert families == ["DejaVu Sans", korean_font]
    assert lacking == frozenset()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attention_maps_figure([np.eye(2)], [["God", "x"]], [["한", "y"]], "a.png")
    (axes,) = panels_of(drawn[0])
    assert labels(axes.yaxis) == ["한", "y"]
    assert korean_font in axes.get_yticklabels()[0].get_fontfamily()
    assert not drawn[0].texts


def test_characters_that_no_font_has_are_boxes_and_the_figure_says_so(drawn):
    nowhere = "\U0010fffd"  # for private use
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attention_maps_figure(
            [np.eye(2)], [["God", "x"]], [[f"a{nowhere}", "b\n\u200dc"]], "a.png"
        )
    (axes,) = panels_of(drawn[0])
    assert labels(axes.yaxis) == ["a□", "bc"]
    (note,) = drawn[0].texts
    assert note.get_text() == "□: no font of this machine has the character"


def test_alignments_that_do_not_fit(tmp_path):
    path = tmp_path / "a.png"
    good = np.eye(2)
    with pytest.raises(ValueError, match=r"`alignments` .* 1 to 6 sentences; got 0"):
        attention_maps_figure([], [], [], path)
    with pytest.raises(ValueError, match=r"`alignments` .* 1 to 6 sentences; got 7"):
        attention_maps_figure([good] * 7, [["a", "b"]] * 7, [["a", "b"]] * 7, path)
    with pytest.raises(ValueError, match=r"`targets` .* of the 1 sentences; got 2"):
        attention_maps_figure([good], [["a", "b"]], [["a", "b"]] * 2, path)
    expected = r"`alignments\[0\]` must have shape .*=\(2, 3\); got \(2, 2\)"
    with pytest.raises(ValueError, match=expected):
        attention_maps_figure([good], [["a", "b", "c"]], [["a", "b"]], path)
    with pytest.raises(ValueError, match=r"`sources\[0\]` .* got the string 'ab'"):
        attention_maps_figure([good], ["ab"], [["a", "b"]], path)
    with pytest.raises(ValueError, match=r"`targets\[0\]` .* 1 to 300 tokens; got 0"):
        attention_maps_figure([np.zeros((0, 2))], [["a", "b"]], [[]], path)
    for wrong in (3 * good, good - 1, good * np.nan):
        with pytest.raises(ValueError, match=r"`alignments\[0\]` .* from 0 to 1; got"):
            attention_maps_figure([wrong], [["a", "b"]], [["a", "b"]], path)
    assert not path.exists()
