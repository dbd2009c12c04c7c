"""The recipes of the zoo: what there is, and what is in each.

Nothing here imports Keras, so that a command which only lists can be quick.
"""

import dataclasses
import difflib
import functools
import json
import os
import pathlib
import shlex
import textwrap
from typing import Any

PRESET_FILE = "config.json"
LARGEST_CONFIG = 1 << 20  # bytes of a `config.yaml`

# What metrics are called and how their values are written, by their names in
# `results.json` without the split. Those of a part of the examples end in its name.
METRICS = {
    "accuracy": ("accuracy", ".1%"),
    "macro_f1": ("macro F1", ".1%"),
    "loss": ("loss", ".3f"),
    "perplexity": ("perplexity", ".2f"),
    "bits_per_character": ("bits per character", ".3f"),
    "bleu": ("BLEU", ".1f"),
    "bleu_500": ("BLEU, first 500 examples", ".1f"),
    "bleu_greedy": ("BLEU, greedy search", ".1f"),
    "bleu_shuffled_sources": ("BLEU, shuffled sources", ".1f"),
    "bleu_1": ("BLEU-1", ".1f"),
    "bleu_2": ("BLEU-2", ".1f"),
    "bleu_3": ("BLEU-3", ".1f"),
    "bleu_4": ("BLEU-4", ".1f"),
    "bleu_4_greedy": ("BLEU-4, greedy search", ".1f"),
    "chrf": ("chrF", ".1f"),
    "cider_d": ("CIDEr-D", ".2f"),
    "cider_d_greedy": ("CIDEr-D, greedy search", ".2f"),
    "exact_match": ("exact match", ".1%"),
    "brevity_penalty": ("brevity penalty", ".3f"),
    "length_ratio": ("length ratio", ".3f"),
    "smape": ("sMAPE", ".2f"),
    "mase": ("MASE", ".3f"),
    "coverage": ("coverage of the interval", ".1%"),
    "span_f1": ("span F1", ".1%"),
    "span_precision": ("span precision", ".1%"),
    "span_recall": ("span recall", ".1%"),
    "tokens_per_second": ("tokens per second", ",.0f"),
}


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
    def headline(self) -> str | None:
        """Name of the metric that the model is compared by; None: not trained yet."""
        return None if self.results is None else self.results["headline"]

    @property
    def score(self) -> str | None:
        """The test score in words, as "test BLEU 27.0"; None: not trained yet."""
        if self.results is None:
            return None
        headline = self.results["headline"]
        text = metric_text(self.results["metrics"], headline)
        return f"{metric_label(headline)} {text}"

    @property
    def train_command(self) -> str:
        """The command line that trains it, on a file where it is made for one's own."""
        file = self.config["data"].get("file")
        return f"kerasrnn train {self.name}{f' --data {file}' if file else ''}"

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
            lines += ["", f"Not trained yet. Train it: {self.train_command}"]
            return "\n".join(lines)
        results = self.results
        runs, metrics = results["runs"], results["metrics"]
        seeds = f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"
        lines += ["", f"results ({seeds}, {results['date']})"]
        names = [name for name in metrics if not name.endswith("_std")]
        width = max(29, *(len(metric_label(name)) for name in names))
        for name in names:
            text = metric_text(metrics, name)
            lines.append(f"  {metric_label(name):{width}} {text}")
        seconds = training_seconds(results)
        machine = results["hardware"]["processor"]
        lines.append(f"  {'training time':{width}} {seconds:.0f} s on {machine}")
        lines.append(f"  {'parameters':{width}} {results['parameters']:,}")
        if self.preset:
            example = (self.config.get("examples") or ["a text of your own"])[0]
            command = predict_command(self.name, example)
            lines += ["", f"Use it: {command}"]
        return "\n".join(lines)


def predict_command(model: str, example: str) -> str:
    """A command line that asks a model, a preset's name or a folder, at once.

    Example:

    >>> predict_command("caption-stamps", "photo.png")
    'kerasrnn predict caption-stamps photo.png'
    >>> predict_command("sentiment-movies", "a fine film")
    'kerasrnn predict sentiment-movies "a fine film"'
    """
    is_plain = example.startswith('"') or shlex.quote(example) == example
    shown = example if is_plain else json.dumps(example, ensure_ascii=False)
    return f"kerasrnn predict {model} {shown}"


def metric_label(name: str) -> str:
    """What people call a metric.

    Example:

    >>> metric_label("test_bleu_greedy")
    'test BLEU, greedy search'
    >>> metric_label("test_cider_d_emoji")
    'test CIDEr-D, emoji'
    """
    split, _, metric = name.partition("_")
    label, _, part = _metric(metric)
    return f"{split} {label}".rstrip() + (f", {part}" if part else "")


def _metric(name):
    """A metric's label, layout and part of the examples, by its longest known name."""
    words = name.split("_")
    for count in range(len(words), 0, -1):
        known = METRICS.get("_".join(words[:count]))
        if known is not None:
            return *known, " ".join(words[count:])
    return " ".join(words), ".3f", ""


def metric_text(metrics: dict[str, float], name: str) -> str:
    """A metric's value, with its standard deviation over the seeds where there is one.

    Example:

    >>> metric_text({"test_bleu": 31.26, "test_bleu_std": 0.44}, "test_bleu")
    '31.3 ± 0.4'
    """
    _, layout, _ = _metric(name.partition("_")[2])
    values = [metrics[key] for key in (name, f"{name}_std") if key in metrics]
    return " ± ".join(format(value, layout) for value in values)


def training_seconds(results: dict[str, Any]) -> float:
    """How long training took, the mean over the seeds of a `results.json`."""
    # The wall time of a run that went on where it was killed is that since then.
    times = [run.get("training_time_s", run["wall_time_s"]) for run in results["runs"]]
    return sum(times) / len(times)


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
    folder = pathlib.Path(__file__).resolve().parent / "zoo" / "recipes"
    if not folder.is_dir():
        # A checkout: `zoo/` is beside the package.
        folder = pathlib.Path(__file__).resolve().parents[1] / "zoo"
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


def find_preset(name_or_folder: str | os.PathLike) -> pathlib.Path:
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
    if pathlib.Path(name_or_folder, "run.json").is_file():
        raise ValueError(
            f"The run in {name_or_folder} is not finished, and has no model yet: the "
            "command that began it goes on with it."
        )
    if str(name_or_folder) in list_recipes():
        raise ValueError(
            f"The recipe {name_or_folder!r} ships no trained model. Train it: "
            f"`{load_recipe(str(name_or_folder)).train_command}`, then use "
            f"`runs/{name_or_folder}`."
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

    class PlainLoader(yaml.SafeLoader):
        """Without aliases, with which a few lines stand for more than the memory."""

        def compose_node(self, parent, index):
            if self.check_event(yaml.AliasEvent):
                event = self.peek_event()
                raise yaml.YAMLError(f"aliases are not read{event.start_mark}")
            return super().compose_node(parent, index)

    try:
        size = path.stat().st_size
        if not path.is_file() or size > LARGEST_CONFIG:
            raise ValueError(
                f"{path} must be a file of at most {LARGEST_CONFIG:,} bytes; it has "
                f"{size:,}."
            )
        config = yaml.load(path.read_text(encoding="utf-8"), PlainLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
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
