"""Make the notebooks from the `.py` files beside this one, and run them.

    python tutorials/make_notebooks.py [--text | --exercises] [NAME ...]

Needs the extra `dev`. Each notebook says in its metadata, under "kerasrnn", at which
size it was run, when, for how many seconds and on what, and tells readers in a last cell
that no source has. `--text` runs no page: it puts changed text into notebooks whose code
is as it was when they ran. `--exercises` runs the exercises alone, which need nothing but
NumPy until they are answered. What a cell prints to stderr is left out: it is
TensorFlow's talk about this machine.

A page in Korean, `NN_name.ko.py`, has the code of `NN_name.py` and is not run: its
notebook gets what the English one printed, and its figures, which are drawn twice while
that one runs, with the labels that `drawing_korean.py` has. Exercises, which take no
time, are run in Korean.
"""

import argparse
import base64
import contextlib
import copy
import datetime
import io
import os
import pathlib
import re
import time
import unittest.mock

import jupytext
import nbformat
import numpy as np

HERE = pathlib.Path(__file__).parent
DRAW_TWICE = "import drawing_korean; drawing_korean.draw_twice()"
# What the last cell says, of every run and of those that say on what they ran.
LAST_LINE = {
    "en": (
        "The cells of this page ran on {date}, for {seconds:,} seconds.",
        "Processor: {processor}, {cores} of its cores. {versions}.",
    ),
    "ko": (
        "이 쪽의 셀은 {date}에 {seconds:,}초 동안 돌았다.",
        "프로세서: {processor}, 그 가운데 코어 {cores}개. {versions}.",
    ),
}
VERSIONS = ("python", "keras", "tensorflow", "kerasrnn")


def sources() -> list[pathlib.Path]:
    """The tutorials in English, in order."""
    return sorted(set(HERE.glob("[0-9][0-9]_*.py")) - set(HERE.glob("*.ko.py")))


def notebook_of(source: pathlib.Path):
    """The notebook of a tutorial, not run."""
    notebook = jupytext.read(source)
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        }
    }
    for number, cell in enumerate(notebook.cells):
        cell.metadata = {}
        cell.id = (
            f"cell-{number}"  # the same at every run, so that differences are small
        )
    return notebook


def run(notebook):
    """Run all cells, and say when, at which size, for how long and on what."""
    start = time.perf_counter()
    execute(notebook)
    small = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"
    notebook.metadata["kerasrnn"] = {
        "size": "small" if small else "full",
        "date": datetime.date.today().isoformat(),
        "seconds": round(time.perf_counter() - start),
        **machine_and_versions(),
    }


def machine_and_versions() -> dict:
    """What the cells ran on, which is what this process runs on."""
    from kerasrnn.training.provenance import provenance

    found = provenance()
    return {
        "machine": {name: found["hardware"][name] for name in ("processor", "cores")},
        "versions": {name: found["versions"][name] for name in VERSIONS},
    }


def last_line(said: dict, language: str) -> str:
    """When a notebook ran, for how long and on what, out of its metadata.

    Older notebooks do not say on what.
    """
    of_every_run, machine = LAST_LINE[language]
    line = of_every_run.format(**said)
    if "machine" in said:
        versions = ", ".join(f"{name} {said['versions'][name]}" for name in VERSIONS)
        line += " " + machine.format(**said["machine"], versions=versions)
    return f"*{line}*"


def execute(notebook):
    """Run all cells in this folder; an exception in one ends it."""
    from nbclient import NotebookClient

    NotebookClient(
        notebook,
        timeout=3600,
        coalesce_streams=True,  # However busy the machine is, one text is one output.
        resources={"metadata": {"path": str(HERE)}},
        extra_arguments=[f"--IPKernelApp.exec_lines={DRAW_TWICE}"],
    ).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
            for output in cell.outputs:
                for kind in output.get("data", {}):
                    if kind.endswith("image/png"):
                        output.data[kind] = smaller(output.data[kind])


def take_outputs(notebook, ran, change="run the notebook, without --text"):
    """Put the outputs of a notebook that ran into one of the same code."""
    code, code_that_ran = (
        [cell for cell in each.cells if cell.cell_type == "code"]
        for each in (notebook, ran)
    )
    if [cell.source for cell in code] != [cell.source for cell in code_that_ran]:
        raise SystemExit(f"The code has changed: {change}.")
    for cell, cell_that_ran in zip(code, code_that_ran, strict=True):
        cell.outputs = cell_that_ran.outputs
        cell.execution_count = cell_that_ran.execution_count
    notebook.metadata = ran.metadata


