import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

from kerasrnn.catalogue import list_recipes, load_recipe
from kerasrnn.training.kinds import kind_of
from kerasrnn.training.peers import tell_peers
from kerasrnn.zoo import Task


def evaluate(
    model_name: str,
    data: Any = None,
    log: Callable[[str], object] = print,
    *,
    adapt: bool = False,
) -> dict[str, float]:
    """Judge a trained model, and tell the user how good it is.

    Args:
        model_name: Name of a recipe with a preset, or the folder of a run.
        data: A file to judge it on: label<tab>text for a classifier, source<tab>target
            for a translator, word<tab>tag for a tagger; for a captioner a folder of
            pictures with a captions.tsv of file<tab>caption; for a language model any
            text file. All of it is used; of the file that the model was trained on,
            the test part, which it has not seen. None: the test part of what the model
            was trained on.
        log: Called with every line for the user.
        adapt: Whether a language model learns and remembers the text as it is judged,
            each character after it is scored, as `adaptation` in its recipe says.

    Returns:
        The scores, by name.

    Raises:
        ValueError: `data` is None, and what the model was trained on is not known, or
            is not there any more; or `adapt` is true, and the model is no language
            model.
    """
    model = Task.from_preset(model_name)
    kind = kind_of(type(model).__name__)
    if adapt and not kind.adapts:
        raise ValueError(
            "`adapt` must be false but for a language model; got true for a "
            f"{type(model).__name__}."
        )
    section, path, part = _what_to_judge(model_name, data, kind.data_format, log)
    results = _results(model_name)
    settings = _settings(model_name, results)
    options = {"adapt": True} if adapt else {}
    scores = kind.evaluate(model, section, path, settings, log, part=part, **options)
    if section is not None or part is not None:  # What the peers were judged on.
        score = scores[kind.headline.removeprefix("test_")]
        tell_peers(results.get("peers", {}), kind.headline, score, log)
    return scores


def _results(model_name):
    """The `results.json` of a model of the catalogue, or of a run; {}: none."""
    if model_name in list_recipes():
        return load_recipe(model_name).results or {}
    return _read(pathlib.Path(model_name, "results.json"))


def _settings(model_name, results):
    """How a model of the catalogue, or of a run, is judged."""
    if model_name in list_recipes():
        return load_recipe(model_name).config.get("evaluation", {})
    return results["runs"][0].get("evaluation", {}) if results else {}


def _what_to_judge(model_name, data, data_format, log):
    """A `data` section, or a path and which part of it; None: not that."""
    from kerasrnn.data import fingerprint

    if model_name in list_recipes():
        section = load_recipe(model_name).config["data"]
        return (section, None, None) if data is None else (None, data, None)
    run = _read(pathlib.Path(model_name, "run.json"))
    if "file" not in run:  # It was trained on a data set of the catalogue.
        if data is None and not run:
            raise ValueError(
                f"What {model_name} was trained on is not known: say what to judge it "
                f"on (--data), {data_format}."
            )
        return (run["data"], None, None) if data is None else (None, data, None)
    path = data
    if data is None:
        path = _read(pathlib.Path(model_name, "results.json"))["data"].get("path")
        if path is None or not os.path.exists(path):
            raise ValueError(
                f"The data that {model_name} was trained on, {path}, is not there any "
                f"more: say what to judge it on (--data), {data_format}."
            )
    is_the_same = fingerprint(path) == run["file"]
    if data is None and not is_the_same:
        raise ValueError(
            f"The data that {model_name} was trained on, {path}, has changed since: "
            f"say what to judge it on (--data), {data_format}."
        )
    if is_the_same:
        log(f"The test part of {path}, of which the rest was learned from")
    return None, path, "test" if is_the_same else None


def _read(file):
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
