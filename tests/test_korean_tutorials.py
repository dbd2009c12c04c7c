"""The Korean pages: the code, numbers, formulas and links of the English ones."""

import collections
import functools
import importlib
import pathlib
import re

import pytest

jupytext = pytest.importorskip("jupytext")
import nbformat  # noqa: E402  It comes with jupytext.
from matplotlib.text import Text  # noqa: E402

FOLDER = pathlib.Path(__file__).parents[1] / "tutorials"
PAGES = sorted(FOLDER.glob("[0-9][0-9]_*.ko.py"))
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
HANGUL = re.compile("[가-힣]")
# Numbers that English may spell where Korean has digits.
SPELLED = "zero one two three four five six seven eight nine ten".split()
DRAWING = re.compile(r"drawing\w*\.\w+\((marked=.+)?\)")  # without data
GLOSSARY = "\n## 용어\n"  # what page 0 has in Korean only


@pytest.fixture
def drawing_korean(monkeypatch):
    """The module of that name; figures that are shown are kept in `shown`."""
    plt = importlib.import_module("matplotlib.pyplot")
    monkeypatch.syspath_prepend(str(FOLDER))
    with plt.rc_context():
        module = importlib.import_module("drawing_korean")
        shown = []
        monkeypatch.setattr(module, "shown", shown, raising=False)
        monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
        yield module
        plt.close("all")


def english_of(page):
    return page.with_name(page.name.replace(".ko.py", ".py"))


@functools.cache
def cells(page):
    return [(cell.cell_type, cell.source) for cell in jupytext.read(page).cells]


def texts_of(page):
    return [text for kind, text in cells(page) if kind == "markdown"]


def headings(text):
    return re.findall(r"^(#+) (.+)$", text, re.MULTILINE)


def held(text):
    """What a translation leaves as it is, each kind with how often it occurs."""
    text = text.split(GLOSSARY)[0]
    kinds = {
        "headings": [marks for marks, _ in headings(text)],
        "links": [
            target.replace(".ko.ipynb", ".ipynb")
            for target in re.findall(r"\]\(([^)]+)\)", text)
        ],
        "code": re.findall(r"`[^`]+`", " ".join(text.split())),
        "formulas": [
            re.sub(r"\\text\{[^}]*\}|\s", "", formula)
            for formula in re.findall(r"\$\$.+?\$\$|\$[^$]+\$", text, re.DOTALL)
        ],
        "numbers": re.findall(r"\d+(?:[.,]\d+)*", text),
        "rows of tables": re.findall(r"^\|", text, re.MULTILINE),
    }
    return {kind: collections.Counter(found) for kind, found in kinds.items()}


def differences(english, korean):
    """What stands in one of two texts and not in the other."""
    spelled = collections.Counter(
        str(SPELLED.index(word.removesuffix("s")))
        for word in re.findall(r"\w+", english.lower())
        if word.removesuffix("s") in SPELLED
    )
    found = []
    for kind, expected in held(english).items():
        given = held(korean)[kind]
        lost, added = expected - given, given - expected
        if kind == "numbers":
            added -= spelled
        if lost or added:
            found.append(
                f"{kind}: only in English {[*lost.elements()]}, "
                f"only in Korean {[*added.elements()]}"
            )
    return found


def test_pages_0_to_10_are_there():
    assert {page.stem[:2] for page in PAGES} >= {f"{n:02}" for n in range(11)}


@EACH
def test_the_code_is_that_of_the_english_page(page):
    english, korean = cells(english_of(page)), cells(page)
    assert [kind for kind, _ in korean] == [kind for kind, _ in english]
    for (kind, expected), (_, given) in zip(english, korean, strict=True):
        if kind == "code":
            assert given == expected


@EACH
def test_each_text_has_the_numbers_formulas_and_links_of_the_english_one(page):
    both = zip(texts_of(english_of(page)), texts_of(page), strict=True)
    for english, korean in both:
        assert differences(english, korean) == [], korean[:200]


