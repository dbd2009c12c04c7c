import re

import numpy as np
import pytest
from tiny_char_model import TEXT, TinyCharModel

from kerasrnn.inspection import (
    FoundCells,
    colored_text_figure,
    colored_text_html,
    colored_text_terminal,
    find_cells,
    found_cells_figure,
    text_features,
)
from kerasrnn.inspection.cells_figure import from_low_to_high, passage
from kerasrnn.inspection.colored_text import laid_out

RED, BLUE = (0xE2, 0x66, 0x5A), (0x5B, 0x93, 0xD3)


def share_of(image, colour):
    close = abs(image[..., :3] - np.array(colour) / 255).max(axis=-1) < 0.01
    return close.mean()


def test_html_has_every_character_on_its_colour(tmp_path):
    text = "a<b>\n&c\td"
    values = [1, 1, 5, 0, 0, -1, -0.5, -0.5, 0.001]
    path = tmp_path / "pages" / "unit.html"
    piece = colored_text_html(text, values, path, title="<unit>")
    pre = re.search(r"<pre[^>]*>(.*)</pre>", piece, re.DOTALL)[1]
    assert pre == (
        '<span style="background: #e2665a">a&lt;b</span>&gt;↵\n'
        '<span style="background: #5b93d3">&amp;</span>'
        '<span style="background: #adc9e9">c\t</span>d'
    )
    page = path.read_text(encoding="utf-8")
    assert piece in page and "<title>&lt;unit&gt;</title>" in page


def test_a_terminal_gets_colours_and_nothing_else_to_obey():
    text = "ab\n\x1b[2J\tc"
    shown = colored_text_terminal(text, np.linspace(-1, 1, len(text)))
    lines = shown.split("\n")
    assert len(lines) == 2
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    # Escape is a dot; the tab goes to column 8.
    assert plain == "ab↵\n·[2J    c"
    assert "\x1b" not in plain
    assert lines[0].startswith("\x1b[38;2;31;41;51;48;2;91;147;211ma\x1b[0m")
    assert lines[1].endswith("48;2;226;102;90mc\x1b[0m")


def test_lines_are_wrapped_and_no_character_is_lost():
    text = "0123456789abc\n\n\txy"
    rows = laid_out(text, range(len(text)), 10)
    assert ["".join(c for c, _ in row) for row in rows] == [
        "0123456789",
        "abc↵",
        "↵",
        "        xy",
    ]
    assert [v for _, v in rows[3]] == [15] * 8 + [16, 17]


