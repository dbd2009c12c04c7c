"""Make the notebooks from the `.py` files beside this one, and run them.

    python tutorials/make_notebooks.py [NAME ...]

Needs the extra `dev`. What a cell prints to stderr is left out: it is TensorFlow's
talk about this machine.
"""

import argparse
import base64
import io
import pathlib

import jupytext
import nbformat

HERE = pathlib.Path(__file__).parent


def sources() -> list[pathlib.Path]:
    """The tutorials, in order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


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


def smaller(png: str) -> str:
    """A drawing of 256 colours, which look the same and need less room."""
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    found = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(found, "png", optimize=True)
    shrunk = base64.b64encode(found.getvalue()).decode()
    return min(png, shrunk, key=len)


def main():
    """Make one notebook for each name on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="such as 01; default all"
    )
    names = tuple(parser.parse_args().names)
    for source in sources():
        if names and not source.name.startswith(names):
            continue
        notebook = notebook_of(source)
        run(notebook)
        target = source.with_suffix(".ipynb")
        nbformat.write(notebook, target)
        print(f"{target}  {target.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