@EACH
def test_every_text_is_korean_and_leads_to_korean_pages(page):
    for text in texts_of(page):
        assert HANGUL.search(text), text
        for _, heading in headings(text):
            assert HANGUL.search(heading), heading
        for target in re.findall(r"\]\((\w+\.(?:ko\.)?ipynb)\)", text):
            assert (FOLDER / target).is_file(), target
            korean = target.replace(".ipynb", ".ko.ipynb")
            assert ".ko." in target or not (FOLDER / korean).is_file(), target


@EACH
def test_the_notebook_has_the_text_of_the_page_and_what_the_english_one_printed(page):
    shown, english = (
        nbformat.read(source.with_suffix(".ipynb"), as_version=4)
        for source in (page, english_of(page))
    )
    nbformat.validate(shown)
    again = "run: python tutorials/make_notebooks.py --text " + page.stem[:2]
    assert [(cell.cell_type, cell.source) for cell in shown.cells] == cells(page), again
    for given, expected in zip(shown.cells, english.cells, strict=True):
        if DRAWING.fullmatch(given.source):  # It has Korean labels.
            (output,) = given.outputs
            assert "image/png" in output.data and given.outputs != expected.outputs
        elif given.cell_type == "code":
            assert given.outputs == expected.outputs, again
    assert shown.metadata == english.metadata, again


def test_a_difference_is_seen():
    english = "## 1. Two\n\n12 units `U` in $n$ keep 0.5 of [page 3](03_a.ipynb)."
    korean = "## 1. 유닛 2개\n\n$n$의 `U` 12개에 [3쪽](03_a.ko.ipynb)의 0.5가 남는다."
    assert differences(english, korean) == []
    for old, new, kind in (
        ("12", "13", "numbers"),
        ("0.5", "0.6", "numbers"),
        ("2개", "3개", "numbers"),
        ("`U`", "`V`", "code"),
        ("$n$", "$m$", "formulas"),
        ("03_a", "04_a", "links"),
        ("## ", "### ", "headings"),
    ):
        (first, *_) = differences(english, korean.replace(old, new, 1))
        assert first.startswith(kind)
    assert differences(english, korean + GLOSSARY + "| 1 |") == []


def test_drawings_without_data_have_korean_labels(drawing_korean, monkeypatch):
    sources = {source for page in PAGES for _, source in cells(page)}
    calls = sorted(source for source in sources if DRAWING.fullmatch(source))
    names = {
        name: importlib.import_module(name) for name in ("drawing", "drawing_gradients")
    }
    texts = {}
    for language in ("", "ko"):
        monkeypatch.setenv("KERASRNN_LANGUAGE", language)
        monkeypatch.setattr(drawing_korean, "korean_fonts", lambda: ["DejaVu Sans"])
        drawing_korean.shown.clear()
        for call in calls:
            exec(call, dict(names))
        assert len(drawing_korean.shown) == len(calls) > 5
        texts[language] = [
            text.get_text()
            for figure in drawing_korean.shown
            for text in figure.findobj(Text)
        ]
    assert set(drawing_korean.LABELS) <= set(texts[""])
    assert texts["ko"] == [drawing_korean.LABELS.get(t, t) for t in texts[""]]
    # What stays are formulas, letters, numbers, and the words that a model reads.
    words = "the light shines la luz brilla a red apple".split()
    for text in texts["ko"]:
        plain = text in words or re.fullmatch(r"[\w.=−]{0,4}|\$.+\$", text)
        assert plain or HANGUL.search(text), text


def test_where_no_font_has_korean_letters_a_note_names_one(
    drawing_korean, monkeypatch, capsys
):
    glyphs = importlib.import_module("kerasrnn.inspection.glyphs")
    files = {glyphs.FIRST: glyphs.font_files()[glyphs.FIRST]}
    monkeypatch.setattr(glyphs, "font_files", lambda: files)
    monkeypatch.setattr(drawing_korean.font_manager, "findSystemFonts", list)
    monkeypatch.setenv("KERASRNN_LANGUAGE", "ko")
    importlib.import_module("drawing").unrolled()
    assert "the package fonts-nanum" in capsys.readouterr().out
    (figure,) = drawing_korean.shown
    labels = {text.get_text() for text in figure.findobj(Text)}
    assert "the same W, U and b at every step" in labels
