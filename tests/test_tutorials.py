"""Every tutorial runs from top to bottom, and its notebook is the one of its source."""

import ast
import configparser
import copy
import datetime
import functools
import importlib.util
import inspect
import os
import pathlib
import platform
import re
import subprocess
import sys

import keras
import pytest

jupytext = pytest.importorskip("jupytext")
import nbformat  # noqa: E402  It comes with jupytext.

import kerasrnn  # noqa: E402
from kerasrnn.catalogue import load_recipe  # noqa: E402
from kerasrnn.training.provenance import provenance  # noqa: E402

FOLDER = pathlib.Path(__file__).parents[1] / "tutorials"
KOREAN = sorted(FOLDER.glob("[0-9][0-9]_*.ko.py"))  # see test_korean_tutorials.py
SOURCES = sorted({*FOLDER.glob("[0-9][0-9]_*.py")} - {*KOREAN})
# What each says near its end.
LAST_WORDS = {
    "00_from_the_slides_to_the_code": "The verb agrees with each subject",
    "01_recurrent_layers": "test accuracy",
    "02_translation_with_attention": "TensorFlow alone gives the same translation",
    "03_image_captioning": "TensorFlow alone gives the same caption",
    "04_character_language_model": "The model is kept, and reads and writes",
    "05_inside_the_cells": "The random weights know",
    "06_gradient_flow": "Chunks of 100 characters point",
    "07_serving": "The same answers in five forms",
    "08_labels_for_every_step": "Every label in its place",
    "09_forecasting": "The forecasts of this page are made",
    "10_glimpses": "The places make the difference",
    "11_from_attention_to_transformers": "Four heads, and each looks in its own way",
    "12_depth_and_distance": "What the network forgets, the cache finds",
}
EACH = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def cells_of(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def read(source):
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def faults_of_a_run(notebook):
    """Why a reader would see something else than the text of a notebook tells."""
    said = notebook.metadata.get("kerasrnn", {})
    found = []
    if said.get("size") != "full":
        found.append(f"it was run at the size {said.get('size')!r}")
    else:
        datetime.date.fromisoformat(said["date"])
        assert said["seconds"] > 0
    printed = "".join(
        output.get("text", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    shown = re.findall(r"the preset ([\w-]+): (.*)", printed)
    if not shown:
        found.append("no preset is shown")
    for name, line in shown:
        recipe = load_recipe(name)
        told = f"{recipe.results['parameters']:,} parameters, {recipe.score}"
        if line != told:
            found.append(f"{name} has {told}, the notebook prints {line}")
    return found


def test_there_are_tutorials():
    assert SOURCES


@EACH
def test_the_notebook_shows_the_full_size_and_the_presets_that_ship(source):
    assert faults_of_a_run(read(source)) == [], (
        f"run: python tutorials/make_notebooks.py {source.stem[:2]}"
    )


def notebook_that_prints(text, **metadata):
    output = nbformat.v4.new_output("stream", name="stdout", text=text)
    cell = nbformat.v4.new_code_cell("f()", execution_count=1, outputs=[output])
    return nbformat.v4.new_notebook(cells=[cell], metadata={"kerasrnn": metadata})


def test_a_notebook_of_the_small_size_or_with_other_numbers_is_refused():
    recipe = load_recipe("translate-en-es")
    line = f"{recipe.results['parameters']:,} parameters, {recipe.score}\n"
    full = {"size": "full", "date": "2026-11-27", "seconds": 9}
    right = "the preset translate-en-es: " + line
    assert faults_of_a_run(notebook_that_prints(right, **full)) == []
    small = full | {"size": "small"}
    assert faults_of_a_run(notebook_that_prints(right, **small)) == [
        "it was run at the size 'small'"
    ]
    assert len(faults_of_a_run(notebook_that_prints(right))) == 1
    for wrong in (right.replace(" parameters", "1 parameters"), right[:-2] + "9\n"):
        (fault,) = faults_of_a_run(notebook_that_prints(wrong, **full))
        assert f"translate-en-es has {line.strip()}, the notebook prints" in fault
    assert faults_of_a_run(notebook_that_prints("", **full)) == ["no preset is shown"]


@pytest.fixture
def make_notebooks():
    place = importlib.util.spec_from_file_location(
        "make_notebooks", FOLDER / "make_notebooks.py"
    )
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def test_text_is_put_into_a_notebook_whose_code_ran_as_it_is(make_notebooks):
    ran = notebook_that_prints("here", size="full")
    new = copy.deepcopy(ran)
    new.cells.insert(0, nbformat.v4.new_markdown_cell("new"))
    new.cells[1].outputs, new.cells[1].execution_count = [], None
    make_notebooks.take_outputs(new, ran)
    assert new.cells[1].outputs[0].text == "here"
    assert new.cells[1].execution_count == 1
    new.cells[1].source = "g()"
    with pytest.raises(SystemExit, match="The code has changed"):
        make_notebooks.take_outputs(new, ran)


def test_exercises_run_without_the_rest(make_notebooks):
    ran = notebook_that_prints("here", size="full")
    ran.cells += [
        nbformat.v4.new_markdown_cell("Bye.\n\n## Exercises\n\n1. Do."),
        nbformat.v4.new_code_cell("old()", execution_count=2),
    ]
    new = copy.deepcopy(ran)
    new.cells[0].outputs, new.cells[0].execution_count = [], None
    new.cells[2].source = "a = np.array([1])"
    new.cells.append(nbformat.v4.new_code_cell("print(a)"))
    make_notebooks.run_exercises(new, ran)
    code = [cell for cell in new.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3]
    printed = [[output.text for output in cell.outputs] for cell in code]
    assert printed == [["here"], [], ["[1]\n"]]
    assert new.metadata == ran.metadata
    nbformat.validate(new)

    new.cells[0].source = "g()"
    with pytest.raises(SystemExit, match="The code has changed"):
        make_notebooks.run_exercises(new, ran)
    del ran.cells[1]
    with pytest.raises(SystemExit, match="no section of exercises"):
        make_notebooks.run_exercises(new, ran)


@EACH
def test_the_notebook_has_the_cells_of_the_source_and_says_when_it_ran(
    source, make_notebooks
):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    *cells, last = cells_of(notebook)
    assert cells == cells_of(jupytext.read(source)), (
        f"run: python tutorials/make_notebooks.py {source.stem}"
    )
    said = notebook.metadata["kerasrnn"]
    assert last == ("markdown", make_notebooks.last_line(said, "en"))
    assert f"ran on {said['date']}, for {said['seconds']:,} seconds." in last[1]


def test_a_run_says_when_how_long_and_on_what(make_notebooks, monkeypatch, tmp_path):
    monkeypatch.setattr(make_notebooks, "execute", lambda notebook: None)
    notebook = notebook_that_prints("here")
    make_notebooks.run(notebook)
    said = notebook.metadata["kerasrnn"]
    assert said["date"] == datetime.date.today().isoformat()
    hardware = provenance()["hardware"]
    assert said["machine"]["processor"] == hardware["processor"] != ""
    assert said["machine"]["cores"] == hardware["cores"] >= 1
    assert said["versions"]["keras"] == keras.__version__
    assert said["versions"]["python"] == platform.python_version()

    said |= {"date": "2026-11-29", "seconds": 1506}
    said["machine"] = {"processor": "A Processor", "cores": 2}
    said["versions"] |= {"python": "3.11.7", "keras": "3.15.1"}
    make_notebooks.write(notebook, tmp_path / "page.ipynb")
    written = nbformat.read(tmp_path / "page.ipynb", as_version=4)
    nbformat.validate(written)
    assert written.cells[-1].source.startswith(
        "*The cells of this page ran on 2026-11-29, for 1,506 seconds. "
        "Processor: A Processor, 2 of its cores. python 3.11.7, keras 3.15.1, tensor"
    )
    assert "1,506초" in make_notebooks.last_line(written.metadata["kerasrnn"], "ko")
    # Of a notebook that ran before the machine was noted, what is known.
    old = {"size": "full", "date": "2026-11-27", "seconds": 39}
    assert make_notebooks.last_line(old, "en") == (
        "*The cells of this page ran on 2026-11-27, for 39 seconds.*"
    )


def old_sources_in(notebook):
    """What a notebook prints the code of, where the code is another one by now."""
    names = {"layers": kerasrnn.layers} | vars(kerasrnn.zoo)
    found = []
    for cell in notebook.cells:
        printed = "".join(o.get("text", "") for o in cell.get("outputs", []))
        for name in re.findall(r"inspect\.getsource\(([\w.]+)\)", cell.source):
            first, *rest = name.split(".")
            shown = functools.reduce(getattr, rest, names[first])
            if cell.cell_type == "code" and inspect.getsource(shown) not in printed:
                found.append(name)
    return found


@EACH
def test_the_code_that_a_notebook_prints_is_the_code(source):
    assert old_sources_in(read(source)) == [], (
        f"run: python tutorials/make_notebooks.py {source.stem[:2]}"
    )


def test_code_that_has_changed_since_is_seen():
    notebook = notebook_that_prints("    def call(self): ...")
    notebook.cells[0].source = "print(inspect.getsource(layers.GRUCell.call))"
    assert old_sources_in(notebook) == ["layers.GRUCell.call"]
    notebook.cells[0].outputs[0].text = inspect.getsource(kerasrnn.layers.GRUCell.call)
    assert old_sources_in(notebook) == []


@EACH
def test_the_notebook_was_run_to_its_end(source):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert any("image/png" in o.get("data", {}) for o in outputs), "no figure"
    assert source.with_suffix(".ipynb").stat().st_size < 2**20


@EACH
def test_the_line_that_installs_works_as_it_is_written(source):
    text = " ".join(source.read_text(encoding="utf-8").replace("\n#", "").split())
    (extras,) = re.findall(
        r"in a clone of the repository `pip install '\.\[(.*?)\]'`", text
    )
    assert "pip install" not in text.replace(f"pip install '.[{extras}]'", "")
    options = configparser.ConfigParser()
    options.read(FOLDER.parent / "setup.cfg")
    assert set(extras.split(",")) <= set(options["options.extras_require"])


@EACH
def test_only_the_stated_names_are_imported(source):
    # A learner has what the line that installs brings, and the drawings.
    known = {"keras", "kerasrnn", "matplotlib", "numpy", "tensorflow"}
    known |= {"tensorflow_datasets", *sys.stdlib_module_names}
    if source.stem == "07_serving":  # and the reader that an export brings
        known |= {"ai_edge_litert", "onnx", "onnxruntime", "text_reader"}
    known |= {path.stem for path in FOLDER.glob("drawing*.py")} | {"exercises"}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= known
        elif isinstance(node, ast.ImportFrom):
            assert node.module.split(".")[0] in known


@functools.cache
def code_under(page):
    """How many code cells each heading of a page has before the next one as high."""
    counts, within = {}, []
    for kind, source in cells_of(jupytext.read(page)):
        if kind == "code":
            for _, heading in within:
                counts[heading] += 1
            continue
        for marks, heading in re.findall(r"^(#+) (.+)$", source, re.MULTILINE):
            within = [above for above in within if len(above[0]) < len(marks)]
            within.append((marks, heading))
            assert heading not in counts, "no two headings may have one anchor"
            counts[heading] = 0
    return counts


def anchor_of(heading):
    """How code hosts and the site call the place of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower().replace(" ", "-"))


@pytest.mark.parametrize("language", ["", ".ko"])
def test_what_page_0_points_at_is_there(language):
    page = FOLDER / f"00_from_the_slides_to_the_code{language}.py"
    text = page.read_text(encoding="utf-8")
    rows = re.findall(
        r"^# \|.*\| \[(\d+), (.+?)\]\(([\w.]+)\.ipynb#(.+)\) \|$", text, re.MULTILINE
    )
    assert len(rows) == len(re.findall(r"\.ipynb[^ ]*\) \|", text)) > 30
    for number, heading, stem, anchor in rows:
        source = FOLDER / f"{stem}.py"
        assert source in {*SOURCES, *KOREAN} and int(stem[:2]) == int(number)
        assert code_under(source).get(heading, 0) > 0, (number, heading)
        assert anchor == anchor_of(heading)
    # No page is left out.
    pages = {int(source.stem[:2]) for source in SOURCES}
    assert {int(number) for number, *_ in rows} == pages - {7}


def test_code_is_counted_under_the_headings_that_it_belongs_to(tmp_path):
    page = tmp_path / "page.py"
    page.write_text(
        "# %% [markdown]\n# # Page\n#\n# ## 1. Empty, *so*\n#\n# ## 2. Two\n\n"
        "# %%\na = 1\n\n# %% [markdown]\n# ### Inner\n\n# %%\na = 2\n\n"
        "# %% [markdown]\n# ## References\n"
    )
    assert code_under(page) == {
        **{"Page": 2, "1. Empty, *so*": 0, "2. Two": 2, "Inner": 1, "References": 0}
    }
    assert anchor_of("1. Empty, *so*") == "1-empty-so"
    assert anchor_of("4. 망각과 게이트") == "4-망각과-게이트"


@pytest.mark.slow
@EACH
def test_the_tutorial_runs(source):
    # The comparisons inside it assert that equations and layers agree.
    result = subprocess.run(
        [sys.executable, "-W", "ignore", str(source)],
        cwd=source.parent,
        env={
            **os.environ,
            "KERASRNN_TUTORIAL_SIZE": "small",
            "MPLBACKEND": "Agg",
            "PYTHONPATH": str(FOLDER.parent),
            "PYTHONUTF8": "1",  # It prints texts of several scripts.
        },
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    assert LAST_WORDS[source.stem] in result.stdout
