import json
import pathlib
from collections.abc import Callable
from typing import Any

from kerasrnn.catalogue import list_recipes, load_recipe
from kerasrnn.training.kinds import kind_of
from kerasrnn.zoo import Task


def evaluate(
    model_name: str, data: Any = None, log: Callable[[str], object] = print
) -> dict[str, float]:
    """Judge a trained model, and tell the user how good it is.

    Args:
        model_name: Name of a recipe with a preset, or the folder of a run.
        data: A file to judge it on, all of which is used: label<tab>text for a
            classifier, source<tab>target for a translator; for a captioner a folder
            of pictures with a captions.tsv of file<tab>caption; for a language model
            any text file. None: the test split of the data that the model was trained
            on.
        log: Called with every line for the user.

    Returns:
        The scores, by name.
    """
    model = Task.from_preset(model_name)
    kind = kind_of(type(model).__name__)
    trained_on = None if data is not None else _trained_on(model_name, kind.data_format)
    return kind.evaluate(model, trained_on, data, _settings(model_name), log)


def _settings(model_name):
    """How a model of the catalogue, or of a run, is judged."""
    if model_name in list_recipes():
        return load_recipe(model_name).config.get("evaluation", {})
    results_file = pathlib.Path(model_name, "results.json")
    if not results_file.is_file():
        return {}
    results = json.loads(results_file.read_text(encoding="utf-8"))
    return results["runs"][0].get("evaluation", {})


def _trained_on(model_name, data_format):
    """The `data` section that a preset of the catalogue, or a run, was trained on."""
    if model_name in list_recipes():
        return load_recipe(model_name).config["data"]
    run_file = pathlib.Path(model_name, "run.json")
    run = {"file": None}
    if run_file.is_file():
        run = json.loads(run_file.read_text(encoding="utf-8"))
    if "file" in run:
        raise ValueError(
            f"What {model_name} was trained on is not a data set of the catalogue: say "
            f"what to judge it on, with a file of {data_format} (--data)."
        )
    return run["data"]
