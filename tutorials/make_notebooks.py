"""Make the notebooks from the `.py` files beside this one, and run them.

    python tutorials/make_notebooks.py [--text | --exercises] [NAME ...]

Needs the extra `dev`. Each notebook says in its metadata, under "kerasrnn", at which
size it was run, when, and how many seconds it took. `--text` runs no page: it puts
changed text into notebooks whose code is as it was when they ran. `--exercises` runs the
exercises alone, which need nothing but NumPy until they are answered. What a cell prints
to stderr is left out: it is TensorFlow's talk about this machine.

A page in Korean, `NN_name.ko.py`, has the code of `NN_name.py` and is not run: its
notebook gets what the English one printed and drew, each time that one is made. Only
what shows no data is drawn again, with Korean labels.
"""

import argparse
import base64
import contextlib
import datetime
import io
import os
import pathlib
import re
import time

import jupytext
import nbformat
import numpy as np

HERE = pathlib.Path(__file__).parent
# A cell that draws and takes no data.
DRAWING = re.compile(r"drawing\w*\.\w+\((marked=\"[^\"]+\")?\)")


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
    """Run all cells, and say when, at which size and for how long."""
    start = time.perf_counter()
    execute(notebook)
    small = os.environ.get("KERASRNN_TUTORIAL_SIZE") == "small"
    notebook.metadata["kerasrnn"] = {
        "size": "small" if small else "full",
        "date": datetime.date.today().isoformat(),
        "seconds": round(time.perf_counter() - start),
    }


def execute(notebook):
    """Run all cells in this folder; an exception in one ends it."""
    from nbclient import NotebookClient

    NotebookClient(
        notebook, timeout=3600, resources={"metadata": {"path": str(HERE)}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output.data["image/png"] = smaller(output.data["image/png"])


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


def draw_in_korean(notebook):
    """Draw again what shows no data, with Korean labels."""
    drawn = [cell for cell in notebook.cells if DRAWING.fullmatch(cell.source)]
    if not drawn:
        return
    start = nbformat.v4.new_code_cell(
        "import os\n\n"
        "os.environ['KERASRNN_LANGUAGE'] = 'ko'\n"
        "import drawing, drawing_gradients, drawing_korean\n\n"
        "assert drawing_korean.korean_fonts(), drawing_korean.NOTE"
    )
    cells = [nbformat.v4.new_code_cell(cell.source) for cell in drawn]
    alone = nbformat.v4.new_notebook(cells=[start, *cells])
    execute(alone)
    for cell, in_korean in zip(drawn, alone.cells[1:], strict=True):
        cell.outputs = in_korean.outputs


def exercises_at(notebook):
    """The number of the cell that has the heading of the exercises."""
    for number, cell in enumerate(notebook.cells):
        if re.search(r"^## (\d+\. )?Exercises$", cell.source, re.MULTILINE):
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
    for cell in notebook.cells[at:]:
        if cell.cell_type == "code":
            with contextlib.redirect_stdout(io.StringIO()) as printed:
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


def write(notebook, target):
    """Write a notebook, and say how large it is."""
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
        notebook, target = notebook_of(source), source.with_suffix(".ipynb")
        if arguments.text:
            take_outputs(notebook, nbformat.read(target, as_version=4))
        elif arguments.exercises:
            run_exercises(notebook, nbformat.read(target, as_version=4))
        else:
            run(notebook)
        write(notebook, target)
        korean = source.with_suffix(".ko.py")
        if korean.exists():
            translated = notebook_of(korean)
            take_outputs(translated, notebook, f"bring it into {korean.name}")
            draw_in_korean(translated)
            write(translated, korean.with_suffix(".ipynb"))


if __name__ == "__main__":
    main()
