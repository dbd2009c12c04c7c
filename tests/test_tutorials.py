"""Every tutorial runs from top to bottom, and its notebook is the one of its source."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

jupytext = pytest.importorskip("jupytext")
import nbformat  # noqa: E402  It comes with jupytext.

FOLDER = pathlib.Path(__file__).parents[1] / "tutorials"
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
# What each says near its end.
LAST_WORDS = {
    "01_recurrent_layers": "test accuracy",
    "02_translation_with_attention": "TensorFlow alone gives the same translation",
    "03_image_captioning": "TensorFlow alone gives the same caption",
    "04_character_language_model": "The model is kept, and reads and writes",
    "05_inside_the_cells": "The random weights know",
    "06_gradient_flow": "Chunks of 100 characters point",
}
EACH = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def cells_of(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_there_are_tutorials():
    assert SOURCES


@EACH
def test_the_notebook_has_the_cells_of_the_source(source):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert cells_of(notebook) == cells_of(jupytext.read(source)), (
        f"run: python tutorials/make_notebooks.py {source.stem}"
    )


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
def test_only_the_stated_names_are_imported(source):
    # A learner has what `pip install 'kerasrnn[plot]'` brings, and the drawings.
    known = {"keras", "kerasrnn", "matplotlib", "numpy", "tensorflow"}
    known |= {"tensorflow_datasets", *sys.stdlib_module_names}
    known |= {path.stem for path in FOLDER.glob("drawing*.py")}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= known
        elif isinstance(node, ast.ImportFrom):
            assert node.module.split(".")[0] in known


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
