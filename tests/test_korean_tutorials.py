"""The Korean pages: the code, numbers, formulas and links of the English ones."""

import ast
import collections
import copy
import functools
import importlib
import importlib.util
import pathlib
import re
import types

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
# Texts of figures that stay English: names of layers, models and formats, code, and
# words that a model reads. Pages 2 to 5 have not run since figures have Korean twins.
STAY = {
    "00": "tanh the singers from Seoul sing again but singer Busan smiles".split(),
    "01": [
        *("SimpleRNN", "GRU", "LSTM"),
        *("SimpleRNN(4): (U,)", "return_sequences=True: (T, U)"),
        *"warm and funny film with great cast it starts well but is too long".split(),
        *"very dull not bad at all".split(),
    ],
    "06": ["SimpleRNN", "GRU", "LSTM", "LSTM —  ‖∂L/∂c$_t$‖,   GRU ⋯  ‖∂L/∂h$_t$‖"],
    "07": [
        *("Keras", "SavedModel", "ONNX", "ONNX, int8", "LiteRT", "[END]"),
        *"They went out of the city and came to him".split(),
        *"salieron de la ciudad vinieron".split(),
    ],
}
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
        monkeypatch.setattr(module.Figure, "savefig", module.Figure.savefig)
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
            target.replace(".ko.ipynb", ".ipynb").partition("#")[0]
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
        for target in re.findall(r"\]\((\w+\.(?:ko\.)?ipynb)[#)]", text):
            assert (FOLDER / target).is_file(), target
            korean = target.replace(".ipynb", ".ko.ipynb")
            assert ".ko." in target or not (FOLDER / korean).is_file(), target