def take_figures(notebook, korean):
    """Of the two figures that each output has, keep the one of the notebook's language.

    A Korean output says in its metadata, under "english", which texts have no label.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            twins = [kind for kind in data if kind.startswith("korean/image/")]
            if korean and not twins and any(kind.startswith("image/") for kind in data):
                raise SystemExit(
                    "A figure has no Korean twin: the package fonts-nanum may be "
                    "missing, or drawing_korean.py failed to draw it."
                )
            for kind in twins:
                twin = data.pop(kind)
                if korean:
                    data[kind.removeprefix("korean/")] = twin
            left = data.pop("korean/left", None)
            if korean and left:
                output.metadata["english"] = left


def exercises_at(notebook):
    """The number of the cell that has the heading of the exercises."""
    for number, cell in enumerate(notebook.cells):
        if re.search(r"^## (\d+\. )?(Exercises|연습 문제)$", cell.source, re.MULTILINE):
            return number
    raise SystemExit("The page has no section of exercises.")


def run_exercises(notebook, ran):
    """Run the exercises, in this process; what stands before them ran before."""
    at = exercises_at(notebook)
    body = nbformat.v4.new_notebook(cells=notebook.cells[:at])
    body_that_ran = nbformat.v4.new_notebook(cells=ran.cells[: exercises_at(ran)])
    body_that_ran.metadata = ran.metadata
    take_outputs(body, body_that_ran)
    count = sum(cell.cell_type == "code" for cell in body.cells)
    names = {"np": np}
    language = "ko" if "연습" in notebook.cells[at].source else ""
    for cell in notebook.cells[at:]:
        if cell.cell_type == "code":
            with (
                contextlib.redirect_stdout(io.StringIO()) as printed,
                unittest.mock.patch.dict(os.environ, KERASRNN_LANGUAGE=language),
            ):
                exec(cell.source, names)
            text = printed.getvalue()
            cell.outputs = [nbformat.v4.new_output("stream", text=text)] if text else []
            count += 1
            cell.execution_count = count
    notebook.metadata = ran.metadata


def smaller(png: str) -> str:
    """A drawing of 256 colours, which look the same and need less room."""
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    found = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(found, "png", optimize=True)
    shrunk = base64.b64encode(found.getvalue()).decode()
    return min(png, shrunk, key=len)


def write(notebook, target, language="en"):
    """Write a notebook with its last line, and say how large it is."""
    line = last_line(notebook.metadata["kerasrnn"], language)
    notebook.cells.append(nbformat.v4.new_markdown_cell(line, id="when-it-ran"))
    nbformat.write(notebook, target)
    print(f"{target}  {target.stat().st_size / 1024:.0f} KiB")


def main():
    """Make one notebook for each name on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="such as 01; default all"
    )
    parser.add_argument(
        "--text", action="store_true", help="only the text has changed: run no page"
    )
    parser.add_argument(
        "--exercises", action="store_true", help="run only the exercises"
    )
    arguments = parser.parse_args()
    for source in sources():
        if arguments.names and not source.name.startswith(tuple(arguments.names)):
            continue
        korean = source.with_suffix(".ko.py")
        if arguments.text or arguments.exercises:
            make = take_outputs if arguments.text else run_exercises
            for page in (source, *([korean] if korean.exists() else [])):
                notebook, target = notebook_of(page), page.with_suffix(".ipynb")
                make(notebook, nbformat.read(target, as_version=4))
                write(notebook, target, "en" if page is source else "ko")
            continue
        notebook = notebook_of(source)
        run(notebook)
        if korean.exists():
            translated, ran = notebook_of(korean), copy.deepcopy(notebook)
            take_outputs(translated, ran, f"bring it into {korean.name}")
            take_figures(translated, korean=True)
            run_exercises(translated, copy.deepcopy(translated))
            write(translated, korean.with_suffix(".ipynb"), "ko")
        take_figures(notebook, korean=False)
        write(notebook, source.with_suffix(".ipynb"))


if __name__ == "__main__":
    main()
