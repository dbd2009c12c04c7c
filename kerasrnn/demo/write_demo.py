import json
import os
import pathlib
import shutil
from collections.abc import Callable, Sequence
from typing import Any

from kerasrnn import catalogue
from kerasrnn.demo.npm_files import RUNTIME, write_pictures, write_runtime
from kerasrnn.demo.sections import SECTIONS, write_model
from kerasrnn.export.written_beside import check_folder, written_beside
from kerasrnn.text.portable import READERS
from kerasrnn.version import __version__

PAGE = pathlib.Path(__file__).parent / "page"
READER_FILES = ("text_reader.mjs", "text_writer.mjs")
DESCRIPTION = "demo.json"  # what the page reads first, and what tells a page
MODELS = (
    "chars-kernel-c",
    "chars-shakespeare",
    "sentiment-movies",
    "translate-en-es",
    "caption-stamps-attention",
)


def write_demo(
    folder: str | os.PathLike,
    models: Sequence[str | os.PathLike] = MODELS,
    *,
    log: Callable[[str], Any] = lambda text: None,
) -> pathlib.Path:
    """Write a web page that runs models in the browser: static files, no server code.

    The page has a part for each of these classes that is among the models:

    - `CharLanguageModel`: a text, each character coloured by what a unit did, and the
      model going on with it;
    - `SentimentClassifier`: the probability of each class, and what every word does;
    - `Seq2SeqAttention`: a translation, and where it looked for each word;
    - `AttentionCaptioner`: a picture's caption, and where it looked.

    They are ONNX files, run by ONNX Runtime Web, with their tokenizers. Any web server
    can serve the folder; the page asks no other machine for anything.

    Args:
        folder: Where to; it is made if it is not there. A page that is there already
            is replaced.
        models: Names of presets, or folders of presets or finished runs.
        log: Called with a line about each model.

    Returns:
        The folder.

    Raises:
        ValueError: `folder` holds other things than a page, or a model has no part on
            the page, or two have one name.
        FetchError: ONNX Runtime Web, the pictures or the network that looks at them
            are not on this machine and cannot be fetched.

    Example:

    >>> from kerasrnn.demo import write_demo
    >>> # write_demo("page")
    >>> # python -m http.server --bind 127.0.0.1 --directory page
    """
    folder = check_page(folder)
    names = named(models)
    with written_beside(folder) as partial:
        shutil.copytree(PAGE, partial)
        (partial / "readers").mkdir()
        for name in READER_FILES:
            shutil.copyfile(READERS / name, partial / "readers" / name)
        write_runtime(partial / "runtime")
        (partial / "presets").mkdir()
        parts: dict[str, list] = {section.name: [] for section in SECTIONS.values()}
        for name, model in names.items():
            log(f"{name} ...")
            section, described = written(model, partial / "presets" / name)
            parts[section].append(described)
        description: dict[str, Any] = {
            "version": __version__,
            "runtime": f"{RUNTIME.package} {RUNTIME.version}",
            "sections": parts,
            "pictures": [],
        }
        if parts["picture"]:
            description["pictures"] = write_pictures(partial / "pictures")
        text = json.dumps(description, indent=2, ensure_ascii=False)
        (partial / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    return folder


def check_page(folder: str | os.PathLike) -> pathlib.Path:
    """`folder`, where a page may be written."""
    folder = check_folder(folder)
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / DESCRIPTION).is_file():
            raise ValueError(
                "`folder` must be new, empty or a page that was written before; "
                f"{folder} holds other things."
            )
    return folder


def named(models: Sequence[str | os.PathLike]) -> dict[str, str]:
    """What models are loaded by, by the names that the page calls them."""
    if isinstance(models, (str, os.PathLike)) or not models:
        raise ValueError(f"`models` must be a list of models; got {models!r}.")
    names: dict[str, str] = {}
    for model in map(str, models):
        config = catalogue.find_preset(model) / catalogue.PRESET_FILE
        task = json.loads(config.read_text(encoding="utf-8"))["task"]
        if task not in SECTIONS:
            raise ValueError(
                f"`models` must be of the classes {', '.join(SECTIONS)}; {model} is a "
                f"{task}."
            )
        name = pathlib.Path(model).resolve().name
        if name in names:
            raise ValueError(
                f"`models` must have names of their own; {names[name]} and {model} are "
                f"both called {name!r}."
            )
        names[name] = model
    return names


def written(model: str, folder: pathlib.Path) -> tuple[str, dict[str, Any]]:
    """Write one model; the name of its section, and what the page must know of it."""
    from kerasrnn.zoo import Task

    task = Task.from_preset(model)
    described = write_model(task, model, folder)
    if model in catalogue.list_recipes():
        recipe = catalogue.load_recipe(model)
        described |= {"summary": recipe.summary, "score": recipe.score}
    return SECTIONS[type(task).__name__].name, described
