"""The recipes of the zoo: what there is, and what is in each.

Nothing here imports Keras, so that a command which only lists can be quick.
"""

import dataclasses
import difflib
import functools
import json
import pathlib
import textwrap
from typing import Any

PRESET_FILE = "config.json"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A folder of the catalogue, read.

    Args:
        name: The folder's name, such as `"sentiment-movies"`.
        folder: Where it lies.
        config: Contents of `config.yaml`.
        results: Contents of `results.json`, or None where nobody has trained it.
    """

    name: str
    folder: pathlib.Path
    config: dict[str, Any]
    results: dict[str, Any] | None = None

    @property
    def summary(self) -> str:
        """One sentence that says what the model does."""
        return " ".join(self.config.get("summary", "").split())

    @property
    def preset(self) -> pathlib.Path | None:
        """The folder with the trained model, or None where none ships."""
        folder = self.folder / "preset"
        return folder if (folder / PRESET_FILE).is_file() else None

    def describe(self) -> str:
        """All that is known about the recipe, as lines of text."""
        lines = [f"{self.name}: {self.summary}", ""]
        for section in ("task", "model", "preprocessor", "data", "training", "seed"):
            lines += _section_lines(section, self.config.get(section))
        if self.results is None:
            lines += ["", f"Not trained yet. Train it: kerasrnn train {self.name}"]
            return "\n".join(lines)
        results = self.results
        runs, metrics = results["runs"], results["metrics"]
        lines += ["", f"results ({len(runs)} seeds, {results['date']})"]
        for name, value in metrics.items():
            if not name.endswith("_std"):
                spread = metrics.get(f"{name}_std")
                note = "" if spread is None else f" ± {spread:.4f}"
                lines.append(f"  {name.replace('_', ' '):20} {value:.4f}{note}")
        seconds = sum(run["wall_time_s"] for run in runs) / len(runs)
        machine = results["hardware"]["processor"]
        lines.append(f"  {'training time':20} {seconds:.0f} s on {machine}")
        lines.append(f"  {'parameters':20} {results['parameters']:,}")
        if self.preset:
            command = f'kerasrnn predict {self.name} "a text of your own"'
            lines += ["", f"Use it: {command}"]
        return "\n".join(lines)


def _section_lines(name, value):
    if not isinstance(value, dict):
        return [f"{name}: {value}"]
    lines = [name]
    for key, item in value.items():
        if isinstance(item, list):
            item = ", ".join(map(str, item))
        text = " ".join(str(item).split())
        for number, part in enumerate(textwrap.wrap(text, 60) or [""]):
            lines.append(f"  {'' if number else key:20} {part}")
    return lines


@functools.cache
def catalogue_folder() -> pathlib.Path:
    """The folder that holds one folder a recipe."""
    # Not importlib.resources: it would import the package, and with it TensorFlow.
    folder = pathlib.Path(__file__).resolve().parent / "recipes"
    if not folder.is_dir():
        # A checkout: `zoo/` is beside the package.
        folder = pathlib.Path(__file__).resolve().parents[2] / "zoo"
    if not folder.is_dir():
        raise ValueError(
            f"The catalogue of recipes is missing: expected a folder at {folder}. "
            "Install kerasrnn again."
        )
    return folder


def list_recipes() -> list[str]:
    """Names of all recipes, sorted.

    Example:

    >>> "sentiment-movies" in list_recipes()
    True
    """
    return sorted(path.parent.name for path in catalogue_folder().glob("*/config.yaml"))


def list_presets(task: str | None = None) -> dict[str, dict[str, Any]]:
    """Names of the recipes that ship a trained model, with what is known of each.

    Args:
        task: Name of a model class; only its presets are listed. None: all.
    """
    presets = {}
    for config_file in sorted(catalogue_folder().glob(f"*/preset/{PRESET_FILE}")):
        config = json.loads(config_file.read_text(encoding="utf-8"))
        if task is not None and config["task"] != task:
            continue
        presets[config_file.parents[1].name] = {
            "task": config["task"],
            "parameters": config["parameters"],
            "path": str(config_file.parent),
        }
    return presets


def find_preset(name_or_folder) -> pathlib.Path:
    """The folder of a trained model.

    Args:
        name_or_folder: A name that `list_presets()` gives, a preset's folder, or the
            folder of a run of `kerasrnn train`, which keeps its preset inside.

    Raises:
        ValueError: There is no such preset.
    """
    presets = list_presets()
    if str(name_or_folder) in presets:
        return pathlib.Path(presets[str(name_or_folder)]["path"])
    for folder in (
        pathlib.Path(name_or_folder),
        pathlib.Path(name_or_folder, "preset"),
    ):
        if (folder / PRESET_FILE).is_file():
            return folder
    if str(name_or_folder) in list_recipes():
        raise ValueError(
            f"The recipe {name_or_folder!r} ships no trained model. Train it: "
            f"`kerasrnn train {name_or_folder}`, then use `runs/{name_or_folder}`."
        )
    raise ValueError(unknown_name("preset", str(name_or_folder), list(presets)))


def load_recipe(name: str) -> Recipe:
    """Read one recipe.

    Args:
        name: A name that `list_recipes()` gives, or the path of a folder with a
            `config.yaml`.

    Raises:
        ValueError: There is no such recipe, or its `config.yaml` is not a recipe.

    Example:

    >>> load_recipe("sentiment-movies").config["task"]
    'SentimentClassifier'
    """
    folder = catalogue_folder() / name
    if name not in list_recipes():
        folder = pathlib.Path(name)
        if not (folder / "config.yaml").is_file():
            raise ValueError(unknown_name("recipe", name, list_recipes()))
        name = folder.resolve().name
    results_file = folder / "results.json"
    results = None
    if results_file.is_file():
        results = json.loads(results_file.read_text(encoding="utf-8"))
    return Recipe(name, folder, _read_config(folder / "config.yaml"), results)


def unknown_name(kind: str, name: str, known: list[str]) -> str:
    """An error message that says what exists, the closest names first."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.8)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    listed = ", ".join(known) if known else "none"
    return f"There is no {kind} {name!r}.{hint} Known {kind}s: {listed}."


def _read_config(path: pathlib.Path) -> dict[str, Any]:
    import yaml

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    required = ("task", "model", "preprocessor", "data", "training")
    missing = [
        key for key in required if not isinstance(config, dict) or key not in config
    ]
    if missing:
        raise ValueError(
            f"{path} must have the sections {', '.join(required)}; "
            f"missing: {', '.join(missing)}."
        )
    return config