def figures_of(notebook):
    """The outputs that are figures."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [o for o in outputs if {"image/png", "image/jpeg"} & {*o.get("data", {})}]


def printed_by(cell, translate=str):
    """The outputs of a cell without their pictures, each line translated."""
    outputs = copy.deepcopy(cell.get("outputs", []))
    for output in outputs:
        if "text" in output:
            lines = output.text.split("\n")
            output.text = "\n".join(translate(line) for line in lines)
        for kind in {"image/png", "image/jpeg"} & {*output.get("data", {})}:
            output.data[kind] = ""
            output.metadata.pop("english", None)
    return outputs


def notebooks_of(page):
    return (
        nbformat.read(source.with_suffix(".ipynb"), as_version=4)
        for source in (page, english_of(page))
    )


@EACH
def test_the_notebook_has_the_text_of_the_page_and_what_the_english_one_printed(
    page, drawing_korean
):
    in_korean = importlib.import_module("exercises_korean").in_korean
    shown, english = notebooks_of(page)
    nbformat.validate(shown)
    again = "run: python tutorials/make_notebooks.py --exercises " + page.stem[:2]
    *found, last = [(cell.cell_type, cell.source) for cell in shown.cells]
    assert found == cells(page), again
    said = english.metadata["kerasrnn"]  # The line at the end is no cell of the page.
    assert f"{said['date']}에 {said['seconds']:,}초 동안" in last[1], again
    for given, expected in zip(shown.cells, english.cells, strict=True):
        if "check(" in given.source:  # An exercise, which speaks Korean.
            told = printed_by(
                expected, lambda line: ": ".join(map(in_korean, line.split(": ")))
            )
            assert printed_by(given) == told, again
        elif given.cell_type == "code":
            assert printed_by(given) == printed_by(expected), again
        if DRAWING.fullmatch(given.source):
            assert given.outputs != expected.outputs
    assert shown.metadata == english.metadata, again


@pytest.mark.parametrize("page", [p for p in PAGES if p.stem[:2] in STAY])
def test_figures_have_korean_labels(page):
    shown, english = notebooks_of(page)
    figures = figures_of(shown)
    assert figures
    for given, expected in zip(figures, figures_of(english), strict=True):
        assert given.data != expected.data
    left = {text for figure in figures for text in figure.metadata.get("english", [])}
    assert left == {*STAY[page.stem[:2]]}


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
    monkeypatch.setattr(drawing_korean, "korean_fonts", lambda: ["DejaVu Sans"])
    for call in calls:
        exec(call, dict(names))
    assert len(drawing_korean.shown) == len(calls) > 5
    # What stays are the words that a model reads.
    words = "the light shines la luz brilla a red apple".split()
    for figure in drawing_korean.shown:
        assert set(drawing_korean.left_english(figure)) <= set(words)
        with drawing_korean.labelled(figure):
            assert any(HANGUL.search(t.get_text()) for t in figure.findobj(Text))
        assert not any(HANGUL.search(t.get_text()) for t in figure.findobj(Text))


def test_labels_with_numbers_and_those_on_lines(drawing_korean):
    say = drawing_korean.in_korean
    assert say("10 steps to wait") == "10스텝 기다리기"
    assert say("ten steps to wait") == "ten steps to wait"
    assert say("as it is: off to (-16, -43)") == "그대로: (-16, -43)로 튕겨 나감"
    assert (
        say("with attention: +1.0 BLEU at 1–10 words, +9.5 at 31–40")
        == "어텐션이 있을 때: 낱말 1–10개에서 BLEU +1.0, 31–40개에서 +9.5"
    )
    assert say("scores\n$e_{1s}$") == "점수\n$e_{1s}$"
    plt = importlib.import_module("matplotlib.pyplot")
    _, axes = plt.subplots()
    line = axes.annotate("with", (0, 0))
    word = axes.text(0, 0, "with")  # one that a model reads
    assert drawing_korean.label_of(line, "with") == "있을 때"
    assert drawing_korean.label_of(word, "with") == "with"
    caption = drawing_korean.Figure().text(0, 0, "letter")  # as kerasrnn draws one
    assert drawing_korean.label_of(caption, "letter") == "letter"
    assert drawing_korean.label_of(caption, "attention") == "어텐션"
    assert drawing_korean.label_of(word, "letter") == "글자"
    word.set_gid(drawing_korean.READ)
    assert drawing_korean.label_of(word, "state") == "state"


def test_every_korean_label_can_be_made(drawing_korean):
    for label, korean in drawing_korean.LABELS.items():
        said = label.replace("{}", "3").replace("{text}", "state")
        made = drawing_korean.in_korean(said)
        assert made != said and (label != said or made == korean), label
        assert made.count("3") == said.count("3") and made.count("{") <= 1, label


def test_a_figure_has_a_korean_twin_and_is_as_it_was(
    drawing_korean, monkeypatch, tmp_path
):
    # Which makes notebooks, and which `.ci/run` installs for this test.
    pytest.importorskip("IPython")
    formatters = importlib.import_module("IPython.core.formatters")
    display = formatters.DisplayFormatter()
    print_figure = importlib.import_module("IPython.core.pylabtools").print_figure
    display.formatters["image/png"].for_type(
        drawing_korean.Figure, lambda figure: print_figure(figure, base64=True)
    )
    shell = types.SimpleNamespace(display_formatter=display)
    monkeypatch.setattr("builtins.get_ipython", lambda: shell, raising=False)
    # Without Hangul, so that no font must have it.
    labels = {"one": "first", "two": "second", "three": "third"}
    monkeypatch.setattr(drawing_korean, "in_korean", lambda t: labels.get(t, t))
    monkeypatch.setattr(drawing_korean, "korean_fonts", lambda: ["DejaVu Serif"])
    plt = importlib.import_module("matplotlib.pyplot")

    def figure_of(title, tick, line):
        figure, axes = plt.subplots(figsize=(3, 2))
        axes.set_title(title)
        axes.set_xticks([0, 1], [tick, "word"])
        axes.plot([0, 1], label=line)
        axes.legend()
        return figure

    english = figure_of("one", "two", "three")
    before = print_figure(english, base64=True)
    korean = figure_of("first", "second", "third")
    for text in korean.findobj(Text):
        if text.get_text() in labels.values():
            text.set_family(["DejaVu Serif"])
    drawing_korean.draw_twice()
    data, _ = display.format(english)
    assert data["korean/image/png"] == print_figure(korean, base64=True)
    assert data["image/png"] == before == print_figure(english, base64=True)
    assert data["korean/left"] == ["word"]

    # One that was written to a file is shown from there.
    english.savefig(tmp_path / "a.png")
    drawing = importlib.import_module("drawing")
    drawing.page(tmp_path / "a.png")
    twin, _ = display.format(drawing_korean.shown[-1])
    drawing.page(tmp_path / "a.ko.png")
    alone = print_figure(drawing_korean.shown[-1], base64=True)
    assert twin["korean/image/png"] == alone != twin["image/png"]
    assert twin["korean/left"] == ["word"]


def test_each_notebook_keeps_its_own_figures():
    place = importlib.util.spec_from_file_location(
        "make_notebooks", FOLDER / "make_notebooks.py"
    )
    make_notebooks = importlib.util.module_from_spec(place)
    place.loader.exec_module(make_notebooks)
    data = {"image/png": "e", "korean/image/png": "k", "korean/left": ["x"]}
    output = nbformat.v4.new_output("display_data", data=data)
    cell = nbformat.v4.new_code_cell("f()", outputs=[output])
    english = nbformat.v4.new_notebook(cells=[cell])
    korean = copy.deepcopy(english)
    make_notebooks.take_figures(korean, korean=True)
    make_notebooks.take_figures(english, korean=False)
    (given,), (expected,) = (figures_of(notebook) for notebook in (korean, english))
    assert (given.data, given.metadata) == ({"image/png": "k"}, {"english": ["x"]})
    assert (expected.data, expected.metadata) == ({"image/png": "e"}, {})
    with pytest.raises(SystemExit, match="the package fonts-nanum may be missing"):
        make_notebooks.take_figures(english, korean=True)


def test_where_no_font_has_korean_letters_a_note_names_one(
    drawing_korean, monkeypatch, capsys
):
    glyphs = importlib.import_module("kerasrnn.inspection.glyphs")
    files = {glyphs.FIRST: glyphs.font_files()[glyphs.FIRST]}
    monkeypatch.setattr(glyphs, "font_files", lambda: files)
    monkeypatch.setattr(drawing_korean.font_manager, "findSystemFonts", list)
    drawing_korean.draw_in_korean()
    importlib.import_module("drawing").unrolled()
    assert "the package fonts-nanum" in capsys.readouterr().out
    (figure,) = drawing_korean.shown
    labels = {text.get_text() for text in figure.findobj(Text)}
    assert "the same W, U and b at every step" in labels


def test_a_reader_who_asks_for_korean_sees_it(drawing_korean, monkeypatch):
    plt = importlib.import_module("matplotlib.pyplot")
    monkeypatch.setattr(drawing_korean, "korean_fonts", lambda: ["DejaVu Sans"])
    seen = []

    def show():
        seen.extend(text.get_text() for text in plt.gcf().findobj(Text))

    monkeypatch.setattr(plt, "show", show)
    drawing_korean.draw_in_korean()
    importlib.import_module("drawing").unrolled()
    assert "모든 스텝에서 같은 W, U, b" in seen


def hints_of(path):
    """The hints of a file of solutions, with a 3 in the place of what it computes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "expect":
            hint = node.args[1]
            parts = hint.values if isinstance(hint, ast.JoinedStr) else [hint]
            yield "".join(
                p.value if isinstance(p, ast.Constant) else "3" for p in parts
            )


def test_hints_of_pages_0_to_7_are_in_korean(drawing_korean, monkeypatch):
    exercises = importlib.import_module("exercises")
    in_korean = importlib.import_module("exercises_korean").in_korean
    pages = sorted(exercises.SOLUTIONS.glob("0[0-7]_*.py"))
    hints = [hint for page in pages for hint in hints_of(page)]
    assert len(hints) > 70
    for hint in hints:
        assert HANGUL.search(in_korean(hint)) or hint == "3: 3", hint  # an error's text
    monkeypatch.setenv("KERASRNN_LANGUAGE", "ko")
    with pytest.raises(exercises.HintError, match=r"^아직 아니다\. 편향은 열벡터다\.$"):
        exercises.expect(False, "The bias is a column.")