def test_a_figure_has_the_colours_of_the_values(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    text = " " * 400
    red = colored_text_figure(text, np.ones(400), tmp_path / "a.png")
    half = colored_text_figure(
        text, np.repeat([1, -1], 200), tmp_path / "figures" / "b.png"
    )
    red, half = image.imread(red), image.imread(half)
    assert 0.3 < share_of(red, RED) < 0.9 and share_of(red, BLUE) < 0.01
    assert share_of(half, RED) == pytest.approx(share_of(red, RED) / 2, rel=0.05)
    assert share_of(half, BLUE) == pytest.approx(share_of(half, RED), rel=0.05)


def test_letters_lie_on_their_colours_and_marks_under_them(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    text = "i" * 79 + "I\n한 $x$ \x07\tend"
    values = np.where(np.array(list(text)) == "I", 1.0, 0.0)
    path = colored_text_figure(text, values, tmp_path / "a.png", title="$x")
    seen = image.imread(path)[..., :3]
    # The legend below has red too.
    top = seen[: int(seen.shape[0] * 0.7)]
    rows, columns = np.nonzero(abs(top - np.array(RED) / 255).max(axis=-1) < 0.01)
    box = top[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    dark = np.nonzero((box < 0.3).all(axis=-1).any(axis=0))[0]
    # The last of 80 letters is in the middle of its box.
    assert abs((dark.min() + dark.max()) / 2 - (box.shape[1] - 1) / 2) <= 1.5
    marked = colored_text_figure(
        text, values, tmp_path / "b.png", title="$x", marks=[True] * len(text)
    )
    ink = [
        ((image.imread(p)[..., :3] < 0.3).all(axis=-1)).mean() for p in (path, marked)
    ]
    assert ink[1] > 1.1 * ink[0]


def test_the_legend_says_what_the_colours_stand_for(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    text, values = "abc" * 40, np.linspace(-1, 1, 120)
    plain = colored_text_figure(text, values, tmp_path / "a.png")
    named = colored_text_figure(
        text, values, tmp_path / "b.png", ends=("0 bits", "8 bits and more")
    )
    plain, named = image.imread(plain), image.imread(named)
    legend = len(plain) - 68  # of 0.45 inches
    assert np.array_equal(plain[:legend], named[:legend])
    ink = [(p[legend:, :, :3] < 0.7).all(axis=-1).sum() for p in (plain, named)]
    assert ink[1] > 2 * ink[0]


def test_the_best_cells_are_drawn_where_there_is_something_to_see(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    model = TinyCharModel("lstm", scale=3)
    text = TEXT * 6
    features = text_features(text, kind="prose")
    found = find_cells(model, text, features, warm_up=50)
    path = found_cells_figure(
        model, text, found, tmp_path / "cells.png", features=features, characters=90
    )
    drawn = image.imread(path)
    # Each passage goes from one end of the scale to the other.
    assert share_of(drawn, RED) > 1e-3 and share_of(drawn, BLUE) > 1e-3
    one = found_cells_figure(
        model,
        text,
        found,
        tmp_path / "one.png",
        features=features,
        characters=90,
        most=["position in line"],
    )
    assert drawn.shape[0] > 2 * image.imread(one).shape[0]
    with pytest.raises(ValueError, match=r"`most` must name .* got 'nothing'"):
        found_cells_figure(model, text, found, path, most=["nothing"])
    with pytest.raises(ValueError, match=r"those of the search; .* not among x"):
        found_cells_figure(
            model, text, found, path, features={"x": features["indentation"]}
        )
    with pytest.raises(ValueError, match="nothing was found"):
        found_cells_figure(model, text, FoundCells({}, {}, (1, 1), 3), path)
    with pytest.raises(ValueError, match="what find_cells returned; got a dict"):
        found_cells_figure(model, text, {}, path)


def test_a_passage_has_much_of_the_feature_and_much_without():
    text = ("x" * 19 + "\n") * 30
    values = np.zeros(600, bool)
    values[:300] = np.arange(300) % 2  # chose the cell, is not shown
    values[410:425] = values[430:450] = True
    start, end = passage(text, values, 300, 80)
    assert start >= 300 and start % 20 == 0 and end % 20 == 0
    assert 80 <= end - start <= 100
    assert values[start:end].sum() == 35


def test_a_cell_far_from_zero_has_all_colours():
    activations = np.linspace(7, 9, 101).astype("float32")
    scaled = from_low_to_high(activations)
    assert scaled[[0, 50, 100]] == pytest.approx([-1, 0, 1], abs=1e-5)
    assert not from_low_to_high(np.full(5, 3.0)).any()


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"shape \(3,\); got shape \(2,\)"):
        colored_text_html("abc", [1, 2])
    with pytest.raises(ValueError, match="must be numbers; got NaN"):
        colored_text_terminal("a", [np.nan])
    with pytest.raises(ValueError, match="one character or more; got ''"):
        colored_text_html("", [])
    with pytest.raises(ValueError, match=r"at most 20,000 .* got 20,001"):
        colored_text_figure("a" * 20001, np.zeros(20001), tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"`marks` must have .*\(1,\); got .*\(2,\)"):
        colored_text_figure("a", [1], tmp_path / "a.png", marks=[True, False])
    with pytest.raises(ValueError, match=r"`width` must be .* got 5"):
        colored_text_figure("a", [1], tmp_path / "a.png", width=5)
